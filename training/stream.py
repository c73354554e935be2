"""Training batches without end, as a dataset."""

from __future__ import annotations

import gc
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch.utils.data import IterableDataset

from training.batches import Batch, Batcher
from training.generator import GeneratorConfig, build_pool
from training.skeletons import load_pool, save_pool

logger = logging.getLogger("training")


@dataclass(frozen=True, slots=True)
class Share:
    """What part of the data a process takes.

    Parameters
    ----------
    index, count : int
        This process, and how many there are.
    of_same : bool
        Every process draws the same batches and takes its rows of each, so that a run
        does not depend on the number of processes; else each draws its own.
    """

    index: int = 0
    count: int = 1
    of_same: bool = False

    def rows(self, batch: Batch) -> Batch:
        """Give the rows of this process."""
        if not self.of_same:
            return batch
        return {name: part[self.index :: self.count] for name, part in batch.items()}


class TableStream(IterableDataset[Batch]):
    """Batches of fresh tables from the pool of a run.

    Parameters
    ----------
    pool : pathlib.Path
        File of skeletons, from `make_pool`.
    batcher : Batcher
        Cuts tables into batches.
    data : GeneratorConfig
        What tables look like.
    seed : int
        Of the run.
    share : Share
        Part of this process.
    """

    def __init__(
        self,
        pool: Path,
        batcher: Batcher,
        data: GeneratorConfig,
        seed: int,
        share: Share,
    ) -> None:
        self._pool_file = pool
        self._batcher, self._data = batcher, data
        self._seed, self._share = seed, share
        # A resumed run starts elsewhere and draws what no part of it has seen.
        self.start_step = 0

    def __iter__(self) -> Iterator[Batch]:
        pool = load_pool(self._pool_file)
        # A hundred thousand skeletons are not worth a look of the garbage collector.
        gc.freeze()
        logger.info("Pool of %d skeletons", len(pool))
        own = (
            [] if self._share.of_same or self._share.count == 1 else [self._share.index]
        )
        rng = np.random.default_rng([self._seed, 3, self.start_step, *own])
        for batch in self._batcher.stream(pool, rng, self._data):
            yield self._share.rows(batch)


def make_pool(path: Path, data: GeneratorConfig, seed: int) -> None:
    """Draw the skeletons of a run and write them, unless they are there."""
    if not path.exists():
        rng = np.random.default_rng([seed, 2])
        temporary = path.with_suffix(".tmp")
        save_pool(build_pool(rng, data), temporary)
        os.replace(temporary, path)
