from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sklearn_chatsr.expressions import OPERATORS, Expression

from .strategies import POINTS, agree, expressions, skeletons

SHARED = Path(__file__).parents[3] / "shared" / "data"
DATA = Path(os.environ.get("CHATSR_SHARED_DATA", SHARED))

# Names that would break a parser that met them.
LABELS = (
    ["N", "my col (m/s)", "exec"],
    ["e", "größe%_^{}`", "x3"],
    ["C", "sin", "2x"],
    ["te\u0301mp", "a·b", "तापमान"],
)


@given(expressions)
def test_infix_reads_back(expression):
    assert Expression.from_infix(expression.to_infix()) == expression


@given(skeletons)
def test_infix_of_skeletons_reads_back(expression):
    read = Expression.from_infix(expression.to_infix())

    assert read.tokens == expression.tokens


@pytest.mark.parametrize("labels", LABELS)
@given(expression=expressions)
def test_any_column_name_reads_back(labels, expression):
    infix, latex = expression.to_infix(labels), expression.to_latex(labels)

    assert Expression.from_infix(infix, labels) == expression
    assert Expression.from_latex(latex, labels) == expression


@given(st.data())
def test_signs_bind_as_in_python(data):
    """Text as people write it: a sign before any operand, quotients of 1, powers."""

    def text(depth):
        if not depth:
            return data.draw(st.sampled_from(["x1", "x2", "1", "2", "1.5"]))
        sign = data.draw(st.sampled_from(["", "", "-", "+"]))
        operator = data.draw(st.sampled_from(["+", "-", "*", "/", "**"]))
        return sign + text(depth - 1) + operator + sign + text(depth - 1)

    source = text(3)
    try:
        expected = eval(source, {}, {"x1": 3.0, "x2": 0.5})
    except (OverflowError, ZeroDivisionError):
        return
    assume(isinstance(expected, float) and abs(expected) < 1e100)

    for read in (Expression.from_infix, Expression.from_python):
        [value] = read(source).evaluate(np.array([[3.0, 0.5]]))
        assert value == pytest.approx(expected, rel=1e-9)


def test_a_name_that_is_also_a_position_takes_backticks():
    labels = ["x0", "x1", "x2"]

    with pytest.raises(ValueError, match="Write `x1` for the column"):
        Expression.from_infix("C*x1", labels)
    assert Expression.from_infix("C*`x1`", labels).variables == (1,)


def test_a_base_with_an_exponent_of_ten_has_brackets_in_latex():
    power = Expression(["pow", "C", "x1"], [1.5e-5])

    assert power.to_latex() == r"\left(1.5 \times 10^{-5}\right)^{x_{1}}"
    assert Expression.from_latex(power.to_latex()) == power


@given(expressions)
def test_latex_reads_back(expression):
    assert Expression.from_latex(expression.to_latex()) == expression


@given(expressions)
def test_numpy_source_reads_back(expression):
    assert Expression.from_python(expression.to_python()) == expression


@given(expressions)
def test_numpy_source_computes_the_same(expression):
    names = {f"x{j + 1}": POINTS[:, j] for j in range(3)}

    try:
        with np.errstate(all="ignore"):
            # Our own source, printed by the code under test.
            value = eval(expression.to_python(), {"np": np, **names})
    except (ArithmeticError, ValueError, TypeError):
        # Python raises where a formula of numbers alone is undefined, or gives it a
        # complex value, of which there is no cube root.
        return
    if isinstance(value, complex) or np.ndim(value) == 0:
        return

    assert agree(expression.evaluate(POINTS), value)


@given(expressions)
def test_math_tokens_read_back(expression):
    tokens = expression.to_math_tokens()

    assert Expression.from_math_tokens(tokens, expression.constants) == expression


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("x1 + x2*x3", "add x1 mul x2 x3"),
        ("(x1 + x2)*x3", "mul add x1 x2 x3"),
        ("x1 - x2 - x3", "sub sub x1 x2 x3"),
        ("x1 - (x2 - x3)", "sub x1 sub x2 x3"),
        ("-x1^2", "neg sq x1"),
        ("(-x1)**2", "sq neg x1"),
        ("x1^x2^x3", "pow x1 pow x2 x3"),
        ("x1**-2", "pow x1 -2"),
        ("2*-3", "mul 2 -3"),
        ("1/x1", "inv x1"),
        ("2*1/x1", "mul 2 inv x1"),
        ("1/x1*x2", "mul inv x1 x2"),
        ("(1)/x1", "div 1 x1"),
        ("np.sin(x1)", "sin x1"),
        ("ln(x1) + arcsin(x2)", "add log x1 asin x2"),
        ("max(x1, pi)", "max x1 pi"),
        ("C*exp(-C*x1)", "mul C exp neg mul C x1"),
        (" x10\n+ 5 ", "add x10 5"),
    ],
)
def test_infix_is_read_as_mathematicians_do(text, tokens):
    assert " ".join(Expression.from_infix(text).tokens) == tokens


def test_numbers_with_a_point_or_exponent_are_constants():
    expression = Expression.from_infix("2.0*x1 + 1e-3 + 4")

    assert expression.constants == (2.0, 1e-3)
    assert "4" in expression.tokens


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "ends early"),
        ("x1 +", "ends early"),
        ("x1 x2", "got 'x2'"),
        ("(x1", r"expected '\)'"),
        ("foo(x1)", "unknown name 'foo'"),
        ("sin(x1, x2)", r"takes 1 argument\(s\), got 2"),
        ("x1 & x2", "unexpected '&'"),
        ("`a`", "unknown column 'a'"),
        ("1e999", "too large"),
        ("__import__('os').system('true')", 'unexpected "\'"'),
        ("x1.__class__", "unexpected '.'"),
        ("lambda: 0", "unexpected ':'"),
        ("(" * 100_000, "nested too deep"),
    ],
)
def test_what_is_no_formula_is_refused_and_the_place_is_shown(text, message):
    with pytest.raises(ValueError, match=message):
        Expression.from_infix(text)


