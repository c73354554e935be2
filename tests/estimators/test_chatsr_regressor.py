from __future__ import annotations

import subprocess
import sys
import time
import warnings
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import sympy
from sklearn.exceptions import NotFittedError
from sklearn.metrics import r2_score

from sklearn_chatsr import ChatSRRegressor, Expression
from sklearn_chatsr.prompts import Constraints

# A short time may be over before the proposer has its say.
_ON_A_BUSY_MACHINE = pytest.mark.filterwarnings("ignore:No proposer gave a formula")


def test_an_exact_law_is_found_and_spelled(regressor, power_law):
    X, y = power_law

    regressor.fit(X, y)

    assert regressor.formula_ == "3*x1/x2^2"
    assert regressor.score(X, y) == 1.0
    assert regressor.to_sympy().equals(3 * _x(1) / _x(2) ** 2)
    assert regressor.to_latex() == r"\frac{3 \cdot x_{1}}{x_{2}^{2}}"


def _x(j):
    return sympy.Symbol(f"x{j}", real=True)


def test_noise_does_not_lengthen_the_law(regressor, noisy_line):
    X, y = noisy_line

    regressor.fit(X, y)

    assert regressor.expression_.variables == (0,)
    assert regressor.expression_.size <= 5
    slope_and_offset = sorted(np.abs(regressor.constants_))
    np.testing.assert_allclose(slope_and_offset, [0.913, 2.137], atol=0.1)


def test_confidence_intervals_hold_the_truth(regressor, noisy_line):
    regressor.fit(*noisy_line)

    table = regressor.confidence_intervals(0.99)

    for truth in (0.913, 2.137):
        inside = (table["low"].abs() - truth) * (table["high"].abs() - truth) < 0
        assert inside.any()
    with pytest.raises(ValueError, match="`level` == 2, must be between 0 and 1"):
        regressor.confidence_intervals(2)


def test_python_source_computes_the_prediction(regressor, noisy_line):
    X, y = noisy_line
    frame = pd.DataFrame(X, columns=["speed", "not an identifier"])
    regressor.fit(frame, y)

    namespace: dict = {}
    # Our own source, printed by the code under test.
    exec(regressor.to_python(), namespace)

    np.testing.assert_allclose(namespace["formula"](X[:, 0]), regressor.predict(frame))


def test_all_of_many_rows_count_in_constants_and_errors(regressor):
    rng = np.random.default_rng(0)
    # In the order of time, with a switch that the first 120,000 rows do not show.
    X = np.column_stack([np.arange(150_000) >= 120_000, rng.uniform(size=150_000)])
    y = X @ [3.31, 2.17] + rng.normal(0, 0.1, 150_000)

    regressor.fit(X, y)

    constants, errors = regressor.constants_, regressor.standard_errors_
    assert regressor.equations_["chosen"].sum() == 1
    regressor.refit(regressor.expression_, X, y)
    np.testing.assert_allclose(constants, regressor.constants_, rtol=1e-6)
    np.testing.assert_allclose(errors, regressor.standard_errors_, rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32])
@pytest.mark.parametrize("formula", ["C*(a - b) + a^3", "C*a^(-2) + b^2"])
def test_python_source_computes_whole_numbers_as_predict_does(
    regressor, formula, dtype
):
    k = np.arange(1, 101).astype(dtype)
    frame = pd.DataFrame({"a": k, "b": k[::-1]})
    regressor.refit(formula, frame, k.astype(float))

    namespace: dict = {}
    # Our own source, printed by the code under test.
    exec(regressor.to_python(), namespace)

    predicted = regressor.predict(frame)
    np.testing.assert_allclose(namespace["formula"](frame.a, frame.b), predicted)
    assert namespace["formula"](1, 100) == pytest.approx(predicted[0])


@pytest.mark.parametrize("names", [["x2", "x1"], ["x2", "a b"], ["x10", "x1"]])
def test_python_source_takes_columns_by_their_names(regressor, names):
    X = np.random.default_rng(0).uniform(1, 5, size=(20, 2))
    frame = pd.DataFrame(X, columns=names)
    regressor.refit(Expression.from_infix("C*x1/x2^2"), frame, 3.5 * X[:, 0])

    namespace: dict = {}
    # Our own source, printed by the code under test.
    exec(regressor.to_python(), namespace)

    named = {n if n.isidentifier() else "x2_": frame[n] for n in names}
    np.testing.assert_allclose(namespace["formula"](**named), regressor.predict(frame))


@pytest.mark.parametrize("names", [["µ", "μ"], ["ﬁ", "fi"]])
def test_python_source_tells_names_apart_that_python_reads_as_one(regressor, names):
    X = np.random.default_rng(0).uniform(1, 5, size=(20, 2))
    frame = pd.DataFrame(X, columns=names)
    regressor.refit(f"C*{names[0]}/{names[1]}^2", frame, 3.5 * X[:, 0] / X[:, 1] ** 2)

    source = regressor.to_python()

    namespace: dict = {}
    # Our own source, printed by the code under test.
    exec(source, namespace)
    np.testing.assert_allclose(namespace["formula"](*X.T), regressor.predict(frame))
    assert f"x1: column {names[0]!r}" in source


def test_the_table_shows_the_answer_among_shorter_and_longer(regressor, noisy_line):
    regressor.fit(*noisy_line)

    table = regressor.equations_

    assert table["chosen"].sum() == 1
    assert table["complexity"].is_monotonic_increasing
    assert set(table["source"]) <= {"baseline", "templates"}
    assert len(regressor.candidates_table()) == len(regressor.candidates_)


