"""Sums of two products out of millions, beside a quadratic polynomial.

If a target is ``a*u + b*v`` beside some terms, then what is left of u and of v when the
target and these terms are taken out is the same up to a factor. So no pair has to be
tried: every product is described by a few numbers that no factor changes, they are
sorted, and what stands side by side and is equal is a law. It finds exact ones only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations_with_replacement, permutations

import numpy as np
import numpy.typing as npt

from sklearn_chatsr.expressions.expression import Tree
from sklearn_chatsr.proposers.basis.combinations import Found
from sklearn_chatsr.proposers.basis.formulations import Sum
from sklearn_chatsr.proposers.basis.library import Library
from sklearn_chatsr.proposers.basis.screening import orthonormal
from sklearn_chatsr.proposers.basis.task import Task, is_exact
from sklearn_chatsr.proposers.basis.terms import Array, Columns, Terms
from sklearn_chatsr.proposers.basis.trees import multiplied

Index = npt.NDArray[np.intp]
_N_MONOMIALS, _N_FUNCTIONS = 5000, 2000
_N_SIMPLE = 200  # monomials by which all functions are multiplied
_SPARE_ROWS = 24  # beside one for each term that is taken out
_N_PROBES, _SEED = 4, 3_141_592_653  # inner products by which a product is known
# Of what is left of a product its share of the whole, below which it says nothing.
_LITTLE = 1e-6
# Relative difference of numbers that may be equal, and that rounding explains.
_EQUAL, _ROUNDING = 1e-8, 1e-11
# Bits of a float64 that hold its position while it is sorted, and by how many of the
# smallest steps that are left equal numbers may differ.
_PLACES, _NEAR = (1 << 23) - 1, 20
# What rounding leaves of a product that is the target.
_NOTHING = 1e-10
_MOST_SETS = 40
_FUNCTIONS: tuple[tuple[Callable[[Array], Array], Callable[[Tree], Tree]], ...] = (
    (lambda x: 1.0 / x, lambda t: ("inv", t)),
    (lambda x: x**3, lambda t: ("cube", t)),
    (np.sqrt, lambda t: ("sqrt", t)),
    (np.log, lambda t: ("log", t)),
    (np.exp, lambda t: ("exp", t)),
    (lambda x: np.exp(-x), lambda t: ("exp", ("neg", t))),
    (np.sin, lambda t: ("sin", t)),
    (np.cos, lambda t: ("cos", t)),
)


@np.errstate(all="ignore")
def sums_of_two_products(
    task: Task, out_of_time: Callable[[], bool], *, beside_functions: bool = False
) -> Found:
    """Give exact sums of two products of a monomial and a function.

    The transformed target is such a sum beside a polynomial of second degree.

    Parameters
    ----------
    task : Task
        What is to be explained.
    out_of_time : callable
        Asked between transforms.
    beside_functions : bool, default=False
        Whether there may be functions of single columns, and quotients of two, beside
        the products as well.
    """
    if out_of_time():
        return []
    library = task.library
    if out_of_time():
        return []
    n_fit = task.n_fit
    most = n_fit - _SPARE_ROWS
    for beside in _besides(task.columns, beside_functions):
        if len(beside) < most:
            break
    else:
        return []
    base = np.column_stack([np.ones(n_fit), beside.values[:, :n_fit].T])
    n_seen = min(n_fit, _SPARE_ROWS + base.shape[1])
    products = _Products(library, orthonormal(base[:n_seen]), n_seen)
    found: Found = []
    for transform in task.transforms:
        if out_of_time():
            break
        target = transform.forward(task.y[:n_seen])
        for sets in products.explaining(target):
            terms = Terms.join([products.term(int(k)) for k in sets.ravel()])
            sums = Sum(transform, task.y, terms, n_fit, beside=beside)
            hits = sums.fit(np.arange(len(terms)).reshape(sets.shape))
            found += [(sums, hit) for hit in hits if is_exact(hit)]
        if found:
            break
    return found


def _besides(columns: Columns, functions: bool) -> Iterator[Terms]:
    """Give what may be beside the products, the most first."""
    plain = Terms(columns.values, columns.leaves, np.ones(len(columns)))
    both = list(combinations_with_replacement(range(len(columns)), 2))
    values = [columns.values[i] * columns.values[j] for i, j in both]
    trees: list[Tree] = []
    for i, j in both:
        a, b = columns.leaves[i], columns.leaves[j]
        trees.append(("sq", a) if i == j else ("mul", a, b))
    quadratic = Terms.join([plain, Terms(np.array(values), trees, np.ones(len(both)))])
    if functions:
        single = [
            Terms(
                function(columns.values), [wrap(a) for a in columns.leaves], plain.order
            )
            for function, wrap in _FUNCTIONS
        ]
        with_functions = Terms.join([quadratic, *single])
        pairs = list(permutations(range(len(columns)), 2))
        if pairs:
            quotients = Terms(
                np.array([columns.values[i] / columns.values[j] for i, j in pairs]),
                [("div", columns.leaves[i], columns.leaves[j]) for i, j in pairs],
                np.ones(len(pairs)),
            )
            yield Terms.join([with_functions, quotients]).usable()
        yield with_functions.usable()
    else:
        yield quadratic
        yield plain


def _ratios(seen: Array, length: Array) -> Array:
    """Give a number that no factor changes; infinity where little is seen."""
    ratios: Array = seen[1] / seen[0]
    ratios[~(np.abs(seen[0]) > _LITTLE * length)] = np.inf
    return ratios


def _sorted(numbers: Array) -> tuple[Index, Index]:
    """Sort finite numbers, and tell which are near to the next one.

    Much faster than argsort: positions take the place of the last bits.

    Returns
    -------
    places, near : ndarray of int
        Positions by ascending number, the negative ones in descending order, and
        positions in those.
    """
    keys = (numbers.view(np.int64) & ~_PLACES) | np.arange(len(numbers))
    keys.sort()
    infinite = np.array(np.inf).view(np.int64)
    keys = keys[: np.searchsorted(keys, infinite)]
    near = np.flatnonzero(np.diff(keys) <= _NEAR * _PLACES)
    return keys & _PLACES, near


def _staircase(n_first: int, n_second: int) -> Iterator[tuple[int, int, int]]:
    """Give ranges of monomials, the simplest first, and how many functions each gets.

    As many less as there are more of the monomials.
    """
    start, stop, most = 0, _N_SIMPLE, n_second
    while start < n_first:
        yield start, min(stop, n_first), max(most, 1)
        start, stop = stop, 2 * stop
        most = min(most, n_second * _N_SIMPLE // start)


class _Products:
    """All products of a monomial and a function, each of which may be one.

    Parameters
    ----------
    library : Library
        Holds both.
    base : ndarray of shape (n_fit, n_base)
        Orthonormal columns of what is beside the products.
    n_fit : int
        The first so many rows are looked at.
    """

    def __init__(self, library: Library, base: Array, n_fit: int) -> None:
        n_rows = library.addends.values.shape[1]
        one = Terms(np.ones((1, n_rows)), ["1"], np.zeros(1))
        self.first = Terms.join([one, library.monomials.simplest(_N_MONOMIALS)])
        self.second = Terms.join([one, library.functions.simplest(_N_FUNCTIONS)])
        a, b = (t.values[:, :n_fit] for t in (self.first, self.second))
        a, b = (v / np.abs(v).max(axis=1)[:, None] for v in (a, b))
        # Not a seed that somebody drew the columns with.
        probes = np.random.default_rng(_SEED).normal(size=(n_fit, _N_PROBES))
        for _ in range(2):
            probes -= base @ (base.T @ probes)
        self.probes = probes.T
        places, tables = [], []
        for start, stop, most in _staircase(len(a), len(b)):
            rows, columns = a[start:stop], b[:most]
            i, j = np.indices((len(rows), most)).reshape(2, -1)
            places.append(np.stack([start + i, j]))
            seen = [(rows * probe) @ columns.T for probe in self.probes]
            length = np.sqrt(np.square(rows) @ np.square(columns).T)
            tables.append(np.stack([*seen, length]).reshape(_N_PROBES + 1, -1))
        self.place = np.concatenate(places, axis=1)
        table = np.concatenate(tables, axis=1)
        self.seen, self.length = table[:-1], table[-1]
        self.order = self.first.order[self.place[0]] + self.second.order[self.place[1]]
        # Of those that are equal whatever the target is the simplest one is enough.
        sorted_places, near = _sorted(_ratios(self.seen, self.length))
        is_equal = np.zeros(len(sorted_places), bool)
        is_equal[near + 1] = self._difference(sorted_places, near, self.seen) < _EQUAL
        group = np.cumsum(~is_equal)
        best = np.lexsort((self.order[sorted_places], group))
        first = np.diff(group[best], prepend=0) > 0
        kept = np.sort(sorted_places[best[first]])
        self.place, self.order = self.place[:, kept], self.order[kept]
        self.seen, self.length = self.seen[:, kept], self.length[kept]

    @staticmethod
    def _difference(places: Index, near: Index, seen: Array) -> Array:
        """Give how much neighbours differ, apart from a factor, for some probe."""
        one, other = (seen[:, places[near + k]] for k in (0, 1))
        one, other = one[1:] / one[0], other[1:] / other[0]
        difference: Array = (np.abs(one - other) / (1.0 + np.abs(one))).max(axis=0)
        return difference

    def explaining(self, target: Array) -> Iterator[Index]:
        """Yield sets of one product, and of two, that explain a target exactly.

        Parameters
        ----------
        target : ndarray of shape (n_fit,)
            What is to be explained.

        Yields
        ------
        ndarray of int of shape (n_sets, n_products)
        """
        along = self.probes @ target
        if not np.abs(along[0]) > _LITTLE * np.linalg.norm(target):
            return
        # What the probes see when they are made blind to the target.
        blind = self.seen[1:] - (along[1:] / along[0])[:, None] * self.seen[0]
        alone = np.flatnonzero((np.abs(blind) <= _NOTHING * self.length).all(axis=0))
        if len(alone):
            yield self._simplest(alone[:, None], np.zeros(len(alone)))
        places, near = _sorted(_ratios(blind, self.length))
        difference = self._difference(places, near, blind)
        near, difference = near[difference < _EQUAL], difference[difference < _EQUAL]
        if len(near):
            pairs = np.stack([places[near], places[near + 1]], axis=1)
            yield self._simplest(pairs, difference)

    def _simplest(self, sets: Index, difference: Array) -> Index:
        order = self.order[sets].sum(axis=1)
        best: Index = sets[np.lexsort((order, difference > _ROUNDING))[:_MOST_SETS]]
        return best

    def term(self, index: int) -> Terms:
        """Give a product."""
        i, j = self.place[:, index]
        values = self.first.values[i] * self.second.values[j]
        tree: Tree = multiplied(self.first.trees[i], self.second.trees[j])
        return Terms(values[None], [tree], self.order[index : index + 1])
