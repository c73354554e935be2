"""Fit programs, judge them on held-out rows, and keep what is worth keeping."""

from __future__ import annotations

import bisect
import math
import time
from collections.abc import Hashable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.fitting import (
    ConstantFitter,
    Optimizer,
    shared_constants,
    spell_constants,
)
from sklearn_chatsr.proposers.programs.buffer import Member
from sklearn_chatsr.proposers.programs.folds import level_folds, level_gaps
from sklearn_chatsr.proposers.programs.parameters import fit_program, refit
from sklearn_chatsr.selection import Archive, Candidate, DescriptionLength, Selection

FloatArray = npt.NDArray[np.float64]
RowArray = npt.NDArray[np.intp]

_FINALISTS = 16
_SPELLED = 6
_FINAL_ROWS = 100_000
# Programs that cost more than this many others are not worth a second look.
_LOOKED_AT = 100
# Programs that are looked up when they come again; more would fill the memory.
_KNOWN = 100_000


class Scorer:
    """Constants, costs and the archive of one data set.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Finite values.
    y : ndarray of shape (n_samples,)
        Finite values.
    sample_weight : ndarray of shape (n_samples,) or None
        Positive weights.
    price : DescriptionLength
        Cost of formulas on all rows.
    fit_rows, judge_rows : ndarray of int
        Rows that constants are fitted on, and rows that programs are judged on.
    max_size : int
        Largest number of nodes of a program.
    optimizer : {"lm", "bfgs", "adam"}
        How constants are fitted.
    n_starts : int
        Starting points for programs without starting values.
    seed : int
        Seed of the starts.
    limit : float
        `time.monotonic` when the result has to be there.
    """

    def __init__(
        self,
        X: FloatArray,
        y: FloatArray,
        sample_weight: FloatArray | None,
        price: DescriptionLength,
        *,
        fit_rows: RowArray,
        judge_rows: RowArray,
        max_size: int = 60,
        optimizer: Optimizer = "lm",
        n_starts: int = 8,
        seed: int = 0,
        limit: float = math.inf,
    ) -> None:
        self.X, self.y, self.weight = X, y, sample_weight
        self.fit_rows, self.judge_rows = fit_rows, judge_rows
        self.max_size = max_size
        self.optimizer: Optimizer = optimizer
        self.seed = seed
        self.limit = limit
        self.archive = Archive(price)
        self.started = time.monotonic()
        self.n_fits = 0
        self._fitter = self._make_fitter(fit_rows, n_starts)
        self._known: dict[Hashable, Member | None] = {}
        self._folds = level_folds(
            X, y, sample_weight, fit_rows, judge_rows, optimizer, limit
        )
        self._gaps = level_gaps(X, judge_rows)
        self._held_out: dict[Expression, float] = {}
        self._costs: list[float] = []

    def fit_until(self, deadline: float) -> None:
        """Let the fits of `score` by "bfgs" and "adam" end at some moment.

        Parameters
        ----------
        deadline : float
            On the clock of `time.monotonic`, seconds.
        """
        self._fitter.deadline = min(deadline, self.limit)

    def score(
        self, expression: Expression, source: str, ties: Sequence[int] | None = None
    ) -> Member | None:
        """Fit and judge one program, or look it up.

        Parameters
        ----------
        expression : Expression
            Values of its constants are the start of the fit; an open one is fitted
            from drawn starts.
        source : str
            Who wrote it.
        ties : sequence of int, optional
            The parameter of each open constant, where one has several.

        Returns
        -------
        Member or None
            None where the program is too large or has no finite value on some row.
        """
        if expression.size > self.max_size:
            return None
        # Local searches from different starting values may end in different minima.
        start = expression.constants or None
        key: Hashable = expression
        if start is None:
            # A tie ends with the form that it was written in.
            plain = expression.skeleton().canonical_key()
            key = plain if ties is None else (expression.tokens, tuple(ties))
        if key in self._known:
            return self._known[key]
        if start is None:
            fit = fit_program(self._fitter, expression.skeleton(), ties)
        else:
            fit = self._fitter.fit(expression.skeleton(), start=start)
        self.n_fits += 1
        member = None
        if not fit.failed:
            member = self.judge(fit.expression.simplify(), source)
        if len(self._known) >= _KNOWN:
            self._known.clear()
            self._held_out.clear()
        self._known[key] = member
        return member

    def judge(self, expression: Expression, source: str) -> Member | None:
        """Give a fitted program its cost and archive it.

        Parameters
        ----------
        expression : Expression
            With fitted constants.
        source : str
            Who wrote it.

        Returns
        -------
        Member or None
            None where it has no finite value on some row.
        """
        loss = self.loss(expression, self.judge_rows)
        if not math.isfinite(loss):
            return None
        cost = self.archive.cost
        if self._folds:
            plain = cost(expression, loss)
            if len(self._costs) < _LOOKED_AT or plain < self._costs[-1]:
                loss = max(loss, self.held_out_loss(expression))
                if not math.isfinite(loss):
                    return None
                bisect.insort(self._costs, cost(expression, loss))
                del self._costs[_LOOKED_AT:]
        seconds = time.monotonic() - self.started
        self.archive.add(expression, loss, source, seconds)
        variance = cost.variance
        nmse = loss / variance if variance > 0 else loss
        return Member(expression, cost(expression, loss), nmse, loss, source)

    def loss(self, expression: Expression, rows: RowArray | slice) -> float:
        """Give the weighted mean squared error on some rows; inf where undefined."""
        residual = expression.evaluate(self.X[rows]) - self.y[rows]
        weight = None if self.weight is None else self.weight[rows]
        with np.errstate(all="ignore"):
            loss = float(np.average(np.square(residual), weights=weight))
        return loss if math.isfinite(loss) else math.inf

    def held_out_loss(self, expression: Expression) -> float:
        """Judge a formula beside and between the values of columns that have few.

        The mean squared error on values that its constants have not seen, and the mean
        square of peaks and dips that it invents between values.

        Returns
        -------
        float
            0 where no column has few values.
        """
        known = self._held_out.get(expression)
        if known is None:
            errors = [fold.squared_error(expression) for fold in self._folds]
            total = sum(weight for _, weight in errors)
            known = sum(error for error, _ in errors) / total if errors else 0.0
            known += sum(gaps.overshoot(expression) for gaps in self._gaps)
            known = known if math.isfinite(known) else math.inf
            self._held_out[expression] = known
        return known

    def spell_best(self) -> None:
        """Offer the best programs cheaper spellings of their constants."""
        n = float(len(self.fit_rows))
        price = replace(self.archive.cost, n_samples=n)

        def cost(expression: Expression, loss: float) -> float:
            # When the time is over nothing is cheaper any more.
            return math.inf if self._is_late() else price(expression, loss)

        for candidate in sorted(self.archive, key=lambda c: c.bits)[:_SPELLED]:
            if self._is_late():
                return
            expression = candidate.expression
            constants = expression.constants or ()
            # Spelled one by one, the places of a parameter would part.
            if not constants or shared_constants(constants) is not None:
                continue
            fit = refit(self._fitter, expression)
            if not fit.failed:
                spelled = spell_constants(fit, self._fitter, cost)
                self.judge(spelled.expression, candidate.source)

    def finish(self, selection: Selection) -> tuple[Archive, Candidate]:
        """Polish the finalists on all rows and choose the answer.

        Parameters
        ----------
        selection : {"mdl", "r2"} or int
            The rule of the choice.

        Returns
        -------
        archive : Archive
            Judged on all rows.
        chosen : Candidate
            The answer.
        """
        self.fit_until(self.limit)
        self.spell_best()
        final = Archive(self.archive.cost, self.archive.per_complexity)
        judged = Archive(self.archive.cost, self.archive.per_complexity)
        finalists = {c.expression: c for c in self.archive.pareto_front()}
        for candidate in sorted(self.archive, key=lambda c: c.bits)[:_FINALISTS]:
            finalists.setdefault(candidate.expression, candidate)
        rows = np.arange(len(self.y))
        polished = rows
        if len(rows) > _FINAL_ROWS:
            rng = np.random.default_rng([self.seed, 3])
            polished = np.sort(rng.choice(rows, _FINAL_ROWS, replace=False))
        fitter = self._make_fitter(polished, n_starts=1)
        for candidate in sorted(finalists.values(), key=lambda c: c.bits):
            expression = candidate.expression
            loss = self.loss(expression, rows)
            # The best one gets the constants of all rows even when the time is over.
            if not (self._is_late() and len(final)):
                expression, loss = self._polished(expression, loss, fitter)
            final.add(expression, loss, candidate.source, candidate.seconds)
            judged.add(
                expression,
                max(loss, self.held_out_loss(expression)),
                candidate.source,
                candidate.seconds,
            )
        if not len(judged):
            return self.archive, self.archive.best(selection)
        chosen = judged.best(selection)
        expression, loss = chosen.expression, self.loss(chosen.expression, rows)
        if len(polished) < len(rows):
            everything = self._make_fitter(slice(None), n_starts=1)
            expression, loss = self._polished(expression, loss, everything)
            final.add(expression, loss, chosen.source, chosen.seconds)
        return final, final.candidate(expression, loss, chosen.source, chosen.seconds)

    def standard_errors(self, expression: Expression) -> FloatArray:
        """Give the standard errors of fitted constants on all rows."""
        return self._make_fitter(slice(None), 1).standard_errors(expression)

    def _polished(
        self, expression: Expression, loss: float, fitter: ConstantFitter
    ) -> tuple[Expression, float]:
        """Refit a formula where that makes it cheaper; loss is that of all rows."""
        if not expression.n_constants:
            return expression, loss
        fit = refit(fitter, expression)
        if fit.failed:
            return expression, loss
        polished_loss = self.loss(fit.expression, slice(None))
        # 0.7 stays 0.7 where the data do not ask for more.
        cost = self.archive.cost
        if cost(fit.expression, polished_loss) < cost(expression, loss):
            return fit.expression, polished_loss
        return expression, loss

    def _is_late(self) -> bool:
        return time.monotonic() >= self.limit

    def _make_fitter(self, rows: RowArray | slice, n_starts: int) -> ConstantFitter:
        return ConstantFitter(
            self.X[rows],
            self.y[rows],
            None if self.weight is None else self.weight[rows],
            optimizer=self.optimizer,
            n_starts=n_starts,
            seed=self.seed,
            deadline=self.limit,
        )
