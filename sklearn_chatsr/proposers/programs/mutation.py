"""Mutations of a program that look at where it fails.

A term is added, removed or replaced, a factor multiplied, removed or replaced, a term
taken over from another program, an operator or an argument exchanged. Where a block is
to be inserted, all blocks of the library are scored at once: the coefficients of the
other terms are solved for, and what a block explains of the rest is one inner product.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sklearn_chatsr.expressions import OPERATORS, Expression, is_variable, variable
from sklearn_chatsr.expressions.expression import Tree
from sklearn_chatsr.proposers.programs.factors import FactorLibrary, build_library
from sklearn_chatsr.proposers.programs.terms import (
    Term,
    Terms,
    join_factors,
    join_terms,
    split_terms,
)

FloatArray = npt.NDArray[np.float64]

_MOVES = {
    "add": 0.30,
    "multiply": 0.22,
    "replace factor": 0.16,
    "replace term": 0.12,
    "delete": 0.08,
    "cross": 0.06,
    "point": 0.06,
}
# Rows on which blocks are screened; a few hundred tell good from bad.
_SCREENED_ROWS = 256
# Columns that lie in the span of the others to this share add rounding errors only.
_DEPENDENT = 1e-13
_TOP = 48
_CACHED = 4_000


@dataclass(frozen=True)
class _Insertion:
    """Blocks to choose from for one place: a factor in front of each."""

    kept: Terms  # the terms that stay
    host: Term  # what the block is multiplied with


class Mutator:
    """Make children of programs for one set of points.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Rows that may be looked at.
    y : ndarray of shape (n_samples,)
        Target.
    sample_weight : ndarray of shape (n_samples,) or None
        Positive weights.
    max_size : int
        Largest number of nodes of a child.
    rng : numpy.random.Generator
        Chooses the screened rows.

    References
    ----------
    G. Smits, M. Kotanchek, "Pareto-front exploitation in symbolic regression", GPTP II,
    2004; S. Chen, C. Cowan, P. Grant, "Orthogonal least squares learning", IEEE Trans.
    Neural Networks 2(2), 1991 (the screening of blocks).

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_chatsr.expressions import Expression
    >>> rng = np.random.default_rng(0)
    >>> X = rng.uniform(1, 3, size=(100, 2))
    >>> y = 2 * X[:, 0] + 3 * np.tanh(X[:, 1])
    >>> mutator = Mutator(X, y, None, max_size=30, rng=rng)
    >>> parent = Expression.from_infix("2.0*x1 + 0.5")
    >>> children = mutator.children(parent, [], rng, n_children=4, move="add")
    >>> len(children)
    4
    """

    def __init__(
        self,
        X: FloatArray,
        y: FloatArray,
        sample_weight: FloatArray | None,
        *,
        max_size: int,
        rng: np.random.Generator,
    ) -> None:
        rows = np.arange(len(y))
        if len(y) > _SCREENED_ROWS:
            rows = np.sort(rng.choice(rows, _SCREENED_ROWS, replace=False))
        self.X = X[rows]
        self.max_size = max_size
        weight = np.ones(len(rows)) if sample_weight is None else sample_weight[rows]
        self._root = np.sqrt(weight / weight.sum())
        self._y = y[rows] * self._root
        self.library: FactorLibrary = build_library(X)
        self._blocks = self.library.values[rows] * self._root[:, np.newaxis]
        self._values: dict[Tree, FloatArray] = {}

    def children(
        self,
        parent: Expression,
        mates: Sequence[Expression],
        rng: np.random.Generator,
        *,
        n_children: int = 4,
        move: str | None = None,
    ) -> list[Expression]:
        """Make children by one kind of move.

        Parameters
        ----------
        parent : Expression
            With the values of its constants.
        mates : sequence of Expression
            Programs that terms may be taken from.
        rng : numpy.random.Generator
            Source of randomness.
        n_children : int, default=4
            Most children.
        move : str, optional
            ``"add"``, ``"multiply"``, ``"replace factor"``, ``"replace term"``,
            ``"delete"``, ``"cross"`` or ``"point"``; drawn when not given.

        Returns
        -------
        list of Expression
            Distinct, with starting values for their constants; may be fewer.
        """
        if move is None:
            names = list(_MOVES)
            move = names[rng.choice(len(names), p=list(_MOVES.values()))]
        terms = split_terms(parent)
        if move == "point":
            made: Iterator[Expression] = self._points(parent, rng, n_children)
        elif move == "delete":
            made = self._deletions(terms, rng, n_children)
        elif move == "cross":
            made = self._crosses(terms, mates, rng, n_children)
        else:
            made = self._insertions(terms, move, rng, n_children)
        children: dict[Expression, None] = {}
        for child in made:
            if child.size <= self.max_size and child != parent:
                children.setdefault(child)
        return list(children)[:n_children]

    # Moves

    def _insertions(
        self, terms: Terms, move: str, rng: np.random.Generator, n: int
    ) -> Iterator[Expression]:
        places = [i for i, term in enumerate(terms) if term]
        if move == "add" or not places:
            insertion = _Insertion(terms, ())
            hosts = self._hosts(terms, rng)
        else:
            i = places[rng.integers(len(places))]
            kept = terms[:i] + terms[i + 1 :]
            if move == "replace term":
                insertion = _Insertion(kept, ())
                hosts = self._hosts(kept, rng)
            elif move == "replace factor":
                k = int(rng.integers(len(terms[i])))
                insertion = _Insertion(kept, terms[i][:k] + terms[i][k + 1 :])
                hosts = [insertion.host]
            else:
                # The term may stay beside its product.
                kept = terms if rng.random() < 0.3 else kept
                insertion = _Insertion(kept, terms[i])
                hosts = [insertion.host]
        yield from self._best_blocks(insertion.kept, hosts, rng, n)

    def _hosts(self, terms: Terms, rng: np.random.Generator) -> list[Term]:
        """Choose what new terms are products with: nothing, powers, known terms."""
        hosts: list[Term] = [()]
        monomials = self.library.monomials
        for k in rng.permutation(len(monomials))[:4]:
            hosts.append((self.library.trees[monomials[k]],))
        if terms:
            hosts.append(terms[rng.integers(len(terms))])
        return hosts

    def _best_blocks(
        self, kept: Terms, hosts: Sequence[Term], rng: np.random.Generator, n: int
    ) -> Iterator[Expression]:
        basis = self._orthonormal([self._term_values(t) for t in kept])
        if basis is None:
            return
        rest = self._y - basis @ (basis.T @ self._y)
        scored: list[tuple[float, int, int]] = []
        for h, host in enumerate(hosts):
            values = self._term_values(host)
            if values is None:
                continue
            with np.errstate(all="ignore"):
                columns = self._blocks * values[:, np.newaxis]
            gains = _gains(basis, rest, columns)
            best = np.argsort(-gains, kind="stable")[:_TOP]
            scored += [(float(gains[k]), h, int(k)) for k in best if gains[k] > 0]
        scored.sort(key=lambda row: (-row[0], row[1], row[2]))
        # One of each form, best first; chance lets later ones in.
        forms: set[tuple[str, ...]] = set()
        made = 0
        for _, h, k in scored:
            term = (*hosts[h], self.library.trees[k])
            form = Expression.from_tree(join_factors(term)).tokens
            if form in forms:
                continue
            forms.add(form)
            if rng.random() < 0.25:
                continue
            child = self._solve((*kept, term))
            if child is not None:
                yield child
                made += 1
                if made >= n:
                    return

    def _deletions(
        self, terms: Terms, rng: np.random.Generator, n: int
    ) -> Iterator[Expression]:
        shorter: list[Terms] = []
        for i, term in enumerate(terms):
            others = terms[:i] + terms[i + 1 :]
            if others:
                shorter.append(others)
            for k in range(len(term)):
                if len(term) > 1:
                    less = (*terms[:i], term[:k] + term[k + 1 :], *terms[i + 1 :])
                    shorter.append(less)
        for k in rng.permutation(len(shorter))[:n]:
            child = self._solve(shorter[k])
            if child is not None:
                yield child

    def _crosses(
        self,
        terms: Terms,
        mates: Sequence[Expression],
        rng: np.random.Generator,
        n: int,
    ) -> Iterator[Expression]:
        pool = [t for mate in mates for t in split_terms(mate) if t not in terms]
        for k in rng.permutation(len(pool))[:n]:
            kept = terms
            if len(terms) > 1 and rng.random() < 0.5:
                i = int(rng.integers(len(terms)))
                kept = terms[:i] + terms[i + 1 :]
            child = self._solve((*kept, pool[k]))
            if child is not None:
                yield child

    def _points(
        self, parent: Expression, rng: np.random.Generator, n: int
    ) -> Iterator[Expression]:
        """Exchange an operator for one of the same arity, or an argument."""
        for _ in range(3 * n):
            tokens = list(parent.tokens)
            i = int(rng.integers(len(tokens)))
            token = tokens[i]
            if token in OPERATORS and OPERATORS[token].arity:
                arity = OPERATORS[token].arity
                same = [o.name for o in OPERATORS.values() if o.arity == arity]
                tokens[i] = same[rng.integers(len(same))]
            elif is_variable(token):
                tokens[i] = variable(int(rng.integers(self.X.shape[1])))
            else:
                continue
            yield Expression(tokens, parent.constants)

    # Numbers

    def _solve(self, terms: Terms) -> Expression | None:
        """Solve for the coefficients, on the screened rows."""
        terms = tuple(dict.fromkeys(terms))
        columns = [self._term_values(term) for term in terms]
        if any(column is None for column in columns):
            return None
        matrix = np.column_stack([c for c in columns if c is not None])
        size = _lengths(matrix * self._root[:, np.newaxis])
        if not (np.isfinite(size).all() and (size > 0).all()):
            return None
        matrix = matrix * self._root[:, np.newaxis] / size
        with np.errstate(all="ignore"):
            solution = np.linalg.lstsq(matrix, self._y, rcond=1e-14)[0] / size
        if not np.isfinite(solution).all():
            return None
        return join_terms(terms, solution.tolist())

    def _orthonormal(self, columns: Sequence[FloatArray | None]) -> FloatArray | None:
        if any(column is None for column in columns):
            return None
        if not columns:
            return np.empty((len(self._y), 0))
        matrix = np.column_stack([c for c in columns if c is not None])
        matrix = matrix * self._root[:, np.newaxis]
        size = _lengths(matrix)
        if not np.isfinite(size).all():
            return None
        u, s, _ = np.linalg.svd(matrix / np.where(size > 0, size, 1.0), False)
        return u[:, s > 1e-14 * s[0]]

    def _term_values(self, term: Term) -> FloatArray | None:
        values = np.ones(len(self._y))
        for factor in term:
            known = self._values.get(factor)
            if known is None:
                if len(self._values) >= _CACHED:
                    self._values.clear()
                known = Expression.from_tree(factor).evaluate(self.X)
                self._values[factor] = known
            with np.errstate(all="ignore"):
                values = values * known
        return values if np.isfinite(values).all() else None


def _lengths(columns: FloatArray) -> FloatArray:
    """Give the length of each column, infinite where its squares overflow."""
    with np.errstate(over="ignore"):
        lengths: FloatArray = np.linalg.norm(columns, axis=0)
    return lengths


def _gains(basis: FloatArray, rest: FloatArray, columns: FloatArray) -> FloatArray:
    """Give the share of the rest that each column explains beside the basis."""
    total = float(rest @ rest)
    if total <= 0:
        return np.zeros(columns.shape[1])
    with np.errstate(all="ignore"):
        size = np.einsum("ij,ij->j", columns, columns)
        projected = columns - basis @ (basis.T @ columns)
        left = np.einsum("ij,ij->j", projected, projected)
        gains = np.square(rest @ projected) / (left * total)
        usable = (left > _DEPENDENT * size) & np.isfinite(gains)
    return np.where(usable, gains, 0.0)
