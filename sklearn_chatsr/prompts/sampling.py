"""Sampled checks: what the values of a formula show.

A variable under test runs over a grid, the others take a few positive values. In a
skeleton the open constants take several values of either sign, and the answer is the
share of them for which the property holds; a formula with its constants gives 0 or 1.
"""

from __future__ import annotations

import copy
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from sklearn_chatsr.expressions import CONSTANT, Expression, variable, variable_index

Array = npt.NDArray[np.float64]

_CONTEXTS = 3  # values of the other variables
_DRAWS = 8  # values of the open constants
_HALF = np.linspace(0.13, 4.9, 20)
_GROWTH = np.concatenate([[0.0], np.geomspace(0.05, 100.0, 24)])
# Two grids of different pitch: at a pole, their maxima differ.
_WIDE = (
    np.concatenate([np.linspace(-10, 10, 161), np.geomspace(10, 1e3, 20)]),
    np.concatenate([np.linspace(-10, 10, 187), np.geomspace(10, 1e3, 21)]),
)
_FAR = np.concatenate([-np.geomspace(1e9, 1e12, 8), np.geomspace(1e9, 1e12, 8)])
_TRIGONOMETRIC = frozenset({"sin", "cos", "tan"})


class Samples:
    """Values of a formula along one variable.

    Parameters
    ----------
    expression : Expression
        A formula or a skeleton.
    """

    def __init__(self, expression: Expression) -> None:
        self.expression = expression
        used = expression.variables
        self.n_columns = used[-1] + 1 if used else 1
        self.open = expression.constants is None
        rng = np.random.default_rng(12)
        self.others = rng.uniform(0.4, 3.0, (_CONTEXTS, self.n_columns))
        if self.open and expression.n_constants:
            shape = (_DRAWS, expression.n_constants)
            size = np.exp(rng.uniform(np.log(0.3), np.log(3.0), shape))
            self.constants = np.where(rng.random(shape) < 0.5, -size, size)
        else:
            self.constants = np.array([expression.constants or ()], dtype=np.float64)
        self.n_draws = len(self.constants)
        self.formula = _with_constants_as_columns(expression, self.n_columns)

    def values(self, points: Array) -> Array:
        """Evaluate at points (_CONTEXTS, n, n_columns) for all draws.

        Returns
        -------
        ndarray of shape (n_draws, _CONTEXTS, n)
        """
        n_draws, n = self.n_draws, points.shape[1]
        shape = (n_draws, _CONTEXTS, n)
        X = np.broadcast_to(points, (n_draws, *points.shape))
        extra = np.broadcast_to(
            self.constants[:, None, None, :], (*shape, self.constants.shape[1])
        )
        table = np.concatenate([X, extra], axis=3).reshape(n_draws * _CONTEXTS * n, -1)
        values = np.broadcast_to(self.formula.evaluate(table), len(table))
        return np.array(values, dtype=np.float64).reshape(shape)

    def along(self, name: str, grid: Array) -> Array:
        """Evaluate with one variable on a grid; shape (n_draws, _CONTEXTS, n)."""
        points = np.repeat(self.others[:, None, :], len(grid), axis=1)
        points[:, :, variable_index(name)] = grid
        return self.values(points)

    def share(self, holds: npt.NDArray[np.bool_]) -> float:
        """Give the share of the draws (n_draws, _CONTEXTS) that hold everywhere."""
        return float(np.mean(holds.all(axis=1)))


def even(samples: Samples, name: str) -> float:
    """Give the share of the draws for which f(-x) = f(x)."""
    return _mirrored(samples, name, 1.0)


def odd(samples: Samples, name: str) -> float:
    """Give the share of the draws for which f(-x) = -f(x)."""
    return _mirrored(samples, name, -1.0)


def monotone(samples: Samples, name: str, direction: int = 0) -> float:
    """Give the share of the draws that only rise (1), only fall (-1) or either (0)."""
    values = samples.along(name, _HALF)
    rises, falls = _directions(values)
    if direction and not samples.open:
        return samples.share(rises if direction > 0 else falls)
    # The sign of the outer factor of a skeleton is open.
    return samples.share(rises | falls)


def bounded(samples: Samples, name: str) -> float:
    """Give the share of the draws that stay within bounds on the whole real line."""
    near, other, far = (samples.along(name, grid) for grid in (*_WIDE, _FAR))
    finite = np.isfinite(near).all(axis=2) & np.isfinite(far).all(axis=2)
    with np.errstate(invalid="ignore", over="ignore"):
        top, second = np.abs(near).max(axis=2), np.abs(other).max(axis=2)
        same = (top < 1.5 * second) & (second < 1.5 * top)
        calm = np.abs(far).max(axis=2) <= 2.0 * top + 1e-12
    return samples.share(finite & same & calm & _varies(near))


def positive(samples: Samples, name: str) -> float:
    """Give the share of the draws that are above zero; of one sign in a skeleton."""
    values = samples.along(name, np.concatenate([-_HALF[::-1], _HALF]))
    enough = np.isfinite(values).mean(axis=2) >= 0.5
    above = (np.nan_to_num(values, nan=1.0) > 0).all(axis=2)
    below = (np.nan_to_num(values, nan=-1.0) < 0).all(axis=2)
    return samples.share(enough & (above | below if samples.open else above))


