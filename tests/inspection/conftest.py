from __future__ import annotations

import pytest


@pytest.fixture
def pyplot():
    """Give pyplot without a screen, and close what a test leaves open."""
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    yield plt
    plt.close("all")