def test_the_table_shows_what_pays_for_its_length_and_the_answer(regressor, power_law):
    X, y = power_law
    noise = 0.05 * np.random.default_rng(1).normal(size=len(y))

    table = regressor.fit(X, y + noise).equations_

    shorter = table["bits"].cummin().shift(fill_value=np.inf)
    assert (table["chosen"] | (table["bits"] <= shorter + 12)).all()
    assert table["chosen"].sum() == 1


def test_constant_and_linear_models_always_compete(noisy_line):
    X, y = noisy_line
    long_line = np.random.default_rng(1).normal(size=(60, 9))

    few = ChatSRRegressor(proposers=("sums",), random_state=0).fit(X, y)
    many = ChatSRRegressor(proposers=("sums",), random_state=0)
    many.fit(long_line, long_line @ np.arange(1.0, 10.0))

    for regressor, least in ((few, 0.9), (many, 1 - 1e-12)):
        found = [c.r2 for c in regressor.candidates_ if c.source == "baseline"]
        assert len(found) >= 2
        assert max(found) > least


@pytest.mark.parametrize("max_size", [1, 3, 5])
def test_nothing_that_is_kept_is_larger_than_a_given_size(noisy_line, max_size):
    X, y = noisy_line
    regressor = ChatSRRegressor(
        proposers=("templates", "refinement"), max_size=max_size, random_state=0
    )

    regressor.fit(np.column_stack([X, X[:, ::-1]]), y)

    assert max(c.complexity for c in regressor.candidates_) <= max_size
    assert regressor.expression_.size <= max_size


def test_a_size_that_is_too_small_for_the_constraints_is_refused(regressor, power_law):
    regressor.set_params(max_size=1, constraints="contain sin")

    with pytest.raises(ValueError, match="at most 1 nodes are allowed"):
        regressor.fit(*power_law)


def test_baselines_have_the_constants_of_all_rows():
    X = np.random.default_rng(0).uniform(1, 5, size=(80, 2))
    y = np.where(np.arange(80) < 5, 1000, 1) * X[:, 0] / X[:, 1] ** 2
    regressor = ChatSRRegressor(
        proposers=("sums",), constraints=["ignore x1", "ignore x2"], random_state=0
    )

    regressor.fit(X, y)

    assert regressor.predict(X[:1]) == pytest.approx(y.mean())
    assert regressor.equations_["complexity"].tolist() == [1]


@pytest.mark.parametrize(("max_size", "is_found"), [(None, True), (30, False)])
def test_a_law_may_be_longer_than_what_is_not_exact(max_size, is_found):
    X = np.random.default_rng(0).uniform(0.5, 3, size=(300, 4))
    coefficients = np.random.default_rng(1).normal(size=(4, 3)).round(3)
    y = (np.stack([X, X**2, X**3], axis=2) * coefficients).sum(axis=(1, 2))
    regressor = ChatSRRegressor(
        proposers=("basis",), max_size=max_size, max_time=6, random_state=0
    )

    regressor.fit(X, y)

    size = regressor.expression_.size
    exact = np.mean((regressor.predict(X) - y) ** 2) < 1e-20 * np.var(y)
    assert (exact, size > 30) == (is_found, is_found)


@pytest.mark.parametrize(
    ("selection", "limit"), [("mdl", 12), ("r2", 100), (1, 1), (3, 3)]
)
def test_selection_decides_the_answer(noisy_line, selection, limit):
    regressor = ChatSRRegressor(
        proposers=("templates",), selection=selection, random_state=0
    )

    regressor.fit(*noisy_line)

    assert regressor.expression_.size <= limit
    if selection == "r2":
        best = min(c.loss for c in regressor.candidates_)
        chosen = [c for c in regressor.candidates_ if c.loss == best]
        assert regressor.expression_ in [c.expression for c in chosen]


def test_the_published_optimizer_finds_the_line_too(noisy_line):
    X, y = noisy_line
    regressor = ChatSRRegressor(
        proposers=("sums",), constant_optimizer="bfgs", random_state=0
    ).fit(X, y)

    assert regressor.score(X, y) > 0.9


def test_the_same_seed_gives_the_same_formula_whatever_n_jobs(noisy_line):
    fits = [
        ChatSRRegressor(
            proposers=("templates",), max_time=60, random_state=3, n_jobs=n_jobs
        ).fit(*noisy_line)
        for n_jobs in (None, 2)
    ]

    assert fits[0].expression_ == fits[1].expression_
    assert [c.expression for c in fits[0].candidates_] == [
        c.expression for c in fits[1].candidates_
    ]


def test_model_candidates_repeat_with_the_seed(tiny_regressor, noisy_line):
    first = tiny_regressor.fit(*noisy_line).candidates_
    again = tiny_regressor.fit(*noisy_line).candidates_

    assert [c.expression for c in first] == [c.expression for c in again]


def test_the_global_random_state_is_left_alone(tiny_regressor, noisy_line):
    import torch

    np.random.seed(5)  # noqa: NPY002
    torch.manual_seed(5)
    before = np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002

    tiny_regressor.fit(*noisy_line)

    np.testing.assert_array_equal(np.random.get_state()[1], before[0])  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), before[1])


@pytest.mark.parametrize("scale", [1e-20, 1e20])
def test_units_do_not_matter(regressor, power_law, scale):
    X, y = power_law

    regressor.fit(X * scale, y / scale)

    assert regressor.score(X * scale, y / scale) == pytest.approx(1.0)
    assert regressor.expression_.size <= 8


