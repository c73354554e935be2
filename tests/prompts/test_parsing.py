from __future__ import annotations

import numpy as np
import pytest

from sklearn_chatsr.prompts import (
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
    "text", ["not periodic in x1", "it is never an oscillation", "y isn't even in x1"]
)
def test_what_is_denied_is_not_read_as_said(text):
    prompt = Prompt(text)

    assert prompt.properties == []
    assert not prompt.is_understood


def test_a_prompt_follows_the_columns_that_are_shown():
    prompt = Prompt("periodic in t and even in m", ["t", "m", "k"])

    assert prompt.for_columns([2, 0]) == "It is periodic in x2."
    assert prompt.for_columns([2]) is None


def test_text_that_is_not_understood_goes_on_with_names_replaced():
    prompt = Prompt("looks like the curve of a chained t over some m thing", ["t", "m"])

    assert not prompt.is_understood
    shown = prompt.for_columns([1, 0])
    assert shown == "looks like the curve of a chained x2 over some x1 thing"
