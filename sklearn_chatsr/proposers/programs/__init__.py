"""Programs that a language model writes, read as formulas and bred on islands."""

from sklearn_chatsr.proposers.programs.buffer import ExperienceBuffer
from sklearn_chatsr.proposers.programs.diagnostics import describe_residual
from sklearn_chatsr.proposers.programs.mutation import Mutator
from sklearn_chatsr.proposers.programs.prompt_text import build_prompt
from sklearn_chatsr.proposers.programs.specification import InputVariable, Specification
from sklearn_chatsr.proposers.programs.specification_files import read_specification
from sklearn_chatsr.proposers.programs.translation import (
    REASONS,
    Program,
    ProgramError,
    translate,
)

__all__ = [
    "REASONS",
    "ExperienceBuffer",
    "InputVariable",
    "Mutator",
    "Program",
    "ProgramError",
    "Specification",
    "build_prompt",
    "describe_residual",
    "read_specification",
    "translate",
]
