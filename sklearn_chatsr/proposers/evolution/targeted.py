"""Children aimed at what a parent leaves unexplained."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sklearn_chatsr.expressions import OPERATORS, variable
from sklearn_chatsr.expressions.expression import Tree
from sklearn_chatsr.proposers.evolution.growth import Growth
from sklearn_chatsr.proposers.trees import (
    FloatArray,
    Path,
    build,
    evaluate,
    is_constant,
    is_number,
    replace,
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

    def aim(self, tree: Tree) -> Tree | None:
        """Change one subtree to what it would have to be for the whole to be right.

        It is replaced by a term, by a function of a term, or it gets a summand, a
        factor or a divisor. At the root these explain the residual and the ratio.
        """
        places = [(path, t) for path, t in walk(tree) if not is_number(t)]
        # The root and its terms are where exact children are found most.
        at = int(len(places) * self.rng.random() ** 1.5)
        path, old = places[at]
        with np.errstate(all="ignore"):
            wanted, weight = wanted_values(tree, path, self.columns, self.y)
            step = _STEPS[
                int(self.rng.integers(0 if path else _N_REPLACING, len(_STEPS)))
            ]
            present = evaluate(old, self.columns) if step.uses_present else 1.0
            image = step.image(wanted, present)
            slope = step.slope(image, present)
            chosen = self._choose(image, weight * np.square(slope))
        if chosen is None:
            return None
        return replace(tree, path, step.apply(old, _affine(*chosen)))

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
        rank = int(len(order) * self.rng.random() ** 3)
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


@dataclass(frozen=True)
class _Step:
    """A way to make a subtree s from a term t: s = f(t), or s = f(s0, t).

    ``image`` gives the t for a wanted s, ``slope`` the derivative of s by t there.
    """

    apply: Callable[[Tree, Tree], Tree]
    image: Callable[[Any, Any], Any]
    slope: Callable[[Any, Any], Any]
    uses_present: bool = False


_STEPS: tuple[_Step, ...] = (
    _Step(lambda old, t: t, lambda s, p: s, lambda t, p: 1.0),
    _Step(lambda old, t: t, lambda s, p: s, lambda t, p: 1.0),
    _Step(
        lambda old, t: build("inv", t), lambda s, p: 1.0 / s, lambda t, p: 1.0 / (t * t)
    ),
    _Step(lambda old, t: build("sqrt", t), lambda s, p: s * s, lambda t, p: t**-0.5),
    _Step(lambda old, t: build("sq", t), lambda s, p: np.sqrt(s), lambda t, p: t),
    _Step(
        lambda old, t: build("exp", t), lambda s, p: np.log(s), lambda t, p: np.exp(t)
    ),
    _Step(lambda old, t: build("log", t), lambda s, p: np.exp(s), lambda t, p: 1.0 / t),
    _Step(
        lambda old, t: build("add", old, t), lambda s, p: s - p, lambda t, p: 1.0, True
    ),
    _Step(
        lambda old, t: build("add", old, t), lambda s, p: s - p, lambda t, p: 1.0, True
    ),
    _Step(
        lambda old, t: build("mul", old, t), lambda s, p: s / p, lambda t, p: p, True
    ),
    _Step(
        lambda old, t: build("div", old, t),
        lambda s, p: p / s,
        lambda t, p: p / (t * t),
        True,
    ),
)
# A factor and a divisor are wanted as often as a summand.
_STEPS += _STEPS[-2:]
_N_REPLACING = sum(not step.uses_present for step in _STEPS)


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
    node: Any = tree
    with np.errstate(all="ignore"):
        for position in path:
            name, *inner = node
            arguments = [evaluate(argument, columns) for argument in inner]
            wanted = _invert(name, position - 1, v, arguments)
            arguments[position - 1] = wanted
            partials = OPERATORS[name].partials(*arguments, v)
            slope = slope * partials[position - 1]
            v, node = wanted, node[position]
    return v, np.broadcast_to(np.square(slope), len(y))
