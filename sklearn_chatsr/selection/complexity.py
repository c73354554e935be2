"""How long a formula is: in nodes for people, in bits for the description length."""

from __future__ import annotations

import math

from sklearn_chatsr.expressions import (
    CONSTANT,
    OPERATORS,
    Expression,
    is_integer,
    is_variable,
)
from sklearn_chatsr.selection.usual_forms import KIND_BITS, usual_form_bits

# Its sign, and that it stands for a number of the data that happens to be whole.
_INTEGER_BITS = 3.0
# Likewise of a decimal number, which says more than a whole one.
_DECIMAL_BITS = 4.0
# A sign alone, as a constant has one for nothing.
_SIGN_BITS = 1.0
# Sign and order of magnitude of a number whose digits the data give.
_SIZE_BITS = 0.5
# That it is a line: what most people would try first is said in few bits.
_LINE_BITS = 4.0
_DIGIT_BITS = math.log2(10.0)


def complexity(expression: Expression) -> int:
    """Give the number of nodes, the size that tables and limits speak of.

    Parameters
    ----------
    expression : Expression
        With or without values for its constants.

    Returns
    -------
    int
        Operators, variables, constants and integers each count one.

    Examples
    --------
    >>> from sklearn_chatsr.expressions import Expression
    >>> complexity(Expression.from_infix("2.5*sin(x1) + x2"))
    6
    """
    return expression.size


def formula_bits(
    expression: Expression, constant_bits: float, n_features: int
) -> float:
    """Give the bits that it takes to write the formula down.

    Parameters
    ----------
    expression : Expression
        The formula.
    constant_bits : float
        Bits for the digits of a fitted constant. One with few decimal digits, such as
        2.5, is written in fewer.
    n_features : int
        Number of columns that a variable is chosen from.

    Returns
    -------
    float
        Bits: for every node its kind; for an operator its cost; for a variable which
        one; for an integer its digits and sign; for a constant ``constant_bits`` and
        its sign and order of magnitude. A line is named by its columns and constants
        alone, and a usual form of one column by its name and constants.
    """
    variable_bits = math.log2(max(n_features, 1))
    if expression.constants is None:
        bits = (constant_bits + _SIZE_BITS) * expression.n_constants
    else:
        digits = map(_decimal_bits, expression.constants)
        bits = sum(min(constant_bits + _SIZE_BITS, own) for own in digits)
    for token in expression.tokens:
        if is_integer(token):
            bits += _integer_bits(int(token))
    tree = 0.0
    for token in expression.tokens:
        if token == "neg":
            tree += _SIGN_BITS
            continue
        tree += KIND_BITS
        if token in OPERATORS:
            tree += OPERATORS[token].cost
        elif is_variable(token):
            tree += variable_bits
    columns = _line_columns(expression)
    if columns:
        which = math.log2(math.comb(max(n_features, len(columns)), len(columns)))
        tree = min(tree, _LINE_BITS + variable_bits + which)
    return bits + min(tree, usual_form_bits(expression) + variable_bits)


def _line_columns(expression: Expression) -> set[str]:
    """Give the columns of a weighted sum of columns; none of any other formula."""
    tokens = expression.tokens
    columns: set[str] = set()
    weights = 0
    for i, token in enumerate(tokens):
        if is_variable(token) and token not in columns:
            columns.add(token)
        elif token == CONSTANT or is_integer(token):
            weights += 1
        elif token == "mul":
            if tokens[i + 1] in OPERATORS or not is_variable(tokens[i + 2]):
                return set()
        elif token not in ("add", "sub"):
            return set()
    return columns if weights else set()


def _decimal_bits(value: float) -> float:
    """Give the bits of a number's significant decimal digits, sign and exponent.

    A whole number is written as an integer wherever that is the same.
    """
    digits = repr(abs(value)).partition("e")[0].replace(".", "").strip("0")
    exponent = math.floor(math.log10(abs(value))) if value else 0
    places = math.log2(abs(exponent) + 1.0)
    bits = _DECIMAL_BITS + _DIGIT_BITS * len(digits) + 2.0 * places
    if value.is_integer():
        bits = max(bits, _integer_bits(int(value)) + _SIGN_BITS)
    return bits


def _integer_bits(value: int) -> float:
    return _INTEGER_BITS + 2.0 * math.log2(abs(value) + 1.0)
