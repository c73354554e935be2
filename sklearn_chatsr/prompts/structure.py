"""Exact checks: what the tree of a formula shows."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from sklearn_chatsr.expressions import (
    Expression,
    is_variable,
)
from sklearn_chatsr.expressions.expression import Tree

_POWERS = frozenset({"sq", "cube", "sqrt", "cbrt"})


def has_token(expression: Expression, tokens: frozenset[str]) -> bool:
    """Tell whether one of the tokens occurs."""
    return not tokens.isdisjoint(expression.tokens)


def has_product(expression: Expression, a: str, b: str) -> bool:
    """Tell whether two variables, or powers of them, are multiplied."""
    return any(
        _both(over, a, b) or _both(under, a, b)
        for over, under in _products(expression.to_tree())
    )


def has_ratio(expression: Expression, a: str, b: str) -> bool:
    """Tell whether one of two variables is divided by the other, powers included."""
    return any(
        (a in over and b in under) or (b in over and a in under)
        for over, under in _products(expression.to_tree())
    )


def has_difference(expression: Expression, a: str, b: str) -> bool:
    """Tell whether two bare variables are subtracted."""
    return any(
        (a in plus and b in minus) or (b in plus and a in minus)
        for plus, minus in _sums(expression.to_tree())
    )


def is_power_law(expression: Expression) -> bool:
    """Tell whether a formula is a factor times fixed powers of variables."""
    return bool(expression.variables) and _is_power_law(expression.to_tree())


def has_term(expression: Expression, part: Expression) -> bool:
    """Tell whether a part occurs, up to rewriting and the values of constants."""
    return _part_key(part.skeleton()) in _keys_of_parts(expression.skeleton())


def _both(factors: list[str], a: str, b: str) -> bool:
    return factors.count(a) > 1 if a == b else a in factors and b in factors


def _is_power_law(tree: Tree) -> bool:
    if not isinstance(tree, tuple):
        return True
    name, *arguments = tree
    if name == "pow":
        return _is_power_law(arguments[0]) and not _variables(arguments[1])
    if name in ("mul", "div", "inv", "neg") or name in _POWERS:
        return all(map(_is_power_law, arguments))
    # Sums and functions of numbers alone are numbers.
    return not _variables(tree)


def _variables(tree: Tree) -> set[str]:
    if isinstance(tree, tuple):
        return set().union(*map(_variables, tree[1:]))
    return {tree} if isinstance(tree, str) and is_variable(tree) else set()


def _products(tree: Tree) -> Iterator[tuple[list[str], list[str]]]:
    """Give the variables over and under the line of every product."""
    over: list[str] = []
    under: list[str] = []
    rest: list[Tree] = []

    def collect(node: Tree, above: bool) -> None:
        if not isinstance(node, tuple):
            if isinstance(node, str) and is_variable(node):
                (over if above else under).append(node)
            return
        name = node[0]
        if name == "mul":
            collect(node[1], above)
            collect(node[2], above)
        elif name == "div":
            collect(node[1], above)
            collect(node[2], not above)
        elif name == "inv":
            collect(node[1], not above)
        elif name in _POWERS or name in ("neg", "pow"):
            collect(node[1], above)
            rest.extend(node[2:])
        else:
            rest.extend(node[1:])

    collect(tree, True)
    yield over, under
    for node in rest:
        yield from _products(node)


def _sums(tree: Tree) -> Iterator[tuple[list[str], list[str]]]:
    """Give the bare variables added and subtracted in every sum."""
    plus: list[str] = []
    minus: list[str] = []
    rest: list[Tree] = []

    def collect(node: Tree, positive: bool) -> None:
        if not isinstance(node, tuple):
            if isinstance(node, str) and is_variable(node):
                (plus if positive else minus).append(node)
            return
        name = node[0]
        if name in ("add", "sub"):
            collect(node[1], positive)
            collect(node[2], positive == (name == "add"))
        elif name == "neg":
            collect(node[1], not positive)
        else:
            rest.extend(node[1:])

    collect(tree, True)
    yield plus, minus
    for node in rest:
        yield from _sums(node)


@lru_cache(maxsize=4096)
def _part_key(part: Expression) -> object:
    return part.simplify().canonical_key()


@lru_cache(maxsize=4096)
def _keys_of_parts(expression: Expression) -> frozenset[object]:
    return frozenset(
        Expression(expression.tokens[start:stop]).canonical_key()
        for start, stop in expression.subtrees()
    )


def oscillates(expression: Expression) -> bool:
    """Tell whether a variable is inside a sine or cosine."""
    ends = dict(expression.subtrees())
    return any(
        expression.tokens[start] in ("sin", "cos")
        and any(map(is_variable, expression.tokens[start:stop]))
        for start, stop in ends.items()
    )
