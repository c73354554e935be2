from __future__ import annotations

import unicodedata

import pytest

from sklearn_chatsr.proposers.programs.specification import (
    InputVariable,
    Specification,
    identifiers,
)
from sklearn_chatsr.proposers.programs.specification_files import (
    parse_llmsr,
    parse_yaml,
    read_specification,
)

LLMSR = '''
"""Find the force of a spring.
"""
import numpy as np
from scipy.optimize import minimize

MAX_NPARAMS = 6
raise SystemExit("specifications are never run")


@evaluate.run
def evaluate(data: dict) -> float:
    return minimize(lambda p: 0, [1.0] * MAX_NPARAMS).fun


@equation.evolve
def equation(x: np.ndarray, v: np.ndarray, w: np.ndarray) -> np.ndarray:
    """ Mathematical function for the force

    Args:
        x: A numpy array of positions [m].
        v: velocity

    Return:
        A numpy array of forces.
    """
    dv = w[0] * x + w[1] * v + w[2]
    return dv
'''


def test_a_specification_of_llmsr_is_read_without_running_it():
    spec = parse_llmsr(LLMSR)

    assert spec.names == ("x", "v")
    assert spec.description == "Find the force of a spring."
    assert spec.variables[1].meaning == "velocity"
    assert spec.target.meaning == "A numpy array of forces."
    assert spec.n_parameters == 6
    assert spec.seed is not None
    assert "params[2]" in spec.seed
    assert "w[" not in spec.seed


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def f(:", "is not Python"),
        (LLMSR.replace("@evaluate.run", ""), r"has 0 function\(s\) marked @evaluate"),
        (LLMSR.replace("@equation.evolve", ""), "0 marked @equation.evolve"),
        (LLMSR + LLMSR, r"has 2 function\(s\)"),
        (
            LLMSR.replace("x: np.ndarray, v: np.ndarray, ", ""),
            "must take the inputs and, last, the parameters",
        ),
    ],
)
def test_texts_of_another_form_are_refused_with_the_reason(text, message):
    with pytest.raises(ValueError, match=message):
        parse_llmsr(text)


def test_the_short_form_gives_meanings_and_units():
    spec = parse_yaml(
        "description: A spring.\n"
        "variables:\n"
        "  x: position [m]\n"
        "  v: {meaning: speed, unit: m/s}\n"
        "target: {force: in newton}\n"
        "n_parameters: 4\n"
        "seed: return params[0]*x\n"
    )

    assert spec.variables == (
        InputVariable("x", "position", "m"),
        InputVariable("v", "speed", "m/s"),
    )
    assert spec.target == InputVariable("force", "in newton")
    assert (spec.n_parameters, spec.seed) == (4, "return params[0]*x")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1, 2", "is not YAML"),
        ("description: nothing else", "must be a mapping with `variables:`"),
        ("{variables: {x: a}, budget: 3}", r"unknown keys \['budget'\]"),
        ("{variables: {x: a}, n_parameters: many}", "'many', not a number"),
        ("{variables: {x: a}, target: [1]}", "`target` must be one"),
        ("{variables: {2x: a}}", "'2x' cannot name a variable"),
        ("{variables: {x: a}, target: x}", "'x' is the target and a variable"),
    ],
)
def test_faults_of_the_short_form_are_named(text, message):
    with pytest.raises(ValueError, match=message):
        parse_yaml(text)


def test_files_are_read_by_their_suffix(tmp_path):
    (tmp_path / "spring.txt").write_text(LLMSR)
    (tmp_path / "spring.yaml").write_text("variables: {x: position}")

    assert read_specification(tmp_path / "spring.txt").names == ("x", "v")
    assert read_specification(tmp_path / "spring.yaml").names == ("x",)
    with pytest.raises(ValueError, match="No specification file"):
        read_specification(tmp_path / "none.txt")


def test_any_column_names_become_distinct_identifiers():
    columns = ["a b", "a_b", "", "params", "class", "2", "é", "np", "!!", "x3"]
    columns += ["µ", "μ", "ﬁ", "fi"]  # Python reads each two as one name

    names = identifiers(columns)

    read = {unicodedata.normalize("NFKC", name) for name in names}
    assert len(read) == len(columns)
    assert all(name.isidentifier() for name in names)
    Specification.from_columns(columns)  # accepts them all


def test_names_that_can_stay_do_not_change_places():
    names = identifiers(["x_", "_t", "a b", "x", "a_b"])

    assert names == ["x_", "_t", "a_b_2", "x", "a_b"]


def test_empty_entries_say_nothing():
    spec = parse_yaml(
        "description:\nvariables: {x: {meaning: , unit: }}\ntarget: {y: }"
    )

    assert spec.description == ""
    assert spec.variables == (InputVariable("x"),)


def test_marks_and_encodings_of_editors_are_known(tmp_path):
    path = tmp_path / "spec.yaml"
    path.write_text("variables: {x: a}", encoding="utf-8-sig")
    assert read_specification(path).names == ("x",)

    path.write_text("variables: {x: Länge}", encoding="latin-1")
    with pytest.raises(ValueError, match="is not in UTF-8"):
        read_specification(path)


def test_meanings_of_unknown_columns_are_refused():
    with pytest.raises(ValueError, match=r"do not exist: \['speed'\]"):
        Specification.from_columns(["v"], meanings={"speed": "m/s"})


@pytest.mark.parametrize("n", [0, 65])
def test_the_parameter_budget_is_bounded(n):
    with pytest.raises(ValueError, match=f"`n_parameters` == {n}, must be between"):
        Specification((InputVariable("x"),), n_parameters=n)
