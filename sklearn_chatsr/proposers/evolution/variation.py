"""Variation: children that differ from their parents by one step."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from sklearn_chatsr.expressions import is_variable
from sklearn_chatsr.expressions.expression import Tree
from sklearn_chatsr.proposers.evolution.growth import Growth
from sklearn_chatsr.proposers.trees import (
    Path,
    build,
    is_number,
    replace,
    size,
    sum_of,
    terms,
    walk,
)

_SWAPS = {
    "add": ("sub", "mul"),
    "sub": ("add", "div"),
    "mul": ("div", "add"),
    "div": ("mul", "sub"),
    "sin": ("cos", "tanh"),
    "cos": ("sin", "exp"),
    "exp": ("sq", "cos", "tanh"),
    "log": ("sqrt", "inv"),
    "sq": ("cube", "abs", "exp"),
    "cube": ("sq", "inv"),
    "sqrt": ("log", "sq"),
    "inv": ("sqrt", "exp"),
    "tanh": ("atan", "sin"),
}


class Variation:
    """The operators of variation.

    Parameters
    ----------
    growth : Growth
        Draws what is new.

    References
    ----------
    Koza, J. R. (1992). Genetic Programming. MIT Press.

    Cranmer, M. (2023). Interpretable machine learning for science with PySR and
    SymbolicRegression.jl. arXiv:2305.01582.
    """

    def __init__(self, growth: Growth) -> None:
        self.growth = growth
        self.rng = growth.rng
        self.mutations: tuple[tuple[Callable[[Tree], Tree], float], ...] = (
            (self.change_subtree, 2.0),
            (self.change_point, 3.0),
            (self.insert, 3.0),
            (self.delete, 2.0),
            (self.hoist, 0.5),
            (self.release, 1.5),
            (self.add_term, 1.0),
            (self.drop_term, 0.7),
            (self.jolt, 0.7),
        )
        weights = np.array([weight for _, weight in self.mutations])
        self._sums = np.cumsum(weights)

    def mutate(self, tree: Tree) -> Tree:
        """Apply one mutation, drawn by weight."""
        at = np.searchsorted(self._sums, self.rng.random() * self._sums[-1])
        return self.mutations[min(int(at), len(self.mutations) - 1)][0](tree)

    def _pick(self, tree: Tree) -> tuple[Path, Tree]:
        places = walk(tree)
        return places[int(self.rng.integers(len(places)))]

    def change_subtree(self, tree: Tree) -> Tree:
        """Replace a subtree by a new one of about its size."""
        path, old = self._pick(tree)
        n_nodes = int(self.rng.integers(1, min(size(old), 6) + 3))
        return replace(tree, path, self.growth.tree(n_nodes))

    def change_point(self, tree: Tree) -> Tree:
        """Exchange an operator, a variable, or a constant for a variable."""
        path, old = self._pick(tree)
        if isinstance(old, tuple):
            others = _SWAPS.get(old[0])
            if others is None:
                return tree
            name = others[int(self.rng.integers(len(others)))]
            return replace(tree, path, build(name, *old[1:]))
        if is_number(old) and self.rng.random() < 0.7:
            return self.jolt(tree)
        return replace(tree, path, self.growth.leaf())

    def insert(self, tree: Tree) -> Tree:
        """Put an operator above a subtree."""
        path, old = self._pick(tree)
        if is_number(old):
            return replace(tree, path, build("mul", old, self.growth.leaf()))
        roll = self.rng.random()
        if roll < 0.35:
            new = build(self.growth.unary(old), old)
        elif roll < 0.55:
            new = self.growth.with_constant(old)
        else:
            other = self.growth.tree(int(self.rng.integers(1, 4)))
            pair = (old, other) if self.rng.random() < 0.6 else (other, old)
            new = build(self.growth.binary(), *pair)
        return replace(tree, path, new)

    def delete(self, tree: Tree) -> Tree:
        """Replace an operator by one of its arguments."""
        inner = [(p, t) for p, t in walk(tree) if isinstance(t, tuple) and len(t) > 1]
        if not inner:
            return tree
        path, old = inner[int(self.rng.integers(len(inner)))]
        kept = [argument for argument in old[1:] if not is_number(argument)]
        if not kept:
            return tree
        return replace(tree, path, kept[int(self.rng.integers(len(kept)))])

    def hoist(self, tree: Tree) -> Tree:
        """Keep a subtree only."""
        return self._pick(tree)[1]

    def release(self, tree: Tree) -> Tree:
        """Free a factor, a summand or an exponent that was fixed."""
        places = [
            (path, t)
            for path, t in walk(tree)
            if not is_number(t) and (isinstance(t, tuple) or is_variable(t))
        ]
        if not places:
            return tree
        path, old = places[int(self.rng.integers(len(places)))]
        powers = {"sq": 2.0, "cube": 3.0, "sqrt": 0.5, "inv": -1.0}
        if isinstance(old, tuple) and old[0] in powers and self.rng.random() < 0.5:
            return replace(tree, path, ("pow", old[1], powers[old[0]]))
        return replace(tree, path, self.growth.with_constant(old))

    def add_term(self, tree: Tree) -> Tree:
        """Add a new term to the sum."""
        new = self.growth.tree(int(self.rng.integers(1, 6)))
        return ("add", tree, new)

    def drop_term(self, tree: Tree) -> Tree:
        """Take a term out of the sum."""
        parts = terms(tree)
        if len(parts) < 2:
            return self.delete(tree)
        parts.pop(int(self.rng.integers(len(parts))))
        return sum_of(parts)

    def jolt(self, tree: Tree) -> Tree:
        """Change a constant a lot: the fit goes on from another place."""
        places = [(path, t) for path, t in walk(tree) if isinstance(t, float)]
        if not places:
            return self.release(tree)
        path, old = places[int(self.rng.integers(len(places)))]
        roll = self.rng.random()
        if roll < 0.2:
            new = -old
        elif roll < 0.4:
            new = float(np.rint(2.0 * old) / 2.0) or 1.0
        else:
            new = old * float(np.exp(self.rng.normal()))
        return replace(tree, path, new)

    def cross(self, tree: Tree, mate: Tree) -> Tree:
        """Take a subtree of the mate for one of the tree, or join their terms."""
        roll = self.rng.random()
        if roll < 0.25:
            return sum_of([*terms(tree), *self._some(terms(mate))] or [tree])
        if roll < 0.35:
            return build(("mul", "div")[int(roll < 0.3)], tree, self._pick(mate)[1])
        path, _ = self._pick(tree)
        return replace(tree, path, self._pick(mate)[1])

    def _some(self, parts: Sequence[Tree]) -> list[Tree]:
        n_kept = int(self.rng.integers(1, max(len(parts), 1) + 1))
        order = self.rng.permutation(len(parts))[:n_kept]
        return [parts[k] for k in order]


def shortenings(tree: Tree) -> list[Tree]:
    """Give every tree with one operator replaced by one of its arguments."""
    return [
        replace(tree, path, argument)
        for path, node in walk(tree)
        if isinstance(node, tuple)
        for argument in node[1:]
        if not (is_number(argument) and not path)
    ]
