from __future__ import annotations

import numpy as np
import pytest

from sklearn_chatsr.prompts import Property, write_prompt
from training.tokenizer import build_tokenizer


@pytest.fixture(scope="module")
def tokenizer():
    return build_tokenizer()


@pytest.mark.parametrize(
    "text", ["It is odd in x1.", "ärger\t42 €, <|x|>", "日本  _ '"]
)
def test_any_text_can_be_written_and_read_back(tokenizer, text):
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]

    assert tokenizer.decode(ids) == text


def test_a_property_in_words_of_training_is_short(tokenizer):
    rng = np.random.default_rng(0)
    items = [Property("periodic", ("x7",)), Property("avoids", ("log",))]
    lengths = [
        len(tokenizer(write_prompt([item], rng), add_special_tokens=False)["input_ids"])
        for item in items
        for _ in range(20)
    ]

    assert np.mean(lengths) <= 9
