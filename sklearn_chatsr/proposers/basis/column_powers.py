"""Powers whose exponent is a column, and means whose order is one, as terms.

``x1^x2`` and ``(x1^x2 + x3^x2)^(1/x2)`` hold no unknown number. Beside a line in the
columns, and times such a line, few of them are tried for every column in an exponent:
all at once, for what may be behind any transform of the target.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np

from sklearn_chatsr.expressions.expression import Tree
from sklearn_chatsr.proposers.basis.dense import SPARE_ROWS
from sklearn_chatsr.proposers.basis.formulations import Formulation, Quotient, Sum
from sklearn_chatsr.proposers.basis.monomials import polynomial
from sklearn_chatsr.proposers.basis.quotients import orthonormal_basis, pivots
from sklearn_chatsr.proposers.basis.task import Task
from sklearn_chatsr.proposers.basis.terms import Array, Columns, Terms
from sklearn_chatsr.proposers.basis.transforms import (
    Transform,
    columns_over_target,
    target_times_columns,
)
from sklearn_chatsr.proposers.basis.trees import multiplied

_LARGEST = 60.0  # size of a logarithm of a power
_FEW = 3  # columns up to which squares are beside the powers
_LAW = 1e-9  # share of the length of a target that is left
_NEAR = 1e-13  # share of what is left of its square, before rounding counts
_BEHIND_QUOTIENTS = ("y", "log(y)")


def bases_of(columns: Columns, *, beside_one: bool) -> Terms:
    """Give columns, and distances of columns from one, that are positive.

    Parameters
    ----------
    columns : Columns
        In units of the data.
    beside_one : bool
        Whether there are distances from one.
    """
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
    return _terms(values, trees, columns.values.shape[1])


def sums_of_powers(
    columns: Columns, j: int, *, both_signs: bool = True
) -> Iterator[tuple[Terms, Array, Tree]]:
    """Give positive sums of powers with the same exponent, a column or its inverse.

    Summands are powers of columns, 1, and what a share lacks of 1.

    Parameters
    ----------
    columns : Columns
        In units of the data.
    j : int
        The column in the exponent.
    both_signs : bool, default=True
        Whether there are exponents with a minus as well.

    Yields
    ------
    sums : Terms
        Sums of two or three powers, and positive differences of two.
    exponent : ndarray of shape (n_rows,)
        The exponent of the powers.
    tree : tree
        What it is.
    """
    bases = _whole_and_rest(columns, j)
    one = Terms.one(columns.values.shape[1])
    for exponent, tree in _exponents(columns, j, both_signs):
        powers = Terms.join([one, _raised(bases, exponent, tree)])
        values: list[Array] = []
        trees: list[Tree] = []
        for i, k in combinations(range(len(powers)), 2):
            (p, a), (q, b) = (
                (powers.values[place], powers.trees[place]) for place in (i, k)
            )
            values.append(p + q)
            trees.append(("add", a, b))
            for difference, sub in ((p - q, (a, b)), (q - p, (b, a))):
                if np.all(difference > 0):
                    values.append(difference)
                    trees.append(("sub", *sub))
        for chosen in combinations(range(len(powers)), 3):
            a, b, c = (powers.trees[place] for place in chosen)
            values.append(powers.values[list(chosen)].sum(axis=0))
            trees.append(("add", ("add", a, b), c))
        yield _terms(values, trees, columns.values.shape[1]), exponent, tree


def laws_beside_lines(task: Task, j: int) -> Iterator[Formulation]:
    """Look for a power or a mean times a line, beside a polynomial of low degree.

    Behind any transform of the target, and in a quotient over a line.

    Parameters
    ----------
    task : Task
        What is to be explained, with columns in units of the data.
    j : int
        The column in the exponent.
    """
    columns, y, n = task.columns, task.y, task.n_fit
    if not np.all(columns.values[j]):
        return
    terms = Terms.join([_powers(columns, j), _means(columns, j)]).usable()
    beside = polynomial(columns, 2 if len(columns) <= _FEW else 1, n)
    line = _line(columns)
    if not len(terms) or beside is None:
        return
    if len(beside) + 3 * len(line) > n - SPARE_ROWS:
        return
    # What a term adds: it times 1, and times each column.
    added = terms.values[:, None, :n] * line.values[:, :n]
    base = orthonormal_basis(Terms.join([Terms.one(len(y)), beside]).values[:, :n])

    def times_line(k: int) -> Terms:
        return _times(line, terms.values[k], terms.trees[k])

    transforms = [
        *task.transforms,
        *columns_over_target(columns, only_mixed=False),
        *(t for t in target_times_columns(columns) if t.applies(y)),
    ]
    is_found = False
    for index, k in laws_among(transforms, y, base, added):
        is_found = True
        both = Terms.join([beside, times_line(k)])
        yield Sum(transforms[index], y, both, n)
    if is_found:
        return
    for transform in task.transforms:
        if transform.name in _BEHIND_QUOTIENTS:
            for k, pivot in _quotients(transform.forward(y)[:n], line, base, added):
                above = Terms.join([beside, times_line(k)])
                below = Terms.join([line, times_line(k)])
                yield Quotient(transform, y, above, below, pivot, n)


def laws_among(
    transforms: Sequence[Transform], y: Array, base: Array, added: Array
) -> list[tuple[int, int]]:
    """Find transforms of the target that some terms explain, all sets of terms at once.

    Parameters
    ----------
    transforms : sequence of Transform
        What is explained.
    y : ndarray of shape (n_rows,)
        The target.
    base : ndarray of shape (n_fit, n_base)
        Orthonormal columns that are in every fit; what they explain is no find.
    added : ndarray of shape (n_sets, n_terms, n_fit)
        Sets of terms.

    Returns
    -------
    list of (int, int)
        Transforms, and the first set that explains them.
    """
    n = len(base)
    targets = np.array([t.forward(y)[:n] for t in transforms])
    length = np.linalg.norm(targets, axis=1, keepdims=True)
    rest = _rest(targets / length, base)
    left = np.linalg.norm(rest, axis=1)
    usable = np.flatnonzero(np.isfinite(left) & (left > _LAW))
    directions = _directions(base, added)
    told = np.square(rest[usable] @ directions).sum(axis=2)
    near = told >= (1.0 - _NEAR) * np.square(left[usable])
    found: dict[int, int] = {}
    for k, place in np.argwhere(near):
        index = int(usable[place])
        # Squares lose half of the digits: what passes is looked at once more.
        if index not in found:
            last = _rest(rest[index][None], directions[k])
            if np.linalg.norm(last) < _LAW:
                found[index] = int(k)
    return list(found.items())


def _quotients(
    target: Array, line: Terms, base: Array, added: Array
) -> Iterator[tuple[int, int]]:
    """Give terms with which the target may be a quotient, and its divisor's largest."""
    n = len(target)
    directions = _directions(base, added)
    below = np.concatenate(
        [np.broadcast_to(line.values[:, :n], (len(added), len(line), n)), added], axis=1
    )
    rest = below * target
    rest /= np.maximum(np.linalg.norm(rest, axis=2, keepdims=True), 1e-300)
    for _ in range(2):
        rest = rest - (rest @ base) @ base.T
        rest = rest - (rest @ directions) @ directions.transpose(0, 2, 1)
    eigenvalues = np.linalg.eigvalsh(rest @ rest.transpose(0, 2, 1))
    for k in np.flatnonzero(eigenvalues[:, 0] <= _NEAR * eigenvalues[:, -1]):
        basis = np.concatenate([base, directions[k]], axis=1)
        for _, pivot in pivots(target[None], below[k], basis):
            yield int(k), pivot


