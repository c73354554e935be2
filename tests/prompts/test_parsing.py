from __future__ import annotations

import time

import numpy as np
import pytest

from benchmarks.reading import read_sentences
from sklearn_chatsr.prompts import (
    FAMILIES,
    WORDINGS,
    Prompt,
    Property,
    parse_prompt,
    write_prompt,
)

EXAMPLES = {
    "contains": ("tanh",),
    "avoids": ("trigonometric",),
    "size": ("12",),
    "term": ("exp(C*x1)/x2",),
    **dict.fromkeys(("power_law", "decay", "oscillation", "saturation"), ()),
    **dict.fromkeys(("product", "ratio", "difference", "symmetric"), ("x1", "x2")),
}


@pytest.mark.parametrize("unseen", [False, True])
@pytest.mark.parametrize("kind", sorted(WORDINGS))
def test_every_wording_is_read_back(kind, unseen):
    item = Property(kind, EXAMPLES.get(kind, ("x2",)))
    rng = np.random.default_rng(0)
    for _ in range(25):
        text = write_prompt([item], rng, unseen)
        assert parse_prompt(text) == [item], text


def test_names_of_columns_are_read():
    labels = ["t", "mass", "spring constant"]
    text = "the force is even in spring constant, contains mass/t and no logarithm"

    assert parse_prompt(text, labels) == [
        Property("even", ("x3",)),
        Property("ratio", ("x2", "x1")),
        Property("avoids", ("log",)),
    ]


def test_lists_give_one_property_each():
    assert parse_prompt("It avoids sine, cosine or exp.") == [
        Property("avoids", (name,)) for name in ("sin", "cos", "exp")
    ]


@pytest.mark.parametrize(
    "text",
    [
        "not periodic in x1",
        "it is never an oscillation",
        "y isn't even in x1",
        "It may or may not contain a sine.",
        "I have no idea whether x2 matters.",
        "x1 need not be monotone",
        "Is it a power law?",
        "The function is neither increasing nor decreasing in x2.",
        "even if x1 is noisy, try your best",
    ],
)
def test_what_is_denied_or_doubted_is_not_read_as_said(text):
    prompt = Prompt(text)

    assert prompt.properties == []
    assert not prompt.is_understood


def test_a_prompt_follows_the_columns_that_are_shown():
    prompt = Prompt("periodic in t and even in m", ["t", "m", "k"])

    assert prompt.for_columns([2, 0]) == "It is periodic in x2."
    assert prompt.for_columns([2]) is None


def test_text_that_is_not_understood_goes_on_with_names_replaced():
    prompt = Prompt("looks like the curve of a chained t in some m thing", ["t", "m"])

    assert not prompt.is_understood
    shown = prompt.for_columns([1, 0])
    assert shown == "looks like the curve of a chained x2 in some x1 thing"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "Nothing in the physics would give rise to an exponential.",
            [("avoids", "exp")],
        ),
        ("Square roots: none.", [("avoids", "sqrt")]),
        ("Keep the square roots out of it.", [("avoids", "sqrt")]),
        ("Sine: yes, cosine: no.", [("contains", "sin"), ("avoids", "cos")]),
        ("with tanh and without abs", [("contains", "tanh"), ("avoids", "abs")]),
        ("without abs and with tanh", [("avoids", "abs"), ("contains", "tanh")]),
        ("You cannot do without a logarithm here.", [("contains", "log")]),
        ("x2 cannot be neglected.", [("uses", "x2")]),
        ("Any formula that lacks x1 is wrong.", [("uses", "x1")]),
        ("The larger x2, the larger the target.", [("increasing", "x2")]),
        ("With growing x1 the response diminishes.", [("decreasing", "x1")]),
        ("it never goes down as x1 grows", [("increasing", "x1")]),
        ("It always rises or always falls along x1.", [("monotone", "x1")]),
        ("f(-x1) = -f(x1)", [("odd", "x1")]),
        ("dy/dx2 < 0", [("decreasing", "x2")]),
        ("Flipping the sign of x2 makes no difference.", [("even", "x2")]),
        ("Subtract x2 from x1; this appears.", [("difference", "x1", "x2")]),
        ("I want fewer nodes than 8.", [("size", "7")]),
        ("There is a factor exp(-x2).", [("term", "exp(-x2)")]),
        (
            "Neither sine nor cosine; just a square root.",
            [("avoids", "sin"), ("avoids", "cos"), ("contains", "sqrt")],
        ),
    ],
)
def test_sentences_are_read_by_what_they_speak_of(text, told):
    assert parse_prompt(text, ["x1", "x2"]) == [
        Property(kind, tuple(rest)) for kind, *rest in told
    ]


