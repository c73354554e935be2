"""The statements of one function in the answer of a language model.

Nothing here runs what it reads: a text goes in, syntax nodes come out.
"""

from __future__ import annotations

import ast
import re
import warnings

# What a program may fail of. The search counts them, tables show them.
REASONS = (
    "empty",  # no text, or none that could be code
    "too_long",  # more text than is read
    "syntax",  # not Python
    "signature",  # decorators, default values, star arguments, wrong number of them
    "no_return",  # the body ends without a value
    "statement",  # anything but assignments and a return
    "name",  # a name that is neither a variable nor assigned before
    "parameter",  # an index that is no number, or beyond the budget
    "call",  # a function that is not in the table, or called the wrong way
    "operator",  # an operator that is not arithmetic
    "piecewise",  # a comparison where none can be expressed
    "number",  # text, complex or overflowing numbers
    "expression",  # any other form: lambdas, lists, attributes, strings, ...
    "too_large",  # more nodes or deeper than a formula may be
)

MAX_ANSWER = 65_536
MAX_SOURCE = 4_096

_FENCE = re.compile(r"[ \t]*(?:```|~~~)[ \t]*([A-Za-z0-9_+\-.]*)[ \t]*\Z")
_DEF = re.compile(r"([ \t]*)def[ \t]+(\w+)")
_THOUGHT = "</think>"


class ProgramError(ValueError):
    """An answer that is not a program of the allowed kind.

    Parameters
    ----------
    reason : str
        One of `REASONS`.
    message : str
        What was found and what is allowed.
    """

    def __init__(self, reason: str, message: str) -> None:
        if reason not in REASONS:
            raise ValueError(f"Unknown reason {reason!r}; known: {REASONS}.")
        super().__init__(message)
        self.reason = reason
        self.message = message

    def __reduce__(self) -> tuple[type[ProgramError], tuple[str, str]]:
        return ProgramError, (self.reason, self.message)


def extract_function(
    text: str, *, name: str | None = None, prefill: str = ""
) -> ast.FunctionDef:
    """Find the function that an answer gives.

    Parameters
    ----------
    text : str
        A body, the rest of a body that the prompt began, a fenced block, or a whole
        answer with prose. Of several functions the last one called `name` counts, else
        the last one: chat models repeat the earlier versions first.
    name : str, optional
        Name of the function that was asked for.
    prefill : str
        Beginning of the body that stood at the end of the prompt.

    Returns
    -------
    ast.FunctionDef
        Without arguments when the answer is a bare body.

    Raises
    ------
    ProgramError
        If there is no such function.
    """
    if len(text) + len(prefill) > MAX_ANSWER:
        raise ProgramError(
            "too_long",
            f"The answer has {len(text)} characters, at most {MAX_ANSWER} are read.",
        )
    if _THOUGHT in text and not prefill:
        text = text.rpartition(_THOUGHT)[2]
    lines = (prefill + text).expandtabs(4).splitlines()
    while lines and not lines[0].strip():
        lines.pop(0)
    if not lines:
        raise ProgramError("empty", "The answer is empty.")
    if prefill or (lines[0][0] == " " and not _DEF.match(lines[0])):
        return _read_body(_before_fence(lines))
    candidates = _blocks(lines, name)
    for candidate in candidates:
        try:
            return _read(candidate, name)
        except ProgramError as error:
            # A block of text or shell commands beside the one with the program.
            if error.reason not in ("syntax", "empty", "no_return"):
                raise
    return _read(candidates[0], name)


def _before_fence(lines: list[str]) -> list[str]:
    for i, line in enumerate(lines):
        if _FENCE.match(line):
            return lines[:i]
    return lines