def _directions(base: Array, added: Array) -> Array:
    """Give orthonormal columns for sets of terms beside a base, one set behind another.

    Returns
    -------
    ndarray of shape (n_sets, n_rows, n_terms)
    """
    size = np.maximum(np.linalg.norm(added, axis=2, keepdims=True), 1e-300)
    free = _rest(added / size, base)
    directions: Array = np.linalg.qr(free.transpose(0, 2, 1))[0]
    return directions


def _rest(values: Array, basis: Array) -> Array:
    for _ in range(2):  # since little is left
        values = values - (values @ basis) @ basis.T
    return values


def _line(columns: Columns) -> Terms:
    one = Terms.one(columns.values.shape[1])
    return Terms.join(
        [one, Terms(columns.values, columns.leaves, np.ones(len(columns)))]
    )


def _times(terms: Terms, values: Array, tree: Tree) -> Terms:
    trees = [multiplied(t, tree) if t != "1" else tree for t in terms.trees]
    return Terms(terms.values * values, trees, terms.order + 1)


def _powers(columns: Columns, j: int) -> Terms:
    """Give powers of other columns, and of their distances from one."""
    others = columns.keep([i for i in range(len(columns)) if i != j])
    bases = bases_of(others, beside_one=True)
    found = [_raised(bases, *e) for e in _exponents(columns, j, both_signs=True)]
    return Terms.join([_terms([], [], columns.values.shape[1]), *found])


