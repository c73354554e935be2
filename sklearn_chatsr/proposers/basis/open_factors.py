"""Products of free powers and one function of a monomial, with a constant inside.

In ``x1*sqrt(x2)*tanh(7.3*x3*sqrt(x1/x2))`` the logarithm of the target is a sum of
logarithms, of which all but one know nothing that a regression does not find. For every
simple monomial, function, and a few values of the constant, one number says how much
the factor explains beside all powers of the columns; the best are tuned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from sklearn_chatsr.expressions.expression import Tree
from sklearn_chatsr.proposers.basis.formulations import Formulation, Hit
from sklearn_chatsr.proposers.basis.monomials import monomials
from sklearn_chatsr.proposers.basis.openings import tuned
from sklearn_chatsr.proposers.basis.products import Product
from sklearn_chatsr.proposers.basis.screening import orthonormal
from sklearn_chatsr.proposers.basis.task import Task, is_exact
from sklearn_chatsr.proposers.basis.terms import Array, Terms

_MOST_MONOMIALS = 1000
# So many places are tuned a little, and farther where so much less is left then.
_TUNED, _FIRST, _MOST_EVALUATIONS, _PROMISING = 200, 14, 60, 1e-1
# Logarithms of the constant, in units of the median of the monomial.
_CONSTANTS = (-2.5, -1.0, 0.0, 1.0, 2.5)
_INDEPENDENT = 1e-9  # share of a factor's logarithm that the powers leave
_LAW = 1e-18  # share of the logarithm of the target that is left
_FACTORS: tuple[tuple[Callable[[Array], Array], Callable[[Tree], Tree]], ...] = (
    (np.tanh, lambda a: ("tanh", a)),
    (np.arctan, lambda a: ("atan", a)),
    (lambda v: 1.0 + v, lambda a: ("add", "1", a)),
    (lambda v: np.log(1.0 + v), lambda a: ("log", ("add", "1", a))),
    (np.expm1, lambda a: ("sub", ("exp", a), "1")),
    (lambda v: -np.expm1(-v), lambda a: ("sub", "1", ("exp", ("neg", a)))),
    (lambda v: 1.0 + np.exp(v), lambda a: ("add", "1", ("exp", a))),
    (lambda v: 1.0 + np.exp(-v), lambda a: ("add", "1", ("exp", ("neg", a)))),
    (np.sin, lambda a: ("sin", a)),
    (np.cos, lambda a: ("cos", a)),
)


def products_with_an_open_factor(
    task: Task, out_of_time: Callable[[], bool]
) -> Iterator[tuple[Formulation, Hit]]:
    """Yield an exact product with one such factor, if there is one.

    Parameters
    ----------
    task : Task
        What is to be explained.
    out_of_time : callable
        Asked between functions.
    """
    if np.any(task.y == 0):
        return
    n = task.n_fit
    columns = task.columns.values[(task.columns.values != 0).all(axis=1), :n]
    base = orthonormal(np.vstack([np.ones(n), np.log(np.abs(columns))]).T)
    target = np.log(np.abs(task.y[:n]))
    target = target - target.mean()
    target /= max(float(np.linalg.norm(target)), 1e-300)
    target = _beside(target, base)
    arguments, _ = monomials(task.columns, _MOST_MONOMIALS)
    size = np.median(np.abs(arguments.values), axis=1)
    usable = np.flatnonzero(np.isfinite(size) & (size > 0))
    arguments, unit = arguments.take(usable), 1.0 / size[usable]
    scaled = arguments.values[:, :n] * unit[:, None]

    def left(function: Callable[[Array], Array], row: Array, numbers: Array) -> Array:
        factor = _beside(np.log(np.abs(function(np.exp(numbers[0]) * row))), base)
        factor = factor / np.linalg.norm(factor)
        rest = target - (factor @ target) * factor
        return rest if np.isfinite(rest).all() else np.ones(n)

    ranked = []
    for number, (function, _) in enumerate(_FACTORS):
        if out_of_time():
            return
        for u in _CONSTANTS:
            logs = np.log(np.abs(function(np.exp(u) * scaled)))
            free = _beside(logs, base)
            length = np.linalg.norm(free, axis=1)
            told = np.square(free @ target) / np.square(length)
            told[~(length > _INDEPENDENT * np.linalg.norm(logs, axis=1))] = 0.0
            told[~np.isfinite(told)] = 0.0
            best = np.argsort(-told, kind="stable")[:_TUNED]
            ranked += [(-float(told[k]), number, int(k), u) for k in best]
    for _, number, k, u in sorted(ranked)[:_TUNED]:
        if out_of_time():
            return
        function, write = _FACTORS[number]
        rest = partial(left, function, scaled[k])
        numbers = np.array([u])
        before = float(np.square(rest(numbers)).sum())
        for most in (_FIRST, _MOST_EVALUATIONS):
            numbers = tuned(rest, numbers, most)
            share = float(np.square(rest(numbers)).sum())
            if share > _PROMISING * before:
                break
        if share > _LAW:
            continue
        constant = float(np.exp(numbers[0]) * unit[k])
        values = function(constant * arguments.values[k])[None]
        tree = write(("mul", constant, arguments.trees[k]))
        none = Terms(np.empty((0, len(task.y))), [], np.empty(0))
        factor = Terms(values, [tree], np.zeros(1))
        law = Product(task.y, task.columns, factor, none, n, any_power=True)
        hits = law.fit(np.array([[0]]))
        if hits and is_exact(hits[0]):
            yield law, hits[0]
            return


def _beside(values: Array, base: Array) -> Array:
    """Take out of rows what the columns of an orthonormal base explain."""
    for _ in range(2):
        values = values - (values @ base) @ base.T
    return values
