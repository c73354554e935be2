"""Where proposed formulas go: fitted, spelled, archived, once each."""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from sklearn_chatsr.estimators.rows import Rows
from sklearn_chatsr.estimators.table import Table
from sklearn_chatsr.expressions import (
    Expression,
    factored,
    prunings,
    variable,
    with_integers,
    without_idle_addends,
)
from sklearn_chatsr.fitting import (
    ConstantFit,
    grid_steps,
    spell_constants,
    unaliased,
)
from sklearn_chatsr.fitting.affine import narrower
from sklearn_chatsr.prompts import Constraints
from sklearn_chatsr.selection import Archive, DescriptionLength

BASELINE = "baseline"
_SPELLED_PER_BATCH = 4
# Share of the variance that a law misses before its constants are fitted.
_NEARLY_EXACT = 1e-6
_AS_GOOD = 1.0 + 1e-6  # times a loss
_ROWS_PER_CONSTANT = 50  # with fewer, a formula is fitted on more rows


class Intake:
    """Fit what is proposed and archive what is good.

    Parameters
    ----------
    table : Table
        What is to be explained.
    rows : Rows
        Those to fit and to judge on.
    n_starts : int
        Starting points per skeleton.
    max_size, exact_size : int
        Largest number of nodes of a formula, and of one that leaves nothing.
    constraints : Constraints or None
        What every formula must obey.
    n_jobs : int or None
        Threads that fit constants.
    started, deadline : float
        `time.monotonic` at the beginning, and when nothing more is fitted.

    Attributes
    ----------
    archive : Archive
        What was good, judged on the rows to judge on.
    """

    def __init__(
        self,
        table: Table,
        rows: Rows,
        *,
        n_starts: int,
        max_size: int,
        exact_size: int,
        constraints: Constraints | None,
        n_jobs: int | None,
        started: float,
        deadline: float,
    ) -> None:
        self.table, self.rows = table, rows
        self.max_size, self.exact_size = max_size, exact_size
        self.constraints = constraints
        self.n_jobs = n_jobs
        self.started, self.deadline = started, deadline
        self.archive = Archive(table.price(rows.judge))
        self._fitter = table.fitter(rows.fit, n_starts)
        self._wide_fitter = table.fitter(rows.fit_many, deadline=deadline)
        # Loss of the best fit of every form that was offered.
        self._known: dict[Hashable, float] = {}
        X = table.X
        self._steps = grid_steps(X[rows.seen])
        self._positive = frozenset(
            variable(j) for j in range(X.shape[1]) if X[:, j].min(initial=np.inf) > 0
        )
        self._spelled: set[Expression] = set()
        self._pruned: set[Expression] = set()

    def __len__(self) -> int:
        """Give the number of forms that were offered."""
        return len(self._known)

    def take(self, batch: Sequence[Expression], source: str) -> None:
        """Fit a batch, archive what is good, spell the best of it.

        Parameters
        ----------
        batch : sequence of Expression
            Skeletons, or formulas whose constants are to be started from.
        source : str
            Name of who proposes them. Baselines are fitted however little time there
            is, whatever their size, if they obey.
        """
        is_baseline = source == BASELINE
        fresh: dict[Expression, Hashable] = {}
        for expression in batch:
            if not (is_baseline or self._is_short_enough(expression)):
                continue
            key = self._key_if_new(expression)
            if key is not None:
                fresh[expression] = key
        deadline = None if is_baseline else self.deadline
        self._fitter.deadline = np.inf if is_baseline else self.deadline
        fits = self._fit(list(fresh), deadline)
        for (offered, key), fit in zip(fresh.items(), fits, strict=False):
            if fit is not None and not fit.failed:
                self._known[key] = min(self._known[key], fit.loss)
                expression = fit.expression.simplify()
                self._add(expression, fit.loss, source)
                if not self._is_allowed(expression) and (
                    is_baseline or not self._is_over()
                ):
                    self._add_narrower(offered, source)
        self._spell_best()

    def prune_best(self, most: int) -> None:
        """Offer the best candidates without the parts that may only decorate them.

        And with what their sums have in common written once.

        Parameters
        ----------
        most : int
            How many of the best ones.
        """
        for candidate in sorted(self.archive, key=lambda c: c.bits)[:most]:
            if candidate.expression in self._pruned or self._is_over():
                continue
            self._pruned.add(candidate.expression)
            others = prunings(candidate.expression)
            shorter = factored(candidate.expression, self._positive)
            if shorter != candidate.expression:
                others.append(shorter)
            self.take(others, candidate.source)

    def _is_short_enough(self, expression: Expression) -> bool:
        """Tell whether a formula may be fitted: a long one if it is a law as it is."""
        if expression.size <= self.max_size:
            return True
        is_open = expression.n_constants and not expression.constants
        if expression.size > self.exact_size or is_open:
            return False
        missed = self._fitter.evaluate(expression).loss
        return missed <= _NEARLY_EXACT * self.archive.cost.variance

    def _is_over(self) -> bool:
        return time.monotonic() >= self.deadline

    def _key_if_new(self, expression: Expression) -> Hashable | None:
        """Give the key of a formula to be fitted, None of one that need not be.

        A form that is known is fitted again from values that are better than what the
        first fit came to.
        """
        key = expression.skeleton().canonical_key()
        known = self._known.get(key)
        if known is None:
            self._known[key] = np.inf
            return key
        if not expression.constants or not np.isfinite(known):
            return None
        return key if self._fitter.evaluate(expression).loss < known else None

    def _fit(
        self, batch: Sequence[Expression], deadline: float | None
    ) -> Iterator[ConstantFit | None]:
        """Fit from drawn starts, or from the values that a formula carries."""
        bare = [e for e in batch if not e.constants]
        drawn = iter(
            self._fitter.fit_many(
                bare, n_jobs=self.n_jobs, deadline=deadline, scale=True
            )
        )
        for expression in batch:
            if not expression.constants:
                yield next(drawn, None)
            elif self._is_over():
                yield None
            else:
                fitter = self._fitter
                if expression.n_constants * _ROWS_PER_CONSTANT > len(self.rows.fit):
                    fitter = self._wide_fitter
                yield fitter.fit(expression, start=expression.constants, scale=True)

    def _add(self, expression: Expression, loss: float, source: str) -> None:
        """Archive a formula in its best writing, if it obeys."""
        if self._steps and expression.n_constants:
            expression, loss = self._unaliased(expression, loss)
        judge = self.rows.judge
        is_exact = self.archive.cost.at_floor(loss)
        if is_exact:
            expression = without_idle_addends(
                expression, self.table.X[judge], self._is_exact
            )
            shorter = with_integers(factored(expression, self._positive))
            if self._is_exact(shorter):
                expression = shorter
        # Scaling may add a factor and an offset to the largest skeleton, if no rule
        # is against it.
        longest = self.exact_size if is_exact else self.max_size
        if expression.size > longest + 4 and source != BASELINE:
            return
        if not self._is_allowed(expression):
            return
        if is_exact or len(judge) > len(self.rows.fit):
            loss = self.table.loss(expression, judge)
        self.archive.add(expression, loss, source, time.monotonic() - self.started)

    def _is_allowed(self, expression: Expression) -> bool:
        return self.constraints is None or self.constraints.allow(expression)

    def _is_exact(self, expression: Expression) -> bool:
        """Tell whether a formula obeys and leaves nothing."""
        if not self._is_allowed(expression):
            return False
        loss = self.table.loss(expression, self.rows.judge)
        return self.archive.cost.at_floor(loss)

    def _add_narrower(self, expression: Expression, source: str) -> None:
        """Archive a formula with what of a factor and an offset the rules allow."""
        if not self._is_allowed(expression):
            return
        for framed in narrower(expression):
            fit = self._fitter.fit(framed, start=framed.constants)
            if not fit.failed:
                self._add(fit.expression.simplify(), fit.loss, source)

    def _unaliased(
        self, expression: Expression, loss: float
    ) -> tuple[Expression, float]:
        """Give the formula at frequencies that the grids of the columns can show."""
        lower = unaliased(expression, self._steps)
        if lower == expression:
            return expression, loss
        # Digits that are lost in a high frequency come back; a grid that is off zero
        # takes a phase that the formula may not have.
        fit = self._fitter.fit(lower, start=lower.constants)
        as_good = fit.loss <= _AS_GOOD * loss or self.archive.cost.at_floor(fit.loss)
        if fit.failed or not as_good:
            return expression, loss
        return fit.expression.simplify(), fit.loss

    def _spell_best(self) -> None:
        """Offer the best new candidates cheaper spellings of their constants."""
        ranked = sorted(self.archive, key=lambda c: c.bits)
        for candidate in ranked[:_SPELLED_PER_BATCH]:
            expression = candidate.expression
            if expression in self._spelled or not expression.n_constants:
                continue
            if self._is_over():
                return
            self._spelled.add(expression)
            fit = self._fitter.fit(expression, start=expression.constants)
            if fit.failed:
                continue
            spelled = spell_constants(fit, self._fitter, self._fit_price())
            self._spelled.add(spelled.expression)
            if spelled.expression != expression:
                self._add(spelled.expression, spelled.loss, candidate.source)

    def _fit_price(self) -> DescriptionLength:
        """Price with the number of rows that the constants are fitted on."""
        n = len(self.rows.fit)
        if n == len(self.rows.judge):
            return self.archive.cost
        return replace(self.archive.cost, n_samples=float(n))
