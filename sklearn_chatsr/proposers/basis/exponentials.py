"""Products of powers with an exponential, such as ``x1*exp(-x3*(a + b/x2))/x4``.

The logarithm of the target is linear in those of the columns, and in a column times a
spline of another one, behind which a usual curve is looked for. The target need not be
exact: constants are left to the fit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import permutations

import numpy as np

from sklearn_chatsr.expressions.expression import Tree
from sklearn_chatsr.proposers.basis.beside_lines import directions_beside, rest_of
from sklearn_chatsr.proposers.basis.laws_of_one import laws_of_one
from sklearn_chatsr.proposers.basis.quotients import orthonormal_basis
from sklearn_chatsr.proposers.basis.splines import share_missed, solve, splines_of
from sklearn_chatsr.proposers.basis.terms import Array, Columns, product
from sklearn_chatsr.proposers.trees import in_place

_LEAST_ROWS, _MOST_ZEROS = 20, 0.1
_NOTHING, _ROUNDING = 1e-22, 1e-15  # shares of the squares
_HALF = 0.1  # off a half, a power is one
_KNOTS, _FIT_SHARE, _IN_SPLINE = (4, 6, 9), 0.75, 40
# Share of the variance that may be missed; and of what is missed otherwise.
_CLOSE, _HOPE = 3e-4, 0.1


@dataclass(frozen=True)
class Beside:
    """A target, and what is in every fit of it.

    Attributes
    ----------
    target : ndarray of shape (n_rows,)
        What is fitted.
    terms : ndarray of shape (n_terms, n_rows)
        What may be part of it.
    """

    target: Array
    terms: Array

    @cached_property
    def _basis(self) -> Array:
        return orthonormal_basis(self.terms)

    @cached_property
    def _rest(self) -> Array:
        return rest_of(self.target, self._basis)

    @property
    def square(self) -> float:
        """Squares that the terms leave."""
        return float(self._rest @ self._rest)

    def left(self, added: Array) -> Array:
        """Give the squares that are left beside sets of terms.

        Parameters
        ----------
        added : ndarray of shape (n_sets, n_terms, n_rows)
            The sets.

        Returns
        -------
        ndarray of shape (n_sets,)
            NaN for terms that are not finite.
        """
        usable = np.isfinite(added).all(axis=(1, 2))
        left = np.full(len(added), np.nan)
        if usable.any():
            told = self._rest @ directions_beside(self._basis, added[usable])
            left[usable] = self.square - np.square(told).sum(axis=1)
            left = np.maximum(left, _ROUNDING * self.square)
        return left


@dataclass(frozen=True)
class Logarithms:
    """The logarithm of a target beside those of the columns.

    Attributes
    ----------
    columns : Columns
        On rows where the target is not zero.
    powers : list of int
        Columns without zeros.
    weight : ndarray of shape (n_rows,)
        Of small targets, of which rounding to the same digit leaves least, it is less.
    beside : Beside
        The weighted logarithm, beside those of the columns and one.
    simpler : float
        Squares that are left beside the columns as well.
    """

    columns: Columns
    powers: list[int]
    weight: Array
    beside: Beside
    simpler: float

    @classmethod
    def of(cls, columns: Columns, y: Array) -> Logarithms | None:
        """Set up, unless few rows have a logarithm or nothing is left to explain."""
        rows = np.flatnonzero(y)
        if len(rows) < max(_LEAST_ROWS, (1.0 - _MOST_ZEROS) * len(y)):
            return None
        columns, size = columns.rows(rows), np.abs(y[rows])
        weight = np.minimum(size / np.median(size), 1.0)
        target = weight * np.log(size)
        powers = [j for j, x in enumerate(columns.values) if np.all(x != 0)]
        logs = np.log(np.abs(columns.values[powers]))
        terms = weight * np.vstack([logs, np.ones_like(size)])
        beside = Beside(target, terms)
        lines = np.vstack([terms, weight * columns.values])
        simpler = Beside(target, lines).square
        if simpler <= _NOTHING * float(target @ target):
            return None
        return cls(columns, powers, weight, beside, simpler)

    def solved(self, added: Array) -> tuple[list[float], list[tuple[Tree, Fraction]]]:
        """Give coefficients of terms, and the columns with their powers.

        Parameters
        ----------
        added : ndarray of shape (n_terms, n_rows)
            Terms of the logarithm.
        """
        design = np.vstack([self.weight * added, self.beside.terms])
        found = solve(design.T, self.beside.target)
        powers = []
        for j, p in zip(self.powers, found[len(added) :], strict=False):
            parts = 2 if self.columns.positive[j] else 1
            near = Fraction(round(parts * p), parts)
            power = near if parts == 1 or abs(p - near) < _HALF else Fraction(p)
            if power != 0:
                powers.append((self.columns.leaves[j], power))
        return found[: len(added)].tolist(), powers


def exponentials(
    logs: Logarithms, known: float, out_of_time: Callable[[], bool]
) -> Iterator[Tree]:
    """Give exponentials of a column times a function of one, times powers.

    Parameters
    ----------
    logs : Logarithms
        What is explained.
    known : float
        Squares that other formulas leave; what leaves hardly less is not looked at.
    out_of_time : callable
        Asked between columns.
    """
    columns, target = logs.columns, logs.beside.target
    n_fit = int(_FIT_SHARE * len(target))
    best = min(_HOPE * known / (len(target) * float(target.var())), _CLOSE), -1, -1
    for inner, outer in permutations(range(len(columns)), 2):
        if out_of_time() or len(target) < _IN_SPLINE:
            return
        for n_knots in _KNOTS:
            basis = splines_of(columns.values[inner], n_fit, n_knots)
            factor = logs.weight * columns.values[outer]
            design = np.column_stack([basis * factor[:, None], logs.beside.terms.T])
            if 2 * design.shape[1] > n_fit:
                break
            found = solve(design[:n_fit], target[:n_fit])
            missed = share_missed(design @ found, target, n_fit)
            if missed < best[0]:
                best = missed, inner, outer
                values = basis @ found[: basis.shape[1]]
    missed, inner, outer = best
    if inner < 0:
        return
    x, z = columns.values[[inner, outer]]
    noise = missed * target.var() / (np.mean(np.square(logs.weight * z)) * values.var())
    _, powers = logs.solved((z * values)[None])
    for _, law in laws_of_one(x, values, float(noise), out_of_time, only_curves=True):
        exponent = ("mul", columns.leaves[outer], in_place(law, columns.leaves[inner]))
        yield product([*powers, (("exp", exponent), Fraction(1))])
