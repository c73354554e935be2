"""From free text to properties, by the templates of the wordings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from sklearn_chatsr.expressions import Expression, variable
from sklearn_chatsr.prompts.operators import FAMILIES
from sklearn_chatsr.prompts.properties import Property
from sklearn_chatsr.prompts.wordings import FRAMES, UNSEEN_FRAMES, WORDINGS
from sklearn_chatsr.prompts.writing import write_prompt

# Short forms that people write in lists and constraints, beside the wordings.
_SHORT = {
    "avoids": ("no {o}", "avoid {o}", "avoiding {o}", "not {o}"),
    "contains": ("contain {ao}", "containing {ao}", "use {ao}"),
    "uses": ("use {v}", "depend on {v}", "depending on {v}"),
    "ignores": ("ignore {v}", "ignoring {v}", "avoid {v}"),
    "power_law": ("power law",),
    "decay": ("a decay", "exponential decay"),
    "oscillation": ("an oscillation",),
    "saturation": ("growth that saturates", "saturating growth"),
    "size": ("at most {n} tokens",),
}
_BETWEEN = r"(?:\s*,\s*(?:and|or|nor)\s+|\s*,\s*|\s+(?:and|or|nor)\s+)"
_NEGATED = re.compile(
    r"(?:\bnot|\bnever|n't|\bno|\bneither|\bnor)(?:\s+(?:be|an?))?\s*$", re.I
)
_NEGATION = re.compile(r"\b(?:not|never|no|neither|nor|without|unless)\b|n't", re.I)
_WORD = re.compile(r"[^\W_]+")
# Words around a property that say nothing themselves.
_FILLER = frozenset(
    _WORD.findall(
        " ".join((*FRAMES, *UNSEEN_FRAMES)).lower()
        + " a the this which and but also is be must should of for with in equation"
    )
)
_MOST_OTHER_WORDS = 3  # of a subject such as "the restoring force"


def parse_prompt(text: str, labels: Sequence[str] = ()) -> list[Property]:
    """Read the properties that a text tells.

    Parameters
    ----------
    text : str
        Free text. What no wording covers, or is denied ("not periodic in t"), is left
        out.
    labels : sequence of str, default=()
        Names of the columns; ``x1``, ``x2``, ... work too.

    Returns
    -------
    list of Property
        Over variables by position, in the order of the text.

    Examples
    --------
    >>> from sklearn_chatsr.prompts import parse_prompt
    >>> text = "the force is periodic in t and contains no logarithm"
    >>> [str(p) for p in parse_prompt(text, ["t", "m"])]
    ['is periodic in x1', 'contains no log']
    """
    return Prompt(text, labels).properties


class Prompt:
    """A text about the law and what could be read from it.

    Parameters
    ----------
    text : str
        Free text.
    labels : sequence of str, default=()
        Names of the columns.

    Attributes
    ----------
    properties : list of Property
        What the text tells.
    remainder : str
        The words that no property accounts for.
    """

    def __init__(self, text: str, labels: Sequence[str] = ()) -> None:
        self.text = text
        self.labels = tuple(map(str, labels))
        found = _longest_first(_matches(text, self.labels))
        self.properties: list[Property] = []
        rest, position = [], 0
        for start, stop, items in found:
            self.properties += [p for p in items if p not in self.properties]
            rest.append(text[position:start])
            position = stop
        self.remainder = " ".join(" ".join([*rest, text[position:]]).split())

    @property
    def is_understood(self) -> bool:
        """Whether little beside the properties is said, and nothing is denied."""
        words = _WORD.findall(self.remainder.lower())
        other = [w for w in words if w not in _FILLER]
        denied = _NEGATION.search(self.remainder) is not None
        return bool(self.properties) and not denied and len(other) <= _MOST_OTHER_WORDS

    def properties_for(self, columns: Iterable[int]) -> list[Property]:
        """Give what is told of some columns, renamed; nothing if not understood.

        Parameters
        ----------
        columns : iterable of int
            Position in the table of every column that is shown.
        """
        names = {variable(int(c)): variable(i) for i, c in enumerate(columns)}
        if not self.is_understood:
            return []
        return [
            p.rename(names) for p in self.properties if set(p.variables) <= set(names)
        ]

    def for_columns(self, columns: Iterable[int]) -> str | None:
        """Write the prompt for a model that sees some columns in some order.

        Parameters
        ----------
        columns : sequence of int
            Position in the table of every column that is shown.

        Returns
        -------
        str or None
            In the model's own words when the text is understood, else the user's text
            with the names replaced by ``x1``, ``x2``, ...; None when nothing said is
            about these columns.
        """
        columns = list(columns)
        if self.is_understood:
            shown = self.properties_for(columns)
            return write_prompt(shown) if shown else None
        names = {variable(int(c)): variable(i) for i, c in enumerate(columns)}
        spelled = _names(self.labels)

        def replace(match: re.Match[str]) -> str:
            position = spelled[match.group(1)]
            return names.get(position, match.group(0))

        return re.sub(_variable_pattern(self.labels), replace, self.text)


Match = tuple[int, int, list[Property]]


def _matches(text: str, labels: tuple[str, ...]) -> Iterator[Match]:
    """Give every place where a template fits."""
    names = _names(labels)
    for kind, pattern in _patterns(labels):
        for match in pattern.finditer(text):
            if _NEGATED.search(text[: match.start()]):
                continue
            items = _read(kind, match.groupdict(), names, labels)
            if items:
                yield match.start(), match.end(), items


def _longest_first(matches: Iterator[Match]) -> list[Match]:
    chosen: list[Match] = []
    for match in sorted(matches, key=lambda m: (m[0] - m[1], m[0])):
        if all(match[1] <= start or match[0] >= stop for start, stop, _ in chosen):
            chosen.append(match)
    return sorted(chosen, key=lambda m: m[0])


def _read(
    kind: str,
    slots: dict[str, str | None],
    names: dict[str, str],
    labels: tuple[str, ...],
) -> list[Property]:
    """Turn the texts of the slots of one match into properties."""
    pattern = re.compile(_variable_pattern(labels))
    if slots.get("o"):
        nouns = re.finditer(_noun_pattern(), slots["o"] or "", re.I)
        families = (_nouns()[m.group(1).lower()] for m in nouns)
        return [Property(kind, (family,)) for family in families]
    if slots.get("v"):
        found = pattern.findall(slots["v"] or "")
        return [Property(kind, (names[name],)) for name in found]
    if slots.get("a"):
        pair = [pattern.findall(slots[s] or "")[0] for s in ("a", "b")]
        return [Property(kind, (names[pair[0]], names[pair[1]]))]
    if slots.get("n"):
        return [Property(kind, (str(int(slots["n"] or "")),))]
    if slots.get("f"):
        try:
            part = Expression.from_infix(slots["f"] or "", labels or None)
        except ValueError:
            return []
        return [Property(kind, (str(part),))]
    return [Property(kind)]


@lru_cache(maxsize=64)
def _patterns(labels: tuple[str, ...]) -> list[tuple[str, re.Pattern[str]]]:
    """Compile every template for these column names."""
    one = _variable_pattern(labels, group="?:")
    article = r"(?:an?\s+|the\s+|any\s+)?"
    noun = article + _noun_pattern(group="?:")
    slots = {
        "{ao}": f"(?P<o>{noun}(?:{_BETWEEN}{noun})*)",
        "{o}": f"(?P<o>{noun}(?:{_BETWEEN}{noun})*)",
        "{v}": f"(?P<v>{one}(?:{_BETWEEN}{one})*)",
        "{a}": f"(?P<a>{one})",
        "{b}": f"(?P<b>{one})",
        "{n}": r"(?P<n>\d{1,4})",
        # A comma inside brackets belongs to the formula.
        "{f}": r"(?P<f>\S(?:[^,;]|,(?=[^()]*\)))*?)"
        r"(?=\s*(?:[;.]?\s*$|[;.,]\s|\s(?:and|but|as)\s))",
    }
    compiled = []
    for kind, wording in WORDINGS.items():
        for template in (*wording.seen, *wording.unseen, *_SHORT.get(kind, ())):
            compiled.append((kind, _compile(template, slots)))
    return compiled


def _compile(template: str, slots: dict[str, str]) -> re.Pattern[str]:
    parts = re.split(r"(\{\w+\}|\s+)", template)
    text = ""
    for index, part in enumerate(parts):
        if part in slots:
            text += slots[part]
        elif not part.strip():
            text += r"\s+" if part else ""
        elif index == 0 and part == "is":
            text += r"(?:is|be|are|stays)"
        else:
            text += (
                r"\s*" + re.escape(part) + r"\s*" if part in "*/-" else re.escape(part)
            )
    # "is" may be left out: "periodic in t"
    text = re.sub(
        r"^\(\?:is\|be\|are\|stays\)\\s\+(?=\w)", r"(?:(?:is|be|are)\\s+)?", text
    )
    return re.compile(rf"(?<![\w`]){text}(?![\w`])", re.I)


def _names(labels: Sequence[str]) -> dict[str, str]:
    """Map every spelling of a column to its variable; labels win."""
    n = len(labels) or 10
    return {
        **{variable(j): variable(j) for j in range(n)},
        **{label: variable(j) for j, label in enumerate(labels)},
    }


def _variable_pattern(labels: Sequence[str], group: str = "") -> str:
    spelled = sorted(_names(labels), key=len, reverse=True)
    one = "|".join(map(re.escape, spelled))
    # Names are case-sensitive, words are not.
    return rf"`?(?<!\w)({group}(?-i:{one}))(?!\w)`?"


@lru_cache(maxsize=1)
def _nouns() -> dict[str, str]:
    return {noun: family for family, row in FAMILIES.items() for noun in row.nouns}


@lru_cache(maxsize=2)
def _noun_pattern(group: str = "") -> str:
    one = "|".join(sorted(map(re.escape, _nouns()), key=len, reverse=True))
    return rf"(?<!\w)({group}{one})s?(?:\s+(?:functions?|terms?))?(?!\w)"
