"""Relations between slopes: reductions of problems that a polynomial does not show.

Where a law knows two columns only by ``x1 - x2``, its slopes along both add up to zero
on every row; where it knows ``x1*x2^p``, the slopes along their logarithms are in the
ratio of 1 to p. A change of units, a power in front and a common shift of target and
columns are such relations as well. The slopes of a Gaussian process propose them; a
process in the smaller problem decides: with a column less it predicts left out rows
much better, or the relation does not hold.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from itertools import combinations

import numpy as np
from scipy.optimize import minimize_scalar

from sklearn_chatsr.expressions.expression import Tree
from sklearn_chatsr.proposers.basis.process import Process, fit_process
from sklearn_chatsr.proposers.basis.reductions import Remainder
from sklearn_chatsr.proposers.basis.scaling import SPAN, Scaling, directions
from sklearn_chatsr.proposers.basis.smooth import DECADES
from sklearn_chatsr.proposers.basis.terms import Array, Columns, power
from sklearn_chatsr.proposers.basis.trees import multiplied

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
# Relations whose slopes miss more, as a share of themselves, are not tried; nor more
# than so many.
_VAGUE, _MOST_TRIED = 0.5, 16
_MOST_NEW = 2  # problems
_MOST_MEASURED = 500  # changes of units
_NEAR = 0.2  # of a short number
_SUMMED = {"": 1, "sq": 2, "inv": -1}  # powers of columns
# Functions of a column that may be added to the rest, and their derivatives.
_ADDED: dict[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "": (lambda x: x, np.ones_like),
    "sq": (np.square, lambda x: 2.0 * x),
    "inv": (lambda x: 1.0 / x, lambda x: -(x**-2.0)),
    "sqrt": (np.sqrt, lambda x: 0.5 * x**-0.5),
    "log": (np.log, lambda x: 1.0 / x),
    "exp": (np.exp, np.exp),
    "sin": (np.sin, np.cos),
    "cos": (np.cos, lambda x: -np.sin(x)),
}
_RATIOS = tuple(
    sign * Fraction(p, q)
    for p, q in ((1, 1), (2, 1), (1, 2), (3, 1), (1, 3), (3, 2), (2, 3), (4, 1), (1, 4))
    for sign in (1, -1)
)


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
class _Relation:
    """What slopes have in common, and the problem that it leaves.

    Attributes
    ----------
    missed : float
        How far the slopes are from it, as a share of themselves.
    complexity : int
        Of what is put together.
    smaller : Remainder
        The problem.
    number : Fraction, default=1
        What its slopes seem to be in the ratio of.
    at : callable, optional
        Gives the problem for another number.
    """

    missed: float
    complexity: int
    smaller: Remainder
    number: Fraction = Fraction(1)
    at: Callable[[Fraction], Remainder] | None = None


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
        Smaller problems that something else led to, the smallest first. Those that are
        not predicted better than the whole are left out, where something is; the first
        one that is, is where to go on from.
    out_of_time : callable
        Asked between steps.
    """
    whole = Remainder("1", "1", columns, y, np.ones_like(y))
    unknown = Reductions(list(parts), np.inf)
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
        if len(part.columns) == 0:
            return unknown
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
            break
        found.append(smaller)
    # A large error that becomes no small one may be that of another law.
    while len(found) > 1 and found[-1].error > max(_CLEARLY * found[0].error, _SMALL):
        if found[-2].error < _LARGE:
            break
        found.pop()
    if len(found) == 1 and not holding:
        return unknown
    logger.debug("%s", [(m.problem.columns.leaves, m.error) for m in found])
    new = [m.problem for m in found[:0:-1]][:_MOST_NEW]
    return Reductions([*new, *(m.problem for m in holding)], found[-1].error)


