"""Regressions on all terms at once: exact where the terms hold the law."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import combinations, permutations

import numpy as np

from sklearn_chatsr.expressions import OPERATORS
from sklearn_chatsr.expressions.expression import Tree
from sklearn_chatsr.proposers.basis.formulations import Formulation, Hit, Root, Sum
from sklearn_chatsr.proposers.basis.monomials import laurent, polynomial
from sklearn_chatsr.proposers.basis.pursuit import dense_fit
from sklearn_chatsr.proposers.basis.task import EXACT, Task
from sklearn_chatsr.proposers.basis.terms import Array, Columns, Terms, power
from sklearn_chatsr.proposers.basis.transforms import (
    Transform,
    target_times_columns,
)

# An exact fit of all terms at once that these rows confirm is no coincidence.
SPARE_ROWS = 4
_MOST_DENSE, _MOST_DIVIDED = 300, 60
# Operators that are applied to a column, one after the other.
FUNCTIONS = (
    (("cos",), ("sin",)),
    (("exp",),),
    (("neg", "exp"),),
    (("log",),),
    (("sqrt",),),
)
# Powers of which all products are taken.
_LAURENT = ((1, -1), (1, -1, 2), (1, -1, 2, -2))
_PAIRED_BY = ("sub", "mul", "div", "add")
_FEW, _MOST_PAIRED = 4, 6  # columns


def dense_fits(
    task: Task, transforms: Sequence[Transform]
) -> Iterator[tuple[Formulation, Hit]]:
    """Polynomials with all their terms at once.

    And polynomials of low degree that may hold logarithms as well, such of which some
    terms are divided by columns, and such with functions of one column.
    """
    room = task.n_fit - SPARE_ROWS
    logarithms = task.columns.with_logarithms()
    if len(logarithms) > len(task.columns):
        for degree in (1, 2):
            terms = polynomial(logarithms, degree, min(room, _MOST_DENSE))
            if terms is None:
                break
            yield from _dense_sums(task, terms, transforms)
    for degree in range(2, 11):
        terms = polynomial(task.columns, degree, min(room, _MOST_DENSE))
        if terms is None:
            break
        if not np.isfinite(terms.values).all():
            break
        yield from _dense_sums(task, terms, transforms)
    divided = [t for t in target_times_columns(task.columns) if t.applies(task.y)]
    for degree in range(2, 6):
        terms = polynomial(task.columns, degree, min(room, _MOST_DIVIDED))
        if terms is None or not np.isfinite(terms.values).all():
            break
        yield from _dense_sums(task, terms, divided)
    for exponents in _LAURENT:
        terms = laurent(task.columns, exponents, min(room, _MOST_DENSE))
        if terms is None or not np.isfinite(terms.values).all():
            break
        yield from _dense_sums(task, terms, transforms)
    for leaf, column in zip(task.columns.leaves, task.columns.values, strict=True):
        yield from _with_functions(task, transforms, leaf, column)


def dense_fits_of_pairs(
    task: Task, transforms: Sequence[Transform], out_of_time: Callable[[], bool]
) -> Iterator[tuple[Formulation, Hit]]:
    """Polynomials that may hold functions of a sum, product or quotient of columns."""
    if len(task.columns) > _MOST_PAIRED:
        return
    highest = 3 if len(task.columns) <= _FEW else 2
    for leaf, values in pairs_of(task.columns):
        if out_of_time():
            return
        yield from _with_functions(task, transforms, leaf, values, highest)


def pairs_of(columns: Columns) -> Iterator[tuple[Tree, Array]]:
    """Give differences, products, quotients and sums of two columns, with values."""
    both = list(zip(columns.leaves, columns.values, strict=True))
    for name in _PAIRED_BY:
        ways = combinations if OPERATORS[name].commutative else permutations
        for (a, u), (b, v) in ways(both, 2):
            with np.errstate(all="ignore"):
                values = OPERATORS[name].numpy(u, v)
            yield (name, a, b), values


def _with_functions(
    task: Task,
    transforms: Sequence[Transform],
    leaf: Tree,
    value: Array,
    highest: int = 3,
) -> Iterator[tuple[Formulation, Hit]]:
    """Polynomials of the columns and of functions of one quantity."""
    room = min(task.n_fit - SPARE_ROWS, _MOST_DENSE)
    for functions in FUNCTIONS:
        extended = task.columns.with_functions(leaf, value, functions)
        terms = polynomial(extended, highest, room) or polynomial(extended, 2, room)
        if terms is not None and np.isfinite(terms.values).all():
            yield from _dense_sums(task, terms, transforms)


def dense_roots(task: Task) -> Iterator[tuple[Formulation, Hit]]:
    """Roots of a quadratic equation with polynomials as its coefficients.

    That of the square is one, or a column or its square where no such equation holds.
    """
    columns = task.columns
    leading: list[tuple[Tree, Array]] = [("1", np.ones_like(task.y))]
    for exponent in (1, 2):
        trees = [power(leaf, Fraction(exponent)) for leaf in columns.leaves]
        leading += zip(trees, columns.values**exponent, strict=True)
    for leaf, values in leading:
        if np.all(values != 0):
            roots = list(_dense_roots_over(task, leaf, values))
            yield from roots
            if roots:
                return


def dense_roots_with_functions(
    task: Task, out_of_time: Callable[[], bool]
) -> Iterator[tuple[Formulation, Hit]]:
    """Roots of quadratic equations that may hold functions of one column."""
    one = np.ones_like(task.y)
    for leaf, column in zip(task.columns.leaves, task.columns.values, strict=True):
        for functions in FUNCTIONS:
            if out_of_time():
                return
            extended = task.columns.with_functions(leaf, column, functions)
            if np.isfinite(extended.values).all():
                wider = replace(task, columns=extended)
                yield from _dense_roots_over(wider, "1", one)


def _dense_roots_over(
    task: Task, leaf: Tree, leading: Array
) -> Iterator[tuple[Formulation, Hit]]:
    room = min(task.n_fit - SPARE_ROWS, _MOST_DIVIDED)
    for degree in (2, 3, 4):
        free = polynomial(task.columns, degree, room)
        if free is None:
            break
        linear = polynomial(task.columns, degree - 1, room)
        if linear is None or len(free) + len(linear) + 2 > room:
            break
        if leaf != "1":
            free, linear = (_over(terms, leaf, leading) for terms in (free, linear))
        if not (np.isfinite(free.values).all() and np.isfinite(linear.values).all()):
            break
        root = Root(task.y, free, linear, task.n_fit)
        hit = dense_hit(root)
        if hit is not None:
            yield root, hit


def _over(terms: Terms, leaf: Tree, divisor: Array) -> Terms:
    """Divide terms, and one, by a column that is a term; what is left of it is one."""
    terms = Terms.join([Terms.one(len(divisor)), terms])
    terms = terms.take(np.array([i for i, t in enumerate(terms.trees) if t != leaf]))
    trees: list[Tree] = [("div", tree, leaf) for tree in terms.trees]
    return Terms(terms.values / divisor, trees, terms.order)


def _dense_sums(
    task: Task, terms: Terms, transforms: Sequence[Transform]
) -> Iterator[tuple[Formulation, Hit]]:
    sums = [Sum(t, task.y, terms, task.n_fit) for t in transforms]
    for formulation in _predicted(sums):
        hit = dense_hit(formulation)
        if hit is not None:
            yield formulation, hit


def _predicted(sums: Sequence[Sum]) -> list[Sum]:
    """Choose targets that a regression on all terms, the same for all, predicts."""
    if not sums:
        return []
    n_fit = sums[0].n_fit
    design = np.concatenate([sums[0].base, sums[0].terms.values.T], axis=1)
    targets = np.array([s.target for s in sums]).T
    if not (np.isfinite(design).all() and np.isfinite(targets).all()):
        return list(sums)
    design = design / np.maximum(np.abs(design[:n_fit]).max(axis=0), 1e-300)
    targets = targets / np.maximum(np.abs(targets).max(axis=0), 1e-300)
    fit = np.linalg.lstsq(design[:n_fit], targets[:n_fit], rcond=1e-13)[0]
    left = np.square(targets[n_fit:] - design[n_fit:] @ fit).mean(axis=0)
    near = left <= EXACT * (np.var(targets[n_fit:], axis=0) + 1e-300)
    return [s for s, is_near in zip(sums, near, strict=True) if is_near]


def dense_hit(formulation: Formulation) -> Hit | None:
    """Fit all terms at once and drop the idle ones; None where that is not exact."""
    design = np.concatenate([formulation.base, formulation.terms.values.T], axis=1)
    kept = dense_fit(design, formulation.target, formulation.n_fit, EXACT)
    if kept is None:
        return None
    n_base = formulation.base.shape[1]
    chosen = kept[kept >= n_base] - n_base
    hits = formulation.fit(chosen[None])
    return hits[0] if hits and hits[0].fvu < 1e-12 else None
