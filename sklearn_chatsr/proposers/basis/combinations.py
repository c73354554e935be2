"""Sums of one, two and three terms, for all transformed targets at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from sklearn_chatsr.proposers.basis.formulations import Formulation, Hit, Sum
from sklearn_chatsr.proposers.basis.pairs import Candidates, best_pairs
from sklearn_chatsr.proposers.basis.terms import Array
from sklearn_chatsr.proposers.basis.triples import best_triples

Found = list[tuple[Formulation, Hit]]
Index = npt.NDArray[np.intp]
_EXPLAINED = 1e-12  # share of the length of a target that the base leaves


def fitted_singles(sums: Sequence[Sum], prepared: Candidates, most: int) -> Found:
    """Give the terms that explain a transformed target best, and their fits."""
    found: Found = []
    for formulation in sums:
        target, share = prepared.residual(formulation.target[: formulation.n_fit])
        if share < _EXPLAINED:
            continue
        best = np.argsort(-np.abs(prepared.rows @ target), kind="stable")[:most]
        hits = formulation.fit(prepared.index[best][:, None])
        found += [(formulation, hit) for hit in hits]
    return found


def fitted_pairs(
    sums: Sequence[Sum],
    prepared: Candidates,
    most: int,
    out_of_time: Callable[[], bool],
) -> list[tuple[int, Index, list[Hit]]]:
    """Give, by transform, the best of all pairs of terms, and their fits."""
    which, targets = _open_targets(sums, prepared)
    found = best_pairs(prepared, targets, most, out_of_time)
    return [
        (t, best, sums[t].fit(prepared.index[best]))
        for t, best in zip(which, found, strict=True)
    ]


def fitted_triples(
    sums: Sequence[Sum],
    prepared: Candidates,
    n_terms: int,
    most: int,
    out_of_time: Callable[[], bool],
) -> dict[int, tuple[Index, list[Hit]]]:
    """Give, by transform, the best triples of the simplest terms, and their fits."""
    which, targets = _open_targets(sums, prepared)
    found = simplest_triples(prepared, targets, n_terms, most, out_of_time)
    return {
        t: (best, sums[t].fit(prepared.index[best]))
        for t, best in zip(which, found, strict=True)
    }


def simplest_triples(
    prepared: Candidates,
    targets: Array,
    n_terms: int,
    most: int,
    out_of_time: Callable[[], bool],
) -> list[Index]:
    """Give the best of all triples of the simplest terms, by target."""
    chosen = np.arange(min(n_terms, len(prepared.rows)))
    return best_triples(prepared, targets, chosen, len(chosen), most, out_of_time)


def _open_targets(sums: Sequence[Sum], prepared: Candidates) -> tuple[list[int], Array]:
    """Give the targets that the base does not explain, and whose they are."""
    which, targets = [], []
    for t, formulation in enumerate(sums):
        target, share = prepared.residual(formulation.target[: formulation.n_fit])
        if share > _EXPLAINED:
            which.append(t)
            targets.append(target)
    return which, np.array(targets).reshape(len(which), prepared.rows.shape[1])
