"""Splines of one column each, and least squares on what they make."""

from __future__ import annotations

import numpy as np

from sklearn_chatsr.proposers.basis.smooth import standardised
from sklearn_chatsr.proposers.basis.terms import Array


def splines_of(x: Array, n_fit: int, n_knots: int) -> Array:
    """Give cubic splines of one column, or a function of each of its few values."""
    from sklearn.preprocessing import SplineTransformer

    levels = np.unique(x)
    if len(levels) <= n_knots:
        return (x[:, None] == levels).astype(np.float64)
    knots = np.quantile(levels, np.linspace(0.0, 1.0, n_knots))[:, None]
    if not np.all(np.diff(knots[:, 0]) > 0):  # values that float64 hardly tells apart
        return np.column_stack([np.ones_like(x), standardised(x)])
    splines = SplineTransformer(degree=3, knots=knots, extrapolation="linear")
    found: Array = splines.fit(x[:n_fit, None]).transform(x[:, None])
    return found


def solve(design: Array, target: Array) -> Array:
    """Solve least squares; what the rows do not tell stays near zero."""
    if not np.isfinite(design).all():
        return np.zeros(design.shape[1])
    try:
        solution = np.linalg.lstsq(design, target, rcond=1e-10)[0]
    except np.linalg.LinAlgError:
        solution = np.zeros(design.shape[1])
    return np.asarray(solution, np.float64)


def share_missed(values: Array, target: Array, n_fit: int) -> float:
    """Give the share of the variance that is missed on rows that were not fitted."""
    spread = float(target[n_fit:].var())
    left = float(np.mean(np.square(values - target)[n_fit:]))
    return left / spread if spread > 0 and np.isfinite(left) else np.inf
