from __future__ import annotations

import numpy as np
import pytest

from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.proposers.programs.factors import build_library
from sklearn_chatsr.proposers.programs.mutation import Mutator
from sklearn_chatsr.proposers.programs.terms import (
    join_factors,
    join_terms,
    split_factors,
    split_terms,
)

MOVES = [
    *("add", "multiply", "replace factor", "replace term", "delete", "cross", "point")
]


@pytest.fixture
def points():
    X = np.random.default_rng(0).uniform(1, 4, size=(120, 2))
    return X, 2.0 * X[:, 0] * np.exp(-0.5 * X[:, 1]) + 0.7 * X[:, 1] ** 3


def mutator(X, y, weight=None, max_size=40):
    return Mutator(X, y, weight, max_size=max_size, rng=np.random.default_rng(0))


@pytest.mark.parametrize(
    "text",
    [
        "2.0*x1*sin(x2) - 3.0*x1/x2 + 4.0",
        "x1/(x2*exp(x1)) + 1/x2",
        "-(x1 - 2.0*x2) - tanh(x1 + 1.5)",
    ],
)
def test_a_sum_of_its_terms_gives_the_formula_back(text):
    formula = Expression.from_infix(text)
    X = np.random.default_rng(0).uniform(1, 2, size=(30, 2))
    terms = split_terms(formula)

    columns = np.column_stack(
        [
            Expression.from_tree(join_factors(t)).evaluate(X) * np.ones(len(X))
            for t in terms
        ]
    )
    target = formula.evaluate(X)
    coefficients = np.linalg.lstsq(columns, target, rcond=None)[0]

    rebuilt = join_terms(terms, coefficients)
    np.testing.assert_allclose(rebuilt.evaluate(X), target, rtol=1e-9)


def test_signs_and_numbers_are_left_to_the_coefficient():
    tree = Expression.from_infix("-3*x1/(2.5*sin(x2))").to_tree()

    assert split_factors(tree) == ("x1", ("inv", ("sin", "x2")))


def test_a_formula_without_terms_is_refused():
    with pytest.raises(ValueError, match="at least one term"):
        join_terms([], [])


def test_blocks_are_finite_and_vary_on_the_data():
    X = np.column_stack([np.linspace(-2, 2, 50), np.full(50, 3.0)])

    library = build_library(X)

    assert len(library.trees) == library.values.shape[1] > 100
    assert np.isfinite(library.values).all()
    assert (np.ptp(library.values, axis=0) > 0).all()


def test_a_missing_term_is_the_first_that_is_added(points):
    X, _ = points
    y = 2.0 * X[:, 0] + 3.0 * np.tanh(X[:, 1]) + 1.0
    parent = Expression.from_infix("2.0*x1 + 1.0")
    best = np.inf

    for seed in range(3):
        rng = np.random.default_rng(seed)
        for child in mutator(X, y).children(parent, [], rng, move="add"):
            best = min(best, float(np.mean((child.evaluate(X) - y) ** 2)))

    assert best < 1e-20


@pytest.mark.parametrize("move", MOVES)
def test_children_of_every_move_are_valid_distinct_and_small(points, move):
    X, y = points
    parent = Expression.from_infix("2.0*x1*exp(-0.4*x2) + 0.5*x2 + 1.0")
    mate = Expression.from_infix("0.7*x2^3 + sin(x1)")
    changing = mutator(X, y, max_size=20)

    found = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        children = changing.children(parent, [mate], rng, n_children=4, move=move)
        assert len(children) == len(set(children)) <= 4
        found += children

    assert found
    assert all(c.size <= 20 and c != parent for c in found)
    assert all(c.constants is not None for c in found)


def test_the_same_seed_gives_the_same_children(points):
    X, y = points
    parent = Expression.from_infix("x1 + 1.0")

    def draw():
        return mutator(X, y).children(parent, [], np.random.default_rng(3))

    assert draw() == draw()


def test_rows_without_weight_do_not_matter(points):
    X, y = points
    spoilt, weight = y.copy(), np.ones(len(y))
    spoilt[::2] += 100.0
    weight[::2] = 1e-12
    parent = Expression.from_infix("2.0*x1*exp(-0.5*x2) + 1.0")

    def best(target, weight):
        rng = np.random.default_rng(0)
        made = mutator(X, target, weight).children(parent, [], rng, move="add")
        return min(np.mean((c.evaluate(X) - y)[1::2] ** 2) for c in made)

    assert best(spoilt, weight) < 1e-3 * np.var(y)
    assert best(spoilt, None) > 0.1


def test_constant_columns_alone_leave_nothing_to_insert():
    X = np.ones((20, 1))

    children = mutator(X, np.arange(20.0)).children(
        Expression.from_infix("1.0"), [], np.random.default_rng(0), move="add"
    )

    assert children == []


@pytest.mark.parametrize("move", MOVES)
def test_terms_whose_squares_overflow_are_passed_over_in_silence(points, move):
    X, y = points
    parent = Expression.from_infix("2.0*x1^3*x1^3 + 3.0*x2")

    children = mutator(1e30 * X, y).children(
        parent, [parent], np.random.default_rng(0), move=move
    )

    assert all(child.size <= 40 for child in children)
