from __future__ import annotations

import numpy as np
import pytest

from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.proposers.basis.exponents import (
    laws_with_columns_in_exponents,
    look_at_exponents,
)
from sklearn_chatsr.proposers.basis.task import Task
from sklearn_chatsr.proposers.basis.terms import Columns


def drawn(text, low=0.3, high=2.5, n_rows=300):
    law = Expression.from_infix(text)
    n_columns = law.variables[-1] + 1
    X = np.random.default_rng(4).uniform(low, high, (n_rows, n_columns))
    return law, X, law.evaluate(X)


def exact(X, y, scale=1.0):
    def wrap(tree):
        return [tree if scale == 1.0 else ("mul", scale, tree)]

    task = Task(Columns.of(X), y / scale, wrap, 128, 12)
    with np.errstate(all="ignore"):
        lists = list(look_at_exponents(task, lambda: False))
        formulas = [Expression.from_tree(tree) for found in lists for tree in found]
        return [
            e for e in formulas if np.mean((e.evaluate(X) - y) ** 2) < 1e-20 * y.var()
        ]


@pytest.mark.parametrize(
    "text",
    [
        "(2 + x1*x2)^(1/x1)",
        "(x1 + 3*x2)^(-1/x2)",
        "(3 + x1/x2)^(x3/(x3 + 1))",
        "((x1 + 2*x2)/(x1*x2 + 1))^x3",  # a quotient
        "0.37*(1 + x1^2 + x2)^(1 + 1/x3)",  # and a factor in front
        "-4.2*(x1 + 2*x2)^(1/x3)",
        "(7 - 3*x1*exp(-x2))^(1/x3)",  # a function of a column
    ],
)
def test_a_sum_to_a_power_that_holds_a_column_is_found(text):
    law, X, y = drawn(text)

    found = exact(X, y)

    assert found
    assert min(e.size for e in found) <= law.size + 2


@pytest.mark.parametrize(
    "text",
    [
        "(x1^x3 + 2*x2^x3)^(1/x3)",
        "1.3*(1 + 3*x1^x2)^(-1/x2)",
        "(x3*x1^x2 + 2)^(1/(x2 + 1))",
        "x1^(x3 + 1)*(x2^x3 + x1)/(x3*x2 + 3)",  # the target itself
        "x3*x1^x2/(x1^x2 + x3^x2 + 2)",
    ],
)
def test_columns_inside_may_have_powers_with_the_same_exponent(text):
    law, X, y = drawn(text)

    found = exact(X, y)

    assert found
    assert min(e.size for e in found) <= 1.5 * law.size


@pytest.mark.parametrize(
    "text",
    [
        "0.7*x1*(0.6*sqrt(x2)*x3^2)^x4",
        "-x1*(x2/(1 + x3))^(1.5*x4)",
        "3*x1^x2*x2^(2*x3)*exp(-0.7*x3)",
    ],
)
def test_a_product_to_a_power_that_is_a_column_is_found(text):
    law, X, y = drawn(text)

    found = exact(X, y)

    assert min(e.size for e in found) <= law.size + 3


def test_exponents_are_what_they_are_in_the_units_of_the_data():
    rng = np.random.default_rng(0)
    X = rng.uniform(0.2, 2.0, (300, 2)) * [1.0, 3000.0]
    y = 2e5 * (1 + X[:, 0] * X[:, 1] / 400) ** (-1 / X[:, 0])
    columns = Columns.of(X)
    assert any(isinstance(leaf, tuple) for leaf in columns.leaves)

    found = exact(X, y, scale=1e4)

    assert min(e.size for e in found) <= 15


@pytest.mark.parametrize("n_columns", [2, 4])
def test_smooth_functions_without_such_a_law_are_left_alone(n_columns):
    X = np.random.default_rng(1).uniform(1.0, 1.3, (300, n_columns))
    y = 2 + np.tan(0.4 * X[:, 0] * X[:, -1]) + np.log(X.sum(axis=1))
    task = Task(Columns.of(X), y, lambda tree: [tree], 128, 12)

    with np.errstate(all="ignore"):
        assert not list(laws_with_columns_in_exponents(task, lambda: False))


