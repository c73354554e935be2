"""Children aimed at what a parent leaves unexplained."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from sklearn_chatsr.expressions import OPERATORS, variable
from sklearn_chatsr.expressions.expression import Tree
from sklearn_chatsr.proposers.evolution.growth import Growth
from sklearn_chatsr.proposers.evolution.trees import (
    FloatArray,
    Path,
    build,
    evaluate,
    is_constant,
    is_number,
    replace,
    size,
    walk,
)

_N_TERMS = 512
_N_CHOICES = 8  # a child takes one of so many best terms
_LEAST_ROWS = 0.6  # of the rows must have a wanted value
_UNARY = ("sq", "sqrt", "inv", "cube", "exp", "log", "sin", "cos", "tanh")


class Targeting:
    """A library of small terms, and the ways to choose from it.

    Parameters
    ----------
    growth : Growth
        Draws terms.
    columns : ndarray of shape (n_features, n_rows)
        Data on which terms are compared.
    y : ndarray of shape (n_rows,)
        The target.

    References
    ----------
    Pawlak, T. P., Wieloch, B. and Krawiec, K. (2015). Semantic backpropagation for
    designing search operators in genetic programming. IEEE Transactions on Evolutionary
    Computation.
    """

    def __init__(self, growth: Growth, columns: FloatArray, y: FloatArray) -> None:
        self.growth = growth
        self.rng = growth.rng
        self.columns = columns
        self.y = y
        self.terms: list[Tree] = []
        self._values = np.empty((0, len(y)))
        self.refresh(_simple_terms(growth.used))

    def refresh(self, offered: Sequence[Tree]) -> None:
        """Take terms in; drawn ones fill up, and the oldest go."""
        fresh = dict.fromkeys(t for t in offered if not is_constant(t))
        n_drawn = max(_N_TERMS // 4, _N_TERMS - len(self.terms) - len(fresh))
        for _ in range(n_drawn):
            fresh[self.growth.tree(int(self.rng.integers(2, 7)))] = None
        kept, rows = [], []
        known = set(self.terms)
        for tree in fresh:
            if tree in known or is_constant(tree):
                continue
            value = np.asarray(evaluate(tree, self.columns), dtype=np.float64)
            if value.shape == self.y.shape and np.isfinite(value).all():
                spread = np.abs(value).max()
                if 1e-140 < spread < 1e140:
                    kept.append(tree)
                    rows.append(value / spread)
        if kept:
            self.terms = [*kept, *self.terms][:_N_TERMS]
            self._values = np.vstack([np.array(rows), self._values])[:_N_TERMS]

    def add_to_residual(self, tree: Tree) -> Tree | None:
        """Add a term that goes with the residual."""
        residual = self.y - evaluate(tree, self.columns)
        chosen = self._choose(residual, np.ones(len(self.y)))
        if chosen is None:
            return None
        term, _, _ = chosen
        return ("add", tree, term)

    def multiply_by_ratio(self, tree: Tree) -> Tree | None:
        """Multiply by a term, or a term and a constant, that goes with y / f."""
        value = evaluate(tree, self.columns)
        with np.errstate(all="ignore"):
            ratio = self.y / value
            chosen = self._choose(ratio, np.square(value))
        if chosen is None:
            return None
        term, slope, offset = chosen
        if self.rng.random() < 0.5:
            return build("mul", tree, term)
        return build("mul", tree, _affine(term, slope, offset))

    def replace_subtree(self, tree: Tree) -> Tree | None:
        """Replace a subtree by a term close to what it would have to be."""
        places = [(p, t) for p, t in walk(tree) if p and not is_number(t)]
        if not places:
            return None
        path, old = places[int(self.rng.integers(len(places)))]
        with np.errstate(all="ignore"):
            wanted, weight = wanted_values(tree, path, self.columns, self.y)
            chosen = self._choose(wanted, weight)
        if chosen is None:
            return None
        term, slope, offset = chosen
        if size(old) > 1 and self.rng.random() < 0.25:
            # What is there stays, and gets what it lacks.
            return replace(tree, path, build("add", old, build("mul", slope, term)))
        return replace(tree, path, _affine(term, slope, offset))

    def _choose(self, wanted: Any, weight: Any) -> tuple[Tree, float, float] | None:
        """Draw a term among those whose affine image comes closest.

        Returns
        -------
        term, slope, offset
        """
        wanted = np.broadcast_to(np.asarray(wanted, dtype=np.float64), self.y.shape)
        usable = np.isfinite(wanted) & np.isfinite(weight) & (weight > 0)
        if usable.sum() < max(3, _LEAST_ROWS * len(self.y)) or not self.terms:
            return None
        with np.errstate(all="ignore"):
            w = np.where(usable, weight, 0.0)
            w = w / w.max()
            w = w / w.sum()
            v = np.where(usable, wanted, 0.0)
            largest = np.abs(v).max()
            if not 1e-140 < largest < 1e140:
                return None
            v = v / largest
            v_mean = float(w @ v)
            v = v - v_mean
            mean = self._values @ w
            square = np.square(self._values) @ w - mean**2
            product = self._values @ (w * v)
            gain = np.where(square > 1e-12 * mean**2, product**2 / square, 0.0)
        gain = np.nan_to_num(gain)
        order = np.argpartition(-gain, min(_N_CHOICES, len(gain) - 1))[:_N_CHOICES]
        order = order[np.argsort(-gain[order], kind="stable")]
        rank = int(len(order) * self.rng.random() ** 2)
        at = int(order[rank])
        if gain[at] <= 0:
            return None
        slope = float(product[at] / square[at])
        offset = v_mean - slope * float(mean[at])
        term = self.terms[at]
        unit = float(np.abs(evaluate(term, self.columns)).max())
        return term, slope * float(largest) / unit, offset * float(largest)


def _affine(term: Tree, slope: float, offset: float) -> Tree:
    return build("add", offset, build("mul", slope, term))


def _simple_terms(used: Sequence[int]) -> list[Tree]:
    """Give variables, their products, ratios, sums, differences and functions."""
    leaves: list[Tree] = [variable(j) for j in used]
    pairs: list[Tree] = []
    for k, a in enumerate(leaves):
        for b in leaves[k + 1 :]:
            pairs += [build("mul", a, b), build("sub", a, b), build("add", a, b)]
            pairs += [build("div", a, b), build("div", b, a)]
    simple = [*leaves, *(build(name, a) for name in _UNARY for a in leaves), *pairs]
    simple += [build(name, pair) for name in _UNARY[:3] for pair in pairs]
    return simple[: 3 * _N_TERMS // 4]


# Inverse of each function, given the wanted value and the present argument.
_INVERSE: dict[str, Callable[[Any, Any], Any]] = {
    "neg": lambda v, a: -v,
    "inv": lambda v, a: 1.0 / v,
    "sq": lambda v, a: np.copysign(np.sqrt(v), a),
    "cube": lambda v, a: np.cbrt(v),
    "sqrt": lambda v, a: np.where(v >= 0, v * v, np.nan),
    "cbrt": lambda v, a: v * v * v,
    "abs": lambda v, a: np.where(v >= 0, np.copysign(v, a), np.nan),
    "exp": lambda v, a: np.log(v),
    "log": lambda v, a: np.exp(v),
    "sin": lambda v, a: _nearest_angle(np.arcsin(v), np.pi - np.arcsin(v), a),
    "cos": lambda v, a: _nearest_angle(np.arccos(v), -np.arccos(v), a),
    "tan": lambda v, a: np.arctan(v) + np.pi * np.rint((a - np.arctan(v)) / np.pi),
    "asin": lambda v, a: np.where(np.abs(v) <= np.pi / 2, np.sin(v), np.nan),
    "acos": lambda v, a: np.where((v >= 0) & (v <= np.pi), np.cos(v), np.nan),
    "atan": lambda v, a: np.where(np.abs(v) < np.pi / 2, np.tan(v), np.nan),
    "sinh": lambda v, a: np.arcsinh(v),
    "cosh": lambda v, a: np.copysign(np.arccosh(v), a),
    "tanh": lambda v, a: np.arctanh(v),
}


def _nearest_angle(one: Any, other: Any, present: Any) -> Any:
    turn = 2.0 * np.pi
    one = one + turn * np.rint((present - one) / turn)
    other = other + turn * np.rint((present - other) / turn)
    return np.where(np.abs(one - present) <= np.abs(other - present), one, other)


def _invert(name: str, position: int, v: Any, arguments: Sequence[Any]) -> Any:
    """Give what argument ``position`` (0 or 1) has to be for the value ``v``."""
    if len(arguments) == 1:
        return _INVERSE[name](v, arguments[0])
    other = arguments[1 - position]
    if name == "add":
        return v - other
    if name == "sub":
        return v + other if position == 0 else other - v
    if name == "mul":
        return v / other
    if name == "div":
        return v * other if position == 0 else other / v
    if name == "pow":
        if position == 0:
            return np.power(v, 1.0 / other)
        return np.log(v) / np.log(other)
    return np.where(v == v, np.nan, np.nan)


def wanted_values(
    tree: Tree, path: Path, columns: FloatArray, y: FloatArray
) -> tuple[Any, Any]:
    """Compute what a subtree has to be on every row for the whole to be ``y``.

    Parameters
    ----------
    tree : Tree
        With numbers for constants.
    path : tuple of int
        Where the subtree is.
    columns : ndarray of shape (n_features, n_rows)
        The data.
    y : ndarray of shape (n_rows,)
        The target.

    Returns
    -------
    wanted : ndarray of shape (n_rows,)
        NaN where no value does.
    weight : ndarray of shape (n_rows,)
        How much a squared deviation of the subtree counts in the target.
    """
    v: Any = y
    slope: Any = np.ones(len(y))
    node = tree
    with np.errstate(all="ignore"):
        for position in path:
            name, *inner = node
            arguments = [evaluate(argument, columns) for argument in inner]
            wanted = _invert(name, position - 1, v, arguments)
            arguments[position - 1] = wanted
            partials = OPERATORS[name].partials(*arguments, v)
            slope = slope * partials[position - 1]
            v, node = wanted, node[position]  # type: ignore[assignment]
    return v, np.broadcast_to(np.square(slope), len(y))
