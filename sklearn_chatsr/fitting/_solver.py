"""Compiled fit of one program: variable projection and Levenberg-Marquardt.

Constants are numbered linear ones first (`_structure.compact_program`). The linear ones
are solved for at every step, the others follow a damped Gauss-Newton step. All losses
are shares of the variance of the target, because the weights are scaled that way.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sklearn_chatsr.fitting._equations import (
    accumulate,
    damped_step,
    normal_equations,
)
from sklearn_chatsr.fitting._kernels import (
    ADJOINT,
    BLOCK,
    backward,
    fill_leaves,
    forward,
    inner,
)
from sklearn_chatsr.fitting._starts import draw_constants, draw_order

# Where float64 ends: residuals of a few units in the last place.
_FLOOR = 1e-31
# Draws that are scored on one block of points for each start that is followed.
DRAWS_PER_START = 4
# A start that ends where others ended tells that the valley is wide.
_ENOUGH_HITS = 4


@inner
def hoist(plain: Any, ranges: Any, X: Any, V: Any) -> Any:
    """Compute the columns of the subtrees that no constant reaches."""
    nodes, number = plain
    n_points = X.shape[1]
    H = np.empty((ranges.shape[0], n_points))
    nothing = np.empty((0, n_points))
    fill_leaves(nodes, number, number, V)
    for h in range(ranges.shape[0]):
        low, high = ranges[h, 0], ranges[h, 1]
        for start in range(0, n_points, BLOCK):
            m = min(BLOCK, n_points - start)
            forward(nodes, low, high, X, nothing, start, m, V)
            for k in range(m):
                H[h, start + k] = V[low, k]
    return H


@inner
def solve_linear(
    program: Any, constants: Any, n_linear: int, data: Any, work: Any, G: Any
) -> bool:
    """Set the linear constants to their least-squares values, the others given."""
    constants[:n_linear] = 0.0
    if not normal_equations(program, constants, n_linear, 2, data, work, G):
        return False
    step = np.empty(n_linear)
    damped_step(G, n_linear, n_linear, 0.0, step)
    constants[:n_linear] += step
    return True


@inner
def _refine_linear(
    program: Any, constants: Any, n: int, data: Any, work: Any, G: Any
) -> Any:
    """Solve a program whose constants are all linear, to full accuracy.

    The normal equations square the condition number; solving them again for what is
    left wins the digits back.
    """
    evaluations = 1
    if n == 0:
        ok = normal_equations(program, constants, 0, 1, data, work, G)
        return G[0, 0] if ok else np.inf, evaluations, True
    if not solve_linear(program, constants, n, data, work, G):
        return np.inf, evaluations, False
    loss = np.inf
    trial = constants.copy()
    step = np.empty(n)
    for _ in range(8):
        evaluations += 1
        if not normal_equations(program, trial, n, 2, data, work, G):
            break
        gain = loss - G[0, 0]
        if not gain > 0.0:
            break
        loss = G[0, 0]
        constants[:] = trial
        promised = damped_step(G, n, n, 0.0, step)
        if loss <= _FLOOR or promised < 1e-10 * loss:
            break
        trial[:] = constants + step
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
    """
    n = constants.shape[0]
    G = np.empty((n + 1, n + 1))
    if n == n_linear:
        return _refine_linear(program, constants, n, data, work, G)
    evaluations = 1
    if (
        fresh
        and n_linear > 0
        and not solve_linear(program, constants, n_linear, data, work, G)
    ):
        return np.inf, evaluations, False
    evaluations += 1
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
        if loss <= _FLOOR or promised <= 1e-15 * loss:
            converged = True
            break
        trial[:] = constants + step
        evaluations += 1
        ok = normal_equations(program, trial, n, 1, data, work, G_new)
        if ok and n_linear > 0:
            # How much better would the best linear constants be at this point?
            gain = damped_step(G_new, n_linear, n_linear, 0.0, step[:n_linear])
            if gain > 0.1 * G_new[0, 0]:
                trial[:n_linear] += step[:n_linear]
                evaluations += 1
                ok = normal_equations(program, trial, n, 1, data, work, G_new)
        if ok and G_new[0, 0] < loss:
            ratio = (loss - G_new[0, 0]) / promised
            relative = 1.0 - G_new[0, 0] / loss
            constants[:] = trial
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
            elif relative < 1e-10 and ratio > 0.25:
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


@inner
def rank_starts(
    program: Any,
    n: int,
    n_linear: int,
    n_draws: int,
    sample: Any,
    state: Any,
    work: Any,
) -> Any:
    """Draw starts and score them on one block, linear constants solved for.

    Returns
    -------
    starts : ndarray of shape (n_draws, n_constants)
    scores : ndarray of shape (n_draws,)
        Loss on the block; inf where the start leaves the domain.
    """
    nodes, number = program
    X, H, y, root_weight = sample
    V, A = work
    m = y.shape[0]
    order, parent, context = draw_order(nodes)
    starts = np.zeros((n_draws, n))
    scores = np.full(n_draws, np.inf)
    G = np.zeros((n_linear + 1, n_linear + 1))
    step = np.empty(n_linear)
    fill_leaves(nodes, number, starts[0], V)
    root = nodes[ADJOINT, 0]
    for draw in range(n_draws):
        draw_constants(
            nodes, order, parent, context, n_linear, X, H, m, draw, state, V,
            starts[draw],
        )  # fmt: skip
        for i in range(m):
            A[0, i] = (V[0, i] - y[i]) * root_weight[i]
        if n_linear > 0:
            A[root, :m] = root_weight[:m]
            backward(nodes, 2, V, A, m)
        G[:] = 0.0
        accumulate(A, n_linear + 1, m, G)
        score = G[0, 0]
        for k in range(n_linear + 1):
            for j in range(k):
                G[j, k] = G[k, j]
                if not math.isfinite(G[k, j]):
                    score = np.inf
        if math.isfinite(score):
            scores[draw] = score - damped_step(G, n_linear, n_linear, 0.0, step)
    return starts, scores


@inner
def fit_program(
    program: Any,
    n: int,
    n_linear: int,
    data: Any,
    sample: Any,
    n_starts: int,
    max_iter: int,
    stop: float,
    to_beat: float,
    state: Any,
    work: Any,
    cancel: Any,
    best: Any,
) -> Any:
    """Fit from several starts; ``best`` receives the constants.

    Returns
    -------
    loss, n_evaluations, converged
    """
    trial = np.zeros(n)
    if n == n_linear:
        best[:] = 0.0
        return minimise(
            program, best, n, True, data, work, max_iter, stop, to_beat, cancel
        )
    starts, scores = rank_starts(
        program, n, n_linear, DRAWS_PER_START * n_starts, sample, state, work
    )
    ranking = np.argsort(scores)
    best_loss = np.inf
    best_converged = False
    evaluations = 0
    hits = 0
    for k in range(n_starts):
        if cancel[0] != 0 or not math.isfinite(scores[ranking[k]]):
            break
        trial[:] = starts[ranking[k]]
        loss, n_evaluations, converged = minimise(
            program, trial, n_linear, True, data, work, max_iter, stop,
            min(best_loss, to_beat), cancel,
        )  # fmt: skip
        evaluations += n_evaluations
        if converged and abs(loss - best_loss) <= 1e-4 * best_loss:
            hits += 1
        if loss < best_loss:
            if loss < 0.99 * best_loss:
                hits = 0
            best_loss = loss
            best[:] = trial
            best_converged = converged
        if best_loss <= stop or hits >= _ENOUGH_HITS:
            break
    return best_loss, evaluations, best_converged
