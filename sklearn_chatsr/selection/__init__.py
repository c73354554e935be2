"""What is worth keeping, and which formula is the answer."""

from sklearn_chatsr.selection.archive import Archive, Candidate, Selection
from sklearn_chatsr.selection.complexity import complexity, formula_bits
from sklearn_chatsr.selection.description_length import DescriptionLength
from sklearn_chatsr.selection.generalisation import (
    best_in_general,
    cross_validated_errors,
)
from sklearn_chatsr.selection.noise import is_noise
from sklearn_chatsr.selection.oscillation import oscillation_bits
from sklearn_chatsr.selection.rounding import Resolution, resolution, rounding_steps

__all__ = [
    "Archive",
    "Candidate",
    "DescriptionLength",
    "Resolution",
    "Selection",
    "best_in_general",
    "complexity",
    "cross_validated_errors",
    "formula_bits",
    "is_noise",
    "oscillation_bits",
    "resolution",
    "rounding_steps",
]
