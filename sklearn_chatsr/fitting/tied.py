"""Constants that share their value: a fit of parameters behind the positions.

A program may use one parameter in several places. Its formula has a constant at each of
them; the fit moves the parameters, and every constant follows its own.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.fitting.compilation import load_kernels
from sklearn_chatsr.fitting.constant_fit import ConstantFit
from sklearn_chatsr.fitting.program import Program

if TYPE_CHECKING:
    from sklearn_chatsr.fitting.fitter import ConstantFitter

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]

_FIRST_DAMPING, _MOST_DAMPING = 1e-3, 1e12
# A step that lowers the loss by less than this share ends the descent.
_SMALL_GAIN = 1e-12


def shared_constants(constants: Sequence[float]) -> tuple[int, ...] | None:
    """Tell which fitted constants are one parameter: equal to the bit, but for signs.

    Returns
    -------
    tuple of int or None
        The parameter of each constant, numbered from 0; None when all differ.

    Examples
    --------
    >>> shared_constants([2.5, 0.5, -2.5])
    (0, 1, 0)
    >>> shared_constants([2.5, 0.5]) is None
    True
    """
    numbers: dict[float, int] = {}
    ties = tuple(numbers.setdefault(abs(c), len(numbers)) for c in constants)
    return None if len(numbers) == len(ties) else ties


def fit_tied(
    fitter: ConstantFitter,
    skeleton: Expression,
    ties: Sequence[int],
    starts: Sequence[Sequence[float]] | None = None,
    signs: Sequence[float] | None = None,
) -> ConstantFit:
    """Fit the parameters of a skeleton whose constants share some of them.

    Levenberg-Marquardt on the parameters: the derivative by a parameter is the sum of
    those by its constants. A fitter of "bfgs" or "adam" uses that method.

    Parameters
    ----------
    fitter : ConstantFitter
        Holds the points and the settings of the fit.
    skeleton : Expression
        The formula.
    ties : sequence of int of length n_constants
        The parameter of each constant, numbered from 0 without gaps.
    starts : sequence of sequence of float, optional
        Starting values of the constants, of which the first place of each parameter
        counts; drawn when not given.
    signs : sequence of {-1, 1} of length n_constants, optional
        Whether a constant is its parameter or the negative of it; 1 when not given.

    Returns
    -------
    ConstantFit
        Tied constants are equal to the bit, but for signs. Loss inf when no start gave
        finite values.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_chatsr.expressions import Expression
    >>> from sklearn_chatsr.fitting import ConstantFitter, fit_tied
    >>> x = np.linspace(0.0, 2.0, 30)
    >>> fitter = ConstantFitter(x.reshape(-1, 1), 1.5 * x + np.exp(-1.5 * x))
    >>> skeleton = Expression.from_infix("C*x1 + exp(-(C*x1))")
    >>> fit = fit_tied(fitter, skeleton, [0, 0])
    >>> [round(c, 9) for c in fit.constants]
    [1.5, 1.5]
    """
    places = np.asarray(ties, dtype=np.intp)
    n = skeleton.n_constants
    if places.shape != (n,) or set(places.tolist()) != set(
        range(int(places.max()) + 1)
    ):
        raise ValueError(
            f"`ties` == {list(ties)} must number the parameters of {n} constant(s) "
            "from 0 without gaps."
        )
    signed = np.ones(n) if signs is None else np.where(np.asarray(signs) < 0, -1.0, 1.0)
    problem = _TiedProblem(fitter, skeleton, places, signed)
    best, best_loss, converged = np.zeros(problem.n), math.inf, False
    for start in problem.starts(starts):
        if fitter.optimizer == "lm":
            values, loss, done = problem.descend(start, fitter.max_iter)
        else:
            values, loss, done = problem.minimise(start)
        if loss < best_loss:
            best, best_loss, converged = values, loss, done
        over = math.isfinite(best_loss) and time.monotonic() >= fitter.deadline
        if best_loss <= problem.stop or over:
            break
    constants = (signed * best[places]).tolist()
    return ConstantFit.of_share(
        fitter.data, skeleton, constants, best_loss, problem.evaluations, converged
    )


class _TiedProblem:
    """Loss and normal equations as a function of the parameters."""

    def __init__(
        self,
        fitter: ConstantFitter,
        skeleton: Expression,
        places: IntArray,
        signs: FloatArray,
    ) -> None:
        fitter._check_columns(skeleton)
        self.fitter, self.places, self.signs = fitter, places, signs
        self.program = Program(skeleton)
        self.n = int(places.max()) + 1
        self.first = np.array([int(np.argmax(places == k)) for k in range(self.n)])
        # What every row of the equations is added to; row 0 is the residual.
        self._sums = np.zeros((self.n + 1, len(places) + 1))
        self._sums[0, 0] = 1.0
        self._sums[places + 1, np.arange(len(places)) + 1] = signs
        self._G = np.empty((len(places) + 1, len(places) + 1))
        self.stop = max(fitter.fvu_stop, fitter.data.floor)
        self.evaluations = 0

    def starts(self, given: Sequence[Sequence[float]] | None) -> FloatArray:
        if given is None:
            constants = self.fitter.draw_starts(self.program.expression)
            if not len(constants):
                constants = np.ones((1, len(self.places)))
        else:
            constants = np.asarray(given, dtype=np.float64)
        # Draws set constants that enter linearly to 1: others of a parameter know more.
        linear = self.program.linear_constants
        first = self.first.copy()
        if given is None:
            for k in range(self.n):
                free = np.flatnonzero((self.places == k) & ~linear)
                if len(free):
                    first[k] = free[0]
        return (constants * self.signs)[:, first]

    def equations(self, parameters: FloatArray) -> FloatArray | None:
        """Give products of residual and derivatives; None where not finite."""
        self.evaluations += 1
        data = self.fitter.data
        kernels = load_kernels()
        ok = kernels.equations(
            kernels.ADDRESSES, self.program.codes, self.program.payload,
            self.signs * parameters[self.places], data.X, data.y, data.root_weight,
            self._G,
        )  # fmt: skip
        return self._sums @ self._G @ self._sums.T if ok else None

    def loss_and_gradient(self, parameters: FloatArray) -> tuple[float, FloatArray]:
        G = self.equations(parameters)
        if G is None:
            return math.inf, np.zeros(self.n)
        return float(G[0, 0]), 2.0 * G[1:, 0]

    def minimise(self, start: FloatArray) -> tuple[FloatArray, float, bool]:
        """Follow BFGS or Adam."""
        from sklearn_chatsr.fitting.descent import descend

        return descend(
            self.loss_and_gradient,
            start,
            self.fitter.optimizer,
            self.fitter.max_iter,
            lambda: time.monotonic() >= self.fitter.deadline,
        )

    def descend(
        self, start: FloatArray, max_iter: int
    ) -> tuple[FloatArray, float, bool]:
        """Follow Levenberg-Marquardt; what enters linearly is solved for first."""
        values = start.copy()
        G = self.equations(values)
        if G is None:
            return values, math.inf, False
        linear = self._linear()
        if linear.any():
            step = np.zeros(self.n)
            step[linear] = _solve(G[1:, 1:][np.ix_(linear, linear)], G[1:, 0][linear])
            moved = self.equations(values - step)
            if moved is not None and moved[0, 0] < G[0, 0]:
                values, G = values - step, moved
        damping, size = _FIRST_DAMPING, np.zeros(self.n)
        for _ in range(max_iter):
            size = np.maximum(size, np.diag(G)[1:])
            while damping <= _MOST_DAMPING:
                step = _solve(G[1:, 1:] + damping * np.diag(size), G[1:, 0])
                moved = self.equations(values - step)
                if moved is not None and moved[0, 0] < G[0, 0]:
                    break
                damping *= 8.0
            else:
                return values, float(G[0, 0]), True
            gain = 1.0 - moved[0, 0] / G[0, 0]
            values, G = values - step, moved
            damping = max(damping / 8.0, 1e-14)
            if G[0, 0] <= 1e-30 or gain < _SMALL_GAIN:
                return values, float(G[0, 0]), True
        return values, float(G[0, 0]), False

    def _linear(self) -> npt.NDArray[np.bool_]:
        alone = np.ones(self.n, dtype=np.bool_)
        alone[self.places[~self.program.linear_constants]] = False
        return alone


def _solve(matrix: FloatArray, gradient: FloatArray) -> FloatArray:
    """Solve in units of the diagonal; directions without a slope are left alone."""
    # What should be zero may be less by rounding.
    diagonal = np.sqrt(np.maximum(np.diag(matrix), 0.0))
    unit = np.where(diagonal > 0, 1.0 / np.where(diagonal > 0, diagonal, 1.0), 0.0)
    scaled = matrix * np.outer(unit, unit)
    if not np.isfinite(scaled).all():
        return np.zeros(len(gradient))
    return unit * np.linalg.lstsq(scaled, gradient * unit, rcond=1e-14)[0]
