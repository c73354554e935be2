from __future__ import annotations

import numpy as np
import pytest

from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.proposers.basis.terms import Columns
from sklearn_chatsr.proposers.basis.waves import waves


def waves_in(text, n_columns, **settings):
    X = np.random.default_rng(3).uniform(-3, 3, (300, n_columns))
    y = Expression.from_infix(text).evaluate(X)
    found = waves(Columns.of(X), y, 150, lambda: False, **settings)
    return X, y, found


def left_by(X, y, found):
    """Give what two terms and a polynomial of every column leave at best."""
    base = [np.ones(len(y)), *(X[:, j] ** p for j in range(X.shape[1]) for p in (1, 2))]
    shares = []
    for i in range(0, len(found), 2):
        design = np.stack([*base, *found.values[i : i + 2]], axis=1)
        fit = np.linalg.lstsq(design, y, rcond=None)[0]
        shares.append(np.var(y - design @ fit) / np.var(y))
    return min(shares)


@pytest.mark.parametrize(
    "text",
    [
        "cos(9*x1*x2/x3 + 0.4) + 0.2*x1",
        "x2*sin(8*x1^2) - x3",
        "sin(5*x1*x2*x3)^2",
        "2*cos(21/(x1*x2)) - x1",
    ],
)
def test_a_wave_may_run_along_a_product_of_powers(text):
    X = np.random.default_rng(3).uniform(1, 2, (300, 3))
    y = Expression.from_infix(text).evaluate(X)

    found = waves(Columns.of(X), y, 150, lambda: False)

    assert left_by(X, y, found) < 1e-4


@pytest.mark.parametrize(
    ("text", "n_columns"),
    [
        ("1.4*sin(2.7*x1 + 0.9) - x1^2", 1),
        ("0.7*x1 + 2*cos(1.9*x1 - 2.6*x2 + 1)", 2),
        ("x2^2 + sin(x1 + 2*x2 - x3)", 3),
        ("x3*cos(1.7*x1 + 0.6*x2) + x3^2", 3),
    ],
)
def test_a_wave_is_found_with_its_direction(text, n_columns):
    X, y, found = waves_in(text, n_columns)

    assert left_by(X, y, found) < 1e-12


@pytest.mark.parametrize(
    ("text", "n_columns"),
    [
        ("x1 + sin(x3*(x2 + x3))", 3),
        ("x1*x2*sin(x1 + x2 + x3) + x3", 3),
        ("2*x2 + 3*sin((x1 + 2)*(x2 - 0.7))", 2),
    ],
)
def test_phases_and_amplitudes_may_hold_products(text, n_columns):
    X, y, found = waves_in(text, n_columns, thorough=True)

    assert left_by(X, y, found) < 1e-12


def test_of_two_waves_both_are_found():
    _, y, found = waves_in("sin(x1 + x2) + 1.5*cos(2*x1 - x3)", 3)

    design = np.concatenate([np.ones((1, len(y))), found.values]).T
    fit, *_ = np.linalg.lstsq(design, y, rcond=1e-10)
    assert np.var(y - design @ fit) < 1e-12 * np.var(y)


@pytest.mark.parametrize("text", ["x1^2 + 3*x2", "x1*x2 - x3^3", "2*x1 + 1"])
def test_a_polynomial_is_no_wave(text):
    _, _, found = waves_in(text, 3)

    assert len(found) == 0


def test_every_term_is_worth_what_its_tree_says():
    X, _, found = waves_in("x2 + 0.8*x1*sin(2.2*x1 - x2)", 2)

    assert len(found)
    for value, tree in zip(found.values, found.trees, strict=True):
        np.testing.assert_allclose(
            value, Expression.from_tree(tree).evaluate(X), rtol=1e-9, atol=1e-9
        )


def test_nothing_is_looked_for_when_time_is_over():
    X = np.random.default_rng(0).uniform(-3, 3, (200, 2))
    y = np.sin(2 * X[:, 0] - X[:, 1])

    assert len(waves(Columns.of(X), y, 128, lambda: True)) == 0
