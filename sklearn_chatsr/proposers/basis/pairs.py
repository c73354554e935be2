"""Every pair of terms at once: R2 from the entries of a Gram matrix."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sklearn_chatsr.fitting.compilation import cached_njit
from sklearn_chatsr.proposers.basis.screening import Screen, in_turn
from sklearn_chatsr.proposers.basis.terms import Array

_BLOCK = 384
# Below this many terms the Gram matrix is affordable in float64, where it is needed
# most: few columns mean many nearly equal terms.
_DOUBLE = 2600
_LEAST_NORM = 1e-7
_BITS_PER_ORDER = 3.0
_PARTNERS = 6
_LEAST_LEFT = 1e-20
_SIMPLE_SHARE = 0.6


@dataclass(frozen=True)
class Candidates:
    """Terms made ready for a regression: base taken out, normalised, no duplicates.

    Attributes
    ----------
    index : ndarray of shape (n_kept,)
        Which terms these are.
    rows : ndarray of shape (n_kept, n_rows), dtype float64
        Unit vectors orthogonal to the base.
    bits : ndarray of shape (n_kept,)
        Price of a term, by its order: it decides between equally good ones.
    basis : ndarray of shape (n_rows, n_base)
        Orthonormal columns of the base.
    """

    index: npt.NDArray[np.intp]
    rows: Array
    bits: Array
    basis: Array

    @classmethod
    def of(cls, values: Array, order: Array, screen: Screen, most: int) -> Candidates:
        """Prepare terms.

        Of too many, one part is kept for being simple and one for explaining some
        target on its own.

        Parameters
        ----------
        values : ndarray of shape (n_terms, n_rows)
            The terms; finite.
        order : ndarray of shape (n_terms,)
            Of terms that agree up to scale and base the first by order is kept.
        screen : Screen
            Base and targets.
        most : int
            Largest number of terms.
        """
        basis = screen.basis
        size = np.abs(values).max(axis=1, keepdims=True)
        rows = values / np.maximum(size, 1e-300)
        before = np.linalg.norm(rows, axis=1)
        for _ in range(2):
            rows -= (rows @ basis) @ basis.T
        norm = np.linalg.norm(rows, axis=1)
        kept = np.flatnonzero(np.isfinite(norm) & (norm > _LEAST_NORM * before))
        kept = kept[np.argsort(order[kept], kind="stable")]
        rows = rows[kept] / norm[kept, None]
        probe = np.random.default_rng(0).normal(size=rows.shape[1])
        key = np.rint(np.abs(rows @ probe) * 1e9)
        first = np.sort(np.unique(key, return_index=True)[1])
        if len(first) > most:
            simple = int(_SIMPLE_SHARE * most)
            rest = first[simple:]
            best = in_turn(np.abs(rows[rest] @ screen.targets.T), most - simple)
            first = np.concatenate([first[:simple], rest[best]])
        bits = _BITS_PER_ORDER * order[kept[first]]
        return cls(kept[first], rows[first], bits, basis)

    def residual(self, target: Array) -> tuple[Array, float]:
        """Take the base out of a target: unit vector and its share of the length."""
        length = float(np.linalg.norm(target))
        residual = target - self.basis @ (self.basis.T @ target)
        residual -= self.basis @ (self.basis.T @ residual)
        size = float(np.linalg.norm(residual))
        return (residual / size if size > 0 else residual), size / max(length, 1e-300)


def best_pairs(
    candidates: Candidates,
    targets: Array,
    n_best: int,
    out_of_time: Callable[[], bool],
) -> list[npt.NDArray[np.intp]]:
    """Find the pairs of terms that explain each target best.

    Parameters
    ----------
    candidates : Candidates
        The terms.
    targets : ndarray of shape (n_targets, n_rows)
        Unit vectors orthogonal to the base.
    n_best : int
        Number of pairs per target.
    out_of_time : callable
        Asked between blocks; when true the blocks seen so far count.

    Returns
    -------
    list of ndarray of shape (n_pairs, 2)
        Per target the pairs as positions in `candidates`, best first: those with the
        shortest description of residuals and terms.
    """
    rows = candidates.rows
    n_terms = len(rows)
    double = n_terms <= _DOUBLE
    kind: Any = np.float64 if double else np.float32
    slack = 1e-9 if double else 3e-4
    table = np.ascontiguousarray(rows, dtype=kind)
    inner = np.ascontiguousarray(targets @ rows.T)
    best = np.zeros((len(targets), n_terms), dtype=kind)
    small = inner.astype(kind)
    for start in range(0, n_terms, _BLOCK):
        if out_of_time():
            break
        gram = table[start : start + _BLOCK] @ table[start:].T
        _row_best(gram, small[:, start:], kind(slack), best[:, start:])
    return [
        _partners(candidates, inner[t], best[t], n_best, slack)
        for t in range(len(targets))
    ]


def load_pairs() -> None:
    """Compile what `best_pairs` runs, or load it, before a time begins."""
    for kind in (np.float32, np.float64):
        # Parts of an array are compiled apart from whole ones.
        for inner in (np.zeros((2, 2), kind), np.zeros((2, 3), kind)[:, 1:]):
            _row_best(np.eye(2, dtype=kind), inner, kind(1.0), inner)


@cached_njit(fastmath=True, nogil=True)
def _row_best(gram: Any, inner: Any, slack: Any, best: Any) -> None:
    """R2 of the best partner of every row: (a^2 + b^2 - 2abg) / (1 - g^2)."""
    n_rows, n_terms = gram.shape
    weight = np.empty(n_terms, gram.dtype)
    one = gram.dtype.type(1.0)
    zero = gram.dtype.type(0.0)
    for i in range(n_rows):
        for j in range(n_terms):
            d = one - gram[i, j] * gram[i, j]
            weight[j] = one / d if d > slack else zero
        for t in range(inner.shape[0]):
            a = inner[t, i]
            top = zero
            for j in range(i + 1, n_terms):
                b = inner[t, j]
                q = (a * (a - (b + b) * gram[i, j]) + b * b) * weight[j]
                if q > top:
                    top = q
            best[t, i] = top


def _partners(
    candidates: Candidates, inner: Array, best: Array, n_best: int, slack: float
) -> npt.NDArray[np.intp]:
    """Look the partners of the best rows up again, in float64."""
    rows, bits = candidates.rows, candidates.bits
    price = left_bits(1.0 - best, rows.shape[1]) + bits
    first = np.argsort(price, kind="stable")[: max(n_best // 2, 1)]
    gram = rows[first] @ rows.T
    gap = 1.0 - gram**2
    a = inner[first, None]
    with np.errstate(all="ignore"):
        q = (a * a + inner**2 - 2 * a * inner * gram) / gap
    q[gap < min(slack, 1e-6)] = 0.0
    price = left_bits(1.0 - q, rows.shape[1]) + bits
    each = min(_PARTNERS, q.shape[1])
    second = np.argpartition(price, each - 1, axis=1)[:, :each]
    pairs = np.stack([np.repeat(first, each), second.ravel()], axis=1)
    price = np.take_along_axis(price, second, axis=1).ravel() + bits[pairs[:, 0]]
    pairs.sort(axis=1)
    _, unique = np.unique(pairs[:, 0] * len(rows) + pairs[:, 1], return_index=True)
    unique = unique[np.argsort(price[unique], kind="stable")][:n_best]
    return pairs[unique]


def left_bits(left: Array, n_rows: int) -> Array:
    """Give the bits of the residuals when a share of the squared target is left."""
    bits: Array = 0.5 * n_rows * np.log2(np.maximum(left, _LEAST_LEFT))
    return bits
