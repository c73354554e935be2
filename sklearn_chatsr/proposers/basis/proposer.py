"""The basis proposer: rows, reductions of the problem, and what is yielded when."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain

import numpy as np
import numpy.typing as npt

from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.expressions.expression import Tree
from sklearn_chatsr.proposers.basis.compounding import compounding
from sklearn_chatsr.proposers.basis.exponents import look_at_exponents
from sklearn_chatsr.proposers.basis.first_look import (
    first_look,
    look_at_few_terms,
    second_look,
    third_look,
)
from sklearn_chatsr.proposers.basis.kinks import kinks
from sklearn_chatsr.proposers.basis.open_constants import look_for_open_constants
from sklearn_chatsr.proposers.basis.pairs import load_pairs
from sklearn_chatsr.proposers.basis.reductions import Remainder, reduced
from sklearn_chatsr.proposers.basis.separable import separable
from sklearn_chatsr.proposers.basis.slopes import reduced_by_slopes
from sklearn_chatsr.proposers.basis.smooth import suspected_noise
from sklearn_chatsr.proposers.basis.stages import search_stages
from sklearn_chatsr.proposers.basis.task import Task
from sklearn_chatsr.proposers.basis.terms import Array, Columns, ordinary_scale
from sklearn_chatsr.proposers.basis.trees import with_factors
from sklearn_chatsr.proposers.basis.triples import load_triples
from sklearn_chatsr.proposers.basis.varying import varying
from sklearn_chatsr.proposers.protocol import Problem
from sklearn_chatsr.proposers.templates import curves_of

logger = logging.getLogger(__name__)

_FIT_ROWS, _CHECK_ROWS = 128, 172
_WIDE_ROWS = 700  # when nothing is exact; a library on so many rows takes 150 MB
_REDUCTION_ROWS = 1000
_FEW_ROWS = 60  # at most so many rows: all serve both to fit and to check
_SHORT = 10  # nodes of a law that needs no shorter form
_AMPLE = 6.0  # seconds left, of which the others get enough even so
_ENOUGH = 2.5  # seconds left, for processes
_CLEAR = 1e-3  # relative error of rows that are left out, below which there is no noise
_SATURATED = 1e-9  # what a share lacks of 1
_WRONG = 0.25  # share of large targets, that those of the other sign are at most
_MARGIN = 0.15  # seconds before the deadline at which blocks of work end

_EVERYDAY = (kinks, compounding, varying)


@dataclass(frozen=True)
class _Part:
    """A smaller problem: on few rows, and on many if there are more."""

    remainder: Remainder
    tasks: tuple[Task, Task | None]


class BasisProposer:
    """Explain transformed targets by one, two and more terms of a library.

    Factors that know one column only, pairs of columns that enter as a difference, sum,
    quotient or product, and changes of units that the law does not notice are found
    first: the smaller problem that they leave is searched before the whole.

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

    @staticmethod
    def load() -> None:
        """Compile what a search runs, or load it, before its time begins."""
        load_pairs()
        load_triples()

    def propose(
        self, problem: Problem, rng: np.random.Generator
    ) -> Iterator[Sequence[Expression]]:
        """Yield batches of formulas; see `Proposer`.

        The first turn is a first look, and where nothing speaks of noise a second one,
        also at smaller problems; the next one ends with sums of a few terms; the slower
        stages follow.
        """

        def out_of_time() -> bool:
            return problem.seconds_left() < _MARGIN

        largest = problem.exact_size or problem.max_size
        seen: set[tuple[str, ...]] = set()
        search = self._trees(problem, rng, out_of_time)
        while not out_of_time():
            # Not around the yield: the caller keeps its own error state.
            with np.errstate(all="ignore"):
                trees = next(search, None)
            if trees is None:
                return
            batch = []
            for tree in trees:
                expression = Expression.from_tree(tree)
                if expression.size > problem.max_size:
                    expression = expression.simplify()
                small = expression.size <= largest
                if small and expression.tokens not in seen:
                    seen.add(expression.tokens)
                    batch.append(expression)
            if batch or not (trees or out_of_time()):
                yield batch

    def _trees(
        self,
        problem: Problem,
        rng: np.random.Generator,
        out_of_time: Callable[[], bool],
    ) -> Iterator[list[Tree]]:
        finite = np.isfinite(problem.y) & np.isfinite(problem.X).all(axis=1)
        rows = rng.permutation(np.flatnonzero(finite))[:_REDUCTION_ROWS]
        if len(rows) < 5 or np.ptp(problem.y[rows]) == 0:
            return
        y = problem.y[rows]
        scale = ordinary_scale(y)
        columns = Columns.of(problem.X[rows])
        used = [j for j in range(len(columns)) if np.ptp(columns.values[j]) > 0]
        if not used:
            return
        columns, y = columns.keep(used), y / scale
        number: Tree = "1" if scale == 1.0 else scale
        whole = partial(with_factors, number, "1")
        tasks = self._tasks(columns, y, whole, None)
        yield first_look(*tasks, out_of_time)
        # These may say what is rounded in fewer words. One list: a search ends where
        # some lists bring nothing better.
        if not problem.is_solved(_SHORT):
            looks = (look(columns, y, whole, out_of_time) for look in _EVERYDAY)
            found = list(chain.from_iterable(chain.from_iterable(looks)))
            if found:
                yield found
        is_likely, is_possible = suspected_noise(columns.values, y)
        if is_possible and _of_one_sign(y) is not None:
            tasks = self._tasks(columns, y, whole, None, noisy=True)
        # Where nothing speaks of noise the others can wait, if there is time for them.
        others_wait = not is_possible and problem.seconds_left() > _AMPLE
        if not others_wait:
            yield []
        # They take seconds, and see nothing in noise: there they wait a turn.
        waiting: list[Iterator[list[Tree]]] = []

        def unless(waits: bool, look: Iterator[list[Tree]]) -> Iterator[list[Tree]]:
            if not waits:
                # Of a law that is known only shorter forms are looked for.
                return iter(()) if problem.is_solved() else look
            waiting.append(look)
            return iter(())

        def wrap_of(part: Remainder) -> Callable[[Tree], list[Tree]]:
            return partial(part.formulas, number)

        parts = reduced(columns, y, out_of_time)
        for left in parts:
            if len(left.columns) == 0:
                yield left.formulas(number, float(np.mean(left.y)))
        parts = [left for left in parts if len(left.columns)]
        looked_at = [self._part(left, number, is_possible) for left in parts[:1]]
        for part in looked_at:
            yield from _quick_looks(part, out_of_time)
        yield from look_at_few_terms(tasks[0], out_of_time)
        if not problem.is_solved():
            # Nothing else comes to as many terms, and this is seen at once.
            yield from separable([(columns, y, whole)], out_of_time, clearly=True)
        yield from unless(is_likely, second_look(tasks[0], out_of_time))
        if problem.seconds_left() > _ENOUGH and not problem.is_solved():
            reductions = reduced_by_slopes(columns, y, parts, out_of_time)
            parts = reductions.parts
            # No noise leaves so little.
            if reductions.error < _CLEAR:
                is_likely = is_possible = False
                smallest = [(p.columns, p.y, wrap_of(p)) for p in parts[:1]]
                yield from separable(smallest, out_of_time, clearly=True)
                if not problem.is_solved():
                    yield from chain(*waiting)
                    waiting.clear()
        # Searched once, by the search that is the first to come so far.
        wholes = [(p.columns, p.y, wrap_of(p)) for p in parts]
        separated = separable([*wholes, (columns, y, whole)], out_of_time)
        searches: list[Iterator[list[Tree] | None]] = []
        whole_look: Iterator[list[Tree]] = chain(
            look_at_exponents(tasks[0], out_of_time),
            look_for_open_constants(tasks[0], out_of_time),
        )
        for left in parts:
            known = [part for part in looked_at if part.remainder is left]
            part = known[0] if known else self._part(left, number, is_possible)
            few = part.tasks[0]
            if not known:
                yield from _quick_looks(part, out_of_time)
            yield from unless(is_likely, look_at_exponents(few, out_of_time))
            yield from unless(is_likely, _closer_look(few, out_of_time))
            if others_wait and not searches:
                yield []
            stages: Iterator[list[Tree] | None] = chain(
                unless(is_possible, third_look(few, out_of_time)),
                search_stages(*part.tasks, out_of_time, separated),
            )
            if len(few.columns) == 1:
                [leaf] = few.columns.leaves
                curves = [t for tree in curves_of(leaf) for t in few.wrap(tree)]
                stages = _with_last_word(stages, curves)
            # What lies between the smallest problem and the whole one waits a turn,
            # unless it is small as well.
            waits = bool(searches) and 2 * len(few.columns) > len(columns)
            searches.append(chain([None], stages) if waits else stages)
        if others_wait and not searches:
            yield []
        yield from unless(is_likely, whole_look)
        whole_look = third_look(tasks[0], out_of_time, beside_functions=True)
        yield from unless(is_possible, whole_look)
        searches.append(search_stages(*tasks, out_of_time, separated))
        if waiting:
            searches.append(chain([None], *waiting))
        while searches:
            unfinished = []
            for search in searches:
                for trees in search:
                    if trees is None:
                        unfinished.append(search)
                        break
                    if trees:
                        yield trees
            searches = unfinished
            if searches:
                yield []

    def _part(self, remainder: Remainder, number: Tree, noisy: bool) -> _Part:
        # Noise of y is as large as ever where y is divided.
        weight = np.abs(remainder.divisor)
        wrap = partial(remainder.formulas, number)
        tasks = self._tasks(remainder.columns, remainder.y, wrap, weight, noisy=noisy)
        return _Part(remainder, tasks)

    def _tasks(
        self,
        columns: Columns,
        y: Array,
        wrap: Callable[[Tree], Sequence[Tree]],
        weight: Array | None,
        *,
        noisy: bool = False,
    ) -> tuple[Task, Task | None]:
        """Set up the problem on few rows, and on many if there are more."""
        informative = _of_one_sign(y) if noisy else _off_limits(y)
        if informative is not None:
            columns, y = columns.rows(informative), y[informative]
            weight = None if weight is None else weight[informative]
        n_rows = min(len(y), _FIT_ROWS + _CHECK_ROWS)
        if n_rows <= _FEW_ROWS:
            index, n_fit = np.tile(np.arange(n_rows), 2), n_rows
        else:
            index, n_fit = np.arange(n_rows), min(_FIT_ROWS, int(0.7 * n_rows))
        few = Task(columns.rows(index), y[index], wrap, n_fit, self.n_candidates)
        index = np.arange(min(len(y), _WIDE_ROWS))
        n_fit = int(0.6 * len(index))
        if n_fit <= few.n_fit:
            return few, None
        wide = Task(
            columns.rows(index),
            y[index],
            wrap,
            n_fit,
            self.n_candidates,
            weight=None if weight is None else weight[index],
        )
        return few, wide


