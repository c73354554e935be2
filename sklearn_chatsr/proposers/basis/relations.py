"""Relations between slopes, and the smaller problems that they lead to.

Where a law knows two columns only by ``x1 - x2``, its slopes along both add up to zero
on every row; where it knows ``x1*x2^p``, the slopes along their logarithms are in the
ratio of 1 to p. A change of units, a power in front, an addend and a common shift of
target and columns are such relations as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from itertools import combinations

import numpy as np

from sklearn_chatsr.expressions.expression import Tree
from sklearn_chatsr.proposers.basis.reductions import Remainder
from sklearn_chatsr.proposers.basis.scaling import SPAN, Scaling, directions
from sklearn_chatsr.proposers.basis.terms import Array, power
from sklearn_chatsr.proposers.basis.trees import multiplied

# Of changes of units so many are measured; and so many are proposed.
_MOST_MEASURED, _MOST_CHANGES = 500, 16
_NEAR, _PLAIN = 0.2, 0.03  # of a short number; of one with more digits
# Powers of columns that are added up: always tried, and where the slopes tell them.
_SUMMED = (Fraction(1), Fraction(2), Fraction(-1))
_EXPONENTS = tuple(
    sign * Fraction(p, q)
    for p, q in ((1, 1), (2, 1), (3, 1), (4, 1), (1, 2), (3, 2), (1, 3), (2, 3), (4, 3))
    for sign in (1, -1)
)
_USUAL = 0.9  # of the rows have slopes of one sign
# Functions of a column that may be added to the rest, and their derivatives.
_ADDED: dict[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "": (lambda x: x, np.ones_like),
    "sq": (np.square, lambda x: 2.0 * x),
    "inv": (lambda x: 1.0 / x, lambda x: -(x**-2.0)),
    "sqrt": (np.sqrt, lambda x: 0.5 * x**-0.5),
    "log": (np.log, lambda x: 1.0 / x),
    "exp": (np.exp, np.exp),
    "sin": (np.sin, np.cos),
    "cos": (np.cos, lambda x: -np.sin(x)),
}
RATIOS = tuple(
    sign * Fraction(p, q)
    for p, q in ((1, 1), (2, 1), (1, 2), (3, 1), (1, 3), (3, 2), (2, 3), (4, 1), (1, 4))
    for sign in (1, -1)
)


@dataclass(frozen=True)
class Relation:
    """What slopes have in common, and the problem that it leaves.

    Attributes
    ----------
    missed : float
        How far the slopes are from it, as a share of themselves.
    complexity : int
        Of what is put together.
    smaller : Remainder
        The problem.
    number : Fraction, default=1
        What its slopes seem to be in the ratio of.
    at : callable, optional
        Gives the problem for another number.
    """

    missed: float
    complexity: int
    smaller: Remainder
    number: Fraction = Fraction(1)
    at: Callable[[Fraction], Remainder] | None = None


def relations(problem: Remainder, slopes: Array) -> Iterator[Relation]:
    """Give what slopes seem to have in common, whatever its worth.

    Parameters
    ----------
    problem : Remainder
        The problem.
    slopes : ndarray of shape (n_rows, n_columns)
        Partial derivatives of its target, at the first rows.
    """
    X, y = problem.columns.values[:, : len(slopes)].T, problem.y[: len(slopes)]
    by_ratio = slopes * X  # along the logarithms of the columns
    away = [np.abs(x).min() > SPAN * np.abs(x).max() for x in X.T]
    positive = [is_away and x.min() > 0 for is_away, x in zip(away, X.T, strict=True)]
    if np.all(y > 0) or np.all(y < 0):
        yield from _changes_of_units(problem, by_ratio / y[:, None], positive)
    yield from _powers_in_front(problem, by_ratio, y, positive)
    yield from _addends(problem, slopes)
    for j, k in combinations(range(X.shape[1]), 2):
        for one, other in ((j, k), (k, j)):
            if away[other]:
                yield from _products(problem, by_ratio, one, other, positive)
        yield from _sums(problem, slopes, j, k, positive)
        yield from _common_shifts(problem, slopes, j, k)


def _missed(values: Array, wanted: Array) -> float:
    """Tell how far values are from others, as a share of the smaller ones."""
    size = min(float(np.median(np.abs(values))), float(np.median(np.abs(wanted))))
    far = float(np.median(np.abs(values - wanted)))
    return far / size if size > 0 else np.inf


def _short(values: Array) -> list[Fraction]:
    """Give short numbers that all values seem to be: a simple one, and two digits."""
    value = float(np.median(values))
    if not (np.isfinite(value) and 1e-3 < abs(value) < 1e3):
        return []
    found = {min(RATIOS, key=lambda r: abs(float(r) - value))}
    found.add(Fraction(f"{value:.1e}"))
    return [r for r in sorted(found) if abs(float(r) - value) <= _NEAR * abs(value)]


def _powers_in_front(
    problem: Remainder, by_ratio: Array, y: Array, positive: Sequence[bool]
) -> Iterator[Relation]:
    """Give columns along which the target is a power."""

    def at(j: int, exponent: Fraction) -> Remainder:
        return problem.scaled(Scaling({j: 1}, exponent))

    for j in map(int, np.flatnonzero(positive)):
        exponents = by_ratio[:, j] / y
        for exponent in {*_short(exponents), *_closer(exponents)}:
            missed = _missed(by_ratio[:, j], float(exponent) * y)
            length = _length(exponent)
            yield Relation(missed, length, at(j, exponent), exponent, partial(at, j))


def _changes_of_units(
    problem: Remainder, exponents: Array, positive: Sequence[bool]
) -> Iterator[Relation]:
    """Give changes of units of several columns along which the target is a power."""
    usable = np.flatnonzero(positive)
    # Divided by powers of another one, columns with zeros may be in it as well.
    if not len(usable) or exponents.shape[1] < 2:
        return
    mixed = frozenset(range(exponents.shape[1])) - set(map(int, usable))
    ways = directions(exponents.shape[1])
    ways = ways[np.count_nonzero(ways, axis=1) > 1]
    size = np.abs(ways) * np.median(np.abs(exponents), axis=0)
    size = np.where(ways != 0, size, np.inf).min(axis=1)
    spread = np.einsum("vi,ij,vj->v", ways, np.cov(exponents.T), ways)
    likely = np.argsort(spread / np.square(size), kind="stable")[:_MOST_MEASURED]
    ways, size = ways[likely], size[likely]
    slopes = exponents @ ways.T
    powers = np.round(np.median(slopes, axis=0) * 2) / 2
    missed = np.median(np.abs(slopes - powers), axis=0) / size
    for at in np.argsort(missed, kind="stable")[:_MOST_CHANGES]:
        way, shift = ways[at], Fraction(float(powers[at]))
        involved = {int(i): int(way[i]) for i in np.flatnonzero(way)}
        scaling = Scaling(involved, shift, mixed & involved.keys())
        if not scaling.pivots or (shift == 0 and len(involved) == 2):
            continue  # or a product, see below
        complexity = int(np.abs(way).sum()) + 2 * len(involved) - 2
        yield Relation(float(missed[at]), complexity, problem.scaled(scaling))


def _products(
    problem: Remainder, by_ratio: Array, j: int, k: int, positive: Sequence[bool]
) -> Iterator[Relation]:
    """Give products of a column and a power of another one."""
    columns = problem.columns

    def at(exponent: Fraction) -> Remainder:
        if positive[j] and positive[k]:
            p, q = exponent.numerator, exponent.denominator
            return problem.scaled(Scaling({j: -p, k: q}, Fraction(0)))
        leaf = multiplied(columns.leaves[j], power(columns.leaves[k], exponent))
        values = columns.values[j] * columns.values[k] ** float(exponent)
        return replace(problem, columns=columns.instead_of([j, k], leaf, values))

    for exponent in _short(by_ratio[:, k] / by_ratio[:, j]):
        # Of x*z^2 and z*x^(1/2) one is enough.
        if abs(exponent) < 1 or (abs(exponent) == 1 and j > k):
            continue
        if positive[k] or exponent.denominator == 1:
            missed = _missed(by_ratio[:, k], float(exponent) * by_ratio[:, j])
            tuning = at if positive[k] else None
            complexity = 1 + _length(exponent)
            yield Relation(missed, complexity, at(exponent), exponent, tuning)


def _closer(values: Array) -> set[Fraction]:
    """Give quarters and three digits that all values plainly seem to be."""
    value = float(np.median(values))
    if not (np.isfinite(value) and 0.1 < abs(value) < 10):
        return set()
    if float(np.median(np.abs(values - value))) > _PLAIN * abs(value):
        return set()
    found = {Fraction(round(4 * value), 4), Fraction(f"{value:.2e}")}
    return {r for r in found if abs(float(r) - value) <= _PLAIN * abs(value)}


def _length(number: Fraction) -> int:
    """Tell how long a number is, about in nodes."""
    return min(abs(number.numerator) + number.denominator - 1, 5)


def _sums(
    problem: Remainder, slopes: Array, j: int, k: int, positive: Sequence[bool]
) -> Iterator[Relation]:
    """Give sums of powers of two columns, with a coefficient."""
    columns, n_rows = problem.columns, len(slopes)
    x, z = columns.values[j], columns.values[k]

    def of(p: Fraction, q: Fraction, coefficient: Fraction) -> Remainder:
        one, other = power(columns.leaves[j], p), power(columns.leaves[k], q)
        values = x ** float(p) + float(coefficient) * z ** float(q)
        sign = "add" if coefficient > 0 else "sub"
        leaf = (sign, one, multiplied(_written(abs(coefficient)), other))
        return replace(problem, columns=columns.instead_of([j, k], leaf, values))

    along_x, along_z = slopes[:, j], slopes[:, k]
    exponents = [(p, q) for p in _SUMMED for q in _SUMMED if p == q or p * q == 2]
    if positive[j] and positive[k]:
        exponents += _exponents(along_z / along_x, x[:n_rows], z[:n_rows])
    for p, q in dict.fromkeys(exponents):
        if (p < 0 and np.any(x == 0)) or (q < 0 and np.any(z == 0)):
            continue
        a = float(q) * along_x * z[:n_rows] ** float(q - 1)
        b = float(p) * along_z * x[:n_rows] ** float(p - 1)
        for coefficient in _short(b / a):
            missed = _missed(b, float(coefficient) * a)
            complexity = 1 + _length(coefficient) + 2 * len({p, q} - {Fraction(1)})
            at = partial(of, p, q)
            yield Relation(missed, complexity, at(coefficient), coefficient, at)


def _exponents(ratio: Array, x: Array, z: Array) -> list[tuple[Fraction, Fraction]]:
    """Give p and q of x^p + c*z^q whose slopes are in a ratio; none or one pair."""
    size = np.log(np.abs(ratio))
    if not (np.isfinite(size).all() and abs(np.sign(ratio).mean()) > _USUAL):
        return []
    design = np.column_stack([np.ones_like(x), np.log(x), np.log(z)])
    _, of_x, of_z = np.linalg.lstsq(design, size, rcond=None)[0]
    found = []
    for value in (1.0 - of_x, 1.0 + of_z):
        near = min(_EXPONENTS, key=lambda e: abs(float(e) - value))
        if abs(float(near) - value) > _NEAR * abs(value):
            return []
        found.append(near)
    return [(found[0], found[1])]


def _written(number: Fraction) -> Tree:
    return "1" if number == 1 else float(number)


def _addends(problem: Remainder, slopes: Array) -> Iterator[Relation]:
    """Give functions of a column, and products of two, that are only added."""
    columns, n_rows = problem.columns, len(slopes)
    for j, (x, leaf) in enumerate(zip(columns.values, columns.leaves, strict=True)):
        for name, (function, derivative) in _ADDED.items():
            values = function(x)
            if np.isfinite(values).all():
                ratio = slopes[:, j] / derivative(x[:n_rows])
                tree = (name, leaf) if name else leaf
                yield from _added(problem, [j], tree, values, [ratio])
    for j, k in combinations(range(len(columns)), 2):
        x, z = columns.values[j], columns.values[k]
        ratios = [slopes[:, j] / z[:n_rows], slopes[:, k] / x[:n_rows]]
        tree = ("mul", columns.leaves[j], columns.leaves[k])
        yield from _added(problem, [j, k], tree, x * z, ratios)


def _added(
    problem: Remainder,
    gone: Sequence[int],
    tree: Tree,
    values: Array,
    ratios: Sequence[Array],
) -> Iterator[Relation]:
    """Take an addend away whose coefficient is what all ratios seem to be."""

    def at(coefficient: Fraction) -> Remainder:
        addend = multiplied(_written(coefficient), tree)
        return problem.less(gone, addend, float(coefficient) * values)

    if len(gone) < len(problem.columns):
        for coefficient in _short(ratios[0]):
            wanted = np.full(len(ratios[0]), float(coefficient))
            missed = max(_missed(ratio, wanted) for ratio in ratios)
            complexity = _length(coefficient) + (tree not in problem.columns.leaves)
            yield Relation(missed, complexity, at(coefficient), coefficient, at)


def _common_shifts(
    problem: Remainder, slopes: Array, j: int, k: int
) -> Iterator[Relation]:
    """Give two columns whose common shift shifts the target as well.

    Then the target less the first one knows only their difference.
    """
    columns = problem.columns
    first, second = columns.leaves[j], columns.leaves[k]
    for sign in (1.0, -1.0):
        along = slopes[:, j] + sign * slopes[:, k]
        way = float(np.sign(np.median(along)))
        missed = _missed(along, np.full(len(along), way))
        # One of them alone says nothing of the other one.
        if not min(np.median(np.abs(slopes[:, [j, k]]), axis=0)) > missed:
            continue
        leaf: Tree = ("sub" if sign > 0 else "add", second, first)
        values = columns.values[k] - sign * columns.values[j]
        whole = replace(problem, columns=columns.instead_of([k], leaf, values))
        front: Tree = first if way > 0 else ("neg", first)
        at = j if j < k else j - 1
        yield Relation(missed, 2, whole.less([at], front, way * columns.values[j]))
