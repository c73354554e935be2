from __future__ import annotations

import sys

import pytest
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError

from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.inspection import (
    ExpressionTreeDisplay,
    expression_tree_data,
    to_dot,
)


class Fittable(BaseEstimator):
    def fit(self, X, y):
        raise NotImplementedError


LAW = Expression.from_infix("2.5*x1^3/x2 + sin(x1)")


def test_tree_data_has_one_node_per_token_and_one_edge_less():
    tree = expression_tree_data(LAW)

    assert len(tree.labels) == len(tree.x) == len(tree.y) == LAW.size
    assert len(tree.edges) == LAW.size - 1
    assert sorted(child for _, child in tree.edges) == list(range(1, LAW.size))


def test_edges_lead_to_the_arguments_of_each_operator():
    tree = expression_tree_data(Expression(["sub", "sin", "x1", "mul", "x2", "x3"]))

    assert tree.edges == [(0, 1), (1, 2), (0, 3), (3, 4), (3, 5)]


def test_arguments_stand_from_left_to_right_below_their_operator():
    tree = expression_tree_data(Expression(["sub", "sin", "x1", "mul", "x2", "x3"]))

    leaves = [tree.x[i] for i in (2, 4, 5)]
    assert leaves == [0.0, 1.0, 2.0]
    assert tree.x[3] == 1.5
    assert min(tree.y) == -2.0
    assert all(tree.y[child] == tree.y[parent] - 1 for parent, child in tree.edges)


def test_labels_show_column_names_and_rounded_constants():
    law = Expression(["mul", "C", "x2"], [1.23456])

    tree = expression_tree_data(law, feature_names=["a", "mass $m$"], digits=3)

    assert tree.labels == ["×", "1.23", "mass $m$"]


def test_skeletons_show_open_constants():
    assert expression_tree_data(LAW.skeleton()).labels.count("C") == 1


def test_dot_quotes_names_that_would_end_a_label():
    dot = to_dot(Expression(["sin", "x1"]), feature_names=['a"]; \\ b'])

    assert '1 [label="a\\"]; \\\\ b"];' in dot.splitlines()[3]
    assert dot.count("->") == 1


def test_display_draws_a_text_per_node_and_a_line_per_edge(pyplot):
    estimator = Fittable()
    estimator.expression_ = LAW
    estimator.labels_ = ["$a_%", "m^"]

    display = ExpressionTreeDisplay.from_estimator(estimator)
    display.figure_.canvas.draw()

    assert len(display.texts_) == LAW.size
    assert len(display.lines_) == LAW.size - 1
    assert "$a_%" in [text.get_text() for text in display.texts_]


def test_display_draws_on_the_given_axes(pyplot):
    _, ax = pyplot.subplots()

    display = ExpressionTreeDisplay.from_expression(LAW, ax=ax)

    assert display.ax_ is ax
    assert display.figure_ is ax.figure


@pytest.mark.parametrize("draw", [expression_tree_data, to_dot])
def test_a_regressor_is_no_expression(draw):
    with pytest.raises(TypeError, match=r"such as `regressor.expression_`.* got Fit"):
        draw(Fittable())


def test_display_of_an_unfitted_estimator_says_so():
    with pytest.raises(NotFittedError):
        ExpressionTreeDisplay.from_estimator(Fittable())


def test_missing_matplotlib_is_named_with_the_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)

    with pytest.raises(ImportError, match=r"sklearn-chatsr\[plot\]"):
        ExpressionTreeDisplay.from_expression(LAW)
