"""Prunings take out one operator at a time."""

from __future__ import annotations

import numpy as np
import pytest

from sklearn_chatsr.expressions import Expression, prunings, without_idle_addends


def _pruned(text: str) -> set[str]:
    return {str(e) for e in prunings(Expression.from_infix(text))}


def test_a_curve_is_replaced_by_its_argument():
    assert "0.001*x1" in _pruned("atan(0.001*x1)")


def test_a_saturated_arctangent_is_replaced_by_the_inverse():
    assert "1/(x1 + x2)" in _pruned("atan(x1 + x2)")


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("3 - 5*cos(x1/8 + x2)", "3 - 5*(x1/8 + x2)^2"),
        ("7000 - 7000*(x1/x2)^0.001", "7000 - 7000*log(x1/x2)"),
        ("x2*sin(x1 + 1.5707)", "x2*cos(x1)"),
        ("x2 + x2*cos(x1 - 1.5707)", "x2 + x2*sin(x1)"),
        ("1 - x1*sin(x2 - 1.5707)", "1 + x1*cos(x2)"),
    ],
)
def test_a_function_of_small_values_is_replaced_by_its_limit(text, limit):
    assert str(Expression.from_infix(limit).simplify()) in _pruned(text)


@pytest.mark.parametrize(
    ("text", "shorter"),
    [
        ("2.1*x1 - 2.05*exp(x2)", "2.1*(x1 - exp(x2))"),
        ("2.1*x1 - (-2.05)*exp(x2)", "2.1*(x1 + exp(x2))"),
        ("x1*(log(1 + x2) - log(x3))", "x1*log((1 + x2)/x3)"),
        ("log(x1 + x2) + log(x3)", "log((x1 + x2)*x3)"),
    ],
)
def test_terms_share_a_factor_and_logarithms_merge(text, shorter):
    assert str(Expression.from_infix(shorter).simplify()) in _pruned(text)


def test_factors_that_differ_stay():
    assert "2.1*(x1 - exp(x2))" not in _pruned("2.1*x1 - 1.5*exp(x2)")


@pytest.mark.parametrize("left", ["x1", "x2", "x3"])
def test_every_addend_is_left_out(left):
    others = {"x1", "x2", "x3"} - {left}
    assert " + ".join(sorted(others)) in _pruned("x1 + x2 + x3")


def test_constants_keep_their_values():
    pruned = prunings(Expression.from_infix("2.5*x1 + sin(x2)"))
    values = [float(e.evaluate([[2.0, 0.3]])[0]) for e in pruned]
    assert any(np.isclose(values, 5.0))


def test_nothing_is_left_of_a_variable():
    assert prunings(Expression.from_infix("x1")) == []


def test_addends_of_rounding_size_are_taken_out_at_any_depth():
    formula = Expression.from_infix("(3*x1 - 4e-16*x2)/x2^2 + 2e-17*sin(x1) - 3e-16")
    X = np.random.default_rng(0).uniform(1, 5, size=(40, 2))

    assert str(without_idle_addends(formula, X, lambda e: True)) == "3*x1/x2^2"


def test_addends_that_matter_stay():
    formula = Expression.from_infix("1e-6*x1 - 5 + 1e-9*x2")
    X = np.random.default_rng(0).uniform(1, 1e4, size=(40, 2))

    assert without_idle_addends(formula, X, lambda e: True) == formula


def test_an_idle_addend_stays_where_the_rest_is_not_allowed():
    formula = Expression.from_infix("x1 - 4e-17*sin(x2) - 1e-17")
    X = np.random.default_rng(0).uniform(1, 5, size=(40, 2))

    shorter = without_idle_addends(formula, X, lambda e: "sin" in e.tokens)

    assert str(shorter) == "x1 - 4e-17*sin(x2)"


def test_what_simplifying_would_write_otherwise_is_left_as_it_is():
    formula = Expression.from_infix("(x1/x2 - 4e-17)/x2")
    X = np.random.default_rng(0).uniform(1, 5, size=(40, 2))

    shorter = without_idle_addends(formula, X, lambda e: "sq" not in e.tokens)

    assert str(shorter) == "x1/x2/x2"
