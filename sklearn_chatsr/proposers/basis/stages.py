"""The stages of the search: cheap ones first, each a list of ranked formulas."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from sklearn_chatsr.expressions.expression import Tree
from sklearn_chatsr.proposers.basis.combinations import (
    Found,
    fitted_pairs,
    fitted_singles,
    fitted_triples,
    simplest_triples,
)
from sklearn_chatsr.proposers.basis.formulations import (
    Formulation,
    Hit,
    Quotient,
    Root,
    Sum,
)
from sklearn_chatsr.proposers.basis.library import Library
from sklearn_chatsr.proposers.basis.monomials import polynomial_of_each
from sklearn_chatsr.proposers.basis.noisy import search_under_noise
from sklearn_chatsr.proposers.basis.offset import (
    power_laws_beside_constant,
    power_laws_beside_term,
)
from sklearn_chatsr.proposers.basis.pairs import Candidates, best_pairs
from sklearn_chatsr.proposers.basis.powers import sums_of_power_laws
from sklearn_chatsr.proposers.basis.products import Product
from sklearn_chatsr.proposers.basis.pursuit import pursue, share_left
from sklearn_chatsr.proposers.basis.scaled import scaled_targets
from sklearn_chatsr.proposers.basis.screening import Screen
from sklearn_chatsr.proposers.basis.task import Task, is_exact, written
from sklearn_chatsr.proposers.basis.terms import Terms
from sklearn_chatsr.proposers.basis.transforms import (
    Transform,
    columns_over_target,
)
from sklearn_chatsr.proposers.basis.triples import best_triples
from sklearn_chatsr.proposers.basis.waves import waves

_SHORT = 10  # nodes
_N_SINGLES, _N_PAIRS = 60, 300
# Transforms whose pairs are continued, and of how many pairs the best one counts.
_N_PURSUED, _N_PURSUED_BESIDE, _N_COMPARED = 5, 2, 10
# Terms of which all triples are tried: for all targets at once, and for a single one.
_SIMPLE, _SIMPLE_PARTS = 300, 400
_N_TRIPLES = 100
_MOST_TERMS = 7500
_LITTLE = 1e-5  # fraction of variance unexplained
_MOST_QUOTIENT_TERMS = 2600
# A quotient below another transform is one of sums already, or seldom.
_QUOTIENTS = ("y", "cos(y)", "tan(y)", "exp(y)", "log(y)")


def search_stages(
    task: Task,
    wide: Task | None,
    out_of_time: Callable[[], bool],
    separated: Iterable[list[Tree]] = (),
) -> Iterator[list[Tree] | None]:
    """Yield lists of formulas, the stages one by one, and None between turns.

    They begin where `first_look` ends. The first turn, up to sums of a few terms, is
    most of the way for a fraction of the time. Who asks looks at the clock after each
    list; within the stages it is looked at where a list takes long.

    Parameters
    ----------
    task : Task
        What is to be explained.
    wide : Task or None
        The same with more rows, for when nothing is exact.
    out_of_time : callable
        Asked between blocks of work.
    separated : iterable of list of tree
        Formulas whose columns enter one by one, which come after short ones.
    """
    transforms = task.transforms
    yield written(task, list(power_laws_beside_constant(task, transforms)))
    yield scaled_targets(task, out_of_time)
    library = task.library
    running = waves(task.columns, task.y, task.n_fit, out_of_time, thorough=True)
    library = replace(library, addends=Terms.join([running, library.addends]))
    sums = [Sum(t, task.y, library.addends, task.n_fit) for t in transforms]
    if out_of_time():
        return
    prepared = sums[0].candidates(_MOST_TERMS, sums[1:])
    found = fitted_singles(sums, prepared, _N_SINGLES)
    # The first exact formula ends the search. A long one waits for the pairs, which may
    # say it in fewer words.
    held = written(task, found) if _exact_but_long(found) else []
    if not held:
        yield written(task, found)
    if np.all(task.y != 0):
        for found in _products(task, library, out_of_time):
            trees = written(task, found)
            if _exact_but_long(found):
                held = held + trees
                break
            yield trees
    if not held:
        yield from separated
    pairs = fitted_pairs(sums, prepared, _N_PAIRS, out_of_time)
    found = [(sums[t], hit) for t, _, hits in pairs for hit in hits]
    yield held + written(task, found)
    triples = fitted_triples(sums, prepared, _SIMPLE, _N_TRIPLES, out_of_time)
    longer: Found = [(sums[t], hit) for t, (_, hits) in triples.items() for hit in hits]
    for t, sets in _worth_pursuing(sums, prepared, pairs):
        longer += _longer(sums[t], prepared, sets, out_of_time)
        longer += _longer(sums[t], prepared, triples[t][0], out_of_time)
    longer += power_laws_beside_term(task, out_of_time)
    longer += list(sums_of_power_laws(task, longer, out_of_time))
    yield written(task, longer)
    yield None
    yield written(task, _columns_over_target(task, library, out_of_time))
    beside = _beside_polynomial(task, library, transforms, out_of_time)
    yield written(task, list(beside))
    below = [t for t in transforms if t.name in _QUOTIENTS]
    # The target itself first; the others can wait where noise is likely.
    yield from _quotients_of(task, library, below[:1], out_of_time)
    yield written(task, list(_roots(task, library, out_of_time)))
    # There is no more noise than the best formula misses.
    some_noise = min((hit.fvu for _, hit in longer), default=1.0) > _LITTLE
    if wide is not None and some_noise:
        yield from search_under_noise(wide, out_of_time)
        yield None
    yield from _quotients_of(task, library, below[1:], out_of_time)
    if wide is not None and not some_noise:
        yield from search_under_noise(wide, out_of_time)


def _quotients_of(
    task: Task,
    library: Library,
    transforms: Sequence[Transform],
    out_of_time: Callable[[], bool],
) -> Iterator[list[Tree] | None]:
    for transform in transforms:
        yield written(task, list(_quotients(task, library, transform, out_of_time)))
        yield None


def _exact_but_long(found: Sequence[tuple[Formulation, Hit]]) -> bool:
    exact = [f.nodes(hit) for f, hit in found if is_exact(hit)]
    return min(exact, default=0) > _SHORT


def _products(
    task: Task, library: Library, out_of_time: Callable[[], bool]
) -> Iterator[Found]:
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
    [triples] = simplest_triples(
        prepared, target[None], _SIMPLE_PARTS, _N_TRIPLES, out_of_time
    )
    hits = formulation.fit(prepared.index[triples])
    for sets in pursue(prepared, target, pairs, 100, 3, out_of_time):
        hits += formulation.fit(prepared.index[sets])
    yield [(formulation, hit) for hit in hits]


def _worth_pursuing(
    sums: Sequence[Sum],
    prepared: Candidates,
    pairs: Sequence[tuple[int, npt.NDArray[np.intp], list[Hit]]],
) -> list[tuple[int, npt.NDArray[np.intp]]]:
    """Give the transforms whose best pairs miss least of y, and least of T(y).

    Half of the terms of a sum below a root may be negative on some row, where they say
    nothing of y.
    """
    of_y = [min((hit.fvu for hit in hits), default=np.inf) for _, _, hits in pairs]
    of_transform = []
    for t, sets, _ in pairs:
        target, _ = prepared.residual(sums[t].target[: sums[t].n_fit])
        of_transform.append(share_left(prepared, target, sets[:_N_COMPARED]).min())
    first = np.argsort(of_y, kind="stable")[:_N_PURSUED]
    others = [k for k in np.argsort(of_transform, kind="stable") if k not in first]
    return [pairs[k][:2] for k in [*first, *others[:_N_PURSUED_BESIDE]]]


def _longer(
    formulation: Formulation,
    prepared: Candidates,
    start: npt.NDArray[np.intp],
    out_of_time: Callable[[], bool],
) -> Found:
    target, _ = prepared.residual(formulation.target[: formulation.n_fit])
    most = min(6, formulation.n_fit // 4)
    found = []
    for sets in pursue(prepared, target, start, 100, most, out_of_time):
        found += formulation.fit(prepared.index[sets])
    return [(formulation, hit) for hit in found]


def _columns_over_target(
    task: Task, library: Library, out_of_time: Callable[[], bool]
) -> Found:
    over = [t for t in columns_over_target(task.columns) if t.applies(task.y)]
    sums = [Sum(t, task.y, library.addends, task.n_fit) for t in over]
    return _one_or_two(sums, _MOST_TERMS, out_of_time) if sums else []


def _one_or_two(
    sums: Sequence[Sum], most: int, out_of_time: Callable[[], bool]
) -> Found:
    prepared = sums[0].candidates(most, sums[1:])
    found = fitted_singles(sums, prepared, _N_SINGLES)
    for t, _, hits in fitted_pairs(sums, prepared, _N_PAIRS, out_of_time):
        found += [(sums[t], hit) for hit in hits]
    return found


def _beside_polynomial(
    task: Task,
    library: Library,
    transforms: Sequence[Transform],
    out_of_time: Callable[[], bool],
) -> Iterator[tuple[Formulation, Hit]]:
    """Yield a polynomial of every column plus one or two terms of any kind."""
    degree = {1: 5, 2: 4, 3: 3}.get(len(task.columns), 2)
    powers = polynomial_of_each(task.columns, degree)
    if not np.isfinite(powers.values).all():
        return
    sums = [
        Sum(t, task.y, library.addends, task.n_fit, beside=powers) for t in transforms
    ]
    found = _one_or_two(sums, _MOST_QUOTIENT_TERMS, out_of_time)
    yield from (item for item in found if item[1].fvu < 1e-12)


def _apart_from_one(terms: Terms, n_fit: int) -> Terms:
    """Keep one of terms such as a and 1 - a, of which a divisor can make a one."""
    one = np.ones((n_fit, 1))
    screen = Screen(one, np.empty((0, n_fit)))
    values = terms.values[:, :n_fit]
    return terms.take(Candidates.of(values, terms.order, screen, len(terms)).index)


def _quotients(
    task: Task, library: Library, transform: Transform, out_of_time: Callable[[], bool]
) -> Iterator[tuple[Formulation, Hit]]:
    above = Terms.join([library.monomials.simplest(700), library.addends.simplest(700)])
    below = _apart_from_one(library.addends.simplest(700), task.n_fit)
    below = Terms.join([Terms.one(len(task.y)), below])
    formulation = Quotient(transform, task.y, above, below, 0, task.n_fit)
    yield from _of_two_kinds(task, formulation, len(above), out_of_time)


def _roots(
    task: Task, library: Library, out_of_time: Callable[[], bool]
) -> Iterator[tuple[Formulation, Hit]]:
    """Yield solutions of quadratic equations, where they are exact."""
    free = Terms.join([library.monomials.simplest(700), library.addends.simplest(700)])
    linear = _apart_from_one(library.addends.simplest(700), task.n_fit)
    formulation = Root(task.y, free, linear, task.n_fit)
    found = _of_two_kinds(task, formulation, len(free), out_of_time)
    yield from (item for item in found if is_exact(item[1]))


def _of_two_kinds(
    task: Task,
    formulation: Formulation,
    n_first: int,
    out_of_time: Callable[[], bool],
) -> Iterator[tuple[Formulation, Hit]]:
    """Combine terms of which the first so many stand alone, the others beside y."""
    prepared = formulation.candidates(_MOST_QUOTIENT_TERMS)
    target, share = prepared.residual(formulation.target[: task.n_fit])
    if share < 1e-12:
        return
    [pairs] = best_pairs(prepared, target[None], _N_PAIRS, out_of_time)
    hits = formulation.fit(prepared.index[pairs])
    # Some of the others alone may add up to one, which explains nothing.
    is_first = prepared.index < n_first
    simple = np.concatenate(
        [np.flatnonzero(part)[:_SIMPLE_PARTS] for part in (is_first, ~is_first)]
    )
    n_simple = min(_SIMPLE_PARTS, int(is_first.sum()))
    [triples] = best_triples(
        prepared, target[None], simple, n_simple, _N_TRIPLES, out_of_time
    )
    hits += formulation.fit(prepared.index[triples])
    for start in (pairs, triples):
        for sets in pursue(prepared, target, start, 100, 5, out_of_time):
            hits += formulation.fit(prepared.index[sets])
    yield from ((formulation, hit) for hit in hits)
