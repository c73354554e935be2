from __future__ import annotations

import numpy as np
import pytest

from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.proposers.basis.first_look import second_look
from sklearn_chatsr.proposers.basis.log_products import products_with_logarithms
from sklearn_chatsr.proposers.basis.task import Task
from sklearn_chatsr.proposers.basis.terms import Columns


def drawn(text, low=0.4, high=3.0, n_rows=300):
    law = Expression.from_infix(text)
    X = np.exp(
        np.random.default_rng(5).uniform(
            np.log(low), np.log(high), (n_rows, law.variables[-1] + 1)
        )
    )
    return law, X, law.evaluate(X)


def task_of(X, y, scale=1.0):
    def wrap(tree):
        return [tree if scale == 1.0 else ("mul", scale, tree)]

    return Task(Columns.of(X), y / scale, wrap, 128, 12)


def exact(task, X, y):
    with np.errstate(all="ignore"):
        lists = list(second_look(task, lambda: False))
        formulas = [Expression.from_tree(tree) for found in lists for tree in found]
        return [
            e for e in formulas if np.mean((e.evaluate(X) - y) ** 2) < 1e-20 * y.var()
        ]


@pytest.mark.parametrize(
    "text",
    [
        "0.03*x1^2*(9 - log(x2*sqrt(x3)))/sqrt(x2)",
        "-2.5*x1^0.72*(log(x1/x2) + 4)",
        "x1*(6 + 1.3*log(x2) - 0.41*log(x3))",  # of no simple powers
        "x2^(-1/3)*(5 + log(x1))",
        "(4 + log(x1))*x1",  # of a single column
    ],
)
def test_powers_times_an_affine_function_of_logarithms_are_found(text):
    law, X, y = drawn(text)

    found = exact(task_of(X, y), X, y)

    assert min(e.size for e in found) <= law.size + 2


@pytest.mark.parametrize(
    "text",
    [
        "1.7*x1*(5 - log(x2/x3))*(1 + 0.4*x1/sqrt(x3))",
        "x2^1.5*(3 + log(x1*x2))*(1 + 2*x1^2)/x3",
    ],
)
def test_a_second_factor_may_hold_one_and_a_power(text):
    law, X, y = drawn(text)

    found = exact(task_of(X, y), X, y)

    assert min(e.size for e in found) <= law.size + 4


def test_columns_and_target_may_be_in_strange_units():
    law, X, y = drawn("3000*x1*(40 - log(x1*x2^2))/x2^1.5")
    X = X * [1e11, 1e-6]
    y = law.evaluate(X)

    found = exact(task_of(X, y, scale=1e20), X, y)

    assert min(e.size for e in found) <= law.size + 3


@pytest.mark.parametrize(
    "text",
    [
        "x1*(1 + tanh(x2))*exp(0.1*x1)",
        "x1^2/sqrt(x2)",  # nothing for a logarithm to explain
        "x1 - 2*x2",  # of both signs
    ],
)
def test_other_laws_are_left_alone(text):
    _, X, y = drawn(text)

    with np.errstate(all="ignore"):
        assert not products_with_logarithms(task_of(X, y))


def test_rows_that_are_not_fitted_must_confirm_a_law():
    _, X, y = drawn("x1*(6 + log(x2))")
    y[200:] *= 1 + 1e-6

    assert not exact(task_of(X, y), X, y)
