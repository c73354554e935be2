"""Kinks: curves of one column that are straight between a few breaks.

Such as tariffs and tax brackets, ``0.2*max(x1, 12) + 0.1*max(x1, 40)``, beside lines of
the other columns; or one of these times the curve. Where one break more helps most is
seen from exact least squares for all places at once; then all breaks move together.

References
----------
Muggeo, V. M. R. (2003). Estimating regression models with unknown break-points.
Statistics in Medicine 22, 3055-3071.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from sklearn_chatsr.expressions.expression import Tree
from sklearn_chatsr.proposers.basis.beside_lines import rest_of
from sklearn_chatsr.proposers.basis.quotients import orthonormal_basis
from sklearn_chatsr.proposers.basis.splines import WORTH, solve
from sklearn_chatsr.proposers.basis.terms import Array, Columns
from sklearn_chatsr.proposers.basis.trees import linear_combination, multiplied

_MOST_COLUMNS, _MOST_TIMES = 6, 3  # columns; those up to which factors are tried
_MOST_ROWS, _MOST_PLACES, _LEAST_LEVELS = 500, 120, 10
_MOST_KINKS, _MOVES = 4, 12
_NODES, _NODE_BITS = 5, 4.0  # of one break more
_SMALLEST = 1e-26  # share of the variance
_SMOOTH = 0.9  # of what a polynomial with as many numbers leaves

_Part = tuple[Array, Tree]


@dataclass(frozen=True)
class _Curve:
    """A column with kinks, perhaps times another one, and lines beside it.

    Attributes
    ----------
    x, factor : ndarray of shape (n_rows,)
        The column, and what the curve is multiplied by.
    leaf, factor_leaf : tree
        What they are.
    beside : dict of tree to ndarray of shape (n_rows,)
        What may be added; a number always is.
    y : ndarray of shape (n_rows,)
        The target.
    """

    x: Array
    leaf: Tree
    factor: Array
    factor_leaf: Tree
    beside: dict[Tree, Array]
    y: Array

    def fit(self, *parts: Array) -> tuple[Array, float]:
        """Give coefficients of parts and of what is beside, and the squares left."""
        added = [part * self.factor for part in parts]
        design = np.column_stack([*added, *self.beside.values(), np.ones_like(self.y)])
        size = np.maximum(np.abs(design).max(axis=0), 1e-300)
        found = solve(design / size, self.y) / size
        return found, float(np.sum(np.square(design @ found - self.y)))

    def left_by(self, breaks: Sequence[float]) -> float:
        """Give the squares that are left with some breaks."""
        return self.fit(self.x, *(np.maximum(self.x, t) for t in breaks))[1]

    @property
    def least(self) -> float:
        """Squares that are as good as none."""
        return _SMALLEST * float(np.sum(np.square(self.y - self.y.mean())))


def kinks(
    columns: Columns,
    y: Array,
    wrap: Callable[[Tree], Sequence[Tree]],
    out_of_time: Callable[[], bool],
) -> Iterator[list[Tree]]:
    """Yield curves of one column with as many kinks as pay.

    Parameters
    ----------
    columns : Columns
        Rows in random order, of which up to 500 count.
    y : ndarray of shape (n_rows,)
        The target.
    wrap : callable
        Puts the formula of y into the formula of the data's target.
    out_of_time : callable
        Asked between columns.
    """
    y = y[:_MOST_ROWS]
    table = dict(zip(columns.leaves, columns.values[:, :_MOST_ROWS], strict=True))
    if len(table) > _MOST_COLUMNS:
        return
    for leaf, x in table.items():
        others = {other: z for other, z in table.items() if other != leaf}
        times: dict[Tree, Array] = {"1": np.ones_like(y)}
        if len(table) <= _MOST_TIMES:
            times |= others
        for factor_leaf, factor in times.items():
            if out_of_time():
                return
            curve = _Curve(x, leaf, factor, factor_leaf, others, y)
            laws = [_written(curve, breaks) for breaks in _growing(curve)]
            if laws:
                yield [whole for law in laws for whole in wrap(law)]


def _growing(curve: _Curve) -> Iterator[list[float]]:
    """Give one break, two and more, where they pay and no polynomial is better."""
    x, n = curve.x, len(curve.y)
    levels = np.unique(x)
    if len(levels) < _LEAST_LEVELS:
        return
    between = np.sort(np.concatenate([levels, (levels[1:] + levels[:-1]) / 2.0]))[2:-2]
    step = -(-len(between) // _MOST_PLACES)
    places = between[:: max(step, 1)]
    hinges = np.maximum(x - places[:, None], 0.0) * curve.factor
    _, left = curve.fit(x)
    centred = (x - x.mean()) / x.std()
    price = np.log2(n) + _NODES * _NODE_BITS
    breaks: list[float] = []
    for _ in range(_MOST_KINKS):
        if left <= curve.least:
            return
        breaks = _moved(curve, _with_one_more(curve, breaks, places, hinges))
        now = max(curve.left_by(breaks), curve.least)
        degree = 2 * len(breaks) + 1
        smooth = curve.fit(*(centred**p for p in range(1, degree + 1)))[1]
        # The first one may help little where two are behind it.
        pays = 0.5 * n * np.log2(left / now) > price
        if not pays and len(breaks) > 1:
            return
        if pays and now < _SMOOTH * smooth:
            yield breaks
        left = now


def _with_one_more(
    curve: _Curve, breaks: Sequence[float], places: Array, hinges: Array
) -> list[float]:
    """Add the break that helps most, and put the others anew beside it."""

    def best_beside(some: Sequence[float]) -> float:
        known = [np.maximum(curve.x - t, 0.0) for t in some]
        parts = [part * curve.factor for part in (curve.x, *known)]
        beside = [*curve.beside.values(), np.ones_like(curve.y)]
        basis = orthonormal_basis(np.array([*parts, *beside]))
        free = rest_of(hinges, basis)
        size = np.linalg.norm(free, axis=1)
        told = np.abs(free @ curve.y) / np.maximum(size, 1e-300)
        told[size <= 1e-6 * np.linalg.norm(hinges, axis=1)] = 0.0
        return float(places[np.argmax(told)])

    grown = [*breaks, best_beside(breaks)]
    for k in range(len(breaks)):
        grown[k] = best_beside([*grown[:k], *grown[k + 1 :]])
    return sorted(set(grown))


def _moved(curve: _Curve, breaks: list[float]) -> list[float]:
    """Let the breaks move to where the lines on both sides meet."""
    x, n = curve.x, len(breaks)
    low, high = float(x.min()), float(x.max())
    best, least = breaks, curve.left_by(breaks)
    for _ in range(_MOVES):
        bends = [np.maximum(x - t, 0.0) for t in breaks]
        jumps = [-(x > t).astype(np.float64) for t in breaks]
        found, _ = curve.fit(x, *bends, *jumps)
        slopes, shifts = found[1 : n + 1], found[n + 1 : 2 * n + 1]
        if np.any(slopes == 0):
            break
        breaks = sorted((np.array(breaks) + shifts / slopes).tolist())
        if not (low < breaks[0] and breaks[-1] < high):
            break
        left = curve.left_by(breaks)
        if left < least:
            best, least = breaks, left
    return best


def _written(curve: _Curve, breaks: Sequence[float]) -> Tree:
    """Write a curve; in few words where its first part, its last or both are flat."""
    x, leaf = curve.x, curve.leaf
    above: list[_Part] = [(np.maximum(x, t), ("max", leaf, t)) for t in breaks]
    below: list[_Part] = [(np.minimum(x, t), ("min", leaf, t)) for t in breaks]
    within: list[_Part] = [
        (np.clip(x, low, high), ("min", ("max", leaf, low), high))
        for low, high in pairwise(breaks)
    ]
    writings = [[(x, leaf), *above], above, below, *([within] if within else [])]
    # What leaves hardly more is as good.
    enough = curve.left_by(breaks) * (1.0 + WORTH / len(x)) + curve.least
    for other in curve.beside:
        rest = {key: z for key, z in curve.beside.items() if key != other}
        fewer = replace(curve, beside=rest)
        if fewer.left_by(breaks) <= enough:
            curve = fewer
    for parts in reversed(writings):
        found, left = curve.fit(*(values for values, _ in parts))
        if left <= enough:
            break
    bent = list(zip(found, (tree for _, tree in parts), strict=False))
    beside = dict(zip(curve.beside, found[len(parts) :], strict=False))
    # A line of what the curve is multiplied by is its offset.
    offset = beside.pop(curve.factor_leaf, 0.0)
    whole = linear_combination(bent, float(offset), exact=False)
    whole = multiplied(curve.factor_leaf, whole)
    for leaf, coefficient in beside.items():
        whole = ("add", whole, ("mul", float(coefficient), leaf))
    return whole
