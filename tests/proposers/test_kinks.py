from __future__ import annotations

import numpy as np
import pytest

from sklearn_chatsr import ChatSRRegressor
from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.fitting import ConstantFitter
from sklearn_chatsr.proposers.basis.kinks import kinks
from sklearn_chatsr.proposers.basis.terms import Columns


def draw(n_features, n_rows=90, low=0.0, high=20.0):
    return np.random.default_rng(4).uniform(low, high, size=(n_rows, n_features))


def formulas(X, y):
    found = kinks(Columns.of(X), y, lambda tree: [tree], lambda: False)
    return [Expression.from_tree(tree) for trees in found for tree in trees]


def best_fit(X, y):
    fitter = ConstantFitter(X, y)
    fits = [fitter.fit(e, start=e.constants, scale=True) for e in formulas(X, y)]
    return min(fits, key=lambda fit: fit.loss)


@pytest.mark.parametrize(
    ("text", "most_nodes"),
    [
        ("0.6*max(x1, 4.5) + 0.9*max(x1, 13.2)", 15),
        ("2.5*x1 - 0.7*max(x1, 6) - 1.1*max(x1, 9.5)", 17),
        ("1.4*min(max(x1, 3.3), 12)", 9),
        ("0.3*min(x1, 8) - 1.2*min(x1, 14.5)", 15),
        ("x1 - 2*max(x1, 5) + 3*max(x1, 9) - 1.5*max(x1, 16)", 23),
        ("0.8*max(x1, 3) + 0.5*max(x1, 15) - 1.9*x2", 19),
        ("x2*(1.5 + 0.2*max(x1, 6) - 0.4*max(x1, 12))", 19),
    ],
)
def test_kinks_are_where_the_lines_meet(text, most_nodes):
    law = Expression.from_infix(text)
    X = draw(len(law.variables))
    y = law.evaluate(X)

    fit = best_fit(X, y)

    assert fit.loss < 1e-20 * y.var()
    assert fit.expression.size <= most_nodes


@pytest.mark.parametrize("seed", range(4))
def test_kinks_are_found_behind_noise(seed):
    rng = np.random.default_rng(seed)
    X = rng.uniform(0, 20, (60, 1))
    law = Expression.from_infix("0.5*max(x1, 5) + 1.3*max(x1, 14)")
    noise = 0.03 * law.evaluate(X).std()
    known = law.evaluate(X) + noise * rng.normal(size=60)

    fit = best_fit(X, known)

    X_new = np.linspace(0, 20, 200)[:, None]
    missed = fit.expression.evaluate(X_new) - law.evaluate(X_new)
    assert np.sqrt(np.mean(np.square(missed))) < noise


@pytest.mark.parametrize(
    "text", ["exp(x1/6)", "x1*x2", "log(x1 + 1) + x2", "3*x1 - x2", "x1^3 - 30*x1^2"]
)
@pytest.mark.parametrize("noise", [0.0, 0.02])
def test_what_is_smooth_has_none(text, noise):
    X = draw(2)
    y = Expression.from_infix(text).evaluate(X)
    y = y + noise * y.std() * np.random.default_rng(0).normal(size=len(y))

    assert formulas(X, y) == []


def test_a_column_of_few_values_has_none():
    X = np.random.default_rng(0).integers(0, 5, (80, 1)).astype(float)

    assert formulas(X, np.abs(X[:, 0] - 2)) == []


@pytest.mark.parametrize("seed", range(2))
def test_brackets_are_found_by_default(seed):
    X = np.round(np.random.default_rng(seed).uniform(0, 500, (80, 1)))
    law = Expression.from_infix("0.12*max(x1, 85) + 0.07*max(x1, 240) - 27")
    X_new = np.linspace(0, 600, 100)[:, None]

    found = ChatSRRegressor(random_state=seed, max_time=60).fit(
        X, np.round(law.evaluate(X), 2)
    )

    np.testing.assert_allclose(found.predict(X_new), law.evaluate(X_new), atol=0.01)
