"""Train a model to do what its prompts say, by what its own formulas do.

Run ``python -m training.reinforce default --out runs/obedient --seconds 3600``. Every
step draws formulas for some prompted tables, checks the properties on them, and raises
the logarithm of the share that obeys; beside it the usual loss on fresh tables keeps
what the model knows.
"""

from __future__ import annotations

import argparse
import logging
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from sklearn_chatsr.expressions import Expression, math_token
from sklearn_chatsr.models import load_model
from sklearn_chatsr.models.chatsr import (
    ChatSRForExpressionGeneration,
    ChatSRProcessor,
    ExpressionGrammar,
)
from sklearn_chatsr.prompts import FAMILIES, Property, PropertyDrawer, write_prompt
from training.batches import (
    Batch,
    BatchConfig,
    Batcher,
    draw_number,
    true_properties,
)
from training.carry_over import carry_over
from training.generator import GeneratorConfig, draw_chunk
from training.losses import loss_batches, loss_of, validation_losses
from training.paraphrases import training_phrasing
from training.progress import Schedule, append_row
from training.rollouts import Written, log_probabilities, write_formulas
from training.skeletons import Skeleton, load_pool
from training.stream import make_pool
from training.tokenizer import build_processor
from training.train import build_model

logger = logging.getLogger("training")

_WEIGHT_DECAY = 0.02
# Simplified formulas that are kept.
_MOST_KNOWN = 200_000


@dataclass(frozen=True, slots=True)
class ReinforceConfig:
    """How much is drawn.

    Parameters
    ----------
    tables : int
        Prompted tables of a step.
    samples : int
        Formulas drawn for each.
    hidden_rate : float
        Share of the steps whose tables are shown without their points.
    property_rates : tuple of float
        Shares of the prompts that tell 1, 2, ... properties.
    weight : float
        Of the obedience, in units of the usual loss.
    """

    tables: int = 32
    samples: int = 16
    hidden_rate: float = 0.2
    property_rates: tuple[float, ...] = (0.7, 0.2, 0.1)
    weight: float = 0.3


class Told(NamedTuple):
    """One table and what its prompt says.

    Attributes
    ----------
    X : ndarray of shape (n_points, n_columns)
    y : ndarray of shape (n_points,)
    properties : list of Property
        True ones.
    prompt : str
        The same in words.
    """

    X: npt.NDArray[np.float64]
    y: npt.NDArray[np.float64]
    properties: list[Property]
    prompt: str


def told_tables(
    pool: Sequence[Skeleton],
    data: GeneratorConfig,
    config: ReinforceConfig,
    rng: np.random.Generator,
) -> Iterator[list[Told]]:
    """Give tables with prompts without end, those of a step with equally many columns.

    Parameters
    ----------
    pool : sequence of Skeleton
        Targets.
    data : GeneratorConfig
        What tables look like.
    config : ReinforceConfig
        Sizes.
    rng : numpy.random.Generator
        Source of randomness.
    """
    drawer, phrasing = PropertyDrawer(), training_phrasing()
    waiting: dict[int, list[Told]] = defaultdict(list)
    while True:
        for tables in draw_chunk(pool, rng, data):
            n_told = 1 + draw_number(config.property_rates, rng)
            told = true_properties(drawer, tables, 0, n_told, rng)
            if not told:
                continue
            shown = tables.point_mask[0]
            group = waiting[tables.X.shape[2]]
            X, y = tables.X[0][shown], tables.y[0][shown]
            text = write_prompt(told, rng, phrasing=phrasing)
            group.append(Told(X, y, told, text))
            if len(group) == config.tables:
                yield group.copy()
                group.clear()


