"""The evolution proposer."""

from sklearn_chatsr.proposers.evolution.proposer import EvolutionProposer

__all__ = ["EvolutionProposer"]
