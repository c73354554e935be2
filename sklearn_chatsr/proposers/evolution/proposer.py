"""The evolution proposer: generations on islands, and what is yielded when."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from sklearn_chatsr.expressions import Expression, is_integer
from sklearn_chatsr.expressions.expression import Tree
from sklearn_chatsr.proposers.evolution.evaluation import Evaluator, Individual
from sklearn_chatsr.proposers.evolution.growth import Growth
from sklearn_chatsr.proposers.evolution.islands import Island
from sklearn_chatsr.proposers.evolution.targeted import Targeting
from sklearn_chatsr.proposers.evolution.variation import Variation, shortenings
from sklearn_chatsr.proposers.protocol import Problem
from sklearn_chatsr.proposers.trees import size, terms, walk

logger = logging.getLogger(__name__)

_LEAST_ROWS, _MOST_ROWS = 4, 1000
_MARGIN = 0.1  # seconds before the deadline at which a last batch is yielded
_MIGRATION = 8  # generations between exchanges
_PATIENCE = 12  # generations without progress after which an island starts anew
_AFTER_EXACT = 6  # generations that look for a shorter form of an exact law
_PER_BATCH = 8
_REFINED = 6  # children per island that are fitted from drawn starts too
_SHARE_CROSSED, _SHARE_AIMED = 0.2, 0.3


class EvolutionProposer:
    """Breed formulas: mutate, cross, fit the constants of every child, keep the best.

    Populations hold the best few formulas of every size, so that short ones never die
    out and long ones must earn their length. Part of the children is aimed: a term is
    chosen that goes with the residual, with the ratio to the target, or with what a
    subtree would have to be.

    Parameters
    ----------
    n_generations : int, default=60
        Generations at most.
    n_islands : int, default=3
        Populations that evolve apart and exchange their best now and then.
    n_children : int, default=96
        Children per island and generation.
    per_turn : int, optional
        Generations after which a turn ends; what others have found meanwhile joins the
        populations then. By default there is one turn.

    Attributes
    ----------
    n_fitted : int
        Children whose constants the last search has fitted.

    Examples
    --------
    >>> EvolutionProposer().name
    'evolution'
    """

    name = "evolution"

    def __init__(
        self,
        n_generations: int = 60,
        n_islands: int = 3,
        n_children: int = 96,
        *,
        per_turn: int | None = None,
    ) -> None:
        self.n_generations = n_generations
        self.n_islands = n_islands
        self.n_children = n_children
        self.per_turn = per_turn
        self.n_fitted = 0

    def propose(
        self, problem: Problem, rng: np.random.Generator
    ) -> Iterator[Sequence[Expression]]:
        """Yield the formulas that moved the front; see `Proposer`."""
        finite = np.isfinite(problem.y) & np.isfinite(problem.X).all(axis=1)
        if not finite.all():
            problem = _rows_of(problem, np.flatnonzero(finite))
        used = [j for j in range(problem.n_features) if _varies(problem.X[:, j])]
        if len(problem.y) > _MOST_ROWS:
            rows = np.sort(rng.permutation(len(problem.y))[:_MOST_ROWS])
            problem = _rows_of(problem, rows)
        if len(problem.y) < _LEAST_ROWS or not used or not _varies(problem.y):
            return
        if problem.seconds_left() < _MARGIN:
            return
        yield from _Run(self, problem, used, rng).batches()


class _Run:
    """One evolution on one problem."""

    def __init__(
        self,
        settings: EvolutionProposer,
        problem: Problem,
        used: list[int],
        rng: np.random.Generator,
    ) -> None:
        self.settings = settings
        self.problem = problem
        self.rng = rng
        self.evaluator = Evaluator(problem, rng)
        columns = np.ascontiguousarray(problem.X[self.evaluator.rows].T)
        y = problem.y[self.evaluator.rows]
        self.growth = Growth(columns[:, :32], used, rng)
        self.variation = Variation(self.growth)
        self.targeting = Targeting(self.growth, columns, y)
        self.islands = [Island(rng) for _ in range(settings.n_islands)]
        # The best of every size over all islands and restarts.
        self.hall = Island(rng)
        self._told: set[tuple[str, ...]] = set()

    def batches(self) -> Iterator[list[Expression]]:
        exact_for = 0
        per_turn = self.settings.per_turn or self.settings.n_generations
        seeds = self._archived()
        for generation in range(self.settings.n_generations):
            if self.problem.seconds_left() < _MARGIN:
                break
            if generation and generation % per_turn == 0:
                yield []
                # The second island stays without what others have found.
                self._advance(self.islands[0], self._archived())
            moved: dict[Individual, None] = {}
            for number, island in enumerate(self.islands):
                if self.problem.seconds_left() < _MARGIN:
                    break
                if not len(island) or island.idle >= _PATIENCE:
                    island.clear()
                    # One island starts from nothing, for what the seeds do not lead to.
                    own = seeds if generation == 0 and number != 1 else []
                    children = [*own, *self._random_children()]
                else:
                    children = self._children(island)
                if exact_for:
                    children += shortenings(self._exact().sum)
                moved |= dict.fromkeys(self._advance(island, children))
            if generation % _MIGRATION == _MIGRATION - 1:
                self._migrate()
            if generation % 4 == 3:
                self.targeting.refresh(self._building_blocks())
            self.settings.n_fitted = self.evaluator.n_fitted
            batch = self._told_apart(moved)
            if batch:
                yield batch
            if len(self.hall) and self._exact().fvu <= self.evaluator.floor:
                exact_for += 1
                if exact_for > _AFTER_EXACT:
                    break
        logger.debug("Fitted %d children.", self.settings.n_fitted)

    def _exact(self) -> Individual:
        """Give the most exact individual, of several the shortest."""
        return min(self.hall, key=lambda i: (i.fvu, i.size))

    def _advance(self, island: Island, children: Sequence[Tree]) -> list[Individual]:
        """Fit children and let them in; give those that moved the front of all."""
        found = self.evaluator.evaluate(children, island.wants)
        best = sorted(found, key=lambda i: i.score)[:_REFINED]
        found = [*found, *self.evaluator.refine(best, island.wants)]
        progress = [island.add(individual) for individual in found]
        island.idle = 0 if any(progress) else island.idle + 1
        island.tidy()
        moved = [i for i in found if self.hall.add(i)]
        self.hall.tidy()
        return moved

    def _children(self, island: Island) -> list[Tree]:
        children: list[Tree] = []
        n = self.settings.n_children
        parents = island.parents(2 * n)
        for parent, mate in zip(parents[:n], parents[n:], strict=True):
            roll = self.rng.random()
            child: Tree | None
            if roll < _SHARE_AIMED:
                child = self.targeting.aim(parent.tree)
            elif roll < _SHARE_AIMED + _SHARE_CROSSED:
                child = self.variation.cross(parent.sum, mate.sum)
            else:
                child = self.variation.mutate(parent.sum)
                if self.rng.random() < 0.25:
                    child = self.variation.mutate(child)
            if child is not None:
                children.append(child)
        return children

    def _random_children(self) -> list[Tree]:
        sizes = self.rng.integers(1, 9, size=self.settings.n_children)
        grown = [self.growth.tree(int(n)) for n in sizes]
        n_terms = len(self.targeting.terms)
        chosen = self.rng.permutation(n_terms)[: self.settings.n_children]
        return [*grown, *(self.targeting.terms[int(k)] for k in chosen)]

    def _archived(self) -> list[Tree]:
        """Give what others have found as trees with numbers for constants."""
        trees = []
        for candidate in sorted(self.problem.archive, key=lambda c: c.bits)[:60]:
            if candidate.expression.constants is not None:
                trees.append(_with_numbers(candidate.expression.to_tree()))
        return trees

    def _building_blocks(self) -> list[Tree]:
        """Give small parts of the best formulas."""
        blocks: dict[Tree, None] = {}
        for individual in self.hall.front():
            for part in terms(individual.tree):
                for _, tree in walk(part):
                    if 1 < size(tree) <= 7:
                        blocks[tree] = None
        return list(blocks)[:128]

    def _migrate(self) -> None:
        fronts = [island.front() for island in self.islands]
        for number, front in enumerate(fronts):
            target = self.islands[(number + 1) % len(self.islands)]
            for individual in front:
                target.add(individual)

    def _told_apart(self, moved: dict[Individual, None]) -> list[Expression]:
        """Trim what moved the front and is still on it, each skeleton once."""
        front = set(self.hall.front())
        batch: list[Expression] = []
        for individual in sorted(moved, key=lambda i: i.score):
            if individual not in front or len(batch) >= _PER_BATCH:
                continue
            expression = self.evaluator.trimmed(individual)
            if expression is not None and expression.tokens not in self._told:
                self._told.add(expression.tokens)
                batch.append(expression)
        return batch


def _rows_of(problem: Problem, rows: npt.NDArray[np.intp]) -> Problem:
    weight = problem.sample_weight
    return replace(
        problem,
        X=problem.X[rows],
        y=problem.y[rows],
        sample_weight=None if weight is None else weight[rows],
    )


def _varies(values: npt.NDArray[np.float64]) -> bool:
    return len(values) > 0 and bool(np.ptp(values) > 0)


def _with_numbers(tree: Tree) -> Tree:
    """Make constants of the whole numbers that are not exponents."""
    if isinstance(tree, str):
        return float(tree) if is_integer(tree) else tree
    if not isinstance(tree, tuple):
        return tree
    if tree[0] == "pow" and isinstance(tree[2], str):
        return ("pow", _with_numbers(tree[1]), tree[2])
    return (tree[0], *map(_with_numbers, tree[1:]))
