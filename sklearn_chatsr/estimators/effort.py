"""How hard to search: which proposers are asked, in which rounds, for how much."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from sklearn_chatsr.proposers import (
    BasisProposer,
    EvolutionProposer,
    Proposer,
    TemplateProposer,
)

PROPOSERS = ("templates", "basis", "model", "evolution")
EffortName = Literal["fast", "default", "thorough"]


@dataclass(frozen=True)
class Round:
    """What one round asks for.

    Attributes
    ----------
    names : tuple of str
        Proposers, in the order in which they are asked.
    n_formulas : int
        Formulas per stage of the basis search.
    quick : bool
        Whether the basis search ends after pairs of terms.
    share : float
        Share of the candidates of the language model.
    n_generations : int
        Generations of the evolution.
    """

    names: tuple[str, ...]
    n_formulas: int = 40
    quick: bool = False
    share: float = 1.0
    n_generations: int = 0


@dataclass(frozen=True)
class Effort:
    """A preset.

    Attributes
    ----------
    max_time : float
        Ceiling in seconds, unless the user names one.
    n_candidates : int
        Sequences drawn from the language model, unless the user names a number.
    rounds : tuple of Round
        The search ends after any of them when nothing is left to explain.
    """

    max_time: float
    n_candidates: int
    rounds: tuple[Round, ...]


def _first(n_generations: int) -> Round:
    return Round(
        ("templates", "basis", "evolution"), quick=True, n_generations=n_generations
    )


EFFORTS: dict[EffortName, Effort] = {
    "fast": Effort(
        max_time=6.0, n_candidates=64, rounds=(_first(6), Round(("model",)))
    ),
    "default": Effort(
        max_time=20.0,
        n_candidates=256,
        rounds=(
            _first(12),
            Round(("model", "basis")),
            Round(("evolution",), n_generations=20),
        ),
    ),
    # Every basis search sees other rows.
    "thorough": Effort(
        max_time=120.0,
        n_candidates=1024,
        rounds=(
            _first(20),
            Round(("model", "basis"), n_formulas=80, share=0.5),
            Round(("evolution",), n_generations=80),
            Round(
                ("basis", "model", "evolution"),
                n_formulas=80,
                share=0.5,
                n_generations=300,
            ),
        ),
    ),
}


@dataclass(frozen=True)
class ModelSettings:
    """What the language model is asked with; see `ChatSRRegressor`."""

    model: str
    device: str
    n_candidates: int
    decoding: Literal["sample", "beam"]


def plan_rounds(
    effort: Effort, names: Sequence[str], model: ModelSettings
) -> Iterator[Iterator[Proposer]]:
    """Give the rounds of a search, each an iterator of proposers.

    Parameters
    ----------
    effort : Effort
        The preset.
    names : sequence of str
        Proposers that the user wants, of `PROPOSERS`.
    model : ModelSettings
        For the language model, which is loaded when its turn comes.
    """
    for one in effort.rounds:
        yield (_proposer(name, one, model) for name in one.names if name in names)


def _proposer(name: str, one: Round, model: ModelSettings) -> Proposer:
    if name == "templates":
        return TemplateProposer()
    if name == "basis":
        return BasisProposer(one.n_formulas, quick=one.quick)
    if name == "evolution":
        return EvolutionProposer(one.n_generations)
    # Only here does torch load.
    from sklearn_chatsr.proposers.model import ModelProposer

    return ModelProposer(
        model.model,
        model.device,
        n_candidates=max(1, round(one.share * model.n_candidates)),
        method=model.decoding,
    )