def _smaller(
    modelled: _Modelling, model: _Model, out_of_time: Callable[[], bool]
) -> _Model | None:
    """Give a problem with a column less that is predicted better, if there is one."""
    gain = _GAIN if model.error < _LARGE else _LARGE_GAIN
    limit = max(gain * model.error, _PERFECT)
    tried: list[tuple[_Model, _Relation]] = []
    relations = [r for r in _relations(model) if r.missed < _VAGUE]
    relations.sort(key=lambda r: r.missed * r.complexity)
    for relation in relations[:_MOST_TRIED]:
        if out_of_time():
            break
        other = modelled(relation.smaller, model, likewise=True)
        if other is not None and other.error < limit:
            tried.append((other, relation))
    if not tried:
        return None
    # What holds for two relations holds for what is put together of both.
    best = min(tried, key=lambda t: max(t[0].error, _PERFECT) * t[1].complexity)
    return _tuned(modelled, *best)


def _tuned(modelled: _Modelling, model: _Model, relation: _Relation) -> _Model | None:
    """Find the number of a relation as closely as the process tells it apart.

    Then the shortest one that predicts about as well.
    """
    at, number = relation.at, float(relation.number)
    is_simple = relation.number in _RATIOS
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
    shorts = [Fraction(f"{best.x:.{digits}g}") for digits in (2, 3)]
    # A third may be 0.33.
    for short in [relation.number, *shorts] if is_simple else shorts:
        if error(float(short)) <= _LIKEWISE * best.fun:
            return modelled(at(short), model)
    return modelled(model.problem, model)


class _Modelling:
    """Fit processes to problems.

    Parameters
    ----------
    size : ndarray of shape (n_rows,)
        In units of which the target is predicted.
    """

    def __init__(self, size: Array) -> None:
        self._size = size

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
            return self._modelled(problem, before.measure, _AGAIN, start)
        begin = None if before is None else _widths(problem.columns, before)
        models = [self._modelled(problem, m, _AGAIN, begin) for m in _measures(y)]
        found = sorted(filter(None, models), key=lambda m: m.error)
        for model in found[:_CONTINUED]:
            own = model.process.parameters
            farther = self._modelled(problem, model.measure, _AGAIN, own)
            found += [farther] if farther is not None else []
        return min(found, key=lambda m: m.error, default=None)

    def _modelled(
        self, problem: Remainder, measure: _Measure, most: int, start: Array | None
    ) -> _Model | None:
        features, rates = _features(problem.columns.values[:, :_ROWS].T)
        y, divisor = problem.y[:_ROWS], problem.divisor[:_ROWS]
        process = fit_process(features, measure.values(y), most, start)
        if process is None:
            return None
        per_unit = measure.slope(y)
        missed = np.abs(process.left / per_unit * divisor) / self._size
        usual = np.sort(np.square(missed))[: int(_USUAL * len(y))]
        error = float(np.sqrt(np.mean(usual)))
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


def _relations(model: _Model) -> Iterator[_Relation]:
    problem = model.problem
    X, y = problem.columns.values[:, :_ROWS].T, problem.y[:_ROWS]
    one_sign = bool(np.all(y > 0) or np.all(y < 0))
    by_ratio = model.slopes * X  # along the logarithms of the columns
    away = [np.abs(x).min() > SPAN * np.abs(x).max() for x in X.T]
    positive = [is_away and x.min() > 0 for is_away, x in zip(away, X.T, strict=True)]
    if one_sign:
        yield from _powers_in_front(problem, by_ratio / y[:, None], positive)
    yield from _addends(problem, model.slopes)
    for j, k in combinations(range(X.shape[1]), 2):
        for one, other in ((j, k), (k, j)):
            if away[other]:
                yield from _products(problem, by_ratio, one, other, positive)
        yield from _sums(problem, model.slopes, j, k)
        yield from _common_shifts(problem, model.slopes, j, k)


def _missed(values: Array, wanted: Array) -> float:
    """Tell how far values are from others, as a share of the smaller ones."""
    size = min(float(np.median(np.abs(values))), float(np.median(np.abs(wanted))))
    far = float(np.median(np.abs(values - wanted)))
    return far / size if size > 0 else np.inf