@pytest.mark.parametrize(
    "text",
    [
        "(2 + x1*x2)^(1/x1)",
        "2*x1 - (1 + x1^x2)^(1/x2)",
        "(x1/5)/(1 - (1 + x1/5)^(-5*x2))",
    ],
)
def test_rows_that_are_not_fitted_must_confirm_a_law(text):
    _, X, y = drawn(text)
    y[200:] += 1e-6

    task = Task(Columns.of(X), y, lambda tree: [tree], 128, 12)

    with np.errstate(all="ignore"):
        assert not list(laws_with_columns_in_exponents(task, lambda: False))


@pytest.mark.parametrize(
    "text",
    [
        "1/(1 + 0.6*(x1/(1 + x2))^(2*x3))",
        "x2/(1 + x1^x3)",  # a share of a column
        "exp(-x1*(0.7*x2)^(1 + x3))",
        "1 - exp(-(x1/3)^x2)",
    ],
)
def test_a_product_to_a_power_behind_a_share_is_found(text):
    law, X, y = drawn(text)

    found = exact(X, y)

    assert min(e.size for e in found) <= law.size + 3


def test_a_share_is_what_it_is_in_the_units_of_the_data():
    law, X, y = drawn("1/(1 + (x1/(1 + x2))^x3)")

    found = exact(X, y, scale=0.1)

    assert min(e.size for e in found) <= law.size + 3


@pytest.mark.parametrize(
    "text",
    [
        "2 + 0.6*x1 - 1.5*(1 + x1^x2)^(1/x2)",
        "x1 + 2*x3 - (x1^x2 + x3^x2)^(1/x2)",
        "(3*x1 - (1 + x1^x2)^(1/x2))/(x1 + 4)",
        "exp(-(0.9*x2 + 0.4)*(x1^(1/x2) - 1))",
        "1/(x1 + (0.7*x2 - 3)*(1 + x1)^(-x2))",
        "x1/(2 - (1 + x1)^(-x2))",
    ],
)
def test_a_power_or_mean_times_a_line_is_found_beside_a_line(text):
    law, X, y = drawn(text)

    found = exact(X, y)

    assert found
    assert min(e.size for e in found) <= law.size + 3


@pytest.mark.parametrize(
    "text",
    [
        "x1^(2*x2)/(x1^x2 + (1 - x1)^x2)^(1/x2)",
        "x3*(1 - x1)^x2/(1 + x1^x2)^(1/x2)",
        "1 - (1 - x1^x2)^(1.5*x3)",
        "1/(1 + x2*(x1^x3 + (1 - x1)^x3)^x2)",
    ],
)
def test_a_sum_of_powers_to_a_power_may_be_a_factor(text):
    law, X, y = drawn(text, 0.05, 0.95)

    found = exact(X, y)

    assert min(e.size for e in found) <= law.size + 3


@pytest.mark.parametrize(
    "text",
    [
        "x1/(1 - 0.8*x1*(1 + x1)^(-x2))",
        "x2/(1 - (x1/(1 + x1))^(0.7*x2))",
        "x1*exp(x2*(0.4*x1)^x2)",
    ],
)
def test_a_product_to_a_power_is_found_behind_a_column_over_the_target(text):
    law, X, y = drawn(text)

    found = exact(X, y)

    assert min(e.size for e in found) <= law.size + 3


@pytest.mark.parametrize(
    "text",
    [
        "(x1/5)/(1 - (1 + x1/5)^(-5*x2))",
        "2*x1 + 0.8*x2 - (1 + 0.3*x1^x2)^(1/x2)",
        "x2*(1 - (1 + 2*x1)^(-x2))",
        "exp(-(1.4*x2 - 0.6)*((x1/8)^(1/x2) - 1))",
    ],
)
def test_numbers_inside_such_a_power_are_tuned(text):
    law, X, y = drawn(text)

    found = exact(X, y)

    assert min(e.size for e in found) <= law.size + 3