def test_weights_are_obeyed(regressor):
    rng = np.random.default_rng(0)
    X = rng.uniform(1, 2, size=(60, 1))
    y = np.where(np.arange(60) < 30, 2 * X[:, 0], 500 * rng.normal(size=60))

    regressor.fit(X, y, sample_weight=(np.arange(60) < 30).astype(float))

    assert regressor.formula_ == "2*x1"


@pytest.mark.parametrize("weight", [0.3, 1.0])
def test_one_row_of_positive_weight_gives_its_target(regressor, power_law, weight):
    X, y = power_law

    with pytest.warns(UserWarning, match="weights of all rows but one are zero"):
        regressor.fit(X, y, sample_weight=np.where(np.arange(len(y)) == 7, weight, 0))

    assert regressor.predict(X[:3]) == pytest.approx([y[7]] * 3)


def test_rows_held_out_judge_the_formula(regressor):
    rng = np.random.default_rng(0)
    X = rng.uniform(-2, 2, size=(5_000, 2))
    y = X[:, 0] * X[:, 1] + 0.1 * rng.normal(size=5_000)

    regressor.fit(X, y)

    assert regressor.formula_ == "x1*x2"
    loss = np.mean((y - regressor.predict(X)) ** 2)
    chosen = [c for c in regressor.candidates_ if c.expression == regressor.expression_]
    assert chosen[0].loss == pytest.approx(loss)


def test_refit_fits_the_constants_of_a_given_formula(regressor):
    X = pd.DataFrame({"t": np.linspace(0, 5, 40)})
    y = 3.0 * np.exp(-0.7 * X["t"])

    regressor.refit("C*exp(-C*t)", X, y)

    np.testing.assert_allclose(sorted(regressor.constants_), [0.7, 3.0])
    assert regressor.score(X, y) == pytest.approx(1.0)
    assert len(regressor.candidates_) == 1


def test_refit_starts_from_given_numbers_and_keeps_integers(regressor):
    X = np.linspace(0.5, 5, 40).reshape(-1, 1)
    y = 3.1 * X[:, 0] ** 2

    regressor.refit("2.0*x1^2", X, y)

    assert regressor.formula_ == "3.1*x1^2"


@pytest.fixture
def years():
    """Give a cubic about 1985 with noise: as a polynomial, its terms cancel."""
    X = np.arange(1950, 2020.0)[:, np.newaxis]
    noise = 0.5 * np.random.default_rng(0).normal(size=70)
    return X, 1e-3 * (X[:, 0] - 1985) ** 3 + noise


CUBIC = "C*x1^3 + C*x1^2 + C*x1 + C"


def test_printed_formulas_predict_what_the_formula_does(regressor, years):
    X, y = years

    regressor.refit(CUBIC, X, y)

    lost = 1 - regressor.score(X, y)
    for text in (
        Expression.from_infix(regressor.formula_),
        Expression.from_latex(regressor.to_latex()),
    ):
        assert 1 - r2_score(y, text.evaluate(X)) < 1.01 * lost
    assert 6 < regressor.digits_ < 17
    assert regressor.to_latex(digits=3).startswith(r"0.000984 \cdot x_{1}^{3} - 5.86 ")


@_ON_A_BUSY_MACHINE
def test_every_row_of_the_table_reads_back_as_good_as_it_says(years):
    X, y = years
    model = ChatSRRegressor(proposers=("basis",), max_time=2, random_state=0).fit(X, y)

    table = model.candidates_table()

    for text, r2 in zip(table["equation"], table["r2"], strict=True):
        read = r2_score(y, Expression.from_infix(text).evaluate(X))
        assert read == pytest.approx(r2, abs=0.01 * (1 - r2) + 1e-7)
    assert model.formula_ in list(table["equation"])


def test_printed_formulas_are_as_short_as_before_where_nothing_cancels(regressor):
    X = np.linspace(1, 5, 40)[:, np.newaxis]
    law, twice = np.pi * X[:, 0] + np.e, np.repeat(X, 2, axis=0)

    assert regressor.refit("C*x1 + C", X, law).formula_ == "3.14159*x1 + 2.71828"
    assert regressor.refit("C*x1", X, 2.5 * X[:, 0]).formula_ == "2.5*x1"
    assert regressor.refit("C", X, np.full(40, 1 / 3)).formula_ == "0.333333"
    around = np.repeat(law, 2) + np.tile([-0.1, 0.1], 40)
    assert regressor.refit("C*x1 + C", twice, around).digits_ == 6


def test_exact_laws_whose_terms_cancel_are_printed_with_their_digits(regressor):
    X = np.linspace(1e6, 1e6 + 1, 40)[:, np.newaxis]

    regressor.refit("C*x1 + C", X, np.pi * X[:, 0] - np.e)

    read = Expression.from_infix(regressor.formula_).evaluate(X)
    assert r2_score(regressor.predict(X), read) > 1 - 1e-7
    assert len(regressor.formula_) > len("3.14159*x1 - 2.71828")


def test_digits_survive_pickle_and_skops(regressor, years):
    import pickle

    import skops.io as sio

    regressor.refit(CUBIC, *years)
    dumped = sio.dumps(regressor)

    trusted = sio.get_untrusted_types(data=dumped)
    for twin in (
        pickle.loads(pickle.dumps(regressor)),
        sio.loads(dumped, trusted=trusted),
    ):
        assert twin.formula_ == regressor.formula_
        assert twin.to_latex() == regressor.to_latex()


