"""Which columns a search looks at, and formulas of those in terms of all."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from sklearn_chatsr.expressions import Expression, is_variable, variable, variable_index
from sklearn_chatsr.selection import Candidate
from sklearn_chatsr.selection.noise import for_forests

# Columns that a search looks at; the language model knows as many variables.
MAX_VARIABLES = 10


def select_columns(
    X: npt.NDArray[np.float64],
    y: npt.NDArray[np.float64],
    weight: npt.NDArray[np.float64] | None,
    seed: int,
) -> npt.NDArray[np.intp]:
    """Choose the columns to search: all when there are few, else the useful ones."""
    if X.shape[1] <= MAX_VARIABLES:
        return np.arange(X.shape[1])
    from sklearn.ensemble import ExtraTreesRegressor

    warnings.warn(
        f"X has {X.shape[1]} columns, of which the {MAX_VARIABLES} most useful to a "
        "forest of trees are searched. Select columns beforehand to decide yourself.",
        UserWarning,
        stacklevel=3,
    )
    forest = ExtraTreesRegressor(100, max_depth=8, max_samples=None, random_state=seed)
    rows = np.random.default_rng(seed).permutation(len(y))[:2_000]
    rows.sort()
    forest.fit(for_forests(X[rows]), y[rows], None if weight is None else weight[rows])
    order = np.argsort(-forest.feature_importances_, kind="stable")
    return np.sort(order[:MAX_VARIABLES])


def on_columns(expression: Expression, columns: npt.NDArray[np.intp]) -> Expression:
    """Name the variables of a search on chosen columns by their place in X."""
    tokens = [
        variable(int(columns[variable_index(token)])) if is_variable(token) else token
        for token in expression.tokens
    ]
    return Expression(tokens, expression.constants)


def move(candidate: Candidate, columns: npt.NDArray[np.intp]) -> Candidate:
    """Name the variables of a candidate by their place in X."""
    return replace(candidate, expression=on_columns(candidate.expression, columns))
