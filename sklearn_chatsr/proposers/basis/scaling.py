"""Scaling: what dimensional analysis would tell, read off the data.

Laws of nature do not depend on units. Change the unit of time, and every column with a
time in it is multiplied by a power of the same factor, and the target with them:
``y -> c^p y`` when every ``x_j -> c^a_j x_j``. In logarithms this is a direction along
which the slope of the target is p everywhere. A smooth model shows the slopes, and
small whole numbers are tried for a. What is found takes one column away: all the others
become quotients by powers of it. A single column is a plain power in front of the law.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from itertools import combinations, product

import numpy as np
import numpy.typing as npt

from sklearn_chatsr.proposers.basis.smooth import (
    PRESENT,
    degree_for,
    f_statistics,
    is_absent,
    missed,
    polynomial_around,
    slopes,
    standardised,
)
from sklearn_chatsr.proposers.basis.terms import Array

_MOST_INVOLVED = 4  # columns
_LARGEST = 3  # exponent
# Shares of the squared slopes that a direction may leave: of the best, and of others
# in units of the best, where the simplest is looked for.
_LARGEST_SHARE, _LIKEWISE, _SMALLEST_SHARE = 0.02, 30.0, 1e-6
_FARTHEST = 0.04  # of a power from a half
_MOST_TRIED = 8
# Of a column that comes closer to 0, in units of its maximum, logarithms have a tail.
SPAN = 1e-3
_TAIL, _ENOUGH_ROWS = 0.02, 0.7  # of the maximum; of the rows
_MUCH_SMOOTHER = 0.5


@dataclass(frozen=True)
class Scaling:
    """A change of units that the law does not notice.

    Attributes
    ----------
    exponents : dict of int to int
        Powers of the factor by column; those of the other columns are 0.
    power : Fraction
        Power of the factor for the target.
    mixed : frozenset of int
        Columns among them that pass through 0.
    statistic : float
        F statistic of the pivot when everything is divided by its powers.
    """

    exponents: dict[int, int]
    power: Fraction
    mixed: frozenset[int] = frozenset()
    statistic: float = 0.0

    @property
    def pivots(self) -> list[int]:
        """Positive columns of the smallest exponent: the others are divided by it."""
        least = min(map(abs, self.exponents.values()))
        return [
            j
            for j, a in self.exponents.items()
            if abs(a) == least and j not in self.mixed
        ]

    def powers(self, pivot: int) -> tuple[dict[int, Fraction], Fraction]:
        """Give the powers of a pivot by which the other columns are multiplied.

        And that by which the target is divided.
        """
        over = Fraction(1, self.exponents[pivot])
        changes = {j: -a * over for j, a in self.exponents.items() if j != pivot}
        return changes, self.power * over


@np.errstate(all="ignore")
def find_scaling(X: Array, y: Array) -> Scaling | None:
    """Find a change of units that the law does not notice.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_columns)
        Columns; positive ones can be involved, and divided by them others as well.
    y : ndarray of shape (n_rows,)
        The target; a law of one sign shows more.

    Returns
    -------
    Scaling or None
        Of a single column if there is one, else the simplest; None when there is none,
        or there are too few rows to tell.
    """
    # Logarithms have a tail near 0, where a polynomial is at its worst.
    long_tailed = (X.min(axis=0) > 0) & (X.min(axis=0) <= _TAIL * X.max(axis=0))
    inner = np.all(X[:, long_tailed] > _TAIL * X[:, long_tailed].max(axis=0), axis=1)
    if np.mean(inner) > _ENOUGH_ROWS:
        X, y = X[inner], y[inner]
    degree = degree_for(X)
    positive = X.min(axis=0) > SPAN * X.max(axis=0)
    if degree == 0 or not positive.any():
        return None
    mixed = (X.min(axis=0) < 0) & (X.max(axis=0) > 0)
    involved = np.flatnonzero(positive | mixed)
    one_sign = bool(np.all(y > 0) or np.all(y < 0))
    target = np.log(np.abs(y)) if one_sign else y / y.std()
    data = _Data(
        X, X.copy(), target, one_sign, frozenset(map(int, np.flatnonzero(mixed)))
    )
    data.logarithms[:, positive] = np.log(X[:, positive])
    if not (np.isfinite(data.logarithms).all() and np.isfinite(data.target).all()):
        return None
    for each in range(degree, 1, -1):
        found = _find(data, involved, each, degree)
        if found is not None:
            return found
    return None


@dataclass(frozen=True)
class _Data:
    """Columns, their logarithms where possible, the target likewise; mixed ones."""

    columns: Array
    logarithms: Array
    target: Array
    is_log: bool
    mixed: frozenset[int]

    def table(self, in_logarithms: Collection[int]) -> Array:
        """Give some columns in logarithms and the others as they are."""
        chosen = self.columns.copy()
        some = list(set(in_logarithms) - self.mixed)
        chosen[:, some] = self.logarithms[:, some]
        return chosen

    def divided(self, shift: Array) -> Array:
        """Divide the target by the exponential of a shift."""
        return self.target - shift if self.is_log else self.target * np.exp(-shift)


def _find(
    data: _Data, involved: npt.NDArray[np.intp], degree: int, highest: int
) -> Scaling | None:
    """Find a scaling by a polynomial of this degree, that one of the highest allows."""
    in_logarithms = _smooth_in_logarithms(data, involved, degree)
    table = data.table(in_logarithms)
    fitted, slope = slopes(standardised(table), data.target, degree)
    slope /= table.std(axis=0)
    for j in set(map(int, involved)) - in_logarithms:
        slope[:, j] *= data.columns[:, j]  # dx / x is d log x
    slope = slope[:, involved]
    # d log|y| is dy / y.
    unit = np.ones_like(fitted) if data.is_log else fitted
    mean = unit @ slope / (unit @ unit)
    change = slope - np.outer(unit, mean)
    ways = directions(len(involved))
    left = np.einsum("vi,ij,vj->v", ways, change.T @ change, ways)
    share = left / (ways**2 @ np.sum(slope**2, axis=0))
    share = np.where(np.isfinite(share), share, np.inf)
    least = float(share.min())
    if least > _LARGEST_SHARE:
        return None
    limit = max(_LIKEWISE * least, _SMALLEST_SHARE)
    # Directions are in the order of their complexity.
    tried = np.flatnonzero(share < min(limit, _LARGEST_SHARE))[:_MOST_TRIED]
    for direction in ways[tried]:
        used = np.flatnonzero(direction)
        power = Fraction(round(2 * float(mean @ direction)), 2)
        distance = abs(float(mean @ direction) - float(power))
        if distance > _FARTHEST or (len(used) == 1 and power == 0):
            continue
        exponents = {int(involved[k]): int(direction[k]) for k in used}
        found = Scaling(exponents, power, data.mixed & exponents.keys())
        if not found.pivots:
            continue
        before, after = _influence(found, data, in_logarithms, degree)
        if before <= PRESENT or not is_absent(after, before):
            continue
        if degree < highest:
            # What a poor model does not see, a better one may.
            before, after = _influence(found, data, in_logarithms, highest)
            if not is_absent(after, before):
                continue
        return replace(found, statistic=after)
    return None


def _smooth_in_logarithms(
    data: _Data, involved: npt.NDArray[np.intp], degree: int
) -> set[int]:
    """Choose the columns whose logarithms the polynomial is to be of.

    All, but for those in which the target is much smoother without, such as angles.
    """
    chosen = set(map(int, involved)) - data.mixed
    best = _missed(data, chosen, degree)
    for j in sorted(chosen):
        without = chosen - {j}
        left = _missed(data, without, degree)
        if left < _MUCH_SMOOTHER * best:
            chosen, best = without, left
    return chosen


def _missed(data: _Data, in_logarithms: set[int], degree: int) -> float:
    table = standardised(data.table(in_logarithms))
    return missed(np.hstack(polynomial_around(table, 0, degree)), data.target)


def _influence(
    found: Scaling, data: _Data, in_logarithms: set[int], degree: int
) -> tuple[float, float]:
    """Give F statistics of the pivot, before everything is divided by its powers.

    And after it.
    """
    pivot = found.pivots[0]
    changes, shift = found.powers(pivot)
    table = data.table(in_logarithms | found.exponents.keys())
    base = table[:, pivot]
    changed = table.copy()
    for j, exponent in changes.items():
        if j in found.mixed:
            changed[:, j] *= np.exp(float(exponent) * base)
        else:
            changed[:, j] += float(exponent) * base
    divided = data.divided(float(shift) * base)
    inside, outside = polynomial_around(standardised(changed), pivot, degree)
    [after] = f_statistics(outside, inside, divided[None])
    before = 0.0
    for j in found.pivots:
        inside, outside = polynomial_around(standardised(table), j, degree)
        before = max(before, *f_statistics(outside, inside, data.target[None]))
    return before, float(after)


@cache
def directions(n: int) -> npt.NDArray[np.int_]:
    """Enumerate directions (n_directions, n) of small whole numbers, simple first."""
    values = [v for k in range(1, _LARGEST + 1) for v in (k, -k)]
    found = []
    for count in range(1, min(_MOST_INVOLVED, n) + 1):
        some = []
        for exponents in product(values, repeat=count):
            # One of two opposite directions; one column must be able to leave, by whole
            # powers or by that of 3/2.
            plain = min(map(abs, exponents)) == 1
            if exponents[0] > 0 and (plain or set(map(abs, exponents)) == {2, 3}):
                some.append(exponents)
        some.sort(key=lambda e: sum(map(abs, e)))
        for exponents in some:
            for chosen in combinations(range(n), count):
                row = np.zeros(n, dtype=int)
                row[list(chosen)] = exponents
                found.append(row)
    return np.array(found)
