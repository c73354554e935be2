from __future__ import annotations

import numpy as np
import pytest

from sklearn_chatsr.expressions import (
    OPERATORS,
    arity,
    is_integer,
    is_variable,
    math_token,
    token_of_math,
    variable,
    variable_index,
)

# Inside every operator's domain, away from kinks.
INSIDE = {"acos": 0.3, "asin": 0.3, "log": 1.7}


def test_opcodes_are_unique_and_leave_room_for_leaves():
    opcodes = [row.opcode for row in OPERATORS.values()]

    assert sorted(opcodes) == list(range(3, 3 + len(OPERATORS)))


@pytest.mark.parametrize("name", [n for n, row in OPERATORS.items() if row.arity])
def test_partials_are_the_derivatives(name):
    row = OPERATORS[name]
    at = [np.array([INSIDE.get(name, 1.3)]), np.array([2.2])][: row.arity]
    step = 1e-6

    partials = row.partials(*at, row.numpy(*at))

    for i in range(row.arity):
        up, down = list(at), list(at)
        up[i], down[i] = at[i] + step, at[i] - step
        numeric = (row.numpy(*up) - row.numpy(*down)) / (2 * step)
        np.testing.assert_allclose(partials[i], numeric, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("log", (-1.0,)),
        ("log", (0.0,)),
        ("sqrt", (-1.0,)),
        ("asin", (1.5,)),
        ("acos", (-1.5,)),
        ("inv", (0.0,)),
        ("div", (1.0, 0.0)),
        ("pow", (-2.0, 0.5)),
        ("pow", (0.0, -1.0)),
    ],
)
def test_leaving_the_real_domain_gives_nan(name, arguments):
    with np.errstate(all="ignore"):
        value = OPERATORS[name].numpy(*map(np.float64, arguments))

    assert np.isnan(value)


def test_cbrt_is_real_for_negative_numbers():
    assert OPERATORS["cbrt"].numpy(-8.0) == -2.0


@pytest.mark.parametrize("token", [*OPERATORS, "x1", "x10", "C", "1", "5", "-3"])
def test_math_tokens_read_back(token):
    assert token_of_math(math_token(token)) == token


def test_math_tokens_are_spelled_as_in_public_chatsr_files():
    spelled = [math_token(token) for token in ("add", "x1", "C", "2")]

    assert spelled == [
        "<|math_add|>",
        "<|math_x1|>",
        "<|math_C|>",
        "<|math_const_2|>",
    ]
    assert token_of_math("C") == "C"


@pytest.mark.parametrize("text", ["add", "<|math_foo|>", "<|math_x0|>", "", "x1"])
def test_what_is_no_math_token_is_refused(text):
    with pytest.raises(ValueError, match="token"):
        token_of_math(text)


def test_variables_count_from_one_columns_from_zero():
    assert variable(0) == "x1"
    assert variable_index("x12") == 11
    assert is_variable("x3")
    assert not is_variable("x0")
    with pytest.raises(ValueError, match="'C' is not a variable"):
        variable_index("C")


def test_integers_have_one_spelling():
    assert all(map(is_integer, ["0", "-7", "123"]))
    assert not any(map(is_integer, ["-0", "007", "1.0", "9" * 16, "+1"]))


def test_arity_of_an_unknown_token_names_what_is_allowed():
    with pytest.raises(ValueError, match=r"Unknown token 'foo'. Allowed: .*add, sub"):
        arity("foo")
