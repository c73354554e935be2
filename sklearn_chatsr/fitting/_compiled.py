"""Compiled entry points, cached on disk: all that Python calls.

Importing this module loads them, or compiles them once per machine; `warm_up` does it
with a word in the log. Numba looks for a change in this file only, so a fingerprint of
all the compiled sources is closed over, which makes it part of the key of the cache.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit

from sklearn_chatsr.expressions.vocabulary import OPERATORS
from sklearn_chatsr.fitting._equations import normal_equations
from sklearn_chatsr.fitting._kernels import (
    ADJOINT,
    BLOCK,
    backward,
    fill_leaves,
    forward,
)
from sklearn_chatsr.fitting._solver import (
    DRAWS_PER_START,
    fit_program,
    hoist,
    minimise,
    rank_starts,
)
from sklearn_chatsr.fitting._starts import seed_state
from sklearn_chatsr.fitting._structure import compact_program, plain_program

_SOURCES = ("_kernels", "_structure", "_equations", "_starts", "_solver")


def _fingerprint() -> int:
    digest = hashlib.sha256(
        repr([(r.name, r.opcode) for r in OPERATORS.values()]).encode()
    )
    for name in _SOURCES:
        digest.update(Path(__file__).with_name(f"{name}.py").read_bytes())
    return int.from_bytes(digest.digest()[:7], "big")


_FIT = (
    "void(i8[::1], f8[::1], i8[::1], f8[:,::1], f8[::1], f8[::1], f8[:,::1], f8[::1],"
    " f8[::1], i8, i8, f8, f8, u8, i8[::1], f8[::1], i8[::1], f8[:,::1])"
)
_JACOBIAN = "void(i8[::1], f8[::1], f8[::1], f8[:,::1], f8[::1], f8[:,::1])"
_EQUATIONS = "b1(i8[::1], f8[::1], f8[::1], f8[:,::1], f8[::1], f8[::1], f8[:,::1])"
_STARTS = (
    "i8(i8[::1], f8[::1], f8[:,::1], f8[::1], f8[::1], i8, u8, f8[:,::1], b1[::1])"
)


def _build(fingerprint: int) -> Any:
    def entry(signature: str) -> Any:
        return njit(signature, cache=True, nogil=True, error_model="numpy")

    @entry(_FIT)
    def fit_batch(
        codes, payload, offsets, X, y, root_weight, X_sample, y_sample, root_sample,
        n_starts, max_iter, stop, to_beat, seed, cancel, constants, first, report,
    ):  # fmt: skip
        version = fingerprint
        longest = 0
        for j in range(offsets.shape[0] - 1):
            longest = max(longest, offsets[j + 1] - offsets[j])
        V = np.empty((longest, BLOCK))
        A = np.empty((2 * longest + 2, BLOCK))
        work = (V, A)
        for j in range(offsets.shape[0] - 1):
            if cancel[0] != 0:
                report[j, 3] = 1.0
                continue
            c = codes[offsets[j] : offsets[j + 1]]
            v = payload[offsets[j] : offsets[j + 1]]
            nodes, number, slot, inverted, n_linear, ranges = compact_program(
                c, v, X.shape[0]
            )
            program = (nodes, number)
            if ranges.shape[0] > 0:
                plain, plain_number, _, _ = plain_program(c, v)
                H = hoist((plain, plain_number), ranges, X, V)
                H_sample = hoist((plain, plain_number), ranges, X_sample, V)
            else:
                H = np.empty((0, 0))
                H_sample = H
            data = (X, H, y, root_weight)
            sample = (X_sample, H_sample, y_sample, root_sample)
            n = slot.shape[0]
            best = np.zeros(n)
            given = constants[first[j] : first[j + 1]]
            if n > 0 and np.isfinite(given[0]):
                for k in range(n):
                    s = slot[k]
                    best[s] = 1.0 / given[k] if inverted[s] else given[k]
                loss, evaluations, converged = minimise(
                    program, best, n_linear, False, data, work, max_iter, stop,
                    np.inf, cancel,
                )  # fmt: skip
            else:
                state = seed_state(c, v, seed)
                loss, evaluations, converged = fit_program(
                    program, n, n_linear, data, sample, n_starts, max_iter, stop,
                    to_beat, state, work, cancel, best,
                )  # fmt: skip
            for k in range(n):
                s = slot[k]
                given[k] = 1.0 / best[s] if inverted[s] else best[s]
                if not np.isfinite(given[k]):
                    loss = np.inf
            report[j, 0] = loss
            report[j, 1] = evaluations
            report[j, 2] = 1.0 if converged else 0.0
            report[j, 3] = 1.0 if cancel[0] != 0 else 0.0
            if version == 0:
                break

    @entry(_JACOBIAN)
    def value_and_jacobian(codes, payload, constants, X, value, jacobian):
        version = fingerprint
        nodes, number, _, n = plain_program(codes, payload)
        V = np.empty((codes.shape[0], BLOCK))
        A = np.ones((codes.shape[0] + n + 2, BLOCK))
        nothing = np.empty((0, 0))
        fill_leaves(nodes, number, constants, V)
        for start in range(0, X.shape[1], BLOCK):
            m = min(BLOCK, X.shape[1] - start)
            forward(nodes, 0, nodes.shape[1], X, nothing, start, m, V)
            for k in range(m):
                value[start + k] = V[0, k]
            if jacobian.shape[0] > 0:
                A[nodes[ADJOINT, 0], :] = 1.0
                backward(nodes, 1, V, A, m)
                for s in range(n):
                    for k in range(m):
                        jacobian[s, start + k] = A[s + 1, k]
            if version == 0:
                break

    @entry(_EQUATIONS)
    def equations(codes, payload, constants, X, y, root_weight, G):
        version = fingerprint
        nodes, number, _, n = plain_program(codes, payload)
        work = (
            np.empty((codes.shape[0], BLOCK)),
            np.empty((codes.shape[0] + n + 2, BLOCK)),
        )
        data = (X, np.empty((0, 0)), y, root_weight)
        ok = normal_equations((nodes, number), constants, n, 1, data, work, G)
        return ok and version != 0

    @entry(_STARTS)
    def draw_starts(
        codes, payload, X, y, root_weight, n_starts, seed, starts, is_linear
    ):  # fmt: skip
        version = fingerprint
        nodes, number, slot, inverted, n_linear, ranges = compact_program(
            codes, payload, X.shape[0]
        )
        n = slot.shape[0]
        for k in range(n):
            is_linear[k] = slot[k] < n_linear
        if n_starts == 0 or version == 0:
            return 0
        work = (
            np.empty((codes.shape[0], BLOCK)),
            np.empty((codes.shape[0] + n + 2, BLOCK)),
        )
        plain, plain_number, _, _ = plain_program(codes, payload)
        H = hoist((plain, plain_number), ranges, X, work[0])
        found, scores = rank_starts(
            (nodes, number), n, n_linear, DRAWS_PER_START * n_starts,
            (X, H, y, root_weight), seed_state(codes, payload, seed), work,
        )  # fmt: skip
        ranking = np.argsort(scores)
        n_finite = 0
        for j in range(min(n_starts, found.shape[0])):
            if not np.isfinite(scores[ranking[j]]):
                break
            for k in range(n):
                value = found[ranking[j], slot[k]]
                if is_linear[k]:
                    value = 1.0
                starts[j, k] = 1.0 / value if inverted[slot[k]] else value
            n_finite += 1
        return n_finite

    return fit_batch, value_and_jacobian, equations, draw_starts


fit_batch, value_and_jacobian, equations, draw_starts = _build(_fingerprint())
