from pathlib import Path

import numpy as np
import pytest

from sklearn_chatsr.models import load_model

TINY = Path(__file__).parent.parent / "checkpoints" / "tiny"


@pytest.fixture(scope="session")
def tiny():
    """The tiny random model and its processor."""
    return load_model(TINY, "cpu")


@pytest.fixture
def table():
    """A table of 40 rows and 2 columns with a smooth law."""
    rng = np.random.default_rng(0)
    X = rng.uniform(1.0, 5.0, size=(40, 2))
    return X, X[:, 0] ** 2 / X[:, 1]
