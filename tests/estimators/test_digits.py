from __future__ import annotations

import numpy as np
import pytest

from sklearn_chatsr import Expression
from sklearn_chatsr.estimators.digits import digits_needed


def test_text_that_needs_every_digit_is_exact_with_folded_signs():
    X = np.linspace(1e13, 1e13 + 10, 40)[:, np.newaxis]
    formula = Expression.from_infix("0.30000000000000004*x1 + -3000000000001.5")
    y = formula.evaluate(X)

    digits = digits_needed(formula, X, y, None)

    assert digits == 17
    text = formula.to_infix(digits=digits)
    assert text == "0.30000000000000004*x1 - 3000000000001.5"
    np.testing.assert_array_equal(Expression.from_infix(text).evaluate(X), y)


@pytest.mark.parametrize(("noise", "digits"), [(10.0, 6), (0.1, 8), (1e-3, 10)])
def test_the_less_is_left_the_more_digits_are_needed(noise, digits):
    X = np.linspace(0, 1, 40)[:, np.newaxis]
    formula = Expression.from_infix("1.5*x1 + 123456.123456789")
    y = formula.evaluate(X) + noise * np.tile([-1, 1], 20)

    assert digits_needed(formula, X, y, None) == digits


def test_rounding_that_leaves_the_domain_needs_more_digits():
    X = np.linspace(1.23456789, 2, 40)[:, np.newaxis]
    formula = Expression.from_infix("sqrt(x1 - 1.23456789)")

    assert digits_needed(formula, X, formula.evaluate(X), None) == 9
