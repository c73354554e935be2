r"""Read formulas as text: infix, NumPy source, and the LaTeX that `printing` writes.

A scanner splits the text into words, a precedence-climbing parser builds the tree.
Nothing is evaluated: the text can only become a tree of known operators. Column names
are looked up, never interpreted; unusual ones stand in backticks.

The grammar, loosest first: ``a + b``, ``a - b`` | ``-a`` | ``a * b``, ``a / b`` |
``a ^ b`` (right to left) | numbers, columns, ``f(a)``, ``(a)``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple, NoReturn

from sklearn_chatsr.expressions.expression import Expression, Tree
from sklearn_chatsr.expressions.printing import (
    ALIASES,
    is_bare_label,
    latex_label,
    python_names,
)
from sklearn_chatsr.expressions.vocabulary import (
    CONSTANT,
    MAX_INTEGER,
    OPERATORS,
    is_variable,
    variable,
)

_NUMBER = r"(?:\d+\.\d*|\.\d+|\d+)(?:[eE][+-]?\d+)?"
_INFIX_WORD = re.compile(
    rf"""\s*(?:(?P<number>{_NUMBER})
    |(?:np|numpy|math)\.(?P<attribute>[A-Za-z]\w*)
    |(?P<label>`(?:[^`]|``)*`)
    |(?P<name>[^\W\d]\w*)
    |(?P<sign>\*\*|[-+*/^(),]))""",
    re.VERBOSE,
)
_LATEX_WORD = re.compile(
    rf"""\s*(?:(?P<scaled>{_NUMBER}\s*\\times\s*10\^\{{-?\d+\}})
    |(?P<number>{_NUMBER})
    |(?P<label>x_\{{\d+\}}|\\mathrm\{{(?:[^{{}}\\]|\\[{{}}]|\\(?:hat|tilde)\{{\}}|\\.)*\}})
    |(?P<sign>\\left\(|\\right\)|\\left\||\\right\||\\cdot\b|\\frac\b|[-+^{{}}\[\],])
    |\\?(?P<name>[A-Za-z]+))""",
    re.VERBOSE,
)
_LATEX_NAMES = {"arcsin": "asin", "arccos": "acos", "arctan": "atan"}
_LATEX_SIGNS = {r"\left(": "(", r"\right)": ")", r"\cdot": "*"}

# Levels of a tree: each takes printing up to three of Python's 1,000 nested calls.
_DEEPEST = 250

# Binding powers of the signs.
_SUM, _SIGN, _PRODUCT, _POWER = 10, 15, 20, 30
_BINDING = {"+": _SUM, "-": _SUM, "*": _PRODUCT, "/": _PRODUCT, "^": _POWER}
_BINARY = {"+": "add", "-": "sub", "*": "mul", "/": "div", "^": "pow"}


class _Word(NamedTuple):
    kind: str  # "number", "variable", "name", "sign" or "end"
    text: str
    position: int


def parse_infix(text: str, labels: Sequence[str] | None = None) -> Tree:
    """Read infix text as a tree; see `Expression.from_infix`."""
    columns = {
        str(label): variable(i)
        for i, label in enumerate(() if labels is None else labels)
    }
    # A column called "sin", or "x2" in another place, needs backticks.
    bare = {name for name, token in columns.items() if is_bare_label(name, token)}
    return _parse_words(text, columns, bare)


def parse_python(text: str, labels: Sequence[str] | None = None) -> Tree:
    """Read NumPy source as a tree; see `Expression.from_python`."""
    names = python_names(() if labels is None else labels)
    columns = {name: variable(i) for i, name in enumerate(names)}
    return _parse_words(text, columns, set(columns))


def _parse_words(text: str, columns: dict[str, str], bare: set[str]) -> Tree:
    words = []
    for match in _scan(_INFIX_WORD, text):
        kind, found, position = _matched(match)
        if kind == "label":
            name = found[1:-1].replace("``", "`")
            if name not in columns:
                _fail(text, position, f"unknown column {name!r}", columns)
            words.append(_Word("variable", columns[name], position))
        elif kind == "name" and found in bare:
            words.append(_Word("variable", columns[found], position))
        elif kind == "name" and is_variable(found) and found in columns:
            of = "the column of this name or its position"
            _fail(text, position, f"{found!r}: {of}? Write `{found}` for the column")
        elif kind == "attribute":
            words.append(_Word("name", found, position))
        else:
            words.append(_Word(kind, "^" if found == "**" else found, position))
    return _Parser(text, words, columns).parse()


