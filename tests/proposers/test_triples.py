from __future__ import annotations

from itertools import combinations

import numpy as np

from sklearn_chatsr.proposers.basis.pairs import Candidates
from sklearn_chatsr.proposers.basis.screening import Screen
from sklearn_chatsr.proposers.basis.triples import best_triples


def prepare(values, target, order=None):
    order = np.zeros(len(values)) if order is None else order
    screen = Screen(np.ones((values.shape[1], 1)), target[None])
    candidates = Candidates.of(values, order, screen, len(values))
    unit, _ = candidates.residual(target)
    return candidates, unit[None]


def missed(candidates, target, triple):
    design = candidates.rows[list(triple)].T
    fit = np.linalg.lstsq(design, target, rcond=None)[0]
    return float(np.sum((target - design @ fit) ** 2))


def test_the_best_triple_is_that_of_all_regressions():
    rng = np.random.default_rng(0)
    candidates, targets = prepare(rng.normal(size=(12, 40)), rng.normal(size=40))

    [found] = best_triples(candidates, targets, np.arange(12), 12, 5, lambda: False)

    best = min(
        combinations(range(12), 3), key=lambda t: missed(candidates, targets[0], t)
    )
    assert tuple(found[0]) == best
    left = [missed(candidates, targets[0], triple) for triple in found]
    assert left == sorted(left)


def test_three_terms_are_found_of_which_no_two_stand_out():
    rng = np.random.default_rng(1)
    values = rng.normal(size=(60, 80))
    parts = values[[7, 31, 44]]
    target = parts.sum(axis=0)
    values[:6] = target + 0.8 * rng.normal(size=(6, 80))  # each explains more
    candidates, targets = prepare(values, target)

    [found] = best_triples(candidates, targets, np.arange(60), 60, 1, lambda: False)

    assert set(candidates.index[found[0]]) == {7, 31, 44}


def test_one_term_is_among_the_first():
    rng = np.random.default_rng(2)
    values = rng.normal(size=(20, 50))
    candidates, targets = prepare(values, values[[15, 16, 17]].sum(axis=0))
    chosen = np.arange(20)[::-1]

    [found] = best_triples(candidates, targets, chosen, 2, 10, lambda: False)

    assert len(found) == 10
    assert all(set(triple) & {18, 19} for triple in found.tolist())


def test_simple_terms_are_preferred_among_equals():
    rng = np.random.default_rng(3)
    a, b, c, noise = rng.normal(size=(4, 200))
    # The fourth term is as good as the third, and dearer.
    values = np.array([a, b, c, c + 1e-6 * noise])
    candidates, targets = prepare(values, a + b + c, np.array([1.0, 1.0, 1.0, 9.0]))

    [found] = best_triples(candidates, targets, np.arange(4), 4, 1, lambda: False)

    assert set(candidates.index[found[0]]) == {0, 1, 2}


def test_the_search_ends_when_the_time_is_over():
    rng = np.random.default_rng(4)
    candidates, targets = prepare(rng.normal(size=(9, 30)), rng.normal(size=30))

    [found] = best_triples(candidates, targets, np.arange(9), 9, 5, lambda: True)

    assert found.shape == (0, 3)
