"""Monomials: products of powers of the columns, the simplest first."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import combinations_with_replacement
from itertools import product as product_of

import numpy as np

from sklearn_chatsr.proposers.basis.terms import Columns, Terms, power, product
from sklearn_chatsr.proposers.basis.trees import multiplied

Exponents = tuple[tuple[int, Fraction], ...]
_Choice = tuple[Fraction, int, float]  # exponent, twice its size, what it adds

# What a further column and an exponent add to the order. A column more is cheap and an
# unusual exponent dear: laws have many plain factors and few high powers.
_COLUMN = 0.7
_INTEGER = {1: 0.0, -1: 0.1, 2: 1.2, -2: 1.3, 3: 1.7, -3: 2.0, 4: 2.2, -4: 2.6}
_HALVES = {1: 1.5, -1: 1.6, 3: 2.3, -3: 2.4}
_AGAIN = 0.3  # (x1*x2)^2 and sqrt(x1*x2) have one exponent
_HIGHEST = {1: 10, 2: 6}  # by number of columns
_STEP = 0.35


def exponents_by_order(columns: Columns, most: int) -> list[tuple[float, Exponents]]:
    """List products of powers by order.

    Parameters
    ----------
    columns : Columns
        Fractional powers are taken of positive columns only.
    most : int
        How many to give.

    Returns
    -------
    list of (float, tuple of (int, Fraction))
        Order and the exponents of the columns that occur.
    """
    choices = [_choices(len(columns), positive) for positive in columns.positive]
    limit = _COLUMN
    highest = sum(_COLUMN + max(extra for *_, extra in c) for c in choices)
    while True:
        left = list(_grow(choices, 0, limit, (), ()))
        if len(left) >= most or limit > highest:
            break
        limit += _STEP
    found = [(round(limit - rest, 6), exponents) for rest, exponents in left]
    found.sort(key=lambda item: item[0])
    return found[:most]


def monomials(columns: Columns, most: int) -> tuple[Terms, list[Exponents]]:
    """Evaluate products of powers by order.

    Returns
    -------
    terms : Terms
        At most ``most`` monomials that are finite on all rows.
    exponents : list of tuple of (int, Fraction)
        Their exponents.
    """
    listed = exponents_by_order(columns, most)
    needed = {factor for _, exponents in listed for factor in exponents}
    powers = {(j, p): columns.values[j] ** float(p) for j, p in needed}
    values = np.ones((len(listed), columns.values.shape[1]))
    for row, (_, exponents) in zip(values, listed, strict=True):
        for factor in exponents:
            row *= powers[factor]
    trees = [
        product([(columns.leaves[j], p) for j, p in exponents])
        for _, exponents in listed
    ]
    keep = np.flatnonzero(np.isfinite(values).all(axis=1) & values.any(axis=1))
    terms = Terms(values, trees, np.array([order for order, _ in listed]))
    return terms.take(keep), [listed[i][1] for i in keep]


def _choices(n_columns: int, positive: bool) -> list[_Choice]:
    integers = dict(_INTEGER)
    for p in range(5, _HIGHEST.get(n_columns, 4) + 1):
        integers[p] = 0.6 * p
    choices = [(Fraction(p), 2 * abs(p), extra) for p, extra in integers.items()]
    if positive:
        choices += [(Fraction(p, 2), abs(p), extra) for p, extra in _HALVES.items()]
    return choices


def _grow(
    choices: list[list[_Choice]],
    first: int,
    left: float,
    chosen: Exponents,
    sizes: tuple[int, ...],
) -> Iterator[tuple[float, Exponents]]:
    for j in range(first, len(choices)):
        for p, size, extra in choices[j]:
            rest = left - _COLUMN - (min(extra, _AGAIN) if size in sizes else extra)
            if rest >= -1e-9:
                longer = (*chosen, (j, p))
                yield rest, longer
                yield from _grow(choices, j + 1, rest, longer, (*sizes, size))


def polynomial(columns: Columns, degree: int, most: int) -> Terms | None:
    """Evaluate all monomials of a polynomial but the constant.

    Returns
    -------
    Terms or None
        None when there are more than so many of them.
    """
    n_columns = len(columns)
    if math.comb(n_columns + degree, degree) - 1 > most:
        return None
    values, trees, order = [], [], []
    for total in range(1, degree + 1):
        for chosen in combinations_with_replacement(range(n_columns), total):
            powers = [(j, Fraction(chosen.count(j))) for j in sorted(set(chosen))]
            values.append(np.prod([columns.values[j] for j in chosen], axis=0))
            trees.append(product([(columns.leaves[j], p) for j, p in powers]))
            order.append(float(total))
    return Terms(np.array(values), trees, np.array(order))


def laurent(columns: Columns, exponents: Sequence[int], most: int) -> Terms | None:
    """Evaluate all products of some powers of the columns, each column at most once.

    Returns
    -------
    Terms or None
        None when there are more than so many of them, or a column passes zero.
    """
    if (len(exponents) + 1) ** len(columns) - 1 > most or np.any(columns.values == 0):
        return None
    values, trees, order = [], [], []
    for chosen in product_of([0, *exponents], repeat=len(columns)):
        powers = [(j, Fraction(p)) for j, p in enumerate(chosen) if p]
        if powers:
            factors = [columns.values[j] ** float(p) for j, p in powers]
            values.append(np.prod(factors, axis=0))
            trees.append(product([(columns.leaves[j], p) for j, p in powers]))
            order.append(float(sum(map(abs, chosen))))
    return Terms(np.array(values), trees, np.array(order))


def box(columns: Columns, highest: Sequence[int]) -> Terms:
    """Evaluate all products of powers up to a highest one of each column, and 1.

    Parameters
    ----------
    columns : Columns
        The columns.
    highest : sequence of int
        The largest exponent of each.
    """
    terms = Terms.one(columns.values.shape[1])
    for row, leaf, most in zip(columns.values, columns.leaves, highest, strict=True):
        parts = [terms]
        for p in range(1, most + 1):
            factor = power(leaf, Fraction(p))
            trees = [factor if t == "1" else multiplied(t, factor) for t in terms.trees]
            parts.append(Terms(terms.values * row**p, trees, terms.order + p))
        terms = Terms.join(parts)
    return terms


def polynomial_of_each(columns: Columns, degree: int) -> Terms:
    """Evaluate the powers of every column up to a degree."""
    values, trees, order = [], [], []
    for j, leaf in enumerate(columns.leaves):
        for p in range(1, degree + 1):
            values.append(columns.values[j] ** p)
            trees.append(product([(leaf, Fraction(p))]))
            order.append(float(p))
    return Terms(np.array(values), trees, np.array(order))
