"""Lines whose coefficients are usual curves of one column, as far as noise lets see.

``y = x1*f(t) + x2*g(t)``, where f and g are sums of up to two curves: decays, waves,
saturations, logarithms, powers. For given numbers in the curves all else is linear:
pairs of curves are compared on a grid, by the same normal equations, and the best ones
tuned. Splines of as many rows carry fewer numbers, which count where the rows are few.

References
----------
Golub, G. H. and Pereyra, V. (1973). The differentiation of pseudo-inverses and
nonlinear least squares problems whose variables separate. SIAM Journal on Numerical
Analysis 10, 413-432.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from sklearn_chatsr.expressions.expression import Tree
from sklearn_chatsr.proposers.basis.beside_lines import line_in, rest_of
from sklearn_chatsr.proposers.basis.openings import tuned
from sklearn_chatsr.proposers.basis.quotients import orthonormal_basis
from sklearn_chatsr.proposers.basis.splines import solve, solve_sparsely
from sklearn_chatsr.proposers.basis.terms import Array, Columns, Terms
from sklearn_chatsr.proposers.basis.trees import linear_combination, multiplied

_MOST_COLUMNS, _MOST_ROWS, _ROWS_PER_PARAMETER = 4, 300, 3
_FAST, _WIDE, _FEW = np.geomspace(0.3, 30.0, 12), np.geomspace(0.03, 10.0, 8), (1, 3, 9)
_RIDGE = 1e-12
# Shares of the variance, and of what parabolas in place of the curves leave.
_HOPELESS, _STRAIGHT = 0.02, 0.7
# Pairs of kinds that are tuned: of what is no more than an approximation, few.
_TUNED, _MOST_TUNED, _CLEAR = 8, 40, 1e-3
_MOST_LAWS, _EVALUATIONS = 6, 40
_TERM_BITS = 20.0


@dataclass(frozen=True, eq=False)
class _Kind:
    """A curve with one number inside.

    Attributes
    ----------
    values : callable
        Gives values of a column, for a number.
    tree : callable
        Writes the curve of a leaf, for a number.
    grid : iterable of float
        Numbers that are tried.
    """

    values: Callable[[Array, float], Array]
    tree: Callable[[Tree, float], Tree]
    grid: Iterable[float]


def _decay(leaf: Tree, p: float) -> Tree:
    return ("exp", ("mul", -p, leaf))


def _kinds(x: Array) -> Iterator[_Kind]:
    """Give curves of a column in units of its own."""
    size = float(np.abs(x).max())
    rates, places = _FAST / size, _WIDE * size
    few = [n / size for n in _FEW]
    yield _Kind(lambda x, p: np.exp(-p * x), _decay, [*rates, *(-r for r in few)])
    yield _Kind(
        lambda x, p: x * np.exp(-p * x), lambda t, p: ("mul", t, _decay(t, p)), rates
    )
    yield _Kind(
        lambda x, p: np.exp(-p * x * x),
        lambda t, p: _decay(("sq", t), p),
        [r / size for r in _FEW],
    )
    waves = np.arange(1.0, 20.0) / size
    yield _Kind(lambda x, p: np.cos(p * x), lambda t, p: ("cos", ("mul", p, t)), waves)
    yield _Kind(lambda x, p: np.sin(p * x), lambda t, p: ("sin", ("mul", p, t)), waves)
    yield _Kind(lambda x, p: np.tanh(p * x), lambda t, p: ("tanh", ("mul", p, t)), few)
    if x.min() >= 0:
        yield _Kind(
            lambda x, p: 1 / (x + p), lambda t, p: ("inv", ("add", t, p)), places
        )
        yield _Kind(
            lambda x, p: np.log(x + p), lambda t, p: ("log", ("add", t, p)), places
        )
        powers = [0.5, 1.0, 1.5, 2.0, 3.0]
        if x.min() > 0:
            powers += [-2.0, -1.0, -0.5]
            yield _Kind(lambda x, _: np.log(x), lambda t, _: ("log", t), (1.0,))
        yield _Kind(lambda x, p: x**p, lambda t, p: ("pow", t, p), powers)
    else:
        yield _Kind(lambda x, _: x, lambda t, _: t, (1.0,))
        yield _Kind(lambda x, _: x * x, lambda t, _: ("sq", t), (1.0,))


def varying(
    columns: Columns,
    y: Array,
    wrap: Callable[[Tree], Sequence[Tree]],
    out_of_time: Callable[[], bool],
) -> Iterator[list[Tree]]:
    """Yield lines with coefficients that are curves of another column.

    Parameters
    ----------
    columns : Columns
        Rows in random order, of which up to 300 count.
    y : ndarray of shape (n_rows,)
        The target.
    wrap : callable
        Puts the formula of y into the formula of the data's target.
    out_of_time : callable
        Asked between columns.
    """
    if not 1 < len(columns) <= _MOST_COLUMNS:
        return
    columns, y = columns.rows(np.arange(min(len(y), _MOST_ROWS))), y[:_MOST_ROWS]
    for j in range(len(columns)):
        if out_of_time():
            return
        with np.errstate(all="ignore"):
            found = _laws(columns, j, y)
        if found:
            yield [whole for tree in found for whole in wrap(tree)]


def _others(columns: Columns, j: int) -> Terms:
    return line_in(columns.keep([k for k in range(len(columns)) if k != j]))


def _laws(columns: Columns, j: int, y: Array) -> list[Tree]:
    """Give the best pairs of curves of one column, times lines of the others."""
    x, line = columns.values[j], _others(columns, j)
    if 3 * _ROWS_PER_PARAMETER * len(line) > len(y):
        return []
    curves = [(kind, p) for kind in _kinds(x) for p in kind.grid]
    values = np.array([kind.values(x, p) for kind, p in curves])
    basis = orthonormal_basis(line.values)
    size = np.linalg.norm(line.values, axis=1, keepdims=True)
    # (n_curves, n_factors, n_rows)
    blocks = rest_of((values[:, None] * (line.values / size)), basis)
    blocks /= np.linalg.norm(blocks, axis=2, keepdims=True)
    rest = rest_of(y, basis)
    curved = rest_of(np.vstack([line.values * x, line.values * x * x]), basis)
    parabolas = rest_of(rest, orthonormal_basis(curved))
    spread = len(y) * float(y.var())
    most = min(_STRAIGHT * float(parabolas @ parabolas), _HOPELESS * spread)
    usable = np.flatnonzero(np.isfinite(blocks).all(axis=(1, 2)))
    # One pair of each two kinds, with low or high numbers.
    places = [(kind, p > np.median([*kind.grid])) for kind, p in curves]
    chosen: dict[object, list[tuple[_Kind, float]]] = {}
    for left, first, second in _best_pairs(blocks[usable], rest, most):
        pair = usable[first], usable[second]
        key = tuple(places[k] for k in pair)
        chosen.setdefault(key, [curves[k] for k in pair])
        if len(chosen) >= (_MOST_TUNED if left < _CLEAR * spread else _TUNED):
            break
    laws = (_law(pair, columns, j, y) for pair in chosen.values())
    # Some end at the same numbers.
    told_apart = {round(bits, 1): tree for bits, tree in laws}
    return [told_apart[bits] for bits in sorted(told_apart)[:_MOST_LAWS]]


def _best_pairs(
    blocks: Array, target: Array, most: float
) -> Iterator[tuple[float, int, int]]:
    """Give what pairs of blocks leave, and the pairs, the best ones first.

    Parameters
    ----------
    blocks : ndarray of shape (n_blocks, n_terms, n_rows)
        What may explain the target, with a coefficient for each term.
    target : ndarray of shape (n_rows,)
        What is explained.
    most : float
        Squares that may be left.
    """
    n, m, _ = blocks.shape
    rows = blocks.reshape(n * m, -1)
    gram = (rows @ rows.T).reshape(n, m, n, m)
    moments = (rows @ target).reshape(n, m)
    first, second = np.triu_indices(n, 1)
    both = np.empty((len(first), 2 * m, 2 * m))
    own = gram[np.arange(n), :, np.arange(n)]
    both[:, :m, :m], both[:, m:, m:] = own[first], own[second]
    across = gram[first, :, second]
    both[:, :m, m:], both[:, m:, :m] = across, across.swapaxes(1, 2)
    both += _RIDGE * np.eye(2 * m)
    pulls = np.concatenate([moments[first], moments[second]], axis=1)
    weights = np.linalg.solve(both, pulls[..., None])[..., 0]
    left = target @ target - np.einsum("ij,ij->i", pulls, weights)
    for k in np.argsort(left, kind="stable"):
        if not left[k] < most:
            return
        yield float(left[k]), int(first[k]), int(second[k])


def _law(
    pair: Sequence[tuple[_Kind, float]], columns: Columns, j: int, y: Array
) -> tuple[float, Tree]:
    """Tune the numbers in two curves, leave out what is idle; give bits and law."""
    x, leaf, line = columns.values[j], columns.leaves[j], _others(columns, j)

    def terms(numbers: Array) -> Array:
        curves = [kind.values(x, p) for (kind, _), p in zip(pair, numbers, strict=True)]
        found = np.concatenate([line.values, *(line.values * c for c in curves)])
        return np.where(np.isfinite(found), found, 0.0)

    def missed(numbers: Array) -> Array:
        values = terms(numbers)
        size = np.maximum(np.abs(values).max(axis=1), 1e-300)[:, None]
        return np.asarray(solve((values / size).T, y) @ (values / size) - y)

    start = np.array([p for _, p in pair])
    numbers = tuned(missed, start, _EVALUATIONS)
    coefficients, left = solve_sparsely(terms(numbers), y)
    curves: list[Tree] = [
        kind.tree(leaf, float(p)) for (kind, _), p in zip(pair, numbers, strict=True)
    ]
    parts: list[tuple[float, Tree]] = []
    rows = coefficients.reshape(3, -1).tolist()
    for tree, (offset, *slopes) in zip(["1", *curves], rows, strict=True):
        lines = list(zip(slopes, line.trees[1:], strict=True))
        factor = linear_combination(lines, offset, exact=False)
        if factor != 0.0:
            parts.append((1.0, multiplied(factor, tree)))
    bits = 0.5 * len(y) * float(np.log2(left + 1e-300))
    bits += _TERM_BITS * np.count_nonzero(coefficients)
    return bits, linear_combination(parts, 0.0, exact=True)
