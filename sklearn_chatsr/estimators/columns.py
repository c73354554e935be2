"""Which columns a search looks at, and formulas of those in terms of all."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from sklearn_chatsr.expressions import Expression, is_variable, variable, variable_index
from sklearn_chatsr.prompts import Constraints
from sklearn_chatsr.selection import Candidate
from sklearn_chatsr.selection.noise import for_forests

# Columns that a search looks at; the language model knows as many variables.
MAX_VARIABLES = 10
# What a forest sees, and its trees times these numbers: a quarter of a second at most.
_MOST_COLUMNS, _MOST_ROWS, _MOST_TREES, _WORK = 50, 2_000, 100, 5_000_000


def select_columns(
    X: npt.NDArray[np.float64],
    y: npt.NDArray[np.float64],
    weight: npt.NDArray[np.float64] | None,
    seed: int,
    rules: Constraints | None = None,
) -> npt.NDArray[np.intp]:
    """Choose the columns to search: all when there are few, else the useful ones.

    Those that constraints ignore are left out, those that must be used are in.
    """
    columns = np.arange(X.shape[1])
    used: list[int] = []
    if rules is not None:
        ignored = [variable_index(p.arguments[0]) for p in rules.of("ignores")]
        used = [variable_index(p.arguments[0]) for p in rules.of("uses")]
        # Of no column at all a search makes nothing: the constraints bind it there.
        if len(ignored) < len(columns):
            columns = np.setdiff1d(columns, ignored)
    if len(columns) <= MAX_VARIABLES:
        return columns
    from sklearn.ensemble import ExtraTreesRegressor

    warnings.warn(
        f"X has {X.shape[1]} columns, of which the {MAX_VARIABLES} most useful to a "
        "forest of trees are searched. Select columns beforehand to decide yourself.",
        UserWarning,
        stacklevel=5,
    )
    rows = np.random.default_rng(seed).permutation(len(y))[:_MOST_ROWS]
    rows.sort()
    y, weight = y[rows], None if weight is None else weight[rows]
    if len(columns) > _MOST_COLUMNS:
        signal = _signal(X[np.ix_(rows, columns)], y)
        best = np.argsort(-signal, kind="stable")[:_MOST_COLUMNS]
        columns = np.sort(columns[best])
    X = for_forests(X[np.ix_(rows, columns)])
    n_trees = min(_MOST_TREES, _WORK // X.size)
    forest = ExtraTreesRegressor(n_trees, max_depth=8, random_state=seed)
    # Trees take a target of nanometres for a constant.
    forest.fit(X, for_forests(y[:, None]).ravel(), weight)
    order = columns[np.argsort(-forest.feature_importances_, kind="stable")]
    return np.sort(list(dict.fromkeys([*used, *order.tolist()]))[:MAX_VARIABLES])


def _signal(
    X: npt.NDArray[np.float64], y: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Tell how much each column has to do with a target on its own.

    Correlations of ranks and of their squares: a factor of a product may move the
    spread of the target only.
    """
    ranks = rankdata(np.column_stack([y, X]), axis=0)
    ranks -= ranks.mean(axis=0)
    powers = np.stack([ranks, ranks**2])
    powers -= powers.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(powers, axis=1, keepdims=True)
    powers /= np.where(lengths > 0, lengths, np.inf)
    targets = powers[:, :, 0]
    signal: npt.NDArray[np.float64] = np.abs(targets @ powers[:, :, 1:]).max((0, 1))
    return signal


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
