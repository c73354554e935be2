from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError

from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.inspection import ParetoFrontDisplay, pareto_front_data


@dataclass(frozen=True)
class Row:
    """The fields of a candidate that the display reads."""

    expression: Expression
    complexity: float
    loss: float
    fvu: float
    bits: float


class Fitted(BaseEstimator):
    def fit(self, X=None, y=None):
        self.pareto_front_ = list(TABLE)
        self.expression_ = TABLE[1].expression
        self.labels_ = ["time_$%^&", "mass"]
        return self


def row(text: str, complexity: float, loss: float, bits: float) -> Row:
    return Row(Expression.from_infix(text), complexity, loss, loss / 100, bits)


TABLE = [
    row("3.0*x1^2 + 0.5*x1", 9.0, 0.09, 35.0),
    row("3.1*x1^2", 5.0, 0.1, 20.0),
    row("1.5", 1.0, 90.0, 100.0),
    row("2.5*x1", 3.0, 8.0, 60.0),
]


def test_data_is_sorted_by_complexity():
    data = pareto_front_data(TABLE)

    assert data.complexity.tolist() == [1.0, 3.0, 5.0, 9.0]
    assert data.value.tolist() == [90.0, 8.0, 0.1, 0.09]


@pytest.mark.parametrize("criterion", ["loss", "fvu", "bits"])
def test_data_holds_the_criterion_asked_for(criterion):
    data = pareto_front_data(TABLE, criterion=criterion)

    assert data.value[0] == getattr(TABLE[2], criterion)


def test_data_points_at_the_selected_formula():
    chosen = TABLE[1].expression

    assert pareto_front_data(TABLE, selected=chosen).selected == 2
    assert pareto_front_data(TABLE).selected is None
    assert pareto_front_data(TABLE[2:], selected=chosen).selected is None


def test_an_unknown_criterion_is_refused():
    with pytest.raises(ValueError, match="`criterion` == 'r2'"):
        pareto_front_data(TABLE, criterion="r2")


def test_an_empty_table_is_refused():
    with pytest.raises(ValueError, match="no candidates"):
        pareto_front_data([])


def test_a_regressor_is_no_table_of_candidates():
    with pytest.raises(TypeError, match=r"such as `regressor.pareto_front_`, got Fit"):
        pareto_front_data(Fitted().fit())


def test_display_rings_the_selected_formula(pyplot):
    display = ParetoFrontDisplay.from_estimator(Fitted().fit())

    assert display.selected_.get_xdata() == [5.0]
    assert display.selected_.get_ydata() == [0.1]


def test_errors_are_drawn_on_a_logarithmic_axis_and_bits_on_a_linear_one(pyplot):
    estimator = Fitted().fit()

    log = ParetoFrontDisplay.from_estimator(estimator, criterion="fvu")
    linear = ParetoFrontDisplay.from_estimator(estimator, criterion="bits")

    assert log.ax_.get_yscale() == "log"
    assert linear.ax_.get_yscale() == "linear"


def test_formulas_with_unusual_column_names_can_be_drawn(pyplot):
    display = ParetoFrontDisplay.from_estimator(Fitted().fit())

    display.figure_.canvas.draw()

    assert any("3.1*`time_$%^&`^2" in text.get_text() for text in display.texts_)


def test_formulas_are_typeset(pyplot):
    display = ParetoFrontDisplay(pareto_front_data(TABLE)).plot()

    display.figure_.canvas.draw()

    assert r"$3.1 \cdot x_{1}^{2}$" in [t.get_text() for t in display.texts_]


def test_labels_go_to_the_selected_formula_and_the_largest_falls(pyplot):
    display = ParetoFrontDisplay.from_estimator(Fitted().fit(), max_labels=2)

    drawn = [text.xy[0] for text in display.texts_]

    assert drawn == [1.0, 5.0]


def test_formulas_that_bring_little_are_not_printed(pyplot):
    display = ParetoFrontDisplay.from_estimator(Fitted().fit())

    assert [text.xy[0] for text in display.texts_] == [1.0, 3.0, 5.0]


def test_a_loss_of_zero_has_a_place_on_the_logarithmic_axis(pyplot):
    table = [*TABLE, row("3.05*x1^2", 6.0, 0.0, 10.0)]

    display = ParetoFrontDisplay(pareto_front_data(table)).plot()
    display.figure_.canvas.draw()

    drawn = np.asarray(display.line_.get_ydata())
    assert (drawn > 0).all()
    assert drawn[3] < 0.09


def test_display_draws_on_the_given_axes_with_the_given_style(pyplot):
    _, ax = pyplot.subplots()

    display = ParetoFrontDisplay.from_estimator(Fitted().fit(), ax=ax, color="red")

    assert display.ax_ is ax
    assert display.figure_ is ax.figure
    assert display.line_.get_color() == "red"


def test_display_of_an_unfitted_estimator_says_so():
    with pytest.raises(NotFittedError):
        ParetoFrontDisplay.from_estimator(Fitted())


def test_missing_matplotlib_is_named_with_the_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)

    with pytest.raises(ImportError, match=r"sklearn-chatsr\[plot\]"):
        ParetoFrontDisplay.from_estimator(Fitted().fit())
