"""Cut generated tables into padded training batches."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import torch

from sklearn_chatsr.expressions import variable_index
from sklearn_chatsr.models.chatsr import ChatSRProcessor
from sklearn_chatsr.models.chatsr.processing_chatsr import DEFAULT_PROMPT
from sklearn_chatsr.prompts import Property, PropertyDrawer, write_prompt
from sklearn_chatsr.prompts.wordings import Phrasing
from training.generator import GeneratorConfig, Tables, draw_chunk
from training.paraphrases import training_phrasing
from training.skeletons import Skeleton

Batch = dict[str, torch.Tensor]
Inputs = Literal["all", "points", "statistics", "none"]
INPUTS: tuple[Inputs, ...] = get_args(Inputs)

_PROMPT_BUCKET = 8  # tokens
# Tokens and points are padded to multiples of this: torch keeps a kernel, and its
# memory, for every shape that it has met.
_SHAPE_BUCKET = 8
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
    prompt_rates : tuple of float
        Shares of the tables whose prompt tells 0, 1, 2, ... true properties.
    hidden_prompted_rate : float
        Share of the tables with a prompt that are shown without their points: there the
        prompt is all that the model can go by.
    bare_rate : float
        Share of the tables shown with their points but without the statistics, so that
        the encoder learns to read although the statistics say much of it.
    inputs : {"all", "points", "statistics", "none"}
        What of a table is shown beside the prompt, for ablations.
    phrasing : Phrasing
        Wordings of the prompts.
    """

    batch_size: int = 128
    hidden_rate: float = 0.05
    prompt_rates: tuple[float, ...] = (0.6, 0.25, 0.10, 0.05)
    hidden_prompted_rate: float = 0.15
    bare_rate: float = 0.25
    inputs: Inputs = "all"
    phrasing: Phrasing = field(default_factory=training_phrasing)


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
        self._placeholders: dict[int, tuple[list[int], list[int]]] = {}
        self._words: dict[str, list[int]] = {}
        self._drawer = PropertyDrawer()
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
        arrays, prompts, ids = self._collect(chunk, rng)
        n = len(ids)
        lengths = np.array([len(p) + len(i) for p, i in zip(prompts, ids, strict=True)])
        # Similar lengths together, of the prompt first, because the head scores every
        # position from the end of the shortest prompt on; and wide tables apart,
        # because the encoder pays per column. Ties are in random order, so a batch
        # mixes skeletons.
        told = np.array([len(p) for p in prompts]) // _PROMPT_BUCKET
        wide = arrays["n_columns"] > 3
        order = np.lexsort((rng.random(n), lengths, told, wide))
        hidden = rng.random(n) < np.where(
            arrays["is_prompted"],
            self.config.hidden_prompted_rate,
            self.config.hidden_rate,
        )
        inputs = self.config.inputs
        unseen = hidden | (inputs in ("statistics", "none"))
        arrays["point_mask"] = arrays["point_mask"] & ~unseen[:, None]
        bare = rng.random(n) < self.config.bare_rate
        arrays["statistics"][hidden | bare | (inputs in ("points", "none"))] = 0.0
        size = min(self.config.batch_size, n)
        starts = rng.permutation(np.arange(0, n - size + 1, size))
        return [self._batch(arrays, prompts, ids, order[s : s + size]) for s in starts]

    def _collect(
        self, chunk: Iterable[Tables], rng: np.random.Generator
    ) -> tuple[dict[str, npt.NDArray[Any]], list[list[int]], list[list[int]]]:
        """Extract features, the tables with equally many columns together."""
        by_columns: dict[int, list[Tables]] = defaultdict(list)
        for tables in chunk:
            by_columns[tables.X.shape[2]].append(tables)
        parts, ids = [], []
        texts: list[str | None] = []
        columns: list[int] = []
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
            part["n_columns"] = np.full(len(part["points"]), d)
            parts.append(part)
            for tables in group:
                ids += [self._target(tables)] * len(tables.X)
                texts += [self._text(tables, i, rng) for i in range(len(tables.X))]
                columns += [d] * len(tables.X)
        arrays = {k: np.concatenate([p[k] for p in parts]) for k in parts[0]}
        arrays["is_prompted"] = np.array([text is not None for text in texts])
        return arrays, self._prompts(columns, texts), ids

    def _text(self, tables: Tables, index: int, rng: np.random.Generator) -> str | None:
        """Write true properties of one table, None for a table without a prompt."""
        n_properties = draw_number(self.config.prompt_rates, rng)
        if n_properties == 0:
            return None
        told = true_properties(self._drawer, tables, index, n_properties, rng)
        return write_prompt(told, rng, phrasing=self.config.phrasing) if told else None

    def _prompts(
        self, columns: Sequence[int], texts: Sequence[str | None]
    ) -> list[list[int]]:
        """Encode prompts; the words of a chunk go to the tokenizer at once."""
        words = [text or DEFAULT_PROMPT for text in texts]
        if len(self._words) > _MOST_KNOWN:
            self._words.clear()
        new = sorted(set(words) - set(self._words))
        if new:
            encoded = self.processor.tokenizer(new, add_special_tokens=False)
            self._words.update(zip(new, encoded["input_ids"], strict=True))
        prompts = []
        for n_columns, text in zip(columns, words, strict=True):
            before, after = self._around(n_columns)
            prompts.append([*before, *self._words[text], *after])
        return prompts

    def _around(self, n_columns: int) -> tuple[list[int], list[int]]:
        """Give the token ids before and after the words of a prompt."""
        if n_columns not in self._placeholders:
            tokenizer = self.processor.tokenizer
            text = self.processor.prompt_text(n_columns)
            sides = text.split(DEFAULT_PROMPT)
            before, after = tokenizer(sides, add_special_tokens=False)["input_ids"]
            self._placeholders[n_columns] = before, after
        return self._placeholders[n_columns]

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
        all_prompts: list[list[int]],
        ids: list[list[int]],
        rows: npt.NDArray[np.int_],
    ) -> Batch:
        prompts = [all_prompts[row] for row in rows]
        targets = [ids[row] for row in rows]
        length = max(len(p) + len(t) for p, t in zip(prompts, targets, strict=True))
        length = _rounded_up(length)
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
        n_points = min(_rounded_up(n_points), arrays["points"].shape[1])
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


