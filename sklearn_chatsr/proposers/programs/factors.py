"""Building blocks that mutations insert: one argument, one function, drawn constants.

The blocks are those that laws of all fields share: powers, saturation, decay, bells,
steps, resonances, waves and hinges. Where they stand and how wide they are follows from
the range of the argument in the data.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sklearn_chatsr.expressions import Expression, variable
from sklearn_chatsr.expressions.expression import Tree

FloatArray = npt.NDArray[np.float64]

_EXPONENTS = (0.5, 1.5, -0.5, 2.5, 1 / 3)
_RATES = (-4.0, -2.0, -1.0, -0.5, -0.25, 0.25, 0.5, 1.0, 2.0, 4.0)
_PLAIN_RATES = (-1.0, 1.0, -0.5, 0.5)
# Places over the range at which bells and steps may stand.
_PLACES = tuple(np.linspace(0.0, 1.0, 9))
_WIDTHS = (0.08, 0.2, 0.5, 1.2)
# A wave that is off by less than half a period over the range is found by the fit.
_PERIODS = tuple(np.arange(0.5, 12.1, 0.5))
# Gaps between neighbouring values, in periods of a wave or widths of a bell.
_FINEST = 0.25
_PHASES = (0.0, 0.25 * math.pi, 0.5 * math.pi, 0.75 * math.pi)


@dataclass(frozen=True)
class FactorLibrary:
    """Blocks with their values on the rows of the data.

    Attributes
    ----------
    trees : list of tree
        The blocks; numbers in them are starting values of constants.
    values : ndarray of shape (n_samples, n_blocks)
        Finite.
    monomials : ndarray of int
        Positions of the powers of single variables.
    """

    trees: list[Tree]
    values: FloatArray
    monomials: npt.NDArray[np.intp]


def build_library(X: FloatArray) -> FactorLibrary:
    """Draw up the blocks for a table of points.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Finite.

    Returns
    -------
    FactorLibrary
        Of blocks that are finite and not constant on every row.
    """
    trees: list[Tree] = []
    columns: list[FloatArray] = []
    monomials: list[int] = []
    n_features = X.shape[1]
    for j in range(n_features):
        for tree in _powers(variable(j)):
            if _append(tree, X, trees, columns):
                monomials.append(len(trees) - 1)
        for tree in _shapes(variable(j), X[:, j]):
            _append(tree, X, trees, columns)
    for i in range(n_features):
        for j in range(i + 1, n_features):
            for tree in _pairs(variable(i), variable(j), X):
                _append(tree, X, trees, columns)
    values = np.column_stack(columns) if columns else np.empty((len(X), 0))
    return FactorLibrary(trees, values, np.array(monomials, dtype=np.intp))


def _append(
    tree: Tree, X: FloatArray, trees: list[Tree], columns: list[FloatArray]
) -> bool:
    values = np.asarray(Expression.from_tree(tree).evaluate(X), dtype=np.float64)
    size = float(np.abs(values).max()) if np.isfinite(values).all() else np.inf
    if not 1e-100 < size < 1e100 or np.ptp(values) <= 1e-9 * size:
        return False
    trees.append(tree)
    columns.append(values)
    return True


def _powers(x: Tree) -> list[Tree]:
    return [x, ("sq", x), ("cube", x), ("inv", x), ("sqrt", x), ("inv", ("sq", x))]


def _shapes(x: Tree, values: FloatArray) -> Iterator[Tree]:
    """Give functions of one argument, at several places and widths."""
    distinct = np.unique(values)
    low, high = float(distinct[0]), float(distinct[-1])
    width = high - low
    if width <= 0:
        return
    # Nothing finer than the widest gap between values can be told from the data.
    gap = float(np.diff(distinct).max()) / width
    yield from (("abs", x), ("log", x), ("tan", x), ("inv", ("sqrt", x)))
    yield from (("pow", x, "4"), ("pow", x, "5"))
    yield from (("pow", x, p) for p in _EXPONENTS)
    for rate in {*_PLAIN_RATES, *(r / (0.5 * width) for r in _RATES)}:
        yield "exp", ("mul", rate, x)
        yield "exp", ("mul", rate, ("sq", x))
        if rate > 0:
            yield "tanh", ("mul", rate, x)
            yield "sin", ("mul", rate, x)
            yield "cos", ("mul", rate, x)
    for function in ("exp", "tanh", "sin", "cos"):
        yield function, x
    for share in _WIDTHS:
        yield "inv", ("add", x, share * width - min(low, 0.0))
        yield "div", x, ("add", x, share * width - min(low, 0.0))
        yield "log", ("add", x, share * width - min(low, 0.0))
    for periods in _PERIODS:
        if periods * gap > _FINEST:
            break
        rate = 2.0 * math.pi * periods / width
        for phase in _PHASES:
            wave: Tree = ("sin", ("add", ("mul", rate, x), phase - rate * low))
            yield wave
            if periods <= 2.0:
                yield "sq", wave
    for place in _PLACES:
        centre = low + float(place) * width
        moved: Tree = ("sub", x, centre)
        yield from (("sq", moved), ("abs", moved))
        yield "max", moved, "0"
        yield "min", moved, "0"
        for share in _WIDTHS:
            if share * 4 * _FINEST < gap:
                continue
            rate = 1.0 / (share * width)
            yield "exp", ("mul", -rate * rate, ("sq", moved))
            yield "exp", ("mul", -rate, ("abs", moved))
            yield "tanh", ("mul", rate, moved)
            yield "inv", ("add", ("mul", rate**2, ("sq", moved)), "1")
            yield "inv", ("add", ("mul", rate**4, ("pow", moved, "4")), "1")


def _pairs(a: Tree, b: Tree, X: FloatArray) -> Iterator[Tree]:
    """Give functions of two columns together."""
    arguments: list[Tree] = [
        ("add", a, b),
        ("sub", a, b),
        ("mul", a, b),
        ("div", a, b),
        ("div", b, a),
    ]
    for argument in arguments:
        values = Expression.from_tree(argument).evaluate(X)
        if not np.isfinite(values).all() or not 0 < np.ptp(values) < 1e100:
            continue
        width = float(np.ptp(values))
        yield argument
        for function in ("sq", "sqrt", "abs", "inv", "log", "sin", "cos", "exp"):
            yield function, argument
        for rate in (-4.0, -1.0, 1.0, 4.0):
            yield "exp", ("mul", 2.0 * rate / width, argument)
            yield "sin", ("mul", 2.0 * abs(rate) / width, argument)
            yield "tanh", ("mul", 2.0 * abs(rate) / width, argument)
    yield "sqrt", ("add", ("sq", a), ("sq", b))
    yield "pow", a, b
    yield from (("max", a, b), ("min", a, b))
