import numpy as np
import pytest

from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.fitting import ConstantFitter
from training.batches import BatchConfig, Batcher, hide, hide_statistics
from training.generator import (
    GeneratorConfig,
    build_pool,
    draw_chunk,
    draw_tables,
)
from training.skeletons import Skeleton, is_held_out
from training.tokenizer import build_processor

CONFIG = GeneratorConfig(
    pool_size=300, skeletons_per_chunk=120, tables_per_skeleton=4, distractor_rate=0.3
)


@pytest.fixture(scope="module")
def pool():
    return build_pool(np.random.default_rng(0), CONFIG)


@pytest.fixture(scope="module")
def chunk(pool):
    return list(draw_chunk(pool, np.random.default_rng(1), CONFIG))


def test_tables_are_finite_and_vary(chunk):
    for tables in chunk:
        n = tables.point_mask.sum(axis=1)
        assert np.isfinite(tables.X).all()
        assert np.isfinite(tables.y).all()
        assert (n >= 8).all()
        for y, mask in zip(tables.y, tables.point_mask, strict=True):
            assert np.ptp(y[mask]) > 0


def test_padding_comes_last_and_is_zero(chunk):
    for tables in chunk:
        assert (np.diff(tables.point_mask.astype(int), axis=1) <= 0).all()
        assert (tables.X[~tables.point_mask] == 0).all()
        assert (tables.y[~tables.point_mask] == 0).all()


def test_targets_stay_canonical_among_distractors(chunk):
    wide = [t for t in chunk if t.X.shape[2] > len(t.expression.variables)]
    assert wide
    for tables in wide:
        assert tables.expression.variables[-1] < tables.X.shape[2]
        assert tables.expression.simplify() == tables.expression


@pytest.mark.parametrize(
    "tokens",
    [
        ["div", "mul", "x1", "x2", "sq", "x3"],
        ["exp", "neg", "sq", "x1"],
        ["sqrt", "add", "sq", "x1", "sq", "x2"],
    ],
)
def test_without_noise_the_target_explains_every_table(tokens):
    config = GeneratorConfig(noise_rate=0.0, distractor_rate=0.0)
    expression = Expression(tokens)
    skeleton = Skeleton(expression, len(expression.variables))
    tables = draw_tables(skeleton, np.random.default_rng(2), config, 32)
    assert tables is not None
    for X, y, mask in zip(tables.X, tables.y, tables.point_mask, strict=True):
        f = expression.evaluate(X[mask])
        design = np.column_stack([f / np.abs(f).max(), np.ones(len(f))])
        left = y[mask] - design @ np.linalg.lstsq(design, y[mask], rcond=None)[0]
        assert left.std() < 1e-6 * y[mask].std()


def test_constants_are_recovered_from_the_tables():
    config = GeneratorConfig(noise_rate=0.0, offset_rate=0.0, distractor_rate=0.0)
    skeleton = Skeleton(Expression(["log", "add", "x1", "C"]), 1)
    tables = draw_tables(skeleton, np.random.default_rng(3), config, 64)
    assert tables is not None
    X, y, mask = tables.X[0], tables.y[0], tables.point_mask[0]
    fit = ConstantFitter(X[mask], y[mask]).fit(skeleton.expression, scale=True)
    assert fit.fvu < 1e-9


def test_noise_is_at_most_a_tenth_of_the_spread():
    config = GeneratorConfig(noise_rate=1.0, offset_rate=0.0, distractor_rate=0.0)
    skeleton = Skeleton(Expression(["x1"]), 1)
    shares = []
    rng = np.random.default_rng(4)
    for _ in range(20):
        tables = draw_tables(skeleton, rng, config, 128)
        assert tables is not None
        for X, y, mask in zip(tables.X, tables.y, tables.point_mask, strict=True):
            if mask.sum() > 60:
                r = np.corrcoef(X[mask, 0], y[mask])[0, 1]
                shares.append(np.sqrt(1 - r * r))
    assert min(shares) > 1e-5
    assert max(shares) < 0.15
    assert np.ptp(np.log10(shares)) > 1.5


def test_same_seed_same_tables(pool):
    first, second = (
        list(draw_chunk(pool, np.random.default_rng(9), CONFIG)) for _ in range(2)
    )
    assert all(
        a.expression == b.expression and np.array_equal(a.y, b.y)
        for a, b in zip(first, second, strict=True)
    )


def test_training_and_validation_pools_share_no_shape(pool):
    config = GeneratorConfig(pool_size=5)
    held_out = build_pool(np.random.default_rng(0), config, held_out=True)
    assert all(map(is_held_out, held_out))
    assert not any(map(is_held_out, pool))


def test_batches_hold_the_targets_and_fit_the_model(chunk):
    processor = build_processor()
    batches = Batcher(processor, BatchConfig(64, hidden_rate=0.25)).cut(
        chunk, np.random.default_rng(0)
    )
    targets = {t.expression for t in chunk}
    hidden = 0
    for batch in batches:
        places = batch["input_ids"] == processor.tokenizer.convert_tokens_to_ids(
            "<|point|>"
        )
        n_features = 9 + batch["column_mask"][:, :-1].sum(dim=1)
        assert (places.sum(dim=1) == n_features).all()
        for ids, labels in zip(batch["input_ids"], batch["labels"], strict=True):
            marked = labels >= 0
            assert (ids[marked] == labels[marked]).all()
            assert processor.decode_expression(labels[marked].tolist()) in targets
        without = ~batch["point_mask"].any(dim=1)
        assert (batch["statistics"][without] == 0).all()
        hidden += int(without.sum())
    total = sum(len(b["labels"]) for b in batches)
    assert 0.15 < hidden / total < 0.35


def test_hiding_a_batch_leaves_targets_and_columns():
    processor = build_processor()
    pool = [Skeleton(Expression(["sq", "x1"]), 1)]
    config = GeneratorConfig(skeletons_per_chunk=4, tables_per_skeleton=4)
    batcher = Batcher(processor, BatchConfig(16, hidden_rate=0.0))
    batch = next(batcher.stream(pool, np.random.default_rng(0), config))
    assert (hide_statistics(batch)["point_mask"] == batch["point_mask"]).all()
    assert (hide_statistics(batch)["statistics"] == 0).all()
    covered = hide(batch)
    assert not covered["point_mask"].any()
    assert (covered["statistics"] == 0).all()
    assert batch["point_mask"].any()
    assert (covered["labels"] == batch["labels"]).all()
