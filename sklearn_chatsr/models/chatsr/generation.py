"""Candidates from the model: a grammar mask, batched sampling, and beams."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Hashable, Sequence
from typing import Any

import numpy.typing as npt
import torch
from transformers import (
    LogitsProcessor,
    LogitsProcessorList,
    StoppingCriteria,
    StoppingCriteriaList,
)
from transformers.cache_utils import DynamicCache

from sklearn_chatsr.expressions import (
    Expression,
    arity,
    is_variable,
    token_of_math,
    variable_index,
)
from sklearn_chatsr.models.chatsr.modeling_chatsr import ChatSRForExpressionGeneration
from sklearn_chatsr.models.chatsr.processing_chatsr import ChatSRProcessor

logger = logging.getLogger(__name__)

_METHODS = ("sample", "beam")


class ExpressionGrammar(LogitsProcessor):
    """Mask every token after which no valid expression within the budget is left.

    In preorder the number of missing arguments is ``1 + sum(arity - 1)``. A token may
    come when its arguments still fit in the budget; the end token comes exactly when
    nothing is missing. All sequences of a batch are masked at once.

    Parameters
    ----------
    tokenizer : PreTrainedTokenizerBase
        Its math tokens are the vocabulary of expressions.
    max_length : int
        Tokens of an expression, the end token not counted.
    n_columns : int
        Columns of the data; later variables are not allowed.
    prompt_length : int, default=0
        Tokens of `input_ids` before the expression; 0 when generation starts from
        embeddings.
    forbidden : collection of str, default=()
        Expression tokens that may not occur, such as ``"sin"`` or ``"x2"``.
    required : sequence of collection of str, default=()
        Of each of these sets of tokens, one must occur. A leaf comes only where what is
        still required can come after it, within the budget.

    Raises
    ------
    ValueError
        If no expression can be written.
    """

    def __init__(
        self,
        tokenizer: Any,
        max_length: int,
        n_columns: int,
        prompt_length: int = 0,
        forbidden: Collection[str] = (),
        required: Sequence[Collection[str]] = (),
    ) -> None:
        if max_length < 1:
            raise ValueError(f"`max_length` == {max_length}, must be >= 1.")
        self.max_length = max_length
        self.prompt_length = prompt_length
        self.end_id = int(tokenizer.eos_token_id)
        vocabulary = tokenizer.get_vocab()
        n_tokens = max(vocabulary.values()) + 1
        # Tokens outside the grammar never fit: their arity exceeds every budget.
        self.arities = torch.full((n_tokens,), max_length + 1, dtype=torch.long)
        for text, index in vocabulary.items():
            token = _expression_token(text)
            if token is None or token in forbidden:
                continue
            if is_variable(token) and variable_index(token) >= n_columns:
                continue
            self.arities[index] = arity(token)
        if not (self.arities == 0).any():
            raise ValueError(
                "No variable and no constant is allowed, so no expression can be "
                f"written. Forbidden: {', '.join(sorted(forbidden))}."
            )
        usable = self.arities <= 2
        # Membership of the tokens in the required sets: (n_required, n_tokens)
        self.members = torch.zeros((len(required), n_tokens), dtype=torch.bool)
        self.required_arities = torch.zeros(len(required), dtype=torch.long)
        for i, group in enumerate(required):
            ids = [
                index
                for text, index in vocabulary.items()
                if _expression_token(text) in group and usable[index]
            ]
            if not ids:
                raise ValueError(
                    f"Required is one of {', '.join(sorted(group))}, but the grammar "
                    "has none of these."
                )
            self.members[i, ids] = True
            self.required_arities[i] = self.arities[ids].min()
        start = torch.empty((1, 0), dtype=torch.long)
        room = self._leaves_room(start, self.missing(start), max_length, n_tokens)
        if len(required) and not (room & (self.arities <= max_length - 1)).any():
            raise ValueError(
                f"What is required does not fit in {max_length} tokens. Allow more, or "
                "require less."
            )

    def missing(self, written: torch.Tensor) -> torch.Tensor:
        """Count the arguments that sequences (batch, length) still miss, 0 if ended."""
        steps = self.arities.to(written.device)[written] - 1
        ended = (written == self.end_id).any(dim=1)
        return torch.where(ended, 0, 1 + steps.sum(dim=1))

    def __call__(
        self, input_ids: torch.LongTensor, scores: torch.FloatTensor
    ) -> torch.FloatTensor:
        """Set the scores (batch, vocab_size) of impossible tokens to -inf."""
        written = input_ids[:, self.prompt_length :]
        missing = self.missing(written)
        budget = self.max_length - written.shape[1]
        arities = self.arities.to(scores.device)
        if scores.shape[1] > len(arities):
            unused = arities.new_full(
                (scores.shape[1] - len(arities),), self.max_length + 1
            )
            arities = torch.cat([arities, unused])
        allowed = arities[None, :] <= (budget - missing)[:, None]
        if len(self.members):
            allowed &= self._leaves_room(written, missing, budget, scores.shape[1])
        # A beam that was filled with an impossible token can only end; its score is
        # -inf already.
        complete = (missing <= 0) | (missing > budget)
        allowed = allowed & ~complete[:, None]
        allowed[:, self.end_id] = complete
        return scores.masked_fill(~allowed, -torch.inf)  # type: ignore[return-value]

    def _leaves_room(
        self, written: torch.Tensor, missing: torch.Tensor, budget: int, n_tokens: int
    ) -> torch.Tensor:
        """Tell after which tokens (batch, n_tokens) all that is required still fits.

        With m arguments missing, operators still required fill a place each and open
        as many as their arity; required leaves beyond the places then open need an
        operator of two arguments each.
        """
        members = self.members.to(written.device)
        arities = self.arities.to(written.device)
        unused = n_tokens - len(arities)
        if unused > 0:
            members = torch.nn.functional.pad(members, (0, unused))
            arities = torch.nn.functional.pad(arities, (0, unused))
        open_sets = ~members[:, written].any(dim=2).T  # (batch, n_required)
        # One row per sequence and token: (batch, n_required, n_tokens)
        left = open_sets[:, :, None] & ~members[None, :, :n_tokens]
        needed = self.required_arities.to(written.device)[None, :, None]
        operators = (left & (needed > 0)).sum(dim=1)
        leaves = (left & (needed == 0)).sum(dim=1)
        missing = missing[:, None] - 1 + arities[None, :n_tokens]
        more = torch.where(left & (needed > 0), needed - 1, 0).sum(dim=1)
        places = missing + more
        glue = (leaves - places).clamp(min=0)
        # A token of its own for every set: never too few, so there is no dead end.
        enough = operators + glue + torch.maximum(places, leaves)
        nothing_left = (operators == 0) & (leaves == 0)
        return (nothing_left | (missing > 0)) & (enough <= budget - 1)


class DeadlineCriteria(StoppingCriteria):
    """Stop all sequences at a point in time.

    Parameters
    ----------
    deadline : float
        On the clock of `time.monotonic`, in seconds.
    """

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline

    def __call__(
        self, input_ids: torch.LongTensor, scores: Any, **kwargs: Any
    ) -> torch.Tensor:
        """Tell for every sequence whether it is over."""
        over = time.monotonic() >= self.deadline
        return torch.full((len(input_ids),), over, device=input_ids.device)


def _expression_token(text: str) -> str | None:
    try:
        return token_of_math(text) if text.startswith("<|math_") else None
    except ValueError:
        return None


@torch.inference_mode()
def sample_sequences(
    model: ChatSRForExpressionGeneration,
    inputs: dict[str, torch.Tensor],
    grammar: ExpressionGrammar,
    n_sequences: int,
    *,
    seed: int,
    temperature: float = 1.0,
    deadline: float | None = None,
) -> tuple[list[list[int]], list[float]]:
    """Sample many sequences for one table.

    The prefix is encoded once and its keys and values are repeated; a sequence that has
    ended leaves the batch, so long ones do not pay for short ones.

    Parameters
    ----------
    model : ChatSRForExpressionGeneration
        In evaluation mode.
    inputs : dict of tensor
        One table, as `ChatSRProcessor` gives it, on the model's device.
    grammar : ExpressionGrammar
        With ``prompt_length=0``: it sees the written tokens only.
    n_sequences : int
        How many, repeats included.
    seed : int
        Seed of an own generator; the global random state is not read or changed.
    temperature : float, default=1.0
        Divides the scores.
    deadline : float, optional
        On the clock of `time.monotonic`; sequences not ended by then are dropped.

    Returns
    -------
    sequences : list of list of int
        Token ids without the end token.
    log_probabilities : list of float
        In nats, under the masked distribution.
    """
    device = inputs["input_ids"].device
    generator = torch.Generator(device=device).manual_seed(seed)
    cache = DynamicCache(config=model.config.get_text_config())
    logits = model(
        **inputs, past_key_values=cache, use_cache=True, logits_to_keep=1
    ).logits[:, -1]
    cache.batch_repeat_interleave(n_sequences)
    logits = logits.expand(n_sequences, -1)
    written = torch.empty((n_sequences, 0), dtype=torch.long, device=device)
    score = torch.zeros(n_sequences, device=device)
    sequences: list[list[int]] = []
    scores: list[float] = []
    for position in range(grammar.max_length + 1):
        masked = grammar(written, logits.float() / temperature)  # type: ignore[arg-type]
        log_p = masked.log_softmax(dim=-1)
        token = torch.multinomial(log_p.exp(), 1, generator=generator)
        score = score + log_p.gather(1, token).squeeze(1)
        ended = token.squeeze(1) == grammar.end_id
        if ended.any():
            sequences += written[ended].tolist()
            scores += score[ended].tolist()
            going = (~ended).nonzero().squeeze(1)
            if len(going) == 0:
                break
            written, token, score = written[going], token[going], score[going]
            cache.batch_select_indices(going)
        written = torch.cat([written, token], dim=1)
        if deadline is not None and time.monotonic() >= deadline:
            logger.debug("Deadline reached at token %d", position)
            break
        logits = model(input_ids=token, past_key_values=cache, use_cache=True).logits[
            :, -1
        ]
    return sequences, scores


@torch.inference_mode()
def beam_sequences(
    model: ChatSRForExpressionGeneration,
    inputs: dict[str, torch.Tensor],
    grammar: ExpressionGrammar,
    n_beams: int,
    *,
    deadline: float | None = None,
) -> tuple[list[list[int]], list[float]]:
    """Search with beams for one table.

    Parameters
    ----------
    model, inputs, grammar, deadline
        As in `sample_sequences`.
    n_beams : int
        Beams, and sequences returned at most.

    Returns
    -------
    sequences : list of list of int
        Token ids without the end token, best first.
    log_probabilities : list of float
        In nats.
    """
    data = {k: v for k, v in inputs.items() if k != "attention_mask"}
    embeds = model.model.embed(**data)
    stopping = StoppingCriteriaList()
    if deadline is not None:
        stopping.append(DeadlineCriteria(deadline))
    decoder: Any = model
    output = decoder.generate(
        inputs_embeds=embeds,
        attention_mask=inputs["attention_mask"],
        max_new_tokens=grammar.max_length + 1,
        num_beams=max(2, n_beams),
        num_return_sequences=n_beams,
        do_sample=False,
        length_penalty=0.0,
        renormalize_logits=True,
        logits_processor=LogitsProcessorList([grammar]),
        stopping_criteria=stopping,
        return_dict_in_generate=True,
        output_scores=True,
    )
    sequences, scores = [], []
    for ids, score in zip(
        output.sequences.tolist(), output.sequences_scores.tolist(), strict=True
    ):
        # Unfinished beams and those filled with impossible tokens are no expressions.
        if grammar.end_id in ids and score > -1e8:
            sequences.append(ids[: ids.index(grammar.end_id)])
            scores.append(score)
    return sequences, scores


def generate_candidates(
    model: ChatSRForExpressionGeneration,
    processor: ChatSRProcessor,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    n_candidates: int = 256,
    prompt: str | None = None,
    method: str = "sample",
    seed: int = 0,
    temperature: float = 1.0,
    max_length: int | None = None,
    forbidden: Collection[str] = (),
    required: Sequence[Collection[str]] = (),
    hide_points: bool = False,
    deadline: float | None = None,
) -> list[Expression]:
    """Draw candidate skeletons for one table.

    Parameters
    ----------
    model : ChatSRForExpressionGeneration
        The model.
    processor : ChatSRProcessor
        The processor that was saved with it.
    X : array-like of shape (n_points, n_columns)
        At most ``max_points`` rows and ``max_variables`` columns, finite.
    y : array-like of shape (n_points,)
        Finite values.
    n_candidates : int, default=256
        Sequences to draw; what is left after de-duplication is less.
    prompt : str, optional
        What is known about the law, in words.
    method : {"sample", "beam"}, default="sample"
        Sampling finds more different formulas than beams of the same number.
    seed : int, default=0
        Same seed, same candidates; the global random state is not touched.
    temperature : float, default=1.0
        Of sampling.
    max_length : int, optional
        Tokens of a candidate; the model's own limit when None.
    forbidden : collection of str, default=()
        Expression tokens that may not occur.
    required : sequence of collection of str, default=()
        Sets of tokens, of each of which one must occur; see `ExpressionGrammar`.
    hide_points : bool, default=False
        The control: the model sees the number of columns only.
    deadline : float, optional
        On the clock of `time.monotonic`; what is unfinished by then is dropped.

    Returns
    -------
    list of Expression
        Simplified skeletons with at least one variable, different by canonical key,
        the most probable first.

    Raises
    ------
    ValueError
        For data that the processor refuses, an unknown method, or a wrong number.

    References
    ----------
    P. Saegert, U. Koethe, "Breaking the Simplification Bottleneck in Amortized Neural
    Symbolic Regression", ICML, 2026: sampling against beams.
    """
    if method not in _METHODS:
        raise ValueError(f"`method` == {method!r}, must be one of {_METHODS}.")
    if n_candidates < 1:
        raise ValueError(f"`n_candidates` == {n_candidates}, must be >= 1.")
    if temperature <= 0:
        raise ValueError(f"`temperature` == {temperature}, must be > 0.")
    batch = processor([X], [y], prompt=prompt, hide_points=hide_points)
    inputs = {k: v.to(model.device) for k, v in batch.items()}
    limit = model.config.max_expression_length
    length = limit if max_length is None else min(max_length, limit)
    n_columns = int(batch["column_mask"][0, :-1].sum())
    grammar = ExpressionGrammar(
        processor.tokenizer, length, n_columns, forbidden=forbidden, required=required
    )
    model.eval()
    if method == "beam":
        sequences, scores = beam_sequences(
            model, inputs, grammar, n_candidates, deadline=deadline
        )
    else:
        sequences, scores = sample_sequences(
            model,
            inputs,
            grammar,
            n_candidates,
            seed=seed,
            temperature=temperature,
            deadline=deadline,
        )
    return _distinct(processor, sequences, scores)


def _distinct(
    processor: ChatSRProcessor,
    sequences: Sequence[Sequence[int]],
    scores: Sequence[float],
) -> list[Expression]:
    """Decode, simplify and de-duplicate, the most probable first."""
    best: dict[tuple[int, ...], float] = {}
    for ids, score in zip(sequences, scores, strict=True):
        best.setdefault(tuple(ids), score)
    found: dict[Hashable, Expression] = {}
    for ids in sorted(best, key=lambda i: (-best[i], i)):
        expression = processor.decode_expression(ids).simplify()
        if expression.variables:
            found.setdefault(expression.canonical_key(), expression)
    return list(found.values())
