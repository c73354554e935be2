from __future__ import annotations

import numpy as np
import pytest

from sklearn_chatsr.selection import is_noise
from sklearn_chatsr.selection.noise import for_forests


@pytest.fixture
def X():
    return np.random.default_rng(0).uniform(-2, 2, size=(400, 3))


def test_independent_residuals_are_mostly_taken_for_noise(X):
    taken = [
        is_noise(X, np.random.default_rng(seed).normal(size=len(X)))
        for seed in range(1, 11)
    ]

    assert sum(taken) >= 7


@pytest.mark.parametrize("seed", range(5))
def test_structure_as_large_as_the_noise_is_seen(X, seed):
    noise = np.random.default_rng(seed).normal(size=len(X))

    assert not is_noise(X, np.sin(2 * X[:, 0]) * X[:, 1] + noise)


def test_the_size_of_the_residual_does_not_matter(X):
    residual = X[:, 0] ** 2

    assert not is_noise(X, 1e-200 * residual)
    assert not is_noise(X, 1e200 * residual)


def test_columns_keep_their_differences_in_float32():
    seconds = 1.7e9 + np.arange(60.0)

    columns = for_forests(np.column_stack([seconds, 1e-300 * seconds, 0 * seconds]))

    single = columns.astype(np.float32)
    assert [len(np.unique(column)) for column in single.T] == [60, 60, 1]
    assert np.abs(columns).max() <= 1.0


def test_few_rows_and_values_that_are_not_finite_tell_nothing(X):
    assert not is_noise(X[:50], np.random.default_rng(0).normal(size=50))
    assert not is_noise(X, np.full(len(X), np.nan))


def test_a_faint_curve_is_no_noise():
    X = np.random.default_rng(1).uniform(-2, 2, size=(1000, 3))
    curve = X[:, 0] * X[:, 1] - X[:, 2] ** 2 / 2
    noise = np.random.default_rng(2).normal(size=len(X))

    assert not is_noise(X, 0.3 * curve + noise)
