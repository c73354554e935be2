"""Reductions that a polynomial does not show: by the slopes of a Gaussian process.

The slopes propose relations (`relations`); a process in the smaller problem decides.
With a column less it predicts left out rows much better, or the relation does not hold.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.polynomial.legendre import legvander
from scipy.optimize import minimize_scalar

from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.proposers.basis.laws_of_one import laws_of_one
from sklearn_chatsr.proposers.basis.process import Process, fit_process
from sklearn_chatsr.proposers.basis.reductions import Remainder
from sklearn_chatsr.proposers.basis.relations import RATIOS, Relation, relations
from sklearn_chatsr.proposers.basis.smooth import DECADES
from sklearn_chatsr.proposers.basis.terms import Array, Columns
from sklearn_chatsr.proposers.trees import in_place

logger = logging.getLogger(__name__)

_ROWS, _MOST_COLUMNS = 280, 8
_AGAIN, _CONTINUED = 8, 2  # evaluations of the likelihood at a time; models
_USUAL = 0.9  # of the rows: a few at the edges are predicted badly always
# Relative errors of left out rows: of a model that has nothing to say, and of one that
# cannot become better.
_POOR, _SMALL, _PERFECT = 0.6, 1e-5, 1e-7
# Shares of the error, at most, beside which a relation holds, also where the error is
# large; and beside which several do: there a column less makes up for what is not so.
_GAIN, _LARGE_GAIN, _LARGE, _CLEARLY = 0.75, 0.97, 0.02, 0.2
# Where a number is looked for, relative to two digits of it, and how closely; and how
# much less well a shorter one may predict.
_AROUND, _CLOSELY, _LIKEWISE = 0.06, 1e-4, 1.5
# Relations that slopes miss by so little, where models miss so little, are tuned even
# so, so many of them.
_NEAR, _SHARP, _MOST_TUNED = 0.03, 1e-4, 1
# Relations whose slopes miss more, as a share of themselves, are not tried; nor more
# than so many.
_VAGUE, _MOST_TRIED = 0.5, 16
_MOST_NEW = 2  # problems
# Functions of one column: degree of their model, share that their slopes may owe to
# others, and how many columns and laws are tried where the process misses little.
_DEGREE, _ALONE, _SMOOTH, _MOST_APART, _MOST_LAWS = 12, 0.1, 0.02, 3, 2


@dataclass(frozen=True)
class _Measure:
    """What of the target is modelled, and its derivative."""

    values: Callable[[Array], Array]
    slope: Callable[[Array], Array]


@dataclass(frozen=True)
class _Model:
    """A problem, and a process that predicts it.

    Attributes
    ----------
    measure : _Measure
        What of the target is predicted.
    error : float
        Of rows that are left out, relative to the target.
    slopes : ndarray of shape (n_rows, n_columns)
        Partial derivatives of the target along the columns.
    """

    problem: Remainder
    process: Process
    measure: _Measure
    error: float
    slopes: Array


@dataclass(frozen=True)
class Reductions:
    """What is left of a problem.

    Attributes
    ----------
    parts : list of Remainder
        Smaller problems, the smallest first.
    error : float
        Of rows that are left out, relative to the target, where the smallest problem is
        predicted; infinite where nothing is known.
    """

    parts: list[Remainder]
    error: float


@np.errstate(all="ignore")
def reduced_by_slopes(
    columns: Columns,
    y: Array,
    parts: Sequence[Remainder],
    out_of_time: Callable[[], bool],
) -> Reductions:
    """Put columns together, and divide them out, as the slopes of a process tell.

    Parameters
    ----------
    columns : Columns
        The columns.
    y : ndarray of shape (n_rows,)
        The target.
    parts : sequence of Remainder
        Smaller problems of one column at least that something else led to, the
        smallest first. Where something is predicted much better than the whole, those
        that are not are left out; the first one that is, is where to go on from.
    out_of_time : callable
        Asked between steps.
    """
    whole = Remainder("1", "1", columns, y, np.ones_like(y))
    unknown = Reductions([*parts], np.inf)
    if not 1 < len(columns) <= _MOST_COLUMNS:
        return unknown
    size = np.abs(y[:_ROWS])
    modelled = _Modelling(size + np.median(size))
    model = modelled(whole, None)
    if model is None or model.error > _POOR:
        return unknown
    holding: list[_Model] = []
    least = model.error
    for part in reversed(parts):
        other = modelled(part, model)
        # The smaller ones rest on the larger ones.
        if other is not None and other.error < max(_LARGE_GAIN * least, _SMALL):
            holding.insert(0, other)
            least = other.error
    found = [model]
    # What is hardly predicted better may be too small a problem.
    if holding and holding[0].error < max(_CLEARLY * model.error, _SMALL):
        found = [holding[0]]
    while len(found[-1].problem.columns) > 1 and not out_of_time():
        smaller = _smaller(modelled, found[-1], out_of_time)
        if smaller is None:
            smaller = _without_function(modelled, found[-1], out_of_time)
        if smaller is None:
            break
        found.append(smaller)
    # A large error that becomes no small one may be that of another law.
    while len(found) > 1 and found[-1].error > max(_CLEARLY * found[0].error, _SMALL):
        if found[-2].error < _LARGE:
            break
        found.pop()
    logger.debug("%s", [(m.problem.columns.leaves, m.error) for m in found])
    new = [m.problem for m in found[:0:-1]][:_MOST_NEW]
    if found[-1].error > max(_CLEARLY * model.error, _SMALL):
        # Below noise one predicts as well as the other.
        return Reductions([*new, *parts], np.inf)
    return Reductions([*new, *(m.problem for m in holding)], found[-1].error)


def _smaller(
    modelled: _Modelling, model: _Model, out_of_time: Callable[[], bool]
) -> _Model | None:
    """Give a problem with a column less that is predicted better, if there is one."""
    gain = _GAIN if model.error < _LARGE else _LARGE_GAIN
    limit = max(gain * model.error, modelled.floor)
    tried: list[tuple[_Model, Relation]] = []
    n_tuned = 0
    found = [r for r in relations(model.problem, model.slopes) if r.missed < _VAGUE]
    found.sort(key=lambda r: r.missed * r.complexity)
    for relation in found[:_MOST_TRIED]:
        if out_of_time():
            break
        other = modelled(relation.smaller, model, likewise=True)
        if other is None:
            continue
        is_near = relation.missed < _NEAR and model.error < _SHARP
        if other.error >= limit and is_near and n_tuned < _MOST_TUNED:
            # Two digits of a number may be too few.
            n_tuned += relation.at is not None
            other = _tuned(modelled, other, relation) or other
        if other.error < limit:
            tried.append((other, relation))
    if not tried:
        return None
    # What holds for two relations holds for what is put together of both.
    floor = modelled.floor
    best = min(tried, key=lambda t: max(t[0].error, floor) * t[1].complexity)
    return _tuned(modelled, *best)


def _without_function(
    modelled: _Modelling, model: _Model, out_of_time: Callable[[], bool]
) -> _Model | None:
    """Take a function of one column away, or divide by it, if it stands apart.

    Its values are what a process in the other columns leaves to it, and a law is looked
    for behind them; what is left is known as well as they are.
    """
    problem = model.problem
    limit = max(_GAIN * model.error, modelled.floor)
    if len(problem.columns) < 3 or model.error > _SMOOTH:
        return None
    best: _Model | None = None
    for j, is_factor, curve in _apart(model)[:_MOST_APART]:
        values = modelled.beside(model, j, is_factor, curve)
        if values is None or out_of_time():
            continue
        x, leaf = problem.columns.values[j], problem.columns.leaves[j]
        found = laws_of_one(x[:_ROWS], *values, out_of_time, only_curves=True)
        for _, law in found[:_MOST_LAWS]:
            full = Expression.from_tree(law).evaluate(x[:, None])
            tree = in_place(law, leaf)
            if not np.isfinite(full).all() or (is_factor and np.any(full == 0)):
                continue
            if is_factor:
                smaller = problem.divided(j, tree, full)
            else:
                smaller = problem.less([j], tree, full)
            other = modelled(smaller, model)
            if other is not None and other.error < limit:
                best, limit = other, other.error
        if best is not None:
            break
    if best is not None:
        # The law is known from values, and no better than these.
        modelled.floor = max(modelled.floor, _LIKEWISE * best.error)
    return best


def _apart(model: _Model) -> list[tuple[int, bool, Array]]:
    """Give columns whose slope seems to know no other one, the likeliest first.

    With each whether it is a factor, and functions of the column that make up others.
    """
    y = model.problem.y[:_ROWS]
    features, _ = _features(model.problem.columns.values[:, :_ROWS].T)
    found = []
    for is_factor in (True, False):
        if is_factor and not (np.all(y > 0) or np.all(y < 0)):
            continue
        slopes = model.slopes / y[:, None] if is_factor else model.slopes
        for j, u in enumerate(features.T):
            inside = 2.0 * (u - u.min()) / np.ptp(u) - 1.0
            curve = legvander(inside, _DEGREE)
            along = slopes[:, j]
            if not (np.isfinite(curve).all() and np.isfinite(along).all()):
                continue
            left = along - curve @ np.linalg.lstsq(curve, along, rcond=None)[0]
            missed = float(np.median(np.abs(left)) / np.median(np.abs(along)))
            if missed < _ALONE:
                found.append((missed, j, is_factor, curve[:, 1:]))
    found.sort(key=lambda item: item[:3])
    return [item[1:] for item in found]


def _tuned(modelled: _Modelling, model: _Model, relation: Relation) -> _Model | None:
    """Find the number of a relation as closely as the process tells it apart.

    Then the shortest one that predicts about as well.
    """
    at, number = relation.at, float(relation.number)
    is_simple = relation.number in RATIOS
    if at is None or (is_simple and relation.number.denominator <= 2):
        return modelled(model.problem, model)

    def error(value: float) -> float:
        other = modelled(at(Fraction(value)), model, likewise=True)
        return np.inf if other is None else other.error

    width = _AROUND * abs(number)
    best = minimize_scalar(
        error,
        bounds=(number - width, number + width),
        method="bounded",
        options={"xatol": _CLOSELY * abs(number)},
    )
    shorts = [
        Fraction(f"{number:.{digits}g}") ** exponent
        for digits in (2, 3)
        for number, exponent in ((best.x, 1), (1.0 / best.x, -1))
    ]
    # A third may be 0.33.
    for short in [relation.number, *shorts] if is_simple else shorts:
        if error(float(short)) <= max(_LIKEWISE * best.fun, modelled.floor):
            return modelled(at(short), model)
    return modelled(model.problem, model)


class _Modelling:
    """Fit processes to problems.

    Parameters
    ----------
    size : ndarray of shape (n_rows,)
        In units of which the target is predicted.

    Attributes
    ----------
    floor : float
        Error below which no model is better than another.
    """

    def __init__(self, size: Array) -> None:
        self._size = size
        self.floor = _PERFECT

    def __call__(
        self, problem: Remainder, before: _Model | None, *, likewise: bool = False
    ) -> _Model | None:
        """Model a problem; None where nothing can be.

        Parameters
        ----------
        problem : Remainder
            The problem.
        before : _Model, optional
            Of another problem, whose widths are good ones to start with.
        likewise : bool, default=False
            Whether the same of the target is modelled as there; else that which is
            predicted best.
        """
        y = problem.y[:_ROWS]
        if before is not None and likewise:
            start = _widths(problem.columns, before)
            return self._modelled(problem, before.measure, start)
        begin = None if before is None else _widths(problem.columns, before)
        models = [self._modelled(problem, m, begin) for m in _measures(y)]
        found = sorted(filter(None, models), key=lambda m: m.error)
        for model in found[:_CONTINUED]:
            own = model.process.parameters
            farther = self._modelled(problem, model.measure, own)
            found += [farther] if farther is not None else []
        return min(found, key=lambda m: m.error, default=None)

    def beside(
        self, model: _Model, j: int, is_factor: bool, curve: Array
    ) -> tuple[Array, float] | None:
        """Give a function of one column beside a process in the others.

        Parameters
        ----------
        model : _Model
            In all columns.
        j : int
            The column.
        is_factor : bool
            Whether the function is a factor, or an addend.
        curve : ndarray of shape (n_rows, n_functions)
            What it is made up of, or its logarithm.

        Returns
        -------
        (ndarray of shape (n_rows,), float) or None
            Its values, and what is unknown of them as a share of their variance. None
            where all columns together predict better.
        """
        y = model.problem.y[:_ROWS]
        others = np.delete(model.problem.columns.values, j, axis=0)
        features, _ = _features(others[:, :_ROWS].T)
        target = np.log(np.abs(y)) if is_factor else y
        start = np.delete(model.process.parameters, j)
        process = fit_process(features, target, 2 * _AGAIN, start, curve)
        if process is None:
            return None
        left = process.left * y if is_factor else process.left
        error = self._error(model.problem, left)
        if not error < max(_GAIN * model.error, self.floor):
            return None
        values = process.beside
        share = np.median(np.square(process.left))
        if is_factor:
            values = np.exp(values)
            share *= float(np.mean(np.square(values)))
        return values, float(share / values.var())

    def _error(self, problem: Remainder, left: Array) -> float:
        """Give the relative error of most rows, of what each of them misses."""
        missed = np.abs(left * problem.divisor[: len(left)]) / self._size
        usual = np.sort(np.square(missed))[: int(_USUAL * len(left))]
        return float(np.sqrt(np.mean(usual)))

    def _modelled(
        self, problem: Remainder, measure: _Measure, start: Array | None
    ) -> _Model | None:
        features, rates = _features(problem.columns.values[:, :_ROWS].T)
        y = problem.y[:_ROWS]
        process = fit_process(features, measure.values(y), _AGAIN, start)
        if process is None:
            return None
        per_unit = measure.slope(y)
        error = self._error(problem, process.left / per_unit)
        if not np.isfinite(error):
            return None
        slopes = process.slopes * rates / per_unit[:, None]
        return _Model(problem, process, measure, error, slopes)


def _widths(columns: Columns, before: _Model) -> Array:
    """Give parameters to start with: of columns that are the same, their own."""
    own = before.process.parameters
    known = dict(zip(before.problem.columns.leaves, own, strict=False))
    middle = float(np.median(own[:-1]))
    return np.array([*(known.get(leaf, middle) for leaf in columns.leaves), own[-1]])


def _features(X: Array) -> tuple[Array, Array]:
    """Give standardised columns, some as logarithms, and derivatives along X."""
    features, rates = X.copy(), np.ones_like(X)
    for j, x in enumerate(X.T):
        if x.min() > 0 and np.log10(x.max() / x.min()) > DECADES:
            features[:, j], rates[:, j] = np.log(x), 1.0 / x
    spread = np.maximum(features.std(axis=0), 1e-300)
    return (features - features.mean(axis=0)) / spread, rates / spread


def _measures(y: Array) -> Iterator[_Measure]:
    """Give functions of the target that may be smoother than it is."""
    yield _Measure(lambda y: y, np.ones_like)
    if np.all(y > 0) or np.all(y < 0):
        yield _Measure(lambda y: np.log(np.abs(y)), lambda y: 1.0 / y)
        yield _Measure(lambda y: 1.0 / y, lambda y: -(y**-2.0))
        yield _Measure(lambda y: y**-2.0, lambda y: -2.0 * y**-3.0)
        yield _Measure(np.square, lambda y: 2.0 * y)
    else:
        unit = float(np.median(np.abs(y)))
        if unit > 0:
            yield _Measure(
                lambda y: np.arcsinh(y / unit), lambda y: 1.0 / np.hypot(y, unit)
            )
