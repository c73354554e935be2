"""Judge formulas on values of an input that their constants have not seen.

A column with few distinct values (temperatures of an experiment, say) lets a formula
pass through every one of them and go astray between: random held-out rows do not show
that, rows of a held-out value do.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.fitting import ConstantFitter, Optimizer
from sklearn_chatsr.proposers.programs.parameters import refit

FloatArray = npt.NDArray[np.float64]
RowArray = npt.NDArray[np.intp]

_FEWEST_LEVELS, _MOST_LEVELS = 4, 10
_ROWS_PER_LEVEL = 20
_GAP_ROWS = 200
# Places between two neighbouring values that are looked at.
_BETWEEN = (0.25, 0.5, 0.75)


@dataclass(frozen=True)
class LevelFold:
    """Rows of one value of a column, and a fitter for the rows of the others."""

    fitter: ConstantFitter
    X: FloatArray
    y: FloatArray
    weight: FloatArray

    def squared_error(self, expression: Expression) -> tuple[float, float]:
        """Refit on the other values; give weighted squared error and weight here."""
        if expression.n_constants:
            fit = refit(self.fitter, expression)
            if fit.failed:
                return np.inf, 1.0
            expression = fit.expression
        with np.errstate(all="ignore"):
            squares = np.square(expression.evaluate(self.X) - self.y)
        return float(self.weight @ squares), float(self.weight.sum())


@dataclass(frozen=True)
class LevelGaps:
    """Rows moved to the values of a column, and to places between its neighbours.

    Between two neighbouring values the data say nothing; a formula that leaves the
    range of its values there has invented a peak or a dip.
    """

    at: tuple[FloatArray, ...]  # one table per value, of shape (n_rows, n_features)
    between: tuple[tuple[FloatArray, ...], ...]  # per gap, one table per place

    def overshoot(self, expression: Expression) -> float:
        """Give the mean square by which the formula leaves the range in the gaps."""
        with np.errstate(all="ignore"):
            values = [expression.evaluate(X) for X in self.at]
            total, n = 0.0, 0
            for k, tables in enumerate(self.between):
                low = np.minimum(values[k], values[k + 1])
                high = np.maximum(values[k], values[k + 1])
                for X in tables:
                    inner = expression.evaluate(X)
                    outside = np.maximum(low - inner, 0) + np.maximum(inner - high, 0)
                    total += float(np.mean(np.square(outside)))
                    n += 1
        return total / n


def few_valued_columns(X: FloatArray, rows: RowArray) -> dict[int, FloatArray]:
    """Find columns with few values, and enough rows for each.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The columns.
    rows : ndarray of int
        Rows to look at.

    Returns
    -------
    dict of int to ndarray of shape (n_values,)
        The values in ascending order, for columns of four to ten values with at least
        20 rows each.
    """
    found = {}
    for j in range(X.shape[1]):
        levels, counts = np.unique(X[rows, j], return_counts=True)
        few = _FEWEST_LEVELS <= len(levels) <= _MOST_LEVELS
        if few and counts.min() >= _ROWS_PER_LEVEL:
            found[j] = levels
    return found


def level_gaps(X: FloatArray, rows: RowArray) -> list[LevelGaps]:
    """Set up the look between the values of the columns that have few.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The columns.
    rows : ndarray of int
        Rows to look at, of which at most 200 are moved.

    Returns
    -------
    list of LevelGaps
        One per column with few values.
    """
    stride = -(-len(rows) // _GAP_ROWS)

    def moved(j: int, value: float) -> FloatArray:
        table = X[rows[::stride]].copy()
        table[:, j] = value
        return table

    gaps = []
    for j, levels in few_valued_columns(X, rows).items():
        between = [
            tuple(moved(j, a + share * (b - a)) for share in _BETWEEN)
            for a, b in pairwise(levels)
        ]
        gaps.append(LevelGaps(tuple(moved(j, v) for v in levels), tuple(between)))
    return gaps


def level_folds(
    X: FloatArray,
    y: FloatArray,
    sample_weight: FloatArray | None,
    fit_rows: RowArray,
    judge_rows: RowArray,
    optimizer: Optimizer = "lm",
    deadline: float = np.inf,
) -> list[LevelFold]:
    """Hold out every inner value of the columns that have few.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The columns.
    y : ndarray of shape (n_samples,)
        The target.
    sample_weight : ndarray of shape (n_samples,) or None
        Positive weights.
    fit_rows, judge_rows : ndarray of int
        Rows that constants are fitted on, and rows that formulas are judged on.
    optimizer : {"lm", "bfgs", "adam"}
        How constants are fitted.
    deadline : float
        When "bfgs" and "adam" are to end, see `ConstantFitter`.

    Returns
    -------
    list of LevelFold
        Empty when no column has four to ten values with at least 20 rows each. The
        outermost values are never held out: a fit is to interpolate here, not more.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.column_stack([np.linspace(0, 1, 200), np.arange(200) % 5])
    >>> rows = np.arange(200)
    >>> len(level_folds(X, X[:, 0], None, rows, rows))
    3
    """
    weight = np.ones(len(y)) if sample_weight is None else sample_weight
    folds: list[LevelFold] = []
    for j, levels in few_valued_columns(X, judge_rows).items():
        for level in levels[1:-1]:
            others = fit_rows[X[fit_rows, j] != level]
            here = judge_rows[X[judge_rows, j] == level]
            fitter = ConstantFitter(
                X[others],
                y[others],
                weight[others],
                optimizer=optimizer,
                n_starts=1,
                deadline=deadline,
            )
            folds.append(LevelFold(fitter, X[here], y[here], weight[here]))
    return folds
