"""One cost in bits: the data given the formula, and the formula itself."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.selection.complexity import formula_bits
from sklearn_chatsr.selection.oscillation import oscillation_bits


@dataclass(frozen=True, slots=True)
class DescriptionLength:
    """Two-part code length of a data set under a formula.

    The residuals cost ``n/2 * log2(variance)``, where the variance never falls below
    the floor at which the target itself is known; below that of a rounded target, a
    formula has the small credit of a known variance. Each constant costs the digits
    that the data can resolve, ``1/2 * log2(n / FVU)``: few in noise, some thirty bits
    when the fit is exact, where an integer costs five; a frequency costs more, see
    `oscillation_bits`. Lower is better; the constant model costs about zero.

    Parameters
    ----------
    n_samples : float
        Number of observations; repeated rows may be given as weights.
    variance : float
        Variance of the target, in its squared unit.
    floor : float
        Mean squared residual below which residuals are not told apart, see
        `resolution`.
    n_features : int
        Number of columns.
    X : ndarray of shape (n_rows, n_features), optional
        Rows that show how fast a wave is; without them a frequency is a constant like
        any other.
    ceiling : float, optional
        Mean squared residual that the floor leaves at most, more than the floor where
        the target was rounded.

    References
    ----------
    Rissanen, J. (1978). Modeling by shortest data description. Automatica.

    Bartlett, D. J., Desmond, H. and Ferreira, P. G. (2023). Exhaustive symbolic
    regression. IEEE Transactions on Evolutionary Computation.

    Examples
    --------
    >>> from sklearn_chatsr.expressions import Expression
    >>> bits = DescriptionLength(100, variance=1.0, floor=1e-24, n_features=1)
    >>> short = Expression.from_infix("x1^2")
    >>> long = Expression.from_infix("1.0001*x1^2 + 0.0002")
    >>> bits(short, 0.01) < bits(long, 0.0099)
    True
    """

    n_samples: float
    variance: float
    floor: float
    n_features: int
    X: npt.NDArray[np.float64] | None = field(default=None, repr=False, compare=False)
    ceiling: float | None = None

    def __call__(self, expression: Expression, loss: float) -> float:
        """Give the code length in bits.

        Parameters
        ----------
        expression : Expression
            The formula with its constants.
        loss : float
            Its mean squared residual, in the squared unit of the target.

        Returns
        -------
        float
            Bits; infinite for a loss that is not finite.
        """
        if not math.isfinite(loss):
            return math.inf
        fvu = self.fvu(expression, loss)
        if fvu is None or not math.isfinite(fvu):
            return math.inf
        constant_bits = max(1.0, 0.5 * (math.log2(self.n_samples) - math.log2(fvu)))
        data = 0.5 * self.n_samples * math.log2(fvu)
        if self.ceiling is not None and 0.0 < self.floor < self.ceiling:
            below = min(loss / self.floor, 1.0) - 1.0
            data += 0.5 * self.n_samples * below / math.log(2.0)
        formula = formula_bits(expression, constant_bits, self.n_features)
        if self.X is not None:
            formula += oscillation_bits(expression, self.X, self.n_samples)
        return data + formula

    def fvu(self, expression: Expression, loss: float) -> float | None:
        """Give the fraction of variance unexplained, corrected for fitted constants.

        Returns
        -------
        float or None
            None when as many constants as observations are fitted to a target that
            varies.
        """
        if self.variance <= 0:
            return 1.0 if loss > self.floor else 1e-24
        free = self.n_samples - expression.n_constants
        if free <= 0:
            return None
        smallest = max(self.floor / self.variance, 1e-24)
        # Fitting k constants takes k observations' worth of residual away.
        return max(loss / self.variance * self.n_samples / free, smallest)

    def at_floor(self, loss: float) -> bool:
        """Tell whether residuals are as small as the target is known."""
        return loss <= max(self.floor, self.ceiling or 0.0, 1e-24 * self.variance)
