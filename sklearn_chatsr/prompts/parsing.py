"""From free text to properties: clauses, what they speak of, and words that tell it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from sklearn_chatsr.expressions import variable
from sklearn_chatsr.prompts import cues, reservations
from sklearn_chatsr.prompts.clauses import MARK, Clause, has, numbered, other_words
from sklearn_chatsr.prompts.mentions import (
    Mention,
    mark_mentions,
    pair_of,
    spellings,
    variable_pattern,
)
from sklearn_chatsr.prompts.properties import Property
from sklearn_chatsr.prompts.restrictions import (
    ALL_BUT,
    NONE_BUT,
    is_unclear,
    mark_restrictions,
    read_restriction,
)
from sklearn_chatsr.prompts.writing import write_prompt

_SENTENCE = re.compile(r"(?<=[.!?;])\s+|[.!;]+\s*$|\n+")
_CLAUSE = re.compile(
    "\\s*[,:()\u2014\u2013]+\\s*"
    r"|\s+-+\s+|\s+(?=(?:and|or|nor|but)\b)|"
    r"\s+(?=(?:because|since|though|although|whereas|therefore|hence|thus|"
    r"yet|then|so|while)\b)"
)
# What is told of operators and columns: that they are there, or shut out.
_KINDS = {
    ("O", False): "contains",
    ("O", True): "avoids",
    ("V", False): "uses",
    ("V", True): "ignores",
}
_BINDING = tuple(_KINDS.values())
_VERB = (
    r"(?:is|are|was|were|does|do|has|have|can|could|may|might|must|should|will|would)"
)
# "But not cos", "cos is not", and a word that is no operator in a list of operators.
_CONTRAST = re.compile(
    r"\s*(?:(?P<but>but|yet)|while|whereas|though|although|and)?\s*(?P<not>not|never)?\s*"
    r"(?:(?:in|on|of|with|for|by|along)\s+)?<(?P<mark>[VO])\d+>\s*"
    rf"(?P<verb>{_VERB})?\s*(?P<not_after>not|never)?\s*(?:so|either|too)?\s*"
)
_UNKNOWN = re.compile(
    r"<O(?P<first>\d+)>(?:\s*,\s*(?!(?:and|or|nor|but)\b)[a-z]\w*(?:\s+functions?)?)+"
    r"(?:\s*,?\s+(?:and|nor|(?P<or>or))\s+|\s*,\s*)<O(?P<last>\d+)>"
)
_SO_IS = r"^\s*(?:and\s+)?so\s+(?:is|are|do|does)\b"
_NO_OPERATOR = (
    r"^\s*(?:and|or|nor)\s+(?:\w+\s+)?(?:sigmoid|logistic|decay|oscillation|saturation|"
    r"plateau|wave)(?:al)?s?(?:\s+(?:function|term|curve)s?)?\s*$"
)
_MOST_OTHER_WORDS = 3  # of a subject such as "the restoring force"
_SHORT_CLAUSE = 2  # words beside an operator that need no verb: "just a square root"
_ARITHMETIC = frozenset(("division", "multiplication", "sum", "subtraction"))
_SPECIAL = (
    # f(-x) = f(x), f(-x) = -f(x), f(a, b) = f(b, a), x -> x + T, dy/dx > 0
    (r"\w\(\s*-\s*({v})\s*\)\s*=\s*-\s*\w\(\s*\1\s*\)", "odd"),
    (r"\w\(\s*-\s*({v})\s*\)\s*=\s*\+?\s*\w\(\s*\1\s*\)", "even"),
    (r"\w\(\s*({v})\s*,\s*({v})\s*\)\s*={1,2}\s*\w\(\s*\2\s*,\s*\1\s*\)", "symmetric"),
    (r"({v})\s*<-+>\s*({v})", "symmetric"),
    (r"({v})\s*(?:->|→|to)\s*\1\s*\+\s*\w+", "periodic"),
    (r"\w\(\s*({v})\s*\+\s*\w+\s*\)\s*=\s*\w\(\s*\1\s*\)", "periodic"),
    (r"[d∂]\s*\w+\s*/\s*[d∂]\s*({w})\s*(?:>=?|≥|is\s+positive)\s*0?", "increasing"),
    (r"[d∂]\s*\w+\s*/\s*[d∂]\s*({w})\s*(?:<=?|≤|is\s+negative)\s*0?", "decreasing"),
    (r"\b[a-z]\(\s*({v})\s*\)\s*(?:>=?|≥)\s*0", "positive"),
)


def parse_prompt(text: str, labels: Sequence[str] = ()) -> list[Property]:
    """Read the properties that a text tells.

    Parameters
    ----------
    text : str
        Free text. What is denied ("not periodic in t"), doubted ("may contain a sine")
        or asked is left out.
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
    >>> text = "Nothing in the physics would give rise to an exponential."
    >>> [str(p) for p in parse_prompt(text)]
    ['contains no exp']
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
    is_open : bool
        Whether something is said that the properties do not tell: alternatives, wishes,
        conditions, an operator of one argument only.
    """

    def __init__(self, text: str, labels: Sequence[str] = ()) -> None:
        self.text = text
        self.labels = tuple(map(str, labels))
        reader = _Reader(self.labels)
        read = dict.fromkeys(reader.read(text))
        self.properties = [p for p in read if p not in reader.denied]
        self.remainder = " ".join(reader.unread)
        self.is_open = reader.is_open

    @property
    def is_understood(self) -> bool:
        """Whether little beside the properties is said, nothing denied or excepted."""
        few = len(other_words(self.remainder)) <= _MOST_OTHER_WORDS
        turned = has(f"{cues.DENIAL}|{cues.RESTRICTION}", self.remainder)
        return bool(self.properties) and few and not turned and not self.is_open

    def properties_for(self, columns: Iterable[int]) -> list[Property]:
        """Give what is told of some columns, renamed.

        Parameters
        ----------
        columns : iterable of int
            Position in the table of every column that is shown.
        """
        names = {variable(int(c)): variable(i) for i, c in enumerate(columns)}
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
            In the model's own words when something was understood, else the user's text
            with the names replaced by ``x1``, ``x2``, ...; None when nothing said is
            about these columns.
        """
        columns = list(columns)
        if self.properties:
            shown = self.properties_for(columns)
            return write_prompt(shown) if shown else None
        names = {variable(int(c)): variable(i) for i, c in enumerate(columns)}
        spelled = spellings(self.labels)

        def replace(match: re.Match[str]) -> str:
            return names.get(spelled[match.group(1)], match.group(0))

        return re.sub(f"`?({variable_pattern(self.labels)})`?", replace, self.text)