def parse_latex(text: str, labels: Sequence[str] | None = None) -> Tree:
    """Read LaTeX as written by `Expression.to_latex`."""
    columns = {
        latex_label(str(label), variable(i)): variable(i)
        for i, label in enumerate(() if labels is None else labels)
    }
    words = []
    for match in _scan(_LATEX_WORD, text):
        kind, found, position = _matched(match)
        if kind == "label":
            default = "x" + found[3:-1]
            token = columns.get(found, default if is_variable(default) else "")
            if not token:
                _fail(text, position, f"unknown column {found!r}", columns)
            words.append(_Word("variable", token, position))
        elif kind == "scaled":
            mantissa, _, exponent = found.partition("\\times")
            number = f"{mantissa.strip()}e{exponent.strip()[4:-1]}"
            words.append(_Word("number", number, position))
        elif kind == "name":
            words.append(_Word("name", _LATEX_NAMES.get(found, found), position))
        else:
            words.append(_Word(kind, _LATEX_SIGNS.get(found, found), position))
    return _Parser(text, words, columns).parse()


def _scan(pattern: re.Pattern[str], text: str) -> list[re.Match[str]]:
    if not isinstance(text, str):
        raise ValueError(f"Expected a formula as str, got {type(text).__name__}.")
    matches, position = [], 0
    end = len(text.rstrip())
    while position < end:
        match = pattern.match(text, position)
        if match is None:
            while text[position].isspace():
                position += 1
            _fail(text, position, f"unexpected {text[position]!r}")
        matches.append(match)
        position = match.end()
    return matches


def _matched(match: re.Match[str]) -> tuple[str, str, int]:
    kind = match.lastgroup or ""
    return kind, match[kind], match.start(kind)


def _fail(
    text: str, position: int, problem: str, columns: Sequence[str] | dict[str, str] = ()
) -> NoReturn:
    start = max(0, position - 30)
    shown = text[start : position + 30]
    known = f" Columns: {', '.join(map(repr, columns))}." if columns else ""
    raise ValueError(
        f"Cannot read the formula at position {position}: {problem}.\n"
        f"  {shown}\n  {' ' * (position - start)}^\n"
        "Allowed: numbers, columns (x1, x2, ... or their names, unusual ones in "
        "backticks), C, + - * / ^, brackets and "
        f"{', '.join(n for n, o in OPERATORS.items() if o.python)}.{known}"
    )


