"""Prunings: the formulas that are left when one operator is taken out of a formula.

Or put down to what it comes close to: a sine near its top is a parabola.
"""

from __future__ import annotations

from collections.abc import Iterator

from sklearn_chatsr.expressions.expression import Expression, Tree

# What is left, but for a factor and an offset, of a function of small or large values.
_LIMITS = {"atan": "inv", "sin": "sq", "cos": "sq", "cosh": "sq", "pow": "log"}
_TURNED = {"sin": "cos", "cos": "sin"}


def prunings(expression: Expression) -> list[Expression]:
    """Take out one operator at a time; an operand of it stands in its place.

    Of a formula that fits nearly, these are the ones that it may only decorate:
    ``atan(0.001*u)`` is ``0.001*u``, ``atan(1000*u)`` a constant less ``0.001/u``,
    ``cos(0.001*u)`` a constant less a square, ``u^0.001`` one more than
    ``0.001*log(u)``, and an addend or factor may be idle. ``sin(u + 1.5708)`` is a
    cosine.

    Parameters
    ----------
    expression : Expression
        With the values of its constants, or with open ones.

    Returns
    -------
    list of Expression
        Simplified, without repeats, not longer than the formula itself.

    Examples
    --------
    >>> from sklearn_chatsr.expressions import Expression, prunings
    >>> [str(e) for e in prunings(Expression.from_infix("sin(x1) + x2"))]
    ['sin(x1)', 'x2', 'x1 + x2', 'x2 + x1^2']
    """
    found: dict[Expression, None] = {}
    for tree in _without_one(expression.to_tree()):
        try:
            pruned = Expression.from_tree(tree).simplify()
        except (ValueError, OverflowError):
            continue
        if pruned.size <= expression.size:
            found[pruned] = None
    return list(found)


def _turned(name: str, angle: Tree) -> Iterator[Tree]:
    """Give the other wave, up and down, without a shift."""
    if isinstance(angle, tuple) and angle[0] in ("add", "sub"):
        for shift, rest in (angle[1:], angle[:0:-1]):
            if isinstance(shift, float) and not isinstance(rest, float):
                yield (name, rest)
                yield ("neg", (name, rest))


def _without_one(tree: Tree) -> Iterator[Tree]:
    if not isinstance(tree, tuple):
        return
    name, *arguments = tree
    yield from arguments
    if name in _LIMITS:
        yield (_LIMITS[name], arguments[0])
    if name in _TURNED:
        yield from _turned(_TURNED[name], arguments[0])
    for place, argument in enumerate(arguments):
        for shorter in _without_one(argument):
            yield (name, *arguments[:place], shorter, *arguments[place + 1 :])