class _Reader:
    """Reads one text, clause by clause."""

    def __init__(self, labels: Sequence[str]) -> None:
        self._labels = labels
        self._mentions: list[Mention] = []
        self._last: list[str] = [variable(0)] if len(labels) == 1 else []
        self.unread: list[str] = []
        self.is_open = False
        self.denied: set[Property] = set()

    def read(self, text: str) -> Iterator[Property]:
        text, special = self._read_equations(text)
        yield from special
        marked, self._mentions = mark_mentions(text, self._labels)
        for sentence in _SENTENCE.split(marked):
            if sentence and sentence.strip():
                yield from self._read_sentence(sentence)

    def _read_equations(self, text: str) -> tuple[str, list[Property]]:
        """Read what is written in symbols about the function as a whole."""
        name, spelled = variable_pattern(self._labels), spellings(self._labels)
        found = []
        for pattern, kind in _SPECIAL:
            # "dx1" is one word
            pattern = pattern.replace("{w}", name.removeprefix(r"(?<![\w<])"))
            for match in re.finditer(pattern.replace("{v}", name), text):
                found.append(Property(kind, tuple(spelled[v] for v in match.groups())))
                text = text.replace(match.group(), " ; ")
        return text, found

    def _read_sentence(self, sentence: str) -> Iterator[Property]:
        asked = not re.match(
            r"\s*(?:please|(?:could|can|would|will)\s+you)\b", sentence
        )
        asked = asked and sentence.rstrip().endswith("?")
        wished = has(reservations.OPEN, sentence)
        self.is_open |= wished
        if asked or wished or has(cues.DOUBT, sentence):
            self.unread.append(MARK.sub(" ", sentence))
            return
        sentence = mark_restrictions(sentence.replace("?", " "), self._mentions)
        if is_unclear(sentence):
            self.unread.append(MARK.sub(" ", sentence))
            return
        sentence = self._without_unknown(sentence)
        size = _size(sentence, self._mentions)
        if size is not None:
            yield size
        elif has(cues.SIZE_NOUN, sentence) and re.search(r"<N|(?<![<\w])\d", sentence):
            self.is_open = True
        before: Clause | None = None
        clauses = self._clauses(sentence)
        named = [v for clause in clauses for v in clause.variables]
        earlier: list[str] = []
        for clause in clauses:
            variables = clause.variables
            if size is not None and clause.of("N") and not variables:
                # "12 nodes max"
                more = {v for m in clause.of("O") for v in m.values} - {"max"}
                clause.settled, clause.is_open = True, bool(more)
                continue
            around = variables or earlier or named or self._last
            earlier += variables
            clause.found = (
                self._read_restriction(clause)
                if clause.of(ALL_BUT) or clause.of(NONE_BUT)
                else list(self._read_clause(clause, around, before))
            )
            if before is not None and _are_alternatives(before, clause):
                before.found, clause.found, clause.is_open = [], [], True
            self._last = variables or self._last
            if clause.mentions or clause.shuts or len(clause.words) > 1:
                before = clause
        for clause in clauses:
            yield from clause.found
            self.unread += clause.unread
            self.is_open |= clause.is_open
        if all(p.kind in _BINDING for clause in clauses for p in clause.found):
            self.is_open |= has(reservations.CONDITION, sentence)
            self.is_open |= any(clause.narrowed for clause in clauses)
            idle = size is None and any(clause.is_idle for clause in clauses)
            self.is_open |= idle

    def _without_unknown(self, sentence: str) -> str:
        """Leave out what is not known in a list of operators to avoid."""
        if not has(f"{cues.DENIAL}|{cues.EXCLUSION}", sentence):
            return sentence

        def joined(match: re.Match[str]) -> str:
            first, last = (self._mentions[int(match[i])] for i in ("first", "last"))
            either = match["or"] is not None
            self._mentions.append(Mention("O", first.values + last.values, either))
            self.is_open = True
            return f"<O{len(self._mentions) - 1}>"

        return _UNKNOWN.sub(joined, sentence)

    def _clauses(self, sentence: str) -> list[Clause]:
        """Cut a sentence, and join what cannot stand alone."""
        texts: list[str] = []
        sentence = re.sub(r"\(\s*(<[VOFN]\d+>)\s*\)", r"\1", sentence)
        for piece in _CLAUSE.split(sentence):
            if not piece or not piece.strip():
                continue
            if texts and _belongs_to(texts[-1], piece):
                texts[-1] += f" , {piece}"
            else:
                texts.append(piece)
        return [
            Clause(t, [self._mentions[int(m.group(2))] for m in MARK.finditer(t)])
            for t in texts
        ]

    def _read_restriction(self, clause: Clause) -> list[Property]:
        """Read a clause about all, or none, but some columns or operators."""
        (first, *more) = clause.of(ALL_BUT) + clause.of(NONE_BUT)
        said = re.sub(rf"<[{ALL_BUT}{NONE_BUT}]\d+>", " ", clause.text)
        found = None if more else read_restriction(said, first, self._labels)
        if found is None:
            self.unread.append("except")
        return list(found or ())

    def _read_clause(
        self, clause: Clause, around: list[str], before: Clause | None
    ) -> Iterator[Property]:
        """Give the properties that one clause tells.

        Parameters
        ----------
        clause : Clause
            What is read.
        around : list of str
            Variables that it is about where it names none.
        before : Clause or None
            The one before it in the sentence.
        """
        alternative = before is not None and before.hedged and clause.has(r"^\s*n?or\b")
        clause.hedged = alternative or clause.has(cues.HEDGE)
        clause.is_open = clause.is_choice
        if clause.hedged or clause.is_choice:
            return
        answer = _contrast(clause, before)
        if answer is not None:
            yield from answer
            return
        if before is not None and before.shuts and before.of("O"):
            of_some = clause.narrowed and clause.has(r"^\s*(?:and|n?or)\s+<O")
            if of_some or clause.has(_NO_OPERATOR):
                clause.is_open = True
                return
        verb = clause.has(r"\b(?:is|are)\b") and not clause.has(_SO_IS)
        also = clause.has(r"^\s*(?:and\s+)?(?:also\s+)?(?:in|with|for|on|along|by)\b")
        also |= clause.has(_SO_IS)
        turned = before is not None and before.has(r"\bwithout\b")
        turned &= clause.has(r"^\s*and\s+with\b")
        if (
            before is not None
            and (before.found or before.shuts_unknown)
            and not (verb or turned or clause.denied or clause.excluded)
            and not clause.has(r"^\s*(?:but|just|only|rather)\b")
            and len(clause.words) <= also
        ):
            repeated = list(_repeat(clause, before))
            if repeated:
                yield from repeated
                return
        found = list(_formulas(clause))
        found += _pairs(clause, found)
        told = {v for p in found for v in p.variables}
        about = [v for v in around if v not in told] if told else around
        if about and not (told and not [v for v in clause.variables if v not in told]):
            found += _about_variables(clause, about)
        found += _domains(clause, found)
        if clause.of("O"):
            found += _operators(clause, found)
        elif clause.variables and not found:
            found += _dependence(clause)
        if clause.has(r"\b(?:is|are|does)\s+(?:not|never)\b"):
            # What is said and denied in one text is not told.
            plain = replace(clause, text=re.sub(cues.DENIAL, " ", clause.text))
            about_plain = [*_about_variables(plain, about), *_domains(plain, [])]
            self.denied.update(p for p in about_plain if p not in found)
        yield from found


