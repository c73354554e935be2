"""Constants inside: in a function of the columns, in one of the target, or in both.

In ``(x1 + 0.3*x2^1.7)^0.6`` two constants are in places where no regression finds
them. For each of a few values of both everything else is one regression, on a
polynomial of the columns and of the function that holds the constant; where little is
left the constants are tuned until nothing is, or there is no such law.

References
----------
Golub, G. and Pereyra, V. (1973). The differentiation of pseudo-inverses and nonlinear
least squares problems whose variables separate. SIAM Journal on Numerical Analysis 10,
413-432.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

import numpy as np
from scipy.optimize import minimize_scalar

from sklearn_chatsr.expressions.expression import Tree
from sklearn_chatsr.proposers.basis.dense import SPARE_ROWS, dense_hit
from sklearn_chatsr.proposers.basis.formulations import (
    Formulation,
    Hit,
    Quotient,
    Sum,
)
from sklearn_chatsr.proposers.basis.monomials import polynomial
from sklearn_chatsr.proposers.basis.open_factors import products_with_an_open_factor
from sklearn_chatsr.proposers.basis.openings import (
    Curve,
    OpenTransform,
    as_it_is,
    curves,
    open_transforms,
    powers,
    transforms_of_powers_of_logarithms,
    tuned,
)
from sklearn_chatsr.proposers.basis.quotients import (
    independent,
    orthonormal_basis,
    pivots,
    remainders,
)
from sklearn_chatsr.proposers.basis.screening import orthonormal
from sklearn_chatsr.proposers.basis.task import Task, written
from sklearn_chatsr.proposers.basis.terms import Array, Columns, Terms
from sklearn_chatsr.proposers.basis.transforms import columns_over_target
from sklearn_chatsr.proposers.basis.trees import multiplied

_MOST_COLUMNS, _FEW_COLUMNS, _MOST_TERMS = 6, 2, 60
_QUOTIENT_DEGREES = ((1, 1), (2, 1), (2, 2))
# So many places are tuned a little, and farther where so much less is left then. The
# target as it is goes first: it may be all that the law needs.
_TUNED, _FIRST, _MOST_EVALUATIONS, _PROMISING, _PLAIN = 60, 12, 90, 1e-2, 10.0
_INDEPENDENT = 1e-9  # share of a term that the others leave
_LAW = 1e-20  # share of the squared target that is left
# Places that are scanned for dips, of which the deepest count, and how deep one goes.
_SCANNED, _DIPS, _DEEP = 40, 3, 1e-4
_MOST_IN_USE = 12  # terms: many more are an approximation


def look_for_open_constants(
    task: Task, out_of_time: Callable[[], bool]
) -> Iterator[list[Tree]]:
    """Yield exact laws with a constant inside, and one around, if there are any.

    Parameters
    ----------
    task : Task
        What is to be explained, and not by the other looks.
    out_of_time : callable
        Asked between functions.
    """
    found = list(laws_with_open_constants(task, out_of_time))
    if not found:
        found = list(products_with_an_open_factor(task, out_of_time))
    if found:
        yield written(task, found)


def laws_with_open_constants(
    task: Task, out_of_time: Callable[[], bool]
) -> Iterator[tuple[Formulation, Hit]]:
    """Yield exact laws with a constant inside, and one around everything else.

    Parameters
    ----------
    task : Task
        What is to be explained.
    out_of_time : callable
        Asked between functions.
    """
    columns = task.columns
    if len(columns) > _MOST_COLUMNS:
        return
    # In x1/(x1 + x2*sqrt(x3 + c)) neither the target nor its inverse is such a sum.
    over = columns_over_target(columns, only_mixed=False)
    over = [t for t in over if t.applies(task.y)]
    fixed = list(map(as_it_is, [*task.transforms, *over]))
    targets = list(open_transforms(task.y))
    if len(columns) == 1:
        # One column has room for its inverse as well.
        columns = columns.with_inverses()
    highest = 3 if len(columns) <= _FEW_COLUMNS else 2
    for degree in range(1, highest + 1):
        design = _Design.of(columns, degree, task.n_fit)
        if design is None or out_of_time():
            break
        found = list(_polynomials(task, design, targets))
        found = found or list(
            _with_a_curve(
                task,
                design,
                [*fixed, *targets],
                curves(task.columns),
                out_of_time,
            )
        )
        if not found and degree == 1:
            found = list(_powers_of_logarithms(task, out_of_time))
        yield from found
        if found:
            return
    for degrees in _QUOTIENT_DEGREES:
        found = list(_quotients(task, targets, *degrees, out_of_time))
        yield from found
        if found:
            return


class _Design:
    """What a target is regressed on: a polynomial, and products with a curve.

    Parameters
    ----------
    blocks : sequence of Terms
        Polynomials of the columns, of falling degrees: that of the sum itself, of the
        factor of the curve, and of the factor of its square, if there is one.
    n_fit : int
        The first so many rows are fitted.
    """

    def __init__(self, blocks: Sequence[Terms], n_fit: int) -> None:
        self.blocks, self.n_fit = blocks, n_fit
        whole = blocks[0].values[:, :n_fit]
        self._plain = orthonormal(np.vstack([np.ones(n_fit), whole]).T)

    @classmethod
    def of(cls, columns: Columns, degree: int, n_fit: int) -> _Design | None:
        """Set up a polynomial of a degree; None where the rows do not carry it."""
        one = Terms.one(columns.values.shape[1])
        blocks = []
        for d in range(degree, max(degree - 3, 0), -1):
            terms = polynomial(columns, d, _MOST_TERMS)
            if terms is None or not np.isfinite(terms.values).all():
                return None
            blocks.append(Terms.join([one, terms]) if d < degree else terms)
        blocks = [*blocks, one][:3]
        room = min(n_fit - SPARE_ROWS, _MOST_TERMS)
        return cls(blocks, n_fit) if sum(map(len, blocks)) <= room else None

    def left(self, values: Array, curve: Array | None = None) -> Array:
        """Give what a regression leaves of the rows that are fitted.

        Parameters
        ----------
        values : ndarray of shape (..., n_rows)
            Targets; each counts as one of length 1 and mean 0.
        curve : ndarray of shape (n_rows,), optional
            Values of the curve.
        """
        rest = values[..., : self.n_fit]
        rest = rest - rest.mean(axis=-1, keepdims=True)
        rest = rest / np.linalg.norm(rest, axis=-1, keepdims=True)
        basis = self._plain if curve is None else self._beside(curve)
        if basis is None:
            return np.full_like(rest, np.inf)
        for _ in range(2):  # since little is left
            rest = rest - (rest @ basis) @ basis.T
        return np.where(np.isfinite(rest), rest, 1.0)

    def _beside(self, curve: Array) -> Array | None:
        beside = [
            block.values[:, : self.n_fit] * curve[: self.n_fit] ** k
            for k, block in enumerate(self.blocks[1:], start=1)
        ]
        columns = np.concatenate(beside).T
        columns = columns / np.maximum(np.linalg.norm(columns, axis=0), 1e-300)
        if not np.isfinite(columns).all():
            return None
        columns = columns - self._plain @ (self._plain.T @ columns)
        # Some, such as the square of a distance, are in the polynomial already.
        is_new = np.linalg.norm(columns, axis=0) > _INDEPENDENT
        if not is_new.any():
            return self._plain
        return np.hstack([self._plain, orthonormal(columns[:, is_new])])

    def terms(self, curve: Curve, u: float) -> Terms:
        """Give all terms, for a value of the constant of the curve."""
        values, tree = curve.values(u), curve.tree(u)
        parts = [self.blocks[0]]
        for k, block in enumerate(self.blocks[1:], start=1):
            leaf: Tree = tree if k == 1 else ("sq", tree)
            trees = [leaf if t == "1" else multiplied(t, leaf) for t in block.trees]
            parts.append(Terms(block.values * values**k, trees, block.order))
        return Terms.join(parts)


def _polynomials(
    task: Task, design: _Design, targets: Sequence[OpenTransform]
) -> Iterator[tuple[Formulation, Hit]]:
    """Look for T(y) with an open constant that is a polynomial."""

    def left(target: OpenTransform, u: float) -> float:
        return float(np.linalg.norm(design.left(target.at(u).forward(task.y))))

    for target in targets:
        for u in _dips(partial(left, target), target.grid):
            yield from _confirmed(
                Sum(target.at(u), task.y, design.blocks[0], task.n_fit)
            )


def _powers_of_logarithms(
    task: Task, out_of_time: Callable[[], bool]
) -> Iterator[tuple[Formulation, Hit]]:
    """Look for powers of the logarithm of a sum of columns, or of their inverses.

    One column may have any power, as in ``log(3/x1 + x2^1.3)^-2``.
    """
    targets = list(transforms_of_powers_of_logarithms(task.y))
    design = _Design.of(task.columns.with_inverses(), 1, task.n_fit)
    if design is None:
        return
    found = list(_polynomials(task, design, targets))
    yield from found or _with_a_curve(
        task, design, targets, powers(task.columns), out_of_time
    )


def _with_a_curve(
    task: Task,
    design: _Design,
    targets: Sequence[OpenTransform],
    of_columns: Iterable[Curve],
    out_of_time: Callable[[], bool],
) -> Iterator[tuple[Formulation, Hit]]:
    """Look for T(y) that is a polynomial of the columns and of one curve."""
    grid = [(target, u) for target in targets for u in target.grid]
    if not grid:
        return
    values = np.array([target.at(u).forward(task.y) for target, u in grid])
    usable = np.isfinite(values).all(axis=1) & (np.ptp(values, axis=1) > 0)
    grid = [place for place, is_usable in zip(grid, usable, strict=True) if is_usable]
    values = values[usable]
    ranked: list[tuple[float, int, Curve, float, OpenTransform, float]] = []
    for curve in of_columns:
        if out_of_time():
            return
        rest = [design.left(values, curve.values(u)) for u in curve.grid]
        shares = np.square(rest).sum(axis=2)
        # The best place for each target.
        best: dict[int, tuple[float, float, int]] = {}
        for k, (target, _) in enumerate(grid):
            at = int(np.argmin(shares[:, k]))
            place = float(shares[at, k]), curve.grid[at], k
            best[id(target)] = min(best.get(id(target), place), place)
        for share, u, k in best.values():
            order = share * (_PLAIN if grid[k][0].is_open else 1.0)
            ranked.append((order, len(ranked), curve, u, *grid[k]))
    for _, _, curve, u, target, v in sorted(ranked)[:_TUNED]:
        if out_of_time():
            return
        constants = _constants(task, design, curve, u, target, v)
        if constants is not None:
            terms = design.terms(curve, constants[0])
            law = Sum(target.at(constants[1]), task.y, terms, task.n_fit)
            found = list(_confirmed(law))
            yield from found
            if found:
                return


def _constants(
    task: Task, design: _Design, curve: Curve, u: float, target: OpenTransform, v: float
) -> tuple[float, float] | None:
    """Tune the constants until nothing is left; None where something is."""

    def left(numbers: Array) -> Array:
        w = float(numbers[1]) if target.is_open else v
        values = curve.values(float(numbers[0]))
        rest = design.left(target.at(w).forward(task.y), values)
        return np.where(np.isfinite(rest), rest, 1.0)

    numbers = np.array([u, v] if target.is_open else [u])
    before = float(np.square(left(numbers)).sum())
    for most in (_FIRST, _MOST_EVALUATIONS):
        numbers = tuned(left, numbers, most)
        share = float(np.square(left(numbers)).sum())
        if share > _PROMISING * before:
            return None
    if share > _LAW:
        return None
    return float(numbers[0]), float(numbers[1]) if target.is_open else v


def _quotients(
    task: Task,
    targets: Sequence[OpenTransform],
    degree: int,
    below_degree: int,
    out_of_time: Callable[[], bool],
) -> Iterator[tuple[Formulation, Hit]]:
    """Look for T(y) with an open constant that is a quotient of polynomials."""
    n = task.n_fit
    above = polynomial(task.columns, degree, _MOST_TERMS)
    below = polynomial(task.columns, below_degree, _MOST_TERMS)
    if above is None or below is None or len(above) + len(below) + 2 > n - SPARE_ROWS:
        return
    one = Terms.one(len(task.y))
    dividends = Terms.join([one, above]).values[:, :n]
    if not np.isfinite(dividends).all():
        return
    basis = orthonormal_basis(dividends)
    below = independent(Terms.join([one, below]), n)
    divisors = below.values[:, :n]

    def left(target: OpenTransform, u: float) -> float:
        values = target.at(u).forward(task.y[:n])[None]
        usable, rest = remainders(values, divisors, basis)
        if not len(usable):
            return 1.0
        singular = np.linalg.svd(rest[0], compute_uv=False)
        return float(singular[-1] / max(singular[0], 1e-300))

    for target in targets:
        if out_of_time():
            return
        for u in _dips(partial(left, target), target.grid):
            transform = target.at(u)
            values = transform.forward(task.y)[None, :n]
            for _, pivot in pivots(values, divisors, basis):
                yield from _confirmed(
                    Quotient(transform, task.y, above, below, pivot, n)
                )


def _dips(left: Callable[[float], float], ends: Sequence[float]) -> Iterator[float]:
    """Give places between two ends where next to nothing is left."""
    places = np.linspace(min(ends), max(ends), _SCANNED)
    scanned = np.array([left(u) for u in places])
    inner = (scanned[1:-1] < scanned[:-2]) & (scanned[1:-1] < scanned[2:])
    dips = 1 + np.flatnonzero(inner)
    for at in dips[np.argsort(scanned[dips], kind="stable")[:_DIPS]]:
        best = minimize_scalar(
            left,
            bracket=tuple(places[at - 1 : at + 2]),
            method="golden",
            options={"xtol": 1e-15, "maxiter": _MOST_EVALUATIONS},
        )
        if best.fun <= _DEEP * scanned[at]:
            yield float(best.x)


def _confirmed(formulation: Formulation) -> Iterator[tuple[Formulation, Hit]]:
    """Give a law of few terms; nothing where other rows do not confirm it."""
    hit = dense_hit(formulation)
    if hit is not None and len(hit.chosen) <= _MOST_IN_USE:
        yield formulation, hit