def _off_limits(y: Array) -> npt.NDArray[np.intp] | None:
    """Give the rows of a share that is not all but 1, if there are some of both.

    What rounding leaves of 1 less the share tells nothing of how it gets there.
    """
    if y.min() < 0 or y.max() != 1:
        return None
    informative = np.flatnonzero(1.0 - y > _SATURATED)
    return informative if len(informative) >= _FEW_ROWS else None


def _of_one_sign(y: Array) -> npt.NDArray[np.intp] | None:
    """Give the rows whose sign is no matter of noise, if nearly all have the same.

    Of them there are logarithms and inverses, which a law behind noise may need.
    """
    size = y if np.median(y) > 0 else -y
    wrong = -size.min()
    if wrong <= 0 or wrong > _WRONG * np.quantile(size, 1.0 - _WRONG):
        return None
    informative = np.flatnonzero(size > wrong)
    enough = max(_FEW_ROWS, len(y) // 2)
    return informative if len(informative) >= enough else None


def _quick_looks(part: _Part, out_of_time: Callable[[], bool]) -> Iterator[list[Tree]]:
    """Yield what takes a second at most, where something is exact."""
    yield first_look(*part.tasks, out_of_time)
    yield from look_at_few_terms(part.tasks[0], out_of_time)


def _closer_look(task: Task, out_of_time: Callable[[], bool]) -> Iterator[list[Tree]]:
    """Yield exact laws with functions, and with constants, inside."""
    looks = [second_look, look_for_open_constants]
    # Of one column the functions make good approximations of most laws.
    for look in reversed(looks) if len(task.columns) == 1 else looks:
        yield from look(task, out_of_time)


def _with_last_word(
    stages: Iterator[list[Tree] | None], trees: list[Tree]
) -> Iterator[list[Tree] | None]:
    """Put a list at the end of the first turn."""
    for found in stages:
        if found is None:
            yield trees
            yield None
            break
        yield found
    yield from stages