def _are_alternatives(before: Clause, clause: Clause) -> bool:
    """Tell whether two clauses are said to hold one or the other."""
    both = before.found and clause.found and clause.has(r"^\s*or\b")
    return bool(both) and not (before.shuts and clause.shuts)


def _contrast(clause: Clause, before: Clause | None) -> list[Property] | None:
    """Read "but not cos", "cos is not" by what stands before; else None."""
    match = _CONTRAST.fullmatch(clause.text)
    if match is None:
        return None
    if before is None or not before.of(match["mark"]):
        clause.is_open = match["verb"] is not None
        return [] if match["verb"] else None
    denied = bool(match["not"] or match["not_after"])
    if match["verb"] is None and denied == before.denied:
        clause.is_open = bool(match["but"])
        return [] if match["but"] else None
    if match["verb"] is None and not (denied or match["but"]):
        return None
    clause.settled = True
    clause.is_open = not (before.found or before.permits or before.allowed)
    permits = before.permits or match["verb"] in ("can", "could", "may", "might")
    shut = denied != (before.excluded and not permits)
    silent = not denied if permits else before.excluded and denied
    if silent or any(p.kind not in _BINDING for p in before.found):
        return []
    kind = _KINDS[match["mark"], shut]
    return [
        Property(kind, (value,))
        for mention in clause.of(match["mark"])
        for value in mention.values
    ]


