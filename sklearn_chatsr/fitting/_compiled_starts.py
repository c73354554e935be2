"""The compiled drawing of starts, apart: ChatSR does without it by default."""

from __future__ import annotations

from typing import Any

from numba import njit

from sklearn_chatsr.fitting._compiled import DATA, PROGRAM, new_work
from sklearn_chatsr.fitting._equations import ADDRESSES
from sklearn_chatsr.fitting._solver import hoist, rank_starts
from sklearn_chatsr.fitting._starts import seed_state
from sklearn_chatsr.fitting._structure import compact_program, plain_program
from sklearn_chatsr.fitting.compilation import source_fingerprint

__all__ = ["ADDRESSES", "draw_starts"]

_STARTS = f"i8({PROGRAM}, {DATA}, i8, u8, f8[:,::1], b1[::1])"


def _build(fingerprint: int) -> Any:
    @njit(_STARTS, cache=True, nogil=True, error_model="numpy")
    def draw_starts(
        addresses, codes, payload, X, y, root_weight, n_starts, seed, starts, is_linear
    ):  # fmt: skip
        work = new_work(addresses, codes.shape[0])
        nodes, number, slot, inverted, n_linear, ranges = compact_program(
            codes, payload, X.shape[0], work
        )
        n = slot.shape[0]
        for k in range(n):
            is_linear[k] = slot[k] < n_linear
        if n_starts == 0 or fingerprint == 0:
            return 0
        plain, plain_number, _, _ = plain_program(codes, payload)
        H = hoist((plain, plain_number), ranges, X, work)
        state = seed_state(codes, payload, seed)
        n_found = 0
        for more in (False, True):
            found = rank_starts(
                (nodes, number), n, n_linear, n_starts, more,
                (X, H, y, root_weight), state, work,
            )  # fmt: skip
            for j in range(found.shape[0]):
                for k in range(n):
                    value = 1.0 if is_linear[k] else found[j, slot[k]]
                    starts[n_found, k] = 1.0 / value if inverted[slot[k]] else value
                n_found += 1
        return n_found

    return draw_starts


draw_starts = _build(source_fingerprint())
