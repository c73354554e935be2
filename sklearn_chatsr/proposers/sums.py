"""Sums of small terms, as many as the rows of a noisy table carry."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import chain, combinations, permutations

import numpy as np
import numpy.typing as npt

from sklearn_chatsr.expressions import Expression, variable
from sklearn_chatsr.expressions.expression import Tree
from sklearn_chatsr.proposers.protocol import Problem

FloatArray = npt.NDArray[np.float64]

_LEAST_ROWS, _MOST_ROWS = 20, 10_000
_MOST_TERMS = 25
_ROWS_PER_TERM, _ROWS_PER_MONOMIAL = 5, 3
_DEGREES = (2, 3)
_MOST_IN_CUBES = 6  # columns of which products of three are taken
_KNOTS = (0.1, 0.25, 0.5, 0.75, 0.9)  # quantiles
_NODE_BITS = 3.0
_MOST_EXCHANGED = 3  # times after a term has come
_IN_SUM = 3  # nodes of a coefficient and two operators
# A term of which the others leave so little of its variance is one of them.
_INDEPENDENT = 1e-5
_SMALLEST = 1e-12  # share of the variance


class SumsProposer:
    """Choose terms for sums one by one, and change earlier choices.

    Terms are columns, their squares, cubes, roots, logarithms, inverses and kinks,
    products and quotients of two, and products of three of a few columns. Of all terms
    of a polynomial together the least useful are left out one by one.

    References
    ----------
    Miller, A. (2002). Subset selection in regression. Chapman and Hall.

    Friedman, J. H. (1991). Multivariate adaptive regression splines. Annals of
    Statistics.

    Examples
    --------
    >>> SumsProposer().name
    'sums'
    """

    name = "sums"

    def propose(
        self, problem: Problem, rng: np.random.Generator
    ) -> Iterator[Sequence[Expression]]:
        """Yield sums of two, three and more terms with values; see `Proposer`."""
        finite = np.isfinite(problem.y) & np.isfinite(problem.X).all(axis=1)
        rows = np.sort(rng.permutation(np.flatnonzero(finite))[:_MOST_ROWS])
        y = problem.y[rows]
        if len(rows) < _LEAST_ROWS or np.ptp(y) == 0:
            return
        weight = np.ones(len(rows))
        if problem.sample_weight is not None:
            weight = problem.sample_weight[rows]
        rules = problem.constraints
        forbidden = rules.forbidden if rules is not None else ()
        with np.errstate(all="ignore"):
            library = [
                (tree, values)
                for tree, values in _terms(problem.X[rows])
                if np.isfinite(values).all()
                and np.ptp(values) > 0
                and not set(forbidden).intersection(Expression.from_tree(tree).tokens)
            ]
        if not library:
            return
        chooser = _Chooser(library, y, weight)
        # The offset takes a node.
        most = problem.max_size - 1
        paths = chain(chooser.path(most), chooser.path_down(most))
        yield [Expression.from_tree(chooser.tree(chosen)) for chosen in paths]


def _terms(X: FloatArray) -> Iterator[tuple[Tree, FloatArray]]:
    """Give terms of one and two columns with their values."""
    columns = {variable(j): x for j, x in enumerate(X.T) if np.ptp(x) > 0}
    for leaf, x in columns.items():
        yield leaf, x
        if np.all((x == x.min()) | (x == x.max())):
            continue
        yield ("sq", leaf), x * x
        yield ("cube", leaf), x * x * x
        if x.min() > 0:
            yield ("sqrt", leaf), np.sqrt(x)
            yield ("log", leaf), np.log(x)
            yield ("inv", leaf), 1.0 / x
        for knot in np.unique(np.quantile(x, _KNOTS)):
            yield ("max", leaf, float(knot)), np.maximum(x, knot)
    for (a, u), (b, v) in combinations(columns.items(), 2):
        yield ("mul", a, b), u * v
        if np.all(v != 0):
            yield ("div", a, b), u / v
        if np.all(u != 0):
            yield ("div", b, a), v / u
    if len(columns) > _MOST_IN_CUBES:
        return
    for (a, u), (b, v) in permutations(columns.items(), 2):
        yield ("mul", ("sq", a), b), u * u * v
    for (a, u), (b, v), (c, w) in combinations(columns.items(), 3):
        yield ("mul", ("mul", a, b), c), u * v * w


def _degree(tree: Tree) -> int | None:
    """Give the degree of a product of columns, None of another term."""
    match tree:
        case str():
            return 1
        case ("sq" | "cube" as name, a):
            degree = _degree(a)
            return degree and degree * (2 if name == "sq" else 3)
        case ("mul", a, b):
            first, second = _degree(a), _degree(b)
            return first and second and first + second
    return None


class _Chooser:
    """Forward selection with exchanges, on the correlations of the terms."""

    def __init__(
        self,
        library: Sequence[tuple[Tree, FloatArray]],
        target: FloatArray,
        weight: FloatArray,
    ) -> None:
        self.trees = [tree for tree, _ in library]
        values = np.array([values for _, values in library])
        largest = np.abs(values).max(axis=1)
        values /= largest[:, None]
        share = weight / weight.sum()
        self.n_rows = float(len(target))
        self.mean = values @ share
        centred = values - self.mean[:, None]
        variance = np.square(centred) @ share
        spread = np.sqrt(np.where(variance > 1e-24, variance, np.inf))
        centred *= np.sqrt(share) / spread[:, None]
        self.mean, self.spread = self.mean * largest, spread * largest
        self.centre = float(target @ share)
        residual = target - self.centre
        self.size = math.sqrt(float(np.square(residual) @ share))
        self.gram = centred @ centred.T
        self.moments = centred @ (np.sqrt(share) * residual) / self.size
        sizes = [Expression.from_tree(tree).size for tree in self.trees]
        self.nodes = np.array(sizes) + _IN_SUM

    def path(self, max_size: int) -> Iterator[list[int]]:
        """Yield sets of terms, each longer than the last and worth its length."""
        chosen: list[int] = []
        best = math.inf
        while len(chosen) < min(_MOST_TERMS, self.n_rows / _ROWS_PER_TERM):
            term = self._next(chosen)
            if term is None:
                return
            chosen = self._exchanged([*chosen, term])
            if self.nodes[chosen].sum() > max_size:
                return
            bits = self._bits(chosen)
            if len(chosen) > 1 and bits < best:
                yield chosen
            best = min(best, bits)

    def path_down(self, max_size: int) -> Iterator[list[int]]:
        """Yield sets of the terms of a polynomial, without one after the other.

        Its terms go together, and the best one of them alone may be none of the law's.
        """
        degrees = np.array([_degree(tree) or math.inf for tree in self.trees])
        chosen: list[int] = []
        for degree in _DEGREES:
            some = np.flatnonzero(degrees <= degree).tolist()
            if len(some) * _ROWS_PER_MONOMIAL <= self.n_rows:
                chosen = some
        best = math.inf
        while len(chosen) > 2:
            inverse = np.linalg.pinv(self.gram[np.ix_(chosen, chosen)], hermitian=True)
            weights = inverse @ self.moments[chosen]
            explained = float(weights @ self.moments[chosen])
            lost = np.square(weights) / np.maximum(np.diag(inverse), _SMALLEST)
            left = np.maximum(1.0 - explained + lost, _SMALLEST)
            price = 0.5 * self.n_rows * np.log2(left) - _NODE_BITS * self.nodes[chosen]
            del chosen[int(np.argmin(price))]
            if self.nodes[chosen].sum() <= max_size and self._bits(chosen) < best:
                best = self._bits(chosen)
                yield chosen.copy()

    def tree(self, chosen: list[int]) -> Tree:
        """Write a set of terms with their coefficients."""
        weights = self._weights(chosen) * self.size / self.spread[chosen]
        tree: Tree = float(self.centre - weights @ self.mean[chosen])
        for k, weight in zip(chosen, weights, strict=True):
            tree = ("add", tree, ("mul", float(weight), self.trees[k]))
        return tree

    def _weights(self, chosen: list[int]) -> FloatArray:
        gram = self.gram[np.ix_(chosen, chosen)]
        weights: FloatArray = np.linalg.lstsq(gram, self.moments[chosen], rcond=None)[0]
        return weights

    def _left(self, chosen: list[int]) -> float:
        explained = float(self._weights(chosen) @ self.moments[chosen])
        return max(1.0 - explained, _SMALLEST)

    def _bits(self, chosen: list[int]) -> float:
        left = self._left(chosen)
        digits = 0.5 * math.log2(self.n_rows / left)
        formula = _NODE_BITS * self.nodes[chosen].sum() + digits * len(chosen)
        return 0.5 * self.n_rows * math.log2(left) + float(formula)

    def _next(self, chosen: list[int]) -> int | None:
        """Give the term that is worth most beside others, None if there is none."""
        left, gain, free = 1.0, np.square(self.moments), np.ones(len(self.moments))
        if chosen:
            beside = self.gram[:, chosen]
            inverse = np.linalg.pinv(self.gram[np.ix_(chosen, chosen)], hermitian=True)
            left = self._left(chosen)
            gain = np.square(self.moments - beside @ (inverse @ self.moments[chosen]))
            free = 1.0 - np.einsum("ij,jk,ik->i", beside, inverse, beside)
        gain = np.where(free > _INDEPENDENT, gain / np.maximum(free, _INDEPENDENT), 0.0)
        gain[~np.isfinite(self.spread)] = 0.0
        gain[chosen] = 0.0
        after = np.maximum(left - gain, _SMALLEST)
        price = 0.5 * self.n_rows * np.log2(after / left) + _NODE_BITS * self.nodes
        best = int(np.argmin(price))
        return best if gain[best] > 0 else None

    def _exchanged(self, chosen: list[int]) -> list[int]:
        """Put other terms in the place of single ones as long as that is better."""
        bits = self._bits(chosen)
        for _ in range(_MOST_EXCHANGED):
            others = []
            for k in chosen:
                rest = [c for c in chosen if c != k]
                term = self._next(rest)
                if term is not None and term not in chosen:
                    others.append([*rest, term])
            best = min(others, key=self._bits, default=chosen)
            if self._bits(best) >= bits:
                break
            chosen, bits = best, self._bits(best)
        return chosen
