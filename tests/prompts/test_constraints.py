from __future__ import annotations

import numpy as np
import pytest

from sklearn_chatsr import Expression
from sklearn_chatsr.expressions import OPERATORS
from sklearn_chatsr.prompts import Constraints, Property

LABELS = ["mass", "speed"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["contain log", "avoid log"], "contradict each other: 'contains log'"),
        ("use mass and ignore x1", "contradict each other: x1 is both"),
        (["use x1 and x2", "at most 2 nodes"], "at most 2 nodes.*takes at least 3"),
        (["contain sin, log", "at most 2 nodes"], "at most 2 nodes.*takes at least 3"),
        ("be beautiful", "Cannot read the constraint 'be beautiful'.*Columns: mass"),
        ("avoid neg", "Cannot read the constraint 'avoid neg'.*Operators: sin, cos,"),
        (
            "anything but the natural logarithm",
            "Cannot read the constraint 'anything but",
        ),
        ("ignore only mass", "Cannot read the constraint.*not understood: 'only'"),
        ("is periodic in mass", "cannot be enforced"),
        (Property("uses", ("x7",)), "about x7, but there are 2"),
        ([3], "takes text or Property objects, got int"),
    ],
)
def test_what_cannot_be_kept_is_refused(given, message):
    with pytest.raises(ValueError, match=message):
        Constraints.read(given, LABELS)


def test_only_formulas_that_obey_are_allowed():
    rules = Constraints.read(
        ["avoid log", "use speed", Property("size", ("6",))], LABELS
    )

    assert rules.allow(Expression.from_infix("x1*x2^2"))
    for text in ("log(x2)", "x1^2", "x1*x2 + x2*x1^2"):
        assert not rules.allow(Expression.from_infix(text))
    assert rules.forbidden == {"log"}
    assert rules.required == ({"x2"},)
    assert rules.max_size == 6


@pytest.mark.parametrize(
    ("given", "kept", "shut"),
    [
        ("ignore everything except speed", "x2^2", "x1"),
        ("use nothing but speed", "x2^2", "x1*x2"),
        ("anything but log", "exp(x1)", "log(x1)"),
        ("only exp and log", "x1*exp(x2)", "sin(x2)"),
    ],
)
def test_exceptions_bind_as_they_are_meant(given, kept, shut):
    rules = Constraints.read(given, LABELS)

    assert rules.allow(Expression.from_infix(kept))
    assert not rules.allow(Expression.from_infix(shut))


@pytest.mark.parametrize("name", sorted(set(OPERATORS) - {"neg", "pi", "e"}))
def test_operators_go_by_their_names(name):
    rules = Constraints.read(f"avoid {name}", LABELS)

    assert name in rules.forbidden


@pytest.mark.parametrize(
    "given",
    [
        "contain sin and use x1 and x2",
        "contain max",
        "ignore x1",
        "contain subtraction",
        ["contain log", "contain exp"],
        ["contain sin", "contain log", "at most 3 nodes"],
        ["contain sin", "contain max", "contain subtraction", "use x1 and x2"],
        ["use x1", "use x2", "at most 3 nodes", "avoid add", "avoid mul"],
    ],
)
def test_examples_obey(given):
    rules = Constraints.read(given, LABELS)

    examples = rules.examples(2)

    assert examples
    assert all(rules.allow(e) for e in examples)


@pytest.mark.parametrize("name", ["asin", "acos", "log", "sqrt"])
def test_some_example_has_a_value_wherever_the_columns_are(name):
    X = np.random.default_rng(0).normal(scale=5, size=(50, 2))
    rules = Constraints.read([f"contain {name}", "use mass", "use speed"], LABELS)

    examples = [e for e in rules.examples(2) if not e.n_constants]

    assert any(np.isfinite(e.evaluate(X)).all() for e in examples)


def test_constraints_follow_the_columns():
    rules = Constraints.read("use speed and ignore mass", LABELS)

    assert rules.for_columns([1]).required == ({"x1"},)
    with pytest.raises(ValueError, match="a column that is not searched"):
        rules.for_columns([0])
