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
    MAX,
    MIN,
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

# Fractional parts of the roots of the first primes.
_STEPS = np.array([2.0, 3.0, 5.0, 7.0, 11.0, 13.0, 17.0, 19.0]) ** 0.5 % 1.0

# Frequencies are drawn up to this many periods over the range of the argument.
_MAX_PERIODS = 24.0

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
def _normal(q: float) -> float:
    """Turn a number in (0, 1) into one with a bell curve, tails a little heavy."""
    return 0.6 * math.log(q / (1.0 - q))


@inner
def _quasi_random(draw: int, slot: int, state: Any) -> float:
    """Give number ``draw`` of an even sequence in (0, 1), one sequence per constant."""
    step = _STEPS[slot % _STEPS.shape[0]]
    q = (0.5 + draw * step + 0.05 * uniform(state)) % 1.0
    return min(max(q, 1e-6), 1.0 - 1e-6)


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
    order, parent, context, carrier : ndarrays of shape (n_nodes,)
        The order; the parent of each node; the operator that a node enters through
        sums, signs and products (0 when it reaches the root; `EXP` for an exponent);
        what it is multiplied by on that way (-1 for nothing).
    """
    n = nodes.shape[1]
    parent = np.full(n, -1)
    context = np.zeros(n, np.int64)
    carrier = np.full(n, -1)
    for i in range(n):
        code = nodes[CODE, i]
        passes = code in (ADD, SUB, MUL, NEG)
        for k in range(2):
            child = nodes[LEFT, i] if k == 0 else nodes[RIGHT, i]
            if child < 0:
                continue
            parent[child] = i
            if passes or (code == DIV and k == 0):
                context[child] = context[i]
                carrier[child] = carrier[i]
                if code == MUL:
                    carrier[child] = nodes[RIGHT, i] if k == 0 else nodes[LEFT, i]
            else:
                context[child] = EXP if code == POW and k == 1 else code
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
    return order, parent, context, carrier


@inner
def _looseness(nodes: Any, i: int) -> int:
    """Tell how directly a constant sets the size of a node: 2 is a constant itself."""
    code = nodes[CODE, i]
    if code == CONSTANT:
        return 2
    if code in (MUL, ADD, SUB):
        left, right = nodes[CODE, nodes[LEFT, i]], nodes[CODE, nodes[RIGHT, i]]
        return 1 if left == CONSTANT or right == CONSTANT else 0
    return 0


@inner
def draw_constants(
    nodes: Any,
    layout: Any,
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

    Afterwards the first rows of ``work`` hold the values of the nodes on the ``m``
    points, which are sorted by the target.
    """
    V = work[0]
    done = np.zeros(nodes.shape[1], np.bool_)
    for i in layout[0]:
        if nodes[CODE, i] == CONSTANT:
            s = nodes[REF, i]
            if s < n_linear:
                constants[s] = 0.0
            elif draw == 0:
                constants[s] = 1.0
            elif uniform(state) < 0.12:
                constants[s] = _PLAIN[int(uniform(state) * _PLAIN.shape[0])]
            else:
                q = _quasi_random(draw, s - n_linear, state)
                constants[s] = _draw_one(nodes, i, layout, done, m, q, state, V)
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
def _width(v: Any, low: float, high: float, m: int, state: Any) -> float:
    """Give the range, or as often the distance of two points: tails may be long."""
    width = high - low
    if uniform(state) < 0.5:
        i, j = int(uniform(state) * m), int(uniform(state) * m)
        between = abs(v[i] - v[j])
        if between > 1e-6 * width:
            return between
    return width if width > 0.0 else max(abs(low), 1e-300)


