"""Transformed targets: T(y) is explained, the formula is the inverse of T."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np

from sklearn_chatsr.expressions.expression import Tree
from sklearn_chatsr.proposers.basis.terms import Array, Columns

_AGREES = 1e-8
_MOST_COLUMNS = 4


@dataclass(frozen=True)
class Transform:
    """A function of the target that may be simpler than the target.

    Attributes
    ----------
    name : str
        What is done to the target.
    forward : callable
        T, on float64 arrays.
    inverse : callable
        The inverse of T, on float64 arrays.
    slope : callable
        Derivative of T: residuals of T(y) are divided by it to be residuals of y.
    tree : callable
        The inverse of T as a tree around a tree.
    """

    name: str
    forward: Callable[[Array], Array]
    inverse: Callable[[Array], Array]
    slope: Callable[[Array], Array]
    tree: Callable[[Tree], Tree]

    @np.errstate(all="ignore")
    def applies(self, y: Array) -> bool:
        """Tell whether T has an inverse on the values of y, and is not trivial."""
        if self.name == "y":
            return True
        q = self.forward(y)
        if not (np.isfinite(q).all() and np.isfinite(self.slope(y)).all()):
            return False
        return bool(np.ptp(q) > 0 and np.allclose(self.inverse(q), y, _AGREES, 0.0))


TRANSFORMS: tuple[Transform, ...] = (
    Transform("y", lambda y: y, lambda q: q, lambda y: np.ones_like(y), lambda t: t),
    Transform(
        "1/y", lambda y: 1 / y, lambda q: 1 / q, lambda y: y**-2, lambda t: ("inv", t)
    ),
    Transform("y^2", np.square, np.sqrt, lambda y: 2 * y, lambda t: ("sqrt", t)),
    Transform("sqrt(y)", np.sqrt, np.square, lambda y: y**-0.5, lambda t: ("sq", t)),
    Transform("log(y)", np.log, np.exp, lambda y: 1 / y, lambda t: ("exp", t)),
    Transform("exp(y)", np.exp, np.log, np.exp, lambda t: ("log", t)),
    Transform(
        "1/y^2",
        lambda y: y**-2,
        lambda q: q**-0.5,
        lambda y: y**-3,
        lambda t: ("inv", ("sqrt", t)),
    ),
    Transform(
        "1/sqrt(y)",
        lambda y: y**-0.5,
        lambda q: q**-2,
        lambda y: y**-1.5,
        lambda t: ("inv", ("sq", t)),
    ),
    Transform("sin(y)", np.sin, np.arcsin, np.cos, lambda t: ("asin", t)),
    Transform("cos(y)", np.cos, np.arccos, np.sin, lambda t: ("acos", t)),
    Transform(
        "tan(y)", np.tan, np.arctan, lambda y: np.cos(y) ** -2, lambda t: ("atan", t)
    ),
    Transform(
        "atanh(y)",
        np.arctanh,
        np.tanh,
        lambda y: 1 / (1 - y * y),
        lambda t: ("tanh", t),
    ),
    Transform(
        "logit(y)",
        lambda y: np.log(y / (1 - y)),
        lambda q: 1 / (1 + np.exp(-q)),
        lambda y: 1 / (y * (1 - y)),
        lambda t: ("inv", ("add", "1", ("exp", ("neg", t)))),
    ),
    # What a share leaves, and how both die away.
    Transform(
        "log(1-y)",
        lambda y: np.log1p(-y),
        lambda q: -np.expm1(q),
        lambda y: -1 / (1 - y),
        lambda t: ("sub", "1", ("exp", t)),
    ),
    Transform(
        "log(-log(1-y))",
        lambda y: np.log(-np.log1p(-y)),
        lambda q: -np.expm1(-np.exp(q)),
        lambda y: -1 / ((1 - y) * np.log1p(-y)),
        lambda t: ("sub", "1", ("exp", ("neg", ("exp", t)))),
    ),
    Transform(
        "log(-log(y))",
        lambda y: np.log(-np.log(y)),
        lambda q: np.exp(-np.exp(q)),
        lambda y: 1 / (y * np.log(y)),
        lambda t: ("exp", ("neg", ("exp", t))),
    ),
    Transform(
        "y^3", lambda y: y**3, np.cbrt, lambda y: 3 * y * y, lambda t: ("cbrt", t)
    ),
)


def _reflected(y: Array) -> Array:
    return (1.0 - y) / (1.0 + y)


def _reflection(tree: Tree) -> Tree:
    return ("div", ("sub", "1", tree), ("add", "1", tree))


def _slope_of_reflected(y: Array) -> Array:
    return -4.0 * _reflected(y) / np.square(1.0 + y)


# Of amplitudes and of intensities, where what is reflected is the square root of a sum
# in units of another.
_REFLECTIONS = (
    Transform(
        "((1-y)/(1+y))^2",
        lambda y: np.square(_reflected(y)),
        lambda q: _reflected(np.sqrt(q)),
        _slope_of_reflected,
        lambda t: _reflection(("sqrt", t)),
    ),
    Transform(
        "((1-sqrt(y))/(1+sqrt(y)))^2",
        lambda y: np.square(_reflected(np.sqrt(y))),
        lambda q: np.square(_reflected(np.sqrt(q))),
        lambda y: 0.5 * _slope_of_reflected(np.sqrt(y)) / np.sqrt(y),
        lambda t: ("sq", _reflection(("sqrt", t))),
    ),
)


def reflections(y: Array) -> list[Transform]:
    """Give squares of ``(1 - r)/(1 + r)``, for r = y and sqrt(y), that apply to y.

    They are for quotients only: among the others they would take time in all stages.

    Parameters
    ----------
    y : ndarray of shape (n_rows,)
        The target.
    """
    return [t for t in _REFLECTIONS if np.abs(y).max() < 1.0 and t.applies(y)]


def columns_over_target(
    columns: Columns, *, only_mixed: bool = True
) -> list[Transform]:
    """Give ``x / y`` for columns x that pass through 0, or for all without zeros.

    In ``x / y = a + b`` both terms are tame; in ``1 / y = a / x + b / x`` they are huge
    near 0, where they cancel, and nothing else counts.

    Parameters
    ----------
    columns : Columns
        Their rows begin with those that the transforms will be called with.
    only_mixed : bool, default=True
        Whether columns of one sign are left out.
    """

    def over(x: Array, leaf: Tree, name: str) -> Transform:
        return Transform(
            name,
            lambda y: x[: len(y)] / y,
            lambda q: x[: len(q)] / q,
            lambda y: x[: len(y)] / np.square(y),
            lambda t: ("div", leaf, t),
        )

    usable = [
        j
        for j, x in enumerate(columns.values)
        if np.all(x != 0) and (x.min() < 0 < x.max() or not only_mixed)
    ]
    return [
        over(columns.values[j], columns.leaves[j], f"column {j} / y")
        for j in usable[:_MOST_COLUMNS]
    ]


def target_times_columns(columns: Columns) -> list[Transform]:
    """Give ``y * x`` and ``y * x * z`` for columns without zeros.

    A sum of which some terms are divided by columns is a polynomial then.

    Parameters
    ----------
    columns : Columns
        Their rows begin with those that the transforms will be called with.
    """

    def times(x: Array, leaf: Tree, name: str) -> Transform:
        return Transform(
            name,
            lambda y: x[: len(y)] * y,
            lambda q: q / x[: len(q)],
            lambda y: x[: len(y)],
            lambda t: ("div", t, leaf),
        )

    usable = [j for j, x in enumerate(columns.values) if np.all(x != 0)][:_MOST_COLUMNS]
    found = [
        times(columns.values[j], columns.leaves[j], f"y * column {j}") for j in usable
    ]
    for i, j in combinations_with_replacement(usable, 2):
        leaf: Tree = ("mul", columns.leaves[i], columns.leaves[j])
        x = columns.values[i] * columns.values[j]
        found.append(times(x, leaf, f"y * columns {i} and {j}"))
    return found
