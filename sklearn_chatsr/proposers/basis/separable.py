"""Separable laws: a sum or a product of functions of one column each.

The functions are fitted together first, as splines: ``T(y) = s1(x1) + s2(x2) + ...``,
or a product of them. A good fit tells that the law is of this kind, and shows each of
the functions on its own. Behind each a law of one column is looked for, which is a
short search, and the best ones are put together. Their constants are as good as the
splines are, and left to the fit.

References
----------
Hastie, T. and Tibshirani, R. (1986). Generalized additive models. Statistical Science
1, 297-310.
Beylkin, G. and Mohlenkamp, M. J. (2005). Algorithms for numerical analysis in high
dimensions. SIAM Journal on Scientific Computing 26, 2133-2159: sums of products of
functions of one variable, by alternating least squares.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial, reduce
from itertools import combinations, count, product

import numpy as np

from sklearn_chatsr.expressions.expression import Tree
from sklearn_chatsr.proposers.basis.laws_of_one import laws_of_one
from sklearn_chatsr.proposers.basis.lines import Lines, lines
from sklearn_chatsr.proposers.basis.smooth import (
    coordinates,
    f_statistics,
    is_absent,
    standardised,
)
from sklearn_chatsr.proposers.basis.splines import share_missed, solve, splines_of
from sklearn_chatsr.proposers.basis.terms import Array, Columns
from sklearn_chatsr.proposers.basis.transforms import TRANSFORMS, Transform
from sklearn_chatsr.proposers.trees import in_place

_MOST_COLUMNS = 6
_LEAST_ROWS = 40
_KNOTS, _MANY_KNOTS = (4, 6, 9, 13, 18), (27, 40, 60)
_ROWS_PER_PARAMETER = 2
_ADDITIVE = ("y", "log(y)", "1/y", "y^2")
# Shares of the variance that splines may miss where nothing of it depends on products
# of the columns, and whatever it depends on.
_GOOD, _EXCELLENT, _CERTAIN = 0.1, 1e-4, 1e-8
# Splines of a few knots that miss more show no straight lines; sums and products that
# miss so little leave none to be looked for.
_HOPELESS, _STRAIGHT_BELOW = 0.05, 1e-9
# Sums that miss no more may do so for want of knots in one column; what is left where
# they help.
_UNEVEN, _UNEVEN_BELOW, _HELPS = 0.9, 0.3, 0.5
_BETTER = 10.0  # how much more the second best kind, or problem, may miss
# Products take many sweeps: not with the most knots, and no longer than they help.
_PRODUCT_KNOTS, _SWEEPS, _SETTLED = 4, 40, 0.97
_FIT_SHARE = 0.75
_WHOLES = 24
_ERRORS = 3.0  # of a number that may as well be none

Wrap = Callable[[Tree], Sequence[Tree]]


@dataclass(frozen=True)
class _Model:
    """Functions of one column each, as their values on the rows.

    Attributes
    ----------
    parts : list of (int, ndarray of shape (n_rows,), float)
        A column, the values of a function of it, and what is unknown of them, as a
        share of their variance.
    missed : float
        Share of the variance of the target that all together miss, on rows that they
        were not fitted on.
    whole : callable
        Makes a formula of y of formulas of the parts.
    """

    parts: list[tuple[int, Array, float]]
    missed: float
    whole: Callable[[Sequence[Tree]], Tree]


def separable(
    problems: Sequence[tuple[Columns, Array, Wrap]],
    out_of_time: Callable[[], bool],
    *,
    clearly: bool = False,
) -> Iterator[list[Tree]]:
    """Yield formulas whose columns enter one by one, the best ones first.

    Parameters
    ----------
    problems : sequence of (Columns, ndarray, callable)
        Columns over rows in random order, the target of shape (n_rows,), and what puts
        a formula of it into ones of the data's target. The first is searched, unless
        a later one is far more separable: then it was reduced to by mistake.
    out_of_time : callable
        Asked between steps.
    clearly : bool, default=False
        Whether to go on only where the splines miss next to nothing; where they miss
        more than rounding, laws of one column are only looked for among usual curves.

    Yields
    ------
    list of tree
        For the kind of model that misses least, and the next one if it is as good.
    """
    chosen: list[_Model] = []
    for columns, y, wrap in problems:
        models = _best_models(columns, y, out_of_time)
        if models and (not chosen or _BETTER * models[0].missed < chosen[0].missed):
            chosen, leaves, table, put = models, columns.leaves, columns.values, wrap
    if clearly:
        chosen = [model for model in chosen if model.missed <= _EXCELLENT]
    for model in chosen[:2]:
        if model.missed > _BETTER * chosen[0].missed or out_of_time():
            return
        laws = []
        for j, values, noise in model.parts:
            found = laws_of_one(
                table[j],
                values,
                noise,
                out_of_time,
                only_curves=clearly and model.missed > _CERTAIN,
            )
            laws.append([(bits, in_place(tree, leaves[j])) for bits, tree in found])
        if not all(laws):
            return
        best = sorted(product(*laws), key=lambda parts: sum(b for b, _ in parts))
        wholes = [model.whole([t for _, t in parts]) for parts in best[:_WHOLES]]
        yield [tree for whole in wholes for tree in put(whole)]


@np.errstate(all="ignore")
def _best_models(
    columns: Columns, y: Array, out_of_time: Callable[[], bool]
) -> list[_Model]:
    """Give the kinds of model that fit, the one that misses least first."""
    table = columns.values
    if not 2 <= len(table) <= _MOST_COLUMNS or len(y) < _LEAST_ROWS:
        return []
    if not (np.isfinite(table).all() and np.isfinite(y).all()):
        return []
    n_fit = int(_FIT_SHARE * len(y))
    most = n_fit // _ROWS_PER_PARAMETER
    # As logarithms where a column spans decades.
    smooth = coordinates(table.T).T
    splines = [
        [splines_of(x, n_fit, n) for x in smooth]
        for n in _KNOTS
        if (n + 2) * len(table) <= most
    ]
    models: list[_Model] = []
    if not splines:
        return models
    choices = cache(partial(_choices_of_knots, table, smooth, n_fit))
    transforms = [t for t in TRANSFORMS if t.name in _ADDITIVE and t.applies(y)]
    for transform in transforms:
        if not out_of_time():
            models += _sums(table, splines, choices, transform, y, n_fit)
    if not out_of_time():
        models += _products(table, splines[:_PRODUCT_KNOTS], y, n_fit)
    least = min((model.missed for model in models), default=_GOOD)
    if least > _STRAIGHT_BELOW:
        # Sums and products are of this kind, too.
        for transform in transforms:
            if not out_of_time():
                straight = _straight(columns, splines, transform, y, n_fit)
                models += [m for m in straight if _BETTER * m.missed < least]
    least = min((model.missed for model in models), default=_GOOD)
    if least > _STRAIGHT_BELOW and not out_of_time():
        sums = _straight_in_sums(columns, transforms, y, n_fit)
        models += [m for m in sums if _BETTER * m.missed < least]
    # What is written in two ways misses as much: the first one stays first.
    return sorted(models, key=lambda model: float(f"{model.missed:.2e}"))


def _sums(
    table: Array,
    splines: Sequence[Sequence[Array]],
    choices: Callable[[], list[list[Array]]],
    transform: Transform,
    y: Array,
    n_fit: int,
) -> Iterator[_Model]:
    """Fit ``T(y) = s1(x1) + s2(x2) + ...``."""
    target = transform.forward(y)
    fits = [_additive(bases, target, n_fit) for bases in splines]
    parts, missed = min(fits, key=lambda fit: fit[1])
    hope = _UNEVEN if transform.name == "y" else _UNEVEN_BELOW
    if _STRAIGHT_BELOW < missed <= hope:
        fits.append(_additive_with_choices(choices(), fits[0], target, n_fit))
        parts, missed = min(fits, key=lambda fit: fit[1])
    if not _is_all(table, target - sum(parts), missed):
        return
    noise = [missed * target.var() / part.var() for part in parts]
    whole: Callable[[Sequence[Tree]], Tree] = partial(_sum_below, transform)
    if transform.name == "log(y)":
        parts, whole = [np.exp(part - part.mean()) for part in parts], _product_of
    yield _Model(list(zip(count(), parts, noise, strict=False)), missed, whole)


def _products(
    table: Array, splines: Sequence[Sequence[Array]], y: Array, n_fit: int
) -> Iterator[_Model]:
    """Fit ``y = f1(x1) * f2(x2) * ... + c``."""
    fits = [_multiplicative(bases, y, n_fit) for bases in splines]
    parts, missed = min(fits, key=lambda fit: fit[1])
    if missed > _GOOD:
        return
    values = np.array(parts)
    together = np.prod(values, axis=0)
    if not _is_all(table, y - together, missed):
        return
    others = np.where(values == 0, 0.0, together / values)
    noise = missed * y.var() / (np.mean(np.square(others), axis=1) * values.var(axis=1))
    yield _Model(list(zip(count(), parts, noise, strict=False)), missed, _product_of)


def _straight(
    columns: Columns,
    splines: Sequence[Sequence[Array]],
    transform: Transform,
    y: Array,
    n_fit: int,
) -> Iterator[_Model]:
    """Fit ``T(y) = a(x1) + b(x1) * x2 + ...`` with any column for x1."""
    target = transform.forward(y)
    for j in range(len(columns)):
        for factors, trees in _straight_factors(columns, j):
            fits: list[tuple[float, list[Array]]] = []
            for bases in splines:
                basis = bases[j]
                design = np.hstack([basis * factor[:, None] for factor in factors])
                if _ROWS_PER_PARAMETER * design.shape[1] > n_fit:
                    break
                solved = np.split(solve(design[:n_fit], target[:n_fit]), len(factors))
                parts = [basis @ coefficients for coefficients in solved]
                whole = np.sum(np.multiply(parts, factors), axis=0)
                fits.append((share_missed(whole, target, n_fit), parts))
                if fits[-1][0] > _HOPELESS:
                    break
            missed, parts = min(fits, key=lambda fit: fit[0], default=(np.inf, []))
            if missed > _EXCELLENT:
                continue
            left = missed * target.var()
            sizes = [
                part.var() * np.mean(np.square(factor))
                for part, factor in zip(parts, factors, strict=True)
            ]
            known = [(j, p, left / s) for p, s in zip(parts, sizes, strict=True)]
            yield _Model(known, missed, partial(_lines_below, transform, trees))


def _straight_in_sums(
    columns: Columns, transforms: Sequence[Transform], y: Array, n_fit: int
) -> Iterator[_Model]:
    """Fit lines whose coefficients are sums of functions of one column each."""
    targets = [transform.forward(y) for transform in transforms]
    found = lines(columns, _KNOTS, targets, n_fit)
    if found is not None:
        number, line = found
        parts = [(j, *known) for (_, j), known in line.functions.items()]
        yield _Model(parts, line.missed, partial(_sums_below, transforms[number], line))


def _straight_factors(
    columns: Columns, j: int
) -> Iterator[tuple[list[Array], list[Tree]]]:
    """Give what functions of a column may be multiplied by, and added up."""
    others = [k for k in range(len(columns)) if k != j]
    one = np.ones(columns.values.shape[1])
    values, leaves = columns.values[others], [columns.leaves[k] for k in others]
    if len(others) == 1 and values.min() >= 0 and values.max() <= 1:
        # A mixture of two.
        yield [1.0 - values[0], values[0]], [("sub", "1", leaves[0]), leaves[0]]
    yield [one, *values], ["1", *leaves]
    if all(columns.positive[k] for k in others):
        yield [one, *np.log(values)], ["1", *(("log", leaf) for leaf in leaves)]


def _is_all(table: Array, residual: Array, missed: float) -> bool:
    """Tell whether nothing that the splines miss depends on products of the columns."""
    if missed <= _EXCELLENT:
        return True
    if missed > _GOOD:
        return False
    columns = standardised(table.T).T
    products = [a * b for a, b in combinations(columns, 2)]
    ones = np.ones((len(residual), 1))
    [statistic] = f_statistics(ones, np.column_stack(products), residual[None])
    return is_absent(float(statistic))


def _choices_of_knots(table: Array, smooth: Array, n_fit: int) -> list[list[Array]]:
    """Give splines of few to many knots of each column, and of its logarithm."""
    found = []
    for j, x in enumerate(table):
        kinds = [smooth[j]] if np.array_equal(smooth[j], x) else [smooth[j], x]
        found.append(
            [splines_of(c, n_fit, n) for n in (*_KNOTS, *_MANY_KNOTS) for c in kinds]
        )
    return found


def _additive_with_choices(
    choices: Sequence[Sequence[Array]],
    fit: tuple[list[Array], float],
    target: Array,
    n_fit: int,
) -> tuple[list[Array], float]:
    """Take other splines in one column after the other while this helps most."""
    chosen = [0] * len(choices)
    for _ in range(2 * len(choices)):
        trials = []
        for j, options in enumerate(choices):
            for place in range(len(options)):
                places = [*chosen[:j], place, *chosen[j + 1 :]]
                bases = [choices[k][i] for k, i in enumerate(places)]
                n_parameters = sum(basis.shape[1] for basis in bases)
                if _ROWS_PER_PARAMETER * n_parameters <= n_fit:
                    trials.append((*_additive(bases, target, n_fit), places))
        parts, missed, places = min(trials, key=lambda t: t[1])
        if missed > _HELPS * fit[1]:
            break
        fit, chosen = (parts, missed), places
    return fit


def _additive(
    bases: Sequence[Array], target: Array, n_fit: int
) -> tuple[list[Array], float]:
    centred = [basis - basis[:n_fit].mean(axis=0) for basis in bases]
    design = np.hstack([np.ones((len(target), 1)), *centred])
    coefficients = solve(design[:n_fit], target[:n_fit])
    ends = np.cumsum([1, *(basis.shape[1] for basis in bases)])
    parts = [
        basis @ coefficients[start:end]
        for basis, start, end in zip(centred, ends[:-1], ends[1:], strict=True)
    ]
    parts[0] = parts[0] + coefficients[0]
    return parts, share_missed(design @ coefficients, target, n_fit)


def _multiplicative(
    bases: Sequence[Array], y: Array, n_fit: int
) -> tuple[list[Array], float]:
    """Fit one function after the other while the others stay as they are."""
    rng = np.random.default_rng(0)
    one = np.ones((len(y), 1))
    best: tuple[list[Array], float] = ([], np.inf)
    for start in range(2):
        parts = [
            basis @ rng.normal(size=basis.shape[1]) if start else np.ones(len(y))
            for basis in bases
        ]
        before = np.inf
        for _ in range(_SWEEPS):
            for j, basis in enumerate(bases):
                others = np.prod(parts[:j] + parts[j + 1 :], axis=0)
                design = np.hstack([basis * others[:, None], one])
                *coefficients, offset = solve(design[:n_fit], y[:n_fit])
                parts[j] = basis @ np.array(coefficients)
                size = np.sqrt(np.mean(np.square(parts[j])))
                if j < len(bases) - 1 and size > 0:
                    parts[j] = parts[j] / size
            whole = np.prod(parts, axis=0) + offset
            left = float(np.mean(np.square(whole - y)[:n_fit]))
            if left > _SETTLED * before:
                break
            before = left
        missed = share_missed(whole, y, n_fit)
        if missed < best[1]:
            best = parts, missed
    return best


def _sum_below(transform: Transform, trees: Sequence[Tree]) -> Tree:
    split = [_without_constant(tree) for tree in trees]
    constant = sum(number for _, number in split)
    whole = _joined("add", [tree for tree, _ in split if tree is not None])
    return transform.tree(("add", whole, constant) if constant != 0 else whole)


def _without_constant(tree: Tree) -> tuple[Tree | None, float]:
    """Take a number away that is added to the whole."""
    match tree:
        case float():
            return None, tree
        case ("add", other, float(number)) | ("add", float(number), other):
            return other, number
        case ("sub", other, float(number)):
            return other, -number
        case ("sub", float(number), ("mul", float(factor), other)):
            return ("mul", -factor, other), number
        case ("sub", float(number), other):
            return ("neg", other), number
    return tree, 0.0


def _lines_below(
    transform: Transform, factors: Sequence[Tree], trees: Sequence[Tree]
) -> Tree:
    products: list[Tree] = [
        tree if factor == "1" else ("mul", tree, factor)
        for factor, tree in zip(factors, trees, strict=True)
    ]
    whole = products[0]
    for tree in products[1:]:
        whole = ("add", whole, tree)
    return transform.tree(whole)


def _sums_below(transform: Transform, found: Lines, trees: Sequence[Tree]) -> Tree:
    laws = list(zip(found.functions, trees, strict=True))
    products: list[tuple[Tree, Tree]] = []
    for k, factor in enumerate(found.factors):
        split = [_without_constant(tree) for (place, _), tree in laws if place == k]
        bare = [tree for tree, _ in split if tree is not None]
        constant = found.numbers.get(k, 0.0) + sum(number for _, number in split)
        if abs(constant) > _ERRORS * found.uncertainty(k):
            bare.append(constant)
        if bare:
            products.append((factor, reduce(lambda a, b: ("add", a, b), bare)))
    factors, coefficients = zip(*products, strict=True)
    return _lines_below(transform, factors, coefficients)


def _product_of(trees: Sequence[Tree]) -> Tree:
    return _joined("mul", trees)


def _joined(name: str, trees: Sequence[Tree]) -> Tree:
    """Join what is no number; a number around all is left to the fit."""
    first, *others = [t for t in trees if not isinstance(t, float)] or ["1"]
    whole: Tree = first
    for tree in others:
        whole = (name, whole, tree)
    return whole
