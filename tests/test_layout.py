"""The shape of the package: imports run one way, and importing it is cheap."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import sklearn_chatsr

PACKAGE = Path(sklearn_chatsr.__file__).parent

# What each part may import; a part that is not named may import every other one.
BELOW = {
    "expressions": set(),
    "datasets": {"expressions"},
    "fitting": {"expressions"},
    "selection": {"expressions", "fitting"},
    "prompts": {"expressions"},
    "llm": set(),
    "models": {"expressions", "prompts"},
    "proposers": {
        *("expressions", "fitting", "selection", "prompts", "models", "llm"),
    },
    "inspection": {"expressions", "selection"},
    "estimators": {
        *("expressions", "fitting", "selection", "prompts", "models", "proposers"),
        "inspection",
        "llm",
    },
}
SOURCES = sorted(PACKAGE.rglob("*.py"))
HEAVY = {"torch", "transformers"}


def imported(source: Path) -> Iterator[str]:
    """Give the dotted names of what a module imports, anywhere in it."""
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{source}: relative import"
            assert node.module is not None
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("part", sorted(BELOW))
def test_imports_run_one_way(part):
    allowed = {part, *BELOW[part]}
    for source in (PACKAGE / part).rglob("*.py"):
        for name in imported(source):
            top, _, rest = name.partition(".")
            if top == "sklearn_chatsr" and rest:
                assert rest.split(".")[0] in allowed, f"{source} imports {name}"


def test_the_package_never_imports_training_or_benchmarks():
    for source in SOURCES:
        tops = {name.partition(".")[0] for name in imported(source)}
        assert tops.isdisjoint({"training", "benchmarks", "tests"}), source


@pytest.mark.parametrize(
    "part", ["expressions", "fitting", "selection", "datasets", "prompts"]
)
def test_the_core_does_not_know_torch(part):
    for source in (PACKAGE / part).rglob("*.py"):
        tops = {name.partition(".")[0] for name in imported(source)}
        assert tops.isdisjoint(HEAVY), source


def test_importing_the_package_imports_nothing_heavy():
    code = (
        "import sys, sklearn_chatsr;"
        "print(*{'torch', 'transformers', 'numba', 'sympy', 'matplotlib'}"
        ".intersection(sys.modules))"
    )

    loaded = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )

    assert loaded.stdout.split() == []


def test_there_is_no_drawer_for_everything():
    names = {source.stem for source in SOURCES}

    assert names.isdisjoint({"utils", "helpers", "common", "misc"})


def test_types_of_the_package_are_visible_to_others():
    assert (PACKAGE / "py.typed").is_file()
