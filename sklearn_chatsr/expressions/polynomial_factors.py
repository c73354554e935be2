"""Polynomials as products: what no chain of common factors leads to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

from sklearn_chatsr.expressions.exact_numbers import Node, Number, exact, is_number
from sklearn_chatsr.expressions.expression import Expression, Tree
from sklearn_chatsr.expressions.normal_form import add_up, make_product
from sklearn_chatsr.expressions.vocabulary import is_integer

Exponents = tuple[int, ...]
_POLYNOMIAL = frozenset({"add", "sub", "mul", "div", "neg", "inv", "sq", "cube"})
_FEW_DIGITS = 6
_MOST_TERMS = 40
_MOST_LEFT_OUT = 12  # terms of a sum of which each may stand beside a product
_LARGEST_DENOMINATOR, _LARGEST_WHOLE = 10_000, 1_000
_SAME = 1e-12  # relative; what rounding leaves of a rational number


def products_of_sums(node: Node) -> Iterator[Node]:
    """Write a polynomial as a product, or as one beside a few of its terms.

    The polynomial may be one of any parts, such as ``exp(x1)``.

    Parameters
    ----------
    node : node
        A sum in normal form (see `normal_form`).

    Yields
    ------
    node
        With the same values. None where a coefficient is not rational beside the
        others, or a power is not a whole one.
    """
    _, constant, terms = node
    addends = [*terms, (1, constant)] if constant != 0 else list(terms)
    if not 3 <= len(addends) <= _MOST_TERMS:
        return
    table = _as_polynomial(addends)
    if table is None:
        return
    bases, lowest, unit, polynomial = table
    for beside in _subsets(polynomial, lowest):
        product = _factored(
            {e: c for e, c in polynomial.items() if e not in beside}, len(bases)
        )
        if product is None:
            continue
        content, factors = product
        written = [
            (_sum(bases, factor, unit is not None), power) for factor, power in factors
        ]
        below = list(zip(bases, lowest, strict=True))
        outside = [
            (_monomial(bases, e, lowest), _number(polynomial[e], unit)) for e in beside
        ]
        yield add_up(
            [(make_product([*written, *below]), _number(content, unit)), *outside]
        )


def is_plain_polynomial(expression: Expression) -> bool:
    """Tell whether a formula is a polynomial, or one over a product.

    With coefficients of a few digits: those of an approximation have many.
    """
    constants = expression.constants or ()
    if any(float(f"{c:.{_FEW_DIGITS}g}") != c for c in constants):
        return False

    def is_polynomial(tree: Tree) -> bool:
        if not isinstance(tree, tuple):
            return True
        if tree[0] == "pow":
            power = tree[2]
            whole = isinstance(power, str) and is_integer(power)
            return whole and is_polynomial(tree[1])
        if tree[0] in ("div", "inv"):
            below = Expression.from_tree(tree[-1]).tokens
            if "add" in below or "sub" in below:
                return False
        return tree[0] in _POLYNOMIAL and all(map(is_polynomial, tree[1:]))

    return is_polynomial(expression.to_tree())


def _as_polynomial(
    addends: Sequence[tuple[Node, Number]],
) -> tuple[list[Node], Exponents, float | None, dict[Exponents, Fraction]] | None:
    """Give the bases, their lowest powers, the unit of the numbers, and the terms.

    The unit is what irrational coefficients are multiples of; None: all are exact.
    """
    bases: dict[Node, None] = {}
    for term, _ in addends:
        bases.update((b, None) for b, _ in factors_of(term))
    rows = []
    for term, coefficient in addends:
        powers = dict(factors_of(term))
        if not all(isinstance(p, int) for p in powers.values()):
            return None
        if not isinstance(coefficient, int | Fraction | float):
            return None
        rows.append((tuple(powers.get(b, 0) for b in bases), coefficient))
    lowest = tuple(min(powers) for powers in zip(*(e for e, _ in rows), strict=True))
    is_exact = all(isinstance(c, int | Fraction) for _, c in rows)
    by_size = sorted((float(c) for _, c in rows), key=abs, reverse=True)
    for unit in dict.fromkeys((1.0, *by_size)):
        numbers = [_rational(c, unit) for _, c in rows]
        if None not in numbers:
            polynomial = {
                tuple(p - least for p, least in zip(e, lowest, strict=True)): number
                for (e, _), number in zip(rows, numbers, strict=True)
                if number is not None
            }
            if max(map(sum, polynomial)) < 2:
                return None
            return list(bases), lowest, None if is_exact else unit, polynomial
    return None


def _rational(value: Number, unit: float) -> Fraction | None:
    if isinstance(value, int | Fraction) and unit == 1.0:
        return Fraction(value)
    share = float(value) / unit
    near = Fraction(share).limit_denominator(_LARGEST_DENOMINATOR)
    return near if abs(float(near) - share) <= _SAME * abs(share) else None


def _subsets(
    polynomial: Mapping[Exponents, Fraction], lowest: Exponents
) -> Iterator[tuple[Exponents, ...]]:
    """Give which terms stand beside the product: none, one, or the linear ones."""
    yield ()
    if len(polynomial) > _MOST_LEFT_OUT:
        return
    for exponents in polynomial:
        yield (exponents,)
    linear = tuple(e for e in polynomial if sum(e) + sum(lowest) <= 1)
    if len(linear) > 1:
        yield linear


def _factored(
    polynomial: Mapping[Exponents, Fraction], n_bases: int
) -> tuple[Fraction, list[tuple[dict[Exponents, Fraction], int]]] | None:
    """Give the content and the factors, with 1 as the first coefficient of each."""
    from sympy import QQ, ring

    names = [f"b{i}" for i in range(n_bases)]
    element: Any = ring(names, QQ)[0].from_dict(
        {e: QQ(c.numerator, c.denominator) for e, c in polynomial.items()}
    )
    content, factors = element.factor_list()
    if sum(power for _, power in factors) < 2:
        return None
    total = _fraction(content)
    monic = []
    for factor, power in factors:
        leading = _fraction(factor.LC)
        total *= leading**power
        terms = {e: _fraction(c) / leading for e, c in factor.items()}
        monic.append((terms, power))
    return total, monic


def _fraction(value: Any) -> Fraction:
    return Fraction(int(value.numerator), int(value.denominator))


def _sum(
    bases: Sequence[Node], factor: Mapping[Exponents, Fraction], as_float: bool
) -> Node:
    return add_up(
        (_monomial(bases, e), _number(c, 1.0 if as_float else None))
        for e, c in factor.items()
    )


def _number(value: Fraction, unit: float | None) -> Number:
    if unit is None:
        return exact(value)
    number = float(value) * unit
    whole = number.is_integer() and abs(number) <= _LARGEST_WHOLE
    return int(number) if whole else number


def _monomial(
    bases: Sequence[Node], exponents: Exponents, lowest: Exponents | None = None
) -> Node:
    shift = lowest or (0,) * len(bases)
    return make_product(
        [(b, p + s) for b, p, s in zip(bases, exponents, shift, strict=True) if p + s]
    )


def factors_of(term: Node) -> tuple[tuple[Node, Number], ...]:
    """Give bases and powers of a term in normal form; none of a number."""
    if is_number(term):
        return ()
    if isinstance(term, tuple) and term[0] == "*":
        factors: tuple[tuple[Node, Number], ...] = term[1]
        return factors
    return ((term, 1),)
