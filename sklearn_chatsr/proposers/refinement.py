"""Refinement: the best formulas so far with one thing more, fitted from where they are.

A formula that misses a factor, a term or a power is near the law: with a neutral
constant in the right place (a power of 0, a coefficient of 0) its fit runs into the
law. Such places are few, so all of them are tried. Under noise one may also be near
that has a curve in place of another one that looks alike.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product

import numpy as np
import numpy.typing as npt

from sklearn_chatsr.expressions import Expression, is_variable, variable
from sklearn_chatsr.expressions.expression import Tree
from sklearn_chatsr.fitting import ConstantFitter
from sklearn_chatsr.proposers.basis.terms import power
from sklearn_chatsr.proposers.protocol import Problem
from sklearn_chatsr.proposers.trees import (
    FloatArray,
    Path,
    evaluate,
    in_place,
    is_constant,
    replace,
    size,
    walk,
)

_MOST_ROWS = 300
_LEAST_ROWS = 10
_MARGIN = 0.1  # seconds before the deadline at which fits end
_N_PARENTS = 2
_MOST_COLUMNS = 8  # in one product of powers
_MOST_STEPS = 3  # one thing more after the other
_KEPT = 2  # variants of a formula that are looked at again
_BETTER = 0.8  # share of the error that a variant has to leave at most
_EXACT = 1e-20  # share of the variance
# How far a fitted power may be from a fraction to be it, if the fit does not mind.
_NEAR, _LARGEST_DENOMINATOR = 0.05, 3
_LARGEST_POWER = 12
_SAME_SIGN = 0.9
_EXPONENTS = (1.0, -1.0, 2.0, -2.0, 0.5)
# Below these a power, or a factor, says what it says above them.
_ROOTS = frozenset({"inv", "pow", "sq", "sqrt", "cube", "cbrt"})
_IN_PRODUCT = _ROOTS | {"mul", "div", "neg"}


# Curves that may stand for one another.
_LIKE = ["tanh", "atan", "asin", "sin", "cos", "exp", "log", "sqrt", "inv", "sq"]
_AS_NEAR, _MOST_LIKE = 1.05, 12
# Curves for a part in one column, of so many nodes at least; what they may miss of it,
# and how many are tried in its place.
_CURVES = tuple(
    map(
        Expression.from_infix,
        (
            "x1",
            "exp(C*x1)",
            "sin(C*x1)",
            "cos(C*x1)",
            "tanh(C*x1)",
            "atan(C*x1)",
            "log(x1)",
            "x1^2",
            "1/x1",
            "1/(x1 + C)",
            "x1^C",
        ),
    )
)
_LEAST_PART, _ALIKE, _N_ALIKE = 4, 0.02, 4


@dataclass(frozen=True)
class _Fitted:
    tree: Tree
    fvu: float


class RefinementProposer:
    """Give the best formulas one thing more: powers, a term, an inner sum.

    Every term of a formula is multiplied by free powers of all columns, every inner sum
    gets a linear function of the columns, everything positive gets a power, and the
    whole gets a power law or a parabola of one column. All constants are fitted from
    where the formula is, and powers are rounded to fractions where the data agree.
    Functions, and parts in one column, are also exchanged for curves that look alike.

    Examples
    --------
    >>> RefinementProposer().name
    'refinement'
    """

    name = "refinement"

    def propose(
        self, problem: Problem, rng: np.random.Generator
    ) -> Iterator[Sequence[Expression]]:
        """Yield formulas with values for their constants; see `Proposer`.

        A turn ends when the best formulas have been refined; in a later one there may
        be others.
        """
        finite = np.isfinite(problem.y) & np.isfinite(problem.X).all(axis=1)
        rows = np.sort(rng.permutation(np.flatnonzero(finite))[:_MOST_ROWS])
        if len(rows) < _LEAST_ROWS or np.ptp(problem.y[rows]) == 0:
            return
        refiner = _Refiner(problem, rows)
        while problem.seconds_left() > _MARGIN:
            yield from refiner.batches()
            yield []


class _Refiner:
    def __init__(self, problem: Problem, rows: npt.NDArray[np.intp]) -> None:
        self.problem = problem
        X = problem.X[rows]
        self.y = problem.y[rows]
        weight = problem.sample_weight
        weight = None if weight is None else weight[rows]
        self.columns = np.ascontiguousarray(X.T)
        self.fitter = ConstantFitter(X, self.y, weight, n_starts=1)
        varying = [j for j in range(X.shape[1]) if np.ptp(X[:, j]) > 0]
        self.leaves = [variable(j) for j in varying]
        self.positive = [variable(j) for j in varying if X[:, j].min() > 0]
        # Powers of more columns than rows can carry say nothing.
        if len(self.positive) > min(_MOST_COLUMNS, len(rows) // 10):
            self.positive = []
        self.logs = np.array([np.log(evaluate(x, self.columns)) for x in self.positive])
        self._done: set[tuple[str, ...]] = set()

    def batches(self) -> Iterator[list[Expression]]:
        for parent in self._parents():
            found: list[_Fitted] = []
            front = [parent]
            for _ in range(_MOST_STEPS):
                better = [b for one in front for b in self._better(one)]
                better.sort(key=lambda b: b.fvu)
                front = better[:_KEPT]
                found += front
                if not front or front[0].fvu < _EXACT:
                    break
            found += self._with_other_functions(parent)
            if found:
                yield [Expression.from_tree(b.tree) for b in found]

    def _with_other_functions(self, parent: _Fitted) -> list[_Fitted]:
        """Give what comes as near with another function in some place, or none there.

        Under noise curves of one shape are hard to tell apart, and which one a search
        meets first is chance.
        """
        found: list[_Fitted] = []
        for tree in self._exchanged(parent.tree):
            if self.problem.seconds_left() < _MARGIN:
                break
            fitted = self._fit(tree)
            if fitted is not None and fitted.fvu < _AS_NEAR * parent.fvu:
                found.append(fitted)
        return sorted(found, key=lambda f: f.fvu)[:_MOST_LIKE]

    def _exchanged(self, tree: Tree) -> Iterator[Tree]:
        """Give the tree with another function in some place, or for a part."""
        for path, node in walk(tree):
            if not isinstance(node, tuple):
                continue
            if node[0] in _LIKE:
                others = [(name, node[1]) for name in _LIKE if name != node[0]]
                yield from (replace(tree, path, t) for t in [*others, node[1]])
            above = _variables(_at(tree, path[:-1]))
            if len(_variables(node)) == 1 < len(above) and size(node) >= _LEAST_PART:
                for curve in self._curves_like(node):
                    yield replace(tree, path, curve)

    def _curves_like(self, part: Tree) -> list[Tree]:
        """Give curves that come near to a part in one column, the nearest first."""
        [leaf] = _variables(part)
        values = evaluate(part, self.columns)
        if not np.isfinite(values).all() or np.ptp(values) == 0:
            return []
        column = evaluate(leaf, self.columns)
        fitter = ConstantFitter(column[:, None], values, n_starts=2)
        near = [
            (fit.fvu, fit.expression.to_tree())
            for fit in fitter.fit_many(_CURVES, scale=True)
            if fit is not None and not fit.failed and fit.fvu < _ALIKE
        ]
        near.sort(key=lambda found: found[0])
        curves = [tree for _, curve in near[:_N_ALIKE] for tree in _plainer(curve)]
        return [in_place(tree, leaf) for tree in dict.fromkeys(curves)]

    def _parents(self) -> list[_Fitted]:
        candidates = sorted(self.problem.archive, key=lambda c: c.bits)
        close = sorted(candidates, key=lambda c: c.loss)
        best = dict.fromkeys(candidates[:_N_PARENTS] + close[:1])
        parents = []
        for candidate in best:
            expression = candidate.expression
            key = expression.skeleton().tokens
            if key in self._done or self.problem.seconds_left() < _MARGIN:
                continue
            self._done.add(key)
            if expression.n_constants and not expression.constants:
                continue
            fitted = self._fit(expression.to_tree())
            if fitted is not None and fitted.fvu > _EXACT:
                parents.append(fitted)
        return parents

    def _better(self, parent: _Fitted) -> list[_Fitted]:
        """Fit all variants; give those that leave much less, their powers rounded."""
        found = []
        for tree in self._variants(parent.tree):
            if self.problem.seconds_left() < _MARGIN:
                break
            fitted = self._fit(tree)
            if fitted is not None and fitted.fvu < _BETTER * parent.fvu:
                found.append(fitted)
        found.sort(key=lambda f: f.fvu)
        return [self._rounded(f) for f in found[: 2 * _KEPT]]

    def _fit(self, tree: Tree) -> _Fitted | None:
        # Numbers that were folded are NaN where they became too large.
        if not np.isfinite([n for _, n in walk(tree) if isinstance(n, float)]).all():
            return None
        expression = Expression.from_tree(tree)
        if expression.size > self.problem.max_size + 2 * len(self.leaves):
            return None
        fit = self.fitter.fit(expression, start=expression.constants or ())
        if fit.failed or not np.isfinite(fit.fvu):
            return None
        return _Fitted(fit.expression.to_tree(), fit.fvu)

    def _variants(self, tree: Tree) -> Iterator[Tree]:
        """Give the tree with neutral constants, each time in another place."""
        for path, node in walk(tree):
            if is_constant(node):
                continue
            above = _name_above(tree, path)
            if self.positive and above not in _IN_PRODUCT and not _is_sum(node):
                yield replace(tree, path, self._times_powers(node))
            if above not in ("add", "sub", None):
                inner: Tree = node
                for x in self.leaves[:_MOST_COLUMNS]:
                    inner = ("add", inner, ("mul", 0.0, x))
                yield replace(tree, path, ("add", 0.0, inner))
            raised = _is_sum(node) if above in ("mul", "div") else above not in _ROOTS
            if raised and np.all(evaluate(node, self.columns) > 0):
                yield replace(tree, path, ("pow", node, 1.0))
        yield from self._with_term(tree)

    def _times_powers(self, node: Tree) -> Tree:
        for x in self.positive:
            node = ("mul", node, ("pow", x, 0.0))
        return node

    def _with_term(self, tree: Tree) -> Iterator[Tree]:
        """Add a parabola of one column, or a power law of all."""
        residual = self.y - evaluate(tree, self.columns)
        if len(self.leaves) <= _MOST_COLUMNS:
            for x in self.leaves:
                parabola: Tree = ("add", ("mul", 0.0, x), ("mul", 0.0, ("sq", x)))
                yield ("add", tree, parabola)
        for coefficient, powers in self._laws(residual):
            law: Tree = coefficient
            for x, p in zip(self.positive, powers, strict=True):
                law = ("mul", law, ("pow", x, float(p)))
            yield ("add", tree, law)

    def _laws(self, residual: FloatArray) -> Iterator[tuple[float, FloatArray]]:
        """Give power laws to start from: of the residual, and its best monomial."""
        if not self.positive or not np.isfinite(residual).all() or not residual.any():
            return
        large = np.abs(residual)
        sign = 1.0 if np.sum(residual) > 0 else -1.0
        if np.mean(sign * residual > 0) >= _SAME_SIGN:
            design = np.vstack([np.ones_like(large), self.logs]).T * large[:, None]
            target = np.log(np.maximum(large, 1e-300)) * large
            fit = np.linalg.lstsq(design, target, rcond=None)[0]
            if np.abs(fit[1:]).max() < _LARGEST_POWER and abs(fit[0]) < 200:
                yield sign * math.exp(fit[0]), fit[1:]
        best, gain = None, -1.0
        for j, exponent in product(range(len(self.logs)), _EXPONENTS):
            value = np.exp(exponent * self.logs[j])
            centred = value - value.mean()
            norm = float(centred @ centred)
            if not 0 < norm < np.inf:
                continue
            slope = float(centred @ residual) / norm
            if np.isfinite(slope) and slope * slope * norm > gain:
                gain = slope * slope * norm
                best = slope, exponent * np.eye(len(self.logs))[j]
        if best is not None:
            yield best

    def _rounded(self, fitted: _Fitted) -> _Fitted:
        """Round the powers to fractions if the fit is as good then."""
        tree = _with_fractions(fitted.tree)
        if tree == fitted.tree:
            return fitted
        rounded = self._fit(tree)
        if rounded is None or rounded.fvu > max(1.1 * fitted.fvu, _EXACT):
            return fitted
        return rounded


def _plainer(curve: Tree) -> Iterator[Tree]:
    """Give a curve, and without its offset, its factor and the one inside."""
    yield curve
    match curve:
        case ("add" | "sub", rest, float()) | ("add", float(), rest):
            yield from _plainer(rest)
        case ("mul", float(), rest) | ("mul", rest, float()):
            yield from _plainer(rest)
        case (str(name), ("mul", float(), rest) | ("mul", rest, float())):
            yield (name, rest)


def _at(tree: Tree, path: Path) -> Tree:
    for position in path:
        tree = tree[position]  # type: ignore[index]
    return tree


def _variables(tree: Tree) -> set[Tree]:
    return {
        node for _, node in walk(tree) if isinstance(node, str) and is_variable(node)
    }


def _name_above(tree: Tree, path: Path) -> str | None:
    if not path:
        return None
    node = _at(tree, path[:-1])
    assert isinstance(node, tuple)
    return node[0]


def _is_sum(tree: Tree) -> bool:
    return isinstance(tree, tuple) and tree[0] in ("add", "sub", "neg")


def _with_fractions(tree: Tree) -> Tree:
    """Write powers of columns near a fraction as that fraction."""
    if not isinstance(tree, tuple):
        return tree
    if tree[0] == "pow" and isinstance(tree[2], float):
        base = _with_fractions(tree[1])
        fraction = Fraction(tree[2]).limit_denominator(_LARGEST_DENOMINATOR)
        near = abs(float(fraction) - tree[2]) <= _NEAR
        if near and abs(fraction) <= _LARGEST_POWER:
            return power(base, fraction) if fraction else "1"
        return ("pow", base, tree[2])
    arguments = [_with_fractions(argument) for argument in tree[1:]]
    if tree[0] == "mul" and "1" in arguments:
        return arguments[1 - arguments.index("1")]
    return (tree[0], *arguments)
