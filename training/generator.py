"""Training data, first version: tables drawn from a pool of skeletons.

Skeletons are drawn and simplified once (`skeletons`); every one is then used for many
tables with fresh constants, ranges, points and noise, all vectorised over the tables.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from sklearn_chatsr.expressions import (
    CONSTANT,
    OPERATORS,
    Expression,
    arity,
    is_variable,
    variable_index,
)
from training.exclusions import load_exclusions
from training.skeletons import (
    Skeleton,
    SkeletonPrior,
    draw_skeletons,
    is_held_out,
)

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class GeneratorConfig:
    """What tables look like.

    Parameters
    ----------
    prior : SkeletonPrior
        What the formulas look like.
    min_size : int
        Tokens that a target must have.
    pool_size : int
        Skeleton draws in the pool; repeats are kept, so common forms stay common.
    tables_per_skeleton : int
        Tables drawn from one skeleton in one go.
    skeletons_per_chunk : int
        Skeletons that are mixed before batches are cut.
    point_caps, point_cap_weights : tuple
        A chunk has at most one of these numbers of points; a table has a log-uniform
        number from 8 to that cap.
    min_points : int
        Valid rows that a table needs.
    noise_rate : float
        Share of the tables with noise.
    noise_levels : tuple of float
        Least and largest standard deviation of the noise in units of the spread of y;
        log-uniform between.
    scale_rate : float
        Share of the tables whose y is multiplied by a factor.
    offset_rate : float
        Share of the tables with an offset added to y.
    distractor_rate : float
        Share of the tables with columns that the formula does not use.
    max_columns : int
        Columns of a table, distractors included.
    """

    prior: SkeletonPrior = field(default_factory=SkeletonPrior)
    min_size: int = 1
    pool_size: int = 200_000
    tables_per_skeleton: int = 8
    skeletons_per_chunk: int = 256
    point_caps: tuple[int, ...] = (32, 64, 128)
    point_cap_weights: tuple[float, ...] = (0.55, 0.40, 0.05)
    min_points: int = 8
    noise_rate: float = 0.3
    noise_levels: tuple[float, float] = (1e-4, 1e-1)
    scale_rate: float = 0.6
    offset_rate: float = 0.2
    distractor_rate: float = 0.10
    max_columns: int = 10


@dataclass(frozen=True, slots=True)
class Tables:
    """Tables of one skeleton.

    Attributes
    ----------
    expression : Expression
        The target, over the columns of these tables.
    X : ndarray of shape (n_tables, n_points, n_columns)
    y : ndarray of shape (n_tables, n_points)
    point_mask : ndarray of shape (n_tables, n_points), dtype bool
        False for padding, at the end.
    """

    expression: Expression
    X: Array
    y: Array
    point_mask: npt.NDArray[np.bool_]


def build_pool(
    rng: np.random.Generator, config: GeneratorConfig, held_out: bool = False
) -> list[Skeleton]:
    """Draw the skeletons of training, or those of validation.

    The laws of benchmarks are in neither (`training.exclusions`).

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    config : GeneratorConfig
        Prior and number.
    held_out : bool, default=False
        Give validation skeletons, whose shapes are never in a training pool.

    Returns
    -------
    list of Skeleton
    """
    pool: list[Skeleton] = []
    exclusions = load_exclusions()
    for skeleton in draw_skeletons(rng, config.prior):
        if skeleton.expression.size < config.min_size:
            continue
        if exclusions.excludes(skeleton.expression):
            continue
        if is_held_out(skeleton) == held_out:
            pool.append(skeleton)
        if len(pool) == config.pool_size:
            break
    return pool


def draw_chunk(
    pool: Sequence[Skeleton], rng: np.random.Generator, config: GeneratorConfig
) -> Iterator[Tables]:
    """Draw the tables of one chunk: several skeletons, one cap on the points."""
    cap = int(rng.choice(config.point_caps, p=config.point_cap_weights))
    for index in rng.integers(len(pool), size=config.skeletons_per_chunk):
        tables = draw_tables(pool[index], rng, config, cap)
        if tables is not None:
            yield tables


def draw_tables(
    skeleton: Skeleton, rng: np.random.Generator, config: GeneratorConfig, cap: int
) -> Tables | None:
    """Draw tables for one skeleton.

    Parameters
    ----------
    skeleton : Skeleton
        The target.
    rng : numpy.random.Generator
        Source of randomness.
    config : GeneratorConfig
        Ranges and rates.
    cap : int
        Largest number of points.

    Returns
    -------
    Tables or None
        At most ``config.tables_per_skeleton``; None when no draw gave enough finite
        rows with a y that varies.
    """
    n_tables = config.tables_per_skeleton
    k = skeleton.n_variables
    expression, d, columns = _place_columns(skeleton, rng, config)
    # Twice the tables and points, for the draws that leave the domain.
    n_draws, n_rows = 2 * n_tables, 2 * cap
    X, scale = _draw_columns(rng, n_draws, n_rows, d)
    constants = _draw_constants(expression, rng, n_draws, scale)
    y = _evaluate(expression, X, constants)

    valid = np.isfinite(y) & (np.abs(y) < 1e12)
    n_valid = valid.sum(axis=1)
    low = min(config.min_points, cap)
    n = np.exp(rng.uniform(np.log(low), np.log(cap + 1), n_draws)).astype(int)
    n = np.minimum(n, n_valid)
    # The valid rows first, in the order drawn
    order = np.argsort(~valid, axis=1, kind="stable")[:, :cap]
    X = np.take_along_axis(X, order[:, :, None], axis=1)
    y = np.take_along_axis(y, order, axis=1)
    mask = np.arange(y.shape[1]) < n[:, None]
    y = np.where(mask, y, 0.0)
    X = np.where(mask[:, :, None], X, 0.0)

    with np.errstate(all="ignore"):
        mean = y.sum(axis=1) / np.maximum(n, 1)
        spread = np.sqrt((np.where(mask, y - mean[:, None], 0) ** 2).sum(axis=1) / n)
        used = X[:, :, columns]
        varies = (spread > 1e-6 * np.abs(mean)) & (spread > 1e-12)
        varies &= (np.ptp(used, axis=1) > 0).all(axis=1)
    keep = np.flatnonzero(varies & (n >= max(low, k + 2)))[:n_tables]
    if len(keep) == 0:
        return None
    y = _disturb(rng, y[keep], spread[keep], config)
    return Tables(expression, X[keep], np.where(mask[keep], y, 0.0), mask[keep])


def _place_columns(
    skeleton: Skeleton, rng: np.random.Generator, config: GeneratorConfig
) -> tuple[Expression, int, npt.NDArray[np.int_]]:
    """Spread the variables over the columns of a table, some of them distractors."""
    k = skeleton.n_variables
    d = k
    if rng.random() < config.distractor_rate:
        d = min(k + int(rng.geometric(0.5)), config.max_columns)
    if d == k:
        return skeleton.expression, d, np.arange(k)
    # Ascending, so that sorted arguments stay sorted and the target canonical
    columns = np.sort(rng.choice(d, size=k, replace=False))
    tokens = [
        f"x{columns[variable_index(t)] + 1}" if is_variable(t) else t
        for t in skeleton.expression.tokens
    ]
    return Expression(tokens), d, columns


def _draw_columns(
    rng: np.random.Generator, n_tables: int, n_rows: int, d: int
) -> tuple[Array, Array]:
    """Draw columns (n_tables, n_rows, d) and their magnitudes (n_tables, d)."""
    shape = (n_tables, 1, d)
    # The columns of most tables are alike, as those of most experiments are.
    alike = rng.random((n_tables, 1, 1)) < 0.6
    kind = np.where(alike, rng.random((n_tables, 1, 1)), rng.random(shape))
    magnitude = 10.0 ** np.where(
        rng.random(shape) < 0.75, rng.uniform(0, 0.8, shape), rng.normal(0, 1.5, shape)
    )
    # Some tables are in units far from what they hold, as SI units are from atoms.
    far = rng.random((n_tables, 1, 1)) < 0.05
    magnitude *= np.where(far, 10.0 ** rng.uniform(-12, 12, (n_tables, 1, 1)), 1.0)
    u = rng.random((n_tables, n_rows, d))
    low = rng.random(shape) * rng.choice([0.0, 0.2, 0.8], size=shape)
    X = magnitude * (low + (1 - low) * u)  # uniform, positive
    symmetric = (kind > 0.45) & (kind <= 0.65)
    X = np.where(symmetric, magnitude * (2 * u - 1), X)
    decades = np.broadcast_to(rng.uniform(0.5, 3.0, shape), X.shape)
    X = np.where((kind > 0.65) & (kind <= 0.77), magnitude * 10.0 ** (-decades * u), X)
    normal = (kind > 0.77) & (kind <= 0.9)
    if normal.any():
        centre = rng.normal(0, 1, shape)
        drawn = magnitude * (0.5 * rng.standard_normal(X.shape) + centre)
        X = np.where(normal, drawn, X)
    top = np.maximum(2, np.round(np.minimum(magnitude * 3, 50)))
    X = np.where(kind > 0.9, np.floor(u * top) + 1, X)
    return X, np.abs(X).max(axis=1)


def _draw_constants(
    expression: Expression, rng: np.random.Generator, n_tables: int, scale: Array
) -> Array:
    """Draw constants (n_tables, n_constants): heavy-tailed, some whole, some signed."""
    roles = _constant_roles(expression)
    values = np.empty((n_tables, len(roles)))
    for i, (role, column) in enumerate(roles):
        kind = rng.random(n_tables)
        magnitude = 10.0 ** np.where(
            kind < 0.7, rng.uniform(-0.7, 1.0, n_tables), rng.normal(0, 1.2, n_tables)
        )
        whole = np.floor(rng.uniform(1, 10, n_tables))
        magnitude = np.where(kind > 0.85, whole, magnitude)
        negative = rng.random(n_tables) < 0.3
        if role == "exponent":
            magnitude = rng.uniform(0.1, 4.0, n_tables)
            simple = rng.integers(1, 13, n_tables) / rng.choice([3, 4], n_tables)
            magnitude = np.where(kind < 0.4, simple, magnitude)
        elif role == "rate":
            # Most rates give the argument a moderate range over the table.
            moderate = np.exp(rng.uniform(np.log(0.5), np.log(12), n_tables))
            magnitude = np.where(kind < 0.75, moderate / scale[:, column], magnitude)
        elif role == "offset":
            # Next to a variable, an offset matters when it is of its magnitude.
            near = np.exp(rng.uniform(np.log(0.2), np.log(3), n_tables))
            magnitude = np.where(kind < 0.6, near * scale[:, column], magnitude)
        values[:, i] = np.where(negative, -magnitude, magnitude)
    return values


def _constant_roles(expression: Expression) -> list[tuple[str, int]]:
    """Tell what each constant does: exponent, rate or offset of a column, or plain."""
    tree = expression.to_tree()
    roles: list[tuple[str, int]] = []

    def visit(node: Any, role: tuple[str, int], inside: bool) -> None:
        if node == CONSTANT:
            roles.append(role)
        if not isinstance(node, tuple):
            return
        name, *arguments = node
        deeper = inside or name in ("sin", "cos", "tan", "exp", "tanh")
        for i, argument in enumerate(arguments):
            role = ("plain", 0)
            if name == "pow" and i == 1:
                role = ("exponent", 0)
            elif len(arguments) == 2 and isinstance(arguments[1 - i], str):
                other = arguments[1 - i]
                if is_variable(other) and name in ("mul", "div") and inside:
                    role = ("rate", variable_index(other))
                elif is_variable(other) and name in ("add", "sub"):
                    role = ("offset", variable_index(other))
            visit(argument, role, deeper)

    visit(tree, ("plain", 0), False)
    return roles


def _evaluate(expression: Expression, X: Array, constants: Array) -> Array:
    """Evaluate tables X (n_tables, n_rows, d), one row of constants per table."""
    stack: list[Any] = []
    index = constants.shape[1]
    with np.errstate(all="ignore"):
        for token in reversed(expression.tokens):
            if token == CONSTANT:
                index -= 1
                stack.append(constants[:, index, None])
            elif is_variable(token):
                stack.append(X[:, :, variable_index(token)])
            elif token in OPERATORS:
                arguments = [stack.pop() for _ in range(arity(token))]
                stack.append(OPERATORS[token].numpy(*arguments))
            else:
                stack.append(np.float64(token))
    return np.broadcast_to(stack[0], X.shape[:2])


def _disturb(
    rng: np.random.Generator, y: Array, spread: Array, config: GeneratorConfig
) -> Array:
    """Apply a random outer scale, an offset to some tables and noise to some."""
    n_tables = len(y)
    column = (n_tables, 1)
    sd = spread[:, None]
    offset = rng.normal(0, 2, column) * sd
    y = y + np.where(rng.random(column) < config.offset_rate, offset, 0.0)
    lowest, highest = np.log10(config.noise_levels)
    level = 10.0 ** rng.uniform(lowest, highest, column)
    noise = level * sd * rng.standard_normal(y.shape)
    y = y + np.where(rng.random(column) < config.noise_rate, noise, 0.0)
    factor = 10.0 ** rng.normal(0, 0.7, column) * rng.choice([1, 1, 1, -1], size=column)
    return np.where(rng.random(column) < config.scale_rate, factor * y, y)
