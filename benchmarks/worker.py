"""Fit one method once, in its own process and its own Python.

    python -m benchmarks.worker FOLDER          reads job.json and rows.npz
    python -m benchmarks.worker --probe FOLDER  only tells whether the method runs

The answer is `answer.json` and `predictions.npz` in the folder. Files named after the
phases tell the parent where the time goes. This module and the adapters it imports
need NumPy and the method, not this package.
"""

from __future__ import annotations

import ctypes
import json
import platform
import resource
import signal
import sys
import time
import traceback
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.methods import make


def main() -> None:
    """Do the job in the folder that the command line names."""
    probe = sys.argv[1] == "--probe"
    folder = Path(sys.argv[-1])
    die_with_parent()
    job = json.loads((folder / "job.json").read_text())
    limit_memory(job.get("memory"))
    try:
        answer = probed(job) if probe else fitted(job, folder)
    except ImportError as error:
        answer = {"status": "absent", "error": f"{type(error).__name__}: {error}"}
    except MemoryError:
        answer = {"status": "memory", "error": "MemoryError"}
    except Exception as error:  # the method's fault is the result of its cell
        answer = {
            "status": "crashed",
            "error": f"{type(error).__name__}: {error}"[:500],
            "traceback": traceback.format_exc()[-2000:],
        }
    (folder / "answer.part").write_text(json.dumps(jsonable(answer)))
    (folder / "answer.part").rename(folder / "answer.json")


def probed(job: dict[str, Any]) -> dict[str, Any]:
    """Make the method without fitting it."""
    method = make_quietly(job)
    return {
        "status": "ok",
        "version": method.version(),
        "settings": method.settings,
        "python": platform.python_version(),
    }


def fitted(job: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Fit, predict and describe the model."""
    rows = np.load(folder / "rows.npz")
    method = make_quietly(job)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (folder / "fitting").touch()
        start, process_start = time.perf_counter(), time.process_time()
        method.fit(rows["X_train"], rows["y_train"])
        seconds = time.perf_counter() - start
        process_seconds = time.process_time() - process_start
        (folder / "fitted").touch()
        predictions = {}
        for part in ("train", "test", "unseen"):
            if f"X_{part}" in rows:
                found = method.predict(rows[f"X_{part}"])
                if found is not None:
                    predictions[part] = np.asarray(found, dtype=np.float64).ravel()
    np.savez(folder / "predictions.npz", **predictions)  # type: ignore[arg-type]
    return {
        "status": "ok",
        "formula": method.formula(),
        "size": method.size(),
        "seconds": seconds,
        "process_seconds": process_seconds,
        "peak_memory": peak_memory(),
        "evaluations": method.evaluations(),
        "settings": method.settings,
        "version": method.version(),
    }


def make_quietly(job: dict[str, Any]) -> Any:
    """Make the method; what it warns of while importing is not the user's concern."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return make(
            job["target"], job["settings"], job["seconds"], job["seed"], job["threads"]
        )


def die_with_parent() -> None:
    """Ask Linux to end this process when the harness is killed."""
    if sys.platform.startswith("linux"):
        set_death_signal = 1  # PR_SET_PDEATHSIG
        ctypes.CDLL(None).prctl(set_death_signal, int(signal.SIGKILL))


def limit_memory(n_bytes: float | None) -> None:
    """Let allocations beyond the limit fail, where the system can do that."""
    if n_bytes is None or not sys.platform.startswith("linux"):
        return
    # Data, not address space: runtimes reserve far more addresses than they use. The
    # parent watches resident memory as well; this catches what is faster than it.
    limit = int(n_bytes)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def peak_memory() -> int:
    """Give the peak resident memory of this process and its children, in bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return unit * max(resource.getrusage(w).ru_maxrss for w in who)


def jsonable(value: Any) -> Any:
    """Turn what settings hold into what JSON holds."""
    if isinstance(value, dict):
        return {str(k): jsonable(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [jsonable(v) for v in value]
    if isinstance(value, np.generic):
        return jsonable(value.item())
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return repr(value)


if __name__ == "__main__":
    main()
