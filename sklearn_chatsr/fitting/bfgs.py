"""The published optimizer: BFGS on the mean squared error of all constants."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.fitting.compilation import load_kernels
from sklearn_chatsr.fitting.program import Program

if TYPE_CHECKING:
    from sklearn_chatsr.fitting.constant_fit import ConstantFit
    from sklearn_chatsr.fitting.fitter import ConstantFitter

FloatArray = npt.NDArray[np.float64]


def fit_bfgs(
    fitter: ConstantFitter,
    skeleton: Expression,
    start: Sequence[float] | None,
    cancel: npt.NDArray[np.int64],
    stop: float,
) -> ConstantFit | None:
    """Fit one skeleton by BFGS from the starts that "lm" would use.

    Constants that "lm" would solve for start at 1. The gradient is exact.

    Returns
    -------
    ConstantFit or None
        None when ``cancel`` was set before the end.

    References
    ----------
    Y. Li et al., "ChatSR: multimodal large language models for scientific formula
    discovery", 2024.
    """
    from scipy.optimize import minimize

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

    best, best_loss, converged = np.zeros(n), math.inf, False
    for values in _starts(fitter, program, start):
        if cancel[0]:
            return None
        if n == 0:
            best_loss, converged = loss_and_gradient(values)[0], True
            break
        if not math.isfinite(loss_and_gradient(values)[0]):
            continue
        with np.errstate(all="ignore"):
            found = minimize(
                loss_and_gradient,
                values,
                jac=True,
                method="BFGS",
                options={"maxiter": 4 * fitter.max_iter, "gtol": 1e-12},
            )
        if np.isfinite(found.x).all() and found.fun < best_loss:
            best, best_loss = found.x, float(found.fun)
            converged = found.status != 1
        if best_loss <= stop:
            break
    return fitter._result(skeleton, best.tolist(), best_loss, evaluations, converged)


def _starts(
    fitter: ConstantFitter, program: Program, start: Sequence[float] | None
) -> FloatArray:
    if start is not None:
        return np.array([start], dtype=np.float64)
    drawn = fitter.draw_starts(program.expression)
    if program.n_constants and len(drawn):
        return drawn
    return np.ones((1, program.n_constants))
