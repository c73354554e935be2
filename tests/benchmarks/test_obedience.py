from __future__ import annotations

import numpy as np

from benchmarks.obedience import held_out_sentences, tell
from sklearn_chatsr.prompts import Property, parse_prompt


def test_sentences_tell_of_other_variables_what_they_told():
    sentences = held_out_sentences()
    rng = np.random.default_rng(0)
    for item in (
        Property("difference", ("x2", "x1")),
        Property("symmetric", ("x4", "x2")),
        Property("increasing", ("x3",)),
    ):
        told = [tell(item, sentences, rng) for _ in range(40)]
        assert None not in told
        assert np.mean([parse_prompt(t) == [item] for t in told]) > 0.7


def test_what_no_sentence_tells_is_not_told():
    rng = np.random.default_rng(0)

    assert tell(Property("contains", ("cbrt",)), held_out_sentences(), rng) is None
