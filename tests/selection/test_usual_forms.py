from __future__ import annotations

import math

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


def test_a_decay_is_preferred_to_a_look_alike_with_a_constant_less():
    decay = Expression.from_infix("7.13*exp(-0.83*x1) + 2.17")
    other = Expression.from_infix("9.37 - 7.19*tanh(sqrt(x1))")
    cost = DescriptionLength(90, variance=4.0, floor=0.0, n_features=1)

    assert other.n_constants < decay.n_constants
    assert other.size < decay.size
    assert cost(decay, 0.9) < cost(other, 0.9)
