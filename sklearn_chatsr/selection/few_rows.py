"""The choice among formulas that few rows cannot tell apart."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from sklearn_chatsr.expressions import Expression, variable
from sklearn_chatsr.expressions.expression import Tree
from sklearn_chatsr.fitting import are_repetitions
from sklearn_chatsr.selection.oscillation import oscillation_bits
from sklearn_chatsr.selection.usual_forms import usual_form_bits

FloatArray = npt.NDArray[np.float64]

# Their weights fall by a half for so many bits, since bits of few rows are uncertain;
# where no law is seen all the more.
_LAW_TEMPERATURE, _TEMPERATURE = 4.0, 8.0
# Bits of a node beside an error of prediction, which pays for the constants already; a
# form with a name that may be a law counts for so many nodes.
_NODE_BITS, _NODES_OF_A_NAME = 0.5, 2
_DESCRIPTION = 0.25  # of its bits, beside the bits of the distance from all formulas
# Where no law is seen the shortest formula is taken of those that are so close to the
# best one, and predict half as well as the best.
_ALIKE_BITS = 1.0
# Shares of the variance that are predicted where a law may be seen, and where one is.
LAWFUL, CERTAIN = 0.9, 0.99
# A formula is wild if it leaves the range of the target by more than such a multiple of
# it on more than one in a thousand of so many rows around the known ones. One that may
# be a law is left out only if it explodes, one that is seen may go anywhere.
_WILD_LAW, _WILD, _WILD_ROWS, _ROWS_AROUND, _BEYOND = 10.0, 0.25, 0.001, 2_000, 0.25
# Pairs of rows between which a divisor passes zero, and halvings of their distance.
_POLE_PAIRS, _HALVINGS = 20, 40
# What is zero where its first argument is.
_ZERO_TOGETHER = frozenset({"abs", "cbrt", "cube", "neg", "pow", "sq", "sqrt"})
# A wild formula stays if its errors describe the rows in so many bits less than the
# best tame one does.
_CLEARLY = 30.0
# What a smooth function says counts as much there as what the formulas say.
_SMOOTH_SHARE = 0.5
_MOST_REPEATED = 400  # rows, with their repetitions
_FOLDS = 10


def most_central(
    expressions: Sequence[Expression],
    errors: FloatArray,
    X: FloatArray,
    y: FloatArray,
    weight: FloatArray | None = None,
    *,
    descriptions: Sequence[float],
    seed: int = 0,
    formulas_alone: bool = False,
    allow: Callable[[Expression], bool] = lambda _: True,
) -> Expression:
    """Choose the formula closest to what all of them predict together.

    Each gets a weight by its cross-validated error, its nodes and its waves; the one
    whose values are closest to their weighted mean is chosen, where nine tenths of the
    variance are predicted, and a law may be seen. There the description counts as well,
    so that of what says the same of all rows the shortest is the answer: a line, and no
    curve that is a line where the rows are.

    Formulas that explode where one value is another row's, or have a pole between two
    rows, are left out unless the law is certain (0.99), or no other one comes near.

    Elsewhere the shortest one is chosen of those that are about as close. Formulas that
    leave the range of the target around the rows are left out unless no other one comes
    near, a linear model with shrunken coefficients (the lasso) competes, and a Gaussian
    process, which is no formula, has half of the say in what the values should be.

    Parameters
    ----------
    expressions : sequence of Expression of length n_expressions
        With constants fitted to all rows.
    errors : ndarray of shape (n_expressions,)
        Their mean squared errors of cross-validation, one of them finite.
    X : ndarray of shape (n_samples, n_features), dtype float64
        The columns.
    y : ndarray of shape (n_samples,), dtype float64
        The target.
    weight : ndarray of shape (n_samples,), optional
        Positive weights; whole numbers count as repetitions of a row.
    descriptions : sequence of float of length n_expressions
        Their description lengths in bits.
    seed : int, default=0
        Of the folds and of the rows around the known ones.
    formulas_alone : bool, default=False
        Leave out the lasso and the Gaussian process, which take up to a second.
    allow : callable
        Tells whether a formula that is none of `expressions` may be the answer.

    Returns
    -------
    Expression

    References
    ----------
    Barbieri, M. M. and Berger, J. O. (2004). Optimal predictive model selection. Annals
    of Statistics 32, 870-897: the single model closest to the average of all.
    Tibshirani, R. (1996). Regression shrinkage and selection via the lasso. Journal of
    the Royal Statistical Society B 58, 267-288.
    Bucila, C., Caruana, R. and Niculescu-Mizil, A. (2006). Model compression. KDD,
    535-541: a small model is chosen by what a better, larger one predicts.
    """
    share = np.full(len(y), 1.0 / len(y)) if weight is None else weight / weight.sum()
    expressions, kept = list(expressions), np.isfinite(errors)
    lowest = float(errors[kept].min())
    spread = float(share @ np.square(y - share @ y))
    is_lawful = lowest <= (1.0 - LAWFUL) * spread
    if lowest > (1.0 - CERTAIN) * spread:
        tame = kept.copy()
        tame[kept] = are_tame(
            [e for e, k in zip(expressions, kept, strict=True) if k],
            X,
            y,
            is_lawful=is_lawful,
            seed=seed,
        )
        if any(tame):
            best = float(errors[tame].min())
            kept &= tame | (errors < best * np.exp2(-2.0 * _CLEARLY / len(y)))
    if not is_lawful:
        shrunken = None if formulas_alone else shrunken_line(X, y, weight, seed=seed)
        if shrunken is not None and allow(shrunken[0]):
            line, values = shrunken
            expressions.append(line)
            errors = np.append(errors, share @ np.square(values - y))
            kept = np.append(kept, True)
    expressions = [e for e, k in zip(expressions, kept, strict=True) if k]
    nodes = np.array([_nodes(e) if is_lawful else e.size for e in expressions])
    # Folds agree about a fast wave that all rows together were searched for.
    waves = np.array([oscillation_bits(e, X) for e in expressions])
    tiny = np.finfo(float).tiny
    bits = 0.5 * len(y) * np.log2(np.maximum(errors[kept], tiny))
    bits += _NODE_BITS * nodes + waves
    temperature = _LAW_TEMPERATURE if is_lawful else _TEMPERATURE
    votes = np.exp2((bits.min() - bits) / temperature)
    with np.errstate(all="ignore"):
        values = np.stack([e.evaluate(X) for e in expressions])
    # Values far beyond the target would move the mean however small their weight.
    reach = np.ptp(y)
    values = np.clip(values, y.min() - reach, y.max() + reach)
    aim = votes @ values / votes.sum()
    if not is_lawful and not formulas_alone:
        smooth = _smooth_values(X, y, weight)
        if smooth is not None:
            aim += _SMOOTH_SHARE * (smooth - aim)
    distance = np.square(values - aim) @ share
    cost = 0.5 * len(y) * np.log2(np.maximum(lowest + distance, tiny))
    if is_lawful:
        cost += _DESCRIPTION * np.array(descriptions)[kept]
        return expressions[int(np.argmin(cost))]
    alike = (cost <= cost.min() + _ALIKE_BITS) & (votes >= 0.5)
    return expressions[int(np.lexsort((cost, np.where(alike, nodes, np.inf)))[0])]


def _nodes(expression: Expression) -> int:
    has_name = math.isfinite(usual_form_bits(expression))
    return min(expression.size, _NODES_OF_A_NAME) if has_name else expression.size


def are_tame(
    expressions: Sequence[Expression],
    X: FloatArray,
    y: FloatArray,
    *,
    is_lawful: bool,
    seed: int = 0,
) -> npt.NDArray[np.bool_]:
    """Tell which formulas stay near the range of the target around and between rows.

    Parameters
    ----------
    expressions : sequence of Expression of length n_expressions
        With constants.
    X : ndarray of shape (n_samples, n_features), dtype float64
        The columns.
    y : ndarray of shape (n_samples,), dtype float64
        The target.
    is_lawful : bool
        Whether one of them may be a law, which may go farther.
    seed : int, default=0
        Of the rows around the known ones.

    Returns
    -------
    ndarray of shape (n_expressions,), dtype bool
    """
    rng = np.random.default_rng([seed, len(y), 1])
    around = _exchanged(X, rng) if is_lawful else _on_lines(X, rng, _BEYOND)
    between = np.concatenate([X, _on_lines(X, np.random.default_rng([seed, len(y)]))])
    most = (_WILD_LAW if is_lawful else _WILD) * np.ptp(y)
    return np.array(
        [
            not (_is_wild(e, around, y, most) or _has_pole(e, between, y, most))
            for e in expressions
        ],
        dtype=bool,
    )


def have_poles(
    expressions: Sequence[Expression], X: FloatArray, y: FloatArray, *, seed: int = 0
) -> npt.NDArray[np.bool_]:
    """Tell which formulas go far beyond the target where a divisor passes zero.

    Parameters
    ----------
    expressions : sequence of Expression of length n_expressions
        With constants.
    X : ndarray of shape (n_samples, n_features), dtype float64
        The columns.
    y : ndarray of shape (n_samples,), dtype float64
        The target.
    seed : int, default=0
        Of the rows between the known ones.

    Returns
    -------
    ndarray of shape (n_expressions,), dtype bool
    """
    rng = np.random.default_rng([seed, len(y)])
    between, most = np.concatenate([X, _on_lines(X, rng)]), _WILD_LAW * np.ptp(y)
    return np.array([_has_pole(e, between, y, most) for e in expressions], dtype=bool)


def shrunken_line(
    X: FloatArray, y: FloatArray, weight: FloatArray | None = None, *, seed: int = 0
) -> tuple[Expression, FloatArray] | None:
    """Fit a linear model whose coefficients are shrunk as cross-validation asks.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features), dtype float64
        The columns.
    y : ndarray of shape (n_samples,), dtype float64
        The target.
    weight : ndarray of shape (n_samples,), optional
        Positive weights.
    seed : int, default=0
        Of the parts of the rows that are left out in turn.

    Returns
    -------
    Expression
        The line.
    ndarray of shape (n_samples,)
        What lines as much shrunken say of rows that they have not seen.

    Or None when no column is worth a coefficient, or numbers are too large.
    """
    from sklearn import config_context
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import Lasso, LassoCV
    from sklearn.model_selection import KFold, cross_val_predict

    used, centre, scale = _location_and_scale(X)
    [varies], [level], [height] = _location_and_scale(y[:, None])
    if not used.any() or not varies:
        return None
    Z, target = (X[:, used] - centre[used]) / scale[used], (y - level) / height
    params = {"sample_weight": weight}
    folds = KFold(min(_FOLDS, len(y)), shuffle=True, random_state=seed)
    # Weights are for all that is fitted here, whatever the user routes elsewhere.
    routing = config_context(enable_metadata_routing=False)
    with warnings.catch_warnings(), np.errstate(all="ignore"), routing:
        warnings.simplefilter("ignore", ConvergenceWarning)
        lasso = LassoCV(alphas=30, cv=5).fit(Z, target, **params)
        again = Lasso(lasso.alpha_)
        values = cross_val_predict(again, Z, target, cv=folds, params=params)
        slopes = height * lasso.coef_ / scale[used]
    where = np.flatnonzero(used)
    chosen = [(int(j), float(b)) for j, b in zip(where, slopes, strict=True) if b]
    if not chosen or not np.all(np.isfinite(slopes)):
        return None
    offset = float(level + height * lasso.intercept_)
    offset -= sum(b * float(centre[j]) for j, b in chosen)
    terms: list[Tree] = [("mul", "C", variable(j)) for j, _ in chosen]
    line = terms[0]
    for term in terms[1:]:
        line = ("add", line, term)
    constants = [*(b for _, b in chosen), offset]
    written = Expression.from_tree(("add", line, "C")).with_constants(constants)
    return written.simplify(), level + height * values


def _smooth_values(
    X: FloatArray, y: FloatArray, weight: FloatArray | None
) -> FloatArray | None:
    """Give what a Gaussian process, a line beside a smooth function, says of the rows.

    None with weights that are no repetitions, or where it cannot be fitted.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import (
        RBF,
        ConstantKernel,
        DotProduct,
        WhiteKernel,
    )

    times = np.ones(len(y), int)
    if weight is not None:
        if not are_repetitions(weight) or weight.sum() > _MOST_REPEATED:
            return None
        times = weight.astype(int)
    used, centre, scale = _location_and_scale(X)
    [varies], [level], [height] = _location_and_scale(y[:, None])
    if not used.any() or not varies:
        return None
    Z = (X[:, used] - centre[used]) / scale[used]
    # One width for all columns: few rows do not tell more.
    smooth = ConstantKernel(1.0, (1e-2, 1e3)) * RBF(Z.shape[1] ** 0.5, (1e-1, 1e3))
    line = ConstantKernel(0.1, (1e-4, 1e2)) * DotProduct()
    process = GaussianProcessRegressor(smooth + line + WhiteKernel(0.5, (1e-4, 1e1)))
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", ConvergenceWarning)
        try:
            process.fit(
                np.repeat(Z, times, axis=0), np.repeat((y - level) / height, times)
            )
            values = level + height * process.predict(Z)
        except (ValueError, np.linalg.LinAlgError):
            return None
    return values if np.all(np.isfinite(values)) else None


