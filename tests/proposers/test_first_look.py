from __future__ import annotations

import numpy as np
import pytest

from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.proposers.basis.first_look import (
    first_look,
    second_look,
    third_look,
)
from sklearn_chatsr.proposers.basis.task import Task
from sklearn_chatsr.proposers.basis.terms import Columns


def look(text, n_columns, low=0.5, high=3.0, n_rows=300, wide=False, second=False):
    X = np.random.default_rng(5).uniform(low, high, (n_rows, n_columns))
    y = Expression.from_infix(text).evaluate(X)
    columns = Columns.of(X)
    few = Task(columns, y, lambda tree: [tree], 128, 40)
    many = Task(columns, y, lambda tree: [tree], 180, 40) if wide else None
    with np.errstate(all="ignore"):
        if second:
            trees = next(second_look(few, lambda: False), [])
        else:
            trees = first_look(few, many, lambda: False)
        found = [e for e in map(Expression.from_tree, trees) if not is_open(e)]
        missed = [np.mean((e.evaluate(X) - y) ** 2) / np.var(y) for e in found]
    return [e for e, fvu in zip(found, missed, strict=True) if fvu < 1e-14]


def is_open(expression):
    return expression.n_constants > 0 and expression.constants is None


@pytest.mark.parametrize(
    ("text", "n_columns"),
    [
        ("3*x1 + x2^2 - 7*x3", 3),
        ("x1*x2 + 3*x1 + cos(x1)", 2),
        ("x1^2 + x1*exp(x1)", 1),
        ("x2 - x1*tanh(x2)", 2),
        ("0.17*(x1*x2 + x1*log(x1) - x1*x2*x3)", 3),
        ("x1^3/(x2^2*x3)", 3),
        ("sqrt(x1^2 + x2^2)", 2),
        ("(x3 - x4)^2 - 1 + (x2 - x1)/x4", 4),
        ("(x1 + x2)/2 + sqrt((x1 - x2)^2/4 + x3^2)", 3),
        ("x1/x2 + 3/(x1*x3) - x2*x3/x4 + 0.4*x4/(x1*x2*x3) + 2*x4", 4),
    ],
)
def test_short_laws_are_seen_at_once(text, n_columns):
    exact = look(text, n_columns)

    assert exact
    assert min(e.size for e in exact) <= 1.5 * Expression.from_infix(text).size


def test_a_polynomial_of_high_degree_and_few_terms_needs_many_rows():
    text = "(4*x2 - 0.463*x1^2)*(x2^3 + x3*x4)"

    assert not look(text, 4)
    [exact] = look(text, 4, wide=True)
    assert exact.size <= 1.5 * Expression.from_infix(text).size


@pytest.mark.parametrize(
    "law",
    [
        "sqrt(x1^2 + 3*x2^2 + x1*x2*cos(x3))",
        "x1*cos(x2)^2 + x3*sin(x2)^2",
        "x1*exp(-x2) + x3*exp(-2*x2)",
        "x1*sqrt(x2) - x2*x3 + 2*x3*sqrt(x2)",
        "1/(x1^2*log(x2) + x3 + 2)",
    ],
)
def test_polynomials_with_functions_of_a_column_are_seen_at_once(law):
    n_columns = max(Expression.from_infix(law).variables) + 1

    assert look(law, n_columns, low=0.3, high=5.0)


@pytest.mark.parametrize(
    "law",
    [
        "sqrt(x1^2 + 3*x2^2 + x1*x2*cos(x3 - x4))",
        "x1*exp(-x2*x4) + x3*exp(-2*x2*x4)",
        "x1*exp(-x2/x3) + x2*x3 - 2",
        "1/(x1*log(x2 + x3) + x3 + 2)",
    ],
)
def test_functions_of_two_columns_are_seen_at_the_second_look(law):
    n_columns = max(Expression.from_infix(law).variables) + 1

    assert look(law, n_columns, low=0.3, high=5.0, second=True)
    assert not look(law, n_columns, low=0.3, high=5.0)


@pytest.mark.parametrize(
    "law",
    [
        "x1*x2/(x1 + x2) + x3/2",
        "(1.3*x1 + x2*x3)/(0.7*x1^2 + x3^2)",
        "sqrt(x1*x2/(x1 + 2*x2) + x3)",
        "x1*x2*x3/(x1*x2 + x2*x3 + x1*x3)",
        "3*(x1^2 - 1)/(x1^3 + 2*x1 + 5)",
    ],
)
def test_quotients_of_polynomials_are_seen_at_once(law):
    expression = Expression.from_infix(law)

    exact = look(law, expression.variables[-1] + 1)

    assert min(e.size for e in exact) <= expression.size + 2


