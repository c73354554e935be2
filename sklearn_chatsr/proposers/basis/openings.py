"""Openings: functions of columns and target with an open constant, and its tuning."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import permutations

import numpy as np
from scipy.optimize import leastsq

from sklearn_chatsr.expressions.expression import Tree
from sklearn_chatsr.proposers.basis.scaled import BOUNDS, in_units
from sklearn_chatsr.proposers.basis.terms import Array, Columns
from sklearn_chatsr.proposers.basis.transforms import TRANSFORMS, Transform
from sklearn_chatsr.proposers.basis.trees import multiplied

_MOST_PAIRED = 5  # columns
# Where a constant is looked for: in units of the spread of a column; as logarithms of
# the distance from the next value that is possible, and of a ratio of columns; powers.
_SLOPES = (0.15, 0.5, 1.2, 3.0)
_FAR_BELOW = 0.1  # arguments where functions are as good as straight
_DISTANCES = (-4.0, -2.0, -0.5, 1.0)
_RATIOS = (-3.0, -1.0, 1.0, 3.0)
_POWERS = (-1.5, -0.7, -0.3, 0.3, 0.7, 1.4, 1.8, 2.5)
_SPREADS = (-1.5, -0.5, 0.5, 1.5, 3.0)
_LEVELS = (0.1, 0.3, 0.5, 0.7, 0.9)  # quantiles
_OF_POSITIVE: tuple[tuple[tuple[str, ...], Callable[[Array], Array]], ...] = (
    (("log",), np.log),
    (("sqrt",), np.sqrt),
    (("inv",), lambda v: 1.0 / v),
    (("inv", "sqrt"), lambda v: v**-0.5),
    (("cube", "sqrt"), lambda v: v**1.5),
    (("cbrt",), np.cbrt),
)
# What makes a logarithm of a power of it.
_OF_LOGARITHMS = ("1/y", "y^2", "sqrt(y)", "1/y^2", "1/sqrt(y)")
_BY_NAME = {t.name: t for t in TRANSFORMS}


@dataclass(frozen=True)
class Curve:
    """A function of one or two columns with an open constant.

    Attributes
    ----------
    values : callable
        Gives its values, of shape (n_rows,), for a number without bounds that stands
        for the constant.
    tree : callable
        Gives its formula for the number.
    grid : sequence of float
        Numbers that are tried first.
    """

    values: Callable[[float], Array]
    tree: Callable[[float], Tree]
    grid: Sequence[float]


@dataclass(frozen=True)
class OpenTransform:
    """A transform of the target with an open constant.

    Attributes
    ----------
    at : callable
        Gives the transform for a number that stands for the constant.
    grid : sequence of float
        Numbers that are tried first; a single one where nothing is open.
    """

    at: Callable[[float], Transform]
    grid: Sequence[float]

    @property
    def is_open(self) -> bool:
        """Tell whether there is a constant."""
        return len(self.grid) > 1


def as_it_is(transform: Transform) -> OpenTransform:
    """Give a transform without a constant."""
    return OpenTransform(lambda _: transform, (0.0,))


def open_transforms(y: Array) -> Iterator[OpenTransform]:
    """Give the target in units of its own, its powers, and logarithms of distances.

    Parameters
    ----------
    y : ndarray of shape (n_rows,)
        The target.
    """
    spread, largest = float(y.std()), float(np.abs(y).max())
    for sign in (1.0, -1.0):
        yield OpenTransform(partial(_exponential_of, sign * spread), _SPREADS)
    for name, bound in BOUNDS.items():
        yield OpenTransform(partial(_bounded, name, largest / bound), _DISTANCES)
    if np.all(y > 0):
        yield OpenTransform(_to_power, (-2.5, *_POWERS, 4.0))
    width = float(np.ptp(y))
    for end, sign in ((float(y.min()), 1.0), (float(y.max()), -1.0)):
        for beyond in (_logarithm_beyond, _inverse_beyond):
            yield OpenTransform(partial(beyond, end, sign, width), _DISTANCES)


def transforms_of_powers_of_logarithms(y: Array) -> Iterator[OpenTransform]:
    """Give exponentials of powers of the target, in units of their own.

    Parameters
    ----------
    y : ndarray of shape (n_rows,)
        The target.
    """
    for name in _OF_LOGARITHMS:
        inner = _BY_NAME[name]
        if inner.applies(y):
            spread = float(inner.forward(y).std())
            for sign in (1.0, -1.0):
                yield OpenTransform(
                    partial(_exponential_below, inner, sign * spread), _SPREADS
                )


def _exponential_of(unit: float, u: float) -> Transform:
    return in_units(_BY_NAME["exp(y)"], unit * float(np.exp(u)))


def _exponential_below(inner: Transform, unit: float, u: float) -> Transform:
    outer = _exponential_of(unit, u)
    return Transform(
        f"{outer.name} of {inner.name}",
        lambda y: outer.forward(inner.forward(y)),
        lambda q: inner.inverse(outer.inverse(q)),
        lambda y: outer.slope(inner.forward(y)) * inner.slope(y),
        lambda t: inner.tree(outer.tree(t)),
    )


def _bounded(name: str, smallest: float, u: float) -> Transform:
    return in_units(_BY_NAME[name], smallest * (1.0 + float(np.exp(u))))


def _to_power(p: float) -> Transform:
    return Transform(
        f"y^{p:g}",
        lambda y: y**p,
        lambda q: q ** (1.0 / p),
        lambda y: p * y ** (p - 1.0),
        lambda t: ("pow", t, 1.0 / p),
    )


def _logarithm_beyond(end: float, sign: float, width: float, u: float) -> Transform:
    """Give the logarithm of the distance from a level beyond an end of the target."""
    level = end - sign * width * float(np.exp(u))
    return Transform(
        f"log({sign:g}*(y - {level:g}))",
        lambda y: np.log(sign * (y - level)),
        lambda q: level + sign * np.exp(q),
        lambda y: 1.0 / (y - level),
        lambda t: ("add", level, multiplied(sign, ("exp", t))),
    )


def _inverse_beyond(end: float, sign: float, width: float, u: float) -> Transform:
    """Give the inverse of the distance from a level beyond an end of the target."""
    level = end - sign * width * float(np.exp(u))
    return Transform(
        f"1/(y - {level:g})",
        lambda y: 1.0 / (y - level),
        lambda q: level + 1.0 / q,
        lambda y: -((y - level) ** -2.0),
        lambda t: ("add", level, ("inv", t)),
    )


def curves(columns: Columns) -> Iterator[Curve]:
    """Give functions of one column, and of two, with an open constant.

    Parameters
    ----------
    columns : Columns
        The columns.
    """
    pairs = list(zip(columns.leaves, columns.values, strict=True))
    for leaf, x in pairs:
        yield from _of_one(leaf, x)
    if len(columns) > _MOST_PAIRED:
        return
    for i, j in permutations(range(len(columns)), 2):
        yield from _of_two(*pairs[i], *pairs[j], once=i < j)


def powers(columns: Columns) -> Iterator[Curve]:
    """Give open powers of the positive columns.

    Parameters
    ----------
    columns : Columns
        The columns.
    """
    for leaf, x, is_positive in zip(
        columns.leaves, columns.values, columns.positive, strict=True
    ):
        if is_positive:
            yield _to_open_power(leaf, x)


def _to_open_power(leaf: Tree, x: Array) -> Curve:
    return Curve(lambda p: x**p, lambda p: ("pow", leaf, p), _POWERS)


def _of_one(leaf: Tree, x: Array) -> Iterator[Curve]:
    low, high = float(x.min()), float(x.max())
    if low > 0:
        yield _to_open_power(leaf, x)
    yield _exponential(leaf, x)
    if low < 0 < high:
        yield _exponential(("sq", leaf), x * x)
    slopes = _slopes(x)
    yield Curve(lambda p: np.tanh(p * x), lambda p: ("tanh", ("mul", p, leaf)), slopes)
    yield Curve(
        lambda p: np.arctan(p * x), lambda p: ("atan", ("mul", p, leaf)), slopes
    )
    if low * high > 0:
        yield Curve(
            lambda p: 1.0 / np.tanh(p * x),
            lambda p: ("inv", ("tanh", ("mul", p, leaf))),
            slopes,
        )
    levels = [float(q) for q in np.quantile(x, _LEVELS)]
    yield Curve(lambda p: np.abs(x - p), lambda p: ("abs", ("sub", leaf, p)), levels)
    yield from _beyond(leaf, x, low, 1.0)
    yield from _beyond(leaf, x, high, -1.0)


def _beyond(leaf: Tree, x: Array, end: float, sign: float) -> Iterator[Curve]:
    """Give functions of the distance from a place beyond an end of the column."""
    width, way = float(np.ptp(x)), leaf if sign > 0 else ("neg", leaf)

    def shift(u: float) -> float:
        return width * float(np.exp(u)) - sign * end

    yield from _of_positive(
        lambda u: sign * x + shift(u), lambda u: ("add", way, shift(u)), _DISTANCES
    )


def _of_two(leaf: Tree, x: Array, other: Tree, z: Array, once: bool) -> Iterator[Curve]:
    """Give curves of two columns; those that are the same either way once."""
    if once:
        yield _exponential(("mul", leaf, other), x * z)
    if np.all(z > 0) or np.all(z < 0):
        yield _exponential(("div", leaf, other), x / z)
    if once and np.all(x > 0) and np.all(z > 0):
        middle = float(np.median(x / z))

        def ratio(u: float) -> float:
            return middle * float(np.exp(u))

        yield from _of_positive(
            lambda u: x + ratio(u) * z,
            lambda u: ("add", leaf, ("mul", ratio(u), other)),
            _RATIOS,
        )


def _of_positive(
    values: Callable[[float], Array],
    tree: Callable[[float], Tree],
    grid: Sequence[float],
) -> Iterator[Curve]:
    """Give functions of something positive that holds the constant."""
    for names, function in _OF_POSITIVE:
        yield _composed(names, function, values, tree, grid)


def _composed(
    names: Sequence[str],
    function: Callable[[Array], Array],
    values: Callable[[float], Array],
    tree: Callable[[float], Tree],
    grid: Sequence[float],
) -> Curve:
    def written(u: float) -> Tree:
        whole = tree(u)
        for name in reversed(names):
            whole = (name, whole)
        return whole

    return Curve(lambda u: function(values(u)), written, grid)


def _exponential(leaf: Tree, x: Array) -> Curve:
    slopes = [s * k for k in _slopes(x) for s in (1.0, -1.0)]
    return Curve(lambda p: np.exp(p * x), lambda p: ("exp", ("mul", p, leaf)), slopes)


def _slopes(x: Array) -> list[float]:
    slopes = [k / max(float(x.std()), 1e-300) for k in _SLOPES]
    low, middle = np.quantile(x, [0.1, 0.5])
    # Of a column that spans decades only the lower ones may be within the function.
    if low > 0 and slopes[-1] * low < _FAR_BELOW:
        slopes += [1.0 / float(middle), 1.0 / float(low)]
    return slopes


def tuned(left: Callable[[Array], Array], numbers: Array, most: int) -> Array:
    """Minimise a sum of squares with at most so many evaluations.

    Parameters
    ----------
    left : callable
        Gives what is left of every row for some numbers.
    numbers : ndarray
        Where to start.
    most : int
        Number of evaluations.
    """
    found = leastsq(
        left, numbers, xtol=1e-15, ftol=1e-15, gtol=1e-15, maxfev=most, full_output=True
    )
    return np.atleast_1d(found[0])
