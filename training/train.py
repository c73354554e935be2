"""Train the small ChatSR model from scratch on generated data.

Run ``python -m training.train --out runs/small --seconds 4200``. Stopped at any time,
the same command goes on from the last checkpoint; the learning rate falls to zero at
the end of the planned seconds.
"""

from __future__ import annotations

import argparse
import copy
import csv
import gc
import logging
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sklearn_chatsr.models import load_model
from sklearn_chatsr.models.chatsr import (
    ChatSRConfig,
    ChatSRForExpressionGeneration,
    ChatSRProcessor,
)
from sklearn_chatsr.models.chatsr.statistics_chatsr import statistics_size
from training.batches import Batch, BatchConfig, Batcher, hide
from training.carry_over import carry_over
from training.generator import GeneratorConfig, build_pool, draw_chunk
from training.skeletons import load_pool, save_pool
from training.tokenizer import build_processor

logger = logging.getLogger("training")


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """How long and how fast.

    Parameters
    ----------
    seconds : float
        Training time over all runs, evaluation excluded; ends the decay.
    learning_rate : float
        Peak.
    warmup_steps : int
        Linear warm-up.
    hold : float
        Share of the time after which the linear decay begins.
    weight_decay : float
        Of AdamW, on matrices.
    checkpoint_seconds : float
        Time between two evaluations and checkpoints.
    validation_tables : int
        Tables of unseen skeletons for the losses.
    seed : int
        Of weights and data.
    """

    seconds: float = 4200.0
    learning_rate: float = 1.5e-3
    warmup_steps: int = 300
    hold: float = 0.3
    weight_decay: float = 0.02
    checkpoint_seconds: float = 240.0
    validation_tables: int = 2048
    seed: int = 0


