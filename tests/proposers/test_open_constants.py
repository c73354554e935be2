from __future__ import annotations

import numpy as np
import pytest

from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.proposers.basis.open_constants import (
    laws_with_open_constants,
    look_for_open_constants,
)
from sklearn_chatsr.proposers.basis.open_factors import products_with_an_open_factor
from sklearn_chatsr.proposers.basis.openings import curves, open_transforms
from sklearn_chatsr.proposers.basis.task import Task
from sklearn_chatsr.proposers.basis.terms import Columns


def task_of(X, y):
    return Task(Columns.of(X), y, lambda tree: [tree], 128, 12)


def drawn(text, low=0.5, high=4.0, n_rows=250):
    law = Expression.from_infix(text)
    n_columns = law.variables[-1] + 1
    X = np.random.default_rng(3).uniform(low, high, (n_rows, n_columns))
    return law, X, law.evaluate(X)


def exact(X, y):
    with np.errstate(all="ignore"):
        lists = list(look_for_open_constants(task_of(X, y), lambda: False))
        formulas = [Expression.from_tree(tree) for found in lists for tree in found]
        return [
            e for e in formulas if np.mean((e.evaluate(X) - y) ** 2) < 1e-18 * y.var()
        ]


@pytest.mark.parametrize(
    "text",
    [
        "(x1 + 0.4*x2^1.6)^0.7",  # in both
        "x1*exp(-0.43*x2) + x2*x3",  # in a column
        "x3*log(x1 + 2.6) - x2^2/5",
        "x4 + x3/sqrt(x1 + 3.1*x2)",  # in two columns
        "x3*exp(-0.15*x1*x2) + 2.2",
        "x2/(1.7*x2 + x1*sqrt(x3 + 2.4))",  # a column over the target
        "7.5*tanh(0.12*x1 - 0.07*x2 + 0.1)",  # in the target
        "31.5*log((x1 + 0.6*x2)/(x3 + 4.7))",  # a quotient
        "4.3 - 1.6*exp(-0.3*x1*x2)",
    ],
)
def test_one_constant_inside_and_one_around_are_found(text):
    law, X, y = drawn(text)

    found = exact(X, y)

    assert found
    assert min(e.size for e in found) <= 1.5 * law.size


@pytest.mark.parametrize("power", ["2", "-2", "0.5", "-0.5", "-1"])
def test_powers_of_a_logarithm_with_two_constants_inside_are_found(power):
    law, X, y = drawn(f"(0.6*log(3/x1 + 1.7*x2^1.3))^({power})", low=1.0)

    found = exact(X, y)

    assert found
    assert min(e.size for e in found) <= law.size + 1


@pytest.mark.parametrize(
    "text",
    [
        "0.7*x1^1.4*x3/(exp(0.9*x2) - 1)",
        "2.9*x1^0.8*x2^-0.31*(1 + 0.47*x3/x2)^0.25",
        "x1*x2^1.5*(1 - exp(-0.17*x2*x3))",
        "-x3/log(1 + 0.6*x1/x2)",
        "x1^0.4*x2*tanh(0.5*sqrt(x1*x3))",
        "x2^2*sin(0.11*x1*x3)",
    ],
)
def test_a_factor_of_free_powers_may_hold_a_constant(text):
    law, X, y = drawn(text)

    with np.errstate(all="ignore"):
        [(product, hit)] = products_with_an_open_factor(task_of(X, y), lambda: False)
        [tree] = product.tree(hit, exact=True)

    written = Expression.from_tree(tree).simplify()
    assert written.evaluate(X) == pytest.approx(y, rel=1e-9)
    assert written.size <= 1.5 * law.size


def test_columns_may_be_negative_and_a_corner_is_found():
    law, X, y = drawn("abs(x1 - 0.83)*x2 + 0.4*x1", low=-3.0, high=3.0)

    found = exact(X, y)

    assert min(e.size for e in found) <= law.size


@pytest.mark.parametrize("text", ["sin(2*x1*x2) + x3", "x1^x2*sin(x3) + exp(x1/x2)"])
def test_an_approximation_is_no_law(text):
    _, X, y = drawn(text)

    assert not exact(X, y)


def test_nothing_is_found_in_noise_nor_without_time():
    _, X, y = drawn("x3*log(x1 + 2.6) - x2^2/5")
    noisy = y + np.random.default_rng(0).normal(scale=0.01, size=len(y))

    with np.errstate(all="ignore"):
        for search in (laws_with_open_constants, products_with_an_open_factor):
            assert not list(search(task_of(X, noisy), lambda: False))
            assert not list(search(task_of(X, y), lambda: True))


def test_columns_may_be_equal_and_constant():
    _, X, y = drawn("x1*exp(-0.43*x2) + x2*x3")
    X = np.column_stack([X, X[:, 0], np.full(len(X), 2.0)])

    assert exact(X, y)


def test_many_columns_are_left_to_others():
    X = np.random.default_rng(0).uniform(1, 2, (200, 7))

    assert not list(laws_with_open_constants(task_of(X, X[:, 0] ** 1.3), lambda: False))


def test_the_formula_of_a_curve_has_its_values():
    X = np.random.default_rng(1).uniform(0.5, 3.0, (50, 2))
    X[:, 1] -= 1.5

    with np.errstate(all="ignore"):
        for curve in curves(Columns.of(X)):
            for u in curve.grid:
                written = Expression.from_tree(curve.tree(u)).evaluate(X)
                assert written == pytest.approx(curve.values(u), rel=1e-9)


def test_the_inverse_of_an_open_transform_gives_the_target():
    y = np.random.default_rng(2).uniform(0.5, 3.0, 50)

    with np.errstate(all="ignore"):
        for target in open_transforms(y):
            for u in target.grid:
                transform = target.at(u)
                assert transform.inverse(transform.forward(y)) == pytest.approx(y)
