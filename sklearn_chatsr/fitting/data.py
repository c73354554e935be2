"""The points of one fit, prepared once: weights, scales, and a sample for scoring."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

# Starts are scored on one block of the kernels.
_SAMPLE = 128
# Sorting decides which rows are the same; beyond this many a stride thins them first.
_MAX_SORTED = 20_000
_EPS = float(np.finfo(np.float64).eps)
_MOST_REPETITIONS = 2.0**31


def are_repetitions(weight: FloatArray) -> bool:
    """Tell whether weights say how often rows were seen: whole numbers, none vast.

    Parameters
    ----------
    weight : ndarray of shape (n_samples,)
        Positive. Every float64 beyond 2^53 is whole, such as an inverse variance.
    """
    return bool(np.all(weight < _MOST_REPETITIONS) and np.all(weight == weight.round()))


def count_observations(n_rows: int, weight: FloatArray | None) -> float:
    """Count rows, with their repetitions where weights tell them.

    Parameters
    ----------
    n_rows : int
        Number of rows.
    weight : ndarray of shape (n_samples,) or None
        Positive weights.
    """
    if weight is None or not are_repetitions(weight):
        return float(n_rows)
    return float(weight.sum())


@dataclass(frozen=True)
class FitData:
    """Points with weights, in the layout of the kernels.

    Attributes
    ----------
    X : ndarray of shape (n_features, n_samples)
        Columns of the rows with a positive weight.
    y : ndarray of shape (n_samples,)
        Target.
    root_weight : ndarray of shape (n_samples,)
        Square roots of the weights, scaled so that the sum of weighted squares of the
        residual is a share of `scale` squared.
    scale : float
        Standard deviation of the target, or its size where that is 0.
    variance : float
        Weighted variance of the target.
    floor : float
        Share of ``scale**2`` that rounding alone can leave.
    n_observations : float
        Number of rows, repetitions counted.
    sample : tuple of ndarray
        The same three arrays for at most 128 rows.
    """

    X: FloatArray
    y: FloatArray
    root_weight: FloatArray
    scale: float
    variance: float
    floor: float
    n_observations: float
    sample: tuple[FloatArray, FloatArray, FloatArray]


def prepare(
    X: npt.ArrayLike, y: npt.ArrayLike, sample_weight: npt.ArrayLike | None
) -> FitData:
    """Check the points and compute their scales.

    Raises
    ------
    ValueError
        If shapes do not fit, a number is not finite, or no weight is positive.
    """
    X = np.asarray(X, dtype=np.float64)
    y = np.asarray(y, dtype=np.float64)
    if X.ndim != 2 or y.ndim != 1 or len(X) != len(y):
        raise ValueError(
            f"X has shape {X.shape} and y {y.shape}; expected (n_samples, n_features) "
            "and (n_samples,)."
        )
    if sample_weight is None:
        weight = np.ones(len(y))
    else:
        weight = np.asarray(sample_weight, dtype=np.float64)
        if weight.shape != y.shape:
            raise ValueError(
                f"sample_weight has shape {weight.shape}, expected {y.shape}."
            )
        if not (np.isfinite(weight).all() and (weight >= 0).all()):
            raise ValueError("sample_weight must be finite and not negative.")
        kept = weight > 0
        if not kept.all():
            X, y, weight = X[kept], y[kept], weight[kept]
    if len(y) == 0:
        raise ValueError("No row with a positive weight to fit the constants on.")
    if not (np.isfinite(X).all() and np.isfinite(y).all()):
        raise ValueError("X and y must be finite on every row with a positive weight.")

    n_observations = count_observations(len(y), weight)
    weight = weight / weight.max()
    weight /= weight.sum()
    size = float(np.abs(y).max())
    unit = y / size if size > 0 else y
    mean = float(weight @ unit)
    spread = float(np.sqrt(weight @ (unit - mean) ** 2))
    if spread <= 4 * _EPS * abs(mean):
        spread = 0.0
    root_mean_square = float(np.sqrt(weight @ unit**2))
    relative = spread if spread > 0 else (root_mean_square or 1.0)
    scale = relative * (size or 1.0)
    rows, shares = _sample_rows(X, y, weight)
    # The kernels are compiled for writable arrays; frames give read-only views.
    columns = np.require(X.T, requirements=["C", "W"])
    return FitData(
        X=columns,
        y=np.require(y, requirements=["C", "W"]),
        root_weight=np.sqrt(weight) / scale,
        scale=scale,
        variance=(spread * size) ** 2,
        floor=(8 * _EPS * root_mean_square / relative) ** 2,
        n_observations=n_observations,
        sample=(
            np.ascontiguousarray(columns[:, rows]),
            np.ascontiguousarray(y[rows]),
            np.sqrt(shares) / scale,
        ),
    )


def _sample_rows(
    X: FloatArray, y: FloatArray, weight: FloatArray
) -> tuple[npt.NDArray[np.intp], FloatArray]:
    """Choose rows at even steps of the weight, in the order of the target.

    Neither the order of the rows matters, nor whether a row is repeated or weighted.
    """
    rows = np.arange(len(y))
    if len(y) > _MAX_SORTED:
        rows = rows[:: -(-len(y) // _MAX_SORTED)]
    rows = rows[np.argsort(y[rows])]
    shares = weight[rows]
    if (y[rows[1:]] == y[rows[:-1]]).any():
        rows = rows[np.lexsort((*X[rows].T, y[rows]))]
        same = (y[rows][1:] == y[rows][:-1]) & (X[rows][1:] == X[rows][:-1]).all(axis=1)
        first = np.concatenate(([True], ~same))
        shares = np.add.reduceat(weight[rows], np.flatnonzero(first))
        rows = rows[first]
    shares = shares / shares.sum()
    if len(rows) > _SAMPLE:
        steps = (np.arange(_SAMPLE) + 0.5) / _SAMPLE
        chosen = np.searchsorted(np.cumsum(shares), steps).clip(max=len(rows) - 1)
        # Formulas leave their domain at the ends of a column first.
        ends = np.concatenate((X[rows].argmin(axis=0), X[rows].argmax(axis=0)))
        ends = np.unique(ends[: _SAMPLE // 4])
        spread = np.linspace(0, _SAMPLE - 1, len(ends) + 2)[1:-1].astype(np.intp)
        chosen[spread] = ends
        rows, shares = rows[chosen], np.full(_SAMPLE, 1.0 / _SAMPLE)
    return rows, shares
