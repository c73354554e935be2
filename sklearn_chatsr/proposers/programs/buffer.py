"""The experience buffer: islands of programs, and what a prompt is made from."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from sklearn_chatsr.expressions import Expression

Rule = Literal["rank", "softmax"]

# Chances fall by this factor from one rank to the next.
_RANK_DECAY = 0.85
# Published settings: temperature of the scores, falling to zero over a period.
_TEMPERATURE, _PERIOD = 0.1, 30_000


@dataclass(frozen=True, slots=True)
class Member:
    """A fitted program.

    Attributes
    ----------
    expression : Expression
        With fitted constants.
    cost : float
        Description length in bits, on held-out rows where there are any.
    nmse : float
        Mean squared error over the variance of the target, on the same rows.
    loss : float
        Mean squared error, in the squared unit of the target.
    source : str
        Who wrote it: ``"model"``, ``"mutation"`` or ``"seed"``.
    """

    expression: Expression
    cost: float
    nmse: float
    loss: float
    source: str = ""

    def key(self) -> Hashable:
        """Give the constant-free canonical form, which clusters go by."""
        return self.expression.skeleton().canonical_key()


class Island:
    """Programs that breed among themselves, one per canonical form.

    Parameters
    ----------
    capacity : int, default=60
        Programs that are kept, the best ones.
    rule : {"rank", "softmax"}, default="rank"
        How exemplars are chosen: by rank of their cost, or as published by a softmax
        of the mean squared error.

    Notes
    -----
    A softmax of the error is nearly blind where the error is small in absolute terms,
    and sees nothing else where it is large; ranks do not depend on the unit of the
    target.
    """

    def __init__(self, capacity: int = 60, rule: Rule = "rank") -> None:
        self.capacity = capacity
        self.rule = rule
        self._clusters: dict[Hashable, Member] = {}
        self._n_registered = 0

    def __len__(self) -> int:
        return len(self._clusters)

    def programs(self) -> list[Member]:
        """Give the programs, best first."""
        return sorted(
            self._clusters.values(),
            key=lambda p: (p.cost, p.expression.size, p.expression.tokens),
        )

    @property
    def best(self) -> Member | None:
        """The program of lowest cost."""
        return next(iter(self.programs()), None)

    def register(self, program: Member) -> bool:
        """Offer a program; of one form the cheapest, then the shortest, stays.

        Returns
        -------
        bool
            Whether it was taken in.
        """
        self._n_registered += 1
        key = program.key()
        known = self._clusters.get(key)
        if known is not None and (known.cost, known.expression.size) <= (
            program.cost,
            program.expression.size,
        ):
            return False
        self._clusters[key] = program
        if len(self._clusters) > self.capacity:
            worst = self.programs()[-1]
            del self._clusters[worst.key()]
            return worst is not program
        return True

    def draw(self, n: int, rng: np.random.Generator) -> list[Member]:
        """Draw distinct programs, worst first, as prompts show them.

        Parameters
        ----------
        n : int
            Most programs; fewer when the island holds fewer.
        rng : numpy.random.Generator
            Source of randomness.

        Returns
        -------
        list of Program
            Better and shorter ones more often.
        """
        programs = self.programs()
        if not programs:
            return []
        chances = self._chances(programs)
        n = min(n, int(np.count_nonzero(chances)))
        chosen = rng.choice(len(programs), n, replace=False, p=chances)
        return [programs[k] for k in sorted(chosen.tolist(), reverse=True)]

    def _chances(self, programs: Sequence[Member]) -> np.ndarray:
        if self.rule == "rank":
            chances = _RANK_DECAY ** np.arange(len(programs))
        else:
            left = 1.0 - (self._n_registered % _PERIOD) / _PERIOD
            losses = np.array([p.loss for p in programs])
            logits = -(losses - losses.min()) / (_TEMPERATURE * left)
            chances = np.exp(np.maximum(logits, -700.0))
        return np.asarray(chances / chances.sum())


class ExperienceBuffer:
    """Islands that are reset from the best of the survivors.

    Parameters
    ----------
    n_islands : int, default=4
        Populations that do not mix between resets.
    reset_period : int, default=200
        Samples after which the weaker half of the islands is emptied and founded anew
        with the best program of a surviving island.
    rule : {"rank", "softmax"}, default="rank"
        How exemplars are chosen on an island.
    capacity : int, default=60
        Programs per island.
    max_size : int, optional
        Nodes of the largest program that an island takes.

    References
    ----------
    B. Romera-Paredes et al. Mathematical discoveries from program search with large
    language models. Nature 625, 2024.
    P. Shojaee et al. LLM-SR: Scientific equation discovery via programming with large
    language models. ICLR 2025.

    Examples
    --------
    >>> from sklearn_chatsr.expressions import Expression
    >>> buffer = ExperienceBuffer(n_islands=2)
    >>> line = Expression.from_infix("2.0*x1")
    >>> buffer.register(Member(line, cost=-5.0, nmse=0.1, loss=0.1), island=0)
    True
    >>> buffer.best.expression == line
    True
    """

    def __init__(
        self,
        n_islands: int = 4,
        *,
        reset_period: int = 200,
        rule: Rule = "rank",
        capacity: int = 60,
        max_size: int | None = None,
    ) -> None:
        if n_islands < 1:
            raise ValueError(f"`n_islands` == {n_islands}, must be >= 1.")
        if reset_period < 1:
            raise ValueError(f"`reset_period` == {reset_period}, must be >= 1.")
        self.reset_period = reset_period
        self._rule: Rule = rule
        self._capacity = capacity
        self._max_size = max_size
        self.islands = [Island(capacity, rule) for _ in range(n_islands)]
        self.n_resets = 0

    @property
    def best(self) -> Member | None:
        """The program of lowest cost on any island."""
        found = [i.best for i in self.islands if i.best is not None]
        return min(found, key=lambda p: p.cost, default=None)

    def register(self, program: Member, island: int) -> bool:
        """Offer a program to an island."""
        if self._max_size is not None and program.expression.size > self._max_size:
            return False
        return self.islands[island].register(program)

    def register_everywhere(self, program: Member) -> None:
        """Offer a program to every island, as the seed is."""
        for island in range(len(self.islands)):
            self.register(program, island)

    def reset_when_due(self, n_samples: int, rng: np.random.Generator) -> bool:
        """Empty the weaker half of the islands once per period.

        Parameters
        ----------
        n_samples : int
            Samples drawn so far: the period counts samples, not seconds, so that the
            speed of the machine does not matter.
        rng : numpy.random.Generator
            Chooses the founders.

        Returns
        -------
        bool
            Whether islands were reset.
        """
        if n_samples < (self.n_resets + 1) * self.reset_period:
            return False
        self.n_resets = n_samples // self.reset_period
        n_weak = len(self.islands) // 2
        if n_weak == 0:
            return False
        costs = [np.inf if i.best is None else i.best.cost for i in self.islands]
        # Noise of the order of rounding settles ties.
        ties = rng.random(len(costs))
        order = sorted(range(len(costs)), key=lambda k: (costs[k], ties[k]))
        survivors = order[: len(order) - n_weak]
        for weak in order[len(order) - n_weak :]:
            founder = self.islands[survivors[rng.integers(len(survivors))]].best
            self.islands[weak] = Island(self._capacity, self._rule)
            if founder is not None:
                self.islands[weak].register(founder)
        return True
