from __future__ import annotations

import numpy as np
import pytest

from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.proposers.basis.reductions import reduced
from sklearn_chatsr.proposers.basis.scaling import find_scaling
from sklearn_chatsr.proposers.basis.terms import Columns


def draw(seed, n_columns, low=1, high=3):
    return np.random.default_rng(seed).uniform(low, high, size=(1000, n_columns))


def reduce(X, y):
    return reduced(Columns.of(X), y, lambda: False)


def front(problem, X):
    return Expression.from_tree(("mul", problem.factor, problem.unit)).evaluate(X)


def test_powers_in_front_of_the_law_are_found():
    X = draw(0, 4)
    y = X[:, 0] ** 2 / np.sqrt(X[:, 1]) * np.log(X[:, 2] + X[:, 3])

    smallest, apart = reduce(X, y)

    for problem in (smallest, apart):
        assert front(problem, X) == pytest.approx(X[:, 0] ** 2 / X[:, 1] ** 0.5)
        assert problem.y == pytest.approx(np.log(X[:, 2] + X[:, 3]))
    assert smallest.columns.leaves == [("add", "x3", "x4")]
    assert apart.columns.leaves == ["x3", "x4"]


def test_powers_in_front_may_have_any_short_exponent():
    X = draw(0, 4)
    y = 0.3 * X[:, 0] ** 1.7 * X[:, 1] ** -0.63 * np.log(X[:, 2] + X[:, 3])

    problem = reduce(X, y)[-1]

    assert problem.columns.leaves == ["x3", "x4"]
    assert front(problem, X) == pytest.approx(X[:, 0] ** 1.7 * X[:, 1] ** -0.63)


def test_one_less_a_quotient_in_front_is_no_exponential():
    low, high = [60, 5, 0.02, 0.08, 0.03, 4], [300, 30, 0.06, 0.2, 0.2, 15]
    X = np.random.default_rng(0).uniform(low, high, size=(300, 6))
    a, b, c, d, e, f = X.T
    rest = 1 / (np.log(d / c) / (6 * e) + 1 / (6 * d * f))
    y = (a - b) * rest

    smallest = reduce(X, y)[0]

    assert len(smallest.columns) == 2
    assert front(smallest, X) * smallest.y == pytest.approx(y)
    assert front(smallest, X) == pytest.approx((a - b) * e)


@pytest.mark.parametrize("seed", [0, 7])
def test_an_angle_that_comes_near_zero_is_no_power(seed):
    rng = np.random.default_rng(seed)
    X = rng.uniform(1, 3, size=(1000, 5))
    X[:, 3] = rng.uniform(0, 6, 1000)
    X[:, 2] += 3
    q, r, d, angle, e = X.T
    y = q / (e * np.sqrt(r * r + d * d - 2 * r * d * np.cos(angle)))

    # Divided by the cube of the angle, a few rows near zero hide all the others.
    for problem in reduce(X, y):
        assert "x4" in problem.columns.leaves


@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_units_that_the_law_does_not_notice_take_columns_away(noise):
    X = draw(1, 5)
    density, speed, width, viscosity, angle = X.T
    number = viscosity / (density * speed * width)
    clean = density * speed**2 * width**2 * np.sqrt(1 + number) * np.sin(angle / 3)
    y = clean * (1 + noise * np.random.default_rng(2).standard_normal(len(X)))

    smallest = reduce(X, y)[0]

    assert len(smallest.columns) == 2
    [group] = [
        column
        for leaf, column in zip(
            smallest.columns.leaves, smallest.columns.values, strict=True
        )
        if leaf != "x5"
    ]
    assert np.ptp(np.abs(np.log(group)) - np.abs(np.log(number))) < 1e-9
    assert front(smallest, X) * smallest.y == pytest.approx(y)


def test_the_units_of_mass_are_read_off_the_data():
    X = draw(3, 3)
    mass, length, force = X.T
    y = np.sqrt(force * length / mass) * (1 + length**2)

    scaling = find_scaling(X, y)

    # A mass is a plain power in front; with it gone, so is the force.
    assert scaling.exponents == {0: 1}
    assert scaling.power == -0.5
    smallest = reduce(X, y)[0]
    assert smallest.columns.leaves == ["x2"]


def test_a_column_that_begins_at_zero_does_not_hide_units():
    rng = np.random.default_rng(4)
    mass, gravity, drag = rng.uniform(size=(3, 750)) * [[50], [0.2], [0.4]]
    X = np.column_stack([50 + mass, 9.7 + gravity, 0.1 + drag, rng.uniform(0, 20, 750)])
    m, g, k, t = X.T
    y = np.sqrt(m * g / k) * np.tanh(t * np.sqrt(g * k / m))

    scaling = find_scaling(X, y)

    assert (scaling.exponents, scaling.power) == ({0: 1, 2: 1}, 0)


