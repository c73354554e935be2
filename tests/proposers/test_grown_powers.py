from __future__ import annotations

import numpy as np
import pytest

from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.proposers.basis.grown_powers import grown_sums_of_powers
from sklearn_chatsr.proposers.basis.task import Task, written
from sklearn_chatsr.proposers.basis.terms import Columns


def look(X, y):
    task = Task(Columns.of(X), y, lambda tree: [tree], 128, 12)
    with np.errstate(all="ignore"):
        return written(task, list(grown_sums_of_powers(task, lambda: False)))


def drawn(n_columns, low=0.5, high=3.0):
    return np.random.default_rng(0).uniform(low, high, (300, n_columns))


@pytest.mark.parametrize(("n_rows", "n_columns"), [(7, 3), (13, 6), (24, 4)])
def test_few_rows_do_not_ask_for_more_exponents_than_they_have(n_rows, n_columns):
    # So few are told twice, and fitted all.
    X = np.tile(drawn(n_columns)[:n_rows], (2, 1))
    y = 3 + X[:, 0] * np.log(X[:, 1]) + X[:, 2] ** 1.5

    task = Task(Columns.of(X), y, lambda tree: [tree], n_rows, 12)

    with np.errstate(all="ignore"):
        list(grown_sums_of_powers(task, lambda: False))


@pytest.mark.parametrize(
    ("text", "n_columns"),
    [
        ("x1^3/(x2^2*x4) - 0.4*x3^4*x2*x5/x4^3", 5),
        ("x1^1.3*x2 + x4*x5/x3^0.7 - 0.6*x2^2", 5),  # no power has to be whole
        ("2.5 + x1^3/x4^3 + x3^3*x4^2/x2", 4),
        ("1/sqrt(x4^3*x1 + 0.3*x2^4*x3/x1^2)", 4),  # another target
        ("(3.4 - x2)^3*x1*x3^2/x2 + 0.2*x1^3*x3^4*x2", 3),  # many powers of x2
    ],
)
def test_a_sum_of_products_of_high_powers_is_found(text, n_columns):
    X = drawn(n_columns)
    law = Expression.from_infix(text)
    y = law.evaluate(X)

    found = [Expression.from_tree(tree) for tree in look(X, y)]

    assert found
    assert np.mean((found[0].evaluate(X) - y) ** 2) < 1e-20 * y.var()


def test_what_is_no_sum_of_powers_is_not_approximated():
    X = drawn(4)

    assert look(X, np.exp(0.3 * X[:, 0]) / (1.0 + np.sqrt(X.sum(axis=1)))) == []


def test_columns_that_are_negative_somewhere_have_no_free_powers():
    X = drawn(3)
    y = X[:, 0] ** 3 / X[:, 1] - X[:, 2]

    assert look(X, y) != []
    assert look(X * np.where(np.arange(300) % 2, 1.0, -1.0)[:, None], y) == []
