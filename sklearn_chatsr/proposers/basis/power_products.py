"""Products of powers whose exponents are columns: their logarithm is bilinear."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from sklearn_chatsr.expressions.expression import Tree
from sklearn_chatsr.proposers.basis.dense import SPARE_ROWS
from sklearn_chatsr.proposers.basis.formulations import Hit, Sum
from sklearn_chatsr.proposers.basis.task import Task
from sklearn_chatsr.proposers.basis.terms import (
    Array,
    Columns,
    Terms,
    number_in,
    product,
)
from sklearn_chatsr.proposers.basis.transforms import Transform
from sklearn_chatsr.proposers.basis.trees import linear_combination, multiplied, snap

_MOST_TERMS = 100
_LARGEST_DENOMINATOR, _SNAP = 12, 1e-8


class PowerProduct(Sum):
    """The logarithm of what a link gives is a sum of columns times logarithms.

    Parameters
    ----------
    task : Task
        The problem.
    bases : Terms
        What is raised to powers, with positive values; the first one is `e`.
    exponents : Terms
        What the exponents hold; the first one is 1.
    link : Transform
        Makes the target what the product is.
    """

    def __init__(
        self, task: Task, bases: Terms, exponents: Terms, link: Transform
    ) -> None:
        self.bases, self.exponents, self.link = bases, exponents, link
        logs = np.log(bases.values)
        table = exponents.values[:, None] * logs
        trees: list[Tree] = [
            multiplied(e, ("log", b)) for e in exponents.trees for b in bases.trees
        ]
        order = np.add.outer(exponents.order, bases.order).ravel()
        terms = Terms(table.reshape(len(trees), -1), trees, order)
        # The constant is in every fit.
        super().__init__(
            _logarithm_of(link),
            task.y,
            terms.take(np.arange(1, len(terms))),
            task.n_fit,
        )

    def tree(self, hit: Hit, exact: bool) -> list[Tree]:
        """Write the formula of a hit: one product for each exponent."""
        coefficients = np.zeros(1 + len(self.terms))
        coefficients[0] = hit.coefficients[0]
        coefficients[1 + hit.chosen] = hit.coefficients[1:]
        table = coefficients.reshape(len(self.exponents), len(self.bases))
        whole: Tree = "1"
        for exponent, row in zip(self.exponents.trees, table, strict=True):
            part = self._power(row, exponent, exact)
            if part != "1":
                whole = part if whole == "1" else ("mul", whole, part)
        return [self.link.tree(whole)]

    def _power(self, row: Array, exponent: Tree, exact: bool) -> Tree:
        """Write a product of all bases to some powers, to the power of an exponent."""
        factor = float(row[0])
        bases = zip(self.bases.trees, row, strict=True)
        powers = [(base, _short(p)) for base, p in [*bases][1:] if p]
        number = snap(float(np.exp(factor)), exact) if factor else "1"
        if not powers and number == "1":
            return "1"
        if not powers and exponent != "1" and isinstance(number, float):
            return ("exp", linear_combination([(factor, exponent)], 0.0, exact))
        inner: Tree = multiplied(number, product(powers)) if powers else number
        return inner if exponent == "1" else ("pow", inner, exponent)


def _short(power: float) -> Fraction:
    """Give the fraction that an exponent is next to, else the exponent."""
    short = Fraction(power).limit_denominator(_LARGEST_DENOMINATOR)
    return short if abs(short - power) < _SNAP else Fraction(power)


def _logarithm_of(link: Transform) -> Transform:
    return Transform(
        f"log({link.name})",
        lambda y: np.log(link.forward(y)),
        lambda q: link.inverse(np.exp(q)),
        lambda y: link.slope(y) / link.forward(y),
        lambda t: link.tree(("exp", t)),
    )


def _size(sign: float) -> Transform:
    return Transform(
        "|y|",
        lambda y: sign * y,
        lambda q: sign * q,
        lambda y: np.full_like(y, sign),
        lambda t: t if sign > 0 else ("neg", t),
    )


# What may be a product where the target is a share.
_OF_SHARES = (
    Transform(
        "1/y - 1",
        lambda y: 1 / y - 1,
        lambda q: 1 / (1 + q),
        lambda y: -1 / np.square(y),
        lambda t: ("inv", ("add", "1", t)),
    ),
    Transform(
        "-log(y)",
        lambda y: -np.log(y),
        lambda q: np.exp(-q),
        lambda y: -1 / y,
        lambda t: ("exp", ("neg", t)),
    ),
    Transform(
        "-log(1-y)",
        lambda y: -np.log1p(-y),
        lambda q: -np.expm1(-q),
        lambda y: 1 / (1 - y),
        lambda t: ("sub", "1", ("exp", ("neg", t))),
    ),
)


def _share_of(whole: Array, tree: Tree, inner: Transform) -> Transform:
    """Apply a transform to the target over what it is a share of."""
    return Transform(
        f"{inner.name} of a share",
        lambda y: inner.forward(y / whole[: len(y)]),
        lambda q: whole[: len(q)] * inner.inverse(q),
        lambda y: inner.slope(y / whole[: len(y)]) / whole[: len(y)],
        lambda t: multiplied(tree, inner.tree(t)),
    )


def products_to_columns(task: Task) -> Iterator[PowerProduct]:
    """Give the target's logarithm as a bilinear form, where there are rows enough.

    Parameters
    ----------
    task : Task
        What is to be explained, with columns in units of the data.
    """
    if np.all(task.y > 0) or np.all(task.y < 0):
        yield from _products(task, _size(float(np.sign(task.y[0]))))


def shares_to_columns(task: Task) -> Iterator[PowerProduct]:
    """Give the same for what is behind a share: of one, or of a positive column.

    Parameters
    ----------
    task : Task
        What is to be explained, with columns in units of the data.
    """
    # What the number 1 is, in units of the target.
    unit = 1.0 / abs(number_in(task.wrap("1")[0]))
    wholes = [(np.full(len(task.y), unit), snap(unit, True))]
    for x, leaf in zip(task.columns.values, task.columns.leaves, strict=True):
        wholes.append((unit * x, multiplied(snap(unit, True), leaf)))
    for whole, tree in wholes:
        if np.all(task.y > 0) and np.all(task.y < whole):
            for inner in _OF_SHARES:
                yield from _products(task, _share_of(whole, tree, inner))


def _products(task: Task, link: Transform) -> Iterator[PowerProduct]:
    y, columns = task.y, task.columns
    one = Terms.one(len(y))
    exponents = Terms.join(
        [one, Terms(columns.values, columns.leaves, np.ones(len(columns)))]
    )
    e = Terms(np.full((1, len(y)), np.e), [("exp", "1")], np.zeros(1))
    most = min(task.n_fit - SPARE_ROWS, _MOST_TERMS)
    for beside_one in (True, False):
        bases = Terms.join([e, _bases(columns, beside_one)])
        if len(bases) > 1 and len(exponents) * len(bases) <= most:
            yield PowerProduct(task, bases, exponents, link)
            return


def _bases(columns: Columns, beside_one: bool) -> Terms:
    """Give columns, and distances of columns from one, that are positive."""
    values: list[Array] = []
    trees: list[Tree] = []
    for x, leaf in zip(columns.values, columns.leaves, strict=True):
        options: list[tuple[Array, Tree]] = [(x, leaf)]
        if beside_one:
            options += [
                (1 + x, ("add", "1", leaf)),
                (1 - x, ("sub", "1", leaf)),
                (x - 1, ("sub", leaf, "1")),
            ]
        for base, tree in options:
            if np.all(base > 0):
                values.append(base)
                trees.append(tree)
    table = np.array(values).reshape(len(trees), columns.values.shape[1])
    return Terms(table, trees, np.ones(len(trees)))