def _belongs_to(before: str, piece: str) -> bool:
    """Tell whether a piece only completes what stands before it."""
    has_mark, marked = (MARK.search(text) is not None for text in (piece, before))
    words = other_words(MARK.sub(" ", piece))
    if has_mark and not marked and not words:
        return True  # "needs both multiplied, x1 and x2"
    if not re.search(r"<V\d+>", before) and re.match(
        r"\s*(?:whatever|regardless|irrespective|for\s+(?:all|any|every|each))\b", piece
    ):
        return True
    if not has_mark and re.search(r"<V\d+>", before):
        if re.match(
            r"\s*(?:is|are|has|does|makes?|must|can|will|comes?|enters?)\b", piece
        ):
            return len(other_words(MARK.sub(" ", before))) <= _MOST_OTHER_WORDS
        changed = (cues.SIGN, cues.SHIFTED, cues.SWAPPED)
        if has(cues.TURNED, piece) and has(cues.SIGN, before):
            return True
        if has(cues.SAME, piece) and not has(cues.SAME, before):
            return any(has(pattern, before) for pattern in changed)
    if marked and re.fullmatch(rf"\s*(?:not\s+)?{reservations.FINE}\s*", piece):
        return True  # "log: not allowed"
    if marked and not has_mark and re.fullmatch(r"\s*(?:yes|yep|sure)\s*", piece):
        return True  # "exp: yes"
    if not has_mark and re.search(r"<O\d+>", before) and not has(cues.DENIAL, before):
        # "square roots: none"
        no = f"{cues.DENIAL}|{cues.EXCLUSION}"
        none = has(r"\b(?:has|have|contains|with)\s+none\b", piece)
        if none and not has(cues.EXCLUSION, before):
            return True
        return has(no, piece) and not other_words(re.sub(numbered(no), " ", piece))
    sides = [text for text in (before, piece) if re.search(r"<V\d+>", text)]
    pair = any(has(p, piece) and not has(p, before) for p in cues.PAIRS.values())
    if pair and has(r"\b(?:their|these|both|two|the)\b", piece) and not has_mark:
        return len(re.findall(r"<V\d+>", before)) >= 2
    if has(cues.CORRELATIVE, f"{before} , {piece}") and not has(
        cues.CORRELATIVE, before
    ):
        return True  # "the hotter the gas, the faster the reaction"
    turns = [has(cues.UP, t) or has(cues.DOWN, t) for t in (before, piece)]
    short = len(other_words(MARK.sub(" ", before))) <= _SHORT_CLAUSE
    together = short or has(cues.TOGETHER, before) or has(r"\bso\s+do", piece)
    # "the larger x2, the larger the target"
    return (
        len(sides) == 1
        and together
        and turns[0]
        and (turns[1] or has(r"\bso\s+do(?:es)?\b", piece))
    )


