"""Reductions: what the data say about the law before it is known.

A smooth model of the target tells two things. In ``y = x1^p * g(x2, ...)`` nothing
depends on ``x1`` once the right power is divided out. In ``y = g(x1 - x2, ...)``, and
likewise for sums, quotients and products, the other combination of the two columns has
no influence. Either leaves a problem with one column less. The model need not be good:
what it misses acts as noise that knows nothing of the column in question.

References
----------
Udrescu, S.-M. and Tegmark, M. (2020). AI Feynman: a physics-inspired method for
symbolic regression. Science Advances.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import combinations, combinations_with_replacement
from math import comb

import numpy as np

from sklearn_chatsr.proposers.basis.terms import Array

_POWERS = (1, -1, 2, -2, Fraction(1, 2), Fraction(-1, 2), 3, -3)
_MOST_COLUMNS = 12
_ROWS_PER_PARAMETER, _ENOUGH_PER_PARAMETER = 4, 12
# F statistics: of a column that is gone, and of one that is there.
_ABSENT, _PRESENT = 4.0, 10.0
_LONG_TAIL = 0.5  # share of the variance that a fiftieth of the rows makes
_POOR = 0.3  # a model that misses more of the variance has nothing to say
# An error that is not small against 1/4 leaves every power next to a half.
_STANDARD_ERRORS = 2.5
_LARGEST_ERROR = 0.03
# Of a column that comes closer to 0 a power has a few huge values, and nothing else.
_SPAN = 1e-3


@np.errstate(all="ignore")
def plain_powers(X: Array, y: Array) -> dict[int, Fraction]:
    """Find the columns that are plain powers in front of the law.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
        Columns.
    y : ndarray of shape (n_rows,)
        The target.

    Returns
    -------
    dict of int to Fraction
        Powers by column; empty when none is found, or there are too few rows to tell.
    """
    degree = _degree(X)
    if degree == 0 or X.shape[1] < 2:
        return {}
    found: dict[int, Fraction] = {}
    one_sign = bool(np.all(y > 0) or np.all(y < 0))
    features = _standardised(X)
    for j in range(X.shape[1]):
        size = np.abs(X[:, j])
        if size.min() < _SPAN * size.max() or np.ptp(np.sign(X[:, j])) > 0:
            continue
        inside, outside = _polynomial(features, j, degree)
        power = _tried_power(X[:, j], y, inside, outside)
        if one_sign:
            log_x, log_y = np.log(np.abs(X[:, j])), np.log(np.abs(y))
            power = _read_power(log_x, log_y, inside[:, 1:], outside) or power
        if power is not None:
            found[j] = power
    return found


@np.errstate(all="ignore")
def combined_columns(X: Array, y: Array) -> tuple[str, int, int] | None:
    """Find two columns of which the law only knows one combination.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
        Columns.
    y : ndarray of shape (n_rows,)
        The target.

    Returns
    -------
    tuple of (str, int, int) or None
        ``"sub"``, ``"add"``, ``"div"`` or ``"mul"`` and the two columns; None when
        there is no such pair, or there are too few rows to tell.
    """
    degree = _degree(X)
    if degree == 0 or X.shape[1] < 2:
        return None
    n_rows = _ENOUGH_PER_PARAMETER * comb(X.shape[1] + degree, degree)
    X, y = X[:n_rows], y[:n_rows]
    targets = _smooth_targets(y)
    best: tuple[float, str, int, int] | None = None
    for j, k in combinations(range(X.shape[1]), 2):
        for name, kept, gone in _combinations(X[:, j], X[:, k]):
            changed = X.copy()
            changed[:, j], changed[:, k] = kept, gone
            features = _standardised(changed)
            inside, outside = _polynomial(features, k, degree)
            statistics = _f_statistics(outside, inside, targets)
            which = int(np.argmin(statistics))
            statistic = float(statistics[which])
            if statistic < min(_ABSENT, best[0] if best else np.inf):
                mine, others = _polynomial(np.delete(features, k, 1), j, degree)
                target = targets[which]
                present = _f_statistic(others, mine, target) > _PRESENT
                if present and _missed(np.hstack([others, mine]), target) < _POOR:
                    best = (statistic, name, j, k)
    return None if best is None else best[1:]


def _smooth_targets(y: Array) -> Array:
    """Give transforms of the target; one of them may be smooth."""
    targets = [y]
    if np.all(y > 0) or np.all(y < 0):
        targets += [np.log(np.abs(y)), y**2, 1 / y, y**-2]
    table = np.array(targets)
    return table[np.isfinite(table).all(axis=1)]


def _combinations(a: Array, b: Array) -> Iterator[tuple[str, Array, Array]]:
    """Give combinations of two columns, each with the one that must not matter."""
    yield "sub", a - b, a + b
    yield "add", a + b, a - b
    if np.all(a > 0) and np.all(b > 0):
        log_a, log_b = np.log(a), np.log(b)
        yield "div", log_a - log_b, log_a + log_b
        yield "mul", log_a + log_b, log_a - log_b


def _degree(X: Array) -> int:
    """Give the degree of the smooth model that the rows can carry; 0 for none."""
    n_rows, n_columns = X.shape
    if n_columns > _MOST_COLUMNS:
        return 0
    for degree in (4, 3, 2):
        parameters = comb(n_columns + degree, degree)
        if parameters <= 90 and _ROWS_PER_PARAMETER * parameters <= n_rows:
            return degree
    return 0


def _tried_power(x: Array, y: Array, inside: Array, outside: Array) -> Fraction | None:
    """Try powers: with the right one, y / x^p has nothing to do with x."""
    if _f_statistic(outside, inside, y) < _PRESENT:
        return None
    tried = []
    for power in _POWERS:
        if not (isinstance(power, Fraction) and np.any(x < 0)):
            statistic = _f_statistic(outside, inside, y / x ** float(power))
            tried.append((statistic, Fraction(power)))
    statistic, best = min(tried)
    if statistic > _ABSENT:
        return None
    # A wrong power may leave a few huge values that nothing explains.
    tail = _tail(y / x ** float(best))
    return None if tail > max(_LONG_TAIL, 2.0 * _tail(y)) else best


def _tail(values: Array) -> float:
    """Give the share of the variance that a fiftieth of the rows makes."""
    square = np.sort(np.square(values - np.median(values)))
    return float(square[-(len(values) // 50) - 1 :].sum() / square.sum())


def _read_power(
    log_x: Array, log_y: Array, inside: Array, outside: Array
) -> Fraction | None:
    """Read the power off a model of log|y|, where its column has no curvature."""
    design = np.column_stack([log_x, outside])
    if _f_statistic(design, inside, log_y) > _ABSENT:
        return None
    power, error = _first_coefficient(design, log_y)
    nearest = Fraction(round(2 * power), 2)
    near = abs(power - float(nearest)) < _STANDARD_ERRORS * error + 1e-9
    return nearest if nearest != 0 and near and error < _LARGEST_ERROR else None


def _standardised(X: Array) -> Array:
    scale = np.maximum(X.std(axis=0), 1e-300)
    standard: Array = (X - X.mean(axis=0)) / scale
    return standard


def _polynomial(features: Array, j: int, degree: int) -> tuple[Array, Array]:
    """Columns of a polynomial that hold feature j, itself first, and the others."""
    n_rows, n_columns = features.shape
    inside: list[Array] = []
    outside: list[Array] = [np.ones(n_rows)]
    for total in range(1, degree + 1):
        for chosen in combinations_with_replacement(range(n_columns), total):
            value = np.prod(features[:, chosen], axis=1)
            (inside if j in chosen else outside).append(value)
    return np.column_stack(inside), np.column_stack(outside)


def _f_statistic(base: Array, extra: Array, target: Array) -> float:
    """Tell how much the extra columns explain beside the base."""
    return float(_f_statistics(base, extra, target[None])[0])


def _f_statistics(base: Array, extra: Array, targets: Array) -> Array:
    """Tell how much the extra columns explain of each target beside the base."""
    if not np.isfinite(targets).all():
        return np.full(len(targets), np.inf)
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
    return np.where(left <= 1e-20 * size, perfect, statistic)


def _missed(design: Array, target: Array) -> float:
    """Give the share of the variance that a model leaves unexplained."""
    basis, _ = np.linalg.qr(design)
    residual = target - basis @ (basis.T @ target)
    return float(residual @ residual) / float(np.sum((target - target.mean()) ** 2))


def _first_coefficient(design: Array, target: Array) -> tuple[float, float]:
    """Regress; give the first coefficient and its standard error."""
    scale = np.linalg.norm(design, axis=0)
    left, right = np.linalg.qr(design / scale)
    moments = left.T @ target
    residual = target - left @ moments
    variance = float(residual @ residual) / (len(target) - design.shape[1])
    if np.any(np.diag(right) == 0):
        return 0.0, np.inf
    inverse = np.linalg.inv(right)
    error = float(np.sqrt(variance * np.sum(inverse[0] ** 2)))
    return float(inverse[0] @ moments / scale[0]), error / float(scale[0])
