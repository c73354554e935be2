from __future__ import annotations

import csv

import pytest
import torch

from sklearn_chatsr.models import load_model
from tests.training.tiny_language_models import tiny_language_model, tiny_tokenizer
from training.batches import BatchConfig
from training.extend_tokens import extend, new_ids
from training.fine_tune import FineTuneConfig, FineTuning, Learner, rate
from training.generator import GeneratorConfig

DATA = GeneratorConfig(
    pool_size=60, tables_per_skeleton=2, skeletons_per_chunk=16, point_caps=(16, 32, 32)
)


@pytest.fixture
def extended():
    tokenizer = tiny_tokenizer()
    return extend(
        tiny_language_model("llama", tokenizer), tokenizer, num_feature_tokens=2
    )


def test_some_steps_lower_the_loss_and_leave_text_alone(extended, tmp_path):
    model, processor = extended
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    config = FineTuneConfig(
        steps=30,
        learning_rate=1e-2,
        new_learning_rate=1e-2,
        warmup_steps=3,
        frozen_layers=1,
        evaluate_steps=15,
        validation_tables=8,
    )

    rows = FineTuning(model, processor, tmp_path, config, DATA, BatchConfig(8)).run()

    assert [row["step"] for row in rows] == [0, 15, 30]
    assert rows[-1]["loss_given"] < rows[0]["loss_given"] - 1
    with (tmp_path / "log.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 3
    saved, _ = load_model(tmp_path / "model", "cpu")
    after = dict(saved.named_parameters())
    learned = [*new_ids(processor.tokenizer), processor.tokenizer.eos_token_id]
    text = sorted({*range(len(processor.tokenizer))} - {*learned})
    for name in ("lm_head.weight", "model.language_model.embed_tokens.weight"):
        assert torch.equal(after[name][text], before[name][text])
        assert not torch.equal(after[name][learned], before[name][learned])
    for name, weight in before.items():
        if ".layers.0." in name and "language_model" in name:
            assert torch.equal(after[name], weight)
        elif ".layers.1.mlp" in name or "projector.linear_2.weight" in name:
            assert not torch.equal(after[name], weight)


def test_the_rate_rises_then_falls_to_zero():
    config = FineTuneConfig(steps=100, warmup_steps=10)

    rates = [rate(config, step) for step in range(100)]

    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == rates[9] == 1.0
    assert rates[-1] == pytest.approx(1 / 90)


def test_more_frozen_layers_than_there_are_is_an_error(extended):
    model, _ = extended

    with pytest.raises(ValueError, match=r"`frozen_layers` == 3, must be between 0"):
        Learner(model, [0], FineTuneConfig(frozen_layers=3))
