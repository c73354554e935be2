"""Screening: of many terms, those that explain some target on their own."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from sklearn_chatsr.proposers.basis.terms import Array

_BLOCK = 4096
_SIMPLE_SHARE = 0.6


class Screen:
    """Targets beside a base, for scoring terms.

    Parameters
    ----------
    base : ndarray of shape (n_rows, n_base)
        Columns with free coefficients in every fit.
    targets : ndarray of shape (n_targets, n_rows)
        What is to be explained.

    References
    ----------
    Fan, J. and Lv, J. (2008). Sure independence screening for ultrahigh dimensional
    feature space. Journal of the Royal Statistical Society B.

    Ouyang, R. et al. (2018). SISSO: a compressed-sensing method for identifying the
    best low-dimensional descriptor. Physical Review Materials.
    """

    def __init__(self, base: Array, targets: Array) -> None:
        self.basis = orthonormal(base)
        free = targets - (targets @ self.basis) @ self.basis.T
        length = np.linalg.norm(free, axis=1, keepdims=True)
        self.targets = free / np.maximum(length, 1e-300)
        self.n_rows = base.shape[0]

    @np.errstate(all="ignore")
    def explained(self, values: Array) -> Array:
        """Give the cosine between terms and targets beside the base.

        Parameters
        ----------
        values : ndarray of shape (n_terms, n_rows)
            Terms; those that are not finite explain nothing.

        Returns
        -------
        ndarray of shape (n_terms, n_targets)
            Between 0 and 1.
        """
        rows = values / np.abs(values).max(axis=1, keepdims=True)
        inside = rows @ self.basis
        length = np.einsum("tn,tn->t", rows, rows)
        free = length - np.einsum("tb,tb->t", inside, inside)
        cosine = np.abs(rows @ self.targets.T) / np.sqrt(free)[:, None]
        cosine[~(free > 1e-10 * length)] = 0.0
        return np.nan_to_num(cosine, copy=False)

    def choose(
        self,
        evaluate: Callable[[slice, int], Array],
        n_terms: int,
        most: int,
        logarithmic: bool = False,
    ) -> npt.NDArray[np.intp]:
        """Choose among terms that are listed by order: the first, and the best.

        Parameters
        ----------
        evaluate : callable
            Gives the values of a range of terms on the first so many rows.
        n_terms : int
            How many terms are listed.
        most : int
            How many are chosen.
        logarithmic : bool
            Whether the terms enter by their logarithms.

        Returns
        -------
        ndarray of int
            Positions in ascending order.
        """
        if n_terms <= most:
            return np.arange(n_terms)
        first = int(_SIMPLE_SHARE * most)
        explained = [np.empty((0, len(self.targets)))]
        for start in range(first, n_terms, _BLOCK):
            values = evaluate(slice(start, min(start + _BLOCK, n_terms)), self.n_rows)
            if logarithmic:
                with np.errstate(all="ignore"):
                    values = np.log(np.abs(values))
            explained.append(self.explained(values))
        best = in_turn(np.concatenate(explained), most - first)
        return np.concatenate([np.arange(first), first + best])


def in_turn(explained: Array, most: int) -> npt.NDArray[np.intp]:
    """Choose the best terms of every target in turn; positions in ascending order."""
    place = np.argsort(np.argsort(-explained, axis=0, kind="stable"), axis=0)
    return np.sort(np.argsort(place.min(axis=1), kind="stable")[:most])


def orthonormal(base: Array) -> Array:
    """Orthonormal columns that span the base, without its linear dependencies."""
    scaled = base / np.maximum(np.linalg.norm(base, axis=0), 1e-300)
    left, singular, _ = np.linalg.svd(scaled, full_matrices=False)
    return left[:, singular > 1e-10 * singular[0]]
