"""`Clause`: a piece of a sentence that says one thing, and what it is like."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache

from sklearn_chatsr.prompts import cues, reservations
from sklearn_chatsr.prompts.mentions import Mention
from sklearn_chatsr.prompts.properties import Property
from sklearn_chatsr.prompts.wordings import FRAMES, UNSEEN_FRAMES

MARK = re.compile(r"<([VOFNAB])(\d+)>")
_WORD = re.compile(r"[^\W\d_]{2,}")
# Words that say nothing themselves, beside those of the frames.
_FILLER = frozenset(
    _WORD.findall(
        " ".join((*FRAMES, *UNSEEN_FRAMES)).lower()
        + " the this which and but also is be must should of for with in equation or"
        " nor are to it its as at all any an by on one do does can will you we me my"
        " our please only just well too that there from than into such make sure"
    )
)


def other_words(text: str) -> list[str]:
    """Give the words that are not said of every law."""
    return [w for w in _WORD.findall(text.lower()) if w not in _FILLER]


def has(pattern: str, text: str) -> bool:
    """Search a pattern of the lexicon, in which marks have no numbers."""
    return re.search(numbered(pattern), text, re.I) is not None


@lru_cache(maxsize=1024)
def numbered(pattern: str) -> str:
    """Let the marks of a pattern have any number."""
    return re.sub(r"<([vofn])>", r"<\1\\d+>", pattern)


@dataclass
class Clause:
    """A piece of a sentence that says one thing.

    Attributes
    ----------
    text : str
        With marks.
    mentions : list of Mention
        In the order of the text.
    found : list of Property
        What it was read as.
    hedged : bool
        Whether it is said to be uncertain.
    is_open : bool
        Whether it says something that its properties do not tell.
    settled : bool
        Whether it is understood, whatever it tells.
    """

    text: str
    mentions: list[Mention]
    found: list[Property] = field(default_factory=list)
    hedged: bool = False
    is_open: bool = False
    settled: bool = False

    @property
    def variables(self) -> list[str]:
        """Columns that are named, once each."""
        return list(dict.fromkeys(v for m in self.of("V") for v in m.values))

    @property
    def words(self) -> list[str]:
        """Words that are not said of every law."""
        return other_words(MARK.sub(" ", self.text))

    @property
    def denied(self) -> bool:
        """Whether something is said not to be so."""
        return has(cues.DENIAL, re.sub(cues.IDLE_DENIALS, " ", self.text))

    @property
    def excluded(self) -> bool:
        """Whether a verb or an adjective shuts something out."""
        return has(cues.EXCLUSION, self.text)

    @property
    def permits(self) -> bool:
        """Whether it is about what is allowed, or not."""
        return self.has(reservations.PERMISSION) and not self.excluded

    @property
    def allowed(self) -> bool:
        """Whether something is allowed, or said not to be forbidden."""
        if self.permits:
            return not self.denied or self.has(reservations.NO_MATTER)
        forbidding = self.has(reservations.FORBIDDING) and self.denied
        return forbidding and not self.has(reservations.UNAVOIDABLE)

    @property
    def shuts(self) -> bool:
        """Whether what is named is not to be there."""
        return self.denied != self.excluded and not self.allowed

    @property
    def is_choice(self) -> bool:
        """Whether alternatives are named, of which none is told alone."""
        named = [m for m in self.mentions if m.mark in "VO" and len(m.values) > 1]
        if self.denied or not named:
            return False
        some = self.has(reservations.SOME_OF)
        if self.excluded:
            return some or self.has(reservations.EITHER)
        return (
            some or any(m.joined_by_or for m in named) or self.has(reservations.ANY_OF)
        )

    @property
    def narrowed(self) -> bool:
        """Whether an operator or a column is meant in some places only."""
        some = (reservations.NARROWED, reservations.COUNTED, reservations.AT_MOST_SOME)
        turned = self.denied or self.excluded
        return any(map(self.has, some)) or (turned and self.has(reservations.OF_SOME))

    @property
    def is_idle(self) -> bool:
        """Whether it names something and tells nothing of it, nor allows it."""
        if self.settled or self.hedged or self.allowed:
            return False
        if self.has(r"^\s*(?:because|since|as|so|for)\b"):
            return False
        named = self.of("V") or self.of("O") or self.of("F")
        return (bool(named) and not self.found) or self.has(reservations.UNKNOWN)

    @property
    def shuts_unknown(self) -> bool:
        """Whether what is to be avoided is neither an operator nor a column."""
        return self.shuts and not self.mentions and self.has(reservations.UNKNOWN)

    @property
    def unread(self) -> list[str]:
        """Words that tell nothing."""
        text = "" if self.settled else self.text
        if self.found:
            for pattern in cues.ALL:
                text = re.sub(numbered(pattern), " ", text, flags=re.I)
        return MARK.sub(" ", text).split()

    def of(self, mark: str) -> list[Mention]:
        """Give the mentions with a mark."""
        return [m for m in self.mentions if m.mark == mark]

    def has(self, pattern: str) -> bool:
        """Search a pattern of the lexicon."""
        return has(pattern, self.text)