def _size(sentence: str, mentions: list[Mention]) -> Property | None:
    """Read a limit of the number of nodes."""
    numbers = re.findall(r"<N(\d+)>", sentence)
    if not numbers or not has(cues.SIZE_NOUN, sentence):
        return None
    if has(cues.AT_LEAST, sentence):
        return None
    n = int(mentions[int(numbers[0])].values[0])
    if has(cues.FEWER_THAN, sentence):
        return Property("size", (str(n - 1),)) if n > 1 else None
    if has(cues.MORE_THAN, sentence) and not has(cues.NOT_MORE_THAN, sentence):
        return None
    at_most = has(f"{cues.AT_MOST}|{cues.NOT_MORE_THAN}", sentence)
    return Property("size", (str(n),)) if at_most else None


def _repeat(clause: Clause, before: Clause) -> Iterator[Property]:
    """Read "and in x4" after "is monotone in x3", or a list in brackets."""
    told = {p.kind for p in before.found}
    for mention in clause.mentions:
        kinds = [p.kind for p in before.found if _same_sort(p, mention)]
        joined = before.shuts_unknown or clause.has(r"^\s*(?:and|n?or)\b")
        if not kinds and joined and mention.mark in "OV":
            # "avoid log and t"
            kinds = [
                _KINDS[mention.mark, shut]
                for shut in (False, True)
                if told <= {_KINDS["O", shut], _KINDS["V", shut]}
            ]
        if kinds:
            yield from (Property(kinds[-1], (v,)) for v in mention.values)


