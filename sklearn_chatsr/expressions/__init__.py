"""What a formula is: vocabulary, `Expression`, parsing, printing, simplifying."""

from sklearn_chatsr.expressions.expression import Expression
from sklearn_chatsr.expressions.factoring import factored, with_integers
from sklearn_chatsr.expressions.pruning import prunings, without_idle_addends
from sklearn_chatsr.expressions.vocabulary import (
    CONSTANT,
    OPERATORS,
    Operator,
    arity,
    is_integer,
    is_variable,
    math_token,
    token_of_math,
    variable,
    variable_index,
)

__all__ = [
    "CONSTANT",
    "OPERATORS",
    "Expression",
    "Operator",
    "arity",
    "factored",
    "is_integer",
    "is_variable",
    "math_token",
    "prunings",
    "token_of_math",
    "variable",
    "variable_index",
    "with_integers",
    "without_idle_addends",
]