def test_refit_folds_signs(regressor, years):
    regressor.refit(CUBIC, *years)

    assert "+ -" not in regressor.formula_
    assert "(-" not in regressor.formula_
    assert r"+ -" not in regressor.to_latex()
    assert r"\left(" not in regressor.to_latex()
    assert list(np.sign(regressor.constants_)) == [1, -1, 1, -1]


def test_refit_says_what_may_be_given(regressor, power_law):
    with pytest.raises(TypeError, match=r"must be text .* or an Expression, got int"):
        regressor.refit(3, *power_law)


def test_rows_outside_the_domain_are_told(regressor):
    X = np.linspace(0.5, 5, 40)[:, np.newaxis]
    regressor.refit("C*log(x1)", X, 2.5 * np.log(X[:, 0]))
    told = (
        r"2\.5\*log\(x1\) has no finite value on 2 of 3 rows, the first at position 1"
        r".* Leave these rows out, fit on rows like them, or `refit` another formula"
    )
    outside = [[1.0], [-1.0], [0.0]]

    with pytest.warns(UserWarning, match=told):
        predicted = regressor.predict(outside)
    with pytest.raises(ValueError, match=told):
        regressor.score(outside, [1, 2, 3])

    np.testing.assert_array_equal(predicted, [0, np.nan, np.nan])


def test_a_refused_fit_leaves_no_formula(regressor, power_law):
    with pytest.raises(ValueError, match="Unknown proposers"):
        regressor.set_params(proposers=("oracle",)).fit(*power_law)

    with pytest.raises(NotFittedError):
        regressor.predict(power_law[0])


@pytest.mark.parametrize(
    "refused",
    [
        lambda regressor, *data: regressor.refit("C*foo", *data),
        lambda regressor, *data: regressor.set_params(constraints="use foo").fit(*data),
    ],
    ids=["refit", "fit"],
)
def test_what_is_refused_leaves_the_fitted_formula_as_it_was(
    regressor, power_law, refused
):
    X, y = power_law
    frame = pd.DataFrame(X, columns=["a", "b"])
    regressor.refit("C*a/b^2", frame, y)
    formula, predicted = regressor.formula_, regressor.predict(frame)
    other = pd.DataFrame(X[:, [1, 0, 1]], columns=["b", "a", "c"])

    with pytest.raises(ValueError, match="foo"):
        refused(regressor, other, y)

    assert regressor.n_features_in_ == 2
    assert list(regressor.feature_names_in_) == ["a", "b"]
    assert regressor.formula_ == formula
    np.testing.assert_array_equal(regressor.predict(frame), predicted)


def test_refit_forgets_the_search(regressor):
    X = np.random.default_rng(0).uniform(1, 2, size=(40, 12))
    with pytest.warns(UserWarning, match="X has 12 columns"):
        regressor.fit(X, X[:, 0])

    for fitted in (regressor, ChatSRRegressor()):
        fitted.refit("C*x1", X[:, :2], X[:, 0])

        np.testing.assert_array_equal(fitted.selected_features_, [0, 1])
        assert fitted.interrupted_ is False


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("C*foo", "unknown name 'foo'"),
        ("C*x3", r"uses x3, but X has 1 column"),
        ("log(-1 - x1^2)", "no finite value"),
        ("import os", "unknown name 'import'"),
    ],
)
def test_refit_refuses_what_it_cannot_fit(regressor, formula, message):
    X = np.linspace(0, 1, 10).reshape(-1, 1)

    with pytest.raises(ValueError, match=message):
        regressor.refit(formula, X, X[:, 0])


def test_constant_targets_and_constant_columns(regressor):
    X = np.column_stack([np.arange(20.0), np.ones(20)])

    assert regressor.fit(X, np.full(20, 3.0)).formula_ == "3"
    assert regressor.fit(X, 2 * X[:, 0]).formula_ == "2*x1"
    constant_only = regressor.fit(X[:, 1:], X[:, 0])
    np.testing.assert_allclose(constant_only.predict(X[:, 1:]), 9.5)


def test_many_columns_are_selected_with_one_warning(regressor):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 25))

    with pytest.warns(UserWarning, match="X has 25 columns, of which the 10") as caught:
        regressor.fit(X, X[:, 17] * X[:, 22])

    assert len(caught) == 1
    assert regressor.formula_ == "x18*x23"
    assert {17, 22} <= set(regressor.selected_features_)


def test_a_forest_sees_few_of_very_many_columns(regressor, monkeypatch):
    from sklearn.ensemble import ExtraTreesRegressor

    widths = []
    fit = ExtraTreesRegressor.fit

    def recorded(self, X, *args):
        widths.append(X.shape[1])
        return fit(self, X, *args)

    monkeypatch.setattr(ExtraTreesRegressor, "fit", recorded)
    X = np.random.default_rng(0).normal(size=(300, 1_000))

    with pytest.warns(UserWarning, match="X has 1000 columns"):
        regressor.fit(X, X[:, 417] * X[:, 822])

    assert regressor.formula_ == "x418*x823"
    assert max(widths) <= 50


