"""Children become individuals: constants fitted, sizes and scores counted."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.expressions.expression import Tree, flatten
from sklearn_chatsr.fitting import ConstantFit, ConstantFitter
from sklearn_chatsr.proposers.protocol import Problem
from sklearn_chatsr.proposers.trees import (
    has_free_factor,
    nesting,
    sum_of,
    summands,
    terms,
)

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


class Individual:
    """An offset and a sum of terms with fitted constants.

    Parameters
    ----------
    expression : Expression
        The whole formula.
    fvu : float
        Fraction of variance unexplained.
    score : float
        Logarithm of `fvu` plus a price for the constants; lower is better.

    Attributes
    ----------
    tree : Tree
        The whole formula ``("add", offset, sum)``.
    sum : Tree
        The formula without its offset, which is what variation works on.
    size : int
        Nodes of the sum.
    features : tuple of int
        Columns in use.
    signature : str
        What formulas of the same values share, up to scale and offset: with a free
        factor and offset, equal functions end at equal residuals.
    """

    def __init__(self, expression: Expression, fvu: float, score: float) -> None:
        self.expression = expression
        self.fvu = fvu
        self.score = score
        tree: Any = expression.to_tree()
        self.tree: Tree = tree
        self.sum: Tree = tree[2]
        self.size = expression.size - 2
        self.features = expression.variables
        self.signature = f"{fvu:.6e}"


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
        self._visits: dict[tuple[str, ...], int] = {}
        self._drawn: set[tuple[str, ...]] = set()
        variance = self.fitter.data.variance
        floor = self.fitter.loss_floor / variance if variance > 0 else 0.0
        # Below this fraction nothing is left to explain.
        self.floor = max(floor, 1e-24)

    def frame(self, child: Tree) -> Expression | None:
        """Write a child as offset plus terms with factors; None for an unsound one."""
        parts = terms(child)
        if not 0 < len(parts) <= _MAX_TERMS or nesting(child) > _MAX_NESTING:
            return None
        scaled = [p if has_free_factor(p) else ("mul", 1.0, p) for p in parts]
        tokens, constants = flatten(("add", 0.0, sum_of(scaled)))
        small = len(tokens) <= self.problem.max_size + _FRAME_ALLOWANCE
        if not small or len(constants) > self.max_constants:
            return None
        if not all(map(math.isfinite, constants)):
            return None
        framed = Expression._unchecked(tuple(tokens), tuple(constants))
        # Beside the offset and the factors there are constants to search for.
        is_searched = len(constants) > 1 + len(parts)
        return framed if self._is_new(framed, is_searched) else None

    def evaluate(
        self, children: Sequence[Tree], is_wanted: Callable[[int, float], bool]
    ) -> list[Individual]:
        """Fit a generation: on a sample, then those that are wanted on all rows.

        Parameters
        ----------
        children : sequence of Tree
            Numbers in them are where the fit begins.
        is_wanted : callable
            Whether an individual of such a size and score would find a place.
        """
        fresh = [f for f in map(self.frame, children) if f is not None]
        self.n_fitted += len(fresh)
        found = self._fit(self._screen, fresh, is_wanted)
        if self._screen is not self.fitter:
            good = [i.expression for i in found]
            found = self._fit(self.fitter, good, is_wanted)
        return found

    def refine(
        self,
        individuals: Sequence[Individual],
        is_wanted: Callable[[int, float], bool],
    ) -> list[Individual]:
        """Fit individuals from drawn starts, each skeleton once."""
        skeletons = []
        for individual in individuals:
            skeleton = individual.expression.skeleton()
            n_terms = len(terms(individual.tree))
            is_searched = skeleton.n_constants > 1 + n_terms
            if is_searched and skeleton.tokens not in self._drawn:
                self._drawn.add(skeleton.tokens)
                skeletons.append(skeleton)
        return self._individuals(self.fitter.fit_many(skeletons), is_wanted)

    def _is_new(self, framed: Expression, is_searched: bool) -> bool:
        visits = self._visits.get(framed.tokens, 0)
        if visits >= (_VISITS if is_searched else 1):
            return False
        if len(self._visits) >= _REMEMBERED:
            self._visits.clear()
        self._visits[framed.tokens] = visits + 1
        return True

    def _fit(
        self,
        fitter: ConstantFitter,
        framed: Sequence[Expression],
        is_wanted: Callable[[int, float], bool],
    ) -> list[Individual]:
        starts = [e.constants or () for e in framed]
        return self._individuals(fitter.fit_many(framed, starts=starts), is_wanted)

    def _individuals(
        self,
        fits: Sequence[ConstantFit | None],
        is_wanted: Callable[[int, float], bool],
    ) -> list[Individual]:
        price = math.log(max(self.n_rows, 3)) / self.n_rows
        found = []
        for fit in fits:
            if fit is None or fit.failed:
                continue
            fvu = max(fit.fvu, self.floor)
            score = math.log(fvu) + price * fit.expression.n_constants
            if is_wanted(fit.expression.size - 2, score):
                found.append(Individual(fit.expression, fvu, score))
        return found

    def trimmed(self, individual: Individual) -> Expression | None:
        """Drop terms, offset and factors that the data do not ask for.

        Returns
        -------
        Expression or None
            With fitted constants; None when it stays too large.
        """
        price = math.log(max(self.n_rows, 3)) / self.n_rows
        best = self.fitter.evaluate(individual.expression)
        parts = summands(individual.tree)
        at = len(parts) - 1
        while at >= 0:
            for shorter in _shorter(parts, at):
                candidate = Expression.from_tree(sum_of(shorter))
                start = candidate.constants or ()
                fit = self.fitter.fit(candidate, start=start)
                if fit.fvu <= max(best.fvu * math.exp(price), 10.0 * self.floor):
                    best, parts = fit, summands(fit.expression.to_tree())
                    break
            at -= 1
        simplified = best.expression.simplify()
        return simplified if simplified.size <= self.problem.max_size else None


def _shorter(parts: list[Tree], at: int) -> list[list[Tree]]:
    """Give the sums without one summand, and with that one's factor set to one."""
    shorter = [parts[:at] + parts[at + 1 :]] if len(parts) > 1 else []
    part = parts[at]
    if isinstance(part, tuple) and part[0] == "mul":
        factor, rest = part[1:]
        if isinstance(factor, float) and abs(abs(factor) - 1.0) < 1e-2:
            unit = rest if factor > 0 else ("neg", rest)
            shorter.append([*parts[:at], unit, *parts[at + 1 :]])
    return shorter
