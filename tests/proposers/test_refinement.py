from __future__ import annotations

import time
import warnings
from dataclasses import replace

import numpy as np
import pytest

from sklearn_chatsr import ChatSRRegressor
from sklearn_chatsr.estimators.rows import price
from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.fitting import ConstantFitter
from sklearn_chatsr.proposers import Problem, RefinementProposer
from sklearn_chatsr.proposers.refinement import _with_fractions
from sklearn_chatsr.selection import Archive


def problem_of(X, law, *starts):
    """Give a problem whose archive holds fits of some formulas to the law."""
    y = Expression.from_infix(law).evaluate(X)
    archive = Archive(price(np.nan_to_num(X), y, None))
    fitter = ConstantFitter(X, y)
    for start in starts:
        fit = fitter.fit(Expression.from_infix(start))
        archive.add(fit.expression, fit.loss, "test", 0.0)
    deadline = time.monotonic() + 60
    return Problem(X, y, None, archive, deadline=deadline)


def first_turn(problem, seed=0):
    found = []
    for batch in RefinementProposer().propose(problem, np.random.default_rng(seed)):
        if not batch:
            break
        found += batch
    return found


def fvu(expression, X, y):
    return np.mean((expression.evaluate(X) - y) ** 2) / np.var(y)


@pytest.mark.parametrize(
    ("law", "start"),
    [
        ("x1 - 0.3*x2*log(x3)/x1", "x1 + C*log(x3)"),  # powers of a term
        ("x1*x2 + 5*(x3 - 1.7)^2", "C*x1*x2 + C"),  # a parabola beside it
        ("4*x1/(x2 - 0.3) - 0.02*x3*x1^2", "C*x1/(x2 + C)"),  # a power law beside it
        ("x1*(1 - 0.1*x2)^2.6", "C*x1*(1 + C*x2)"),  # a power of an inner sum
        ("exp(-0.4*x1 + 0.1*x2)", "C*exp(C*x1)"),  # a sum inside
    ],
)
@pytest.mark.parametrize("seed", range(2))
def test_what_is_missing_is_found(law, start, seed):
    rng = np.random.default_rng(seed)
    X = rng.uniform(1, 4, size=(200, 3))
    problem = problem_of(X, law, start)

    found = first_turn(problem, seed)

    unseen = rng.uniform(1, 4, size=(200, 3))
    y = Expression.from_infix(law).evaluate(unseen)
    assert min(fvu(e, unseen, y) for e in found) < 1e-12


@pytest.mark.parametrize(
    ("law", "start"),
    [
        ("tanh(1.4*x1 - 0.6*x2)", "C*atan(C*x1 + C*x2) + C"),
        ("3*x1/(x2 + 2)", "C*x1/(sin(C*x2) + C)"),
    ],
)
def test_under_noise_other_functions_stand_in(law, start):
    rng = np.random.default_rng(1)
    X = rng.uniform(-1, 1, size=(300, 2))
    problem = problem_of(X, law, start)
    noise = 0.05 * problem.y.std() * rng.normal(size=300)
    noisy = replace(problem, y=problem.y + noise)

    found = first_turn(noisy)

    fits = [ConstantFitter(X, problem.y).fit(e, start=e.constants) for e in found]
    assert min(fit.fvu for fit in fits) < 1e-20


def test_under_noise_curves_stand_in_for_parts_in_a_column():
    rng = np.random.default_rng(2)
    X = rng.uniform(0.2, [4.0, 1.4, 3.0], size=(200, 3))
    problem = problem_of(X, "x1*sin(x2) - 2*x3", "x1*(x2 - C*x2^3) + C*x3")
    noise = 0.05 * problem.y.std() * rng.normal(size=200)

    found = first_turn(replace(problem, y=problem.y + noise))

    key = Expression.from_infix("x1*sin(x2) - C*x3").canonical_key()
    assert key in {e.simplify().skeleton().canonical_key() for e in found}


