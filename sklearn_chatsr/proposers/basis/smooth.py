"""A smooth model of the target, and what it says before the law is known.

The model is a polynomial in the standardised columns. It need not be good: what it
misses acts as noise that knows nothing of the column in question.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations_with_replacement
from math import comb

import numpy as np

from sklearn_chatsr.proposers.basis.terms import Array

_MOST_COLUMNS = 12
_MOST_PARAMETERS = 90
_ROWS_PER_PARAMETER = 4
# F statistics: of a column that is gone, and of one that is there.
_ABSENT, PRESENT = 4.0, 10.0
# A model that misses little takes its own error for an influence: there a column is
# gone, too, when next to nothing is left of what it explained.
_ALMOST_ABSENT, _NEXT_TO_NOTHING = 20.0, 5e-4
_KERNEL_ROWS = 300
# Of the kernels, in root mean squares of the distance of two rows; and their ridges.
_WIDTHS = (0.5, 1.0, 2.0, 4.0, 8.0)
_RIDGES = 10.0 ** np.arange(-10.0, 2.0)
DECADES = 1.5  # that a positive column spans where its logarithm stands for it
# Shares of the variance that are missed: of a law that is plainly smooth, of what is
# not; and of what a quarter of the rows misses, where it stays.
_PREDICTED, _MUCH, _STAYS = 1e-7, 0.05, 0.4
_USUAL = 0.8  # of the rows


def degree_for(X: Array) -> int:
    """Give the degree of the polynomial that the rows can carry; 0 for none."""
    n_rows, n_columns = X.shape
    if n_columns > _MOST_COLUMNS:
        return 0
    for degree in (4, 3, 2):
        parameters = comb(n_columns + degree, degree)
        if (
            parameters <= _MOST_PARAMETERS
            and _ROWS_PER_PARAMETER * parameters <= n_rows
        ):
            return degree
    return 0


def standardised(X: Array) -> Array:
    """Give columns of mean 0 and standard deviation 1."""
    scale = np.maximum(X.std(axis=0), 1e-300)
    standard: Array = (X - X.mean(axis=0)) / scale
    return standard


def coordinates(X: Array) -> Array:
    """Give standardised columns, the logarithms of those that span decades."""
    found = X.copy()
    for j, x in enumerate(X.T):
        if x.min() > 0 and np.log10(x.max()) - np.log10(x.min()) > DECADES:
            found[:, j] = np.log10(x)
    return standardised(found)


def polynomial_around(
    features: Array, j: int | Sequence[int], degree: int
) -> tuple[Array, Array]:
    """Give the monomials that hold feature j (or one of j), and the others.

    The first ones are the features themselves.
    """
    around = {j} if isinstance(j, int) else set(j)
    n_rows, n_columns = features.shape
    inside: list[Array] = []
    outside: list[Array] = [np.ones(n_rows)]
    for total in range(1, degree + 1):
        for chosen in combinations_with_replacement(range(n_columns), total):
            value = np.prod(features[:, chosen], axis=1)
            (inside if around & set(chosen) else outside).append(value)
    return np.column_stack(inside), np.column_stack(outside)


def slopes(features: Array, target: Array, degree: int) -> tuple[Array, Array]:
    """Fit a polynomial; give its values and its partial derivatives.

    Parameters
    ----------
    features : ndarray of shape (n_rows, n_columns)
        Standardised columns.
    target : ndarray of shape (n_rows,)
        What is fitted.
    degree : int
        Of the polynomial.

    Returns
    -------
    values : ndarray of shape (n_rows,)
    slopes : ndarray of shape (n_rows, n_columns)
    """
    n_rows, n_columns = features.shape
    exponents = np.array(
        [
            np.bincount(np.array(chosen, dtype=int), minlength=n_columns)
            for total in range(degree + 1)
            for chosen in combinations_with_replacement(range(n_columns), total)
        ]
    )
    powers = features[None] ** np.arange(degree + 1)[:, None, None]
    # parts[j]: the power of feature j in every monomial
    parts = [powers[exponents[:, j], :, j].T for j in range(n_columns)]
    design = np.prod(parts, axis=0)
    coefficients, *_ = np.linalg.lstsq(design, target, rcond=None)
    slope = np.empty((n_rows, n_columns))
    for j in range(n_columns):
        order = exponents[:, j]
        derived = order * powers[np.maximum(order - 1, 0), :, j].T
        others = parts[:j] + parts[j + 1 :]
        slope[:, j] = np.prod([derived, *others], axis=0) @ coefficients
    return design @ coefficients, slope


def f_statistics(base: Array, extra: Array, targets: Array) -> Array:
    """Tell how much the extra columns explain of each target beside the base."""
    if not (np.isfinite(base).all() and np.isfinite(extra).all()):
        return np.full(len(targets), np.inf)
    basis, _ = np.linalg.qr(base)
    residuals = targets.T - basis @ (basis.T @ targets.T)
    free = extra - basis @ (basis.T @ extra)
    directions, _ = np.linalg.qr(free)
    explained = np.sum((directions.T @ residuals) ** 2, axis=0)
    left = np.sum(residuals**2, axis=0) - explained
    freedom = targets.shape[1] - base.shape[1] - extra.shape[1]
    size = np.sum(targets**2, axis=1)
    statistic = explained / extra.shape[1] / (left / freedom)
    # A model without error: what float64 leaves decides nothing.
    perfect = np.where(explained <= 1e-16 * size, 0.0, np.inf)
    statistic = np.where(left <= 1e-20 * size, perfect, statistic)
    return np.where(np.isfinite(statistic), statistic, np.inf)


def is_absent(statistic: float, before: float = 0.0) -> bool:
    """Tell whether a column with this F statistic is gone, given the one it had."""
    return statistic < max(_ABSENT, min(_ALMOST_ABSENT, _NEXT_TO_NOTHING * before))


def missed(design: Array, target: Array) -> float:
    """Give the share of the variance that a model leaves unexplained."""
    basis, _ = np.linalg.qr(design)
    residual = target - basis @ (basis.T @ target)
    return float(residual @ residual) / float(np.sum((target - target.mean()) ** 2))


def suspected_noise(values: Array, target: Array) -> tuple[bool, bool]:
    """Tell whether a smooth function misses as much as noise would leave.

    Parameters
    ----------
    values : ndarray of shape (n_columns, n_rows)
        Rows in random order, of which up to 300 count.
    target : ndarray of shape (n_rows,)
        What is predicted.

    Returns
    -------
    is_likely : bool
        Something is missed, and more rows hardly help: laws without noise are seldom
        like that.
    is_possible : bool
        Or much is missed, which a rugged law may explain as well.
    """
    error, usual = _left_out(values, target)
    if error <= _PREDICTED:
        return False, False
    n_few = min(len(target), _KERNEL_ROWS) // 4
    # Noise is on all rows; what a law hides from its neighbours may be on a few.
    _, before = _left_out(values[:, :n_few], target[:n_few])
    is_likely = usual > _STAYS * before
    return is_likely, is_likely or error > _MUCH


def left_out_error(values: Array, target: Array) -> float:
    """Tell what share of the variance a smooth function of the other rows misses.

    Kernel ridge regression predicts each row from the others; the best width and ridge
    count, and the target or its logarithm, whatever is missed less.

    Parameters
    ----------
    values : ndarray of shape (n_columns, n_rows)
        Rows in random order, of which up to 300 count.
    target : ndarray of shape (n_rows,)
        What is predicted.

    Returns
    -------
    float
        0 where nothing is missed, 1 where nothing is predicted.
    """
    return _left_out(values, target)[0]


def _left_out(values: Array, target: Array) -> tuple[float, float]:
    """Give the error of all rows, and that of those that are missed least."""
    rows = slice(_KERNEL_ROWS)
    X = coordinates(values[:, rows].T)
    targets = [target[rows]]
    if np.all(targets[0] > 0) or np.all(targets[0] < 0):
        targets.append(np.log(np.abs(targets[0])))
    Y = standardised(np.column_stack(targets))
    squares = np.sum(np.square(X), axis=1)
    distance = np.maximum(squares[:, None] + squares - 2.0 * X @ X.T, 0.0)
    distance /= X.shape[1]
    least, least_usual, n_usual = 1.0, 1.0, max(1, int(_USUAL * len(X)))
    for width in _WIDTHS:
        # The constant is an offset.
        kernel = 1.0 + np.exp(-distance / (2.0 * width * width))
        if not (np.isfinite(kernel).all() and np.isfinite(Y).all()):
            return 1.0, 1.0
        sizes, vectors = np.linalg.eigh(kernel)
        turned = vectors.T @ Y
        for ridge in _RIDGES:
            inverse = 1.0 / (np.maximum(sizes, 0.0) + ridge)
            own = np.square(vectors) @ inverse
            left = vectors @ (inverse[:, None] * turned) / own[:, None]
            errors = np.sort(np.square(left), axis=0)
            least = min(least, float(np.mean(errors, axis=0).min()))
            usual = float(np.mean(errors[:n_usual], axis=0).min())
            least_usual = min(least_usual, usual)
    return least, least_usual
