"""Cheaper spellings of fitted constants: 2 for 1.9999998, pi/2, 1/3, or nothing at all.

A spelling is kept when the cost of the whole, data and formula, falls with the other
constants refitted. The Gauss-Newton covariance tells beforehand what each one does to
the loss, so that only the promising ones are refitted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.expressions.vocabulary import CONSTANT, arity
from sklearn_chatsr.fitting.constant_fit import ConstantFit
from sklearn_chatsr.fitting.covariance import invert_normal
from sklearn_chatsr.fitting.fitter import ConstantFitter

Cost = Callable[[Expression, float], float]
Spelling = tuple[tuple[str, ...], float]

# A spelling saves 40 bits at most; further away than this the data ask for more.
_STANDARD_ERRORS = 7.0
# Fits of exact data end within this of the constant (relative), whatever the formula.
_RELATIVE = 1e-10
_MAX_DENOMINATOR = 12
_MAX_NUMERATOR = 60
_REFITS_PER_ROUND = 6
# Of the spellings in several tokens the cheapest, as they stand.
_MOST_SPELLINGS = 4
_MAX_DIGITS = 12


def spell_constants(
    fit: ConstantFit, fitter: ConstantFitter, cost: Cost
) -> ConstantFit:
    """Spell constants as integers, small fractions, or with pi, e and square roots.

    Parameters
    ----------
    fit : ConstantFit
        A fit of ``fitter``.
    fitter : ConstantFitter
        Refits the constants that are left.
    cost : callable
        ``cost(expression, loss)`` in bits; lower is better.

    Returns
    -------
    ConstantFit
        The cheapest fit found; the given one when nothing is cheaper.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_chatsr.expressions import Expression
    >>> from sklearn_chatsr.fitting import ConstantFitter, spell_constants
    >>> X = np.linspace(0.0, 5.0, 50).reshape(-1, 1)
    >>> fitter = ConstantFitter(X, 0.5 * X[:, 0] ** 2)
    >>> fit = fitter.fit(Expression(["mul", "C", "pow", "x1", "C"]))
    >>> def cost(expression, loss):
    ...     return 30.0 * expression.n_constants + 5.0 * expression.size
    >>> print(spell_constants(fit, fitter, cost).expression)
    x1^2/2
    """
    if fit.failed:
        return fit
    fit = _reduce_phases(fit, fitter)
    best, price = fit, cost(fit.expression, fit.loss)
    for _ in range(2 * fit.expression.n_constants + 2):
        if not best.constants:
            break
        better = _improve(best, price, fitter, cost)
        if better is None:
            break
        best, price = better
    return _shorten_decimals(best, price, fitter, cost)


def _reduce_phases(fit: ConstantFit, fitter: ConstantFitter) -> ConstantFit:
    """Bring shifts inside sin, cos and tan to the period around 0.

    Half periods are taken off where that, with signs refitted, fits as well.
    """
    tokens, k = fit.expression.tokens, -1
    for at, token in enumerate(tokens):
        k += token == CONSTANT
        if token != CONSTANT or at < 2 or not _is_phase(tokens, at):
            continue
        turns = round(fit.constants[k] / math.pi)
        for turned in (turns, turns - turns % 2):
            if turned == 0:
                continue
            values = list(fit.constants)
            values[k] -= turned * math.pi
            other = fitter.fit(fit.expression, start=values)
            if other.loss <= max(fit.loss * (1 + 1e-9), fitter.loss_floor):
                fit = other
                break
    return fit


def _is_phase(tokens: Sequence[str], at: int) -> bool:
    """Tell whether the leaf at ``at`` is a term of the argument of sin, cos or tan."""
    parents = {}
    stack: list[int] = []
    for i in range(len(tokens) - 1, -1, -1):
        for _ in range(arity(tokens[i])):
            parents[stack.pop()] = i
        stack.append(i)
    above = parents[at]
    if tokens[above] not in ("add", "sub"):
        return False
    while tokens[above] in ("add", "sub", "neg") and above in parents:
        above = parents[above]
    return tokens[above] in ("sin", "cos", "tan")


def _improve(
    fit: ConstantFit, price: float, fitter: ConstantFitter, cost: Cost
) -> tuple[ConstantFit, float] | None:
    """Find one spelling that lowers the cost; the best forecast is tried first."""
    expression = fit.expression
    G = fitter.normal_matrix(expression)
    if G is None:
        return None
    covariance = invert_normal(G[1:, 1:])

    def price_of(candidate: Expression, k: int, spelled: float) -> float:
        rise = 0.0
        if covariance[k, k] > 0:
            rise = (spelled - fit.constants[k]) ** 2 / covariance[k, k]
        return cost(candidate, (G[0, 0] + rise) * fitter.data.scale**2)

    forecasts: list[tuple[float, int, Expression]] = []
    for k, value in enumerate(fit.constants):
        near = spellings(value, _tolerance(value, _error(G, covariance, k, fitter)))
        written = [_substitute(expression, k, tokens) for tokens, _ in near]
        dear = [price_of(w, k, own) for w, (_, own) in zip(written, near, strict=True)]
        for place in _worth_a_forecast(near, dear):
            tokens, spelled = near[place]
            # Written in full, 1/2 would look dearer than it is.
            candidate = written[place].simplify()
            forecast = price_of(candidate, k, spelled)
            if _is_fraction(tokens):
                values = (*fit.constants[:k], spelled, *fit.constants[k + 1 :])
                # 7/10 is shorter as 0.7, which comes last.
                decimal = expression.with_constants(values)
                if price_of(decimal, k, spelled) <= forecast:
                    continue
            if forecast < price:
                forecasts.append((forecast, len(forecasts), candidate))
    for _, _, candidate in sorted(forecasts)[:_REFITS_PER_ROUND]:
        refit = fitter.fit(candidate, start=candidate.constants)
        if refit.failed:
            continue
        refit_price = cost(refit.expression, refit.loss)
        if refit_price < price:
            return refit, refit_price
    return None


def _worth_a_forecast(near: Sequence[Spelling], prices: Sequence[float]) -> list[int]:
    """Choose spellings: simplifying a formula costs more than all else."""
    places = sorted(range(len(near)), key=lambda i: prices[i])
    single = [i for i in places if len(near[i][0]) == 1]
    return single + [i for i in places if i not in single][:_MOST_SPELLINGS]


def _is_fraction(tokens: Sequence[str]) -> bool:
    return "div" in tokens and all(t in ("div", "neg") or t.isdigit() for t in tokens)


def _error(
    G: np.ndarray, covariance: np.ndarray, k: int, fitter: ConstantFitter
) -> float:
    """Give the standard error of one constant, rounding included; inf if unknown."""
    dof = fitter.n_samples - len(covariance)
    if dof < 1 or not covariance[k, k] > 0:
        return math.inf
    return math.sqrt(max(G[0, 0], fitter.data.floor) / dof * covariance[k, k])


def _tolerance(value: float, error: float) -> float:
    if not math.isfinite(error):
        # The data do not determine it: anything of its size will do.
        return abs(value)
    return max(_STANDARD_ERRORS * error, _RELATIVE * abs(value))


def _substitute(expression: Expression, k: int, tokens: Sequence[str]) -> Expression:
    """Write ``tokens`` in the place of constant ``k``."""
    places = [i for i, token in enumerate(expression.tokens) if token == CONSTANT]
    values = expression.constants or ()
    at = places[k]
    return Expression(
        (*expression.tokens[:at], *tokens, *expression.tokens[at + 1 :]),
        values[:k] + values[k + 1 :],
    )


def spellings(value: float, tolerance: float) -> list[Spelling]:
    """List short spellings of numbers near ``value``.

    Parameters
    ----------
    value : float
        The number to spell.
    tolerance : float
        Largest distance of the number that is spelled.

    Returns
    -------
    list of (tuple of str, float)
        Tokens and what they stand for.

    Examples
    --------
    >>> spellings(1.5708, 1e-4)
    [(('div', 'pi', '2'), 1.5707963267948966)]
    """
    found: dict[tuple[str, ...], float] = {}
    for small in (0, 1, -1):
        if abs(value - small) <= tolerance:
            found[(str(small),)] = float(small)
    size = abs(value)
    for tokens, spelled in _positive_spellings(size, tolerance):
        if tokens in found or abs(spelled - size) > tolerance or spelled == 0.0:
            continue
        if value < 0:
            spelled = -spelled
            if len(tokens) == 1 and tokens[0].isdigit():
                tokens = ("-" + tokens[0],)
            else:
                tokens = ("neg", *tokens)
        found[tokens] = spelled
    return list(found.items())


def _positive_spellings(size: float, tolerance: float) -> Iterator[Spelling]:
    if not 1e-6 < size < 1e12:
        return
    pi, e = math.pi, math.e
    whole = round(size)
    if whole > 0:
        yield (str(whole),), float(whole)
    for p, q in _fractions(size, tolerance):
        yield ("div", str(p), str(q)), p / q
    for p, q in _ratios(size / pi, tolerance / pi):
        yield _quotient(_times(p, ("pi",)), q), p * pi / q
    for p, q in _ratios(size * pi, tolerance * pi):
        yield ("div", str(p), *_times(q, ("pi",))), p / (q * pi)
    for p, q in _ratios(size / pi**2, tolerance / pi**2):
        yield _quotient(_times(p, ("sq", "pi")), q), p * pi**2 / q
    for p, q in _ratios(size / e, tolerance / e):
        yield _quotient(_times(p, ("e",)), q), p * e / q
    square, slack = size * size, 2.0 * size * tolerance
    for p, q in _ratios(square, slack):
        if math.isqrt(p) ** 2 != p or math.isqrt(q) ** 2 != q:
            yield ("sqrt", *_quotient((str(p),), q)), math.sqrt(p / q)
    for p, q in _ratios(square / pi, slack / pi):
        yield ("sqrt", *_quotient(_times(p, ("pi",)), q)), math.sqrt(p * pi / q)
    for p, q in _ratios(square * pi, slack * pi):
        yield ("sqrt", "div", str(p), *_times(q, ("pi",))), math.sqrt(p / (q * pi))


def _ratios(value: float, tolerance: float) -> Iterator[tuple[int, int]]:
    """Give integers and fractions near a value, the first few that are close enough."""
    whole = round(value)
    if 0 < whole <= _MAX_NUMERATOR and abs(value - whole) <= tolerance:
        yield whole, 1
        return
    yield from _fractions(value, tolerance)


def _fractions(value: float, tolerance: float) -> Iterator[tuple[int, int]]:
    """Give the fractions in lowest terms near a value, small denominators first."""
    n_found = 0
    for q in range(2, _MAX_DENOMINATOR + 1):
        p = round(value * q)
        near = abs(value - p / q) <= tolerance
        if near and 0 < p <= _MAX_NUMERATOR and math.gcd(p, q) == 1:
            yield p, q
            n_found += 1
            if n_found == 2:
                return


def _times(factor: int, tokens: tuple[str, ...]) -> tuple[str, ...]:
    return tokens if factor == 1 else ("mul", str(factor), *tokens)


def _quotient(tokens: tuple[str, ...], divisor: int) -> tuple[str, ...]:
    return tokens if divisor == 1 else ("div", *tokens, str(divisor))


def _shorten_decimals(
    fit: ConstantFit, price: float, fitter: ConstantFitter, cost: Cost
) -> ConstantFit:
    """Round the constants that are left to few digits, where that costs nothing."""
    if not fit.constants:
        return fit
    G = fitter.normal_matrix(fit.expression)
    if G is None:
        return fit
    covariance = invert_normal(G[1:, 1:])
    for k, value in enumerate(fit.constants):
        tolerance = _tolerance(value, _error(G, covariance, k, fitter))
        tries = 0
        for digits in range(1, _MAX_DIGITS + 1):
            rounded = float(f"{value:.{digits - 1}e}")
            if abs(rounded - value) > tolerance or tries == 3:
                continue
            tries += 1
            if rounded == value:
                break
            values = list(fit.constants)
            values[k] = rounded
            shorter = fitter.evaluate(fit.expression.with_constants(values))
            shorter_price = cost(shorter.expression, shorter.loss)
            if shorter_price <= price:
                fit, price = shorter, shorter_price
                break
    return fit
