"""The loss of a batch, and the losses on tables of unseen shapes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch

from sklearn_chatsr.models.chatsr import (
    ChatSRForExpressionGeneration,
    ChatSRProcessor,
)
from training.batches import Batch, BatchConfig, Batcher, hide, hide_statistics
from training.generator import GeneratorConfig, build_pool, draw_chunk


class Losses(NamedTuple):
    """Losses in nats per token.

    Attributes
    ----------
    given : float
        With all that the data show.
    points : float
        With the statistics hidden: where it equals `hidden`, nobody reads the points.
    hidden : float
        With the points hidden as well.
    """

    given: float
    points: float
    hidden: float


def loss_of(model: ChatSRForExpressionGeneration, batch: Batch) -> torch.Tensor:
    """Compute the mean loss in nats per target token."""
    first = int((batch["labels"] >= 0).int().argmax(dim=1).min())
    keep = batch["labels"].shape[1] - first + 1
    loss: torch.Tensor = model(**batch, logits_to_keep=keep, use_cache=False).loss
    return loss


def loss_batches(
    processor: ChatSRProcessor,
    cut: BatchConfig,
    n_tables: int,
    seed: int,
    data: GeneratorConfig | None = None,
) -> list[Batch]:
    """Cut tables of shapes that training never sees into batches.

    Parameters
    ----------
    processor : ChatSRProcessor
        Of the model.
    cut : BatchConfig
        Sizes and prompts.
    n_tables : int
        How many, of 64 points each.
    seed : int
        Of the tables.
    data : GeneratorConfig, optional
        Its prior is that of the skeletons.
    """
    rng = np.random.default_rng([seed, 1])
    data = GeneratorConfig(
        prior=(data or GeneratorConfig()).prior,
        pool_size=1024,
        tables_per_skeleton=1,
        skeletons_per_chunk=n_tables,
        point_caps=(64,),
        point_cap_weights=(1.0,),
    )
    pool = build_pool(rng, data, held_out=True)
    return Batcher(processor, cut).cut(draw_chunk(pool, rng, data), rng)


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
        views = batch, hide_statistics(batch), hide(batch)
        totals += n * np.array([float(loss_of(model, view)) for view in views])
        n_tokens += n
    model.train(was_training)
    return Losses(*(totals / n_tokens).tolist())
