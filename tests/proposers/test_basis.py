from __future__ import annotations

import time

import numpy as np
import pytest

from sklearn_chatsr import ChatSRRegressor
from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.fitting import ConstantFitter
from sklearn_chatsr.proposers import Problem
from sklearn_chatsr.proposers.basis import BasisProposer, proposer
from sklearn_chatsr.proposers.basis.trees import complete_squares
from sklearn_chatsr.selection import Archive, DescriptionLength, resolution


def problem(X, y, **settings):
    floor = resolution(y).floor
    archive = Archive(DescriptionLength(len(y), float(np.var(y)), floor, X.shape[1]))
    return Problem(X, y, None, archive, **settings)


def search(X, y, seed=0, max_size=30, fvu_stop=1e-18):
    """Fit what is proposed, as the loop does, until a formula is exact."""
    task = problem(X, y, max_size=max_size)
    fitter = ConstantFitter(X, y)
    for batch in BasisProposer().propose(task, np.random.default_rng(seed)):
        for expression in batch:
            start = expression.constants
            fit = fitter.fit(expression.skeleton(), start=start, scale=True)
            if not fit.failed:
                task.archive.add(fit.expression, fit.loss, "basis")
        if min((c.fvu for c in task.archive), default=1.0) < fvu_stop:
            break
    return task.archive


def law_of(text, X):
    return Expression.from_infix(text).evaluate(X)


def positive(n_features, n_rows=400):
    return np.random.default_rng(1).uniform(0.5, 4, size=(n_rows, n_features))


def signed(n_features, n_rows=400):
    return np.random.default_rng(2).uniform(-2, 2, size=(n_rows, n_features))


def recovers(text, X, X_unseen):
    y = law_of(text, X)
    candidate = search(X, y).best("mdl")
    truth = law_of(text, X_unseen)
    residual = candidate.expression.evaluate(X_unseen) - truth
    exact = np.mean(residual**2) <= 1e-12 * np.var(truth)
    return exact and candidate.complexity <= 1.5 * Expression.from_infix(text).size


@pytest.mark.parametrize(
    "text",
    [
        "3*x2*tanh(x1/x3)",
        "x1 + x2*x3 - 2*cos(x2)",
        "x1^2*sqrt(x2)/(x2 + x3)",
        "sqrt(x1^2 + x2^2*x3)",
        "1/(1/x1 + x3/x2)",
        "asin(x1/(8*x2))",
        "log(1 + x1*x2)/x3",
        "(x1 + 2*x2)/(1 + x1*x3)",
        "(x1 - x2 + log(x3))/(1 + x1*x3)",
        "acos((x1/8 - x2/9)/(1 - x1*x2/72))",
        "(x1 + x2)/2 + sqrt((x1 - x2)^2/4 + x3^2)",
        "1/(11 + log(x1)/43 + log(x1)^3/114)",
        "x3 - x1*(1 + x1)^x2",
        "3*(x1 + x2) - sqrt((3*x1 + x2)*(x1 + 3*x2))",
        "4 + 3*log(x1) - (1 + log(x2))*x3 - log(x2)*log(x3)/2",
        "x1*((x2 - x3) - x4*(x5 - x6))",
    ],
)
def test_laws_of_positive_columns_are_recovered(text):
    n = max(3, len(Expression.from_infix(text).variables))

    assert recovers(text, positive(n), positive(n, 500)[400:])


@pytest.mark.parametrize(
    "text",
    [
        "x1*x2 + sin(x3)",
        "x1^4 - x1^3 + x2^2",
        "x3*exp(-x1^2)",
        "x1/(3 + x2)",
        "sin(x1)*sin(x2) + cos(x1)*cos(x2)*cos(x3)",
    ],
)
def test_laws_of_negative_inputs_are_recovered(text):
    assert recovers(text, signed(3), signed(3, 500)[400:])


def test_a_numerator_that_vanishes_with_its_divisor_is_found():
    X = signed(5)
    X[:, 1:4] = positive(3)
    hidden = np.random.default_rng(3).uniform(1, 4, len(X))
    X[:, 0] = hidden * law_of("x2 + x3*x4*sin(x5)", X)

    found = search(X, hidden).best("mdl")

    assert found.fvu < 1e-18
    assert found.complexity <= 12


