"""Tell whether a model writes expressions, and whether it understands prompts.

Run ``python -m training.evaluate_language runs/tuned/model --n-tables 48``. The tables
are of shapes that training never sees. Three questions, all with a control:

- which share of the sampled sequences are expressions, with the grammar mask and
  without it;
- which share of the candidates have a true property of the law, when the prompt tells
  it (in a wording of training, and in one that training never uses), tells a property
  of another law instead, or tells nothing;
- whether the law itself is more probable under its own prompt than under the other's
  (by chance: for half of the tables).
"""

from __future__ import annotations

import argparse
import copy
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.models import load_model
from sklearn_chatsr.models.chatsr import (
    ChatSRForExpressionGeneration,
    ChatSRProcessor,
    generate_candidates,
)
from sklearn_chatsr.models.chatsr.generation import (
    ExpressionGrammar,
    sample_sequences,
)
from sklearn_chatsr.prompts import Property, PropertyDrawer, write_prompt
from training.evaluate import validation_tables
from training.generator import Tables


class _NoGrammar(ExpressionGrammar):
    """Let every token through."""

    def __call__(
        self, input_ids: torch.LongTensor, scores: torch.FloatTensor
    ) -> torch.FloatTensor:
        return scores


@dataclass(frozen=True, slots=True)
class Case:
    """A table, a true property of its law, and prompts.

    Attributes
    ----------
    tables : Tables
        Of one table.
    item : Property
        Holds of the law.
    own, unseen : str
        Tell `item`, in a wording of training and in another.
    other : str
        Tells a property of another law over as many columns.
    """

    tables: Tables
    item: Property
    own: str
    unseen: str
    other: str

    @property
    def shown(self) -> tuple[np.ndarray, np.ndarray]:
        """First half of the rows."""
        half = self.tables.X.shape[1] // 2
        return self.tables.X[0, :half], self.tables.y[0, :half]


def draw_cases(n_tables: int, seed: int) -> list[Case]:
    """Draw tables with a property each; the others' prompts go round.

    Parameters
    ----------
    n_tables : int
        How many; a table that is alone with its number of columns is left out.
    seed : int
        Of all draws.

    Returns
    -------
    list of Case
    """
    rng = np.random.default_rng([seed, 13])
    drawer = PropertyDrawer()
    groups: dict[int, list[tuple[Tables, Property]]] = {}
    for tables in validation_tables(n_tables, seed):
        n_columns = tables.X.shape[2]
        for item in drawer.draw(tables.expression, n_columns, 1, rng):
            groups.setdefault(n_columns, []).append((tables, item))
    return [
        Case(
            tables,
            item,
            write_prompt([item], rng),
            write_prompt([item], rng, unseen=True),
            write_prompt([group[(i + 1) % len(group)][1]], rng),
        )
        for group in groups.values()
        if len(group) > 1
        for i, (tables, item) in enumerate(group)
    ]


def validity(
    model: ChatSRForExpressionGeneration,
    processor: ChatSRProcessor,
    cases: Sequence[Case],
    n_sequences: int,
    seed: int = 0,
) -> dict[str, float]:
    """Give the shares in percent of sampled sequences that are expressions.

    Parameters
    ----------
    model, processor
        The model.
    cases : sequence of Case
        Their tables and own prompts are the inputs.
    n_sequences : int
        Drawn for each.
    seed : int, default=0
        Of sampling.

    Returns
    -------
    dict
        ``masked`` and ``free``, and the number of ``sequences`` each is a share of.
    """
    n_valid = {"masked": 0, "free": 0}
    for case in cases:
        X, y = case.shown
        inputs = processor([X], [y], prompt=case.own)
        for name, kind in (("masked", ExpressionGrammar), ("free", _NoGrammar)):
            grammar = kind(
                processor.tokenizer, model.config.max_expression_length, X.shape[1]
            )
            # What has not ended in time is not given back, and counts as no expression.
            sequences, _ = sample_sequences(
                model, dict(inputs), grammar, n_sequences, seed=seed
            )
            n_valid[name] += sum(
                _is_expression(processor, ids, X.shape[1]) for ids in sequences
            )
    n = n_sequences * len(cases)
    shares = {name: round(100 * count / n, 1) for name, count in n_valid.items()}
    return {**shares, "sequences": n}


def _is_expression(
    processor: ChatSRProcessor, ids: Sequence[int], n_columns: int
) -> bool:
    try:
        expression = processor.decode_expression(ids)
    except ValueError:
        return False
    return all(column < n_columns for column in expression.variables)


