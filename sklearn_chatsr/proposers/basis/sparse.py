"""Sums of a few terms out of thousands: exact where exchanges lead to the law.

Terms are products of powers and functions of the columns. They come one by one, each
the one that explains most beside the others, and after each every chosen term is put up
for exchange. That takes hundredths of a second for thousands of terms, where all sets
of four would take days, and what it comes to is the law or plainly not. Where it is
not, many more terms are chosen than a law has, without exchanges: if the right ones are
among them, the others are idle.

References
----------
Miller, A. (2002). Subset selection in regression. Chapman and Hall: replacing variables
two at a time, section 3.4.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.linalg import solve_triangular

from sklearn_chatsr.expressions.expression import Tree
from sklearn_chatsr.proposers.basis.dense import dense_hit
from sklearn_chatsr.proposers.basis.formulations import Formulation, Hit, Sum
from sklearn_chatsr.proposers.basis.task import Task
from sklearn_chatsr.proposers.basis.terms import Array, Terms, power
from sklearn_chatsr.proposers.basis.trees import multiplied

_MOST_TERMS, _MOST_CHOSEN, _MOST_EXCHANGED = 4000, 10, 8
_ROWS_PER_TERM = 6
_MOST_GROWN, _MOST_GROWN_FROM = 60, 1500
_INDEPENDENT = 1e-8  # share of a term that the others leave
_NOTHING = 1e-20  # share of the variance that rounding leaves
# What is left falls at least so much in a few steps, or the terms do not hold the law.
_PATIENCE, _FALLS = 4, 0.7
# Of the products the highest degrees, and how many functions and columns each may have:
# among more terms fewer laws are found.
_LIBRARIES = ((4, 1, 1), (2, 0, 2), (2, 1, 2), (3, 0, 3), (3, 1, 3), (4, 0, 4))
_POWERS = (*map(Fraction, (1, -1, 2, -2, 3, 4)), Fraction(1, 2))
_FUNCTIONS: tuple[tuple[str, Callable[[Array], Array]], ...] = (
    ("sin", np.sin),
    ("cos", np.cos),
    ("exp", np.exp),
    ("log", np.log),
    ("abs", np.abs),
)


class _Piece(NamedTuple):
    degree: int
    is_function: bool
    tree: Tree
    values: Array


def sparse_sums(
    task: Task, out_of_time: Callable[[], bool]
) -> Iterator[tuple[Formulation, Hit]]:
    """Give exact sums of up to ten products of powers and functions of the columns.

    Parameters
    ----------
    task : Task
        What is to be explained.
    out_of_time : callable
        Asked between targets.
    """
    n_fit = task.n_fit
    most = min(_MOST_CHOSEN, n_fit // _ROWS_PER_TERM)
    columns = task.columns
    pieces = [list(p) for p in map(_pieces, columns.leaves, columns.values)]
    for limits in _LIBRARIES:
        terms = _products(pieces, *limits, len(task.y))
        if terms is None:
            continue
        directions = _directions(terms.values[:, :n_fit])
        for transform in task.transforms:
            if out_of_time():
                return
            [target] = _directions(transform.forward(task.y[:n_fit])[None])
            if not target.any():
                continue
            chosen = _chosen(directions, target, most)
            if chosen is None:
                chosen = _grown(directions, target)
            if chosen is None:
                continue
            sums = Sum(transform, task.y, terms.take(chosen), n_fit)
            hit = dense_hit(sums)
            if hit is not None:
                yield sums, hit
                return


def _pieces(leaf: Tree, x: Array) -> Iterator[_Piece]:
    """Give what a column enters a product by."""
    for exponent in _POWERS:
        if exponent == Fraction(1, 2) and x.min() < 0:
            continue
        if exponent < 0 and np.any(x == 0):
            continue
        degree = max(1, abs(int(exponent)))
        yield _Piece(degree, False, power(leaf, exponent), x ** float(exponent))
    for name, function in _FUNCTIONS:
        # The absolute value of what is positive is no other term.
        if x.min() > 0 if name == "abs" else name == "log" and x.min() <= 0:
            continue
        yield _Piece(1, True, (name, leaf), function(x))
    yield _Piece(1, True, ("exp", ("neg", leaf)), np.exp(-x))
    if x.min() < 0 < x.max():
        # A square that has its column's sign: drag.
        yield _Piece(2, False, ("mul", leaf, ("abs", leaf)), x * np.abs(x))
    if x.min() > 0 and x.max() < 1:
        # A share, with what it leaves, and what both add to an entropy.
        rest: Tree = ("sub", "1", leaf)
        yield _Piece(1, False, rest, 1.0 - x)
        yield _Piece(2, False, ("sq", rest), np.square(1.0 - x))
        yield _Piece(2, False, ("mul", leaf, rest), x * (1.0 - x))
        yield _Piece(1, True, ("log", rest), np.log1p(-x))
        yield _Piece(2, True, ("mul", leaf, ("log", leaf)), x * np.log(x))
        yield _Piece(2, True, ("mul", rest, ("log", rest)), (1.0 - x) * np.log1p(-x))


def _products(
    pieces: list[list[_Piece]], degree: int, functions: int, columns: int, n_rows: int
) -> Terms | None:
    """Multiply pieces of different columns; None for too many products."""
    one = np.ones(n_rows)
    found: list[tuple[tuple[int, int, int], Tree, Array]] = [((0, 0, 0), "1", one)]
    for of_column in pieces:
        for (d, f, c), tree, values in found.copy():
            for piece in of_column:
                count = d + piece.degree, f + piece.is_function, c + 1
                if count[0] > degree or count[1] > functions or count[2] > columns:
                    continue
                product = multiplied(tree, piece.tree), values * piece.values
                found.append((count, *product))
        if len(found) > _MOST_TERMS:
            return None
    if len(found) == 1:
        return None
    values = np.array([v for *_, v in found[1:]])
    trees = [tree for _, tree, _ in found[1:]]
    return Terms(values, trees, np.arange(float(len(trees))))


def _directions(values: Array) -> Array:
    """Give terms less their means, of length one; zero where they are not finite."""
    centred = values - values.mean(axis=1, keepdims=True)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    usable = np.isfinite(length) & (
        length > 1e-12 * np.linalg.norm(values, axis=1)[:, None]
    )
    return np.where(usable, centred / np.where(usable, length, 1.0), 0.0)


def _chosen(directions: Array, target: Array, most: int) -> npt.NDArray[np.intp] | None:
    """Choose terms until nothing is left; None if something always is."""
    span = _Span.of(directions, target, [])
    course = [1.0]
    for _ in range(most):
        term, left = span.next_one()
        if term is None:
            return None
        span = _Span.of(directions, target, [*span.chosen, term])
        for _ in range(_MOST_EXCHANGED):
            chosen, without = span.exchanged()
            if without >= 0.999 * left:
                break
            left = without
            span = _Span.of(directions, target, chosen)
        if left <= _NOTHING:
            return np.array(span.chosen)
        course.append(left)
        if len(course) > _PATIENCE and left > _FALLS * course[-1 - _PATIENCE]:
            return None
    return None


class _Span(NamedTuple):
    """What some terms span, and what of the others and of the target they leave.

    Attributes
    ----------
    chosen : list of int
        The terms.
    residual : ndarray of shape (n_rows,)
        Of the target.
    gains : ndarray of shape (n_terms,)
        Product of the residual with every term.
    free : ndarray of shape (n_terms,)
        Share of every term that is not in the span.
    own : ndarray of shape (n_chosen,)
        Part of the target along what only one of the chosen terms spans.
    along : ndarray of shape (n_terms, n_chosen)
        The same of every term.
    """

    chosen: list[int]
    residual: Array
    gains: Array
    free: Array
    own: Array
    along: Array

    @classmethod
    def of(cls, directions: Array, target: Array, chosen: list[int]) -> _Span:
        """Orthogonalise the terms."""
        if not chosen:
            none = np.empty((len(directions), 0))
            free = np.ones(len(directions))
            return cls([], target, directions @ target, free, none[0], none)
        basis, triangle = np.linalg.qr(directions[chosen].T)
        residual, inside = target, np.zeros(len(chosen))
        for _ in range(2):  # since little is left
            part = basis.T @ residual
            residual, inside = residual - basis @ part, inside + part
        of_terms = directions @ basis
        free = 1.0 - np.square(of_terms).sum(axis=1)
        only = solve_triangular(triangle, np.eye(len(chosen)), trans="T")
        only /= np.linalg.norm(only, axis=0)
        gains = directions @ residual
        return cls(chosen, residual, gains, free, inside @ only, of_terms @ only)

    def next_one(self) -> tuple[int | None, float]:
        """Give the term that explains most beside them, if any, and what it leaves."""
        gain = _gain(self.gains, self.free)
        gain[self.chosen] = 0.0
        best = int(np.argmax(gain))
        if gain[best] == 0.0:
            return None, 1.0
        return best, max(float(self.residual @ self.residual) - float(gain[best]), 0.0)

    def exchanged(self) -> tuple[list[int], float]:
        """Give the terms with the best one for one of them, and what those leave."""
        gains = self.gains[:, None] + self.along * self.own
        gain = _gain(gains, self.free[:, None] + np.square(self.along))
        gain[self.chosen] = np.diag(np.diag(gain[self.chosen]))
        without = float(self.residual @ self.residual) + np.square(self.own) - gain
        term, k = np.unravel_index(np.argmin(without), without.shape)
        chosen = [*self.chosen[:k], *self.chosen[k + 1 :], int(term)]
        return chosen, max(float(without[term, k]), 0.0)


def _gain(products: Array, free: Array) -> Array:
    """Give the share of the target that each term explains beside others."""
    shares = np.square(products) / np.maximum(free, _INDEPENDENT)
    return np.where(free > _INDEPENDENT, shares, 0.0)


def _grown(directions: Array, target: Array) -> npt.NDArray[np.intp] | None:
    """Choose many more terms than a law has, which may be among them; None if not.

    The wrong ones are idle then, and are dropped later.
    """
    n_terms, n_rows = directions.shape
    if n_terms > _MOST_GROWN_FROM:
        return None
    residual, free = target, np.ones(n_terms)
    basis = np.empty((min(_MOST_GROWN, n_rows // 2), n_rows))
    chosen: list[int] = []
    for k in range(len(basis)):
        gain = _gain(directions @ residual, free)
        gain[chosen] = 0.0
        chosen.append(int(np.argmax(gain)))
        if gain[chosen[-1]] == 0.0:
            return None
        direction = directions[chosen[-1]]
        for _ in range(2):  # since little is left
            direction = direction - (basis[:k] @ direction) @ basis[:k]
        basis[k] = direction / np.linalg.norm(direction)
        free -= np.square(directions @ basis[k])
        residual = residual - (residual @ basis[k]) * basis[k]
        if residual @ residual <= _NOTHING:
            return np.array(chosen)
    return None
