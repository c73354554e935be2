"""Train an extended language model for some hundred steps on tables with prompts.

Run ``python -m training.fine_tune runs/smollm2 --out runs/tuned --steps 400``, where
the first folder is what `training.extend_tokens` wrote. The text model starts from
knowledge, the point encoder and its projectors from (nearly) nothing: they learn at
rates of their own.
"""

from __future__ import annotations

import argparse
import copy
import csv
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from sklearn_chatsr.models import load_model
from sklearn_chatsr.models.chatsr import ChatSRForExpressionGeneration, ChatSRProcessor
from training.batches import Batch, BatchConfig, Batcher
from training.extend_tokens import new_ids
from training.generator import GeneratorConfig, build_pool
from training.losses import loss_of, validation_losses

logger = logging.getLogger("training")


@dataclass(frozen=True, slots=True)
class FineTuneConfig:
    """How long and how fast.

    Parameters
    ----------
    steps : int
        Optimizer steps.
    learning_rate : float
        Peak for the language model.
    new_learning_rate : float
        Peak for the point encoder and the projectors.
    warmup_steps : int
        Linear warm-up; a linear decay to 0 follows.
    frozen_layers : int
        Lowest layers of the language model that stay as they are.
    evaluate_steps : int
        Steps between two evaluations and checkpoints.
    validation_tables : int
        Tables of unseen shapes for the losses.
    seed : int
        Of the data.
    """

    steps: int = 400
    learning_rate: float = 2e-4
    new_learning_rate: float = 1e-3
    warmup_steps: int = 20
    frozen_layers: int = 0
    evaluate_steps: int = 100
    validation_tables: int = 128
    seed: int = 0


def rate(config: FineTuneConfig, step: int) -> float:
    """Give the share of the peak learning rate at a step, counted from 0."""
    warm = (step + 1) / config.warmup_steps
    falling = max(1, config.steps - config.warmup_steps)
    return min(1.0, warm, (config.steps - step) / falling)


class Learner:
    """Float32 weights of what learns, beside a bfloat16 model that computes.

    Of the two embedding tables only the rows of the new tokens and of the end token
    learn; text keeps its pretrained rows, and the optimizer its short steps.

    Parameters
    ----------
    model : ChatSRForExpressionGeneration
        Float32; is changed by `write_back` only.
    row_ids : sequence of int
        Tokens whose rows learn.
    config : FineTuneConfig
        Rates, and how many layers stay as they are.

    Raises
    ------
    ValueError
        If the model has not so many layers.
    """

    def __init__(
        self,
        model: ChatSRForExpressionGeneration,
        row_ids: Sequence[int],
        config: FineTuneConfig,
    ) -> None:
        self.model, self.config = model, config
        self.fast = copy.deepcopy(model).bfloat16().requires_grad_(False)
        # The backward pass of the fused kernel is slow in bfloat16 on a CPU.
        self.fast.model.language_model.set_attn_implementation("eager")
        rows = torch.tensor(sorted(row_ids))
        self._parts: list[tuple[str, torch.Tensor | None, nn.Parameter]] = []
        groups: dict[float, list[nn.Parameter]] = {}
        weights = dict(model.named_parameters())
        for name, kept, peak in _learning(model, config):
            chosen = rows if kept else None
            value = weights[name].detach()
            master = nn.Parameter((value[rows] if kept else value).clone())
            self._parts.append((name, chosen, master))
            groups.setdefault(peak, []).append(master)
        self._fast = dict(self.fast.named_parameters())
        for name, _, _ in self._parts:
            self._fast[name].requires_grad_(True)
        self.optimizer = torch.optim.AdamW(
            [{"params": group, "peak": peak} for peak, group in groups.items()],
            betas=(0.9, 0.95),
            weight_decay=0.0,
            fused=True,
        )

    @property
    def n_learning(self) -> int:
        """Numbers that learn."""
        return sum(master.numel() for _, _, master in self._parts)

    def learn(self, batch: Batch, step: int) -> float:
        """Take one step, and give the loss before it."""
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * rate(self.config, step)
        loss = loss_of(self.fast, batch)
        loss.backward()  # type: ignore[no-untyped-call]
        for name, rows, master in self._parts:
            grad = self._fast[name].grad
            self._fast[name].grad = None
            if grad is not None:
                master.grad = (grad if rows is None else grad[rows]).float()
        masters = [master for _, _, master in self._parts]
        torch.nn.utils.clip_grad_norm_(masters, 1.0)
        self.optimizer.step()
        self._write(self._fast)
        return float(loss.detach())

    def write_back(self) -> None:
        """Bring the float32 model up to date."""
        self._write(dict(self.model.named_parameters()))

    @torch.no_grad()
    def _write(self, weights: Mapping[str, torch.Tensor]) -> None:
        for name, rows, master in self._parts:
            if rows is None:
                weights[name].copy_(master)
            else:
                weights[name][rows] = master.to(weights[name].dtype)


