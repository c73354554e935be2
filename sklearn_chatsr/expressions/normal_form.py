"""The normal form of a tree: equal for rewritings of the same formula.

A tree is brought to it bottom-up. Beside numbers and leaves it knows three kinds of
nodes:

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
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

import numpy as np

from sklearn_chatsr.expressions.exact_numbers import (
    HALF,
    OPEN,
    THIRD,
    ArithmeticFaultError,
    Node,
    Number,
    as_exponent,
    exact,
    has_real_root,
    is_number,
    number_power,
    over,
    plus,
    times,
)
from sklearn_chatsr.expressions.expression import Tree
from sklearn_chatsr.expressions.vocabulary import OPERATORS, is_integer, is_variable

_ODD = frozenset({"sin", "tan", "asin", "atan", "sinh", "tanh"})
_EVEN = frozenset({"cos", "cosh", "abs"})
_UNDONE = {("sin", "asin"), ("cos", "acos"), ("tan", "atan"), ("log", "exp")}
_MODERATE = 20  # a power beyond overflows where an exponential does not
_AT_ZERO = {
    **dict.fromkeys(("sin", "tan", "asin", "atan", "sinh", "tanh", "abs"), 0),
    **dict.fromkeys(("cos", "cosh", "exp"), 1),
}


def normal_form(tree: Tree) -> Node:
    """Bring a tree to its normal form.

    Parameters
    ----------
    tree : tree
        As given by `Expression.to_tree`.

    Returns
    -------
    node
        Hashable.

    Raises
    ------
    ArithmeticFaultError
        If the tree holds numbers without an exact value, such as 1/0.
    """
    if isinstance(tree, float):
        return tree
    if isinstance(tree, str):
        return int(tree) if is_integer(tree) else tree
    name = tree[0]
    if len(tree) == 1:
        return name
    a = normal_form(tree[1])
    if len(tree) == 2:
        return _normal_unary(name, a)
    b = normal_form(tree[2])
    if name == "add":
        return add_up([(a, 1), (b, 1)])
    if name == "sub":
        return add_up([(a, 1), (b, -1)])
    if name == "mul":
        return make_product([(a, 1), (b, 1)])
    if name == "div":
        return make_product([(a, 1), (b, -1)])
    if name == "pow":
        return _power(a, b)
    return make_extremum(name, a, b)


def _normal_unary(name: str, a: Node) -> Node:
    if name == "neg":
        return add_up([(a, -1)])
    exponent = {"inv": -1, "sq": 2, "cube": 3, "sqrt": HALF, "cbrt": THIRD}.get(name)
    if exponent is not None:
        return make_product([(a, exponent)])
    return make_function(name, a)


def add_up(parts: Iterable[tuple[Node, Number]]) -> Node:
    """Give the normal form of a sum of nodes times numbers."""
    constant: Number = 0
    terms: list[tuple[Node, Number]] = []
    for node, factor in parts:
        if factor == 0:
            continue
        if is_number(node):
            constant = plus(constant, times(factor, node))
        elif isinstance(node, tuple) and node[0] == "+" and _distributes(node, factor):
            constant = plus(constant, times(factor, node[1]))
            for term, coefficient in node[2]:
                _collect(terms, term, times(factor, coefficient))
        else:
            _collect(terms, node, factor)
    return make_sum(constant, terms)


def _collect(pairs: list[tuple[Node, Number]], node: Node, number: Number) -> None:
    """Add to the number of a like node, or append a pair."""
    for i, (known, old) in enumerate(pairs):
        if known == node and not _has_open(node):
            pairs[i] = (known, plus(old, number))
            return
    pairs.append((node, number))


def _has_open(node: Node) -> bool:
    return any(map(_has_open, node)) if isinstance(node, tuple) else node == OPEN


def _distributes(node: Node, factor: Number) -> bool:
    """Tell whether a factor may spread; an open one only if that adds no constant."""
    if factor != OPEN:
        return True
    return sum(c != OPEN for c in _coefficients(node)) <= 1


def _coefficients(node: Node) -> list[Number]:
    found = [coefficient for _, coefficient in node[2]]
    return found if node[1] == 0 else [*found, node[1]]


def make_sum(constant: Number, terms: Iterable[tuple[Node, Number]]) -> Node:
    """Give the normal form of a constant plus coefficients times terms."""
    kept: list[tuple[Node, Number]] = []
    for term, coefficient in terms:
        if coefficient == 0:
            continue
        if _folds(term, coefficient, constant):
            constant = plus(constant, times(coefficient, _value(term)))
        else:
            kept.append((term, coefficient))
    if constant == OPEN:
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
    return (inexact or coefficient == OPEN) and _is_constant(term)


def _free_of_scale(term: Node) -> Node:
    if isinstance(term, tuple) and term[0] == "log":
        argument = term[1]
        if isinstance(argument, tuple) and argument[0] == "+" and argument[1] == 0:
            (inner, coefficient), *others = argument[2]
            if coefficient == OPEN and not others:
                return ("log", inner)
    return term


def make_product(parts: Iterable[tuple[Node, Number]]) -> Node:
    """Give the normal form of a product of nodes to the power of numbers."""
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
        if is_number(node):
            value = number_power(node, exponent)
            if value is None:
                self._raise(node, exponent)
            else:
                self.coefficient = times(self.coefficient, value)
        elif isinstance(node, str):
            if node == "e":
                self.exponential = add_up([(self.exponential, 1), (exponent, 1)])
            else:
                self._raise(node, exponent)
        elif node[0] == "+":
            self._multiply_sum(node, exponent)
        elif node[0] == "*":
            self._multiply_product(node, exponent)
        elif node[0] == "exp":
            self.exponential = add_up([(self.exponential, 1), (node[1], exponent)])
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
            splits = whole or (scale != OPEN and scale > 0 and exponent != OPEN)
            splits = splits or (scale != OPEN and has_real_root(exponent))
            value = number_power(scale, exponent) if splits else None
            if value is None:
                self._raise(node, exponent)
            else:
                self.coefficient = times(self.coefficient, value)
                self.multiply(term, exponent)
        elif whole:
            scale, monic = _split_scale(node)
            value = number_power(scale, exponent)
            if value is None:
                raise ArithmeticFaultError
            self.coefficient = times(self.coefficient, value)
            self._raise(monic, exponent)
        else:
            self._raise(node, exponent)

    def _multiply_product(self, node: Node, exponent: Number) -> None:
        factors = node[1]
        if len(factors) > 1 and not isinstance(exponent, int):
            self._raise(*_upright(node, exponent))
            return
        for base, inner in factors:
            even = _is_even(inner) and has_real_root(inner)
            if even and not has_real_root(exponent):
                base = make_function("abs", base)
            combined = OPEN if OPEN in (inner, exponent) else exact(inner * exponent)
            self.multiply(base, as_exponent(combined))

    def node(self) -> Node:
        """Give the finished product in normal form."""
        if self.coefficient == 0:
            return 0
        if self.exponential != 0:
            self._take_exponential()
        if self.coefficient == OPEN:
            self._rescale_sums()
        factors: list[tuple[Node, Number]] = []
        for base, exponent in self.exponents:
            if exponent == 0:
                continue
            if is_number(base):
                value = number_power(base, exponent)
                if value is not None:
                    self.coefficient = times(self.coefficient, value)
                    continue
            if self.coefficient == OPEN and _is_constant(base) and exponent != OPEN:
                continue
            if isinstance(self.coefficient, float) and _is_constant(base):
                value = number_power(_value(base), exponent)
                if value is not None:
                    self.coefficient = times(self.coefficient, value)
                    continue
            factors.append((base, exponent))
        factors = _under_one_root(_join_conjugates(factors))
        if not factors:
            return self.coefficient
        if len(factors) == 1 and factors[0][1] == 1:
            return add_up([(factors[0][0], self.coefficient)])
        factors.sort(key=_pair_key)
        return add_up([(("*", tuple(factors)), self.coefficient)])

    def _take_exponential(self) -> None:
        node = make_function("exp", self.exponential)
        self.exponential = 0
        if isinstance(node, tuple) and node[0] == "exp":
            self._raise(node, 1)
        elif isinstance(node, tuple) and node[0] == "+" and node[1] == 0:
            (term, scale), *_ = node[2]
            self.coefficient = times(self.coefficient, scale)
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
            fixed = sum(c != OPEN for c in _coefficients(base))
            if isinstance(exponent, int) and fixed == 1 and base[2][0][1] == OPEN:
                constant = OPEN if base[1] != 0 else 0
                terms: list[tuple[Node, Number]] = [(t, OPEN) for t, _ in base[2]]
                terms[0] = (terms[0][0], 1)
                self.exponents[i] = (("+", constant, tuple(terms)), exponent)


def _join_conjugates(factors: list[tuple[Node, Number]]) -> list[tuple[Node, Number]]:
    """Write (a + b)*(a - b) as a^2 - b^2, which is shorter."""
    for one, exponent in factors:
        addends = _two_addends(one)
        if not (addends and isinstance(exponent, int)):
            continue
        (a, p), (b, q) = addends
        if _has_open(a) or _has_open(b):
            continue  # two constants would become one
        other = add_up([(a, p), (b, times(q, -1))])
        if (other, exponent) in factors:
            squares = [(make_product([(a, 2)]), times(p, p))]
            squares.append((make_product([(b, 2)]), times(times(q, q), -1)))
            rest = [factor for factor in factors if factor[0] not in (one, other)]
            return _join_conjugates([*rest, (add_up(squares), exponent)])
    return factors


def _two_addends(node: Node) -> list[tuple[Node, Number]] | None:
    """Give the terms of a sum of two with known coefficients; a number counts."""
    if not (isinstance(node, tuple) and node[0] == "+"):
        return None
    addends = [*node[2], (1, node[1])] if node[1] != 0 else list(node[2])
    known = OPEN not in (c for _, c in addends)
    return addends if len(addends) == 2 and known else None


def _under_one_root(factors: list[tuple[Node, Number]]) -> list[tuple[Node, Number]]:
    """Write sqrt(a)*sqrt(b) as sqrt(a*b); the other way would change signs."""
    roots = [(b, e) for b, e in factors if getattr(e, "denominator", 1) == 2]
    if len(roots) < 2:
        return factors
    others = [factor for factor in factors if factor not in roots]
    inner = make_product([(base, exponent.numerator) for base, exponent in roots])
    root = make_product([(inner, HALF)])
    if isinstance(root, tuple) and root[0] == "*":
        return [*others, *root[1]]
    return [*others, (root, 1)]


def _upright(node: Node, exponent: Number) -> tuple[Node, Number]:
    """Write 1/sqrt(a/b) as sqrt(b/a), and sqrt(1/(a*b)) as 1/sqrt(a*b)."""
    powers = [power for _, power in node[1]]
    if exponent == OPEN or OPEN in powers:
        return node, exponent
    surplus = sum(1 if power > 0 else -1 for power in powers)
    if surplus > 0 or (surplus == 0 and exponent > 0):
        return node, exponent
    factors = sorted(((base, -power) for base, power in node[1]), key=_pair_key)
    return ("*", tuple(factors)), -exponent


def _is_even(exponent: Number) -> bool:
    return isinstance(exponent, int | Fraction) and exponent.numerator % 2 == 0


def _split_scale(node: Node) -> tuple[Number, Node]:
    """Write a sum as a number times a sum whose first fixed coefficient is 1."""
    coefficients = _coefficients(node)
    pivot = next((c for c in coefficients if c != OPEN), OPEN)
    if pivot == 1:
        return 1, node
    if pivot == OPEN:
        (first, _), *others = node[2]
        return OPEN, ("+", node[1], ((first, 1), *others))
    terms = tuple((term, over(c, pivot)) for term, c in node[2])
    return pivot, ("+", over(node[1], pivot), terms)


def _power(base: Node, exponent: Node) -> Node:
    if is_number(exponent):
        return make_product([(base, as_exponent(exponent))])
    if base == "e":
        return make_function("exp", exponent)
    if base == 1:
        return 1
    if base == OPEN:
        return make_function("exp", add_up([(exponent, OPEN)]))
    return ("pow", base, exponent)


def make_extremum(name: str, a: Node, b: Node) -> Node:
    """Give the normal form of a minimum or maximum."""
    if a == b and not _has_open(a):
        return a
    if is_number(a) and is_number(b):
        if OPEN in (a, b):
            return OPEN
        return min(a, b) if name == "min" else max(a, b)
    first, second = sorted((a, b), key=_sort_key)
    return (name, first, second)


def make_function(name: str, a: Node) -> Node:
    """Give the normal form of a function of one argument."""
    if a == OPEN:
        return OPEN
    if isinstance(a, float):
        return exact(float(_call(name, a)))
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
    if name == "cos" and isinstance(a, tuple) and a[0] == "+" and a[1] == OPEN:
        name = "sin"
    if name in ("sin", "cos"):
        turned = _without_right_angles(name, a)
        if turned is not None:
            return turned
    if name in _ODD and _is_negative(a):
        return add_up([((name, add_up([(a, -1)])), -1)])
    if name in _EVEN and _is_negative(a):
        return (name, add_up([(a, -1)]))
    return (name, a)


def _without_right_angles(name: str, a: Node) -> Node | None:
    """Write sin(x + pi/2) as cos(x) and cos(x - pi) as -cos(x), None of others."""
    if not (isinstance(a, tuple) and a[0] == "+"):
        return None
    turns = next((c for term, c in a[2] if term == "pi"), None)
    if not isinstance(turns, int | Fraction) or (2 * turns) % 1 != 0:
        return None
    rest = make_sum(a[1], [term for term in a[2] if term[0] != "pi"])
    # In quarters of a turn: a sine is a cosine three quarters later.
    quarter = (int(2 * turns) + (3 if name == "sin" else 0)) % 4
    other = make_function("cos" if quarter % 2 == 0 else "sin", rest)
    return add_up([(other, -1 if quarter in (1, 2) else 1)])


def _is_power(term: Node, scale: Number) -> bool:
    """Tell whether an addend of an exponent is the logarithm of a moderate power."""
    is_log = isinstance(term, tuple) and term[0] == "log"
    return is_log and (scale == OPEN or abs(scale) <= _MODERATE)


def _raised(term: Node, scale: Number) -> Node | None:
    """Write exp(c*x*log(u)) as u^(c*x), None of other exponents."""
    if not (isinstance(term, tuple) and term[0] == "*"):
        return None
    for factor in term[1]:
        base, power = factor
        if power == 1 and isinstance(base, tuple) and base[0] == "log":
            others = make_product([f for f in term[1] if f != factor])
            return _power(base[1], add_up([(others, scale)]))
    return None


def _exponential(a: Node) -> Node:
    if a == 1:
        return "e"
    if not isinstance(a, tuple):
        return ("exp", a)
    if a[0] == "log":
        return a[1]
    raised = _raised(a, 1)
    if raised is not None:
        return raised
    if a[0] == "+":
        constant, terms = a[1], a[2]
        if constant == 0 and len(terms) == 1:
            term, scale = terms[0]
            if isinstance(term, tuple) and term[0] == "log":
                return make_product([(term[1], as_exponent(scale))])
            raised = _raised(term, scale)
            if raised is not None:
                return raised
        logarithms = [(t, c) for t, c in terms if _is_power(t, c)]
        if logarithms:
            rest = make_sum(
                constant, [term for term in terms if term not in logarithms]
            )
            powers = [(term[1], as_exponent(c)) for term, c in logarithms]
            return make_product([*powers, (make_function("exp", rest), 1)])
        if constant == OPEN or (isinstance(constant, float) and abs(constant) < 300):
            scale = OPEN if constant == OPEN else math.exp(constant)
            return add_up([(_exponential(make_sum(0, terms)), scale)])
    return ("exp", a)


def _absolute(a: Node) -> Node:
    if is_number(a):
        return abs(a)
    if isinstance(a, str):
        return ("abs", a) if is_variable(a) else a
    if a[0] in ("abs", "exp", "cosh"):
        return a
    if a[0] == "+" and a[1] == 0 and len(a[2]) == 1:
        term, scale = a[2][0]
        return add_up([(_absolute(term), scale if scale == OPEN else abs(scale))])
    if a[0] == "*" and all(_is_even(e) or e == HALF for _, e in a[1]):
        return a
    return ("abs", add_up([(a, -1)]) if _is_negative(a) else a)


def _is_negative(a: Node) -> bool:
    """Whether the first fixed number of a is negative, which decides its sign."""
    if is_number(a):
        return a != OPEN and bool(a < 0)
    if isinstance(a, tuple) and a[0] == "+":
        fixed = [c for c in _coefficients(a) if c != OPEN]
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
    return OPEN if _has_open(node) else exact(_computed(node))


def _computed(node: Node) -> float:
    if is_number(node):
        return float(node)
    if isinstance(node, str):
        return float(OPERATORS[node].numpy())
    if node[0] == "+":
        return float(node[1]) + sum(float(c) * _computed(t) for t, c in node[2])
    if node[0] == "*":
        product = 1.0
        for base, exponent in node[1]:
            power = number_power(_computed(base), exponent)
            if power is None:
                raise ArithmeticFaultError
            product *= float(power)
        return product
    return float(_call(node[0], *map(_computed, node[1:])))


def _call(name: str, *values: float) -> Any:
    with np.errstate(all="ignore"):
        return OPERATORS[name].numpy(*values)


def _sort_key(node: Node) -> tuple[int, str]:
    if isinstance(node, str):
        return (0, node[1:].zfill(9)) if is_variable(node) else (-1, node)
    if not isinstance(node, tuple):
        return (-2, str(node))
    return ({"*": 1, "+": 3}.get(node[0], 2), repr(node))


def _pair_key(pair: tuple[Node, Number]) -> tuple[int, str, str]:
    return (*_sort_key(pair[0]), str(pair[1]))
