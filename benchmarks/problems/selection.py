"""Choose problems by name, suite, SRBench selection, table or folder."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from benchmarks.problems.problem import Problem
from benchmarks.problems.tables import (
    HERE,
    packaged_tables,
    read_folder,
    read_rows,
    read_table,
    read_yaml,
)


@lru_cache
def packaged_problems() -> tuple[Problem, ...]:
    """Read every packaged table."""
    return tuple(p for path in packaged_tables() for p in read_table(path))


@lru_cache
def srbench_selections() -> dict[str, tuple[str, ...]]:
    """Give SRBench's selections: the names of their data sets."""
    table = read_yaml(HERE / "srbench.yaml")["selections"]
    return {name: tuple(names) for name, names in table.items()}


def select_problems(
    what: Sequence[str],
    data_dirs: Iterable[str | Path] = (),
    *,
    download: bool = False,
) -> tuple[list[Problem], dict[str, str]]:
    """Find the problems that a run asks for.

    Parameters
    ----------
    what : sequence of str
        Names of problems, suites (``"feynman"``) or selections of SRBench
        (``"srbench-2025-blackbox"``); paths of tables (``mine.yaml``), of folders of
        data files or of one such file.
    data_dirs : iterable of path
        Folders that hold the rows of real data sets by name. Rows found here also
        replace drawn ones, so that PMLB's own files can be used.
    download : bool, default=False
        Fetch what is missing with the ``pmlb`` package.

    Returns
    -------
    problems : list of Problem
        In the order asked for, each once.
    absent : dict of str to str
        Data sets that were asked for by selection and cannot be had, with the reason.

    Raises
    ------
    ValueError
        If a name is unknown.
    """
    files = {p.name: p for folder in data_dirs for p in _files(Path(folder))}
    packaged = {p.name: p for p in packaged_problems()}
    found: dict[str, Problem] = {}
    absent: dict[str, str] = {}
    for word in what:
        for problem in _problems_of(word, packaged, files):
            if isinstance(problem, Problem):
                found.setdefault(problem.name, _with_file(problem, files))
            elif download:
                found.setdefault(problem, _fetch(problem, word))
            else:
                absent[problem] = (
                    "no rows: give their folder with --data-dir, or --download"
                )
    return list(found.values()), absent


def _problems_of(
    word: str, packaged: dict[str, Problem], files: dict[str, Problem]
) -> list[Problem | str]:
    """Resolve one word; names without rows stay names."""
    path = Path(word)
    if path.suffix in (".yaml", ".yml"):
        return list(read_table(path))
    if path.is_dir() and word not in srbench_selections():
        return list(read_folder(path))
    if path.is_file():
        return [Problem(path.name.split(".")[0], "file", (), path=path)]
    if word in srbench_selections():
        group = word if "groundtruth" not in word else None
        return [
            _named(name, packaged, files, group) for name in srbench_selections()[word]
        ]
    suite = [p for p in packaged.values() if p.group == word]
    if suite:
        return list(suite)
    if word in packaged or word in files:
        return [_named(word, packaged, files, None)]
    if any(word in names for names in srbench_selections().values()):
        return [word]
    groups = sorted({p.group for p in packaged.values()})
    raise ValueError(
        f"Unknown problem {word!r}. Give the name of a problem, of a suite "
        f"({', '.join(groups)}), a selection ({', '.join(srbench_selections())}), "
        "a table (.yaml), a data file or a folder of data files."
    )


def _named(
    name: str,
    packaged: dict[str, Problem],
    files: dict[str, Problem],
    group: str | None,
) -> Problem | str:
    if name in packaged:
        return packaged[name]
    if name in files:
        return replace(files[name], group=group or files[name].group)
    return name


def _with_file(problem: Problem, files: dict[str, Problem]) -> Problem:
    """Attach the published rows to a problem with a formula."""
    file = files.get(problem.name)
    if file is None or problem.path is not None:
        return problem
    return replace(problem, path=file.path)


def _files(folder: Path) -> list[Problem]:
    if not folder.is_dir():
        raise ValueError(f"No data folder at '{folder}'.")
    nested = [p for p in sorted(folder.iterdir()) if p.is_dir()]
    return [*read_folder(folder), *(p for sub in nested for p in read_folder(sub))]


def _fetch(name: str, group: str) -> Problem:
    """Download a data set with PMLB's own client into its cache."""
    try:
        from pmlb import fetch_data
    except ImportError:
        raise ValueError(
            f"Cannot download {name}: the package `pmlb` is not installed. Install "
            "it, or give a folder with --data-dir."
        ) from None
    cache = Path.home() / ".cache" / "pmlb"
    cache.mkdir(parents=True, exist_ok=True)
    fetch_data(name, local_cache_dir=str(cache))
    path = cache / name / f"{name}.tsv.gz"
    read_rows(path)
    return Problem(name, group, (), path=path)
