"""Read problems from files: LLM-SR's specifications, and a short YAML form.

A specification of LLM-SR is a Python text. It is taken apart as a syntax tree and never
run; what its evaluated function would compute is what the fit here does anyway.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

from sklearn_chatsr.proposers.programs.specification import (
    InputVariable,
    Specification,
)

_MAX_BYTES = 100_000
_LINE = re.compile(r"\s*[-*]?\s*(?P<name>[^\W\d]\w*)\s*:\s*(?P<meaning>.+?)\s*\Z")
_KEYS = {"description", "variables", "target", "n_parameters", "seed"}


def read_specification(path: str | Path) -> Specification:
    """Read a problem from a file.

    Parameters
    ----------
    path : str or Path
        ``.yaml`` or ``.yml`` in the short form; anything else is read as a
        specification of LLM-SR.

    Returns
    -------
    Specification
        The problem.

    Raises
    ------
    ValueError
        If the file is not of the named form; the message says what is missing.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"No specification file {str(path)!r}.")
    if path.stat().st_size > _MAX_BYTES:
        raise ValueError(
            f"{path.name} has over {_MAX_BYTES} bytes: not a specification."
        )
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path.name} is not in UTF-8: {error}.") from None
    if path.suffix.lower() in (".yaml", ".yml"):
        return parse_yaml(text, path.name)
    return parse_llmsr(text, path.name)


def parse_llmsr(text: str, name: str = "specification") -> Specification:
    """Read a specification of LLM-SR: one evaluated and one evolved function.

    Parameters
    ----------
    text : str
        Python source; parsed, never executed.
    name : str
        How messages call it.

    Returns
    -------
    Specification
        Inputs are the arguments of the evolved function but the last, their meanings
        those of its docstring, its body is the seed.

    Raises
    ------
    ValueError
        If the text is not Python, or does not hold exactly one function of each kind.

    References
    ----------
    P. Shojaee et al. LLM-SR: Scientific equation discovery via programming with large
    language models. ICLR 2025.
    """
    try:
        module = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"{name} is not Python: {error}.") from error
    functions = [n for n in module.body if isinstance(n, ast.FunctionDef)]
    evolved = [f for f in functions if _is_marked(f, "equation", "evolve")]
    evaluated = [f for f in functions if _is_marked(f, "evaluate", "run")]
    if len(evolved) != 1 or len(evaluated) != 1:
        raise ValueError(
            f"{name} has {len(evaluated)} function(s) marked @evaluate.run and "
            f"{len(evolved)} marked @equation.evolve; it must have one of each."
        )
    function = evolved[0]
    arguments = [a.arg for a in function.args.args]
    if len(arguments) < 2:
        raise ValueError(
            f"{name}: `{function.name}` has arguments {arguments}; it must take the "
            "inputs and, last, the parameters."
        )
    inputs, parameters = arguments[:-1], arguments[-1]
    docstring = ast.get_docstring(function) or ""
    meanings, target = _described(docstring)
    return Specification(
        variables=tuple(_input(n, meanings.get(n, "")) for n in inputs),
        description=(ast.get_docstring(module) or "").strip(),
        target=InputVariable("y", target),
        n_parameters=_parameter_budget(module),
        seed=_body(function, parameters),
    )


def parse_yaml(text: str, name: str = "specification") -> Specification:
    """Read the short form of a specification.

    Parameters
    ----------
    text : str
        YAML with the keys ``variables`` (a mapping of name to meaning, or to
        ``{meaning: ..., unit: ...}``), and optionally ``description``, ``target`` (of
        the same form, one entry), ``n_parameters`` and ``seed``.
    name : str
        How messages call it.

    Returns
    -------
    Specification
        The problem.

    Raises
    ------
    ValueError
        If keys are missing or unknown.
    """
    try:
        import yaml
    except ImportError as error:
        raise ValueError(f"Reading {name} needs PyYAML: pip install pyyaml.") from error
    try:
        table = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f"{name} is not YAML: {error}") from error
    if not isinstance(table, dict) or not isinstance(table.get("variables"), dict):
        raise ValueError(
            f"{name} must be a mapping with `variables:`, one `name: meaning` each."
        )
    unknown = sorted(set(map(str, table)) - _KEYS)
    if unknown:
        raise ValueError(
            f"{name} has unknown keys {unknown}. Allowed: {', '.join(sorted(_KEYS))}."
        )
    target = table.get("target") or {"y": ""}
    if isinstance(target, str):
        target = {target: ""}
    if not isinstance(target, dict) or len(target) != 1:
        raise ValueError(f"{name}: `target` must be one `name: meaning`.")
    variables = table["variables"]
    [asked] = target
    if table.get("target") and asked in variables:
        raise ValueError(
            f"{name}: {asked!r} is the target and a variable. Give them different "
            "names."
        )
    n_parameters = table.get("n_parameters", 10)
    if not isinstance(n_parameters, int):
        raise ValueError(f"{name}: `n_parameters` is {n_parameters!r}, not a number.")
    seed = table.get("seed")
    return Specification(
        variables=tuple(_entry(k, v) for k, v in variables.items()),
        description=str(table.get("description") or "").strip(),
        target=next(_entry(k, v) for k, v in target.items()),
        n_parameters=n_parameters,
        seed=None if seed is None else str(seed),
    )


def _entry(name: Any, value: Any) -> InputVariable:
    if isinstance(value, dict):
        return InputVariable(
            str(name), str(value.get("meaning") or ""), str(value.get("unit") or "")
        )
    return _input(str(name), "" if value is None else str(value))


def _input(name: str, meaning: str) -> InputVariable:
    """Take a unit in square brackets at the end of a meaning for its unit."""
    match = re.fullmatch(r"(.*?)\s*\[([^\[\]]+)\]", meaning)
    return InputVariable(name, *(match.groups() if match else (meaning,)))


def _is_marked(function: ast.FunctionDef, owner: str, mark: str) -> bool:
    return any(
        isinstance(d, ast.Attribute)
        and d.attr == mark
        and isinstance(d.value, ast.Name)
        and d.value.id == owner
        for d in function.decorator_list
    )


def _described(docstring: str) -> tuple[dict[str, str], str]:
    """Read ``name: meaning`` lines under Args, and the first line under Return."""
    meanings: dict[str, str] = {}
    target = ""
    in_return = False
    for line in docstring.splitlines():
        head = line.strip().rstrip(":").lower()
        if head in ("return", "returns"):
            in_return = True
        elif head in ("args", "arguments", "parameters"):
            in_return = False
        elif in_return:
            target = target or line.strip()
        elif match := _LINE.match(line):
            meanings.setdefault(match["name"], match["meaning"])
    return meanings, target


def _parameter_budget(module: ast.Module) -> int:
    for node in module.body:
        if (
            isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Name)
            and node.targets[0].id == "MAX_NPARAMS"
            and isinstance(node.value, ast.Constant)
            and type(node.value.value) is int
        ):
            return node.value.value
    return 10


def _body(function: ast.FunctionDef, parameters: str) -> str:
    """Print the statements with the parameters called ``params``."""
    statements = function.body
    if ast.get_docstring(function) is not None:
        statements = statements[1:]
    for node in (n for s in statements for n in ast.walk(s)):
        if isinstance(node, ast.Name) and node.id == parameters:
            node.id = "params"
    return "\n".join(ast.unparse(s) for s in statements)
