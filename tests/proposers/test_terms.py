from __future__ import annotations

import numpy as np
import pytest

from sklearn_chatsr.proposers.basis.terms import Columns


def test_columns_in_ordinary_units_stay():
    X = np.random.default_rng(0).uniform([0.01, 1, 50], [0.2, 9, 700], (50, 3))

    columns = Columns.of(X)

    assert columns.leaves == ["x1", "x2", "x3"]
    np.testing.assert_array_equal(columns.values, X.T)


def test_columns_of_about_the_same_size_keep_a_common_unit():
    X = np.random.default_rng(0).uniform(
        [2e-4, 3e-5, 300, 4e7], [3e-3, 7e-5, 600, 6e8], (50, 4)
    )

    columns = Columns.of(X)

    # Their difference is one in any unit that both have.
    assert columns.values[0] - columns.values[1] == pytest.approx(
        1e4 * (X[:, 0] - X[:, 1])
    )
    assert columns.leaves[2:] == ["x3", ("mul", 1e-8, "x4")]


def test_beside_one_in_strange_units_the_others_stay():
    X = np.random.default_rng(0).uniform([1e-9, 0.1, 50], [9e-9, 0.6, 700], (50, 3))

    columns = Columns.of(X)

    assert 1 <= np.median(columns.values[0]) < 10
    # A share, of which one is the whole.
    assert columns.leaves[1:] == ["x2", "x3"]


def test_one_in_strange_units_stays_beside_one_of_about_the_same_size():
    X = np.random.default_rng(0).uniform([200, 1100], [900, 3000], (50, 2))

    columns = Columns.of(X)

    assert columns.leaves == ["x1", "x2"]