def _location_and_scale(
    columns: FloatArray,
) -> tuple[npt.NDArray[np.bool_], FloatArray, FloatArray]:
    """Give which columns can be standardised, their means and standard deviations."""
    with np.errstate(over="ignore"):
        centre, scale = columns.mean(axis=0), columns.std(axis=0)
    return (scale > 0) & np.isfinite(scale), centre, scale


def _is_wild(
    expression: Expression, around: FloatArray, y: FloatArray, most: float
) -> bool:
    """Tell whether a formula leaves the range of the target around the rows."""
    with np.errstate(all="ignore"):
        values = expression.evaluate(around)
        beyond = np.maximum(y.min() - values, values - y.max())
    # A value that does not exist is no smaller than any.
    return bool(np.mean(~(beyond <= most)) > _WILD_ROWS)


def _has_pole(
    expression: Expression, X: FloatArray, y: FloatArray, most: float
) -> bool:
    """Tell whether a divisor passes zero between rows, and the formula has no bound."""
    for divisor in _divisors(expression):
        with np.errstate(all="ignore"):
            size = divisor.evaluate(X)
            below, above = X[size < 0][:_POLE_PAIRS], X[size > 0][:_POLE_PAIRS]
            if not len(below) or not len(above):
                continue
            shape = (max(len(below), len(above)), X.shape[1])
            below, above = np.resize(below, shape), np.resize(above, shape)
            for _ in range(_HALVINGS):
                middle = (below + above) / 2.0
                is_below = (divisor.evaluate(middle) < 0)[:, np.newaxis]
                below = np.where(is_below, middle, below)
                above = np.where(is_below, above, middle)
        if _is_wild(expression, below, y, most):
            return True
    return False


