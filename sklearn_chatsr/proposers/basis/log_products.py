"""Products of free powers and an affine function of logarithms.

In ``y = x1*x2^-2.5*(17 - log(x1*x3^2))`` the logarithm of the target is linear in
the logarithms of the columns but for the logarithm of an affine function of them; a
factor ``1 + c*x1^p*x2^q`` beside it adds another such term. What is linear is projected
out, the rest is a small problem of least squares; once its powers are rounded, all
other numbers follow from a regression.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from scipy.optimize import leastsq
from scipy.special import expit

from sklearn_chatsr.expressions.expression import Tree
from sklearn_chatsr.proposers.basis.dense import SPARE_ROWS, dense_hit
from sklearn_chatsr.proposers.basis.formulations import Formulation, Hit, Sum
from sklearn_chatsr.proposers.basis.task import Task
from sklearn_chatsr.proposers.basis.terms import Array, Columns, Terms, product
from sklearn_chatsr.proposers.basis.transforms import Transform
from sklearn_chatsr.proposers.basis.trees import linear_combination, multiplied, size

_MOST_COLUMNS = 6
_EXACT = 1e-22  # share of the variance that is missed
_LAW = 1e-9  # share of the length of what powers leave
_POWER_LAW = 1e-12  # share of the length of the logarithm that powers leave
_MOST_EVALUATIONS, _FARTHEST = 25, 0.8
# Logarithms of the second factor's power at the middle, where its sign is free.
_LEVELS = (-1.5, 0.0, 1.5)
_DENOMINATORS, _SNAP = (1, 2, 3, 4, 6), 1e-4
_LARGEST_DENOMINATOR, _SAME = 6, 1e-7


class LogarithmTimesPowers(Sum):
    """The target over a product is an affine function of logarithms of columns.

    Parameters
    ----------
    task : Task
        The problem.
    factor : Terms
        The product, a single term.
    """

    def __init__(self, task: Task, factor: Terms) -> None:
        columns = task.columns
        trees: list[Tree] = [("log", leaf) for leaf in columns.leaves]
        logs = Terms(np.log(columns.values), trees, np.ones(len(columns)))
        [values], [tree] = factor.values, factor.trees
        over = Transform(
            "y over a product",
            lambda y: y / values[: len(y)],
            lambda q: q * values[: len(q)],
            lambda y: 1.0 / values[: len(y)],
            lambda t: multiplied(tree, t),
        )
        super().__init__(over, task.y, logs, task.n_fit)

    def tree(self, hit: Hit, exact: bool) -> list[Tree]:
        """Write the formula of a hit, with one logarithm where powers are simple."""
        ways = super().tree(hit, exact)
        constant, *coefficients = map(float, hit.coefficients)
        if abs(constant) < _LAW * float(np.abs(self.target).max()):
            constant = 0.0
        leaves = [self.terms.trees[i][1] for i in hit.chosen]
        for unit in coefficients:
            powers = [
                Fraction(c / unit).limit_denominator(_LARGEST_DENOMINATOR)
                for c in coefficients
            ]
            ratios = np.array(coefficients) / unit
            if np.abs(np.array(powers, float) - ratios).max() < _SAME:
                log: Tree = ("log", product([*zip(leaves, powers, strict=True)]))
                affine = linear_combination([(unit, log)], constant, exact)
                ways.append(self.transform.tree(affine))
        return [min(ways, key=size)]


@np.errstate(all="ignore")
def products_with_logarithms(task: Task) -> list[tuple[Formulation, Hit]]:
    """Give exact products with an affine function of logarithms, if there are any.

    Parameters
    ----------
    task : Task
        What is to be explained.
    """
    task = replace(task, columns=task.columns.in_units_of_data())
    found: list[tuple[Formulation, Hit]] = []
    for law in _products(task):
        hit = dense_hit(law)
        if hit is not None and hit.fvu < _EXACT:
            found.append((law, hit))
    return found


def _products(task: Task) -> Iterator[LogarithmTimesPowers]:
    y, n, columns = task.y, task.n_fit, task.columns
    if not (np.all(y > 0) or np.all(y < 0)) or not all(columns.positive):
        return
    if not 0 < len(columns) <= _MOST_COLUMNS:
        return
    problem = _Problem.of(np.log(np.abs(y[:n])), np.log(columns.values[:, :n]).T)
    if problem is None:
        return
    for starts in (problem.starts_of_one(), problem.starts_of_two()):
        for start in starts:
            numbers = problem.solved(start)
            if numbers is not None:
                yield from _laws(task, problem, numbers)
                return


@dataclass(frozen=True)
class _Problem:
    """Explain a logarithm beside all that is linear in the logarithms of columns.

    The numbers are the slopes of the affine function, which is 1 at the middle, and
    then, where there is a second factor, the logarithm of its power at the middle and
    the power's exponents, all for directions of equal spread.

    Attributes
    ----------
    log_y : ndarray of shape (n_rows,)
        The logarithm of the target.
    logs : ndarray of shape (n_rows, n_columns)
        The logarithms of the columns, centred.
    directions : ndarray of shape (n_rows, n_columns)
        Uncorrelated combinations of them, of variance 1.
    mixing : ndarray of shape (n_columns, n_columns)
        Makes the combinations' coefficients those of the logarithms.
    base : ndarray of shape (n_rows, 1 + n_columns)
        What is linear, orthonormal.
    target : ndarray of shape (n_rows,)
        What that leaves of `log_y`.
    """

    log_y: Array
    logs: Array
    directions: Array
    mixing: Array
    base: Array
    target: Array

    @classmethod
    def of(cls, log_y: Array, logs: Array) -> _Problem | None:
        """Set up the problem; None where it has no single answer, or is a power law."""
        n, d = logs.shape
        if 3 * d + 2 + SPARE_ROWS > n or d * (d + 1) // 2 + d + 1 > n:
            return None
        logs = logs - logs.mean(axis=0)
        left, right = np.linalg.qr(logs)
        diagonal = np.abs(np.diag(right))
        if diagonal.min() <= _LAW * np.abs(logs).max():
            return None
        base = np.column_stack([np.full(n, n**-0.5), left])
        target = _beside(log_y, base)
        if np.linalg.norm(target) <= _POWER_LAW * np.linalg.norm(log_y):
            return None
        mixing = np.linalg.inv(right) * np.sqrt(n)
        return cls(log_y, logs, left * np.sqrt(n), mixing, base, target)

    def starts_of_one(self) -> Iterator[Array]:
        """Start where the logarithm's square is all that a quadratic fit sees bent."""
        bends, ways = self._curvature()
        slopes = np.sqrt(2.0 * abs(bends[0])) * ways[:, 0]
        for sign in (1.0, -1.0):
            yield self._inside(sign * slopes)

    def starts_of_two(self) -> Iterator[Array]:
        """Start with the second factor bent as much the other way."""
        bends, ways = self._curvature()
        powers = np.sqrt(8.0 * abs(bends[-1])) * ways[:, -1]
        for slopes in self.starts_of_one():
            for level in _LEVELS:
                yield np.concatenate([slopes, [level], powers])

    def _curvature(self) -> tuple[Array, Array]:
        """Fit a quadratic form; give its eigenvalues, from below, and directions."""
        z = self.directions
        first, second = np.triu_indices(z.shape[1])
        squares = _beside((z[:, first] * z[:, second]).T, self.base).T
        fit = np.linalg.lstsq(squares, self.target, rcond=None)[0]
        form = np.zeros((z.shape[1], z.shape[1]))
        form[first, second] = fit
        bends, ways = np.linalg.eigh(0.5 * (form + form.T))
        return bends, ways

    def _inside(self, slopes: Array) -> Array:
        """Shorten slopes until the affine function is positive on all rows."""
        lowest = -float((self.directions @ slopes).min())
        return slopes * min(1.0, _FARTHEST / max(lowest, 1e-300))

    def bent(self, numbers: Array) -> Array:
        """Give the logarithm of the factors that are no powers."""
        d = self.directions.shape[1]
        bent = np.log(1.0 + self.directions @ numbers[:d])
        if len(numbers) > d:
            bent += np.logaddexp(0.0, numbers[d] + self.directions @ numbers[d + 1 :])
        return bent

    def solved(self, start: Array) -> Array | None:
        """Give numbers that leave nothing, or None."""
        d = self.directions.shape[1]
        size = float(np.linalg.norm(self.target))

        def left(numbers: Array) -> Array:
            rest = (self.target - _beside(self.bent(numbers), self.base)) / size
            return rest if np.isfinite(rest).all() else np.ones_like(rest)

        def slope(numbers: Array) -> Array:
            z = self.directions
            parts = [z / (1.0 + z @ numbers[:d])[:, None]]
            if len(numbers) > d:
                share = expit(numbers[d] + z @ numbers[d + 1 :])[:, None]
                parts += [share, share * z]
            return -_beside(np.concatenate(parts, axis=1).T, self.base).T / size

        numbers = leastsq(
            left,
            start,
            Dfun=slope,
            xtol=1e-15,
            ftol=1e-15,
            gtol=0.0,
            maxfev=_MOST_EVALUATIONS,
            full_output=True,
        )[0]
        return numbers if np.linalg.norm(left(numbers)) < _LAW else None

    def powers(self, numbers: Array) -> Array:
        """Give the powers of the columns in front."""
        rest = self.log_y - self.bent(numbers)
        powers = np.linalg.lstsq(self.logs, rest, rcond=None)[0]
        return np.asarray(powers, np.float64)


