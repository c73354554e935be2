"""Programs that a language model writes, read as formulas."""

from sklearn_chatsr.proposers.programs.translation import (
    REASONS,
    Program,
    ProgramError,
    translate,
)

__all__ = ["REASONS", "Program", "ProgramError", "translate"]
