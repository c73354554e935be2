from __future__ import annotations

import numpy as np
import pytest

from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.proposers.programs import (
    Specification,
    build_prompt,
    describe_residual,
    translate,
)
from sklearn_chatsr.proposers.programs.buffer import Member
from sklearn_chatsr.proposers.programs.folds import (
    few_valued_columns,
    level_folds,
    level_gaps,
)
from sklearn_chatsr.proposers.programs.prompt_text import body_of

SPEC = Specification.from_columns(["t", "C_1"], meanings={"t": "time [s]"})


@pytest.mark.parametrize(
    "text",
    ["2.5*sin(x1) + 1.5", "x2^1.7/(x1 + 0.3)", "exp(-0.4*abs(x1 - x2))", "x1*x2"],
)
def test_a_body_that_is_read_back_is_the_same_form(text):
    formula = Expression.from_infix(text)

    body = body_of(formula, SPEC.names)

    read = translate(body, inputs=SPEC.names, n_parameters=10).expression
    assert read.skeleton().canonical_key() == formula.skeleton().canonical_key()


def test_names_that_formulas_use_themselves_are_shown():
    body = body_of(Expression.from_infix("2.5*x1*x2"), ["C", "power"])

    assert body == "return params[0]*C*power"


def test_a_step_that_was_shown_is_a_step_again():
    step = translate(
        "return np.where(x > params[0], params[1], 0)", inputs=["x"], n_parameters=4
    ).expression.skeleton()

    read = translate(body_of(step, ["x"]), inputs=["x"], n_parameters=4).expression

    assert read.skeleton() == step


def test_prompts_show_the_better_program_last_with_its_failures():
    worse = Member(Expression.from_infix("2.0*x1"), 5.0, 0.5, 1.0)
    better = Member(Expression.from_infix("sin(x1)"), 1.0, 0.01, 0.1)

    prompt = build_prompt(
        SPEC, [worse, better], diagnostics=["It fails early."], prefill="    return "
    )

    assert prompt.index("mean squared error 0.5") < prompt.index("error 0.01")
    assert "t: time [s]" in prompt
    assert "# It fails early." in prompt
    assert prompt.endswith('of `equation_v1`."""\n    return ')
    silent = build_prompt(SPEC, [worse, better], show_scores=False)
    assert "error" not in silent.split('"""', 2)[2]


def test_residuals_that_grow_with_an_input_are_told():
    X = np.random.default_rng(0).uniform(0, 1, size=(300, 2))

    told = describe_residual(X, np.where(X[:, 1] > 0.9, 5.0, 0.01), ["a", "b"])

    assert any("squared error lies where b is between 0.7" in line for line in told)
    assert not any(" a " in line for line in told)
    assert describe_residual(X, np.zeros(300), ["a", "b"]) == []


def test_only_columns_with_few_values_are_held_out():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.uniform(size=300), rng.integers(0, 5, 300)])
    rows = np.arange(300)

    assert list(few_valued_columns(X, rows)) == [1]
    assert len(level_folds(X, X[:, 0], None, rows, rows)) == 3
    assert level_gaps(X[:, :1], rows) == []


def test_peaks_between_values_count_and_monotone_pieces_do_not():
    X = np.column_stack([np.linspace(0, 1, 300), np.arange(300) % 5])
    (gaps,) = level_gaps(X, np.arange(300))

    assert gaps.overshoot(Expression.from_infix("x1*exp(-0.5*x2)")) == 0.0
    wave = Expression.from_infix("sin(pi*x2)")
    assert gaps.overshoot(wave) == pytest.approx((0.5 + 1.0 + 0.5) / 3)


def test_a_formula_is_refitted_without_the_value_that_judges_it():
    X = np.column_stack([np.tile(np.arange(5.0), 60), np.linspace(0, 1, 300)])
    y = np.where(X[:, 0] == 2.0, 10.0, 1.0)
    folds = level_folds(X, y, None, np.arange(300), np.arange(300))

    errors = [f.squared_error(Expression(["C"], [1.0])) for f in folds]

    total, weight = errors[1]  # the value 2
    assert total / weight == pytest.approx(81.0)
