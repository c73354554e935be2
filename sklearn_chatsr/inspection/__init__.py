"""Displays of fitted formulas: the Pareto front and the tree of an expression.

Each plot draws what a function without matplotlib returns: `pareto_front_data` and
`expression_tree_data`. For measured against predicted values use
:class:`sklearn.metrics.PredictionErrorDisplay`, which works with every regressor.
"""

from sklearn_chatsr.inspection._pareto import (
    ParetoFrontData,
    ParetoFrontDisplay,
    pareto_front_data,
)
from sklearn_chatsr.inspection._tree import (
    ExpressionTreeData,
    ExpressionTreeDisplay,
    expression_tree_data,
    to_dot,
)

__all__ = [
    "ExpressionTreeData",
    "ExpressionTreeDisplay",
    "ParetoFrontData",
    "ParetoFrontDisplay",
    "expression_tree_data",
    "pareto_front_data",
    "to_dot",
]