def _of_t(kind):
    return [Property(kind, (name,)) for name in ("x1", "x2")]


ONLY_T = [Property("uses", ("x3",)), *_of_t("ignores")]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("ignore everything except t", _of_t("ignores")),
        ("Ignore all columns but t.", _of_t("ignores")),
        ("Everything but t is irrelevant", _of_t("ignores")),
        ("use nothing but t", ONLY_T),
        ("do not use anything but t", ONLY_T),
        ("nothing except t", ONLY_T),
        ("no columns other than t", ONLY_T),
        ("the rate depends on nothing but t", ONLY_T),
        ("use only t", ONLY_T),
        ("it depends on t alone", ONLY_T),
        ("use all columns except t", [Property("ignores", ("x3",))]),
        ("anything but a logarithm", [Property("avoids", ("log",))]),
        ("everything except exp is allowed", [Property("avoids", ("exp",))]),
        ("all functions except sin are possible", [Property("avoids", ("sin",))]),
    ],
)
def test_what_is_told_by_exception_is_not_read_as_its_opposite(text, told):
    assert parse_prompt(text, ["conc", "E a", "t"]) == told


@pytest.mark.parametrize(
    ("text", "kept", "shut"),
    [
        ("only exp and log", {"exp", "log", "mul", "div", "sq"}, {"sin", "sqrt"}),
        ("avoid everything except exp", {"exp", "add"}, {"log", "tanh", "pow"}),
        (
            "Use only addition and multiplication",
            {"add", "sub", "mul", "sq"},
            {"div", "inv", "exp", "sin"},
        ),
    ],
)
def test_where_some_operators_only_are_used_the_others_are_avoided(text, kept, shut):
    properties = parse_prompt(text, ["t"])

    avoided = set().union(*(FAMILIES[p.arguments[0]].tokens for p in properties))
    assert {p.kind for p in properties} == {"avoids"}
    assert shut <= avoided
    assert not kept & avoided


@pytest.mark.parametrize(
    "text",
    [
        "ignore everything except for the local time t",
        "anything but the natural logarithm",
        "avoid all except t and log",
        "colleagues say nothing but exp",
    ],
)
def test_an_exception_that_is_not_understood_is_left_out(text):
    prompt = Prompt(text, ["conc", "t"])

    assert prompt.properties == []
    assert not prompt.is_understood


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("the larger the E a, the slower the rate", ["decreasing"]),
        ("the hotter the E a, the faster the reaction", ["increasing"]),
        ("The colder E a, the weaker the signal.", ["increasing"]),
        ("the larger the E a, the calmer the rate", []),
    ],
)
def test_comparatives_in_pairs_tell_a_direction(text, told):
    assert parse_prompt(text, ["t", "E a"]) == [Property(k, ("x2",)) for k in told]


@pytest.mark.parametrize("joint", [" and it", ". It"])
def test_what_is_said_and_denied_is_not_told(joint):
    text = f"it is periodic in t{joint} is not periodic in t"

    assert parse_prompt(text, ["m", "t"]) == []
    assert parse_prompt(text.replace("c in t", "c in m", 1), ["m", "t"]) == [
        Property("periodic", ("x1",))
    ]


def test_most_sentences_by_others_are_read_as_they_are_meant():
    # 94 % and 4 % of those with which the lexicon grew, 92.5 % and 4 % of the others
    for held_out, n in ((False, 1_000), (True, 240)):
        reading = read_sentences(held_out)

        assert reading.n > n
        assert reading.n_exact > 0.92 * reading.n
        assert reading.n_wrong < 0.05 * reading.n


def test_a_single_column_needs_no_name():
    assert parse_prompt("It is periodic and bounded.", ["angle"]) == [
        Property("periodic", ("x1",)),
        Property("bounded", ("x1",)),
    ]


def test_marks_and_odd_names_in_a_text_mean_nothing():
    for labels in (["<V0>", "a"], ["+", "("], ["x^2", "m (kg)"], ["not", "sin"]):
        assert parse_prompt("<V0> <O7> and <F3>) (( `a` ", labels) == []


@pytest.mark.parametrize(
    "text",
    ["x1+" * 3_000, "(" * 5_000, "sin(" * 2_000, "a " * 9_000, "x1 and " * 3_000],
)
def test_long_text_takes_no_long_time(text):
    start = time.perf_counter()
    parse_prompt(text, ["x1", "x2"])

    assert time.perf_counter() - start < 10