class Reinforcer:
    """Raises the share of formulas that do what a prompt says.

    For a share p of obedient samples the gradient of log p is the mean of
    ``(r - p) / p`` times the gradient of a sample's log-probability, where r is 1 for
    an obedient one and 0 for the others. Among those that obey none is preferred, so
    the model goes towards its own distribution with what does not obey left out. At
    every place of these samples the probability of what a prompt forbids is lowered.

    Parameters
    ----------
    model : ChatSRForExpressionGeneration
        Is trained.
    processor : ChatSRProcessor
        Its processor.
    config : ReinforceConfig
        Sizes and weight.
    seed : int
        Of the samples.
    """

    def __init__(
        self,
        model: ChatSRForExpressionGeneration,
        processor: ChatSRProcessor,
        config: ReinforceConfig,
        seed: int,
    ) -> None:
        self.model, self.processor, self.config = model, processor, config
        self._drawer = PropertyDrawer()
        self._known: dict[tuple[int, ...], Expression] = {}
        self._generator = torch.Generator().manual_seed(seed)
        self._rng = np.random.default_rng([seed, 5])

    def loss(self, told: Sequence[Told]) -> tuple[torch.Tensor | None, float]:
        """Give what to minimise for some tables, and the share that obeys.

        Parameters
        ----------
        told : sequence of Told
            Tables with equally many columns.

        Returns
        -------
        loss : tensor or None
            None if no prompt tells formulas apart.
        share : float
            Mean over the properties.
        """
        hidden = bool(self._rng.random() < self.config.hidden_rate)
        inputs = dict(
            self.processor(
                [t.X for t in told],
                [t.y for t in told],
                prompt=[t.prompt for t in told],
                hide_points=hidden,
            )
        )
        grammar = ExpressionGrammar(
            self.processor.tokenizer,
            self.model.config.max_expression_length,
            told[0].X.shape[1],
        )
        n = self.config.samples
        written = write_formulas(self.model, inputs, grammar, n, self._generator)
        weights, share = self._weights(told, written)
        # Most formulas obey and weigh little: some, drawn at random, stand for them.
        chance = np.minimum(1.0, np.abs(weights))
        weights = np.where(self._rng.random(len(weights)) < chance, weights, 0.0)
        weights = weights / np.where(chance > 0, chance, 1.0)
        kept = np.flatnonzero(weights)
        if len(kept) == 0:
            return None, share
        tables = sorted({written.table[i] for i in kept})
        places = {table: place for place, table in enumerate(tables)}
        chosen = Written(
            [written.tokens[i] for i in kept],
            [places[written.table[i]] for i in kept],
            [written.counts[i] for i in kept],
        )
        inputs = {name: part[tables] for name, part in inputs.items()}
        forbidden = torch.stack([self._forbidden(told[table]) for table in tables])
        log_p, obeys = log_probabilities(self.model, inputs, chosen, forbidden)
        scaled = torch.from_numpy(weights[kept]).float() / n
        equal = 1.0 / torch.bincount(torch.tensor(chosen.table))[chosen.table]
        return -(scaled * log_p + equal * obeys).sum() / len(told), share

    def _forbidden(self, table: Told) -> torch.Tensor:
        """Give the tokens (vocabulary,) that no formula for a prompt may have."""
        names: set[str] = set()
        for item in table.properties:
            if item.kind == "avoids":
                names |= FAMILIES[item.arguments[0]].tokens
            elif item.kind == "ignores":
                names.add(item.arguments[0])
        tokenizer = self.processor.tokenizer
        ids = tokenizer.convert_tokens_to_ids([math_token(name) for name in names])
        forbidden = torch.zeros(len(tokenizer), dtype=torch.bool)
        forbidden[ids] = True
        return forbidden

    def _weights(
        self, told: Sequence[Told], written: Written
    ) -> tuple[npt.NDArray[np.float64], float]:
        """Give the weight of every formula, its count included, and the mean share."""
        weights = np.zeros(len(written.tokens))
        shares = []
        for index, table in enumerate(told):
            rows = [i for i, t in enumerate(written.table) if t == index]
            if not rows:
                continue
            count = np.array([written.counts[i] for i in rows], dtype=np.float64)
            formulas = [self._expression(written.tokens[i]) for i in rows]
            for item in table.properties:
                obeys = np.array([self._obeys(item, f) for f in formulas])
                share = float(np.average(obeys, weights=count))
                shares.append(share)
                if 0 < share < 1:
                    weights[rows] += count * (obeys - share) / share
        return weights, float(np.mean(shares))

    def _obeys(self, item: Property, formula: Expression) -> bool:
        return bool(formula.variables) and self._drawer.check(item, formula)

    def _expression(self, tokens: tuple[int, ...]) -> Expression:
        if len(self._known) > _MOST_KNOWN:
            self._known.clear()
        if tokens not in self._known:
            formula = self.processor.decode_expression(tokens).simplify()
            self._known[tokens] = formula
        return self._known[tokens]


