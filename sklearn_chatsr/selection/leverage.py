"""Formulas with a constant that a single row decides."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.fitting import are_repetitions

FloatArray = npt.NDArray[np.float64]

_DECIDES = 0.9  # leverage of a row that is met whatever its target is
_ALONE = 1e-6  # of its target that the others have a say in
_STEP = 1e-6  # of a constant, relative


def left_out_loss(
    expression: Expression,
    X: FloatArray,
    y: FloatArray,
    weight: FloatArray | None = None,
) -> float | None:
    """Estimate the loss had each row that decides a constant not been there.

    A term that is large in one row and nothing in all others meets that row and says
    nothing. What the formula would have predicted for a row without it follows from its
    leverage.

    Parameters
    ----------
    expression : Expression
        With fitted constants.
    X : ndarray of shape (n_samples, n_features), dtype float64
        The columns.
    y : ndarray of shape (n_samples,), dtype float64
        The target.
    weight : ndarray of shape (n_samples,), optional
        Positive weights; whole numbers count as repetitions of a row.

    Returns
    -------
    float or None
        Mean squared residual, comparable with that of a fit to all rows; None where no
        row decides a constant.

    References
    ----------
    Allen, D. M. (1974). The relationship between variable selection and data
    augmentation and a method for prediction. Technometrics.

    Examples
    --------
    >>> X = np.array([[0.0], [0.1], [0.2], [0.1], [9.0]])
    >>> y = np.array([1.1, 0.9, 1.0, 1.0, 2.0])
    >>> formula = Expression.from_infix("0.0014*x1^3 + 1.0")
    >>> left_out_loss(formula, X, y) > 0.1
    True
    >>> left_out_loss(Expression.from_infix("1.2"), X, y) is None
    True
    """
    constants = np.array(expression.constants or (), dtype=np.float64)
    n_free = len(y) - len(constants)
    if not len(constants) or n_free < 1:
        return None
    share = np.full(len(y), 1.0 / len(y)) if weight is None else weight / weight.sum()
    slopes = np.empty((len(y), len(constants)))
    with np.errstate(all="ignore"):
        residual = expression.evaluate(X) - y
        for k, value in enumerate(constants):
            step = _STEP * abs(value) or _STEP
            ahead, behind = constants.copy(), constants.copy()
            ahead[k] += step
            behind[k] -= step
            slopes[:, k] = (
                expression.with_constants(ahead.tolist()).evaluate(X)
                - expression.with_constants(behind.tolist()).evaluate(X)
            ) / (2.0 * step)
        slopes *= np.sqrt(share)[:, None]
        slopes /= np.linalg.norm(slopes, axis=0)
    if not (np.isfinite(slopes).all() and np.isfinite(residual).all()):
        return None
    directions, sizes, _ = np.linalg.svd(slopes, full_matrices=False)
    directions = directions[:, sizes > len(y) * np.finfo(float).eps * sizes[0]]
    levers = np.sum(np.square(directions), axis=1)
    # What was seen many times is left out once.
    repeated = weight is not None and are_repetitions(weight)
    kept = 1.0 - (levers / weight if repeated else levers)
    decides = kept < 1.0 - _DECIDES
    if not decides.any():
        return None
    # Constants may have been rounded since they were fitted.
    root = np.sqrt(share)
    fitted = residual - directions @ (directions.T @ (root * residual)) / root
    # No worse than the mean, which is all that is left of a row that decides alone.
    worst = np.abs(y - share @ y)
    alone = kept < _ALONE
    missed = np.minimum(np.abs(fitted) / np.where(alone, 1.0, kept), worst)
    missed[alone] = worst[alone]
    return float(share @ np.square(np.where(decides, missed, residual)))