def test_angles_are_smooth_as_they_are():
    X = np.column_stack([draw(5, 2)[:750], draw(6, 1, 0.1, 1.4)[:750]])
    n, m, angle = X.T
    root = np.sqrt(9 * m**2 - n**2 * np.sin(angle) ** 2)
    y = ((n * np.cos(angle) - root) / (n * np.cos(angle) + root)) ** 2

    scaling = find_scaling(X, y)

    assert (scaling.exponents, scaling.power) == ({0: 1, 1: 1}, 0)


def test_a_law_that_changes_its_sign_is_divided_by_a_cosine():
    X = draw(4, 4)
    X[:, 1] = np.random.default_rng(5).uniform(0, 6, 1000)
    y = X[:, 0] * np.cos(X[:, 1]) * np.log(X[:, 2] ** 2 + X[:, 3])

    smallest = reduce(X, y)[0]

    quotient = y / front(smallest, X)
    assert smallest.y == pytest.approx(quotient)
    assert "x2" not in smallest.columns.leaves
    assert np.all(quotient > 0) or np.all(quotient < 0)


def test_nothing_is_reduced_where_nothing_can_be():
    X = draw(6, 3, -2, 2)
    y = np.sin(X[:, 0] * X[:, 1]) + X[:, 2] * X[:, 0] ** 2 + np.exp(X[:, 1] - X[:, 2])

    assert reduce(X, y) == []


@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_a_column_that_is_only_added_is_taken_away(noise):
    X = draw(6, 4)
    clean = X[:, 0] - X[:, 1] * np.exp(-X[:, 2] * X[:, 3])
    rng = np.random.default_rng(2)
    y = clean + noise * clean.std() * rng.standard_normal(len(X))

    smallest = reduce(X, y)[0]

    assert ("1", "1", "x1") in smallest.outside
    assert "x1" not in smallest.columns.leaves
    inner = Expression.from_tree(smallest.formulas("1", 0.0)[0])
    rest = smallest.divisor * smallest.y
    assert inner.evaluate(X) + rest == pytest.approx(y)


@pytest.mark.parametrize(
    ("addend", "gone"),
    [
        (("mul", -1.2, ("sq", "x1")), {"x1"}),
        (("mul", 0.25, "x1"), {"x1"}),
        (("mul", 0.6, ("cos", "x1")), {"x1"}),
        (("mul", "x1", "x2"), {"x1", "x2"}),
    ],
)
def test_functions_of_a_column_and_products_of_two_are_taken_away(addend, gone):
    X = draw(11, 5, 0.5, 3.0)
    y = X[:, 2] * X[:, 3] / (X[:, 4] + 1.5)
    y = y + Expression.from_tree(addend).evaluate(X)

    smallest = reduce(X, y)[0]

    assert smallest.outside[0][2] == addend
    assert (
        not gone
        & set(Expression.from_tree(addend).tokens)
        & set(smallest.columns.leaves)
    )


def test_an_addend_whose_coefficient_is_uncertain_stays():
    X = draw(12, 3)
    y = np.sin(9.0 * X[:, 1] * X[:, 2]) + 0.013 * X[:, 0] ** 2

    assert all(not r.outside for r in reduce(X, y))


def test_a_factor_is_no_addend():
    X = draw(7, 3)
    y = X[:, 0] * np.log(X[:, 1] + X[:, 2])

    assert reduce(X, y)[0].outside == ()


def test_a_factor_counts_although_another_one_makes_huge_values():
    rng = np.random.default_rng(3)
    X = np.column_stack([rng.uniform(-8, 8, 225), rng.uniform(0, 20, (225, 2)) + 0.1])
    y = np.arctan(X[:, 0] / (X[:, 1] / 4 + 1.4)) * np.sqrt(X[:, 2])

    smallest = reduce(X, y)[0]

    assert smallest.factor == ("sqrt", "x3")


def test_a_factor_shows_in_logarithms_of_what_spans_decades():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.uniform(1, 20, 225), 10 ** rng.uniform(-2, 2, (225, 3))])
    v, a, b, c = X.T
    y = v / np.sqrt(a**2 + (b - 1 / c) ** 2)

    assert any(p.factor == "x1" and len(p.columns) == 3 for p in reduce(X, y))


def test_differences_are_taken_before_units():
    X = np.random.default_rng(1).uniform([90, 60, 5, 40], [300, 120, 55, 85], (225, 4))
    a, b = X[:, 0] - X[:, 3], X[:, 1] - X[:, 2]
    y = (a**1.5 - b**1.5) / np.log(a / b)

    # A quotient of both is left, or both.
    leaves = str(reduce(X, y)[0].columns.leaves)

    assert str(("sub", "x1", "x4")) in leaves
    assert str(("sub", "x2", "x3")) in leaves


def test_units_may_count_by_halves():
    X = draw(8, 3)
    y = X[:, 0] ** 2 * np.log(1 + X[:, 1] / X[:, 0] ** 1.5) * np.exp(X[:, 2] / 3)

    scaling = find_scaling(X, y)

    assert (scaling.exponents, scaling.power) == ({0: 2, 1: 3}, 4)
    changes, shift = scaling.powers(0)
    assert (changes, shift) == ({1: -1.5}, 2)
    assert reduce(X, y)[0].columns.leaves[0] != "x1"