@pytest.mark.parametrize(
    "law",
    [
        "(sqrt(x2^2 + 4*x1*x3) - x2)/(2*x1)",
        "x1/2*(sqrt(1 + 0.8*x2^2/x1^3) - 1)",
        "(x2 + x3 + sqrt((x2 + x3)^2 + 3*x1))/x1",
        "(x2 + 1 + sqrt((x2 + 1)^2 + 0.7*x2*x1^2))/x1^2",
    ],
)
def test_roots_with_a_column_before_the_square_are_seen_at_once(law):
    expression = Expression.from_infix(law)

    exact = look(law, expression.variables[-1] + 1, low=1.0)

    assert min(e.size for e in exact) <= 1.5 * expression.size


@pytest.mark.parametrize(
    "law",
    [
        "x1*exp(x2)/(x1 + 2*x3*exp(x2))",
        "(x1 + x2*cos(x3))/(x2 + x1*sin(x3))",
        "1/(x1*x2/(x1 + log(x3)) + 2)",
        "(x1*x2 + 2*cos(x3))/(x2*x3 + x1*x2)",
        "(x1 - x3)/(log(x1) - 2*log(x3) + x2)",
        "x1*exp(-x2) + sqrt(x1^2*exp(-2*x2) + 2*x1*x3)",
    ],
)
def test_quotients_and_roots_with_functions_are_seen_at_the_second_look(law):
    assert look(law, 3, low=1.2, second=True)


@pytest.mark.parametrize(
    "law",
    [
        "(1 - exp(-x1 - x2))/(x1 + x2*exp(-x1 - x2))",
        "(2 - x1*exp(-x1*(1 + x2)))/(3 + x2*exp(-x1*(1 + x2)))",
    ],
)
def test_quotients_with_a_function_of_two_columns_are_seen_at_the_second_look(law):
    assert look(law, 2, low=0.3, high=1.6, second=True)


@pytest.mark.parametrize(
    ("law", "low", "high"),
    [
        ("(1 + x1/x2)^(1.7*x2)", 0.5, 3.0),
        ("exp(-0.4*x1^1.5*x2*log(1 + x1*x2))", 0.5, 2.0),
    ],
)
def test_exponentials_of_products_are_seen_at_the_second_look(law, low, high):
    exact = look(law, 2, low=low, high=high, second=True)

    assert min(e.size for e in exact) <= 1.5 * Expression.from_infix(law).size


def test_legs_of_right_triangles_are_seen_at_the_third_look():
    X = np.random.default_rng(5).uniform([0.5, 0.1], [3.0, 0.95], (300, 2))
    law = Expression.from_infix("exp(-x1*x2)*cos(x1*sqrt(1 - x2^2))")
    task = Task(Columns.of(X), law.evaluate(X), lambda tree: [tree], 128, 40)

    with np.errstate(all="ignore"):
        trees = next(third_look(task, lambda: False))
        found = [e for e in map(Expression.from_tree, trees) if not is_open(e)]
        missed = [np.mean((e.evaluate(X) - task.y) ** 2) for e in found]

    assert min(missed) < 1e-20


def test_two_decays_are_seen_at_the_second_look():
    law = "(2*exp(-x1*x2) - 3*exp(-x2))/(4 + x1)"

    assert look(law, 2, second=True)


@pytest.mark.parametrize(
    "law",
    ["2*x1*sin(1.7*x2) + x3^2/(x1 + 1)", "x3 + x1*sin(2.6*x2)/(x1 + x3)"],
)
def test_quotients_with_a_wave_are_seen_at_the_second_look(law):
    exact = look(law, 3, high=4.0, second=True)

    assert min(e.size for e in exact) <= 1.5 * Expression.from_infix(law).size


def test_a_target_may_be_zero_wherever_a_column_is_not():
    rng = np.random.default_rng(0)
    X = rng.uniform(0.5, 4, (300, 3))
    X[::2, 0] = 0.0
    y = np.where(X[:, 0] == 0, X[:, 1] * np.sin(2.3 * X[:, 2]), 0.0)
    task = Task(Columns.of(X), y, lambda tree: [tree], 128, 12)

    assert isinstance(list(second_look(task, lambda: False)), list)


def test_the_second_look_sees_nothing_in_noise():
    rng = np.random.default_rng(0)
    X, y = rng.uniform(0.3, 5, size=(300, 4)), rng.normal(size=300)
    task = Task(Columns.of(X), y, lambda tree: [tree], 128, 12)

    assert list(second_look(task, lambda: False)) == []
