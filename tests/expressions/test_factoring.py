from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from sklearn_chatsr.expressions import Expression, factored, with_integers

from .strategies import POINTS, agree, expressions


@given(expressions)
@settings(max_examples=400, deadline=None)
def test_values_never_change_and_nothing_grows(expression):
    found = factored(expression)

    assert agree(expression.evaluate(POINTS), found.evaluate(POINTS))
    assert found.size <= expression.size


@pytest.mark.parametrize(
    ("text", "shorter"),
    [
        ("x1*x2 + x1*x3", "x1*(x2 + x3)"),
        ("x1/x2 + x3/x2", "(x1 + x3)/x2"),
        ("x1/(x2/x3 + x4/x3)", "x1*x3/(x2 + x4)"),
        ("(1 + x1/x3)/(1 + x2/x3)", "(x1 + x3)/(x2 + x3)"),
        ("x4 + x1*x2 + x1*x3", "x4 + x1*(x2 + x3)"),
        ("sin(x1*x2 - x1*x3)", "sin(x1*(x2 - x3))"),
        ("exp(2.3*x1 - 2.3*x2)", "exp(2.3*(x1 - x2))"),
        ("(x1 + x2)^2 - 2*x1*x2", "x1^2 + x2^2"),
        ("0.3*(x1 - 10)^2 + 6*x1 - 30", "0.3*x1^2"),
        ("x1^2 - 2*(x1*x2 + x3*x4) + x2^2 + x3^2 + x4^2", "(x1 - x2)^2 + (x3 - x4)^2"),
        ("4*x1^2 + 12*x1*x2 + 9*x2^2", "4*(x1 + 3*x2/2)^2"),
        ("x1^4 - 2*x1^2 + 1 + x2", "(x1^2 - 1)^2 + x2"),
        ("x1*x2 + 2*x1 + x2^2 + 5*x2 + 6", "(x2 + 2)*(x1 + x2 + 3)"),
        ("x1*x2*x3 + 2.5*x1*x2 + 2*x2*x3^2 + 5*x2*x3", "x2*(x1 + 2*x3)*(x3 + 2.5)"),
        ("x1^2*x2 + x1^2*x3 + x1*x2^2 + x1*x2*x3 - x4", "x1*(x1 + x2)*(x2 + x3) - x4"),
        ("x1^2 + x2^2 + x3^2 + 2*x1*x2 + 2*x1*x3 + 2*x2*x3", "(x1 + x2 + x3)^2"),
        ("1/x1^2 + 2/(x1*x2) + 1/x2^2", "((x1 + x2)/(x1*x2))^2"),
        (
            "0.0013*x1^3 + 0.0013*x1^2*x2 - 0.0013*x1*x2^2 - 0.0013*x2^3"
            " + 0.09256*x1^2 - 0.09256*x2^2 + 1.647568*x1 - 1.647568*x2",
            "0.0013*(x1 - x2)*(x1 + x2 + 35.6)^2",
        ),
        ("exp(-x3)/(exp(x1 - x3) + x2)", "1/(exp(x1) + x2*exp(x3))"),
        ("x2 + log(3*x1 + 3) - 1.0986122886681098", "x2 + log(x1 + 1)"),
    ],
)
def test_what_terms_share_is_written_once(text, shorter):
    found = factored(Expression.from_infix(text))

    assert found == Expression.from_infix(shorter).simplify()
    assert found.simplify() == found
    X = np.random.default_rng(0).uniform(0.5, 2.0, (20, 4))
    np.testing.assert_allclose(
        found.evaluate(X), Expression.from_infix(text).evaluate(X), rtol=1e-12
    )


@pytest.mark.parametrize(
    ("text", "shorter"),
    [
        ("3*x1 + 3*abs(x1 - 2)", "6*max(x1, 2) - 6"),
        ("0.7*x1 - 0.7*abs(x1 - 2.5) + x2", "1.4*min(x1, 2.5) - 1.75 + x2"),
        ("(x1^2 - abs(x1^2 - x2))/2 + x2/2", "min(x1^2, x2)"),
        ("x3*x1 + x3*abs(x1 - x2) + x3*x2", "2*x3*max(x1, x2)"),
        ("0.5*x1 + abs(0.5*x1 - 3)", "max(x1, 6) - 3"),
        ("x1 + x2 - 2*min(x1, x2)", "abs(x1 - x2)"),
        ("max(x1, x2) + min(x1, x2) + x3", "x1 + x2 + x3"),
        ("2.5*max(x1, 3.4) - 8.5", "2.5*max(x1 - 3.4, 0)"),
    ],
)
def test_a_kink_is_written_as_what_is_shortest(text, shorter):
    expression = Expression.from_infix(text)
    found = factored(expression)

    assert found.canonical_key() == Expression.from_infix(shorter).canonical_key()
    assert found.size <= expression.simplify().size
    assert found.simplify() == found
    assert factored(found) == found
    X = np.random.default_rng(0).normal(size=(50, 3)) * 5
    np.testing.assert_allclose(
        found.evaluate(X), expression.evaluate(X), rtol=1e-12, atol=1e-12
    )


