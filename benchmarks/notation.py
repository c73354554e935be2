"""Rewrite the notations of other tools as plain infix, as text and without evaluation.

Pure Python: adapters use it in environments that hold a peer but not this package.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_CALL = re.compile(r"([A-Za-z_]\w*)\s*\(")
# Not the exponent of a number such as 2.5e-8.
_WORD = re.compile(r"`[^`]*`|(?<![\w.])[A-Za-z_]\w*")

# Functions that occur in published tables and that no vocabulary needs to know.
TABLE_CALLS = {
    "cot": "(1/tan({0}))",
    "sec": "(1/cos({0}))",
    "csc": "(1/sin({0}))",
    "log10": "(log({0})/log(10))",
    "log2": "(log({0})/log(2))",
    "log1p": "log(1+({0}))",
    "sqrtabs": "sqrt(abs({0}))",
    "logabs": "log(abs({0}))",
    "powabs": "(abs({0})^({1}))",
    "aq": "(({0})/sqrt(1+({1})^2))",
    "quart": "(({0})^4)",
}


def rewrite_calls(text: str, rules: Mapping[str, str]) -> str:
    """Replace calls of some functions by a pattern of their arguments.

    Parameters
    ----------
    text : str
        Infix text with calls such as ``f(a, b)``, nested as deep as they like.
    rules : mapping of str to str
        For each function its replacement; ``{0}``, ``{1}`` stand for the arguments.

    Returns
    -------
    str
        The text with the calls replaced, inner ones too.

    Examples
    --------
    >>> rewrite_calls("a/cot(x + cot(y))", {"cot": "(1/tan({0}))"})
    'a/(1/tan(x + (1/tan(y))))'
    """
    parts: list[str] = []
    position = 0
    while match := _CALL.search(text, position):
        stop, arguments = _arguments(text, match.end())
        arguments = [rewrite_calls(a, rules) for a in arguments]
        parts.append(text[position : match.start()])
        rule = rules.get(match[1])
        if rule is None:
            parts.append(f"{match[1]}({', '.join(arguments)})")
        else:
            parts.append(rule.format(*arguments))
        position = stop
    return "".join(parts) + text[position:]


def rename(text: str, names: Mapping[str, str]) -> str:
    """Replace whole words; what stands in backticks is left alone."""
    return _WORD.sub(lambda m: names.get(m[0], m[0]), text)


def quote(name: str) -> str:
    """Set a column's name in backticks, which any name can stand in."""
    return "`" + name.replace("`", "``") + "`"


def from_zero(prefix: str, n_features: int) -> dict[str, str]:
    """Map ``X0``, ``X1``, ... to ``x1``, ``x2``, ..., the columns by position."""
    return {f"{prefix}{i}": f"x{i + 1}" for i in range(n_features)}


def _arguments(text: str, start: int) -> tuple[int, list[str]]:
    """Split what follows an opening bracket; give the place behind the closing one."""
    depth, arguments, begin = 1, [], start
    for position in range(start, len(text)):
        char = text[position]
        depth += (char == "(") - (char == ")")
        if depth == 0 or (depth == 1 and char == ","):
            arguments.append(text[begin:position].strip())
            begin = position + 1
        if depth == 0:
            return position + 1, arguments
    raise ValueError(f"A bracket is never closed: {text[max(0, start - 20) :]!r}")
