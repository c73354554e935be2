"""Compiled normal equations of a program, in one pass, and their damped solution."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import carray, cfunc, types

from sklearn_chatsr.fitting._blocks import (
    BLOCK_ADDRESSES,
    FLOATS,
    INTEGER,
    INTEGERS,
    backward,
    call,
    forward,
)
from sklearn_chatsr.fitting._kernels import (
    ADJOINT,
    BLOCK,
    N_FIELDS,
    fill_leaves,
    inner,
    inner_sum,
)
from sklearn_chatsr.fitting.compilation import source_fingerprint

# A column that the columns before it explain up to this share of its square is not
# told apart from them in float64: its constant stays where it is.
_DEPENDENT = 1e-14


@inner_sum
def accumulate(A: Any, n_rows: int, m: int, G: Any) -> None:
    """Add the products of the first ``n_rows`` rows of one block to ``G`` (lower)."""
    for k in range(n_rows):
        a = A[k]
        for j in range(k + 1):
            b = A[j]
            total = 0.0
            for i in range(m):
                total += a[i] * b[i]
            G[k, j] += total


# An array arrives as its address followed by its shape.
_SIGNATURE = types.void(
    *(INTEGERS, INTEGER, INTEGER),  # nodes
    *(FLOATS, INTEGER),  # number
    *(FLOATS, INTEGER),  # constants
    *(INTEGER, INTEGER),  # n_wanted, level
    *(FLOATS, INTEGER, INTEGER),  # X
    *(FLOATS, INTEGER, INTEGER),  # H
    *(FLOATS, INTEGER),  # y
    *(FLOATS, INTEGER),  # root_weight
    *(FLOATS, INTEGER, INTEGER),  # V
    *(FLOATS, INTEGER, INTEGER),  # A
    *(INTEGER, INTEGER),  # addresses of forward and backward
    *(FLOATS, INTEGER, INTEGER),  # G
)


def _build(fingerprint: int) -> Any:
    @cfunc(_SIGNATURE, cache=True, error_model="numpy")
    def fill_equations(
        nodes_at, n_fields, n_nodes, number_at, n_numbers, constants_at, n_constants,
        n_wanted, level, X_at, n_columns, n_points, H_at, n_hoisted, n_points_too,
        y_at, n_y, weight_at, n_weights, V_at, n_rows, n_block, A_at, n_adjoints,
        n_block_too, forward_at, backward_at, G_at, n_G, n_G_too,
    ):  # fmt: skip
        nodes = carray(nodes_at, (N_FIELDS, n_nodes))
        number = carray(number_at, (n_numbers,))
        constants = carray(constants_at, (n_constants,))
        X = carray(X_at, (n_columns, n_points))
        H = carray(H_at, (n_hoisted, n_points))
        y = carray(y_at, (n_points,))
        root_weight = carray(weight_at, (n_points,))
        V = carray(V_at, (n_rows, BLOCK))
        A = carray(A_at, (n_adjoints, BLOCK))
        G = carray(G_at, (n_G, n_G))
        work = (V, A, forward_at, backward_at)
        size = n_wanted + 1
        for k in range(size):
            for j in range(size):
                G[k, j] = 0.0
        fill_leaves(nodes, number, constants, V)
        root = nodes[ADJOINT, 0]
        for start in range(0, n_points, BLOCK):
            m = min(BLOCK, n_points - start)
            forward(work, nodes, 0, n_nodes, X, H, start, m)
            value, residual, seed = V[0], A[0], A[root]
            for i in range(m):
                residual[i] = (value[i] - y[start + i]) * root_weight[start + i]
            if n_wanted > 0:
                for i in range(m):
                    seed[i] = root_weight[start + i]
                backward(work, nodes, level, m)
            accumulate(A, size, m, G)
            if not math.isfinite(G[0, 0]) or fingerprint == 0:
                G[0, 0] = np.nan
                return
        for k in range(size):
            for j in range(k + 1):
                if not math.isfinite(G[k, j]):
                    G[0, 0] = np.nan
                    return
                G[j, k] = G[k, j]

    return fill_equations


_fill_equations = _build(source_fingerprint())
# Passed to every entry point: addresses must not be frozen into cached code.
ADDRESSES = np.array([*BLOCK_ADDRESSES, _fill_equations.address])


@inner
def normal_equations(
    program: Any,
    constants: Any,
    n_wanted: int,
    level: int,
    data: Any,
    work: Any,
    G: Any,
) -> bool:
    """Fill ``G`` with the products of the weighted residual and Jacobian columns.

    Row and column 0 are the residual, ``1 + s`` is constant ``s``; so ``G[0, 0]`` is
    the loss. One pass over the points, values and adjoints block by block.

    Parameters
    ----------
    program : tuple
        Nodes and numbers.
    n_wanted : int
        Number of constants, from 0, whose columns are needed.
    level : int
        2 if those are the linear ones, 1 if they are all.
    data : tuple
        Columns ``X``, hoisted columns ``H``, target, square roots of the weights.
    work : tuple
        Rows for values, rows for adjoints, addresses of the kernels.

    Returns
    -------
    bool
        False when a value or a product is not finite; ``G`` is then of no use.
    """
    nodes, number = program
    X, H, y, root_weight = data
    V, A, forward_at, backward_at = work[:4]
    call(
        work[4],
        (
            *(nodes, number, constants, n_wanted, level, X, H, y, root_weight),
            *(V, A, forward_at, backward_at, G),
        ),
    )
    return math.isfinite(G[0, 0])


@inner
def damped_step(G: Any, n: int, n_free: int, damping: float, step: Any) -> float:
    """Solve the normal equations for a step of the constants ``0 : n``.

    The first ``n_free`` (the linear ones) are not damped; each other one is damped by
    its diagonal entry after the linear ones are projected out, so that the step is the
    one of variable projection in Kaufman's form, and does not depend on units. Columns
    that depend on those before them get no step.

    Returns
    -------
    float
        The decrease of the loss that the linear model promises.

    References
    ----------
    L. Kaufman, "A variable projection method for solving separable nonlinear least
    squares problems", BIT 15, 1975.
    """
    L = np.zeros((n, n))
    scale = np.empty(n)
    z = np.zeros(n)
    dropped = np.zeros(n, np.bool_)
    for k in range(n):
        diagonal = G[k + 1, k + 1]
        scale[k] = 1.0 / math.sqrt(diagonal) if diagonal > 0.0 else 0.0
        dropped[k] = scale[k] == 0.0
    decrease = 0.0
    for k in range(n):
        if dropped[k]:
            continue
        for j in range(k):
            if dropped[j]:
                continue
            s = G[k + 1, j + 1] * scale[k] * scale[j]
            for i in range(j):
                s -= L[k, i] * L[j, i]
            L[k, j] = s / L[j, j]
        # Sum of squares first: what is left of 1 is the independent part.
        pivot = 1.0
        free = 1.0
        for j in range(k):
            pivot -= L[k, j] * L[k, j]
            if j < n_free:
                free -= L[k, j] * L[k, j]
        if pivot < _DEPENDENT and k < n_free:
            dropped[k] = True
            continue
        if k >= n_free:
            pivot += damping * max(free, 1e-8)
            if pivot < _DEPENDENT:
                dropped[k] = True
                continue
        L[k, k] = math.sqrt(pivot)
    for k in range(n):
        step[k] = 0.0
        if dropped[k]:
            continue
        s = -G[k + 1, 0] * scale[k]
        for j in range(k):
            s -= L[k, j] * z[j]
        z[k] = s / L[k, k]
        decrease += z[k] * z[k]
    for k in range(n - 1, -1, -1):
        if dropped[k]:
            continue
        s = z[k]
        for j in range(k + 1, n):
            s -= L[j, k] * step[j] / scale[j] if not dropped[j] else 0.0
        step[k] = s / L[k, k] * scale[k]
    return decrease