def obedience(
    model: ChatSRForExpressionGeneration,
    processor: ChatSRProcessor,
    cases: Sequence[Case],
    n_candidates: int,
    hide_points: bool,
    seed: int = 0,
) -> dict[str, float]:
    """Give the mean shares in percent of the candidates that have the property.

    Parameters
    ----------
    model, processor
        The model.
    cases : sequence of Case
        Tables, properties and prompts.
    n_candidates : int
        Sequences drawn for each prompt.
    hide_points : bool
        Whether the prompt is all that the model sees.
    seed : int, default=0
        Of sampling.

    Returns
    -------
    dict
        Shares ``without`` a prompt, with the ``own`` one, the ``unseen`` wording and
        the ``other`` law's; ``own_minus_other`` with the half-width of its 95 %
        interval, ``half_width``.
    """
    drawer = PropertyDrawer()
    shares: dict[str, list[float]] = {
        name: [] for name in ("without", "own", "unseen", "other")
    }
    for case in cases:
        for name, told in shares.items():
            found: list[Expression] = generate_candidates(
                model,
                processor,
                *case.shown,
                n_candidates=n_candidates,
                prompt=None if name == "without" else getattr(case, name),
                hide_points=hide_points,
                seed=seed,
            )
            obeyed = [drawer.check(case.item, c) for c in found]
            told.append(float(np.mean(obeyed)) if obeyed else 0.0)
    gain = 100 * (np.array(shares["own"]) - np.array(shares["other"]))
    return {
        **{name: round(100 * float(np.mean(told)), 1) for name, told in shares.items()},
        "own_minus_other": round(float(gain.mean()), 1),
        "half_width": round(1.96 * float(gain.std(ddof=1)) / len(gain) ** 0.5, 1),
    }


@torch.inference_mode()
def preference(
    model: ChatSRForExpressionGeneration,
    processor: ChatSRProcessor,
    cases: Sequence[Case],
    hide_points: bool,
) -> dict[str, float]:
    """Compare the probability of the law under its own and under the other's prompt.

    Parameters
    ----------
    model, processor
        The model.
    cases : sequence of Case
        Tables and prompts.
    hide_points : bool
        Whether the prompt is all that the model sees.

    Returns
    -------
    dict
        Mean nats per sequence ``without`` a prompt, with the ``own`` and the ``other``;
        ``prefers_own``: the share in percent of the laws that are more probable under
        their own, with the half-width of its 95 % interval, ``half_width``.
    """
    nats = np.array([_nats(model, processor, case, hide_points) for case in cases])
    share = float(np.mean(nats[:, 1] < nats[:, 2]))
    return {
        "without": round(float(nats[:, 0].mean()), 2),
        "own": round(float(nats[:, 1].mean()), 2),
        "other": round(float(nats[:, 2].mean()), 2),
        "prefers_own": round(100 * share, 1),
        "half_width": round(196 * (share * (1 - share) / len(nats)) ** 0.5, 1),
    }


def _nats(
    model: ChatSRForExpressionGeneration,
    processor: ChatSRProcessor,
    case: Case,
    hide_points: bool,
) -> list[float]:
    """Give minus the log probability of the law with three prompts."""
    X, y = case.shown
    prompts = [None, case.own, case.other]
    inputs: dict[str, Any] = dict(
        processor([X] * 3, [y] * 3, prompt=prompts, hide_points=hide_points)
    )
    target = processor.encode_expression(case.tables.expression)
    ids = torch.tensor(target).expand(3, -1)
    inputs["input_ids"] = torch.cat([inputs["input_ids"], ids], dim=1)
    inputs["attention_mask"] = torch.cat(
        [inputs["attention_mask"], torch.ones_like(ids)], dim=1
    )
    logits = model(**inputs, logits_to_keep=len(target) + 1, use_cache=False).logits
    log_p = logits[:, :-1].float().log_softmax(dim=-1)
    written = log_p.gather(2, ids[:, :, None]).squeeze(2).sum(dim=1)
    return [float(v) for v in -written]


def main() -> None:
    """Read the arguments, evaluate, print and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("model")
    parser.add_argument("--n-tables", type=int, default=48)
    parser.add_argument("--n-candidates", type=int, default=16)
    parser.add_argument(
        "--bfloat16", action="store_true", help="faster on a CPU that has it"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    loaded, processor = load_model(args.model, "cpu")
    # The loaded model is shared by the process: convert a copy.
    model = copy.deepcopy(loaded).bfloat16() if args.bfloat16 else loaded
    cases = draw_cases(args.n_tables, args.seed)
    result: dict[str, Any] = {"cases": len(cases)}

    def show(name: str, value: dict[str, float]) -> None:
        result[name] = value
        print(f"{name:20s}", json.dumps(value), flush=True)

    show("valid", validity(model, processor, cases, args.n_candidates, args.seed))
    for name, hidden in (("given", False), ("hidden", True)):
        show(f"law, {name}", preference(model, processor, cases, hidden))
    for name, hidden in (("given", False), ("hidden", True)):
        shares = obedience(
            model, processor, cases, args.n_candidates, hidden, args.seed
        )
        show(f"candidates, {name}", shares)
    if args.out:
        args.out.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