def _divisors(expression: Expression) -> Iterator[Expression]:
    """Give what is divided by, without powers, which are zero at the same places."""
    tokens, stops = expression.tokens, dict(expression.subtrees())
    for start in stops:
        if tokens[start] == "div":
            place = stops[start + 1]
        elif tokens[start] == "inv":
            place = start + 1
        else:
            continue
        while tokens[place] in _ZERO_TOGETHER:
            place += 1
        yield expression.part(place, stops[place])


def _on_lines(
    X: FloatArray, rng: np.random.Generator, beyond: float = 0.0
) -> FloatArray:
    """Draw rows on lines through two rows each.

    They are from such a share of their distance before the one to as much behind the
    other; what is positive on all rows stays so.
    """
    first, second = rng.integers(len(X), size=(2, _ROWS_AROUND))
    place = rng.uniform(-beyond, 1.0 + beyond, size=(_ROWS_AROUND, 1))
    around: FloatArray = X[first] + place * (X[second] - X[first])
    least = X.min(axis=0)
    return np.maximum(around, np.where(least >= 0, least / 2.0, -np.inf))


def _exchanged(X: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Draw rows that have one value of another row: a law holds there as well."""
    first, second = rng.integers(len(X), size=(2, _ROWS_AROUND))
    column = rng.integers(X.shape[1], size=_ROWS_AROUND)
    around = X[first]
    around[np.arange(_ROWS_AROUND), column] = X[second, column]
    return around
