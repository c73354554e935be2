"""Sums of power laws with exponents that no library lists."""

from __future__ import annotations

import numpy as np

from sklearn_chatsr.proposers.basis.formulations import Sum
from sklearn_chatsr.proposers.basis.powers import sums_of_power_laws
from sklearn_chatsr.proposers.basis.task import Task
from sklearn_chatsr.proposers.basis.terms import Columns, Terms
from sklearn_chatsr.proposers.basis.transforms import TRANSFORMS


def started(law, sign=1.0, noise=0.0):
    """Search a law of three columns, beginning at x1*x2 + x3 + x2."""
    rng = np.random.default_rng(3)
    X = sign * rng.uniform(1, 5, (300, 3))
    y = law(*X.T) + noise * rng.standard_normal(300)
    task = Task(Columns.of(X), y, lambda tree: [tree], 200, 40)
    a, b, c = task.columns.leaves
    u, v, w = task.columns.values
    terms = Terms(np.array([u * v, w, v]), [("mul", a, b), c, b], np.zeros(3))
    formulation = Sum(TRANSFORMS[0], y, terms, 200)
    found = [(formulation, hit) for hit in formulation.fit(np.array([[0, 1, 2]]))]
    return list(sums_of_power_laws(task, found, lambda: False))


def test_thirds_are_found():
    [(formulation, hit)] = started(
        lambda a, b, c: 2 * a * b - c * np.cbrt(b) ** 2 + 7 / np.cbrt(a * c)
    )
    assert hit.fvu < 1e-20
    [tree] = formulation.tree(hit, exact=True)
    assert "cbrt" in str(tree)


def test_nothing_is_said_of_noise_nor_of_negative_columns():
    law = lambda a, b, c: 2 * a * b - c * b + 7 / a  # noqa: E731
    assert started(law, noise=0.1) == []
    assert started(law, sign=-1.0) == []
