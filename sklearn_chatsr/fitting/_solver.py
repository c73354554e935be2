"""Compiled fit of one program from several starts, first on few points."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sklearn_chatsr.fitting._blocks import backward, forward
from sklearn_chatsr.fitting._equations import accumulate, damped_step
from sklearn_chatsr.fitting._kernels import ADJOINT, BLOCK, fill_leaves, inlined, inner
from sklearn_chatsr.fitting._minimise import minimise
from sklearn_chatsr.fitting._starts import draw_constants, draw_order

# Half of the starts are the best of 8 draws each, scored on one block of points. If
# none of them leads to the law, the other half are the best of 24 draws each.
_FIRST_DRAWS, _MORE_DRAWS = 8, 24
# Starts that end in the same minimum tell that its valley is wide.
_ENOUGH_HITS = 99
# Minima on the sample that are followed up on all points.
_KEPT = 2


@inner
def hoist(plain: Any, ranges: Any, X: Any, work: Any) -> Any:
    """Compute the columns of the subtrees that no constant reaches."""
    nodes, number = plain
    V = work[0]
    n_points = X.shape[1]
    H = np.empty((ranges.shape[0], n_points))
    nothing = np.empty((0, n_points))
    fill_leaves(nodes, number, number, V)
    for h in range(ranges.shape[0]):
        low, high = ranges[h, 0], ranges[h, 1]
        for start in range(0, n_points, BLOCK):
            m = min(BLOCK, n_points - start)
            forward(work, nodes, low, high, X, nothing, start, m)
            for k in range(m):
                H[h, start + k] = V[low, k]
    return H


@inner
def rank_starts(
    program: Any,
    n: int,
    n_linear: int,
    n_starts: int,
    more: bool,
    sample: Any,
    state: Any,
    work: Any,
) -> Any:
    """Draw the first half of the starts or (``more``) the other, and rank them.

    They are scored on one block of points, linear constants solved for.

    Returns
    -------
    starts : ndarray of shape (n_found, n_constants)
        The best, best first; those that leave the domain are left out.
    """
    n_wanted = (n_starts + 1) // 2
    first_draw, n_draws = 0, _FIRST_DRAWS * n_wanted
    if more:
        first_draw = n_draws
        n_wanted = n_starts - n_wanted
        n_draws = _MORE_DRAWS * n_wanted
    nodes, number = program
    X, H, y, root_weight = sample
    V, A = work[0], work[1]
    m = y.shape[0]
    layout = draw_order(nodes)
    starts = np.zeros((n_wanted, n))
    scores = np.empty(n_wanted)
    trial = np.zeros(n)
    G = np.zeros((n_linear + 1, n_linear + 1))
    step = np.empty(n_linear)
    fill_leaves(nodes, number, trial, V)
    root = nodes[ADJOINT, 0]
    n_found = 0
    for draw in range(first_draw, first_draw + n_draws):
        draw_constants(nodes, layout, n_linear, X, H, m, draw, state, work, trial)
        for i in range(m):
            A[0, i] = (V[0, i] - y[i]) * root_weight[i]
        if n_linear > 0:
            for i in range(m):
                A[root, i] = root_weight[i]
            backward(work, nodes, 2, m)
        for k in range(n_linear + 1):
            for j in range(k + 1):
                G[k, j] = 0.0
        accumulate(A, n_linear + 1, m, G)
        finite = True
        for k in range(n_linear + 1):
            for j in range(k + 1):
                G[j, k] = G[k, j]
                finite = finite and math.isfinite(G[k, j])
        if not finite:
            continue
        score = G[0, 0] - damped_step(G, n_linear, n_linear, 0.0, step)
        at = n_found
        while at > 0 and scores[at - 1] > score:
            at -= 1
        if at >= n_wanted:
            continue
        n_found = min(n_found + 1, n_wanted)
        for later in range(n_found - 1, at, -1):
            scores[later] = scores[later - 1]
            for k in range(n):
                starts[later, k] = starts[later - 1, k]
        scores[at] = score
        for k in range(n):
            starts[at, k] = trial[k]
    return starts[:n_found]


@inlined
def fit_program(
    program: Any,
    best: Any,
    n_linear: int,
    given: bool,
    fresh: bool,
    data: Any,
    sample: Any,
    n_starts: int,
    max_iter: int,
    stop: float,
    to_beat: float,
    state: Any,
    work: Any,
    cancel: Any,
) -> Any:
    """Fit from several starts; ``best`` receives the constants, or is the one start.

    When there are more points than the sample has, the starts are followed on the
    sample, and the best minima found there are followed up on all points. ``fresh``
    solves for the linear constants of a given start first.

    Returns
    -------
    loss, n_evaluations, converged
    """
    n = best.shape[0]
    if given or n == n_linear:
        return minimise(
            program, best, n_linear, fresh or not given, data, work, max_iter, stop,
            np.inf, cancel,
        )  # fmt: skip
    in_two = data[2].shape[0] > sample[2].shape[0] and sample[2].shape[0] >= 8 * n
    first = sample if in_two else data
    kept = np.empty((_KEPT + 1, n))
    kept_loss = np.full(_KEPT + 1, np.inf)
    best_loss = np.inf
    best_converged = False
    evaluations = 0
    hits = 0
    trial = np.empty(n)
    starts = rank_starts(program, n, n_linear, n_starts, False, sample, state, work)
    n_first = (n_starts + 1) // 2
    for turn in range(n_starts):
        j = turn
        if turn >= n_first:
            j = turn - n_first
            if j == 0:
                starts = rank_starts(
                    program, n, n_linear, n_starts, True, sample, state, work
                )
        if cancel[0] != 0:
            break
        if j >= starts.shape[0]:
            continue
        for k in range(n):
            trial[k] = starts[j, k]
        loss, count, converged = minimise(
            program, trial, n_linear, True, first, work, max_iter, stop,
            min(kept_loss[0], 4.0 * to_beat if in_two else to_beat), cancel,
        )  # fmt: skip
        evaluations += count
        if not math.isfinite(loss):
            continue
        if loss <= stop and in_two:
            loss, count, converged = minimise(
                program, trial, n_linear, False, data, work, max_iter, stop, np.inf,
                cancel,
            )  # fmt: skip
            evaluations += count
            if loss < best_loss:
                best_loss = loss
                best_converged = converged
                for k in range(n):
                    best[k] = trial[k]
            if loss <= stop:
                return loss, evaluations, converged
            continue
        if abs(loss - kept_loss[0]) <= 1e-4 * kept_loss[0]:
            hits += 1
            if loss >= kept_loss[0]:
                if hits >= _ENOUGH_HITS:
                    break
                continue
        elif loss < kept_loss[0]:
            hits = 0
        at = _KEPT
        while at > 0 and kept_loss[at - 1] > loss:
            kept_loss[at] = kept_loss[at - 1]
            for k in range(n):
                kept[at, k] = kept[at - 1, k]
            at -= 1
        kept_loss[at] = loss
        for k in range(n):
            kept[at, k] = trial[k]
        if not in_two and loss < best_loss:
            best_loss = loss
            best_converged = converged
            for k in range(n):
                best[k] = trial[k]
            if loss <= stop:
                break
    if in_two:
        for j in range(_KEPT):
            if cancel[0] != 0 or not math.isfinite(kept_loss[j]):
                break
            if math.isfinite(best_loss) and kept_loss[j] > 2.0 * kept_loss[0]:
                break
            # Long valleys are worth walking where they lead down.
            patience = 3 * max_iter if kept_loss[j] < 1e-3 else max_iter
            for k in range(n):
                trial[k] = kept[j, k]
            loss, count, converged = minimise(
                program, trial, n_linear, False, data, work, patience, stop,
                min(best_loss, to_beat), cancel,
            )  # fmt: skip
            evaluations += count
            if loss < best_loss:
                best_loss = loss
                best_converged = converged
                for k in range(n):
                    best[k] = trial[k]
        # The sample may hide where a formula leaves its domain.
        for j in range(starts.shape[0]):
            if cancel[0] != 0 or math.isfinite(best_loss):
                break
            for k in range(n):
                best[k] = starts[j, k]
            best_loss, count, best_converged = minimise(
                program, best, n_linear, True, data, work, max_iter, stop, to_beat,
                cancel,
            )  # fmt: skip
            evaluations += count
    return best_loss, evaluations, best_converged
