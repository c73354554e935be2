"""Whether what a formula leaves is noise."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_LEAST_ROWS = 100  # fewer cannot tell noise from what is left
_TREES = 60
_CURVED = 1e-4  # chance that noise looks as curved


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
    """Shift and scale columns, since forests take no more than float32.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features), dtype float64
        The columns; finite.

    Returns
    -------
    ndarray of shape (n_samples, n_features), dtype float64
        In the same order, around 0 and at most 1 in size.

    Examples
    --------
    >>> float(for_forests(np.array([[3e200], [1e200]])).max()) < 1
    True
    """
    X = _sized(X)
    # The seconds of a day are few beside those since 1970.
    return _sized(X - (X.min(axis=0) + X.max(axis=0)) / 2)


def _sized(X: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Multiply columns by powers of two, so that the largest are about 1 in size."""
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
