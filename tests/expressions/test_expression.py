from __future__ import annotations

import pickle

import numpy as np
import pytest

from sklearn_chatsr.expressions import Expression

LAW = Expression(["add", "mul", "C", "sin", "x1", "div", "sq", "x3", "2"], [2.5])


def test_evaluate_computes_every_row():
    X = np.array([[0.5, 9.0, 2.0], [1.0, 9.0, 4.0]])

    y = LAW.evaluate(X)

    np.testing.assert_array_equal(y, 2.5 * np.sin(X[:, 0]) + X[:, 2] ** 2 / 2)


def test_evaluate_agrees_across_blocks():
    X = np.random.default_rng(0).normal(size=(150_000, 3))

    y = LAW.evaluate(X)

    np.testing.assert_array_equal(y[[0, 70_000, -1]], LAW.evaluate(X[[0, 70_000, -1]]))


def test_evaluate_gives_nan_without_warning_outside_the_domain():
    y = Expression.from_infix("log(x1) + 1/x2").evaluate([[-1.0, 1.0], [1.0, 0.0]])

    assert np.isnan(y).all()


def test_a_formula_without_variables_has_a_value_per_row():
    np.testing.assert_array_equal(
        Expression(["C"], [3.0]).evaluate(np.zeros((4, 2))), np.full(4, 3.0)
    )


def test_evaluate_names_the_missing_column():
    with pytest.raises(ValueError, match=r"X has 2 column\(s\).* x3"):
        LAW.evaluate(np.zeros((3, 2)))


def test_a_skeleton_has_no_values():
    with pytest.raises(ValueError, match="constants are open"):
        LAW.skeleton().evaluate(np.zeros((3, 3)))


def test_figures_of_a_formula():
    assert (LAW.size, LAW.depth, LAW.n_constants) == (9, 4, 1)
    assert LAW.variables == (0, 2)
    assert not LAW.is_skeleton
    assert LAW.skeleton().is_skeleton


def test_an_expression_cannot_be_changed():
    with pytest.raises(AttributeError, match="immutable"):
        LAW.tokens = ("x1",)
    with pytest.raises(AttributeError, match="immutable"):
        del LAW.tokens


def test_equal_expressions_hash_alike_and_survive_pickling():
    copy = pickle.loads(pickle.dumps(LAW))

    assert copy == LAW
    assert hash(copy) == hash(LAW)
    assert LAW.skeleton() != LAW
    assert LAW != "LAW"


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        ([], "at least one token"),
        (["add", "x1"], r"lacks 1 more argument"),
        (["x1", "x2"], "complete after 1 of 2"),
        (["foo"], "Unknown token 'foo'"),
        ([1], "Tokens are strings"),
    ],
)
def test_tokens_that_are_no_expression_are_refused(tokens, message):
    with pytest.raises(ValueError, match=message):
        Expression(tokens)


@pytest.mark.parametrize(
    ("constants", "message"),
    [
        ([], r"0 constant\(s\) for 1"),
        ([1, 2], r"2 constant\(s\) for 1"),
        ([float("nan")], "finite"),
        ([float("inf")], "finite"),
    ],
)
def test_constants_that_do_not_fit_are_refused(constants, message):
    with pytest.raises(ValueError, match=message):
        LAW.with_constants(constants)


def test_trees_build_the_same_expression():
    assert Expression.from_tree(LAW.to_tree()) == LAW


def test_one_open_constant_opens_all():
    mixed = Expression.from_tree(("add", "C", 2.0))

    assert mixed == Expression(["add", "C", "C"])


def test_subtrees_are_complete_expressions():
    parts = [LAW.tokens[start:stop] for start, stop in LAW.subtrees()]

    assert len(parts) == LAW.size
    assert parts[0] == LAW.tokens
    assert ("sin", "x1") in parts
    for part in parts:
        Expression(part)
