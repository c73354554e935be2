"""Plot how much accuracy each further bit of complexity buys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
from sklearn.utils.validation import check_is_fitted

from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.inspection._matplotlib import resolve_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Annotation

    from sklearn_chatsr.selection import Candidate

Criterion = Literal["loss", "fvu", "bits"]
_NAMES: dict[str, str] = {
    "loss": "Mean squared error",
    "fvu": "Fraction of variance unexplained",
    "bits": "Description length [bits]",
}

# A loss of zero has no place on a logarithmic axis; it is drawn at this share of the
# smallest loss above zero.
_BELOW_ALL = 0.1
# A formula is printed when it brings this share of the whole fall of the criterion.
_WORTH_A_LABEL = 0.1


@dataclass(frozen=True, eq=False)
class ParetoFrontData:
    """What a plot of the Pareto front shows, in ascending order of complexity.

    Attributes
    ----------
    complexity : ndarray of shape (n_candidates,), dtype float64
        Complexity of each candidate.
    value : ndarray of shape (n_candidates,), dtype float64
        The criterion, smaller is better.
    criterion : {"loss", "fvu", "bits"}
        What ``value`` holds.
    latex : list of str of length n_candidates
        The formulas as LaTeX mathematics, without dollar signs.
    infix : list of str of length n_candidates
        The formulas as plain text.
    selected : int or None
        Position of the chosen candidate.
    """

    complexity: npt.NDArray[np.float64]
    value: npt.NDArray[np.float64]
    criterion: Criterion
    latex: list[str]
    infix: list[str]
    selected: int | None


def pareto_front_data(
    candidates: Sequence[Candidate],
    *,
    selected: Expression | None = None,
    criterion: Criterion = "loss",
    feature_names: Sequence[str] | None = None,
    digits: int = 3,
) -> ParetoFrontData:
    """Collect what a plot of the Pareto front shows.

    Parameters
    ----------
    candidates : sequence of Candidate
        Those of a fitted estimator, ``pareto_front_``.
    selected : Expression, optional
        The chosen formula.
    criterion : {"loss", "fvu", "bits"}, default="loss"
        Mean squared error [unit of y squared], fraction of variance unexplained, or
        description length [bits].
    feature_names : sequence of str, optional
        Names to print for the columns.
    digits : int, default=3
        Significant digits of the constants in the labels.

    Returns
    -------
    ParetoFrontData
        Sorted by complexity.

    Raises
    ------
    TypeError
        If a regressor is given instead of its candidates.
    ValueError
        If there are no candidates, or the criterion is unknown.
    """
    if criterion not in _NAMES:
        raise ValueError(f"`criterion` == {criterion!r}, must be one of {set(_NAMES)}.")
    if not isinstance(candidates, Sequence) or isinstance(candidates, str):
        raise TypeError(
            "`candidates` must be a sequence of Candidate such as "
            f"`regressor.pareto_front_`, got {type(candidates).__name__}. Of a fitted "
            "regressor, `ParetoFrontDisplay.from_estimator` draws the front."
        )
    if not candidates:
        raise ValueError("Got no candidates, need at least one to plot.")
    table = sorted(candidates, key=lambda c: (c.complexity, getattr(c, criterion)))
    expressions = [c.expression for c in table]
    names = None if feature_names is None else [str(name) for name in feature_names]
    return ParetoFrontData(
        complexity=np.array([c.complexity for c in table], dtype=np.float64),
        value=np.array([getattr(c, criterion) for c in table], dtype=np.float64),
        criterion=criterion,
        latex=[e.to_latex(names, digits) for e in expressions],
        infix=[e.to_infix(names, digits) for e in expressions],
        selected=expressions.index(selected) if selected in expressions else None,
    )


class ParetoFrontDisplay:
    """Pareto front: error against complexity, the chosen formula ringed.

    Create it with :meth:`from_estimator`, or from the data of
    :func:`pareto_front_data`.

    Parameters
    ----------
    data : ParetoFrontData
        What to draw.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn on.
    figure_ : matplotlib Figure
        The figure of the axes.
    line_ : matplotlib Line2D
        The front.
    selected_ : matplotlib Line2D or None
        The ring around the chosen formula.
    texts_ : list of matplotlib Annotation
        The formulas.

    Examples
    --------
    >>> from sklearn_chatsr.inspection import ParetoFrontDisplay
    >>> display = ParetoFrontDisplay.from_estimator(estimator)  # doctest: +SKIP
    >>> display.figure_.savefig("front.png")  # doctest: +SKIP
    """

    def __init__(self, data: ParetoFrontData) -> None:
        self.data = data

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        criterion: Criterion = "loss",
        digits: int = 3,
        max_labels: int = 6,
        ax: Axes | None = None,
        **line_kwargs: Any,
    ) -> ParetoFrontDisplay:
        """Plot the front of a fitted estimator.

        Parameters
        ----------
        estimator : estimator with ``pareto_front_``, ``expression_`` and ``labels_``
            For example a fitted :class:`~sklearn_chatsr.ChatSRRegressor`.
        criterion : {"loss", "fvu", "bits"}, default="loss"
            What to plot against complexity.
        digits : int, default=3
            Significant digits of the constants in the labels.
        max_labels : int, default=6
            How many formulas to print at most: the chosen one, and those that bring
            the largest falls of the criterion, a tenth of the whole fall or more.
        ax : matplotlib Axes, optional
            Axes to draw on; new ones by default.
        **line_kwargs
            Passed on to ``ax.plot`` for the front.

        Returns
        -------
        ParetoFrontDisplay
            With the artists as attributes.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ImportError
            If matplotlib is not installed.
        """
        check_is_fitted(estimator, ["pareto_front_", "expression_"])
        data = pareto_front_data(
            estimator.pareto_front_,
            selected=estimator.expression_,
            criterion=criterion,
            feature_names=estimator.labels_,
            digits=digits,
        )
        return cls(data).plot(ax=ax, max_labels=max_labels, **line_kwargs)

    def plot(
        self, *, ax: Axes | None = None, max_labels: int = 6, **line_kwargs: Any
    ) -> ParetoFrontDisplay:
        """Draw the front.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Axes to draw on; new ones by default.
        max_labels : int, default=6
            How many formulas to print at most.
        **line_kwargs
            Passed on to ``ax.plot`` for the front.

        Returns
        -------
        ParetoFrontDisplay
            Itself.
        """
        ax = resolve_axes(ax)
        data = self.data
        is_log = data.criterion != "bits"
        value = _above_zero(data.value) if is_log else data.value
        style = {"marker": "o", "drawstyle": "steps-post", **line_kwargs}
        (self.line_,) = ax.plot(data.complexity, value, **style)
        self.selected_ = None
        if data.selected is not None:
            (self.selected_,) = ax.plot(
                data.complexity[data.selected],
                value[data.selected],
                linestyle="",
                marker="o",
                markersize=14,
                markerfacecolor="none",
                markeredgewidth=2,
                color="C3",
                label="selected",
            )
            ax.legend()
        labelled = _worth_a_label(value, data.selected, max_labels, is_log)
        self.texts_ = [self._annotate(ax, i, value[i]) for i in labelled]
        ax.set(
            xlabel="Complexity",
            ylabel=_NAMES[data.criterion],
            yscale="log" if is_log else "linear",
        )
        ax.margins(x=0.1, y=0.15)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _annotate(self, ax: Axes, i: int, height: float) -> Annotation:
        """Print a formula above the front, turned towards the middle of the plot."""
        formula, is_math = _typeset(self.data.latex[i], self.data.infix[i])
        x = self.data.complexity
        is_left = 2 * x[i] <= x[0] + x[-1]
        text = ax.annotate(
            formula,
            (x[i], height),
            xytext=(8 if is_left else -8, 5),
            textcoords="offset points",
            ha="left" if is_left else "right",
            fontsize="small",
            parse_math=is_math,
        )
        text.set_in_layout(False)  # a long formula does not squeeze the axes
        return text


def _typeset(latex: str, infix: str) -> tuple[str, bool]:
    """Give mathtext, or plain text where a column name is beyond mathtext."""
    from matplotlib.mathtext import MathTextParser

    try:
        MathTextParser("path").parse(f"${latex}$")
    except ValueError:
        return infix, False
    return f"${latex}$", True


def _above_zero(value: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Lift zeros to where a logarithmic axis can show them."""
    positive = value[value > 0]
    floor = _BELOW_ALL * positive.min() if positive.size else 1.0
    return np.where(value > 0, value, floor)


def _worth_a_label(
    value: npt.NDArray[np.float64],
    selected: int | None,
    max_labels: int,
    is_log: bool,
) -> list[int]:
    """Choose the first and the selected candidate and those that bring large falls."""
    height = np.log(value) if is_log else value
    best_so_far = np.minimum.accumulate(height)
    fall = np.append(np.inf, best_so_far[:-1] - height[1:])
    if selected is not None:
        fall[selected] = np.inf
    least = max(_WORTH_A_LABEL * (height[0] - height.min()), np.finfo(float).tiny)
    order = np.argsort(-fall, kind="stable")[:max_labels]
    return sorted(int(i) for i in order if fall[i] >= least)
