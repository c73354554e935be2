"""Cut generated tables into padded training batches."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from sklearn_chatsr.models.chatsr import ChatSRProcessor
from training.generator import GeneratorConfig, Tables, draw_chunk
from training.skeletons import Skeleton

Batch = dict[str, torch.Tensor]

# Encoded targets that are kept; a run of many hours would hold ever more.
_MOST_KNOWN = 200_000


@dataclass(frozen=True, slots=True)
class BatchConfig:
    """How batches are cut.

    Parameters
    ----------
    batch_size : int
        Tables of a batch.
    hidden_rate : float
        Share of the tables shown without their points, so that the model knows its own
        prior and the control "points hidden" is a fair one.
    """

    batch_size: int = 128
    hidden_rate: float = 0.05


class Batcher:
    """Turn tables into batches of similar length.

    Parameters
    ----------
    processor : ChatSRProcessor
        Writes prompts and encodes targets.
    config : BatchConfig
        Sizes and rates.
    """

    def __init__(self, processor: ChatSRProcessor, config: BatchConfig) -> None:
        self.processor = processor
        self.config = config
        self._prompts: dict[int, list[int]] = {}
        self._ids: dict[tuple[str, ...], list[int]] = {}

    def stream(
        self,
        pool: Sequence[Skeleton],
        rng: np.random.Generator,
        config: GeneratorConfig,
    ) -> Iterator[Batch]:
        """Give batches without end."""
        while True:
            yield from self.cut(draw_chunk(pool, rng, config), rng)

    def cut(self, chunk: Iterable[Tables], rng: np.random.Generator) -> list[Batch]:
        """Cut one chunk into batches in random order.

        The last tables that do not fill a batch are dropped.
        """
        arrays, ids = self._collect(chunk)
        n = len(ids)
        lengths = np.array([len(i) for i in ids]) + arrays["n_tokens"]
        # Similar lengths together, and wide tables apart, because the encoder pays per
        # column. Ties are in random order, so a batch mixes skeletons.
        order = np.lexsort((rng.random(n), lengths, arrays["n_columns"] > 3))
        hidden = rng.random(n) < self.config.hidden_rate
        arrays["point_mask"] = arrays["point_mask"] & ~hidden[:, None]
        arrays["statistics"][hidden] = 0.0
        size = min(self.config.batch_size, n)
        starts = rng.permutation(np.arange(0, n - size + 1, size))
        return [self._batch(arrays, ids, order[s : s + size]) for s in starts]

    def _collect(
        self, chunk: Iterable[Tables]
    ) -> tuple[dict[str, npt.NDArray[Any]], list[list[int]]]:
        """Extract features, the tables with equally many columns together."""
        by_columns: dict[int, list[Tables]] = defaultdict(list)
        for tables in chunk:
            by_columns[tables.X.shape[2]].append(tables)
        parts, ids = [], []
        widest = max(by_columns)
        for d, group in by_columns.items():
            part = self.processor.feature_extractor.extract(
                np.concatenate([t.X for t in group]),
                np.concatenate([t.y for t in group]),
                np.concatenate([t.point_mask for t in group]),
            )
            part["statistics"] = np.pad(
                part["statistics"], ((0, 0), (0, widest - d), (0, 0))
            )
            part["n_tokens"] = np.full(len(part["points"]), len(self._prompt(d)))
            part["n_columns"] = np.full(len(part["points"]), d)
            parts.append(part)
            for tables in group:
                ids += [self._target(tables)] * len(tables.X)
        return {k: np.concatenate([p[k] for p in parts]) for k in parts[0]}, ids

    def _prompt(self, n_columns: int) -> list[int]:
        if n_columns not in self._prompts:
            text = self.processor.prompt_text(n_columns)
            tokens = self.processor.tokenizer(text, add_special_tokens=False)
            self._prompts[n_columns] = tokens["input_ids"]
        return self._prompts[n_columns]

    def _target(self, tables: Tables) -> list[int]:
        key = tables.expression.tokens
        if len(self._ids) > _MOST_KNOWN:
            self._ids.clear()
        if key not in self._ids:
            self._ids[key] = self.processor.encode_expression(tables.expression)
        return self._ids[key]

    def _batch(
        self,
        arrays: dict[str, npt.NDArray[Any]],
        ids: list[list[int]],
        rows: npt.NDArray[np.int_],
    ) -> Batch:
        prompts = [self._prompt(int(d)) for d in arrays["n_columns"][rows]]
        targets = [ids[row] for row in rows]
        length = max(len(p) + len(t) for p, t in zip(prompts, targets, strict=True))
        pad = self.processor.tokenizer.pad_token_id
        input_ids = np.full((len(rows), length), pad)
        labels = np.full((len(rows), length), -100)
        attention = np.zeros((len(rows), length), dtype=np.int64)
        for i, (prompt, target) in enumerate(zip(prompts, targets, strict=True)):
            end = len(prompt) + len(target)
            input_ids[i, :end] = prompt + target
            labels[i, len(prompt) : end] = target
            attention[i, :end] = 1
        n_points = max(1, int(arrays["point_mask"][rows].sum(axis=1).max()))
        n_columns = int(arrays["n_columns"][rows].max())
        return {
            "input_ids": torch.from_numpy(input_ids),
            "labels": torch.from_numpy(labels),
            "attention_mask": torch.from_numpy(attention),
            "points": torch.from_numpy(arrays["points"][rows, :n_points]),
            "point_mask": torch.from_numpy(arrays["point_mask"][rows, :n_points]),
            "column_mask": torch.from_numpy(arrays["column_mask"][rows]),
            "statistics": torch.from_numpy(arrays["statistics"][rows, : 1 + n_columns]),
        }


def hide(batch: Batch) -> Batch:
    """Give the same batch with the points and their statistics hidden."""
    return {
        **batch,
        "point_mask": torch.zeros_like(batch["point_mask"]),
        "statistics": torch.zeros_like(batch["statistics"]),
    }
