"""Basis search: a target explained by one, two and more terms of a library."""

from sklearn_chatsr.proposers.basis.proposer import BasisProposer

__all__ = ["BasisProposer"]
