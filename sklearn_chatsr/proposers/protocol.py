"""What a proposer gets and gives."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.prompts import Constraints
from sklearn_chatsr.selection import Archive


@dataclass(frozen=True)
class Problem:
    """The data and what is known about the law.

    Attributes
    ----------
    X : ndarray of shape (n_samples, n_features), dtype float64
        The rows that proposers may look at; others are held out from them.
    y : ndarray of shape (n_samples,), dtype float64
        The target.
    sample_weight : ndarray of shape (n_samples,) or None
        Positive weights; None weighs all rows alike.
    archive : Archive
        What has been found so far, to be read only.
    max_size : int
        Largest number of nodes of a formula.
    deadline : float
        Time at which proposing ends, on the clock of `time.monotonic`, seconds.
    labels : sequence of str
        Names of the columns.
    prompt : str or None
        What the user says about the law.
    constraints : Constraints or None
        What every formula must obey; others are not archived.
    exact_size : int or None
        Largest number of nodes of a formula that leaves nothing, where that is more.
    """

    X: npt.NDArray[np.float64]
    y: npt.NDArray[np.float64]
    sample_weight: npt.NDArray[np.float64] | None
    archive: Archive
    max_size: int = 30
    deadline: float = float("inf")
    labels: Sequence[str] = field(default=())
    prompt: str | None = None
    constraints: Constraints | None = None
    exact_size: int | None = None

    @property
    def n_features(self) -> int:
        """Number of columns."""
        return self.X.shape[1]

    def seconds_left(self) -> float:
        """Give the time until the deadline; negative when it has passed."""
        return self.deadline - time.monotonic()

    def is_solved(self, longest: float = float("inf")) -> bool:
        """Tell whether the best formula so far leaves nothing.

        Parameters
        ----------
        longest : float, default=inf
            Nodes up to which it counts.
        """
        best = min(self.archive, key=lambda c: c.bits, default=None)
        if best is None or best.complexity > longest:
            return False
        return self.archive.cost.at_floor(best.loss)


class Proposer(Protocol):
    """A source of skeletons.

    Attributes
    ----------
    name : str
        How the source is called in tables.
    """

    name: str

    def propose(
        self, problem: Problem, rng: np.random.Generator
    ) -> Iterator[Sequence[Expression]]:
        """Yield batches of formulas.

        The loop fits the constants of a batch (with a free factor and offset around
        each formula), archives it and looks at the clock before it asks for the next.
        Values that a formula carries in its constants are offered to the fit as a
        starting point. An empty batch ends a turn: others are asked, and this one goes
        on in a later round.

        Parameters
        ----------
        problem : Problem
            The data; arrays are not to be changed.
        rng : numpy.random.Generator
            The only source of randomness.
        """
        ...
