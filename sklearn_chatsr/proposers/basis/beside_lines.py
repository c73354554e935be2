"""Terms times lines, beside polynomials, for many terms at once.

What may be such a law is seen from what a regression leaves of the target: one for
each term, with it and its products with the columns, for all transforms of the target.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from sklearn_chatsr.expressions.expression import Tree
from sklearn_chatsr.proposers.basis.column_powers import FEW, means, powers
from sklearn_chatsr.proposers.basis.dense import SPARE_ROWS
from sklearn_chatsr.proposers.basis.formulations import Formulation, Quotient, Sum
from sklearn_chatsr.proposers.basis.monomials import polynomial
from sklearn_chatsr.proposers.basis.quotients import orthonormal_basis, pivots
from sklearn_chatsr.proposers.basis.task import Task
from sklearn_chatsr.proposers.basis.terms import Array, Columns, Terms
from sklearn_chatsr.proposers.basis.transforms import (
    TRANSFORMS,
    Transform,
    columns_over_target,
    target_times_columns,
)
from sklearn_chatsr.proposers.basis.trees import multiplied

LAW = 1e-9  # share of the length of a target that is left
_NEAR = 1e-13  # share of a square that is left, or is rounding


def powers_beside_lines(task: Task, j: int) -> Iterator[Formulation]:
    """Look for a power or a mean, times a line, beside a polynomial of low degree.

    Behind any transform of the target; or such a sum is over such a line.

    Parameters
    ----------
    task : Task
        What is to be explained, with columns in units of the data.
    j : int
        The column in the exponent.
    """
    columns, y, n = task.columns, task.y, task.n_fit
    terms = Terms.join([powers(columns, j), means(columns, j)]).usable()
    beside = polynomial(columns, 2 if len(columns) <= FEW else 1, n)
    line = line_in(columns)
    if not len(terms) or beside is None or len(beside) + 3 * len(line) > n - SPARE_ROWS:
        return
    added = terms.values[:, None, :n] * line.values[:, :n]
    base = orthonormal_basis(Terms.join([Terms.one(len(y)), beside]).values[:, :n])

    def with_term(others: Terms, k: int) -> Terms:
        return Terms.join([others, times(line, terms.values[k], terms.trees[k])])

    transforms = [
        *task.transforms,
        *columns_over_target(columns, only_mixed=False),
        *(t for t in target_times_columns(columns) if t.applies(y)),
    ]
    found = laws_among(transforms, y, base, added)
    for index, k in found:
        yield Sum(transforms[index], y, with_term(beside, k), n)
    if not found:
        for k, pivot in _quotients(y[:n], line, base, added):
            above, below = with_term(beside, k), with_term(line, k)
            yield Quotient(TRANSFORMS[0], y, above, below, pivot, n)


def laws_among(
    transforms: Sequence[Transform], y: Array, base: Array, added: Array
) -> list[tuple[int, int]]:
    """Find transforms of the target that sets of terms explain beside a base.

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
        Transforms, each with the first set that explains it.
    """
    targets = np.array([t.forward(y)[: len(base)] for t in transforms])
    usable, rest = left_beside(targets, base)
    directions = directions_beside(base, added)
    square = np.square(rest).sum(axis=1)
    told = np.square(rest @ directions).sum(axis=2)
    found: dict[int, int] = {}
    for k, place in np.argwhere(told >= (1.0 - _NEAR) * square):
        # Squares lose half of the digits: what passes is looked at once more.
        if usable[place] not in found:
            left = rest_of(rest[place], directions[k])
            if np.linalg.norm(left) < LAW:
                found[usable[place]] = int(k)
    return list(found.items())


def left_beside(targets: Array, base: Array) -> tuple[list[int], Array]:
    """Give which targets a base does not explain, and what it leaves of these.

    Parameters
    ----------
    targets : ndarray of shape (n_targets, n_rows)
        They need not be finite.
    base : ndarray of shape (n_rows, n_base)
        Orthonormal columns.

    Returns
    -------
    usable : list of int
        Positions of targets.
    rest : ndarray of shape (n_usable, n_rows)
        In units of the targets' lengths.
    """
    rest = rest_of(targets / np.linalg.norm(targets, axis=1, keepdims=True), base)
    # What is not finite is not above.
    usable = np.flatnonzero(np.linalg.norm(rest, axis=1) > LAW)
    return usable.tolist(), rest[usable]


def directions_beside(base: Array, added: Array) -> Array:
    """Give orthonormal columns for each set of terms, without what a base holds.

    Parameters
    ----------
    base : ndarray of shape (n_rows, n_base)
        Orthonormal columns.
    added : ndarray of shape (n_sets, n_terms, n_rows)
        Sets of terms.

    Returns
    -------
    ndarray of shape (n_sets, n_rows, n_terms)
    """
    size = np.maximum(np.linalg.norm(added, axis=2, keepdims=True), 1e-300)
    free = rest_of(added / size, base)
    directions: Array = np.linalg.qr(free.swapaxes(1, 2))[0]
    return directions


def rest_of(values: Array, basis: Array) -> Array:
    """Take out of rows what orthonormal columns explain."""
    for _ in range(2):  # since little is left
        values = values - (values @ basis) @ basis.swapaxes(-1, -2)
    return values


def line_in(columns: Columns) -> Terms:
    """Give 1 and the columns."""
    of_columns = Terms(columns.values, columns.leaves, np.ones(len(columns)))
    return Terms.join([Terms.one(columns.values.shape[1]), of_columns])


def times(terms: Terms, values: Array, tree: Tree) -> Terms:
    """Multiply terms by a quantity."""
    trees = [tree if t == "1" else multiplied(t, tree) for t in terms.trees]
    return Terms(terms.values * values, trees, terms.order + 1)


def _quotients(
    target: Array, line: Terms, base: Array, added: Array
) -> Iterator[tuple[int, int]]:
    """Give sets with which the target may be a quotient, and the divisor's pivot."""
    n, n_sets = len(target), len(added)
    directions = directions_beside(base, added)
    plain = np.broadcast_to(line.values[:, :n], (n_sets, len(line), n))
    below = np.concatenate([plain, added], axis=1)
    rest = below * target
    rest /= np.maximum(np.linalg.norm(rest, axis=2, keepdims=True), 1e-300)
    rest = rest_of(rest_of(rest, base), directions)
    eigenvalues = np.linalg.eigvalsh(rest @ rest.swapaxes(1, 2))
    for k in np.flatnonzero(eigenvalues[:, 0] <= _NEAR * eigenvalues[:, -1]):
        basis = np.concatenate([base, directions[k]], axis=1)
        for _, pivot in pivots(target[None], below[k], basis):
            yield int(k), pivot
