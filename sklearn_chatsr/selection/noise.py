"""How exactly the target is known: rounding of the numbers, and noise."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

# Relative error below which float64 formulas of some twenty nodes cannot be told
# apart: residuals of exactly known laws scatter between 1e-16 and some 1e-13.
_NUMERIC = 1e-12
_MOST_DIGITS = 8
# Numbers in float32, relative to their size: four steps, since columns and arithmetic
# were rounded as well.
_SINGLE = 2.0**-21
_FEWEST_SINGLE = 8  # rows; fewer may be float32 numbers by chance
_SHORT_MANTISSA = 20  # bits, of 24
_LEAST_ROWS = 100  # fewer cannot tell noise from what is left
_TREES = 60
_CURVED = 1e-4  # chance that noise looks as curved


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
        in use, decimal ones or those of float32, at least that of float64 arithmetic.

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
    step = _decimal_step(y[:256], scale) or _single_step(y[:256], scale)
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


def _single_step(y: npt.NDArray[np.float64], scale: float) -> float:
    """Give what float32 numbers of this size leave open if all are such, else 0."""
    with np.errstate(over="ignore"):
        if len(y) < _FEWEST_SINGLE or not np.array_equal(y.astype(np.float32), y):
            return 0.0
    y = y[y != 0]
    if len(y) < _FEWEST_SINGLE:
        return 0.0
    # Halves and quarters are float32 numbers too: rounding leaves no short mantissas.
    mantissas = np.frexp(y)[0] * 2.0**_SHORT_MANTISSA
    if np.mean(mantissas != np.rint(mantissas)) < 0.5:
        return 0.0
    return _SINGLE * scale


def is_noise(
    X: npt.NDArray[np.float64], residual: npt.NDArray[np.float64], *, seed: int = 0
) -> bool:
    """Tell whether the columns have nothing to say about a residual.

    A quadratic and then a forest of random trees learn the residual from the columns.
    If the quadratic explains no more than it would of noise, and what the forest
    predicts for rows that a tree has not seen does not go with the residual, there is
    nothing left that so many rows could show.

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
    residual = residual / np.abs(residual).max()
    if _has_curve(X, residual):
        return False
    from sklearn.ensemble import ExtraTreesRegressor

    forest = ExtraTreesRegressor(
        _TREES,
        min_samples_leaf=5,
        bootstrap=True,
        oob_score=True,
        random_state=seed,
    )
    forest.fit(for_forests(X), residual)
    guess = forest.oob_prediction_ - np.mean(forest.oob_prediction_)
    centred = residual - residual.mean()
    lengths = float(np.linalg.norm(guess) * np.linalg.norm(centred))
    if not lengths > 0:
        return True
    # In standard errors of a correlation of independent numbers.
    return bool(guess @ centred / lengths * np.sqrt(len(residual)) < 1.0)


def for_forests(X: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Multiply columns by powers of two, since forests take no more than float32.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features), dtype float64
        The columns; finite.

    Returns
    -------
    ndarray of shape (n_samples, n_features), dtype float64
        With largest absolute values between a half and one.

    Examples
    --------
    >>> float(for_forests(np.array([[3e200], [1e200]])).max()) < 1
    True
    """
    exponent = np.frexp(np.abs(X).max(axis=0))[1]
    # Some that are too small become zero.
    with np.errstate(under="ignore"):
        scaled: npt.NDArray[np.float64] = np.ldexp(X, -exponent)
    return scaled


def _has_curve(X: npt.NDArray[np.float64], residual: npt.NDArray[np.float64]) -> bool:
    """Tell by an F test whether a quadratic in the columns explains a residual."""
    from scipy.special import fdtrc

    Z = X - X.mean(axis=0)
    Z = Z / np.maximum(np.abs(Z).max(axis=0), np.finfo(float).tiny)
    i, j = np.triu_indices(Z.shape[1])
    terms = np.column_stack([np.ones(len(Z)), Z, Z[:, i] * Z[:, j]])
    explained, _, rank, _ = np.linalg.lstsq(terms, residual, rcond=1e-10)
    left = len(residual) - int(rank)
    if rank < 2 or left < len(residual) // 2:
        return False
    centred = residual - residual.mean()
    unexplained = float(np.sum(np.square(residual - terms @ explained)))
    gain = float(centred @ centred) - unexplained
    ratio = (gain / (int(rank) - 1)) / max(unexplained / left, np.finfo(float).tiny)
    return bool(fdtrc(int(rank) - 1, left, max(ratio, 0.0)) < _CURVED)