def build_model(processor: ChatSRProcessor, seed: int) -> ChatSRForExpressionGeneration:
    """Build the small model with random weights, global random state untouched."""
    tokenizer = processor.tokenizer
    max_variables = processor.feature_extractor.max_variables
    config = ChatSRConfig(
        point_config={
            "max_variables": max_variables,
            "statistics_size": statistics_size(max_variables),
            "num_feature_tokens": processor.num_feature_tokens,
        },
        text_config={
            "model_type": "qwen2",
            "vocab_size": len(tokenizer),
            "hidden_size": 192,
            "intermediate_size": 512,
            "num_hidden_layers": 4,
            "num_attention_heads": 3,
            "num_key_value_heads": 3,
            "max_position_embeddings": 512,
            "initializer_range": 0.05,
            "tie_word_embeddings": False,
            "pad_token_id": tokenizer.pad_token_id,
            "bos_token_id": tokenizer.bos_token_id,
            "eos_token_id": tokenizer.eos_token_id,
        },
        point_token_id=tokenizer.convert_tokens_to_ids("<|point|>"),
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = ChatSRForExpressionGeneration(config)
    # The backward pass of the fused kernel is slow in bfloat16 on a CPU.
    model.model.language_model.set_attn_implementation("eager")
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.generation_config.bos_token_id = tokenizer.bos_token_id
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    return model


def loss_of(model: ChatSRForExpressionGeneration, batch: Batch) -> torch.Tensor:
    """Compute the mean loss in nats per target token."""
    first = int((batch["labels"] >= 0).int().argmax(dim=1).min())
    keep = batch["labels"].shape[1] - first + 1
    loss: torch.Tensor = model(**batch, logits_to_keep=keep, use_cache=False).loss
    return loss


class HalfPrecision:
    """A bfloat16 copy of a model that computes, beside float32 weights that learn.

    On a CPU this takes about half the time of autocast: what is between the matrix
    products, bound by memory, moves half the bytes.

    Parameters
    ----------
    model : ChatSRForExpressionGeneration
        The float32 weights, which the optimizer changes.
    """

    def __init__(self, model: ChatSRForExpressionGeneration) -> None:
        self.copy = copy.deepcopy(model).bfloat16()
        self._pairs = list(zip(model.parameters(), self.copy.parameters(), strict=True))

    def hand_over_gradients(self) -> None:
        """Move the gradients of the copy to the float32 weights."""
        for master, fast in self._pairs:
            master.grad = None if fast.grad is None else fast.grad.float()
            fast.grad = None

    @torch.no_grad()
    def refresh(self) -> None:
        """Round the float32 weights into the copy."""
        for master, fast in self._pairs:
            fast.copy_(master)


@torch.no_grad()
def validation_losses(
    model: ChatSRForExpressionGeneration, batches: list[Batch]
) -> tuple[float, float]:
    """Give the loss per token with the points given, and with the points hidden."""
    model.eval()
    totals = np.zeros(2)
    n_tokens = 0
    for batch in batches:
        n = int((batch["labels"] >= 0).sum())
        totals += n * np.array([float(loss_of(model, b)) for b in (batch, hide(batch))])
        n_tokens += n
    model.train()
    return float(totals[0] / n_tokens), float(totals[1] / n_tokens)


def learning_rate(config: TrainConfig, step: int, seconds: float) -> float:
    """Give the rate: warm-up by steps, then constant, then linear to 0 by time."""
    warm = min(1.0, (step + 1) / config.warmup_steps)
    left = max(0.0, 1.0 - seconds / config.seconds)
    return config.learning_rate * warm * min(1.0, left / (1.0 - config.hold))


class Training:
    """A run in a folder: model, optimizer, data, log, checkpoints."""

    def __init__(
        self,
        out: Path,
        config: TrainConfig,
        data: GeneratorConfig,
        cut: BatchConfig,
        init_from: str | None = None,
    ) -> None:
        self.out, self.config, self.data = out, config, data
        self.out.mkdir(parents=True, exist_ok=True)
        self.processor = build_processor()
        self.batcher = Batcher(self.processor, cut)
        self.model = build_model(self.processor, config.seed)
        if init_from is not None:
            source, known = load_model(init_from, "cpu")
            carry_over(self.model, self.processor.tokenizer, source, known.tokenizer)
        matrices = [p for p in self.model.parameters() if p.ndim > 1]
        vectors = [p for p in self.model.parameters() if p.ndim <= 1]
        self.optimizer = torch.optim.AdamW(
            [
                {"params": matrices, "weight_decay": config.weight_decay},
                {"params": vectors, "weight_decay": 0.0},
            ],
            lr=config.learning_rate,
            betas=(0.9, 0.95),
            fused=True,
        )
        self.step, self.samples, self.seconds = 0, 0, 0.0
        self.resume()
        self.half = HalfPrecision(self.model)

    def resume(self) -> None:
        """Go on from the last checkpoint, if there is one."""
        path = self.out / "state.pt"
        if not path.exists():
            return
        state = torch.load(path, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.samples = state["step"], state["samples"]
        self.seconds = state["seconds"]
        logger.info("Resumed at step %d, %.0f s", self.step, self.seconds)

    def save(self) -> None:
        """Write the state to go on from, and the model to use."""
        state = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "samples": self.samples,
            "seconds": self.seconds,
        }
        torch.save(state, self.out / "state.tmp")
        os.replace(self.out / "state.tmp", self.out / "state.pt")
        self.model.save_pretrained(self.out / "model")
        self.processor.save_pretrained(self.out / "model")

    def log(self, row: dict[str, Any]) -> None:
        """Append a row to the CSV."""
        path = self.out / "log.csv"
        new = not path.exists()
        with path.open("a", newline="") as file:
            writer = csv.DictWriter(file, row)
            if new:
                writer.writeheader()
            writer.writerow(row)
        logger.info(" ".join(f"{k}={v}" for k, v in row.items()))

    def validation(self) -> list[Batch]:
        """Draw the fixed validation batches from shapes that training never sees."""
        rng = np.random.default_rng([self.config.seed, 1])
        data = GeneratorConfig(
            prior=self.data.prior,
            pool_size=1024,
            tables_per_skeleton=1,
            skeletons_per_chunk=self.config.validation_tables,
            point_caps=(64,),
            point_cap_weights=(1.0,),
        )
        pool = build_pool(rng, data, held_out=True)
        cut = BatchConfig(self.batcher.config.batch_size, hidden_rate=0.0)
        return Batcher(self.processor, cut).cut(draw_chunk(pool, rng, data), rng)

    def batches(self) -> Iterator[Batch]:
        """Give training batches; a resumed run draws new ones."""
        path = self.out / "pool.txt"
        if not path.exists():
            rng = np.random.default_rng([self.config.seed, 2])
            save_pool(build_pool(rng, self.data), path)
        pool = load_pool(path)
        # A hundred thousand skeletons are not worth a look of the garbage collector.
        gc.freeze()
        logger.info("Pool of %d skeletons", len(pool))
        rng = np.random.default_rng([self.config.seed, 3, self.step])
        return self.batcher.stream(pool, rng, self.data)

    def run(self) -> None:
        """Train until the planned seconds are over."""
        validation = self.validation()
        batches = self.batches()
        self.half.copy.train()
        running: list[torch.Tensor] = []
        mark, last_saved = time.perf_counter(), self.seconds
        while self.seconds < self.config.seconds:
            batch = next(batches)
            for group in self.optimizer.param_groups:
                group["lr"] = learning_rate(self.config, self.step, self.seconds)
            loss = loss_of(self.half.copy, batch)
            loss.backward()  # type: ignore[no-untyped-call]
            self.half.hand_over_gradients()
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimizer.step()
            self.half.refresh()
            running.append(loss.detach())
            self.step += 1
            self.samples += len(batch["labels"])
            now = time.perf_counter()
            # A paused process (SIGSTOP) must not use up its time.
            self.seconds += min(now - mark, 10.0)
            mark = now
            if self.step % 50 == 0:
                logger.info("step %d loss %.4f", self.step, float(running[-1]))
            early = self.step in (300, 1000)
            due = self.seconds - last_saved >= self.config.checkpoint_seconds
            if due or early or self.seconds >= self.config.seconds:
                given, hidden = validation_losses(self.half.copy, validation)
                self.log(
                    {
                        "step": self.step,
                        "samples": self.samples,
                        "seconds": round(self.seconds, 1),
                        "train_loss": round(float(torch.stack(running).mean()), 4),
                        "loss_given": round(given, 4),
                        "loss_hidden": round(hidden, 4),
                        "learning_rate": self.optimizer.param_groups[0]["lr"],
                    }
                )
                self.save()
                running.clear()
                last_saved, mark = self.seconds, time.perf_counter()


def main() -> None:
    """Read the arguments and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=TrainConfig().seconds)
    parser.add_argument(
        "--learning-rate", type=float, default=TrainConfig().learning_rate
    )
    parser.add_argument("--batch-size", type=int, default=BatchConfig().batch_size)
    parser.add_argument("--pool-size", type=int, default=GeneratorConfig().pool_size)
    parser.add_argument(
        "--prompt-rates",
        type=lambda text: tuple(float(rate) for rate in text.split(",")),
        default=BatchConfig().prompt_rates,
        help="shares of tables whose prompt tells 0, 1, 2, ... properties",
    )
    parser.add_argument(
        "--hidden-prompted-rate",
        type=float,
        default=BatchConfig().hidden_prompted_rate,
        help="share of tables with a prompt that are shown without their points",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--init-from", help="checkpoint to start from, its vocabulary may differ"
    )
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    Training(
        args.out,
        TrainConfig(
            seconds=args.seconds, learning_rate=args.learning_rate, seed=args.seed
        ),
        GeneratorConfig(
            pool_size=args.pool_size, tables_per_skeleton=4, skeletons_per_chunk=1024
        ),
        BatchConfig(
            batch_size=args.batch_size,
            prompt_rates=args.prompt_rates,
            hidden_prompted_rate=args.hidden_prompted_rate,
        ),
        args.init_from,
    ).run()


if __name__ == "__main__":
    main()
