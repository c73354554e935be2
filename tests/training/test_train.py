"""A small training, stopped and resumed."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import torch

from sklearn_chatsr.models import load_model
from training.curves import curves_data, plot_curves
from training.tokenizer import build_processor
from training.train import build_model, build_trainer, parse_arguments

pytest.importorskip("accelerate")


def train(out, max_steps, *more):
    trainer = build_trainer(
        parse_arguments(
            [
                *("--out", str(out), "--max-steps", str(max_steps)),
                *("--seconds", "inf", "--pool-size", "200", "--batch-size", "8"),
                *("--hidden-size", "64", "--layers", "1", "--log-steps", "1"),
                *("--warmup-steps", "2", "--loss-tables", "16"),
                *("--eval-tables", "1", "--eval-candidates", "4"),
                *("--precision", "bfloat16", *more),
            ]
        )
    )
    trainer.run()
    return trainer


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of ten steps, then of fourteen by nearly the same command."""
    out = tmp_path_factory.mktemp("train") / "run"
    train(out, 10)
    weights = load_model(out / "model", "cpu")[0].state_dict()
    before = {name: value.clone() for name, value in weights.items()}
    return out, before, train(out, 14)


@pytest.mark.slow
def test_a_run_resumes_where_it_stopped(run):
    out, before, resumed = run

    steps = [int(row["step"]) for row in rows(out / "losses.csv")]
    assert steps == list(range(1, 15))
    assert resumed.progress.step == 14
    assert resumed.progress.samples == 14 * 8
    moved = resumed.model.state_dict()["lm_head.weight"] - before["lm_head.weight"]
    # Four steps from the weights at step 10: not equal, and not from scratch.
    assert 0 < moved.abs().max() < 4 * 1.5e-3 * 2


@pytest.mark.slow
def test_an_evaluation_tells_losses_and_recovery(run):
    last = rows(run[0] / "log.csv")[-1]

    assert int(last["step"]) == 14
    assert float(last["loss_given"]) > 0
    assert float(last["loss_points"]) > 0
    assert float(last["loss_hidden"]) > 0
    for name in ("recovered_given", "recovered_hidden"):
        assert 0.0 <= float(last[name]) <= 100.0
    assert float(last["learning_rate"]) == 0.0


@pytest.mark.slow
def test_the_curves_are_drawn(run):
    pytest.importorskip("matplotlib")
    assert (run[0] / "curves.png").stat().st_size > 1000

    data = curves_data(run[0])
    losses = plot_curves(data).axes[0]

    assert data.steps["step"].tolist() == list(range(1, 15))
    assert losses.lines[0].get_ydata().tolist() == data.steps["loss"].tolist()


@pytest.mark.slow
def test_a_checkpoint_holds_no_code(run):
    checkpoint = run[0] / "checkpoint-14"
    names = {path.name for path in checkpoint.iterdir()}

    assert "training_args.bin" not in names
    torch.load(checkpoint / "optimizer.pt", weights_only=True)


def test_curves_need_a_log(tmp_path):
    with pytest.raises(ValueError, match=r"No log\.csv"):
        curves_data(tmp_path)


def test_a_fresh_encoder_tells_tables_apart():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, size=(16, 64, 2))
    laws = (X[..., 0] * X[..., 1], X[..., 0] - X[..., 1], np.sin(9 * X[..., 0]))
    points = np.zeros((48, 64, 11), dtype=np.float32)
    points[..., :2] = np.concatenate([X] * 3)
    points[..., -1] = np.concatenate(laws)
    columns = torch.zeros((48, 11), dtype=torch.bool)
    columns[:, [0, 1, 10]] = True
    encoder = build_model(build_processor(), seed=0).model.point_encoder

    with torch.no_grad():
        features = encoder(
            torch.from_numpy(points), torch.ones((48, 64), dtype=torch.bool), columns
        )

    # Between tables, of all; with large queries it was 0.04.
    assert features.std(dim=0).mean() > 0.1 * features.std()


@pytest.mark.parametrize("is_faster", [False, True])
def test_the_faster_precision_is_the_default(tmp_path, monkeypatch, is_faster):
    monkeypatch.setattr("training.train.bfloat16_is_faster", lambda: is_faster)
    arguments = ["--out", str(tmp_path), "--pool-size", "200", "--hidden-size", "64"]

    trainer = build_trainer(parse_arguments([*arguments, "--layers", "1"]))

    assert trainer._wants_half == (is_faster and not torch.cuda.is_available())
