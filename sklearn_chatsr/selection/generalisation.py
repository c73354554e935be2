"""Which formulas predict rows that they were not fitted on: cross-validation."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.fitting import ConstantFitter
from sklearn_chatsr.selection.archive import Candidate
from sklearn_chatsr.selection.few_rows import (
    CERTAIN,
    LAWFUL,
    are_tame,
    have_poles,
    most_central,
)

FloatArray = npt.NDArray[np.float64]

# Beyond this many rows a split tells nothing that the description length does not.
_MOST_ROWS = 1_000
# Of so few rows every one counts: more folds, and no tolerance.
FEW_ROWS = 200
_FOLDS, _MANY_FOLDS, _REPEATS = 5, 10, 3
_LEAST_ROWS = 10
# Share of the error that a superfluous constant takes away in the best of ten
# thousand formulas: chi-squared over the number of rows. And one that hardly counts.
_CHANCE, _SLACK = 10.0, 0.01
# Up to where a formula is an approximation, and how much more of the target one without
# a pole may miss.
_EXACT, _LUCK = 1e-9, 10.0
# Standard errors by which a longer law has to predict better: folds of few rows agree
# about what all of them were searched for.
_FEW_ROWS_ERRORS = 2.0
# And where the description length has seen more rows than these are.
_MANY_ROWS_ERRORS = 3.0


def cross_validated_errors(
    expressions: Sequence[Expression],
    X: FloatArray,
    y: FloatArray,
    sample_weight: FloatArray | None = None,
    *,
    seed: int = 0,
    n_repeats: int = 1,
    out_of_time: Callable[[], bool] = lambda: False,
) -> FloatArray | None:
    """Fit constants on some rows and predict the others.

    Parameters
    ----------
    expressions : sequence of Expression of length n_expressions
        With constants, from which the fits start.
    X : ndarray of shape (n_samples, n_features), dtype float64
        The columns.
    y : ndarray of shape (n_samples,), dtype float64
        The target.
    sample_weight : ndarray of shape (n_samples,), optional
        Positive weights, for the fits.
    seed : int, default=0
        Of the folds.
    n_repeats : int, default=1
        How often every row is predicted, by folds drawn anew.
    out_of_time : callable
        Asked between folds.

    Returns
    -------
    ndarray of shape (n_expressions, n_samples) or None
        Squared errors of prediction, their means over the repeats, infinite where a
        formula has no value, NaN where the time was over before a row's turn; None when
        there are fewer than ten rows.
    """
    n_samples = len(y)
    if n_samples < _LEAST_ROWS:
        return None
    n_folds = _MANY_FOLDS if n_samples <= FEW_ROWS else _FOLDS
    rng = np.random.default_rng(seed)
    folds = []
    for _ in range(n_repeats):
        order = rng.permutation(n_samples)
        folds += [order[fold::n_folds] for fold in range(n_folds)]
    errors = np.zeros((len(expressions), n_samples))
    times = np.zeros(n_samples)
    for fold in folds:
        if out_of_time():
            break
        times[fold] += 1
        seen = np.ones(n_samples, bool)
        seen[fold] = False
        weight = None if sample_weight is None else sample_weight[seen]
        fitter = ConstantFitter(X[seen], y[seen], weight, n_starts=1)
        for i, expression in enumerate(expressions):
            fitted = expression
            if expression.n_constants:
                fit = fitter.fit(expression, start=expression.constants)
                fitted = expression if fit.failed else fit.expression
            with np.errstate(all="ignore"):
                error = np.square(fitted.evaluate(X[~seen]) - y[~seen])
            errors[i, ~seen] += np.where(np.isfinite(error), error, np.inf)
    return errors / np.where(times > 0, times, np.nan)


def best_in_general(
    candidates: Sequence[Candidate],
    X: FloatArray,
    y: FloatArray,
    sample_weight: FloatArray | None = None,
    *,
    seed: int = 0,
    thorough: bool = True,
    out_of_time: Callable[[], bool] = lambda: False,
    allow: Callable[[Expression], bool] = lambda _: True,
) -> Expression | None:
    """Choose the shortest description that predicts as well as the best one.

    A description length knows what the formula costs, not whether a short one is all
    that the data carry. Of the formulas whose cross-validated error is as good as the
    lowest, the one with the fewest bits is chosen: within one standard error of the
    difference, row by row, or so close that the best of many formulas would be as much
    better by chance. In a table with a law this is the law.

    Few rows do not tell formulas apart, and the best of many is best by luck: there the
    choice is that of `most_central`, unless a law is certain. Of certain laws a longer
    one has to be better by two standard errors. Of more than a thousand rows only a
    thousand are predicted, and three standard errors are asked for. Where no law is
    certain, one that is as good and has no pole between rows goes first; where one is,
    but not exact, one without a pole may miss ten times as much.

    Parameters
    ----------
    candidates : sequence of Candidate
        At least one.
    X : ndarray of shape (n_samples, n_features), dtype float64
        The columns; of more than 1,000 rows, so many are drawn.
    y : ndarray of shape (n_samples,), dtype float64
        The target.
    sample_weight : ndarray of shape (n_samples,), optional
        Positive weights.
    seed : int, default=0
        Of rows and folds.
    thorough : bool, default=True
        Whether few rows are each predicted in three draws of the folds, and a shrunken
        line and a smooth function take part.
    out_of_time : callable
        Asked between folds.
    allow : callable
        Tells whether a formula that is no candidate may be the answer, where rows are
        few.

    Returns
    -------
    Expression or None
        None when nothing can be said: fewer than ten rows, or no time.

    References
    ----------
    Breiman, L., Friedman, J., Olshen, R. and Stone, C. (1984). Classification and
    regression trees, section 3.4.3: the one standard error rule.
    Dawid, A. P. (1984). Statistical theory: the prequential approach. Journal of the
    Royal Statistical Society A 147, 278-292: judging by predictions.
    """
    rows = np.random.default_rng([seed, len(y)]).permutation(len(y))[:_MOST_ROWS]
    are_many = len(y) > _MOST_ROWS
    X, y = X[rows], y[rows]
    are_few = len(y) <= FEW_ROWS
    weight = None if sample_weight is None else sample_weight[rows]
    expressions = [c.expression for c in candidates]
    errors = cross_validated_errors(
        expressions,
        X,
        y,
        weight,
        seed=seed,
        n_repeats=_REPEATS if are_few and thorough else 1,
        out_of_time=out_of_time,
    )
    if errors is None:
        return None
    predicted = ~np.isnan(errors[0])
    if predicted.sum() < _LEAST_ROWS:
        return None
    errors, X, y = errors[:, predicted], X[predicted], y[predicted]
    weight = None if weight is None else weight[predicted]
    share = np.full(len(y), 1.0 / len(y)) if weight is None else weight / weight.sum()
    mean = errors @ share
    lowest = int(np.argmin(mean))
    if not np.isfinite(mean[lowest]):
        return None
    spread = float(share @ np.square(y - share @ y))
    if are_few and mean[lowest] > (1.0 - CERTAIN) * spread:
        return most_central(
            expressions,
            mean,
            X,
            y,
            weight,
            descriptions=[c.bits for c in candidates],
            seed=seed,
            formulas_alone=not thorough or out_of_time(),
            allow=allow,
        )
    if _EXACT * spread < mean[lowest] <= (1.0 - CERTAIN) * spread:
        # An approximation may owe its success to rows that are far from its pole.
        smooth = ~have_poles(expressions, X, y, seed=seed)
        least = np.min(mean, where=smooth, initial=np.inf)
        if least <= _LUCK * mean[lowest]:
            candidates = [c for c, s in zip(candidates, smooth, strict=True) if s]
            errors, mean = errors[smooth], mean[smooth]
            lowest = int(np.argmin(mean))
    equals = []
    n_errors = _FEW_ROWS_ERRORS if are_few else 1.0
    if are_many:
        n_errors = _MANY_ROWS_ERRORS
    chance = (_SLACK + _CHANCE / len(y)) * float(mean[lowest])
    for candidate, error, value in zip(candidates, errors, mean, strict=True):
        if not np.isfinite(value):
            continue
        worse = error - errors[lowest]
        gap = float(value - mean[lowest])
        # Squares of squares of large targets do not fit into float64.
        uncertainty = math.hypot(*(share * (worse - gap)))
        if gap <= max(n_errors * uncertainty, chance):
            equals.append(candidate)
    if mean[lowest] > (1.0 - CERTAIN) * spread:
        tame = are_tame(
            [c.expression for c in equals],
            X,
            y,
            is_lawful=bool(mean[lowest] <= (1.0 - LAWFUL) * spread),
            seed=seed,
        )
        # Their luck is that no row came near their poles.
        equals = [c for c, t in zip(equals, tame, strict=True) if t] or equals
    return min(equals, key=lambda c: (c.bits, c.complexity)).expression
