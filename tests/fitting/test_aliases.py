"""Frequencies beyond what equally spaced values can show."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.fitting import grid_steps, unaliased


def test_a_grid_with_gaps_has_its_step():
    X = np.array([[0.0], [0.1], [0.2], [0.5], [0.9]])
    assert grid_steps(X) == pytest.approx({0: 0.1})


def test_random_values_have_no_step():
    X = np.random.default_rng(0).uniform(size=(50, 2))
    assert grid_steps(X) == {}


@pytest.mark.parametrize("fast", [2.0 + 2 * math.pi / 0.1, 2.0 - 6 * math.pi / 0.1])
def test_an_alias_is_brought_to_the_lowest_frequency(fast):
    law = Expression.from_infix(f"3.0*sin({fast!r}*x1)")
    low = unaliased(law, {0: 0.1})
    X = np.arange(-10, 11)[:, None] * 0.1
    np.testing.assert_allclose(low.evaluate(X), 3 * np.sin(2 * X[:, 0]), atol=1e-12)
    assert max(map(abs, low.constants)) < math.pi / 0.1


def test_what_is_not_inside_an_oscillation_stays():
    law = Expression.from_infix("80.0*x1 + exp(90.0*x1)")
    assert unaliased(law, {0: 0.1}) == law
