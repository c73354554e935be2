"""What a frequency costs: the waves that it draws through the data."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from sklearn_chatsr.expressions import CONSTANT, Expression

PERIODIC = frozenset({"sin", "cos", "tan"})
# Swings for every row that rows can show, and bits of a swing more.
_NYQUIST, _UNSEEN_BITS = 0.5, 4.0


def oscillation_bits(
    expression: Expression,
    X: npt.NDArray[np.float64],
    n_samples: float | None = None,
) -> float:
    """Give the bits that name fitted frequencies, beyond those of any constant.

    A wave that swings k times through the data is one of about k that can be told
    apart, and of many fast waves one fits the noise of a few rows. Naming it takes
    ``log2(k + 1)`` bits. Rows show at most half a swing each (the Nyquist frequency);
    of faster ones every swing for each row costs four bits more, since what they find
    between the rows is mostly a trace of how the numbers were written down.

    Parameters
    ----------
    expression : Expression
        The formula with its constants.
    X : ndarray of shape (n_samples, n_features), dtype float64
        The columns.
    n_samples : float, optional
        How many observations there are, if `X` holds a part of them.

    Returns
    -------
    float
        Summed over every sine, cosine and tangent whose argument holds a constant; 0
        for a skeleton.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_chatsr.expressions import Expression
    >>> X = np.linspace(0, 2 * np.pi, 50)[:, np.newaxis]
    >>> oscillation_bits(Expression.from_infix("sin(7.0*x1)"), X)
    3.0
    >>> oscillation_bits(Expression.from_infix("7.0*sin(x1)"), X)
    0.0
    """
    tokens = expression.tokens
    if not expression.constants or PERIODIC.isdisjoint(tokens):
        return 0.0
    bits = 0.0
    for start, stop in expression.subtrees():
        if tokens[start] not in PERIODIC or CONSTANT not in tokens[start:stop]:
            continue
        with np.errstate(all="ignore"):
            angle = expression.part(start + 1, stop).evaluate(X)
            waves = float(np.ptp(angle)) / (2.0 * math.pi)
        if math.isfinite(waves):
            bits += math.log2(1.0 + waves)
            unseen = waves / (n_samples or len(X)) - _NYQUIST
            bits += _UNSEEN_BITS * max(0.0, unseen)
    return bits
