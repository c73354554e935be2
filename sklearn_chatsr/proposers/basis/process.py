"""A Gaussian process through the target: a smooth model, its error, its slopes.

A polynomial of low degree says little of a law that is rugged in one column. A process
has a width for every column, fitted by the likelihood, and an error that needs no other
rows: each row is predicted from all others.

References
----------
Rasmussen, C. E. and Williams, C. K. I. (2006). Gaussian processes for machine learning,
chapter 5. MIT Press.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import lapack
from scipy.optimize import minimize

from sklearn_chatsr.proposers.basis.terms import Array

_WIDTH = 1.0  # at the start, in units of the square root of the number of columns
_WIDTHS, _RIDGES = (-2.5, 4.5), (-23.0, 0.0)  # bounds, as logarithms
_RIDGE = -18.0
_OFFSET = 100.0  # variance of the mean, in units of that of the target
_ROUNDING = 1e-11


@dataclass(frozen=True)
class Process:
    """A fitted process.

    Attributes
    ----------
    parameters : ndarray of shape (n_columns + 1,)
        Logarithms of the widths, and of the ridge.
    left : ndarray of shape (n_rows,)
        What each row misses where it is left out.
    slopes : ndarray of shape (n_rows, n_columns)
        Partial derivatives at the rows.
    """

    parameters: Array
    left: Array
    slopes: Array


def fit_process(
    features: Array, target: Array, most: int, start: Array | None = None
) -> Process | None:
    """Fit a process; None where that cannot be done.

    Parameters
    ----------
    features : ndarray of shape (n_rows, n_columns)
        Standardised columns.
    target : ndarray of shape (n_rows,)
        What is modelled.
    most : int
        Number of evaluations of the likelihood.
    start : ndarray of shape (n_columns + 1,), optional
        Parameters to start with.
    """
    size = float(target.std())
    if not (np.isfinite(features).all() and np.isfinite(size) and size > 0):
        return None
    standard = (target - target.mean()) / size
    n_columns = features.shape[1]
    if start is None:
        start = np.full(n_columns + 1, np.log(_WIDTH * np.sqrt(n_columns)))
        start[-1] = _RIDGE
    found = minimize(
        _minus_log_likelihood,
        start,
        args=(features, standard),
        jac=True,
        method="L-BFGS-B",
        bounds=[_WIDTHS] * n_columns + [_RIDGES],
        options={"maxfun": most},
    )
    return _at(found.x, features, standard, size)


def _kernel(parameters: Array, features: Array) -> tuple[Array, Array]:
    """Give the correlation of every two rows, and columns in units of the widths."""
    scaled = features * np.exp(-parameters[:-1])
    squares = np.sum(scaled * scaled, axis=1)
    distance = squares[:, None] + squares - 2.0 * (scaled @ scaled.T)
    return np.exp(-0.5 * np.maximum(distance, 0.0)), scaled


def _inverse(
    correlation: Array, ridge: float
) -> tuple[Array, npt.NDArray[np.float64]] | None:
    """Invert what the rows have in common; beside it the diagonal of its root."""
    whole = correlation + _OFFSET
    whole[np.diag_indices(len(whole))] += ridge + _ROUNDING
    root, failed = lapack.dpotrf(whole, lower=1)
    if failed:
        return None
    inverse, _ = lapack.dpotri(root, lower=1)
    return np.tril(inverse) + np.tril(inverse, -1).T, np.diag(root)


def _minus_log_likelihood(
    parameters: Array, features: Array, target: Array
) -> tuple[float, Array]:
    """Give it with the best variance of the process, and its gradient."""
    correlation, scaled = _kernel(parameters, features)
    ridge = float(np.exp(parameters[-1]))
    inverted = _inverse(correlation, ridge)
    if inverted is None:
        return 1e10, np.zeros_like(parameters)
    inverse, root = inverted
    weights = inverse @ target
    variance = float(target @ weights) / len(target)
    pull = inverse - np.outer(weights, weights) / variance
    shared = pull * correlation
    gradient = np.empty_like(parameters)
    gradient[:-1] = shared.sum(axis=1) @ scaled**2
    gradient[:-1] -= np.sum(scaled * (shared @ scaled), axis=0)
    gradient[-1] = 0.5 * ridge * np.trace(pull)
    return 0.5 * len(target) * np.log(variance) + np.log(root).sum(), gradient


def _at(
    parameters: Array, features: Array, target: Array, size: float
) -> Process | None:
    correlation, scaled = _kernel(parameters, features)
    inverted = _inverse(correlation, float(np.exp(parameters[-1])))
    if inverted is None:
        return None
    inverse, _ = inverted
    weights = inverse @ target
    left = size * weights / np.diag(inverse)
    pulls = correlation * weights
    slopes = pulls @ scaled - scaled * pulls.sum(axis=1)[:, None]
    return Process(parameters, left, size * slopes * np.exp(-parameters[:-1]))
