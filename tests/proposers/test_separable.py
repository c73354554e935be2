from __future__ import annotations

import numpy as np
import pytest

from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.fitting import ConstantFitter
from sklearn_chatsr.proposers.basis.separable import separable
from sklearn_chatsr.proposers.basis.terms import Columns


def draw(n_features, n_rows=300, low=0.5, high=4.0):
    return np.random.default_rng(3).uniform(low, high, size=(n_rows, n_features))


def formulas(X, y):
    problem = Columns.of(X), y, lambda tree: [tree]
    for trees in separable([problem], lambda: False):
        yield from map(Expression.from_tree, trees)


def least_missed(X, y):
    fitter = ConstantFitter(X, y)
    fits = [fitter.fit(e, start=e.constants, scale=True) for e in formulas(X, y)]
    return min((fit.loss for fit in fits if not fit.failed), default=np.inf) / y.var()


@pytest.mark.parametrize(
    "text",
    [
        "x1^2/(2 + x1^2) + 3*tanh(x2 - 1) + x3*exp(-x3)",
        "(2 + 3*x1^0.27)*(1 + 0.2*log(x2))*(1 - 0.1*x3^1.1)",
        "tanh(x1 - 2)/(0.7 + (x2 - 2)^2)",
        "sin(2*x1 + 1)*exp(-x1/3)*sqrt(1 + x2^2)",
        "1/(sqrt(x1) + 0.3*exp(0.8*x2))",
        "x1*sin(1.2*x2) + x3/(1.4 + x2^2) - 0.8*exp(-x2/2)",
    ],
)
def test_each_column_tells_its_own_law(text):
    X = draw(len(Expression.from_infix(text).variables))

    assert least_missed(X, Expression.from_infix(text).evaluate(X)) < 1e-20


def test_a_mixture_of_two_vapours_is_seen():
    X = np.random.default_rng(1).uniform([0.05, 20], [0.95, 120], (300, 2))
    law = Expression.from_infix(
        "x1*exp(17.1 - 3450/(x2 + 228)) + (1 - x1)*exp(16.2 - 3900/(x2 + 251))"
    )

    assert least_missed(X, law.evaluate(X)) < 1e-20


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("x1*(sqrt(x2) + 0.7*exp(-x3)) + 2*sin(x2)", 0.5, 4.0),
        ("(x1^2 + 1.3/x2)*x3 - x4*tanh(x2) + 0.4*x1^1.5", 0.5, 4.0),
        ("exp(0.3*x1*(sqrt(x2) - 0.5*x3^1.5) - sin(x3))", 0.5, 4.0),
        ("log(x1)*(1/x2 - 0.2*x3^2) + 3*exp(-x2)", 0.5, 4.0),
        (
            "2.3 + x1*log(x2) - x1*log(x3) + 0.4*x2*x4 - 0.01*exp(0.06*x2)",
            [0.1, 3, 0.1, 0.2],
            [0.4, 80, 5, 0.9],
        ),
    ],
)
def test_coefficients_of_lines_are_sums_of_functions(text, low, high):
    law = Expression.from_infix(text)
    X = draw(len(law.variables), low=low, high=high)

    assert least_missed(X, law.evaluate(X)) < 1e-20


@pytest.mark.parametrize(
    "text",
    [
        "1.5*x1^0.6 - x1*tanh(0.8*x2)",
        "x2*(2 + x1^1.7) + 0.4*x1*cos(1.3*x2)",
        "exp(-x1) + log(x2 + 1) + 0.3*x2^2*sin(x1)",
        "x2/(1 + x1) + x3*exp(-0.7*x2) - 2*sqrt(x3)",
    ],
)
def test_a_function_of_each_column_may_be_multiplied_by_another_one(text):
    X = draw(len(Expression.from_infix(text).variables))

    assert least_missed(X, Expression.from_infix(text).evaluate(X)) < 1e-20


@pytest.mark.parametrize(
    "text",
    [
        "tanh(2*x1) + 0.3*x2^2 + 0.8*sin(2.2*x3)",
        "0.7*x1^3 + 2*exp(-0.1*x3)*cos(1.9*x3) - 0.5*sin(x2)",
    ],
)
def test_one_column_may_need_many_more_knots_than_the_others(text):
    X = np.random.default_rng(5).uniform([-1, -1, 0], [1, 1, 25], (300, 3))

    assert least_missed(X, Expression.from_infix(text).evaluate(X)) < 1e-20


