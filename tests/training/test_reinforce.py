from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch

from sklearn_chatsr.models import load_model
from sklearn_chatsr.models.chatsr import ExpressionGrammar
from sklearn_chatsr.prompts import Property
from training.progress import Schedule
from training.reinforce import (
    BatchConfig,
    GeneratorConfig,
    ReinforceConfig,
    Reinforcer,
    Told,
    Training,
)
from training.rollouts import log_probabilities, write_formulas

TINY = Path(__file__).parent.parent / "checkpoints" / "tiny"


@pytest.fixture
def tiny():
    model, processor = load_model(TINY, "cpu")
    return copy.deepcopy(model).eval(), processor


def told(prompt, *properties):
    rng = np.random.default_rng(3)
    X = rng.uniform(1, 3, (12, 2))
    return Told(X, X[:, 0] * X[:, 1], list(properties), prompt)


def prepared(processor, tables):
    inputs = processor(
        [t.X for t in tables], [t.y for t in tables], prompt=[t.prompt for t in tables]
    )
    return dict(inputs)


def test_log_probabilities_are_those_of_formulas_one_by_one(tiny):
    model, processor = tiny
    tables = [
        told("It contains no log."),
        told("A formula that is even in x1, please."),
    ]
    grammar = ExpressionGrammar(processor.tokenizer, 12, 2)

    written = write_formulas(
        model, prepared(processor, tables), grammar, 6, torch.Generator().manual_seed(0)
    )
    forbidden = torch.zeros((2, len(processor.tokenizer)), dtype=torch.bool)
    found, left = log_probabilities(
        model, prepared(processor, tables), written, forbidden
    )

    torch.testing.assert_close(left, torch.zeros_like(left), atol=1e-4, rtol=0)
    assert [
        sum(n for n, t in zip(written.counts, written.table, strict=True) if t == i)
        for i in range(2)
    ] == [6, 6]
    for tokens, index, value in zip(
        written.tokens, written.table, found.tolist(), strict=True
    ):
        processor.decode_expression(tokens)  # one whole formula
        alone = prepared(processor, [tables[index]])
        start = alone["input_ids"].shape[1]
        answer = torch.tensor([tokens])
        alone["input_ids"] = torch.cat([alone["input_ids"], answer], dim=1)
        alone["attention_mask"] = torch.ones_like(alone["input_ids"])
        scores = model(**alone).logits[0, start - 1 : -1].log_softmax(dim=-1)
        wanted = scores.gather(1, answer.T).sum()
        assert value == pytest.approx(float(wanted.detach()), abs=1e-3)


def test_what_a_prompt_forbids_becomes_rare(tiny):
    model, processor = tiny
    table = told("It contains no sum.", Property("avoids", ("sum",)))
    config = ReinforceConfig(tables=4, samples=32, hidden_rate=0.0)
    reinforcer = Reinforcer(model, processor, config, seed=0)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)

    shares = []
    for _ in range(30):
        loss, share = reinforcer.loss([table] * 4)
        shares.append(share)
        if loss is not None:
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()

    assert shares[0] < 0.2
    assert np.mean(shares[-5:]) > 0.7


def test_a_run_leaves_a_log_and_a_model(tiny, tmp_path):
    model, processor = tiny
    before = copy.deepcopy(model.state_dict())
    data = GeneratorConfig(pool_size=200, tables_per_skeleton=1, skeletons_per_chunk=64)
    run = Training(
        model,
        processor,
        tmp_path,
        Schedule(seconds=float("inf"), max_steps=2, learning_rate=1e-3),
        ReinforceConfig(tables=4, samples=4),
        data,
        BatchConfig(8),
        seed=0,
        loss_tables=0,
    )

    run.run(log_steps=1)

    rows = (tmp_path / "log.csv").read_text().splitlines()
    assert len(rows) == 4  # the head, the start, and two steps
    trained, _ = load_model(tmp_path / "model", "cpu")
    moved = [
        name
        for name, weight in trained.state_dict().items()
        if not torch.equal(weight, before[name].to(weight.dtype))
    ]
    assert moved
