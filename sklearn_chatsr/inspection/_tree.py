"""Plot an expression as a tree, or write it in the DOT language."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sklearn.utils.validation import check_is_fitted

from sklearn_chatsr.expressions import (
    CONSTANT,
    Expression,
    arity,
    is_variable,
    variable_index,
)
from sklearn_chatsr.inspection._matplotlib import resolve_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SIGNS = {
    "add": "+",
    "sub": "\N{MINUS SIGN}",
    "neg": "\N{MINUS SIGN}",
    "mul": "\N{MULTIPLICATION SIGN}",
    "div": "\N{DIVISION SIGN}",
    "inv": "1/\N{HORIZONTAL ELLIPSIS}",
    "pow": "^",
    "sq": "^2",
    "cube": "^3",
    "sqrt": "\N{SQUARE ROOT}",
    "cbrt": "\N{CUBE ROOT}",
    "pi": "\N{GREEK SMALL LETTER PI}",
}


@dataclass(frozen=True)
class ExpressionTreeData:
    """What a plot of an expression's tree shows; nodes are in prefix order.

    Attributes
    ----------
    labels : list of str of length n_nodes
        What is written in each node.
    x, y : list of float of length n_nodes
        Where it stands: leaves one unit apart from 0, the root at height 0, each level
        one unit lower.
    edges : list of (int, int)
        Parent and child, as positions in ``labels``; a parent's children from left to
        right.
    """

    labels: list[str]
    x: list[float]
    y: list[float]
    edges: list[tuple[int, int]]


def expression_tree_data(
    expression: Expression,
    *,
    feature_names: Sequence[str] | None = None,
    digits: int = 4,
) -> ExpressionTreeData:
    """Collect what a plot of an expression's tree shows.

    Parameters
    ----------
    expression : Expression
        The formula, or a skeleton.
    feature_names : sequence of str, optional
        Names to print for the columns.
    digits : int, default=4
        Significant digits of the constants.

    Returns
    -------
    ExpressionTreeData
        Labels, places and edges of the nodes.

    Raises
    ------
    TypeError
        If something else than an expression is given.

    Examples
    --------
    >>> from sklearn_chatsr.expressions import Expression
    >>> from sklearn_chatsr.inspection import expression_tree_data
    >>> tree = expression_tree_data(Expression.from_infix("2.5*sin(x1)"))
    >>> tree.labels
    ['×', '2.5', 'sin', 'x1']
    >>> tree.edges
    [(0, 1), (0, 2), (2, 3)]
    """
    _check_expression(expression)
    n_nodes = len(expression.tokens)
    x, y = [0.0] * n_nodes, [0.0] * n_nodes
    edges = list(_edges(expression.tokens))
    children: list[list[int]] = [[] for _ in range(n_nodes)]
    for parent, child in edges:
        children[parent].append(child)
        # In prefix order a parent comes before its children.
        y[child] = y[parent] - 1.0
    n_leaves = 0
    for node in range(n_nodes):
        if not children[node]:
            x[node] = float(n_leaves)
            n_leaves += 1
    for node in reversed(range(n_nodes)):
        if children[node]:
            x[node] = sum(x[c] for c in children[node]) / len(children[node])
    return ExpressionTreeData(
        labels=_labels(expression, feature_names, digits), x=x, y=y, edges=edges
    )


def to_dot(
    expression: Expression,
    *,
    feature_names: Sequence[str] | None = None,
    digits: int = 4,
) -> str:
    r"""Write the tree of an expression in the DOT language of Graphviz.

    Parameters
    ----------
    expression : Expression
        The formula, or a skeleton.
    feature_names : sequence of str, optional
        Names to print for the columns.
    digits : int, default=4
        Significant digits of the constants.

    Returns
    -------
    str
        A graph that ``dot -Tsvg`` draws.

    Raises
    ------
    TypeError
        If something else than an expression is given.

    Examples
    --------
    >>> from sklearn_chatsr.expressions import Expression
    >>> from sklearn_chatsr.inspection import to_dot
    >>> print(to_dot(Expression.from_infix("sin(x1)")))
    digraph expression {
      node [shape=circle];
      0 [label="sin"];
      1 [label="x1"];
      0 -> 1;
    }
    """
    _check_expression(expression)
    labels = _labels(expression, feature_names, digits)
    lines = ["digraph expression {", "  node [shape=circle];"]
    for node, label in enumerate(labels):
        quoted = label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        lines.append(f'  {node} [label="{quoted}"];')
    lines += [f"  {a} -> {b};" for a, b in _edges(expression.tokens)]
    return "\n".join([*lines, "}"])


def _check_expression(given: object) -> None:
    if not isinstance(given, Expression):
        raise TypeError(
            "`expression` must be an Expression such as `regressor.expression_`, or "
            f"`Expression.from_infix('2.5*sin(x1)')`, got {type(given).__name__}."
        )


class ExpressionTreeDisplay:
    """Tree of an expression.

    Create it with :meth:`from_estimator` or :meth:`from_expression`.

    Parameters
    ----------
    data : ExpressionTreeData
        What to draw.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn on.
    figure_ : matplotlib Figure
        The figure of the axes.
    lines_ : list of matplotlib Line2D
        The edges.
    texts_ : list of matplotlib Text
        The nodes.

    Examples
    --------
    >>> from sklearn_chatsr.expressions import Expression
    >>> from sklearn_chatsr.inspection import ExpressionTreeDisplay
    >>> law = Expression.from_infix("4.9*x1^2")
    >>> display = ExpressionTreeDisplay.from_expression(law)  # doctest: +SKIP
    """

    def __init__(self, data: ExpressionTreeData) -> None:
        self.data = data

    @classmethod
    def from_estimator(
        cls, estimator: Any, *, digits: int = 4, ax: Axes | None = None
    ) -> ExpressionTreeDisplay:
        """Plot the formula of a fitted estimator.

        Parameters
        ----------
        estimator : estimator with ``expression_`` and ``labels_``
            For example a fitted :class:`~sklearn_chatsr.ChatSRRegressor`.
        digits : int, default=4
            Significant digits of the constants.
        ax : matplotlib Axes, optional
            Axes to draw on; new ones by default.

        Returns
        -------
        ExpressionTreeDisplay
            With the artists as attributes.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ImportError
            If matplotlib is not installed.
        """
        check_is_fitted(estimator, "expression_")
        return cls.from_expression(
            estimator.expression_,
            feature_names=estimator.labels_,
            digits=digits,
            ax=ax,
        )

    @classmethod
    def from_expression(
        cls,
        expression: Expression,
        *,
        feature_names: Sequence[str] | None = None,
        digits: int = 4,
        ax: Axes | None = None,
    ) -> ExpressionTreeDisplay:
        """Plot an expression.

        Parameters
        ----------
        expression : Expression
            The formula, or a skeleton.
        feature_names : sequence of str, optional
            Names to print for the columns.
        digits : int, default=4
            Significant digits of the constants.
        ax : matplotlib Axes, optional
            Axes to draw on; new ones by default.

        Returns
        -------
        ExpressionTreeDisplay
            With the artists as attributes.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        data = expression_tree_data(
            expression, feature_names=feature_names, digits=digits
        )
        return cls(data).plot(ax=ax)

    def plot(self, *, ax: Axes | None = None) -> ExpressionTreeDisplay:
        """Draw the tree.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Axes to draw on; new ones by default.

        Returns
        -------
        ExpressionTreeDisplay
            Itself.
        """
        ax = resolve_axes(ax)
        x, y = self.data.x, self.data.y
        self.lines_ = [
            ax.plot([x[a], x[b]], [y[a], y[b]], color="0.6", zorder=1)[0]
            for a, b in self.data.edges
        ]
        box = {"boxstyle": "round", "facecolor": "white", "edgecolor": "C0"}
        self.texts_ = [
            # A column may be called anything: nothing in a label is mathtext.
            ax.text(i, j, label, ha="center", va="center", bbox=box, parse_math=False)
            for i, j, label in zip(x, y, self.data.labels, strict=True)
        ]
        ax.set_xlim(min(x) - 0.6, max(x) + 0.6)
        ax.set_ylim(min(y) - 0.6, 0.6)
        ax.set_axis_off()
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _edges(tokens: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Give parent and child positions of every edge, in the order of the children."""
    waiting: list[tuple[int, int]] = []
    for position, token in enumerate(tokens):
        if position:
            parent, missing = waiting.pop()
            if missing > 1:
                waiting.append((parent, missing - 1))
            yield parent, position
        if arity(token):
            waiting.append((position, arity(token)))


def _labels(
    expression: Expression, feature_names: Sequence[str] | None, digits: int
) -> list[str]:
    """Spell every token, constants by value and columns by name."""
    constants = iter(expression.constants or ())
    names = [] if feature_names is None else [str(name) for name in feature_names]
    labels = []
    for token in expression.tokens:
        if token == CONSTANT and expression.constants is not None:
            labels.append(f"{next(constants):.{digits}g}")
        elif is_variable(token) and variable_index(token) < len(names):
            labels.append(names[variable_index(token)])
        else:
            labels.append(_SIGNS.get(token, token))
    return labels
