from __future__ import annotations

import numpy as np
import pytest

from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.proposers.basis.smooth import left_out_error, suspected_noise


def drawn(text, n_columns=3, n_rows=200, noise=0.0):
    rng = np.random.default_rng(3)
    X = rng.uniform(0.5, 4, (n_rows, n_columns))
    y = Expression.from_infix(text).evaluate(X)
    return X, y + noise * y.std() * rng.normal(size=n_rows)


@pytest.mark.parametrize(
    "law", ["x1*sin(x2) + log(x3)", "x1^2/(x2 + x3)", "exp(3*x1)*x2^-6/x3"]
)
def test_a_law_is_predicted_from_the_other_rows(law):
    X, y = drawn(law)

    assert left_out_error(X.T, y) < 0.01


@pytest.mark.parametrize("noise", [0.4, 1.0])
def test_noise_is_not_predicted(noise):
    X, y = drawn("x1*sin(x2) + log(x3)", noise=noise)

    share = noise**2 / (1 + noise**2)
    assert 0.8 * share < left_out_error(X.T, y) < 1.6 * share


@pytest.mark.parametrize("noise", [0.01, 0.1, 0.3, 1.0])
def test_noise_is_suspected(noise):
    X, y = drawn("x1*sin(x2) + log(x3)", n_rows=300, noise=noise)

    assert suspected_noise(X.T, y) == (True, True)


def test_a_rugged_law_is_not_taken_for_noise():
    X, y = drawn("cos(3*x1)/(x2 + 0.2) + x3^2*sin(4*x2)", n_rows=300)

    assert left_out_error(X.T, y) > 1e-3
    assert suspected_noise(X.T, y) == (False, False)


@pytest.mark.parametrize("law", ["log(abs(x1 - x2))*x3", "tanh(30*(x1 - 2))*x2 + x3"])
def test_a_law_that_is_rugged_in_one_place_is_not_taken_for_noise(law):
    X, y = drawn(law, n_rows=300)

    # More rows hardly help the few that are near that place.
    assert left_out_error(X.T, y) > 0.4 * left_out_error(X[:75].T, y[:75])
    assert not suspected_noise(X.T, y)[0]


def test_noise_is_possible_where_much_is_missed():
    X, y = drawn("sin(9*x1)*x2", n_columns=2, n_rows=300)

    assert suspected_noise(X.T, y) == (False, True)


def test_the_unit_of_a_column_does_not_matter():
    X, y = drawn("x1*sin(x2) + log(x3)", noise=0.3)

    error = left_out_error(X.T, y)

    assert left_out_error((X * [1e-150, 1e3, 1e150]).T, 1e9 * y) == pytest.approx(error)


def test_what_cannot_be_predicted_is_missed_altogether():
    X, _ = drawn("x1*x2*x3")
    X[:2, 0] = -1e308, 1e308

    with np.errstate(all="ignore"):  # as the proposer does
        error = left_out_error(X.T, np.random.default_rng(0).normal(size=len(X)))

    assert 0.9 < error <= 1.0
