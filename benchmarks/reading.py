"""How many sentences about a law are read as they are meant.

Run ``python -m benchmarks.reading``. The sentences were written without knowledge of
the lexicon (`sklearn_chatsr.prompts.cues`), which then grew with three quarters of
them; those that are held out were read for the first time after that. A sentence counts
when exactly the properties that it tells are read, none missing and none too many.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from sklearn_chatsr import Expression
from sklearn_chatsr.prompts import Property, parse_prompt

SENTENCES = Path(__file__).with_name("sentences.jsonl")
_LABELS = tuple(f"x{j}" for j in range(1, 6))


@dataclass
class Reading:
    """What became of some sentences.

    Attributes
    ----------
    n, n_exact, n_wrong : int
        Sentences, those of which exactly what they tell is read, and those of which
        something is read that they do not tell.
    told, found : Counter
        Properties by kind, and those of them that are read.
    misread : list of str
        Sentences that are not read exactly.
    """

    n: int = 0
    n_exact: int = 0
    n_wrong: int = 0
    told: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    misread: list[str] = field(default_factory=list)


def read_sentences(held_out: bool) -> Reading:
    """Read the sentences that are held out, or the others.

    Parameters
    ----------
    held_out : bool
        Which ones.

    Returns
    -------
    Reading
    """
    reading = Reading()
    for line in SENTENCES.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        if record["held_out"] is not held_out:
            continue
        told = {_property(kind, *rest) for kind, *rest in record["tells"]}
        got = set(parse_prompt(record["text"], _LABELS))
        reading.n += 1
        reading.n_exact += got == told
        reading.n_wrong += bool(got - told)
        reading.told.update(p.kind for p in told)
        reading.found.update(p.kind for p in told & got)
        if got != told:
            reading.misread.append(record["text"])
    return reading


def _property(kind: str, *arguments: str) -> Property:
    if kind == "term":
        arguments = tuple(str(Expression.from_infix(a)) for a in arguments)
    return Property(kind, arguments)


def main() -> None:
    """Print the shares."""
    for held_out, name in ((False, "with which the lexicon grew"), (True, "held out")):
        reading = read_sentences(held_out)
        print(
            f"{name}: {reading.n} sentences, {reading.n_exact / reading.n:.1%} exact, "
            f"{reading.n_wrong / reading.n:.1%} with something wrong"
        )
        for kind in sorted(reading.told):
            print(f"  {kind:12s} {reading.found[kind]:3d} of {reading.told[kind]:3d}")


if __name__ == "__main__":
    main()
