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
from scipy.linalg import blas, lapack
from scipy.optimize import minimize

from sklearn_chatsr.proposers.basis.terms import Array

_WIDTH = 1.0  # at the start, in units of the square root of the number of columns
_WIDTHS, _RIDGES = (-2.5, 4.5), (-23.0, 0.0)  # bounds, as logarithms
_RIDGE = -18.0
# Variance of the mean, and of functions beside the process, in units of that of the
# target.
_OFFSET, _BESIDE = 100.0, 4.0
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
    beside : ndarray of shape (n_rows,)
        What the functions beside it make up of the target, less their mean.
    """

    parameters: Array
    left: Array
    slopes: Array
    beside: Array


def fit_process(
    features: Array,
    target: Array,
    most: int,
    start: Array | None = None,
    beside: Array | None = None,
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
    beside : ndarray of shape (n_rows, n_functions), optional
        Functions whose sum, with any coefficients, may be in the target as well.
    """
    size = float(target.std())
    if not (np.isfinite(features).all() and np.isfinite(size) and size > 0):
        return None
    standard = (target - target.mean()) / size
    n_columns = features.shape[1]
    if start is None:
        start = np.full(n_columns + 1, np.log(_WIDTH * np.sqrt(n_columns)))
        start[-1] = _RIDGE
    likelihood = _Likelihood(features, standard, beside)
    found = minimize(
        likelihood.minus_log,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=[_WIDTHS] * n_columns + [_RIDGES],
        options={"maxfun": most},
    )
    return likelihood.process(found.x, size)


class _Likelihood:
    """The likelihood of a process, and the process; what is large is allocated once.

    Parameters
    ----------
    features : ndarray of shape (n_rows, n_columns)
        Standardised columns.
    target : ndarray of shape (n_rows,)
        What is modelled, standardised.
    beside : ndarray of shape (n_rows, n_functions), optional
        See `fit_process`.
    """

    def __init__(
        self, features: Array, target: Array, beside: Array | None = None
    ) -> None:
        self._features, self._target = features, target
        n = len(target)
        free = np.zeros((n, 0)) if beside is None else beside - beside.mean(axis=0)
        directions, _ = np.linalg.qr(free)
        self._beside = directions
        self._linear = _OFFSET + _BESIDE * n * (directions @ directions.T)
        self._correlation, self._inverse = np.empty((n, n)), np.empty((n, n), order="F")
        self._product = np.empty((n, n))
        self._below = np.tri(n, k=-1)
        self._half_log_determinant = 0.0

    def minus_log(self, parameters: Array) -> tuple[float, Array]:
        """Give it with the best variance of the process, and its gradient."""
        scaled = self._invert(parameters)
        if scaled is None:
            return 1e10, np.zeros_like(parameters)
        target, pull = self._target, self._inverse
        weights = blas.dsymv(1.0, pull, target, lower=1)
        variance = float(target @ weights) / len(target)
        value = 0.5 * len(target) * np.log(variance) + self._half_log_determinant
        gradient = np.empty_like(parameters)
        trace = np.trace(pull) - float(weights @ weights) / variance
        gradient[-1] = 0.5 * float(np.exp(parameters[-1])) * trace
        np.multiply.outer(weights, weights / variance, out=self._product)
        pull -= self._product
        pull *= self._correlation
        pull *= self._below
        both = pull.sum(axis=0) + pull.sum(axis=1)
        gradient[:-1] = both @ scaled**2
        gradient[:-1] -= 2.0 * np.sum(scaled * (pull @ scaled), axis=0)
        return float(value), gradient

    def process(self, parameters: Array, size: float) -> Process | None:
        """Give the process of some parameters; its target was divided by a size."""
        scaled = self._invert(parameters)
        if scaled is None:
            return None
        weights = blas.dsymv(1.0, self._inverse, self._target, lower=1)
        left = size * weights / self._inverse.diagonal()
        pulls = self._correlation * weights
        slopes = pulls @ scaled - scaled * pulls.sum(axis=1)[:, None]
        # What the process leaves: more precise than what the weights say themselves.
        rest = self._target - self._correlation @ weights
        beside = self._beside @ (self._beside.T @ rest)
        slopes *= size * np.exp(-parameters[:-1])
        return Process(parameters, left, slopes, size * beside)

    def _invert(self, parameters: Array) -> Array | None:
        """Invert what the rows have in common, below the diagonal.

        Returns
        -------
        ndarray of shape (n_rows, n_columns) or None
            The columns in units of the widths; None where there is no inverse.
        """
        correlation, inverse = self._correlation, self._inverse
        scaled = self._features * np.exp(-parameters[:-1])
        squares = np.sum(scaled * scaled, axis=1)
        np.matmul(scaled, scaled.T, out=correlation)
        correlation *= -2.0
        correlation += squares[:, None]
        correlation += squares
        np.maximum(correlation, 0.0, out=correlation)
        correlation *= -0.5
        np.exp(correlation, out=correlation)
        np.add(correlation, self._linear, out=inverse)
        inverse[np.diag_indices(len(inverse))] += np.exp(parameters[-1]) + _ROUNDING
        _, failed = lapack.dpotrf(inverse, lower=1, overwrite_a=1)
        if failed:
            return None
        self._half_log_determinant = float(np.log(inverse.diagonal()).sum())
        lapack.dpotri(inverse, lower=1, overwrite_c=1)
        return scaled