@inner
def _draw_one(
    nodes: Any, i: int, layout: Any, done: Any, m: int, q: float, state: Any, V: Any
) -> float:
    """Draw one constant against the values of its sibling."""
    _, parent, context, carrier = layout
    p = parent[i]
    is_left = p >= 0 and nodes[LEFT, p] == i
    sibling = -1
    if p >= 0:
        sibling = nodes[RIGHT, p] if is_left else nodes[LEFT, p]
    if sibling < 0:
        return math.exp(_normal(q)) * _sign(state, 0.2)
    code = nodes[CODE, p]
    known = done[sibling]
    low, high, size = _spread(V[sibling], m) if known else (0.0, 0.0, 0.0)
    if size == 0.0:
        low, high, size = -1.0, 1.0, 1.0
        known = False
    width = _width(V[sibling], low, high, m, state) if known else 2.0
    into = context[i]
    if code == POW and not is_left:
        return _draw_exponent(low, q, state)
    if code == POW:
        return math.exp(2.0 * _normal(q) / width)
    if code == MUL:
        other = _size_beside(nodes, p, parent, done, m, V)
        return _draw_factor(high, size, width, other, into, q, state)
    if code == DIV:
        # The quotient C / sibling is of the order of 1.
        return size * math.exp(1.5 * _normal(q)) * _sign(state, 0.4)
    # A point of the sibling: any, or one where the target is extreme (poles).
    row = int(uniform(state) * m)
    if into in (DIV, INV) and uniform(state) < 0.6:
        row = int(uniform(state) * min(4, m))
        if uniform(state) < 0.5:
            row = m - 1 - row
    value = V[sibling, row] if known else _normal(q)
    if code in (MIN, MAX):
        return value
    unit = 1.0
    beside = carrier[i]
    if beside >= 0 and done[beside]:
        least, most, largest = _spread(V[beside], m)
        if into in (SIN, COS, TAN) and largest > 0.0:
            unit = _width(V[beside], least, most, m, state)
            return _frequency(unit, q) * _sign(state, 0.5)
        unit = largest if largest > 0.0 else 1.0
    # C + s, s - C, or C - s: drawn as the first, signs set for the others.
    if code == SUB and is_left:
        return _draw_shift(-high, -low, width, -value, unit, into, q, state)
    shift = _draw_shift(low, high, width, value, unit, into, q, state)
    return shift if code == ADD else -shift


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
def _frequency(width: float, q: float) -> float:
    return (_MAX_PERIODS * q * q + 0.05) * 2.0 * math.pi / width


@inner
def _draw_exponent(low: float, q: float, state: Any) -> float:
    if low < 0.0:
        return float(1 + int(q * 5.0)) * _sign(state, 0.3)
    if uniform(state) < 0.6:
        return _EXPONENTS[int(q * _EXPONENTS.shape[0])]
    return 2.0 * _normal(q)


@inner
def _draw_factor(
    high: float,
    size: float,
    width: float,
    other: float,
    into: int,
    q: float,
    state: Any,
) -> float:
    """Draw a factor of a sibling with the given range, on its way into ``into``."""
    if into in (SIN, COS, TAN):
        return _frequency(width, q) * _sign(state, 0.25)
    if into in (ASIN, ACOS):
        return q / size * _sign(state, 0.3)
    if into in (EXP, SINH, COSH):
        return math.exp(1.2 * _normal(q)) / size * _sign(state, 0.5)
    factor = math.exp(1.5 * _normal(q)) / size
    if other > 0.0:
        return factor * other * _sign(state, 0.35)
    if into in (LOG, SQRT, POW):
        return -factor if high <= 0.0 else factor
    return factor * _sign(state, 0.35)


@inner
def _draw_shift(
    low: float,
    high: float,
    width: float,
    value: float,
    unit: float,
    into: int,
    q: float,
    state: Any,
) -> float:
    """Draw the shift of a sibling with the given range."""
    if into in (SIN, COS, TAN):
        return (2.0 * q - 1.0) * math.pi
    if into in (EXP, SINH, COSH):
        return _normal(q) / unit
    beyond = width * math.exp(1.5 * _normal(q))
    side = uniform(state)
    if into in (LOG, SQRT, POW):
        return beyond - low
    if into in (DIV, INV):
        if side < 0.45:
            return beyond - low
        return -beyond - high if side < 0.65 else -value
    return -value if side < 0.6 else beyond * _sign(state, 0.5)
