"""Prunings: the formulas that are left when one operator is taken out of a formula.

Or put down to what it comes close to: a sine near its top is a parabola; addends that
are nothing but rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from sklearn_chatsr.expressions.expression import Expression, Tree

# What is left, but for a factor and an offset, of a function of small or large values.
_LIMITS = {"atan": "inv", "sin": "sq", "cos": "sq", "cosh": "sq", "pow": "log"}
_TURNED = {"sin": "cos", "cos": "sin"}
# An addend that is smaller than this share of the other one may be rounding.
_NOTHING = 1e-9
# Factors of two terms may be one where their ratio is as near to one.
_ABOUT_ONE = 0.15


def prunings(expression: Expression) -> list[Expression]:
    """Take out one operator at a time; an operand of it stands in its place.

    Of a formula that fits nearly, these are the ones that it may only decorate:
    ``atan(0.001*u)`` is ``0.001*u``, ``atan(1000*u)`` a constant less ``0.001/u``,
    ``cos(0.001*u)`` a constant less a square, ``u^0.001`` one more than
    ``0.001*log(u)``, and an addend or factor may be idle. ``sin(u + 1.5708)`` is a
    cosine, and two terms whose factors are nearly the same may share one.

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


def without_idle_addends(
    expression: Expression,
    X: npt.NDArray[np.float64],
    allow: Callable[[Expression], bool],
) -> Expression:
    """Take out addends that are next to nothing beside what they are added to.

    Parameters
    ----------
    expression : Expression
        With the values of its constants.
    X : ndarray of shape (n_rows, n_features)
        Rows that show how large the addends are.
    allow : callable
        Whether a shorter formula may stand for the given one.

    Returns
    -------
    Expression
        The formula itself where nothing can be taken out.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_chatsr.expressions import Expression, without_idle_addends
    >>> formula = Expression.from_infix("(x1 - 1e-16)/x2 + 1e-17*sin(x1)")
    >>> X = np.array([[1.0, 2.0], [3.0, 4.0]])
    >>> str(without_idle_addends(formula, X, lambda shorter: True))
    'x1/x2'
    """
    for tree in _without_idle(expression.to_tree(), X):
        written = Expression.from_tree(tree)
        # Simplified, it may be written with an operator that is not allowed.
        for shorter in (written.simplify(), written):
            if shorter.size < expression.size and allow(shorter):
                return without_idle_addends(shorter, X, allow)
    return expression


def _without_idle(tree: Tree, X: npt.NDArray[np.float64]) -> Iterator[Tree]:
    if not isinstance(tree, tuple):
        return
    name, *arguments = tree
    if name in ("add", "sub"):
        left, right = (
            np.abs(Expression.from_tree(argument).evaluate(X)).max(initial=0.0)
            for argument in arguments
        )
        if right <= _NOTHING * left:
            yield arguments[0]
        elif left <= _NOTHING * right:
            yield arguments[1] if name == "add" else ("neg", arguments[1])
    yield from _at_each_argument(tree, lambda argument: _without_idle(argument, X))


def _at_each_argument(
    tree: tuple[Any, ...], change: Callable[[Tree], Iterator[Tree]]
) -> Iterator[Tree]:
    """Give the tree with a change of one argument, for each that there is."""
    name, *arguments = tree
    for place, argument in enumerate(arguments):
        for changed in change(argument):
            yield (name, *arguments[:place], changed, *arguments[place + 1 :])


def _turned(name: str, angle: Tree) -> Iterator[Tree]:
    """Give the other wave, up and down, without a shift."""
    if isinstance(angle, tuple) and angle[0] in ("add", "sub"):
        for shift, rest in (angle[1:], angle[:0:-1]):
            if isinstance(shift, float) and not isinstance(rest, float):
                yield (name, rest)
                yield ("neg", (name, rest))


def _factor_and_rest(tree: Tree) -> tuple[float, Tree]:
    match tree:
        case ("mul", float(factor), rest) | ("mul", rest, float(factor)):
            return factor, rest
    return 1.0, tree


def _with_one_factor(
    name: str, left: tuple[float, Tree], right: tuple[float, Tree]
) -> Iterator[Tree]:
    """Give the sum of two terms whose factors are nearly the same with one factor."""
    ratio = right[0] / left[0] if left[0] else 0.0
    if abs(ratio) != 1.0 and abs(abs(ratio) - 1.0) <= _ABOUT_ONE:
        signed = name if ratio > 0 else {"add": "sub", "sub": "add"}[name]
        yield ("mul", left[0], (signed, left[1], right[1]))


def _without_one(tree: Tree) -> Iterator[Tree]:
    if not isinstance(tree, tuple):
        return
    name, *arguments = tree
    yield from arguments
    if name in _LIMITS:
        yield (_LIMITS[name], arguments[0])
    if name in _TURNED:
        yield from _turned(_TURNED[name], arguments[0])
    if name in ("add", "sub"):
        yield from _with_one_factor(name, *map(_factor_and_rest, arguments))
        match arguments:
            case [("log", left), ("log", right)]:
                yield ("log", ("mul" if name == "add" else "div", left, right))
    yield from _at_each_argument(tree, _without_one)
