"""Canonical simplification by fast rewriting.

A tree is brought to a normal form bottom-up and printed back. The normal form knows
three kinds of nodes beside numbers and leaves:

- ``("+", constant, ((term, coefficient), ...))``: a linear combination, flat, with like
  terms collected and terms sorted;
- ``("*", ((base, exponent), ...))``: a product of powers with numbers as exponents,
  without a coefficient (the sum around it carries that);
- ``(operator, argument, ...)``: everything else.

Numbers are exact (int, Fraction) until a float is met, so ``x/3*3`` is ``x``. In a
skeleton the open constant ``"C"`` is a number that absorbs what it meets
(``C + 2 -> C``), guarded so that the family of functions never loses a member and no
constant is added. Two open constants are two numbers: ``(x + C)/(x + C)`` is not 1, and
terms or factors are like only when they hold no open constant. Rewritings keep the
values wherever the original is defined; they may extend its domain
(``sqrt(x)^2 -> x``), never shrink it.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable
from fractions import Fraction
from typing import Any

import numpy as np

from sklearn_chatsr.expressions.expression import Expression, Tree
from sklearn_chatsr.expressions.vocabulary import (
    CONSTANT,
    OPERATORS,
    is_integer,
    is_variable,
)

# int, Fraction, float or the open constant "C"; nodes are nested tuples or leaves.
Number = Any
Node = Any

_OPEN = CONSTANT
_NUMBERS = (int, Fraction, float)
_HALF, _THIRD = Fraction(1, 2), Fraction(1, 3)
_CUBIC = tuple(3**k for k in range(20))
_LARGEST = 10**9

_ODD = frozenset({"sin", "tan", "asin", "atan", "sinh", "tanh"})
_EVEN = frozenset({"cos", "cosh", "abs"})
_UNDONE = {("sin", "asin"), ("cos", "acos"), ("tan", "atan"), ("log", "exp")}
_AT_ZERO = {
    **dict.fromkeys(("sin", "tan", "asin", "atan", "sinh", "tanh", "abs"), 0),
    **dict.fromkeys(("cos", "cosh", "exp"), 1),
}


class _FaultError(Exception):
    """The tree holds arithmetic that has no exact value, such as 1/0."""


def simplify(expression: Expression) -> Expression:
    """Rewrite an expression to a canonical form that is never larger.

    Parameters
    ----------
    expression : Expression
        With numbers, or a skeleton; numbers should be folded before they are masked.

    Returns
    -------
    Expression
        Idempotent: simplifying it again gives the same expression.
    """
    seen: dict[Expression, None] = {}
    current = expression
    while current not in seen:
        seen[current] = None
        try:
            current = _rewrite(current)
        except RecursionError:
            return expression
    # Rewriting ends in a fixed point, or (rarely) in a cycle of equally short forms.
    forms = list(seen)
    cycle = forms[forms.index(current) :]
    return min(cycle, key=_order)


def canonical_key(expression: Expression) -> Hashable:
    """Give a key that is equal for rewritings of the same formula.

    Parameters
    ----------
    expression : Expression
        Of a skeleton the constants are masked; otherwise their values are in the key.

    Returns
    -------
    Hashable
        The normal form.
    """
    try:
        return _normal(expression.to_tree())
    except (_FaultError, RecursionError):
        return expression.tokens, expression.constants


def _order(expression: Expression) -> tuple[Any, ...]:
    return expression.size, expression.tokens, expression.constants or ()


def _rewrite(expression: Expression) -> Expression:
    """One pass: the normal form if it is not larger, else each argument on its own."""
    tree = expression.to_tree()
    shorter = _print_shortest(tree, expression.size)
    if shorter is not None:
        return _as_expression(shorter, expression)
    if not isinstance(tree, tuple) or len(tree) == 1:
        return expression
    arguments = [
        _as_expression(argument, expression).simplify().to_tree()
        for argument in tree[1:]
    ]
    return _as_expression((tree[0], *arguments), expression)


def _as_expression(tree: Tree, origin: Expression) -> Expression:
    tokens, constants = [], []
    todo = [tree]
    while todo:
        node = todo.pop()
        if isinstance(node, tuple):
            tokens.append(node[0])
            todo.extend(reversed(node[1:]))
        elif isinstance(node, str):
            tokens.append(node)
        else:
            tokens.append(CONSTANT)
            constants.append(float(node))
    values = None if origin.constants is None else tuple(constants)
    return Expression._unchecked(tuple(tokens), values)


def _print_shortest(tree: Tree, size: int) -> Tree | None:
    try:
        printed = _build(_normal(tree))
    except (_FaultError, RecursionError, OverflowError):
        return None
    return printed if _size(printed) <= size else None


def _size(tree: Tree) -> int:
    return 1 + sum(map(_size, tree[1:])) if isinstance(tree, tuple) else 1


# Numbers


def _is_number(node: Node) -> bool:
    return node == _OPEN if isinstance(node, str) else isinstance(node, _NUMBERS)


def _exact(value: Number) -> Number:
    """Shrink fractions to integers; refuse numbers too large to stay exact."""
    if isinstance(value, float):
        if not math.isfinite(value):
            raise _FaultError
        return value
    if abs(value.numerator) > _LARGEST or value.denominator > _LARGEST:
        raise _FaultError
    return value.numerator if value.denominator == 1 else value


def _plus(a: Number, b: Number) -> Number:
    return _OPEN if a == _OPEN or b == _OPEN else _exact(a + b)


def _times(a: Number, b: Number) -> Number:
    if a == 0 or b == 0:
        return 0
    return _OPEN if a == _OPEN or b == _OPEN else _exact(a * b)


def _number_power(base: Number, exponent: Number) -> Number | None:
    """Give base^exponent, or None where it is best left as it stands."""
    if base == _OPEN or exponent == _OPEN:
        return _OPEN
    if base == 0 and exponent <= 0:
        return 1 if exponent == 0 else None
    if base == 1:
        return 1
    if isinstance(exponent, int):
        if abs(exponent) > 64:
            return None
        power = base**exponent if exponent >= 0 else _reciprocal(base) ** -exponent
        return _exact(power)
    if base < 0:
        if _has_real_root(exponent):
            size = _number_power(-base, exponent)
            return size if size is None or exponent.numerator % 2 == 0 else -size
        return None
    if isinstance(base, float) or isinstance(exponent, float):
        return _exact(float(base) ** float(exponent))
    return _exact_root(Fraction(base), exponent)


def _reciprocal(base: Number) -> Number:
    return 1.0 / base if isinstance(base, float) else Fraction(1) / base


def _exact_root(base: Fraction, exponent: Fraction) -> Number | None:
    top = round(base.numerator ** (1 / exponent.denominator))
    bottom = round(base.denominator ** (1 / exponent.denominator))
    if Fraction(top, bottom) ** exponent.denominator != base:
        return None
    return _number_power(_exact(Fraction(top, bottom)), exponent.numerator)


def _has_real_root(exponent: Number) -> bool:
    """Whether x^exponent is real for negative x: integers, thirds, ninths (cbrt)."""
    return not isinstance(exponent, str | float) and exponent.denominator in _CUBIC


def _as_exponent(value: Number) -> Number:
    """Take whole and half floats as exact, since x^2.0 and x^2 are the same."""
    if isinstance(value, float) and value * 2 == int(value * 2) and abs(value) < 64:
        return _exact(Fraction(int(value * 2), 2))
    return value


# Normal form


def _normal(tree: Tree) -> Node:
    if isinstance(tree, float):
        return tree
    if isinstance(tree, str):
        return int(tree) if is_integer(tree) else tree
    name = tree[0]
    if len(tree) == 1:
        return name
    a = _normal(tree[1])
    if len(tree) == 2:
        return _normal_unary(name, a)
    b = _normal(tree[2])
    if name == "add":
        return _sum([(a, 1), (b, 1)])
    if name == "sub":
        return _sum([(a, 1), (b, -1)])
    if name == "mul":
        return _product([(a, 1), (b, 1)])
    if name == "div":
        return _product([(a, 1), (b, -1)])
    if name == "pow":
        return _power(a, b)
    return _extremum(name, a, b)


def _normal_unary(name: str, a: Node) -> Node:
    if name == "neg":
        return _sum([(a, -1)])
    exponent = {"inv": -1, "sq": 2, "cube": 3, "sqrt": _HALF, "cbrt": _THIRD}.get(name)
    if exponent is not None:
        return _product([(a, exponent)])
    return _function(name, a)


def _sum(parts: Iterable[tuple[Node, Number]]) -> Node:
    constant: Number = 0
    terms: list[tuple[Node, Number]] = []
    for node, factor in parts:
        if factor == 0:
            continue
        if _is_number(node):
            constant = _plus(constant, _times(factor, node))
        elif isinstance(node, tuple) and node[0] == "+" and _distributes(node, factor):
            constant = _plus(constant, _times(factor, node[1]))
            for term, coefficient in node[2]:
                _collect(terms, term, _times(factor, coefficient))
        else:
            _collect(terms, node, factor)
    return _make_sum(constant, terms)


def _collect(pairs: list[tuple[Node, Number]], node: Node, number: Number) -> None:
    """Add to the number of a like node, or append a pair."""
    for i, (known, old) in enumerate(pairs):
        if known == node and not _has_open(node):
            pairs[i] = (known, _plus(old, number))
            return
    pairs.append((node, number))


def _has_open(node: Node) -> bool:
    return any(map(_has_open, node)) if isinstance(node, tuple) else node == _OPEN


def _distributes(node: Node, factor: Number) -> bool:
    """Tell whether a factor may spread; an open one only if that adds no constant."""
    if factor != _OPEN:
        return True
    return sum(c != _OPEN for c in _coefficients(node)) <= 1


def _coefficients(node: Node) -> list[Number]:
    found = [coefficient for _, coefficient in node[2]]
    return found if node[1] == 0 else [*found, node[1]]


def _make_sum(constant: Number, terms: Iterable[tuple[Node, Number]]) -> Node:
    kept: list[tuple[Node, Number]] = []
    for term, coefficient in terms:
        if coefficient == 0:
            continue
        if _folds(term, coefficient, constant):
            constant = _plus(constant, _times(coefficient, _value(term)))
        else:
            kept.append((term, coefficient))
    if constant == _OPEN:
        # log(C x) + C says nothing that log(x) + C does not.
        inner: list[tuple[Node, Number]] = []
        for term, coefficient in kept:
            _collect(inner, _free_of_scale(term), coefficient)
        kept = inner if len(inner) == len(kept) else kept
        kept = [(t, c) for t, c in kept if not _is_constant(t)]
    if constant == 0:
        constant = 0
        if len(kept) == 1 and kept[0][1] == 1:
            return kept[0][0]
    if not kept:
        return constant
    kept.sort(key=_pair_key)
    return ("+", constant, tuple(kept))


def _folds(term: Node, coefficient: Number, constant: Number) -> bool:
    """Whether a constant term such as ``pi`` has met a float or an open constant."""
    inexact = isinstance(coefficient, float) or isinstance(constant, float)
    return (inexact or coefficient == _OPEN) and _is_constant(term)


def _free_of_scale(term: Node) -> Node:
    if isinstance(term, tuple) and term[0] == "log":
        argument = term[1]
        if isinstance(argument, tuple) and argument[0] == "+" and argument[1] == 0:
            (inner, coefficient), *others = argument[2]
            if coefficient == _OPEN and not others:
                return ("log", inner)
    return term


def _product(parts: Iterable[tuple[Node, Number]]) -> Node:
    product = _Product()
    for node, exponent in parts:
        product.multiply(node, exponent)
    return product.node()


class _Product:
    """A product under construction: coefficient, exponents of bases, exponential."""

    __slots__ = ("coefficient", "exponential", "exponents")

    def __init__(self) -> None:
        self.coefficient: Number = 1
        self.exponents: list[tuple[Node, Number]] = []
        self.exponential: Node = 0

    def multiply(self, node: Node, exponent: Number) -> None:
        """Multiply by node^exponent."""
        if exponent == 0:
            return
        if _is_number(node):
            value = _number_power(node, exponent)
            if value is None:
                self._raise(node, exponent)
            else:
                self.coefficient = _times(self.coefficient, value)
        elif isinstance(node, str):
            if node == "e":
                self.exponential = _sum([(self.exponential, 1), (exponent, 1)])
            else:
                self._raise(node, exponent)
        elif node[0] == "+":
            self._multiply_sum(node, exponent)
        elif node[0] == "*":
            self._multiply_product(node, exponent)
        elif node[0] == "exp":
            self.exponential = _sum([(self.exponential, 1), (node[1], exponent)])
        elif node[0] == "abs" and _is_even(exponent):
            self.multiply(node[1], exponent)
        else:
            self._raise(node, exponent)

    def _raise(self, base: Node, exponent: Number) -> None:
        _collect(self.exponents, base, exponent)

    def _multiply_sum(self, node: Node, exponent: Number) -> None:
        whole = isinstance(exponent, int)
        if node[1] == 0 and len(node[2]) == 1:
            term, scale = node[2][0]
            splits = whole or (scale != _OPEN and scale > 0 and exponent != _OPEN)
            splits = splits or (scale != _OPEN and _has_real_root(exponent))
            value = _number_power(scale, exponent) if splits else None
            if value is None:
                self._raise(node, exponent)
            else:
                self.coefficient = _times(self.coefficient, value)
                self.multiply(term, exponent)
        elif whole:
            scale, monic = _split_scale(node)
            value = _number_power(scale, exponent)
            if value is None:
                raise _FaultError
            self.coefficient = _times(self.coefficient, value)
            self._raise(monic, exponent)
        else:
            self._raise(node, exponent)

    def _multiply_product(self, node: Node, exponent: Number) -> None:
        factors = node[1]
        if len(factors) > 1 and not isinstance(exponent, int):
            self._raise(node, exponent)
            return
        for base, inner in factors:
            even = _is_even(inner) and _has_real_root(inner)
            if even and not _has_real_root(exponent):
                base = _function("abs", base)
            combined = _OPEN if _OPEN in (inner, exponent) else _exact(inner * exponent)
            self.multiply(base, _as_exponent(combined))

    def node(self) -> Node:
        """Give the finished product in normal form."""
        if self.coefficient == 0:
            return 0
        if self.exponential != 0:
            self._take_exponential()
        if self.coefficient == _OPEN:
            self._rescale_sums()
        factors: list[tuple[Node, Number]] = []
        for base, exponent in self.exponents:
            if exponent == 0:
                continue
            if _is_number(base):
                value = _number_power(base, exponent)
                if value is not None:
                    self.coefficient = _times(self.coefficient, value)
                    continue
            if self.coefficient == _OPEN and _is_constant(base) and exponent != _OPEN:
                continue
            if isinstance(self.coefficient, float) and _is_constant(base):
                value = _number_power(_value(base), exponent)
                if value is not None:
                    self.coefficient = _times(self.coefficient, value)
                    continue
            factors.append((base, exponent))
        factors = _under_one_root(factors)
        if not factors:
            return self.coefficient
        if len(factors) == 1 and factors[0][1] == 1:
            return _sum([(factors[0][0], self.coefficient)])
        factors.sort(key=_pair_key)
        return _sum([(("*", tuple(factors)), self.coefficient)])

    def _take_exponential(self) -> None:
        node = _function("exp", self.exponential)
        self.exponential = 0
        if isinstance(node, tuple) and node[0] == "exp":
            self._raise(node, 1)
        elif isinstance(node, tuple) and node[0] == "+" and node[1] == 0:
            (term, scale), *_ = node[2]
            self.coefficient = _times(self.coefficient, scale)
            self._raise(term, 1)
        elif node == "e":
            self._raise(node, 1)
        else:
            self.multiply(node, 1)

    def _rescale_sums(self) -> None:
        """Beside an open coefficient C x + 1 and x + C are one family."""
        for i, (base, exponent) in enumerate(self.exponents):
            if not (isinstance(base, tuple) and base[0] == "+"):
                continue
            fixed = sum(c != _OPEN for c in _coefficients(base))
            if isinstance(exponent, int) and fixed == 1 and base[2][0][1] == _OPEN:
                constant = _OPEN if base[1] != 0 else 0
                terms: list[tuple[Node, Number]] = [(t, _OPEN) for t, _ in base[2]]
                terms[0] = (terms[0][0], 1)
                self.exponents[i] = (("+", constant, tuple(terms)), exponent)


def _under_one_root(factors: list[tuple[Node, Number]]) -> list[tuple[Node, Number]]:
    """Write sqrt(a)*sqrt(b) as sqrt(a*b); the other way would change signs."""
    roots = [(b, e) for b, e in factors if getattr(e, "denominator", 1) == 2]
    if len(roots) < 2:
        return factors
    others = [factor for factor in factors if factor not in roots]
    inner = _product([(base, exponent.numerator) for base, exponent in roots])
    root = _product([(inner, _HALF)])
    if isinstance(root, tuple) and root[0] == "*":
        return [*others, *root[1]]
    return [*others, (root, 1)]


def _is_even(exponent: Number) -> bool:
    return isinstance(exponent, int | Fraction) and exponent.numerator % 2 == 0


def _split_scale(node: Node) -> tuple[Number, Node]:
    """Write a sum as a number times a sum whose first fixed coefficient is 1."""
    coefficients = _coefficients(node)
    pivot = next((c for c in coefficients if c != _OPEN), _OPEN)
    if pivot == 1:
        return 1, node
    if pivot == _OPEN:
        (first, _), *others = node[2]
        return _OPEN, ("+", node[1], ((first, 1), *others))
    scale = _reciprocal(pivot)
    terms = tuple((term, _times(c, scale)) for term, c in node[2])
    return pivot, ("+", _times(node[1], scale), _exactly_one(terms, node, pivot))


def _exactly_one(terms: Any, node: Node, pivot: Number) -> Any:
    """Undo the rounding of c * (1/c) for the pivot itself."""
    pairs = zip(terms, node[2], strict=True)
    return tuple((t, 1 if old == pivot else c) for (t, c), (_, old) in pairs)


def _power(base: Node, exponent: Node) -> Node:
    if _is_number(exponent):
        return _product([(base, _as_exponent(exponent))])
    if base == "e":
        return _function("exp", exponent)
    if base == 1:
        return 1
    if base == _OPEN:
        return _function("exp", _sum([(exponent, _OPEN)]))
    return ("pow", base, exponent)


def _extremum(name: str, a: Node, b: Node) -> Node:
    if a == b and not _has_open(a):
        return a
    if _is_number(a) and _is_number(b):
        if _OPEN in (a, b):
            return _OPEN
        return min(a, b) if name == "min" else max(a, b)
    first, second = sorted((a, b), key=_sort_key)
    return (name, first, second)


def _function(name: str, a: Node) -> Node:
    if a == _OPEN:
        return _OPEN
    if isinstance(a, float):
        return _exact(float(_call(name, a)))
    if a == 0 and name in _AT_ZERO:
        return _AT_ZERO[name]
    if isinstance(a, tuple) and (name, a[0]) in _UNDONE:
        return a[1]
    if name == "exp":
        return _exponential(a)
    if name == "log":
        return (
            {1: 0, "e": 1}.get(a, (name, a)) if not isinstance(a, tuple) else (name, a)
        )
    if name == "abs":
        return _absolute(a)
    if name == "cos" and isinstance(a, tuple) and a[0] == "+" and a[1] == _OPEN:
        name = "sin"
    if name in _ODD and _is_negative(a):
        return _sum([((name, _sum([(a, -1)])), -1)])
    if name in _EVEN and _is_negative(a):
        return (name, _sum([(a, -1)]))
    return (name, a)


def _exponential(a: Node) -> Node:
    if a == 1:
        return "e"
    if not isinstance(a, tuple):
        return ("exp", a)
    if a[0] == "log":
        return a[1]
    if a[0] == "+":
        constant, terms = a[1], a[2]
        if constant == 0 and len(terms) == 1:
            term, scale = terms[0]
            if isinstance(term, tuple) and term[0] == "log":
                return _product([(term[1], _as_exponent(scale))])
        if constant == _OPEN or (isinstance(constant, float) and abs(constant) < 300):
            scale = _OPEN if constant == _OPEN else math.exp(constant)
            return _sum([(_exponential(_make_sum(0, terms)), scale)])
    return ("exp", a)


def _absolute(a: Node) -> Node:
    if _is_number(a):
        return abs(a)
    if isinstance(a, str):
        return ("abs", a) if is_variable(a) else a
    if a[0] in ("abs", "exp", "cosh"):
        return a
    if a[0] == "+" and a[1] == 0 and len(a[2]) == 1:
        term, scale = a[2][0]
        return _sum([(_absolute(term), scale if scale == _OPEN else abs(scale))])
    if a[0] == "*" and all(_is_even(e) or e == _HALF for _, e in a[1]):
        return a
    return ("abs", _sum([(a, -1)]) if _is_negative(a) else a)


def _is_negative(a: Node) -> bool:
    """Whether the first fixed number of a is negative, which decides its sign."""
    if _is_number(a):
        return a != _OPEN and bool(a < 0)
    if isinstance(a, tuple) and a[0] == "+":
        fixed = [c for c in _coefficients(a) if c != _OPEN]
        return bool(fixed) and bool(fixed[0] < 0)
    return False


def _is_constant(node: Node) -> bool:
    if isinstance(node, str):
        return not is_variable(node)
    if not isinstance(node, tuple):
        return True
    if node[0] in ("+", "*"):
        pairs = node[2] if node[0] == "+" else node[1]
        return all(_is_constant(part) for part, _ in pairs)
    return all(map(_is_constant, node[1:]))


def _value(node: Node) -> Number:
    """Compute a constant node; the open constant stays open."""
    tree = _build(node)
    expression = Expression.from_tree(tree)
    if expression.constants is None:
        return _OPEN
    return _exact(float(np.asarray(expression.evaluate(np.zeros((1, 1)))).ravel()[0]))


def _call(name: str, value: float) -> Any:
    with np.errstate(all="ignore"):
        return OPERATORS[name].numpy(value)


def _sort_key(node: Node) -> tuple[int, str]:
    if isinstance(node, str):
        return (0, node[1:].zfill(9)) if is_variable(node) else (-1, node)
    if not isinstance(node, tuple):
        return (-2, str(node))
    return ({"*": 1, "+": 3}.get(node[0], 2), repr(node))


def _pair_key(pair: tuple[Node, Number]) -> tuple[int, str, str]:
    return (*_sort_key(pair[0]), str(pair[1]))


# Printing the normal form as a tree


def _build(node: Node) -> Tree:
    if isinstance(node, str):
        return (node,) if node in OPERATORS else node
    if not isinstance(node, tuple):
        return _build_number(node)
    if node[0] == "+":
        return _build_sum(node[1], node[2])
    if node[0] == "*":
        return _build_product(1, node[1])
    return (node[0], *map(_build, node[1:]))


def _build_number(value: Number) -> Tree:
    if isinstance(value, float):
        return value
    if isinstance(value, int):
        return str(value)
    if abs(value.numerator) == 1:
        inverse = ("inv", str(value.denominator))
        return inverse if value > 0 else ("neg", inverse)
    return ("div", str(value.numerator), str(value.denominator))


def _build_power(base: Node, exponent: Number) -> Tree:
    tree = _build(base)
    if exponent == _OPEN or isinstance(exponent, float):
        return ("pow", tree, exponent)
    top, bottom = exponent.numerator, exponent.denominator
    while bottom % 3 == 0:
        tree, bottom = ("cbrt", tree), bottom // 3
    if bottom > 4:
        return ("pow", tree, _build_number(Fraction(top, bottom)))
    if top != 1:
        name = {2: "sq", 3: "cube"}.get(top)
        tree = (name, tree) if name else ("pow", tree, str(top))
    while bottom > 1:
        tree, bottom = ("sqrt", tree), bottom // 2
    return tree


def _build_product(scale: Number, factors: Iterable[tuple[Node, Number]]) -> Tree:
    above: list[Tree] = []
    below: list[Tree] = []
    for base, exponent in factors:
        if exponent == _OPEN or exponent > 0:
            above.append(_build_power(base, exponent))
        else:
            below.append(_build_power(base, -exponent))
    negate = False
    if isinstance(scale, Fraction):
        below.insert(0, str(scale.denominator))
        scale = scale.numerator
    if scale == -1:
        negate = True
    elif scale != 1:
        above.insert(0, scale if scale == _OPEN else _build_number(scale))
    if not above:
        tree: Tree = ("inv", _chain("mul", below))
    elif below:
        tree = ("div", _chain("mul", above), _chain("mul", below))
    else:
        tree = _chain("mul", above)
    return ("neg", tree) if negate else tree


def _chain(name: str, trees: list[Tree]) -> Tree:
    chained = trees[0]
    for tree in trees[1:]:
        chained = (name, chained, tree)
    return chained


def _build_sum(constant: Number, terms: Iterable[tuple[Node, Number]]) -> Tree:
    groups: dict[Number, list[tuple[Node, bool]]] = {}
    for position, (term, coefficient) in enumerate(terms):
        negative = coefficient != _OPEN and coefficient < 0
        size = -coefficient if negative else coefficient
        # Open coefficients differ, each stands alone; 1 needs no bracket.
        alone = size == _OPEN or size == 1
        key = (size, position) if alone else (size, -1)
        groups.setdefault(key, []).append((term, negative))
    signed: list[tuple[Tree, bool]] = []
    for (size, _), members in groups.items():
        signed.append(_build_group(size, members))
    if constant == _OPEN:
        signed.append((_OPEN, False))
    elif constant != 0:
        signed.append((_build_number(abs(constant)), bool(constant < 0)))
    if len(signed) == 1:
        return _build_single(constant, terms, signed[0])
    first = next((i for i, (_, negative) in enumerate(signed) if not negative), None)
    if first is None:
        first, tree = _build_negative(constant, list(groups.items()))
        if tree is None:
            return ("neg", _chain("add", [tree for tree, _ in signed]))
        signed.pop(first)
    else:
        tree, _ = signed.pop(first)
    for other, negative in signed:
        tree = ("sub" if negative else "add", tree, other)
    return tree


def _build_negative(
    constant: Number, groups: list[tuple[Any, list[tuple[Node, bool]]]]
) -> tuple[int, Tree | None]:
    """Give a leading summand that takes its minus sign into its own number."""
    for position, ((size, _), members) in enumerate(groups):
        if size != 1 and not isinstance(size, Fraction):
            inner = _make_sum(0, [(term, 1) for term, _ in members])
            return position, _build_scaled(-size, inner)
    if constant != 0 and not isinstance(constant, Fraction):
        return len(groups), _build_number(constant)
    return 0, None


def _build_group(size: Number, members: list[tuple[Node, bool]]) -> tuple[Tree, bool]:
    if len(members) == 1:
        term, negative = members[0]
        return _build_scaled(size, term), negative
    flip = all(negative for _, negative in members)
    inner = _make_sum(
        0, [(t, -1 if negative != flip else 1) for t, negative in members]
    )
    return _build_product(size, ((inner, 1),)), flip


def _build_scaled(scale: Number, term: Node) -> Tree:
    factors = term[1] if isinstance(term, tuple) and term[0] == "*" else ((term, 1),)
    return _build_product(scale, factors)


def _build_single(constant: Number, terms: Any, only: tuple[Tree, bool]) -> Tree:
    tree, negative = only
    if not negative:
        return tree
    if len(terms) == 1 and constant == 0:
        return _build_scaled(terms[0][1], terms[0][0])
    return ("neg", tree)
