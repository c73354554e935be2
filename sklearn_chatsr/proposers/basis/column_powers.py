"""Powers whose exponent is a column, sums of them and means whose order is a column.

None of them holds an unknown number: few are tried for every column in an exponent.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np

from sklearn_chatsr.expressions.expression import Tree
from sklearn_chatsr.proposers.basis.terms import Array, Columns, Terms

LARGEST = 60.0  # size of a logarithm of a power
FEW = 3  # columns up to which sums may have three summands


def bases_of(columns: Columns, *, beside_one: bool) -> Terms:
    """Give columns, and distances of columns from one, that are positive.

    Parameters
    ----------
    columns : Columns
        In units of the data.
    beside_one : bool
        Whether there are distances from one.
    """
    found: list[tuple[Array, Tree]] = []
    for x, leaf in zip(columns.values, columns.leaves, strict=True):
        found.append((x, leaf))
        if beside_one:
            found += [
                (1 + x, ("add", "1", leaf)),
                (1 - x, ("sub", "1", leaf)),
                (x - 1, ("sub", leaf, "1")),
            ]
    return _positive(found, columns)


def exponents_in(
    columns: Columns, j: int, *, both_signs: bool
) -> Iterator[tuple[Array, Tree]]:
    """Give column j and its inverse as exponents, perhaps also with a minus."""
    x, leaf = columns.values[j], columns.leaves[j]
    if np.all(x != 0):
        for exponent, tree in ((x, leaf), (1 / x, inverse(leaf))):
            yield exponent, tree
            if both_signs:
                yield -exponent, ("neg", tree)


def inverse(tree: Tree) -> Tree:
    """Write one over a tree; of an inverse that is what is inverted."""
    return tree[1] if isinstance(tree, tuple) and tree[0] == "inv" else ("inv", tree)


def powers(columns: Columns, j: int) -> Terms:
    """Give powers of the other columns, and of their distances from one.

    Parameters
    ----------
    columns : Columns
        In units of the data.
    j : int
        The column that is the exponent, or one over it, or less these.
    """
    others = columns.keep([i for i in range(len(columns)) if i != j])
    bases = bases_of(others, beside_one=True)
    exponents = exponents_in(columns, j, both_signs=True)
    return _joined([_raised(bases, *exponent) for exponent in exponents], columns)


def means(columns: Columns, j: int) -> Terms:
    """Give means of other columns and 1, and their inverses.

    Parameters
    ----------
    columns : Columns
        In units of the data.
    j : int
        The column that is the order of the means, or one over it, or less these.
    """
    found, summands = [], _summands(columns, j)
    for exponent, tree in exponents_in(columns, j, both_signs=False):
        for sign in (1.0, -1.0):
            power: Tree = tree if sign > 0 else ("neg", tree)
            sums = _sums(_raised(summands, sign * exponent, power), columns)
            found.append(_raised(sums, 1 / exponent, inverse(tree)))
            found.append(_raised(sums, -1 / exponent, ("neg", inverse(tree))))
    return _joined(found, columns)


def sums_of_powers(columns: Columns, j: int) -> Terms:
    """Give positive sums of powers with the same exponent, a column or its inverse.

    Parameters
    ----------
    columns : Columns
        In units of the data.
    j : int
        The column.

    Returns
    -------
    Terms
        Sums of two powers, of few columns also of three, and differences. One of the
        powers may be 1.
    """
    bases = _summands(columns, j)
    exponents = exponents_in(columns, j, both_signs=False)
    found = [_sums(_raised(bases, *exponent), columns) for exponent in exponents]
    return _joined(found, columns)


def _summands(columns: Columns, j: int) -> Terms:
    """Give the other positive columns, and of few columns what shares lack of 1."""
    found: list[tuple[Array, Tree]] = []
    for i, (x, leaf) in enumerate(zip(columns.values, columns.leaves, strict=True)):
        if i != j and columns.positive[i]:
            found.append((x, leaf))
            if len(columns) <= FEW:
                found.append((1 - x, ("sub", "1", leaf)))
    return _positive(found, columns)


def _sums(summands: Terms, columns: Columns) -> Terms:
    summands = _joined([Terms.one(columns.values.shape[1]), summands], columns)
    listed = list(zip(summands.values, summands.trees, strict=True))
    found: list[tuple[Array, Tree]] = []
    for (p, a), (q, b) in combinations(listed, 2):
        found.append((p + q, ("add", a, b)))
        found += [(p - q, ("sub", a, b)), (q - p, ("sub", b, a))]
    if len(columns) <= FEW:
        for (p, a), (q, b), (r, c) in combinations(listed, 3):
            found.append((p + q + r, ("add", ("add", a, b), c)))
    return _positive(found, columns)


def _raised(bases: Terms, exponent: Array, tree: Tree) -> Terms:
    """Raise terms to a power where that is of tolerable size."""
    logs = exponent * np.log(bases.values)
    keep = np.flatnonzero(np.abs(logs).max(axis=1, initial=0.0) < LARGEST)
    trees: list[Tree] = [("pow", bases.trees[i], tree) for i in keep]
    return Terms(np.exp(logs[keep]), trees, bases.order[keep] + 1)


def _positive(listed: Sequence[tuple[Array, Tree]], columns: Columns) -> Terms:
    found = [(values, tree) for values, tree in listed if np.all(values > 0)]
    table = np.array([values for values, _ in found])
    trees = [tree for _, tree in found]
    shape = len(found), columns.values.shape[1]
    return Terms(table.reshape(shape), trees, np.ones(len(found)))


def _joined(parts: Sequence[Terms], columns: Columns) -> Terms:
    return Terms.join([_positive([], columns), *parts])
