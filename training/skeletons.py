"""Draw skeletons: random trees, simplified with numbers, masked after, without scale.

The engine fits a*f(x)+b around every candidate, so a target carries no outer factor and
no outer offset: "3*sin(2*x1)+5" becomes "sin(C*x1)".
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sklearn_chatsr.expressions import Expression, is_integer, is_variable
from sklearn_chatsr.expressions.expression import Tree


@dataclass(frozen=True, slots=True)
class SkeletonPrior:
    """What skeletons look like.

    Parameters
    ----------
    n_variables : tuple of float
        Weights of 1, 2, ... distinct variables.
    size_mean : float
        Mean of the geometric number of extra leaves beyond one per variable.
    max_size : int
        Tokens that a target may have.
    families : dict
        Probability that an expression uses the family; every family is one coin per
        expression, not per node.
    unary_rate : float
        Mean number of unary operators per leaf.
    constant_rates : tuple of float
        A rate is drawn per expression: the probability that a leaf beyond the first of
        each variable is a number.
    coefficient_rates : tuple of float
        A rate is drawn per expression: the probability that a term of a sum gets a
        coefficient.
    affine_rate : float
        Probability that the argument of a transcendental function is scaled.
    linear_rate : float
        Share of the draws of "x1" (a straight line) that are kept.
    """

    n_variables: tuple[float, ...] = (0.30, 0.34, 0.22, 0.09, 0.05)
    size_mean: float = 1.5
    max_size: int = 24
    families: dict[str, float] = field(
        default_factory=lambda: {
            "power": 0.75,
            "trigonometric": 0.25,
            "exponential": 0.35,
            "other": 0.07,
        }
    )
    unary_rate: float = 0.30
    constant_rates: tuple[float, ...] = (0.0, 0.3, 0.6)
    coefficient_rates: tuple[float, ...] = (0.0, 0.0, 0.5)
    affine_rate: float = 0.5
    linear_rate: float = 0.2


# Operators of a family with their weights.
_FAMILIES: dict[str, dict[str, float]] = {
    "power": {"sq": 5, "sqrt": 3, "inv": 2, "cube": 1, "pow": 1.5},
    "trigonometric": {"sin": 4, "cos": 4, "tan": 0.3},
    "exponential": {"exp": 4, "log": 2},
    "other": {
        "tanh": 3,
        "abs": 2,
        "asin": 1,
        "acos": 0.5,
        "atan": 1.5,
        "sinh": 1,
        "cosh": 1,
        "cbrt": 1,
        "min": 1,
        "max": 1,
    },
}
_TRANSCENDENTAL = frozenset(_FAMILIES["trigonometric"] | _FAMILIES["exponential"])
_BINARY = ("add", "sub", "mul", "div")
# Multiplication and division outweigh sums in laws.
_BINARY_STYLES = (
    (0.15, 0.15, 0.40, 0.30),
    (0.30, 0.25, 0.25, 0.20),
    (0.05, 0.05, 0.50, 0.40),
)


@dataclass(frozen=True, slots=True)
class Skeleton:
    """A training target.

    Attributes
    ----------
    expression : Expression
        Canonical skeleton without outer scale and offset.
    n_variables : int
        Variables x1..xk that occur, all of them.
    """

    expression: Expression
    n_variables: int


def draw_skeletons(
    rng: np.random.Generator, prior: SkeletonPrior | None = None
) -> Iterator[Skeleton]:
    """Draw skeletons without end; the same generator state gives the same ones.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    prior : SkeletonPrior, optional
        What they look like.

    Yields
    ------
    Skeleton
        Repeats occur: short skeletons are common.
    """
    prior = prior or SkeletonPrior()
    weights = np.array(prior.n_variables) / sum(prior.n_variables)
    while True:
        k = int(rng.choice(len(weights), p=weights)) + 1
        # A failed draw is repeated with the same number of variables, or the prior
        # would tilt to what rarely fails.
        skeleton = None
        while skeleton is None:
            skeleton = to_target(_Draw(rng, prior).tree(k), k, prior.max_size)
            if skeleton is not None and skeleton.expression.size == 1:
                skeleton = skeleton if rng.random() < prior.linear_rate else None
        yield skeleton


def to_target(tree: Tree, n_variables: int, max_size: int = 24) -> Skeleton | None:
    """Simplify with numbers, mask them, take outer scale and offset away.

    Parameters
    ----------
    tree : Tree
        With numbers as floats.
    n_variables : int
        Distinct variables that must survive.
    max_size : int, default=24
        Tokens allowed.

    Returns
    -------
    Skeleton or None
        None for identities, lost variables, and what is too long.
    """
    simple = Expression.from_tree(tree).simplify()
    if not simple.variables:
        return None
    expression = strip_scale(simple.skeleton().simplify())
    if expression.variables != tuple(range(n_variables)) or expression.size > max_size:
        return None
    if any(is_integer(t) and not -5 <= int(t) <= 10 for t in expression.tokens):
        return None
    return Skeleton(expression, n_variables)


def strip_scale(skeleton: Expression) -> Expression:
    """Take away what a*f(x)+b around the skeleton gives for free.

    Parameters
    ----------
    skeleton : Expression
        A simplified skeleton.

    Returns
    -------
    Expression
        A simplified skeleton, never longer.
    """
    current = skeleton
    while True:
        stripped = Expression.from_tree(_without_offset(current.to_tree())).simplify()
        if stripped.size >= current.size or not stripped.variables:
            return current.skeleton()
        current = stripped


def is_held_out(skeleton: Skeleton, one_in: int = 40) -> bool:
    """Tell whether a skeleton belongs to validation.

    The decision rests on the multiset of tokens with the variables made anonymous, so
    that no reordering of a validation skeleton is ever trained on. Plain products and
    ratios of variables are too common to be kept from training.
    """
    shape = sorted("x" if is_variable(t) else t for t in skeleton.expression.tokens)
    if len(shape) < 3 or set(shape) <= {"mul", "div", "x"}:
        return False
    digest = hashlib.sha256(" ".join(shape).encode()).digest()
    return int.from_bytes(digest[:4], "big") % one_in == 0


def _is_number(tree: Tree) -> bool:
    if isinstance(tree, tuple):
        return all(map(_is_number, tree[1:]))
    return not (isinstance(tree, str) and is_variable(tree))


def _without_offset(tree: Tree) -> Tree:
    if not isinstance(tree, tuple) or tree[0] not in ("add", "sub"):
        return _without_factor(tree)
    _, a, b = tree
    if _is_number(b):
        return _without_offset(a)
    if _is_number(a):
        return _without_offset(b)
    terms = _terms(tree)
    kept = [t for t in terms if not _is_number(t)]
    if len(kept) < len(terms):
        return _sum(kept)
    if all(_without_factor(t) != t for t in kept):
        # C*f + C*g: one of the constants is the outer factor.
        return _sum([_without_factor(kept[0]), *kept[1:]])
    return tree


def _terms(tree: Tree) -> list[Tree]:
    if isinstance(tree, tuple) and tree[0] == "add":
        return _terms(tree[1]) + _terms(tree[2])
    if isinstance(tree, tuple) and tree[0] == "sub":
        return _terms(tree[1]) + [("neg", t) for t in _terms(tree[2])]
    return [tree]


def _sum(terms: list[Tree]) -> Tree:
    total = terms[0]
    for term in terms[1:]:
        total = ("add", total, term)
    return total


def _without_factor(tree: Tree) -> Tree:
    if not isinstance(tree, tuple):
        return tree
    name, *arguments = tree
    if name == "neg":
        return _without_factor(arguments[0])
    if name == "mul":
        a, b = arguments
        if _is_number(a):
            return _without_factor(b)
        if _is_number(b):
            return _without_factor(a)
        return "mul", _without_factor(a), _without_factor(b)
    if name == "div":
        a, b = arguments
        if _is_number(b):
            return _without_factor(a)
        if _is_number(a):
            return "inv", _without_factor(b)
        return "div", _without_factor(a), _without_factor(b)
    if name in ("inv", "sq", "cube"):
        return name, _without_factor(arguments[0])
    return tree


class _Draw:
    """One random tree with numbers."""

    def __init__(self, rng: np.random.Generator, prior: SkeletonPrior) -> None:
        self.rng = rng
        self.prior = prior
        active = [f for f, p in prior.families.items() if rng.random() < p]
        unary: dict[str, float] = {}
        self.binary = dict(
            zip(_BINARY, _BINARY_STYLES[rng.integers(len(_BINARY_STYLES))], strict=True)
        )
        for family in active:
            for name, weight in _FAMILIES[family].items():
                if name in ("min", "max"):
                    self.binary[name] = 0.1 * weight
                else:
                    # One or two operators of a family dominate an expression.
                    unary[name] = weight * rng.exponential()
        self.unary_rate = prior.unary_rate * (1.0 if active else 0.0)
        self.unary = list(unary)
        self.unary_p = np.array(list(unary.values())) / max(sum(unary.values()), 1e-9)
        total = sum(self.binary.values())
        self.binary_p = np.array(list(self.binary.values())) / total
        self.binary_names = list(self.binary)
        self.constant_rate = float(rng.choice(prior.constant_rates))
        self.coefficient_rate = float(rng.choice(prior.coefficient_rates))

    def tree(self, n_variables: int) -> Tree:
        rng = self.rng
        extra = int(rng.geometric(1.0 / (1.0 + self.prior.size_mean))) - 1
        leaves: list[Tree] = [f"x{i + 1}" for i in range(n_variables)]
        for _ in range(extra):
            if rng.random() < self.constant_rate:
                leaves.append(self.number())
            else:
                leaves.append(f"x{rng.integers(n_variables) + 1}")
        order = rng.permutation(len(leaves))
        return self.grow([leaves[i] for i in order])

    def number(self) -> Tree:
        # A float with 17 random digits never meets another by chance; integers may.
        if self.rng.random() < 0.35:
            return str(self.rng.integers(1, 4))
        return float(self.rng.uniform(0.1, 10.0))

    def grow(self, leaves: list[Tree]) -> Tree:
        rng = self.rng
        if len(leaves) == 1:
            node: Tree = leaves[0]
        else:
            cut = int(rng.integers(1, len(leaves)))
            name = self.binary_names[
                rng.choice(len(self.binary_names), p=self.binary_p)
            ]
            node = (name, self.grow(leaves[:cut]), self.grow(leaves[cut:]))
            if name in ("add", "sub") and rng.random() < self.coefficient_rate:
                node = (name, node[1], ("mul", self.number(), node[2]))
        nested = 0
        # Chains of unary operators are rare in laws.
        while self.unary and not _is_number(node) and nested < 2:
            if rng.random() >= self.unary_rate / (1 + 2 * nested):
                break
            node = self.apply(
                self.unary[rng.choice(len(self.unary), p=self.unary_p)], node
            )
            nested += 1
        return node

    def apply(self, name: str, node: Any) -> Tree:
        rng = self.rng
        if name == "pow":
            exponent: Tree = float(rng.uniform(0.1, 10.0))
            if rng.random() < 0.3:
                exponent = str(rng.integers(4, 6))
            return ("pow", node, exponent)
        if name in _TRANSCENDENTAL and rng.random() < self.prior.affine_rate:
            if rng.random() < 0.85:
                node = ("mul", float(rng.uniform(0.1, 10.0)), node)
            if rng.random() < 0.3:
                node = ("add", float(rng.uniform(0.1, 10.0)), node)
            if name == "exp" and rng.random() < 0.5:
                node = ("neg", node)
        elif name == "exp" and rng.random() < 0.5:
            node = ("neg", node)
        return (name, node)


def save_pool(pool: Sequence[Skeleton], path: Path) -> None:
    """Write skeletons as text, one per line in prefix tokens."""
    lines = (" ".join(s.expression.tokens) for s in pool)
    path.write_text("".join(f"{line}\n" for line in lines))


def load_pool(path: Path) -> list[Skeleton]:
    """Read what `save_pool` wrote; equal skeletons share one object."""
    known: dict[str, Skeleton] = {}
    pool = []
    for line in path.read_text().splitlines():
        if line not in known:
            expression = Expression(line.split())
            known[line] = Skeleton(expression, len(expression.variables))
        pool.append(known[line])
    return pool
