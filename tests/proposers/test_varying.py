from __future__ import annotations

import numpy as np
import pytest

from sklearn_chatsr import ChatSRRegressor
from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.fitting import ConstantFitter
from sklearn_chatsr.proposers.basis.terms import Columns
from sklearn_chatsr.proposers.basis.varying import varying


def draw(n_features, n_rows=90, seed=4):
    return np.random.default_rng(seed).uniform(0.2, 6.0, size=(n_rows, n_features))


def noisy(y, noise):
    return y + noise * y.std() * np.random.default_rng(1).normal(size=len(y))


def formulas(X, y):
    found = varying(Columns.of(X), y, lambda tree: [tree], lambda: False)
    return [Expression.from_tree(tree) for trees in found for tree in trees]


@pytest.mark.parametrize(
    "text",
    [
        "x1*exp(-1.1*x3) + 0.7*x2*(exp(-0.3*x3) - exp(-1.1*x3))",
        "x1 + (x2 - x1)*exp(-0.6*x3)",
        "x1*x3*exp(-0.9*x3) + 2*x2*exp(-0.9*x3)",
        "x1*sin(1.6*x3) - 1.4*x2*cos(1.6*x3)",
        "x1*sqrt(x3) - x2*exp(-0.5*x3)",
        "x1/(x3 + 1.5) + x2*log(x3 + 0.4)",
        "x1*x3^1.4 + 3*x2*exp(-0.8*x3) + x3^1.4*x4",
    ],
)
@pytest.mark.parametrize("noise", [1e-5, 1e-3, 1e-2])
def test_coefficients_are_curves_behind_noise(text, noise):
    law = Expression.from_infix(text)
    X = draw(max(law.variables) + 1)
    y = law.evaluate(X)
    known = noisy(y, noise)

    fitter = ConstantFitter(X, known)
    found = [fitter.fit(e, start=e.constants, scale=True) for e in formulas(X, known)]

    # As near to the law as its own constants, fitted, may be.
    missed = [np.mean(np.square(fit.expression.evaluate(X) - y)) for fit in found]
    assert min(missed) < 0.3 * np.mean(np.square(known - y))


@pytest.mark.parametrize("text", ["x1*x2 + x3", "2*x1 - x2 + x3^2", "x1*exp(x2*x3)"])
def test_other_laws_are_left_to_others(text):
    X = draw(3)
    y = Expression.from_infix(text).evaluate(X)

    assert formulas(X, noisy(y, 0.01)) == []


def test_few_rows_carry_no_curves():
    X = draw(4, n_rows=30)

    assert formulas(X, X[:, 0] * np.exp(-X[:, 1]) + X[:, 2] + X[:, 3]) == []


def test_two_decays_of_four_digits_are_found_by_default():
    X = np.round(draw(3), 2)
    law = Expression.from_infix(
        "x1*exp(-1.1*x3) + 0.7*x2*(exp(-0.3*x3) - exp(-1.1*x3))"
    )
    y = np.array([float(f"{value:.3e}") for value in law.evaluate(X)])
    X_new = draw(3, n_rows=300, seed=9)

    found = ChatSRRegressor(random_state=0, max_time=60).fit(X, y)

    np.testing.assert_allclose(found.predict(X_new), law.evaluate(X_new), rtol=2e-3)
