"""Powers whose exponent holds a column.

In ``y = c*P^(1/x1)`` the target to the power of ``x1`` is ``P`` times a power of ``c``:
a polynomial, or a quotient of polynomials, is found by one regression for each form of
the exponent, and ``c`` is looked for on a line. Powers of the other columns with the
same exponent may be in it, as in the mean of order ``x1``. In ``y = (a*x2*x3)^x1`` the
logarithm of the target is linear in products of columns and logarithms. What comes
before these stands beside lines (`beside_lines`), or has numbers inside (`open_bases`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import product as product_of

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar

from sklearn_chatsr.expressions.expression import Tree
from sklearn_chatsr.proposers.basis.beside_lines import (
    LAW,
    powers_beside_lines,
    rest_of,
)
from sklearn_chatsr.proposers.basis.column_powers import LARGEST
from sklearn_chatsr.proposers.basis.dense import FUNCTIONS, SPARE_ROWS, dense_hit
from sklearn_chatsr.proposers.basis.formulations import (
    Formulation,
    Hit,
    Quotient,
    Sum,
)
from sklearn_chatsr.proposers.basis.monomials import polynomial
from sklearn_chatsr.proposers.basis.open_bases import powers_with_open_bases
from sklearn_chatsr.proposers.basis.power_products import (
    products_to_columns,
    products_with_sums,
    shares_to_columns,
)
from sklearn_chatsr.proposers.basis.quotients import (
    independent,
    orthonormal_basis,
    pivots,
)
from sklearn_chatsr.proposers.basis.task import Task, written
from sklearn_chatsr.proposers.basis.terms import Array, Columns, Terms, number_in
from sklearn_chatsr.proposers.basis.transforms import TRANSFORMS, Transform
from sklearn_chatsr.proposers.basis.trees import multiplied

_MOST_COLUMNS, _MOST_TERMS, _MOST_BELOW = 5, 60, 21
# Exponents of what is inside, by the column in them; all of them also with a minus.
_EXPONENTS: tuple[tuple[Callable[[Array], Array], Callable[[Tree], Tree]], ...] = (
    (lambda x: 1 / x, lambda t: ("inv", t)),
    (lambda x: x, lambda t: t),
    (lambda x: x / (x - 1), lambda t: ("div", t, ("sub", t, "1"))),
    (lambda x: 1 - 1 / x, lambda t: ("sub", "1", ("inv", t))),
    (lambda x: 1 / (x - 1), lambda t: ("inv", ("sub", t, "1"))),
    (lambda x: x - 1, lambda t: ("sub", t, "1")),
    (lambda x: 1 / (x + 1), lambda t: ("inv", ("add", t, "1"))),
    (lambda x: 1 + 1 / x, lambda t: ("add", "1", ("inv", t))),
    (lambda x: x + 1, lambda t: ("add", t, "1")),
    (lambda x: x / (x + 1), lambda t: ("div", t, ("add", t, "1"))),
)
_FEW = 2  # columns, or bases
# Degrees of dividend and divisor, for powers of the target and for the target itself.
_OF_POWERS, _OF_TARGET = ((1, 1), (2, 1), (2, 2)), ((2, 2), (3, 2))
# Places where the factor in front is looked for, and how far beyond the target's range
# of logarithms; a dip is so much deeper than the places next but one.
_SCANNED, _BEYOND, _DEEPER = 40, 2.0, 0.5
_MOST_EVALUATIONS = 80
_EXACT, _MOST_IN_USE = 1e-22, 10  # share of the variance that is missed; terms


def look_at_exponents(
    task: Task, out_of_time: Callable[[], bool]
) -> Iterator[list[Tree]]:
    """Yield exact laws with a column in an exponent, if there are any.

    Parameters
    ----------
    task : Task
        What is to be explained, and not by the first look.
    out_of_time : callable
        Asked between columns.
    """
    found = list(laws_with_columns_in_exponents(task, out_of_time))
    if found:
        yield written(task, found)


def laws_with_columns_in_exponents(
    task: Task, out_of_time: Callable[[], bool]
) -> Iterator[tuple[Formulation, Hit]]:
    """Yield exact laws with a column in an exponent, those of the first kind found.

    Parameters
    ----------
    task : Task
        What is to be explained.
    out_of_time : callable
        Asked between columns.
    """
    # An exponent is a pure number: what it is in other units means nothing.
    task = replace(task, columns=task.columns.in_units_of_data())
    for products in (products_to_columns, shares_to_columns):
        found = [hit for law in products(task) for hit in _confirmed(law)]
        yield from found
        if found or out_of_time():
            return
    if not 1 < len(task.columns) <= _MOST_COLUMNS:
        return
    for look in (
        powers_beside_lines,
        products_with_sums,
        powers_with_open_bases,
        _of_polynomials,
        _of_powers,
        _of_functions,
    ):
        for j in range(len(task.columns)):
            if out_of_time():
                return
            found = [hit for law in look(task, j) for hit in _confirmed(law)]
            yield from found
            if found:
                return


class _Powers:
    """Powers of the target that may take a column out of an exponent.

    Parameters
    ----------
    task : Task
        The problem.
    j : int
        The column.

    Attributes
    ----------
    exponents : ndarray of shape (n_powers, n_rows)
        To which the target is raised.
    log_y : ndarray of shape (n_rows,)
        Logarithm of the size of the target, in units of the data.
    """

    def __init__(self, task: Task, j: int) -> None:
        x, leaf, y = task.columns.values[j], task.columns.leaves[j], task.y
        self.exponents: Array = np.empty((0, len(y)))
        self._trees: list[Tree] = []
        self._unit = abs(number_in(task.wrap("1")[0]))
        if not (np.all(y > 0) or np.all(y < 0)):
            return
        self._unit *= float(np.sign(y[0]))
        self.log_y = np.log(self._unit * y)
        exponents = []
        for function, tree in _EXPONENTS:
            inner = function(x)
            size = np.abs(self.log_y / inner)
            if np.isfinite(size).all() and size.max() < LARGEST and np.ptp(inner) > 0:
                exponents += [1 / inner, -1 / inner]
                self._trees += [tree(leaf), ("neg", tree(leaf))]
        self.exponents = np.array(exponents).reshape(len(exponents), len(y))

    def __len__(self) -> int:
        return len(self.exponents)

    def at(self, k: int, log_factor: float = 0.0) -> Transform:
        """Give the transform to a power, with a factor in front of the formula."""
        power, tree = self.exponents[k], self._trees[k]
        factor = float(np.exp(log_factor)) / self._unit
        return Transform(
            f"y^({tree})",
            lambda y: (y / factor) ** power[: len(y)],
            lambda q: factor * q ** (1 / power[: len(q)]),
            lambda y: power[: len(y)] * (y / factor) ** power[: len(y)] / y,
            lambda t: multiplied(factor, ("pow", t, tree)),
        )

    def values(self, log_factors: Array, n_rows: int) -> Array:
        """Give values for factors in front, of shape (n_powers, n_factors, n_rows)."""
        log_y = self.log_y[:n_rows] - log_factors[:, None]
        powers: Array = np.exp(self.exponents[:, None, :n_rows] * log_y)
        return powers


def _of_polynomials(task: Task, j: int) -> Iterator[Formulation]:
    """Look for powers of the target that are polynomials, or quotients of them."""
    powers = _Powers(task, j)
    yield from _sums(task, powers, task.columns, 4 if len(task.columns) <= _FEW else 3)
    for degrees in _OF_POWERS:
        yield from _quotients(task, powers, task.columns, *degrees)


def _of_powers(task: Task, j: int) -> Iterator[Formulation]:
    """Look for the same with powers of other columns that hold the column.

    And for quotients with such powers that are the target itself.
    """
    powers = _Powers(task, j)
    for columns in _with_powers(task.columns, j):
        yield from _sums(task, powers, columns, 2)
        for degrees in _OF_POWERS:
            yield from _quotients(task, powers, columns, *degrees)
        for degrees in _OF_TARGET:
            yield from _quotients(task, None, columns, *degrees)


def _of_functions(task: Task, j: int) -> Iterator[Formulation]:
    """Look for powers of the target that are polynomials with functions of a column."""
    powers, columns = _Powers(task, j), task.columns
    for leaf, x in zip(columns.leaves, columns.values, strict=True):
        for functions in FUNCTIONS:
            extended = columns.with_functions(leaf, x, functions)
            yield from _sums(task, powers, extended, 2, is_scanned=False)


def _with_powers(columns: Columns, j: int) -> Iterator[Columns]:
    """Add powers of positive columns whose exponents are one column, or less it."""
    x, leaf = columns.values[j], columns.leaves[j]
    bases = [
        i
        for i, (z, is_positive) in enumerate(
            zip(columns.values, columns.positive, strict=True)
        )
        if i != j and is_positive and np.abs(np.log(z) * x).max() < LARGEST
    ]
    if not bases:
        return
    opposite: Tree = ("neg", leaf)
    # Of many bases all have the same sign.
    choices: Iterable[tuple[float, ...]] = product_of((1.0, -1.0), repeat=len(bases))
    if len(bases) > _FEW:
        choices = [(sign,) * len(bases) for sign in (1.0, -1.0)]
    for signs in choices:
        added = np.array(
            [columns.values[i] ** (s * x) for i, s in zip(bases, signs, strict=True)]
        )
        trees: list[Tree] = [
            ("pow", columns.leaves[i], leaf if s > 0 else opposite)
            for i, s in zip(bases, signs, strict=True)
        ]
        yield Columns(
            np.concatenate([columns.values, added]),
            [*columns.leaves, *trees],
            (*columns.positive, *(True for _ in bases)),
        )


def _sums(
    task: Task,
    powers: _Powers,
    columns: Columns,
    highest: int,
    *,
    is_scanned: bool = True,
) -> Iterator[Formulation]:
    """Look for powers of the target that are polynomials, those of the lowest degree.

    The factor in front of the formula may be any number, where that is asked for.
    """
    n = task.n_fit
    if not len(powers):
        return
    places = np.zeros(1)
    if is_scanned:
        low, high = powers.log_y.min() - _BEYOND, powers.log_y.max() + _BEYOND
        places = np.concatenate([places, np.linspace(low, high, _SCANNED)])
    values = powers.values(places, n)
    values = values / np.linalg.norm(values, axis=2, keepdims=True)
    for degree in range(1, highest + 1):
        terms = polynomial(columns, degree, min(n - SPARE_ROWS, _MOST_TERMS))
        if terms is None or not np.isfinite(terms.values).all():
            return
        basis = orthonormal_basis(
            Terms.join([Terms.one(len(task.y)), terms]).values[:, :n]
        )
        left = np.linalg.norm(rest_of(values, basis), axis=2)
        found = [(int(k), 0.0) for k in np.flatnonzero(left[:, 0] < LAW * np.sqrt(n))]
        if is_scanned and not found:
            for k, at in zip(*np.nonzero(_dips(left[:, 1:])), strict=True):
                place = _deepest(powers, int(k), places[at + 2 : at + 5], basis)
                if place is not None:
                    found.append((int(k), place))
        for k, place in found:
            yield Sum(powers.at(k, place), task.y, terms, n)


def _dips(left: Array) -> npt.NDArray[np.bool_]:
    """Tell which places are dips, of those from the third to the third to last."""
    middle = left[:, 2:-2]
    is_lowest = (middle < left[:, 1:-3]) & (middle < left[:, 3:-1])
    beside = np.minimum(left[:, :-4], left[:, 4:])
    return np.asarray(is_lowest & (middle < _DEEPER * beside))


def _deepest(powers: _Powers, k: int, places: Array, basis: Array) -> float | None:
    """Give the place near the middle one where nothing is left, or None."""

    def left(place: float) -> float:
        log_y = powers.log_y[: len(basis)] - place
        values = np.exp(powers.exponents[k, : len(basis)] * log_y)
        rest = rest_of(values / np.linalg.norm(values), basis)
        return float(np.linalg.norm(rest))

    if left(places[1]) < LAW:
        return float(places[1])
    best = minimize_scalar(
        left,
        bracket=tuple(places),
        method="golden",
        options={"xtol": 1e-15, "maxiter": _MOST_EVALUATIONS},
    )
    return float(best.x) if best.fun < LAW else None


def _quotients(
    task: Task, powers: _Powers | None, columns: Columns, degree: int, below_degree: int
) -> Iterator[Formulation]:
    """Look for powers of the target that are quotients, or for the target itself."""
    n = task.n_fit
    one = Terms.one(len(task.y))
    above = polynomial(columns, degree, _MOST_TERMS)
    more = polynomial(columns, below_degree, _MOST_BELOW)
    if above is None or more is None or len(above) + len(more) + 2 > n - SPARE_ROWS:
        return
    if not np.isfinite(above.values).all():
        return
    if powers is None:
        targets = task.y[None, :n]
    elif len(powers):
        # What a power is, its inverse is as well.
        targets = powers.values(np.zeros(1), n)[::2, 0]
    else:
        return
    basis = orthonormal_basis(Terms.join([one, above]).values[:, :n])
    below = independent(Terms.join([one, more]), n)
    for index, pivot in pivots(targets, below.values[:, :n], basis):
        transform = TRANSFORMS[0] if powers is None else powers.at(2 * index)
        yield Quotient(transform, task.y, above, below, pivot, n)


def _confirmed(formulation: Formulation) -> Iterator[tuple[Formulation, Hit]]:
    """Give an exact law of few terms that other rows confirm, or nothing."""
    hit = dense_hit(formulation)
    if hit is not None and hit.fvu < _EXACT and len(hit.chosen) <= _MOST_IN_USE:
        yield formulation, hit
