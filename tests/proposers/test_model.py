import time
from pathlib import Path

import numpy as np
import pytest

from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.models import load_model
from sklearn_chatsr.prompts import Constraints, Prompt
from sklearn_chatsr.proposers import Problem
from sklearn_chatsr.proposers.model import (
    DrawSettings,
    ModelProposer,
    _rename,
    _shares,
    _view,
    draw,
)

TINY = Path(__file__).parent.parent / "checkpoints" / "tiny"


def problem_of(n_rows=300, n_columns=3, **kwargs):
    rng = np.random.default_rng(0)
    X = rng.uniform(1.0, 5.0, size=(n_rows, n_columns))
    kwargs.setdefault("deadline", time.monotonic() + 60.0)
    return Problem(X=X, y=X.sum(axis=1), sample_weight=None, archive=None, **kwargs)


@pytest.fixture(autouse=True)
def loaded():
    load_model(TINY)


def proposed(problem, seed=0, **kwargs):
    proposer = ModelProposer(TINY, **{"batch_size": 32, **kwargs})
    return list(proposer.propose(problem, np.random.default_rng(seed)))


def test_batches_are_new_skeletons_within_the_table_and_the_size():
    batches = proposed(problem_of(max_size=9), n_candidates=160)
    keys = [e.canonical_key() for batch in batches for e in batch]
    assert len(set(keys)) == len(keys)
    for expression in (e for batch in batches for e in batch):
        assert expression.is_skeleton
        assert expression.size <= 9
        assert set(expression.variables) <= {0, 1, 2}


def test_same_seed_same_proposals():
    first, second, other = (
        proposed(problem_of(), seed=s, n_candidates=96) for s in (1, 1, 2)
    )
    assert first == second
    assert first != other


def test_the_prompt_and_the_deadline_reach_the_model(monkeypatch):
    from sklearn_chatsr.models import chatsr

    seen = []

    def record(*args, **kwargs):
        seen.append(kwargs)
        return [Expression(["x1"])]

    monkeypatch.setattr(chatsr, "generate_candidates", record)
    problem = problem_of(n_columns=1, prompt="periodic in x1")
    assert proposed(problem, n_candidates=40) == [[Expression(["x1"])]]
    # The answer does not obey, so the model is asked once more.
    assert [k["n_candidates"] for k in seen] == [16, 16, 16, 4, 4, 4]
    told = "It is periodic in x1."
    assert [k["prompt"] for k in seen] == [told, told, None] * 2
    assert {k["deadline"] for k in seen} == {problem.deadline}


@pytest.mark.parametrize("seconds", [0.0, 0.5])
def test_the_deadline_is_kept(seconds):
    problem = problem_of(deadline=time.monotonic() + seconds)
    proposed(problem, batch_size=1024)
    assert time.monotonic() - problem.deadline < 0.3


def test_a_table_that_is_too_wide_is_an_error():
    with pytest.raises(ValueError, match=r"11 columns, the model takes at most 10"):
        proposed(problem_of(n_columns=11), n_candidates=1)


def test_the_first_view_is_whole_and_later_ones_differ():
    problem = problem_of(n_rows=50, n_columns=5)
    rng = np.random.default_rng(0)
    rows, columns = _view(problem, rng, 128, whole=True)
    assert rows.tolist() == list(range(50))
    assert columns.tolist() == list(range(5))
    views = [_view(problem, rng, 128, whole=False) for _ in range(30)]
    assert len({tuple(c) for _, c in views}) > 10
    assert {len(c) for _, c in views} > {5}
    for rows, columns in views:
        assert 25 <= len(rows) <= 50
        assert len(set(rows)) == len(rows)
        assert len(set(columns)) == len(columns)


def test_rows_of_weight_zero_are_not_shown_when_others_suffice():
    weight = np.zeros(300)
    weight[:200] = 1.0
    problem = problem_of()
    weighted = Problem(X=problem.X, y=problem.y, sample_weight=weight, archive=None)
    rows, _ = _view(weighted, np.random.default_rng(0), 128, whole=False)
    assert rows.max() < 200


def test_candidates_are_written_in_the_columns_of_the_table():
    candidate = Expression(["div", "x1", "sq", "x2"])
    assert _rename(candidate, np.array([4, 0])).tokens == ("div", "x5", "sq", "x1")


def test_half_of_the_candidates_are_drawn_without_the_prompt():
    prompt, columns = Prompt("It is even in x1."), np.arange(2)
    assert _shares(prompt, columns, 9) == [(prompt, 5), (None, 4)]
    assert _shares(None, columns, 9) == [(None, 9)]


@pytest.mark.parametrize("text", ["It is even in x1.", "contains sin but no exp"])
def test_what_is_drawn_for_a_prompt_obeys_it(text):
    model, processor = load_model(TINY, "cpu")
    rng = np.random.default_rng(0)
    X = rng.uniform(1, 2, (20, 2))
    prompt = Prompt(text)

    drawn = draw(
        model,
        processor,
        X,
        X[:, 0] ** 2,
        n_candidates=64,
        rules=Constraints(()),
        prompt=prompt,
        columns=np.arange(2),
        rng=rng,
        settings=DrawSettings(),
    )

    assert drawn
    assert all(p.holds(e) for e in drawn for p in prompt.properties)
