"""Run a grid of cells: progress, resume, limits, parallel jobs.

The results are JSON lines: a ``run`` and one ``method`` record per method, then a
``cell`` record for each finished cell, appended in one write. A killed run loses the
cells it was working on and nothing else; run the same command again to go on.
"""

from __future__ import annotations

import fcntl
import fnmatch
import itertools
import json
import logging
import math
import os
import platform
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import joblib

from benchmarks.cells import Cell, run_cell
from benchmarks.execution import Limits, probe
from benchmarks.methods import Entry
from benchmarks.problems import Problem
from benchmarks.protocols import Protocol
from benchmarks.results import read_records

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plan:
    """What a run does.

    Parameters
    ----------
    protocol : Protocol
    problems : list of Problem
    absent_problems : dict of str to str
        Data sets that were asked for and are not there, with the reason.
    entries : list of Entry
        The methods.
    limits : Limits
    seeds : tuple of int
        Trials; the protocol's by default.
    noise_levels : tuple of float
        The protocol's by default.
    pythons : dict of str to str
        Interpreter by method name or pattern, such as ``{"operon*": "/path/python"}``.
    symbolic_seconds : float
    """

    protocol: Protocol
    problems: list[Problem]
    entries: list[Entry]
    limits: Limits
    seeds: tuple[int, ...]
    noise_levels: tuple[float, ...]
    absent_problems: dict[str, str] = field(default_factory=dict)
    pythons: dict[str, str] = field(default_factory=dict)
    symbolic_seconds: float = 60.0

    def python(self, name: str) -> str:
        """Give the interpreter of a method; the first pattern that fits wins."""
        for pattern, path in self.pythons.items():
            if fnmatch.fnmatchcase(name, pattern):
                return path
        return sys.executable

    def cells(self, entries: Sequence[Entry]) -> Iterator[Cell]:
        """Give all cells, problem by problem, so that every method gets early rows."""
        for seed in self.seeds:
            for noise in self.noise_levels:
                for problem in self.problems:
                    for entry in entries:
                        yield Cell(
                            problem,
                            self.protocol,
                            entry,
                            self.python(entry.name),
                            seed,
                            noise if problem.formula is not None else 0.0,
                            self.limits,
                            self.symbolic_seconds,
                        )


