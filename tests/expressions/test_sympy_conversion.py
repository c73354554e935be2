from __future__ import annotations

import numpy as np
import pytest
import sympy
from hypothesis import assume, given, settings

from sklearn_chatsr.expressions import Expression

from .strategies import POINTS, agree, expressions

UNDEFINED = (sympy.zoo, sympy.nan, sympy.oo, sympy.I, sympy.AccumBounds)


def _to_sympy(expression):
    """Convert, or give None for numbers that SymPy finds undefined or complex."""
    try:
        expr = expression.to_sympy()
    except (ArithmeticError, ValueError, TypeError):
        return None
    # SymPy's numbers know no overflow, ours do.
    sizes = [abs(number) for number in expr.atoms(sympy.Float)]
    for number in expr.atoms(sympy.Rational):
        sizes += [abs(number.p), number.q]
    large = any(size > 1e300 for size in sizes)
    return None if large or expr.has(*UNDEFINED) else expr


def _values(expr):
    symbols = sympy.symbols("x1 x2 x3", real=True)
    function = sympy.lambdify(symbols, expr, "mpmath")
    values = []
    for row in POINTS[::4]:
        try:
            value = complex(function(*map(float, row)))
        except (ArithmeticError, ValueError, TypeError):
            value = complex("nan")
        values.append(value.real if value.imag == 0 else float("nan"))
    return np.array(values)


@given(expressions)
@settings(max_examples=60, deadline=None)
def test_values_equal_sympys(expression):
    expr = _to_sympy(expression)
    assume(expr is not None)

    assert agree(expression.evaluate(POINTS[::4]), _values(expr))


@given(expressions)
@settings(max_examples=100, deadline=None)
def test_sympy_reads_back_to_the_same_values(expression):
    expr = _to_sympy(expression)
    assume(expr is not None)

    read = Expression.from_sympy(expr)

    assert agree(expression.evaluate(POINTS), read.evaluate(POINTS))


def test_labels_become_symbols_whatever_their_spelling():
    expr = Expression.from_infix("x1*x2").to_sympy(["exec('1')", "N"])

    assert {s.name for s in expr.free_symbols} == {"exec('1')", "N"}
    assert Expression.from_sympy(expr, ["exec('1')", "N"]).variables == (0, 1)


def test_open_constants_become_symbols_and_read_back():
    skeleton = Expression.from_infix("C*sin(C*x1)")

    expr = skeleton.to_sympy()

    assert {s.name for s in expr.free_symbols} == {"C1", "C2", "x1"}
    assert Expression.from_sympy(expr).canonical_key() == skeleton.canonical_key()


def test_numbers_keep_their_kind():
    expr = Expression.from_infix("2.5*x1 + x2/3 + pi").to_sympy()

    assert expr.atoms(sympy.Float) == {sympy.Float(2.5)}
    assert sympy.Rational(1, 3) in expr.atoms(sympy.Rational)
    assert sympy.pi in expr.atoms(sympy.NumberSymbol)


@pytest.mark.parametrize(
    ("expr", "message"),
    [
        (sympy.Symbol("foo"), "Unknown symbol 'foo'"),
        (sympy.gamma(sympy.Symbol("x1")), "Cannot convert 'gamma'"),
    ],
)
def test_what_the_vocabulary_lacks_is_refused(expr, message):
    with pytest.raises(ValueError, match=message):
        Expression.from_sympy(expr)
