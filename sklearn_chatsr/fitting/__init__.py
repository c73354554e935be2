"""The constants of a skeleton: fitted in compiled code, then spelled well."""

from __future__ import annotations

from sklearn_chatsr.fitting.aliases import grid_steps, unaliased
from sklearn_chatsr.fitting.compilation import warm_up
from sklearn_chatsr.fitting.constant_fit import ConstantFit
from sklearn_chatsr.fitting.data import are_repetitions, count_observations
from sklearn_chatsr.fitting.fitter import ConstantFitter, Optimizer
from sklearn_chatsr.fitting.program import Program
from sklearn_chatsr.fitting.spelling import spell_constants
from sklearn_chatsr.fitting.tied import fit_tied, shared_constants

__all__ = [
    "ConstantFit",
    "ConstantFitter",
    "Optimizer",
    "Program",
    "are_repetitions",
    "count_observations",
    "fit_tied",
    "grid_steps",
    "shared_constants",
    "spell_constants",
    "unaliased",
    "warm_up",
]
