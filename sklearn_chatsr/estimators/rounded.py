"""Rounding to significant digits: an error of the target that grows with its size."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from sklearn_chatsr.estimators.rows import choose_rows
from sklearn_chatsr.estimators.table import Table
from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.selection import Candidate, rounding_steps

# Residuals of so many roundings are still more of them than of noise.
_FEW_ROUNDINGS = 10.0


class SignificantDigits:
    """The rounding of a target to significant digits, as an error of its own.

    Parameters
    ----------
    table : Table
        Columns and target.
    steps : ndarray of shape (n_samples,)
        See `rounding_steps`; all above zero.

    Attributes
    ----------
    weight : ndarray of shape (n_samples,)
        Of rows by the precision of their digits, with a mean of one.
    """

    def __init__(self, table: Table, steps: npt.NDArray[np.float64]) -> None:
        self.table, self.steps = table, steps
        precision = np.square(steps.min() / steps)
        weight = precision if table.weight is None else table.weight * precision
        # Not whole numbers, which would be taken for repetitions.
        self.weight = weight * (len(table) / float(weight.sum()))
        rows = choose_rows(len(table), np.random.default_rng([table.seed, 0])).fit
        self._fitter = replace(table, weight=self.weight).fitter(rows)
        self._tried: set[Expression] = set()

    @classmethod
    def of(cls, table: Table) -> SignificantDigits | None:
        """Set up where values have steps of their own, else None."""
        steps = rounding_steps(table.y)
        if not steps.any() or np.ptp(steps) == 0:
            return None
        return cls(table, np.where(steps > 0, steps, steps[steps > 0].min()))

    def explains(self, candidate: Candidate) -> bool:
        """Tell whether rounding says more of the residuals than one variance does."""
        expression = candidate.expression
        if expression in self._tried:
            return False
        self._tried.add(expression)
        if expression.n_constants:
            fit = self._fitter.fit(expression, start=expression.constants)
            if fit.failed:
                return False
            expression = fit.expression
        residual = expression.evaluate(self.table.X) - self.table.y
        weight = 1.0 if self.table.weight is None else self.table.weight
        weight = np.broadcast_to(weight / np.mean(weight), residual.shape)
        roundings = 12.0 * float(np.mean(weight * np.square(residual / self.steps)))
        if not roundings < _FEW_ROUNDINGS**2:
            return False
        # Which tells normal residuals in fewer bits, the variances of the steps or one
        # for all.
        by_steps = np.log(max(roundings, 1.0)) + 2.0 * np.mean(
            weight * np.log(self.steps)
        )
        by_one = np.log(max(12.0 * candidate.loss, np.finfo(float).tiny))
        return bool(by_steps < by_one)
