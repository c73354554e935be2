from __future__ import annotations

import numpy as np
import pytest

from sklearn_chatsr import ChatSRRegressor
from sklearn_chatsr.expressions import Expression, factored
from sklearn_chatsr.expressions.normal_form import normal_form
from sklearn_chatsr.expressions.partial_fractions import partial_fractions
from sklearn_chatsr.expressions.simplification import build


def apart(text):
    tree = Expression.from_infix(text).simplify().to_tree()
    node = partial_fractions(normal_form(tree))
    return None if node is None else Expression.from_tree(build(node))


def test_a_common_factor_of_dividend_and_divisor_leaves_no_rest():
    expression = Expression.from_infix("(x1 - 3*x1^2*x2)/(x1*x2)")
    X = np.random.default_rng(0).uniform(0.5, 3, size=(20, 2))

    node = partial_fractions(normal_form(expression.to_tree()))

    parts = Expression.from_tree(build(node))
    assert np.allclose(parts.evaluate(X), expression.evaluate(X), rtol=1e-13)


@pytest.mark.parametrize(
    ("together", "apart"),
    [
        ("(x2 - 2*x1 + 1)/((x1 + 1)*(x2 + 3))", "1/(x1 + 1) - 2/(x2 + 3)"),
        ("(x1 + x2 + 2)/(x1*(x2 + 2))", "1/x1 + 1/(x2 + 2)"),
        ("(5*x3 + 5 + x2*(x1^2 + 2))/((x1^2 + 2)*(x3 + 1))", None),
        ("(x2*(x1 - 4) - 4.2)/((x1 + 2)*(x2 + 0.7)) + 3", None),
        ("(x1^3*x2^4 - 6)/((x1^3 + 2)*(x2^4 + 3)) + 4", None),
        ("(x1*x2 + x2*x3 + x1*x3 + 2*x1 + 2*x2 + 2*x3 + 3)"
         "/((x1 + 1)*(x2 + 1)*(x3 + 1))", "1/(x1 + 1) + 1/(x2 + 1) + 1/(x3 + 1)"),
        ("(exp(x1) + sin(x2) + 3)/((exp(x1) + 1)*(sin(x2) + 2))",
         "1/(exp(x1) + 1) + 1/(sin(x2) + 2)"),
    ],
)  # fmt: skip
def test_a_sum_of_quotients_is_shorter_than_their_common_one(together, apart):
    expression = Expression.from_infix(together)
    X = np.random.default_rng(0).uniform(0.5, 3, size=(20, 3))

    shorter = factored(expression, {"x1", "x2", "x3"})

    assert shorter.size < expression.size
    assert np.allclose(shorter.evaluate(X), expression.evaluate(X), rtol=1e-13)
    if apart is not None:
        assert shorter.canonical_key() == Expression.from_infix(apart).canonical_key()


@pytest.mark.parametrize(
    "text",
    [
        "1/((x1 + 1)*(x2 + 1))",
        "(x1*x2 + x3)/((x1 + 1)*(x1 + 2))",
        "(x1 + x2)/((x1 + x2 + 1)*(x2 + 2))",
        "x1^0.5/((x1 + 1)*(x2 + 1))",
        "(x1 + x2)/(x3 + 1)",
        "x1^9*(x1 + x2)/((x1 + 1)*(x2 + 1))",
    ],
)
def test_what_is_no_such_sum_stays(text):
    assert apart(text) is None


def test_coefficients_of_many_digits_are_kept():
    text = "(x1 + x2 + 3.123456789)/((x1 + 1)*(x2 + 2.123456789))"
    X = np.random.default_rng(0).uniform(0.5, 3, size=(20, 2))

    sum_of_quotients = apart(text)

    assert sum_of_quotients is not None
    expected = Expression.from_infix(text).evaluate(X)
    assert np.allclose(sum_of_quotients.evaluate(X), expected, rtol=1e-11)


def test_two_saturations_come_as_two():
    X = np.random.default_rng(0).uniform(0.3, 5, size=(200, 2))
    law = Expression.from_infix("3*x1/(x1 + 2) + x2/(x2 + 0.7)")

    model = ChatSRRegressor(proposers=("basis",), max_time=60, random_state=0)
    model.fit(X, law.evaluate(X))

    assert model.score(X, law.evaluate(X)) > 1 - 1e-15
    assert model.expression_.size <= law.size
