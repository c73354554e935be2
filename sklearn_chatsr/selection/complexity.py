"""How long a formula is: in nodes for people, in bits for the description length."""

from __future__ import annotations

import math

from sklearn_chatsr.expressions import OPERATORS, Expression, is_integer, is_variable

# Telling an operator, a variable, a constant or an integer apart takes two bits.
_KIND_BITS = 2.0
# Its sign, and that it stands for a number of the data that happens to be whole.
_INTEGER_BITS = 3.0
# Likewise of a decimal number, which says more than a whole one.
_DECIMAL_BITS = 5.0
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
        one; for an integer its digits and sign; for a constant ``constant_bits``.
    """
    variable_bits = math.log2(max(n_features, 1))
    if expression.constants is None:
        bits = constant_bits * expression.n_constants
    else:
        digits = map(_decimal_bits, expression.constants)
        bits = sum(min(constant_bits, own) for own in digits)
    for token in expression.tokens:
        bits += _KIND_BITS
        if token in OPERATORS:
            bits += OPERATORS[token].cost
        elif is_variable(token):
            bits += variable_bits
        elif is_integer(token):
            bits += _INTEGER_BITS + 2.0 * math.log2(abs(int(token)) + 1.0)
    return bits


def _decimal_bits(value: float) -> float:
    """Give the bits of a number's significant decimal digits, sign and exponent."""
    digits = repr(abs(value)).partition("e")[0].replace(".", "").strip("0")
    exponent = math.floor(math.log10(abs(value))) if value else 0
    places = math.log2(abs(exponent) + 1.0)
    return _DECIMAL_BITS + _DIGIT_BITS * len(digits) + 2.0 * places
