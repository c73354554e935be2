"""What a frequency costs: the waves that it draws through the data."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from sklearn_chatsr.expressions import CONSTANT, Expression

PERIODIC = frozenset({"sin", "cos", "tan"})


def oscillation_bits(expression: Expression, X: npt.NDArray[np.float64]) -> float:
    """Give the bits that name fitted frequencies, beyond those of any constant.

    A wave that swings k times through the data is one of about k that can be told
    apart, and of many fast waves one fits the noise of a few rows. Naming it takes
    ``log2(k + 1)`` bits.

    Parameters
    ----------
    expression : Expression
        The formula with its constants.
    X : ndarray of shape (n_samples, n_features), dtype float64
        The columns.

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
    tokens, constants = expression.tokens, expression.constants
    if not constants or PERIODIC.isdisjoint(tokens):
        return 0.0
    bits = 0.0
    for start, stop in expression.subtrees():
        argument = tokens[start + 1 : stop]
        if tokens[start] not in PERIODIC or CONSTANT not in argument:
            continue
        before = tokens[:start].count(CONSTANT)
        values = constants[before : before + argument.count(CONSTANT)]
        with np.errstate(all="ignore"):
            angle = Expression(argument, values).evaluate(X)
            waves = float(np.ptp(angle)) / (2.0 * math.pi)
        if math.isfinite(waves):
            bits += math.log2(1.0 + waves)
    return bits
