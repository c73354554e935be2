"""Targets in units of their own: T(y / c) of one or two terms, with c unknown.

``c*log(x1 + 0.04*x2)``, ``c*acos((x1 - x2)/x3)``, ``c/(1 + exp(-x1/x2))``: what is in
the argument shows only when the scale outside is about right. A few scales that the
range of the target suggests are tried; the fit finds the others between them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from sklearn_chatsr.expressions.expression import Tree
from sklearn_chatsr.proposers.basis.combinations import (
    Found,
    fitted_pairs,
    fitted_singles,
)
from sklearn_chatsr.proposers.basis.first_look import SMALL, products_of_few
from sklearn_chatsr.proposers.basis.formulations import Sum
from sklearn_chatsr.proposers.basis.library import build_library
from sklearn_chatsr.proposers.basis.products import Product
from sklearn_chatsr.proposers.basis.task import Task, screens, written
from sklearn_chatsr.proposers.basis.terms import Array
from sklearn_chatsr.proposers.basis.transforms import TRANSFORMS, Transform

_BY_NAME = {t.name: t for t in TRANSFORMS}
# Scales of a logarithm, in standard deviations; of what is bounded, in multiples of the
# smallest one that the target allows.
_OF_SPREAD = (0.2, 0.5, 1.0, 2.0, 4.0)
_OF_BOUND = (1.001, 1.03, 1.15, 1.5, 2.5)
# The target is within such a multiple of the scale.
BOUNDS = {
    "sin(y)": math.pi / 2,
    "cos(y)": math.pi,
    "tan(y)": math.pi / 2,
    "atanh(y)": 1.0,
    "logit(y)": 1.0,
}
# Units that people give: decibels and powers of ten and two, degrees, hours, turns.
_LOGARITHMIC = (10 / math.log(10), 20 / math.log(10), 1 / math.log(10), 1 / math.log(2))
_ANGULAR = (180 / math.pi, 12 / math.pi, 24 / math.pi, 0.5 / math.pi, 2.0)
_CLOSE = 0.03  # share of the variance that a likely formula leaves
_MOST_TERMS, _N_SINGLES, _N_PAIRS, _N_WRITTEN = 1_000, 8, 20, 6


def scaled_targets(task: Task, out_of_time: Callable[[], bool]) -> list[Tree]:
    """Write sums of one and two terms of a small library for scaled targets.

    And products where an angle is given in degrees, or another unit that is known.

    Parameters
    ----------
    task : Task
        What is to be explained.
    out_of_time : callable
        Asked between blocks of work.
    """
    task = replace(task, caps=SMALL)
    transforms = [t for t in _scaled(task.y) if t.applies(task.y)]
    if not transforms:
        return []
    library = build_library(task.columns, task.caps, *screens(task, transforms))
    sums = [Sum(t, task.y, library.addends, task.n_fit) for t in transforms]
    prepared = sums[0].candidates(_MOST_TERMS, sums[1:])
    found = fitted_singles(sums, prepared, _N_SINGLES)
    two = fitted_pairs(sums, prepared, _N_PAIRS, out_of_time)
    found += [(sums[t], hit) for t, _, hits in two for hit in hits]
    trees = written(task, _close(found))
    for transform in _angles(task.y):
        if out_of_time():
            break
        inner = _below(task, transform)
        product = Product(
            inner.y, task.columns, library.factors, library.addends, task.n_fit
        )
        trees += written(inner, _close(products_of_few(product, out_of_time)))
    return trees


def _close(found: Found) -> Found:
    """Choose what a better scale may make a law: its terms leave little even so."""
    return [(formulation, hit) for formulation, hit in found if hit.fvu < _CLOSE]


def _below(task: Task, transform: Transform) -> Task:
    """Give the problem of explaining a transformed target."""

    def wrap(tree: Tree) -> Sequence[Tree]:
        return task.wrap(transform.tree(tree))

    return replace(
        task, y=transform.forward(task.y), wrap=wrap, n_candidates=_N_WRITTEN
    )


def _angles(y: Array) -> Iterator[Transform]:
    """Give the sine, cosine and tangent of the target as an angle of some unit."""
    for name in ("sin(y)", "cos(y)", "tan(y)"):
        for scale in (1.0, *_ANGULAR):
            transform = in_units(_BY_NAME[name], scale)
            if transform.applies(y) and np.all(transform.forward(y) != 0):
                yield transform


def _scaled(y: Array) -> Iterator[Transform]:
    """Give transforms of the target over scales."""
    spread, largest = float(y.std()), float(np.abs(y).max())
    for scale in (*_LOGARITHMIC, *(spread * s for s in _OF_SPREAD)):
        if largest < 300.0 * scale:
            yield in_units(_BY_NAME["exp(y)"], scale)
    for name, bound in BOUNDS.items():
        smallest = largest / bound
        units = _ANGULAR if bound > 1.0 else ()
        for scale in (*units, *(smallest * s for s in _OF_BOUND)):
            if scale > smallest:
                yield in_units(_BY_NAME[name], scale)


def in_units(transform: Transform, scale: float) -> Transform:
    """Give T(y / scale), whose inverse has a value beyond the range of T, too."""
    low, high = {"sin(y)": (-1, 1), "cos(y)": (-1, 1)}.get(transform.name, (None, None))

    def inverse(q: Array) -> Array:
        inside = q if low is None else np.clip(q, low, high)
        return scale * transform.inverse(inside)

    return replace(
        transform,
        name=f"{transform.name} over {scale:g}",
        forward=lambda y: transform.forward(y / scale),
        inverse=inverse,
        slope=lambda y: transform.slope(y / scale) / scale,
        tree=lambda t: ("mul", scale, transform.tree(t)),
    )
