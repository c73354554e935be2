"""Trees with numbers for constants: walk, replace, build without redundant ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sklearn_chatsr.expressions import (
    OPERATORS,
    is_variable,
    variable,
    variable_index,
)
from sklearn_chatsr.expressions.expression import Tree

FloatArray = npt.NDArray[np.float64]
Path = tuple[int, ...]

TRANSCENDENTAL = frozenset(
    ("exp", "log", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh")
)
_INVERSES = {("exp", "log"), ("log", "exp"), ("sq", "sqrt"), ("sqrt", "sq")}
_INVERSES |= {("inv", "inv"), ("neg", "neg"), ("abs", "abs"), ("cube", "cbrt")}


def is_number(tree: Tree) -> bool:
    """Tell a constant with its value from everything else."""
    return isinstance(tree, float)


def size(tree: Tree) -> int:
    """Count the nodes."""
    return 1 + sum(map(size, tree[1:])) if isinstance(tree, tuple) else 1


def nesting(tree: Tree) -> int:
    """Count the transcendental operators on the worst path."""
    if not isinstance(tree, tuple):
        return 0
    below = max(map(nesting, tree[1:]), default=0)
    return below + (tree[0] in TRANSCENDENTAL)


def walk(tree: Tree) -> list[tuple[Path, Tree]]:
    """Give every subtree with the positions of arguments that lead to it."""
    found: list[tuple[Path, Tree]] = [((), tree)]
    for path, node in found:  # the list grows on the way
        if isinstance(node, tuple):
            for position in range(1, len(node)):
                found.append(((*path, position), node[position]))
    return found


def replace(tree: Tree, path: Path, new: Tree) -> Tree:
    """Put another subtree at a place; numbers around it are folded."""
    if not path:
        return new
    assert isinstance(tree, tuple)
    at = path[0]
    arguments = list(tree[1:])
    arguments[at - 1] = replace(tree[at], path[1:], new)
    return build(tree[0], *arguments)


def in_place(tree: Tree, leaf: Tree) -> Tree:
    """Put another subtree where ``x1`` stands, as in a law of one column."""
    if isinstance(tree, tuple):
        return (tree[0], *(in_place(part, leaf) for part in tree[1:]))
    return leaf if tree == variable(0) else tree


def build(name: str, *arguments: Tree) -> Tree:
    """Apply an operator; fold numbers, drop what cancels.

    Cheap rules only: the normal form does the rest for children that survive.
    """
    if arguments and all(map(is_number, arguments)):
        return _fold(name, arguments)
    if len(arguments) == 1:
        inner = arguments[0]
        if isinstance(inner, tuple) and (name, inner[0]) in _INVERSES:
            return inner[1]
        return (name, inner)
    left, right = arguments
    if left == right:
        if name == "sub":
            return 0.0
        if name == "div":
            return 1.0
        if name == "mul":
            return ("sq", left)
        if name == "add":
            return build("mul", 2.0, left)
    if name in ("add", "mul") and is_number(right):
        left, right = right, left
    neutral = 0.0 if name in ("add", "sub") else 1.0
    if name in ("add", "mul") and left == neutral:
        return right
    if name in ("sub", "div", "pow") and right == neutral:
        return left
    if name in ("mul", "div") and left == 0.0:
        return 0.0
    if name == "div" and isinstance(right, float) and right:
        return build("mul", 1.0 / right, left)
    # C1*(C2*x) and C1 + (C2 + x) say no more than one constant.
    deeper = isinstance(right, tuple) and right[0] == name and is_number(right[1])
    if name in ("add", "mul") and is_number(left) and deeper:
        assert isinstance(right, tuple)
        return build(name, _fold(name, (left, right[1])), right[2])
    if name == "mul":
        # Factors go to the front, where the next one meets them.
        for one, other in ((left, right), (right, left)):
            if isinstance(one, tuple) and one[0] == "mul" and is_number(one[1]):
                return build("mul", one[1], build("mul", one[2], other))
    return (name, left, right)


def _fold(name: str, arguments: Sequence[Any]) -> float:
    with np.errstate(all="ignore"):
        value = float(OPERATORS[name].numpy(*(np.float64(a) for a in arguments)))
    # A fault inside a formula is a fault of the whole: NaN is refused later.
    return value if abs(value) < 1e100 else math.nan


def evaluate(tree: Tree, columns: FloatArray) -> Any:
    """Compute the value on rows; faults give NaN and no warning.

    Parameters
    ----------
    tree : Tree
        With numbers for constants.
    columns : ndarray of shape (n_features, n_rows)
        The data, a row per column.

    Returns
    -------
    ndarray of shape (n_rows,) or float
        A float where no variable occurs.
    """
    with np.errstate(all="ignore"):
        return _value(tree, columns)


def _value(tree: Tree, columns: FloatArray) -> Any:
    if isinstance(tree, tuple):
        arguments = [_value(argument, columns) for argument in tree[1:]]
        return OPERATORS[tree[0]].numpy(*arguments)
    if isinstance(tree, float):
        return np.float64(tree)
    if is_variable(tree):
        return columns[variable_index(tree)]
    if tree in OPERATORS:
        return OPERATORS[tree].numpy()
    return np.float64(tree)


# Sums of terms


def terms(tree: Tree) -> list[Tree]:
    """Split a sum into its terms, without their factors; constants are left out."""
    found: list[Tree] = []
    _collect(tree, found)
    return list(dict.fromkeys(found))


def _collect(tree: Tree, found: list[Tree]) -> None:
    if isinstance(tree, tuple) and tree[0] in ("add", "sub", "neg"):
        for argument in tree[1:]:
            _collect(argument, found)
        return
    bare = _without_factor(tree)
    if isinstance(bare, tuple) and bare[0] in ("add", "sub", "neg"):
        _collect(bare, found)
    elif not is_constant(bare):
        found.append(bare)


def is_constant(tree: Tree) -> bool:
    """Tell whether no variable occurs."""
    if isinstance(tree, tuple):
        return all(map(is_constant, tree[1:]))
    return isinstance(tree, float) or not is_variable(tree)


def _without_factor(tree: Tree) -> Tree:
    if not isinstance(tree, tuple):
        return tree
    if tree[0] == "neg":
        return _without_factor(tree[1])
    if tree[0] not in ("mul", "div"):
        return tree
    left, right = tree[1:]
    if is_constant(left):
        bare = _without_factor(right)
        return bare if tree[0] == "mul" else build("inv", bare)
    if is_constant(right):
        return _without_factor(left)
    if tree[0] == "mul":
        return build("mul", _without_factor(left), _without_factor(right))
    return build("div", _without_factor(left), _without_factor(right))


def has_free_factor(tree: Tree) -> bool:
    """Tell whether the constants inside can already scale the tree by any number."""
    if isinstance(tree, float):
        return True
    if not isinstance(tree, tuple):
        return False
    if tree[0] in ("add", "sub"):
        return all(map(has_free_factor, tree[1:]))
    if tree[0] in ("mul", "div"):
        return any(map(has_free_factor, tree[1:]))
    return tree[0] in ("neg", "inv") and has_free_factor(tree[1])


def sum_of(parts: Sequence[Tree]) -> Tree:
    """Chain trees by additions, the first one innermost."""
    total = parts[0]
    for part in parts[1:]:
        total = ("add", total, part)
    return total


def summands(tree: Tree) -> list[Tree]:
    """Split a chain of additions, the innermost first."""
    if isinstance(tree, tuple) and tree[0] == "add":
        return [*summands(tree[1]), *summands(tree[2])]
    return [tree]
