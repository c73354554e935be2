"""Whether the model's candidates have what a sentence of somebody else tells.

Run ``python -m benchmarks.obedience default --n-tables 60``. A true property of a law
that training never saw is told by one of the sentences of `benchmarks.reading` that are
held out, with the variables of the law put in. Candidates are drawn as
`ChatSRRegressor` draws those that heed its prompt, beside candidates without a prompt.
`training.evaluate_prompts` tells the same by wordings of training, and past the reader.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import defaultdict

import numpy as np

from benchmarks.reading import SENTENCES
from sklearn_chatsr.expressions import is_variable
from sklearn_chatsr.models import load_model
from sklearn_chatsr.prompts import Property
from training.evaluate import validation_tables
from training.evaluate_prompts import Evaluation

_PROPERTIES_PER_TABLE = 4


def held_out_sentences() -> dict[str, list[tuple[str, tuple[str, ...]]]]:
    """Give the sentences that tell one property, by kind, with its arguments."""
    found: dict[str, list[tuple[str, tuple[str, ...]]]] = defaultdict(list)
    for line in SENTENCES.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        if record["held_out"] and len(record["tells"]) == 1:
            kind, *arguments = record["tells"][0]
            found[kind].append((record["text"], tuple(arguments)))
    return found


def tell(
    item: Property,
    sentences: dict[str, list[tuple[str, tuple[str, ...]]]],
    rng: np.random.Generator,
) -> str | None:
    """Say a property in a sentence about the same thing; None if there is none.

    Parameters
    ----------
    item : Property
        What is said.
    sentences : dict
        By kind, with arguments.
    rng : numpy.random.Generator
        Draws the sentence.
    """
    suiting = []
    for text, arguments in sentences[item.kind]:
        pairs = list(zip(arguments, item.arguments, strict=True))
        if all(a == b or (is_variable(a) and is_variable(b)) for a, b in pairs):
            suiting.append((text, {a: b for a, b in pairs if a != b}))
    if not suiting:
        return None
    text, names = suiting[rng.integers(len(suiting))]
    # Two variables that trade places are both renamed.
    names |= {b: a for a, b in names.items() if b not in names}
    return re.sub(
        r"(?i)\bx\d+\b", lambda m: names.get(m.group().lower(), m.group()), text
    )


def main() -> None:
    """Print the shares by kind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--n-tables", type=int, default=60)
    parser.add_argument("--n-candidates", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    model, processor = load_model(args.model, "cpu")
    run = Evaluation(model, processor, args.n_candidates, False, args.seed)
    sentences, rng = held_out_sentences(), np.random.default_rng(args.seed)
    shares: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for tables in validation_tables(args.n_tables, args.seed):
        n_columns = tables.X.shape[2]
        free = run.candidates(tables, None)
        for item in run.drawer.draw(
            tables.expression, n_columns, _PROPERTIES_PER_TABLE, run.rng
        ):
            text = tell(item, sentences, rng)
            if text is None:
                continue
            pair = (run.share(item, free), run.share(item, run.drawn(tables, text)))
            shares["all"].append(pair)
            shares[item.kind].append(pair)
    for kind, pairs in sorted(shares.items()):
        without, told = 100 * np.mean(pairs, axis=0)
        print(f"{kind:12s} {len(pairs):3d} cases: {without:5.1f} % -> {told:5.1f} %")


if __name__ == "__main__":
    main()
