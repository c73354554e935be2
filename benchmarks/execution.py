"""Run a worker under hard limits of time and memory.

A method that crashes, hangs or eats memory ends its own process and nothing else.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.methods import Entry

Array = npt.NDArray[np.float64]

ROOT = Path(__file__).parents[1]
_POLL = 0.02  # seconds
_MEMORY_EVERY = 5  # polls
_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "JULIA_NUM_THREADS",
)


@dataclass(frozen=True)
class Limits:
    """What a fit may take.

    Parameters
    ----------
    seconds : float
        Budget that the method is told.
    grace : float
        Seconds of fitting beyond the budget before the process is killed.
    startup : float
        Seconds for imports and for making the method.
    wrap_up : float
        Seconds for predictions and for writing the model.
    memory : float
        Bytes of resident memory.
    threads : int
    """

    seconds: float
    grace: float = 30.0
    startup: float = 180.0
    wrap_up: float = 60.0
    memory: float = 4e9
    threads: int = 1


def probe(entry: Entry, python: str, limits: Limits) -> dict[str, Any]:
    """Ask whether a method can run in a Python, and with which version and settings."""
    with tempfile.TemporaryDirectory(prefix="probe-") as name:
        return _run(Path(name), entry, python, limits, seed=0, probe=True)


def execute(
    entry: Entry, python: str, limits: Limits, seed: int, rows: dict[str, Array]
) -> tuple[dict[str, Any], dict[str, Array]]:
    """Fit a method once.

    Parameters
    ----------
    entry : Entry
    python : str
        Path of the interpreter.
    limits : Limits
    seed : int
    rows : dict of str to ndarray
        ``X_train``, ``y_train``, ``X_test`` and, where there are some, ``X_unseen``.

    Returns
    -------
    answer : dict
        ``status``: "ok", "crashed", "timeout", "memory" or "absent", with ``error``;
        else what the worker tells about the fit.
    predictions : dict of str to ndarray
        Of "train", "test" and "unseen"; empty when the method predicts by formula only.
    """
    with tempfile.TemporaryDirectory(prefix="fit-") as name:
        folder = Path(name)
        np.savez(folder / "rows.npz", **rows)  # type: ignore[arg-type]
        answer = _run(folder, entry, python, limits, seed, probe=False)
        predictions = {}
        if answer["status"] == "ok":
            with np.load(folder / "predictions.npz") as saved:
                predictions = {part: saved[part] for part in saved.files}
    return answer, predictions


def _run(
    folder: Path, entry: Entry, python: str, limits: Limits, seed: int, *, probe: bool
) -> dict[str, Any]:
    job = {
        "target": entry.target,
        "settings": entry.settings,
        "seconds": limits.seconds,
        "seed": seed,
        "threads": limits.threads,
        "memory": limits.memory,
    }
    (folder / "job.json").write_text(json.dumps(job))
    command = [python, "-m", "benchmarks.worker", *(["--probe"] if probe else [])]
    environment = os.environ | dict.fromkeys(_THREAD_VARIABLES, str(limits.threads))
    environment |= {"OMP_WAIT_POLICY": "PASSIVE", "PYTHONHASHSEED": "0"}
    environment["PYTHONPATH"] = os.pathsep.join(
        filter(None, [str(ROOT), environment.get("PYTHONPATH")])
    )
    with (folder / "output").open("wb") as output:
        try:
            process = subprocess.Popen(
                [*command, str(folder)],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            return {"status": "absent", "error": f"cannot start {python}: {error}"}
        killed = _watch(process, folder, limits)
    answer_path = folder / "answer.json"
    if killed is not None:
        return killed
    if answer_path.exists():
        return json.loads(answer_path.read_text())
    last = (folder / "output").read_text(errors="replace").strip()[-500:]
    return {"status": "crashed", "error": _describe(process.returncode, last)}


def _watch(
    process: subprocess.Popen[bytes], folder: Path, limits: Limits
) -> dict[str, Any] | None:
    """Wait for the end; kill the whole session when a limit is passed."""
    allowed = {
        "starting": limits.startup,
        "fitting": limits.seconds + limits.grace,
        "fitted": limits.wrap_up,
    }
    phase, since, polls = "starting", time.monotonic(), 0
    try:
        while True:
            try:
                process.wait(_POLL)
                return None
            except subprocess.TimeoutExpired:
                polls += 1
            now = _phase(folder)
            if now != phase:
                phase, since = now, time.monotonic()
            if time.monotonic() - since > allowed[phase]:
                return {
                    "status": "timeout",
                    "error": f"killed while {phase}: {allowed[phase]:g} s were over",
                }
            if polls % _MEMORY_EVERY == 0:
                used = resident_memory(process.pid)
                if used > limits.memory:
                    return {
                        "status": "memory",
                        "error": f"killed at {used / 1e9:.2f} GB of resident memory",
                        "peak_memory": used,
                    }
    finally:
        _kill_session(process)


def _phase(folder: Path) -> str:
    for phase in ("fitted", "fitting"):
        if (folder / phase).exists():
            return phase
    return "starting"


def _kill_session(process: subprocess.Popen[bytes]) -> None:
    """Kill the worker and whatever it started in its session."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def resident_memory(pid: int) -> int:
    """Add up the resident memory of a process and its descendants, in bytes.

    Zero where the system has no ``/proc``.
    """
    total = 0
    for member in _family(pid):
        try:
            statm = Path(f"/proc/{member}/statm").read_text().split()
            total += int(statm[1]) * _PAGE
        except (OSError, IndexError):
            continue
    return total


def _family(pid: int) -> Iterator[int]:
    yield pid
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
    except OSError:
        return
    for task in tasks:
        try:
            children = (task / "children").read_text().split()
        except OSError:
            continue
        for child in children:
            yield from _family(int(child))


def _describe(code: int, output: str) -> str:
    if code < 0:
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        return f"ended by {name}. {output}".strip()
    return f"ended with code {code} and no answer. {output}".strip()
