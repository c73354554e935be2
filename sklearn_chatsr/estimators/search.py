"""The search loop: propose, fit, select, in rounds under one budget."""

from __future__ import annotations

import copy
import logging
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.stats import spearmanr
from threadpoolctl import threadpool_limits

from sklearn_chatsr.estimators.answer import (
    choose_in_general,
    polish,
    refit_on_all,
)
from sklearn_chatsr.estimators.intake import BASELINE, Intake
from sklearn_chatsr.estimators.progress import ProgressBar
from sklearn_chatsr.estimators.rounded import SignificantDigits
from sklearn_chatsr.estimators.rows import choose_rows
from sklearn_chatsr.estimators.table import Table
from sklearn_chatsr.expressions import Expression, variable
from sklearn_chatsr.expressions.expression import Tree
from sklearn_chatsr.expressions.polynomial_factors import is_plain_polynomial
from sklearn_chatsr.prompts import Constraints
from sklearn_chatsr.proposers import Problem, Proposer
from sklearn_chatsr.proposers.templates import steps
from sklearn_chatsr.selection import Archive, Candidate, Selection, is_noise
from sklearn_chatsr.selection.generalisation import FEW_ROWS

logger = logging.getLogger(__name__)

_PRUNED_PER_TURN = 6
# A formula this short that is exact to the last digit is the law: stop at once. A
# longer one may have a shorter form, which the rest of a round can show; the listed
# templates write a law longer than the basis search does.
_PLAINLY_SHORT, _SHORT = 12, 14
_WORTH_SHORTENING, _SHORTENED_WITHIN = 2, 6  # rounds; batches
_SHORT_IN_NOISE, _ALL_HEARD = 20, 4  # nodes; rounds
_NOISE_ROWS = 1_000
# Share of the variance from which on rounding hides more than arithmetic does: another
# formula may be as exact, and shorter.
_COARSE = 1e-12
# Where a target jumps only all rows tell; proposers see some of them.
_STEP_ROWS = 100_000
_LEAST_TIME = 0.1  # seconds that a search with weights has
# The share of the time, and seconds, that the last choice has at most; with few rows.
_CHOICE, _CHOICE_OF_FEW = (0.1, 0.5), (0.2, 2.0)
# What a poor formula leaves may be a fast oscillation, which a forest takes for noise.
_EXPLAINED = 0.9
_RANKED = 0.7  # correlation of ranks
_REFINEMENT = "refinement"
# Seeds of their own, so that one more does not change what the others draw.
_SEEDS = {"basis": 1, "templates": 2, "evolution": 3, "model": 4, "sums": 5}


@dataclass(frozen=True)
class SearchSettings:
    """Counts and limits of a search.

    Attributes
    ----------
    max_size : int
        Largest number of nodes of a formula.
    exact_size : int
        The same of a formula that leaves nothing.
    n_starts : int
        Starting points per skeleton.
    max_time : float
        Seconds; the result is there at that time.
    n_jobs : int or None
        Threads that fit constants.
    selection : {"mdl", "r2"} or int
        What the answer is chosen by.
    constraints : Constraints or None
        What every formula must obey.
    patience : int or None
        See `Effort`.
    """

    max_size: int = 30
    exact_size: int = 60
    n_starts: int = 8
    max_time: float = 12.0
    n_jobs: int | None = None
    selection: Selection = "mdl"
    constraints: Constraints | None = None
    patience: int | None = 3


