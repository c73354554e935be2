from __future__ import annotations

import numpy as np
import pytest

from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.selection.leverage import left_out_loss


@pytest.fixture
def X():
    X = np.random.default_rng(0).uniform(0, 3, size=(60, 2))
    X[7] = 30.0, 2.5
    return X


def test_a_term_of_one_row_is_worth_what_it_would_be_without_the_row(X):
    y = 1.0 + X[:, 1] + 0.1 * np.random.default_rng(1).normal(size=60)
    y[7] += 2.0
    size = (y[7] - 1.0 - X[7, 1]) / np.exp(30.0)
    decorated = Expression.from_infix(f"1.01*x2 + {size}*exp(x1) + 0.99")
    plain = Expression.from_infix("1.01*x2 + 0.99")
    missed = np.square(plain.evaluate(X) - y)

    loss = left_out_loss(decorated, X, y)

    assert loss is not None
    assert missed.mean() < loss < np.var(y)
    assert left_out_loss(plain, X, y) is None


def test_weights_are_repetitions(X):
    y = X[:, 0] ** 3 + X[:, 1]
    formula = Expression.from_infix("1.001*x1^3 + 1.2*x2 + 0.3")
    weight = np.random.default_rng(1).integers(1, 4, size=60).astype(float)
    weight[7] = 1.0
    repeated = np.repeat(np.arange(60), weight.astype(int))

    loss = left_out_loss(formula, X, y, weight)

    assert loss is not None
    assert loss == pytest.approx(left_out_loss(formula, X[repeated], y[repeated]))


def test_what_was_seen_many_times_decides_nothing():
    rng = np.random.default_rng(0)
    X = rng.integers(0, 2, size=(400, 1)).astype(float)
    y = 0.3 + 0.4 * X[:, 0]
    y[:4] += 0.1
    rows, weight = np.unique(np.column_stack([X, y]), axis=0, return_counts=True)
    line = Expression.from_infix("0.4*x1 + 0.3")

    assert left_out_loss(line, X, y) is None
    assert left_out_loss(line, rows[:, :1], rows[:, 1], weight.astype(float)) is None


def test_without_constants_or_values_nothing_is_decided(X):
    y = X[:, 0]

    assert left_out_loss(Expression.from_infix("x1"), X, y) is None
    assert left_out_loss(Expression.from_infix("log(x1 - 1.5)"), X, y) is None
