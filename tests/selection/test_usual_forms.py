from __future__ import annotations

import math

import numpy as np
import pytest

from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.selection import DescriptionLength, formula_bits
from sklearn_chatsr.selection.usual_forms import usual_form_bits


def bits(text):
    return usual_form_bits(Expression.from_infix(text).simplify())


@pytest.mark.parametrize(
    "text",
    [
        "x1^2",
        "2 - exp(x1/0.03)/700",
        "4/(1 + 3*x1)",
        "4*x1/(2 + 3*x1)",
        "4/(2/x1 + 3)",
        "1 + 8*x1^(-0.3)",
        "2/(1 + 5*exp(-x1))",
        "3*(1 - exp(-0.4*x1))^3",
        "0.2 + 3/(1 + ((x1 - 2)/0.4)^2)",
        "7*exp(-((x1 - 11)/3)^2)",
        "5*exp(-2*exp(-0.1*x1))",
        "2*exp(-x1) - 3*exp(-4*x1)",
        "2*exp(-x1/9)*cos(3*x1 + 1)",
        "x1^3/(exp(x1) - 1)",
        "x1/(2 + x1 + x1^2/5)",
    ],
)
def test_forms_with_a_name_cost_no_more_than_some_nodes(text):
    assert bits(text) <= 16


@pytest.mark.parametrize(
    "text",
    [
        "tanh(sqrt(x1))",
        "exp(-sin(2*x1))",
        "1/(cos(x1) - 1.3)",
        "atan(3/x1)^2",
        "max(x1, 2)*exp(x1)",
        "x1^x1",
        "exp(-x1) + exp(-2*x1) + exp(-3*x1)",
        "2.5",
        "x1*x2",
        "exp(-x1*x2)",
    ],
)
def test_others_have_none(text):
    assert bits(text) == math.inf


def test_numbers_that_are_made_of_others_are_no_part_of_the_name():
    assert bits("sqrt(pi)*exp(-x1/(3*pi))") > bits("1.77*exp(-0.11*x1)") + 10


def test_which_column_it_is_has_to_be_said():
    expression = Expression.from_infix("2.1*exp(-0.3*x1)")

    one, many = (formula_bits(expression, 8.0, n) for n in (1, 8))

    assert many == pytest.approx(one + 3)


def test_in_noise_a_decay_is_preferred_to_what_looks_like_one():
    rng = np.random.default_rng(1)
    X = rng.uniform(0, 5, (90, 1))
    decay = Expression.from_infix("9*exp(-0.6*x1) + 1.5")
    other = Expression.from_infix("5*atan(2.3 - x1)*tanh(0.9) + 5.9")
    y = decay.evaluate(X) + rng.normal(size=90)
    cost = DescriptionLength(90, float(y.var()), 0.0, 1)

    loss = float(np.mean(np.square(decay.evaluate(X) - y)))

    assert cost(decay, loss) < cost(other, 0.97 * loss)
