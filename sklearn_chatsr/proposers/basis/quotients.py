"""Quotients of polynomials: exact where all their terms at once hold the law.

In ``T(y)*Q = P`` all coefficients are unknown. What is left of the terms of Q times
T(y), when those of P are projected out, is linearly dependent for a law; its divisor
needs no constant, as in ``x1*x2/(x1 + x2)``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, permutations

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar

from sklearn_chatsr.expressions.expression import Tree
from sklearn_chatsr.proposers.basis.dense import (
    FUNCTIONS,
    SPARE_ROWS,
    dense_hit,
    pairs_of,
)
from sklearn_chatsr.proposers.basis.formulations import Formulation, Hit, Quotient
from sklearn_chatsr.proposers.basis.monomials import polynomial
from sklearn_chatsr.proposers.basis.task import Task
from sklearn_chatsr.proposers.basis.terms import Array, Columns, Terms
from sklearn_chatsr.proposers.basis.transforms import TRANSFORMS, Transform
from sklearn_chatsr.proposers.basis.trees import multiplied
from sklearn_chatsr.proposers.basis.waves import Wave, strongest_waves

_MOST_ABOVE, _MOST_BELOW = 84, 30
_PAIRED = 3  # columns of which pairs are looked at
# Share of what is left of the largest combination of terms, for one that is nothing.
_DEPENDENT = 1e-8
# Degrees of dividend and divisor beside a wave; how far its frequency may be from the
# estimate, and how much deeper than elsewhere what is left must fall there.
_BESIDE_A_WAVE = ((1, 1), (2, 1), (2, 2), (3, 2))
_NEARBY, _DIP = np.linspace(0.75, 1.3, 221), 0.3
_AROUND = np.linspace(-2e-3, 2e-3, 11)


def dense_quotients(
    task: Task, transforms: Sequence[Transform], highest: int = 10
) -> Iterator[tuple[Formulation, Hit]]:
    """Quotients of polynomials, those of the lowest degrees that there are.

    Parameters
    ----------
    task : Task
        What is to be explained.
    transforms : sequence of Transform
        Each T that is tried.
    highest : int, default=10
        Highest degree of P.
    """
    room = task.n_fit - SPARE_ROWS
    one = Terms.one(len(task.y))
    targets = np.array([t.forward(task.y)[: task.n_fit] for t in transforms])
    for degree in range(1, highest + 1):
        above = polynomial(task.columns, degree, min(room, _MOST_ABOVE))
        if above is None or not np.isfinite(above.values).all():
            return
        basis = orthonormal_basis(Terms.join([one, above]).values[:, : task.n_fit])
        for below_degree in range(1, degree + 1):
            most = min(_MOST_BELOW, room - len(above) - 2)
            more = polynomial(task.columns, below_degree, most)
            if more is None:
                break
            below = independent(Terms.join([one, more]), task.n_fit)
            found = False
            for index, pivot in pivots(targets, below.values[:, : task.n_fit], basis):
                quotient = Quotient(
                    transforms[index], task.y, above, below, pivot, task.n_fit
                )
                hit = dense_hit(quotient)
                if hit is not None:
                    found = True
                    yield quotient, hit
            if found:
                return


def dense_quotients_with_functions(
    task: Task, transforms: Sequence[Transform], out_of_time: Callable[[], bool]
) -> Iterator[tuple[Formulation, Hit]]:
    """Quotients of polynomials that may hold functions of one column.

    And logarithms of all columns, and of two columns exponentials of both and of their
    product, as in the difference of two decays.
    """
    logarithms = task.columns.with_logarithms()
    if len(logarithms) > len(task.columns) + 1:
        yield from dense_quotients(replace(task, columns=logarithms), transforms, 2)
    if len(task.columns) == 2:
        extended = _with_exponentials(task.columns)
        wider = replace(task, columns=extended)
        yield from dense_quotients(wider, TRANSFORMS[:1], 2)
    for leaf, column in zip(task.columns.leaves, task.columns.values, strict=True):
        for functions in FUNCTIONS:
            if out_of_time():
                return
            extended = task.columns.with_functions(leaf, column, functions)
            yield from dense_quotients(replace(task, columns=extended), transforms, 3)
    if len(task.columns) <= _PAIRED:
        for leaf, values in chain(pairs_of(task.columns), _unfolded(task.columns)):
            for functions in FUNCTIONS:
                if out_of_time():
                    return
                extended = task.columns.with_functions(leaf, values, functions)
                wider = replace(task, columns=extended)
                yield from dense_quotients(wider, TRANSFORMS[:1], 2)


def _unfolded(columns: Columns) -> Iterator[tuple[Tree, Array]]:
    """Give sums of two quantities, of one of them and its ratio to the other."""
    both = zip(columns.leaves, columns.values, strict=True)
    for (a, u), (b, v) in permutations(both, 2):
        yield ("mul", a, ("add", "1", b)), u * (1.0 + v)
        yield ("mul", a, ("sub", "1", b)), u * (1.0 - v)


def _with_exponentials(columns: Columns) -> Columns:
    """Add exponentials of two columns, and of their product."""
    leaf: Tree = ("mul", *columns.leaves)
    arguments = [*zip(columns.leaves, columns.values, strict=True)]
    arguments.append((leaf, np.prod(columns.values, axis=0)))
    for tree, values in arguments:
        columns = columns.with_functions(tree, values, [("neg", "exp")])
    return columns


def quotients_with_a_wave(
    task: Task, out_of_time: Callable[[], bool]
) -> Iterator[tuple[Formulation, Hit]]:
    """Quotients of polynomials whose dividend holds a wave of open frequency.

    A spectrum shows the frequency to about a quarter; where it is exact, and only
    there, what is left of the terms of the divisor is dependent.
    """
    beside = [
        fitting
        for degrees in _BESIDE_A_WAVE
        if (fitting := _terms_beside(task, *degrees)) is not None
    ]
    if not beside:
        return
    for wave in strongest_waves(task.columns, task.y, task.n_fit, out_of_time):
        if out_of_time():
            return
        # Most terms hold most laws, fewest terms show the frequency best.
        near = _tuned(task, wave, *beside[-1], _NEARBY, _DIP)
        if near is None:
            continue
        around = near + _AROUND
        for plain, below in beside:
            factor = _tuned(task, wave, plain, below, around, _DEPENDENT)
            if factor is None:
                continue
            values = _with_wave(plain.values, factor * wave.phase)
            trees = [*plain.trees]
            for name in ("sin", "cos"):
                running: Tree = (name, wave.argument(factor))
                trees += [
                    running if tree == "1" else multiplied(tree, running)
                    for tree in plain.trees
                ]
            above = Terms(values, trees, np.tile(plain.order, 3))
            basis = orthonormal_basis(values[:, : task.n_fit])
            target = task.y[None, : task.n_fit]
            for _, pivot in pivots(target, below.values[:, : task.n_fit], basis):
                others = above.take(np.arange(1, len(above)))
                quotient = Quotient(
                    TRANSFORMS[0], task.y, others, below, pivot, task.n_fit
                )
                hit = dense_hit(quotient)
                if hit is not None:
                    yield quotient, hit
                    return


def _terms_beside(
    task: Task, degree: int, below_degree: int
) -> tuple[Terms, Terms] | None:
    """Give the terms of a dividend without its wave, and those of the divisor."""
    room = task.n_fit - SPARE_ROWS
    plain = polynomial(task.columns, degree, room // 3 - 1)
    if plain is None:
        return None
    plain = Terms.join([Terms.one(len(task.y)), plain])
    below = polynomial(task.columns, below_degree, room - 3 * len(plain) - 1)
    if below is None or not np.isfinite(plain.values).all():
        return None
    below = independent(Terms.join([Terms.one(len(task.y)), below]), task.n_fit)
    # A target that is zero wherever a term is not says nothing about that term.
    size = np.linalg.norm((below.values * task.y)[:, : task.n_fit], axis=1)
    return (plain, below) if (np.isfinite(size) & (size > 0)).all() else None


def _tuned(
    task: Task, wave: Wave, plain: Terms, below: Terms, factors: Array, dip: float
) -> float | None:
    """Give the factor of a wave's phase with which a quotient may be exact.

    Parameters
    ----------
    task, wave
        The problem, and the wave.
    plain, below : Terms
        Of dividend and divisor.
    factors : ndarray
        Where to look first.
    dip : float
        What may be left, as a share of the median over these factors.
    """
    n_fit = task.n_fit
    target = task.y[None, :n_fit]

    def left(factor: float) -> float:
        above = _with_wave(plain.values[:, :n_fit], factor * wave.phase[:n_fit])
        rest = remainders(target, below.values[:, :n_fit], orthonormal_basis(above))[1]
        singular = np.linalg.svd(rest[0], compute_uv=False)
        return float(singular[-1] / max(singular[0], 1e-300))

    scanned = [left(factor) for factor in factors]
    at = int(np.argmin(scanned))
    if not 0 < at < len(factors) - 1 or scanned[at] > _DIP * np.median(scanned):
        return None
    best = minimize_scalar(
        left,
        bracket=tuple(factors[at - 1 : at + 2]),
        method="golden",
        options={"xtol": 1e-14, "maxiter": 100},
    )
    return float(best.x) if best.fun <= dip * np.median(scanned) else None


def _with_wave(values: Array, phase: Array) -> Array:
    return np.concatenate([values, values * np.sin(phase), values * np.cos(phase)])


def orthonormal_basis(values: Array) -> Array:
    """Give orthonormal columns for the space of some terms, of shape (n_rows, n)."""
    length = np.maximum(np.linalg.norm(values, axis=1), 1e-300)
    basis: Array = np.linalg.qr(values.T / length)[0]
    return basis


def independent(terms: Terms, n_fit: int) -> Terms:
    """Leave out terms that those before them make up, such as sin(x)^2."""
    values = terms.values[:, :n_fit].T
    scale = np.maximum(np.linalg.norm(values, axis=0), 1e-300)
    own = np.abs(np.linalg.qr(values / scale)[1].diagonal())
    return terms.take(np.flatnonzero(own > _DEPENDENT))


def pivots(targets: Array, below: Array, basis: Array) -> Iterator[tuple[int, int]]:
    """Give targets with which a quotient may be exact, and its divisor's largest term.

    Parameters
    ----------
    targets : ndarray of shape (n_targets, n_rows)
        What a quotient may be.
    below : ndarray of shape (n_terms, n_rows)
        Terms of the divisor.
    basis : ndarray of shape (n_rows, n_directions)
        An orthonormal basis of what the dividend may be.
    """
    usable, rest = remainders(targets, below, basis)
    # Squares lose half of the digits: what passes is looked at once more.
    eigenvalues = np.linalg.eigvalsh(rest @ rest.transpose(0, 2, 1))
    for place in np.flatnonzero(eigenvalues[:, 0] <= 1e-13 * eigenvalues[:, -1]):
        singular, directions = np.linalg.svd(rest[place].T, full_matrices=False)[1:]
        if singular[-1] <= _DEPENDENT * singular[0] and singular[0] >= _DEPENDENT:
            yield int(usable[place]), int(np.abs(directions[-1]).argmax())


def remainders(
    targets: Array, below: Array, basis: Array
) -> tuple[npt.NDArray[np.intp], Array]:
    """Give what the dividend leaves of divisors times targets, and of which targets."""
    values = targets[:, None] * below
    scale = np.linalg.norm(values, axis=2)
    usable = np.flatnonzero((np.isfinite(scale) & (scale > 0)).all(axis=1))
    rest = values[usable] / scale[usable, :, None]
    # Twice, since little is left of some.
    for _ in range(2):
        rest -= (rest @ basis) @ basis.T
    return usable, rest
