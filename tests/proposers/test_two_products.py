"""Sums of two products of which neither is among the simplest terms."""

import numpy as np
import pytest

from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.proposers.basis.task import Task
from sklearn_chatsr.proposers.basis.terms import Columns
from sklearn_chatsr.proposers.basis.two_products import _Products, sums_of_two_products


def task_of(X, y):
    return Task(Columns.of(X), y, lambda tree: [tree], n_fit=128, n_candidates=40)


def never():
    return False


@pytest.mark.parametrize(
    "law",
    [
        "x2*sin(x3*x4)/(x1*x5) + x1*x3*exp(-x2)/x4",
        "2*x1*x5*log(x2*x4)/x3 - 0.5*sqrt(x2)*x4/x1",
        "3*x4*cos(x1*x2)/x5 + sqrt(x3 + 1)*x2*x5 + x1 - 2*x1*x3",  # beside a polynomial
        "1/(x1*x2*tanh(x4)/x3 + x5*x4/(1 + x2))",
        "sqrt(x2^2*x3*exp(-x1*x5) + 4*x4*x5/sqrt(x1))",
        "exp(-x2)*x1*x3*sqrt(x5)/x4 + 1.5",  # a single one
    ],
)
@pytest.mark.parametrize("seed", range(2))
def test_two_products_are_found(law, seed):
    X = np.random.default_rng(seed).uniform(0.5, 3, size=(300, 5))
    law = Expression.from_infix(law)
    y = law.evaluate(X)

    found = sums_of_two_products(task_of(X, y), never)

    trees = [tree for formulation, hit in found for tree in formulation.tree(hit, True)]
    unseen = np.random.default_rng(9).uniform(0.5, 3, size=(300, 5))
    expected = law.evaluate(unseen)
    errors = [
        np.var(Expression.from_tree(tree).evaluate(unseen) - expected) for tree in trees
    ]
    assert min(errors) < 1e-18 * np.var(expected)


@pytest.mark.parametrize(
    "law",
    [
        "x2*sin(x3*x4)/(x1*x5) + x1*x3*exp(-x2)/x4 + 3*log(x5)",
        "2*x1*x5*log(x2*x4)/x3 + sqrt(x3 + 1)*x2*x5 + x4/x1 - 2*x2",
        "1/(x1*x2*tanh(x4)/x3 + x5*x4/(1 + x2) + 2*sqrt(x1))",
    ],
)
def test_two_products_are_found_beside_functions(law):
    X = np.random.default_rng(0).uniform(0.5, 3, size=(300, 5))
    y = Expression.from_infix(law).evaluate(X)

    assert sums_of_two_products(task_of(X, y), never) == []
    found = sums_of_two_products(task_of(X, y), never, beside_functions=True)

    assert min(hit.fvu for _, hit in found) < 1e-18


def test_columns_may_be_negative_and_in_strange_units():
    X = np.random.default_rng(0).uniform(-2, 2, size=(300, 4)) * [1e-12, 1.0, 1e15, 1.0]
    y = 1e12 * X[:, 0] * np.sin(X[:, 1] * X[:, 3]) + 1e-15 * X[:, 2] * np.exp(-X[:, 3])

    found = sums_of_two_products(task_of(X, y), never)

    assert min(hit.fvu for _, hit in found) < 1e-20


def test_the_columns_may_be_of_any_seed():
    # As were the probes once, which saw nothing then.
    X = np.random.default_rng(0).normal(size=(300, 4))
    y = X[:, 0] * np.sin(X[:, 1] * X[:, 3]) + X[:, 2] * np.exp(-X[:, 3])

    assert sums_of_two_products(task_of(X, y), never)


@pytest.mark.parametrize("n_rows", [12, 40, 300])
def test_noise_is_no_law(n_rows):
    rng = np.random.default_rng(0)
    X = rng.uniform(0.5, 3, size=(n_rows, 5))
    task = Task(
        Columns.of(np.tile(X, (2, 1)) if n_rows < 60 else X),
        np.tile(rng.normal(size=n_rows), 2 if n_rows < 60 else 1),
        lambda tree: [tree],
        n_fit=min(n_rows, 128),
        n_candidates=40,
    )

    assert sums_of_two_products(task, never) == []
    assert sums_of_two_products(task, never, beside_functions=True) == []


def test_time_is_kept():
    X = np.random.default_rng(0).uniform(0.5, 3, size=(300, 3))

    assert sums_of_two_products(task_of(X, X[:, 0] ** 2.5), lambda: True) == []


def test_sets_are_given_only_where_there_are_any():
    X = np.random.default_rng(0).uniform(0.5, 3, size=(100, 2))
    library = task_of(X, X[:, 0] + X[:, 1]).library
    products = _Products(library, np.full((40, 1), 40**-0.5), 40)

    for seed in range(20):
        target = np.random.default_rng(seed).normal(size=40)
        for sets in products.explaining(target):
            assert len(sets)