def run(
    plan: Plan,
    path: str | Path,
    *,
    n_jobs: int = 1,
    backend: str = "threading",
    retry: bool = False,
) -> dict[str, int]:
    """Run what is not done yet and append it to a file.

    Parameters
    ----------
    plan : Plan
    path : str or Path
        The file of JSON lines. It goes on where it ends.
    n_jobs : int, default=1
        Cells at the same time.
    backend : str, default="threading"
        Of joblib. Each cell is a process anyway, so that threads do. "dask",
        "dask=tcp://host:8786" and "ray" carry the cells to other machines, which hold
        the same checkout.
    retry : bool, default=False
        Run cells again that ended without scores.

    Returns
    -------
    dict of str to int
        Number of cells by status, of those that this call ran.

    Raises
    ------
    RuntimeError
        If another run writes to the same file, or the file holds results of another
        profile, budget or number of threads.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with _locked(path):
        done, previous = _previous(path, retry)
        _check_same(plan, path, previous)
        entries = _present(plan, path, previous)
        cells = {cell.key: cell for cell in plan.cells(entries)}
        todo = [cell for key, cell in cells.items() if key not in done]
        logger.info("%d cells, %d of them done", len(cells), len(cells) - len(todo))
        counts: dict[str, int] = {}
        start = time.monotonic()
        for number, record in enumerate(_results(todo, n_jobs, backend), 1):
            append(path, record)
            counts[record["status"]] = counts.get(record["status"], 0) + 1
            _progress(record, number, len(todo), time.monotonic() - start)
        return counts


def _results(
    todo: Sequence[Cell], n_jobs: int, backend: str
) -> Iterator[dict[str, Any]]:
    """Give records as they come, or in batches where a back-end cannot do that."""
    name, _, address = backend.partition("=")
    if name == "dask":
        # Joblib's back-end takes the client that was made last.
        from distributed import Client

        Client(address or None)
    elif name == "ray":
        from ray.util.joblib import register_ray

        register_ray()
    tasks = (joblib.delayed(run_cell)(cell) for cell in todo)
    # The configuration knows more back-ends by name than `Parallel` does.
    with joblib.parallel_config(backend=name, n_jobs=n_jobs):
        try:
            parallel = joblib.Parallel(return_as="generator_unordered")
            yield from parallel(tasks)
        except ValueError as error:
            if "return_as" not in str(error):
                raise
            with joblib.Parallel() as parallel:
                while batch := list(itertools.islice(tasks, max(n_jobs, 1))):
                    yield from parallel(batch)


def append(path: Path, record: dict[str, Any]) -> None:
    """Append one line in one write, and wait until the disk has it."""
    line = (json.dumps(_jsonable(record), allow_nan=False) + "\n").encode()
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(descriptor, line)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _jsonable(value: Any) -> Any:
    """Write what JSON does not know, such as NaN, as text."""
    if isinstance(value, dict):
        return {str(key): _jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(item) for item in value]
    if value is None or isinstance(value, str | int):
        return value
    return value if isinstance(value, float) and math.isfinite(value) else str(value)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    lock = path.with_name(path.name + ".lock")
    with lock.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RuntimeError(
                f"Another run writes to {path}. Wait for it, or choose another --out."
            ) from None
        yield


def _previous(
    path: Path, retry: bool
) -> tuple[set[tuple[str, str, int, float]], list[dict[str, Any]]]:
    """Read what is done; drop a line that a kill cut off."""
    if not path.exists():
        return set(), []
    text = path.read_bytes()
    whole = text[: text.rfind(b"\n") + 1]
    if len(whole) < len(text):
        with path.open("r+b") as handle:
            handle.truncate(len(whole))
    records = read_records(path)
    done = {
        (r["dataset"], r["algorithm"], r["random_state"], r["target_noise"])
        for r in records
        if r["record"] == "cell" and (r["status"] == "ok" or not retry)
    }
    return done, records


def _check_same(plan: Plan, path: Path, previous: list[dict[str, Any]]) -> None:
    """Refuse to mix cells that were made under other conditions."""
    now = _run_record(plan)
    for record in previous:
        if record["record"] != "run":
            continue
        for name in ("seconds", "threads"):
            if record["limits"][name] != now["limits"][name]:
                raise RuntimeError(
                    f"{path} holds results with {name} = {record['limits'][name]:g}, "
                    f"this run has {now['limits'][name]:g}. Choose another --out."
                )
        if record.get("rescale", 0) != now["rescale"]:
            raise RuntimeError(
                f"{path} holds results with --rescale {record.get('rescale', 0)}, this "
                f"run has {now['rescale']}. Choose another --out."
            )
        for name, settings in record.get("settings", {}).items():
            if now["settings"].get(name, settings) != settings:
                raise RuntimeError(
                    f"{path} holds results of {name} with the settings {settings}, "
                    f"this run has {now['settings'][name]}. Choose another --out."
                )
        if record["profile"] != now["profile"]:
            raise RuntimeError(
                f"{path} holds results of the profile {record['profile']}, this run "
                f"has {now['profile']}. Choose another --out."
            )


def _present(plan: Plan, path: Path, previous: list[dict[str, Any]]) -> list[Entry]:
    """Probe the methods, write down which run and which do not, and why."""
    known = {(r["algorithm"], r["status"]) for r in previous if r["record"] == "method"}
    append(path, _run_record(plan))
    entries = []
    for entry in plan.entries:
        python = plan.python(entry.name)
        answer = probe(entry, python, plan.limits)
        if answer["status"] == "ok":
            entries.append(entry)
        else:
            logger.warning("%s is absent: %s", entry.name, answer.get("error"))
        if (entry.name, answer["status"]) not in known:
            append(path, {"record": "method", "algorithm": entry.name} | answer)
    return entries


def _run_record(plan: Plan) -> dict[str, Any]:
    return {
        "record": "run",
        "profile": plan.protocol.name,
        "note": plan.protocol.note,
        "rescale": plan.protocol.rescale,
        "settings": {entry.name: _jsonable(entry.settings) for entry in plan.entries},
        "limits": asdict(plan.limits),
        "seeds": list(plan.seeds),
        "noise_levels": list(plan.noise_levels),
        "n_problems": len(plan.problems),
        "absent_problems": plan.absent_problems,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def _progress(record: dict[str, Any], number: int, total: int, spent: float) -> None:
    left = spent / number * (total - number)
    r2 = record.get("r2_test")
    logger.info(
        "%d/%d  %s  %s  seed %d%s  %s%s  %s left",
        number,
        total,
        record["dataset"],
        record["algorithm"],
        record["random_state"],
        f"  noise {record['target_noise']:g}" if record["target_noise"] else "",
        record["status"],
        "" if r2 is None else f"  R2 {r2:.6f}",
        f"{left / 60:.0f} min" if left > 90 else f"{left:.0f} s",
    )
