"""Sums of power laws whose exponents are in no library.

A sum such as ``x1*x2 - x3*x2^(2/3)`` is nearly one of monomials with halves for powers.
From the best of those the exponents are set free, fitted, and rounded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction

import numpy as np
from scipy.optimize import least_squares

from sklearn_chatsr.proposers.basis.formulations import Formulation, Hit, Sum
from sklearn_chatsr.proposers.basis.task import EXACT, Task, is_exact
from sklearn_chatsr.proposers.basis.terms import Array, Columns, Terms, factors, product

_MOST_SUMS = 6
_NEAR = 0.03  # fraction of variance unexplained by a sum worth to start from
_MOST_EVALUATIONS = 100
_ROWS_PER_POWER = 4
_ROUNDED = 0.01  # of a power from a fraction, where the sum is exact


def sums_of_power_laws(
    task: Task,
    found: Sequence[tuple[Formulation, Hit]],
    out_of_time: Callable[[], bool],
) -> Iterator[tuple[Formulation, Hit]]:
    """Yield sums of power laws with thirds and halves for exponents.

    Parameters
    ----------
    task : Task
        What is to be explained.
    found : sequence of (Formulation, Hit)
        Sums of terms to start from.
    out_of_time : callable
        Asked between fits.
    """
    columns = task.columns
    if not np.all(columns.values > 0):
        return
    n_tried = 0
    known = set()
    for formulation, hit in sorted(found, key=lambda item: item[1].fvu):
        if n_tried == _MOST_SUMS or hit.fvu > _NEAR or out_of_time():
            return
        if not isinstance(formulation, Sum):
            continue
        start = _exponents(formulation, hit, columns)
        if start is None or start.size > task.n_fit // _ROWS_PER_POWER:
            continue
        if (key := (formulation.name, start.tobytes())) in known:
            continue
        known.add(key)
        n_tried += 1
        fitted = _fitted(task, formulation, start)
        if fitted is None:
            continue
        rounded = [[Fraction(p).limit_denominator(3) for p in row] for row in fitted]
        if np.abs(fitted - np.array(rounded, float)).max() > _ROUNDED:
            continue
        values = np.exp(np.array(rounded, float) @ np.log(columns.values))
        trees = [
            product(
                [(leaf, p) for leaf, p in zip(columns.leaves, row, strict=True) if p]
            )
            for row in rounded
        ]
        terms = Terms(values, trees, np.zeros(len(trees)))
        exact = Sum(formulation.transform, task.y, terms, task.n_fit)
        hits = exact.fit(np.arange(len(trees))[None])
        yield from ((exact, new) for new in hits)
        if any(map(is_exact, hits)):
            return


def _exponents(formulation: Sum, hit: Hit, columns: Columns) -> Array | None:
    """Give the powers (n_terms, n_columns) of a sum of at least two monomials."""
    trees = [formulation.terms.trees[i] for i in hit.chosen]
    if len(trees) < 2 or formulation.beside is not None:
        return None
    table = np.zeros((len(trees), len(columns)))
    for row, tree in zip(table, trees, strict=True):
        for leaf, exponent in factors(tree, columns.leaves).items():
            if leaf not in columns.leaves:
                return None
            row[columns.leaves.index(leaf)] = float(exponent)
    return table[np.lexsort(table.T)]


@np.errstate(all="ignore")
def _fitted(task: Task, formulation: Sum, start: Array) -> Array | None:
    """Fit the exponents of all columns; None where the sum is not exact then."""
    n = task.n_fit
    logs = np.log(task.columns.values[:, :n])
    target = formulation.target[:n]
    which, column = np.indices(start.shape).reshape(2, -1)

    def laws(free: Array) -> Array:
        values: Array = np.exp(np.clip(free.reshape(start.shape) @ logs, -300, 300))
        return values

    def design(values: Array) -> tuple[Array, Array]:
        table = np.column_stack([np.ones(n), values.T])
        scale = np.maximum(np.abs(table).max(axis=0), 1e-300)
        return table / scale, scale

    def residual(free: Array) -> Array:
        table, _ = design(laws(free))
        best = np.linalg.lstsq(table, target, rcond=None)[0]
        return table @ best - target

    def slopes(free: Array) -> Array:
        # Kaufman's approximation of variable projection.
        values = laws(free)
        table, scale = design(values)
        best = np.linalg.lstsq(table, target, rcond=None)[0] / scale
        moved = (best[1:, None] * values)[which] * logs[column]
        basis, _ = np.linalg.qr(table)
        return moved.T - basis @ (basis.T @ moved.T)

    try:
        fit = least_squares(
            residual,
            start.ravel(),
            slopes,
            method="lm",
            xtol=1e-13,
            ftol=1e-13,
            max_nfev=_MOST_EVALUATIONS,
        )
    except (ValueError, np.linalg.LinAlgError):
        return None
    centred = target - target.mean()
    if not 2 * fit.cost <= 1e5 * EXACT * float(centred @ centred):
        return None
    fitted: Array = fit.x.reshape(start.shape)
    return fitted
