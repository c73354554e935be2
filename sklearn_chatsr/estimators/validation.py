"""What may be fitted: the size of numbers, weights, and what a refusal leaves."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from numbers import Real
from typing import Any, Concatenate, ParamSpec, TypeVar

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import _check_sample_weight

_LARGEST_TARGET = 1e150
# Sums of the squares of a million rows fit into float64; smaller ones lose digits.
_LARGEST_COLUMN, _SMALLEST_COLUMN = 1e151, 1e-305
# Weights beyond this are no repetitions of rows: their sums are to fit as well.
_LARGEST_WEIGHT = 1e150

_E = TypeVar("_E", bound=BaseEstimator)
_R = TypeVar("_R")
_P = ParamSpec("_P")


class Seconds(Interval):
    """A positive number of any kind: of NumPy and fractions as well."""

    def __init__(self) -> None:
        super().__init__(Real, 0, None, closed="neither")

    def is_satisfied_by(self, val: Any) -> bool:
        """Tell whether a value is allowed."""
        # NumPy cannot tell whether a fraction is NaN.
        return isinstance(val, Real) and bool(super().is_satisfied_by(float(val)))


def unchanged_when_refused(
    method: Callable[Concatenate[_E, _P], _R],
) -> Callable[Concatenate[_E, _P], _R]:
    """Make a method leave the fitted state as it was when it raises.

    scikit-learn notes the columns while it checks them, before the rest is checked.

    Parameters
    ----------
    method : callable
        ``fit`` and its like.

    Returns
    -------
    callable
        With the same signature.
    """

    @functools.wraps(method)
    def wrapped(self: _E, /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        before = dict(vars(self))
        try:
            return method(self, *args, **kwargs)
        except BaseException:
            vars(self).clear()
            vars(self).update(before)
            raise

    return wrapped


def check_sizes(X: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> None:
    """Refuse numbers whose squares do not fit into float64.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Finite values.
    y : ndarray of shape (n_samples,)
        Finite values.

    Raises
    ------
    ValueError
        With the range that is allowed.
    """
    largest, spread = float(np.abs(y).max()), float(np.ptp(y / 2)) * 2
    least = min(size for size in (largest, spread, 1.0) if size > 0)
    if largest > _LARGEST_TARGET or least < 1 / _LARGEST_TARGET:
        raise ValueError(
            f"Got targets up to {largest:.2g} that differ by {spread:.2g}: only "
            f"between {1 / _LARGEST_TARGET:.0e} and {_LARGEST_TARGET:.0e} do their "
            "squares fit into float64. Multiply y by a power of ten."
        )
    widest = np.abs(X).max(axis=0)
    lost = (widest > _LARGEST_COLUMN) | ((widest > 0) & (widest < _SMALLEST_COLUMN))
    if lost.any():
        column = int(np.argmax(lost))
        raise ValueError(
            f"Got values up to {widest[column]:.2g} in the column at position {column} "
            f"of X: only between {_SMALLEST_COLUMN:.0e} and {_LARGEST_COLUMN:.0e} does "
            "float64 compute with them. Multiply the column by a power of ten."
        )


def checked_weight(
    sample_weight: Any, X: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64] | None:
    """Check weights as scikit-learn does.

    Parameters
    ----------
    sample_weight : array-like of shape (n_samples,) or None
        What the user gave.
    X : ndarray of shape (n_samples, n_features)
        The rows.

    Returns
    -------
    ndarray of shape (n_samples,) or None
        None stays None; huge and tiny ones are divided by the largest.

    Raises
    ------
    ValueError
        If they are negative, not finite, all zero, or not one for each row.
    """
    if sample_weight is None:
        return None
    weight: npt.NDArray[np.float64] = _check_sample_weight(
        sample_weight, X, dtype=np.float64, ensure_non_negative=True
    )
    largest = weight.max()
    if largest <= 0:
        raise ValueError("All sample weights are zero: at least one must be positive.")
    if np.count_nonzero(weight) == 1:
        warnings.warn(
            "The weights of all rows but one are zero: what is fitted is the target of "
            "that row alone. Give at least two rows a positive weight.",
            UserWarning,
            stacklevel=6,
        )
    fits = 1 / _LARGEST_WEIGHT < largest < _LARGEST_WEIGHT
    return weight if fits else weight / largest
