"""Reductions: smaller problems that the data lead to before the law is known.

A smooth model of the target tells four things. In ``y = f(x1) + g(x2, ...)`` and ``y =
x1 * x2 + g(x3, ...)`` nothing depends on ``x1`` once the right addend is taken away, in
``y = f(x1) * g(x2, ...)`` once the right factor is divided out. A change of units that
the law does not notice takes one column away (`scaling`). In ``y = g(x1 - x2, ...)``,
and likewise for sums, quotients and products, the other combination of the two columns
has no influence. Each leaves a problem with one column less, or two.

References
----------
Udrescu, S.-M. and Tegmark, M. (2020). AI Feynman: a physics-inspired method for
symbolic regression. Science Advances.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import combinations
from math import comb

import numpy as np

from sklearn_chatsr.expressions import OPERATORS
from sklearn_chatsr.expressions.expression import Tree
from sklearn_chatsr.proposers.basis.scaling import SPAN, Scaling, find_scaling
from sklearn_chatsr.proposers.basis.smooth import (
    PRESENT,
    coordinates,
    degree_for,
    f_statistics,
    is_absent,
    missed,
    polynomial_around,
    standardised,
)
from sklearn_chatsr.proposers.basis.terms import Array, Columns, power
from sklearn_chatsr.proposers.basis.trees import multiplied, size, with_factors

logger = logging.getLogger(__name__)

_POWERS = tuple(Fraction(p, 2) for p in (2, -2, 4, -4, 6, -6, 1, -1))
_CURVES = ("cos", "sin", "exp")
_ADDED = ("sq", "cube", "inv", "sqrt", "log", "exp", "sin", "cos", "abs")
_COEFFICIENTS, _FARTHEST = (1.0, -1.0, 2.0, -2.0, 0.5, -0.5), 0.02
# A coefficient is known by so many standard errors, and short if these are such a share
# of the gap between short numbers.
_ERRORS, _SURE = 3.0, 0.2
_VAGUE = 0.1  # share of a coefficient, for an error where a whole number is near
_USUAL = 0.8  # of the rows: those without the largest values of an addend
_HIGHEST_DEGREE, _ROWS_PER_TERM = 10, 3
_ENOUGH_PER_PARAMETER = 12  # rows
_NEARLY = 0.8  # of what the model explains before a factor is divided out
_TAIL = 0.02  # rows at either end of a column, where a polynomial is at its worst
_PLAINLY = 1e-3  # share of the statistic of a column that is left beside a difference
_POOR = 0.3  # a model that misses more of the variance has nothing to say


@dataclass(frozen=True)
class Remainder:
    """What is left to explain.

    Attributes
    ----------
    factor, unit : tree
        In front of the formula of ``y``: what was divided out for good, and the powers
        that a change of units left there, which may as well be inside.
    columns : Columns
        What it may depend on; none when y is constant.
    y : ndarray of shape (n_rows,)
        The target less all addends, over all factors.
    divisor : ndarray of shape (n_rows,)
        The product of all factors.
    outside : tuple of (tree, tree, tree)
        What is around it, the outermost first: a factor and a unit in front of a sum,
        and what was taken away from the sum.
    """

    factor: Tree
    unit: Tree
    columns: Columns
    y: Array
    divisor: Array
    outside: tuple[tuple[Tree, Tree, Tree], ...] = ()

    def formulas(self, number: Tree, tree: Tree) -> list[Tree]:
        """Put a formula of what is left into ones of a number times the whole."""
        fronts = [(f, u) for f, u, _ in self.outside] + [(self.factor, self.unit)]
        fronts[0] = multiplied(number, fronts[0][0]), fronts[0][1]
        trees = with_factors(*fronts.pop(), tree)
        for _, _, addend in reversed(self.outside):
            front = fronts.pop()
            sums: list[Tree] = [("add", addend, tree) for tree in trees]
            trees = [whole for part in sums for whole in with_factors(*front, part)]
        return trees

    def divided(self, j: int, factor: Tree, values: Array) -> Remainder:
        """Divide by a factor that holds all that column j has to say."""
        return replace(
            self,
            factor=multiplied(self.factor, factor),
            columns=self._without(j),
            y=self.y / values,
            divisor=self.divisor * values,
        )

    def less(self, gone: Sequence[int], addend: Tree, values: Array) -> Remainder:
        """Take away an addend that holds all that some columns have to say."""
        return replace(
            self,
            factor="1",
            unit="1",
            columns=self._without(*gone),
            y=self.y - values,
            outside=(*self.outside, (self.factor, self.unit, addend)),
        )

    def _without(self, *gone: int) -> Columns:
        return self.columns.keep([i for i in range(len(self.columns)) if i not in gone])

    def scaled(self, scaling: Scaling) -> Remainder:
        """Divide the target and all columns by powers of one column."""
        found = [self._over(pivot, scaling) for pivot in scaling.pivots]
        return min(found, key=Remainder._writing)

    def _writing(self) -> int:
        """Count the nodes that every formula of the problem brings along."""
        return sum(map(size, [self.factor, self.unit, *self.columns.leaves]))

    def _over(self, pivot: int, scaling: Scaling) -> Remainder:
        base, leaf = self.columns.values[pivot], self.columns.leaves[pivot]
        changes, shift = scaling.powers(pivot)
        columns = self.columns.times_powers(pivot, changes)
        factor, unit = self.factor, self.unit
        if len(scaling.exponents) == 1:
            factor = multiplied(factor, power(leaf, shift))
        elif shift != 0:
            unit = multiplied(unit, power(leaf, shift))
        values = base ** float(shift)
        return replace(
            self,
            factor=factor,
            unit=unit,
            columns=columns,
            y=self.y / values,
            divisor=self.divisor * values,
        )


def reduced(
    columns: Columns, y: Array, out_of_time: Callable[[], bool]
) -> list[Remainder]:
    """Divide out factors and put columns together until nothing more is found.

    Parameters
    ----------
    columns : Columns
        The columns.
    y : ndarray of shape (n_rows,)
        The target.
    out_of_time : callable
        Asked between steps.

    Returns
    -------
    list of Remainder
        The smallest first, then those that rest on less: the one before it, and the
        one with all columns still apart. Empty when nothing is found.
    """
    start = problem = before = Remainder("1", "1", columns, y, np.ones_like(y))
    apart = None
    while len(problem.columns) > 1 and not out_of_time():
        smaller = _without_addend(problem)
        if smaller is None:
            scaling = find_scaling(problem.columns.values.T, problem.y)
            if scaling is not None and len(scaling.exponents) == 1:
                smaller = problem.scaled(scaling)
            else:
                smaller = _without_factor(problem)
            if smaller is None:
                apart = apart or problem
                # A difference shows no longer when its columns are divided.
                smaller = _together(problem, scaling.statistic if scaling else np.inf)
                if smaller is None and scaling is not None:
                    smaller = problem.scaled(scaling)
        if smaller is None:
            break
        before, problem = problem, smaller
        if np.ptp(problem.y) <= 1e-9 * np.abs(problem.y).max():
            problem = replace(problem, columns=columns.keep([]))
    over = multiplied(problem.factor, problem.unit)
    logger.debug(
        "Reduced to %s, divided by %s, inside of %s.",
        problem.columns.leaves,
        over,
        problem.outside,
    )
    found = [problem]
    if apart is not None and apart is not problem:
        found += [before, apart] if before is not apart else [apart]
    return [p for p in found if p is not start]


@np.errstate(all="ignore")
def _without_addend(problem: Remainder) -> Remainder | None:
    """Take away what one column, or two together, add to what the others say."""
    X, y = problem.columns.values.T, problem.y
    degree = degree_for(X)
    if degree == 0:
        return None
    features, n_columns = coordinates(X), len(problem.columns)
    for n_gone in range(1, min(2, n_columns - 1) + 1):
        best: tuple[float, tuple[int, ...], Tree, Array] | None = None
        for gone in combinations(range(n_columns), n_gone):
            inside, outside = polynomial_around(features, gone, degree)
            [before] = f_statistics(outside, inside, y[None])
            if before < PRESENT:
                continue
            for tree, values in _addends(problem.columns, gone):
                base = np.column_stack([outside, standardised(values[:, None])])
                # What the base holds already is no direction of its own.
                is_plain = tree in problem.columns.leaves
                free = inside[:, n_gone:] if is_plain else inside
                [after] = f_statistics(base, free, y[None])
                if not is_absent(after, before) or (best and best[0] < after):
                    continue
                others = np.delete(features, gone, axis=1)
                coefficient = _coefficient(others, values, y, is_plain)
                if coefficient is None:
                    continue
                rest = y - coefficient * values
                [left] = f_statistics(outside, inside, rest[None])
                if not is_absent(left, before):
                    continue
                # A few huge values must not be all that speaks for it.
                size = np.abs(values - np.median(values))
                usual = size <= np.quantile(size, _USUAL)
                [was], [remains] = (
                    f_statistics(outside[usual], inside[usual], target[usual][None])
                    for target in (y, rest)
                )
                if was >= PRESENT and is_absent(remains, was):
                    whole: Tree = tree
                    if coefficient != 1:
                        whole = ("mul", coefficient, tree)
                    best = after, gone, whole, coefficient * values
        if best is not None:
            return problem.less(*best[1:])
    return None


def _addends(columns: Columns, gone: tuple[int, ...]) -> Iterator[tuple[Tree, Array]]:
    """Give functions of some columns that may be added to the rest, with values."""
    x, leaf = columns.values[gone[0]], columns.leaves[gone[0]]
    if len(gone) == 1:
        yield leaf, x
        for name in _ADDED:
            values = OPERATORS[name].numpy(x)
            is_new = name != "abs" or x.min() < 0 < x.max()
            if is_new and np.isfinite(values).all() and np.ptp(values) > 0:
                yield (name, leaf), values
        return
    other, other_leaf = columns.values[gone[1]], columns.leaves[gone[1]]
    yield ("mul", leaf, other_leaf), x * other
    for (a, tree_a), (b, tree_b) in (
        ((x, leaf), (other, other_leaf)),
        ((other, other_leaf), (x, leaf)),
    ):
        if np.abs(b).min() > SPAN * np.abs(b).max():
            yield ("div", tree_a, tree_b), a / b


def _coefficient(
    others: Array, values: Array, y: Array, is_plain: bool
) -> float | None:
    """Give the coefficient of an addend, as a short number if there is one so near.

    The others are all that is there beside it, so that the polynomial in them may have
    a higher degree. None where the data say too little about the coefficient, unless it
    is next to a whole number.
    """
    slope, error = 0.0, np.inf
    addend = standardised(values[:, None])
    for degree in range(1, _HIGHEST_DEGREE + 1):
        n_terms = comb(others.shape[1] + degree, degree)
        if _ROWS_PER_TERM * n_terms > len(y):
            break
        base = np.column_stack([*polynomial_around(others, 0, degree), addend])
        coefficients = np.linalg.lstsq(base, y, rcond=None)[0]
        # The last row of the triangle is what the addend alone has to say.
        _, triangle = np.linalg.qr(base)
        alone = max(abs(float(triangle[-1, -1])), 1e-300)
        left = np.linalg.norm(y - base @ coefficients)
        uncertain = float(left / np.sqrt(len(y) - base.shape[1])) / alone
        if uncertain < error:
            slope, error = float(coefficients[-1]), uncertain
    scale = float(values.std())
    slope, error = slope / scale, max(_ERRORS * error, 1e-9 * abs(slope)) / scale
    whole = min(_COEFFICIENTS, key=lambda c: abs(c - slope))
    if not error <= _FARTHEST * abs(slope):
        near = abs(slope - whole) <= _FARTHEST * abs(whole)
        known = is_plain or error <= _VAGUE * abs(slope)
        return whole if near and known else None
    if abs(slope - whole) <= error:
        return whole
    for digits in (1, 2, 3):
        short = float(f"{slope:.{digits}g}")
        gap = 10.0 ** (np.floor(np.log10(abs(slope))) - digits + 1)
        if abs(slope - short) <= error <= _SURE * gap:
            return short
    return slope


@np.errstate(all="ignore")
def _without_factor(problem: Remainder) -> Remainder | None:
    """Divide by a function of one column that is all that the column has to say."""
    X, y = problem.columns.values.T, problem.y
    degree = degree_for(X)
    if degree == 0:
        return None
    features = coordinates(X)
    model = np.hstack(polynomial_around(features, 0, degree))
    measure, whole = _smoother(model, y)
    best: tuple[float, int, Tree, Array] | None = None
    for j in range(len(problem.columns)):
        factors = list(_factors(X[:, j], problem.columns.leaves[j]))
        targets = [measure(y), *(measure(y / values) for _, values in factors)]
        inside, outside = polynomial_around(features, j, degree)
        before, *after = f_statistics(outside, inside, np.array(targets))
        if before < PRESENT or not after:
            continue
        for k in np.argsort(after, kind="stable"):
            if not is_absent(after[k], before) or (best and best[0] < after[k]):
                break
            # A wrong factor may leave a few huge values that nothing explains.
            if 1.0 - missed(outside, targets[1 + k]) > _NEARLY * (1.0 - whole):
                best = (after[k], j, *factors[k])
                break
    return _without_power(problem) if best is None else problem.divided(*best[1:])


def _smoother(model: Array, y: Array) -> tuple[Callable[[Array], Array], float]:
    """Choose what is smooth, the target or the logarithm of its size.

    Beside it, what share the model misses.
    """
    plain = missed(model, y)
    if not (np.all(y > 0) or np.all(y < 0)):
        return np.asarray, plain
    logarithm = missed(model, np.log(np.abs(y)))
    if logarithm < plain:
        return lambda values: np.log(np.abs(values)), logarithm
    return np.asarray, plain


def _without_power(problem: Remainder) -> Remainder | None:
    """Divide by a power of one column whose exponent is any short number."""
    X, y = problem.columns.values.T, problem.y
    if not (np.all(y > 0) or np.all(y < 0)):
        return None
    target = np.log(np.abs(y))
    features, degree = coordinates(X), degree_for(X)
    best: tuple[float, int, float] | None = None
    for j, x in enumerate(X.T):
        if x.min() <= SPAN * x.max():
            continue
        logarithm = np.log(x)
        inside, outside = polynomial_around(features, j, degree)
        [before] = f_statistics(outside, inside, target[None])
        if before < PRESENT:
            continue
        base = np.column_stack([outside, standardised(logarithm[:, None])])
        [after] = f_statistics(base, inside, target[None])
        if not is_absent(after, before) or (best and best[0] < after):
            continue
        others = np.delete(features, j, axis=1)
        exponent = _coefficient(others, logarithm, target, False)
        if exponent is None or exponent != float(f"{exponent:.3g}"):
            continue
        [left] = f_statistics(outside, inside, (target - exponent * logarithm)[None])
        if is_absent(left, before):
            best = after, j, exponent
    if best is None:
        return None
    _, j, exponent = best
    leaf, values = problem.columns.leaves[j], X[:, j] ** exponent
    return problem.divided(j, ("pow", leaf, exponent), values)


def _factors(x: Array, leaf: Tree) -> Iterator[tuple[Tree, Array]]:
    """Give functions of one column that may be a factor, and their values."""
    large = np.abs(x)
    if large.min() > SPAN * large.max():
        for exponent in _POWERS:
            if np.all(x > 0) or (np.all(x < 0) and exponent.denominator == 1):
                yield power(leaf, exponent), x ** float(exponent)
    for name in _CURVES:
        values = OPERATORS[name].numpy(x)
        if np.isfinite(values).all() and np.all(values != 0):
            yield (name, leaf), values
            yield ("inv", (name, leaf)), 1.0 / values
    for name, values in (("add", 1.0 + x), ("sub", 1.0 - x)):
        # Of quotients and shares: what the other, or all without it, makes up.
        if np.abs(values).min() > SPAN * np.abs(values).max():
            yield (name, "1", leaf), values
            yield ("inv", (name, "1", leaf)), 1.0 / values


@np.errstate(all="ignore")
def _together(problem: Remainder, rival: float) -> Remainder | None:
    """Put two columns together of which the law only knows one combination.

    But not where the change of units with that F statistic says more.
    """
    X, y = problem.columns.values.T, problem.y
    lowest, highest = np.quantile(X, [_TAIL, 1 - _TAIL], axis=0)
    inner = np.all((X - lowest) * (highest - X) >= 0, axis=1)
    X, y = X[inner], y[inner]
    degree = degree_for(X)
    if degree == 0:
        return None
    n_rows = _ENOUGH_PER_PARAMETER * comb(X.shape[1] + degree, degree)
    X, y = X[:n_rows], y[:n_rows]
    target = _smoothest(X, y, degree)
    plain = standardised(X)
    best: tuple[float, str, int, int] | None = None
    for j, k in combinations(range(X.shape[1]), 2):
        inside, outside = polynomial_around(plain, k, degree)
        [before] = f_statistics(outside, inside, target[None])
        for name, kept, gone in _combinations(X[:, j], X[:, k]):
            changed = X.copy()
            changed[:, j], changed[:, k] = kept, gone
            features = standardised(changed)
            inside, outside = polynomial_around(features, k, degree)
            [statistic] = f_statistics(outside, inside, target[None])
            if not is_absent(statistic, before) or (best and best[0] < statistic):
                continue
            is_plain = name in ("sub", "add") and statistic < _PLAINLY * before
            if statistic > rival and not (is_plain and is_absent(statistic)):
                continue
            mine, others = polynomial_around(np.delete(features, k, 1), j, degree)
            [present] = f_statistics(others, mine, target[None])
            if present > PRESENT and missed(outside, target) < _POOR:
                best = (statistic, name, j, k)
    if best is None:
        return None
    columns = problem.columns.combine(*best[1:])
    return replace(problem, columns=columns)


def _smoothest(X: Array, y: Array, degree: int) -> Array:
    """Give the transform of the target that the smooth model explains best."""
    targets = [y]
    if np.all(y > 0) or np.all(y < 0):
        targets += [np.log(np.abs(y)), y**2, 1 / y, y**-2]
    design = np.hstack(polynomial_around(standardised(X), 0, degree))
    return min(targets, key=lambda target: missed(design, target))


def _combinations(a: Array, b: Array) -> Iterator[tuple[str, Array, Array]]:
    """Give combinations of two columns, each with the one that must not matter."""
    yield "sub", a - b, a + b
    yield "add", a + b, a - b
    if np.all(a > 0) and np.all(b > 0):
        log_a, log_b = np.log(a), np.log(b)
        yield "div", log_a - log_b, log_a + log_b
        yield "mul", log_a + log_b, log_a - log_b
