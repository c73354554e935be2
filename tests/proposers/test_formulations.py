"""Formulations: regressions that mean a formula."""

from __future__ import annotations

import numpy as np
import pytest

from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.proposers.basis.formulations import Quotient, Root
from sklearn_chatsr.proposers.basis.products import Product
from sklearn_chatsr.proposers.basis.terms import Columns, Terms
from sklearn_chatsr.proposers.basis.transforms import TRANSFORMS


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_root_of_a_quadratic_equation_is_exact(sign):
    X = np.random.default_rng(2).uniform(0.5, 3, (300, 3))
    a, b, c = X.T
    y = (a + b) / 2 + sign * np.sqrt((a - b) ** 2 / 4 + c**2)
    free = Terms(
        np.array([a * b, c**2]), [("mul", "x1", "x2"), ("sq", "x3")], np.ones(2)
    )
    linear = Terms(np.array([a, b]), ["x1", "x2"], np.ones(2))

    formulation = Root(y, free, linear, n_fit=150)
    [hit] = formulation.fit(np.array([[0, 1, 2, 3]]))
    [tree] = formulation.tree(hit, exact=True)

    assert hit.fvu < 1e-25
    np.testing.assert_allclose(Expression.from_tree(tree).evaluate(X), y, rtol=1e-10)


def test_a_quotient_is_exact_whichever_term_of_its_divisor_is_given():
    X = np.random.default_rng(2).uniform(0.5, 3, (300, 3))
    a, b, c = X.T
    y = (2 * a * b + c) / (a + 0.5 * b - 0.1)
    above = Terms(np.array([a * b, c]), [("mul", "x1", "x2"), "x3"], np.ones(2))
    below = Terms(np.array([np.ones(300), a, b]), ["1", "x1", "x2"], np.ones(3))

    for pivot in range(3):
        formulation = Quotient(TRANSFORMS[0], y, above, below, pivot, n_fit=150)
        [hit] = formulation.fit(np.array([[0, 1, 2, 3]]))
        trees = formulation.tree(hit, exact=True)

        assert hit.fvu < 1e-25
        for tree in trees:
            values = Expression.from_tree(tree).evaluate(X)
            np.testing.assert_allclose(values, y, rtol=1e-10)


def test_a_pure_number_is_in_the_units_of_the_data():
    rng = np.random.default_rng(0)
    X = rng.uniform([0.004, 100, 250], [0.008, 9000, 300], (200, 3))
    columns = Columns.of(X)
    assert columns.leaves[0] == ("mul", 1000.0, "x1")

    [ratio] = columns.keep([0, 1, 2]).times_powers(0, {1: 1}).keep([0]).leaves

    assert ratio == ("mul", "x2", "x1")


@pytest.mark.parametrize(("noise", "expected"), [(0.0, 0.4), (0.05, 0.5)])
def test_powers_near_a_half_are_rounded_unless_they_leave_nothing(noise, expected):
    rng = np.random.default_rng(3)
    X = rng.uniform(0.1, 0.9, (200, 2))
    y = 1.7 * X[:, 0] ** 0.4 * (1 - X[:, 1]) ** 3 * np.exp(noise * rng.normal(size=200))
    columns = Columns.of(X)
    factors = Terms(1 - columns.values[1:], [("sub", "1", "x2")], np.ones(1))
    nothing = Terms(np.empty((0, 200)), [], np.empty(0))

    formulation = Product(y, columns, factors, nothing, n_fit=150)
    [hit] = formulation.fit(np.array([[0]]))

    assert hit.coefficients[1:].tolist() == pytest.approx([expected, 0.0, 3.0])
    assert (hit.fvu < 1e-25) == (noise == 0.0)