def _laws(
    task: Task, problem: _Problem, numbers: Array
) -> Iterator[LogarithmTimesPowers]:
    """Round the powers that were found and leave the rest to a regression."""
    d = len(task.columns)
    powers = problem.powers(numbers)
    if len(numbers) == d:
        front = _rounded(powers)
        if front is not None:
            yield LogarithmTimesPowers(task, _monomial(task.columns, front))
        return
    inner = problem.mixing @ numbers[d + 1 :]
    # (1 + c*P) is P*(c + 1/P).
    for outer, second in ((powers, inner), (powers + inner, -inner)):
        front, behind = _rounded(outer), _rounded(second)
        if front is None or behind is None or not any(behind):
            continue
        whole = _monomial(task.columns, front)
        power = _monomial(task.columns, behind)
        c = _ratio(task, whole.values[0], power.values[0])
        addend = linear_combination([(c, power.trees[0])], 1.0, True)
        factor = Terms(
            whole.values * (1.0 + c * power.values),
            [multiplied(addend, whole.trees[0])],
            whole.order + power.order,
        )
        yield LogarithmTimesPowers(task, factor)


def _ratio(task: Task, front: Array, power: Array) -> float:
    """Give the number c in the factor ``1 + c*power``.

    Affine functions of logarithms, one of them times the power, are fitted: the second
    is c times the first.
    """
    n = task.n_fit
    affine = np.vstack([np.ones(n), np.log(task.columns.values[:, :n])]).T
    unit = float(np.median(power))
    design = np.concatenate([affine, affine * power[:n, None] / unit], axis=1)
    fit = np.linalg.lstsq(design, task.y[:n] / front[:n], rcond=None)[0]
    first, second = fit.reshape(2, -1)
    return float(first @ second / (first @ first)) / unit


def _rounded(powers: Array) -> list[Fraction] | None:
    """Give the short fractions, or three digits, that powers are next to."""
    found = []
    for p in map(float, powers):
        ways = [Fraction(round(p * k), k) for k in (*_DENOMINATORS, 1000)]
        near = [way for way in ways if abs(way - p) < _SNAP]
        if not near:
            return None
        found.append(near[0])
    return found


def _monomial(columns: Columns, powers: list[Fraction]) -> Terms:
    values = np.exp(np.array(powers, float) @ np.log(columns.values))
    used = [(x, p) for x, p in zip(columns.leaves, powers, strict=True) if p]
    return Terms(values[None], [product(used) if used else "1"], np.ones(1))


def _beside(values: Array, base: Array) -> Array:
    """Take out of rows what the columns of an orthonormal base explain."""
    for _ in range(2):
        values = values - (values @ base) @ base.T
    return values
