from __future__ import annotations

import numpy as np
import pytest

from sklearn_chatsr.prompts import parse_prompt
from sklearn_chatsr.prompts.wordings import PLAIN
from training.batches import INPUTS, BatchConfig, Batcher
from training.generator import GeneratorConfig, build_pool, draw_chunk
from training.tokenizer import build_processor

CONFIG = GeneratorConfig(
    pool_size=300, tables_per_skeleton=2, skeletons_per_chunk=200, distractor_rate=0.3
)


@pytest.fixture(scope="module")
def processor():
    return build_processor()


@pytest.fixture(scope="module")
def pool():
    return build_pool(np.random.default_rng(0), CONFIG)


def cut(processor, pool, seed=1, **config):
    rng = np.random.default_rng(seed)
    batcher = Batcher(processor, BatchConfig(batch_size=16, **config))
    return batcher.cut(draw_chunk(pool, rng, CONFIG), rng)


def sequences(processor, batches):
    """Give the words of the prompt, the target and whether points are shown."""
    tokenizer = processor.tokenizer
    for batch in batches:
        for ids, labels, mask in zip(
            batch["input_ids"], batch["labels"], batch["point_mask"], strict=True
        ):
            target = processor.decode_expression(labels[labels >= 0].tolist())
            prompt = ids[: int((labels >= 0).int().argmax())].tolist()
            text = tokenizer.decode(prompt).rpartition("<|point|>")[2]
            yield text.removesuffix("<|assistant|>"), target, bool(mask.any())


def test_what_a_prompt_tells_is_true_of_the_target(processor, pool):
    # The parser does not read all that training says.
    batches = cut(processor, pool, prompt_rates=(0.0, 0.5, 0.3, 0.2), phrasing=PLAIN)
    told = 0
    for text, target, _ in sequences(processor, batches):
        for item in parse_prompt(text):
            # A term is read back with other brackets; its check is exact elsewhere.
            if item.kind != "term":
                assert item.holds(target), (text, target)
                told += 1
    assert told > 200


def test_without_rates_there_are_no_prompts(processor, pool):
    batches = cut(processor, pool, prompt_rates=(1.0,))

    texts = {text for text, _, _ in sequences(processor, batches)}

    assert texts == {"Find the formula."}


def test_more_of_the_prompted_tables_are_hidden(processor, pool):
    batches = cut(processor, pool, hidden_rate=0.0, hidden_prompted_rate=0.9)

    shown = {False: [], True: []}
    for text, _, is_shown in sequences(processor, batches):
        shown[text != "Find the formula."].append(is_shown)

    assert all(shown[False])
    assert np.mean(shown[True]) < 0.3


def test_prompts_are_encoded_as_the_processor_encodes_them(processor, pool):
    batcher = Batcher(processor, BatchConfig())
    for text in (None, "It is even in x2 and contains no log."):
        whole = processor.tokenizer(
            processor.prompt_text(3, text), add_special_tokens=False
        )["input_ids"]
        assert batcher._prompts([3], [text]) == [whole]


def test_batches_have_few_shapes(processor, pool):
    batches = cut(processor, pool)

    assert {batch["input_ids"].shape[1] % 8 for batch in batches} == {0}
    assert {batch["points"].shape[1] % 8 for batch in batches} == {0}


@pytest.mark.parametrize("inputs", INPUTS)
def test_ablations_show_what_they_are_told_to_show(processor, pool, inputs):
    batches = cut(processor, pool, hidden_rate=0.0, prompt_rates=(1.0,), inputs=inputs)

    shown = all(bool(batch["point_mask"].any(dim=1).all()) for batch in batches)
    facts = any(bool(batch["statistics"].any()) for batch in batches)

    assert shown == (inputs in ("all", "points"))
    assert facts == (inputs in ("all", "statistics"))


def test_some_tables_are_shown_without_their_statistics(processor, pool):
    def shares(rate):
        batches = cut(
            processor,
            pool,
            hidden_rate=0.0,
            hidden_prompted_rate=0.0,
            bare_rate=rate,
        )
        shown = np.concatenate([b["point_mask"].any(dim=1) for b in batches])
        told = np.concatenate(
            [(b["statistics"] != 0).flatten(1).any(dim=1) for b in batches]
        )
        assert shown.all()
        return told.mean()

    assert shares(0.0) == 1.0
    assert 0.35 < shares(0.5) < 0.65