class Training:
    """A run in a folder: usual batches and prompted ones, a log, the model.

    Parameters
    ----------
    model : ChatSRForExpressionGeneration
        Is trained.
    processor : ChatSRProcessor
        Its processor.
    out : pathlib.Path
        Folder for ``pool.txt``, ``log.csv`` and ``model``.
    schedule : Schedule
        Time and learning rate.
    config : ReinforceConfig
        Of the prompted tables.
    data : GeneratorConfig
        Tables.
    cut : BatchConfig
        The usual batches.
    seed : int
        Of data and samples.
    loss_tables : int, default=1024
        Tables of unseen shapes for the losses of the log; 0 leaves them out.
    """

    def __init__(
        self,
        model: ChatSRForExpressionGeneration,
        processor: ChatSRProcessor,
        out: Path,
        schedule: Schedule,
        config: ReinforceConfig,
        data: GeneratorConfig,
        cut: BatchConfig,
        seed: int,
        loss_tables: int = 1024,
    ) -> None:
        self.model, self.processor, self.out = model, processor, out
        self.schedule, self.config, self.data, self.cut = schedule, config, data, cut
        self.seed, self.loss_tables = seed, loss_tables
        out.mkdir(parents=True, exist_ok=True)
        make_pool(out / "pool.txt", data, seed)
        matrices = [p for p in model.parameters() if p.ndim > 1]
        others = [p for p in model.parameters() if p.ndim <= 1]
        self._optimizer = torch.optim.AdamW(
            [
                {"params": matrices, "weight_decay": _WEIGHT_DECAY},
                {"params": others, "weight_decay": 0.0},
            ],
            betas=(0.9, 0.95),
            fused=True,
        )

    def run(self, log_steps: int = 50) -> None:
        """Train until the planned time is over."""
        pool = load_pool(self.out / "pool.txt")
        usual = Batcher(self.processor, self.cut).stream(
            pool, np.random.default_rng([self.seed, 3]), self.data
        )
        one_each = replace(self.data, tables_per_skeleton=1)
        prompted = told_tables(
            pool, one_each, self.config, np.random.default_rng([self.seed, 4])
        )
        reinforcer = Reinforcer(self.model, self.processor, self.config, self.seed)
        validation = self._validation()
        start, step = time.perf_counter(), 0
        losses: list[float] = []
        shares: list[float] = []
        while True:
            seconds = time.perf_counter() - start
            over = self.schedule.left(step, seconds) <= 0.0
            if over or step % log_steps == 0:
                self._log(step, seconds, losses, shares, validation)
            if over:
                return
            for group in self._optimizer.param_groups:
                group["lr"] = self.schedule.learning_rate * self.schedule.factor(
                    step, seconds
                )
            loss, share = self._step(next(usual), next(prompted), reinforcer)
            losses.append(loss)
            shares.append(share)
            step += 1

    def _step(
        self, batch: Batch, told: list[Told], reinforcer: Reinforcer
    ) -> tuple[float, float]:
        """Take one step; give the usual loss and the share that obeys."""
        self.model.train()
        loss = loss_of(self.model, batch)
        loss.backward()  # type: ignore[no-untyped-call]
        self.model.eval()
        disobedience, share = reinforcer.loss(told)
        if disobedience is not None:
            (self.config.weight * disobedience).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self._optimizer.step()
        self._optimizer.zero_grad()
        return float(loss.detach()), share

    def _validation(self) -> list[Batch]:
        if not self.loss_tables:
            return []
        cut = BatchConfig(self.cut.batch_size, hidden_rate=0.0, bare_rate=0.0)
        return loss_batches(self.processor, cut, self.loss_tables, self.seed, self.data)

    def _log(
        self,
        step: int,
        seconds: float,
        losses: list[float],
        shares: list[float],
        validation: list[Batch],
    ) -> None:
        """Write a row of the log, and the model."""
        measured = (
            validation_losses(self.model, validation)._asdict() if validation else {}
        )
        row: dict[str, Any] = {
            "step": step,
            "seconds": round(seconds, 1),
            "loss": round(float(np.mean(losses or [np.nan])), 4),
            "obeys": round(100 * float(np.mean(shares or [np.nan])), 1),
            **{f"loss_{k}": round(v, 4) for k, v in measured.items()},
        }
        losses.clear()
        shares.clear()
        append_row(self.out / "log.csv", row)
        logger.info(" ".join(f"{name}={value}" for name, value in row.items()))
        self.model.save_pretrained(self.out / "model")
        self.processor.save_pretrained(self.out / "model")


def main() -> None:
    """Read the arguments and train."""
    default = ReinforceConfig()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    add = parser.add_argument
    add("model", help='checkpoint to start from, or "default"')
    add("--out", type=Path, required=True)
    add("--seconds", type=float, default=3600.0)
    add("--learning-rate", type=float, default=2e-4)
    add("--batch-size", type=int, default=96, help="of the usual batches")
    add("--tables", type=int, default=default.tables, help="with prompts, a step")
    add("--samples", type=int, default=default.samples, help="of each of them")
    add("--weight", type=float, default=default.weight, help="of the obedience")
    add("--pool-size", type=int, default=100_000)
    add("--log-steps", type=int, default=100)
    add("--seed", type=int, default=0)
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    source, known = load_model(args.model, "cpu")
    # The words of prompts may be more than the source was made with.
    processor = build_processor()
    model = build_model(processor, args.seed)
    carry_over(model, processor.tokenizer, source, known.tokenizer)
    Training(
        model,
        processor,
        args.out,
        Schedule(
            seconds=args.seconds, learning_rate=args.learning_rate, warmup_steps=100
        ),
        ReinforceConfig(args.tables, args.samples, weight=args.weight),
        GeneratorConfig(
            pool_size=args.pool_size, tables_per_skeleton=4, skeletons_per_chunk=1024
        ),
        BatchConfig(
            args.batch_size,
            prompt_rates=(0.35, 0.4, 0.17, 0.08),
            hidden_prompted_rate=0.25,
        ),
        args.seed,
    ).run(args.log_steps)


if __name__ == "__main__":
    main()
