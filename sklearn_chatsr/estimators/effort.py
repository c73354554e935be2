"""How hard to search: which proposers are asked, in which rounds, for how much."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sklearn_chatsr.proposers import (
    BasisProposer,
    EvolutionProposer,
    Proposer,
    SumsProposer,
    TemplateProposer,
)

PROPOSERS = ("templates", "basis", "sums", "refinement", "model", "evolution")
EffortName = Literal["fast", "default", "thorough"]


@dataclass(frozen=True)
class Effort:
    """A preset.

    Attributes
    ----------
    max_time : float
        Ceiling in seconds, unless the user names one.
    n_candidates : int
        Sequences drawn from the language model, unless the user names a number.
    n_formulas : int
        Formulas per stage of the basis search.
    n_generations, per_turn : int
        Generations of the evolution, and of one turn of it.
    rounds : tuple of tuple of str
        Who has a turn in which round; refinement has its turns between those of the
        others. One that had said all it had to say begins anew,
        on other rows. The search ends after any round when only noise is left.
    patience : int or None
        Batches for which a short formula that leaves noise has to stay the best one to
        end a search within a round; None: it never does.
    """

    max_time: float
    n_candidates: int
    n_formulas: int
    n_generations: int
    per_turn: int
    rounds: tuple[tuple[str, ...], ...]
    patience: int | None = 3

    def rounds_for(
        self, proposers: Sequence[str], prompt: str | None
    ) -> list[list[str]]:
        """Give the rounds of some proposers; a prompt puts the model forward.

        Parameters
        ----------
        proposers : sequence of str
            Those that are asked.
        prompt : str or None
            What the user says about the law.
        """
        rounds = self.rounds
        if prompt is not None:
            rounds = (rounds[0], ("model",), *rounds[1:])
        return [[name for name in names if name in proposers] for names in rounds]


_FIRST = ("basis", "sums", "templates", "basis")  # a first look, and the search proper
_CHEAP = (("templates", "basis"), ("evolution",))
# Loading torch takes seconds, so the model comes when the others have had two turns.
_ROUNDS = (
    _FIRST,
    *_CHEAP[1:],
    *_CHEAP,
    ("model", "basis"),
    *_CHEAP[1:] * 2,
    ("basis", "evolution"),
)
EFFORTS: dict[EffortName, Effort] = {
    "fast": Effort(
        max_time=5.0,
        n_candidates=64,
        n_formulas=20,
        n_generations=10,
        per_turn=10,
        rounds=(_FIRST, ("evolution", "model")),
    ),
    "default": Effort(
        max_time=12.0,
        n_candidates=256,
        n_formulas=40,
        n_generations=96,
        per_turn=16,
        rounds=(*_ROUNDS, ("evolution",)),
    ),
    "thorough": Effort(
        max_time=70.0,
        n_candidates=512,
        n_formulas=80,
        n_generations=240,
        per_turn=24,
        rounds=_ROUNDS * 2,
        patience=None,
    ),
}


@dataclass(frozen=True)
class ModelSettings:
    """What the language model is asked with; see `ChatSRRegressor`."""

    model: str
    device: str
    n_candidates: int
    decoding: Literal["sample", "beam"]


def make_proposer(name: str, effort: Effort, model: ModelSettings) -> Proposer:
    """Make a proposer.

    Parameters
    ----------
    name : str
        One of `PROPOSERS`.
    effort : Effort
        The preset.
    model : ModelSettings
        For the language model, which is loaded when its turn comes.
    """
    if name == "templates":
        return TemplateProposer()
    if name == "basis":
        return BasisProposer(effort.n_formulas)
    if name == "sums":
        return SumsProposer()
    if name == "evolution":
        return EvolutionProposer(effort.n_generations, per_turn=effort.per_turn)
    # Only here does torch load.
    from sklearn_chatsr.proposers.model import ModelProposer

    return ModelProposer(
        model.model,
        model.device,
        n_candidates=model.n_candidates,
        method=model.decoding,
    )
