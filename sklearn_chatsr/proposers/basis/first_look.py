"""A first look: polynomials, and few terms of a small library; and two more."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from sklearn_chatsr.expressions.expression import Tree
from sklearn_chatsr.proposers.basis.boxes import (
    quotients_in_boxes,
    quotients_of_roots_in_boxes,
)
from sklearn_chatsr.proposers.basis.combinations import (
    Found,
    fitted_pairs,
    fitted_singles,
    fitted_triples,
)
from sklearn_chatsr.proposers.basis.dense import (
    dense_fits,
    dense_fits_of_pairs,
    dense_roots,
    dense_roots_with_functions,
)
from sklearn_chatsr.proposers.basis.formulations import Sum
from sklearn_chatsr.proposers.basis.grown_powers import grown_sums_of_powers
from sklearn_chatsr.proposers.basis.library import Caps
from sklearn_chatsr.proposers.basis.log_products import products_with_logarithms
from sklearn_chatsr.proposers.basis.pairs import best_pairs
from sklearn_chatsr.proposers.basis.products import Product
from sklearn_chatsr.proposers.basis.quotients import (
    dense_quotients,
    dense_quotients_with_functions,
    quotients_with_a_wave,
)
from sklearn_chatsr.proposers.basis.sparse import sparse_sums
from sklearn_chatsr.proposers.basis.task import Task, is_exact, written
from sklearn_chatsr.proposers.basis.terms import Columns, Terms
from sklearn_chatsr.proposers.basis.transforms import Transform, reflections
from sklearn_chatsr.proposers.basis.two_products import sums_of_two_products
from sklearn_chatsr.proposers.basis.waves import waves

SMALL = Caps(
    monomials=200,
    sums=30,
    arguments=40,
    curves=200,
    products=200,
    ratios=60,
    factors=200,
)
_MOST_TERMS, _N_SINGLES, _N_PAIRS = 1500, 20, 40
_IN_TRIPLES, _N_TRIPLES, _N_TRANSFORMS = 400, 30, 3
_N_WRITTEN, _FEW_TERMS = 12, 8
_FEW_COLUMNS, _LONG_LEG = 4, 0.25
_ABOVE_PRODUCTS = ("log(y)", "log(1-y)")


def first_look(
    task: Task, wide: Task | None, out_of_time: Callable[[], bool]
) -> list[Tree]:
    """Give the best formulas that a small part of the search comes to.

    Most short laws are among them, for a fraction of the time.

    Parameters
    ----------
    task : Task
        What is to be explained.
    wide : Task or None
        The same with more rows, for polynomials of many terms.
    out_of_time : callable
        Asked between blocks of work.
    """
    task = replace(task, caps=SMALL, n_candidates=min(task.n_candidates, _N_WRITTEN))
    transforms = task.transforms
    found = list(dense_fits(task, transforms))
    if wide is not None and not found:
        found = list(dense_fits(wide, transforms[:1]))
        if found:
            return written(wide, found)
    if not found:
        found = list(dense_quotients(task, transforms))
    # A quotient of many terms may be an approximation.
    if all(len(hit.chosen) > _FEW_TERMS for _, hit in found):
        found += quotients_in_boxes(task, out_of_time)
        found += dense_roots(task)
    library = task.library
    running = waves(task.columns, task.y, task.n_fit, out_of_time)
    addends = Terms.join([running, library.addends])
    sums = [Sum(t, task.y, addends, task.n_fit) for t in transforms]
    prepared = sums[0].candidates(_MOST_TERMS, sums[1:])
    found += fitted_singles(sums, prepared, _N_SINGLES)
    two = fitted_pairs(sums, prepared, _N_PAIRS, out_of_time)
    found += [(sums[t], hit) for t, _, hits in two for hit in hits]
    # What a pair says of a target, three terms say better.
    two.sort(key=lambda item: min((hit.fvu for hit in item[2]), default=np.inf))
    likely = [sums[t] for t, _, _ in two[:_N_TRANSFORMS]]
    three = fitted_triples(likely, prepared, _IN_TRIPLES, _N_TRIPLES, out_of_time)
    found += [(likely[t], hit) for t, (_, hits) in three.items() for hit in hits]
    if np.all(task.y != 0):
        product = Product(
            task.y, task.columns, library.factors, library.addends, task.n_fit
        )
        found += products_of_few(product, out_of_time)
    return written(task, found)


def look_at_few_terms(
    task: Task, out_of_time: Callable[[], bool]
) -> Iterator[list[Tree]]:
    """Yield exact sums of up to ten products, or of few with any powers.

    Parameters
    ----------
    task : Task
        What is to be explained, and not by the first look.
    out_of_time : callable
        Asked between blocks of work.
    """
    found = list(sparse_sums(task, out_of_time))
    if not found:
        found = list(grown_sums_of_powers(task, out_of_time))
    if found:
        yield written(task, found)


def second_look(task: Task, out_of_time: Callable[[], bool]) -> Iterator[list[Tree]]:
    """Yield exact polynomials that may hold functions of two columns, and quotients.

    And products of powers with a logarithm, which take no time.

    Parameters
    ----------
    task : Task
        What is to be explained, and not by the first look.
    out_of_time : callable
        Asked between blocks of work.
    """
    found = products_with_logarithms(task)
    if not found:
        found += dense_fits_of_pairs(task, task.transforms, out_of_time)
    if not found:
        transforms = [*task.transforms, *reflections(task.y)]
        found += dense_quotients_with_functions(task, transforms, out_of_time)
        found += quotients_of_roots_in_boxes(task, out_of_time)
        # A polynomial of cosines may be a wave of another frequency, at length.
        found += quotients_with_a_wave(task, out_of_time)
        found += dense_roots_with_functions(task, out_of_time)
    if found:
        yield written(task, found)
    else:
        yield from _products_below(task, out_of_time)


def _products_below(
    task: Task, out_of_time: Callable[[], bool]
) -> Iterator[list[Tree]]:
    """Yield exponentials of exact products of powers with few other factors."""
    for transform in task.transforms:
        if transform.name not in _ABOVE_PRODUCTS or out_of_time():
            continue
        inner = replace(
            task,
            y=transform.forward(task.y),
            wrap=partial(_wrapped, task, transform),
            caps=SMALL,
        )
        if np.any(inner.y == 0):
            continue
        library = inner.library
        product = Product(
            inner.y, inner.columns, library.factors, library.addends, inner.n_fit
        )
        hits = products_of_few(product, out_of_time)
        found = [(formulation, hit) for formulation, hit in hits if is_exact(hit)]
        if found:
            yield written(inner, found)
            return


def _wrapped(task: Task, transform: Transform, tree: Tree) -> Sequence[Tree]:
    return task.wrap(transform.tree(tree))


def third_look(
    task: Task, out_of_time: Callable[[], bool], *, beside_functions: bool = False
) -> Iterator[list[Tree]]:
    """Yield exact sums of two products of all kinds, if there are any.

    Before, what a first look gives beside the legs of right triangles with a leg that
    is a column and a hypotenuse of one: sines with cosines, damping ratios,
    eccentricities.

    Parameters
    ----------
    task : Task
        What is to be explained, and not by the other looks.
    out_of_time : callable
        Asked between blocks of work.
    beside_functions : bool, default=False
        Whether to look a second time, for functions beside the products.
    """
    with_legs = _with_legs(task.columns)
    if len(with_legs) > len(task.columns):
        wider = replace(task, columns=with_legs)
        yield first_look(wider, None, out_of_time)
    found = sums_of_two_products(task, out_of_time)
    if not found and beside_functions:
        found = sums_of_two_products(task, out_of_time, beside_functions=True)
    if found:
        yield written(task, found)


def _with_legs(columns: Columns) -> Columns:
    """Add sqrt(1 - x^2) of columns x that never reach one, but come near to it."""
    if len(columns) > _FEW_COLUMNS:
        return columns
    size = np.abs(columns.values).max(axis=1)
    for j in np.flatnonzero((size > _LONG_LEG) & (size < 1)):
        leaf: Tree = ("sub", "1", ("sq", columns.leaves[j]))
        values = 1.0 - np.square(columns.values[j])
        columns = columns.with_functions(leaf, values, [("sqrt",)])
    return columns


def products_of_few(formulation: Product, out_of_time: Callable[[], bool]) -> Found:
    """Give products of powers with no, one and two other factors."""
    n_fit = formulation.n_fit
    prepared = formulation.candidates(_MOST_TERMS)
    target, share = prepared.residual(formulation.target[:n_fit])
    hits = formulation.fit(np.empty((1, 0), np.intp))
    if share > 1e-10:
        single = np.argsort(-np.abs(prepared.rows @ target), kind="stable")
        hits += formulation.fit(prepared.index[single[:_N_SINGLES]][:, None])
        [best] = best_pairs(prepared, target[None], _N_PAIRS, out_of_time)
        hits += formulation.fit(prepared.index[best])
    return [(formulation, hit) for hit in hits]