def _learning(
    model: ChatSRForExpressionGeneration, config: FineTuneConfig
) -> Iterator[tuple[str, bool, float]]:
    """Give the name of what learns, whether by rows only, and its peak rate."""
    decoder: Any = model.model.language_model
    layers = getattr(decoder, "layers", ())
    if not 0 <= config.frozen_layers <= len(layers):
        raise ValueError(
            f"`frozen_layers` == {config.frozen_layers}, must be between 0 and "
            f"{len(layers)}."
        )
    tables = {id(decoder.get_input_embeddings().weight), id(model.lm_head.weight)}
    known = {id(p) for p in decoder.parameters()}
    frozen = {
        id(p) for layer in layers[: config.frozen_layers] for p in layer.parameters()
    }
    for name, parameter in model.named_parameters():
        if id(parameter) in tables:
            yield name, True, config.new_learning_rate
        elif id(parameter) in known - frozen:
            yield name, False, config.learning_rate
        elif id(parameter) not in known:
            yield name, False, config.new_learning_rate


class FineTuning:
    """A run in a folder: the model, its data, a log and the last checkpoint.

    Parameters
    ----------
    model : ChatSRForExpressionGeneration
        Is trained.
    processor : ChatSRProcessor
        Its processor.
    out : pathlib.Path
        Folder for ``log.csv`` and ``model``.
    config : FineTuneConfig
        Steps and rates.
    data : GeneratorConfig
        Tables.
    cut : BatchConfig
        Batches and prompts.
    """

    def __init__(
        self,
        model: ChatSRForExpressionGeneration,
        processor: ChatSRProcessor,
        out: Path,
        config: FineTuneConfig,
        data: GeneratorConfig,
        cut: BatchConfig,
    ) -> None:
        self.model, self.processor, self.out = model, processor, out
        self.config, self.data, self.cut = config, data, cut
        ids = [*new_ids(processor.tokenizer), processor.tokenizer.eos_token_id]
        self.learner = Learner(model, ids, config)

    def run(self) -> list[dict[str, float]]:
        """Train, and give the rows of the log."""
        self.out.mkdir(parents=True, exist_ok=True)
        validation = self._validation()
        batches = self._stream(self.data, self.cut)
        logger.info("%.1f M numbers learn", self.learner.n_learning / 1e6)
        self.learner.fast.train()
        rows: list[dict[str, float]] = []
        running: list[float] = []
        start = time.perf_counter()
        for step in range(self.config.steps + 1):
            if step % self.config.evaluate_steps == 0 or step == self.config.steps:
                losses = validation_losses(self.learner.fast, validation)
                rows.append(
                    {
                        "step": step,
                        "samples": step * self.cut.batch_size,
                        "seconds": round(time.perf_counter() - start, 1),
                        "train_loss": round(float(np.mean(running or [np.nan])), 4),
                        "loss_given": round(losses.given, 4),
                        "loss_hidden": round(losses.hidden, 4),
                    }
                )
                logger.info(" ".join(f"{k}={v}" for k, v in rows[-1].items()))
                self.save(rows)
                running.clear()
            if step < self.config.steps:
                running.append(self.learner.learn(next(batches), step))
                if step % 10 == 0:
                    logger.info("step %d loss %.4f", step, running[-1])
        return rows

    def save(self, rows: list[dict[str, float]]) -> None:
        """Write the log and the model."""
        with (self.out / "log.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)
        self.learner.write_back()
        self.model.save_pretrained(self.out / "model")
        self.processor.save_pretrained(self.out / "model")

    def _validation(self) -> list[Batch]:
        """Draw the fixed batches of shapes that training never sees, points given."""
        data = replace(self.data, pool_size=self.config.validation_tables)
        cut = replace(self.cut, hidden_rate=0.0, hidden_prompted_rate=0.0)
        n_batches = max(1, self.config.validation_tables // cut.batch_size)
        return list(islice(self._stream(data, cut, held_out=True), n_batches))

    def _stream(
        self, data: GeneratorConfig, cut: BatchConfig, held_out: bool = False
    ) -> Iterator[Batch]:
        rng = np.random.default_rng([self.config.seed, int(held_out)])
        pool = build_pool(rng, data, held_out=held_out)
        logger.info("Pool of %d skeletons", len(pool))
        return Batcher(self.processor, cut).stream(pool, rng, data)


def main() -> None:
    """Read the arguments and train."""
    default = FineTuneConfig()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="folder that training.extend_tokens wrote")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=default.steps)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--learning-rate", type=float, default=default.learning_rate)
    parser.add_argument(
        "--new-learning-rate",
        type=float,
        default=default.new_learning_rate,
        help="of the point encoder and the projectors",
    )
    parser.add_argument("--frozen-layers", type=int, default=default.frozen_layers)
    parser.add_argument("--evaluate-steps", type=int, default=default.evaluate_steps)
    parser.add_argument("--pool-size", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=default.seed)
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    model, processor = load_model(args.model, "cpu")
    config = FineTuneConfig(
        steps=args.steps,
        learning_rate=args.learning_rate,
        new_learning_rate=args.new_learning_rate,
        frozen_layers=args.frozen_layers,
        evaluate_steps=args.evaluate_steps,
        seed=args.seed,
    )
    data = GeneratorConfig(
        pool_size=args.pool_size,
        tables_per_skeleton=2,
        skeletons_per_chunk=256,
        point_caps=(32, 64),
        point_cap_weights=(0.7, 0.3),
    )
    # Few tables are seen: more of them have a prompt than in a long training.
    cut = BatchConfig(
        args.batch_size,
        prompt_rates=(0.3, 0.35, 0.2, 0.15),
        hidden_prompted_rate=0.25,
    )
    # The loaded model is shared by the process: train a copy.
    FineTuning(copy.deepcopy(model), processor, args.out, config, data, cut).run()


if __name__ == "__main__":
    main()
