"""Compiled evaluation of a program over one block of points, forward and backward.

A program is a table of nodes in prefix order, so children follow their parents: values
are computed from the last node to the first, adjoints from the first to the last. Each
node owns one row of `BLOCK` float64 numbers; the rows of a typical program stay in the
L1 cache. The adjoint of a constant leaf is its column of the Jacobian.

The two functions are compiled once, for themselves, and called by address. Linked into
every caller they would be optimised again with each: twice the time to compile.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import carray, cfunc, types
from numba.core import cgutils
from numba.extending import intrinsic

from sklearn_chatsr.fitting._kernels import (
    ACTIVE,
    ADJOINT,
    BLOCK,
    CODE,
    CONSTANT,
    LEFT,
    N_FIELDS,
    NUMBER,
    REF,
    RIGHT,
    VARIABLE,
    apply_binary,
    apply_unary,
    inner,
    pull_left,
    pull_right,
    pull_unary,
)
from sklearn_chatsr.fitting.compilation import source_fingerprint

INTEGER, INTEGERS = types.int64, types.CPointer(types.int64)
FLOATS = types.CPointer(types.float64)

# An array arrives as its address followed by its shape.
_FORWARD = types.void(
    *(INTEGERS, INTEGER, INTEGER),  # nodes
    *(INTEGER, INTEGER),  # low, high
    *(FLOATS, INTEGER, INTEGER),  # X
    *(FLOATS, INTEGER, INTEGER),  # H
    *(INTEGER, INTEGER),  # start, m
    *(FLOATS, INTEGER, INTEGER),  # V
)
_BACKWARD = types.void(
    *(INTEGERS, INTEGER, INTEGER),  # nodes
    INTEGER,  # level
    *(FLOATS, INTEGER, INTEGER),  # V
    *(FLOATS, INTEGER, INTEGER),  # A
    INTEGER,  # m
)


def _build(fingerprint: int) -> Any:
    @cfunc(_FORWARD, cache=True, error_model="numpy")
    def forward_block(
        nodes_at, n_fields, n_nodes, low, high,
        X_at, n_columns, n_points, H_at, n_hoisted, n_points_too,
        start, m, V_at, n_rows, n_block,
    ):  # fmt: skip
        nodes = carray(nodes_at, (N_FIELDS, n_nodes))
        X = carray(X_at, (n_columns, n_points))
        H = carray(H_at, (n_hoisted, n_points))
        V = carray(V_at, (n_rows, BLOCK))
        for i in range(high - 1, low - 1, -1):
            code = nodes[CODE, i]
            if code == VARIABLE:
                column = nodes[REF, i]
                row = V[i]
                source = X[column] if column < n_columns else H[column - n_columns]
                for k in range(m):
                    row[k] = source[start + k]
            elif code != CONSTANT and code != NUMBER:
                if nodes[RIGHT, i] < 0:
                    apply_unary(code, V[nodes[LEFT, i]], V[i], m)
                else:
                    apply_binary(code, V[nodes[LEFT, i]], V[nodes[RIGHT, i]], V[i], m)
        if fingerprint == 0:
            return

    @cfunc(_BACKWARD, cache=True, error_model="numpy")
    def backward_block(
        nodes_at, n_fields, n_nodes, level, V_at, n_rows, n_block,
        A_at, n_adjoints, n_block_too, m,
    ):  # fmt: skip
        nodes = carray(nodes_at, (N_FIELDS, n_nodes))
        V = carray(V_at, (n_rows, BLOCK))
        A = carray(A_at, (n_adjoints, BLOCK))
        for i in range(n_nodes):
            left = nodes[LEFT, i]
            if left < 0 or nodes[ACTIVE, i] < level:
                continue
            right = nodes[RIGHT, i]
            code = nodes[CODE, i]
            a, v, g = V[left], V[i], A[nodes[ADJOINT, i]]
            if right < 0:
                pull_unary(code, a, v, g, A[nodes[ADJOINT, left]], m)
                continue
            b = V[right]
            if nodes[ACTIVE, left] >= level:
                pull_left(code, a, b, v, g, A[nodes[ADJOINT, left]], m)
            if nodes[ACTIVE, right] >= level:
                pull_right(code, a, b, v, g, A[nodes[ADJOINT, right]], m)
        if fingerprint == 0:
            return

    return forward_block, backward_block


_forward_block, _backward_block = _build(source_fingerprint())
BLOCK_ADDRESSES = (_forward_block.address, _backward_block.address)


def _call(typing_context: Any, address: Any, arguments: Any) -> Any:
    """Call compiled code; arrays are passed as an address and a shape."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        flat = []
        for kind, value in zip(
            arguments.types, cgutils.unpack_tuple(builder, values[1]), strict=True
        ):
            if isinstance(kind, types.Array):
                array = context.make_array(kind)(context, builder, value)
                flat.append(builder.ptrtoint(array.data, ir.IntType(64)))
                flat.extend(cgutils.unpack_tuple(builder, array.shape))
            else:
                flat.append(value)
        of = ir.FunctionType(ir.VoidType(), [ir.IntType(64)] * len(flat))
        builder.call(builder.inttoptr(values[0], of.as_pointer()), flat)
        return context.get_dummy_value()

    return types.void(address, arguments), generate


call: Any = intrinsic(_call)


@inner
def forward(
    work: Any, nodes: Any, low: int, high: int, X: Any, H: Any, start: int, m: int
) -> None:
    """Compute the values of the nodes ``low : high`` on the points from ``start``.

    Parameters
    ----------
    work : tuple
        Rows for values, rows for adjoints, addresses of the kernels.
    nodes : ndarray of shape (N_FIELDS, n_nodes)
        The program; rows of constants and numbers must be filled.
    low, high : int
        Range of nodes.
    X : ndarray of shape (n_columns, n_points)
        Columns of the data.
    H : ndarray of shape (n_hoisted, n_points)
        Columns of subtrees that no constant reaches.
    start, m : int
        First point and number of points, `BLOCK` at most.
    """
    call(work[2], (nodes, low, high, X, H, start, m, work[0]))


@inner
def backward(work: Any, nodes: Any, level: int, m: int) -> None:
    """Carry adjoints from the root to the constants through nodes of ``level``."""
    call(work[3], (nodes, level, work[0], work[1], m))
