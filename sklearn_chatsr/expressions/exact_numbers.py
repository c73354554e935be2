"""Exact arithmetic of the rewriting: int, Fraction, float, and the open constant.

The open constant ``"C"`` is a number whose value is not known yet; it absorbs what it
meets. Numbers stay exact (int, Fraction) until a float is met.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

from sklearn_chatsr.expressions.vocabulary import CONSTANT

# int, Fraction, float or the open constant "C"; nodes are nested tuples or leaves.
Number = Any
Node = Any

OPEN = CONSTANT
HALF, THIRD = Fraction(1, 2), Fraction(1, 3)
_NUMBERS = (int, Fraction, float)
# Denominators whose roots are real for negative numbers too: nested cube roots.
_CUBIC = tuple(3**k for k in range(20))
_LARGEST = 10**9


class ArithmeticFaultError(Exception):
    """The tree holds arithmetic that has no exact value, such as 1/0."""


def is_number(node: Node) -> bool:
    """Tell a number, open or not, from other nodes."""
    return node == OPEN if isinstance(node, str) else isinstance(node, _NUMBERS)


def exact(value: Number) -> Number:
    """Shrink fractions to integers; refuse numbers too large to stay exact."""
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ArithmeticFaultError
        return value
    if abs(value.numerator) > _LARGEST or value.denominator > _LARGEST:
        raise ArithmeticFaultError
    return value.numerator if value.denominator == 1 else value


def plus(a: Number, b: Number) -> Number:
    """Add two numbers."""
    return OPEN if a == OPEN or b == OPEN else exact(a + b)


def times(a: Number, b: Number) -> Number:
    """Multiply two numbers."""
    if a == 0 or b == 0:
        return 0
    return OPEN if a == OPEN or b == OPEN else exact(a * b)


def number_power(base: Number, exponent: Number) -> Number | None:
    """Give base^exponent, or None where it is best left as it stands."""
    if base == OPEN or exponent == OPEN:
        return OPEN
    if base == 0 and exponent <= 0:
        return 1 if exponent == 0 else None
    if base == 1:
        return 1
    if isinstance(exponent, int):
        if abs(exponent) > 64:
            return None
        power = base**exponent if exponent >= 0 else over(1, base) ** -exponent
        return exact(power)
    if base < 0:
        if has_real_root(exponent):
            size = number_power(-base, exponent)
            return size if size is None or exponent.numerator % 2 == 0 else -size
        return None
    if isinstance(base, float) or isinstance(exponent, float):
        return exact(float(base) ** float(exponent))
    return _exact_root(Fraction(base), exponent)


def over(a: Number, b: Number) -> Number:
    """Divide two numbers, b fixed and not 0; exactly where both are exact."""
    if a == OPEN:
        return OPEN
    if isinstance(a, float) or isinstance(b, float):
        return exact(float(a) / float(b))
    return exact(Fraction(a) / b)


def _exact_root(base: Fraction, exponent: Fraction) -> Number | None:
    top = round(base.numerator ** (1 / exponent.denominator))
    bottom = round(base.denominator ** (1 / exponent.denominator))
    if Fraction(top, bottom) ** exponent.denominator != base:
        return None
    return number_power(exact(Fraction(top, bottom)), exponent.numerator)


def has_real_root(exponent: Number) -> bool:
    """Whether x^exponent is real for negative x: integers, thirds, ninths (cbrt)."""
    return not isinstance(exponent, str | float) and exponent.denominator in _CUBIC


def as_exponent(value: Number) -> Number:
    """Take whole and half floats as exact, since x^2.0 and x^2 are the same."""
    if isinstance(value, float) and value * 2 == int(value * 2) and abs(value) < 64:
        return exact(Fraction(int(value * 2), 2))
    return value