def test_of_lines_only_what_is_needed_is_left():
    law = Expression.from_infix("x1*(sqrt(x2) + log(x3)) + 2*sin(x2) + 0.7*x4")
    X = draw(5)

    best = min(formulas(X, law.evaluate(X)), key=lambda e: e.size)

    assert best.variables == law.variables
    assert best.size <= law.size + 10  # factors and a number left to the fit


@pytest.mark.parametrize(
    "text",
    [
        "x1*sin(x2*x3) + x2",
        "x1*x4/(x2 + x3) + sqrt(x1*x4)",
        "x1*exp(0.1*x2*x3) + x4*x2",
    ],
)
def test_coefficients_that_are_no_sums_are_left_alone(text):
    law = Expression.from_infix(text)
    X = draw(len(law.variables))

    assert list(formulas(X, law.evaluate(X))) == []


def test_a_sum_of_many_functions_has_one_number_beside_them():
    law = Expression.from_infix(
        "1.5*sin(x1) - 0.5*exp(-x2) + 3.5*sqrt(x3) - 1.2*log(x4) + 0.3*x5^2 + 2.1"
    )
    X = draw(5)

    best = min(formulas(X, law.evaluate(X)), key=lambda e: e.size)

    assert best.size <= law.size + 2
    assert sum(isinstance(t, float) for t in addends(best.to_tree())) <= 1


def addends(tree):
    if isinstance(tree, tuple) and tree[0] in ("add", "sub"):
        return [*addends(tree[1]), *addends(tree[2])]
    return [tree]


@pytest.mark.parametrize(("noise", "is_seen"), [(0.0, True), (0.1, False)])
def test_only_what_is_clearly_separable_goes_first(noise, is_seen):
    X = draw(3)
    y = Expression.from_infix("sin(x1) + 3*sqrt(x2) - exp(-x3)").evaluate(X)
    y += noise * y.std() * np.random.default_rng(0).normal(size=300)

    problem = Columns.of(X), y, lambda tree: [tree]
    found = list(separable([problem], lambda: False, clearly=True))

    assert bool(found) is is_seen


def test_noise_hides_the_digits_not_the_law():
    law = Expression.from_infix("(2 + 3*x1^0.27)*(1 - 0.1*x2^1.1)")
    X = draw(2, 500)
    clean = law.evaluate(X)
    noise = 0.05 * clean.std() * np.random.default_rng(0).normal(size=500)

    y = clean + noise
    fitter = ConstantFitter(X, y)
    fits = [fitter.fit(e, start=e.constants, scale=True) for e in formulas(X, y)]
    best = min(fits, key=lambda fit: fit.loss)

    error = np.mean((best.expression.evaluate(X) - clean) ** 2) / clean.var()
    assert error < 0.1 * 0.05**2


@pytest.mark.parametrize("text", ["sin(x1*x2)", "x1/(x2 + x3)^2", "x1^(x2*x3)"])
def test_columns_that_act_together_are_left_alone(text):
    X = draw(len(Expression.from_infix(text).variables))

    assert list(formulas(X, Expression.from_infix(text).evaluate(X))) == []


def test_a_column_without_a_say_enters_no_formula():
    X = draw(3)
    y = np.tanh(X[:, 0] - 2) + np.log(X[:, 1] + 0.3)

    found = list(formulas(X, y))

    assert found
    assert all("x3" not in e.tokens for e in found)


def test_of_several_problems_the_most_separable_is_searched():
    X = draw(2)
    y = Expression.from_infix("x1^2/(2 + x1^2) + 3*tanh(x2 - 1)").evaluate(X)
    mistaken = Columns.of(X).combine("add", 0, 1)
    wrong = mistaken, y, lambda tree: [("neg", tree)]
    right = Columns.of(X), y, lambda tree: [("abs", tree)]

    found = [
        tree for trees in separable([wrong, right], lambda: False) for tree in trees
    ]

    assert {tree[0] for tree in found} == {"abs"}


@pytest.mark.parametrize(
    ("X", "y"),
    [
        (np.ones((100, 2)), np.arange(100.0)),
        (draw(2, 20), np.arange(20.0)),
        (draw(2, 100), np.full(100, 2.0)),
        (np.round(draw(2, 100)), np.arange(100.0) % 3),
        (1.0 + 1e-15 * draw(2, 100), np.arange(100.0) % 7),
        (np.where(np.arange(200).reshape(100, 2) < 1, np.inf, 1.0), np.arange(100.0)),
    ],
)
def test_tables_that_show_nothing_give_nothing(X, y):
    with np.errstate(all="raise"):
        assert list(formulas(X, y)) == []
