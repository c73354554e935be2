"""Compiled values and derivatives of every operator, over one block of points.

A branch of this file per operator of the vocabulary: `tests/fitting/test_kernels.py`
compares all of them with the rows of the table.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from sklearn_chatsr.expressions.vocabulary import (
    CONSTANT_OPCODE,
    INTEGER_OPCODE,
    OPERATORS,
    VARIABLE_OPCODE,
)

# 128 rows: 20 nodes with values and adjoints take 40 kB.
BLOCK = 128

# Rows of the table of nodes.
CODE, LEFT, RIGHT, REF, ADJOINT, ACTIVE = range(6)
N_FIELDS = 6

VARIABLE, CONSTANT, NUMBER = VARIABLE_OPCODE, CONSTANT_OPCODE, INTEGER_OPCODE
ADD = OPERATORS["add"].opcode
SUB = OPERATORS["sub"].opcode
MUL = OPERATORS["mul"].opcode
DIV = OPERATORS["div"].opcode
POW = OPERATORS["pow"].opcode
MIN = OPERATORS["min"].opcode
MAX = OPERATORS["max"].opcode
NEG = OPERATORS["neg"].opcode
INV = OPERATORS["inv"].opcode
SQ = OPERATORS["sq"].opcode
CUBE = OPERATORS["cube"].opcode
SQRT = OPERATORS["sqrt"].opcode
CBRT = OPERATORS["cbrt"].opcode
ABS = OPERATORS["abs"].opcode
EXP = OPERATORS["exp"].opcode
LOG = OPERATORS["log"].opcode
SIN = OPERATORS["sin"].opcode
COS = OPERATORS["cos"].opcode
TAN = OPERATORS["tan"].opcode
ASIN = OPERATORS["asin"].opcode
ACOS = OPERATORS["acos"].opcode
ATAN = OPERATORS["atan"].opcode
SINH = OPERATORS["sinh"].opcode
COSH = OPERATORS["cosh"].opcode
TANH = OPERATORS["tanh"].opcode

# Inner functions carry no cache of their own: the entry points in `_blocks` and
# `_compiled` hold them, one file on disk for each.
inner: Any = njit(nogil=True, error_model="numpy")
# Each function is optimised together with all that it calls, again at every level of
# calls; those that are called once are therefore merged into their caller.
inlined: Any = njit(nogil=True, error_model="numpy", inline="always")
# Sums may be reordered (this is what vectorises them); NaN and inf keep their meaning.
inner_sum: Any = njit(
    nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"}
)


@inner
def apply_unary(code: int, a: Any, v: Any, m: int) -> None:
    """Write the value of a unary operator on ``m`` points to ``v``."""
    if code == NEG:
        for i in range(m):
            v[i] = -a[i]
    elif code == INV:
        for i in range(m):
            v[i] = np.nan if a[i] == 0.0 else 1.0 / a[i]
    elif code == SQ:
        for i in range(m):
            v[i] = a[i] * a[i]
    elif code == CUBE:
        for i in range(m):
            v[i] = a[i] * a[i] * a[i]
    elif code == SQRT:
        for i in range(m):
            v[i] = math.sqrt(a[i])
    elif code == CBRT:
        for i in range(m):
            v[i] = np.cbrt(a[i])
    elif code == ABS:
        for i in range(m):
            v[i] = abs(a[i])
    elif code == EXP:
        for i in range(m):
            v[i] = math.exp(a[i])
    elif code == LOG:
        for i in range(m):
            v[i] = math.log(a[i]) if a[i] > 0.0 else np.nan
    elif code == SIN:
        for i in range(m):
            v[i] = math.sin(a[i])
    elif code == COS:
        for i in range(m):
            v[i] = math.cos(a[i])
    elif code == TAN:
        for i in range(m):
            v[i] = math.tan(a[i])
    elif code == ASIN:
        for i in range(m):
            v[i] = math.asin(a[i]) if abs(a[i]) <= 1.0 else np.nan
    elif code == ACOS:
        for i in range(m):
            v[i] = math.acos(a[i]) if abs(a[i]) <= 1.0 else np.nan
    elif code == ATAN:
        for i in range(m):
            v[i] = math.atan(a[i])
    elif code == SINH:
        for i in range(m):
            v[i] = math.sinh(a[i])
    elif code == COSH:
        for i in range(m):
            v[i] = math.cosh(a[i])
    elif code == TANH:
        for i in range(m):
            v[i] = math.tanh(a[i])
    else:
        v[:m] = np.nan


@inner
def apply_binary(code: int, a: Any, b: Any, v: Any, m: int) -> None:
    """Write the value of a binary operator on ``m`` points to ``v``."""
    if code == ADD:
        for i in range(m):
            v[i] = a[i] + b[i]
    elif code == SUB:
        for i in range(m):
            v[i] = a[i] - b[i]
    elif code == MUL:
        for i in range(m):
            v[i] = a[i] * b[i]
    elif code == DIV:
        for i in range(m):
            v[i] = np.nan if b[i] == 0.0 else a[i] / b[i]
    elif code == POW:
        for i in range(m):
            fault = a[i] == 0.0 and b[i] < 0.0
            v[i] = np.nan if fault else a[i] ** b[i]
    elif code == MIN:
        for i in range(m):
            v[i] = a[i] if a[i] <= b[i] or a[i] != a[i] else b[i]
    elif code == MAX:
        for i in range(m):
            v[i] = a[i] if a[i] >= b[i] or a[i] != a[i] else b[i]
    else:
        v[:m] = np.nan


@inner
def pull_unary(code: int, a: Any, v: Any, g: Any, ga: Any, m: int) -> None:
    """Write the adjoint of the argument of a unary operator to ``ga``.

    Where the value is finite but the slope is not (sqrt at 0, asin at 1), the point
    counts as flat: one such row must not decide the fate of a fit.
    """
    if code == NEG:
        for i in range(m):
            ga[i] = -g[i]
    elif code == INV:
        for i in range(m):
            ga[i] = -g[i] * v[i] * v[i]
    elif code == SQ:
        for i in range(m):
            ga[i] = 2.0 * g[i] * a[i]
    elif code == CUBE:
        for i in range(m):
            ga[i] = 3.0 * g[i] * a[i] * a[i]
    elif code == SQRT:
        for i in range(m):
            ga[i] = 0.0 if v[i] == 0.0 else 0.5 * g[i] / v[i]
    elif code == CBRT:
        for i in range(m):
            ga[i] = 0.0 if v[i] == 0.0 else g[i] / (3.0 * v[i] * v[i])
    elif code == ABS:
        for i in range(m):
            ga[i] = g[i] if a[i] > 0.0 else (-g[i] if a[i] < 0.0 else 0.0)
    elif code == EXP:
        for i in range(m):
            ga[i] = g[i] * v[i]
    elif code == LOG:
        for i in range(m):
            ga[i] = g[i] / a[i]
    elif code == SIN:
        for i in range(m):
            ga[i] = g[i] * math.cos(a[i])
    elif code == COS:
        for i in range(m):
            ga[i] = -g[i] * math.sin(a[i])
    elif code == TAN:
        for i in range(m):
            ga[i] = g[i] * (1.0 + v[i] * v[i])
    elif code in (ASIN, ACOS):
        sign = 1.0 if code == ASIN else -1.0
        for i in range(m):
            rest = (1.0 - a[i]) * (1.0 + a[i])
            ga[i] = sign * g[i] / math.sqrt(rest) if rest > 0.0 else 0.0
    elif code == ATAN:
        for i in range(m):
            ga[i] = g[i] / (1.0 + a[i] * a[i])
    elif code == SINH:
        for i in range(m):
            ga[i] = g[i] * math.cosh(a[i])
    elif code == COSH:
        for i in range(m):
            ga[i] = g[i] * math.sinh(a[i])
    elif code == TANH:
        for i in range(m):
            ga[i] = g[i] * (1.0 - v[i] * v[i])
    else:
        ga[:m] = np.nan


@inner
def pull_left(code: int, a: Any, b: Any, v: Any, g: Any, ga: Any, m: int) -> None:
    """Write the adjoint of the first argument of a binary operator to ``ga``."""
    if code in (ADD, SUB):
        for i in range(m):
            ga[i] = g[i]
    elif code == MUL:
        for i in range(m):
            ga[i] = g[i] * b[i]
    elif code == DIV:
        for i in range(m):
            ga[i] = g[i] / b[i]
    elif code == POW:
        for i in range(m):
            if a[i] != 0.0:
                ga[i] = g[i] * b[i] * v[i] / a[i]
            else:
                ga[i] = g[i] if b[i] == 1.0 else 0.0
    elif code == MIN:
        for i in range(m):
            ga[i] = g[i] if a[i] <= b[i] else 0.0
    elif code == MAX:
        for i in range(m):
            ga[i] = g[i] if a[i] >= b[i] else 0.0


@inner
def pull_right(code: int, a: Any, b: Any, v: Any, g: Any, gb: Any, m: int) -> None:
    """Write the adjoint of the second argument of a binary operator to ``gb``.

    A power of a negative base is real at integer exponents only; there the exponent
    counts as flat, so that an integer start survives.
    """
    if code == ADD:
        for i in range(m):
            gb[i] = g[i]
    elif code == SUB:
        for i in range(m):
            gb[i] = -g[i]
    elif code == MUL:
        for i in range(m):
            gb[i] = g[i] * a[i]
    elif code == DIV:
        for i in range(m):
            gb[i] = -g[i] * v[i] / b[i]
    elif code == POW:
        for i in range(m):
            gb[i] = g[i] * v[i] * math.log(a[i]) if a[i] > 0.0 else 0.0
    elif code == MIN:
        for i in range(m):
            gb[i] = 0.0 if a[i] <= b[i] else g[i]
    elif code == MAX:
        for i in range(m):
            gb[i] = 0.0 if a[i] >= b[i] else g[i]


@inner
def fill_leaves(nodes: Any, number: Any, constants: Any, V: Any) -> None:
    """Write constants and numbers to their rows, once for all blocks of a pass."""
    for i in range(nodes.shape[1]):
        if nodes[CODE, i] == CONSTANT:
            V[i, :] = constants[nodes[REF, i]]
        elif nodes[CODE, i] == NUMBER:
            V[i, :] = number[i]
