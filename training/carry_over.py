"""Start a model from the weights of another whose tokenizer is different."""

from __future__ import annotations

import logging
from typing import Any

import torch
from transformers import PreTrainedTokenizerFast

from sklearn_chatsr.models.chatsr import ChatSRForExpressionGeneration

logger = logging.getLogger(__name__)


@torch.no_grad()
def carry_over(
    model: ChatSRForExpressionGeneration,
    tokenizer: PreTrainedTokenizerFast,
    source: ChatSRForExpressionGeneration,
    source_tokenizer: PreTrainedTokenizerFast,
) -> list[str]:
    """Copy all weights; embeddings go by the names of tokens.

    The row of a token that the source does not know is the mean of the rows of the
    pieces in which the source's tokenizer spells it.

    Parameters
    ----------
    model : ChatSRForExpressionGeneration
        Is changed. Its sizes are those of `source`, but for the vocabulary.
    tokenizer : PreTrainedTokenizerFast
        Of `model`.
    source : ChatSRForExpressionGeneration
        Where the weights come from.
    source_tokenizer : PreTrainedTokenizerFast
        Of `source`.

    Returns
    -------
    list of str
        The tokens that the source did not know.

    Raises
    ------
    ValueError
        If a weight other than the embeddings has another shape, or there is none of
        its name in one of the two.
    """
    rows = _rows(tokenizer, source_tokenizer)
    weights = source.state_dict()
    extra = sorted(set(weights) - set(model.state_dict()))
    if extra:
        raise ValueError(
            f"Cannot carry over {len(extra)} weights that the model has no place for, "
            f"such as {extra[0]}. Build the model with the sizes of the source."
        )
    tables = {
        "lm_head.weight",
        "model.language_model.embed_tokens.weight",
    }
    for name, target in model.state_dict().items():
        given = weights.get(name)
        if given is not None and name in tables and given.shape[1:] == target.shape[1:]:
            for token_id, pieces in rows.items():
                target[token_id] = given[pieces].float().mean(dim=0).to(target.dtype)
        elif given is not None and given.shape == target.shape:
            target.copy_(given)
        else:
            shape = None if given is None else tuple(given.shape)
            raise ValueError(
                f"Cannot carry over {name}: the model has {tuple(target.shape)}, the "
                f"source {shape}. Build the model with the sizes of the source."
            )
    known = source_tokenizer.get_vocab()
    new = sorted(token for token in tokenizer.get_vocab() if token not in known)
    logger.info("Carried over the weights; %d tokens are new", len(new))
    return new


def _rows(
    tokenizer: PreTrainedTokenizerFast, source_tokenizer: PreTrainedTokenizerFast
) -> dict[int, list[int]]:
    """Give the rows of the source that make up every token."""
    known = source_tokenizer.get_vocab()
    backend: Any = source_tokenizer.backend_tokenizer
    rows: dict[int, list[int]] = {}
    for token, token_id in tokenizer.get_vocab().items():
        if token in known:
            rows[token_id] = [known[token]]
            continue
        # Tokens are spelled in the alphabet of bytes, and so are their pieces.
        pieces = [p.id for p in backend.model.tokenize(token)]
        if pieces:
            rows[token_id] = pieces
    return rows
