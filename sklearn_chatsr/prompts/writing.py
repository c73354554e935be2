"""From properties to text."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from sklearn_chatsr.prompts.operators import FAMILIES, with_article
from sklearn_chatsr.prompts.properties import Property
from sklearn_chatsr.prompts.wordings import PLAIN, Phrasing

_LISTED = ("{o}", "{ao}", "{v}")


def write_prompt(
    properties: Sequence[Property],
    rng: np.random.Generator | None = None,
    unseen: bool = False,
    phrasing: Phrasing = PLAIN,
) -> str:
    """Write properties as a prompt.

    Parameters
    ----------
    properties : sequence of Property
        One or more.
    rng : numpy.random.Generator, optional
        Draws wordings and the sentence around them; the plainest ones without.
    unseen : bool, default=False
        Draw only wordings that training never uses.
    phrasing : Phrasing, default=PLAIN
        The wordings to draw from.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        Without any property.

    Examples
    --------
    >>> from sklearn_chatsr.prompts import Property, write_prompt
    >>> write_prompt([Property("periodic", ("x1",)), Property("avoids", ("log",))])
    'It is periodic in x1 and contains no log.'
    """
    if not properties:
        raise ValueError("Got no properties, pass at least one.")
    by_kind: dict[str, list[Property]] = defaultdict(list)
    for item in properties:
        by_kind[item.kind].append(item)
    predicates = []
    for kind, group in by_kind.items():
        wording = phrasing.wordings[kind]
        templates = wording.unseen if unseen else wording.seen
        template = (
            templates[0] if rng is None else templates[rng.integers(len(templates))]
        )
        listed = any(slot in template for slot in _LISTED)
        groups = [group] if listed else [[item] for item in group]
        predicates += [write_predicate(g, template, rng) for g in groups]
    frames = phrasing.unseen_frames if unseen else phrasing.frames
    frame = frames[0] if rng is None else frames[rng.integers(len(frames))]
    return frame.replace("{p}", _join(predicates, "and"))


def write_predicate(
    group: Sequence[Property], template: str, rng: np.random.Generator | None = None
) -> str:
    """Fill a template with the arguments of properties of one kind."""
    kind, arguments = group[0].kind, [p.arguments for p in group]
    word = "or" if kind == "avoids" else "and"
    if kind in ("contains", "avoids"):
        nouns = [_noun(a[0], rng) for a in arguments]
        text = template.replace("{ao}", _join([with_article(n) for n in nouns], word))
        return text.replace("{o}", _join(nouns, word))
    if not arguments[0]:
        return template
    if len(arguments[0]) == 2:
        a, b = arguments[0]
        return template.replace("{a}", a).replace("{b}", b)
    text = template.replace("{v}", _join([a[0] for a in arguments], word))
    return text.replace("{n}", arguments[0][0]).replace("{f}", arguments[0][0])


def _noun(family: str, rng: np.random.Generator | None) -> str:
    nouns = FAMILIES[family].nouns
    return nouns[0] if rng is None else nouns[rng.integers(len(nouns))]


def _join(parts: Sequence[str], word: str) -> str:
    if len(parts) == 1:
        return parts[0]
    return f"{', '.join(parts[:-1])} {word} {parts[-1]}"
