from __future__ import annotations

import time

import numpy as np
import pytest

from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.fitting import ConstantFitter, fit_tied, shared_constants

X = np.random.default_rng(0).uniform(0.3, 3.0, (200, 2))

LAWS = [
    ("C*x1 + exp(-(C*x1))", [0, 0], [1.5]),
    ("C*sin(C*x1) + C*x2", [0, 1, 1], [2.0, 3.1]),
    ("C/(C + x1) + C*x2^C", [0, 1, 0, 1], [2.0, 0.7]),
]


@pytest.mark.parametrize(("text", "ties", "parameters"), LAWS)
def test_parameters_are_found_and_their_constants_stay_equal(text, ties, parameters):
    skeleton = Expression.from_infix(text)
    truth = [parameters[k] for k in ties]
    y = skeleton.with_constants(truth).evaluate(X)

    fit = fit_tied(ConstantFitter(X, y), skeleton, ties)

    np.testing.assert_allclose(fit.constants, truth, rtol=1e-9)
    assert shared_constants(fit.constants) == tuple(ties)


def test_a_tie_that_the_data_deny_costs_accuracy():
    skeleton = Expression.from_infix("C*x1 + C*x2")
    fitter = ConstantFitter(X, 2.0 * X[:, 0] + 3.0 * X[:, 1])

    tied, free = fit_tied(fitter, skeleton, [0, 0]), fitter.fit(skeleton)

    # Least squares of y on x1 + x2 alone.
    total = X.sum(axis=1)
    slope = total @ (2.0 * X[:, 0] + 3.0 * X[:, 1]) / (total @ total)
    np.testing.assert_allclose(tied.constants, [slope, slope], rtol=1e-9)
    assert free.fvu < 1e-25 < tied.fvu


@pytest.mark.parametrize("optimizer", ["bfgs", "adam"])
def test_published_optimizers_keep_ties(optimizer):
    skeleton = Expression.from_infix("C*x1 + exp(-(C*x1))")
    y = skeleton.with_constants([1.5, 1.5]).evaluate(X)
    fitter = ConstantFitter(X, y, optimizer=optimizer, n_starts=1)

    fit = fit_tied(fitter, skeleton, [0, 0], [[1.0, 1.0]])

    # Adam moves by at most 1e-4 in each of 10,000 steps.
    np.testing.assert_allclose(fit.constants, [1.5, 1.5], rtol=1e-3)
    assert len(set(fit.constants)) == 1


def test_ties_must_number_every_constant():
    fitter = ConstantFitter(X, X[:, 0])

    for ties in ([0], [0, 2], [1, 1]):
        with pytest.raises(ValueError, match=r"must number the parameters of 2"):
            fit_tied(fitter, Expression.from_infix("C*x1 + C"), ties)


@pytest.mark.parametrize("optimizer", ["bfgs", "adam"])
def test_descent_with_ties_ends_at_the_deadline(optimizer):
    skeleton = Expression.from_infix("C*sin(C*x1) + C*x2")
    y = skeleton.with_constants([2.0, 3.1, 3.1]).evaluate(X)
    over = ConstantFitter(X, y, optimizer=optimizer, deadline=time.monotonic())

    fit = fit_tied(over, skeleton, [0, 1, 1])

    assert fit.n_evaluations < 20
    assert np.isfinite(fit.loss)
