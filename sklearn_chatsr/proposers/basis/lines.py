"""Lines whose coefficients are sums of functions of one column each.

``T(y) = c0(x1, x2) + c1(x1, x2) * x3 + ...``, where every coefficient is a number and
one function of each of a few columns. Or every column has its function, times a power
of another one: ``f(x1) + x1^2 * g(x2)``. Which columns carry functions, and of what, is
found by splines of a few knots, over all choices: their normal equations are parts of
one matrix. The best choices are fitted with more knots, and what is not needed is left
out.

References
----------
Hastie, T. and Tibshirani, R. (1993). Varying-coefficient models. Journal of the Royal
Statistical Society B 55, 757-796.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import combinations, product

import numpy as np

from sklearn_chatsr.expressions.expression import Tree
from sklearn_chatsr.proposers.basis.splines import share_missed, solve, splines_of
from sklearn_chatsr.proposers.basis.terms import Array, Columns

_CARRIERS = (2, 3)  # columns that carry functions; of one the search is simpler
_MOST_COLUMNS = 4  # that may all have functions, with a factor each
_ROWS_PER_PARAMETER = 2
# Shares of the variance that are missed: by a few knots where more are hopeless, and by
# the most knots where nothing is missing.
_HOPELESS, _EXCELLENT = 0.05, 1e-4
_RIDGE = 1e-10
# Places of two numbers of knots: few fit few rows, more tell the choices apart.
_SCREENED = (0, 2)
_WIDE = 5.0  # times as large as the least value, where the logarithm is as smooth
_TRIED = 8  # choices of columns that are fitted with more knots
_SIMPLER = 3.0  # times as much may be missed by what has fewer parameters
_HELPS = 0.5  # of what is missed is left where more knots are worth it
_MOST_FUNCTIONS = 6

_Key = tuple[int, int | None]  # a factor, and a column or none for the number


@dataclass(frozen=True)
class Lines:
    """A sum of factors, each times a number and functions of one column each.

    Attributes
    ----------
    factors : list of tree
        What is multiplied, the first one is 1.
    functions : dict
        Of (place of the factor, column): values of the function, of shape (n_rows,),
        and what is unknown of them, as a share of their variance. The number belongs
        to the first function of a factor.
    numbers : dict
        Of the place of a factor without functions: the number.
    missed : float
        Share of the variance that is missed on rows that were not fitted.
    """

    factors: list[Tree]
    functions: dict[tuple[int, int], tuple[Array, float]]
    numbers: dict[int, float]
    missed: float

    def uncertainty(self, k: int) -> float:
        """Give what is unknown of a factor's number, where it has functions."""
        known = [known for (place, _), known in self.functions.items() if place == k]
        return float(np.sqrt(sum(noise * values.var() for values, noise in known)))


@dataclass(frozen=True)
class _Design:
    """The factors, and centred splines of the columns, with one number of knots."""

    factors: Array
    bases: Sequence[Array]
    n_fit: int

    def block(self, key: _Key) -> Array:
        k, j = key
        factor = self.factors[k][:, None]
        return factor if j is None else factor * self.bases[j]

    def n_parameters(self, keys: Sequence[_Key]) -> int:
        return sum(1 if j is None else self.bases[j].shape[1] for _, j in keys)

    def fit(self, keys: Sequence[_Key], target: Array) -> tuple[list[Array], float]:
        """Give the coefficients of each block, and the share of variance missed."""
        if not keys:
            return [], np.inf
        blocks = [self.block(key) for key in keys]
        design = np.hstack(blocks)
        size = np.sqrt(np.mean(np.square(design), axis=0))
        size[size == 0] = 1.0
        found = solve(design[: self.n_fit] / size, target[: self.n_fit]) / size
        ends = np.cumsum([block.shape[1] for block in blocks])[:-1]
        return np.split(found, ends), share_missed(design @ found, target, self.n_fit)


