"""Prunings take out one operator at a time."""

from __future__ import annotations

import numpy as np
import pytest

from sklearn_chatsr.expressions import Expression, prunings


def _pruned(text: str) -> set[str]:
    return {str(e) for e in prunings(Expression.from_infix(text))}


def test_a_curve_is_replaced_by_its_argument():
    assert "0.001*x1" in _pruned("atan(0.001*x1)")


def test_a_saturated_arctangent_is_replaced_by_the_inverse():
    assert "1/(x1 + x2)" in _pruned("atan(x1 + x2)")


@pytest.mark.parametrize("left", ["x1", "x2", "x3"])
def test_every_addend_is_left_out(left):
    others = {"x1", "x2", "x3"} - {left}
    assert " + ".join(sorted(others)) in _pruned("x1 + x2 + x3")


def test_constants_keep_their_values():
    pruned = prunings(Expression.from_infix("2.5*x1 + sin(x2)"))
    values = [float(e.evaluate([[2.0, 0.3]])[0]) for e in pruned]
    assert any(np.isclose(values, 5.0))


def test_nothing_is_left_of_a_variable():
    assert prunings(Expression.from_infix("x1")) == []
