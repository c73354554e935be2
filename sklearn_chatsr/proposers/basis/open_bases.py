"""Powers whose exponent is a column, with numbers in the base and in the exponent.

In ``(1 + x1/12)^(-12*x2)`` both numbers bend the term, and what is beside it and times
it is linear. Few pairs of numbers are looked at, for all other columns and some
transforms of the target at once; the best pairs are tuned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from sklearn_chatsr.expressions.expression import Tree
from sklearn_chatsr.proposers.basis.beside_lines import (
    LAW,
    directions_beside,
    left_beside,
    line_in,
    rest_of,
    times,
)
from sklearn_chatsr.proposers.basis.column_powers import LARGEST, exponents_in, inverse
from sklearn_chatsr.proposers.basis.formulations import Sum
from sklearn_chatsr.proposers.basis.openings import tuned
from sklearn_chatsr.proposers.basis.quotients import orthonormal_basis
from sklearn_chatsr.proposers.basis.task import Task
from sklearn_chatsr.proposers.basis.terms import Array, Columns, Terms
from sklearn_chatsr.proposers.basis.transforms import columns_over_target
from sklearn_chatsr.proposers.basis.trees import linear_combination, multiplied, snap

_MOST_COLUMNS = 3
_BEHIND = ("y", "1/y", "log(y)")
# Numbers in the base, in units of the inverse of its column's median; and medians of
# the size of the power's logarithm, with both signs.
_INSIDE, _LOGARITHMS = 10.0 ** np.linspace(-1.5, 1.5, 9), (0.2, 0.5, 1.2, 3.0)
# Pairs for each power and target, those that are tuned for all columns in an exponent;
# evaluations, and the share of what is left with which more of them follow.
_STARTS, _TUNED = 2, 48
_FIRST, _MOST_EVALUATIONS, _PROMISING = 24, 80, 0.3
_SHORT = 1e-7


@dataclass(frozen=True)
class _Power:
    """A power with a number c in the base and a factor m in the exponent.

    Attributes
    ----------
    logarithm : callable
        That of the power for the logarithm of c, where m is one.
    tree : callable
        The power for c and m.
    size : float
        Of the numbers in the base.
    """

    logarithm: Callable[[float], Array]
    tree: Callable[[float, float], Tree]
    size: float

    def values(self, numbers: Array) -> Array:
        """Give the power for the logarithm of c, and m."""
        log_c, m = numbers
        return np.asarray(np.exp(m * self.logarithm(log_c)))

    def places(self) -> Array:
        """Give pairs of numbers with which the power is of tolerable size."""
        found = []
        for log_c in np.log(_INSIDE * self.size):
            size = np.abs(self.logarithm(log_c))
            for logarithm in _LOGARITHMS:
                m = logarithm / np.median(size)
                if m * size.max() < LARGEST:
                    found += [(log_c, m), (log_c, -m)]
        return np.array(found).reshape(-1, 2)


def powers_with_open_bases(task: Task, j: int) -> Iterator[Sum]:
    """Look for such a power, and it times the column, beside a line in the columns.

    Parameters
    ----------
    task : Task
        What is to be explained, with columns in units of the data.
    j : int
        The column in the exponent.
    """
    columns, y, n = task.columns, task.y, task.n_fit
    if len(columns) > _MOST_COLUMNS:
        return
    line = line_in(columns)
    base = orthonormal_basis(line.values[:, :n])
    factors = line.take(np.array([0, 1 + j]))
    transforms = [t for t in task.transforms if t.name in _BEHIND]
    transforms += columns_over_target(columns, only_mixed=False)
    targets = np.array([t.forward(y)[:n] for t in transforms])
    usable, rest = left_beside(targets, base)
    rest = rest / np.linalg.norm(rest, axis=1, keepdims=True)

    def directions(values: Array) -> Array:
        added = values[:, None] * factors.values[:, :n]
        return directions_beside(base, added)

    starts = []
    searched = list(_powers(columns.rows(np.arange(n)), j))
    for number, power in enumerate(searched):
        places = power.places()
        if not len(places):
            continue
        table = np.array([power.values(place) for place in places])
        told = np.square(rest @ directions(table)).sum(axis=2)
        order = np.argsort(-told, axis=0, kind="stable")[:_STARTS]
        for k, t in np.ndindex(order.shape):
            place = order[k, t]
            starts.append((1.0 - float(told[place, t]), number, t, places[place]))
    starts.sort(key=lambda start: start[0])
    for before, number, t, numbers in starts[: _TUNED // len(columns)]:

        def left(numbers: Array, number: int = number, t: int = t) -> Array:
            values = searched[number].values(numbers)
            if not np.isfinite(values).all():
                return rest[t]
            return rest_of(rest[t], directions(values[None])[0])

        for most in (_FIRST, _MOST_EVALUATIONS):
            numbers = tuned(left, numbers, most)
            share = float(np.linalg.norm(left(numbers)))
            if share > _PROMISING * np.sqrt(before):
                break
        if share < LAW:
            c, m = _plain(float(np.exp(numbers[0]))), _plain(float(numbers[1]))
            power = list(_powers(columns, j))[number]
            values = power.values(np.array([np.log(c), m]))
            terms = times(factors, values, power.tree(c, m))
            beside = line.take(np.arange(1, len(line)))
            yield Sum(transforms[usable[t]], y, Terms.join([beside, terms]), n)
            return


def _powers(columns: Columns, j: int) -> Iterator[_Power]:
    """Give ``(1 + c*x)^(m*w)``, ``(c*x)^(m*w)`` and ``(1 + c*x^w)^(m/w)``."""
    for i, (x, leaf) in enumerate(zip(columns.values, columns.leaves, strict=True)):
        if i != j and columns.positive[i]:
            for exponent, tree in exponents_in(columns, j, both_signs=False):
                yield from _powers_of(x, leaf, exponent, tree)


def _powers_of(x: Array, leaf: Tree, w: Array, exponent: Tree) -> Iterator[_Power]:
    def written(inner: Tree, beside: float, outer: Tree) -> Callable[..., Tree]:
        return lambda c, m: (
            "pow",
            linear_combination([(c, inner)], beside, exact=True),
            multiplied(snap(m, True), outer),
        )

    size, inner = float(1 / np.median(x)), x**w
    yield _Power(
        lambda log_c: w * np.log1p(np.exp(log_c) * x),
        written(leaf, 1.0, exponent),
        size,
    )
    yield _Power(
        lambda log_c: w * (log_c + np.log(x)), written(leaf, 0.0, exponent), size
    )
    yield _Power(
        lambda log_c: np.log1p(np.exp(log_c) * inner) / w,
        written(("pow", leaf, exponent), 1.0, inverse(exponent)),
        1.0,
    )


def _plain(number: float) -> float:
    """Give the whole number, or one over it, that a number is next to, else it."""
    is_small = abs(number) < 1
    whole = round(1 / number if is_small else number)
    short = 1 / whole if is_small else float(whole)
    return short if abs(short - number) < _SHORT * abs(number) else number