def lines(
    columns: Columns, knots: Sequence[int], targets: Sequence[Array], n_fit: int
) -> tuple[int, Lines] | None:
    """Find lines behind one of several transformed targets.

    Parameters
    ----------
    columns : Columns
        At least two; rows in random order.
    knots : sequence of int
        Rising numbers of knots.
    targets : sequence of ndarray of shape (n_rows,)
        The transformed targets, the first one as it is.
    n_fit : int
        Rows to fit; the others check.

    Returns
    -------
    tuple of (int, Lines) or None
        Place of the target, and the simplest that misses next to nothing of it.
    """
    values = columns.values
    kinds = [(values, list(columns.leaves))]
    functions: dict[str, Callable[[Array], Array]] = {"sq": np.square}
    if all(columns.positive):
        functions |= {"log": np.log, "sqrt": np.sqrt, "inv": np.reciprocal}
    for name, function in functions.items():
        leaves: list[Tree] = [(name, leaf) for leaf in columns.leaves]
        kinds.append((function(values), leaves))
    screened = []
    for coordinates in _coordinates(values):
        bases = cache(partial(_bases, coordinates, n_fit))
        for factors, leaves in kinds:
            with_one = np.vstack([np.ones(len(factors[0])), factors])
            designs = partial(_design, with_one, bases, n_fit)
            for place in _SCREENED:
                hopeful = _screened(designs(knots[place]), targets)
                screened += [(*found, place, designs, leaves) for found in hopeful]
    screened.sort(key=lambda found: found[0])
    fits = []
    for missed, number, keys, place, designs, leaves in screened[:_TRIED]:
        found = _refined(designs, knots[place:], keys, targets[number], missed)
        if found is not None:
            fits.append((number, *found, leaves))
    least = min((missed for *_, missed, _ in fits), default=0.0)
    good = [fit for fit in fits if fit[3] <= _SIMPLER * least]
    if not good:
        return None
    number, design, keys, missed, leaves = min(
        good, key=lambda fit: (fit[1].n_parameters(fit[2]), fit[3])
    )
    return number, _lines_of(design, keys, missed, targets[number], leaves)


def _coordinates(table: Array) -> Iterator[Array]:
    """Give the columns, and with logarithms of those that are smooth in them, too."""
    yield table
    is_wide = (table.min(axis=1) > 0) & (table.max(axis=1) > _WIDE * table.min(axis=1))
    if is_wide.any():
        logs = table.copy()
        logs[is_wide] = np.log(table[is_wide])
        yield logs


def _screened(
    design: _Design, targets: Sequence[Array]
) -> Iterator[tuple[float, int, list[_Key]]]:
    """Give what choices of columns miss of each target, where there is hope."""
    n_columns, n_fit = len(design.bases), design.n_fit
    size = np.sqrt(np.mean(np.square(design.factors), axis=1, keepdims=True))
    factors = design.factors / np.maximum(size, 1e-300)
    scaled = _Design(factors, design.bases, n_fit)
    keys: list[_Key] = [(k, None) for k in range(n_columns + 1)]
    keys += [(k, j) for k, j in product(range(n_columns + 1), range(n_columns))]
    blocks = [scaled.block(key) for key in keys]
    whole = np.hstack(blocks)
    ends = np.cumsum([0, *(block.shape[1] for block in blocks)])
    places = {
        key: np.arange(start, end)
        for key, start, end in zip(keys, ends[:-1], ends[1:], strict=True)
    }
    table = np.column_stack(targets)
    table = (table - table[:n_fit].mean(axis=0)) / table[n_fit:].std(axis=0)
    gram = whole[:n_fit].T @ whole[:n_fit]
    gram[np.diag_indices_from(gram)] += _RIDGE * n_fit
    moments = whole[:n_fit].T @ table[:n_fit]
    check, left_out = whole[n_fit:], table[n_fit:]
    for chosen, n_targets in _choices(n_columns, len(targets)):
        index = np.concatenate([places[key] for key in chosen])
        if _ROWS_PER_PARAMETER * len(index) > n_fit:
            continue
        found = np.linalg.solve(gram[np.ix_(index, index)], moments[index, :n_targets])
        missed_by = check[:, index] @ found - left_out[:, :n_targets]
        error = np.mean(np.square(missed_by), axis=0)
        for number, missed in enumerate(error):
            if missed <= _HOPELESS:
                yield float(missed), number, chosen


