from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sklearn_chatsr import ChatSRRegressor

TINY = Path(__file__).parents[1] / "checkpoints" / "tiny"


@pytest.fixture
def regressor():
    """Without a network: everything but the model's own tests can do with it."""
    return ChatSRRegressor(proposers=("templates",), random_state=0)


@pytest.fixture
def tiny_regressor():
    """With the small random checkpoint of the tests."""
    return ChatSRRegressor(
        model=str(TINY),
        proposers=("templates", "model"),
        n_candidates=16,
        max_time=60.0,
        random_state=0,
    )


@pytest.fixture
def power_law():
    """Give rows of y = 3 a / b^2, exactly."""
    X = np.random.default_rng(0).uniform(1, 5, size=(60, 2))
    return X, 3 * X[:, 0] / X[:, 1] ** 2


@pytest.fixture
def noisy_line():
    """Give rows of y = 2.137 a - 0.913 with noise."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 2))
    return X, 2.137 * X[:, 0] - 0.913 + 0.3 * rng.normal(size=60)
