"""Kinks in other words: absolute values as maxima and minima, and back."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from sklearn_chatsr.expressions.exact_numbers import HALF, Node, Number, over, times
from sklearn_chatsr.expressions.normal_form import (
    add_up,
    make_extremum,
    make_function,
)

KINKS = ("abs", "max", "min")
_MOST_SPLIT = 3  # addends below a kink that each may stand on either side

Addends = list[tuple[Node, Number]]


def other_kinks(kink: Node) -> Iterator[Addends]:
    """Write a kink as sums with another kink.

    For any u = p - q, ``|u| = 2*max(p, q) - p - q = p + q - 2*min(p, q)``.

    Parameters
    ----------
    kink : node
        An absolute value, a maximum or a minimum, in normal form.

    Yields
    ------
    list of (node, number)
        Nodes and their coefficients, which add up to the same values.
    """
    name, first, *second = kink
    if name == "abs":
        beside: Addends = []
        size: Number = 1
        inner = first
    else:
        [other] = second
        beside = [(first, HALF), (other, HALF)]
        size = HALF if name == "max" else -HALF
        inner = add_up([(first, 1), (other, -1)])
    addends = _addends(inner)
    if not addends or len(addends) > _MOST_SPLIT:
        return
    # Of writings that are as short the first one is taken: with the same word, and with
    # the first term as it is.
    signs = (-1, 1) if name == "min" else (1, -1)
    upright = 1 if addends[0][1] > 0 else -1
    choices = sorted(
        product((1, -1), repeat=len(addends)), key=lambda sides: -upright * sides[0]
    )
    for scale in dict.fromkeys([1, *(abs(c) for _, c in addends)]):
        unit = [(node, over(c, scale)) for node, c in addends]
        height = times(size, scale)
        if name != "abs":
            yield [*beside, (make_function("abs", add_up(unit)), height)]
        for sign, sides in product(signs, choices):
            extremum = make_extremum(
                "max" if sign > 0 else "min",
                add_up(a for a, side in zip(unit, sides, strict=True) if side > 0),
                add_up(
                    (node, -c)
                    for (node, c), side in zip(unit, sides, strict=True)
                    if side < 0
                ),
            )
            both = [
                (node, times(times(c, size), -sign * side))
                for (node, c), side in zip(addends, sides, strict=True)
            ]
            yield [*beside, (extremum, times(height, 2 * sign)), *both]


def _addends(node: Node) -> Addends:
    if isinstance(node, tuple) and node[0] == "+":
        return [*node[2], (1, node[1])] if node[1] != 0 else list(node[2])
    return [(node, 1)]
