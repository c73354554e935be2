import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_chatsr.expressions import Expression, is_integer
from training.skeletons import (
    Skeleton,
    SkeletonPrior,
    draw_skeletons,
    is_held_out,
    load_pool,
    save_pool,
    strip_scale,
    to_target,
)


def draw(n, seed=0, **kwargs):
    stream = draw_skeletons(np.random.default_rng(seed), SkeletonPrior(**kwargs))
    return [next(stream) for _ in range(n)]


@pytest.fixture(scope="module")
def skeletons():
    return draw(1500)


def test_targets_are_canonical_and_within_the_vocabulary(skeletons):
    for skeleton in skeletons:
        expression = skeleton.expression
        assert expression.is_skeleton
        assert expression.simplify() == expression
        assert expression.size <= SkeletonPrior().max_size
        integers = [int(t) for t in expression.tokens if is_integer(t)]
        assert all(-5 <= i <= 10 for i in integers)


def test_no_variable_is_lost_and_none_is_skipped(skeletons):
    for skeleton in skeletons:
        assert skeleton.expression.variables == tuple(range(skeleton.n_variables))


def test_the_number_of_variables_follows_the_prior(skeletons):
    counts = np.bincount([s.n_variables for s in skeletons], minlength=6)[1:]
    expected = np.array(SkeletonPrior().n_variables)
    # Three standard errors of a share at 1,500 draws
    np.testing.assert_allclose(counts / counts.sum(), expected, atol=0.04)


def test_same_seed_same_skeletons():
    assert draw(50, seed=5) == draw(50, seed=5)
    assert draw(50, seed=5) != draw(50, seed=6)


def test_families_are_drawn_per_expression():
    only = draw(
        200,
        families={"power": 0.0, "trigonometric": 1.0, "exponential": 0.0, "other": 0.0},
    )
    tokens = {t for s in only for t in s.expression.tokens}
    assert {"sin", "cos"} <= tokens
    assert tokens.isdisjoint({"exp", "log", "tanh", "abs", "asin"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("C*sin(C*x1) + C", "sin(C*x1)"),
        ("x1*x2/C", "x1*x2"),
        ("C/x1", "1/x1"),
        ("C*x1 + C*x2", "C*x1 + x2"),
        ("C - x1", "x1"),
        ("x1 + C*x2", "x1 + C*x2"),
        ("exp(C*x1 + C)", "exp(C*x1)"),
        ("(C*x1)^2*x2/C", "x1^2*x2"),
    ],
)
def test_scale_and_offset_are_stripped(text, expected):
    got = strip_scale(Expression.from_infix(text).simplify())
    wanted = Expression.from_infix(expected)
    assert got.size <= wanted.size
    assert got.n_constants == wanted.n_constants


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000))
def test_stripping_keeps_the_function_up_to_scale_and_offset(seed):
    rng = np.random.default_rng(seed)
    skeleton = next(draw_skeletons(rng)).expression
    if skeleton.n_constants:
        return
    a, b = rng.uniform(1, 3, 2)
    wrapped = Expression.from_tree(("add", ("mul", a, skeleton.to_tree()), b))
    stripped = strip_scale(wrapped.simplify().skeleton().simplify())
    if stripped.n_constants:  # a*(x1 + x2) has become C*x1 + C*x2
        return
    X = rng.uniform(0.5, 2.0, size=(60, 5))
    f, g = skeleton.evaluate(X), stripped.evaluate(X)
    fine = np.isfinite(f) & np.isfinite(g) & (np.abs(f) < 1e6)
    if fine.sum() < 10 or np.ptp(f[fine]) < 1e-6 * np.abs(f[fine]).max():
        return
    assert abs(np.corrcoef(f[fine], g[fine])[0, 1]) > 1 - 1e-6


@pytest.mark.parametrize(
    "tree",
    [
        ("sub", "x1", "x1"),
        ("mul", "0", "x1"),
        ("add", ("sub", "x2", "x2"), "x1"),
        ("pow", "2", 3.5),
    ],
)
def test_identities_and_lost_variables_are_rejected(tree):
    assert to_target(tree, 2) is None


def test_too_long_targets_are_rejected():
    tree = ("sin", ("add", "x1", ("cos", "x1")))
    assert to_target(tree, 1, max_size=5) is not None
    assert to_target(tree, 1, max_size=4) is None


def test_the_split_ignores_the_order_of_variables_and_arguments(skeletons):
    held_out = [s for s in skeletons if is_held_out(s)]
    assert 0.002 < len(held_out) / len(skeletons) < 0.05
    for skeleton in held_out:
        swapped = [
            {"x1": "x2", "x2": "x1"}.get(t, t) for t in skeleton.expression.tokens
        ]
        other = Expression(swapped).simplify()
        if sorted(other.tokens) == sorted(swapped):
            assert is_held_out(Skeleton(other, skeleton.n_variables))


def test_a_pool_round_trips_through_its_file(skeletons, tmp_path):
    save_pool(skeletons, tmp_path / "pool.txt")
    assert load_pool(tmp_path / "pool.txt") == skeletons
