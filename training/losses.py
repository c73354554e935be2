"""The loss of a batch, and the losses on tables of unseen shapes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch

from sklearn_chatsr.models.chatsr import ChatSRForExpressionGeneration
from training.batches import Batch, hide, hide_points


class Losses(NamedTuple):
    """Losses in nats per token.

    Attributes
    ----------
    given : float
        With all that the data show.
    statistics : float
        With the points hidden: where it equals `given`, nobody reads the points.
    hidden : float
        With the statistics hidden as well.
    """

    given: float
    statistics: float
    hidden: float


def loss_of(model: ChatSRForExpressionGeneration, batch: Batch) -> torch.Tensor:
    """Compute the mean loss in nats per target token."""
    first = int((batch["labels"] >= 0).int().argmax(dim=1).min())
    keep = batch["labels"].shape[1] - first + 1
    loss: torch.Tensor = model(**batch, logits_to_keep=keep, use_cache=False).loss
    return loss


@torch.no_grad()
def validation_losses(
    model: ChatSRForExpressionGeneration, batches: list[Batch]
) -> Losses:
    """Give the loss per token with more and more of the data hidden."""
    was_training = model.training
    model.eval()
    totals = np.zeros(3)
    n_tokens = 0
    for batch in batches:
        n = int((batch["labels"] >= 0).sum())
        views = batch, hide_points(batch), hide(batch)
        totals += n * np.array([float(loss_of(model, view)) for view in views])
        n_tokens += n
    model.train(was_training)
    return Losses(*(totals / n_tokens).tolist())