def _same_sort(item: Property, mention: Mention) -> bool:
    if len(item.arguments) != 1 or item.kind in ("term", "size"):
        return False
    return mention.mark == ("O" if item.kind in ("contains", "avoids") else "V")


def _formulas(clause: Clause) -> Iterator[Property]:
    for mention in clause.of("F"):
        if clause.denied or clause.excluded:
            continue
        pair = pair_of(mention.values[0])
        if pair is not None and not clause.has(cues.WHOLE_TERM):
            yield Property(pair[0], pair[1:])
        else:
            yield Property("term", mention.values)


def _pairs(clause: Clause, found: list[Property]) -> Iterator[Property]:
    """Read a product, a ratio, a difference or a symmetry of two variables."""
    names = clause.variables
    if len(names) < 2 or found:
        return
    swapped, alike = clause.has(cues.SWAPPED), clause.has(cues.SYMMETRIC)
    if swapped or alike:
        same = swapped and clause.has(cues.SAME)
        kept = same or not clause.denied or clause.has(r"\btell\b")
        barred = clause.has(r"\bnot\s+(?:be\s+)?(?:swap|exchang|interchang|symmetr)\w*")
        if kept and not barred:
            yield Property("symmetric", (names[0], names[1]))
        return
    if clause.denied or clause.excluded:
        return
    for kind, cue in cues.PAIRS.items():
        match = re.search(numbered(cue), clause.text, re.I)
        if match is None:
            continue
        a, b = _around(clause, match, names)
        if any(clause.has(pattern) for pattern in cues.REVERSED):
            a, b = b, a
        yield Property(kind, (a, b))
        return


def _around(clause: Clause, match: re.Match[str], names: list[str]) -> tuple[str, str]:
    """Give the two variables that a word between or before them joins."""
    places = [
        (m.start(), value)
        for m, mention in zip(MARK.finditer(clause.text), clause.mentions, strict=True)
        if mention.mark == "V"
        for value in mention.values
    ]
    before = [v for start, v in places if start < match.start()]
    after = [v for start, v in places if start >= match.start()]
    if len(after) >= 2:
        return after[0], after[1]
    if before and after:
        return before[-1], after[0]
    return names[-2], names[-1]


def _about_variables(clause: Clause, names: list[str]) -> Iterator[Property]:
    """Read how the target behaves along variables."""
    no = clause.denied or clause.has(r"\bwithout\b|\bfree\s+of\b|\black\w*")
    kinds: list[str] = []
    for kind, patterns in cues.ABOUT_VARIABLES.items():
        told = [
            clause.has(p.removeprefix("not: "))
            for p in patterns
            if p.startswith("not: ") == no
        ]
        if any(told):
            kinds.append(kind)
    if kinds in ([], ["positive"]) and clause.has(cues.SLOPE):
        for word, kind in (("positive", "increasing"), ("negative", "decreasing")):
            if clause.has(rf"\b{word}\b") and not no:
                kinds = [kind]
    shifted = clause.variables and clause.has(cues.SHIFTED)
    if not kinds and shifted and clause.has(cues.SAME):
        kinds.append("periodic")
    if not kinds or not {"monotone", "periodic"} & set(kinds):
        parity = _parity(clause, no)
        kinds = parity or kinds
    if not kinds or ("monotone" in kinds and clause.has(r"\bmonoton\w*")):
        direction = _direction(clause)
        if direction is not None:
            kinds = [k for k in kinds if k != "monotone"] + [direction]
    for kind in kinds:
        yield from (Property(kind, (name,)) for name in names)


