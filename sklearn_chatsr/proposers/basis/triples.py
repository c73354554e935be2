"""Every triple of the simplest terms: R2 from the entries of a Gram matrix.

The pursuit of longer sums starts from good pairs. Two terms of three may explain less
than a thousand other pairs do; among simple terms no triple is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from sklearn_chatsr.fitting.compilation import cached_njit
from sklearn_chatsr.proposers.basis.pairs import Candidates
from sklearn_chatsr.proposers.basis.terms import Array

_DEPENDENT = 1e-7  # share of a unit vector that two others leave of it
_LEAST_LEFT = 1e-12  # what rounding leaves of an exact triple


def best_triples(
    candidates: Candidates,
    targets: Array,
    chosen: npt.NDArray[np.intp],
    n_first: int,
    n_best: int,
    out_of_time: Callable[[], bool],
) -> list[npt.NDArray[np.intp]]:
    """Find the triples of simple terms that explain each target best.

    Parameters
    ----------
    candidates : Candidates
        The terms.
    targets : ndarray of shape (n_targets, n_rows)
        Unit vectors orthogonal to the base.
    chosen : ndarray of int
        Positions of the terms that are combined.
    n_first : int
        One term of every triple is among the first so many of these.
    n_best : int
        Number of triples per target.
    out_of_time : callable
        Asked between terms; when true the triples seen so far count.

    Returns
    -------
    list of ndarray of shape (n_triples, 3)
        Per target the triples as positions in `candidates`, best first: those with the
        shortest description of residuals and terms.
    """
    rows = candidates.rows[chosen]
    n_terms, n_rows = len(rows), rows.shape[1]
    if n_terms < 3:
        return [np.empty((0, 3), np.intp) for _ in targets]
    # Bits of a term as a factor of what it leaves, which spares the logarithms.
    weight = np.exp2(2.0 * candidates.bits[chosen] / n_rows)
    gram = rows @ rows.T
    inner = np.ascontiguousarray(targets @ rows.T)
    left = np.full((len(targets), n_terms, n_terms), np.inf)
    third = np.zeros((len(targets), n_terms, n_terms), np.int32)
    for i in range(min(n_first, n_terms - 2)):
        if out_of_time():
            break
        _best_third(i, gram, inner, weight, left[:, i], third[:, i])
    left *= weight[:, None] * weight
    found = []
    for prices, thirds in zip(left, third, strict=True):
        best = np.argsort(prices, axis=None, kind="stable")[:n_best]
        first, second = np.divmod(best, n_terms)
        seen = np.isfinite(prices[first, second])
        triples = np.stack([first, second, thirds[first, second]], axis=1)
        found.append(chosen[triples[seen]])
    return found


def load_triples() -> None:
    """Compile what `best_triples` runs, or load it, before a time begins."""
    for n_targets in (1, 2):  # parts of an array are compiled apart from whole ones
        inner, left = np.zeros((n_targets, 3)), np.zeros((n_targets, 3, 3))
        third = np.zeros((n_targets, 3, 3), np.int32)
        _best_third(0, np.eye(3), inner, np.ones(3), left[:, 0], third[:, 0])


@cached_njit(fastmath=True, nogil=True)
def _best_third(
    i: int, gram: Any, inner: Any, weight: Any, left: Any, third: Any
) -> None:
    """For every j the best k of a triple i < j < k, by orthogonalisation."""
    n_terms = gram.shape[0]
    beside = np.empty(n_terms)
    free = np.empty(n_terms)
    for j in range(i + 1, n_terms - 1):
        g = gram[i, j]
        apart = 1.0 - g * g
        if apart < _DEPENDENT:
            continue
        root = 1.0 / np.sqrt(apart)
        for k in range(j + 1, n_terms):
            h = (gram[j, k] - g * gram[i, k]) * root
            beside[k] = h
            f = 1.0 - gram[i, k] * gram[i, k] - h * h
            free[k] = 1.0 / f if f > _DEPENDENT else 0.0
        for t in range(inner.shape[0]):
            a = inner[t, i]
            b = (inner[t, j] - g * a) * root
            rest = 1.0 - a * a - b * b
            least = np.inf
            at = 0
            for k in range(j + 1, n_terms):
                c = inner[t, k] - gram[i, k] * a - beside[k] * b
                price = max(rest - c * c * free[k], _LEAST_LEFT) * weight[k]
                if price < least:
                    least = price
                    at = k
            left[t, j] = least
            third[t, j] = at
