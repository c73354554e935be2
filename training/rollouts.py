"""Formulas that a model writes for several tables, and their probabilities."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

import torch
from transformers.cache_utils import DynamicCache

from sklearn_chatsr.models.chatsr import (
    ChatSRForExpressionGeneration,
    ExpressionGrammar,
)


class Written(NamedTuple):
    """Formulas drawn for several tables.

    Attributes
    ----------
    tokens : list of tuple of int
        Their tokens, the end token included, each different one of a table once.
    table : list of int
        The table of each.
    counts : list of int
        How often each was drawn.
    """

    tokens: list[tuple[int, ...]]
    table: list[int]
    counts: list[int]


@torch.inference_mode()
def write_formulas(
    model: ChatSRForExpressionGeneration,
    inputs: dict[str, torch.Tensor],
    grammar: ExpressionGrammar,
    n_samples: int,
    generator: torch.Generator,
) -> Written:
    """Sample formulas for several tables at once.

    Parameters
    ----------
    model : ChatSRForExpressionGeneration
        In evaluation mode.
    inputs : dict of tensor
        As `ChatSRProcessor` gives it, padded on the left.
    grammar : ExpressionGrammar
        Masks what cannot come.
    n_samples : int
        Formulas of each table.
    generator : torch.Generator
        Source of randomness.
    """
    logits, cache = _read(model, inputs)
    table = torch.arange(len(logits)).repeat_interleave(n_samples)
    logits, attention = logits[table], inputs["attention_mask"][table]
    cache.batch_select_indices(table)
    written = torch.empty((len(table), 0), dtype=torch.long)
    counts: dict[tuple[int, tuple[int, ...]], int] = defaultdict(int)
    for _ in range(grammar.max_length + 1):
        masked = grammar(written, logits.float())  # type: ignore[arg-type]
        token = torch.multinomial(masked.softmax(dim=-1), 1, generator=generator)
        written = torch.cat([written, token], dim=1)
        ended = token.squeeze(1) == grammar.end_id
        for row in ended.nonzero().flatten().tolist():
            counts[int(table[row]), tuple(written[row].tolist())] += 1
        going = (~ended).nonzero().squeeze(1)
        if len(going) == 0:
            break
        written, table, token = written[going], table[going], token[going]
        attention = torch.nn.functional.pad(attention[going], (0, 1), value=1)
        cache.batch_select_indices(going)
        logits = model(
            input_ids=token,
            attention_mask=attention,
            past_key_values=cache,
            use_cache=True,
        ).logits[:, -1]
    order = sorted(counts)
    return Written(
        [tokens for _, tokens in order],
        [index for index, _ in order],
        [counts[key] for key in order],
    )


def log_probabilities(
    model: ChatSRForExpressionGeneration,
    inputs: dict[str, torch.Tensor],
    written: Written,
    forbidden: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Score written formulas, with gradients; every table is read once.

    Parameters
    ----------
    model, inputs
        As in `write_formulas`.
    written : Written
        The formulas.
    forbidden : bool tensor of shape (n_tables, vocabulary)
        Tokens that may not come.

    Returns
    -------
    log_probabilities : tensor of shape (n_formulas,)
        In nats, of whole formulas.
    obedience : tensor of shape (n_formulas,)
        Logarithm of the probability that no place of the formula takes a forbidden
        token, whatever token it has taken.
    """
    first, cache = _read(model, inputs)
    table = torch.tensor(written.table)
    cache.batch_select_indices(table)
    length = max(map(len, written.tokens))
    ids = torch.zeros((len(table), length), dtype=torch.long)
    inside = torch.zeros((len(table), length), dtype=torch.bool)
    for row, tokens in enumerate(written.tokens):
        ids[row, : len(tokens)] = torch.tensor(tokens)
        inside[row, : len(tokens)] = True
    read = inputs["attention_mask"][table]
    logits = model(
        input_ids=ids[:, :-1],
        attention_mask=torch.cat([read, inside[:, :-1].long()], dim=1),
        past_key_values=cache,
        use_cache=True,
    ).logits
    scores = torch.cat([first[table][:, None], logits], dim=1).log_softmax(dim=-1)
    log_p = scores.gather(2, ids[:, :, None]).squeeze(2)
    log_p = torch.where(inside, log_p, 0.0).sum(dim=1)
    left = scores.masked_fill(forbidden[table][:, None], -torch.inf).logsumexp(dim=-1)
    return log_p, torch.where(inside, left, 0.0).sum(dim=1)


def _read(
    model: ChatSRForExpressionGeneration, inputs: dict[str, torch.Tensor]
) -> tuple[torch.Tensor, DynamicCache]:
    """Read tables and prompts; give the scores of the first token and the cache."""
    cache = DynamicCache(config=model.config.get_text_config())
    logits = model(
        **inputs, past_key_values=cache, use_cache=True, logits_to_keep=1
    ).logits[:, -1]
    return logits, cache
