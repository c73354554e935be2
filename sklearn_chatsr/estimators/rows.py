"""Which rows a search works on, and how much each of them counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sklearn_chatsr.fitting import are_repetitions, count_observations
from sklearn_chatsr.selection import DescriptionLength, resolution

FloatArray = npt.NDArray[np.float64]
RowArray = npt.NDArray[np.intp]

# A few hundred rows settle a handful of constants; the final fit takes all of them. To
# tell nearly equal formulas apart under noise takes more.
_SEEN_ROWS, _FIT_ROWS, _JUDGE_ROWS = 10_000, 400, 4_000
_MANY_FROM = 1_000  # rows that are seen
_HELD_OUT_FROM = 80  # rows; with fewer, every row is needed to fit
_WAVE_ROWS = 200  # rows; they show the range of an angle
_MERGED_UP_TO = 20_000  # rows; sorting more would take longer than it is worth


def merge_rows(
    X: FloatArray, y: FloatArray, sample_weight: FloatArray | None
) -> tuple[FloatArray, FloatArray, FloatArray | None]:
    """Put rows in one order and merge equal ones, so that weights mean repetitions.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The columns.
    y : ndarray of shape (n_samples,)
        The target.
    sample_weight : ndarray of shape (n_samples,) or None
        Not negative; rows of weight 0 are dropped.

    Returns
    -------
    X : ndarray of shape (n_merged, n_features)
        Distinct rows, or all where weights are no whole numbers; sorted when there are
        at most 20,000.
    y : ndarray of shape (n_merged,)
        Their targets.
    sample_weight : ndarray of shape (n_merged,) or None
        Sums of weights; None when all are 1.
    """
    weight = np.ones(len(y)) if sample_weight is None else sample_weight
    kept = weight > 0
    X, y, weight = X[kept], y[kept], weight[kept]
    if len(y) <= _MERGED_UP_TO:
        rows = np.column_stack([X, y])
        if are_repetitions(weight):
            rows, where = np.unique(rows, axis=0, return_inverse=True)
            sums = np.bincount(where.ravel(), weights=weight, minlength=len(rows))
            weight = sums.astype(np.float64)
        else:
            order = np.lexsort((weight, *rows.T[::-1]))
            rows, weight = rows[order], weight[order]
        X, y = np.ascontiguousarray(rows[:, :-1]), rows[:, -1].copy()
    return X, y, None if np.all(weight == 1.0) else weight


@dataclass(frozen=True)
class Rows:
    """Which rows serve what.

    Attributes
    ----------
    seen : ndarray of int
        Three quarters of the rows, at most 10,000, that proposers look at; all of them
        below 80.
    fit : ndarray of int
        Those of `seen` that constants are fitted on, at most 400.
    fit_many : ndarray of int
        Those that many constants are fitted on: at most 4,000 where at least 1,000 are
        seen, else the same.
    judge : ndarray of int
        All rows, at most 4,000: seen ones and others.
    """

    seen: RowArray
    fit: RowArray
    fit_many: RowArray
    judge: RowArray


def choose_rows(n_samples: int, rng: np.random.Generator) -> Rows:
    """Choose rows to look at and to fit on, and rows to judge on.

    Parameters
    ----------
    n_samples : int
        Number of rows.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    Rows
        Each in ascending order.
    """
    order = rng.permutation(n_samples)
    share = 0.75 if n_samples >= _HELD_OUT_FROM else 1.0
    seen = order[: min(_SEEN_ROWS, int(share * n_samples))]
    n_many = _JUDGE_ROWS if len(seen) >= _MANY_FROM else _FIT_ROWS
    return Rows(
        seen=np.sort(seen),
        fit=np.sort(seen[:_FIT_ROWS]),
        fit_many=np.sort(seen[:n_many]),
        judge=np.sort(order[:_JUDGE_ROWS]),
    )


def price(
    X: FloatArray, y: FloatArray, sample_weight: FloatArray | None
) -> DescriptionLength:
    """Set up the description length of a data set.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The columns.
    y : ndarray of shape (n_samples,)
        The target.
    sample_weight : ndarray of shape (n_samples,) or None
        Positive weights; whole numbers count as repetitions of a row.

    Returns
    -------
    DescriptionLength
        Prices formulas for these data.
    """
    mean = np.average(y, weights=sample_weight)
    floor, ceiling = resolution(y, sample_weight)
    return DescriptionLength(
        n_samples=count_observations(len(y), sample_weight),
        variance=float(np.average(np.square(y - mean), weights=sample_weight)),
        floor=floor,
        ceiling=ceiling,
        n_features=X.shape[1],
        X=np.ascontiguousarray(X[:: -(-len(X) // _WAVE_ROWS)]),
    )
