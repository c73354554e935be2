from __future__ import annotations

import numpy as np
import pytest

from sklearn_chatsr.expressions import OPERATORS, Expression
from sklearn_chatsr.fitting import Program

UNARY = [name for name, row in OPERATORS.items() if row.arity == 1]
BINARY = [name for name, row in OPERATORS.items() if row.arity == 2]
NUMBERS = np.array(
    [-3.0, -1.7, -1.0, -0.5, -1e-3, 0.0, 1e-9, 0.4, 1.0, 1.3, 2.0, 3.0, 7.5, 800.0]
)
# Both sides call a libm, not always the same one.
TOLERANCE = {"rtol": 1e-13, "atol": 1e-300}


def _columns(arity: int) -> np.ndarray:
    grid = np.meshgrid(*[NUMBERS] * arity)
    # 200 rows and more: several blocks, the last one not full.
    X = np.stack([g.ravel() for g in grid], axis=1)
    return np.tile(X, (max(1, 300 // len(X)), 1))


def _expression(name: str) -> Expression:
    """Give the operator with a factor C on each argument."""
    tokens = [name]
    for k in range(OPERATORS[name].arity):
        tokens += ["mul", "C", f"x{k + 1}"]
    return Expression(tokens)


@pytest.mark.parametrize("name", UNARY + BINARY)
def test_kernel_value_is_that_of_the_vocabulary(name):
    row = OPERATORS[name]
    X = _columns(row.arity)
    with np.errstate(all="ignore"):
        expected = row.numpy(*X.T)

    value = Program(_expression(name)).evaluate(X, [1.0] * row.arity)

    np.testing.assert_allclose(value, expected, **TOLERANCE)


@pytest.mark.parametrize("name", UNARY + BINARY)
def test_kernel_derivative_is_that_of_the_vocabulary(name):
    row = OPERATORS[name]
    X = _columns(row.arity)
    with np.errstate(all="ignore"):
        value = row.numpy(*X.T)
        partials = row.partials(*X.T, value)

    _, jacobian = Program(_expression(name)).jacobian(X, [1.0] * row.arity)

    for k, partial in enumerate(partials):
        with np.errstate(all="ignore"):
            expected = np.broadcast_to(partial, len(X)) * X[:, k]
        # Where only the slope is not finite, the kernel counts the point as flat.
        inside = np.isfinite(value) & np.isfinite(expected)
        assert inside.any()
        np.testing.assert_allclose(
            jacobian[inside, k], expected[inside], rtol=1e-11, atol=1e-300
        )
        flat = np.isfinite(value) & ~np.isfinite(expected)
        assert np.isfinite(jacobian[flat, k]).all()


@pytest.mark.parametrize("name", UNARY + BINARY)
def test_kernel_derivative_is_the_slope_of_the_value(name):
    row = OPERATORS[name]
    rng = np.random.default_rng(0)
    # Inside every domain, away from the kinks of abs, min and max.
    X = rng.uniform(0.2, 0.8, (300, row.arity))
    constants = np.array([1.1, 0.7])[: row.arity]
    program = Program(_expression(name))

    _, jacobian = program.jacobian(X, constants)

    h = 1e-6
    for k in range(row.arity):
        shift = h * (np.arange(row.arity) == k)
        slope = program.evaluate(X, constants + shift)
        slope = (slope - program.evaluate(X, constants - shift)) / (2 * h)
        smooth = np.abs(X[:, 0] * 1.1 - X[:, -1] * 0.7) > 1e-3
        np.testing.assert_allclose(jacobian[smooth, k], slope[smooth], rtol=1e-7)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1/x1", 0.0),
        ("log(x1)", 0.0),
        ("log(x1)", -1.0),
        ("sqrt(x1)", -1.0),
        ("asin(x1)", 2.0),
        ("acos(x1)", -1.5),
        ("x1^(-1/2)", 0.0),
        ("x1^(1/2)", -2.0),
    ],
)
def test_domain_fault_is_nan(text, value):
    program = Program(Expression.from_infix(text))

    assert np.isnan(program.evaluate([[value]], [])).all()


def test_overflow_is_inf():
    assert Program(Expression(["exp", "x1"])).evaluate([[1e3]], [])[0] == np.inf


def test_program_reads_named_numbers_and_literals():
    expression = Expression(["add", "mul", "pi", "x1", "div", "e", "-3"])

    value = Program(expression).evaluate([[2.0]], [])

    np.testing.assert_allclose(value, 2 * np.pi - np.e / 3, rtol=1e-15)


@pytest.mark.parametrize(
    ("text", "linear"),
    [
        ("C*x1 + C", [True, True]),
        ("C*sin(C*x1) - C/x2", [True, False, True]),
        ("C/(C + x1)", [True, False]),
        ("C*(C*x1 + C*x2 + C)", [False, True, True, True]),
        ("exp(C*x1)/C", [False, True]),
        ("sin(C)", [False]),
        ("x1^C", [False]),
    ],
)
def test_linear_constants_are_those_the_value_is_affine_in(text, linear):
    program = Program(Expression.from_infix(text))

    assert program.linear_constants.tolist() == linear


def test_program_refuses_too_few_columns():
    with pytest.raises(ValueError, match=r"2 column\(s\)"):
        Program(Expression(["x2"])).evaluate([[1.0]], [])
