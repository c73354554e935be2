"""What is said without binding, or of less than everything, binds nothing more."""

from __future__ import annotations

import pytest

from sklearn_chatsr.prompts import Constraints, Property, parse_prompt

LABELS = ["t", "mass", "speed"]
NO_LOG, NO_SIN = Property("avoids", ("log",)), Property("avoids", ("sin",))
SIN, COS = Property("contains", ("sin",)), Property("contains", ("cos",))


def _read(text, labels=LABELS):
    return list(Constraints.read(text, labels).properties)


@pytest.mark.parametrize(
    "text",
    [
        "not fewer than 12 nodes",
        "not less than 12 nodes",
        "never below 12 nodes",
        "cannot be shorter than 12 nodes",
        "fewer than 12 nodes are too few",
        "not at most 12 nodes",
        "must exceed 12 nodes",
        "more than 3 but at most 12 nodes",
        "avoid sin, at least 12 nodes",
        "at most -3 nodes",
        "at most 5-12 nodes",
        "at most 1/2 nodes",
        "at most two hundred nodes",
    ],
)
def test_what_is_no_largest_number_of_nodes_is_refused(text):
    with pytest.raises(ValueError, match="Cannot read the constraint"):
        _read(text)


@pytest.mark.parametrize(
    ("text", "n"),
    [
        ("at most 1,000 nodes", 1000),
        ("no more than 12,000 nodes", 12000),
        ("at most twenty-five nodes", 25),
        ("never more than 12 nodes", 12),
        ("more than 12 nodes are forbidden", 12),
        ("avoid more than 12 nodes", 12),
        ("a maximum of 12 nodes", 12),
        ("12 nodes or fewer", 12),
    ],
)
def test_a_largest_number_of_nodes_is_read_as_a_whole(text, n):
    assert _read(text) == [Property("size", (str(n),))]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("sin is forbidden but cos is not", [NO_SIN]),
        ("avoid sin but not cos", [NO_SIN]),
        ("avoid sin rather than cos", [NO_SIN]),
        ("sin is not allowed but cos is", [NO_SIN]),
        ("avoid sin; cos is allowed", [NO_SIN]),
        ("do not use sin, cos is okay", [NO_SIN]),
        ("sin is forbidden and so is cos", [NO_SIN, Property("avoids", ("cos",))]),
        ("not a sine but a cosine", [NO_SIN, COS]),
        ("use cos instead of sin", [COS, NO_SIN]),
        ("contains cos, not sin", [COS, NO_SIN]),
        ("sin does not appear but cos does", [NO_SIN, COS]),
        ("the square root is allowed, log is not", [NO_LOG]),
        ("log: not allowed", [NO_LOG]),
        ("no logarithm, just a sine", [NO_LOG, SIN]),
        ("ignore t but not mass", [Property("ignores", ("x1",))]),
        ("avoid log and t", [NO_LOG, Property("ignores", ("x1",))]),
        ("avoid t and log", [Property("ignores", ("x1",)), NO_LOG]),
    ],
)
def test_a_contrast_is_read_by_what_stands_before_it(text, told):
    assert _read(text) == told


@pytest.mark.parametrize(
    "text",
    [
        "log is allowed",
        "sqrt is okay",
        "sin can appear",
        "do not avoid log",
        "log is not forbidden",
        "feel free to use log",
        "log is not required",
        "you can use mass",
    ],
)
def test_a_permission_asks_for_nothing(text):
    assert parse_prompt(text, LABELS) == []
    with pytest.raises(ValueError, match="Cannot read the constraint"):
        _read(text)


@pytest.mark.parametrize(
    "text",
    [
        "use mass or speed",
        "use at least one of mass and speed",
        "either sin or cos",
        "contain sin and/or cos",
        "use mass, speed or both",
        "contain sin or contain cos",
        "use two of t, mass and speed",
        "avoid either sin or cos",
        "replace log by sqrt",
        "preferably avoid log",
        "avoid log if you can",
        "avoid log unless needed",
        "try to avoid log",
        "it would be nice to avoid log",
        "avoid division by mass",
        "no exp of t",
        "avoid log of t",
        "avoid the product of mass and speed",
        "no t inside exp",
        "no more than one log",
        "avoid nested logs",
    ],
)
def test_alternatives_wishes_and_parts_of_formulas_are_left_out(text):
    assert parse_prompt(text, LABELS) == []
    with pytest.raises(ValueError, match="Cannot read the constraint"):
        _read(text)


@pytest.mark.parametrize(
    "text",
    [
        "use mass twice",
        "contain the log of mass",
        "avoid log if mass is negative",
        "use mass and foo",
        "avoid foo and log",
        "avoid tanh, sigmoid and sqrt",
    ],
)
def test_what_is_half_understood_is_no_constraint(text):
    with pytest.raises(ValueError, match="Cannot read the constraint"):
        _read(text)


@pytest.mark.parametrize(
    "text",
    [
        "avoid sin or log",
        "neither sin nor log",
        "does not contain either sin or log",
        "no sin, no log",
    ],
)
def test_what_is_shut_out_in_a_list_is_shut_out_whole(text):
    assert _read(text) == [NO_SIN, NO_LOG]


@pytest.mark.parametrize(
    "text",
    [
        "avoid tanh, sigmoid and sqrt",
        "avoid sigmoid, tanh and sqrt",
        "tanh, sigmoid and sqrt are forbidden",
    ],
)
def test_a_list_to_avoid_goes_on_after_what_is_unknown(text):
    assert parse_prompt(text) == [
        Property("avoids", (name,)) for name in ("tanh", "sqrt")
    ]


def test_only_another_function_after_one_to_avoid_is_not_avoided():
    text = "no logarithm, only exponentials"

    assert parse_prompt(text) == [NO_LOG, Property("contains", ("exp",))]
    with pytest.raises(ValueError, match="not understood: 'only'"):
        _read(text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("avoid the function log", [("avoids", "log")]),
        ("avoid operator log", [("avoids", "log")]),
        ("the log function is forbidden", [("avoids", "log")]),
        ("avoid the functions log and sin", [("avoids", "log"), ("avoids", "sin")]),
        ("avoid log", [("ignores", "x1")]),
        ("ignore the column log", [("ignores", "x1")]),
        ("use a but not b", [("uses", "x3"), ("ignores", "x4")]),
        ("a matters but b does not", [("uses", "x3"), ("ignores", "x4")]),
        ("contain a cosine", [("contains", "cos")]),
        ("drop b", [("ignores", "x4")]),
        ("drop the column b", [("ignores", "x4")]),
        ("b can be dropped", [("ignores", "x4")]),
    ],
)
def test_names_of_columns_are_told_from_functions_and_words(text, told):
    assert _read(text, ["log", "sin", "a", "b"]) == [
        Property(kind, (name,)) for kind, name in told
    ]
