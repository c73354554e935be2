from __future__ import annotations

import numpy as np
import pytest

from benchmarks.formulas import read_formula
from benchmarks.methods import METHODS, find_entries, find_entry, make
from benchmarks.notation import TABLE_CALLS, from_zero, rename, rewrite_calls

RNG = np.random.default_rng(0)
X = RNG.uniform(1, 3, (60, 2))
Y = 3 * X[:, 0] / X[:, 1]


def fitted(name, seconds=1.0):
    entry = find_entry(name)
    try:
        method = make(entry.target, entry.settings, seconds, 1, 1)
    except ImportError as error:
        pytest.skip(f"{name} is absent: {error}")
    method.fit(X, Y)
    return method


@pytest.mark.parametrize("name", ["linear", "random-forest", "gradient-boosting"])
def test_baselines_predict_and_tell_their_size(name):
    method = fitted(name)

    assert np.corrcoef(method.predict(X), Y)[0, 1] > 0.9
    assert method.version().startswith("scikit-learn")
    assert (method.formula() is None) == (method.size() is not None)


@pytest.mark.parametrize(
    "name", ["linear", "ours-templates", "gplearn", "operon", "rils-rols", "hroch"]
)
@pytest.mark.filterwarnings("ignore")  # the peers' own
def test_the_reported_formula_is_the_model(name):
    method = fitted(name)

    own = read_formula(method.formula(), ()).evaluate(X)
    # Operon predicts in float32.
    np.testing.assert_allclose(own, method.predict(X), rtol=1e-4)


def test_ours_finds_the_quotient_and_prints_every_setting():
    method = fitted("ours-templates", seconds=5.0)

    assert read_formula(method.formula(), ()).evaluate([[2.0, 4.0]])[0] == (
        pytest.approx(1.5)
    )
    assert method.settings["max_time"] == 5.0
    assert method.settings["proposers"] == ("templates",)
    assert method.settings["random_state"] == 1


def test_methods_are_found_by_name_and_by_path():
    entries = find_entries(["ours", "mine=package.module:Class", "ours"])

    assert [entry.name for entry in entries] == ["ours", "mine"]
    assert entries[1].target == "package.module:Class"
    assert {"operon", "operon-default", "gplearn", "pysr", "hroch"} <= set(METHODS)


@pytest.mark.parametrize("word", ["nothing", "mine=package.module"])
def test_a_method_that_is_not_known_is_an_error(word):
    with pytest.raises(ValueError, match=r"Unknown method|write name=module:Class"):
        find_entry(word)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cot(cot(x1))", "(1/tan((1/tan(x1))))"),
        ("aq(x1, sqrtabs(x2))", "((x1)/sqrt(1+(sqrt(abs(x2)))^2))"),
        ("sin(x1) + 2", "sin(x1) + 2"),
        ("powabs(f(a, b), c)", "(abs(f(a, b))^(c))"),
    ],
)
def test_calls_are_rewritten_inside_out(text, expected):
    assert rewrite_calls(text, TABLE_CALLS) == expected


def test_names_are_replaced_whole_and_at_once():
    names = from_zero("x", 12)

    assert rename("x0 + x1*x10 + exp(x11)", names) == "x1 + x2*x11 + exp(x12)"


def test_the_exponent_of_a_number_is_not_a_column():
    assert rename("2.5e-8*e + 1.e3", {"e": "x1"}) == "2.5e-8*x1 + 1.e3"


def test_an_open_bracket_is_an_error():
    with pytest.raises(ValueError, match="never closed"):
        rewrite_calls("cot(x", TABLE_CALLS)