def _choices(n_columns: int, n_targets: int) -> Iterator[tuple[list[_Key], int]]:
    """Give what may be added up, and to how many of the targets.

    That is numbers and functions, each times a factor or none.
    """
    everything = range(n_columns)
    for n_carriers in _CARRIERS:
        for carriers in combinations(everything, n_carriers):
            straight = [k + 1 for k in everything if k not in carriers]
            if straight:
                yield list(product([0, *straight], [None, *carriers])), n_targets
    if n_columns > _MOST_COLUMNS:
        return
    # A function of every column, each times another column or none. Of so many the
    # logarithm of most laws is made, nearly.
    others = [[0, *(k + 1 for k in everything if k != j)] for j in everything]
    for factors in product(*others):
        if any(factors):
            numbers: list[_Key] = [(k, None) for k in sorted({0, *factors})]
            yield [*numbers, *zip(factors, everything, strict=True)], 1
    # Or none, and one function more times another column.
    alone: list[_Key] = [(0, None), *((0, j) for j in everything)]
    for j in everything:
        for k in others[j][1:]:
            yield [*alone, (k, None), (k, j)], 1


def _refined(
    designs: Callable[[int], _Design],
    knots: Sequence[int],
    keys: list[_Key],
    target: Array,
    missed: float,
) -> tuple[_Design, list[_Key], float] | None:
    """Take more knots while they help, leave out what is idle, and again."""
    best = 0
    for _ in range(2):
        for place in range(best + 1, len(knots)):
            design = designs(knots[place])
            if _ROWS_PER_PARAMETER * design.n_parameters(keys) > design.n_fit:
                break
            _, now = design.fit(keys, target)
            if now > _HELPS * missed:
                break
            best, missed = place, now
        if missed > _EXCELLENT:
            return None
        design = designs(knots[best])
        keys, missed = _without_the_idle(design, keys, target, missed)
    n_functions = sum(j is not None for _, j in keys)
    return (design, keys, missed) if 1 <= n_functions <= _MOST_FUNCTIONS else None


def _without_the_idle(
    design: _Design, keys: list[_Key], target: Array, missed: float
) -> tuple[list[_Key], float]:
    """Leave out functions, and then numbers that stand alone, that explain nothing."""
    found, _ = design.fit(keys, target)
    size = {
        key: float(np.mean(np.square(design.block(key) @ coefficients)))
        for key, coefficients in zip(keys, found, strict=True)
    }
    allowed = max(_SIMPLER * missed, 1e-20)
    for key in sorted(keys, key=lambda key: (key[1] is None, size[key])):
        # The number of a factor is part of its functions.
        if key[1] is None and any(k == key[0] for k, j in keys if j is not None):
            continue
        others = [other for other in keys if other != key]
        _, without = design.fit(others, target)
        if without <= allowed:
            keys, missed = others, without
    return keys, missed


def _lines_of(
    design: _Design,
    keys: list[_Key],
    missed: float,
    target: Array,
    leaves: list[Tree],
) -> Lines:
    found, _ = design.fit(keys, target)
    solved = dict(zip(keys, found, strict=True))
    numbers = {k: float(solved[k, j][0]) for k, j in keys if j is None}
    functions: dict[tuple[int, int], tuple[Array, float]] = {}
    left = missed * target.var()
    for k, j in keys:
        if j is not None:
            values = design.bases[j] @ solved[k, j]
            # What is missed may be shared with the functions beside it.
            spread = design.factors[k].var() if k else 1.0
            noise = left / (spread * values.var())
            functions[k, j] = values + numbers.pop(k, 0.0), float(noise)
    return Lines(["1", *leaves], functions, numbers, missed)


def _design(
    factors: Array, bases: Callable[[int], list[Array]], n_fit: int, n_knots: int
) -> _Design:
    return _Design(factors, bases(n_knots), n_fit)


def _bases(table: Array, n_fit: int, n_knots: int) -> list[Array]:
    return [_centred(splines_of(x, n_fit, n_knots), n_fit) for x in table]


def _centred(basis: Array, n_fit: int) -> Array:
    """Give combinations of splines that are independent, and orthogonal to one."""
    free = basis - basis[:n_fit].mean(axis=0)
    sizes, directions = np.linalg.eigh(free[:n_fit].T @ free[:n_fit] / n_fit)
    kept = sizes > 1e-9 * max(sizes[-1], 1e-300)
    return np.asarray(free @ directions[:, kept] / np.sqrt(sizes[kept]), np.float64)
