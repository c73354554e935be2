"""The result of a fit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.fitting.data import FitData


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

    @classmethod
    def of_share(
        cls,
        data: FitData,
        skeleton: Expression,
        constants: Sequence[float],
        share: float,
        n_evaluations: float,
        converged: float,
    ) -> ConstantFit:
        """Make a result of a loss in units of ``data.scale**2``, as fits compute it."""
        if not math.isfinite(share):
            return cls(
                skeleton.skeleton(), math.inf, math.inf, int(n_evaluations), False
            )
        loss = share * data.scale**2
        if data.variance > 0:
            fvu = loss / data.variance
        else:
            fvu = 0.0 if share <= data.floor else math.inf
        expression = skeleton.with_constants(constants)
        return cls(expression, loss, fvu, int(n_evaluations), bool(converged))

    @property
    def constants(self) -> tuple[float, ...]:
        """The fitted constants, in prefix order."""
        return self.expression.constants or ()

    @property
    def failed(self) -> bool:
        """Whether no start gave a finite value on every row."""
        return not math.isfinite(self.loss)