@pytest.mark.parametrize(("spent", "left"), [(0.5, 1.5), (5.0, 1.0)])
def test_choosing_columns_takes_of_the_time(
    regressor, power_law, monkeypatch, spent, left
):
    from sklearn_chatsr.estimators import chatsr

    given = []

    def slow(X, *args):
        now = time.monotonic() + spent
        monkeypatch.setattr(chatsr.time, "monotonic", lambda: now)
        return np.arange(X.shape[1])

    def recorded(table, settings, *args, **kwargs):
        monkeypatch.undo()
        given.append(settings.max_time)
        return search(table, settings, *args, **kwargs)

    search = chatsr.run_search
    monkeypatch.setattr(chatsr, "select_columns", slow)
    monkeypatch.setattr(chatsr, "run_search", recorded)

    regressor.set_params(max_time=2.0).fit(*power_law)

    assert left - 0.5 < given[0] <= left


@pytest.mark.parametrize("unit", [1e-12, 1e60])
def test_columns_are_selected_whatever_their_units(regressor, unit):
    X = unit * np.random.default_rng(0).normal(size=(300, 15))

    with pytest.warns(UserWarning, match="X has 15 columns") as caught:
        regressor.fit(X, X[:, 3] / unit * X[:, 12] / unit)

    assert len(caught) == 1
    assert {3, 12} <= set(regressor.selected_features_)


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        ([[np.nan], [1]], [1, 2], "NaN"),
        ([[np.inf], [1]], [1, 2], "infinity"),
        ([[1], [2]], [np.nan, 1], "NaN"),
        ([["a"], ["b"]], [1, 2], "could not convert string to float"),
        ([1.0, 2.0], [1, 2], "Expected 2D array"),
        ([[1.0], [2.0]], [1, 2, 3], "inconsistent numbers of samples"),
        ([[1.0]], [1], "minimum of 2 is required"),
        (np.empty((3, 0)), [1, 2, 3], r"0 feature\(s\)"),
    ],
)
def test_bad_input_is_refused_with_its_reason(regressor, X, y, message):
    with pytest.raises(ValueError, match=message):
        regressor.fit(X, y)


def test_sparse_input_is_refused_with_the_remedy(regressor):
    with pytest.raises(TypeError, match=r"Sparse data .* Use '.toarray\(\)'"):
        regressor.fit(scipy.sparse.eye(3).tocsr(), [1, 2, 3])


def test_zero_weights_are_refused(regressor, power_law):
    X, y = power_law

    with pytest.raises(ValueError, match=r"(?i)sample weights? .*zero"):
        regressor.fit(X, y, sample_weight=np.zeros(len(y)))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_candidates": 0}, "'n_candidates' parameter"),
        ({"selection": "best"}, "'selection' parameter"),
        ({"max_time": 0}, "'max_time' parameter"),
        ({"decoding": "greedy"}, "'decoding' parameter"),
        ({"proposers": ("oracle",)}, r"Unknown proposers \['oracle'\]. Allowed: "),
        ({"proposers": ()}, "`proposers` is empty: name at least one of templates"),
        ({"model": "no/such/folder"}, "No checkpoint at 'no/such/folder'"),
        ({"max_size": True}, "'max_size' parameter .* must not be a truth value"),
        ({"device": "foo"}, "`device` == 'foo', must be 'auto' or a torch device"),
    ],
)
def test_bad_parameters_are_refused_with_what_is_allowed(
    noisy_line, parameters, message
):
    with pytest.raises(ValueError, match=message):
        ChatSRRegressor(**parameters).fit(*noisy_line)


@pytest.mark.parametrize("max_time", [np.float32(3), Fraction(5, 2), 1e12])
def test_any_number_of_seconds_is_a_time(regressor, max_time):
    X = np.random.default_rng(0).uniform(1, 5, size=(30, 1))

    regressor.set_params(max_time=max_time).fit(X, 3 * X[:, 0])

    assert regressor.formula_ == "3*x1"


def test_an_unreadable_checkpoint_is_named(noisy_line, tmp_path):
    (tmp_path / "config.json").write_text("{")

    with pytest.raises(ValueError, match=str(tmp_path)):
        ChatSRRegressor(model=str(tmp_path), proposers=("model",)).fit(*noisy_line)


def test_an_answer_before_any_proposer_spoke_is_told(power_law):
    X, y = power_law
    regressor = ChatSRRegressor(max_time=0.01, random_state=0)

    with pytest.warns(UserWarning, match=r"No proposer .* 0.01 s: .* Raise `max_time`"):
        regressor.fit(X, y)

    # No search would find more.
    assert regressor.fit(X, X[:, 0]).formula_ == "x1"
    assert regressor.fit(X, np.ones(len(X))).formula_ == "1"


@_ON_A_BUSY_MACHINE
@pytest.mark.parametrize("max_time", [0.2, 1.0])
def test_max_time_is_a_ceiling(max_time):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2_000, 6))
    regressor = ChatSRRegressor(
        proposers=("templates",), max_time=max_time, random_state=0
    )
    regressor.fit(X[:20], X[:20, 0])  # kernels loaded

    start = time.perf_counter()
    regressor.fit(X, np.sin(3 * X[:, 0]) * X[:, 1] + rng.normal(size=2_000))

    assert time.perf_counter() - start < max_time + 0.5


def test_ctrl_c_returns_the_best_so_far(monkeypatch, noisy_line):
    from sklearn_chatsr.proposers import TemplateProposer

    propose = TemplateProposer.propose

    def interrupted(self, problem, rng):
        batches = propose(self, problem, rng)
        yield next(batches)
        raise KeyboardInterrupt

    monkeypatch.setattr(TemplateProposer, "propose", interrupted)
    regressor = ChatSRRegressor(proposers=("templates",), random_state=0)

    regressor.fit(*noisy_line)

    assert regressor.interrupted_
    assert regressor.score(*noisy_line) > 0.9


