"""Compiled normal equations of a program, in one pass, and their damped solution."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sklearn_chatsr.fitting._kernels import (
    ADJOINT,
    BLOCK,
    backward,
    fill_leaves,
    forward,
    inner,
    inner_sum,
)

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
        Rows for values and for adjoints.

    Returns
    -------
    bool
        False when a value or a product is not finite; ``G`` is then of no use.
    """
    nodes, number = program
    X, H, y, root_weight = data
    V, A = work
    n_points = y.shape[0]
    size = n_wanted + 1
    G[:size, :size] = 0.0
    fill_leaves(nodes, number, constants, V)
    root = nodes[ADJOINT, 0]
    for start in range(0, n_points, BLOCK):
        m = min(BLOCK, n_points - start)
        forward(nodes, 0, nodes.shape[1], X, H, start, m, V)
        value, residual, seed = V[0], A[0], A[root]
        for i in range(m):
            residual[i] = (value[i] - y[start + i]) * root_weight[start + i]
        if n_wanted > 0:
            for i in range(m):
                seed[i] = root_weight[start + i]
            backward(nodes, level, V, A, m)
        accumulate(A, size, m, G)
        if not math.isfinite(G[0, 0]):
            return False
    for k in range(size):
        for j in range(k + 1):
            if not math.isfinite(G[k, j]):
                return False
            G[j, k] = G[k, j]
    return True


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
