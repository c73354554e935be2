"""Reductions: smaller problems that the data lead to before the law is known.

A smooth model of the target tells four things. In ``y = x1 + g(x2, ...)`` nothing
depends on ``x1`` once it is taken away, in ``y = f(x1) * g(x2, ...)`` once the right
factor is divided out. A change of units that the law
does not notice takes one column away (`scaling`). In ``y = g(x1 - x2, ...)``, and
likewise for sums, quotients and products, the other combination of the two columns has
no influence. Each leaves a problem with one column less.

References
----------
Udrescu, S.-M. and Tegmark, M. (2020). AI Feynman: a physics-inspired method for
symbolic regression. Science Advances.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
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
_COEFFICIENTS, _FARTHEST = (1.0, -1.0, 2.0, -2.0, 0.5, -0.5), 0.02
_ENOUGH_PER_PARAMETER = 12  # rows
_NEARLY = 0.8  # of what the model explains before a factor is divided out
_TAIL = 0.02  # rows at either end of a column, where a polynomial is at its worst
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

    def less(self, j: int, coefficient: float) -> Remainder:
        """Take away column j, which has nothing else to say."""
        leaf = self.columns.leaves[j]
        addend: Tree = leaf if coefficient == 1 else ("mul", coefficient, leaf)
        return replace(
            self,
            factor="1",
            unit="1",
            columns=self._without(j),
            y=self.y - coefficient * self.columns.values[j],
            outside=(*self.outside, (self.factor, self.unit, addend)),
        )

    def _without(self, j: int) -> Columns:
        return self.columns.keep([i for i in range(len(self.columns)) if i != j])

    def scaled(self, scaling: Scaling) -> Remainder:
        """Divide the target and all columns by powers of one column."""
        found = [self._over(pivot, scaling) for pivot in scaling.pivots]
        return min(found, key=Remainder._writing)

    def _writing(self) -> int:
        """Count the nodes that every formula of the problem brings along."""
        return sum(map(size, [self.factor, self.unit, *self.columns.leaves]))

    def _over(self, pivot: int, scaling: Scaling) -> Remainder:
        sign = scaling.exponents[pivot]
        base, leaf = self.columns.values[pivot], self.columns.leaves[pivot]
        shift = sign * scaling.power
        changes = {j: -sign * a for j, a in scaling.exponents.items() if j != pivot}
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
                smaller = problem.scaled(scaling) if scaling else _together(problem)
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
    """Take away a column that is added to what the others have to say."""
    X, y = problem.columns.values.T, problem.y
    degree = degree_for(X)
    if degree == 0:
        return None
    features = standardised(X)
    for j in range(len(problem.columns)):
        inside, outside = polynomial_around(features, j, degree)
        [before] = f_statistics(outside, inside, y[None])
        if before < PRESENT:
            continue
        base = np.column_stack([outside, inside[:, 0]])
        [after] = f_statistics(base, inside[:, 1:], y[None])
        if not is_absent(after, before):
            continue
        coefficients = np.linalg.lstsq(base, y, rcond=None)[0]
        slope = float(coefficients[-1] / X[:, j].std())
        whole = min(_COEFFICIENTS, key=lambda c: abs(c - slope))
        if abs(slope - whole) <= _FARTHEST * abs(whole):
            [gone] = f_statistics(outside, inside, (y - whole * X[:, j])[None])
            if is_absent(gone, before):
                return problem.less(j, whole)
    return None


@np.errstate(all="ignore")
def _without_factor(problem: Remainder) -> Remainder | None:
    """Divide by a function of one column that is all that the column has to say."""
    X, y = problem.columns.values.T, problem.y
    degree = degree_for(X)
    if degree == 0:
        return None
    features = standardised(X)
    best: tuple[float, int, Tree, Array] | None = None
    for j in range(len(problem.columns)):
        factors = list(_factors(X[:, j], problem.columns.leaves[j]))
        targets = [y, *(y / values for _, values in factors)]
        inside, outside = polynomial_around(features, j, degree)
        before, *after = f_statistics(outside, inside, np.array(targets))
        if before < PRESENT or not after:
            continue
        k = int(np.argmin(after))
        if not is_absent(after[k], before) or (best and best[0] < after[k]):
            continue
        # A wrong factor may leave a few huge values that nothing explains.
        explained = 1.0 - missed(outside, targets[1 + k])
        if explained > _NEARLY * (1.0 - missed(np.hstack([outside, inside]), y)):
            best = (after[k], j, *factors[k])
    return None if best is None else problem.divided(*best[1:])


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


@np.errstate(all="ignore")
def _together(problem: Remainder) -> Remainder | None:
    """Put two columns together of which the law only knows one combination."""
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