def test_inner_constants_are_found_by_the_fit():
    X = positive(2)
    y = law_of("1.7*x2/(exp(0.61*x1) + 2.3)", X)

    assert search(X, y).best("r2").fvu < 1e-18


@pytest.mark.parametrize(
    "text",
    [
        "57.29577951308232*acos((x1 - x2)/(x1 + x2))",
        "57.29577951308232*atan(x1*x2/(x3 + 1))",
        "85/(1 + exp((0.6*x2 - x1)/1.7))",
        "11.2*log(x1*x2 + 3.1*x3)",
    ],
)
def test_targets_in_units_of_their_own_are_recovered(text):
    X = positive(3)

    assert recovers(text, X[:300], X[300:])


@pytest.mark.parametrize("scales", [(1e-12, 1e15, 1.0), (1e6, 1e-20, 1e18)])
def test_units_do_not_matter(scales):
    X = positive(2)
    y = law_of("sqrt(x1*x2) + x1^2/x2", X)

    best = search(X * scales[:2], y * scales[2]).best("mdl")

    assert best.fvu < 1e-18
    assert best.complexity <= 18


def test_many_columns_are_reduced_to_few():
    X = positive(8, 1000)
    y = law_of("x1*x2/(x3*((x4 - x5)^2 + x6*x7)*sqrt(x8))", X)

    assert search(X, y).best("mdl").fvu < 1e-18


def test_the_same_seed_gives_the_same_formulas():
    X = positive(3)
    y = law_of("x1*sin(x2) + log(x3)", X)

    def first_batches(seed):
        batches = BasisProposer().propose(problem(X, y), np.random.default_rng(seed))
        return [list(next(batches)) for _ in range(4)]

    assert first_batches(3) == first_batches(3)


@pytest.mark.parametrize(
    ("noise", "seconds", "turns"), [(0.0, 30.0, 0), (0.0, 5.0, 1), (0.5, 30.0, 2)]
)
def test_looks_for_laws_without_noise_wait_where_there_is_noise_or_little_time(
    noise, seconds, turns, monkeypatch
):
    rng = np.random.default_rng(4)
    X = rng.uniform(0.5, 4, (200, 2))
    y = law_of("x1*sin(x2)", X)
    y += noise * y.std() * rng.normal(size=200)
    ended, looked = 0, []

    def look(task, out_of_time):
        looked.append(ended)
        yield from ()

    monkeypatch.setattr(proposer, "second_look", look)
    monkeypatch.setattr(proposer, "first_look", lambda *_: ["x1"])
    monkeypatch.setattr(proposer, "reduced", lambda *_: [])
    monkeypatch.setattr(proposer, "search_stages", lambda *_: iter([None]))
    task = problem(X, y, deadline=time.monotonic() + seconds)
    for batch in BasisProposer().propose(task, np.random.default_rng(0)):
        ended += not batch
        if looked or ended > 4:
            break

    # Smaller problems may have theirs before anything is proposed.
    assert looked[0] == turns


def test_proposing_ends_at_the_deadline():
    X = signed(6, 1000)
    y = np.random.default_rng(0).normal(size=1000)
    next(BasisProposer().propose(problem(X, y), np.random.default_rng(0)))  # compiles
    start = time.monotonic()
    task = problem(X, y, deadline=start + 0.3)

    for _ in BasisProposer().propose(task, np.random.default_rng(0)):
        pass

    # A block of work of this size takes some tenths of a second on a busy machine.
    assert time.monotonic() - start < 3.0


def test_nothing_is_left_to_do_after_the_deadline():
    X = positive(2)
    task = problem(X, X[:, 0], deadline=time.monotonic() - 1)

    assert list(BasisProposer().propose(task, np.random.default_rng(0))) == []


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_no_long_formula_is_exact_by_coincidence(seed):
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1, 1, size=(600, 3))
    wave = np.cos(X @ rng.normal(size=(3, 12)) + rng.uniform(0, 6, 12))
    y = wave @ rng.normal(size=12)

    best = search(X[:300], y[:300]).best("mdl")

    unseen = best.expression.evaluate(X[300:])
    fvu = np.mean((unseen - y[300:]) ** 2) / np.var(y[300:])
    assert fvu < 5 * best.fvu + 1e-3


