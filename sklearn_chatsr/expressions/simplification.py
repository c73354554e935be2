"""Canonical simplification: bring a tree to normal form and print that as a tree."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from fractions import Fraction
from typing import Any

from sklearn_chatsr.expressions.exact_numbers import (
    OPEN,
    ArithmeticFaultError,
    Node,
    Number,
    over,
    times,
)
from sklearn_chatsr.expressions.expression import Expression, Tree, flatten
from sklearn_chatsr.expressions.normal_form import make_sum, normal_form
from sklearn_chatsr.expressions.vocabulary import OPERATORS

_MOST_PASSES = 40
_SHORT = 6  # digits


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
    while current not in seen and len(seen) < _MOST_PASSES:
        seen[current] = None
        try:
            current = _rewrite(current)
        except RecursionError:
            return expression
    # Rewriting ends in a fixed point, or (rarely) in a cycle of equally short forms.
    forms = list(seen)
    # Digits that rounding moves on and on are one, too.
    cycle = forms[forms.index(current) :] if current in seen else forms
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
        return normal_form(expression.to_tree())
    except (ArithmeticFaultError, OverflowError, RecursionError):
        return expression.tokens, expression.constants


def _order(expression: Expression) -> tuple[Any, ...]:
    return expression.size, expression.tokens, expression.constants or ()


def _rewrite(expression: Expression) -> Expression:
    """One pass: the normal form if it is not larger, else each argument on its own."""
    tree = expression.to_tree()
    shorter = _print_shortest(tree, expression.size)
    if shorter is not None:
        return as_expression(shorter, expression)
    if not isinstance(tree, tuple) or len(tree) == 1:
        return expression
    arguments = [
        as_expression(argument, expression).simplify().to_tree()
        for argument in tree[1:]
    ]
    return as_expression(_tidied(tree[0], arguments), expression)


def _tidied(name: str, parts: list[Tree]) -> Tree:
    """Turn an inverted quotient over, and a sum with a minus sign into a difference.

    For what is shorter as it stands than its normal form.
    """
    first = parts[0]
    if name == "inv" and isinstance(first, tuple):
        if first[0] == "div":
            return ("div", first[2], first[1])
        if first[0] == "inv":
            return first[1]
    if name in ("add", "sub"):
        positive = _without_minus(parts[1])
        if positive is not None:
            return ("sub" if name == "add" else "add", first, positive)
        positive = _without_minus(first)
        if positive is not None and name == "add":
            return ("sub", parts[1], positive)
    return (name, *parts)


def _without_minus(tree: Tree) -> Tree | None:
    """Take the minus sign from a product that begins with one, else None."""
    if not isinstance(tree, tuple):
        return None
    if tree[0] == "neg":
        return tree[1]
    if tree[0] in ("mul", "div"):
        first = _without_minus(tree[1])
        return None if first is None else (tree[0], first, tree[2])
    return None


def as_expression(tree: Tree, origin: Expression) -> Expression:
    """Make an expression of a tree that rewrites another one."""
    tokens, constants = flatten(tree)
    values = None if origin.constants is None else tuple(constants)
    return Expression._unchecked(tuple(tokens), values)


def _print_shortest(tree: Tree, size: int) -> Tree | None:
    try:
        printed = build(normal_form(tree))
    except (ArithmeticFaultError, RecursionError, OverflowError):
        return None
    return printed if _size(printed) <= size else None


def _size(tree: Tree) -> int:
    return 1 + sum(map(_size, tree[1:])) if isinstance(tree, tuple) else 1


def build(node: Node) -> Tree:
    """Print a normal form as a tree."""
    if isinstance(node, str):
        return (node,) if node in OPERATORS else node
    if not isinstance(node, tuple):
        return _build_number(node)
    if node[0] == "+":
        return _build_sum(node[1], node[2])
    if node[0] == "*":
        return _build_product(1, node[1])
    return (node[0], *map(build, node[1:]))


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
    tree = build(base)
    if exponent == OPEN or isinstance(exponent, float):
        return ("pow", tree, exponent)
    top, bottom = exponent.numerator, exponent.denominator
    while bottom % 3 == 0:
        tree, bottom = ("cbrt", tree), bottom // 3
    if bottom > 4:
        return ("pow", tree, _build_number(Fraction(top, bottom)))
    if top != 1:
        tree = _raised(tree, top)
    while bottom > 1:
        tree, bottom = ("sqrt", tree), bottom // 2
    return tree


def _raised(tree: Tree, power: int) -> Tree:
    name = {2: "sq", 3: "cube"}.get(power)
    return (name, tree) if name else ("pow", tree, str(power))


def _build_product(
    scale: Number, factors: Iterable[tuple[Node, Number]], spread: bool = True
) -> Tree:
    above: list[Tree] = []
    below: list[Tree] = []
    if spread and scale not in (OPEN, 1):
        scale, factors = _spread(scale, list(factors))
    if scale != OPEN and scale < 0:
        scale, factors = _flip(scale, list(factors))
    factors, together = _equal_powers(list(factors))
    for tops, bottoms, power in together:
        if tops and bottoms:
            ratio: Tree = ("div", _chain("mul", tops), _chain("mul", bottoms))
            above.append(_raised(ratio, power))
        else:
            (above if tops else below).append(
                _raised(_chain("mul", tops or bottoms), power)
            )
    for base, exponent in factors:
        if exponent == OPEN or exponent > 0:
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
        above.insert(0, scale if scale == OPEN else _build_number(scale))
    if not above:
        tree: Tree = ("inv", _chain("mul", below))
    elif below:
        tree = ("div", _chain("mul", above), _chain("mul", below))
    else:
        tree = _chain("mul", above)
    return ("neg", tree) if negate else tree


def _equal_powers(
    factors: list[tuple[Node, Number]],
) -> tuple[list[tuple[Node, Number]], list[tuple[list[Tree], list[Tree], int]]]:
    """Take out factors with one whole power: ``a^2/b^2`` is ``(a/b)^2``.

    Returns
    -------
    factors : list of (node, number)
        Those that stand alone.
    together : list of (list of tree, list of tree, int)
        What is above and below the bar, and the power around it.
    """
    groups: dict[int, list[tuple[Node, Number]]] = {}
    for base, exponent in factors:
        if isinstance(exponent, int) and abs(exponent) > 1:
            groups.setdefault(abs(exponent), []).append((base, exponent))
    together = []
    for power, members in groups.items():
        if len(members) > 1:
            tops = [build(base) for base, exponent in members if exponent > 0]
            bottoms = [build(base) for base, exponent in members if exponent < 0]
            together.append((tops, bottoms, power))
            factors = [factor for factor in factors if factor not in members]
    return factors, together


def _spread(
    scale: Number, factors: list[tuple[Node, Number]]
) -> tuple[Number, list[tuple[Node, Number]]]:
    """Multiply the factor into a sum where its numbers have fewer digits then.

    The normal form pulls a number out of x*(2.5*y + 1.3*z), which leaves 0.52 inside.
    Below the line it is worth it where all numbers are short then, and were not.
    """
    for position, (base, exponent) in enumerate(factors):
        if exponent not in (1, -1) or not (isinstance(base, tuple) and base[0] == "+"):
            continue
        numbers = [base[1], *(c for _, c in base[2])]
        if OPEN in numbers or not any(isinstance(c, float) for c in (scale, *numbers)):
            continue
        factor = scale if exponent == 1 else over(1, scale)
        spread = [_rounded(times(factor, c)) for c in numbers]
        saved = _digits(scale) + sum(map(_digits, numbers)) - sum(map(_digits, spread))
        # Long ones would change by rounding, again and again.
        if exponent == -1 and (saved < _SHORT or max(map(_digits, spread)) > _SHORT):
            continue
        if saved > 0:
            terms = [(t, c) for (t, _), c in zip(base[2], spread[1:], strict=True)]
            factors[position] = (make_sum(spread[0], terms), exponent)
            return 1, factors
    return scale, factors


def _rounded(value: Number) -> Number:
    """Round a float to fifteen digits, behind which rounding begins."""
    if not isinstance(value, float):
        return value
    value = float(f"{value:.15g}")
    return int(value) if abs(value) == 1.0 else value


def _flip(
    scale: Number, factors: list[tuple[Node, Number]]
) -> tuple[Number, list[tuple[Node, Number]]]:
    """Write -a*(b - c) as a*(c - b), and likewise below the line."""
    for position, (base, exponent) in enumerate(factors):
        odd = exponent in (1, -1)
        if not odd or not (isinstance(base, tuple) and base[0] == "+"):
            continue
        numbers = [base[1], *(c for _, c in base[2])]
        if OPEN not in numbers and any(c < 0 for c in numbers):
            flipped = make_sum(-base[1], [(t, -c) for t, c in base[2]])
            factors[position] = (flipped, exponent)
            return -scale, factors
    return scale, factors


def _digits(value: Number) -> int:
    """Count the significant digits of a number; 1 and 0 are free."""
    if value in (0, 1):
        return 0
    if not isinstance(value, float):
        return len(str(value))
    return len(repr(abs(value)).partition("e")[0].replace(".", "").strip("0"))


def _chain(name: str, trees: list[Tree]) -> Tree:
    chained = trees[0]
    for tree in trees[1:]:
        chained = (name, chained, tree)
    return chained


def _build_sum(constant: Number, terms: Iterable[tuple[Node, Number]]) -> Tree:
    groups: dict[Number, list[tuple[Node, bool]]] = {}
    for position, (term, coefficient) in enumerate(terms):
        negative = coefficient != OPEN and coefficient < 0
        size = -coefficient if negative else coefficient
        # Open coefficients differ, each stands alone; 1 needs no bracket.
        alone = size == OPEN or size == 1
        key = (size, position) if alone else (size, -1)
        groups.setdefault(key, []).append((term, negative))
    signed: list[tuple[Tree, bool]] = []
    for (size, _), members in groups.items():
        signed.append(_build_group(size, members))
    if constant == OPEN:
        signed.append((OPEN, False))
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
            inner = make_sum(0, [(term, 1) for term, _ in members])
            return position, _build_scaled(-size, inner)
    if constant != 0 and not isinstance(constant, Fraction):
        return len(groups), _build_number(constant)
    return 0, None


def _build_group(size: Number, members: list[tuple[Node, bool]]) -> tuple[Tree, bool]:
    if len(members) == 1:
        term, negative = members[0]
        return _build_scaled(size, term), negative
    flip = all(negative for _, negative in members)
    inner = make_sum(0, [(t, -1 if negative != flip else 1) for t, negative in members])
    # Spread, what is equal in all terms would come back here.
    return _build_product(size, ((inner, 1),), spread=False), flip


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
