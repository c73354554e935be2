"""The loss of a batch, and the losses on tables of unseen shapes."""

from __future__ import annotations

import numpy as np
import torch

from sklearn_chatsr.models.chatsr import ChatSRForExpressionGeneration
from training.batches import Batch, hide


def loss_of(model: ChatSRForExpressionGeneration, batch: Batch) -> torch.Tensor:
    """Compute the mean loss in nats per target token."""
    first = int((batch["labels"] >= 0).int().argmax(dim=1).min())
    keep = batch["labels"].shape[1] - first + 1
    loss: torch.Tensor = model(**batch, logits_to_keep=keep, use_cache=False).loss
    return loss


@torch.no_grad()
def validation_losses(
    model: ChatSRForExpressionGeneration, batches: list[Batch]
) -> tuple[float, float]:
    """Give the loss per token with the points given, and with the points hidden."""
    was_training = model.training
    model.eval()
    totals = np.zeros(2)
    n_tokens = 0
    for batch in batches:
        n = int((batch["labels"] >= 0).sum())
        totals += n * np.array([float(loss_of(model, b)) for b in (batch, hide(batch))])
        n_tokens += n
    model.train(was_training)
    return float(totals[0] / n_tokens), float(totals[1] / n_tokens)
