"""Frequencies that equally spaced values cannot tell apart, and the lowest of them."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from sklearn_chatsr.expressions import Expression, is_variable, variable_index
from sklearn_chatsr.expressions.expression import Tree

_LEAST_VALUES = 5
_EQUAL = 1e-6  # relative deviation of equal steps


def grid_steps(X: npt.NDArray[np.float64]) -> dict[int, float]:
    """Find the columns whose values lie on a grid, and its step.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features), dtype float64
        The columns.

    Returns
    -------
    dict of int to float
        Step by column.

    Examples
    --------
    >>> grid_steps(np.array([[0.0], [0.5], [1.0], [1.5], [3.0]]))
    {0: 0.5}
    """
    steps = {}
    for j in range(X.shape[1]):
        values = np.unique(X[:, j])
        if len(values) < _LEAST_VALUES:
            continue
        gaps = np.diff(values)
        step = float(gaps.min())
        counts = gaps / step
        if np.all(np.abs(counts - np.rint(counts)) < _EQUAL * np.rint(counts)):
            steps[j] = step
    return steps


def unaliased(expression: Expression, steps: dict[int, float]) -> Expression:
    """Bring the frequencies of oscillations into what the grids can show.

    Parameters
    ----------
    expression : Expression
        With the values of its constants.
    steps : dict of int to float
        See `grid_steps`.

    Returns
    -------
    Expression
        Its oscillations ``sin(c*x)`` have at most half a period per step.
    """
    return Expression.from_tree(_lowered(expression.to_tree(), steps, inside=False))


def _lowered(tree: Tree, steps: dict[int, float], inside: bool) -> Tree:
    if not isinstance(tree, tuple):
        return tree
    if inside and tree[0] == "mul":
        for factor, x in (tree[1:], tree[:0:-1]):
            if isinstance(factor, float) and isinstance(x, str) and is_variable(x):
                step = steps.get(variable_index(x))
                if step is not None and abs(factor) * step > math.pi:
                    whole = 2.0 * math.pi / step
                    return ("mul", math.remainder(factor, whole), x)
    inside = tree[0] in ("sin", "cos", "tan") or (
        inside and tree[0] in ("add", "sub", "neg")
    )
    return (tree[0], *(_lowered(part, steps, inside) for part in tree[1:]))
