"""A problem for the basis search, and how what is found for it is written down."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sklearn_chatsr.expressions import Expression, factored
from sklearn_chatsr.expressions.expression import Tree
from sklearn_chatsr.proposers.basis.formulations import Formulation, Hit
from sklearn_chatsr.proposers.basis.library import Caps, Library, build_library
from sklearn_chatsr.proposers.basis.screening import Screen
from sklearn_chatsr.proposers.basis.terms import Array, Columns
from sklearn_chatsr.proposers.basis.transforms import TRANSFORMS, Transform
from sklearn_chatsr.proposers.basis.trees import as_power, release

EXACT = 1e-15  # fraction of variance unexplained by an exact formula
_NODE_BITS = 4.0
_CLOSE = 1e-2
_SHARE_BY_LENGTH = 0.6
_SMALLEST_FVU = 1e-20
_MOST_CHECKED = 400
_CAPS = Caps()


@dataclass(frozen=True)
class Task:
    """A target over some columns, and what its formula has to be put into.

    Attributes
    ----------
    columns : Columns
        The columns, over the rows that are searched.
    y : ndarray of shape (n_rows,)
        The target.
    wrap : callable
        Puts the formula of y into the formula of the data's target, written in one or
        more ways.
    n_fit : int
        The first so many rows are fitted, the others checked.
    n_candidates : int
        Formulas per stage.
    caps : Caps
        Size of the library.
    weight : ndarray of shape (n_rows,), optional
        What a residual of y is multiplied with to be one of the data's target.
    """

    columns: Columns
    y: Array
    wrap: Callable[[Tree], Sequence[Tree]]
    n_fit: int
    n_candidates: int
    caps: Caps = _CAPS
    weight: Array | None = None

    @cached_property
    def transforms(self) -> list[Transform]:
        """Give those that apply to the target."""
        return [t for t in TRANSFORMS if t.applies(self.y)]

    @cached_property
    def library(self) -> Library:
        """Evaluate the library, screened for the transformed targets."""
        return build_library(self.columns, self.caps, *screens(self, self.transforms))


def screens(task: Task, transforms: Sequence[Transform]) -> tuple[Screen, Screen]:
    """Give what terms are screened for: the transformed targets, and log|y|."""
    y = task.y[: task.n_fit]
    with np.errstate(all="ignore"):
        targets = np.array([t.forward(y) for t in transforms])
        log_y = np.log(np.abs(np.where(y == 0, 1.0, y)))
    one = np.ones((len(y), 1))
    columns = task.columns.values[:, : task.n_fit]
    columns = columns[(columns != 0).all(axis=1)]
    base = np.concatenate([one, np.log(np.abs(columns)).T], axis=1)
    return Screen(one, targets), Screen(base, log_y[None])


def is_exact(hit: Hit) -> bool:
    """Tell whether a hit misses nothing but what rounding of its powers leaves."""
    return hit.fvu < 1e3 * EXACT


def written(task: Task, found: Sequence[tuple[Formulation, Hit]]) -> list[Tree]:
    """Rank hits by description length and write the best ones as formulas."""
    n_check = min(len(task.y) - task.n_fit, _MOST_CHECKED)
    fvu = np.array([max(hit.fvu, _SMALLEST_FVU) for _, hit in found])
    nodes = np.array([formulation.nodes(hit) for formulation, hit in found])
    counts = np.array([len(hit.chosen) for _, hit in found])
    ranked: dict[int, None] = {}
    # By description length; and as if all that come close were equally good, for forms
    # that miss no more than the right constants inside.
    for floor in (_SMALLEST_FVU, _CLOSE):
        close = np.maximum(fvu, floor)
        bits = 0.5 * n_check * np.log2(close) + _NODE_BITS * nodes
        bits += 0.5 * counts * np.log2(n_check / close)
        best = np.argsort(bits, kind="stable")[: task.n_candidates]
        share = _SHARE_BY_LENGTH if floor == _SMALLEST_FVU else 1.0
        for number in best[: int(share * task.n_candidates)]:
            if len(ranked) < task.n_candidates:
                ranked[int(number)] = None
    trees: dict[Tree, None] = {}
    for number in ranked:
        formulation, hit = found[number]
        exact = is_exact(hit)
        for tree in formulation.tree(hit, exact):
            try:
                wholes = [
                    Expression.from_tree(whole).simplify() for whole in task.wrap(tree)
                ]
            except (ValueError, OverflowError):
                continue
            shortest = min(wholes, key=lambda e: e.size)
            if exact:
                # Else it may be longer than what is allowed.
                shortest = factored(shortest)
            plain = as_power(shortest.to_tree())
            trees[plain if exact else release(plain)] = None
    return list(trees)
