"""Print an expression as infix text, LaTeX, or Python source over NumPy arrays.

The three notations share one walk over the tree; `parsing` reads each of them back to
the same tree. Two conventions make that exact: a bare exponent 2 or 3 is ``sq`` or
``cube`` (``pow`` prints ``x1^(2)``), and a bare ``1/`` is ``inv`` (``div`` prints
``(1)/x1``).
"""

from __future__ import annotations

import keyword
import re
import unicodedata
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence

from sklearn_chatsr.expressions.expression import Expression, Tree
from sklearn_chatsr.expressions.vocabulary import (
    CONSTANT,
    OPERATORS,
    is_integer,
    is_variable,
    variable,
    variable_index,
)

# With so many, text reads back as the same float64.
EXACT_DIGITS = 17

# How tightly text binds; an operand that binds less is put in brackets.
_SUM, _SIGN, _PRODUCT, _POWER, _ATOM = range(1, 6)
_NAME = re.compile(r"[^\W\d]\w*")

# Names that mean something in a formula and so cannot stand bare for a column.
ALIASES = {
    "ln": "log",
    "arcsin": "asin",
    "arccos": "acos",
    "arctan": "atan",
    "absolute": "abs",
    "Abs": "abs",
    "square": "sq",
    "reciprocal": "inv",
    "negative": "neg",
    "minimum": "min",
    "maximum": "max",
    "Min": "min",
    "Max": "max",
    "power": "pow",
}
RESERVED = frozenset({*OPERATORS, *ALIASES, CONSTANT, "np"})

_LATEX_ESCAPES = str.maketrans(
    {
        "\\": r"\backslash ",
        "^": r"\hat{}",
        "~": r"\tilde{}",
        " ": r"\ ",
        **{c: "\\" + c for c in "{}_%$#&"},
    }
)


def to_infix(
    expression: Expression,
    labels: Sequence[str] | None = None,
    digits: int | None = None,
) -> str:
    """Print as text such as ``2.5*sin(x1)``; see `Expression.to_infix`."""
    return _Infix(labels, digits).print(expression.to_tree())


def to_latex(
    expression: Expression,
    labels: Sequence[str] | None = None,
    digits: int | None = None,
) -> str:
    """Print as LaTeX mathematics; see `Expression.to_latex`."""
    return _Latex(labels, digits).print(expression.to_tree())


def to_python(expression: Expression, labels: Sequence[str] | None = None) -> str:
    """Print as Python source; see `Expression.to_python`."""
    names = None if labels is None else python_names(labels)
    return _Python(names, None).print(expression.to_tree())


def is_bare_label(label: str, token: str) -> bool:
    """Tell whether a column name can stand in a formula without backticks."""
    if is_variable(label):
        return label == token
    # Of what Python takes for a name, formulas know letters, digits and underscores.
    plain = label.isidentifier() and _NAME.fullmatch(label) is not None
    return plain and label not in RESERVED


def latex_label(label: str, token: str) -> str:
    """Spell a column name in LaTeX."""
    if label == token:
        return f"x_{{{token[1:]}}}"
    return rf"\mathrm{{{label.translate(_LATEX_ESCAPES)}}}"


def python_names(labels: Sequence[str]) -> list[str]:
    """Spell column names as Python identifiers, falling back to ``x1``, ..."""
    # Python reads identifiers in this normal form, in which two columns may be one.
    read = [unicodedata.normalize("NFKC", str(label)) for label in labels]
    counts = Counter(read)
    names: dict[int, str] = {}
    for j, (label, name) in enumerate(zip(map(str, labels), read, strict=True)):
        # A column may be called "x2" wherever it stands.
        plain = is_variable(label) or all(
            is_bare_label(text, variable(j)) for text in (label, name)
        )
        if plain and not keyword.iskeyword(name) and counts[name] == 1:
            names[j] = label
    taken = set(names.values())
    for j in range(len(labels)):
        if j not in names:
            name = variable(j)
            while name in taken:
                name += "_"
            names[j] = name
            taken.add(name)
    return [names[j] for j in range(len(labels))]


