"""What a ChatSR model makes of samples in ChatSR's JSON: looks inside, and recovery."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from sklearn_chatsr.datasets import ChatSRSample
from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.fitting import ConstantFit, ConstantFitter
from sklearn_chatsr.models.chatsr import (
    ChatSRForExpressionGeneration,
    ChatSRProcessor,
    ExpressionGrammar,
    generate_candidates,
)


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a model thinks about one sample.

    Attributes
    ----------
    target : Expression
        The law of the sample.
    loss : float
        Mean cross-entropy of the target's tokens in nats; NaN when the model has no
        token for part of it.
    first_tokens : list of (str, float)
        The most probable first tokens under the grammar, with their probabilities.
    greedy : Expression
        The formula of the most probable token at every step.
    sampled : list of Expression
        Different formulas drawn at temperature 1, the most probable first.
    """

    target: Expression
    loss: float
    first_tokens: list[tuple[str, float]]
    greedy: Expression
    sampled: list[Expression]


@dataclass(frozen=True, slots=True)
class Recovery:
    """What a model recovers from one sample.

    Attributes
    ----------
    target : Expression
        The law of the sample.
    fit : ConstantFit or None
        The candidate that fits best, constants filled; None when none gave numbers.
    r2 : float
        Of that candidate on all points of the sample; -inf when there is none.
    matched : bool
        Whether the target itself is among the candidates, by canonical form.
    n_candidates : int
        Different formulas that were fitted.
    """

    target: Expression
    fit: ConstantFit | None
    r2: float
    matched: bool
    n_candidates: int

    @property
    def mse(self) -> float:
        """Mean squared error on all points of the sample; inf without a formula."""
        return math.inf if self.fit is None else self.fit.loss


@torch.inference_mode()
def inspect_sample(
    model: ChatSRForExpressionGeneration,
    processor: ChatSRProcessor,
    sample: ChatSRSample,
    *,
    n_candidates: int = 16,
    n_first_tokens: int = 5,
    prompt: str | None = None,
    seed: int = 0,
) -> Inspection:
    """Look at what a model does with a sample.

    Parameters
    ----------
    model, processor : ChatSRForExpressionGeneration, ChatSRProcessor
        As `load_model` gives them.
    sample : ChatSRSample
        Points and target.
    n_candidates : int, default=16
        Sequences to sample.
    n_first_tokens : int, default=5
        First tokens to tell.
    prompt : str, optional
        What is known about the law, in words.
    seed : int, default=0
        Of the rows, where there are more than the model takes, and of the sampling.

    Returns
    -------
    Inspection
    """
    X, y = _rows(processor, sample, seed)
    model.eval()
    batch = processor([X], [y], prompt=prompt)
    inputs = {name: value.to(model.device) for name, value in batch.items()}
    grammar = ExpressionGrammar(
        processor.tokenizer, model.config.max_expression_length, X.shape[1]
    )
    logits = model(**inputs, logits_to_keep=1).logits[:, -1].float()
    nothing = torch.empty((1, 0), dtype=torch.long, device=model.device)
    masked: Any = grammar(nothing, logits)  # type: ignore[arg-type]
    top = masked.softmax(dim=-1)[0].topk(n_first_tokens)
    words = processor.tokenizer.convert_ids_to_tokens(top.indices.tolist())
    probable = zip(words, top.values.tolist(), strict=True)
    written = nothing
    for _ in range(grammar.max_length + 1):
        masked = grammar(written, logits)  # type: ignore[arg-type]
        token = masked.argmax(dim=-1, keepdim=True)
        if int(token) == grammar.end_id:
            break
        written = torch.cat([written, token], dim=1)
        logits = _next_logits(model, inputs, written)
    return Inspection(
        target=sample.expression,
        loss=_loss(model, processor, inputs, sample.expression),
        first_tokens=[(word, p) for word, p in probable if p > 0],
        greedy=processor.decode_expression(written[0].tolist()),
        sampled=generate_candidates(
            model, processor, X, y, n_candidates=n_candidates, prompt=prompt, seed=seed
        ),
    )


def recover_sample(
    model: ChatSRForExpressionGeneration,
    processor: ChatSRProcessor,
    sample: ChatSRSample,
    *,
    n_candidates: int = 64,
    method: str = "sample",
    optimizer: Any = "bfgs",
    prompt: str | None = None,
    seed: int = 0,
) -> Recovery:
    """Generate formulas for a sample, fit their constants and keep the best.

    Parameters
    ----------
    model, processor : ChatSRForExpressionGeneration, ChatSRProcessor
        As `load_model` gives them.
    sample : ChatSRSample
        Points and target.
    n_candidates : int, default=64
        Sequences to generate.
    method : {"sample", "beam"}, default="sample"
        How.
    optimizer : {"bfgs", "lm"}, default="bfgs"
        Of the constants; "bfgs" is what the ChatSR release uses.
    prompt : str, optional
        What is known about the law, in words.
    seed : int, default=0
        Of every draw.

    Returns
    -------
    Recovery

    References
    ----------
    Y. Li et al., "ChatSR: multimodal large language models for scientific formula
    discovery", 2024.
    """
    X, y = _rows(processor, sample, seed)
    candidates = generate_candidates(
        model,
        processor,
        X,
        y,
        n_candidates=n_candidates,
        method=method,
        prompt=prompt,
        seed=seed,
    )
    fitter = ConstantFitter(sample.X, sample.y, optimizer=optimizer, seed=seed)
    # The model writes laws without outer factor and offset; "scale" puts them around.
    fits = fitter.fit_many(candidates, scale=True, n_jobs=1)
    good = [fit for fit in fits if fit is not None and not fit.failed]
    best = min(good, key=lambda fit: fit.loss, default=None)
    key = sample.expression.canonical_key()
    return Recovery(
        target=sample.expression,
        fit=best,
        r2=-math.inf if best is None else 1.0 - best.fvu,
        matched=any(c.canonical_key() == key for c in candidates),
        n_candidates=len(candidates),
    )


def _rows(
    processor: ChatSRProcessor, sample: ChatSRSample, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Give at most as many rows as the model takes."""
    limit = processor.feature_extractor.max_points
    rows = np.arange(len(sample.y))
    if len(rows) > limit:
        drawn = np.random.default_rng(seed).choice(rows, size=limit, replace=False)
        rows = np.sort(drawn)
    return sample.X[rows], sample.y[rows]


def _extended(
    inputs: dict[str, torch.Tensor], written: torch.Tensor
) -> dict[str, torch.Tensor]:
    """Append written tokens (1, length) to the prompt."""
    ids = torch.cat([inputs["input_ids"], written], dim=1)
    return {**inputs, "input_ids": ids, "attention_mask": torch.ones_like(ids)}


def _next_logits(
    model: ChatSRForExpressionGeneration,
    inputs: dict[str, torch.Tensor],
    written: torch.Tensor,
) -> torch.Tensor:
    logits: torch.Tensor = model(**_extended(inputs, written), logits_to_keep=1).logits
    return logits[:, -1].float()


def _loss(
    model: ChatSRForExpressionGeneration,
    processor: ChatSRProcessor,
    inputs: dict[str, torch.Tensor],
    target: Expression,
) -> float:
    try:
        ids: Sequence[int] = processor.encode_expression(target)
    except ValueError:
        return math.nan
    written = torch.tensor([ids], device=model.device)
    labels = torch.cat([torch.full_like(inputs["input_ids"], -100), written], dim=1)
    loss = model(**_extended(inputs, written), labels=labels).loss
    return float(loss)
