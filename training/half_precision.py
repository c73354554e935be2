"""Training in bfloat16 on one CPU at full speed."""

from __future__ import annotations

import copy

import torch

from sklearn_chatsr.models.chatsr import ChatSRForExpressionGeneration


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
