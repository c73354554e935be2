"""Power laws of many columns beside one other term.

With seven columns there are too many monomials to list. One of them beside a constant,
or beside a simple term that can be divided out, is found by fitting its powers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction

import numpy as np
from scipy.optimize import least_squares

from sklearn_chatsr.expressions.expression import Tree
from sklearn_chatsr.proposers.basis.formulations import Formulation, Hit, Sum
from sklearn_chatsr.proposers.basis.task import EXACT, Task
from sklearn_chatsr.proposers.basis.terms import Array, Terms, power, product
from sklearn_chatsr.proposers.basis.transforms import TRANSFORMS, Transform

# How far outside its values, in units of their spread, the constant is looked for.
_OUTSIDE = (0.05, 1.0)
_MOST_EVALUATIONS = 60
_HIGHEST = 8
_LIKELY = 0.2  # of a power: further off, noise decides and not the law
_BESIDE = (1, -1, 2, -2)


def power_laws_beside_constant(
    task: Task, transforms: list[Transform]
) -> Iterator[tuple[Formulation, Hit]]:
    """Yield T(y) = a + b * x1^p1 * x2^p2 * ... for every transform T.

    Parameters
    ----------
    task : Task
        What is to be explained.
    transforms : list of Transform
        Those that apply to its target.
    """
    for transform in transforms:
        yield from _fitted(task, transform, "1", np.ones_like(task.y))


def power_laws_beside_term(
    task: Task, out_of_time: Callable[[], bool]
) -> Iterator[tuple[Formulation, Hit]]:
    """Yield y = a * x1^k + b * x1^p1 * x2^p2 * ..., likewise for 1/y and y^2.

    Parameters
    ----------
    task : Task
        What is to be explained.
    out_of_time : callable
        Asked between fits.
    """
    for transform in TRANSFORMS[:3]:
        if not transform.applies(task.y):
            continue
        for x, leaf in zip(task.columns.values, task.columns.leaves, strict=True):
            if np.any(x == 0):
                continue
            for exponent in _BESIDE:
                if out_of_time():
                    return
                tree = power(leaf, Fraction(exponent))
                yield from _fitted(task, transform, tree, x ** float(exponent))


def _fitted(
    task: Task, transform: Transform, beside: Tree, value: Array
) -> Iterator[tuple[Formulation, Hit]]:
    """Fit the powers for one transform and one other term, and round them."""
    columns = task.columns
    used = [j for j, x in enumerate(columns.values) if np.all(x > 0) or np.all(x < 0)]
    if len(used) < 2:
        return
    n = task.n_fit
    target = transform.forward(task.y)
    weight = 1.0 / np.abs(transform.slope(task.y))
    if task.weight is not None:
        weight = weight * task.weight
    weight = np.clip(weight / np.median(weight), 1e-2, 1e2)
    logs = np.log(np.abs(columns.values[used]))
    powers = _powers(logs[:, :n].T, target[:n], value[:n], weight[:n])
    if powers is None:
        return
    rounded = [Fraction(round(2 * p), 2) for p in powers]
    off = np.abs(powers - np.array(rounded, float)).max()
    if off > _LIKELY or np.abs(powers).max() > _HIGHEST or not any(rounded):
        return
    law = np.exp(np.array(rounded, float) @ logs)
    for j, p in zip(used, rounded, strict=True):
        if columns.values[j][0] < 0 and p.denominator == 2:
            return
        law *= np.sign(columns.values[j][0]) ** int(p)
    leaves = [(columns.leaves[j], p) for j, p in zip(used, rounded, strict=True)]
    terms = Terms(np.array([value, law]), [beside, product(leaves)], np.zeros(2))
    formulation = Sum(transform, task.y, terms, n, row_weight=task.weight)
    chosen = np.array([[1]] if beside == "1" else [[0, 1]], np.intp)
    for hit in formulation.fit(chosen):
        yield formulation, hit


def _powers(logs: Array, target: Array, beside: Array, weight: Array) -> Array | None:
    """Fit ``target = a * beside + b * exp(logs @ powers)`` from several starts.

    Parameters
    ----------
    logs : ndarray of shape (n_rows, n_columns)
        Logarithms of the columns.
    target, beside, weight : ndarray of shape (n_rows,)
        What is fitted, the other term, and what residuals count.

    Returns
    -------
    ndarray of shape (n_columns,) or None
        The powers of the best fit; None where none converges.
    """
    ratio = target / beside
    if not np.isfinite(ratio).all() or np.ptp(ratio) == 0:
        return None
    log_beside = np.log(np.abs(beside))
    design = np.column_stack([np.ones(len(logs)), logs])
    middle = np.median(ratio)
    best: tuple[float, Array] | None = None
    for sign, edge in ((1.0, ratio.min()), (-1.0, ratio.max())):
        side = np.sign(beside) * sign

        def residual(v: Array, side: Array = side) -> Array:
            law = side * np.exp(np.minimum(design @ v[1:], 50.0))
            return weight * (v[0] * beside + law - target)

        def slopes(v: Array, side: Array = side) -> Array:
            law = side * np.exp(np.minimum(design @ v[1:], 50.0))
            return weight[:, None] * np.column_stack([beside, law[:, None] * design])

        for far in _OUTSIDE:
            offset = edge - far * (middle - edge)
            logged = np.log(np.maximum(sign * (ratio - offset), 1e-300)) + log_beside
            first = np.linalg.lstsq(design, logged, rcond=None)[0]
            try:
                fit = least_squares(
                    residual,
                    np.concatenate([[offset], first]),
                    slopes,
                    method="lm",
                    max_nfev=_MOST_EVALUATIONS,
                )
            except ValueError:
                continue
            if best is None or fit.cost < best[0]:
                best = float(fit.cost), fit.x[2:]
            if fit.cost <= 0.5 * EXACT * float(np.sum((weight * target) ** 2)):
                return best[1]
    return None if best is None else best[1]
