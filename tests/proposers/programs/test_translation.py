from __future__ import annotations

import numpy as np
import pytest

from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.proposers.programs import ProgramError, translate


def read(text: str, **options):
    options = {"inputs": ["x", "v"], "n_parameters": 10, **options}
    return translate(text, **options)


def skeleton(text: str, **options) -> str:
    return str(read(text, **options).expression.skeleton())


def test_assignments_are_written_out():
    program = read(
        "    a = params[0] * x\n    b = a\n    b += params[2] * v**2\n    return b\n"
    )

    assert program.expression.tokens == (
        *("add", "mul", "C", "x1"),
        *("mul", "C", "sq", "x2"),
    )
    assert program.parameters == (0, 2)
    assert program.expression.constants == (1.0, 1.0)


@pytest.mark.parametrize(
    "call",
    [
        *("sin(x)", "cos(x)", "tan(x)", "sinh(x)", "cosh(x)", "tanh(x)", "exp(x)"),
        *("log(v)", "log10(v)", "log2(v)", "log1p(v)", "expm1(x)", "exp2(x)"),
        *("sqrt(v)", "cbrt(x)", "abs(x)", "sign(x)", "square(x)", "reciprocal(v)"),
        *("arcsin(x)", "arccos(x)", "arctan(x)", "negative(x)", "deg2rad(x)"),
        *("power(v, x)", "maximum(x, v)", "minimum(x, v)", "hypot(x, v)"),
        *("clip(x, -0.5, 0.25)", "rad2deg(x)", "divide(x, v)", "pi * x + np.e"),
    ],
)
def test_functions_have_the_value_of_numpy(call):
    X = np.random.default_rng(0).uniform(-0.9, 0.9, (50, 2))
    X[:, 1] = np.abs(X[:, 1]) + 0.1
    names = {"x": X[:, 0], "v": X[:, 1], "np": np}
    # The one place where a program runs, and it is one of the list above.
    expected = eval(f"np.{call}", names)

    found = read(f"return np.{call}").expression.evaluate(X)

    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize(
    "call",
    [
        *("x > 0", "x >= 0", "x < 0", "x <= 0", "0 < x", "x > v", "x <= v"),
        *(
            "(x > 0) & (v > 1)",
            "(x > 0) | (v >= 1)",
            "~(x > v)",
            "~((x > 0) & (v > 0))",
        ),
    ],
)
def test_choices_have_the_value_of_numpy_also_at_ties(call):
    grid = np.array([-1e9, -1.0, -1e-12, 0.0, 1e-200, 1e-12, 1.0, 2.0, 1e12])
    X = np.stack([g.ravel() for g in np.meshgrid(grid, grid)], axis=1)
    names = {"x": X[:, 0], "v": X[:, 1], "np": np}
    text = f"np.where({call}, 3 * x, v**2)"
    expected = eval(text, names)  # of the list above

    expression = read(f"    chosen = {call}\n    return {text}").expression

    np.testing.assert_array_equal(expression.evaluate(X), expected)
    np.testing.assert_array_equal(expression.simplify().evaluate(X), expected)


def test_the_sign_of_zero_is_zero():
    X = np.array([[-3.0], [0.0], [1e-300], [1e300]])

    found = read("return np.sign(x)").expression.evaluate(X)

    assert found.tolist() == [-1.0, 0.0, 1.0, 1.0]


def test_a_comparison_may_be_a_factor_or_have_a_name():
    X = np.array([[-1.0], [0.0], [2.0]])
    body = "    wet = x > 0\n    return wet * x**2 + np.where(wet, 0, 5)"

    assert read(body).expression.evaluate(X).tolist() == [5.0, 5.0, 4.0]


def test_a_branch_that_is_not_finite_makes_the_row_nan():
    found = read("return np.where(x > 0, np.log(x), 1)").expression.evaluate(
        np.array([[-1.0], [1.0]])
    )

    assert np.isnan(found[0])
    assert found[1] == 0.0


