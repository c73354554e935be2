from __future__ import annotations

import numpy as np
import pytest

from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.proposers.basis.sparse import sparse_sums
from sklearn_chatsr.proposers.basis.task import Task
from sklearn_chatsr.proposers.basis.terms import Columns


def found(X, y):
    task = Task(Columns.of(X), y, lambda tree: [tree], 128, 12)
    with np.errstate(all="ignore"):
        hits = list(sparse_sums(task, lambda: False))
        trees = [tree for sums, hit in hits for tree in sums.tree(hit, exact=True)]
        formulas = [Expression.from_tree(tree).simplify() for tree in trees]
        missed = [np.mean((e.evaluate(X) - y) ** 2) / np.var(y) for e in formulas]
    return [e for e, fvu in zip(formulas, missed, strict=True) if fvu < 1e-20]


def drawn(text, low=0.5, high=4.0):
    law = Expression.from_infix(text)
    n_columns = law.variables[-1] + 1
    X = np.random.default_rng(2).uniform(low, high, (220, n_columns))
    return law, X, law.evaluate(X)


@pytest.mark.parametrize(
    "text",
    [
        "x1/x2 + x3^2*x4 - 3*x5/x4^2 + 0.7*x1*x3 - 2*x2",
        "sqrt(x1^2 + 0.3*(x2*x3)^2 - 2*x3/x4 + 40/(x2*x4)^2 + 60)",
        "sin(x1) + 2.5*cos(x2) - exp(-x3)/2 + 3.5*sqrt(x4) - 1.2*log(x5) + 0.3*x6^2",
        "1/(x1*x2/x3 + 2*x4*x1^2 + 0.4*x3*x4/x2 + x5)",
        "x1*x2/x3 - 0.3*x4^2*x5 + 2*x6/x7 + x5*x7 - x2^2/x6 + 0.4*x1",
        "x1*sin(x2) + 0.3*x3*exp(x4) - x2*x3*x4 + 4*x1/x3",
    ],
)
def test_sums_of_many_terms_are_seen(text):
    law, X, y = drawn(text)

    exact = found(X, y)

    assert exact
    assert min(e.size for e in exact) <= 1.5 * law.size


def test_a_square_may_have_the_sign_of_its_column():
    law = Expression.from_infix("3*x1*x3*abs(x3) + 0.7*x2/x1 - 2*x3*x2")
    X = np.random.default_rng(3).uniform([0.5, 0.5, -2], [4, 4, 2], (220, 3))

    assert found(X, law.evaluate(X))


@pytest.mark.parametrize(
    "text",
    [
        "x1*log(x1)/x2 + 2*(1 - x1)*log(1 - x1) + 1.3*x1*(1 - x1)*x3",
        "sqrt(x1^2*x2 + 3*(1 - x1)^2*x3 + 0.5*x1*(1 - x1)*x2*x3)",
    ],
)
def test_a_share_comes_with_what_it_leaves(text):
    law = Expression.from_infix(text)
    X = np.random.default_rng(4).uniform(0.03, [0.97, 3, 5], (220, 3))

    exact = found(X, law.evaluate(X))

    assert min(e.size for e in exact) <= 1.5 * law.size


def test_columns_may_be_negative_and_zero():
    _, X, _ = drawn("x1*x2*x3*x4")
    X[::2, 0] *= -1.0
    X[::3, 1] = 0.0
    law = Expression.from_infix("abs(x1) + x1*x2^2 - 3*x2/x3 + x1*x4/x3 + 0.3*x3*x4")

    exact = found(X, law.evaluate(X))

    assert min(e.size for e in exact) <= law.size + 2


def test_nothing_is_seen_in_noise_nor_in_a_constant():
    _, X, y = drawn("x1/x2 + x3^2*x4 + 0.7*x1*x3")
    noise = np.random.default_rng(0).normal(size=len(y))

    assert found(X, noise) == []
    assert found(X, y + 1e-3 * noise) == []
    assert found(X, np.ones(len(y))) == []


def test_the_time_is_looked_at():
    _, X, y = drawn("x1/x2 + x3^2*x4 + 0.7*x1*x3")
    task = Task(Columns.of(X), y, lambda tree: [tree], 128, 12)

    assert list(sparse_sums(task, lambda: True)) == []
