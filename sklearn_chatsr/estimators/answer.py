"""What follows a search: the choice of the answer, and its constants of all rows."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from sklearn_chatsr.estimators.intake import BASELINE
from sklearn_chatsr.estimators.table import Table
from sklearn_chatsr.expressions import Expression, with_integers, without_idle_addends
from sklearn_chatsr.fitting import ConstantFitter
from sklearn_chatsr.prompts import Constraints
from sklearn_chatsr.selection import (
    Archive,
    Candidate,
    DescriptionLength,
    best_in_general,
)
from sklearn_chatsr.selection.archive import CREDIBLE
from sklearn_chatsr.selection.leverage import left_out_loss
from sklearn_chatsr.selection.luck import are_lucky

_FINAL_ROWS = 100_000
_QUICKLY_JUDGED = 50_000  # rows; so many take a formula about a millisecond
_SIZED_ROWS = 1_000  # rows; they show how large an addend is
_FINALISTS = 24
_CROSS_VALIDATED = 40
_LEVERS = 5_000  # rows; of more, none decides
# Bits: of many formulas that were fitted to few rows, some predict well by chance. One
# whose description is so much longer is not believed.
_CREDIBLE_PER_ROW = 0.1


def refit_on_all(
    archive: Archive,
    table: Table,
    limit: float,
    constraints: Constraints | None = None,
) -> Archive:
    """Refit the best formulas on many rows and judge them on all.

    Parameters
    ----------
    archive : Archive
        Of formulas fitted on some rows.
    table : Table
        All rows, of which a random 100,000 settle the constants.
    limit : float
        `time.monotonic` when the result has to be there.
    constraints : Constraints, optional
        What every formula must obey.

    Returns
    -------
    Archive
        Of the Pareto front and the shortest descriptions; the given one when none of
        them has a value on all rows.
    """
    rows = np.arange(len(table))
    final = Archive(table.price(rows), archive.per_complexity)
    front = archive.pareto_front()
    finalists = {c.expression: c for c in front}
    for candidate in sorted(archive, key=lambda c: c.bits):
        if len(finalists) >= _FINALISTS:
            break
        finalists.setdefault(candidate.expression, candidate)
    if len(rows) > _FINAL_ROWS:
        rng = np.random.default_rng([table.seed, 0, 1])
        rows = np.sort(rng.choice(rows, _FINAL_ROWS, replace=False))
    refit = _Refit(table, table.fitter(rows, deadline=limit), final.cost, constraints)
    quick = len(table) <= _QUICKLY_JUDGED
    for candidate in sorted(finalists.values(), key=lambda c: c.bits):
        expression = candidate.expression
        late = time.monotonic() > limit
        if late and len(final) and not quick:
            # There is one of every size all the same, judged on fewer rows.
            if candidate in front:
                final.add(
                    expression, candidate.loss, candidate.source, candidate.seconds
                )
            continue
        loss = table.loss(expression)
        # The best one gets the constants of all rows even when the time is over, and
        # what takes no search for them.
        at_once = quick and (not len(final) or candidate.source == BASELINE)
        if at_once or not late:
            expression, loss = refit(expression, loss)
        final.add(expression, loss, candidate.source, candidate.seconds)
    return final if len(final) else archive


@dataclass(frozen=True)
class _Refit:
    """Fit a formula again, and keep the new constants where they make it cheaper."""

    table: Table
    fitter: ConstantFitter
    cost: DescriptionLength
    constraints: Constraints | None

    def __call__(self, expression: Expression, loss: float) -> tuple[Expression, float]:
        """Give formula and loss on all rows."""
        if not expression.n_constants:
            return expression, loss
        fit = self.fitter.fit(expression, start=expression.constants)
        refit = expression
        if not fit.failed:
            refit = with_integers(fit.expression.simplify()).simplify()
            # Simplified, it may be written with an operator that is not allowed.
            if not self._is_allowed(refit):
                refit = fit.expression
        refit_loss = self.table.loss(refit)
        if self.cost.at_floor(refit_loss):
            few = self.table.X[:: -(-len(self.table) // _SIZED_ROWS)]
            refit = without_idle_addends(refit, few, self._is_exact)
            refit_loss = self.table.loss(refit)
        # 0.7 stays 0.7 where the data do not ask for more.
        if self.cost(refit, refit_loss) < self.cost(expression, loss):
            return refit, refit_loss
        return expression, loss

    def _is_allowed(self, expression: Expression) -> bool:
        return self.constraints is None or self.constraints.allow(expression)

    def _is_exact(self, expression: Expression) -> bool:
        return self._is_allowed(expression) and self.cost.at_floor(
            self.table.loss(expression)
        )


def choose_in_general(
    archive: Archive,
    baselines: Sequence[Candidate],
    table: Table,
    *,
    thorough: bool,
    out_of_time: Callable[[], bool],
    allow: Callable[[Expression], bool],
) -> Candidate:
    """Choose by description length, unless cross-validation objects.

    That is, unless it finds the shortest description significantly worse at predicting
    than a longer one. Formulas that only meet a few large targets by luck are no
    answer, unless all others are as well.

    Parameters
    ----------
    archive : Archive
        At least one formula.
    baselines : sequence of Candidate
        Compete whatever their description length: a line was not searched for, and has
        no luck to make up for.
    table : Table
        All rows.
    thorough : bool
        Whether few rows are worth a second.
    out_of_time : callable
        Asked between folds.
    allow : callable
        Tells whether a formula that is none of these may be the answer.

    Returns
    -------
    Candidate
        One of these, or a line with shrunken coefficients.
    """
    shortest = archive.best("mdl")
    if archive.cost.at_floor(shortest.loss):
        return shortest
    ranked = sorted(archive, key=lambda c: (c.bits, c.complexity))
    if len(table) <= _QUICKLY_JUDGED:
        lucky = are_lucky(
            [c.expression for c in ranked],
            table.X,
            table.y,
            table.weight,
            seed=table.seed,
        )
        ranked = [c for c, k in zip(ranked, lucky, strict=True) if not k] or ranked
    found = {c.expression: c for c in ranked}
    if len(table) <= _LEVERS:
        ranked = _without_levers(ranked, archive.cost, table)
    shortest, ranked = ranked[0], ranked[:_CROSS_VALIDATED]
    most = shortest.bits + max(CREDIBLE, _CREDIBLE_PER_ROW * len(table))
    shortlist = [c for c in ranked if c.bits <= most]
    forms = {c.expression.skeleton().canonical_key() for c in shortlist}
    shortlist += [
        c for c in baselines if c.expression.skeleton().canonical_key() not in forms
    ]
    general = best_in_general(
        shortlist,
        table.X,
        table.y,
        table.weight,
        seed=table.seed,
        thorough=thorough,
        out_of_time=out_of_time,
        allow=allow,
    )
    if general is None:
        general = shortest.expression
    for candidate in (*ranked, *shortlist):
        if candidate.expression == general:
            return found.get(general, candidate)
    loss = table.loss(general)
    return archive.candidate(general, loss, BASELINE, 0.0)


def _without_levers(
    ranked: Sequence[Candidate], cost: DescriptionLength, table: Table
) -> list[Candidate]:
    """Rank anew, without what formulas gain at rows that decide a constant."""
    judged = list(ranked)
    for i, candidate in enumerate(ranked[:_CROSS_VALIDATED]):
        loss = left_out_loss(candidate.expression, table.X, table.y, table.weight)
        if loss is not None and loss > candidate.loss:
            judged[i] = replace(candidate, bits=cost(candidate.expression, loss))
    return sorted(judged, key=lambda c: (c.bits, c.complexity))


def polish(
    chosen: Candidate,
    archive: Archive,
    table: Table,
    limit: float,
    constraints: Constraints | None = None,
) -> tuple[Candidate, npt.NDArray[np.float64]]:
    """Give the answer its constants of all rows, and their standard errors.

    Parameters
    ----------
    chosen : Candidate
        The answer, fitted on at most 100,000 rows.
    archive : Archive
        Where it is from, and where the polished one takes its place.
    table : Table
        All rows.
    limit : float
        `time.monotonic` when "bfgs" has to end.
    constraints : Constraints, optional
        What the answer must obey.

    Returns
    -------
    chosen : Candidate
        The answer.
    standard_errors : ndarray of shape (n_constants,)
        NaN for a constant that the data do not determine.
    """
    fitter = table.fitter(deadline=limit)
    if len(table) > _FINAL_ROWS and not archive.cost.at_floor(chosen.loss):
        refit = _Refit(table, fitter, archive.cost, constraints)
        expression, loss = refit(chosen.expression, chosen.loss)
        if expression != chosen.expression:
            archive.add(expression, loss, chosen.source, chosen.seconds)
            chosen = archive.candidate(expression, loss, chosen.source, chosen.seconds)
    return chosen, fitter.standard_errors(chosen.expression)