def test_a_sine_beside_its_cosine_is_one_with_a_phase():
    expression = Expression.from_infix("0.6*x2*sin(2*x1) + 0.8*x2*cos(2*x1) + x1")

    found = factored(expression)

    assert str(found).count("sin") == 1
    assert "cos" not in str(found)
    X = np.random.default_rng(0).uniform(-2.0, 2.0, (20, 2))
    np.testing.assert_allclose(found.evaluate(X), expression.evaluate(X), rtol=1e-12)


@pytest.mark.parametrize(
    "text",
    [
        "2e15*x1*x2 + 4e15*x1 + 2e15*x2^2 + 1e16*x2 + 1.2e16",
        "log(3e16*x1 + 5e16) - 2",
    ],
)
def test_numbers_too_large_for_a_literal_stay_constants(text):
    expression = Expression.from_infix(text)

    found = factored(expression)

    assert found.size < expression.size
    X = np.random.default_rng(0).uniform(0.5, 2.0, (20, 2))
    np.testing.assert_allclose(found.evaluate(X), expression.evaluate(X), rtol=1e-9)


def test_sines_and_cosines_of_whole_numbers_stay():
    expression = Expression.from_infix("sin(x1) + cos(x1)")

    assert factored(expression) == expression


@pytest.mark.parametrize(
    "text", ["0.5*(x1 + 0.5)^2.000001 - 0.125", "2*sin(x1)*cos(x2)^1.000001 + x3"]
)
def test_powers_that_are_no_fractions_stay(text):
    expression = Expression.from_infix(text)

    X = np.random.default_rng(0).uniform(0.5, 1.5, (20, 3))
    np.testing.assert_allclose(
        factored(expression).evaluate(X), expression.evaluate(X), rtol=1e-12
    )


@pytest.mark.parametrize(
    "text",
    [
        "x1 + x2",
        "1/x1 + 1/x2",
        "C*x1*x2 + C*x1*x3",
        "x1^2 - x1 - 1",
        "x1^2 - 1.41421356*x2^2 - 2.71828183",
    ],
)
def test_what_would_not_be_shorter_or_is_open_stays(text):
    expression = Expression.from_infix(text)

    assert factored(expression) == expression


def test_only_a_positive_column_leaves_a_root():
    expression = Expression.from_infix("sqrt(x1^2*x2^2 - x2^2*x3^2)")

    assert "sqrt(x1^2 - x3^2)" in str(factored(expression, {"x2"}))
    X = np.array([[3.0, -2.0, 1.0]])
    np.testing.assert_allclose(
        factored(expression).evaluate(X), expression.evaluate(X), rtol=1e-12
    )


def test_positive_sums_and_products_leave_a_root_together():
    expression = Expression.from_infix("sqrt((x1*(x1 + x2 + 3.5))^2*(x1 - x2))")

    found = factored(expression, {"x1", "x2"})

    assert found == Expression.from_infix("x1*sqrt(x1 - x2)*(x1 + x2 + 3.5)").simplify()


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("x3 + abs(x1)", "x3 + x1"),
        ("x3*abs(2.5*x2/x1 + 3)", "x3*(2.5*x2/x1 + 3)"),
        ("abs(x1 - x2)", "abs(x1 - x2)"),
        ("abs(x1*x3)", "abs(x1*x3)"),
    ],
)
def test_what_is_positive_needs_no_absolute_value(text, plain):
    found = factored(Expression.from_infix(text), {"x1", "x2"})

    assert found == Expression.from_infix(plain).simplify()
    X = np.random.default_rng(0).uniform([0.5, 0.5, -2.0], 2.0, (20, 3))
    np.testing.assert_allclose(
        found.evaluate(X), Expression.from_infix(text).evaluate(X), rtol=1e-12
    )


def test_whole_numbers_but_for_rounding_are_written_as_such():
    expression = Expression.from_infix("C*x1 + C/x2 + C").with_constants(
        [2.9999999999999996, 2.9999, 0.0]
    )

    written = with_integers(expression)

    assert written.tokens == ("add", "add", "mul", "3", "x1", "div", "C", "x2", "0")
    assert written.constants == (2.9999,)


@pytest.mark.parametrize(
    ("text", "simpler"),
    [
        ("tanh(log(x1/x2)/2)", "(x1 - x2)/(x1 + x2)"),
        ("x3 - 3*tanh(log(x1/x2)/2)", "x3 - 3*(x1 - x2)/(x1 + x2)"),
        ("0.25*x1^2*cos(x2)*sin(x2)", "0.125*x1^2*sin(2*x2)"),
        ("2*x1*(x2 + x3*(x2 + 1/2))/((x2 + 1)*(x3 + 2))",
         "x1*(2 - 1/(x2 + 1) - 2/(x3 + 2))"),
    ],
)  # fmt: skip
def test_a_law_is_written_in_simpler_words(text, simpler):
    X = np.random.default_rng(0).uniform(0.5, 3, size=(20, 3))
    expression = Expression.from_infix(text)

    written = factored(expression, {"x1", "x2", "x3"})

    assert written.canonical_key() == Expression.from_infix(simpler).canonical_key()
    assert np.allclose(written.evaluate(X), expression.evaluate(X), rtol=1e-13)


def test_what_is_common_to_all_terms_stands_before_their_bracket():
    expression = Expression.from_infix("2.0*x1 - x1/(x2 + 1) - 2.0*x1/(x3 + 2)")

    written = with_integers(factored(expression))

    assert written.to_infix() == "x1*(2 - 1/(x2 + 1) - 2/(x3 + 2))"
