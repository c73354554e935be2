"""Compiled entry points, cached on disk: all that Python calls.

Importing this module loads them, or compiles them once per machine; `warm_up` does it
with a word in the log.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from sklearn_chatsr.fitting._blocks import backward, forward
from sklearn_chatsr.fitting._equations import ADDRESSES, normal_equations
from sklearn_chatsr.fitting._kernels import ADJOINT, BLOCK, fill_leaves, inner
from sklearn_chatsr.fitting._solver import fit_program, hoist
from sklearn_chatsr.fitting._starts import seed_state
from sklearn_chatsr.fitting._structure import compact_program, plain_program
from sklearn_chatsr.fitting.compilation import source_fingerprint

__all__ = [
    "ADDRESSES",
    "equations",
    "fit_batch",
    "value_and_jacobian",
]

PROGRAM = "i8[::1], i8[::1], f8[::1]"  # addresses, codes, payload
DATA = "f8[:,::1], f8[::1], f8[::1]"  # X, y, root_weight
_FIT = (
    f"void({PROGRAM}, i8[::1], {DATA}, {DATA}, i8, i8, f8, f8, u8, b1, i8[::1],"
    " f8[::1], i8[::1], f8[:,::1])"
)
_JACOBIAN = f"void({PROGRAM}, f8[::1], f8[:,::1], f8[::1], f8[:,::1])"
_EQUATIONS = f"b1({PROGRAM}, f8[::1], {DATA}, f8[:,::1])"


@inner
def new_work(addresses: Any, n_nodes: int) -> Any:
    return (
        np.empty((n_nodes, BLOCK)),
        np.empty((2 * n_nodes + 2, BLOCK)),
        addresses[0],
        addresses[1],
        addresses[2],
    )


def _build(fingerprint: int) -> Any:
    def entry(signature: str) -> Any:
        return njit(signature, cache=True, nogil=True, error_model="numpy")

    @entry(_FIT)
    def fit_batch(
        addresses, codes, payload, offsets, X, y, root_weight, X_sample, y_sample,
        root_sample, n_starts, max_iter, stop, to_beat, seed, fresh, cancel, constants,
        first, report,
    ):  # fmt: skip
        longest = 1
        for j in range(offsets.shape[0] - 1):
            longest = max(longest, offsets[j + 1] - offsets[j])
        work = new_work(addresses, longest)
        for j in range(offsets.shape[0] - 1):
            if cancel[0] != 0 or fingerprint == 0:
                report[j, 3] = 1.0
                continue
            c = codes[offsets[j] : offsets[j + 1]]
            v = payload[offsets[j] : offsets[j + 1]]
            nodes, number, slot, inverted, n_linear, ranges = compact_program(
                c, v, X.shape[0], work
            )
            H = np.empty((0, X.shape[1]))
            H_sample = np.empty((0, X_sample.shape[1]))
            if ranges.shape[0] > 0:
                plain, plain_number, _, _ = plain_program(c, v)
                H = hoist((plain, plain_number), ranges, X, work)
                H_sample = hoist((plain, plain_number), ranges, X_sample, work)
            n = slot.shape[0]
            best = np.zeros(n)
            values = constants[first[j] : first[j + 1]]
            given = n > 0 and np.isfinite(values[0])
            if given:
                for k in range(n):
                    best[slot[k]] = 1.0 / values[k] if inverted[slot[k]] else values[k]
            loss, evaluations, converged = fit_program(
                (nodes, number), best, n_linear, given, fresh, (X, H, y, root_weight),
                (X_sample, H_sample, y_sample, root_sample), n_starts, max_iter, stop,
                to_beat, seed_state(c, v, seed), work, cancel,
            )  # fmt: skip
            for k in range(n):
                values[k] = best[slot[k]]
                if inverted[slot[k]]:
                    values[k] = 1.0 / values[k]
                if not np.isfinite(values[k]):
                    loss = np.inf
            report[j, 0] = loss
            report[j, 1] = evaluations
            report[j, 2] = 1.0 if converged else 0.0
            report[j, 3] = 1.0 if cancel[0] != 0 else 0.0

    @entry(_JACOBIAN)
    def value_and_jacobian(
        addresses, codes, payload, constants, X, value, jacobian
    ):  # fmt: skip
        nodes, number, _, n = plain_program(codes, payload)
        work = new_work(addresses, codes.shape[0])
        V, A = work[0], work[1]
        nothing = np.empty((0, X.shape[1]))
        fill_leaves(nodes, number, constants, V)
        for start in range(0, X.shape[1] if fingerprint != 0 else 0, BLOCK):
            m = min(BLOCK, X.shape[1] - start)
            forward(work, nodes, 0, nodes.shape[1], X, nothing, start, m)
            for k in range(m):
                value[start + k] = V[0, k]
            if jacobian.shape[0] > 0:
                for k in range(m):
                    A[nodes[ADJOINT, 0], k] = 1.0
                backward(work, nodes, 1, m)
                for s in range(n):
                    for k in range(m):
                        jacobian[s, start + k] = A[s + 1, k]

    @entry(_EQUATIONS)
    def equations(addresses, codes, payload, constants, X, y, root_weight, G):
        nodes, number, _, n = plain_program(codes, payload)
        work = new_work(addresses, codes.shape[0])
        data = (X, np.empty((0, X.shape[1])), y, root_weight)
        ok = normal_equations((nodes, number), constants, n, 1, data, work, G)
        return ok and fingerprint != 0

    return fit_batch, value_and_jacobian, equations


fit_batch, value_and_jacobian, equations = _build(source_fingerprint())
