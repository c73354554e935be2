"""How many digits of its constants a printed formula needs."""

from __future__ import annotations

import numpy as np

from sklearn_chatsr.estimators.rows import FloatArray
from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.expressions.printing import EXACT_DIGITS
from sklearn_chatsr.selection.archive import DISPLAY_DIGITS

_JUDGE_ROWS = 2_000
# What rounding may miss, as a root mean square: a twentieth of the residual lowers R2
# by a part in 400 of what it lacks. Laws without residual keep six digits up to 1e-8.
_OF_RESIDUAL, _OF_SPREAD = 0.05, 1e-4


def digits_needed(
    expression: Expression, X: FloatArray, y: FloatArray, weight: FloatArray | None
) -> int:
    """Count the digits with which the printed formula predicts as the formula does.

    Six are enough unless large terms cancel, as those of a polynomial of a year do.

    Parameters
    ----------
    expression : Expression
        The formula with its constants.
    X : ndarray of shape (n_samples, n_features)
        The columns it was fitted on.
    y : ndarray of shape (n_samples,)
        Their target.
    weight : ndarray of shape (n_samples,) or None
        Positive weights.

    Returns
    -------
    int
        From 6 to 17.
    """
    every = slice(None, None, -(-len(y) // _JUDGE_ROWS))
    X, y = X[every], y[every]
    weight = None if weight is None else weight[every]
    exact = expression.evaluate(X)
    spread = float(np.std(y)) if np.ptp(y) > 0 else float(np.abs(y).max())
    allowed = max(
        _OF_RESIDUAL * _root_mean_square(y - exact, weight), _OF_SPREAD * spread
    )
    constants = expression.constants or ()
    for digits in range(DISPLAY_DIGITS, EXACT_DIGITS):
        rounded = expression.with_constants(
            [float(f"{c:.{digits}g}") for c in constants]
        )
        if _root_mean_square(rounded.evaluate(X) - exact, weight) <= allowed:
            return digits
    return EXACT_DIGITS


def _root_mean_square(values: FloatArray, weight: FloatArray | None) -> float:
    with np.errstate(all="ignore"):
        return float(np.sqrt(np.average(np.square(values), weights=weight)))
