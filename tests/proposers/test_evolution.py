from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.fitting import ConstantFitter
from sklearn_chatsr.proposers import Problem
from sklearn_chatsr.proposers.evolution import EvolutionProposer
from sklearn_chatsr.proposers.evolution.evaluation import Evaluator
from sklearn_chatsr.proposers.evolution.growth import Growth
from sklearn_chatsr.proposers.evolution.targeted import Targeting, wanted_values
from sklearn_chatsr.proposers.evolution.variation import Variation, shortenings
from sklearn_chatsr.proposers.trees import evaluate, replace, walk
from sklearn_chatsr.selection import Archive, DescriptionLength, resolution

PARENTS = [
    "2.5*sin(1.3*x1)*x2 + x3^2/(1.0 + x2^2)",
    "x1",
    "exp(-0.3*x1)*sqrt(abs(x2)) - 1.5",
    "log(x1^2 + 2.1)/(x3 - 7.5)",
]
MUTATIONS = [
    *("change_subtree", "change_point", "insert", "delete", "hoist", "release"),
    *("add_term", "drop_term", "jolt"),
]

SHRINKING = ("delete", "hoist", "drop_term")


def signed(n_features=3, n_rows=400, seed=0):
    return np.random.default_rng(seed).uniform(-3, 3, size=(n_rows, n_features))


def law_of(text, X):
    return Expression.from_infix(text).evaluate(X)


def problem(X, y, **settings):
    floor = resolution(y).floor
    variance = float(np.var(y))
    archive = Archive(DescriptionLength(len(y), variance, floor, X.shape[1]))
    return Problem(X, y, None, archive, **settings)


def search(X, y, n_generations=60, seed=0, **settings):
    """Archive what is proposed with the constants that it comes with."""
    task = problem(X, y, **settings)
    fitter = ConstantFitter(X, y)
    proposer = EvolutionProposer(n_generations=n_generations)
    for batch in proposer.propose(task, np.random.default_rng(seed)):
        for expression in batch:
            fit = fitter.fit(expression, start=expression.constants or (), scale=True)
            task.archive.add(fit.expression.simplify(), fit.loss, "evolution")
    return task.archive


def growth(X, seed=0):
    used = list(range(X.shape[1]))
    return Growth(X[:32].T.copy(), used, np.random.default_rng(seed))


@pytest.mark.parametrize("name", MUTATIONS)
@pytest.mark.parametrize("text", PARENTS)
def test_mutations_give_formulas_that_differ(name, text):
    parent = Expression.from_infix(text).to_tree()
    mutate = getattr(Variation(growth(signed())), name)

    children = [Expression.from_tree(mutate(parent)) for _ in range(30)]

    assert all(child.constants is not None for child in children)
    can_shrink = name not in SHRINKING or isinstance(parent, tuple)
    assert not can_shrink or any(c.to_tree() != parent for c in children)


def test_crossover_takes_from_both_parents():
    X = signed()
    one = Expression.from_infix("sin(x1)*x1 + 2.5").to_tree()
    other = Expression.from_infix("x3/exp(x2)").to_tree()
    variation = Variation(growth(X))

    children = [Expression.from_tree(variation.cross(one, other)) for _ in range(60)]

    used = {child.variables for child in children}
    assert any({0}.issubset(u) and {1, 2}.intersection(u) for u in used)


def test_no_child_is_larger_than_allowed_or_without_its_constants():
    X = signed()
    task = problem(X, law_of(PARENTS[0], X), max_size=12)
    evaluator = Evaluator(task, np.random.default_rng(0))
    variation = Variation(growth(X))
    parent = Expression.from_infix(PARENTS[0]).to_tree()

    framed = [evaluator.frame(variation.mutate(parent)) for _ in range(200)]

    kept = [f for f in framed if f is not None]
    assert kept
    # The frame adds an offset and factors, which are taken off in the end.
    assert max(f.size for f in kept) <= 12 + 6
    assert all(len(f.constants) == f.n_constants for f in kept)


@pytest.mark.parametrize("text", PARENTS)
def test_wanted_values_make_the_whole_right(text):
    X = signed()
    tree = Expression.from_infix(text).to_tree()
    with np.errstate(all="ignore"):
        y = 1.01 * evaluate(tree, X.T)
    for path, _ in walk(tree):
        wanted, _ = wanted_values(tree, path, X.T, y)
        # Put in place as a column, the wanted values give the target back.
        marked = replace(tree, path, "x9") if path else "x9"
        columns = np.vstack([X.T, np.zeros((5, len(X))), np.broadcast_to(wanted, 400)])
        value = np.broadcast_to(evaluate(marked, columns), 400)
        usable = np.isfinite(wanted) & np.isfinite(value) & np.isfinite(y)
        np.testing.assert_allclose(value[usable], y[usable], rtol=1e-6, atol=1e-9)


