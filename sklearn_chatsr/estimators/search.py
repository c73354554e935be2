"""The search loop: propose, fit, select, in rounds under one budget."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from sklearn_chatsr.estimators.progress import ProgressBar
from sklearn_chatsr.estimators.rows import choose_rows, price
from sklearn_chatsr.expressions import (
    Expression,
    factored,
    prunings,
    variable,
    with_integers,
)
from sklearn_chatsr.expressions.expression import Tree
from sklearn_chatsr.fitting import (
    ConstantFit,
    ConstantFitter,
    Optimizer,
    grid_steps,
    spell_constants,
    unaliased,
)
from sklearn_chatsr.prompts import Constraints
from sklearn_chatsr.proposers import Problem, Proposer
from sklearn_chatsr.selection import (
    Archive,
    Candidate,
    DescriptionLength,
    Selection,
    best_in_general,
    is_noise,
)

logger = logging.getLogger(__name__)

_FINAL_ROWS = 100_000
_QUICKLY_JUDGED = 50_000  # rows; so many take a formula about a millisecond
_SPELLED_PER_BATCH = 4
_PRUNED_PER_TURN = 6
_FINALISTS = 24
_CROSS_VALIDATED, _REPEATS = 40, 3
# Bits: of many formulas that were fitted to few rows, some predict well by chance. One
# whose description is so much longer is not believed.
_CREDIBLE, _CREDIBLE_PER_ROW = 12.0, 0.1
# A formula this short that is exact to the last digit is the law: stop at once. A
# longer one may have a shorter form, which the rest of a round can show; the listed
# templates write a law longer than the basis search does.
_PLAINLY_SHORT, _SHORT = 12, 14
_WORTH_SHORTENING, _SHORTENED_WITHIN = 2, 6  # rounds; batches
_SHORT_IN_NOISE = 20
_NOISE_ROWS = 1_000
# What a poor formula leaves may be a fast oscillation, which a forest takes for noise.
_EXPLAINED = 0.9
_BASELINE, _REFINEMENT = "baseline", "refinement"


@dataclass(frozen=True)
class SearchSettings:
    """Counts and limits of a search.

    Attributes
    ----------
    max_size : int
        Largest number of nodes of a formula.
    optimizer : {"lm", "bfgs", "adam"}
        How constants are fitted.
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
    optimizer: Optimizer = "lm"
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
    X : ndarray of shape (n_samples, n_features), dtype float64
        Finite values.
    y : ndarray of shape (n_samples,), dtype float64
        Finite values.
    sample_weight : ndarray of shape (n_samples,) or None
        Positive weights.
    settings : SearchSettings
        Counts and limits.
    seed : int
        Everything random follows from it.
    labels : sequence of str
        Names of the columns.
    prompt : str, optional
        What the user says about the law.
    verbose : int
        1 draws a progress bar.
    """

    def __init__(
        self,
        X: npt.NDArray[np.float64],
        y: npt.NDArray[np.float64],
        sample_weight: npt.NDArray[np.float64] | None,
        *,
        settings: SearchSettings,
        seed: int,
        labels: Sequence[str],
        prompt: str | None = None,
        verbose: int = 0,
    ) -> None:
        self.started = time.monotonic()
        self.settings = settings
        self.seed = seed
        self.labels = labels
        self.prompt = prompt
        self.verbose = verbose
        self.X, self.y, self.weight = X, y, sample_weight
        # The final fit on all rows and the choice need their share of the time.
        reserve = min(0.1 * settings.max_time, 0.5 + 2e-6 * len(y))
        self.deadline = self.started + settings.max_time - reserve
        rng = np.random.default_rng([seed, 0])
        self.rows = choose_rows(len(y), rng)
        self.archive = Archive(self._price(self.rows.judge))
        self.fitter = self._fitter(self.rows.fit, settings.n_starts)
        self.interrupted = False
        # Loss of the best fit of every form that was offered.
        self._known: dict[Hashable, float] = {}
        self._steps = grid_steps(X[self.rows.seen])
        self._positive = frozenset(
            variable(j) for j in range(X.shape[1]) if X[:, j].min(initial=np.inf) > 0
        )
        self._baselines: list[Candidate] = []
        self._refined: Iterator[Sequence[Expression]] = iter(())
        self._leader: Expression | None = None
        self._stayed = 0
        self._spelled: set[Expression] = set()
        self._pruned: set[Expression] = set()

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
        """
        # Many small matrices: threads of BLAS would wait for each other, for seconds
        # where a core is busy otherwise.
        one_thread = threadpool_limits(1, user_api="blas")
        # Formulas that overflow on some rows are no news.
        quiet = np.errstate(all="ignore")
        with one_thread, quiet, ProgressBar(self.verbose, "formulas") as progress:
            try:
                self._take(_baselines(self.X), _BASELINE, progress)
                self._baselines = list(self.archive)
                if self.settings.constraints is not None:
                    self._take_examples(self.settings.constraints, progress)
                if np.ptp(self.y) > 0:
                    if refiner is not None:
                        rng = np.random.default_rng([self.seed, 0, 2])
                        self._refined = refiner.propose(self._problem(), rng)
                    self._search(rounds, make, progress)
            except KeyboardInterrupt:
                if not len(self.archive):
                    raise
                self.interrupted = True
                logger.warning("Interrupted: keeping the best formula so far.")
        return self._finish()

    def _take_examples(self, constraints: Constraints, progress: ProgressBar) -> None:
        """Take simple formulas that obey, since the baselines may not."""
        self._take(constraints.examples(self.X.shape[1]), _BASELINE, progress)
        if not len(self.archive):
            raise ValueError(constraints.refusal())

    def _search(
        self,
        rounds: Iterable[Sequence[str]],
        make: Callable[[str], Proposer],
        progress: ProgressBar,
    ) -> None:
        speaking: dict[str, Iterator[Sequence[Expression]]] = {}
        n_begun = 0
        for number, names in enumerate(rounds):
            if number and names and self._is_done(number):
                logger.debug("Done after round %d.", number)
                return
            self._refine(progress)
            for name in names:
                if name not in speaking:
                    n_begun += 1
                    rng = np.random.default_rng([self.seed, n_begun])
                    speaking[name] = make(name).propose(self._problem(), rng)
                was_found = self._is_found(self.settings.max_size)
                for said, batch in enumerate(_unharmed(name, speaking[name])):
                    if not batch:
                        break
                    self._take(batch, name, progress)
                    self._refine(progress)
                    short = _PLAINLY_SHORT if name == "templates" else _SHORT
                    if self._is_over() or self._is_found(short):
                        # What is exact may still hold what float64 cannot see.
                        self._prune_best(progress, most=1)
                        return
                    if name != "templates" and self._has_settled():
                        logger.debug("Settled in round %d.", number)
                        self._prune_best(progress)
                        return
                    enough = _SHORTENED_WITHIN if was_found else 0
                    if said >= enough and self._is_found(self.settings.max_size):
                        break
                else:
                    del speaking[name]
                self._prune_best(progress)
                if self._is_over() or self._is_found(_SHORT):
                    return

    def _refine(self, progress: ProgressBar) -> None:
        """Let the refiner have a turn."""
        for batch in _unharmed(_REFINEMENT, self._refined):
            if not batch:
                break
            self._take(batch, _REFINEMENT, progress)

    def _problem(self) -> Problem:
        seen = self.rows.seen
        return Problem(
            self.X[seen],
            self.y[seen],
            None if self.weight is None else self.weight[seen],
            self.archive,
            max_size=self.settings.max_size,
            deadline=self.deadline,
            labels=self.labels,
            prompt=self.prompt,
            constraints=self.settings.constraints,
        )

    def _take(
        self, batch: Sequence[Expression], source: str, progress: ProgressBar
    ) -> None:
        """Fit a batch, archive what is good, spell the best of it."""
        fresh: dict[Expression, Hashable] = {}
        for expression in batch:
            key = self._key_if_new(expression, source)
            if key is not None:
                fresh[expression] = key
        # The baselines are fitted however little time there is.
        deadline = None if source == _BASELINE else self.deadline
        for key, fit in zip(
            fresh.values(), self._fit(list(fresh), deadline), strict=False
        ):
            if fit is not None and not fit.failed:
                self._known[key] = min(self._known[key], fit.loss)
                self._archive(fit.expression.simplify(), fit.loss, source)
        self._spell_best(source)
        progress.update(len(self._known), self._best_so_far)

    def _fit(
        self, batch: Sequence[Expression], deadline: float | None
    ) -> Iterator[ConstantFit | None]:
        """Fit from drawn starts, or from the values that a formula carries."""
        bare = [e for e in batch if not e.constants]
        drawn = iter(
            self.fitter.fit_many(
                bare, n_jobs=self.settings.n_jobs, deadline=deadline, scale=True
            )
        )
        for expression in batch:
            if not expression.constants:
                yield next(drawn, None)
            elif self._is_over():
                yield None
            else:
                yield self.fitter.fit(
                    expression, start=expression.constants, scale=True
                )

    def _key_if_new(self, expression: Expression, source: str) -> Hashable | None:
        """Give the key of a formula to be fitted, None of one that need not be.

        A form that is known is fitted again from values that are better than what the
        first fit came to.
        """
        # The linear model competes whatever its size.
        if expression.size > self.settings.max_size and source != _BASELINE:
            return None
        key = expression.skeleton().canonical_key()
        known = self._known.get(key)
        if known is None:
            self._known[key] = np.inf
            return key
        if not expression.constants or not np.isfinite(known):
            return None
        return key if self.fitter.evaluate(expression).loss < known else None

    def _archive(self, expression: Expression, loss: float, source: str) -> None:
        if self._steps and expression.n_constants:
            expression, loss = self._unaliased(expression, loss)
        rules = self.settings.constraints
        if self.archive.cost.at_floor(loss):
            shorter = with_integers(factored(expression, self._positive))
            exact = self.archive.cost.at_floor(self._loss(shorter, self.rows.judge))
            if exact and (rules is None or rules.allow(shorter)):
                expression = shorter
        # Scaling may add a factor and an offset to the largest skeleton.
        if expression.size > self.settings.max_size + 4 and source != _BASELINE:
            return
        if rules is not None and not rules.allow(expression):
            return
        if len(self.rows.judge) > len(self.rows.fit):
            loss = self._loss(expression, self.rows.judge)
        seconds = time.monotonic() - self.started
        self.archive.add(expression, loss, source, seconds)

    def _unaliased(
        self, expression: Expression, loss: float
    ) -> tuple[Expression, float]:
        """Give the formula at frequencies that the grids of the columns can show."""
        lower = unaliased(expression, self._steps)
        if lower == expression:
            return expression, loss
        # Digits that are lost in a high frequency come back.
        fit = self.fitter.fit(lower, start=lower.constants)
        if fit.failed:
            return expression, loss
        return fit.expression.simplify(), fit.loss

    def _spell_best(self, source: str) -> None:
        """Offer the best new candidates cheaper spellings of their constants."""
        ranked = sorted(self.archive, key=lambda c: c.bits)
        for candidate in ranked[:_SPELLED_PER_BATCH]:
            expression = candidate.expression
            if expression in self._spelled or not expression.n_constants:
                continue
            if time.monotonic() > self.deadline:
                return
            self._spelled.add(expression)
            fit = self.fitter.fit(expression, start=expression.constants)
            if fit.failed:
                continue
            spelled = spell_constants(fit, self.fitter, self._fit_price())
            self._spelled.add(spelled.expression)
            if spelled.expression != expression:
                self._archive(spelled.expression, spelled.loss, candidate.source)

    def _best_so_far(self) -> str:
        if not len(self.archive):
            return ""
        best = _best(self.archive, self.settings.selection)
        formula = best.expression.to_infix(self.labels, digits=4)
        return f"R2 {best.r2:.6f}  {formula[:60]}"

    def _prune_best(self, progress: ProgressBar, most: int = _PRUNED_PER_TURN) -> None:
        """Offer the best candidates without the parts that may only decorate them.

        And with what their sums have in common written once.
        """
        for candidate in sorted(self.archive, key=lambda c: c.bits)[:most]:
            if candidate.expression in self._pruned or self._is_over():
                continue
            self._pruned.add(candidate.expression)
            others = prunings(candidate.expression)
            shorter = factored(candidate.expression, self._positive)
            if shorter != candidate.expression:
                others.append(shorter)
            self._take(others, candidate.source, progress)

    def _is_over(self) -> bool:
        return time.monotonic() >= self.deadline

    def _is_found(self, short: int) -> bool:
        """Tell whether a formula of at most so many nodes is exact."""
        best = min(self.archive, key=lambda c: c.bits, default=None)
        return (
            best is not None
            and best.complexity <= short
            and self.archive.cost.at_floor(best.loss)
        )

    def _is_done(self, n_rounds: int) -> bool:
        """Tell whether a short formula is as good as rounding or noise let it be.

        A long one that is exact is the law in other words: it is kept when evolution
        had its first turn and did not say it in fewer.
        """
        best = self.choose(self.archive, n_repeats=1)
        if self.archive.cost.at_floor(best.loss):
            return best.complexity <= _SHORT or n_rounds >= _WORTH_SHORTENING
        return best.complexity <= _SHORT_IN_NOISE and self._leaves_noise(best)

    def _has_settled(self) -> bool:
        """Tell whether a short formula leaves noise and has stayed the best one.

        Asked after every batch: later ones seldom say a noisy law in fewer words.
        """
        leader = min(self.archive, key=lambda c: c.bits)
        if leader.expression != self._leader:
            self._leader, self._stayed = leader.expression, 0
            return False
        self._stayed += 1
        return (
            self._stayed == self.settings.patience
            and leader.complexity <= _PLAINLY_SHORT
            and self._leaves_noise(leader)
            and self.choose(self.archive, n_repeats=1) is leader
        )

    def _leaves_noise(self, candidate: Candidate) -> bool:
        """Tell whether the columns have nothing to say about what is left."""
        if candidate.r2 < _EXPLAINED:
            return False
        # The rows are in the order of the columns: take them from all over.
        rows = self.rows.judge[:: -(-len(self.rows.judge) // _NOISE_ROWS)]
        residual = self.y[rows] - candidate.expression.evaluate(self.X[rows])
        return is_noise(self.X[rows], residual, seed=self.seed)

    def _finish(self) -> Archive:
        """Refit the finalists on all rows and judge them there."""
        if len(self.rows.fit) == len(self.y):
            return self.archive
        rows = np.arange(len(self.y))
        final = Archive(self._price(rows), self.archive.per_complexity)
        finalists = {c.expression: c for c in self.archive.pareto_front()}
        for candidate in sorted(self.archive, key=lambda c: c.bits):
            if len(finalists) >= _FINALISTS:
                break
            finalists.setdefault(candidate.expression, candidate)
        if len(rows) > _FINAL_ROWS:
            rng = np.random.default_rng([self.seed, 0, 1])
            rows = np.sort(rng.choice(rows, _FINAL_ROWS, replace=False))
        fitter = self._fitter(rows, n_starts=1)
        everywhere = np.arange(len(self.y))
        limit = self.started + self.settings.max_time
        for candidate in sorted(finalists.values(), key=lambda c: c.bits):
            expression = candidate.expression
            late = time.monotonic() > limit
            quick = len(self.y) <= _QUICKLY_JUDGED
            if late and len(final) and not quick:
                break
            loss = self._loss(expression, everywhere)
            # The best one gets the constants of all rows even when the time is over.
            if expression.n_constants and (not late or (quick and not len(final))):
                fit = fitter.fit(expression, start=expression.constants)
                refit = expression if fit.failed else fit.expression
                refit_loss = self._loss(refit, everywhere)
                # 0.7 stays 0.7 where the data do not ask for more.
                if final.cost(refit, refit_loss) < final.cost(expression, loss):
                    expression, loss = refit, refit_loss
            final.add(expression, loss, candidate.source, candidate.seconds)
        return final if len(final) else self.archive

    def choose(self, archive: Archive, n_repeats: int = _REPEATS) -> Candidate:
        """Choose the answer.

        By description length, unless cross-validation finds the shortest one
        significantly worse at predicting than a longer one. Of few rows each is
        predicted `n_repeats` times.
        """
        chosen = archive.best(self.settings.selection)
        if self.settings.selection != "mdl" or archive.cost.at_floor(chosen.loss):
            return chosen
        ranked = sorted(archive, key=lambda c: c.bits)[:_CROSS_VALIDATED]
        most = ranked[0].bits + max(_CREDIBLE, _CREDIBLE_PER_ROW * len(self.y))
        shortlist = [c for c in ranked if c.bits <= most]
        # A line was not searched for: it has no luck to make up for.
        shortlist += [
            c
            for c in self._baselines
            if c.complexity <= self.settings.max_size and c not in shortlist
        ]
        limit = self.started + self.settings.max_time
        general = best_in_general(
            shortlist,
            self.X,
            self.y,
            self.weight,
            seed=self.seed,
            n_repeats=n_repeats,
            out_of_time=lambda: time.monotonic() > limit,
        )
        return general or chosen

    def standard_errors(self, expression: Expression) -> npt.NDArray[np.float64]:
        """Give the standard errors of the constants of a formula."""
        rows = np.arange(len(self.y))[:_FINAL_ROWS]
        return self._fitter(rows, n_starts=1).standard_errors(expression)

    # Pieces

    def _fitter(self, rows: npt.NDArray[np.intp], n_starts: int) -> ConstantFitter:
        return ConstantFitter(
            self.X[rows],
            self.y[rows],
            None if self.weight is None else self.weight[rows],
            optimizer=self.settings.optimizer,
            n_starts=n_starts,
            seed=self.seed,
        )

    def _price(self, rows: npt.NDArray[np.intp]) -> DescriptionLength:
        weight = None if self.weight is None else self.weight[rows]
        return price(self.X[rows], self.y[rows], weight)

    def _fit_price(self) -> DescriptionLength:
        """Price with the number of rows that the constants are fitted on."""
        n = len(self.rows.fit)
        if n == len(self.rows.judge):
            return self.archive.cost
        return replace(self.archive.cost, n_samples=float(n))

    def _loss(self, expression: Expression, rows: npt.NDArray[np.intp]) -> float:
        residual = expression.evaluate(self.X[rows]) - self.y[rows]
        weight = None if self.weight is None else self.weight[rows]
        with np.errstate(all="ignore"):
            loss = float(np.average(np.square(residual), weights=weight))
        return loss if np.isfinite(loss) else float("inf")


def _unharmed(
    name: str, batches: Iterator[Sequence[Expression]]
) -> Iterator[Sequence[Expression]]:
    """Give the batches of a proposer; a numerical accident ends it, not the fit."""
    try:
        # Not "yield from", which would close them when a turn ends.
        for batch in batches:  # noqa: UP028
            yield batch
    except (ArithmeticError, np.linalg.LinAlgError) as error:
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


def _best(archive: Archive, selection: Selection) -> Candidate:
    """Choose, falling back to the shortest formula when a size limit is too small."""
    try:
        return archive.best(selection)
    except ValueError:
        return min(archive, key=lambda c: c.complexity)
