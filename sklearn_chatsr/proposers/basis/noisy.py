"""Stages for targets that no term explains exactly: more rows, each with its weight."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from sklearn_chatsr.expressions.expression import Tree
from sklearn_chatsr.proposers.basis.formulations import Formulation, Hit, Sum
from sklearn_chatsr.proposers.basis.pairs import best_pairs
from sklearn_chatsr.proposers.basis.products import Product
from sklearn_chatsr.proposers.basis.pursuit import pursue
from sklearn_chatsr.proposers.basis.task import Task, written

Found = list[tuple[Formulation, Hit]]

_MOST_TERMS = 4000
_N_SINGLES, _N_PAIRS = 200, 1000
_PAIRED = 3  # formulations of which pairs are tried
_MOST_IN_SUM = 4
_WIDTH = 60
# Share of the residual that chance alone makes of some hundred rows.
_DISTINCT = 0.01


def search_under_noise(
    task: Task, out_of_time: Callable[[], bool]
) -> Iterator[list[Tree]]:
    """Yield lists of formulas for a target with noise.

    Under noise many forms are nearly equal. What tells them apart is the number of
    rows, and residuals that are measured in the unit of the data: the noise of 1/y is
    not that of y. In a product, columns with free powers beside a factor would take
    its part, so factors are tried alone as well.

    Parameters
    ----------
    task : Task
        What is to be explained, with many rows.
    out_of_time : callable
        Asked between blocks of work.
    """
    transforms, library = task.transforms, task.library
    if out_of_time():
        return
    formulations: list[Formulation] = [
        Sum(t, task.y, library.addends, task.n_fit, row_weight=task.weight)
        for t in transforms
    ]
    if np.all(task.y != 0):
        formulations += [
            Product(
                task.y,
                task.columns,
                library.factors,
                library.addends,
                task.n_fit,
                with_columns=with_columns,
                row_weight=task.weight,
            )
            for with_columns in (True, False)
        ]
    ranked: list[tuple[float, int]] = []
    for number, formulation in enumerate(formulations):
        if out_of_time():
            return
        found = _singles(formulation)
        yield written(task, found)
        best = min((hit.fvu for _, hit in found), default=np.inf)
        ranked.append((best, number))
    for _, number in sorted(ranked)[:_PAIRED]:
        if out_of_time():
            return
        yield written(task, _several(formulations[number], out_of_time))


def _singles(formulation: Formulation) -> Found:
    prepared = formulation.candidates(_MOST_TERMS, weighted=True)
    target, _ = prepared.residual(formulation.weighted_target())
    best = np.argsort(-np.abs(prepared.rows @ target), kind="stable")[:_N_SINGLES]
    return [
        (formulation, hit) for hit in formulation.fit(prepared.index[best][:, None])
    ]


def _several(formulation: Formulation, out_of_time: Callable[[], bool]) -> Found:
    """Pairs of terms, and sums of more that begin with a pair or a single term.

    Good pairs are often many writings of one, so sums also grow from single terms.
    """
    prepared = formulation.candidates(_MOST_TERMS, weighted=True)
    target, _ = prepared.residual(formulation.weighted_target())
    [pairs] = best_pairs(prepared, target[None], _N_PAIRS, out_of_time)
    single = np.argsort(-np.abs(prepared.rows @ target), kind="stable")
    hits = formulation.fit(prepared.index[pairs])
    for start in (pairs, single[:_N_PAIRS, None]):
        for sets in pursue(
            prepared, target, start, _WIDTH, _MOST_IN_SUM, out_of_time, _DISTINCT
        ):
            hits += formulation.fit(prepared.index[sets])
    return [(formulation, hit) for hit in hits]
