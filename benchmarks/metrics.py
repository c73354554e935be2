"""Scores of predictions, and shares with their uncertainty."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score

Array = npt.NDArray[np.float64]

ACCURATE_R2 = 0.999
# float32 leaves 6e-8 of relative error; this is twice that.
EXACT_FVU = 1.2e-7
# An exact solution may be longer than the truth by this factor.
EXACT_SIZE = 1.5


def scores(y: Array, predicted: Array, part: str) -> dict[str, float]:
    """Compute SRBench's scores of one part.

    Parameters
    ----------
    y, predicted : ndarray of shape (n_samples,)
        In the units of the target. A prediction that is not finite scores minus
        infinity in R2.
    part : str
        "train" or "test", the suffix of the keys.

    Returns
    -------
    dict of str to float
        ``mse_*``, ``mae_*``, ``r2_*``.

    Examples
    --------
    >>> import numpy as np
    >>> scores(np.array([0.0, 2.0]), np.array([0.0, 2.0]), "test")["r2_test"]
    1.0
    """
    if not np.isfinite(predicted).all():
        return {
            f"mse_{part}": math.inf,
            f"mae_{part}": math.inf,
            f"r2_{part}": -math.inf,
        }
    return {
        f"mse_{part}": float(mean_squared_error(y, predicted)),
        f"mae_{part}": float(mean_absolute_error(y, predicted)),
        f"r2_{part}": float(r2_score(y, predicted)),
    }


def fvu(y: Array, predicted: Array) -> float:
    """Compute the fraction of variance unexplained, infinite when not finite."""
    if not np.isfinite(predicted).all():
        return math.inf
    residual = float(np.mean((y - predicted) ** 2))
    variance = float(np.var(y))
    if variance == 0.0:
        return 0.0 if residual == 0.0 else math.inf
    return residual / variance


def is_exact(fvu_unseen: float, size: float | None, true_size: float | None) -> bool:
    """Tell a recovered law: right on unseen rows, and about as short as the truth."""
    if size is None or true_size is None:
        return False
    return fvu_unseen <= EXACT_FVU and size <= EXACT_SIZE * true_size


def bootstrap_interval(
    values: Sequence[float] | Array,
    statistic: str = "mean",
    *,
    level: float = 0.95,
    n_resamples: int = 2_000,
    seed: int = 0,
) -> tuple[float, float, float]:
    """Give a statistic over problems and its bootstrap interval.

    Parameters
    ----------
    values : array-like of shape (n_problems,)
        One value per problem; problems are what is resampled.
    statistic : {"mean", "median"}, default="mean"
        The mean of zeros and ones is a share.
    level : float, default=0.95
        Coverage of the percentile interval.
    n_resamples : int, default=2000
    seed : int, default=0

    Returns
    -------
    value, low, high : float
        NaN when there are no values.
    """
    data = np.asarray(values, dtype=np.float64)
    if data.size == 0:
        return math.nan, math.nan, math.nan
    rng = np.random.default_rng(seed)
    drawn = data[rng.integers(0, data.size, (n_resamples, data.size))]
    resampled = _statistic(drawn, statistic)
    tail = 50 * (1 - level)
    low, high = np.percentile(resampled, [tail, 100 - tail])
    value = _statistic(data[None, :], statistic)[0]
    return float(value), float(low), float(high)


def _statistic(rows: Array, name: str) -> Array:
    if name not in ("mean", "median"):
        raise ValueError(f"`statistic` == {name!r}, must be 'mean' or 'median'.")
    return np.mean(rows, axis=1) if name == "mean" else np.median(rows, axis=1)
