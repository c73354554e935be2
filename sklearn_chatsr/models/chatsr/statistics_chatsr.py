"""Cheap fit statistics of a table, given to the model beside the points.

A few transformer layers do not learn to regress; these numbers tell what a handful of
least-squares fits say: correlations of y, log|y|, 1/y and y^2 with simple functions of
every column, with products, ratios, sums and differences of two columns, linear fits
in several scales (powers of a power law among them), and the strength of oscillations.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

_TARGETS = 4
_UNARY = 15
_FREQUENCIES = np.array([0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0])
_PAIRS = 5
_SCALES = 4
_POWERS = np.arange(-4.0, 4.5, 0.5)
_BASE = 8


def statistics_size(max_variables: int) -> int:
    """Give the number of features of one statistics token."""
    return (
        _BASE
        + len(_POWERS)
        + 2 * _TARGETS * _UNARY
        + len(_FREQUENCIES)
        + _TARGETS * _SCALES
        + _TARGETS * _PAIRS * max_variables
    )


def fit_statistics(
    X: Array, y: Array, point_mask: npt.NDArray[np.bool_], max_variables: int
) -> npt.NDArray[np.float32]:
    """Compute the statistics of a batch of tables with equally many columns.

    Parameters
    ----------
    X : ndarray of shape (batch, n_points, n_columns), dtype float64
        Finite values; rows outside the mask are ignored.
    y : ndarray of shape (batch, n_points), dtype float64
        Finite values.
    point_mask : ndarray of shape (batch, n_points), dtype bool
        False for padding. A table without any point gives zeros.
    max_variables : int
        Columns that the model knows; sets the number of features.

    Returns
    -------
    statistics : ndarray of shape (batch, 1 + n_columns, statistics_size), float32
        One token for the table, then one for each column, all within about [-4, 4].
    """
    with np.errstate(all="ignore"):
        return _fit_statistics(X, y, point_mask, max_variables)


def _fit_statistics(
    X: Array, y: Array, point_mask: npt.NDArray[np.bool_], max_variables: int
) -> npt.NDArray[np.float32]:
    batch, _, d = X.shape
    n = point_mask.sum(axis=1)
    weight = point_mask / np.maximum(n, 1)[:, None]
    X = np.where(point_mask[:, :, None], X, 1.0)
    y = np.where(point_mask, y, 1.0)
    size = statistics_size(max_variables)
    tokens = np.zeros((batch, 1 + d, size))

    # (batch, targets, n_points): y in four scales, unit norm
    log_y = np.log(np.abs(y) + 1e-300)
    scales_of_y = np.stack([y, log_y, _reciprocal(y), y * y], axis=1)
    targets = _normalise(scales_of_y.transpose(0, 2, 1), weight).transpose(0, 2, 1)

    log_x = np.log(np.abs(X) + 1e-300)
    inverse_x = _reciprocal(X)
    square_x = X * X

    column = tokens[:, 1:]
    start = 0
    column[:, :, :_BASE] = _describe(X, point_mask, weight)
    start += _BASE + len(_POWERS)

    r = targets @ _normalise(_unary(X, log_x, inverse_x, square_x), weight)
    # (batch, targets, columns * unary) -> (batch, columns, targets * unary)
    r = (
        r.reshape(batch, _TARGETS, _UNARY, d)
        .transpose(0, 3, 1, 2)
        .reshape(batch, d, -1)
    )
    width = _TARGETS * _UNARY
    column[:, :, start : start + width] = r
    column[:, :, start + width : start + 2 * width] = _exactness(r)
    start += 2 * width

    column[:, :, start : start + len(_FREQUENCIES)] = _oscillations(
        X, targets[:, 0], point_mask, weight
    )
    start += len(_FREQUENCIES)

    explained = np.empty((batch, _TARGETS, _SCALES))
    for s, scaled in enumerate((X, log_x, square_x, inverse_x)):
        design = _normalise(scaled, weight)
        beta, explained[:, :, s] = _linear_fit(design, targets)
        first = start + s * _TARGETS
        column[:, :, first : first + _TARGETS] = np.clip(beta, -4, 4)
        if s == 1:
            # Powers of y ~ prod x_i^p_i: standardised slope times std(log y)/std(log x)
            spread = _spread(log_y[:, :, None], weight) / _spread(log_x, weight)
            power = beta[:, :, 1] * spread
            distance = (power[:, :, None] - _POWERS) / 0.12
            column[:, :, _BASE : _BASE + len(_POWERS)] = np.exp(-0.5 * distance**2)
    start += _TARGETS * _SCALES

    if d > 1:
        pair = np.zeros((batch, d, max_variables, _PAIRS * _TARGETS))
        pair[:, :, :d] = _pair_correlations(X, targets, weight)
        column[:, :, start:] = pair.reshape(batch, d, -1)

    table = tokens[:, 0]
    table[:, : _BASE - 1] = _describe(y[:, :, None], point_mask, weight)[:, 0, :-1]
    table[:, _BASE - 1] = np.log10(np.maximum(n, 1)) - 1.5
    table[:, _BASE + d - 1] = 1.0
    place = _BASE + max_variables
    table[:, place : place + explained[0].size] = _exactness_of_r2(
        explained.reshape(batch, -1)
    )
    place += explained[0].size
    table[:, place : place + _TARGETS] = _exactness_of_r2(
        _quadratic_fit(X, targets, weight, n)
    )
    place += _TARGETS
    # Slopes alone tell which columns matter; the table token repeats the strongest.
    best = np.abs(r).max(axis=2)
    table[:, place : place + d] = _exactness(best)
    tokens[n == 0] = 0.0
    return np.nan_to_num(tokens, nan=0.0, posinf=0.0, neginf=0.0).astype(np.float32)


def _reciprocal(a: Array) -> Array:
    return np.where(np.abs(a) > 1e-150, 1.0 / a, 0.0)


def _normalise(columns: Array, weight: Array) -> Array:
    """Centre columns (batch, n_points, k) and give them unit norm under the weight."""
    w = weight[:, :, None]
    peak = np.abs(columns).max(axis=1, keepdims=True)
    columns = columns / np.where(peak > 0, peak, 1.0)
    centred = (columns - (w * columns).sum(axis=1, keepdims=True)) * np.sqrt(w)
    norm = np.sqrt((centred * centred).sum(axis=1, keepdims=True))
    return np.where(norm > 1e-9, centred / norm, 0.0)


def _spread(columns: Array, weight: Array) -> Array:
    """Give the standard deviation of columns (batch, n_points, k)."""
    w = weight[:, :, None]
    centred = columns - (w * columns).sum(axis=1, keepdims=True)
    return np.sqrt((w * centred * centred).sum(axis=1)) + 1e-12


def _exactness(r: Array) -> Array:
    """Map correlations to about [-3, 3]: the nines of r^2 with the sign of r."""
    return np.sign(r) * _exactness_of_r2(r * r)


def _exactness_of_r2(r2: Array) -> Array:
    return -np.log10(np.clip(1.0 - r2, 1e-9, 1.0)) / 3.0


def _unary(X: Array, log_x: Array, inverse_x: Array, square_x: Array) -> Array:
    """Compute simple functions of every column, (batch, n_points, unary * columns)."""
    root = np.sqrt(np.abs(X))
    bounded = np.clip(X, -30, 30)
    growth = np.exp(bounded)
    return np.concatenate(
        [
            X,
            square_x,
            square_x * X,
            root,
            inverse_x,
            inverse_x * inverse_x,
            log_x,
            growth,
            1.0 / growth,
            np.exp(-np.minimum(square_x, 60)),
            np.abs(X),
            np.sin(X),
            np.cos(X),
            np.tanh(X),
            X * log_x,
        ],
        axis=2,
    )


def _describe(
    columns: Array, point_mask: npt.NDArray[np.bool_], weight: Array
) -> Array:
    """Describe columns (batch, n_points, k): magnitude, signs, shape; (batch, k, 8)."""
    mask, w = point_mask[:, :, None], weight[:, :, None]
    high = np.where(mask, columns, -np.inf).max(axis=1)
    low = np.where(mask, columns, np.inf).min(axis=1)
    mean = (w * columns).sum(axis=1)
    std = _spread(columns, weight)
    magnitude = np.maximum(np.abs(high), np.abs(low)) + 1e-300
    centred = (columns - mean[:, None]) / std[:, None]
    skew = (w * centred**3).sum(axis=1)
    whole = (w * (columns == np.round(columns))).sum(axis=1)
    facts = [
        np.log10(magnitude) / 4.0,
        np.log10(std) / 4.0,
        np.where(low > 0, 1.0, np.where(high < 0, -1.0, 0.0)),
        np.clip(mean / std, -8, 8) / 4.0,
        np.clip(skew, -8, 8) / 4.0,
        (whole >= 1.0).astype(np.float64),
        np.where(low * high > 0, np.log10(np.abs(high / low)), 0.0),
        np.ones_like(mean),
    ]
    return np.clip(np.stack(facts, axis=2), -8, 8)


def _oscillations(
    X: Array, target: Array, point_mask: npt.NDArray[np.bool_], weight: Array
) -> Array:
    """Strength of sine and cosine at a few frequencies over the range of a column."""
    mask = point_mask[:, :, None]
    high = np.where(mask, X, -np.inf).max(axis=1, keepdims=True)
    low = np.where(mask, X, np.inf).min(axis=1, keepdims=True)
    phase = 2 * np.pi * (X - low) / np.where(high > low, high - low, 1.0)
    batch, n, d = X.shape
    angle = (phase[:, :, :, None] * _FREQUENCIES).reshape(batch, n, -1)
    sine = _normalise(np.sin(angle), weight)
    cosine = _normalise(np.cos(angle), weight)
    a = np.matmul(target[:, None], sine)[:, 0]
    b = np.matmul(target[:, None], cosine)[:, 0]
    c = (sine * cosine).sum(axis=1)
    r2 = (a * a + b * b - 2 * a * b * c) / np.maximum(1 - c * c, 1e-6)
    return _exactness_of_r2(r2).reshape(batch, d, -1)


def _linear_fit(design: Array, targets: Array) -> tuple[Array, Array]:
    """Regress targets (batch, t, n) on design (batch, n, k), all of unit norm.

    Returns the slopes (batch, k, t) and the explained shares (batch, t).
    """
    k = design.shape[2]
    gram = design.transpose(0, 2, 1) @ design + 1e-9 * np.eye(k)
    cross = (targets @ design).transpose(0, 2, 1)
    beta = np.linalg.solve(gram, cross).astype(np.float64, copy=False)
    return beta, np.clip((beta * cross).sum(axis=1), 0.0, 1.0)


def _quadratic_fit(
    X: Array, targets: Array, weight: Array, n: npt.NDArray[np.int_]
) -> Array:
    """Share of the targets that a full quadratic explains, 0 where n is too small."""
    d = X.shape[2]
    if d > 5:
        return np.zeros((len(X), _TARGETS))
    i, j = np.triu_indices(d)
    centred = _normalise(X, weight) / np.sqrt(np.maximum(weight, 1e-9))[:, :, None]
    terms = np.concatenate([centred, centred[:, :, i] * centred[:, :, j]], axis=2)
    _, r2 = _linear_fit(_normalise(terms, weight), targets)
    return np.where((n > terms.shape[2] + 4)[:, None], r2, 0.0)


def _pair_correlations(X: Array, targets: Array, weight: Array) -> Array:
    """Correlations with terms of two columns; (batch, d, d, pairs * targets).

    log|y| is compared with the logarithm of the term, the other scales with the term.
    """
    batch, _, d = X.shape
    i, j = np.triu_indices(d, 1)
    a, b = X[:, :, i], X[:, :, j]
    terms = np.concatenate(
        [a * b, a * _reciprocal(b), a - b, a + b, a * a + b * b, b * _reciprocal(a)],
        axis=2,
    )
    r = targets @ _normalise(terms, weight)
    logs = np.log(np.abs(terms) + 1e-300)
    r[:, 1] = (targets[:, 1:2] @ _normalise(logs, weight))[:, 0]
    # (batch, targets, 6 * pairs) -> (batch, pairs, 6, targets)
    s = _exactness(r).reshape(batch, _TARGETS, 6, len(i)).transpose(0, 3, 2, 1)
    out = np.zeros((batch, d, d, _PAIRS, _TARGETS))
    out[:, i, j] = s[:, :, :5]
    out[:, j, i] = s[:, :, [0, 5, 2, 3, 4]]
    return out.reshape(batch, d, d, -1)
