"""How exactly the target is known: rounding of the numbers, and noise."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

# Relative error below which float64 formulas of some twenty nodes cannot be told
# apart: residuals of exactly known laws scatter between 1e-16 and some 1e-13.
_NUMERIC = 1e-12
_MOST_DIGITS = 8
_LEAST_ROWS = 100  # fewer cannot tell noise from what is left
_TREES = 60


def resolution_floor(y: npt.ArrayLike) -> float:
    """Estimate the variance that rounding has left in a target.

    Measurements are written with few digits: 87.77 stands for anything between 87.765
    and 87.775. No formula can be expected to be closer than that, and none deserves
    credit for it.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Finite target values.

    Returns
    -------
    float
        A variance, in the squared unit of y: that of the rounding error of the digits
        in use, at least that of float64 arithmetic.

    Examples
    --------
    >>> bool(resolution_floor([87.77, 224.7, 365.25]) < 1e-4)
    True
    """
    y = np.asarray(y, dtype=np.float64)
    largest = float(np.abs(y).max()) if len(y) else 0.0
    if largest == 0.0:
        return 0.0
    # Squares of numbers beyond 1e154 would overflow.
    scale = largest * float(np.sqrt(np.mean(np.square(y / largest))))
    numeric = (_NUMERIC * scale) ** 2
    step = _decimal_step(y[:256], scale)
    return max(numeric, step * step / 12.0)


def _decimal_step(y: npt.NDArray[np.float64], scale: float) -> float:
    """Give the power of ten that all values are multiples of, or 0."""
    magnitude = int(np.floor(np.log10(scale)))
    if np.all(y == np.rint(y)) and scale < 1e15:
        # Whole numbers may be exact counts: take them at their word.
        return 0.0
    for digits in range(1, _MOST_DIGITS + 1):
        decimals = digits - 1 - magnitude
        if decimals < 1:
            continue
        if np.array_equal(np.round(y, decimals), y):
            return float(10.0**-decimals)
    return 0.0


def is_noise(
    X: npt.NDArray[np.float64], residual: npt.NDArray[np.float64], *, seed: int = 0
) -> bool:
    """Tell whether the columns have nothing to say about a residual.

    A forest of random trees learns the residual from the columns. If what it predicts
    for rows that a tree has not seen does not go with the residual, there is nothing
    left that so many rows could show.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features), dtype float64
        The columns.
    residual : ndarray of shape (n_samples,), dtype float64
        What a formula leaves of the target.
    seed : int, default=0
        Of the forest.

    Returns
    -------
    bool
        Never true for fewer than 100 rows, nor for residuals that are not finite.

    References
    ----------
    Breiman, L. (2001). Random forests. Machine Learning: out-of-bag estimates.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(300, 2))
    >>> is_noise(X, X[:, 0] * X[:, 1])
    False
    """
    if len(residual) < _LEAST_ROWS or not np.isfinite(residual).all():
        return False
    if np.ptp(residual) == 0:
        return True
    from sklearn.ensemble import ExtraTreesRegressor

    forest = ExtraTreesRegressor(
        _TREES,
        min_samples_leaf=5,
        bootstrap=True,
        oob_score=True,
        random_state=seed,
    )
    residual = residual / np.abs(residual).max()
    forest.fit(X, residual)
    guess = forest.oob_prediction_ - np.mean(forest.oob_prediction_)
    centred = residual - residual.mean()
    lengths = float(np.linalg.norm(guess) * np.linalg.norm(centred))
    if not lengths > 0:
        return True
    # In standard errors of a correlation of independent numbers.
    return bool(guess @ centred / lengths * np.sqrt(len(residual)) < 1.0)
