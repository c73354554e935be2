"""Sums of products of powers, grown term by term with all their exponents free.

``x1^3/(x2^2*x4) - 0.4*x3^4*x2/x4^3`` is a sum of two terms out of many thousands, which
no search lists. But a sum with exponents a little wrong is nearly as good as the right
one, so they are fitted: a term that explains much of what is left is added, then the
exponents of all terms are set free. For a law nothing is left in the end. Where all
exponents of all columns but one come out whole, as in ``(3 - x2)^3*x1^2 +
x3/x2``, there are more terms than those, with other powers of that column.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction

import numpy as np
from scipy.optimize import leastsq

from sklearn_chatsr.proposers.basis.dense import SPARE_ROWS, dense_hit
from sklearn_chatsr.proposers.basis.formulations import Formulation, Hit, Sum
from sklearn_chatsr.proposers.basis.monomials import exponents_by_order
from sklearn_chatsr.proposers.basis.task import Task, is_exact
from sklearn_chatsr.proposers.basis.terms import Array, Columns, Terms, product
from sklearn_chatsr.proposers.basis.transforms import Transform

_COLUMNS = range(3, 7)
_TARGETS = ("y", "1/y", "y^2", "1/y^2")
_MOST_MONOMIALS, _MOST_TERMS = 1500, 5
_STARTS, _MOST_EVALUATIONS = 4, 80
_INDEPENDENT = 1e-3  # share of a monomial that the others leave
# What may be left of the squared target after so many terms, for one more.
_PROMISING = {2: 5e-2, 3: 5e-3, 4: 1e-4}
_NOTHING = 1e-18
_WHOLE, _LARGEST_DENOMINATOR = 0.2, 100  # how far an exponent is from whole
_SPAN = range(-4, 5)  # powers of the column whose exponents are not whole


def grown_sums_of_powers(
    task: Task, out_of_time: Callable[[], bool]
) -> Iterator[tuple[Formulation, Hit]]:
    """Yield an exact sum of products of powers, if there is one.

    Parameters
    ----------
    task : Task
        What is to be explained; its columns must be positive.
    out_of_time : callable
        Asked between terms.
    """
    columns, n_fit = task.columns, task.n_fit
    if len(columns) not in _COLUMNS or not all(columns.positive):
        return
    logs = np.log(columns.values[:, :n_fit])
    logs -= logs.mean(axis=1, keepdims=True)
    listed = np.zeros((_MOST_MONOMIALS, len(columns)))
    for row, (_, exponents) in zip(
        listed, exponents_by_order(columns, _MOST_MONOMIALS), strict=False
    ):
        for j, p in exponents:
            row[j] = float(p)
    monomials = np.exp(listed @ logs)
    monomials /= np.linalg.norm(monomials, axis=1, keepdims=True)
    for transform in task.transforms:
        if transform.name not in _TARGETS:
            continue
        target = transform.forward(task.y[:n_fit])
        target = target / np.linalg.norm(target)
        powers = np.empty((0, len(columns)))
        for n_terms in range(1, _MOST_TERMS + 1):
            if out_of_time():
                return
            if n_terms * (1 + len(columns)) > len(target):
                break
            starts = _starts(powers, logs, target, listed, monomials)
            fits = [_fitted(start, logs, target) for start in starts]
            left, powers = min(fits, key=lambda fit: fit[0])
            found = _confirmed(task, transform, powers, left)
            if found is not None:
                yield found
                return
            if not left <= _PROMISING.get(n_terms, 1.0):
                break


def _starts(
    powers: Array, logs: Array, target: Array, listed: Array, monomials: Array
) -> Iterator[Array]:
    """Add a monomial, one of those that explain most of what is left."""
    basis = np.linalg.qr(np.exp(powers @ logs).T)[0]
    free = np.linalg.norm(monomials - (monomials @ basis) @ basis.T, axis=1)
    rest = target - basis @ (basis.T @ target)
    gain = np.abs(monomials @ rest) / np.maximum(free, _INDEPENDENT)
    gain[free < _INDEPENDENT] = 0.0
    chosen: list[int] = []
    for number in np.argsort(-gain, kind="stable"):
        # Neighbours lead to the same.
        if all(np.abs(listed[number] - listed[k]).sum() >= 2.0 for k in chosen):
            chosen.append(int(number))
            yield np.vstack([powers, listed[number]])
        if len(chosen) == (_STARTS if len(powers) else 1):
            return


def _fitted(powers: Array, logs: Array, target: Array) -> tuple[float, Array]:
    """Set all exponents free; give what is left of the target, and the exponents."""
    shape = powers.shape

    def terms(numbers: Array) -> tuple[Array, Array]:
        exponents = numbers[shape[0] :].reshape(shape)
        return numbers[: shape[0]], np.exp(exponents @ logs)

    def missed(numbers: Array) -> Array:
        coefficients, values = terms(numbers)
        rest: Array = coefficients @ values - target
        return rest

    def slopes(numbers: Array) -> Array:
        coefficients, values = terms(numbers)
        by_power = (coefficients[:, None] * values)[:, None] * logs
        return np.concatenate([values, by_power.reshape(-1, len(target))])

    values = np.exp(powers @ logs)
    coefficients = np.linalg.lstsq(values.T, target, rcond=None)[0]
    numbers = leastsq(
        missed,
        np.concatenate([coefficients, powers.ravel()]),
        Dfun=slopes,
        col_deriv=True,
        xtol=1e-15,
        ftol=1e-12,
        gtol=0.0,
        maxfev=_MOST_EVALUATIONS,
        full_output=True,
    )[0]
    left = float(np.square(missed(numbers)).sum())
    finite = np.isfinite(left)
    return (left, numbers[shape[0] :].reshape(shape)) if finite else (np.inf, powers)


def _confirmed(
    task: Task, transform: Transform, powers: Array, left: float
) -> tuple[Formulation, Hit] | None:
    """Round the exponents, and fit all coefficients; None where that is not exact."""
    if left <= _NOTHING:
        rows = [tuple(map(_fraction, row)) for row in powers]
    else:
        part = np.abs(powers - np.round(powers)).max(axis=0)
        [open_columns] = np.nonzero(part > _WHOLE)
        if len(open_columns) > 1:
            return None
        opened = int(open_columns[0]) if len(open_columns) else int(part.argmax())
        whole = [tuple(map(_whole, row)) for row in powers]
        rows = [
            (*row[:opened], Fraction(p), *row[opened + 1 :])
            for row in whole
            for p in _SPAN
        ]
    rows = [row for row in dict.fromkeys(rows) if any(row)]
    if not rows or len(rows) > task.n_fit - SPARE_ROWS:
        return None
    law = Sum(transform, task.y, _terms(task.columns, rows), task.n_fit)
    hit = dense_hit(law)
    return (law, hit) if hit is not None and is_exact(hit) else None


def _terms(columns: Columns, rows: list[tuple[Fraction, ...]]) -> Terms:
    values, trees = [], []
    for row in rows:
        used = [(j, p) for j, p in enumerate(row) if p]
        factors = [columns.values[j] ** float(p) for j, p in used]
        values.append(np.prod(factors, axis=0))
        trees.append(product([(columns.leaves[j], p) for j, p in used]))
    return Terms(np.array(values), trees, np.arange(float(len(rows))))


def _whole(p: float) -> Fraction:
    return Fraction(round(p))


def _fraction(p: float) -> Fraction:
    return Fraction(p).limit_denominator(_LARGEST_DENOMINATOR)