def _rounded_up(length: int) -> int:
    return -(-length // _SHAPE_BUCKET) * _SHAPE_BUCKET


def draw_number(rates: Sequence[float], rng: np.random.Generator) -> int:
    """Draw 0, 1, 2, ... at given rates."""
    steps = np.cumsum(rates)
    return int(np.searchsorted(steps, rng.random() * steps[-1], "right"))


def true_properties(
    drawer: PropertyDrawer,
    tables: Tables,
    index: int,
    n_properties: int,
    rng: np.random.Generator,
) -> list[Property]:
    """Draw properties of a target that hold of one of its tables as well.

    Parameters
    ----------
    drawer : PropertyDrawer
        Draws those of the target.
    tables : Tables
        Tables of one target.
    index : int
        Which of them.
    n_properties : int
        How many at most.
    rng : numpy.random.Generator
        Source of randomness.
    """
    drawn = drawer.draw(tables.expression, tables.X.shape[2], n_properties, rng)
    shown = tables.point_mask[index]
    X, y = tables.X[index][shown], tables.y[index][shown]
    return [p for p in (_as_seen(p, X, y) for p in drawn) if p is not None]


def _as_seen(
    item: Property, X: npt.NDArray[np.float64], y: npt.NDArray[np.float64]
) -> Property | None:
    """Bring what was said of a skeleton in line with the table: its factor has a sign.

    None for what does not hold of the table.
    """
    if item.kind in ("increasing", "decreasing"):
        x = X[:, variable_index(item.arguments[0])]
        rises = float(np.dot(x - x.mean(), y - y.mean())) >= 0
        return Property("increasing" if rises else "decreasing", item.arguments)
    if item.kind == "positive" and not (y > 0).all():
        return None
    return item


def hide_statistics(batch: Batch) -> Batch:
    """Give the same batch with the points alone, their statistics hidden."""
    return {**batch, "statistics": torch.zeros_like(batch["statistics"])}


def hide(batch: Batch) -> Batch:
    """Give the same batch with the points and their statistics hidden."""
    return {
        **hide_statistics(batch),
        "point_mask": torch.zeros_like(batch["point_mask"]),
    }
