"""Measure whether the model obeys its prompts, and what a prompt does for recovery.

Run ``python -m training.evaluate_prompts runs/small/model --n-tables 60``. The prompt
goes to the model as text, past the parser that the estimator puts in between; beside
that stand the candidates as the estimator draws them, where what the parser understands
is enforced by the grammar and checked.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.models import load_model
from sklearn_chatsr.models.chatsr import (
    ChatSRForExpressionGeneration,
    ChatSRProcessor,
    generate_candidates,
)
from sklearn_chatsr.prompts import (
    Constraints,
    Prompt,
    Property,
    PropertyDrawer,
    write_prompt,
)
from sklearn_chatsr.proposers.model import DrawSettings, draw
from training.evaluate import validation_tables
from training.generator import Tables
from training.paraphrases import load_paraphrases

_PROPERTIES_PER_TABLE = 2
_SHARES = (
    "without",
    "seen",
    "unseen",
    "paraphrased",
    "seen_drawn",
    "unseen_drawn",
    "paraphrased_drawn",
)


@dataclass(frozen=True, slots=True)
class Obedience:
    """Shares of the candidates that have one true property.

    Attributes
    ----------
    kind : str
        Of the property.
    without, seen, unseen : float
        Share of the distinct candidates without a prompt, with a wording of training,
        and with one that training never uses.
    paraphrased : float
        The same with one of somebody who did not know the wordings of the package, and
        that training never uses either (`training.paraphrases`).
    seen_drawn, unseen_drawn, paraphrased_drawn : float
        The same with the prompt as the estimator draws the prompted half.
    """

    kind: str
    without: float
    seen: float
    unseen: float
    paraphrased: float
    seen_drawn: float
    unseen_drawn: float
    paraphrased_drawn: float


@dataclass(frozen=True, slots=True)
class Recovery:
    """Whether the target is among the candidates.

    Attributes
    ----------
    none, true, wrong : bool
        Without a prompt, with true properties, and with those of another formula that
        do not hold.
    true_drawn, wrong_drawn : bool
        The same as the estimator draws: half of the candidates with the prompt, half
        without.
    """

    none: bool
    true: bool
    wrong: bool
    true_drawn: bool
    wrong_drawn: bool


class Evaluation:
    """Draws from one model with and without prompts.

    Parameters
    ----------
    model : ChatSRForExpressionGeneration
        The model.
    processor : ChatSRProcessor
        Its processor.
    n_candidates : int
        Sequences of a draw.
    hide_points : bool
        Whether the model goes by the prompt alone.
    seed : int
        Of all draws.
    """

    def __init__(
        self,
        model: ChatSRForExpressionGeneration,
        processor: ChatSRProcessor,
        n_candidates: int,
        hide_points: bool,
        seed: int,
    ) -> None:
        self.model, self.processor = model, processor
        self.n_candidates, self.hide_points = n_candidates, hide_points
        self.seed = seed
        self.drawer = PropertyDrawer()
        self.rng = np.random.default_rng([seed, 11])
        self.paraphrases = load_paraphrases()
        self.paraphrasing_rng = np.random.default_rng([seed, 12])

    def candidates(
        self, tables: Tables, prompt: str | None, share: float = 1.0
    ) -> list[Expression]:
        """Draw candidates for the first half of the rows."""
        half = tables.X.shape[1] // 2
        return generate_candidates(
            self.model,
            self.processor,
            tables.X[0, :half],
            tables.y[0, :half],
            n_candidates=round(share * self.n_candidates),
            prompt=prompt,
            seed=self.seed,
            hide_points=self.hide_points,
        )

    def drawn(
        self, tables: Tables, prompt: str, share: float = 1.0
    ) -> list[Expression]:
        """Draw candidates for the same rows as the estimator does."""
        half = tables.X.shape[1] // 2
        return draw(
            self.model,
            self.processor,
            tables.X[0, :half],
            tables.y[0, :half],
            n_candidates=round(share * self.n_candidates),
            rules=Constraints(()),
            prompt=Prompt(prompt),
            columns=np.arange(tables.X.shape[2]),
            rng=np.random.default_rng(self.seed),
            settings=DrawSettings(hide_points=self.hide_points),
        )

    def obedience(self, tables: Tables) -> list[Obedience]:
        """Compare the candidates for some true properties of one table."""
        n_columns = tables.X.shape[2]
        properties = self.drawer.draw(
            tables.expression, n_columns, _PROPERTIES_PER_TABLE, self.rng
        )
        free = self.candidates(tables, None)
        results = []
        for item in properties:
            texts = [write_prompt([item], self.rng, unseen=u) for u in (False, True)]
            texts.append(
                write_prompt([item], self.paraphrasing_rng, True, self.paraphrases)
            )
            results.append(
                Obedience(
                    item.kind,
                    self.share(item, free),
                    *(self.share(item, self.candidates(tables, t)) for t in texts),
                    *(self.share(item, self.drawn(tables, t)) for t in texts),
                )
            )
        return results

    def recovery(self, tables: Tables, other: Tables) -> Recovery:
        """Look for the target among the candidates, with three prompts."""
        target, n_columns = tables.expression, tables.X.shape[2]
        true = self.drawer.draw(target, n_columns, 3, self.rng)
        foreign = self.drawer.draw(other.expression, n_columns, 12, self.rng)
        wrong = [
            p
            for p in foreign
            if set(p.variables) <= {f"x{j + 1}" for j in range(n_columns)}
            and not self.drawer.check(p, target)
        ][:3]
        told, misled = (
            write_prompt(properties, self.rng) if properties else ""
            for properties in (true, wrong)
        )
        unprompted = self.candidates(tables, None, 0.5)
        return Recovery(
            *(
                _holds(target, self.candidates(tables, text))
                for text in (None, told or None, misled or None)
            ),
            *(
                _holds(target, [*self.drawn(tables, text, 0.5), *unprompted])
                for text in (told, misled)
            ),
        )

    def share(self, item: Property, candidates: Sequence[Expression]) -> float:
        """Give the share of some candidates that have a property."""
        obeyed = [self.drawer.check(item, c) for c in candidates]
        return float(np.mean(obeyed)) if obeyed else 0.0


def _holds(target: Expression, candidates: Sequence[Expression]) -> bool:
    key = target.canonical_key()
    return any(c.canonical_key() == key for c in candidates)


def summarise_obedience(results: Sequence[Obedience]) -> dict[str, dict[str, float]]:
    """Give mean shares in percent, over all and by kind."""
    groups: dict[str, list[Obedience]] = defaultdict(list)
    for result in results:
        groups["all"].append(result)
        groups[result.kind].append(result)
    return {
        kind: {
            "cases": len(group),
            **{
                name: round(100 * float(np.mean([getattr(r, name) for r in group])), 1)
                for name in _SHARES
            },
        }
        for kind, group in sorted(groups.items())
    }


def summarise_recovery(results: Sequence[Recovery]) -> dict[str, float]:
    """Give the shares of recovered targets in percent."""
    return {
        name: round(100 * float(np.mean([getattr(r, name) for r in results])), 1)
        for name in (f.name for f in fields(Recovery))
    }


def main() -> None:
    """Read the arguments, evaluate, print and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--n-tables", type=int, default=60)
    parser.add_argument("--n-candidates", type=int, default=64)
    parser.add_argument("--seen-shapes", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    model, processor = load_model(args.model, "cpu")
    tables = validation_tables(args.n_tables, args.seed, unseen=not args.seen_shapes)
    result = {}
    for name, hidden in (("given", False), ("hidden", True)):
        run = Evaluation(model, processor, args.n_candidates, hidden, args.seed)
        others = tables[1:] + tables[:1]
        result[name] = {
            "recovery": summarise_recovery(
                [run.recovery(t, o) for t, o in zip(tables, others, strict=True)]
            ),
            "obedience": summarise_obedience(
                [r for t in tables for r in run.obedience(t)]
            ),
        }
        print(name, json.dumps(result[name], indent=1))
    if args.out:
        args.out.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