@pytest.mark.parametrize("noise", [0.01, 0.05])
def test_the_law_leads_under_noise(noise):
    X = positive(3, 500)
    clean = law_of("x1*exp(-x2) + x3", X)
    y = clean + noise * np.std(clean) * np.random.default_rng(0).normal(size=500)

    best = search(X, y).best("mdl")

    fvu = np.mean((best.expression.evaluate(X) - clean) ** 2) / np.var(clean)
    assert fvu < 0.05 * noise**2 + 1e-9
    assert best.complexity <= 14


def test_under_much_noise_the_loop_tells_the_law_from_curves_like_it():
    # A root beside a constant leaves as little of these rows as the exponential.
    X = positive(3, 500)
    clean = law_of("x1*exp(-x2) + x3", X)
    y = clean + 0.1 * np.std(clean) * np.random.default_rng(0).normal(size=500)

    model = ChatSRRegressor(proposers=("basis",), max_time=20, random_state=0)
    best = model.fit(X, y).expression_

    assert np.mean((best.evaluate(X) - clean) ** 2) < 1e-9 * np.var(clean)
    assert best.size <= 14


@pytest.mark.parametrize(
    ("X", "y"),
    [
        (np.zeros((30, 2)), np.arange(30.0)),
        (np.ones((3, 1)), np.ones(3)),
        (np.arange(40.0).reshape(-1, 1), np.full(40, 2.0)),
        (np.full((20, 1), np.nan), np.arange(20.0)),
    ],
)
def test_data_without_a_law_give_no_formula(X, y):
    assert list(BasisProposer().propose(problem(X, y), np.random.default_rng(0))) == []


def test_formulas_keep_to_the_size():
    X = positive(3)
    task = problem(X, law_of("x1*sin(x2) + log(x3)", X), max_size=9)

    sizes = [
        expression.size
        for batch in BasisProposer().propose(task, np.random.default_rng(0))
        for expression in batch
    ]

    assert 0 < max(sizes) <= 9


def test_few_rows_are_enough_for_a_short_law():
    X = np.random.default_rng(0).uniform(-1, 1, size=(20, 1))

    assert search(X, law_of("sin(x1) + x1^3", X)).best("mdl").fvu < 1e-18


def test_targets_with_zeros_and_extreme_values_raise_no_warning():
    X = signed(2, 100)
    X[0] = 0.0
    X[1] = 1e60
    y = X[:, 0] * 1e80
    y[5] = 0.0

    for batch in BasisProposer().propose(problem(X, y), np.random.default_rng(0)):
        assert all(np.isfinite(e.constants or ()).all() for e in batch)


def test_squares_are_completed():
    addends = [(2.0, ("sq", "x1")), (-8.0, "x1"), (1.0, "x2")]
    completed, constant = complete_squares(addends, 9.0)
    assert completed == [(1.0, "x2"), (2.0, ("sq", ("sub", "x1", "2")))]
    assert constant == 1.0


def test_a_lone_square_stays():
    addends = [(2.0, ("sq", "x1")), (1.0, "x2")]
    assert complete_squares(addends, 3.0) == (addends, 3.0)


def test_what_saturates_is_told_by_the_rows_that_do_not():
    X = np.random.default_rng(4).uniform([1, 0.1, 0.5], [6, 1, 3], (400, 3))
    law = "1 - exp(-(x1/x2)^x3)"
    assert np.mean(law_of(law, X) == 1) > 0.3

    assert search(X, law_of(law, X)).best("mdl").fvu < 1e-20


def test_rows_whose_sign_is_noise_do_not_hide_an_inverse():
    rng = np.random.default_rng(6)
    X = rng.uniform(0.1, 5, size=(400, 3))
    y = law_of("x1*x3/(1 + 0.3*x1*x3 + 0.5*x2)", X)
    noisy = y + 0.1 * y.std() * rng.normal(size=400)
    assert noisy.min() < 0

    archive = search(X, noisy)

    clean = [np.mean((c.expression.evaluate(X) - y) ** 2) / y.var() for c in archive]
    assert min(clean) < 4e-4
