"""Programs are fitted, judged, and polished in the time that is left."""

from __future__ import annotations

import time

import numpy as np
import pytest

from sklearn_chatsr.estimators.rows import price
from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.proposers.programs import scoring
from sklearn_chatsr.proposers.programs.scoring import Scorer


@pytest.fixture
def scorer():
    rng = np.random.default_rng(0)
    X = rng.uniform(1, 3, size=(60, 2))
    y = 2 * X[:, 0] + 0.1 * X[:, 1] ** 2 + 0.01 * rng.normal(size=60)
    rows = np.arange(60)
    scorer = Scorer(X, y, None, price(X, y, None), fit_rows=rows[:40], judge_rows=rows)
    for text in ("C*x1", "C*x1 + C", "C*x1 + C*x2", "C*x1 + C*x2^2", "C"):
        scorer.score(Expression.from_infix(text), "model")
    return scorer


@pytest.fixture
def refits(monkeypatch):
    """Collect the formulas that are fitted once more."""
    formulas = []
    refit = scoring.refit

    def counted(fitter, expression):
        formulas.append(expression)
        return refit(fitter, expression)

    monkeypatch.setattr(scoring, "refit", counted)
    return formulas


def test_when_the_time_is_over_the_best_program_alone_is_polished(scorer, refits):
    best = scorer.archive.best("mdl").expression
    scorer.limit = time.monotonic()

    archive, chosen = scorer.finish("mdl")

    assert refits == [best]
    assert chosen.r2 > 0.99
    # Whatever the answer is chosen by, the others are there.
    assert {c.expression.size for c in archive} >= {1, 3, 5}


def test_spelling_stops_when_the_time_is_over(scorer, monkeypatch):
    asked = []
    spell = scoring.spell_constants

    def slow(fit, fitter, cost):
        def asked_once(expression, loss):
            asked.append(cost(expression, loss))
            scorer.limit = time.monotonic()
            return asked[-1]

        return spell(fit, fitter, asked_once)

    monkeypatch.setattr(scoring, "spell_constants", slow)
    before = [c.expression for c in scorer.archive]

    scorer.spell_best()

    assert asked[0] < np.inf
    assert set(asked[1:]) == {np.inf}
    assert [c.expression for c in scorer.archive] == before
