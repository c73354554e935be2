"""Shared by the tests of the benchmarks."""

from __future__ import annotations

import pytest

from benchmarks.execution import Limits
from benchmarks.methods import Entry
from benchmarks.problems import Problem


@pytest.fixture
def line():
    """A law that a look settles: y = 2 x + 1."""
    return Problem("line", "toy", ("x",), "2*x + 1", ranges=((0.0, 1.0),), rows=40)


@pytest.fixture
def plane():
    return Problem(
        "plane", "toy", ("a", "b"), "a - b", ranges=((0.0, 1.0), (0.0, 1.0)), rows=40
    )


@pytest.fixture
def limits():
    return Limits(seconds=1.0, grace=1.0, startup=60.0, memory=1e9)


@pytest.fixture
def method():
    """Make the entry of a method of `misbehaving`."""

    def make(name, **settings):
        return Entry(name.lower(), f"tests.benchmarks.misbehaving:{name}", settings)

    return make