class _Parser:
    """Precedence climbing over the words."""

    def __init__(self, text: str, words: list[_Word], columns: dict[str, str]) -> None:
        self.text = text
        self.words = [*words, _Word("end", "", len(text))]
        self.columns = columns
        self.at = 0

    def parse(self) -> Tree:
        try:
            tree = self._expression(0)
        except RecursionError:
            raise ValueError(
                "Cannot read the formula: its brackets are nested too deep."
            ) from None
        if self._next.kind != "end":
            self._unexpected()
        # There are at least as many words as levels.
        if len(self.words) > _DEEPEST:
            depth = Expression.from_tree(tree).depth
            if depth > _DEEPEST:
                raise ValueError(
                    f"Cannot read the formula: it is nested too deep, with {depth} "
                    f"levels of operators where {_DEEPEST} are allowed. A sum or "
                    "product of n terms has n of them, fewer with brackets around "
                    "its halves."
                )
        return tree

    @property
    def _next(self) -> _Word:
        return self.words[self.at]

    def _take(self) -> _Word:
        word = self.words[self.at]
        self.at += 1
        return word

    def _accept(self, sign: str) -> bool:
        found = self._next.kind == "sign" and self._next.text == sign
        self.at += found
        return found

    def _expect(self, sign: str) -> None:
        if not self._accept(sign):
            self._unexpected(f", expected {sign!r}")

    def _unexpected(self, hint: str = "") -> NoReturn:
        word = self._next
        what = "the formula ends early" if word.kind == "end" else f"got {word.text!r}"
        _fail(self.text, word.position, what + hint, self.columns)

    def _expression(self, binding: int) -> Tree:
        left = self._operand(binding)
        while self._next.kind == "sign":
            power = _BINDING.get(self._next.text, -1)
            if power <= binding:
                break
            sign = self._take().text
            left = self._raise(left) if sign == "^" else self._binary(sign, left, power)
        return left

    def _binary(self, sign: str, left: Tree, power: int) -> Tree:
        # Behind a quotient no other begins: x1/1/x2 is of x1/1.
        return (_BINARY[sign], left, self._expression(power + (sign == "/")))

    def _raise(self, base: Tree) -> Tree:
        """Read an exponent; a bare 2 or 3 is a square or a cube."""
        braces = self._accept("{")
        word = self._next
        if word.kind == "number" and word.text in ("2", "3"):
            following = self.words[self.at + 1]
            if following.text != "^":
                self.at += 1
                if braces:
                    self._expect("}")
                return ("sq" if word.text == "2" else "cube", base)
        exponent = self._expression(0 if braces else _POWER - 1)
        if braces:
            self._expect("}")
        return ("pow", base, exponent)

    def _operand(self, binding: int) -> Tree:
        """Read what a sign may follow; `binding` is that of the sign before it."""
        word = self._next
        if word.kind == "end":
            self._unexpected()
        self.at += 1
        if word.kind == "number":
            if word.text == "1" and binding <= _PRODUCT and self._accept("/"):
                return ("inv", self._expression(_PRODUCT))
            return self._number(word)
        if word.kind == "variable":
            return word.text
        if word.kind == "name":
            return self._named(word)
        return self._signed(word, max(binding, _SIGN))

    def _signed(self, word: _Word, binding: int) -> Tree:
        if word.text == "-":
            following = self._next
            if following.kind == "number" and self.words[self.at + 1].text != "^":
                self.at += 1
                return self._number(following, sign=-1)
            return ("neg", self._expression(binding))
        if word.text == "+":
            return self._expression(binding)
        if word.text == "(":
            tree = self._expression(0)
            self._expect(")")
            return tree
        if word.text == r"\left|":
            tree = self._expression(0)
            self._expect(r"\right|")
            return ("abs", tree)
        if word.text == r"\frac":
            return self._fraction()
        self.at -= 1
        self._unexpected()

    def _fraction(self) -> Tree:
        self._expect("{")
        inverse = self._next.text == "1" and self.words[self.at + 1].text == "}"
        top = self._expression(0)
        self._expect("}")
        self._expect("{")
        bottom = self._expression(0)
        self._expect("}")
        return ("inv", bottom) if inverse else ("div", top, bottom)

    def _number(self, word: _Word, sign: int = 1) -> Tree:
        if word.text.isdigit() and int(word.text) < MAX_INTEGER:
            return str(sign * int(word.text))
        value = sign * float(word.text)
        if value in (float("inf"), float("-inf")):
            _fail(self.text, word.position, f"{word.text} is too large for a float")
        return value

    def _named(self, word: _Word) -> Tree:
        if word.text == CONSTANT or is_variable(word.text):
            return word.text
        name = ALIASES.get(word.text, word.text)
        row = OPERATORS.get(name)
        if row is None:
            _fail(self.text, word.position, f"unknown name {word.text!r}", self.columns)
        if row.arity == 0:
            return (name,)
        if name == "sqrt" and self._accept("["):
            if self._take().text != "3":
                _fail(self.text, word.position, "only square and cube roots are known")
            self._expect("]")
            name = "cbrt"
        return (name, *self._arguments(word, row.arity))

    def _arguments(self, word: _Word, arity: int) -> list[Tree]:
        close = "}" if self._accept("{") else ")"
        if close == ")":
            self._expect("(")
        arguments = [self._expression(0)]
        while self._accept(","):
            arguments.append(self._expression(0))
        self._expect(close)
        if len(arguments) != arity:
            problem = f"{word.text} takes {arity} argument(s), got {len(arguments)}"
            _fail(self.text, word.position, problem)
        return arguments
