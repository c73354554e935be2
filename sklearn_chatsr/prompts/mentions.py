"""What a text speaks of: columns, operators, formulas, numbers, replaced by marks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

from sklearn_chatsr.expressions import Expression, is_variable, variable
from sklearn_chatsr.prompts import cues
from sklearn_chatsr.prompts.operators import FAMILIES

_ARTICLE = r"(?:\b(?:both|an?|the|any|some|single)\s+){0,3}"
_BETWEEN = r"(?:\s*,\s*(?:and|or|nor)\s+|\s*,\s*|\s+(?:and|or|nor|as\s+well\s+as)\s+)"
_BETWEEN_OPERATORS = rf"(?:{_BETWEEN}|\s*/\s*)"
# fmt: off
_NUMBERS = {
    "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8,
    "nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14,
    "fifteen": 15, "sixteen": 16, "seventeen": 17, "eighteen": 18, "nineteen": 19,
    "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50,
}
# fmt: on
_NO_NOUN = (
    "and|or|nor|but|is|are|was|has|does|to|by|with|over|from|in|on|at|as|for|than|times|"
    "can|could|may|might|must|should|will|would|matters|enters|appears|alone|only|also|"
    "instead|rather|because|since|while|whereas|though|if|when|unless|twice"
)
_TENS = (
    r"(?:twenty|thirty|forty|fifty)[\s-]+"
    r"(?:one|two|three|four|five|six|seven|eight|nine)\b"
)
_FORMULA_PIECE = r"[A-Za-z_]\w*\s*\(|\d+(?:\.\d+)?|\*\*|[-+*/^()|]|\b[eC]\b"
_MOST_PIECES = 64  # of a formula in a text
_SPELLED = (
    ("[\u2019`]", "'"),
    (r"[·×⋅]", "*"),
    ("[\u2212\u2013](?=\\s*[\\w(])", "-"),
    (r"÷", "/"),
    (r"²", "^2"),
    (r"³", "^3"),
    (r"\([^\w<]*\)", " "),
    (r"\bw\.?\s*r\.?\s*t\.?(?=[\s,;])", "with respect to"),
    (r"\bi\.\s*e\.|\be\.\s*g\.|\bviz\.|\bcf\.", ","),
    (r"\bw/o\b", "without"),
    (r"\b(?:and\s*/\s*or|or\s*/\s*and)\b", "or"),
    (r"(?<![\d.,])(\d{1,3})[,' ](\d{3})(?![\d.,]*\d)", r"\1\2"),
    (r"\bcan't|\bcannot", "can not"),
    (r"\bwon't", "will not"),
    (r"n't\b", " not"),
    (r"\bthere's", "there is"),
    (r"\b(it|that|what)'s", r"\1 is"),
    (r"[“”\"]", " "),
    (r"\bdon\s?t\b", "do not"),
    (r"\bdoesnt\b", "does not"),
)


@dataclass(frozen=True, slots=True)
class Mention:
    """One place of a text that speaks of something.

    Attributes
    ----------
    mark : str
        ``"V"`` variables, ``"O"`` operators, ``"F"`` a formula, ``"N"`` a number.
    values : tuple of str
        Variables by position, families of operators, the formula, or the number.
    joined_by_or : bool
        Whether they are alternatives.
    """

    mark: str
    values: tuple[str, ...]
    joined_by_or: bool = False


def mark_mentions(text: str, labels: Sequence[str]) -> tuple[str, list[Mention]]:
    """Replace what a text speaks of by marks such as ``<V0>``.

    Parameters
    ----------
    text : str
        Free text.
    labels : sequence of str
        Names of the columns; ``x1``, ``x2``, ... work too.

    Returns
    -------
    str
        In lower case, with common abbreviations spelled out.
    list of Mention
        The mark ``<V0>`` stands for the first one, and so on.
    """
    mentions: list[Mention] = []

    def put(mark: str, values: Sequence[str], said: str = "") -> str:
        either = re.search(r"\bor\b|/", said) is not None
        mentions.append(Mention(mark, tuple(dict.fromkeys(values)), either))
        return f" <{mark}{len(mentions) - 1}> "

    text = re.sub(r"<(?=[vofn]\d+>)", " ", text, flags=re.I)
    spelled = spellings(labels)
    name = variable_pattern(labels)
    text = re.sub(rf"`({name})`", r" \1 ", text)
    for pattern, replacement in _SPELLED:
        text = re.sub(pattern, replacement, text, flags=re.I)
    text = "".join(
        put("F", [piece]) if is_formula else piece
        for piece, is_formula in _formulas(text, labels, name)
    )
    text = re.sub(rf"(?<![\w>)])-\s?({name})", r" minus \1", text)

    def operators(match: re.Match[str]) -> str:
        said = match.group().lower()
        nouns = [m.group(1) for m in re.finditer(noun_pattern("o"), said)]
        return put("O", [_nouns()[n] for n in nouns], said)

    def columns(match: re.Match[str]) -> str:
        said = match.group()
        return put("V", [spelled[v] for v in re.findall(name, said)], said)

    if any(label.lower() in _nouns() for label in labels):
        # "The function log" is no column of that name.
        text = re.sub(_named_operators(), operators, text, flags=re.I)
    text = re.sub(_list_of(name, _BETWEEN), columns, text)
    text = re.sub(r"<[vfo](?=\d+>)", lambda m: m.group().upper(), text.lower())
    for pattern, said in ((cues.POWER_LAW, "powerlaw"), *cues.IDIOMS):
        text = re.sub(pattern, partial(_said_shortly, said), text, flags=re.I)
    text = re.sub(_list_of(noun_pattern(), _BETWEEN_OPERATORS), operators, text)
    numbers = "|".join(sorted(_NUMBERS, key=len, reverse=True))
    text = re.sub(
        rf"(?<![\w.<-])(?<!\d[,/])(?<!\bminus )([1-9]\d{{0,6}}|{_TENS}|{numbers})"
        r"(?![-,/]?[\w.]*\d|\w|>|[\s-]+(?:hundred|thousand|million|dozen)\b)",
        lambda m: put("N", [str(_number(m.group()))]),
        text,
    )
    return text, mentions


def _number(said: str) -> int:
    """Give "25" or "twenty-five" as a number."""
    if said.isdecimal():
        return int(said)
    tens, *units = re.split(r"[\s-]+", said)
    return _NUMBERS[tens] + sum(1 if u == "one" else _NUMBERS[u] for u in units)


def _list_of(noun: str, between: str) -> str:
    """Give a pattern for a list; in "avoid sin, cos is fine" there is none."""
    alone = r"\s*,\s*(?:the\s+)?(?>" + noun + r")\s+(?:is|was|does|has)\b"
    return rf"{_ARTICLE}{noun}(?:(?!{alone}){between}{_ARTICLE}{noun})*"


@lru_cache(maxsize=1)
def _named_operators() -> str:
    kind = r"(?:function|operator|operation)s?"
    before = rf"\b{kind}\s+{_list_of(noun_pattern(), _BETWEEN_OPERATORS)}"
    return rf"{_ARTICLE}(?:{before}|(?<![\w<-])(?:{_one_noun()})s?\s+{kind}\b)"


def _said_shortly(said: str, match: re.Match[str]) -> str:
    """Replace a phrase, and keep the marks inside."""
    return " ".join(["", said, *re.findall(r"<[VFO]\d+>", match.group()), ""])


def spellings(labels: Sequence[str]) -> dict[str, str]:
    """Map every spelling of a column to its variable; labels win."""
    n = len(labels) or 10
    plain = {variable(j): variable(j) for j in range(n)}
    return {
        **{name.upper(): value for name, value in plain.items()},
        **plain,
        **{str(label): variable(j) for j, label in enumerate(labels)},
    }


def variable_pattern(labels: Sequence[str]) -> str:
    """Give a pattern for one column by any of its names."""
    one = "|".join(
        # "a" is a name only where no noun follows it.
        re.escape(s) + (rf"(?!\s+(?!(?:{_NO_NOUN})\b)[a-z])" * (s == "a"))
        for s in sorted(spellings(labels), key=len, reverse=True)
    )
    return rf"(?<![\w<])(?-i:{one})(?![\w(])"


def pair_of(formula: str) -> tuple[str, str, str] | None:
    """Give kind and variables of a formula that is an operator of two variables."""
    kinds = {"mul": "product", "div": "ratio", "sub": "difference"}
    first, *rest = Expression.from_infix(formula).tokens
    if first in kinds and len(rest) == 2 and all(map(is_variable, rest)):
        return kinds[first], rest[0], rest[1]
    return None


def _formulas(
    text: str, labels: Sequence[str], name: str
) -> Iterator[tuple[str, bool]]:
    """Cut a text into formulas, as the package writes them, and what is around them."""
    piece = re.compile(rf"\s*(?:{name}|{_FORMULA_PIECE})")
    position, start = 0, 0
    while start < len(text):
        match = None
        if start == 0 or not text[start - 1].isalnum():
            match = piece.match(text, start)
        if match is None or text[start].isspace():
            start += 1
            continue
        ends: list[int] = []
        while match is not None and len(ends) < _MOST_PIECES:
            ends.append(match.end())
            match = piece.match(text, match.end())
        if re.search(name, text[start : ends[-1]]) is None:
            start = ends[-1]
            continue
        for end in reversed(ends):
            formula = _read_formula(text[start:end], labels)
            if formula is not None:
                yield text[position:start], False
                yield formula, True
                position = start = end
                break
        else:
            start += 1
    yield text[position:], False


def _read_formula(text: str, labels: Sequence[str]) -> str | None:
    """Give a text as a formula over positions, if it is one with operators."""
    for spelled in (text, text.lower()):
        try:
            found = Expression.from_infix(spelled, list(labels) or None)
        except ValueError:
            continue
        # "-x1" after a dash or "2*x1" is no part that is worth telling.
        if found.variables and found.size > 1 + (text.lstrip()[0] in "-+") * 2:
            return str(found)
    return None


@lru_cache(maxsize=1)
def _nouns() -> dict[str, str]:
    nouns = {n: family for family, row in FAMILIES.items() for n in row.nouns}
    return nouns | {n: family for family, row in cues.SYNONYMS.items() for n in row}


@lru_cache(maxsize=1)
def _one_noun() -> str:
    return "|".join(sorted(map(re.escape, _nouns()), key=len, reverse=True))


@lru_cache(maxsize=2)
def noun_pattern(group: str = "") -> str:
    """Give a pattern for one operator by any of its names."""
    opened = "(" if group else "(?:"
    return (
        rf"(?<![\w<-]){opened}{_one_noun()})s?(?:\s*\(\s*\.*\s*\)|\s*\|\.\|)?"
        r"(?:[- ]+(?:functions?|terms?|operators?|operations?|signs?))?"
        # "Maximum" of a length, and "power" of a plant, are no operators.
        r"(?!\w)(?!-\s*expression)"
        r"(?!\s+(?:\w+\s+|of\s+\w+\s+)?(?:size|length|expression|complexity|number|nodes|tokens|"
        r"depth|level|value|height)\b)"
        r"(?!\s+(?:supply|cord|amp|amplifier|consumption|plant|grid|output|meter|"
        r"nothing)\b)"
        r"(?!\s*\)?\s*<N)(?!-?\s*(?:decay\w*|growth|relax\w*|saturat\w*|wave\w*)\b)"
    )
