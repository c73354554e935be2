"""Islands: populations kept apart by size and by the columns that formulas use."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from sklearn_chatsr.proposers.evolution.evaluation import Individual

_PER_SIZE = 6
_PER_CELL = 3  # of one size and one set of columns
# A larger formula that is not at least nearly as good as a smaller one leads nowhere.
_SLACK = 0.5
# A front that gets this much better (in the logarithm of the error) makes progress.
_PROGRESS = 0.01


class Island:
    """One population: the best few of every size.

    Parameters
    ----------
    rng : numpy.random.Generator
        Draws parents.

    References
    ----------
    Mouret, J.-B. and Clune, J. (2015). Illuminating search spaces by mapping elites.
    arXiv:1504.04909.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.clear()

    def clear(self) -> None:
        """Start anew."""
        self._by_size: dict[int, list[Individual]] = {}
        self._signatures: dict[str, Individual] = {}
        self.idle = 0

    def __len__(self) -> int:
        return len(self._signatures)

    def __iter__(self) -> Iterator[Individual]:
        """Give the individuals by size, best first."""
        for n_nodes in sorted(self._by_size):
            yield from self._by_size[n_nodes]

    def wants(self, n_nodes: int, score: float) -> bool:
        """Tell whether an individual of this size and score would find a place."""
        if score > self._best_up_to(n_nodes) + _SLACK:
            return False
        same = self._by_size.get(n_nodes, [])
        return len(same) < _PER_SIZE or score < same[-1].score

    def add(self, individual: Individual) -> bool:
        """Take an individual in; tell whether it moved the front."""
        twin = self._signatures.get(individual.signature)
        if twin is not None:
            # The same function, written shorter or longer.
            if twin.size <= individual.size:
                return False
            self._drop(twin)
        if not self.wants(individual.size, individual.score):
            return False
        moved = individual.score < self._best_up_to(individual.size) - _PROGRESS
        same = self._by_size.setdefault(individual.size, [])
        same.append(individual)
        same.sort(key=lambda i: i.score)
        self._signatures[individual.signature] = individual
        cell = [i for i in same if i.features == individual.features]
        if len(cell) > _PER_CELL and len(same) > 1:
            self._drop(cell[-1])
        elif len(same) > _PER_SIZE:
            self._drop(same[-1])
        return moved

    def tidy(self) -> None:
        """Let go of larger formulas that smaller ones have overtaken."""
        best = math.inf
        for individual in list(self):
            if individual.score > best + _SLACK:
                self._drop(individual)
            best = min(best, individual.score)

    def front(self) -> list[Individual]:
        """Give those that no smaller one equals, smallest first."""
        found: list[Individual] = []
        for n_nodes in sorted(self._by_size):
            leader = self._by_size[n_nodes][0]
            if not found or leader.score < found[-1].score - _PROGRESS:
                found.append(leader)
        return found

    def parents(self, n_parents: int) -> list[Individual]:
        """Draw parents: half of them from the front, the others from everywhere."""
        everyone = list(self)
        front = self.front()
        drawn = []
        for _ in range(n_parents):
            pool = front if self.rng.random() < 0.5 else everyone
            drawn.append(pool[int(self.rng.integers(len(pool)))])
        return drawn

    def _best_up_to(self, n_nodes: int) -> float:
        leaders = (same[0].score for n, same in self._by_size.items() if n <= n_nodes)
        return min(leaders, default=math.inf)

    def _drop(self, individual: Individual) -> None:
        same = self._by_size[individual.size]
        same.remove(individual)
        if not same:
            del self._by_size[individual.size]
        del self._signatures[individual.signature]
