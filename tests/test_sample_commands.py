from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from sklearn_chatsr.cli import main
from sklearn_chatsr.datasets import ChatSRSample, write_chatsr_json
from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.model_on_samples import inspect_sample, recover_sample
from sklearn_chatsr.models import load_model
from sklearn_chatsr.sample_commands import choose

TINY = str(Path(__file__).parent / "checkpoints" / "tiny")


@pytest.fixture(scope="module")
def samples():
    X = np.random.default_rng(0).uniform(1, 3, size=(200, 2))
    return [
        ChatSRSample.build("line", X, 2.5 * X[:, 0] - 1, Expression(["x1"])),
        ChatSRSample.build("sum", X, X.sum(axis=1), Expression(["add", "x1", "x2"])),
    ]


@pytest.fixture
def file(samples, tmp_path):
    path = tmp_path / "samples.json"
    write_chatsr_json(samples, path)
    return str(path)


def test_inspect_tells_the_loss_of_the_target_as_the_model_gives_it(samples):
    model, processor = load_model(TINY, "cpu")
    sample = ChatSRSample.build("s", samples[1].X[:40], samples[1].y[:40],
                                samples[1].expression)  # fmt: skip

    seen = inspect_sample(model, processor, sample, n_candidates=8)

    # Token by token, without labels and without the shift of the loss
    batch = processor([sample.X], [sample.y])
    ids, total = batch["input_ids"], 0.0
    target = processor.encode_expression(sample.expression)
    for token in target:
        batch["input_ids"] = ids
        batch["attention_mask"] = torch.ones_like(ids)
        with torch.inference_mode():
            log_p = model(**batch).logits[0, -1].log_softmax(dim=-1)
        total -= float(log_p[token])
        ids = torch.cat([ids, torch.tensor([[token]])], dim=1)
    assert seen.loss == pytest.approx(total / len(target), rel=1e-4)
    assert 0 < sum(p for _, p in seen.first_tokens) <= 1.0 + 1e-6
    assert max(seen.greedy.variables, default=0) <= 1
    assert all(isinstance(e, Expression) for e in seen.sampled)


def test_infer_fits_the_best_candidate_with_either_optimizer(samples):
    model, processor = load_model(TINY, "cpu")

    for optimizer in ("bfgs", "lm"):
        found = recover_sample(
            model, processor, samples[0], n_candidates=32, optimizer=optimizer
        )

        predicted = found.fit.expression.evaluate(samples[0].X)
        error = np.mean((predicted - samples[0].y) ** 2)
        assert found.mse == pytest.approx(error, rel=1e-6, abs=1e-12)
        assert found.r2 == pytest.approx(1 - error / samples[0].y.var(), abs=1e-9)


def test_infer_writes_results_for_scripts(file, tmp_path, capsys):
    out = tmp_path / "results.json"

    status = main(["infer", file, "all", "--model", TINY, "--json", str(out)])

    results = json.loads(out.read_text())
    assert status == 0
    assert [r["id"] for r in results] == ["line", "sum"]
    assert "R2 above 0.999:" in capsys.readouterr().out


def test_a_file_that_cannot_be_written_is_told_beforehand(file, tmp_path, capsys):
    out = tmp_path / "none" / "results.json"

    assert main(["infer", file, "all", "--model", TINY, "--json", str(out)]) == 2

    told = capsys.readouterr()
    assert "The folder must exist" in told.err
    assert not told.out


def test_inspect_prints_what_the_model_does(file, capsys):
    assert main(["inspect", file, "sum", "--model", TINY, "--n-candidates", "4"]) == 0

    out = capsys.readouterr().out
    for part in ("target   x1 + x2", "nats per token", "first", "greedy"):
        assert part in out


def test_inspect_lists_without_a_model(file, capsys):
    assert main(["inspect", file, "--list", "--model", "/nowhere"]) == 0

    assert "1  sum  200 points  x1 + x2" in capsys.readouterr().out


def test_a_terminal_is_asked_until_it_has_enough(file, capsys, monkeypatch):
    terminal = io.StringIO("9\nline\nq\n")
    terminal.isatty = lambda: True
    monkeypatch.setattr("sys.stdin", terminal)

    assert main(["infer", file, "--model", TINY, "--n-candidates", "8"]) == 0

    out = capsys.readouterr().out
    assert "No sample '9': the file has 2" in out
    assert "line: " in out


def test_without_a_terminal_the_samples_must_be_named(file, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(""))

    assert main(["infer", file]) == 2

    assert "Name the samples" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "places"),
    [(["1"], [1]), (["0-1"], [0, 1]), (["all"], [0, 1]), (["sum", "line"], [1, 0])],
)
def test_samples_are_chosen_by_number_range_and_id(samples, words, places):
    assert choose(samples, words) == places


@pytest.mark.parametrize("word", ["2", "1-0", "0-5", "other", "x-y"])
def test_what_names_no_sample_is_an_error(samples, word):
    with pytest.raises(ValueError, match=f"No sample '{word}'"):
        choose(samples, [word])
