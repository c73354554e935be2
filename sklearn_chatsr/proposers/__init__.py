"""Where formulas come from: one file per source of skeletons, one small Protocol."""

from sklearn_chatsr.proposers.basis import BasisProposer
from sklearn_chatsr.proposers.evolution import EvolutionProposer
from sklearn_chatsr.proposers.protocol import Problem, Proposer
from sklearn_chatsr.proposers.refinement import RefinementProposer
from sklearn_chatsr.proposers.sums import SumsProposer
from sklearn_chatsr.proposers.templates import TemplateProposer

__all__ = [
    "BasisProposer",
    "EvolutionProposer",
    "Problem",
    "Proposer",
    "RefinementProposer",
    "SumsProposer",
    "TemplateProposer",
]