def _short(values: Array) -> list[Fraction]:
    """Give short numbers that all values seem to be: a simple one, and two digits."""
    value = float(np.median(values))
    if not (np.isfinite(value) and 1e-3 < abs(value) < 1e3):
        return []
    found = {min(_RATIOS, key=lambda r: abs(float(r) - value))}
    found.add(Fraction(f"{value:.1e}"))
    return [r for r in sorted(found) if abs(float(r) - value) <= _NEAR * abs(value)]


def _powers_in_front(
    problem: Remainder, exponents: Array, positive: Sequence[bool]
) -> Iterator[_Relation]:
    """Give columns, and changes of units, along which the target is a power."""
    usable = np.flatnonzero(positive)
    for j in usable:
        for exponent in _short(exponents[:, j]):
            wanted = np.full(len(exponents), float(exponent))
            smaller = problem.scaled(Scaling({int(j): 1}, exponent))
            missed = _missed(exponents[:, j], wanted)
            yield _Relation(missed, _length(exponent), smaller)
    # Divided by powers of another one, columns with zeros may be in it as well.
    if not len(usable) or exponents.shape[1] < 2:
        return
    mixed = frozenset(range(exponents.shape[1])) - set(map(int, usable))
    ways = directions(exponents.shape[1])
    ways = ways[np.count_nonzero(ways, axis=1) > 1]
    size = np.abs(ways) * np.median(np.abs(exponents), axis=0)
    size = np.where(ways != 0, size, np.inf).min(axis=1)
    spread = np.einsum("vi,ij,vj->v", ways, np.cov(exponents.T), ways)
    likely = np.argsort(spread / np.square(size), kind="stable")[:_MOST_MEASURED]
    ways, size = ways[likely], size[likely]
    slopes = exponents @ ways.T
    powers = np.round(np.median(slopes, axis=0) * 2) / 2
    missed = np.median(np.abs(slopes - powers), axis=0) / size
    for at in np.argsort(missed, kind="stable")[:_MOST_TRIED]:
        way, shift = ways[at], Fraction(float(powers[at]))
        involved = {int(i): int(way[i]) for i in np.flatnonzero(way)}
        scaling = Scaling(involved, shift, mixed & involved.keys())
        if not scaling.pivots or (shift == 0 and len(involved) == 2):
            continue  # or a product, see below
        complexity = int(np.abs(way).sum()) + 2 * len(involved) - 2
        yield _Relation(float(missed[at]), complexity, problem.scaled(scaling))


def _products(
    problem: Remainder, by_ratio: Array, j: int, k: int, positive: Sequence[bool]
) -> Iterator[_Relation]:
    """Give products of a column and a power of another one."""
    columns = problem.columns

    def at(exponent: Fraction) -> Remainder:
        if positive[j] and positive[k]:
            p, q = exponent.numerator, exponent.denominator
            return problem.scaled(Scaling({j: -p, k: q}, Fraction(0)))
        leaf = multiplied(columns.leaves[j], power(columns.leaves[k], exponent))
        values = columns.values[j] * columns.values[k] ** float(exponent)
        return replace(problem, columns=columns.instead_of([j, k], leaf, values))

    for exponent in _short(by_ratio[:, k] / by_ratio[:, j]):
        # Of x*z^2 and z*x^(1/2) one is enough.
        if abs(exponent) < 1 or (abs(exponent) == 1 and j > k):
            continue
        if positive[k] or exponent.denominator == 1:
            missed = _missed(by_ratio[:, k], float(exponent) * by_ratio[:, j])
            tuning = at if positive[k] else None
            complexity = 1 + _length(exponent)
            yield _Relation(missed, complexity, at(exponent), exponent, tuning)


def _length(number: Fraction) -> int:
    """Tell how long a number is, about in nodes."""
    return min(abs(number.numerator) + number.denominator - 1, 5)