class Search:
    """One search for one data set.

    Parameters
    ----------
    table : Table
        What is to be explained; everything random follows from its seed.
    settings : SearchSettings
        Counts and limits.
    labels : sequence of str
        Names of the columns.
    prompt : str, optional
        What the user says about the law.
    verbose : int
        1 draws a progress bar.
    known : sequence of Candidate, optional
        Of an earlier search, in place of which this one is; offered first.
    began : float, optional
        `time.monotonic` when that one began.

    Attributes
    ----------
    precision : ndarray of shape (n_samples,) or None
        Weights that `run` ended early to ask for: the target was rounded to significant
        digits, and the best formula leaves no more than that, row by row.
    interrupted : bool
        Whether Ctrl-C ended the search.
    unheard : set of str
        Names of proposers that said nothing: the time was over before, or they ended
        without a word.
    cut_short : bool
        Whether the time was over before any of them said something.
    """

    def __init__(
        self,
        table: Table,
        *,
        settings: SearchSettings,
        labels: Sequence[str],
        prompt: str | None = None,
        verbose: int = 0,
        known: Sequence[Candidate] = (),
        began: float | None = None,
    ) -> None:
        started = time.monotonic()
        self.table = table
        self.settings = settings
        self.labels = labels
        self.prompt = prompt
        self.verbose = verbose
        self.limit = started + settings.max_time
        # The final fit on all rows and the choice need their share of the time.
        share, choice = _CHOICE_OF_FEW if len(table) <= FEW_ROWS else _CHOICE
        reserve = min(share * settings.max_time, choice + 2e-6 * len(table))
        self.deadline = self.limit - reserve
        self.rows = choose_rows(len(table), np.random.default_rng([table.seed, 0]))
        self.intake = Intake(
            table,
            self.rows,
            n_starts=settings.n_starts,
            max_size=settings.max_size,
            exact_size=settings.exact_size,
            constraints=settings.constraints,
            n_jobs=settings.n_jobs,
            started=started if began is None else began,
            deadline=self.deadline,
        )
        self.archive = self.intake.archive
        self.known = known
        cost = self.archive.cost
        self._is_coarse = cost.floor > _COARSE * cost.variance
        self.precision: npt.NDArray[np.float64] | None = None
        # A search that goes on from another one has its weights already.
        self._rounding = None if known else SignificantDigits.of(table)
        self.interrupted = False
        self._baselines = copy.deepcopy(self.archive)
        self.unheard: set[str] = set()
        self.cut_short = False
        self._n_begun: Counter[str] = Counter()
        self._heard: set[str] = set()
        self._refined: Iterator[Sequence[Expression]] = iter(())
        self._leader: Expression | None = None
        self._stayed = 0

    def run(
        self,
        rounds: Iterable[Sequence[str]],
        make: Callable[[str], Proposer],
        refiner: Proposer | None = None,
    ) -> Archive:
        """Search until the proposers have no more to say, or the time is over.

        Parameters
        ----------
        rounds : iterable of sequence of str
            Names of proposers, which have their turns one after the other; the cheap
            ones go first. After every round the search ends if the best formula leaves
            nothing but noise.
        make : callable
            Makes the proposer of a name.
        refiner : Proposer, optional
            Has a short turn after every batch of the others.

        Returns
        -------
        Archive
            Judged on all rows. Ctrl-C ends the search with what has been found.

        Raises
        ------
        ValueError
            If nothing was found that obeys the constraints.
        """
        with _alone(), ProgressBar(self.verbose, "formulas") as progress:
            try:
                self._take(_baselines(self.table.X), BASELINE, progress)
                # The archive may drop some of them.
                self._baselines = copy.deepcopy(self.archive)
                if self.settings.constraints is not None:
                    # The baselines may break them.
                    examples = self.settings.constraints.examples(self.table.X.shape[1])
                    self._take(examples, BASELINE, progress)
                for candidate in self.known:
                    self._take([candidate.expression], candidate.source, progress)
                if np.ptp(self.table.y) > 0:
                    rounds = list(rounds)
                    if any("templates" in names for names in rounds):
                        some = slice(None, None, -(-len(self.table) // _STEP_ROWS))
                        found = steps(self.table.X[some], self.table.y[some])
                        self._take(found, "templates", progress)
                    if refiner is not None:
                        rng = np.random.default_rng([self.table.seed, 0, 2])
                        self._refined = refiner.propose(self._problem(), rng)
                    self._search(rounds, make, progress)
                    asked = set(self._n_begun)
                    if self._is_over() and not self._is_found(self.settings.exact_size):
                        asked.update(*rounds)
                    self.unheard = asked - self._heard
                    self.cut_short = self._is_over() and not self._heard
            except KeyboardInterrupt:
                if not len(self.archive):
                    raise
                self._note_interrupt()
            except Exception as error:
                if not len(self.archive):
                    raise
                warnings.warn(
                    f"The search ended early ({type(error).__name__}: {error}) and "
                    "keeps the best formula so far. Please report it with the data.",
                    RuntimeWarning,
                    stacklevel=6,
                )
        if self.precision is not None:
            return self.archive
        if self.settings.constraints is not None and not len(self.archive):
            raise ValueError(self.settings.constraints.refusal())
        if len(self.rows.fit) == len(self.table):
            return self.archive
        rules = self.settings.constraints
        try:
            self._baselines = refit_on_all(self._baselines, self.table, self.limit)
            return refit_on_all(self.archive, self.table, self.limit, rules)
        except KeyboardInterrupt:
            self._note_interrupt()
            return self.archive

    def _search(
        self,
        rounds: Iterable[Sequence[str]],
        make: Callable[[str], Proposer],
        progress: ProgressBar,
    ) -> None:
        speaking: dict[str, Iterator[Sequence[Expression]]] = {}
        for number, names in enumerate(rounds):
            if number and names and self._is_done(number):
                logger.debug("Done after round %d.", number)
                return
            if number or not names:
                self._refine(progress)
            for name in names:
                if name not in speaking:
                    self._n_begun[name] += 1
                    rng = self._rng(name, self._n_begun[name])
                    speaking[name] = make(name).propose(self._problem(), rng)
                was_found = self._is_found(self.settings.exact_size)
                for said, batch in enumerate(_unharmed(name, speaking[name])):
                    if not batch:
                        break
                    if not self._is_over():
                        self._heard.add(name)
                    self._take(batch, name, progress)
                    if name != "templates":
                        self._refine(progress)
                    if self._asks_for_precision():
                        return
                    short = _PLAINLY_SHORT if name == "templates" else _SHORT
                    if self._is_over() or self._is_found(short):
                        # What is exact may still hold what float64 cannot see.
                        self.intake.prune_best(1)
                        return
                    if name != "templates" and self._has_settled():
                        logger.debug("Settled in round %d.", number)
                        self.intake.prune_best(_PRUNED_PER_TURN)
                        return
                    enough = _SHORTENED_WITHIN if was_found else 0
                    if said >= enough and self._is_found(self.settings.exact_size):
                        break
                else:
                    del speaking[name]
                # Of templates only what all of them came to is worth the time.
                self._refine(progress)
                self.intake.prune_best(_PRUNED_PER_TURN)
                if self._is_over() or self._is_found(_SHORT):
                    return

    def _rng(self, name: str, time: int) -> np.random.Generator:
        """Seed a proposer, whoever else is asked; anew each time that it begins."""
        number = _SEEDS.get(name, 0)
        key = (
            [self.table.seed, number] if time == 1 else [self.table.seed, number, time]
        )
        return np.random.default_rng(key)

    def _refine(self, progress: ProgressBar) -> None:
        """Let the refiner have a turn."""
        for batch in _unharmed(_REFINEMENT, self._refined):
            if not batch:
                break
            self._take(batch, _REFINEMENT, progress)

    def _problem(self) -> Problem:
        table, seen = self.table, self.rows.seen
        return Problem(
            table.X[seen],
            table.y[seen],
            table.weights_of(seen),
            self.archive,
            max_size=self.settings.max_size,
            deadline=self.deadline,
            labels=self.labels,
            prompt=self.prompt,
            constraints=self.settings.constraints,
            exact_size=self.settings.exact_size,
        )

    def _take(
        self, batch: Sequence[Expression], source: str, progress: ProgressBar
    ) -> None:
        """Let a batch in, and tell how far the search is."""
        self.intake.take(batch, source)
        progress.update(len(self.intake), self._best_so_far)

    def _best_so_far(self) -> str:
        if not len(self.archive):
            return ""
        best = _best(self.archive, self.settings.selection)
        formula = best.expression.to_infix(self.labels, digits=4)
        return f"R2 {best.r2:.6f}  {formula[:60]}"

    def _is_over(self) -> bool:
        return time.monotonic() >= self.deadline

    def _is_found(self, short: int) -> bool:
        """Tell whether a formula of so many nodes, or a polynomial, is exact."""
        best = min(self.archive, key=lambda c: c.bits, default=None)
        if best is None or self._is_coarse or not self.archive.cost.at_floor(best.loss):
            return False
        # Exact polynomials come as products already: no search shortens them.
        return best.complexity <= short or is_plain_polynomial(best.expression)

    def _is_done(self, n_rounds: int) -> bool:
        """Tell whether a short formula is as good as rounding or noise let it be.

        A long one that is exact is the law in other words: it is kept when evolution
        had its first turn and did not say it in fewer.
        """
        if not len(self.archive):
            return False
        best = self.choose(self.archive, thorough=False)
        if self.archive.cost.at_floor(best.loss):
            enough = _ALL_HEARD if self._is_coarse else _WORTH_SHORTENING
            return best.complexity <= _SHORT or n_rounds >= enough
        # A longer one may come in fewer words, until all had their second turn.
        short = _SHORT_IN_NOISE if n_rounds >= _ALL_HEARD else _PLAINLY_SHORT
        return best.complexity <= short and self._leaves_noise(best)

    def _has_settled(self) -> bool:
        """Tell whether a short formula leaves noise and has stayed the best one.

        Asked after every batch: later ones seldom say a noisy law in fewer words.
        """
        leader = min(self.archive, key=lambda c: c.bits, default=None)
        if leader is None:
            return False
        if leader.expression != self._leader:
            self._leader, self._stayed = leader.expression, 0
            return False
        self._stayed += 1
        return (
            self._stayed == self.settings.patience
            and leader.complexity <= _PLAINLY_SHORT
            and self._leaves_noise(leader)
            and self.choose(self.archive, thorough=False) is leader
        )

    def _leaves_noise(self, candidate: Candidate) -> bool:
        """Tell whether the columns have nothing to say about what is left."""
        if self.archive.cost.at_floor(candidate.loss):
            return True
        if candidate.r2 < _EXPLAINED:
            return False
        # The rows are in the order of the columns: take them from all over.
        rows = self.rows.judge[:: -(-len(self.rows.judge) // _NOISE_ROWS)]
        X, y = self.table.X[rows], self.table.y[rows]
        predicted = candidate.expression.evaluate(X)
        # A few large values can be most of the variance.
        if spearmanr(predicted, y).statistic < _RANKED:
            return False
        return is_noise(X, y - predicted, seed=self.table.seed)

    def _asks_for_precision(self) -> bool:
        """Tell whether the best formula leaves as much as rounding, row by row."""
        if self._rounding is None or self._is_over():
            return False
        leader = min(self.archive, key=lambda c: c.bits, default=None)
        if leader is not None and self._rounding.explains(leader):
            self.precision = self._rounding.weight
        return self.precision is not None

    def finish(self, archive: Archive) -> tuple[Candidate, npt.NDArray[np.float64]]:
        """Choose the answer, and give its constants their last digits.

        Parameters
        ----------
        archive : Archive
            What `run` gave.

        Returns
        -------
        chosen : Candidate
            As `choose` gives it, after `polish`; the best of the archive after Ctrl-C.
        standard_errors : ndarray of shape (n_constants,)
            Of its constants.
        """
        rules = self.settings.constraints
        with _alone():
            try:
                chosen = self.choose(archive)
                return polish(chosen, archive, self.table, self.limit, rules)
            except KeyboardInterrupt:
                self._note_interrupt()
                best = archive.best(self.settings.selection)
                return best, self.table.fitter().standard_errors(best.expression)

    def _note_interrupt(self) -> None:
        self.interrupted = True
        logger.warning("Interrupted: keeping the best formula so far.")

    def choose(self, archive: Archive, thorough: bool = True) -> Candidate:
        """Choose the answer.

        Parameters
        ----------
        archive : Archive
            What `run` gave.
        thorough : bool, default=True
            Whether the choice is the last one, and few rows are worth a second.

        Returns
        -------
        Candidate
            One of the archive, a baseline, or a line with shrunken coefficients.
        """
        if self.settings.selection != "mdl":
            return archive.best(self.settings.selection)
        most, rules = self.settings.max_size, self.settings.constraints
        return choose_in_general(
            archive,
            [c for c in self._baselines if c.complexity <= most],
            self.table,
            thorough=thorough,
            out_of_time=lambda: time.monotonic() > self.limit,
            allow=lambda e: e.size <= most and (rules is None or rules.allow(e)),
        )


def run_search(
    table: Table,
    settings: SearchSettings,
    rounds: Sequence[Sequence[str]],
    make: Callable[[str], Proposer],
    make_refiner: Callable[[], Proposer] | None = None,
    *,
    labels: Sequence[str],
    prompt: str | None = None,
    verbose: int = 0,
) -> tuple[Search, Archive]:
    """Search, and once more with weights where the rounding of the target asks for it.

    Parameters
    ----------
    table : Table
        What is to be explained.
    settings : SearchSettings
        Counts and limits.
    rounds : sequence of sequence of str
        See `Search.run`.
    make : callable
        Makes the proposer of a name.
    make_refiner : callable, optional
        Makes what has a turn after every batch.
    labels : sequence of str
        Names of the columns.
    prompt : str, optional
        What the user says about the law.
    verbose : int
        1 draws a progress bar.

    Returns
    -------
    search : Search
        The last one; its table has the weights.
    archive : Archive
        What it gave.
    """
    began = time.monotonic()
    known: list[Candidate] = []
    while True:
        search = Search(
            table,
            settings=settings,
            labels=labels,
            prompt=prompt,
            verbose=verbose,
            known=known,
            began=began,
        )
        archive = search.run(rounds, make, make_refiner and make_refiner())
        if search.precision is None:
            return search, archive
        logger.debug("Begins anew with rows weighted by their digits.")
        known = sorted(archive, key=lambda c: c.bits)
        table = replace(table, weight=search.precision)
        left = max(search.limit - time.monotonic(), _LEAST_TIME)
        settings = replace(settings, max_time=left)


@contextmanager
def _alone() -> Iterator[None]:
    """Compute in one thread, and without a word about formulas that overflow.

    Many small matrices: threads of BLAS would wait for each other, for seconds where a
    core is busy otherwise.
    """
    with threadpool_limits(1, user_api="blas"), np.errstate(all="ignore"):
        yield


def _unharmed(
    name: str, batches: Iterator[Sequence[Expression]]
) -> Iterator[Sequence[Expression]]:
    """Give the batches of a proposer; an accident there ends it, not the fit."""
    try:
        # Not "yield from", which would close them when a turn ends.
        for batch in batches:  # noqa: UP028
            yield batch
    except Exception as error:
        warnings.warn(
            f"The proposer {name!r} ended early ({type(error).__name__}: {error}); the "
            "others went on. Please report it with the data, or leave this one out by "
            "`proposers`.",
            RuntimeWarning,
            stacklevel=2,
        )


def _baselines(X: npt.NDArray[np.float64]) -> list[Expression]:
    """Give the constant and the linear models, which always compete."""
    varying = [variable(j) for j in range(X.shape[1]) if np.ptp(X[:, j]) > 0]
    trees: list[Tree] = ["C", *varying]
    if len(varying) > 1:
        line: Tree = ("mul", "C", varying[0])
        for x in varying[1:]:
            line = ("add", line, ("mul", "C", x))
        trees.append(line)
    return [Expression.from_tree(tree) for tree in trees]


def size_of_line(n_columns: int) -> int:
    """Give the nodes of a line in so many columns, with its offset."""
    return 4 * n_columns + 1


def _best(archive: Archive, selection: Selection) -> Candidate:
    """Choose, falling back to the shortest formula when a size limit is too small."""
    try:
        return archive.best(selection)
    except ValueError:
        return min(archive, key=lambda c: c.complexity)
