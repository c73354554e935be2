from __future__ import annotations

import numpy as np
import pytest

from sklearn_chatsr.estimators.columns import select_columns
from sklearn_chatsr.estimators.rows import merge_rows, price
from sklearn_chatsr.estimators.validation import checked_weight


@pytest.fixture
def repeated():
    X = np.random.default_rng(0).integers(0, 3, size=(200, 1)).astype(float)
    return X, X[:, 0] ** 2


def test_equal_rows_are_merged_into_weights(repeated):
    X, y, weight = merge_rows(*repeated, None)

    assert X.ravel().tolist() == [0.0, 1.0, 2.0]
    assert weight.sum() == 200
    assert price(X, y, weight).n_samples == 200


def test_rows_whose_weights_are_no_repetitions_stay_apart(repeated):
    X, y, weight = merge_rows(*repeated, np.full(200, 0.5))

    assert len(y) == 200
    assert (np.diff(X[:, 0]) >= 0).all()
    assert price(X, y, weight).n_samples == 200


def test_vast_weights_are_no_repetitions(repeated):
    X, y = repeated
    weight = np.full(200, 2.0**70)

    assert price(*merge_rows(X, y, weight)).n_samples == 200


def test_the_order_of_rows_does_not_matter(repeated):
    X, y = repeated
    rng = np.random.default_rng(1)
    weight, order = rng.uniform(0.5, 2.0, size=200), rng.permutation(200)

    for one, two in zip(
        merge_rows(X, y, weight),
        merge_rows(X[order], y[order], weight[order]),
        strict=True,
    ):
        np.testing.assert_array_equal(one, two)


@pytest.mark.filterwarnings("ignore:X has 12 columns")
@pytest.mark.parametrize("size", [1e-150, 1e-12, 1.0, 1e150])
def test_columns_are_chosen_whatever_the_unit_of_the_target(size):
    X = np.random.default_rng(0).uniform(1, 3, size=(300, 12))
    y = size * (X[:, 11] ** 2 + X[:, 10])

    assert {10, 11} <= set(select_columns(X, y, None, seed=0))


@pytest.mark.filterwarnings("ignore:X has 12 columns")
def test_a_column_far_from_zero_is_chosen_for_its_differences():
    X = np.random.default_rng(0).uniform(1, 3, size=(300, 12))
    X[:, 11] += 1.7e9

    assert 11 in select_columns(X, np.sin(X[:, 11] - 1.7e9), None, seed=0)


def test_tiny_weights_do_not_make_residuals_vanish():
    weight = checked_weight(np.full(10, 1e-318), np.ones((10, 1)))

    assert np.average(np.full(10, 1e-6), weights=weight) == pytest.approx(1e-6)
