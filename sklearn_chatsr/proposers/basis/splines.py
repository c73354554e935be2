"""Splines of one column each, and least squares on what they make."""

from __future__ import annotations

import numpy as np

from sklearn_chatsr.proposers.basis.smooth import standardised
from sklearn_chatsr.proposers.basis.terms import Array

# Squared errors that a number is from zero where it is worth its digits and operators,
# about 20 bits; and the share of the squares that is nothing.
WORTH, _NOTHING = 25.0, 1e-24


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


def solve_sparsely(terms: Array, target: Array) -> tuple[Array, float]:
    """Solve least squares without terms that are not worth their length.

    Parameters
    ----------
    terms : ndarray of shape (n_terms, n_rows)
        What is added up.
    target : ndarray of shape (n_rows,)
        What is fitted.

    Returns
    -------
    coefficients : ndarray of shape (n_terms,)
        0 for those that are left out.
    left : float
        Squares that are left.
    """
    size = np.maximum(np.abs(terms).max(axis=1), 1e-300)
    scaled = terms / size[:, None]

    def fit(kept: list[int]) -> tuple[Array, float]:
        found = solve(scaled[kept].T, target)
        return found, float(np.sum(np.square(found @ scaled[kept] - target)))

    kept = list(range(len(terms)))
    found, left = fit(kept)
    worth, nothing = 1.0 + WORTH / len(target), _NOTHING * float(target @ target)
    for k in np.argsort(np.abs(found) * scaled.std(axis=1)).tolist():
        others = [other for other in kept if other != k]
        _, without = fit(others)
        if without <= worth * left + nothing:
            kept, left = others, without
    coefficients = np.zeros(len(terms))
    coefficients[kept] = fit(kept)[0] / size[kept]
    return coefficients, left


def share_missed(values: Array, target: Array, n_fit: int) -> float:
    """Give the share of the variance that is missed on rows that were not fitted."""
    spread = float(target[n_fit:].var())
    left = float(np.mean(np.square(values - target)[n_fit:]))
    return left / spread if spread > 0 and np.isfinite(left) else np.inf
