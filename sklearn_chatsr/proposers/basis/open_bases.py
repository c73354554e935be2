"""Powers whose exponent is a column, with numbers in the base and in the exponent.

In ``(1 + x1/12)^(-12*x2)`` both numbers bend the term, and what is beside it and times
it is linear. Few pairs of numbers are looked at, for all other columns and some
transforms of the target at once; the best pairs are tuned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from sklearn_chatsr.expressions.expression import Tree
from sklearn_chatsr.proposers.basis.beside_lines import (
    LAW,
    directions_beside,
    left_beside,
    line_in,
    rest_of,
    times,
)
from sklearn_chatsr.proposers.basis.column_powers import LARGEST, exponents_in, inverse
from sklearn_chatsr.proposers.basis.dense import SPARE_ROWS
from sklearn_chatsr.proposers.basis.formulations import Sum
from sklearn_chatsr.proposers.basis.openings import tuned
from sklearn_chatsr.proposers.basis.quotients import orthonormal_basis
from sklearn_chatsr.proposers.basis.task import Task
from sklearn_chatsr.proposers.basis.terms import Array, Columns, Terms
from sklearn_chatsr.proposers.basis.transforms import columns_over_target
from sklearn_chatsr.proposers.basis.trees import linear_combination, multiplied, snap

_MOST_COLUMNS = 3
_BEHIND = ("y", "1/y", "log(y)")
# Numbers in the base, in units of the inverse of its column's median; and sizes of the
# power's logarithm.
_INSIDE = 10.0 ** np.linspace(-1.5, 1.5, 9)
_SIZES = (0.2, 0.5, 1.2, 3.0, -0.2, -0.5, -1.2, -3.0)
# Pairs for each power and target, by the number of columns, and steps that all of them
# take; so many are tuned of those that leave such a share of a length.
_STARTS, _STEPS = 8, 9
_TUNED, _NEAR, _MOST_EVALUATIONS = 4, 1e-3, 60
_DAMPING, _NUDGE, _RIDGE = 1e-2, 1e-6, 1e-13
_SHORT = 1e-7


@dataclass(frozen=True)
class _Power:
    """A power with a number c in the base and a factor m in the exponent.

    Attributes
    ----------
    logarithm : callable
        That of the power for the logarithm of c, where m is one.
    tree : callable
        The power for c and m.
    size : float
        Of the numbers in the base.
    is_product : bool
        Whether the base is c times a column.
    """

    logarithm: Callable[[Array], Array]
    tree: Callable[[float, float], Tree]
    size: float
    is_product: bool = False

    def values(self, log_c: Array, m: Array) -> Array:
        """Give the power for numbers of shape (n_pairs, 1)."""
        return np.asarray(np.exp(m * self.logarithm(log_c)))

    def factors(self, numbers: Array) -> Array:
        """Give m for pairs of the logarithm of c, and the size of the power's.

        These two know nothing of each other where c and m do: for a small c the power
        has little to say but their product. In a product it is c that knows nothing.
        """
        log_c = np.log([[self.size]]) if self.is_product else numbers[:, :1]
        size = np.sqrt(np.square(self.logarithm(log_c)).mean(axis=1))
        return np.asarray(numbers[:, 1] / size)

    def starts(self) -> Array:
        """Give such pairs with which the power is of tolerable size."""
        log_c = np.repeat(np.log(_INSIDE * self.size), len(_SIZES))
        pairs = np.column_stack([log_c, np.tile(_SIZES, len(_INSIDE))])
        logarithm = self.logarithm(pairs[:, :1]) * self.factors(pairs)[:, None]
        return pairs[np.abs(logarithm).max(axis=1) < LARGEST]


def powers_with_open_bases(task: Task, j: int) -> Iterator[Sum]:
    """Look for such a power, and it times the column, beside a line in the columns.

    Parameters
    ----------
    task : Task
        What is to be explained, with columns in units of the data.
    j : int
        The column in the exponent.
    """
    columns, y, n = task.columns, task.y, task.n_fit
    line = line_in(columns)
    # In every fit there are the line, two terms and two numbers.
    if len(columns) > _MOST_COLUMNS or len(line) + 4 > n - SPARE_ROWS:
        return
    base = orthonormal_basis(line.values[:, :n])
    factors = line.take(np.array([0, 1 + j]))
    transforms = [t for t in task.transforms if t.name in _BEHIND]
    transforms += columns_over_target(columns, only_mixed=False)
    targets = np.array([t.forward(y)[:n] for t in transforms])
    usable, rest = left_beside(targets, base)
    rest = rest / np.linalg.norm(rest, axis=1, keepdims=True)
    at_fit = columns.rows(np.arange(n))
    fits = [_Fit(power, base, factors.values[:, :n]) for power in _powers(at_fit, j)]
    for number, t, numbers in _likely(fits, rest, _STARTS // len(columns)):
        fit = fits[number]

        def left(numbers: Array, fit: _Fit = fit, t: int = t) -> Array:
            return rest_of(rest[t], fit.directions(numbers[None])[0])

        numbers = tuned(left, numbers, _MOST_EVALUATIONS)
        if np.linalg.norm(left(numbers)) < LAW:
            c = _plain(float(np.exp(numbers[0])))
            m = _plain(float(fit.power.factors(numbers[None])[0]))
            power = list(_powers(columns, j))[number]
            values = power.values(np.log([c]), np.array([m]))
            terms = times(factors, values, power.tree(c, m))
            beside = line.take(np.arange(1, len(line)))
            yield Sum(transforms[usable[t]], y, Terms.join([beside, terms]), n)
            return


@dataclass(frozen=True)
class _Fit:
    """Regressions on a power times some factors, for many pairs of numbers at once.

    Attributes
    ----------
    power : _Power
        On the rows that are fitted.
    base : ndarray of shape (n_rows, n_base)
        Orthonormal columns that are in every fit.
    factors : ndarray of shape (n_factors, n_rows)
        What the power is multiplied with.
    """

    power: _Power
    base: Array
    factors: Array

    def _added(self, numbers: Array) -> Array:
        factors = self.power.factors(numbers)[:, None]
        values = self.power.values(numbers[:, :1], factors)
        values[~(values.max(axis=1) < np.exp(LARGEST))] = 0.0
        return values[:, None] * self.factors

    def directions(self, numbers: Array) -> Array:
        """Give what each power adds to the base, see `directions_beside`."""
        return directions_beside(self.base, self._added(numbers))

    def left(self, numbers: Array, rest: Array) -> Array:
        """Give what each power leaves of each row of `rest`, to half of the digits."""
        free = rest_of(self._added(numbers), self.base)
        free /= np.maximum(np.linalg.norm(free, axis=2, keepdims=True), 1e-300)
        square = free @ free.swapaxes(1, 2) + _RIDGE * np.eye(len(self.factors))
        fit = _solved(square, (free @ rest[:, :, None])[:, :, 0])
        return np.asarray(rest - (fit[:, None] @ free)[:, 0])

    def improved(self, numbers: Array, rest: Array) -> Array:
        """Take some steps of Levenberg and Marquardt for all pairs of numbers."""
        left = self.left(numbers, rest)
        damping = np.full(len(numbers), _DAMPING)
        for _ in range(_STEPS):
            slopes = np.stack(
                [
                    (self.left(numbers + _NUDGE * unit, rest) - left) / _NUDGE
                    for unit in np.eye(2)
                ],
                axis=1,
            )
            square = slopes @ slopes.swapaxes(1, 2)
            ridge = damping[:, None] * np.einsum("skk->sk", square) + 1e-300
            square = square + ridge[:, :, None] * np.eye(2)
            further = numbers - _solved(square, (slopes @ left[:, :, None])[:, :, 0])
            then = self.left(further, rest)
            is_less = np.square(then).sum(axis=1) < np.square(left).sum(axis=1)
            numbers = np.where(is_less[:, None], further, numbers)
            left = np.where(is_less[:, None], then, left)
            damping = np.where(is_less, damping / 10, damping * 10)
        return numbers


def _solved(square: Array, right: Array) -> Array:
    """Solve pairs of equations; those without a solution are no error."""
    (a, b), (_, d) = square[:, 0].T, square[:, 1].T
    first, second = right.T
    sides = np.column_stack([d * first - b * second, a * second - b * first])
    return np.asarray(sides / (a * d - b * b)[:, None])


def _likely(
    fits: Sequence[_Fit], rest: Array, n_starts: int
) -> list[tuple[int, int, Array]]:
    """Give powers and rows of `rest` of which little is left, with the numbers."""
    found: list[tuple[float, int, int, Array]] = []
    for number, fit in enumerate(fits):
        starts = fit.power.starts()
        told = np.square(rest @ fit.directions(starts)).sum(axis=2)
        best = np.argsort(-told, axis=0, kind="stable")[:n_starts]
        of_row = np.tile(np.arange(len(rest)), len(best))
        improved = fit.improved(starts[best.ravel()], rest[of_row])
        shares = np.linalg.norm(fit.left(improved, rest[of_row]), axis=1)
        for k in np.flatnonzero(shares < _NEAR):
            found.append((float(shares[k]), number, int(of_row[k]), improved[k]))
    found.sort(key=lambda item: item[0])
    return [(number, t, numbers) for _, number, t, numbers in found[:_TUNED]]


def _powers(columns: Columns, j: int) -> Iterator[_Power]:
    """Give ``(1 + c*x)^(m*w)``, ``(c*x)^(m*w)`` and ``(1 + c*x^w)^(m/w)``."""
    for i, (x, leaf) in enumerate(zip(columns.values, columns.leaves, strict=True)):
        if i != j and columns.positive[i]:
            for exponent, tree in exponents_in(columns, j, both_signs=False):
                yield from _powers_of(x, leaf, exponent, tree)


def _powers_of(x: Array, leaf: Tree, w: Array, exponent: Tree) -> Iterator[_Power]:
    def written(inner: Tree, beside: float, outer: Tree) -> Callable[..., Tree]:
        return lambda c, m: (
            "pow",
            linear_combination([(c, inner)], beside, exact=True),
            multiplied(snap(m, True), outer),
        )

    size, inner = float(1 / np.median(x)), x**w
    yield _Power(
        lambda log_c: w * np.log1p(np.exp(log_c) * x),
        written(leaf, 1.0, exponent),
        size,
    )
    yield _Power(
        lambda log_c: w * (log_c + np.log(x)),
        written(leaf, 0.0, exponent),
        size,
        is_product=True,
    )
    yield _Power(
        lambda log_c: np.log1p(np.exp(log_c) * inner) / w,
        written(("pow", leaf, exponent), 1.0, inverse(exponent)),
        1.0,
    )


def _plain(number: float) -> float:
    """Give the whole number, or one over it, that a number is next to, else it."""
    is_small = abs(number) < 1
    whole = round(1 / number if is_small else number)
    short = 1 / whole if is_small else float(whole)
    return short if abs(short - number) < _SHORT * abs(number) else number
