"""Products of powers whose exponents are columns: their logarithm is bilinear.

Bases are columns, their distances from one, and a sum of powers with one exponent.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from sklearn_chatsr.expressions.expression import Tree
from sklearn_chatsr.proposers.basis.beside_lines import laws_among, line_in
from sklearn_chatsr.proposers.basis.column_powers import bases_of, sums_of_powers
from sklearn_chatsr.proposers.basis.dense import SPARE_ROWS
from sklearn_chatsr.proposers.basis.formulations import Hit, Sum
from sklearn_chatsr.proposers.basis.quotients import orthonormal_basis
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
            # Powers that are all below the bar are a divisor.
            is_below = not row[0] and bool(np.all(row <= 0))
            part = self._power(-row if is_below else row, exponent, exact)
            if part != "1" and is_below:
                whole = ("inv", part) if whole == "1" else ("div", whole, part)
            elif part != "1":
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
    Transform(
        "1-y",
        lambda y: 1 - y,
        lambda q: 1 - q,
        lambda y: -np.ones_like(y),
        lambda t: ("sub", "1", t),
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


def _share_in(part: Array, tree: Tree, inner: Transform) -> Transform:
    """Apply a transform to what is a share of the target, over the target."""
    return Transform(
        f"{inner.name} of the share in",
        lambda y: inner.forward(part[: len(y)] / y),
        lambda q: part[: len(q)] / inner.inverse(q),
        lambda y: inner.slope(part[: len(y)] / y) * part[: len(y)] / np.square(y),
        lambda t: ("div", tree, inner.tree(t)),
    )


def products_to_columns(task: Task) -> Iterator[PowerProduct]:
    """Give the target's logarithm as a bilinear form, where there are rows enough.

    Parameters
    ----------
    task : Task
        What is to be explained, with columns in units of the data.
    """
    for link in _sizes(task):
        yield from _products(task, link)


def shares_to_columns(task: Task) -> Iterator[PowerProduct]:
    """Give the same for what is behind a share: of one, or of a positive column.

    Or for one or a column that is a share of the target.

    Parameters
    ----------
    task : Task
        What is to be explained, with columns in units of the data.
    """
    for link in _shares(task):
        yield from _products(task, link)


def products_with_sums(task: Task, j: int) -> Iterator[PowerProduct]:
    """Give the same with a sum of powers of one exponent as a base, where it is exact.

    Parameters
    ----------
    task : Task
        What is to be explained, with columns in units of the data.
    j : int
        The column that, or whose inverse, is the exponent in the sum.
    """
    n, columns = task.n_fit, task.columns
    inverse = Terms(1 / columns.values[[j]], [("inv", columns.leaves[j])], np.ones(1))
    exponents = Terms.join([line_in(columns), inverse])
    bases = _bases(columns, beside_one=True)
    sums = sums_of_powers(columns, j).usable()
    links = [*_sizes(task), *_shares(task)]
    most = min(n - SPARE_ROWS, _MOST_TERMS)
    if not (sums and links) or len(exponents) * (1 + len(bases)) > most:
        return
    at_fit = exponents.values[:, None, :n]
    known = (at_fit * np.log(bases.values[:, :n])).reshape(-1, n)
    added = at_fit * np.log(sums.values[:, :n])
    transforms = [_logarithm_of(link) for link in links]
    found = laws_among(
        transforms, task.y, orthonormal_basis(known), added.transpose(1, 0, 2)
    )
    for index, k in found:
        extended = Terms.join([bases, sums.take(np.array([k]))])
        yield PowerProduct(task, extended, exponents, links[index])


def _sizes(task: Task) -> list[Transform]:
    is_of_one_sign = bool(np.all(task.y > 0) or np.all(task.y < 0))
    return [_size(float(np.sign(task.y[0])))] if is_of_one_sign else []


def _shares(task: Task) -> Iterator[Transform]:
    # What the number 1 is, in units of the target.
    unit = 1.0 / abs(number_in(task.wrap("1")[0]))
    wholes = [(np.full(len(task.y), unit), snap(unit, True))]
    for x, leaf in zip(task.columns.values, task.columns.leaves, strict=True):
        wholes.append((unit * x, multiplied(snap(unit, True), leaf)))
    for whole, tree in wholes:
        if np.all(task.y > 0) and np.all(task.y < whole):
            yield from (_share_of(whole, tree, inner) for inner in _OF_SHARES)
        elif np.all(whole > 0) and np.all(task.y > whole):
            yield from (_share_in(whole, tree, inner) for inner in _OF_SHARES)


def _products(task: Task, link: Transform) -> Iterator[PowerProduct]:
    exponents = line_in(task.columns)
    most = min(task.n_fit - SPARE_ROWS, _MOST_TERMS)
    for beside_one in (True, False):
        bases = _bases(task.columns, beside_one)
        if len(bases) > 1 and len(exponents) * len(bases) <= most:
            yield PowerProduct(task, bases, exponents, link)
            return


def _bases(columns: Columns, beside_one: bool) -> Terms:
    """Give `e`, columns, and perhaps their distances from one."""
    e = Terms(np.full((1, columns.values.shape[1]), np.e), [("exp", "1")], np.zeros(1))
    return Terms.join([e, bases_of(columns, beside_one=beside_one)])