def test_powers_come_as_fractions():
    X = np.random.default_rng(0).uniform(1, 4, size=(200, 2))
    problem = problem_of(X, "2.5*x1^2/sqrt(x2)", "C*x1 + C")

    found = first_turn(problem)

    # Which of the exact ones is closest, and in whose words, rounding decides.
    best = min(found, key=lambda e: fvu(e, X, problem.y)).simplify()
    assert fvu(best, X, problem.y) < 1e-20
    assert "sq" in best.tokens
    assert "sqrt" in best.tokens
    assert "pow" not in best.tokens


def test_nothing_is_added_to_an_exact_law_and_nothing_is_said_twice():
    X = np.random.default_rng(0).uniform(1, 4, size=(100, 2))
    assert first_turn(problem_of(X, "2*x1 + x2", "C*x1 + C*x2")) == []

    problem = problem_of(X, "x1*exp(x2)", "C*x1 + C")
    turns = RefinementProposer().propose(problem, np.random.default_rng(0))
    said = []
    for batch in turns:
        if not batch:
            break
        said += batch
    assert said
    assert next(turns) == []


@pytest.mark.parametrize(
    "X",
    [
        np.zeros((30, 2)),
        np.linspace(-1, 1, 30)[:, None],
        np.full((30, 1), np.nan),
        np.linspace(1, 2, 3)[:, None],
    ],
    ids=["constant", "signed", "nan", "three rows"],
)
def test_odd_tables_do_no_harm(X):
    y = np.linspace(1, 2, len(X))
    archive = Archive(price(np.nan_to_num(X), y, None))
    archive.add(Expression.from_infix("1.5"), 0.1, "test", 0.0)
    problem = Problem(X, y, None, archive, deadline=time.monotonic() + 10)

    for expression in first_turn(problem):
        assert np.isfinite(expression.evaluate(X)).all()


def test_a_power_that_runs_away_stays_a_number():
    tree = ("mul", ("pow", "x1", 8.9e25), ("pow", "x2", -1.98))

    assert _with_fractions(tree) == (
        "mul",
        ("pow", "x1", 8.9e25),
        ("inv", ("sq", "x2")),
    )


def test_a_fit_tells_what_refinement_found():
    X = np.random.default_rng(0).uniform(1, 4, size=(200, 2))
    y = X[:, 0] * (1 - 0.1 * X[:, 1]) ** 2.6

    regressor = ChatSRRegressor(
        proposers=("templates", "refinement"), random_state=0
    ).fit(X, y)

    assert regressor.score(X, y) > 1 - 1e-12
    exact = [c for c in regressor.candidates_ if c.r2 > 1 - 1e-12]
    assert {candidate.source for candidate in exact} == {"refinement"}


def test_refinement_alone_starts_from_the_baselines():
    X = np.random.default_rng(0).uniform(1, 3, size=(100, 2))
    y = 1.5 * X[:, 0] ** 2 / X[:, 1]

    regressor = ChatSRRegressor(proposers=("refinement",), random_state=0).fit(X, y)

    assert regressor.score(X, y) > 1 - 1e-12


def test_a_slope_whose_square_float64_cannot_hold_is_no_accident():
    # A column of 1e-90 beside a target of 1e70.
    X = np.random.default_rng(0).uniform(1, 3, (60, 2)) * [1e-90, 1.0]
    y = 1e70 * (X[:, 0] / 1e-90 - X[:, 1] ** 2)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = ChatSRRegressor(
            proposers=("templates", "refinement"), max_time=5, random_state=0
        ).fit(X, y)

    assert model.score(X, y) > 0.9


def test_numbers_that_are_too_large_together_are_left_out():
    X = np.random.default_rng(0).uniform([1e-27, 1], [5e-27, 4], size=(100, 2))
    y = X[:, 0] ** 3 * np.log(1 + X[:, 1]) * 1e78
    archive = Archive(price(X, y, None))
    # The two numbers come together where a variant is built.
    start = Expression.from_infix("2*((1e60*log(x2 + 1.1))*(1e60*x1^4.1))")
    archive.add(start, 1.0, "test", 0.0)
    problem = Problem(X, y, None, archive, deadline=time.monotonic() + 60)

    for expression in first_turn(problem):
        assert np.isfinite(expression.constants).all()
