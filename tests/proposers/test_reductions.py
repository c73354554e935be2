from __future__ import annotations

import numpy as np
import pytest

from sklearn_chatsr.proposers.basis.reductions import plain_powers


def draw(seed, n_columns):
    return np.random.default_rng(seed).uniform(1, 3, size=(1000, n_columns))


def test_powers_in_front_of_the_law_are_found():
    X = draw(0, 4)
    y = X[:, 0] ** 2 / np.sqrt(X[:, 1]) * np.log(X[:, 2] + X[:, 3])

    assert plain_powers(X, y) == {0: 2, 1: -0.5}


@pytest.mark.parametrize("seed", [0, 7])
def test_an_angle_that_comes_near_zero_is_no_power(seed):
    rng = np.random.default_rng(seed)
    X = rng.uniform(1, 3, size=(1000, 5))
    X[:, 3] = rng.uniform(0, 6, 1000)
    X[:, 2] += 3
    q, r, d, angle, e = X.T
    y = q / (e * np.sqrt(r * r + d * d - 2 * r * d * np.cos(angle)))

    # Divided by the cube of the angle, a few rows near zero hide all the others.
    assert plain_powers(X, y) == {0: 1, 4: -1}