def test_progress_is_silent_unless_asked_for(noisy_line, capsys):
    X, y = noisy_line
    quiet = ChatSRRegressor(proposers=("templates",), random_state=0).fit(X, y)
    silent = capsys.readouterr()
    quiet.set_params(verbose=1).fit(X, y)
    drawn = capsys.readouterr()

    assert (silent.out, silent.err) == ("", "")
    assert "R2" in drawn.err
    assert "x1" in drawn.err


def test_fitting_leaks_no_warnings(regressor):
    X = np.random.default_rng(0).normal(size=(50, 3)) * [1e-300, 1, 1e150]

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        regressor.fit(X, X[:, 1])

    assert regressor.formula_ == "x2"


@pytest.mark.parametrize("scale", [1e200, 1e-200])
def test_targets_whose_squares_are_lost_are_refused(regressor, scale):
    X = np.arange(20.0)[:, None]

    for y in (scale * X[:, 0], np.full(20, scale)):
        with pytest.raises(ValueError, match="Multiply y by a power of ten"):
            regressor.fit(X, y)


def test_columns_whose_squares_are_lost_are_refused(regressor):
    X = np.arange(40.0).reshape(20, 2) * [1.0, 1e160]

    with pytest.raises(ValueError, match=r"3.9e\+161 in the column at position 1"):
        regressor.fit(X, X[:, 0])


def test_columns_whose_digits_vanish_are_refused(regressor):
    X = np.arange(40.0).reshape(20, 2) * [1.0, 1e-322]

    with pytest.raises(ValueError, match="position 1 of X: only between 1e-305 and"):
        regressor.fit(X, X[:, 0])


def test_columns_of_zeros_are_no_small_columns(regressor):
    X = np.arange(40.0).reshape(20, 2) * [1.0, 0.0]

    assert regressor.fit(X, X[:, 0]).formula_ == "x1"


def test_huge_weights_are_equal_weights(regressor, power_law):
    X, y = power_law

    regressor.fit(X, y, sample_weight=np.full(len(y), 1e308))

    assert (
        regressor.formula_
        == ChatSRRegressor(proposers=("templates",), random_state=0).fit(X, y).formula_
    )


@pytest.mark.parametrize("digits", [0, -1, 2.5, "x", True, ""])
def test_latex_needs_a_digit(regressor, power_law, digits):
    regressor.refit("C*x1/x2^2", *power_law)

    with pytest.raises(ValueError, match=f"`digits` == {digits!r}, must be a whole"):
        regressor.to_latex(digits)


@_ON_A_BUSY_MACHINE
def test_fewer_rows_than_a_basis_has_coefficients_do_no_harm():
    X = np.random.default_rng(0).uniform(1, 2, size=(5, 3))
    regressor = ChatSRRegressor(proposers=("basis",), max_time=2, random_state=0)

    regressor.fit(X, X[:, 0] * X[:, 1] + X[:, 2] ** 2)

    assert np.isfinite(regressor.predict(X)).all()


def test_prediction_needs_no_torch_and_takes_a_million_rows(
    tiny_regressor, noisy_line, tmp_path
):
    import pickle

    path = tmp_path / "fitted.pickle"
    path.write_bytes(pickle.dumps(tiny_regressor.fit(*noisy_line)))
    script = (
        "import pickle, sys, numpy as np\n"
        f"fitted = pickle.loads(open({str(path)!r}, 'rb').read())\n"
        "y = fitted.predict(np.zeros((1_000_000, 2)))\n"
        "assert y.shape == (1_000_000,)\n"
        "assert 'torch' not in sys.modules\n"
        "assert 'transformers' not in sys.modules\n"
    )

    subprocess.run([sys.executable, "-c", script], check=True)


