"""The table that a search explains: columns, target, weights."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sklearn_chatsr.estimators.rows import FloatArray, RowArray, price
from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.fitting import ConstantFitter, Optimizer
from sklearn_chatsr.selection import DescriptionLength


@dataclass(frozen=True)
class Table:
    """Columns, target and weights, and how formulas are fitted and judged on them.

    Attributes
    ----------
    X : ndarray of shape (n_samples, n_features), dtype float64
        Finite values.
    y : ndarray of shape (n_samples,), dtype float64
        Finite values.
    weight : ndarray of shape (n_samples,) or None
        Positive weights; whole numbers count as repetitions of a row.
    optimizer : {"lm", "bfgs", "adam"}
        How constants are fitted.
    seed : int
        Of the starts of a fit.
    """

    X: FloatArray
    y: FloatArray
    weight: FloatArray | None = None
    optimizer: Optimizer = "lm"
    seed: int = 0

    def __len__(self) -> int:
        return len(self.y)

    def weights_of(self, rows: RowArray | slice) -> FloatArray | None:
        """Give the weights of some rows, None when all are one."""
        return None if self.weight is None else self.weight[rows]

    def fitter(
        self,
        rows: RowArray | slice = slice(None),
        n_starts: int = 1,
        deadline: float = math.inf,
    ) -> ConstantFitter:
        """Make what fits constants on some rows, by default on all."""
        return ConstantFitter(
            self.X[rows],
            self.y[rows],
            self.weights_of(rows),
            optimizer=self.optimizer,
            n_starts=n_starts,
            seed=self.seed,
            deadline=deadline,
        )

    def price(self, rows: RowArray) -> DescriptionLength:
        """Set up the description length of some rows."""
        return price(self.X[rows], self.y[rows], self.weights_of(rows))

    def loss(
        self, expression: Expression, rows: RowArray | slice = slice(None)
    ) -> float:
        """Give the mean squared residual of a formula, infinite without a value."""
        with np.errstate(all="ignore"):
            residual = expression.evaluate(self.X[rows]) - self.y[rows]
            loss = np.average(np.square(residual), weights=self.weights_of(rows))
        return float(loss) if np.isfinite(loss) else float("inf")
