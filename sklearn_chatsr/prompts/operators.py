"""Families of operators as people name them: "sine", "division", "trigonometric"."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OperatorFamily:
    """Operators that one noun means.

    Attributes
    ----------
    tokens : frozenset of str
        Tokens of the vocabulary; one of them is enough to contain the family, none may
        occur to avoid it.
    nouns : tuple of str
        What people call it, the symbol first.
    """

    tokens: frozenset[str]
    nouns: tuple[str, ...]


def _family(tokens: str, *nouns: str) -> OperatorFamily:
    return OperatorFamily(frozenset(tokens.split()), nouns)


FAMILIES: dict[str, OperatorFamily] = {
    "sin": _family("sin", "sin", "sine"),
    "cos": _family("cos", "cos", "cosine"),
    "tan": _family("tan", "tan", "tangent"),
    "exp": _family("exp", "exp", "exponential"),
    "log": _family("log", "log", "logarithm", "ln"),
    "sqrt": _family("sqrt", "sqrt", "square root", "root"),
    "cbrt": _family("cbrt", "cbrt", "cube root"),
    "abs": _family("abs", "abs", "absolute value"),
    "sq": _family("sq", "sq", "square", "squared variable"),
    "cube": _family("cube", "cube", "third power"),
    "pow": _family("pow", "pow", "free exponent"),
    "min": _family("min", "min", "minimum"),
    "max": _family("max", "max", "maximum"),
    "asin": _family("asin", "asin", "arcsin", "arcsine"),
    "acos": _family("acos", "acos", "arccos", "arccosine"),
    "atan": _family("atan", "atan", "arctan", "arctangent"),
    "sinh": _family("sinh", "sinh", "hyperbolic sine"),
    "cosh": _family("cosh", "cosh", "hyperbolic cosine"),
    "tanh": _family("tanh", "tanh", "hyperbolic tangent"),
    "division": _family("div inv", "div", "division", "quotient", "fraction"),
    "sum": _family("add", "add", "sum", "addition"),
    "subtraction": _family("sub", "sub", "subtraction"),
    "multiplication": _family("mul", "mul", "multiplication"),
    "trigonometric": _family(
        "sin cos tan", "trigonometric function", "trigonometry", "trig function"
    ),
    "hyperbolic": _family("sinh cosh tanh", "hyperbolic function"),
    "powers": _family("pow sq cube", "power"),
}

# Nouns that are no plain word of the formula language, with the article "an".
_VOWELS = ("a", "e", "i", "o", "u")
_SYMBOLS = frozenset(family.nouns[0] for family in FAMILIES.values()) | {
    "ln",
    "arcsin",
    "arccos",
    "arctan",
    "trigonometry",
}


def with_article(noun: str) -> str:
    """Put "a" or "an" before a noun; symbols such as "sin" take none."""
    if noun in _SYMBOLS and " " not in noun:
        return noun
    return f"{'an' if noun.startswith(_VOWELS) else 'a'} {noun}"