@pytest.mark.parametrize(
    "text",
    [
        *("x > 0", "(x > 0) + v", "(x > 0) & v", "np.where(x, 1, 2)", "x == v"),
        *("np.where(0 < x < 1, x, v)", "np.where(x != 0, x, v)", "-(x > 0)"),
        "np.where(x > 0 and v > 0, x, v)",
    ],
)
def test_comparisons_that_no_formula_can_say_are_refused(text):
    with pytest.raises(ProgramError) as caught:
        read(f"return {text}")

    assert caught.value.reason == "piecewise"


@pytest.mark.parametrize(
    "answer",
    [
        "return params[0]*x",
        "params[0]*x",
        "    return params[0]*x\n\n\ndef equation_v3(x, v, params):\n    return v\n",
        "return params[0] * x\n    # what follows is not reached\n    return v",
        "```python\ndef equation_v2(x, v, params):\n    return params[0]*x\n```",
        "Sure! Here it is:\n```\nreturn params[0]*x\n```\nIt is linear.",
        "    return params[0]*x\n```\nThis `return v` is not meant.",
        "```bash\npip install numpy\n```\n```python\nreturn params[0]*x\n```",
        "def equation_v0(x, v, params):\n    return v\n\n"
        "def equation_v2(x, v, params):\n    return params[0]*x\n",
        "def equation_v2(x, v, params):\n    return params[0]*x\n\n"
        "def other(x, v, params):\n    return v\n",
        "I think\ndef equation_v2(x: np.ndarray, v: np.ndarray,\n"
        "                params: np.ndarray\n) -> np.ndarray:\n"
        '    """Say what it is."""\n    return params[0]*x\n\nand that is all.',
        "def equation_v2(t, w, p):\n    return p[0]*t",
        "<think>def equation_v2(x): what?</think>\nreturn params[0]*x",
        "x1 = params[0]\n    return x1 * x",
        "dv = (params[0]\n    * x)\nreturn dv",
        "\treturn (\n\t\tparams[0]*x\n\t)\n",
        "    a, b = params[:2]\n    return a*x",
        "    a, b = params\n    return a*x",
        "    p = params\n    return p[0]*x",
        "    a, b = x, v\n    return params[-10]*a",
        "    y: float = params[0] * x\n    return y",
    ],
)
def test_the_function_is_found_in_any_kind_of_answer(answer):
    program = read(answer, name="equation_v2")

    assert program.expression.tokens == ("mul", "C", "x1")
    assert program.parameters == (0,)


def test_the_beginning_that_the_prompt_gave_belongs_to_the_body():
    answer = " params[0] * x\n    return dv\n\ndef more(): pass"

    assert skeleton(answer, prefill="    dv =") == "C*x1"


def test_numbers_stay_as_written_or_become_constants_with_their_value():
    program = read("return 2*x + 0.5*v + x/9.81 + params[1]*x**2.5")

    assert str(program.expression.skeleton()) == ("2*x1 + 1/2*x2 + x1/C + C*x1^(5/2)")
    assert program.expression.constants == (9.81, 1.0)
    assert program.parameters == (None, 1)


def test_towers_of_powers_are_folded_in_floating_point():
    with pytest.raises(ProgramError) as caught:
        read("return x * 9**9**9**9")

    assert caught.value.reason == "number"
    assert read("return x * 2**3**2").expression == Expression.from_infix("x1*512")


def test_a_parameter_used_twice_gives_two_constants():
    program = read("return params[0]*x + np.sin(params[0]*v)")

    assert program.expression.n_constants == 2
    assert program.parameters == (0, 0)


def test_local_names_that_double_a_formula_again_and_again_are_refused():
    body = "\n".join(["y = x", *["y = y * y + y"] * 80, "return y"])

    with pytest.raises(ProgramError) as caught:
        read(body)

    assert caught.value.reason == "too_large"


def test_long_sums_are_read():
    text = " + ".join(f"params[{k % 10}]*x**{k + 2}" for k in range(50))

    assert read(f"return {text}").expression.n_constants == 50


def test_errors_survive_pickling_with_their_reason():
    import pickle

    error = ProgramError("call", "no")

    copy = pickle.loads(pickle.dumps(error))

    assert (copy.reason, str(copy)) == ("call", "no")


def test_reasons_are_a_closed_set():
    with pytest.raises(ValueError, match="Unknown reason 'other'"):
        ProgramError("other", "")
