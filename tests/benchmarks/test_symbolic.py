from __future__ import annotations

import time

import pytest
import sympy

from benchmarks.formulas import read_formula, to_srbench_sympy
from benchmarks.symbolic import (
    assess,
    equivalence,
    model_size,
    round_floats,
    simplicity,
)

NAMES = ["x", "y"]


def parsed(text):
    return round_floats(to_srbench_sympy(read_formula(text, NAMES), NAMES))


def judged(found, truth, r2=0.99):
    model = sympy.simplify(parsed(found), ratio=1)
    return equivalence(model, parsed(truth), r2)


@pytest.mark.parametrize(
    ("found", "truth"),
    [
        ("x*y", "x*y"),
        ("y*x + 3.7", "x*y"),  # a constant is forgiven
        ("2.5*x*y", "x*y"),  # a factor is forgiven
        ("1.00004*sin(x)", "sin(x)"),  # rounded away
        ("x + 0.00009*y", "x"),  # below 1e-4
        ("sin(x)^2", "1 - cos(x)^2"),
        ("(x^2 - y^2)/(x - y)", "x + y"),
        ("exp(x)*exp(y)", "exp(x + y)"),
        ("0.3183099*x", "x/pi"),
        ("x*(y + 1) - x", "x*y"),
        ("1/(1/x + 1/y)", "x*y/(x + y)"),
    ],
)
def test_the_rule_accepts(found, truth):
    assert judged(found, truth)["symbolic_solution"] is True


@pytest.mark.parametrize(
    ("found", "truth"),
    [
        ("x*y + 0.01*x", "x*y"),
        ("1.002*x + y", "x + y"),
        ("sin(x)", "x - x^3/6"),
        ("x^2.01", "x^2"),
        ("2*x*y + 1", "x*y"),  # neither a constant nor a factor alone
        ("exp(x) + y", "exp(x)"),
        ("0", "x"),
        ("x", "x + 0.5*y"),
        ("0.0006*x*exp(y)", "9*x*y"),  # a ratio that rounding makes zero
    ],
)
def test_the_rule_rejects(found, truth):
    assert judged(found, truth)["symbolic_solution"] is False


def test_the_rule_needs_half_of_the_variance():
    assert judged("x*y", "x*y", r2=0.5)["symbolic_solution"] is False


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("x", 1),
        ("2.0*x + 1", 5),
        ("x - y", 5),  # SymPy writes x + (-1)*y
        ("x/y", 5),  # and x * y^(-1)
        ("sin(x)^2", 4),
        ("sqrt(x)", 3),
        ("x*y*x", 5),  # flat product of x^2 and y
        ("1/(8*pi)*x", 3),  # pi is a float to SRBench, and folds
        ("0.00001*x + y", 1),  # rounded away before it is counted
    ],
)
def test_model_sizes_are_nodes_of_the_rounded_tree(text, size):
    assert model_size(text, NAMES) == size


def test_simplicity_is_minus_log_five_of_the_nodes():
    assert simplicity(1) == 0.0
    assert simplicity(25) == -2.0


def test_a_question_is_answered_in_srbenchs_keys():
    found = assess("2*x + 0.5", "2*x", NAMES, 0.9, seconds=60)

    assert found["symbolic_solution"] is True
    assert float(found["symbolic_error"]) == -0.5
    assert found["symbolic_error_is_constant"] is True
    assert found["model_size"] == 5
    assert found["true_size"] == 3
    assert found["simplicity"] == -1.0


def test_what_takes_too_long_is_killed_and_counts_as_not_solved():
    hard = "+".join(f"sin(x^{i}*y + cos({i}.5*x/y)^{i}.3)^{i}.7" for i in range(1, 40))

    start = time.monotonic()
    found = assess(hard, "x", NAMES, 0.9, seconds=3)

    assert time.monotonic() - start < 15
    assert found["symbolic_solution"] is False
    assert "no answer within 3 s" in found["sympy_exception"]


def test_unreadable_text_is_an_answer_not_a_crash():
    found = assess("x +", "x", NAMES, 0.9, seconds=60)

    assert found["symbolic_solution"] is False
    assert "Cannot read" in found["sympy_exception"]