def _parity(clause: Clause, no: bool) -> list[str]:
    if not no and clause.has(cues.ODD):
        return ["odd"]
    if not no and clause.has(cues.EVEN):
        return ["even"]
    if clause.has(cues.SIGN):
        if clause.has(cues.SAME):
            return ["even"]
        turned = not no and clause.variables and clause.has(cues.TURNED)
        return ["odd"] if turned else []
    alone = len(clause.variables) == 1 and clause.has(r"\bsymmetr\w*")
    return ["even"] if alone and not no else []


def _direction(clause: Clause) -> str | None:
    """Tell whether the target rises or falls with what the clause names."""
    match = re.search(cues.CORRELATIVE, clause.text)
    if match is not None:
        turns = [_turn(word) for word in match.groups()]
        if clause.denied or None in turns:
            return None
        return "increasing" if turns[0] == turns[1] else "decreasing"
    ups, downs = (
        len(re.findall(numbered(p), clause.text, re.I)) for p in (cues.UP, cues.DOWN)
    )
    if not ups and not downs:
        return None
    rising = downs % 2 == 0
    if clause.denied:
        if not clause.has(r"\bnever\b"):
            return None
        rising = not rising
    return "increasing" if rising else "decreasing"


def _turn(comparative: str) -> bool | None:
    """Tell whether "hotter" is more, or less, of something."""
    if re.fullmatch(f"{cues.MORE}|{cues.UP}", comparative):
        return True
    return False if re.fullmatch(f"{cues.LESS}|{cues.DOWN}", comparative) else None


def _domains(clause: Clause, found: list[Property]) -> Iterator[Property]:
    if any(p.kind in ("periodic", "bounded") for p in found):
        return
    if clause.denied and clause.has(cues.NO_FURTHER):
        yield Property("saturation")
    if clause.denied:
        return
    for kind, cue in cues.DOMAINS.items():
        out = rf"(?:\b(?:skip|without|free\s+of)|{reservations.FORBIDDING})"
        barred = rf"{out}\s+(?:\w+\s+){{0,2}}(?:{cue})"
        if clause.has(cue) and not clause.has(barred):
            yield Property(kind)


def _operators(clause: Clause, found: list[Property]) -> Iterator[Property]:
    """Read which operators there are and which not, beside what was found."""
    avoided = clause.shuts
    turned = clause.denied or clause.excluded
    some = clause.has(reservations.AT_MOST_SOME)
    if clause.allowed or some or (clause.narrowed and turned):
        return
    bare = len(clause.words) <= _SHORT_CLAUSE
    told = clause.excluded or bare or clause.has(cues.CONTAINMENT)
    if not avoided and not told:
        return
    kind = "avoids" if avoided else "contains"
    for mention in clause.of("O"):
        for family in mention.values:
            if not (found and family in _ARITHMETIC):
                yield Property(kind, (family,))


def _dependence(clause: Clause) -> Iterator[Property]:
    """Read which variables matter and which do not."""
    bare = not other_words(re.sub(cues.DENIAL, " ", MARK.sub(" ", clause.text)))
    told = clause.has(cues.DEPENDENCE) or (bare and clause.denied)
    if clause.allowed or (clause.narrowed and (clause.denied or clause.excluded)):
        return
    if clause.has(cues.VIEWED) or not (told or clause.excluded):
        return
    moved = clause.has(r"\b(?:chang|vary|turn|mov|alter|tweak)\w*") and clause.has(
        cues.SAME
    )
    kind = "ignores" if moved or clause.denied != clause.excluded else "uses"
    yield from (Property(kind, (name,)) for name in clause.variables)
