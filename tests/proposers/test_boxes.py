from __future__ import annotations

import numpy as np
import pytest

from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.proposers.basis.boxes import (
    quotients_in_boxes,
    quotients_of_roots_in_boxes,
)
from sklearn_chatsr.proposers.basis.task import Task, written
from sklearn_chatsr.proposers.basis.terms import Columns


def look(quotients, X, y):
    task = Task(Columns.of(X), y, lambda tree: [tree], 128, 12)
    with np.errstate(all="ignore"):
        trees = written(task, list(quotients(task, lambda: False)))
        found = [Expression.from_tree(tree) for tree in trees]
        return [e for e in found if np.mean((e.evaluate(X) - y) ** 2) < 1e-20 * y.var()]


def drawn(n_columns, n_rows=300):
    return np.random.default_rng(4).uniform(0.4, 3.0, (n_rows, n_columns))


@pytest.mark.parametrize(
    ("text", "n_columns"),
    [
        ("x2^4*x1/(2.5 + x1^3*x2) - x2^3", 2),
        ("(x1*x2^3 - 0.3*x3)/(x3^2 + 0.7*x1*x2^2)", 3),
        ("x4^2*x1*x2/(1.4 + x3*x4) + 0.6*x2*x3", 4),
        ("sqrt(x1^3*x3/(x2 + 0.8*x1) + x2^2)", 3),
        ("x1^2*x2^3*x3^3 - 1.7*x1*x2*x3^3", 3),  # nothing below
    ],
)
def test_a_quotient_whose_exponents_are_in_a_box_is_found(text, n_columns):
    X = drawn(n_columns)
    law = Expression.from_infix(text)

    found = look(quotients_in_boxes, X, law.evaluate(X))

    assert found
    assert min(e.size for e in found) <= 1.5 * law.size


@pytest.mark.parametrize(
    "text",
    [
        "(x3 - sqrt(x1*x2 + 0.4))/(x3 + sqrt(x1*x2 + 0.4))",
        "((x1 - sqrt(x1^2 + 0.4*x2*x3))/(x1 + sqrt(x1^2 + 0.4*x2*x3)))^2",
    ],
)
def test_what_a_change_of_impedance_reflects_is_found(text):
    X = drawn(3)
    y = Expression.from_infix(text).evaluate(X)

    assert look(quotients_in_boxes, X, y)


@pytest.mark.parametrize(
    "text",
    [
        "x1*x2/(0.6 + sqrt(x2)*cbrt(x3))",
        "(x1^2 - 0.4*x3)/(1.9 + cbrt(x2)^2*x1)",
    ],
)
def test_roots_of_columns_are_found_in_a_quotient(text):
    X = drawn(3)
    law = Expression.from_infix(text)

    found = look(quotients_of_roots_in_boxes, X, law.evaluate(X))

    assert found
    assert min(e.size for e in found) <= 1.5 * law.size


def test_no_root_is_taken_of_a_column_that_is_negative_somewhere():
    X = drawn(2) - 1.0
    y = X[:, 0] / (2.0 + np.sqrt(X[:, 1] + 1.0))

    assert look(quotients_of_roots_in_boxes, X, y) == []


@pytest.mark.parametrize("n_columns", [1, 2, 3, 4, 5])
def test_what_is_no_quotient_is_not_approximated(n_columns):
    X = drawn(n_columns)
    y = np.exp(0.3 * X[:, 0]) / (1.0 + np.sqrt(X.sum(axis=1)))
    task = Task(Columns.of(X), y, lambda tree: [tree], 128, 12)

    with np.errstate(all="ignore"):
        assert list(quotients_in_boxes(task, lambda: False)) == []
        assert list(quotients_of_roots_in_boxes(task, lambda: False)) == []


def test_few_rows_carry_smaller_boxes():
    X = drawn(3, n_rows=60)
    y = X[:, 0] * X[:, 1] ** 2 / (1.0 + 0.5 * X[:, 2])
    task = Task(Columns.of(X), y, lambda tree: [tree], 40, 12)

    with np.errstate(all="ignore"):
        [(_, hit)] = quotients_in_boxes(task, lambda: False)

    assert len(hit.chosen) == 2
