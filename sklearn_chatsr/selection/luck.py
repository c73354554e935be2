"""Formulas that only meet a few large targets, of as many rows as there are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sklearn_chatsr.expressions import Expression, arity, is_variable
from sklearn_chatsr.selection.few_rows import LAWFUL, FloatArray, are_tame

# Nodes: where one row is most of the variance, and noise all the rest, a short law may
# still be right.
_SHORT = 12


def are_lucky(
    expressions: Sequence[Expression],
    X: FloatArray,
    y: FloatArray,
    weight: FloatArray | None = None,
    *,
    seed: int = 0,
) -> npt.NDArray[np.bool_]:
    """Tell which formulas only meet a few targets that are most of the variance.

    They are long, hold more numbers than rows carry the variance, do not predict the
    other rows, and explode where one value is another row's.

    Parameters
    ----------
    expressions : sequence of Expression of length n_expressions
        With constants.
    X : ndarray of shape (n_samples, n_features), dtype float64
        The columns.
    y : ndarray of shape (n_samples,), dtype float64
        The target.
    weight : ndarray of shape (n_samples,), optional
        Positive weights.
    seed : int, default=0
        Of the rows around the known ones.

    Returns
    -------
    ndarray of shape (n_expressions,), dtype bool
    """
    share = np.full(len(y), 1.0 / len(y)) if weight is None else weight / weight.sum()
    carried = share * np.square(y - share @ y)
    carried /= carried.sum() or 1.0
    # So many rows with equal shares of the variance would have this sum of squares.
    n_carrying = 1.0 / (carried @ carried or 1.0)
    lucky = np.array(
        [e.size > _SHORT and _n_numbers(e) > n_carrying for e in expressions],
        dtype=bool,
    )
    if not lucky.any():
        return lucky
    rest = np.argsort(carried)[: len(y) - int(np.ceil(n_carrying))]
    X_rest, y_rest, share_rest = X[rest], y[rest], share[rest] / share[rest].sum()
    spread = share_rest @ np.square(y_rest - share_rest @ y_rest)
    for i, expression in enumerate(expressions):
        if lucky[i]:
            with np.errstate(all="ignore"):
                missed = share_rest @ np.square(expression.evaluate(X_rest) - y_rest)
            lucky[i] = not missed <= (1.0 - LAWFUL) * spread
    doubtful = [e for e, is_lucky in zip(expressions, lucky, strict=True) if is_lucky]
    lucky[lucky] = ~are_tame(doubtful, X, y, is_lawful=True, seed=seed)
    return lucky


def _n_numbers(expression: Expression) -> int:
    return sum(arity(t) == 0 and not is_variable(t) for t in expression.tokens)
