"""The library: sums, curves and products of monomials, the simplest first.

Two lists are made of the same parts. Sums are explained by *addends* (monomials,
curves, and their products with monomials); products by *factors*, which matter up to
powers of the columns: ``x1 + x2`` is there as ``1 + x2/x1``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations, permutations, product

import numpy as np
import numpy.typing as npt

from sklearn_chatsr.expressions import OPERATORS
from sklearn_chatsr.expressions.expression import Tree
from sklearn_chatsr.proposers.basis.monomials import Exponents, monomials
from sklearn_chatsr.proposers.basis.screening import Screen
from sklearn_chatsr.proposers.basis.terms import (
    Array,
    Columns,
    Terms,
    pairs_by_order,
    power,
)
from sklearn_chatsr.proposers.basis.trees import multiplied

Index = npt.NDArray[np.intp]
Curve = tuple[Callable[[Array], Array], Callable[[Tree], Tree], float]


@dataclass(frozen=True)
class Caps:
    """How many terms of each kind are made."""

    monomials: int = 5000
    sums: int = 250
    arguments: int = 700
    curves: int = 4000
    products: int = 4000
    ratios: int = 1600
    factors: int = 3600


def _named(name: str) -> Callable[[Tree], Tree]:
    return lambda tree: (name, tree)


def _of_square(name: str) -> Callable[[Tree], Tree]:
    return lambda tree: ("sq", (name, tree))


def _fading(name: str, tree: Tree) -> Tree:
    return ("mul", ("exp", ("neg", tree)), (name, tree))


# Functions with their order. Squares of sine and cosine are of their own: the terms
# around them need not be in the library.
_CURVES: tuple[Curve, ...] = (
    (np.sin, _named("sin"), 0.6),
    (np.cos, _named("cos"), 0.6),
    (np.exp, _named("exp"), 0.6),
    (lambda a: np.exp(-a), lambda t: ("exp", ("neg", t)), 0.7),
    (np.log, _named("log"), 0.9),
    (np.tanh, _named("tanh"), 1.1),
    (lambda a: np.sin(a) ** 2, _of_square("sin"), 1.6),
    (lambda a: np.cos(a) ** 2, _of_square("cos"), 1.6),
    (np.arcsin, _named("asin"), 2.6),
    (np.arctan, _named("atan"), 2.6),
    (np.cosh, _named("cosh"), 2.6),
    (np.sinh, _named("sinh"), 2.6),
    (np.tan, _named("tan"), 2.6),
    (np.arccos, _named("acos"), 2.8),
    (lambda a: np.exp(-a) * np.cos(a), lambda t: _fading("cos", t), 1.6),
    (lambda a: np.exp(-a) * np.sin(a), lambda t: _fading("sin", t), 1.6),
    (lambda a: 1 / np.cos(a) ** 2, lambda t: ("inv", ("sq", ("cos", t))), 2.2),
    (lambda a: 1 / np.cos(a), lambda t: ("inv", ("cos", t)), 2.4),
    (lambda a: 1 / np.sin(a), lambda t: ("inv", ("sin", t)), 2.4),
    (lambda a: 1 / np.expm1(a), lambda t: ("inv", ("sub", ("exp", t), "1")), 2.2),
    (lambda a: 1 / (1 + np.exp(a)), lambda t: ("inv", ("add", ("exp", t), "1")), 2.4),
)
# Of many columns. Of few it is found without being listed, and of noisy rows one term
# more is one more to follow noise with.
_SATURATION: Curve = (
    lambda a: 1 / (1 + a**2),
    lambda t: ("inv", ("add", ("sq", t), "1")),
    1.5,
)
_FEW_COLUMNS = 2
# What occurs as a factor: curves, and curves beside a one.
_FACTOR_CURVES: tuple[Curve, ...] = (
    (np.sin, _named("sin"), 0.6),
    (np.cos, _named("cos"), 0.6),
    (np.tanh, _named("tanh"), 0.9),
    (np.log, _named("log"), 0.9),
    (np.expm1, lambda t: ("sub", ("exp", t), "1"), 0.7),
    (lambda a: -np.expm1(-a), lambda t: ("sub", "1", ("exp", ("neg", t))), 1.0),
    (lambda a: 1 + np.exp(a), lambda t: ("add", ("exp", t), "1"), 1.1),
    (lambda a: 1 + np.cos(a), lambda t: ("add", ("cos", t), "1"), 2.0),
    (lambda a: 1 - np.cos(a), lambda t: ("sub", "1", ("cos", t)), 2.0),
    (lambda a: 1 + np.sin(a), lambda t: ("add", ("sin", t), "1"), 2.2),
    (lambda a: 1 - np.sin(a), lambda t: ("sub", "1", ("sin", t)), 2.2),
    (np.cosh, _named("cosh"), 1.6),
    (np.sinh, _named("sinh"), 1.7),
    (lambda a: np.log1p(a), lambda t: ("log", ("add", "1", t)), 1.8),
    (np.arctan, _named("atan"), 2.6),
    (np.arcsin, _named("asin"), 2.6),
    (np.arccos, _named("acos"), 2.7),
)

# Factors inside a curve, with their order. They are starting points: the fit moves
# them. Beyond the ordinary range of arguments they are relative to its size.
_PLAIN: tuple[tuple[float, Callable[[Tree], Tree], float], ...] = (
    (1.0, lambda t: t, 0.0),
    (2.0, lambda t: ("mul", "2", t), 0.8),
    (0.5, lambda t: ("div", t, "2"), 0.8),
    (2 * np.pi, lambda t: ("mul", ("mul", "2", "pi"), t), 1.2),
    (np.pi, lambda t: ("mul", "pi", t), 1.2),
    (0.5 / np.pi, lambda t: ("div", t, ("mul", "2", "pi")), 1.2),
    (4.0, lambda t: ("mul", "4", t), 1.6),
)
_RELATIVE = (1.0, 0.5, 2.0, 0.25, 4.0, 0.125, 8.0)
_MOST_RATIOS = 1000  # as factors of any products
_POOL = 12  # times as many terms are screened as are kept
_MOST_ANGLES, _MOST_BASES = 8, 6  # columns
_SMALLEST, _LARGEST = 0.02, 60.0  # root mean square of an ordinary argument


@dataclass(frozen=True)
class Library:
    """All terms over some columns.

    Attributes
    ----------
    columns : Columns
        The columns that the terms are of.
    monomials : Terms
        Products of powers.
    functions : Terms
        Curves and powers of sums, no factor beside them.
    addends : Terms
        What sums are made of, monomials among them.
    factors : Terms
        What products are made of, beside powers of the columns.
    """

    columns: Columns
    monomials: Terms
    functions: Terms
    addends: Terms
    factors: Terms


@np.errstate(all="ignore")
def build_library(
    columns: Columns, caps: Caps, for_sums: Screen, for_products: Screen
) -> Library:
    """Evaluate the library.

    Parameters
    ----------
    columns : Columns
        Columns with the rows to evaluate on.
    caps : Caps
        How many terms of each kind.
    for_sums, for_products : Screen
        Tell which terms explain the targets of sums and products.
    """
    powers, exponents = monomials(columns, caps.monomials)
    sums = _sums(powers, caps.sums)
    sides = Terms.join([sums, _times_column(columns, sums)]).usable()
    arguments = Terms.join([powers.simplest(caps.arguments), sides])
    kinds = _CURVES if len(columns) <= _FEW_COLUMNS else (*_CURVES, _SATURATION)
    curves = _curves(arguments, kinds, caps.curves, for_sums)
    ratios = _powers_of(sides, 1500)
    exponentials = _exponentials(columns).usable()
    few = powers.simplest(1200)
    plain = Terms.join([curves.simplest(1200), exponentials])
    composed = [
        _products(few, plain, caps.products, for_sums),
        _products(few, ratios, caps.ratios, for_sums),
        exponentials,
        _logarithms(columns),
        _angles(columns),
    ]
    if len(columns) <= 3:
        composed.append(_products(plain, plain, caps.ratios, for_sums, True))
    addends = Terms.join([powers, sums, curves, ratios, *composed]).usable()
    factors = Terms.join(
        [
            _one_and(powers, caps.factors),
            _curves(arguments, _FACTOR_CURVES, caps.curves, for_products, True),
            _one_beside(Terms.join([exponentials, composed[0]]), 1000, for_products),
            _triples(powers, exponents, 600),
        ]
    ).usable()
    functions = Terms.join([plain, ratios.simplest(_MOST_RATIOS)]).usable()
    return Library(columns, powers, functions, addends, factors)


def _sums(powers: Terms, most: int) -> Terms:
    """Add and subtract two monomials, or one and a monomial."""
    n_rows = powers.values.shape[1]
    one = Terms(np.ones((1, n_rows)), ["1"], np.array([0.3]))
    few = Terms.join([one, powers.simplest(80)])
    i, j = pairs_by_order(few.order, few.order, 4 * most)
    i, j = i[i < j][:most], j[i < j][:most]
    order = few.order[i] + few.order[j] + 0.3
    a, b = few.values[i], few.values[j]
    plus: list[Tree] = []
    minus: list[Tree] = []
    for p, q in zip(i, j, strict=True):
        plus.append(("add", few.trees[p], few.trees[q]))
        minus.append(("sub", few.trees[p], few.trees[q]))
    return Terms(
        np.concatenate([a - b, a + b]), minus + plus, np.concatenate([order, order])
    ).simplest(most)


def _triples(powers: Terms, exponents: Sequence[Exponents], most: int) -> Terms:
    """Add three monomials with equal exponents, or one and two monomials."""
    kept = [k for k, e in enumerate(exponents) if len(e) == 1 and e[0][1] in (1, 2, 3)][
        :40
    ]
    n_rows = powers.values.shape[1]
    values, order = [], []
    trees: list[Tree] = []
    for x, a in enumerate(kept):
        for y in range(x + 1, len(kept)):
            b = kept[y]
            same = exponents[a][0][1] == exponents[b][0][1]
            partial: Tree = ("add", powers.trees[a], powers.trees[b])
            total = powers.values[a] + powers.values[b]
            values.append(1.0 + total)
            trees.append(("add", "1", partial))
            order.append(powers.order[a] + powers.order[b] + 0.6)
            for c in kept[y + 1 :]:
                if same and exponents[c][0][1] == exponents[a][0][1]:
                    values.append(total + powers.values[c])
                    trees.append(("add", partial, powers.trees[c]))
                    order.append(powers.order[[a, b, c]].sum() + 0.6)
    table = np.array(values).reshape(len(trees), n_rows)
    return Terms(table, trees, np.array(order)).simplest(most)


def _times_column(columns: Columns, sums: Terms) -> Terms:
    """Multiply and divide sums by one column, for arguments of curves."""
    few = sums.simplest(40)
    parts = []
    for j, leaf in enumerate(columns.leaves):
        x = columns.values[j]
        times: list[Tree] = [("mul", leaf, t) for t in few.trees]
        over: list[Tree] = [("div", t, leaf) for t in few.trees]
        parts.append(Terms(few.values * x, times, few.order + 0.8))
        parts.append(Terms(few.values / x, over, few.order + 0.9))
    return Terms.join(parts)


def _curves(
    arguments: Terms,
    curves: Sequence[Curve],
    most: int,
    screen: Screen,
    logarithmic: bool = False,
) -> Terms:
    """Functions of the arguments with common factors inside.

    The simplest are taken as they come, of many more those that explain a target.
    """
    size = np.sqrt(np.mean(arguments.values**2, axis=1))
    relative = (size < _SMALLEST) | (size > _LARGEST)
    wraps = [
        _relative_factors(float(size[k])) if relative[k] else _PLAIN
        for k in range(len(arguments))
    ]
    inner = np.array([[w[0] for w in row] for row in wraps])
    dear = np.array([[w[2] for w in row] for row in wraps])
    dear += arguments.order[:, None]
    total = dear[:, :, None] + np.array([c[2] for c in curves])
    plan = np.argsort(total, axis=None, kind="stable")[: _POOL * most]
    which_argument, which_factor, which_curve = np.unravel_index(plan, total.shape)

    def evaluate(part: slice | Index, n_rows: int) -> Array:
        values = arguments.values[which_argument[part], :n_rows]
        values *= inner[which_argument[part], which_factor[part]][:, None]
        for c, (function, *_) in enumerate(curves):
            rows = which_curve[part] == c
            with np.errstate(all="ignore"):
                values[rows] = function(values[rows])
        return values

    chosen = screen.choose(evaluate, len(plan), most, logarithmic)
    trees: list[Tree] = []
    for i in chosen:
        k = which_argument[i]
        wrap = wraps[k][which_factor[i]][1]
        trees.append(curves[which_curve[i]][1](wrap(arguments.trees[k])))
    values = evaluate(chosen, arguments.values.shape[1])
    return Terms(values, trees, total.ravel()[plan[chosen]]).usable()


def _relative_factors(
    size: float,
) -> list[tuple[float, Callable[[Tree], Tree], float]]:
    found = []
    for step, relative in enumerate(_RELATIVE):
        inner = float(f"{relative / size:.2g}") if size > 0 else 1.0
        found.append((inner, _scaled_by(inner), 0.4 * step))
    return found


def _scaled_by(inner: float) -> Callable[[Tree], Tree]:
    return lambda tree: ("mul", inner, tree)


def _powers_of(sums: Terms, most: int) -> Terms:
    """Squares, roots, reciprocals and their combinations of sums."""
    parts = []
    for p, q, extra in ((2, 1, 0.6), (-1, 1, 0.5), (1, 2, 0.7), (-1, 2, 1.2),
                        (-2, 1, 1.2), (3, 1, 1.6)):  # fmt: skip
        exponent = Fraction(p, q)
        trees = [power(tree, exponent) for tree in sums.trees]
        parts.append(Terms(sums.values ** (p / q), trees, sums.order + extra))
    return Terms.join(parts).usable().simplest(most)


def _products(
    first: Terms, second: Terms, most: int, screen: Screen, symmetric: bool = False
) -> Terms:
    """Products of two terms by order, and those that explain a target."""
    i, j = pairs_by_order(first.order, second.order, _POOL * most)
    if symmetric:
        i, j = i[i < j], j[i < j]

    def evaluate(part: slice | Index, n_rows: int) -> Array:
        with np.errstate(all="ignore"):
            values: Array = first.values[i[part], :n_rows]
            values *= second.values[j[part], :n_rows]
        return values

    chosen = screen.choose(evaluate, len(i), most)
    i, j = i[chosen], j[chosen]
    trees: list[Tree] = [
        ("mul", first.trees[a], second.trees[b]) for a, b in zip(i, j, strict=True)
    ]
    order = first.order[i] + second.order[j]
    return Terms(first.values[i] * second.values[j], trees, order)


def _exponentials(columns: Columns) -> Terms:
    """Raise columns, alone and beside a one, to the power of others: growth."""
    values, order = [np.empty((0, columns.values.shape[1]))], []
    trees: list[Tree] = []
    for a, b in permutations(range(min(len(columns), _MOST_BASES)), 2):
        x, leaf = columns.values[a], columns.leaves[a]
        bases: list[tuple[Array, Tree]] = [(x, leaf), (1.0 + x, ("add", "1", leaf))]
        for extra, (base, tree) in enumerate(bases):
            power, exponent = columns.values[b], columns.leaves[b]
            if base.min() <= 0 or np.abs(np.log(base) * power).max() > _LARGEST:
                continue
            values += [base[None] ** power, base[None] ** -power]
            trees += [("pow", tree, exponent), ("pow", tree, ("neg", exponent))]
            order += [1.8 + 0.3 * extra, 2.0 + 0.3 * extra]
    return Terms(np.concatenate(values), trees, np.array(order))


def _logarithms(columns: Columns) -> Terms:
    """Multiply columns by logarithms: the logarithm of a power of two columns.

    And logarithms by themselves.
    """
    parts = [Terms(np.empty((0, columns.values.shape[1])), [], np.empty(0))]
    for j, positive in enumerate(columns.positive):
        if positive:
            log = np.log(columns.values[j])
            curve: Tree = ("log", columns.leaves[j])
            trees: list[Tree] = [("mul", leaf, curve) for leaf in columns.leaves]
            order = np.full(len(columns), 2.0)
            parts.append(Terms(columns.values * log, trees, order))
            powers: list[Tree] = [("sq", curve), ("cube", curve)]
            parts.append(
                Terms(np.stack([log**2, log**3]), powers, np.array([1.8, 2.4]))
            )
    return Terms.join(parts)


def _angles(columns: Columns) -> Terms:
    """Multiply sines and cosines of two and three columns: spherical trigonometry."""
    angles = [j for j, x in enumerate(columns.values) if np.abs(x).max() < _LARGEST]
    values, order = [], []
    trees: list[Tree] = []
    for count in (2, 3):
        for chosen in combinations(angles[:_MOST_ANGLES], count):
            for names in product(("sin", "cos"), repeat=count):
                tree: Tree = "1"
                value = np.ones(columns.values.shape[1])
                for j, name in zip(chosen, names, strict=True):
                    tree = multiplied(tree, (name, columns.leaves[j]))
                    value = value * OPERATORS[name].numpy(columns.values[j])
                values.append(value)
                trees.append(tree)
                order.append(0.9 * count)
    table = np.array(values).reshape(len(trees), columns.values.shape[1])
    return Terms(table, trees, np.array(order))


def _one_and(terms: Terms, most: int) -> Terms:
    """One plus and minus a term, also with a half, two, ... times the term."""
    parts = []
    for factor, extra in ((1.0, 0.0), (2.0, 1.0), (0.5, 1.0), (4.0, 1.6), (0.25, 1.6),
                          (3.0, 1.8)):  # fmt: skip
        few = terms.simplest(most if factor == 1.0 else most // 12)
        trees = [_scaled_tree(factor, tree) for tree in few.trees]
        plus: list[Tree] = [("add", "1", tree) for tree in trees]
        minus: list[Tree] = [("sub", "1", tree) for tree in trees]
        order = few.order + 0.3 + extra
        parts.append(Terms(1 - factor * few.values, minus, order))
        parts.append(Terms(1 + factor * few.values, plus, order))
    return Terms.join(parts).simplest(most)


def _one_beside(terms: Terms, most: int, screen: Screen) -> Terms:
    """One plus and minus a term, where that explains a product."""
    signs = np.tile([-1.0, 1.0], len(terms))
    which = np.repeat(np.argsort(terms.order, kind="stable"), 2)

    def evaluate(part: slice | Index, n_rows: int) -> Array:
        return 1.0 + signs[part, None] * terms.values[which[part], :n_rows]

    chosen = screen.choose(evaluate, len(which), most, logarithmic=True)
    trees: list[Tree] = [
        ("add" if signs[i] > 0 else "sub", "1", terms.trees[which[i]]) for i in chosen
    ]
    values = evaluate(chosen, terms.values.shape[1])
    return Terms(values, trees, terms.order[which[chosen]] + 0.3)


def _scaled_tree(factor: float, tree: Tree) -> Tree:
    if factor == 1.0:
        return tree
    return ("mul", str(int(factor)), tree) if factor > 1 else ("mul", factor, tree)