def test_importing_the_package_is_light():
    script = (
        "import sys, sklearn_chatsr\n"
        "heavy = {'torch', 'transformers', 'sklearn', 'numba', 'sympy', 'pandas'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )

    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.parametrize("source", ["templates", "model"])
def test_constraints_bind_every_candidate(tiny_regressor, power_law, source):
    X, y = power_law
    frame = pd.DataFrame(X, columns=["a", "b"])
    tiny_regressor.set_params(
        proposers=(source,),
        n_candidates=16 if source == "model" else None,
        constraints=["avoid division", "use b"],
    )

    tiny_regressor.fit(frame, y)

    assert len(tiny_regressor.candidates_) > 3
    assert source in {c.source for c in tiny_regressor.candidates_}
    for candidate in tiny_regressor.candidates_:
        assert {"div", "inv"}.isdisjoint(candidate.expression.tokens)
        assert 1 in candidate.expression.variables


def test_a_size_limit_holds_for_the_answer(regressor, power_law):
    regressor.set_params(constraints="at most 3 nodes").fit(*power_law)

    assert all(c.expression.size <= 3 for c in regressor.candidates_)


@pytest.mark.parametrize(
    "given",
    [
        ["contain log", "contain exp"],
        ["contain sin", "contain sqrt"],
        "contain asin",
        ["contain sin", "at most 3 nodes"],
        ["contain exp", "avoid mul"],
        ["use x1", "use x2", "at most 3 nodes"],
        ["use x1", "use x2", "avoid add", "avoid sub", "avoid mul"],
    ],
)
def test_constraints_that_can_be_kept_have_an_answer(power_law, given):
    X, y = power_law
    rules = Constraints.read(given, ["x1", "x2"])

    regressor = ChatSRRegressor(proposers=("sums",), constraints=given, random_state=0)
    regressor.fit(X, y)

    assert rules.allow(regressor.expression_)
    assert np.isfinite(regressor.predict(X)).all()


def test_a_factor_stays_where_only_an_offset_breaks_a_rule(power_law):
    X = power_law[0]
    y = 3 * X[:, 0] + 0.1 * X[:, 1]
    regressor = ChatSRRegressor(
        proposers=("sums",), constraints="avoid add", random_state=0
    )

    regressor.fit(X, y)

    assert "mul" in regressor.expression_.tokens
    assert regressor.score(X, y) > 0.9


def test_what_obeys_may_be_found_by_a_search_alone(power_law, monkeypatch):
    monkeypatch.setattr(Constraints, "examples", lambda self, n_columns: [])
    regressor = ChatSRRegressor(
        proposers=("templates",),
        constraints=["contain exp", "at most 4 nodes"],
        random_state=0,
    )

    regressor.fit(*power_law)

    assert "exp" in regressor.expression_.tokens


def test_constraints_that_no_formula_was_found_for_are_refused_in_the_end(power_law):
    X, y = power_law
    regressor = ChatSRRegressor(
        proposers=("templates",),
        constraints=["contain log", "at most 2 nodes"],
        max_time=2,
        random_state=0,
    )

    with pytest.raises(ValueError, match="No formula that fits the data obeys"):
        regressor.fit(-X, y)


def test_columns_to_be_ignored_take_no_place_and_those_to_be_used_have_one(regressor):
    X = np.random.default_rng(0).normal(size=(100, 20))
    regressor.set_params(proposers=("sums",))

    rules = [f"ignore x{j}" for j in range(1, 11)]
    regressor.set_params(constraints=rules).fit(X, X[:, 0] + X[:, 10])
    assert regressor.selected_features_.tolist() == list(range(10, 20))

    with pytest.warns(UserWarning, match="X has 20 columns"):
        regressor.set_params(constraints="use x20").fit(X, X[:, :10].sum(axis=1))
    assert 19 in regressor.selected_features_
    assert 19 in regressor.expression_.variables

    rules = ["ignore x1", "ignore x2"]
    regressor.set_params(constraints=rules).fit(X[:, :2], X[:, 0])
    assert regressor.expression_.variables == ()


def test_constraints_that_cannot_be_kept_are_refused(regressor, power_law):
    with pytest.raises(ValueError, match="contradict each other"):
        regressor.set_params(constraints=["use x1", "ignore x1"]).fit(*power_law)
    with pytest.raises(ValueError, match="Cannot read the constraint 'use x3'"):
        regressor.set_params(constraints="use x3").fit(*power_law)


def test_a_selection_below_what_constraints_take_is_refused_before_the_search(
    regressor, power_law, monkeypatch
):
    from sklearn_chatsr.estimators import chatsr

    monkeypatch.setattr(chatsr, "run_search", lambda *_, **__: pytest.fail("searched"))
    regressor.set_params(constraints=["contain sin"], selection=1)

    with pytest.raises(ValueError, match=r"`selection` == 1, .* at least 2 nodes"):
        regressor.fit(*power_law)


def test_a_wrong_prompt_does_not_spoil_the_answer(tiny_regressor, power_law):
    prompt = "it contains sin, avoids division and ignores x1"

    tiny_regressor.set_params(prompt=prompt).fit(*power_law)

    assert tiny_regressor.formula_ == "3*x1/x2^2"


def test_a_prompt_that_says_nothing_is_told(tiny_regressor, power_law):
    with pytest.warns(UserWarning, match="Nothing in prompt='blargh' was understood"):
        tiny_regressor.set_params(prompt="blargh").fit(*power_law)


def test_a_long_prompt_is_not_repeated_whole(tiny_regressor, power_law):
    with pytest.warns(UserWarning, match="Nothing in prompt=") as caught:
        tiny_regressor.set_params(prompt="blargh " * 1_000).fit(*power_law)

    assert len(str(caught[0].message)) < 400


def test_what_only_the_model_heeds_is_told_to_be_without_effect(regressor, power_law):
    regressor.set_params(prompt="blargh", n_candidates=8, decoding="beam")

    told = "Without effect: `prompt`, `n_candidates`, `decoding`. "
    with pytest.warns(UserWarning, match=told) as caught:
        regressor.fit(*power_law)

    assert len(caught) == 1


@pytest.mark.parametrize("prompt", ["", "  \n"])
def test_a_blank_prompt_is_none(regressor, power_law, monkeypatch, prompt):
    from sklearn_chatsr.estimators import chatsr

    told = []
    search = chatsr.run_search

    def recorded(*args, prompt, **kwargs):
        told.append(prompt)
        return search(*args, prompt=prompt, **kwargs)

    monkeypatch.setattr(chatsr, "run_search", recorded)

    regressor.set_params(prompt=prompt).fit(*power_law)

    assert told == [None]


def _cold(body):
    """Run a fit on noise in a process of its own, where torch is not imported."""
    script = (
        "import sys, warnings, numpy as np\n"
        "from sklearn_chatsr import ChatSRRegressor\n"
        "rng = np.random.default_rng(0)\n"
        "X = rng.normal(size=(60, 2))\n"
        "y = X[:, 0] + rng.normal(size=60)\n"
        "warnings.simplefilter('error')\n"
        "common = dict(effort='fast', n_candidates=8, random_state=0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script + body], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_loading_the_model_that_is_the_only_proposer_takes_no_time_of_the_search():
    _cold(
        "r = ChatSRRegressor(proposers=('model',), max_time=3, **common).fit(X, y)\n"
        "assert 'model' in {c.source for c in r.candidates_}, r.equations_\n"
    )


def test_a_model_that_was_asked_for_and_had_no_time_is_told():
    _cold(
        "r = ChatSRRegressor(proposers=('model', 'evolution'), max_time=2, **common)\n"
        "with warnings.catch_warnings(record=True) as caught:\n"
        "    warnings.simplefilter('always')\n"
        "    r.fit(X, y)\n"
        "assert 'torch' not in sys.modules\n"
        "said = [str(w.message) for w in caught]\n"
        "assert len(said) == 1 and 'no formula within 2 s' in said[0], said\n"
        # A busy machine may leave the others no time either.
        "warnings.filterwarnings('ignore', 'No proposer gave a formula')\n"
        "ChatSRRegressor(max_time=2, **common).fit(X, y)\n"
    )


@pytest.mark.parametrize("n_rows", [2, 3, 4])
def test_a_handful_of_rows_is_answered_at_once(n_rows):
    X = np.arange(1.0, n_rows + 1)[:, np.newaxis]
    regressor = ChatSRRegressor(random_state=0).fit(X, 3 * X[:, 0])

    assert regressor.formula_ == "3*x1"
    assert {"model", "evolution"}.isdisjoint(c.source for c in regressor.candidates_)


def test_decimals_stay_short_when_all_rows_have_their_say(regressor):
    rng = np.random.default_rng(0)
    X = rng.uniform(1, 5, size=(600, 2))
    y = 0.7 * X[:, 0] * X[:, 1]

    regressor.fit(X, y + 1e-4 * rng.normal(size=600))

    assert regressor.expression_.to_infix() == "0.7*x1*x2"


def test_float32_targets_end_the_search_as_exact_ones_do(regressor):
    X = np.random.default_rng(0).uniform(1, 5, size=(300, 2)).astype(np.float32)
    regressor.set_params(proposers=("templates", "basis"), max_time=60)

    start = time.perf_counter()
    regressor.fit(X, X[:, 0] / X[:, 1] ** 2)

    assert regressor.formula_ == "x1/x2^2"
    assert time.perf_counter() - start < 5


@pytest.mark.parametrize(
    ("law", "formula"),
    [
        (lambda a, b: np.minimum(a, 2.5) * b, "x2*min(2.5, x1)"),
        (lambda a, b: 1.5 * np.maximum(a - 2, 0) + 1, "1.5*max(2, x1) - 2"),
        (lambda a, b: np.clip(a, 1.2, 3.3), "min(3.3, max(1.2, x1))"),
        (lambda a, b: a + 2 * np.maximum(a, 3.1), "x1 + 2*max(3.1, x1)"),
        (lambda a, b: 2 * np.abs(a - 1.234) + b, "x2 + 2*abs(x1 - 1.234)"),
        (lambda a, b: np.maximum(a - 2, 0) * b, "x2*max(0, x1 - 2)"),
    ],
)
def test_laws_with_a_threshold_are_found(regressor, law, formula):
    X = np.random.default_rng(0).uniform(0, 5, (400, 2))

    regressor.set_params(proposers=("templates",), max_time=30).fit(X, law(*X.T))

    assert regressor.formula_ == formula


@pytest.mark.parametrize("levels", [(1.0, 0.0), (1 / 3, 3 / 7)])
def test_a_target_of_two_levels_is_a_step(levels):
    x = np.random.default_rng(0).uniform(0, 20, (150, 1)).round(2)
    y = np.where(x[:, 0] < 12, *levels)
    regressor = ChatSRRegressor(
        proposers=("templates", "basis"), max_time=30, random_state=0
    )

    regressor.fit(x, y)

    beyond = regressor.predict([[-1000.0], [0.0], [11.9], [12.1], [20.0], [1000.0]])
    assert beyond == pytest.approx(np.repeat(levels, 3))
    assert regressor.expression_.size <= 12


def test_whole_numbers_of_a_law_are_written_as_such():
    X = np.random.default_rng(0).uniform(0.3, 5, size=(300, 2))
    y = X[:, 0] / (X[:, 0] + 2) + X[:, 1] + 3

    model = ChatSRRegressor(proposers=("basis",), max_time=60, random_state=0)

    # Both are the law, in as many nodes.
    ways = ("x2 + x1/(x1 + 2) + 3", "x2 - 2/(x1 + 2) + 4")
    assert model.fit(X, y).formula_ in ways


@pytest.mark.parametrize("n_rows", [25, 60, 150])
def test_a_line_with_scatter_is_answered_by_a_line(n_rows):
    lines = []
    for seed in range(4):
        rng = np.random.default_rng([seed, n_rows])
        X = rng.uniform(0, 10, size=(n_rows, 1))
        y = 1.4 * X[:, 0] + 3.0 + rng.normal(size=n_rows)
        found = ChatSRRegressor(proposers=("basis", "templates"), random_state=0)
        form = found.set_params(max_time=4).fit(X, y).expression_
        lines.append({"x1", "C", "add", "sub", "mul", "neg"}.issuperset(form.tokens))

    assert sum(lines) >= 3
