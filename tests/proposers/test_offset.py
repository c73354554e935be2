"""Power laws of many columns beside a constant or a simple term."""

from __future__ import annotations

import numpy as np
import pytest

from sklearn_chatsr.proposers.basis.offset import (
    power_laws_beside_constant,
    power_laws_beside_term,
)
from sklearn_chatsr.proposers.basis.task import Task
from sklearn_chatsr.proposers.basis.terms import Columns
from sklearn_chatsr.proposers.basis.transforms import TRANSFORMS


def _task(law, n_columns, sign=1.0, noise=0.0):
    rng = np.random.default_rng(3)
    X = sign * rng.uniform(1, 3, (300, n_columns))
    y = law(X.T)
    y = y + noise * y.std() * rng.standard_normal(len(y))
    return Task(Columns.of(X), y, lambda tree: tree, 200, 40)


@pytest.mark.parametrize(
    "law",
    [
        lambda x: 2 + x[0] ** 2 * x[1] / (x[2] * x[3] ** 2 * x[4] * x[5] ** 3),
        lambda x: np.sqrt(0.4 + 3 * x[0] * x[1] * x[2] / (x[3] * x[4] * x[5])),
        lambda x: 1 / (5 - 0.002 * x[0] * x[1] * x[2] * x[3] * x[4] * x[5]),
    ],
    ids=["plain", "below a root", "below a bar"],
)
def test_a_power_law_of_six_columns_beside_a_constant_is_exact(law):
    task = _task(law, 6)
    transforms = [t for t in TRANSFORMS if t.applies(task.y)]
    hits = [hit.fvu for _, hit in power_laws_beside_constant(task, transforms)]
    assert min(hits) < 1e-20


def test_negative_columns_keep_the_sign_of_the_law():
    task = _task(lambda x: 1 + x[0] * x[1] * x[2], 3, sign=-1.0)
    hits = [h.fvu for _, h in power_laws_beside_constant(task, list(TRANSFORMS[:1]))]
    assert min(hits) < 1e-20


def test_powers_are_rounded_under_noise():
    task = _task(lambda x: 1 + x[0] * x[1] ** 2 / x[2] * x[3], 4, noise=0.01)
    [(formulation, hit)] = power_laws_beside_constant(task, list(TRANSFORMS[:1]))
    assert formulation.terms.trees[hit.chosen[0]] == (
        "div",
        ("mul", ("mul", "x1", ("sq", "x2")), "x4"),
        "x3",
    )


def test_a_power_law_beside_a_quotient_is_exact():
    task = _task(lambda x: 3 / x[0] + x[1] * x[2] ** 2 * x[3] * x[4] / x[0] ** 2, 5)
    hits = [hit.fvu for _, hit in power_laws_beside_term(task, lambda: False)]
    assert min(hits) < 1e-20
