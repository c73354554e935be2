from __future__ import annotations

import numpy as np
import pytest

from sklearn_chatsr.fitting import ConstantFitter
from sklearn_chatsr.proposers.programs import translate
from sklearn_chatsr.proposers.programs.parameters import (
    find_thresholds,
    fit_program,
    refit,
)

X = np.random.default_rng(0).uniform(0, 10, (400, 2))
x = X[:, 0]


def read(body):
    return translate(body, inputs=["x", "v"], n_parameters=6)


def test_a_parameter_in_two_places_is_one_free_value():
    program = read("return params[3] * x + np.exp(-params[3] * v) + params[1]")

    assert program.ties == (0, 0, 1)
    assert read("return params[0] * x + 9.81 * v + 9.81").ties is None


@pytest.mark.parametrize(
    ("body", "y", "threshold"),
    [
        (
            "return np.where(x < params[0], params[1] * x, params[2] + params[3] * v)",
            np.where(x < 6.4, 0.7 * x, 3 - 0.3 * X[:, 1]),
            6.4,
        ),
        (
            "return params[2] * np.where(x > params[0], x - params[0], 0) + params[1]",
            np.where(x > 7.3, 2 * x - 14.6, 0.0) + 1,
            7.3,
        ),
        ("return (x**2 > params[0]) * params[1]", np.where(x > 9, 4.0, 0.0), 81.0),
    ],
)
def test_thresholds_are_found_from_quantiles(body, y, threshold):
    program = read(body)
    skeleton = program.expression.skeleton()
    places = [t.place for t in find_thresholds(skeleton)]

    fit = fit_program(ConstantFitter(X, y), skeleton, program.ties)

    # Rows lie 0.025 apart on average: a few may be on the wrong side.
    assert fit.fvu < 0.02
    found = {fit.constants[place] for place in places}
    assert len(found) == 1
    assert found.pop() == pytest.approx(threshold, rel=0.02)


def test_conditions_without_a_parameter_have_no_threshold():
    body = "return np.where(x > v, params[0], params[1]) + np.maximum(0, x - params[2])"

    assert find_thresholds(read(body).expression.skeleton()) == []


def test_a_fit_from_present_values_does_not_part_equal_constants():
    program = read("return params[0] * x + params[0] * np.sin(v)")
    expression = program.expression.with_constants([1.0, 1.0])
    noise = np.random.default_rng(1).standard_normal(len(x))

    fit = refit(ConstantFitter(X, 2 * x + 2 * np.sin(X[:, 1]) + noise), expression)

    assert fit.constants[0] == fit.constants[1] == pytest.approx(2.0, abs=0.05)
