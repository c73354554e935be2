from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from training.batches import BatchConfig, Batcher
from training.generator import GeneratorConfig
from training.stream import Share, TableStream, make_pool
from training.tokenizer import build_processor

DATA = GeneratorConfig(pool_size=100, tables_per_skeleton=2, skeletons_per_chunk=20)


@pytest.fixture(scope="module")
def draw(tmp_path_factory):
    pool = tmp_path_factory.mktemp("run") / "pool.txt"
    make_pool(pool, DATA, seed=0)
    batcher = Batcher(build_processor(), BatchConfig(batch_size=8))

    def first(start_step=0, share=None, n=3):
        stream = TableStream(pool, batcher, DATA, 0, share or Share())
        stream.start_step = start_step
        return list(itertools.islice(stream, n))

    return first


def points(batches):
    return {row.numpy().tobytes() for b in batches for row in b["points"][:, :8]}


def test_the_same_start_gives_the_same_batches(draw):
    assert points(draw()) == points(draw())


def test_a_resumed_run_draws_new_tables(draw):
    assert not points(draw()) & points(draw(start_step=10))


def test_processes_draw_different_tables(draw):
    of_first = draw(share=Share(0, 2))

    assert not points(of_first) & points(draw(share=Share(1, 2)))


def test_shares_of_the_same_batch_make_it_up(draw):
    whole = draw()
    parts = [draw(share=Share(i, 2, of_same=True)) for i in range(2)]

    for batch, left, right in zip(whole, *parts, strict=True):
        for name in batch:
            assert torch.equal(batch[name][0::2], left[name])
            assert torch.equal(batch[name][1::2], right[name])


def test_the_pool_of_a_run_stays(tmp_path):
    path = tmp_path / "pool.txt"
    make_pool(path, DATA, seed=0)
    before = path.read_bytes()

    make_pool(path, DATA, seed=1)

    assert path.read_bytes() == before
    assert np.array([p.suffix for p in tmp_path.iterdir()]).tolist() == [".txt"]