class _Notation(ABC):
    """The walk over the tree; subclasses spell the signs."""

    times = "*"

    def __init__(self, labels: Sequence[str] | None, digits: int | None) -> None:
        self.labels = () if labels is None else labels
        self.digits = digits

    def print(self, tree: Tree) -> str:
        """Print the whole tree."""
        return self._text(tree)[0]

    @abstractmethod
    def label(self, label: str, token: str) -> str:
        """Spell a column."""

    @abstractmethod
    def power(self, base: str, exponent: str, bare: bool) -> str:
        """Spell a power; the exponent is bracketed unless it is bare."""

    @abstractmethod
    def function(self, name: str, arguments: list[str]) -> str:
        """Spell a function of printed arguments."""

    def brackets(self, text: str) -> str:
        """Put text in brackets."""
        return f"({text})"

    def number(self, value: float) -> str:
        """Spell a constant so that it reads back as a constant."""
        exact = self.digits is None or self.digits >= EXACT_DIGITS
        text = repr(value) if exact else f"{value:.{self.digits}g}"
        return text if any(c in text for c in ".e") else text + ".0"

    def _text(self, tree: Tree) -> tuple[str, int]:
        """Print a tree and tell how tightly the text binds."""
        if isinstance(tree, float):
            text = self.number(tree)
            if text.startswith("-"):
                return text, _SIGN
            return text, _PRODUCT if r"\times" in text else _ATOM
        if isinstance(tree, str):
            return self._leaf(tree)
        name, *arguments = tree
        if name in ("add", "sub"):
            a, b = arguments
            # Exact text reads back to the same tree, rounded text is for reading.
            positive = None if self.digits is None else _without_minus(b)
            if positive is not None:
                return self._text(("sub" if name == "add" else "add", a, positive))
            sign = " + " if name == "add" else " - "
            return self._at(a, _SUM) + sign + self._at(b, _SIGN + 1), _SUM
        if name == "mul":
            a, b = arguments
            left = self._at(a, _PRODUCT, signed=True)
            return left + self.times + self._operand(b), _PRODUCT
        if name == "neg":
            text = self._at(arguments[0], _PRODUCT)
            return "-" + (self.brackets(text) if text[0].isdigit() else text), _SIGN
        if name in ("div", "inv"):
            return self._quotient(arguments)
        if name in ("sq", "cube", "pow"):
            return self._power(name, arguments)
        return self.function(name, [self._text(a)[0] for a in arguments]), _ATOM

    def _quotient(self, arguments: list[Tree]) -> tuple[str, int]:
        if len(arguments) == 1:
            return "1/" + self._operand(arguments[0]), _PRODUCT
        a, b = arguments
        left = "(1)" if a == "1" else self._at(a, _PRODUCT, signed=True)
        return left + "/" + self._operand(b), _PRODUCT

    def _operand(self, tree: Tree) -> str:
        """Print the right operand of a product; 1 is bracketed, since 1/ is inv."""
        return self.brackets("1") if tree == "1" else self._at(tree, _PRODUCT + 1)

    def _power(self, name: str, arguments: list[Tree]) -> tuple[str, int]:
        base = self._at(arguments[0], _ATOM)
        if name != "pow":
            return self.power(base, "2" if name == "sq" else "3", bare=True), _POWER
        exponent, binding = self._text(arguments[1])
        bare = binding == _ATOM and arguments[1] not in ("1", "2", "3")
        return self.power(base, exponent, bare), _POWER

    def _at(self, tree: Tree, binding: int, signed: bool = False) -> str:
        """Print an operand, in brackets if it binds less than required."""
        text, own = self._text(tree)
        literal = not isinstance(tree, tuple)
        if own >= binding or (signed and literal and own == _SIGN):
            return text
        return self.brackets(text)

    def _leaf(self, token: str) -> tuple[str, int]:
        if is_variable(token):
            index = variable_index(token)
            known = index < len(self.labels)
            label = str(self.labels[index]) if known else token
            return self.label(label, token), _ATOM
        if token in OPERATORS:
            return self.function(token, []), _ATOM
        if is_integer(token) and token.startswith("-"):
            return token, _SIGN
        return token, _ATOM


def _without_minus(tree: Tree) -> Tree | None:
    """Take the minus sign from a number, or a product that begins with one."""
    if isinstance(tree, float):
        return -tree if tree < 0 else None
    if isinstance(tree, str):
        return tree[1:] if tree.startswith("-") else None
    if tree[0] == "neg":
        return tree[1]
    if tree[0] in ("mul", "div"):
        first = _without_minus(tree[1])
        return None if first is None else (tree[0], first, tree[2])
    return None


class _Infix(_Notation):
    def label(self, label: str, token: str) -> str:
        if is_bare_label(label, token):
            return label
        return "`" + label.replace("`", "``") + "`"

    def power(self, base: str, exponent: str, bare: bool) -> str:
        return f"{base}^{exponent}" if bare else f"{base}^({exponent})"

    def function(self, name: str, arguments: list[str]) -> str:
        return f"{name}({', '.join(arguments)})" if arguments else name


class _Python(_Notation):
    def label(self, label: str, token: str) -> str:
        return label

    def power(self, base: str, exponent: str, bare: bool) -> str:
        return f"{base}**{exponent}" if bare else f"{base}**({exponent})"

    def function(self, name: str, arguments: list[str]) -> str:
        return OPERATORS[name].python.format(*arguments)


class _Latex(_Notation):
    times = r" \cdot "

    def label(self, label: str, token: str) -> str:
        return latex_label(label, token)

    def brackets(self, text: str) -> str:
        return rf"\left({text}\right)"

    def number(self, value: float) -> str:
        text = super().number(value)
        mantissa, e, exponent = text.partition("e")
        return rf"{mantissa} \times 10^{{{int(exponent)}}}" if e else text

    def power(self, base: str, exponent: str, bare: bool) -> str:
        inner = exponent if bare else self.brackets(exponent)
        return f"{base}^{{{inner}}}"

    def function(self, name: str, arguments: list[str]) -> str:
        return OPERATORS[name].latex.format(*arguments)

    def _quotient(self, arguments: list[Tree]) -> tuple[str, int]:
        texts = [self._text(a)[0] for a in arguments]
        if len(texts) == 1:
            texts.insert(0, "1")
        elif arguments[0] == "1":
            texts[0] = self.brackets("1")
        return r"\frac{{{}}}{{{}}}".format(*texts), _POWER