def symmetric(samples: Samples, a: str, b: str) -> float:
    """Give the share of the draws for which two variables may be exchanged."""
    i, j = variable_index(a), variable_index(b)
    if not {i, j} <= set(samples.expression.variables):
        return 0.0
    points = np.random.default_rng(5).uniform(
        0.4, 3.0, (_CONTEXTS, 8, samples.n_columns)
    )
    swapped = points.copy()
    swapped[:, :, [i, j]] = points[:, :, [j, i]]
    return samples.share(_equal(samples.values(points), samples.values(swapped)))


def settles(samples: Samples, name: str, rising: bool = False) -> float:
    """Give the share of the draws that go monotonically from x = 0 to a limit."""
    values = samples.along(name, _GROWTH)
    rises, falls = _directions(values)
    with np.errstate(invalid="ignore", over="ignore"):
        way = np.abs(values[:, :, -1] - values[:, :, 0])
        rest = np.abs(values[:, :, -1] - values[:, :, -6])
    goes = rises if rising and not samples.open else rises | falls
    with np.errstate(invalid="ignore", over="ignore"):
        return samples.share(goes & (rest <= 0.2 * way))


def periodic(samples: Samples, name: str) -> float:
    """Give the share of the draws with a period.

    Every occurrence of the variable must be inside a sine, cosine or tangent of an
    affine function of it, with frequencies of rational ratio.
    """
    slopes = _slopes(samples, name)
    if not slopes:
        return 0.0
    ratios = np.stack(slopes) / slopes[0]
    close = np.vectorize(_is_rational)(ratios)
    return samples.share(close.all(axis=0))


def _slopes(samples: Samples, name: str) -> list[Array]:
    """Give the frequencies (n_draws, _CONTEXTS), nothing when there is no period."""
    tokens = samples.formula.tokens
    ends = dict(samples.formula.subtrees())
    slopes: list[Array] = []
    todo = [0]
    while todo:
        start = todo.pop()
        part = tokens[start : ends[start]]
        if name not in part:
            continue
        if tokens[start] == name:
            return []
        if tokens[start] in _TRIGONOMETRIC:
            slope = _slope(samples, tokens[start + 1 : ends[start]], name)
            if slope is not None:
                slopes.append(slope)
                continue
        child = start + 1
        while child < ends[start]:
            todo.append(child)
            child = ends[child]
    return slopes


def _slope(samples: Samples, tokens: tuple[str, ...], name: str) -> Array | None:
    """Give the slope of an affine part in one variable, None for what is not affine."""
    part = copy.copy(samples)
    part.formula = Expression(tokens, ())
    values = part.along(name, np.array([1.0, 2.0, 3.5]))
    if not np.isfinite(values).all():
        return None
    first = values[:, :, 1] - values[:, :, 0]
    second = (values[:, :, 2] - values[:, :, 1]) / 1.5
    if not np.allclose(first, second, rtol=1e-6):
        return None
    return None if np.any(np.abs(first) < 1e-300) else first


def _is_rational(ratio: float) -> bool:
    if not np.isfinite(ratio):
        return False
    near = Fraction(float(ratio)).limit_denominator(12)
    return abs(float(near) - ratio) <= 1e-9 * max(1.0, abs(ratio)) and near != 0


def _mirrored(samples: Samples, name: str, sign: float) -> float:
    right = samples.along(name, _HALF)
    left = sign * samples.along(name, -_HALF)
    return samples.share(_equal(right, left) & _varies(right))


def _equal(a: Array, b: Array) -> npt.NDArray[np.bool_]:
    """Compare along the last axis; undefined on both sides is neither for nor against.

    More than half of the values must be defined.
    """
    both = np.isfinite(a) & np.isfinite(b)
    neither = ~np.isfinite(a) & ~np.isfinite(b)
    with np.errstate(invalid="ignore", over="ignore"):
        scale = np.abs(np.where(both, a, 0.0)).max(axis=-1, keepdims=True)
        close = np.abs(a - b) <= 1e-8 * np.abs(a) + 1e-12 * scale
    agree: npt.NDArray[np.bool_] = ((both & close) | neither).all(axis=-1)
    return agree & (both.mean(axis=-1) > 0.5)


def _varies(values: Array) -> npt.NDArray[np.bool_]:
    finite = np.isfinite(values)
    top = np.where(finite, values, -np.inf).max(axis=-1)
    low = np.where(finite, values, np.inf).min(axis=-1)
    varies: npt.NDArray[np.bool_] = top - low > 1e-12 * np.maximum(
        np.abs(top), np.abs(low)
    )
    return varies


def _directions(
    values: Array,
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    with np.errstate(invalid="ignore", over="ignore"):
        steps = np.diff(values, axis=2)
        slack = 1e-12 * np.abs(values).max(axis=2, keepdims=True)
        usable = np.isfinite(values).all(axis=2) & _varies(values)
        rises = (steps >= -slack).all(axis=2) & usable
        falls = (steps <= slack).all(axis=2) & usable
    return rises, falls


def _with_constants_as_columns(expression: Expression, n_columns: int) -> Expression:
    """Give the constants columns of their own after those of the variables."""
    tokens = []
    for token in expression.tokens:
        if token == CONSTANT:
            tokens.append(variable(n_columns))
            n_columns += 1
        else:
            tokens.append(token)
    return Expression(tokens, ())
