from __future__ import annotations

from pathlib import Path

from sklearn_chatsr.models import load_model
from training.evaluate import validation_tables
from training.evaluate_prompts import (
    Evaluation,
    Obedience,
    Recovery,
    summarise_obedience,
    summarise_recovery,
)

TINY = Path(__file__).parent.parent / "checkpoints" / "tiny"


def test_shares_are_averaged_by_kind():
    results = [
        Obedience("even", 0.0, 1.0, 0.5, 0.4, 1.0, 1.0, 0.5),
        Obedience("even", 0.5, 1.0, 0.5, 0.2, 1.0, 0.0, 0.0),
        Obedience("odd", 0.2, 0.4, 0.6, 0.1, 1.0, 1.0, 1.0),
    ]

    table = summarise_obedience(results)

    assert table["even"] == {
        "cases": 2,
        "without": 25.0,
        "seen": 100.0,
        "unseen": 50.0,
        "paraphrased": 30.0,
        "seen_drawn": 100.0,
        "unseen_drawn": 50.0,
        "paraphrased_drawn": 25.0,
    }
    assert table["all"]["cases"] == 3
    assert summarise_recovery(
        [
            Recovery(False, True, False, True, False),
            Recovery(True, True, False, False, True),
        ]
    ) == {
        "none": 50.0,
        "true": 100.0,
        "wrong": 0.0,
        "true_drawn": 50.0,
        "wrong_drawn": 50.0,
    }


def test_a_model_without_training_is_evaluated():
    model, processor = load_model(TINY, "cpu")
    tables = validation_tables(3, seed=0, n_rows=16)
    run = Evaluation(model, processor, n_candidates=8, hide_points=False, seed=0)

    results = [r for table in tables for r in run.obedience(table)]

    assert len(results) == 6
    assert all(0 <= r.seen <= 1 and 0 <= r.without <= 1 for r in results)
    # What is drawn for a prompt that is understood obeys; there may be nothing.
    assert {r.seen_drawn for r in results} <= {0.0, 1.0}
    assert isinstance(run.recovery(tables[0], tables[1]).none, bool)
