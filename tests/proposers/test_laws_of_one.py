from __future__ import annotations

import numpy as np
import pytest

from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.proposers.basis.laws_of_one import laws_of_one


def share_left(text, low, high, *, noise=1e-12, only_curves=True):
    rng = np.random.default_rng(0)
    x = rng.uniform(low, high, 300)
    values = Expression.from_infix(text).evaluate(x[:, None])
    known = values + np.sqrt(noise) * values.std() * rng.normal(size=300)

    found = laws_of_one(x, known, noise, lambda: False, only_curves=only_curves)

    law = Expression.from_tree(found[0][1]).evaluate(x[:, None])
    return np.mean(np.square(law - values)) / values.var()


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("0.7*x1 - 2*sin(1.4*x1) + 0.3*x1^2", 0.1, 5.0),
        ("3*x1^0.4 + 0.2*cos(7*x1)", 0.1, 2.0),
        ("x1^1.6/(1 + 0.4*x1^3.1) - 0.2*x1", 0.1, 4.0),
        ("x1*exp(-0.8*abs(x1)) + 0.1*x1", -3.0, 3.0),
        ("sin(2*log(x1 + 0.6)) + 0.05*x1", 0.1, 9.0),
        ("2*x1 - 5/(x1 + 1)^3", 0.0, 3.0),
    ],
)
def test_curves_stand_beside_powers(text, low, high):
    assert share_left(text, low, high) < 1e-11


def test_a_plain_curve_is_not_made_longer():
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 4, 200)

    found = laws_of_one(x, 2 * np.exp(-0.7 * x), 1e-12, lambda: False)

    assert Expression.from_tree(found[0][1]).size <= 8


def test_what_no_curve_explains_is_searched_for():
    text = "exp(-x1)*log(1 + x1^2)/(2 + sin(x1))"

    curves = share_left(text, 0.1, 6.0)
    search = share_left(text, 0.1, 6.0, only_curves=False)

    assert search < 0.5 * curves
