from __future__ import annotations

import numpy as np
import pytest

from sklearn_chatsr.fitting.covariance import invert_normal


def test_the_inverse_is_the_inverse():
    J = np.random.default_rng(0).normal(size=(20, 3)) * [1e-3, 1.0, 1e3]

    assert np.allclose(invert_normal(J.T @ J) @ (J.T @ J), np.eye(3), atol=1e-6)


@pytest.mark.parametrize("lost", [np.nan, np.inf, 1e300])
def test_what_float64_cannot_hold_is_not_determined(lost):
    G = np.diag([1.0, 1e-320, 2.0])
    G[0, 1] = G[1, 0] = lost

    inverse = invert_normal(G)

    assert inverse[2, 2] == 0.5
    assert np.isnan(inverse[:2]).all()
    assert np.isnan(inverse[:, :2]).all()
