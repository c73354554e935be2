"""The basis proposer: the library, the formulations, and what is yielded when."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.expressions.expression import Tree
from sklearn_chatsr.proposers.basis.formulations import Formulation, Hit, Product, Sum
from sklearn_chatsr.proposers.basis.library import Caps, Library, build_library
from sklearn_chatsr.proposers.basis.monomials import polynomial
from sklearn_chatsr.proposers.basis.pairs import Candidates, best_pairs
from sklearn_chatsr.proposers.basis.pursuit import dense_fit, pursue
from sklearn_chatsr.proposers.basis.screening import Screen
from sklearn_chatsr.proposers.basis.terms import (
    Array,
    Columns,
    Terms,
    ordinary_scale,
    product,
)
from sklearn_chatsr.proposers.basis.transforms import TRANSFORMS, Transform
from sklearn_chatsr.proposers.basis.trees import release
from sklearn_chatsr.proposers.protocol import Problem

logger = logging.getLogger(__name__)

_FIT_ROWS, _CHECK_ROWS = 128, 172
_FEW_ROWS = 60  # at most so many rows: all serve both to fit and to check
_EXACT = 1e-15  # fraction of variance unexplained by an exact formula
_NODE_BITS = 4.0
_SMALLEST_FVU = 1e-20
_N_PAIRS = 300
_MOST_TERMS = 7500
_MOST_QUOTIENT_TERMS = 2600
_DEEPEST = 2
_VOTERS = 15
_NEAR_POWER = 0.12
_MARGIN = 0.15  # seconds before the deadline at which blocks of work end

Wrap = Callable[[Tree], Tree]


@dataclass(frozen=True)
class _Task:
    """A target over some columns, and what its formula has to be put into."""

    columns: Columns
    y: Array
    wrap: Wrap
    n_fit: int
    caps: Caps
    n_yield: int


class BasisProposer:
    """Explain transformed targets by one, two and more terms of a library.

    Parameters
    ----------
    n_candidates : int, default=40
        Formulas per stage.

    Examples
    --------
    >>> BasisProposer().name
    'basis'
    """

    name = "basis"

    def __init__(self, n_candidates: int = 40) -> None:
        self.n_candidates = n_candidates

    def propose(
        self, problem: Problem, rng: np.random.Generator
    ) -> Iterator[Sequence[Expression]]:
        """Yield batches of formulas, cheap stages first; see `Proposer`."""
        task = self._task(problem, rng)
        if task is None:
            return

        def out_of_time() -> bool:
            return problem.seconds_left() < _MARGIN

        seen: set[tuple[str, ...]] = set()
        for trees in _search(task, out_of_time, depth=0):
            batch = []
            for tree in trees:
                expression = Expression.from_tree(tree)
                small = expression.size <= problem.max_size
                if small and expression.tokens not in seen:
                    seen.add(expression.tokens)
                    batch.append(expression)
            if batch:
                yield batch
            if out_of_time():
                return

    def _task(self, problem: Problem, rng: np.random.Generator) -> _Task | None:
        finite = np.isfinite(problem.y) & np.isfinite(problem.X).all(axis=1)
        usable = np.flatnonzero(finite)
        if len(usable) < 5 or np.ptp(problem.y[usable]) == 0:
            return None
        rows = rng.permutation(usable)[: _FIT_ROWS + _CHECK_ROWS]
        if len(rows) <= _FEW_ROWS:
            n_fit, rows = len(rows), np.concatenate([rows, rows])
        else:
            n_fit = min(_FIT_ROWS, int(0.7 * len(rows)))
        X, y = problem.X[rows], problem.y[rows]
        scale = ordinary_scale(y)
        columns = Columns.of(X)
        used = [j for j in range(len(columns)) if np.ptp(columns.values[j]) > 0]
        if not used:
            return None

        def wrap(tree: Tree) -> Tree:
            return tree if scale == 1.0 else ("mul", scale, tree)

        caps = Caps()
        columns = columns.keep(used)
        return _Task(columns, y / scale, wrap, n_fit, caps, self.n_candidates)


def _search(
    task: _Task, out_of_time: Callable[[], bool], depth: int
) -> Iterator[list[Tree]]:
    """Yield lists of formulas, the stages one by one."""
    transforms = [t for t in TRANSFORMS if t.applies(task.y)]
    library = build_library(task.columns, task.caps, *_screens(task, transforms))
    sums = [Sum(t, task.y, library.addends, task.n_fit) for t in transforms]
    if out_of_time():
        return
    prepared = sums[0].candidates(_MOST_TERMS, sums[1:])
    yield _written(task, _singles(sums, prepared))
    if out_of_time():
        return
    products: list[tuple[Formulation, Hit]] = []
    if np.all(task.y != 0):
        for found in _products(task, library, out_of_time):
            products += found
            yield _written(task, found)
            if out_of_time():
                return
    pairs = _pairs(sums, prepared, out_of_time)
    yield _written(task, [(sums[t], hit) for t, _, hits in pairs for hit in hits])
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
    yield _written(task, list(_quotients(task, library, out_of_time)))
    if depth < _DEEPEST and not out_of_time():
        for peeled in _peel(task, products):
            for batch in _search(peeled, out_of_time, depth + 1):
                yield batch
                if out_of_time():
                    return


def _screens(task: _Task, transforms: Sequence[Transform]) -> tuple[Screen, Screen]:
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
    task: _Task, library: Library, out_of_time: Callable[[], bool]
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
    [(pairs, _)] = best_pairs(prepared, target[None], _N_PAIRS, out_of_time)
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
        for t, (pairs, _) in zip(which, found, strict=True)
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
    task: _Task, transforms: Sequence[Transform]
) -> Iterator[tuple[Formulation, Hit]]:
    """Polynomials, and quotients of polynomials, with all their terms at once."""
    room = task.n_fit // 2
    for degree in range(2, 11):
        terms = polynomial(task.columns, degree)
        if terms is None or len(terms) > min(room, 60):
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


def _dense_hit(formulation: Formulation) -> Hit | None:
    design = np.concatenate([formulation.base, formulation.terms.values.T], axis=1)
    kept = dense_fit(design, formulation.target, formulation.n_fit, _EXACT)
    if kept is None:
        return None
    chosen = kept[kept > 0] - 1
    hits = formulation.fit(chosen[None])
    return hits[0] if hits and hits[0].fvu < 1e-12 else None


def _quotients(
    task: _Task, library: Library, out_of_time: Callable[[], bool]
) -> Iterator[tuple[Formulation, Hit]]:
    above = Terms.join([library.monomials.simplest(700), library.addends.simplest(700)])
    below = library.addends.simplest(700)
    for transform in TRANSFORMS[:1]:
        formulation = Sum(transform, task.y, above, task.n_fit, below)
        prepared = formulation.candidates(_MOST_QUOTIENT_TERMS)
        target, share = prepared.residual(formulation.target[: task.n_fit])
        if share < 1e-12:
            continue
        [(pairs, _)] = best_pairs(prepared, target[None], _N_PAIRS, out_of_time)
        hits = formulation.fit(prepared.index[pairs])
        for sets in pursue(prepared, target, pairs, 100, 4, out_of_time):
            hits += formulation.fit(prepared.index[sets])
        yield from ((formulation, hit) for hit in hits)


def _peel(task: _Task, products: Sequence[tuple[Formulation, Hit]]) -> Iterator[_Task]:
    """Divide out the columns that enter as plain powers, to leave fewer columns.

    The best products are flexible models of log|y|. A column that none of their factors
    holds, and whose power comes out next to a whole or half number each time, is a
    factor of its own.
    """
    best = sorted(products, key=lambda item: item[1].fvu)[:_VOTERS]
    votes: dict[int, list[float]] = {}
    for formulation, hit in best:
        if isinstance(formulation, Product):
            for j, p in formulation.free_powers(hit).items():
                votes.setdefault(j, []).append(p)
    powers: dict[int, Fraction] = {}
    for j, found in votes.items():
        middle = float(np.median(found))
        nearest = Fraction(round(2 * middle), 2)
        near = abs(middle - float(nearest)) < _NEAR_POWER
        if nearest != 0 and near and len(found) >= 0.6 * len(best):
            powers[j] = nearest
    rest = [j for j in range(len(task.columns)) if j not in powers]
    if not powers or not rest:
        return
    leaves = task.columns.leaves
    factor = product([(leaves[j], p) for j, p in sorted(powers.items())])
    with np.errstate(all="ignore"):
        sizes = [
            np.abs(task.columns.values[j]) ** float(p)
            if p.denominator == 2
            else task.columns.values[j] ** float(p)
            for j, p in powers.items()
        ]
        y = task.y / np.prod(sizes, axis=0)
    if not np.isfinite(y).all() or np.ptp(y) == 0:
        return

    def wrap(tree: Tree) -> Tree:
        return task.wrap(("mul", factor, tree))

    logger.debug("Divided by %s.", factor)
    yield replace(task, columns=task.columns.keep(rest), y=y, wrap=wrap)


def _written(task: _Task, found: Sequence[tuple[Formulation, Hit]]) -> list[Tree]:
    """Rank hits by description length and write the best ones as formulas."""
    n_check = min(len(task.y) - task.n_fit, _CHECK_ROWS)
    scored = []
    for number, (formulation, hit) in enumerate(found):
        fvu = max(hit.fvu, _SMALLEST_FVU)
        bits = 0.5 * n_check * math.log2(fvu) + _NODE_BITS * formulation.nodes(hit)
        bits += len(hit.chosen) * 0.5 * math.log2(n_check / fvu)
        scored.append((bits, number))
    scored.sort()
    trees: dict[Tree, None] = {}
    for _, number in scored[: task.n_yield]:
        formulation, hit = found[number]
        exact = hit.fvu < _EXACT * 1e3
        for tree in formulation.tree(hit, exact):
            try:
                plain = Expression.from_tree(task.wrap(tree)).simplify().to_tree()
            except (ValueError, OverflowError):
                continue
            trees[plain if exact else release(plain)] = None
    return list(trees)
