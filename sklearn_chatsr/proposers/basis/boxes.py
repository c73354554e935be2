"""Quotients of polynomials whose degree is bounded column by column.

In ``(x1^3*x2^2 - x3)/(x2^2 + x1*x3)`` no exponent is large, and yet the terms of that
total degree are too many for the rows. The exponents of a law are in a box. What fits
in a box fits in each that holds it, so only the largest boxes that the rows carry are
looked at. One that holds the law is made smaller until nothing can be left out: then
there is one quotient only, and its terms are those of the law.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache, reduce
from itertools import product
from math import prod

import numpy as np
from numpy.polynomial.legendre import legvander

from sklearn_chatsr.expressions import OPERATORS
from sklearn_chatsr.proposers.basis.dense import dense_hit
from sklearn_chatsr.proposers.basis.formulations import Formulation, Hit, Quotient
from sklearn_chatsr.proposers.basis.monomials import box
from sklearn_chatsr.proposers.basis.quotients import orthonormal_basis, pivots
from sklearn_chatsr.proposers.basis.task import Task
from sklearn_chatsr.proposers.basis.terms import Array, Columns
from sklearn_chatsr.proposers.basis.transforms import (
    TRANSFORMS,
    Transform,
    reflections,
)

Box = tuple[int, ...]  # the largest exponent of every column

_MOST_UNKNOWN = 64
_HIGHEST = {2: 6, 3: 4, 4: 4}  # exponent, by number of columns
_HIGHEST_OF_ROOTS, _MOST_ROOTS = 3, 2
_ROOTS = ("", "sqrt", "cbrt")
_BELOW = (1, 2)  # largest exponents of a divisor that is in a smaller box
_DEPENDENT = 1e-9  # share of the largest combination of terms that nothing is
_FORESEEN = 1e-24  # share of the square of the dividend that is missed on other rows
_MOST_IN_USE = 12  # terms: many more are an approximation


def quotients_in_boxes(
    task: Task, out_of_time: Callable[[], bool]
) -> Iterator[tuple[Formulation, Hit]]:
    """Yield an exact quotient for the first target that has one.

    Parameters
    ----------
    task : Task
        What is to be explained.
    out_of_time : callable
        Asked between boxes.
    """
    if len(task.columns) in _HIGHEST:
        highest = _HIGHEST[len(task.columns)]
        transforms = [*task.transforms, *reflections(task.y)]
        yield from _quotients(task, transforms, highest, out_of_time)


def quotients_of_roots_in_boxes(
    task: Task, out_of_time: Callable[[], bool]
) -> Iterator[tuple[Formulation, Hit]]:
    """Yield an exact quotient that may hold roots of one or two columns.

    Parameters
    ----------
    task : Task
        What is to be explained.
    out_of_time : callable
        Asked between boxes.
    """
    columns = task.columns
    if len(columns) not in _HIGHEST:
        return
    steps = [_ROOTS if positive else _ROOTS[:1] for positive in columns.positive]
    for names in product(*steps):
        if not 0 < sum(map(bool, names)) <= _MOST_ROOTS:
            continue
        values, leaves = [*columns.values], [*columns.leaves]
        for j, name in enumerate(names):
            if name:
                values[j] = OPERATORS[name].numpy(values[j])
                leaves[j] = (name, leaves[j])
        rooted = Columns(np.array(values), leaves, columns.positive)
        wider = replace(task, columns=rooted)
        found = list(_quotients(wider, TRANSFORMS[:1], _HIGHEST_OF_ROOTS, out_of_time))
        yield from found
        if found:
            return


def _quotients(
    task: Task,
    transforms: Sequence[Transform],
    highest: int,
    out_of_time: Callable[[], bool],
) -> Iterator[tuple[Formulation, Hit]]:
    n_columns, n_fit = len(task.columns), task.n_fit
    targets = np.array([t.forward(task.y) for t in transforms])
    powers = _Powers(task.columns, highest)
    room = min(n_fit // 2, _MOST_UNKNOWN)
    usable = [k for k, row in enumerate(targets) if np.isfinite(row).all()]
    for above, below in _largest_boxes(n_columns, room, highest):
        if out_of_time():
            return
        dividends, divisors = powers.of(above), powers.of(below)
        for k in usable:
            if not _is_quotient(dividends, targets[k] * divisors, n_fit):
                continue
            smallest = _smallest(powers, above, below, targets[k], n_fit)
            found = _fitted(task, transforms[k], *smallest)
            if found is not None:
                yield found
                return


class _Powers:
    """Polynomials of all columns that make up the powers of each in a box.

    They are products of Legendre polynomials, which rounding hurts least.
    """

    def __init__(self, columns: Columns, highest: int) -> None:
        low = columns.values.min(axis=1, keepdims=True)
        width = np.maximum(np.ptp(columns.values, axis=1, keepdims=True), 1e-300)
        inner = 2.0 * (columns.values - low) / width - 1.0
        self._of_each = [legvander(row, highest).T for row in inner]

    def of(self, exponents: Box) -> Array:
        """Give values of shape (n_polynomials, n_rows)."""
        each = [p[: e + 1] for p, e in zip(self._of_each, exponents, strict=True)]
        return reduce(lambda a, b: (a[:, None] * b[None]).reshape(-1, a.shape[1]), each)


def _size(exponents: Box) -> int:
    return prod(e + 1 for e in exponents)


@cache
def _largest_boxes(
    n_columns: int, room: int, highest: int
) -> tuple[tuple[Box, Box], ...]:
    """Give boxes above and below so that no other of as many unknowns holds them."""
    pairs: dict[tuple[Box, Box], None] = {}
    for most_below in (*_BELOW, highest):
        for above in product(range(1, highest + 1), repeat=n_columns):
            below = tuple(min(e, most_below) for e in above)
            if _size(above) + _size(below) <= room:
                pairs[above, below] = None

    def holds(one: tuple[Box, Box], other: tuple[Box, Box]) -> bool:
        exponents = zip((*one[0], *one[1]), (*other[0], *other[1]), strict=True)
        return one != other and all(a >= b for a, b in exponents)

    largest = [p for p in pairs if not any(holds(other, p) for other in pairs)]
    return tuple(sorted(largest, key=lambda p: _size(p[0]) + _size(p[1])))


def _is_quotient(dividends: Array, divisors: Array, n_fit: int) -> bool:
    """Tell whether some of the divisors' terms, times T(y), are some of the others.

    On the rows that were not fitted as well.
    """
    design = np.concatenate([dividends, divisors]).T
    design /= np.maximum(np.linalg.norm(design[:n_fit], axis=0), 1e-300)
    triangle: Array = np.asarray(np.linalg.qr(design[:n_fit], mode="r"))
    n_above = len(dividends)
    rest = triangle[n_above:, n_above:]
    if not np.abs(rest.diagonal()).min() <= _DEPENDENT:
        return False
    _, singular, directions = np.linalg.svd(rest)
    if not singular[-1] <= _DEPENDENT * singular[0]:
        return False
    above = triangle[:n_above, :n_above], triangle[:n_above, n_above:] @ directions[-1]
    whole = design[n_fit:, n_above:] @ directions[-1]
    missed = whole - design[n_fit:, :n_above] @ np.linalg.solve(*above)
    return bool(missed @ missed <= _FORESEEN * (whole @ whole))


def _smallest(
    powers: _Powers, above: Box, below: Box, target: Array, n_fit: int
) -> tuple[Box, Box]:
    """Lower exponents, one after the other, until none is to spare."""
    n_columns, exponents = len(above), (*above, *below)
    for k in range(2 * n_columns):
        while exponents[k] > 0:
            lower = (*exponents[:k], exponents[k] - 1, *exponents[k + 1 :])
            dividends = powers.of(lower[:n_columns])
            divisors = target * powers.of(lower[n_columns:])
            if not _is_quotient(dividends, divisors, n_fit):
                break
            exponents = lower
    return exponents[:n_columns], exponents[n_columns:]


def _fitted(
    task: Task, transform: Transform, above: Box, below: Box
) -> tuple[Formulation, Hit] | None:
    """Fit the only quotient that there is; None where it is long, or not exact."""
    n_fit = task.n_fit
    dividends, divisors = box(task.columns, above), box(task.columns, below)
    basis = orthonormal_basis(dividends.values[:, :n_fit])
    target = transform.forward(task.y)[None, :n_fit]
    others = dividends.take(np.arange(1, len(dividends)))
    for _, pivot in pivots(target, divisors.values[:, :n_fit], basis):
        quotient = Quotient(transform, task.y, others, divisors, pivot, n_fit)
        hit = dense_hit(quotient)
        if hit is not None and len(hit.chosen) <= _MOST_IN_USE:
            return quotient, hit
    return None
