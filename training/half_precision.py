"""Training in bfloat16 on one CPU at full speed."""

from __future__ import annotations

import copy
import time

import torch

from sklearn_chatsr.models.chatsr import ChatSRForExpressionGeneration

_ROWS, _WIDTHS, _REPEATS = 4096, (192, 512), 5


def bfloat16_is_faster() -> bool:
    """Tell whether products of matrices take less time in bfloat16 than in float32.

    They do on GPUs that have it and on CPUs with matrix units, and take twice as long
    on CPUs without.
    """
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported()
    return _product_seconds(torch.bfloat16) < _product_seconds(torch.float32)


def _product_seconds(dtype: torch.dtype) -> float:
    a = torch.ones(_ROWS, _WIDTHS[0], dtype=dtype)
    b = torch.ones(_WIDTHS, dtype=dtype)
    taken = []
    for _ in range(_REPEATS):
        start = time.perf_counter()
        a @ b
        taken.append(time.perf_counter() - start)
    return min(taken)


class HalfPrecision:
    """A bfloat16 copy of a model that computes, beside float32 weights that learn.

    On a CPU this takes about half the time of autocast: what is between the matrix
    products, bound by memory, moves half the bytes.

    Parameters
    ----------
    model : ChatSRForExpressionGeneration
        The float32 weights, which the optimizer changes.
    """

    def __init__(self, model: ChatSRForExpressionGeneration) -> None:
        self.copy = copy.deepcopy(model).bfloat16()
        self._pairs = list(zip(model.parameters(), self.copy.parameters(), strict=True))

    def hand_over_gradients(self) -> None:
        """Move the gradients of the copy to the float32 weights."""
        for master, fast in self._pairs:
            master.grad = None if fast.grad is None else fast.grad.float()
            fast.grad = None

    @torch.no_grad()
    def refresh(self) -> None:
        """Round the float32 weights into the copy."""
        for master, fast in self._pairs:
            fast.copy_(master)