def _means(columns: Columns, j: int) -> Terms:
    """Give means whose order is a column, its inverse, or less these; and inverses."""
    found = [_terms([], [], columns.values.shape[1])]
    for sums, exponent, tree in sums_of_powers(columns, j):
        found.append(_raised(sums, 1 / exponent, _inverse(tree)))
        found.append(_raised(sums, -1 / exponent, _negative(_inverse(tree))))
    return Terms.join(found)


def _whole_and_rest(columns: Columns, j: int) -> Terms:
    """Give the other positive columns, and what those below 1 lack of it."""
    values: list[Array] = []
    trees: list[Tree] = []
    for i, (x, leaf) in enumerate(zip(columns.values, columns.leaves, strict=True)):
        if i != j and columns.positive[i]:
            values.append(x)
            trees.append(leaf)
            if np.all(x < 1):
                values.append(1 - x)
                trees.append(("sub", "1", leaf))
    return _terms(values, trees, columns.values.shape[1])


def _exponents(
    columns: Columns, j: int, both_signs: bool
) -> Iterator[tuple[Array, Tree]]:
    """Give a column and its inverse, also with a minus."""
    x, leaf = columns.values[j], columns.leaves[j]
    for exponent, tree in ((x, leaf), (1 / x, ("inv", leaf))):
        yield exponent, tree
        if both_signs:
            yield -exponent, ("neg", tree)


def _inverse(tree: Tree) -> Tree:
    if isinstance(tree, tuple) and tree[0] == "neg":
        return ("neg", _inverse(tree[1]))
    return tree[1] if isinstance(tree, tuple) and tree[0] == "inv" else ("inv", tree)


def _negative(tree: Tree) -> Tree:
    return tree[1] if isinstance(tree, tuple) and tree[0] == "neg" else ("neg", tree)


def _raised(bases: Terms, exponent: Array, tree: Tree) -> Terms:
    """Raise terms to a power where that is of tolerable size."""
    logs = exponent * np.log(bases.values)
    keep = np.flatnonzero(np.abs(logs).max(axis=1, initial=0.0) < _LARGEST)
    trees: list[Tree] = [("pow", bases.trees[i], tree) for i in keep]
    return Terms(np.exp(logs[keep]), trees, bases.order[keep] + 1)


def _terms(values: list[Array], trees: list[Tree], n_rows: int) -> Terms:
    table = np.array(values).reshape(len(trees), n_rows)
    return Terms(table, trees, np.ones(len(trees)))
