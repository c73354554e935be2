from __future__ import annotations

import re
from pathlib import Path

import pytest

from sklearn_chatsr.models import load_model
from sklearn_chatsr.prompts import PropertyDrawer
from training import evaluate_language
from training.evaluate_language import draw_cases, obedience, preference, validity

TINY = Path(__file__).parent.parent / "checkpoints" / "tiny"


@pytest.fixture(scope="module")
def cases():
    return draw_cases(8, seed=0)


def test_prompts_are_true_and_others_come_from_tables_as_wide(cases):
    drawer = PropertyDrawer()

    assert len(cases) >= 4
    for case in cases:
        assert drawer.check(case.item, case.tables.expression)
        width = case.tables.X.shape[2]
        assert case.other != case.own
        assert all(int(i) <= width for i in re.findall(r"x(\d+)", case.other))


def test_without_the_mask_random_weights_write_no_expressions(cases):
    model, processor = load_model(TINY, "cpu")

    shares = validity(model, processor, cases, n_sequences=8)

    assert shares["masked"] == 100.0
    assert shares["free"] < 20.0
    assert shares["sequences"] == 8 * len(cases)


def test_random_weights_do_not_read_prompts(cases):
    model, processor = load_model(TINY, "cpu")

    law = preference(model, processor, cases, hide_points=True)
    shares = obedience(model, processor, cases, n_candidates=8, hide_points=True)

    # Two tokens in five hundred differ at random: the law is as probable as before.
    assert law["own"] == pytest.approx(law["other"], rel=0.02)
    assert abs(shares["own_minus_other"]) <= 2 * shares["half_width"] + 5
    assert all(0 <= shares[k] <= 100 for k in ("without", "own", "unseen", "other"))


def test_the_command_prints_and_writes(tmp_path, monkeypatch, capsys):
    out = tmp_path / "result.json"
    argv = ["evaluate_language", str(TINY), "--n-tables", "6", "--n-candidates", "4"]
    monkeypatch.setattr("sys.argv", [*argv, "--out", str(out)])

    evaluate_language.main()

    assert '"masked": 100.0' in capsys.readouterr().out
    assert "candidates, hidden" in out.read_text()
