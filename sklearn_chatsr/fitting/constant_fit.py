"""The result of a fit."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sklearn_chatsr.expressions import Expression


@dataclass(frozen=True, slots=True)
class ConstantFit:
    """A skeleton with fitted constants.

    Attributes
    ----------
    expression : Expression
        The formula; a skeleton when the fit failed.
    loss : float
        Weighted mean squared error; inf when the fit failed.
    fvu : float
        Fraction of variance unexplained, the loss over the weighted variance of y.
    n_evaluations : int
        Passes over the points.
    converged : bool
        Whether the best start ended in a minimum.
    """

    expression: Expression
    loss: float
    fvu: float
    n_evaluations: int
    converged: bool

    @property
    def constants(self) -> tuple[float, ...]:
        """The fitted constants, in prefix order."""
        return self.expression.constants or ()

    @property
    def failed(self) -> bool:
        """Whether no start gave a finite value on every row."""
        return not math.isfinite(self.loss)
