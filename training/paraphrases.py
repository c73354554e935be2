"""More ways to say properties, for training alone: ``paraphrases.json``.

They were written by somebody who had not seen the wordings of the package, and a fifth
of each kind, drawn at random, is kept from training. Many are such that the parser of
the package does not read them; there a model has to understand.
"""

from __future__ import annotations

import json
from pathlib import Path

from sklearn_chatsr.prompts.wordings import PLAIN, Phrasing, Wording

_FILE = Path(__file__).with_name("paraphrases.json")


def load_paraphrases() -> Phrasing:
    """Read the file; ``unseen`` is what training never uses."""
    rows = json.loads(_FILE.read_text())
    kinds = {
        kind: Wording(tuple(row["seen"]), tuple(row["unseen"]))
        for kind, row in rows["kinds"].items()
    }
    frames = rows["frames"]
    return Phrasing(kinds, tuple(frames["seen"]), tuple(frames["unseen"]))


def training_phrasing() -> Phrasing:
    """Give the wordings of the package and the paraphrases together."""
    more = load_paraphrases()
    kinds = {
        kind: Wording(
            wording.seen + more.wordings[kind].seen,
            wording.unseen + more.wordings[kind].unseen,
        )
        for kind, wording in PLAIN.wordings.items()
    }
    return Phrasing(
        kinds, PLAIN.frames + more.frames, PLAIN.unseen_frames + more.unseen_frames
    )
