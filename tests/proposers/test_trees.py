from __future__ import annotations

from sklearn_chatsr.proposers.basis.trees import linear_combination


def test_an_addend_of_coefficient_zero_is_left_out():
    assert linear_combination([(0.0, "x1"), (2.0, "x2")], 0.0, exact=True) == (
        "mul",
        "2",
        "x2",
    )
    assert linear_combination([(0.0, "x1")], 3.0, exact=True) == "3"
