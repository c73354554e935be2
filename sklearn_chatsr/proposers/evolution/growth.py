"""Random small formulas, shaped like those of science."""

from __future__ import annotations

import numpy as np

from sklearn_chatsr.expressions import variable
from sklearn_chatsr.expressions.expression import Tree
from sklearn_chatsr.proposers.trees import (
    TRANSCENDENTAL,
    FloatArray,
    build,
    evaluate,
    nesting,
)

# How often operators stand in formulas of science, roughly: products and sums most,
# few elementary functions, seldom one inside another.
BINARY = {"add": 3.0, "sub": 2.0, "mul": 4.0, "div": 2.5, "pow": 0.3}
UNARY = {
    "sq": 2.0,
    "sqrt": 1.2,
    "inv": 1.0,
    "cube": 0.6,
    "exp": 1.2,
    "log": 1.0,
    "sin": 1.1,
    "cos": 1.1,
    "tanh": 0.4,
    "abs": 0.2,
    "atan": 0.2,
    "tan": 0.1,
    "asin": 0.1,
    "acos": 0.1,
}


class Choice:
    """Draw names by weight, fast."""

    def __init__(self, weights: dict[str, float]) -> None:
        self.names = list(weights)
        self.sums = np.cumsum(list(weights.values()))

    def draw(self, rng: np.random.Generator) -> str:
        """Draw one name."""
        at = np.searchsorted(self.sums, rng.random() * self.sums[-1], side="right")
        return self.names[min(int(at), len(self.names) - 1)]


_BINARY, _UNARY = Choice(BINARY), Choice(UNARY)
_EXPONENTS = (0.5, 1.5, -0.5, -1.5, 2.0, 3.0, -2.0, 4.0, 1.0 / 3.0)


class Growth:
    """Draw leaves, constants and small trees for one data set.

    Parameters
    ----------
    columns : ndarray of shape (n_features, n_rows)
        Some rows of the data: they give constants their order of magnitude.
    used : sequence of int
        Columns that vary.
    rng : numpy.random.Generator
        Source of randomness.
    """

    def __init__(
        self, columns: FloatArray, used: list[int], rng: np.random.Generator
    ) -> None:
        self.columns = columns
        self.used = used
        self.rng = rng

    def leaf(self) -> Tree:
        """Draw a variable."""
        return variable(self.used[int(self.rng.integers(len(self.used)))])

    def binary(self) -> str:
        """Draw an operator of two arguments other than a power."""
        name = _BINARY.draw(self.rng)
        return name if name != "pow" else "mul"

    def unary(self, inside: Tree = "") -> str:
        """Draw a function that suits its argument."""
        name = _UNARY.draw(self.rng)
        if name in TRANSCENDENTAL and nesting(inside) and self.rng.random() < 0.85:
            name = ("sq", "sqrt", "inv")[int(self.rng.integers(3))]
        return name

    def tree(self, n_nodes: int) -> Tree:
        """Grow a tree of about so many nodes, constants included."""
        rng = self.rng
        if n_nodes <= 1:
            return self.leaf()
        if n_nodes == 2:
            return build(self.unary(), self.leaf())
        roll = rng.random()
        if roll < 0.3:
            inside = self.tree(n_nodes - 1)
            return build(self.unary(inside), inside)
        if roll < 0.5:
            return self.with_constant(self.tree(n_nodes - 2))
        name = self.binary()
        n_left = int(rng.integers(1, max(n_nodes - 2, 1) + 1))
        return build(name, self.tree(n_left), self.tree(n_nodes - 1 - n_left))

    def with_constant(self, tree: Tree) -> Tree:
        """Multiply a tree, shift it or raise it to a power, by a drawn constant."""
        rng = self.rng
        roll = rng.random()
        if roll < 0.5:
            return build("mul", self.factor(tree), tree)
        if roll < 0.9:
            return build("add", self.shift(tree), tree)
        return build("pow", tree, _EXPONENTS[int(rng.integers(len(_EXPONENTS)))])

    def factor(self, tree: Tree) -> float:
        """Draw a factor that brings the values of a tree to the order of 1."""
        sign = -1.0 if self.rng.random() < 0.3 else 1.0
        return float(sign * np.exp(self.rng.normal()) / self._size(tree))

    def shift(self, tree: Tree) -> float:
        """Draw a summand of the order of the values of a tree."""
        return float(self.rng.normal() * self._size(tree))

    def _size(self, tree: Tree) -> float:
        with np.errstate(all="ignore"):
            middle = float(np.median(np.abs(evaluate(tree, self.columns))))
        return middle if 1e-100 < middle < 1e100 else 1.0
