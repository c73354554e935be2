from __future__ import annotations

import numpy as np
import pytest

from sklearn_chatsr import ChatSRRegressor
from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.fitting import ConstantFitter
from sklearn_chatsr.proposers.basis.compounding import compounding
from sklearn_chatsr.proposers.basis.terms import Columns

LOW, HIGH = [20, 0.5, 3, 40], [600, 7, 22, 300]


def draw(n_features, n_rows=90, seed=4, low=LOW, high=HIGH):
    rng = np.random.default_rng(seed)
    return rng.uniform(low[:n_features], high[:n_features], size=(n_rows, n_features))


def formulas(X, y):
    found = compounding(Columns.of(X), y, lambda tree: [tree], lambda: False)
    return [Expression.from_tree(tree) for trees in found for tree in trees]


def least_missed(X, y):
    fitter = ConstantFitter(X, y)
    fits = [fitter.fit(e, start=e.constants, scale=True) for e in formulas(X, y)]
    return min((fit.loss for fit in fits if not fit.failed), default=np.inf)


@pytest.mark.parametrize("digits", [2, 12])
@pytest.mark.parametrize(
    "text",
    [
        "1.3*x1*x4*(1 + 0.017*x2)^x3",
        "x1*(1 + 0.023*x2)^(-x3)",
        "x4*(1 - 0.04*x2)^x3/sqrt(x1)",
        "0.2*x1^1.5*(1 + x2/1200)^(12*x3)",
        "x1*((1 + 0.01*x2)^x3 - 1)/x2",
        "x1*sqrt(x2)/(1 - (1 + 0.02*x2)^(-x3))",
        "x1*(1 + 0.01*x2)^x3 - 100*x4*((1 + 0.01*x2)^x3 - 1)/x2",
        "x1*(1 + 0.02*x2)^(-x3) + 3*x4*(1 - (1 + 0.02*x2)^(-x3))",
    ],
)
def test_rates_and_powers_are_read_off_rounded_targets(text, digits):
    law = Expression.from_infix(text)
    X = draw(max(law.variables) + 1)
    y = np.round(law.evaluate(X), digits)

    assert least_missed(X, y) < max(10.0 ** (-2 * digits), 1e-18 * y.var())


@pytest.mark.parametrize(
    "text",
    [
        "x1*exp(-x3*(0.03 + 0.11/x2))",
        "2.1*exp(x3*0.09*sqrt(x2))/x1",
        "x1*x4*exp(-0.4*x3*exp(-0.3*x2))",
    ],
)
@pytest.mark.parametrize("noise", [0.0, 1e-3])
def test_exponents_hold_curves_of_another_column(text, noise):
    law = Expression.from_infix(text)
    X = draw(max(law.variables) + 1, n_rows=150)
    y = law.evaluate(X)
    noisy = y * (1 + noise * np.random.default_rng(0).normal(size=len(y)))

    left = np.mean(np.square(noisy - y))
    assert least_missed(X, noisy) < 1.2 * left + 1e-10 * y.var()


@pytest.mark.parametrize(
    "text",
    ["x1*x2/x3", "3*x1 + x2*x3", "x1*exp(-0.2*x3)", "x1 + 2", "x1*sqrt(x2) - x3^2"],
)
def test_other_laws_are_left_to_others(text):
    X = draw(3)

    assert formulas(X, Expression.from_infix(text).evaluate(X)) == []


@pytest.mark.parametrize("seed", range(2))
def test_savings_in_cents_are_found_by_default(seed):
    X = np.column_stack(
        [np.round(x, n) for x, n in zip(draw(3, seed=seed).T, (0, 2, 0), strict=True)]
    )
    law = Expression.from_infix("100*x1*((1 + 0.01*x2)^x3 - 1)/x2")
    X_new = draw(3, n_rows=300, seed=9)

    found = ChatSRRegressor(random_state=seed, max_time=60).fit(
        X, np.round(law.evaluate(X), 2)
    )

    np.testing.assert_allclose(found.predict(X_new), law.evaluate(X_new), rtol=1e-4)