@pytest.mark.parametrize("text", ["+".join(["x1"] * 251), "*".join(["x1"] * 3_000)])
def test_long_chains_are_refused_as_deep_brackets_are(text):
    with pytest.raises(ValueError, match=r"nested too deep.* 250 are allowed"):
        Expression.from_infix(text)


def test_long_chains_that_are_read_are_printed_and_simplified():
    chain = Expression.from_infix("/".join(["x1"] * 250))

    assert str(chain) == "/".join(["x1"] * 250)
    assert chain.to_latex().count("frac") == 249
    assert str(Expression.from_infix("+".join(["x1"] * 250)).simplify()) == "250*x1"


def test_a_formula_must_be_text():
    with pytest.raises(ValueError, match="Expected a formula as str, got int"):
        Expression.from_infix(3)


def test_digits_shorten_constants_but_keep_them_constants():
    expression = Expression.from_infix("3.14159265*x1 + 2.0000001")

    assert expression.to_infix(digits=3) == "3.14*x1 + 2.0"
    assert expression.to_latex(digits=3) == r"3.14 \cdot x_{1} + 2.0"


@pytest.mark.parametrize(
    ("text", "infix", "latex"),
    [
        ("x1 + -2.5*x2", "x1 - 2.5*x2", r"x_{1} - 2.5 \cdot x_{2}"),
        ("x1 - -2.5*x2", "x1 + 2.5*x2", r"x_{1} + 2.5 \cdot x_{2}"),
        ("x1 + (-7e9)", "x1 - 7e+09", r"x_{1} - 7 \times 10^{9}"),
        ("x1 + -2.5/x2", "x1 - 2.5/x2", r"x_{1} - \frac{2.5}{x_{2}}"),
        ("-1.5*x1 + -3", "-1.5*x1 - 3", r"-1.5 \cdot x_{1} - 3"),
        ("x1 + -(x2 + 1.5)", "x1 - (x2 + 1.5)", None),
        ("x1*(-1.5)^2", "x1*(-1.5)^2", None),
    ],
)
def test_rounded_sums_have_one_sign_between_their_terms(text, infix, latex):
    expression = Expression.from_infix(text)

    assert expression.to_infix(digits=6) == infix
    assert latex is None or expression.to_latex(digits=6) == latex


@given(expressions)
def test_text_with_folded_signs_has_the_same_values(expression):
    for read in (
        Expression.from_infix(expression.to_infix(digits=17)),
        Expression.from_latex(expression.to_latex(digits=17)),
    ):
        np.testing.assert_array_equal(
            read.evaluate(POINTS), expression.evaluate(POINTS)
        )


@pytest.mark.parametrize(
    ("labels", "source"),
    [
        (["µ", "μ"], "x1/x2**2"),
        (["ﬁ", "fi"], "x1/x2**2"),
        (["µ", "v"], "µ/v**2"),
        (["ｎｐ", "ｉｆ"], "x1/x2**2"),  # noqa: RUF001
        (["x²", "ｘ１"], "x1/x2**2"),  # noqa: RUF001
        (["x2", "x1"], "x2/x1**2"),
        (["x2", "a b"], "x2/x2_**2"),
        (["x10", "x1"], "x10/x1**2"),
    ],
)
def test_names_that_python_reads_as_one_or_as_its_own_are_replaced(labels, source):
    expression = Expression.from_infix("x1/x2^2")

    assert expression.to_python(labels) == source
    assert Expression.from_python(source, labels) == expression


def test_labels_are_printed_in_every_notation():
    expression = Expression.from_infix("x1/x2^2")
    labels = ["mass", "r [m]"]

    assert expression.to_infix(labels) == "mass/`r [m]`^2"
    assert expression.to_latex(labels) == r"\frac{\mathrm{mass}}{\mathrm{r\ [m]}^{2}}"
    assert expression.to_python(labels) == "mass/x2**2"


def test_labels_may_be_the_array_that_scikit_learn_keeps():
    expression = Expression.from_infix("x1/x2^2")
    labels = np.array(["mass", "r [m]"], dtype=object)

    assert expression.to_infix(labels) == "mass/`r [m]`^2"
    assert Expression.from_infix("mass/`r [m]`^2", labels) == expression
    assert Expression.from_latex(expression.to_latex(labels), labels) == expression
    assert Expression.from_sympy(expression.to_sympy(labels), labels) == expression


@pytest.mark.skipif(not (DATA / "chatsr").exists(), reason="ChatSR samples not here")
@pytest.mark.parametrize("name", ["test", "val"])
def test_every_target_of_the_public_chatsr_samples_is_read(name):
    with gzip.open(DATA / "chatsr" / f"{name}.json.gz", "rt") as file:
        samples = json.load(file)

    assert len(samples) == 100
    for sample in samples:
        expression = Expression.from_math_tokens(sample["expression_tokens"])
        written = expression.to_math_tokens()
        assert [t.replace("<|math_C|>", "C") for t in written] == [
            t.replace("<|math_C|>", "C") for t in sample["expression_tokens"]
        ]
        assert expression.size == sample["expression_length"]


def test_the_tokens_of_public_chatsr_are_a_subset():
    arithmetic = {"add", "sub", "mul", "div", "pow"}
    functions = {"sin", "cos", "tan", "log", "exp", "sqrt", "abs"}

    assert arithmetic | functions <= set(OPERATORS)
