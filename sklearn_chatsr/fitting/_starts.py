"""Compiled draws of starting values that fit the sizes of the data.

The constants of one start are drawn while the program is evaluated on one block of
points, so that each is drawn against the actual values beside it: a frequency from the
range of what it multiplies, a shift from the values that it shifts, an exponent from
the usual ones. Then the start is scored with its linear constants solved for.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sklearn_chatsr.fitting._blocks import forward
from sklearn_chatsr.fitting._kernels import (
    ACOS,
    ADD,
    ASIN,
    CODE,
    CONSTANT,
    COS,
    COSH,
    DIV,
    EXP,
    INV,
    LEFT,
    LOG,
    MUL,
    NEG,
    POW,
    REF,
    RIGHT,
    SIN,
    SINH,
    SQRT,
    SUB,
    TAN,
    inner,
)

_EXPONENTS = np.array([2.0, 0.5, -1.0, 3.0, 1.5, -0.5, -2.0, 1.0 / 3.0, 4.0, 2.0 / 3.0])
_PLAIN = np.array([1.0, 2.0, -1.0, 0.5, 3.0, math.pi])

# Frequencies are drawn up to this many periods over the range of the argument.
_MAX_PERIODS = 16.0

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MIX1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX2 = np.uint64(0x94D049BB133111EB)


@inner
def uniform(state: Any) -> float:
    """Draw from [0, 1) by splitmix64; ``state`` holds one uint64."""
    state[0] += _GAMMA
    z = state[0]
    z = (z ^ (z >> np.uint64(30))) * _MIX1
    z = (z ^ (z >> np.uint64(27))) * _MIX2
    z = z ^ (z >> np.uint64(31))
    return np.float64(z >> np.uint64(11)) * 2.0**-53


@inner
def _normal(state: Any) -> float:
    u = 1.0 - uniform(state)
    return math.sqrt(-2.0 * math.log(u)) * math.cos(2.0 * math.pi * uniform(state))


@inner
def _sign(state: Any, minus: float) -> float:
    return -1.0 if uniform(state) < minus else 1.0


@inner
def seed_state(codes: Any, payload: Any, seed: Any) -> Any:
    """Hash the program and the seed to the state of a generator (FNV-1a)."""
    state = np.empty(1, np.uint64)
    h = np.uint64(0xCBF29CE484222325) ^ seed
    prime = np.uint64(0x100000001B3)
    for i in range(codes.shape[0]):
        h = (h ^ np.uint64(codes[i])) * prime
        h = (h ^ np.uint64(np.int64(payload[i] * 16.0))) * prime
    state[0] = h
    return state


@inner
def draw_order(nodes: Any) -> Any:
    """Order the nodes, children first, with lone constants after what they meet.

    Returns
    -------
    order, parent, context : ndarrays of shape (n_nodes,)
        The order, the parent of each node, and the operator that a node enters through
        sums, signs and products (0 when it reaches the root).
    """
    n = nodes.shape[1]
    parent = np.full(n, -1)
    context = np.zeros(n, np.int64)
    for i in range(n):
        code = nodes[CODE, i]
        passes = code == ADD or code == SUB or code == MUL or code == NEG
        left, right = nodes[LEFT, i], nodes[RIGHT, i]
        if left >= 0:
            parent[left] = i
            context[left] = context[i] if passes or code == DIV else code
        if right >= 0:
            parent[right] = i
            context[right] = context[i] if passes else (EXP if code == POW else code)
    order = np.empty(n, np.int64)
    stack = np.empty(n + 1, np.int64)
    stack[0] = 0
    top = 1
    filled = n
    # Preorder that visits the looser child first, read backwards.
    while top > 0:
        top -= 1
        i = stack[top]
        filled -= 1
        order[filled] = i
        left, right = nodes[LEFT, i], nodes[RIGHT, i]
        if right < 0:
            if left >= 0:
                stack[top] = left
                top += 1
            continue
        left_last = _looseness(nodes, left) >= _looseness(nodes, right)
        stack[top] = right if left_last else left
        stack[top + 1] = left if left_last else right
        top += 2
    return order, parent, context


@inner
def _looseness(nodes: Any, i: int) -> int:
    """Tell how directly a constant sets the size of a node: 2 is a constant itself."""
    if nodes[CODE, i] == CONSTANT:
        return 2
    if nodes[CODE, i] == MUL and (
        nodes[CODE, nodes[LEFT, i]] == CONSTANT
        or nodes[CODE, nodes[RIGHT, i]] == CONSTANT
    ):
        return 1
    return 0


@inner
def draw_constants(
    nodes: Any,
    order: Any,
    parent: Any,
    context: Any,
    n_linear: int,
    X: Any,
    H: Any,
    m: int,
    draw: int,
    state: Any,
    work: Any,
    constants: Any,
) -> None:
    """Draw start number ``draw``; linear constants are set to 0, start 0 is all ones.

    Afterwards the first rows of ``work`` hold the values of the nodes on the ``m`` points.
    """
    V = work[0]
    done = np.zeros(nodes.shape[1], np.bool_)
    for i in order:
        if nodes[CODE, i] == CONSTANT:
            s = nodes[REF, i]
            if s < n_linear:
                constants[s] = 0.0
            elif draw == 0:
                constants[s] = 1.0
            else:
                constants[s] = _draw_one(
                    nodes, i, parent, context, done, m, draw, state, V
                )
            for k in range(m):
                V[i, k] = constants[s]
        else:
            forward(work, nodes, i, i + 1, X, H, 0, m)
        done[i] = True


@inner
def _spread(v: Any, m: int) -> Any:
    """Give the smallest, largest and largest absolute value, zeros if not finite."""
    low = v[0]
    high = v[0]
    for i in range(1, m):
        low = min(low, v[i])
        high = max(high, v[i])
    if not (math.isfinite(low) and math.isfinite(high)):
        return 0.0, 0.0, 0.0
    return low, high, max(abs(low), abs(high))


@inner
def _draw_one(
    nodes: Any,
    i: int,
    parent: Any,
    context: Any,
    done: Any,
    m: int,
    draw: int,
    state: Any,
    V: Any,
) -> float:
    """Draw one constant against the values of its sibling."""
    p = parent[i]
    if uniform(state) < 0.15 or p < 0:
        return _PLAIN[int(uniform(state) * _PLAIN.shape[0])]
    code = nodes[CODE, p]
    is_left = nodes[LEFT, p] == i
    sibling = nodes[RIGHT, p] if is_left else nodes[LEFT, p]
    if sibling < 0 or sibling == i:
        return math.exp(_normal(state)) * _sign(state, 0.2)
    low, high, size = _spread(V[sibling], m) if done[sibling] else (0.0, 0.0, 0.0)
    if size == 0.0:
        low, high, size = -1.0, 1.0, 1.0
    width = high - low if high > low else size
    into = context[i]
    if code == POW and not is_left:
        return _draw_exponent(low, draw, state)
    if code == POW:
        return math.exp(min(max(_normal(state), -3.0), 3.0) * 2.0 / width)
    if code == MUL or code == DIV:
        if code == DIV:
            # C / sibling with the quotient of the order of 1.
            return size * math.exp(1.5 * _normal(state)) * _sign(state, 0.4)
        other = _size_beside(nodes, p, parent, done, m, V)
        return _draw_factor(low, high, size, width, other, into, state)
    if code == ADD or code == SUB:
        plus = not (code == SUB and not is_left)
        flip = code == SUB and is_left
        value = V[sibling, int(uniform(state) * m)] if done[sibling] else 0.0
        return _draw_shift(low, high, width, value, plus, flip, into, state)
    # min, max: a threshold among the values.
    return V[sibling, int(uniform(state) * m)] if done[sibling] else _normal(state)


@inner
def _size_beside(nodes: Any, p: int, parent: Any, done: Any, m: int, V: Any) -> float:
    """Give the size of what the product at ``p`` is added to; 0 if unknown."""
    top = parent[p]
    if top < 0 or (nodes[CODE, top] != ADD and nodes[CODE, top] != SUB):
        return 0.0
    beside = nodes[RIGHT, top] if nodes[LEFT, top] == p else nodes[LEFT, top]
    if not done[beside]:
        return 0.0
    return _spread(V[beside], m)[2]


@inner
def _draw_exponent(low: float, draw: int, state: Any) -> float:
    if low < 0.0:
        return float(1 + int(uniform(state) * 5)) * _sign(state, 0.3)
    if uniform(state) < 0.6:
        return _EXPONENTS[(draw + int(uniform(state) * 3)) % _EXPONENTS.shape[0]]
    return 2.0 * _normal(state)


@inner
def _draw_factor(
    low: float,
    high: float,
    size: float,
    width: float,
    other: float,
    into: int,
    state: Any,
) -> float:
    """Draw a factor of a sibling with the given range, on its way into ``into``."""
    if into == SIN or into == COS or into == TAN:
        u = uniform(state)
        periods = _MAX_PERIODS * u * u + 0.05
        return periods * 2.0 * math.pi / width * _sign(state, 0.25)
    if into == ASIN or into == ACOS:
        return uniform(state) / size * _sign(state, 0.3)
    if into == EXP or into == SINH or into == COSH or into == POW:
        return math.exp(1.2 * _normal(state)) / size * _sign(state, 0.5)
    factor = math.exp(1.5 * _normal(state)) / size
    if other > 0.0:
        factor *= other
    elif into == LOG or into == SQRT:
        return -factor if high <= 0.0 else factor
    return factor * _sign(state, 0.35)


@inner
def _draw_shift(
    low: float,
    high: float,
    width: float,
    value: float,
    plus: bool,
    flip: bool,
    into: int,
    state: Any,
) -> float:
    """Draw a shift ``C + s`` (``plus``), ``s - C``, or ``C - s`` (``flip``)."""
    if into == SIN or into == COS or into == TAN:
        return (2.0 * uniform(state) - 1.0) * math.pi
    if into == EXP or into == SINH or into == COSH:
        return _normal(state)
    beyond = width * math.exp(1.5 * _normal(state))
    # As if the sum were C + s; the other two differ by signs.
    if flip:
        low, high, value = -high, -low, -value
    side = uniform(state)
    if into == LOG or into == SQRT or into == POW:
        shift = beyond - low
    elif into == DIV or into == INV:
        shift = beyond - low if side < 0.6 else -beyond - high
        if side > 0.85:
            shift = -value
    elif side < 0.6:
        shift = -value
    else:
        shift = beyond * _sign(state, 0.5)
    return shift if plus else -shift
