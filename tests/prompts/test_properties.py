from __future__ import annotations

import numpy as np
import pytest

from sklearn_chatsr import Expression
from sklearn_chatsr.prompts import WORDINGS, Property, PropertyDrawer, write_prompt

# Of every kind: a formula that has the property, and one that has not.
CASES = [
    ("contains", ("log",), "log(x1)", "exp(x1)"),
    ("contains", ("trigonometric",), "x1*cos(x1)", "x1*tanh(x1)"),
    ("avoids", ("division",), "x1*x2", "x1/x2"),
    ("uses", ("x2",), "x1*x2", "x1"),
    ("ignores", ("x2",), "x1 + x3", "x1 + x2"),
    ("product", ("x1", "x2"), "sin(x3*x1*x2)", "x1/x2"),
    ("product", ("x1", "x2"), "x3/(x1*x2^2)", "x1 + x2"),
    ("ratio", ("x1", "x2"), "exp(x2*x3/x1)", "x1*x2"),
    ("difference", ("x1", "x2"), "(x1 - x2)^2", "x1 - 2*x2"),
    ("periodic", ("x1",), "x2*sin(3.0*x1 + 1.0)", "x1*sin(x1)"),
    ("periodic", ("x1",), "sin(2.0*x1) + cos(3.0*x1)", "sin(x1) + sin(1.4142135*x1)"),
    ("periodic", ("x1",), "exp(cos(x1))", "sin(x1^2)"),
    ("even", ("x1",), "x2*x1^2 + cos(x1)", "x1^3"),
    ("odd", ("x1",), "x2*sin(x1)", "sin(x1) + 1.0"),
    ("monotone", ("x1",), "exp(-x1)", "sin(x1)"),
    ("increasing", ("x1",), "log(x1)", "1/x1"),
    ("decreasing", ("x1",), "x2/x1", "x1"),
    ("bounded", ("x1",), "x2*tanh(x1)", "log(x1^2 + 1)"),
    ("bounded", ("x1",), "1/(1 + x1^2)", "tan(x1)"),
    ("positive", ("x1",), "exp(x1)", "x1^3"),
    ("symmetric", ("x1", "x2"), "x1*x2 + x3", "x1 - x2"),
    ("size", ("3",), "x1*x2", "x1*x2*x3"),
    ("power_law", (), "3.0*x1^2.5/sqrt(x2)", "x1 + x2"),
    ("term", ("exp(-x1)",), "x2*exp(-x1)", "x2*exp(x1*x2)"),
    ("decay", (), "3.0*exp(-0.5*x1)", "exp(0.5*x1)"),
    ("oscillation", (), "x2*sin(2.0*x1)", "x1*tanh(x2)"),
    ("saturation", (), "x1/(x1 + 2.0)", "x1^2"),
]


@pytest.mark.parametrize(("kind", "arguments", "has", "has_not"), CASES)
def test_a_check_tells_formulas_apart(kind, arguments, has, has_not):
    item = Property(kind, arguments)

    assert item.holds(Expression.from_infix(has))
    assert not item.holds(Expression.from_infix(has_not))


def test_every_kind_is_tested():
    assert {kind for kind, *_ in CASES} == set(WORDINGS)


@pytest.mark.parametrize(
    ("kind", "arguments", "has", "has_not"),
    [
        ("periodic", ("x1",), "sin(C*x1 + C)", "sin(C*x1) + sin(C*x1)*x1"),
        ("even", ("x1",), "cos(C*x1) + C", "exp(C*x1)"),
        ("decay", (), "exp(C*x1)", "log(C*x1)"),
        ("increasing", ("x1",), "1/x1", "sin(C*x1)"),
        ("power_law", (), "x1^C*x2", "x1 + C"),
    ],
)
def test_a_skeleton_is_judged_over_values_of_its_constants(
    kind, arguments, has, has_not
):
    item = Property(kind, arguments)

    assert item.holds(Expression.from_infix(has).skeleton())
    assert not item.holds(Expression.from_infix(has_not).skeleton())


@pytest.mark.parametrize(
    ("kind", "arguments", "message"),
    [
        ("nice", (), "Unknown kind of property 'nice'. Allowed: contains"),
        ("contains", ("gamma",), "takes operator, got .*gamma.*Operators: sin, cos"),
        ("periodic", ("t",), "takes variable, got"),
        ("size", ("0",), "takes number"),
        ("term", ("x1 +",), "."),
    ],
)
def test_a_property_that_makes_no_sense_is_refused(kind, arguments, message):
    with pytest.raises(ValueError, match=message):
        Property(kind, arguments)


def test_renaming_moves_the_variables_of_a_term():
    moved = Property("term", ("exp(x1)/x2",)).rename({"x1": "x2", "x2": "x1"})

    assert moved.holds(Expression.from_infix("exp(x2)/x1 + x3"))


def test_drawn_properties_are_true_and_differ():
    rng = np.random.default_rng(0)
    drawer = PropertyDrawer()
    for text in ("sin(C*x1)/x2", "x1*x2", "exp(C*x1)*(x2 - x3)", "tanh(x2)"):
        law = Expression.from_infix(text)
        found = drawer.draw(law, 4, 5, rng)
        assert len(set(found)) == len(found) == 5
        assert all(item.holds(law) for item in found)


def test_the_plainest_prompt_needs_no_randomness():
    text = write_prompt([Property("avoids", ("log",)), Property("avoids", ("exp",))])

    assert text == "It contains no log or exp."
    with pytest.raises(ValueError, match="Got no properties"):
        write_prompt([])
