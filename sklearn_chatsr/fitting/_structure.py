"""Compiled analysis of a program: its tree, its linear constants, its fixed parts.

A set of constants is *linear* when the value is affine in all of them at once:
``C1*x + C2*sin(C3*x)`` in ``C1`` and ``C2``. From the root, sums pass the property to
both sides, quotients to the dividend, products to the one factor that holds more of
them. Linear constants are solved for; only the others are searched.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sklearn_chatsr.expressions.vocabulary import OPERATORS
from sklearn_chatsr.fitting._blocks import forward
from sklearn_chatsr.fitting._kernels import (
    ACTIVE,
    ADD,
    ADJOINT,
    CODE,
    CONSTANT,
    DIV,
    LEFT,
    MUL,
    N_FIELDS,
    NEG,
    NUMBER,
    REF,
    RIGHT,
    SUB,
    VARIABLE,
    inner,
)

ARITY = np.zeros(3 + len(OPERATORS), dtype=np.int64)
for _row in OPERATORS.values():
    ARITY[_row.opcode] = _row.arity


@inner
def link(nodes: Any, end: Any) -> None:
    """Find the children of every node, and where its subtree ends."""
    n = nodes.shape[1]
    stack = np.empty(n, np.int64)
    top = 0
    for i in range(n - 1, -1, -1):
        arity = ARITY[nodes[CODE, i]]
        nodes[LEFT, i] = -1
        nodes[RIGHT, i] = -1
        end[i] = i + 1
        if arity >= 1:
            top -= 1
            nodes[LEFT, i] = stack[top]
            end[i] = end[stack[top]]
        if arity == 2:
            top -= 1
            nodes[RIGHT, i] = stack[top]
            end[i] = end[stack[top]]
        stack[top] = i
        top += 1


@inner
def plain_program(codes: Any, payload: Any) -> Any:
    """Build the table of nodes of a program as it is written.

    ``codes`` are opcodes in prefix order (all named and literal numbers as `NUMBER`);
    ``payload`` holds column numbers of variables and values of numbers.
    """
    n = codes.shape[0]
    nodes = np.zeros((N_FIELDS, n), np.int64)
    number = np.zeros(n)
    end = np.empty(n, np.int64)
    n_constants = 0
    for i in range(n):
        nodes[CODE, i] = codes[i]
        if codes[i] == VARIABLE:
            nodes[REF, i] = np.int64(payload[i])
        elif codes[i] == CONSTANT:
            nodes[REF, i] = n_constants
            n_constants += 1
        elif codes[i] == NUMBER:
            number[i] = payload[i]
    link(nodes, end)
    _mark(nodes, 1, n_constants)
    return nodes, number, end, n_constants


@inner
def _mark(nodes: Any, level: int, n_constants: int) -> None:
    """Raise `ACTIVE` above every constant that is at ``level``; number the rows of `A`.

    Constants take the rows 1, 2, ... (row 0 is the residual), active operators follow.
    """
    next_row = n_constants + 1
    for i in range(nodes.shape[1] - 1, -1, -1):
        if nodes[CODE, i] == CONSTANT:
            nodes[ACTIVE, i] = level if nodes[ACTIVE, i] < level else nodes[ACTIVE, i]
            nodes[ADJOINT, i] = nodes[REF, i] + 1
        elif nodes[LEFT, i] >= 0:
            above = nodes[ACTIVE, nodes[LEFT, i]]
            if nodes[RIGHT, i] >= 0:
                beside = nodes[ACTIVE, nodes[RIGHT, i]]
                above = beside if beside > above else above
            nodes[ACTIVE, i] = above
            if above > 0:
                nodes[ADJOINT, i] = next_row
                next_row += 1


@inner
def compact_program(codes: Any, payload: Any, n_columns: int, work: Any) -> Any:
    """Build the table of nodes that a fit works on.

    Subtrees without a constant become one leaf each: a number, or a hoisted column,
    computed once. ``A/C`` is read as ``A*C``, which makes the constant linear; the
    caller inverts it. Constants are numbered linear ones first.

    Returns
    -------
    nodes, number
        The program.
    slot : ndarray of shape (n_constants,)
        Number of each constant, in prefix order.
    inverted : ndarray of shape (n_constants,)
        1 where the constant stands for its reciprocal, by number.
    n_linear : int
        How many constants are linear.
    hoisted : ndarray of shape (n_hoisted, 2)
        Range of each hoisted subtree in the plain program.
    """
    plain, plain_number, end, n_constants = plain_program(codes, payload)
    n = codes.shape[0]
    has_variable = np.zeros(n, np.bool_)
    for i in range(n - 1, -1, -1):
        has_variable[i] = plain[CODE, i] == VARIABLE
        if plain[LEFT, i] >= 0:
            has_variable[i] = has_variable[plain[LEFT, i]]
        if plain[RIGHT, i] >= 0:
            has_variable[i] = has_variable[i] or has_variable[plain[RIGHT, i]]

    nodes = np.zeros((N_FIELDS, n), np.int64)
    number = np.zeros(n)
    ranges = np.empty((n, 2), np.int64)
    nothing = np.empty((0, 0))
    n_hoisted = 0
    size = 0
    i = 0
    while i < n:
        nodes[CODE, size] = plain[CODE, i]
        nodes[REF, size] = plain[REF, i]
        number[size] = plain_number[i]
        if plain[ACTIVE, i] == 0 and plain[LEFT, i] >= 0:
            if has_variable[i]:
                nodes[CODE, size] = VARIABLE
                nodes[REF, size] = n_columns + n_hoisted
                ranges[n_hoisted, 0] = i
                ranges[n_hoisted, 1] = end[i]
                n_hoisted += 1
            else:
                for k in range(i, end[i]):
                    work[0][k, 0] = plain_number[k]
                forward(work, plain, i, end[i], nothing, nothing, 0, 1)
                nodes[CODE, size] = NUMBER
                number[size] = work[0][i, 0]
            i = end[i]
        else:
            i += 1
        size += 1

    compact = np.empty((N_FIELDS, size), np.int64)
    for field in range(N_FIELDS):
        for i in range(size):
            compact[field, i] = nodes[field, i]
    compact_end = np.empty(size, np.int64)
    link(compact, compact_end)
    linear = _find_linear(compact, n_constants)
    slot = np.empty(n_constants, np.int64)
    n_linear = 0
    for k in range(n_constants):
        if linear[k]:
            slot[k] = n_linear
            n_linear += 1
    following = n_linear
    for k in range(n_constants):
        if not linear[k]:
            slot[k] = following
            following += 1

    inverted = np.zeros(n_constants, np.bool_)
    for i in range(size):
        right = compact[RIGHT, i]
        if compact[CODE, i] == DIV and compact[CODE, right] == CONSTANT:
            compact[CODE, i] = MUL
            inverted[slot[compact[REF, right]]] = True
    for i in range(size):
        if compact[CODE, i] == CONSTANT:
            compact[REF, i] = slot[compact[REF, i]]
            compact[ACTIVE, i] = 2 if compact[REF, i] < n_linear else 1
    _mark(compact, 1, n_constants)
    return compact, number[:size], slot, inverted, n_linear, ranges[:n_hoisted]


@inner
def _find_linear(nodes: Any, n_constants: int) -> Any:
    """Choose a largest set of constants in which the value is jointly affine."""
    n = nodes.shape[1]
    count = np.zeros(n, np.int64)
    for i in range(n - 1, -1, -1):
        code, left, right = nodes[CODE, i], nodes[LEFT, i], nodes[RIGHT, i]
        if code == CONSTANT:
            count[i] = 1
        elif code in (ADD, SUB):
            count[i] = count[left] + count[right]
        elif code in (NEG, DIV):
            count[i] = count[left]
            if code == DIV and nodes[CODE, right] == CONSTANT:
                count[i] = max(count[left], 1)
        elif code == MUL:
            count[i] = max(count[left], count[right])
    linear = np.zeros(n_constants, np.bool_)
    on_path = np.zeros(n, np.bool_)
    on_path[0] = True
    for i in range(n):
        if not on_path[i]:
            continue
        code, left, right = nodes[CODE, i], nodes[LEFT, i], nodes[RIGHT, i]
        if code == CONSTANT:
            linear[nodes[REF, i]] = True
        elif code in (ADD, SUB):
            on_path[left] = True
            on_path[right] = True
        elif code == NEG:
            on_path[left] = True
        elif code == DIV:
            lone = nodes[CODE, right] == CONSTANT and count[left] < 1
            on_path[right if lone else left] = True
        elif code == MUL:
            # On a tie a sum stays on the path: solving for its parts is exact.
            first = count[left] > count[right]
            if count[left] == count[right]:
                first = nodes[CODE, left] != CONSTANT
            on_path[left if first else right] = True
    return linear
