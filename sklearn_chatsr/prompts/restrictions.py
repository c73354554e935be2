"""What is told by exception: "everything but t", "nothing except exp", "only log"."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial

from sklearn_chatsr.expressions import variable
from sklearn_chatsr.prompts import cues
from sklearn_chatsr.prompts.mentions import Mention
from sklearn_chatsr.prompts.operators import FAMILIES
from sklearn_chatsr.prompts.properties import Property

ALL_BUT, NONE_BUT = "A", "B"  # marks: all but these, none but these

_NOUN = (
    r"(?:columns?|variables?|inputs?|features?|functions?|operators?|operations?|"
    r"symbols?)"
)
_ALL = (
    r"\b(?:(?P<none>nothing|none|no(?:t\s+any)?(?:\s+other)?\s+"
    rf"{_NOUN})|everything|anything|(?:all|any|every)(?:\s+(?:of\s+)?(?:the\s+)?"
    rf"(?:other\s+)?{_NOUN})|all)(?:\s+(?:else|other|more))?"
)
_BUT = (
    r"(?:\s+(?:but(?:\s+for)?|than)|\s*,?\s+(?:except(?:ing)?(?:\s+for)?|save(?:\s+for)?"
    r"|other\s+than|(?:apart|aside)\s+from|besides?|outside(?:\s+of)?|excluding|"
    r"with\s+the\s+exceptions?\s+of))\s+"
)
_MARKS = (
    rf"(?:(?:the\s+|for\s+)?{_NOUN}\s+)?"
    r"(?P<marks><(?P<mark>[VO])\d+>(?:\s*(?:,|and|or)\s*<(?P=mark)\d+>)*)"
)
_ALONE = r"(?!\s*(?:,|and|or)\s+(?:\w+\s+)?<)"  # no list that goes on
_END = r"(?=\s*(?:[.,;:!)]|$))"
_ONLY = r"(?:only|solely|exclusively)"
_USING = (
    r"(?:us(?:e|es|ed|ing)|allow\w*|permit\w*|keep\w*|contain\w*|inclu(?:de|ding)\w*|"
    r"consider\w*|depend\w*(?:\s+on)?|function\s+of|with|has|have)"
)
_TOLD = (
    (ALL_BUT, rf"{_ALL}{_BUT}{_MARKS}{_ALONE}"),
    (NONE_BUT, rf"\b(?P<verb>{_USING})\s+(?:{_ONLY}|just)\s+(?:on\s+)?{_MARKS}{_END}"),
    (
        NONE_BUT,
        rf"\b(?P<verb>{_USING})\s+{_MARKS}\s*(?:,\s*)?(?:{_ONLY}|alone|"
        rf"(?:and\s+)?nothing\s+else){_END}",
    ),
    (
        NONE_BUT,
        rf"^\s*(?:please\s+)?{_ONLY}\s+(?:{_USING}\s+)?{_MARKS}(?:\s+(?:is|are|be|may|"
        r"can|must|allowed|permitted|used|possible|relevant|needed|matters?|counts?))*"
        rf"{_END}",
    ),
)
_UNCLEAR = rf"{_ALL}{_BUT}(?:[\w'-]+\s+){{0,4}}<[VO]"
_EXCEPTED = r"\b(?:except(?:ing)?|other\s+than)\b"
# Said of what is left, these turn the meaning around.
_SHUT = (
    r"\b(?:ignor\w*|exclud\w*|avoid\w*|forbid\w*|ban|bans|banned|drop(?:ped|s)?|"
    r"remov\w*|discard\w*|disregard\w*|omit\w*|skip\w*|(?:leav\w+|left|rul\w+)\s+out|"
    r"eliminat\w*|reject\w*|disallow\w*|prohibit\w*|irrelevant|unused|without|"
    r"neglect\w*|negligible|off[- ]limits|independent|free|unnecessary)\b"
)
_OPEN = (
    rf"\b(?:{_USING}|can|may|should|must|will|possible|fine|okay|ok|welcome|good|"
    r"occur\w*|appear\w*|matter\w*|count\w*|relevant|need\w*|involv\w*|kept|"
    r"available|enter\w*|search\w*|formula|expression|law|want\w*)\b"
)
_IDLE = frozenset(
    re.findall(
        r"\w+",
        "the and but also is are be it its please in of on to for from as you we do "
        "does at there would by then so here result answer model",
    )
)
_SUBJECT = r"^\s*(?:and\s+|but\s+)?(?:the|its|our|this)\s+\w+\s+(?=\w+)"


def mark_restrictions(text: str, mentions: list[Mention]) -> str:
    """Replace "nothing but <V0>" and its like by a mark of their own.

    Parameters
    ----------
    text : str
        One sentence with marks, see `mentions.mark_mentions`.
    mentions : list of Mention
        What the marks stand for; the new ones are added.

    Returns
    -------
    str
        With ``<A5>`` for all but what mention 5 names, ``<B6>`` for none but that.
    """

    def put(mark: str, match: re.Match[str]) -> str:
        groups = match.groupdict()
        named = re.findall(r"\d+", groups["marks"])
        mark = NONE_BUT if groups.get("none") else mark
        values = tuple(v for i in named for v in mentions[int(i)].values)
        mentions.append(Mention(mark, values))
        return f" {groups.get('verb') or ''} <{mark}{len(mentions) - 1}> "

    for mark, pattern in _TOLD:
        text = re.sub(pattern, partial(put, mark), text)
    return text


def is_unclear(text: str) -> bool:
    """Tell whether something is excepted in a way that is not understood."""
    excepted = re.search(_EXCEPTED, text) and re.search(r"<[VO]", text)
    return bool(excepted or re.search(_UNCLEAR, text))


def read_restriction(
    said: str, mention: Mention, labels: Sequence[str]
) -> Iterator[Property] | None:
    """Read what is said of all, or none, but some columns or operators.

    Parameters
    ----------
    said : str
        The clause without the mark: "ignore", "is allowed".
    mention : Mention
        With one of the marks of this module.
    labels : sequence of str
        Names of the columns.

    Returns
    -------
    iterator of Property or None
        None where the words around leave the meaning open.
    """
    shut = re.search(_SHUT, said) is not None
    denied = re.search(cues.DENIAL, said) is not None
    rest = re.sub(f"{_SHUT}|{cues.DENIAL}|{_OPEN}", " ", re.sub(_SUBJECT, "", said))
    if re.search(rf"[<>]|{cues.HEDGE}", rest) or _more_words(rest):
        return None
    if (mention.mark == NONE_BUT) != (shut != denied):
        return _nothing_else(mention.values, labels, told=not shut)
    kind = "avoids" if mention.values[0] in FAMILIES else "ignores"
    return (Property(kind, (value,)) for value in mention.values)


def _more_words(text: str) -> list[str]:
    return [w for w in re.findall(r"[^\W\d_]{2,}", text) if w not in _IDLE]


def _nothing_else(
    values: Sequence[str], labels: Sequence[str], told: bool
) -> Iterator[Property]:
    """Give what it means that nothing beside some columns or operators is there."""
    if values[0] in FAMILIES:
        yield from (Property("avoids", (name,)) for name in _other_families(values))
        return
    others = [v for v in map(variable, range(len(labels))) if v not in values]
    # "Ignore all but t" does not ask for t.
    if told or not others:
        yield from (Property("uses", (name,)) for name in values)
    yield from (Property("ignores", (name,)) for name in others)


def _other_families(names: Sequence[str]) -> Iterator[str]:
    """Give the families that are shut out where only some may be used.

    Who names functions says nothing about arithmetic; who names some arithmetic means
    all of it. Squares and cubes are products, and a sum with a negative coefficient is
    written as a difference.
    """
    kept = frozenset[str]().union(*(FAMILIES[name].tokens for name in names))
    arithmetic = frozenset(("add", "sub", "mul", "div", "inv"))
    if not kept & arithmetic:
        kept |= arithmetic
    if "mul" in kept:
        kept |= {"sq", "cube"}
    if "add" in kept:
        kept |= {"sub"}
    shut: frozenset[str] = frozenset()
    for name, family in sorted(FAMILIES.items(), key=lambda f: -len(f[1].tokens)):
        if not family.tokens & kept and not family.tokens <= shut:
            shut |= family.tokens
            yield name
