"""Read tables of problems (YAML) and folders of data sets (tab or comma separated)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import yaml

from benchmarks.problems.problem import Problem
from benchmarks.problems.sampling import Spec

HERE = Path(__file__).parent
SUFFIXES = (".tsv.gz", ".tsv", ".csv.gz", ".csv")
_TARGETS = ("target", "label")
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(path: Path) -> Any:
    """Parse a YAML file, data only."""
    return yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)


def read_table(path: str | Path) -> list[Problem]:
    """Read a table of problems.

    Parameters
    ----------
    path : str or Path
        A YAML file with ``group``, ``source``, optional ``rows`` and ``systems``, and
        ``problems``: a list of mappings with ``name``, ``formula`` and ``variables``
        (a range ``[low, high]`` for each), optional ``train`` and ``test`` (how the
        suite samples), ``units``, ``target``, ``title``, ``group``, ``system``.

    Returns
    -------
    list of Problem

    Raises
    ------
    ValueError
        If an entry cannot be read; the message names it.
    """
    path = Path(path)
    table = read_yaml(path)
    if not isinstance(table, dict) or not isinstance(table.get("problems"), list):
        raise ValueError(f"{path} is no table of problems: it has no list `problems`.")
    problems = []
    for number, entry in enumerate(table["problems"]):
        name = entry.get("name", number) if isinstance(entry, dict) else number
        try:
            problems.append(_problem(table, entry, path.stem))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ValueError(
                f"{path}: cannot read problem {name!r}: {error}"
            ) from error
    return problems


def read_folder(path: str | Path, group: str | None = None) -> list[Problem]:
    """List the data sets of a folder, one file or PMLB subfolder each.

    Parameters
    ----------
    path : str or Path
        Holds ``name.tsv.gz``, ``name.tsv`` or ``name.csv`` files, or
        ``name/name.tsv.gz`` as PMLB does. The target is the column ``target`` or
        ``label``, else the last.
    group : str, optional
        Name of the suite; the folder's name by default.

    Returns
    -------
    list of Problem
        Without formula, in the order of their names.
    """
    path = Path(path)
    group = group or path.name
    files = sorted([*path.glob("*"), *path.glob("*/*")])
    return [
        Problem(name=dataset_name(file), group=group, variables=(), path=file)
        for file in files
        if file.is_file() and file.name.endswith(SUFFIXES)
    ]


def dataset_name(path: Path) -> str:
    """Strip the suffix of a data file; `d_bacres1.csv` is `strogatz_bacres1`."""
    name = path.name
    for suffix in SUFFIXES:
        if name.endswith(suffix):
            name = name.removesuffix(suffix)
            break
    return f"strogatz_{name[2:]}" if path.parent.name == "strogatz" else name


def read_rows(
    path: Path,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], tuple[str, ...]]:
    """Read a data file.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features)
    y : ndarray of shape (n_samples,)
    names : tuple of str
        Of the columns of X; dots become underscores, as in SRBench.
    """
    opener = path.read_bytes()[:40]
    if opener.startswith(b"version https://git-lfs"):
        raise ValueError(f"{path} is a Git LFS pointer, not data. Fetch the file.")
    separator = "\t" if ".tsv" in path.name else ","
    frame = pd.read_csv(path, sep=separator)
    found = [name for name in _TARGETS if name in frame.columns]
    target = found[0] if found else frame.columns[-1]
    y = frame.pop(target).to_numpy(np.float64)
    names = tuple(str(name).replace(".", "_") for name in frame.columns)
    return frame.to_numpy(np.float64), y, names


def _problem(table: dict[str, Any], entry: dict[str, Any], stem: str) -> Problem:
    variables = {str(name): box for name, box in entry["variables"].items()}
    target = str(entry.get("target", "y"))
    units = entry.get("units") or {}
    system = entry.get("system")
    problem = Problem(
        name=str(entry["name"]),
        group=entry.get("group", table.get("group", stem)),
        variables=tuple(variables),
        formula=str(entry["formula"]),
        ranges=tuple((float(low), float(high)) for low, high in variables.values()),
        rows=int(entry.get("rows", table.get("rows", 10_000))),
        train=Spec.from_mapping(entry["train"]) if "train" in entry else None,
        test=Spec.from_mapping(entry["test"]) if "test" in entry else None,
        system=table["systems"][system] if isinstance(system, str) else system,
        target=target,
        units=tuple(_unit(units.get(name)) for name in variables),
        target_unit=_unit(units.get(target)),
        title=str(entry.get("title", "")),
        source=str(entry.get("source", table.get("source", ""))),
        in_srbench=bool(entry.get("in_srbench", True)),
    )
    if problem.expression is None:
        raise ValueError("it has no formula")
    return problem


def _unit(exponents: list[float] | None) -> tuple[float, ...] | None:
    return None if exponents is None else tuple(map(float, exponents))


def packaged_tables() -> Iterator[Path]:
    """Give the tables that come with the benchmarks."""
    return (p for p in sorted(HERE.glob("*.yaml")) if p.stem != "srbench")
