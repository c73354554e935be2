"""The Trainer of transformers, for endless data, planned time and one fast CPU."""

from __future__ import annotations

import copy
import importlib.util
import logging
import math
import os
import time
from pathlib import Path
from typing import Any

import torch
from accelerate.state import DistributedType
from accelerate.utils import FullyShardedDataParallelPlugin, broadcast
from torch.utils.data import DataLoader
from transformers import (
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from sklearn_chatsr.models.chatsr import ChatSRForExpressionGeneration, ChatSRProcessor
from training.curves import draw
from training.evaluator import Evaluator
from training.half_precision import HalfPrecision
from training.losses import loss_of
from training.progress import Progress, Schedule, append_row, last_checkpoint
from training.sharded import (
    full_weights,
    is_sharded,
    load_model_shards,
    load_optimizer_shards,
    save_shards,
)
from training.stream import TableStream

logger = logging.getLogger("training")

# Parts of the names of weights.
_READS_POINTS = ("point_encoder.", "point_projector.", "point_summary.")
# Steps after which a young run is evaluated.
_EARLY = (300, 1000)


class ChatSRTrainer(Trainer):
    """Trains on a stream until the planned time is over.

    What differs from the Trainer that it extends: the learning rate and the end go by
    seconds; a checkpoint is due after so many seconds, an evaluation when it costs no
    more than its share; no checkpoint holds code; on one CPU a bfloat16 copy computes.

    Parameters
    ----------
    model : ChatSRForExpressionGeneration
        With its float32 weights.
    processor : ChatSRProcessor
        Of the model.
    args : TrainingArguments
        Folder, seed, mixed precision, checkpoints to keep.
    stream : TableStream
        The data.
    evaluator : Evaluator or None
        None in all processes but the first.
    schedule : Schedule
        Time and learning rate.
    half_copy : bool, default=False
        Compute with a bfloat16 copy (`HalfPrecision`); for one process.
    checkpoint_seconds : float, default=240.0
        Training time between two checkpoints.
    evaluation_share : float, default=0.05
        Most that evaluations may take, in units of the training time.
    stop_after : int, optional
        Steps after which to leave, with a checkpoint, as if stopped from outside.
    language_rate : float, default=1.0
        Learning rate of all that does not read points, in units of the schedule's. A
        trained language model keeps what it knows while a new encoder learns.
    """

    # The Trainer admits None for each.
    model: Any
    optimizer: Any
    processing_class: Any

    def __init__(
        self,
        model: ChatSRForExpressionGeneration,
        processor: ChatSRProcessor,
        args: TrainingArguments,
        stream: TableStream,
        evaluator: Evaluator | None,
        schedule: Schedule,
        half_copy: bool = False,
        checkpoint_seconds: float = 240.0,
        evaluation_share: float = 0.05,
        stop_after: int | None = None,
        language_rate: float = 1.0,
    ) -> None:
        self.out = Path(str(args.output_dir))
        self.stream, self.evaluator, self.schedule = stream, evaluator, schedule
        self.half: HalfPrecision | None = None
        self._wants_half = half_copy
        self.checkpoint_seconds = checkpoint_seconds
        self.evaluation_share = evaluation_share
        self._stop_after = stop_after
        self.language_rate = language_rate
        self._first_step = 0
        self.progress = Progress()
        self._n_samples = 0
        # Means of the training loss since the last evaluation, and of how many steps.
        self._losses: list[tuple[float, int]] = []
        self._logged_step = 0
        self._saved = self._evaluated = self._evaluation_cost = 0.0  # seconds
        super().__init__(
            model=model,
            args=args,
            train_dataset=stream,
            processing_class=processor,
            data_collator=dict,
            callbacks=[_Course(self)],
        )
        # The loss is weighted in `compute_loss`.
        self.model_accepts_loss_kwargs = False
        # Sharding happens in place: keep an ordinary model to evaluate.
        self._whole = copy.deepcopy(model) if self.is_fsdp_enabled else model

    def run(self) -> None:
        """Train, from the last checkpoint of the folder on if there is one."""
        checkpoint = last_checkpoint(self.out)
        if checkpoint is None:
            self.train()
            return
        self.progress = Progress.load(checkpoint)
        self._first_step = self._logged_step = self.progress.step
        self.stream.start_step = self._first_step
        self._saved = self._evaluated = self.progress.seconds
        logger.info("Resumed at %s", self.progress)
        if self.schedule.left(self.progress.step, self.progress.seconds) > 0:
            self.train(str(checkpoint))

    # ---- Where the Trainer knows GPUs, datasets and steps ----

    def create_accelerator_and_postprocess(self) -> None:
        """Turn FSDP 2 on for CPUs: torch shards there, accelerate leaves it out."""
        super().create_accelerator_and_postprocess()
        state = self.accelerator.state
        wanted = os.environ.get("ACCELERATE_USE_FSDP", "false").lower() == "true"
        if wanted and state.distributed_type == DistributedType.MULTI_CPU:
            plugin = FullyShardedDataParallelPlugin()
            if self.accelerator.mixed_precision != "no":
                plugin.set_mixed_precision(self.accelerator.mixed_precision)
            state.fsdp_plugin = plugin
            state.distributed_type = DistributedType.FSDP
            self.is_fsdp_enabled = True

    def get_train_dataloader(self) -> DataLoader[Any]:
        """Give the stream; its batches are cut, and shared out, already."""
        return DataLoader(self.stream, batch_size=None)

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """Create AdamW, with weight decay on matrices and two learning rates."""
        if self.optimizer is None:
            named = (self.model if model is None else model).named_parameters()
            groups: dict[tuple[bool, bool], dict[str, Any]] = {}
            for name, weight in named:
                reads = any(part in name for part in _READS_POINTS)
                is_matrix = weight.ndim > 1
                share = 1.0 if reads else self.language_rate
                group = groups.setdefault(
                    (reads, is_matrix),
                    {
                        "params": [],
                        "weight_decay": self.args.weight_decay if is_matrix else 0.0,
                        "share": share,
                        "lr": share * self.schedule.learning_rate,
                    },
                )
                group["params"].append(weight)
            self.optimizer = torch.optim.AdamW(
                list(groups.values()), betas=(0.9, 0.95), fused=True
            )
        return self.optimizer

    def create_scheduler(
        self, num_training_steps: int, optimizer: Any = None
    ) -> torch.optim.lr_scheduler.LRScheduler:
        """Create the schedule by time."""
        self.lr_scheduler = torch.optim.lr_scheduler.LambdaLR(
            self.optimizer if optimizer is None else optimizer, self._rate
        )
        self._created_lr_scheduler = True
        return self.lr_scheduler

    def _rate(self, step: int = 0) -> float:
        return self.schedule.factor(self.progress.step, self.progress.seconds)

    def floating_point_ops(self, inputs: dict[str, Any]) -> int:
        """Count nothing."""
        return 0

    # ---- A step ----

    def training_step(
        self, model: Any, inputs: dict[str, Any], num_items_in_batch: Any = None
    ) -> torch.Tensor:
        """Compute loss and gradients, on one CPU by the bfloat16 copy."""
        self._n_samples = len(inputs["labels"]) * self.args.world_size
        if self.half is None:
            return super().training_step(model, inputs, num_items_in_batch)
        loss = loss_of(self.half.copy, inputs)
        loss.backward()  # type: ignore[no-untyped-call]
        self.half.hand_over_gradients()
        return loss.detach()

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """Compute a loss whose mean over the processes is the mean over all tokens."""
        loss = loss_of(model, inputs)
        if self.args.world_size == 1:
            return loss
        n_tokens = (inputs["labels"][:, 1:] >= 0).sum()
        mean = self.accelerator.reduce(n_tokens.float(), "mean")
        return loss * n_tokens / mean

    def begin(self) -> None:
        """Let the clock run, after the weights were loaded."""
        if self._wants_half:
            self.half = HalfPrecision(self.model)
            self.half.copy.train()
        self.progress.start()

    def count(self) -> None:
        """Count a step; all processes follow the clock of the first."""
        if self.half is not None:
            self.half.refresh()
        self.progress.tick(self._n_samples)
        self.progress.seconds = self._agree(self.progress.seconds)

    def _agree(self, value: float) -> float:
        if self.args.world_size == 1:
            return value
        tensor = torch.tensor([value], dtype=torch.float64, device=self.args.device)
        return float(broadcast(tensor))

    def decide(self, control: TrainerControl) -> None:
        """Say what is due after a step."""
        step, seconds = self.progress.step, self.progress.seconds
        over = self.schedule.left(step, seconds) <= 0.0
        if self._stop_after is not None:
            over |= step - self._first_step >= self._stop_after
        share = self.evaluation_share
        pause = max(
            self.checkpoint_seconds,
            self._evaluation_cost / share if share > 0 else math.inf,
        )
        look = over or step in _EARLY or seconds - self._evaluated >= pause
        control.should_training_stop |= over
        control.should_log |= look
        control.should_evaluate = look
        control.should_save = look or seconds - self._saved >= self.checkpoint_seconds

    # ---- Logs and evaluation ----

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Append the training loss to ``losses.csv``."""
        if "loss" not in logs:
            return
        step = self.progress.step
        self._losses.append((logs["loss"], step - self._logged_step))
        self._logged_step = step
        if self.is_world_process_zero():
            row = {"step": step, "loss": logs["loss"]}
            row["learning_rate"] = logs["learning_rate"]
            append_row(self.out / "losses.csv", row)
            logger.info("step %d loss %.4f", step, logs["loss"])

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Measure in the first process; write a row of ``log.csv`` and the curves."""
        start = time.perf_counter()
        measured: dict[str, float] = {}
        weights = full_weights(self.model) if self.is_fsdp_enabled else None
        if self.evaluator is not None:
            if weights is not None:
                self._whole.load_state_dict(weights)
            fast = self._whole if self.half is None else self.half.copy
            measured = self.evaluator(self._whole, fast)
            self._write(measured, time.perf_counter() - start)
        self._losses.clear()
        self.accelerator.wait_for_everyone()
        self._evaluated = self.progress.seconds
        self._evaluation_cost = self._agree(time.perf_counter() - start)
        self.progress.start()
        return measured

    def _write(self, measured: dict[str, float], seconds: float) -> None:
        n_steps = sum(n for _, n in self._losses)
        total = sum(loss * n for loss, n in self._losses)
        row = {
            "step": self.progress.step,
            "samples": self.progress.samples,
            "seconds": round(self.progress.seconds, 1),
            "train_loss": round(total / n_steps, 4) if n_steps else float("nan"),
            **{name: round(value, 4) for name, value in measured.items()},
            "learning_rate": self._get_learning_rate(),
            "evaluation_seconds": round(seconds, 1),
        }
        append_row(self.out / "log.csv", row)
        logger.info(" ".join(f"{name}={value}" for name, value in row.items()))
        if importlib.util.find_spec("matplotlib"):
            draw(self.out)

    # ---- Checkpoints ----

    def _save_checkpoint(self, model: Any, trial: Any = None) -> None:
        super()._save_checkpoint(model, trial)
        if self.is_world_process_zero():
            self.progress.save(self.out / f"checkpoint-{self.state.global_step}")
            if not self.is_fsdp_enabled:
                self._save(str(self.out / "model"))
        self.accelerator.wait_for_everyone()
        self._saved = self.progress.seconds
        self.progress.start()

    def save_model(
        self, output_dir: str | None = None, _internal_call: bool = False
    ) -> None:
        """Write the model; of a sharded one the settings, its weights are shards."""
        folder = output_dir or str(self.out)
        if not self.is_fsdp_enabled:
            self._save(folder)
        elif self.is_world_process_zero():
            self._whole.config.save_pretrained(folder)
            self.processing_class.save_pretrained(folder)

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        # The Trainer would add its arguments as a pickle.
        if self.args.should_save:
            self.model.save_pretrained(output_dir, state_dict=state_dict)
            self.processing_class.save_pretrained(output_dir)

    def _save_optimizer_and_scheduler(self, output_dir: str) -> None:
        # The schedule has no state but the progress.
        if self.is_fsdp_enabled:
            save_shards(Path(output_dir), self.model, _plain(self.optimizer))
        elif self.args.should_save:
            state = _plain(self.optimizer).state_dict()
            torch.save(state, Path(output_dir) / "optimizer.pt")

    def _load_from_checkpoint(
        self, resume_from_checkpoint: str, model: Any = None
    ) -> None:
        folder = Path(resume_from_checkpoint)
        if is_sharded(folder) != self.is_fsdp_enabled:
            raise ValueError(
                f"'{folder}' was written {'with' if is_sharded(folder) else 'without'} "
                "FSDP, and can only be resumed so. Start a new folder with --init-from "
                "and the model folder (of a sharded one, from training.sharded)."
            )
        if self.is_fsdp_enabled:
            load_model_shards(folder, self.model if model is None else model)
        else:
            super()._load_from_checkpoint(resume_from_checkpoint, model)

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        if checkpoint is None:
            return
        folder = Path(checkpoint)
        if self.is_fsdp_enabled:
            load_optimizer_shards(folder, self.model, _plain(self.optimizer))
        else:
            state = torch.load(folder / "optimizer.pt", weights_only=True)
            _plain(self.optimizer).load_state_dict(state)
        for group in _plain(self.optimizer).param_groups:
            rate = group["share"] * self.schedule.learning_rate
            group["lr"] = rate * self._rate()


def _plain(optimizer: Any) -> torch.optim.Optimizer:
    """Give the optimizer that accelerate has wrapped."""
    plain: torch.optim.Optimizer = getattr(optimizer, "optimizer", optimizer)
    return plain


class _Course(TrainerCallback):
    """Tells a `ChatSRTrainer` where the loop is."""

    def __init__(self, trainer: ChatSRTrainer) -> None:
        self._trainer = trainer

    def on_train_begin(
        self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self._trainer.begin()

    def on_optimizer_step(
        self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self._trainer.count()

    def on_step_end(
        self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self._trainer.decide(control)

    def on_epoch_end(
        self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        # The last step has logged, evaluated and saved.
        control.should_log = control.should_evaluate = control.should_save = False
