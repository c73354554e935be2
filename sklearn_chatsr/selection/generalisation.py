"""Which formulas predict rows that they were not fitted on: cross-validation."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.fitting import ConstantFitter
from sklearn_chatsr.selection.archive import Candidate
from sklearn_chatsr.selection.oscillation import oscillation_bits

FloatArray = npt.NDArray[np.float64]

# Beyond this many rows a split tells nothing that the description length does not.
_MOST_ROWS = 1_000
# Of so few rows every one counts: more folds, and no tolerance.
_FEW_ROWS = 200
_FOLDS, _MANY_FOLDS = 5, 10
_LEAST_ROWS = 10
# Of formulas that few rows cannot tell apart the one in the middle predicts best. Their
# weights fall by a half for so many bits, since bits of few rows are uncertain.
_TEMPERATURE = 4.0
# Bits of a node beside an error of prediction, which pays for the constants already.
_NODE_BITS = 0.5
# Share of the variance that is predicted where there is a law to be seen. There it may
# go anywhere between the rows, and of formulas that agree the shorter one is chosen.
_LAWFUL = 0.9
# Elsewhere a formula is wild if it leaves the range of the target by more than such
# a share of it on more than one in a thousand of so many rows around the known ones.
_WILD, _WILD_ROWS, _ROWS_AROUND, _BEYOND = 0.25, 0.001, 2_000, 0.25
# Share of the error that a superfluous constant takes away in the best of ten
# thousand formulas: chi-squared over the number of rows. And one that hardly counts.
_CHANCE, _SLACK = 10.0, 0.01


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
    n_folds = _MANY_FOLDS if n_samples <= _FEW_ROWS else _FOLDS
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
    n_repeats: int = 1,
    out_of_time: Callable[[], bool] = lambda: False,
) -> Candidate | None:
    """Choose the shortest description that predicts as well as the best one.

    A description length knows what the formula costs, not whether a short one is all
    that the data carry. Of the formulas whose cross-validated error is as good as the
    lowest, the one with the fewest bits is chosen: within one standard error of the
    difference, row by row, or so close that the best of many formulas would be as much
    better by chance. In a table with a law this is the law.

    Few rows do not tell formulas apart, and the best of many is best by luck. Each gets
    a weight by its cross-validated error, its nodes and its waves; the formula whose
    values are closest to their weighted mean is chosen. Where nine tenths of the
    variance are predicted, and a law may be seen, nodes count there as well; elsewhere
    formulas that leave the range of the target around the rows are left out.

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
    n_repeats : int, default=1
        How often every row is predicted where there are few.
    out_of_time : callable
        Asked between folds.

    Returns
    -------
    Candidate or None
        None when nothing can be said: fewer than ten rows, or no time.

    References
    ----------
    Breiman, L., Friedman, J., Olshen, R. and Stone, C. (1984). Classification and
    regression trees, section 3.4.3: the one standard error rule.
    Barbieri, M. M. and Berger, J. O. (2004). Optimal predictive model selection. Annals
    of Statistics 32, 870-897: the single model closest to the average of all.
    Dawid, A. P. (1984). Statistical theory: the prequential approach. Journal of the
    Royal Statistical Society A 147, 278-292: judging by predictions.
    """
    rows = np.random.default_rng([seed, len(y)]).permutation(len(y))[:_MOST_ROWS]
    X, y = X[rows], y[rows]
    are_few = len(y) <= _FEW_ROWS
    weight = None if sample_weight is None else sample_weight[rows]
    expressions = [c.expression for c in candidates]
    errors = cross_validated_errors(
        expressions,
        X,
        y,
        weight,
        seed=seed,
        n_repeats=n_repeats if are_few else 1,
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
    if are_few:
        error_bits = 0.5 * len(y) * np.log2(np.maximum(mean, np.finfo(float).tiny))
        # Folds agree about a fast wave that all rows together were searched for.
        form_bits = [
            _NODE_BITS * c.complexity + oscillation_bits(c.expression, X)
            for c in candidates
        ]
        return _most_central(
            candidates, error_bits + form_bits, X, y, share, float(mean[lowest]), seed
        )
    equals = []
    chance = (_SLACK + _CHANCE / len(y)) * float(mean[lowest])
    for candidate, error, value in zip(candidates, errors, mean, strict=True):
        if not np.isfinite(value):
            continue
        worse = error - errors[lowest]
        gap = float(value - mean[lowest])
        uncertainty = float(np.sqrt(np.sum(np.square(share * (worse - gap)))))
        if gap <= max(uncertainty, chance):
            equals.append(candidate)
    return min(equals, key=lambda c: (c.bits, c.complexity))


def _most_central(
    candidates: Sequence[Candidate],
    bits: FloatArray,
    X: FloatArray,
    y: FloatArray,
    share: FloatArray,
    lowest: float,
    seed: int,
) -> Candidate:
    """Choose the formula closest to the mean of all, weighted by their bits."""
    kept = np.flatnonzero(np.isfinite(bits)).tolist()
    node_bits = _NODE_BITS
    spread = float(share @ np.square(y - share @ y))
    if lowest > (1.0 - _LAWFUL) * spread:
        node_bits = 0.0
        tame = [i for i in kept if not _is_wild(candidates[i].expression, X, y, seed)]
        kept = tame or kept
    weight = np.exp2((bits[kept].min() - bits[kept]) / _TEMPERATURE)
    with np.errstate(all="ignore"):
        values = np.stack([candidates[i].expression.evaluate(X) for i in kept])
    # Values far beyond the target would move the mean however small their weight.
    reach = np.ptp(y)
    values = np.clip(values, y.min() - reach, y.max() + reach)
    distance = np.square(values - weight @ values / weight.sum()) @ share
    nodes = np.array([candidates[i].complexity for i in kept])
    error = np.maximum(lowest + distance, np.finfo(float).tiny)
    cost = 0.5 * len(y) * np.log2(error) + node_bits * nodes
    return candidates[kept[int(np.argmin(cost))]]


def _is_wild(expression: Expression, X: FloatArray, y: FloatArray, seed: int) -> bool:
    """Tell whether a formula leaves the range of the target around the rows.

    It is evaluated on lines through two rows each, from a quarter of their distance
    before the one to a quarter behind the other.
    """
    rng = np.random.default_rng([seed, len(y), 1])
    first, second = rng.integers(len(y), size=(2, _ROWS_AROUND))
    place = rng.uniform(-_BEYOND, 1.0 + _BEYOND, size=(_ROWS_AROUND, 1))
    with np.errstate(all="ignore"):
        values = expression.evaluate(X[first] + place * (X[second] - X[first]))
        beyond = np.maximum(y.min() - values, values - y.max())
    # A value that does not exist is no smaller than any.
    inside = beyond <= _WILD * np.ptp(y)
    return bool(np.mean(~inside) > _WILD_ROWS)
