"""The published optimizers, BFGS and Adam: mean squared error of all constants."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
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
Objective = Callable[[FloatArray], tuple[float, FloatArray]]

# LLM-SR's settings of torch.optim.Adam; the decay rates are those of the algorithm.
_ADAM_STEPS, _ADAM_RATE = 10_000, 1e-4
_ADAM_DECAY = (0.9, 0.999)
# What BFGS of SciPy says of too many steps, and of an end by its callback.
_CUT_SHORT = (1, 99)


def fit_by_descent(
    fitter: ConstantFitter,
    skeleton: Expression,
    start: Sequence[float] | None,
    cancel: npt.NDArray[np.int64],
    stop: float,
) -> ConstantFit | None:
    """Fit one skeleton by BFGS or Adam from the starts that "lm" would use.

    Constants that "lm" would solve for start at 1. The gradient is exact. At the
    deadline of the fitter the best values so far are the result.

    Returns
    -------
    ConstantFit or None
        None when ``cancel`` was set before the end.

    References
    ----------
    Y. Li et al., "ChatSR: multimodal large language models for scientific formula
    discovery", 2024.
    """
    program = Program(skeleton)
    n = program.n_constants
    data = fitter.data
    kernels = load_kernels()
    G = np.empty((n + 1, n + 1))
    evaluations = 0

    def loss_and_gradient(constants: FloatArray) -> tuple[float, FloatArray]:
        nonlocal evaluations
        evaluations += 1
        ok = kernels.equations(
            kernels.ADDRESSES, program.codes, program.payload,
            np.ascontiguousarray(constants), data.X, data.y, data.root_weight, G,
        )  # fmt: skip
        if not ok:
            return math.inf, np.zeros(n)
        return float(G[0, 0]), 2.0 * G[1:, 0]

    def is_over() -> bool:
        return bool(cancel[0]) or time.monotonic() >= fitter.deadline

    best, best_loss, converged = np.zeros(n), math.inf, False
    for values in _starts(fitter, program, start):
        if cancel[0]:
            return None
        if n == 0:
            best_loss, converged = loss_and_gradient(values)[0], True
            break
        if not math.isfinite(loss_and_gradient(values)[0]):
            continue
        found, loss, done = descend(
            loss_and_gradient, values, fitter.optimizer, fitter.max_iter, is_over
        )
        if loss < best_loss:
            best, best_loss, converged = found, loss, done
        if best_loss <= stop or (math.isfinite(best_loss) and is_over()):
            break
    return ConstantFit.of_share(
        data, skeleton, best.tolist(), best_loss, evaluations, converged
    )


def descend(
    objective: Objective,
    start: FloatArray,
    method: str,
    max_iter: int,
    is_over: Callable[[], bool] = lambda: False,
) -> tuple[FloatArray, float, bool]:
    """Follow one start; a loss of inf where it ends outside the domain.

    Parameters
    ----------
    objective : callable
        Gives loss and gradient; a loss of inf where a value is not finite.
    start : ndarray of shape (n,)
        Where to begin.
    method : {"bfgs", "adam"}
        BFGS of SciPy with at most ``4 * max_iter`` steps, or Adam as LLM-SR runs it.
    max_iter : int
        Steps of the Levenberg-Marquardt method that BFGS stands for.
    is_over : callable, optional
        Asked after every step; True ends them with what has been reached.

    Returns
    -------
    values : ndarray of shape (n,)
        Where it ended.
    loss : float
        The loss there.
    converged : bool
        Whether it ended in a minimum, as far as the method can tell.
    """
    if method == "adam":
        return _adam(objective, start, is_over)
    from scipy.optimize import minimize

    def end_in_time(xk: FloatArray) -> None:
        if is_over():
            raise StopIteration

    with np.errstate(all="ignore"):
        found = minimize(
            objective,
            start,
            jac=True,
            method="BFGS",
            callback=end_in_time,
            options={"maxiter": 4 * max_iter, "gtol": 1e-12},
        )
    if not np.isfinite(found.x).all():
        return start, math.inf, False
    return found.x, float(found.fun), found.status not in _CUT_SHORT


def _adam(
    objective: Objective, start: FloatArray, is_over: Callable[[], bool]
) -> tuple[FloatArray, float, bool]:
    """Follow Adam and keep the best place, not the last.

    References
    ----------
    D. P. Kingma, J. Ba, "Adam: a method for stochastic optimization", ICLR 2015.
    """
    values = start.copy()
    mean, square = np.zeros(len(start)), np.zeros(len(start))
    best, best_loss = start, math.inf
    for t in range(1, _ADAM_STEPS + 1):
        loss, gradient = objective(values)
        if not math.isfinite(loss):
            break
        if loss < best_loss:
            best, best_loss = values, loss
        if is_over():
            break
        mean += (1.0 - _ADAM_DECAY[0]) * (gradient - mean)
        square += (1.0 - _ADAM_DECAY[1]) * (gradient**2 - square)
        ahead = mean / (1.0 - _ADAM_DECAY[0] ** t)
        size = np.sqrt(square / (1.0 - _ADAM_DECAY[1] ** t))
        values = values - _ADAM_RATE * ahead / (size + 1e-8)
    return best, best_loss, False


def _starts(
    fitter: ConstantFitter, program: Program, start: Sequence[float] | None
) -> FloatArray:
    if start is not None:
        return np.array([start], dtype=np.float64)
    drawn = fitter.draw_starts(program.expression)
    if program.n_constants and len(drawn):
        return drawn
    return np.ones((1, program.n_constants))