def _sums(problem: Remainder, slopes: Array, j: int, k: int) -> Iterator[_Relation]:
    """Give sums of two columns, their squares or inverses, with a coefficient."""
    columns = problem.columns
    x, z = columns.values[j], columns.values[k]
    first, second = columns.leaves[j], columns.leaves[k]

    def of(name: str, coefficient: Fraction) -> Remainder:
        one, other = ((name, first), (name, second)) if name else (first, second)
        values = x ** _SUMMED[name] + float(coefficient) * z ** _SUMMED[name]
        sign = "add" if coefficient > 0 else "sub"
        leaf = (sign, one, multiplied(_written(abs(coefficient)), other))
        return replace(problem, columns=columns.instead_of([j, k], leaf, values))

    for name, p in _SUMMED.items():
        if p < 0 and not (np.all(x != 0) and np.all(z != 0)):
            continue
        a = slopes[:, j] * z[: len(slopes)] ** (p - 1)
        b = slopes[:, k] * x[: len(slopes)] ** (p - 1)
        for coefficient in _short(b / a):
            missed = _missed(b, float(coefficient) * a)
            complexity = 1 + _length(coefficient) + 2 * bool(name)
            at = partial(of, name)
            smaller = at(coefficient)
            yield _Relation(missed, complexity, smaller, coefficient, at)


def _written(number: Fraction) -> Tree:
    return "1" if number == 1 else float(number)


def _addends(problem: Remainder, slopes: Array) -> Iterator[_Relation]:
    """Give functions of a column, and products of two, that are only added."""
    columns, n_rows = problem.columns, len(slopes)
    for j, (x, leaf) in enumerate(zip(columns.values, columns.leaves, strict=True)):
        for name, (function, derivative) in _ADDED.items():
            values = function(x)
            if np.isfinite(values).all():
                ratio = slopes[:, j] / derivative(x[:n_rows])
                tree = (name, leaf) if name else leaf
                yield from _added(problem, [j], tree, values, [ratio])
    for j, k in combinations(range(len(columns)), 2):
        x, z = columns.values[j], columns.values[k]
        ratios = [slopes[:, j] / z[:n_rows], slopes[:, k] / x[:n_rows]]
        tree = ("mul", columns.leaves[j], columns.leaves[k])
        yield from _added(problem, [j, k], tree, x * z, ratios)


def _added(
    problem: Remainder,
    gone: Sequence[int],
    tree: Tree,
    values: Array,
    ratios: Sequence[Array],
) -> Iterator[_Relation]:
    """Take an addend away whose coefficient is what all ratios seem to be."""

    def at(coefficient: Fraction) -> Remainder:
        addend = multiplied(_written(coefficient), tree)
        return problem.less(gone, addend, float(coefficient) * values)

    if len(gone) < len(problem.columns):
        for coefficient in _short(ratios[0]):
            wanted = np.full(len(ratios[0]), float(coefficient))
            missed = max(_missed(ratio, wanted) for ratio in ratios)
            complexity = _length(coefficient) + (tree not in problem.columns.leaves)
            yield _Relation(missed, complexity, at(coefficient), coefficient, at)


def _common_shifts(
    problem: Remainder, slopes: Array, j: int, k: int
) -> Iterator[_Relation]:
    """Give two columns whose common shift shifts the target as well.

    Then the target less the first one knows only their difference.
    """
    columns = problem.columns
    first, second = columns.leaves[j], columns.leaves[k]
    for sign in (1.0, -1.0):
        along = slopes[:, j] + sign * slopes[:, k]
        way = float(np.sign(np.median(along)))
        missed = _missed(along, np.full(len(along), way))
        # One of them alone says nothing of the other one.
        if not min(np.median(np.abs(slopes[:, [j, k]]), axis=0)) > missed:
            continue
        leaf: Tree = ("sub" if sign > 0 else "add", second, first)
        values = columns.values[k] - sign * columns.values[j]
        whole = replace(problem, columns=columns.instead_of([k], leaf, values))
        front: Tree = first if way > 0 else ("neg", first)
        at = j if j < k else j - 1
        yield _Relation(missed, 2, whole.less([at], front, way * columns.values[j]))
