"""Compounding: powers with one column in the exponent and another one in the base.

The logarithm of ``x1*(1 + c*x2)^x3`` is linear in logarithms of the columns and in
``x3*log(1 + c*x2)``; that of ``x1*((1 + c*x2)^x3 - 1)/x2`` in the logarithm of the
difference as well. Sums of other columns times such a power or not, over the column in
the base or not, are linear, too. In all of them the rate ``c`` alone is looked for, on
a line. The target need not be exact: constants are left to the fit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import permutations

import numpy as np
from scipy.optimize import minimize_scalar

from sklearn_chatsr.expressions.expression import Tree
from sklearn_chatsr.proposers.basis.beside_lines import line_in
from sklearn_chatsr.proposers.basis.exponentials import (
    Beside,
    Logarithms,
    exponentials,
)
from sklearn_chatsr.proposers.basis.splines import solve_sparsely
from sklearn_chatsr.proposers.basis.terms import Array, Columns, Terms, product
from sklearn_chatsr.proposers.basis.trees import linear_combination, multiplied

_MOST_COLUMNS, _MOST_IN_SUM = 6, 4
_MOST_ROWS, _LEAST_ROWS = 200, 20
# Rates of either sign, in units of the inverse of the largest value of their column.
_RATES = np.geomspace(0.003, 5.0, 14)
_LARGEST = 40.0  # logarithm of a power
# In one of the exponent: years, or months of a year; in sums powers may be inverted.
_PERIODS, _IN_SUM = (1, 12), (1, -1, 12, -12)
# Shares of what simpler laws leave: of what is worth a closer look, and of a sum.
_HOPE, _IS_SUM = 0.3, 1e-3
_NEAR, _TRIED = 4.0, 2  # times what the best power leaves; powers
_OFF, _WHOLE, _HIGHEST = 0.1, 0.25, 2  # off one, off a whole number, which is no higher
_OPPOSITE = 0.03  # off the same size
_NOTHING = 1e-22  # share of the squares


def compounding(
    columns: Columns,
    y: Array,
    wrap: Callable[[Tree], Sequence[Tree]],
    out_of_time: Callable[[], bool],
) -> Iterator[list[Tree]]:
    """Yield powers with a column in the base and one in the exponent.

    Times powers of columns, as differences from one, in sums; and exponentials of a
    column times a function of another one.

    Parameters
    ----------
    columns : Columns
        Rows in random order, of which up to 200 count.
    y : ndarray of shape (n_rows,)
        The target.
    wrap : callable
        Puts the formula of y into the formula of the data's target.
    out_of_time : callable
        Asked between steps.
    """
    if 1 < len(columns) <= _MOST_COLUMNS and len(y) >= _LEAST_ROWS:
        rows = np.arange(min(len(y), _MOST_ROWS))
        # A rate is a pure number: what it is in other units means nothing.
        found = _laws(columns.in_units_of_data().rows(rows), y[rows], out_of_time)
        if found:
            yield [whole for tree in found for whole in wrap(tree)]


@np.errstate(all="ignore")
def _laws(columns: Columns, y: Array, out_of_time: Callable[[], bool]) -> list[Tree]:
    found: list[Tree] = []
    logs = Logarithms.of(columns, y)
    if logs is not None:
        found, left = _products(logs, out_of_time)
        found += exponentials(logs, left, out_of_time)
    if len(columns) <= _MOST_IN_SUM:
        found += _sums(columns, y, out_of_time)
    return found


@dataclass(frozen=True)
class _Power:
    """A power of one plus a rate times one column; the exponent holds another one.

    Attributes
    ----------
    columns : Columns
        In units of the data.
    base, exponent : int
        The two columns.
    periods : int
        In one of the exponent: the rate is divided by it, the exponent multiplied.
    """

    columns: Columns
    base: int
    exponent: int
    periods: int = 1

    def logarithms(self, rates: Array) -> Array:
        """Give logarithms for some rates, of shape (n_rates, n_rows)."""
        x, z = self.columns.values[[self.base, self.exponent]]
        logs: Array = self.periods * z * np.log1p(rates[:, None] / self.periods * x)
        return np.where(np.abs(logs) < _LARGEST, logs, np.nan)

    def tree(self, rate: float, times: float = 1.0) -> Tree:
        """Write the power to another power, for one rate."""
        times *= self.periods
        size: Tree = "1" if abs(times) == 1 else abs(times)
        exponent = multiplied(size, self.columns.leaves[self.exponent])
        rated: Tree = ("mul", rate / self.periods, self.columns.leaves[self.base])
        sign = exponent if times > 0 else ("neg", exponent)
        return ("pow", ("add", "1", rated), sign)


def _powers(columns: Columns, several: Sequence[int]) -> Iterator[_Power]:
    for periods in several:
        for base, exponent in permutations(range(len(columns)), 2):
            yield _Power(columns, base, exponent, periods)


@dataclass(frozen=True)
class _Search:
    """A search for the rate of a power.

    Attributes
    ----------
    power : _Power
        The power.
    terms : callable
        Makes sets of terms, (n_rates, n_terms, n_rows), of logarithms of the power.
    beside : Beside
        What is explained, and what beside the terms.
    simpler : float
        Squares that are left without the power.
    """

    power: _Power
    terms: Callable[[Array], Array]
    beside: Beside
    simpler: float

    def left(self, rates: Array) -> Array:
        """Give the squares that are left with some rates."""
        left = self.beside.left(self.terms(self.power.logarithms(rates)))
        return np.where(np.isfinite(left), left, np.inf)

    def best(self) -> tuple[float, float]:
        """Give the least squares that are left, and the rate; inf without hope."""
        largest = np.abs(self.power.columns.values[self.power.base]).max()
        rates = np.concatenate([_RATES, -_RATES]) / largest
        left = self.left(rates)
        rate = rates[np.argmin(left)]
        if not left.min() < _HOPE * self.simpler:
            return np.inf, 0.0
        ratio = _RATES[1] / _RATES[0]
        nearest = minimize_scalar(
            lambda u: self.left(np.array([rate * ratio**u]))[0],
            bounds=(-1.0, 1.0),
            method="bounded",
            options={"xatol": 1e-9},
        )
        return float(nearest.fun), float(rate * ratio**nearest.x)


def _ranked(
    searches: Iterable[_Search], out_of_time: Callable[[], bool]
) -> list[tuple[float, float, _Search]]:
    """Give what is left and the rate of searches with hope, the best ones first."""
    found = []
    for search in searches:
        if out_of_time():
            break
        left, rate = search.best()
        if np.isfinite(left):
            found.append((left, rate, search))
    return sorted(found, key=lambda item: item[0])


def _products(
    logs: Logarithms, out_of_time: Callable[[], bool]
) -> tuple[list[Tree], float]:
    """Give powers, and powers less one, times those of columns; and what is left."""
    trees: list[Tree] = []
    left = logs.simpler
    # Powers less one tell all that powers tell, and more.
    for terms, several in ((_alone, _PERIODS[:1]), (_less_one, _PERIODS)):
        searches = [
            _Search(power, partial(terms, logs.weight), logs.beside, left)
            for power in _powers(logs.columns, several)
        ]
        found = _ranked(searches, out_of_time)
        for least, rate, search in found[:_TRIED]:
            if least > _NEAR * found[0][0]:
                break
            power = search.power
            [added] = terms(np.ones(1), power.logarithms(np.array([rate])))
            coefficients, factors = logs.solved(added)
            for raised in _written_in_product(power, rate, coefficients):
                trees.append(product([*factors, *raised]))
        left = min([left, *(least for least, *_ in found)])
    return trees, left


def _alone(weight: Array, logarithms: Array) -> Array:
    return weight * logarithms[:, None]


def _less_one(weight: Array, logarithms: Array) -> Array:
    distance = np.log(np.abs(np.expm1(logarithms)))
    return weight * np.stack([logarithms, distance], axis=1)


def _written_in_product(
    power: _Power, rate: float, coefficients: Sequence[float]
) -> Iterator[list[tuple[Tree, Fraction]]]:
    """Write a power, or a power of what it is less one, as factors with exponents."""
    if len(coefficients) == 1:
        [times] = coefficients
        # A small rate and the exponent are hardly told apart.
        one = float(np.sign(times))
        for to in (one,) if abs(times - one) < _OFF else (one, times):
            yield [(power.tree(rate * times / to, to), Fraction(1))]
        return
    whole = np.round(coefficients)
    if np.abs(coefficients - whole).max() > _WHOLE or np.abs(whole).max() > _HIGHEST:
        return
    inner, outer = (Fraction(int(number)) for number in whole)
    if outer and inner == -outer:
        yield [(("sub", "1", power.tree(rate, -1.0)), outer)]
    elif outer:
        raised = power.tree(rate)
        factors: list[tuple[Tree, Fraction]] = [(("sub", raised, "1"), outer)]
        yield [*factors, (raised, inner)] if inner else factors


def _sums(
    columns: Columns, y: Array, out_of_time: Callable[[], bool]
) -> Iterator[Tree]:
    """Give the best sum of other columns, some times a power, some over the base."""
    searches = []
    for power in _powers(columns, _IN_SUM):
        plain = _addends(power).values
        lines = [plain * columns.values[j] for j in (power.base, power.exponent)]
        simpler = Beside(y, np.vstack([plain, *lines])).square
        if simpler <= _NOTHING * float(y @ y):
            return
        terms = partial(_times_power, plain)
        searches.append(_Search(power, terms, Beside(y, plain), simpler))
    for left, rate, search in _ranked(searches, out_of_time)[:1]:
        if left < _IS_SUM * search.simpler:
            yield _written_sum(search.power, rate, y)


def _times_power(plain: Array, logarithms: Array) -> Array:
    return np.exp(logarithms)[:, None] * plain


def _addends(power: _Power) -> Terms:
    """Give one and other columns, also over the one in the base."""
    columns = power.columns
    pair = power.base, power.exponent
    line = line_in(columns.keep([j for j in range(len(columns)) if j not in pair]))
    x, leaf = columns.values[power.base], columns.leaves[power.base]
    if np.any(x == 0):
        return line
    over: list[Tree] = [("div", tree, leaf) for tree in line.trees]
    return Terms.join([line, Terms(line.values / x, over, line.order)])


def _written_sum(power: _Power, rate: float, y: Array) -> Tree:
    """Leave out what is idle, and write the sum."""
    addends, raised = _addends(power), power.tree(rate)
    [grown] = _times_power(addends.values, power.logarithms(np.array([rate])))
    coefficients, _ = solve_sparsely(np.vstack([addends.values, grown]), y)
    parts: list[tuple[float, Tree]] = []
    halves = coefficients.reshape(2, -1).T.tolist()
    for tree, (plain, times) in zip(addends.trees, halves, strict=True):
        if abs(plain + times) < _OPPOSITE * abs(times):
            parts.append((times, multiplied(("sub", raised, "1"), tree)))
        else:
            parts += [(plain, tree), (times, multiplied(raised, tree))]
    return linear_combination(parts, 0.0, exact=False)
