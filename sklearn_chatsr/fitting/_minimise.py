"""Compiled descent from one start: variable projection and Levenberg-Marquardt.

Constants are numbered linear ones first (`_structure.compact_program`). The linear ones
are solved for at every step, the others follow a damped Gauss-Newton step. All losses
are shares of the variance of the target, because the weights are scaled that way.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sklearn_chatsr.fitting._equations import damped_step, normal_equations
from sklearn_chatsr.fitting._kernels import inlined, inner

# Where float64 ends: residuals of a few units in the last place.
FLOOR = 1e-31


@inner
def solve_linear(
    program: Any, constants: Any, n_linear: int, data: Any, work: Any, G: Any
) -> bool:
    """Set the linear constants to their least-squares values, the others given."""
    for k in range(n_linear):
        constants[k] = 0.0
    if not normal_equations(program, constants, n_linear, 2, data, work, G):
        return False
    step = np.empty(n_linear)
    damped_step(G, n_linear, n_linear, 0.0, step)
    for k in range(n_linear):
        constants[k] += step[k]
    return True


@inlined
def _refine_linear(
    program: Any, constants: Any, n: int, fresh: bool, data: Any, work: Any, G: Any
) -> Any:
    """Solve a program whose constants are all linear, to full accuracy.

    The normal equations square the condition number; solving them again for what is
    left wins the digits back.
    """
    evaluations = 0
    if fresh and n > 0:
        evaluations = 1
        if not solve_linear(program, constants, n, data, work, G):
            return np.inf, evaluations, False
    loss = np.inf
    trial = np.empty(n)
    step = np.zeros(n)
    for _ in range(8):
        for k in range(n):
            trial[k] = constants[k] + step[k]
        evaluations += 1
        if not normal_equations(program, trial, n, 1, data, work, G):
            break
        if not G[0, 0] < loss:
            break
        gained = 1.0 - G[0, 0] / loss
        loss = G[0, 0]
        for k in range(n):
            constants[k] = trial[k]
        promised = damped_step(G, n, n, 0.0, step)
        if loss <= FLOOR or promised < 1e-10 * loss or gained < 0.1:
            break
    return loss, evaluations, math.isfinite(loss)


@inner
def minimise(
    program: Any,
    constants: Any,
    n_linear: int,
    fresh: bool,
    data: Any,
    work: Any,
    max_iter: int,
    stop: float,
    to_beat: float,
    cancel: Any,
) -> Any:
    """Follow one start down; ``constants`` are updated in place.

    Parameters
    ----------
    fresh : bool
        Whether the linear constants still have to be solved for.
    stop : float
        Loss at which the law counts as found; from there on only polish.
    to_beat : float
        A start that will not get below this is given up.

    Returns
    -------
    loss, n_evaluations, converged

    References
    ----------
    K. Madsen, H. B. Nielsen, O. Tingleff, "Methods for non-linear least squares
    problems", Technical University of Denmark, 2004.
    """
    n = constants.shape[0]
    G = np.empty((n + 1, n + 1))
    if n == n_linear:
        return _refine_linear(program, constants, n, fresh, data, work, G)
    evaluations = 1
    if fresh and n_linear > 0:
        evaluations = 2
        if not solve_linear(program, constants, n_linear, data, work, G):
            return np.inf, evaluations, False
    if not normal_equations(program, constants, n, 1, data, work, G):
        return np.inf, evaluations, False
    G_new = np.empty((n + 1, n + 1))
    trial = np.empty(n)
    step = np.empty(n)
    history = np.empty(max_iter + 1)
    loss = G[0, 0]
    damping = 1e-2
    growth = 2.0
    accepted = 0
    history[0] = loss
    converged = False
    for _ in range(max_iter):
        if cancel[0] != 0:
            break
        promised = damped_step(G, n, n_linear, damping, step)
        if loss <= FLOOR or promised <= 1e-15 * loss:
            converged = True
            break
        for k in range(n):
            trial[k] = constants[k] + step[k]
        evaluations += 1
        ok = normal_equations(program, trial, n, 1, data, work, G_new)
        if ok and n_linear > 0:
            # How much better would the best linear constants be at this point?
            gain = damped_step(G_new, n_linear, n_linear, 0.0, step)
            if gain > 0.1 * G_new[0, 0] and G_new[0, 0] > 0.3 * loss:
                for k in range(n_linear):
                    trial[k] += step[k]
                evaluations += 1
                ok = normal_equations(program, trial, n, 1, data, work, G_new)
        if ok and G_new[0, 0] < loss:
            ratio = (loss - G_new[0, 0]) / promised
            relative = 1.0 - G_new[0, 0] / loss
            for k in range(n):
                constants[k] = trial[k]
            G, G_new = G_new, G
            loss = G[0, 0]
            accepted += 1
            history[accepted] = loss
            if ratio > 0.9:
                damping *= 0.1
            else:
                damping *= max(1.0 / 3.0, 1.0 - (2.0 * ratio - 1.0) ** 3)
            damping = max(damping, 1e-15)
            growth = 2.0
            if loss <= stop:
                if relative < 0.5:
                    converged = True
                    break
            elif relative < 1e-9 and ratio > 0.25:
                converged = True
                break
            elif accepted >= 6 and loss > to_beat:
                rate = loss / history[accepted - 4]
                if loss * rate ** (0.25 * (max_iter - accepted)) > to_beat:
                    break
        else:
            if loss <= stop or damping > 1e10:
                converged = True
                break
            damping *= growth
            growth *= 2.0
    return loss, evaluations, converged
