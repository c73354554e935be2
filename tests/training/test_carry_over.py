from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch

from sklearn_chatsr.models import load_model
from sklearn_chatsr.models.chatsr import ChatSRConfig, ChatSRForExpressionGeneration
from training.carry_over import carry_over
from training.tokenizer import build_tokenizer

TINY = Path(__file__).parent.parent / "checkpoints" / "tiny"


@pytest.fixture(scope="module")
def known():
    """A model whose tokenizer knows fewer variables than the one to be built."""
    model, processor = load_model(TINY, "cpu")
    return model, processor.tokenizer


def blank(source, vocab_size, **text):
    settings = copy.deepcopy(source.config.to_dict())
    settings["text_config"].update(vocab_size=vocab_size, **text)
    return ChatSRForExpressionGeneration(ChatSRConfig(**settings))


def test_rows_follow_the_names_of_tokens(known):
    source, old = known
    new = build_tokenizer(max_variables=12)
    model = blank(source, len(new))

    fresh = carry_over(model, new, source, old)

    assert "<|math_x12|>" in fresh
    before = source.get_input_embeddings().weight
    after = model.get_input_embeddings().weight
    for token, index in new.get_vocab().items():
        if token in old.get_vocab():
            torch.testing.assert_close(after[index], before[old.get_vocab()[token]])
    pieces = [p.id for p in old.backend_tokenizer.model.tokenize("<|math_x12|>")]
    row = after[new.convert_tokens_to_ids("<|math_x12|>")]
    torch.testing.assert_close(row, before[pieces].mean(dim=0))
    torch.testing.assert_close(
        model.model.point_encoder.no_points, source.model.point_encoder.no_points
    )


def test_other_sizes_are_refused(known):
    source, tokenizer = known
    model = blank(source, len(tokenizer), hidden_size=32)

    with pytest.raises(ValueError, match=r"Cannot carry over .* the source"):
        carry_over(model, tokenizer, source, tokenizer)


def test_layers_of_the_source_are_not_dropped(known):
    source, tokenizer = known
    n_layers = source.config.text_config.num_hidden_layers
    types = source.config.text_config.layer_types
    text = {"num_hidden_layers": n_layers + 1, "layer_types": [types[0], *types]}
    larger = blank(source, len(tokenizer), **text)

    with pytest.raises(ValueError, match="the model has no place for"):
        carry_over(source, tokenizer, larger, tokenizer)
