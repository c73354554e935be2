from __future__ import annotations

import numpy as np
import pytest

from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.fitting import ConstantFitter
from sklearn_chatsr.proposers import Problem, TemplateProposer
from sklearn_chatsr.proposers.templates import (
    curves_of,
    power_laws,
    sparse_lines,
    steps,
)
from sklearn_chatsr.selection import Archive, DescriptionLength


def problem(X, y, **settings):
    archive = Archive(DescriptionLength(len(y), 1.0, 0.0, X.shape[1]))
    return Problem(X, y, None, archive, **settings)


def proposals(X, y, **settings):
    rng = np.random.default_rng(0)
    batches = TemplateProposer().propose(problem(X, y, **settings), rng)
    return [expression for batch in batches for expression in batch]


@pytest.fixture
def X():
    return np.random.default_rng(0).uniform(0.5, 3, size=(50, 3))


@pytest.mark.parametrize(
    "law", ["x1*x2/x3^2", "sqrt(x1/x2)", "1/(x1*x2*x3)", "cbrt(x3)*x1^2", "x2^5"]
)
def test_power_laws_are_read_off_the_logarithms(X, law):
    expression = Expression.from_infix(law)
    keys = {e.canonical_key() for e in power_laws(X, 7.3 * expression.evaluate(X))}

    assert expression.canonical_key() in keys


def test_power_laws_of_negative_numbers_keep_whole_exponents():
    X = np.random.default_rng(0).normal(size=(50, 2))
    law = Expression.from_infix("x1^3/x2")

    found = power_laws(X, law.evaluate(X))

    assert law.canonical_key() in {e.canonical_key() for e in found}
    for expression in found:
        assert np.isfinite(
            expression.skeleton()
            .with_constants([2] * expression.n_constants)
            .evaluate(X)
        ).all()


def test_zeros_rule_power_laws_out(X):
    assert power_laws(X, np.zeros(50)) == []
    assert power_laws(np.zeros((50, 1)), np.ones(50)) == []


def test_templates_respect_the_size_and_leave_constant_columns_out(X):
    X[:, 1] = 1.0

    found = proposals(X, X[:, 0], max_size=9)

    assert len(found) > 100
    assert max(e.size for e in found) <= 9
    assert all(1 not in e.variables for e in found)


def test_templates_hold_the_usual_curves(X):
    keys = {e.skeleton().canonical_key() for e in proposals(X, X[:, 0])}

    for text in (
        "sin(C*x1 + C)",
        "exp(C*x2)",
        "x1/(x1 + C)",
        "C*x1 + C*x1^2",
        "x1*sin(C*x2 + C)",
        "x1*exp(C*x1)",
        "1/(exp(C*x3 + C) + 1)",
        "x1^(C*x2 + C)",
        "(x2 + C)^x3",
        "sqrt(x1^2 + (C*x1 + C)) + C*x1",
    ):
        assert Expression.from_infix(text).canonical_key() in keys, text


def test_the_order_is_the_same_every_time(X):
    assert proposals(X, X[:, 0]) == proposals(X, X[:, 0])


def test_sparse_lines_begin_with_the_columns_that_matter():
    X = np.random.default_rng(0).normal(size=(80, 6))
    X[:, 3] = 2.0  # constant
    y = 3 * X[:, 4] - X[:, 1] + 0.1 * X[:, 0] + 0.01 * X[:, 2] ** 2

    lines = sparse_lines(X, y)

    assert [set(line.variables) for line in lines[:2]] == [{1, 4}, {0, 1, 4}]
    assert len(lines) == 3


def test_sparse_lines_survive_a_repeated_column():
    X = np.random.default_rng(0).normal(size=(40, 3))
    X[:, 2] = X[:, 0]

    assert all(len(line.variables) == 2 for line in sparse_lines(X, X[:, 0] + X[:, 1]))


@pytest.mark.parametrize(
    "text",
    [
        "3*exp(-0.4*x1) + 2*exp(-2.1*x1)",
        "2*x1^2.6/(17.4 + x1^2.6)",
        "1 - exp(-0.15*x1^1.7)",
        "5*exp(-3*exp(-0.4*x1))",
        "(1 - 0.7*exp(-0.3*x1))^3.2",
        "exp(-2*(log(x1) - 0.7)^2)/x1",
        "x1^3/(exp(1.4*x1) - 1)",
        "4/x1^12 - 4/x1^6",
        "1/(1 + 3*sin(1.7*x1)^2)",
        "(sin(2*x1)/x1)^2",
    ],
)
def test_curves_with_a_name_are_listed(text):
    x = np.random.default_rng(0).uniform(0.8, 8.0, size=(200, 1))
    y = Expression.from_infix(text).evaluate(x)
    fitter = ConstantFitter(x, y)

    fits = fitter.fit_many(map(Expression.from_tree, curves_of("x1")), scale=True)

    assert min(fit.loss for fit in fits if fit and not fit.failed) < 1e-20 * y.var()


@pytest.mark.parametrize(
    "law",
    [
        "1/(1 + exp(1.3*x1 - 0.6*x2 - 0.8))",
        "2*sin(0.7*x1 + 1.2*x3 - 0.4)",
        "1/(1 + 0.4*x1^1.7*x2^-0.6)",
        "x2/(0.5 + 0.3*x1 + x2)",
    ],
)
def test_curves_of_several_columns_are_among_the_templates(X, law):
    expression = Expression.from_infix(law)
    y = expression.evaluate(X)
    fitter = ConstantFitter(X, y)

    fits = fitter.fit_many(proposals(X, y), scale=True)

    assert min(fit.fvu for fit in fits if not fit.failed) < 1e-16


@pytest.mark.parametrize("scatter", [0.0, 0.2])
@pytest.mark.parametrize(("place", "unit"), [(1.7, 1.0), (1.0, 1e-4), (-0.3, 1e6)])
def test_a_jump_is_a_steep_step_between_two_rows(scatter, place, unit):
    rng = np.random.default_rng(0)
    X = rng.normal(place, 1.0, size=(200, 3)) * unit
    above = X[:, 1] > place * unit
    y = np.where(above, 5.0, 3.5) + scatter * rng.normal(size=200)

    [step] = steps(X, y)

    assert step.variables == (1,)
    np.testing.assert_array_equal(step.evaluate(X), np.where(above, 1.0, -1.0))
    assert max(len(f"{abs(c):g}".strip("0.")) for c in step.constants) <= 7


@pytest.mark.parametrize("text", ["2*x1", "exp(x1)", "x1^2", "sin(x1)", "x1^200"])
def test_curves_and_few_large_values_are_no_steps(X, text):
    y = Expression.from_infix(text).evaluate(X)

    assert steps(X, y) == []


@pytest.mark.parametrize("gap", [5e-324, 1e-16])
def test_a_gap_that_arithmetic_does_not_see_is_none(gap):
    X = np.array([[0.0], [0.0], [gap], [1.0], [2.0]]) + (gap > 1e-20)

    assert steps(X, np.array([0.0, 0.0, 1.0, 1.0, 1.0])) == []
