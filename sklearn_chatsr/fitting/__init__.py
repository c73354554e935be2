"""The constants of a skeleton: fitted in compiled code, then spelled well."""

from __future__ import annotations

from sklearn_chatsr.fitting.compilation import warm_up
from sklearn_chatsr.fitting.fitter import ConstantFit, ConstantFitter
from sklearn_chatsr.fitting.program import Program

__all__ = ["ConstantFit", "ConstantFitter", "Program", "warm_up"]
