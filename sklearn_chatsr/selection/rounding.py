"""How exactly the numbers of a target are written."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

# Relative error below which float64 formulas of some twenty nodes cannot be told
# apart: residuals of exactly known laws scatter between 1e-16 and some 1e-13.
_NUMERIC = 1e-12
_MOST_DIGITS = 8
_LOOKED_AT = 64  # rows that tell long numbers
_MOST_ROWS = 4_000
# Numbers in float32, relative to their size: four steps, since columns and arithmetic
# were rounded as well.
_SINGLE = 2.0**-21
_FEWEST_SINGLE = 8  # rows; fewer may be float32 numbers by chance
_SHORT_MANTISSA = 20  # bits, of 24
# Numbers end in a zero by chance, one in ten, and so do those of a short design.
_SHORTENED, _FULL_LENGTH = 5, 0.7  # rows; share of them
_FEWEST_DIGITS = 2
_DEVIATIONS = 2.0  # of the mean square of so many rounding errors


class Resolution(NamedTuple):
    """The mean squared error that the writing of a target leaves.

    Attributes
    ----------
    floor : float
        What it is expected to be, in the squared unit of the target.
    ceiling : float
        What it is likely not to exceed; the floor itself where that is only a bound.
    """

    floor: float
    ceiling: float


def resolution(
    y: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None
) -> Resolution:
    """Estimate the mean squared error that rounding has left in a target.

    Measurements are written with few digits: 87.77 stands for anything between 87.765
    and 87.775. No formula can be expected to be closer than that, and none deserves
    credit for it.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Finite target values.
    sample_weight : array-like of shape (n_samples,), optional
        Positive weights of the mean.

    Returns
    -------
    Resolution
        Of the digits in use, decimal ones or those of float32; at least what float64
        arithmetic leaves.

    Examples
    --------
    >>> bool(resolution([87.77, 224.7, 365.25]).ceiling < 1e-4)
    True
    """
    y = np.asarray(y, dtype=np.float64)
    n_samples, some = len(y), slice(None, None, -(-len(y) // _MOST_ROWS) or 1)
    y = y[some]
    largest = float(np.abs(y).max()) if len(y) else 0.0
    if largest == 0.0:
        return Resolution(0.0, 0.0)
    share = np.full(len(y), 1.0 / len(y))
    if sample_weight is not None:
        weight = np.asarray(sample_weight, dtype=np.float64)[some]
        share = weight / weight.sum()
    # Squares of numbers beyond 1e154 would overflow.
    scale = largest * float(np.sqrt(share @ np.square(y / largest)))
    numeric = (_NUMERIC * scale) ** 2
    steps = rounding_steps(y)
    if not steps.any():
        single = _single_step(y[:256], scale)
        bound = max(numeric, single * single / 12.0)
        return Resolution(bound, bound)
    # Errors within half a step, each as likely: their squares have a mean of 1/12 and
    # a variance of 1/180, in steps.
    squares = np.square(steps / steps.max())
    unit = float(steps.max()) ** 2
    left = unit * float(share @ squares) / 12.0
    if left <= numeric:
        return Resolution(numeric, numeric)
    of_few = np.sum(np.square(share * squares)) / 180.0
    deviation = unit * float(np.sqrt(of_few * len(y) / n_samples))
    return Resolution(left, left + _DEVIATIONS * deviation)


def rounding_steps(y: npt.ArrayLike) -> FloatArray:
    """Tell how far apart the numbers are that each value was rounded to.

    Tables have a fixed number of decimals, or of significant digits: 0.0123, 4.56 and
    789 have steps of 0.0001, 0.01 and 1.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Finite values.

    Returns
    -------
    ndarray of shape (n_samples,), dtype float64
        Powers of ten, in the unit of y; zeros where values are taken at their word:
        numbers of more than eight digits, and whole ones that may be counts.

    Examples
    --------
    >>> rounding_steps([0.5, 1.25, 3.75])
    array([0.01, 0.01, 0.01])
    >>> rounding_steps([1.0, 2.0, 30.0])
    array([0., 0., 0.])
    """
    y = np.asarray(y, dtype=np.float64)
    unknown = np.zeros(len(y))
    written = y[y != 0]
    if not len(written) or _n_digits(written[:_LOOKED_AT]).max() > _MOST_DIGITS:
        return unknown
    digits = _n_digits(written)
    longest = int(digits.max())
    if longest > _MOST_DIGITS:
        return unknown
    magnitude = _magnitude(written)
    whole = bool(np.all(written == np.rint(written)))
    decimals = 0 if whole else int(np.max(digits - 1 - magnitude))
    fixed = 10.0**-decimals
    relative = np.full(len(y), fixed)
    relative[y != 0] = 10.0 ** (magnitude - longest + 1)
    # Whole numbers show by zeros at their ends that they were rounded.
    shortened = np.sum(relative > 2.0 * fixed)
    if (
        shortened < _SHORTENED
        or longest < _FEWEST_DIGITS
        or np.mean(digits == longest) < _FULL_LENGTH
    ):
        return unknown if whole else np.full(len(y), fixed)
    return np.maximum(relative, 0.0 if whole else fixed)


def _magnitude(y: FloatArray) -> npt.NDArray[np.float64]:
    return np.floor(np.log10(np.abs(y)))


def _n_digits(y: FloatArray) -> npt.NDArray[np.int64]:
    """Count significant decimal digits, up to one more than the most."""
    with np.errstate(all="ignore"):
        mantissa = np.abs(y) / 10.0 ** _magnitude(y)
    digits = np.full(len(y), _MOST_DIGITS + 1)
    for n in range(_MOST_DIGITS, 0, -1):
        number = mantissa * 10.0 ** (n - 1)
        digits[np.abs(number - np.rint(number)) <= 4e-15 * number] = n
    return digits


def _single_step(y: FloatArray, scale: float) -> float:
    """Give what float32 numbers of this size leave open if all are such, else 0."""
    with np.errstate(over="ignore"):
        if len(y) < _FEWEST_SINGLE or not np.array_equal(y.astype(np.float32), y):
            return 0.0
    y = y[y != 0]
    if len(y) < _FEWEST_SINGLE:
        return 0.0
    # Halves and quarters are float32 numbers too: rounding leaves no short mantissas.
    mantissas = np.frexp(y)[0] * 2.0**_SHORT_MANTISSA
    if np.mean(mantissas != np.rint(mantissas)) < 0.5:
        return 0.0
    return _SINGLE * scale
