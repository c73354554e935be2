"""Children become individuals: constants fitted, sizes and scores counted."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.expressions.expression import Tree, flatten
from sklearn_chatsr.fitting import ConstantFit, ConstantFitter
from sklearn_chatsr.proposers.evolution.trees import (
    has_free_factor,
    is_sound,
    sum_of,
    terms,
    variables,
)
from sklearn_chatsr.proposers.protocol import Problem

_MAX_TERMS = 6
_MAX_CONSTANTS = 10
_MAX_NESTING = 2
# Offset and factors of the frame are not part of what may be proposed in the end.
_FRAME_ALLOWANCE = 6
# A skeleton whose constants are searched may be tried again from other values.
_VISITS = 3
_REMEMBERED = 200_000
# Rows on which children are screened; the good ones are fitted on all rows.
_SCREEN_ROWS = 160


@dataclass(frozen=True, slots=True)
class Individual:
    """A sum of terms with fitted constants.

    Attributes
    ----------
    tree : Tree
        The whole formula ``("add", offset, sum)``.
    size : int
        Nodes without the offset.
    fvu : float
        Fraction of variance unexplained.
    score : float
        Logarithm of `fvu` plus a price for the constants; lower is better.
    n_constants : int
        Constants including the offset.
    features : frozenset of int
        Columns in use.
    """

    tree: Tree
    size: int
    fvu: float
    score: float
    n_constants: int
    features: frozenset[int]

    @property
    def sum(self) -> Tree:
        """The formula without its offset, which is what variation works on."""
        return self.tree[2]  # type: ignore[index,return-value]

    @property
    def signature(self) -> str:
        """What formulas of the same values share, up to scale and offset.

        Every individual is fitted with a free factor and offset, so equal functions end
        at equal residuals.
        """
        return f"{self.fvu:.6e}"


class Evaluator:
    """Fit the constants of whole generations.

    Parameters
    ----------
    problem : Problem
        Finite data.
    rng : numpy.random.Generator
        Chooses the rows for screening.
    """

    def __init__(self, problem: Problem, rng: np.random.Generator) -> None:
        X, y, weight = problem.X, problem.y, problem.sample_weight
        self.problem = problem
        seed = int(rng.integers(2**31))
        self.fitter = ConstantFitter(X, y, weight, n_starts=4, max_iter=25, seed=seed)
        self.n_rows = len(y)
        self.rows = np.arange(len(y))
        self._screen = self.fitter
        if len(y) > 1.5 * _SCREEN_ROWS:
            self.rows = np.sort(rng.permutation(len(y))[:_SCREEN_ROWS])
            self._screen = ConstantFitter(
                X[self.rows],
                y[self.rows],
                None if weight is None else weight[self.rows],
                max_iter=8,
                seed=seed,
            )
        self.max_constants = max(2, min(_MAX_CONSTANTS, len(y) // 4))
        self.n_fitted = 0
        self._visits: dict[Hashable, int] = {}
        self._drawn: set[Hashable] = set()
        variance = self.fitter.data.variance
        floor = self.fitter.loss_floor / variance if variance > 0 else 0.0
        # Below this fraction nothing is left to explain.
        self.floor = max(floor, 1e-24)

    def frame(self, child: Tree) -> Expression | None:
        """Write a child as offset plus terms with factors; None for an unsound one."""
        if not is_sound(child, _MAX_NESTING):
            return None
        parts = terms(child)
        if not 0 < len(parts) <= _MAX_TERMS:
            return None
        scaled = [p if has_free_factor(p) else ("mul", 1.0, p) for p in parts]
        tokens, constants = flatten(("add", 0.0, sum_of(scaled)))
        small = len(tokens) <= self.problem.max_size + _FRAME_ALLOWANCE
        if not small or len(constants) > self.max_constants:
            return None
        return Expression(tokens, constants)

    def evaluate(
        self, children: Sequence[Tree], is_wanted: Callable[[Individual], bool]
    ) -> list[Individual]:
        """Fit a generation: on a sample, then those that are wanted on all rows.

        Parameters
        ----------
        children : sequence of Tree
            Numbers in them are where the fit begins.
        is_wanted : callable
            Whether an individual would find a place.
        """
        fresh = [f for f in map(self.frame, children) if f is not None]
        fresh = [f for f in fresh if self._is_new(f)]
        found = self._fit(self._screen, fresh)
        if self._screen is self.fitter:
            return [i for i in found if is_wanted(i)]
        good = [Expression.from_tree(i.tree) for i in found if is_wanted(i)]
        return [i for i in self._fit(self.fitter, good) if is_wanted(i)]

    def refine(self, individuals: Sequence[Individual]) -> list[Individual]:
        """Fit individuals from drawn starts, each skeleton once."""
        skeletons = []
        for individual in individuals:
            skeleton = Expression.from_tree(individual.tree).skeleton()
            if skeleton.tokens not in self._drawn and _is_searched(skeleton):
                self._drawn.add(skeleton.tokens)
                skeletons.append(skeleton)
        fits = self.fitter.fit_many(skeletons, deadline=self.problem.deadline)
        return self._individuals(fits)

    def _is_new(self, framed: Expression) -> bool:
        key = framed.skeleton().canonical_key()
        visits = self._visits.get(key, 0)
        if visits >= (_VISITS if _is_searched(framed) else 1):
            return False
        if len(self._visits) >= _REMEMBERED:
            self._visits.clear()
        self._visits[key] = visits + 1
        return True

    def _fit(
        self, fitter: ConstantFitter, framed: Sequence[Expression]
    ) -> list[Individual]:
        self.n_fitted += len(framed)
        starts = [e.constants or () for e in framed]
        deadline = self.problem.deadline
        return self._individuals(
            fitter.fit_many(framed, starts=starts, deadline=deadline)
        )

    def _individuals(self, fits: Sequence[ConstantFit | None]) -> list[Individual]:
        n = self.n_rows
        found = []
        for fit in fits:
            if fit is None or fit.failed:
                continue
            expression = fit.expression
            k = expression.n_constants
            fvu = max(fit.fvu, self.floor)
            found.append(
                Individual(
                    tree=expression.to_tree(),
                    size=expression.size - 2,
                    fvu=fvu,
                    score=math.log(fvu) + k * math.log(max(n, 3)) / n,
                    n_constants=k,
                    features=variables(expression.to_tree()),
                )
            )
        return found

    def trimmed(self, individual: Individual) -> Expression | None:
        """Drop offset and factors that the data do not ask for.

        Returns
        -------
        Expression or None
            With fitted constants; None when it stays too large.
        """
        price = math.log(max(self.n_rows, 3)) / self.n_rows
        tree = individual.tree
        fit = self.fitter.evaluate(Expression.from_tree(tree))
        for shorter in _shorter(tree):
            candidate = Expression.from_tree(shorter(tree))
            other = self.fitter.fit(candidate, start=candidate.constants or ())
            allowed = max(fit.fvu * math.exp(price), 10.0 * self.floor)
            if other.fvu <= allowed:
                fit, tree = other, other.expression.to_tree()
        simplified = fit.expression.simplify()
        return simplified if simplified.size <= self.problem.max_size else None


def _is_searched(framed: Expression) -> bool:
    """Tell whether there are constants beside the offset and the factors of terms."""
    n_terms = len(terms(framed.skeleton().to_tree()))
    return framed.n_constants > 1 + n_terms


def _shorter(tree: Tree) -> list[Callable[[Tree], Tree]]:
    """Give the steps that may shorten a formula: no offset, then factors of one."""
    steps: list[Callable[[Tree], Tree]] = [lambda t: t[2]]  # type: ignore[index,return-value]
    for at, part in enumerate(_summands(tree)):
        if isinstance(part, tuple) and part[0] == "mul" and isinstance(part[1], float):
            if abs(abs(part[1]) - 1.0) < 1e-2:
                steps.append(lambda t, at=at: _unit(t, at))  # type: ignore[misc]
    return steps


def _summands(tree: Tree) -> list[Tree]:
    if isinstance(tree, tuple) and tree[0] == "add":
        return [*_summands(tree[1]), *_summands(tree[2])]
    return [tree]


def _unit(tree: Tree, at: int) -> Tree:
    """Set the factor of a summand, counted with the offset, to plus or minus one."""
    parts = _summands(tree)
    if isinstance(parts[0], tuple):
        at -= 1  # the offset is gone
    factor, rest = parts[at][1:]  # type: ignore[misc]
    parts[at] = rest if factor > 0 else ("neg", rest)
    return sum_of(parts)
