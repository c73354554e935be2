"""Evaluation during training: losses and recovery on unseen shapes."""

from __future__ import annotations

from dataclasses import dataclass

from sklearn_chatsr.models.chatsr import ChatSRForExpressionGeneration, ChatSRProcessor
from training.batches import BatchConfig
from training.evaluate import recover, summarise, validation_tables
from training.generator import GeneratorConfig
from training.losses import loss_batches, validation_losses


@dataclass(frozen=True, slots=True)
class EvaluationConfig:
    """What is measured during training.

    Parameters
    ----------
    loss_tables : int
        Tables of unseen skeletons for the losses.
    tables : int
        Tables for recovery, with the points given and hidden; 0 leaves it out.
    candidates : int
        Formulas drawn for each of them.
    unseen : bool
        Whether their shapes are kept from training.
    """

    loss_tables: int = 2048
    tables: int = 32
    candidates: int = 64
    unseen: bool = True


class Evaluator:
    """Measures a model, each time on the same tables and with the same seeds.

    Parameters
    ----------
    processor : ChatSRProcessor
        Of the model.
    config : EvaluationConfig
        Sizes.
    data : GeneratorConfig
        Prior of the skeletons.
    cut : BatchConfig
        Prompts of the batches for the losses.
    seed : int
        Of the tables.
    """

    def __init__(
        self,
        processor: ChatSRProcessor,
        config: EvaluationConfig,
        data: GeneratorConfig,
        cut: BatchConfig,
        seed: int,
    ) -> None:
        self.processor, self.config, self.seed = processor, config, seed
        self._batches = loss_batches(processor, cut, config.loss_tables, seed, data)
        self._tables = (
            validation_tables(config.tables, seed, unseen=config.unseen)
            if config.tables
            else []
        )

    def __call__(
        self,
        model: ChatSRForExpressionGeneration,
        fast: ChatSRForExpressionGeneration,
    ) -> dict[str, float]:
        """Measure.

        Parameters
        ----------
        model : ChatSRForExpressionGeneration
            Writes the candidates.
        fast : ChatSRForExpressionGeneration
            The same model, in the precision that trains, for the losses.

        Returns
        -------
        dict of str to float
            ``loss_given``, ``loss_points`` (their statistics hidden),
            ``loss_hidden`` in nats per token, ``recovered_given``,
            ``recovered_hidden`` in percent, NaN without tables.
        """
        losses = validation_losses(fast, self._batches)
        row = {f"loss_{name}": loss for name, loss in losses._asdict().items()}
        was_training = model.training
        model.eval()
        for name, hide_points in (("given", False), ("hidden", True)):
            row[f"recovered_{name}"] = self._recovered(model, hide_points)
        model.train(was_training)
        return row

    def _recovered(
        self, model: ChatSRForExpressionGeneration, hide_points: bool
    ) -> float:
        outcomes = [
            recover(
                model,
                self.processor,
                tables,
                n_candidates=self.config.candidates,
                hide_points=hide_points,
                seed=self.seed + i,
            )
            for i, tables in enumerate(self._tables)
        ]
        return summarise(outcomes)["all"]["recovered"] if outcomes else float("nan")