def _blocks(lines: list[str], name: str | None) -> list[list[str]]:
    """Give what may be code, the best candidate first."""
    fences = [(i, m[1]) for i, line in enumerate(lines) if (m := _FENCE.match(line))]
    if not fences:
        return [lines]
    starts = fences[::2]
    blocks: list[list[str]] = []
    for k, (start, _) in enumerate(starts):
        stop = fences[2 * k + 1][0] if 2 * k + 1 < len(fences) else len(lines)
        blocks.append(lines[start + 1 : stop])
    if len(fences) == 1 and not fences[0][1]:
        # The fence may close a block that the prompt had opened.
        blocks.insert(0, lines[: fences[0][0]])
    blocks = [block for block in blocks if any(map(str.strip, block))] or [lines]

    def rank(block: list[str]) -> int:
        names = {m[2] for line in block if (m := _DEF.match(line))}
        return 2 if name in names else int(bool(names))

    # Sorting is stable: of equal rank the last block comes first.
    blocks.reverse()
    return sorted(blocks, key=rank, reverse=True)


def _read(lines: list[str], name: str | None) -> ast.FunctionDef:
    heads = [(i, m[2]) for i, line in enumerate(lines) if (m := _DEF.match(line))]
    if not heads:
        return _read_body(lines)
    named = [i for i, found in heads if found == name]
    start = named[-1] if named else heads[-1][0]
    head = start
    indent = _indent(lines[start])
    while start and lines[start - 1].lstrip().startswith("@"):
        start -= 1
    end = start
    missing = 0  # brackets that a signature over several lines still has to close
    for end in range(start, len(lines) + 1):
        if end == len(lines):
            break
        line = lines[end]
        inside = missing > 0 or end <= head
        if line.strip() and not inside and _indent(line) <= indent:
            break
        if inside:
            missing += line.count("(") - line.count(")")
    source = "\n".join(line[indent:] for line in lines[start:end])
    function = _parse(source).body[0]
    if not isinstance(function, ast.FunctionDef):
        raise ProgramError("statement", "Expected one function definition.")
    return function


def _read_body(lines: list[str]) -> ast.FunctionDef:
    """Read a body up to its first return; what follows cannot be reached."""
    lines = [line for line in lines if line.strip()]
    if not lines:
        raise ProgramError("empty", "The answer holds no code.")
    indent = _indent(lines[0])
    returns = [_indent(line) for line in lines if line.lstrip().startswith("return")]
    opens_block = lines[0].rstrip().endswith(":")
    if indent == 0 and returns and returns[0] > 0 and not opens_block:
        # The prompt may have ended with the indentation of the first line.
        indent = returns[0]
        lines[0] = " " * indent + lines[0]
    body: list[str] = []
    returned = False
    for line in lines:
        if body and _indent(line) < indent and not line.lstrip().startswith((")", "]")):
            break
        body.append(line)
        returned = returned or line[indent:].startswith("return")
        if returned:
            function = _try_body(body)
            if function is not None:
                return function
    function = _try_body(body)
    if function is None:
        return _wrap(body)  # raises, saying where
    if len(function.body) == 1 and isinstance(function.body[0], ast.Expr):
        # A bare formula is its own value.
        only = function.body[0]
        function.body[0] = ast.copy_location(ast.Return(only.value), only)
    return function


def _try_body(lines: list[str]) -> ast.FunctionDef | None:
    try:
        return _wrap(lines)
    except ProgramError as error:
        if error.reason != "syntax":
            raise
        return None


def _wrap(lines: list[str]) -> ast.FunctionDef:
    source = "def body():\n" + "\n".join(" " + line for line in lines)
    function = _parse(source).body[0]
    if not isinstance(function, ast.FunctionDef):
        raise ProgramError("syntax", "The answer is not the body of a function.")
    return function


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _parse(source: str) -> ast.Module:
    size = len(source.encode("utf-8", "replace"))
    if size > MAX_SOURCE:
        raise ProgramError(
            "too_long", f"The program has {size} bytes, at most {MAX_SOURCE} are read."
        )
    try:
        with warnings.catch_warnings():
            # About escapes in strings and digits that touch keywords.
            warnings.simplefilter("ignore")
            return ast.parse(source)
    except (SyntaxError, ValueError) as error:
        raise ProgramError("syntax", f"Not Python: {error}.") from None
    except (MemoryError, RecursionError):
        raise ProgramError("too_large", "Nested too deeply to be read.") from None
