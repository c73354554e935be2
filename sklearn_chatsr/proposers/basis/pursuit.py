"""More than two terms: a beam of orthogonal matching pursuits, and dense regression."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from sklearn_chatsr.proposers.basis.pairs import Candidates, left_bits
from sklearn_chatsr.proposers.basis.terms import Array

Chosen = npt.NDArray[np.intp]

_EACH = 4  # ways in which a set of terms is continued
_EXACT = 1e-17  # share of the squared target that is left by an exact set of terms


def pursue(
    candidates: Candidates,
    target: Array,
    start: Chosen,
    width: int,
    most_terms: int,
    out_of_time: Callable[[], bool],
    distinct: float = 0.0,
) -> list[Chosen]:
    """Add terms one by one to the best sets of terms.

    Parameters
    ----------
    candidates : Candidates
        The terms.
    target : ndarray of shape (n_rows,)
        Unit vector orthogonal to the base.
    start : ndarray of shape (n_sets, n_terms)
        Sets to begin with, as positions in `candidates`, best first.
    width : int
        Number of sets that are continued.
    most_terms : int
        Size at which to end.
    out_of_time : callable
        Asked between steps.
    distinct : float
        Of sets whose residuals differ by at most this share of their square, only the
        best one is continued.

    Returns
    -------
    list of ndarray of shape (n_sets, n_terms)
        The best sets of every size after that of the start, best first.

    References
    ----------
    Pati, Y., Rezaiifar, R. and Krishnaprasad, P. (1993). Orthogonal matching pursuit.
    Asilomar Conference on Signals, Systems and Computers.
    """
    table = candidates.rows.astype(np.float32)
    sets, found = start, []
    if distinct:
        sets = sets[_distinct(_residuals(candidates, target, sets), distinct)]
    sets = sets[:width]
    while len(sets) and sets.shape[1] < most_terms and not out_of_time():
        sets, left = _extend(candidates, table, target, sets, width, distinct)
        found.append(sets)
        if len(left) and left.min() < _EXACT:
            break
    return found


def _extend(
    candidates: Candidates,
    table: npt.NDArray[np.float32],
    target: Array,
    sets: Chosen,
    width: int,
    distinct: float,
) -> tuple[Chosen, Array]:
    """Give the best sets with one more term, and what they leave of the target."""
    rows, n_rows = candidates.rows, len(target)
    bases, _ = np.linalg.qr(rows[sets].transpose(0, 2, 1))
    residuals = target - np.einsum(
        "bnk,bk->bn", bases, np.einsum("bnk,n->bk", bases, target)
    )
    taken = np.zeros((len(sets), len(rows)), np.float32)
    for k in range(sets.shape[1]):
        taken += (bases[:, :, k].astype(np.float32) @ table.T) ** 2
    free = 1.0 - taken
    # In units of the residual: far below float32's 1e-7 of the target otherwise.
    size = np.linalg.norm(residuals, axis=1, keepdims=True)
    unit = residuals / np.maximum(size, 1e-300)
    gain = (unit.astype(np.float32) @ table.T) ** 2
    gain = np.where(free > 1e-4, gain / np.maximum(free, 1e-4), 0.0)
    each = min(_EACH, gain.shape[1])
    price = left_bits(1.0 - gain, n_rows) + candidates.bits
    best = np.argpartition(price, each - 1, axis=1)[:, :each]
    share = np.take_along_axis(gain, best, axis=1)
    left = (size**2 * (1.0 - np.minimum(share, 1.0))).ravel()
    longer = np.concatenate(
        [np.repeat(sets, each, axis=0), best.reshape(-1, 1)], axis=1
    )
    longer.sort(axis=1)
    longer, first = np.unique(longer, axis=0, return_index=True)
    left = left[first]
    price = left_bits(left, n_rows) + candidates.bits[longer].sum(axis=1)
    longer = longer[np.argsort(price, kind="stable")[: 2 * width]]
    # float32 cannot tell an exact set from a good one: measure again.
    residuals = _residuals(candidates, target, longer)
    left = np.einsum("bn,bn->b", residuals, residuals)
    price = left_bits(left, n_rows) + candidates.bits[longer].sum(axis=1)
    ranked = np.argsort(price, kind="stable")
    if distinct:
        ranked = ranked[_distinct(residuals[ranked], distinct)]
    return longer[ranked[:width]], left[ranked[:width]]


def _residuals(candidates: Candidates, target: Array, sets: Chosen) -> Array:
    """Give what every set of terms leaves of the target, one per row."""
    bases, _ = np.linalg.qr(candidates.rows[sets].transpose(0, 2, 1))
    inner = np.einsum("bnk,n->bk", bases, target)
    residuals: Array = target - np.einsum("bnk,bk->bn", bases, inner)
    return residuals


def share_left(candidates: Candidates, target: Array, sets: Chosen) -> Array:
    """Give the share of the squared target that every set of terms leaves."""
    residuals = _residuals(candidates, target, sets)
    share: Array = np.einsum("bn,bn->b", residuals, residuals)
    return share


def _distinct(residuals: Array, share: float) -> npt.NDArray[np.intp]:
    """Choose residuals, in their order, that differ from those chosen before."""
    square = np.einsum("bn,bn->b", residuals, residuals)
    chosen: list[int] = []
    for i, residual in enumerate(residuals):
        inner = residuals[chosen] @ residual
        apart = square[chosen] + square[i] - 2.0 * inner
        if np.all(apart > share * square[i]):
            chosen.append(i)
    return np.array(chosen, dtype=np.intp)


def dense_fit(
    design: Array, target: Array, n_fit: int, tolerance: float
) -> Chosen | None:
    """Regress on all columns at once and drop the idle ones.

    Parameters
    ----------
    design : ndarray of shape (n_rows, n_terms)
        Values of the terms.
    target : ndarray of shape (n_rows,)
        What is explained.
    n_fit : int
        The first so many rows are fitted; the others must be predicted.
    tolerance : float
        Largest share of the variance that may be left on the other rows.

    Returns
    -------
    ndarray of int or None
        The columns that are needed; None when the fit is not that close.
    """
    if not (np.isfinite(design).all() and np.isfinite(target).all()):
        return None
    scale = np.abs(design[:n_fit]).max(axis=0)
    scaled = design / np.maximum(scale, 1e-300)
    kept = np.arange(design.shape[1])
    variance = float(np.var(target[n_fit:])) + 1e-300
    chosen: Chosen | None = None
    while len(kept):
        fit = np.linalg.lstsq(scaled[:n_fit, kept], target[:n_fit], rcond=1e-13)[0]
        residual = target[n_fit:] - scaled[n_fit:, kept] @ fit
        if not np.mean(residual**2) <= tolerance * variance:
            break
        chosen = kept
        size = np.abs(fit)
        idle = size < 1e-6 * size.max()
        kept = kept[~idle] if idle.any() else np.delete(kept, int(size.argmin()))
    return chosen