def test_aimed_children_repair_a_wrong_part():
    X = signed()
    y = law_of("sin(x1)*x2 + x3/(1.5 + x1^2)", X)
    wrong = Expression.from_infix("sin(x1)*x2 + x3").to_tree()
    targeting = Targeting(growth(X), X.T.copy(), y)
    fitter = ConstantFitter(X, y)

    children = [targeting.aim(wrong) for _ in range(1000)]

    found = [Expression.from_tree(c) for c in children if c is not None]
    fits = [fitter.fit(e, start=e.constants or (), scale=True) for e in found]
    assert min(fit.fvu for fit in fits) < 1e-20


def test_shortenings_have_one_operator_less():
    tree = Expression.from_infix("sin(x1)*x2 + x3").to_tree()

    texts = {str(Expression.from_tree(t)) for t in shortenings(tree)}

    assert texts == {"sin(x1)*x2", "x3", "sin(x1) + x3", "x2 + x3", "x1*x2 + x3"}


def test_a_law_of_nested_and_free_parts_is_found():
    # Two free inner constants in different terms: no library of fixed terms has it.
    X = signed(n_rows=1000)
    y = law_of("2.5*sin(1.3*x1)*x2 + x3^2/(1 + x2^2)", X)

    best = search(X, y).best("mdl")

    unseen = signed(seed=9)
    truth = law_of("2.5*sin(1.3*x1)*x2 + x3^2/(1 + x2^2)", unseen)
    residual = best.expression.evaluate(unseen) - truth
    assert np.mean(residual**2) < 1e-12 * np.var(truth)


def test_noise_is_not_fitted():
    X = signed(2, 300)
    rng = np.random.default_rng(4)
    clean = law_of("x1*x2 + 2*cos(x1)", X)
    y = clean + 0.3 * np.std(clean) * rng.normal(size=len(X))

    best = search(X, y, n_generations=15).best("mdl")

    error = np.mean((best.expression.evaluate(X) - clean) ** 2) / np.var(clean)
    assert error < 0.02
    assert best.complexity <= 14


def test_the_archive_is_bred_from():
    X = signed(3)
    y = law_of("exp(sin(x1)*x2 - 0.3*x3)*x3 + 0.1*x2", X)
    task = problem(X, y)
    seed = Expression.from_infix("exp(sin(x1)*x2 - 0.3*x3)*x3")
    task.archive.add(seed, float(np.mean((seed.evaluate(X) - y) ** 2)))

    batch = next(EvolutionProposer().propose(task, np.random.default_rng(0)))

    fits = [ConstantFitter(X, y).evaluate(expression) for expression in batch]
    assert min(fit.loss for fit in fits) <= min(c.loss for c in task.archive) * 1.001


def test_the_same_seed_gives_the_same_formulas():
    X = signed()
    y = law_of("x1*tanh(x2) + x3", X) + X[:, 0] ** 2

    def batches(seed):
        proposer = EvolutionProposer(n_generations=5)
        found = proposer.propose(problem(X, y), np.random.default_rng(seed))
        return [list(batch) for batch in found]

    assert batches(3) == batches(3)
    assert batches(3) != batches(4)


def test_formulas_keep_to_the_size():
    X = signed()
    task = problem(X, law_of(PARENTS[0], X), max_size=9)

    sizes = [
        expression.size
        for batch in EvolutionProposer(10).propose(task, np.random.default_rng(0))
        for expression in batch
    ]

    assert 0 < max(sizes) <= 9


def test_proposing_ends_at_the_deadline_without_threads_left():
    X = signed(6, 1000)
    y = np.random.default_rng(0).normal(size=1000)
    n_threads = threading.active_count()
    start = time.monotonic()
    task = problem(X, y, deadline=start + 0.8)

    for _ in EvolutionProposer(10_000).propose(task, np.random.default_rng(0)):
        pass

    # A generation takes some tenths of a second on a busy machine.
    assert time.monotonic() - start < 3.0
    assert threading.active_count() == n_threads


@pytest.mark.parametrize(
    ("X", "y"),
    [
        (np.zeros((30, 2)), np.arange(30.0)),
        (np.arange(3.0).reshape(-1, 1), np.arange(3.0)),
        (np.arange(40.0).reshape(-1, 1), np.full(40, 2.0)),
        (np.full((20, 1), np.nan), np.arange(20.0)),
    ],
)
def test_data_without_a_law_give_no_formula(X, y):
    found = EvolutionProposer().propose(problem(X, y), np.random.default_rng(0))

    assert list(found) == []


@pytest.mark.parametrize("n_rows", [4, 6, 12])
def test_few_rows_are_described(n_rows):
    X = signed(1, n_rows)

    archive = search(X, 2.0 * X[:, 0] ** 2 + 1.0, n_generations=3)

    assert archive.best("mdl").fvu < 1e-10


def test_extreme_values_raise_no_warning():
    X = signed(2, 100)
    X[0] = 0.0
    X[1] = 1e60
    y = X[:, 0] * 1e80
    y[5] = 0.0

    for batch in EvolutionProposer(4).propose(problem(X, y), np.random.default_rng(0)):
        assert all(np.isfinite(e.constants or ()).all() for e in batch)


def test_tiny_units_do_not_matter():
    X = signed(2, 300)
    y = law_of("x1*cos(x2) + x1^2", X)

    best = search(X * [1e-9, 1.0], y * 1e12, n_generations=40).best("mdl")

    assert best.fvu < 1e-18
