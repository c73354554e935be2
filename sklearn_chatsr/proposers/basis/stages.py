"""The stages of the search: cheap ones first, each a list of ranked formulas."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.expressions.expression import Tree
from sklearn_chatsr.proposers.basis.formulations import Formulation, Hit, Product, Sum
from sklearn_chatsr.proposers.basis.library import Caps, Library, build_library
from sklearn_chatsr.proposers.basis.monomials import polynomial, polynomial_of_each
from sklearn_chatsr.proposers.basis.pairs import Candidates, best_pairs
from sklearn_chatsr.proposers.basis.pursuit import dense_fit, pursue
from sklearn_chatsr.proposers.basis.screening import Screen
from sklearn_chatsr.proposers.basis.terms import Array, Columns, Terms
from sklearn_chatsr.proposers.basis.transforms import TRANSFORMS, Transform
from sklearn_chatsr.proposers.basis.trees import as_power, release, size

_EXACT = 1e-15  # fraction of variance unexplained by an exact formula
_NODE_BITS = 4.0
_SHORT = 10  # nodes
_CLOSE = 1e-2
_SHARE_BY_LENGTH = 0.6
_SMALLEST_FVU = 1e-20
_N_PAIRS = 300
_MOST_TERMS = 7500
_MOST_QUOTIENT_TERMS = 2600
_MOST_CHECKED = 200
_CAPS = Caps()


@dataclass(frozen=True)
class Task:
    """A target over some columns, and what its formula has to be put into.

    Attributes
    ----------
    columns : Columns
        The columns, over the rows that are searched.
    y : ndarray of shape (n_rows,)
        The target.
    wrap : callable
        Puts the formula of y into the formula of the data's target.
    n_fit : int
        The first so many rows are fitted, the others checked.
    n_candidates : int
        Formulas per stage.
    caps : Caps
        Size of the library.
    """

    columns: Columns
    y: Array
    wrap: Callable[[Tree], Tree]
    n_fit: int
    n_candidates: int
    caps: Caps = _CAPS


def search_stages(task: Task, out_of_time: Callable[[], bool]) -> Iterator[list[Tree]]:
    """Yield lists of formulas, the stages one by one.

    Parameters
    ----------
    task : Task
        What is to be explained.
    out_of_time : callable
        Asked between blocks of work.
    """
    transforms = [t for t in TRANSFORMS if t.applies(task.y)]
    library = build_library(task.columns, task.caps, *_screens(task, transforms))
    sums = [Sum(t, task.y, library.addends, task.n_fit) for t in transforms]
    if out_of_time():
        return
    prepared = sums[0].candidates(_MOST_TERMS, sums[1:])
    # The first exact formula ends the search. A long one waits for the pairs, which may
    # say it in fewer words.
    found = _singles(sums, prepared)
    trees = _written(task, found)
    held = trees if _exact_but_long(found, trees) else []
    if not held:
        yield trees
        if out_of_time():
            return
    if np.all(task.y != 0):
        for found in _products(task, library, out_of_time):
            trees = _written(task, found)
            if _exact_but_long(found, trees):
                held = held + trees
                break
            yield trees
            if out_of_time():
                return
    pairs = _pairs(sums, prepared, out_of_time)
    found = [(sums[t], hit) for t, _, hits in pairs for hit in hits]
    yield held + _written(task, found)
    if out_of_time():
        return
    ranked = sorted(pairs, key=lambda item: min((h.fvu for h in item[2]), default=9.9))
    longer: list[tuple[Formulation, Hit]] = []
    for t, sets, _ in ranked[:5]:
        longer += _longer(sums[t], prepared, sets, out_of_time)
    yield _written(task, longer)
    if out_of_time():
        return
    yield _written(task, list(_dense(task, transforms)))
    if out_of_time():
        return
    yield _written(task, list(_beside_polynomial(task, library, out_of_time)))
    if out_of_time():
        return
    yield _written(task, list(_quotients(task, library, out_of_time)))


def _exact_but_long(
    found: Sequence[tuple[Formulation, Hit]], trees: Sequence[Tree]
) -> bool:
    exact = min((hit.fvu for _, hit in found), default=1.0) < _EXACT
    return exact and min(map(size, trees), default=0) > _SHORT


def _screens(task: Task, transforms: Sequence[Transform]) -> tuple[Screen, Screen]:
    """Give what terms are screened for: the transformed targets, and log|y|."""
    y = task.y[: task.n_fit]
    with np.errstate(all="ignore"):
        targets = np.array([t.forward(y) for t in transforms])
        log_y = np.log(np.abs(np.where(y == 0, 1.0, y)))
    one = np.ones((len(y), 1))
    columns = task.columns.values[:, : task.n_fit]
    columns = columns[(columns != 0).all(axis=1)]
    base = np.concatenate([one, np.log(np.abs(columns)).T], axis=1)
    return Screen(one, targets), Screen(base, log_y[None])


def _singles(
    sums: Sequence[Sum], prepared: Candidates
) -> list[tuple[Formulation, Hit]]:
    found: list[tuple[Formulation, Hit]] = []
    for formulation in sums:
        target, share = prepared.residual(formulation.target[: formulation.n_fit])
        if share < 1e-12:
            continue
        best = np.argsort(-np.abs(prepared.rows @ target), kind="stable")[:60]
        hits = formulation.fit(prepared.index[best][:, None])
        found += [(formulation, hit) for hit in hits]
    return found


def _products(
    task: Task, library: Library, out_of_time: Callable[[], bool]
) -> Iterator[list[tuple[Formulation, Hit]]]:
    """Yield products of powers with one, two, and more other factors."""
    exponents = library.addends
    formulation = Product(task.y, task.columns, library.factors, exponents, task.n_fit)
    prepared = formulation.candidates(_MOST_TERMS)
    target, share = prepared.residual(formulation.target[: task.n_fit])
    hits = formulation.fit(np.empty((1, 0), np.intp))
    if share < 1e-10:
        yield [(formulation, hit) for hit in hits]
        return
    single = np.argsort(-np.abs(prepared.rows @ target), kind="stable")[:200]
    hits += formulation.fit(prepared.index[single][:, None])
    yield [(formulation, hit) for hit in hits]
    [pairs] = best_pairs(prepared, target[None], _N_PAIRS, out_of_time)
    hits = formulation.fit(prepared.index[pairs])
    yield [(formulation, hit) for hit in hits]
    for sets in pursue(prepared, target, pairs, 100, 3, out_of_time):
        hits = formulation.fit(prepared.index[sets])
        yield [(formulation, hit) for hit in hits]


def _pairs(
    sums: Sequence[Sum], prepared: Candidates, out_of_time: Callable[[], bool]
) -> list[tuple[int, npt.NDArray[np.intp], list[Hit]]]:
    targets, which = [], []
    for t, formulation in enumerate(sums):
        target, share = prepared.residual(formulation.target[: formulation.n_fit])
        if share > 1e-12:
            targets.append(target)
            which.append(t)
    found = best_pairs(prepared, np.array(targets), _N_PAIRS, out_of_time)
    return [
        (t, pairs, sums[t].fit(prepared.index[pairs]))
        for t, pairs in zip(which, found, strict=True)
    ]


def _longer(
    formulation: Formulation,
    prepared: Candidates,
    start: npt.NDArray[np.intp],
    out_of_time: Callable[[], bool],
) -> list[tuple[Formulation, Hit]]:
    target, _ = prepared.residual(formulation.target[: formulation.n_fit])
    most = min(6, formulation.n_fit // 8)
    found = []
    for sets in pursue(prepared, target, start, 100, most, out_of_time):
        found += formulation.fit(prepared.index[sets])
    return [(formulation, hit) for hit in found]


def _dense(
    task: Task, transforms: Sequence[Transform]
) -> Iterator[tuple[Formulation, Hit]]:
    """Polynomials, and quotients of polynomials, with all their terms at once."""
    room = task.n_fit // 2
    for degree in range(2, 11):
        terms = polynomial(task.columns, degree)
        if terms is None or len(terms) > min(room, 60):
            break
        if not np.isfinite(terms.values).all():
            break
        for transform in transforms:
            formulation = Sum(transform, task.y, terms, task.n_fit)
            hit = _dense_hit(formulation)
            if hit is not None:
                yield formulation, hit
        if 2 * len(terms) <= room:
            quotient = Sum(TRANSFORMS[0], task.y, terms, task.n_fit, terms)
            hit = _dense_hit(quotient)
            if hit is not None:
                yield quotient, hit


def _beside_polynomial(
    task: Task, library: Library, out_of_time: Callable[[], bool]
) -> Iterator[tuple[Formulation, Hit]]:
    """Yield a polynomial of every column plus one or two terms of any kind."""
    degree = {1: 5, 2: 4, 3: 3}.get(len(task.columns), 2)
    powers = polynomial_of_each(task.columns, degree)
    if not np.isfinite(powers.values).all():
        return
    formulation = Sum(TRANSFORMS[0], task.y, library.addends, task.n_fit, beside=powers)
    prepared = formulation.candidates(_MOST_QUOTIENT_TERMS)
    target, share = prepared.residual(formulation.target[: task.n_fit])
    if share < 1e-12:
        return
    single = np.argsort(-np.abs(prepared.rows @ target), kind="stable")[:60]
    hits = formulation.fit(prepared.index[single][:, None])
    [pairs] = best_pairs(prepared, target[None], _N_PAIRS, out_of_time)
    hits += formulation.fit(prepared.index[pairs])
    yield from ((formulation, hit) for hit in hits if hit.fvu < 1e-12)


def _dense_hit(formulation: Formulation) -> Hit | None:
    design = np.concatenate([formulation.base, formulation.terms.values.T], axis=1)
    kept = dense_fit(design, formulation.target, formulation.n_fit, _EXACT)
    if kept is None:
        return None
    chosen = kept[kept > 0] - 1
    hits = formulation.fit(chosen[None])
    return hits[0] if hits and hits[0].fvu < 1e-12 else None


def _quotients(
    task: Task, library: Library, out_of_time: Callable[[], bool]
) -> Iterator[tuple[Formulation, Hit]]:
    above = Terms.join([library.monomials.simplest(700), library.addends.simplest(700)])
    below = library.addends.simplest(700)
    for transform in TRANSFORMS[:1]:
        formulation = Sum(transform, task.y, above, task.n_fit, below)
        prepared = formulation.candidates(_MOST_QUOTIENT_TERMS)
        target, share = prepared.residual(formulation.target[: task.n_fit])
        if share < 1e-12:
            continue
        [pairs] = best_pairs(prepared, target[None], _N_PAIRS, out_of_time)
        hits = formulation.fit(prepared.index[pairs])
        for sets in pursue(prepared, target, pairs, 100, 4, out_of_time):
            hits += formulation.fit(prepared.index[sets])
        yield from ((formulation, hit) for hit in hits)


def _written(task: Task, found: Sequence[tuple[Formulation, Hit]]) -> list[Tree]:
    """Rank hits by description length and write the best ones as formulas."""
    n_check = min(len(task.y) - task.n_fit, _MOST_CHECKED)
    fvu = np.array([max(hit.fvu, _SMALLEST_FVU) for _, hit in found])
    nodes = np.array([formulation.nodes(hit) for formulation, hit in found])
    counts = np.array([len(hit.chosen) for _, hit in found])
    ranked: dict[int, None] = {}
    # By description length; and as if all that come close were equally good, for forms
    # that miss no more than the right constants inside.
    for floor in (_SMALLEST_FVU, _CLOSE):
        close = np.maximum(fvu, floor)
        bits = 0.5 * n_check * np.log2(close) + _NODE_BITS * nodes
        bits += 0.5 * counts * np.log2(n_check / close)
        best = np.argsort(bits, kind="stable")[: task.n_candidates]
        share = _SHARE_BY_LENGTH if floor == _SMALLEST_FVU else 1.0
        for number in best[: int(share * task.n_candidates)]:
            if len(ranked) < task.n_candidates:
                ranked[int(number)] = None
    trees: dict[Tree, None] = {}
    for number in ranked:
        formulation, hit = found[number]
        exact = hit.fvu < _EXACT * 1e3
        for tree in formulation.tree(hit, exact):
            try:
                plain = as_power(
                    Expression.from_tree(task.wrap(tree)).simplify().to_tree()
                )
            except (ValueError, OverflowError):
                continue
            trees[plain if exact else release(plain)] = None
    return list(trees)
