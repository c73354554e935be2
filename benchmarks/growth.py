"""How seconds and memory grow with rows and columns: ``python -m benchmarks.growth``.

Every fit has a process of its own, warmed up before the clock starts. The targets are
laws of growing size with noise of one percent, so that none is exact and ends early.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time

import numpy as np

from sklearn_chatsr.estimators.effort import EFFORTS, EffortName

ROWS = (100, 1_000, 10_000, 100_000, 1_000_000)
COLUMNS = (1, 3, 10, 50)
SIZES = (1, 2, 4, 8)  # terms of the law
_HEADS = (
    "| rows | columns | terms | seconds | CPU s | peak MB | before MB | R2 | size |"
)
_DEFAULT = (1_000, 3, 2)


def target(X: np.ndarray, n_terms: int, rng: np.random.Generator) -> np.ndarray:
    """Add products of a random power and a random wave, and noise."""
    y = np.zeros(len(X))
    for _ in range(n_terms):
        a, b = rng.integers(X.shape[1], size=2)
        power, rate = rng.choice([1.0, 2.0, 0.5]), rng.uniform(0.5, 2.0)
        y += rng.uniform(1, 3) * X[:, a] ** power * np.sin(rate * X[:, b])
    return y + 0.01 * y.std() * rng.standard_normal(len(X))


def fit_one(n_rows: int, n_columns: int, n_terms: int, effort: EffortName) -> dict:
    """Fit once in this process; give seconds, megabytes and R2."""
    import warnings

    from sklearn_chatsr import ChatSRRegressor
    from sklearn_chatsr.fitting import warm_up
    from sklearn_chatsr.models.loading import load_model

    warm_up()
    load_model("default", "cpu")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    rng = np.random.default_rng(0)
    X = rng.uniform(0.5, 4.0, size=(n_rows, n_columns))
    y = target(X, n_terms, rng)
    started, used = time.perf_counter(), time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # many columns are selected from
        regressor = ChatSRRegressor(effort=effort, random_state=0).fit(X, y)
    return {
        "seconds": time.perf_counter() - started,
        "cpu_seconds": time.process_time() - used,
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "megabytes_before": before / 1024,
        "r2": regressor.score(X[:100_000], y[:100_000]),
        "size": regressor.expression_.size,
    }


def main() -> None:
    """Print one Markdown table, a row per fit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--effort", choices=list(EFFORTS), default="default")
    parser.add_argument("--one", help="rows,columns,terms: fit this and print JSON")
    options = parser.parse_args()
    if options.one:
        n_rows, n_columns, n_terms = map(int, options.one.split(","))
        print(json.dumps(fit_one(n_rows, n_columns, n_terms, options.effort)))
        return
    cases = [(n, _DEFAULT[1], _DEFAULT[2]) for n in ROWS]
    cases += [(_DEFAULT[0], d, _DEFAULT[2]) for d in COLUMNS]
    cases += [(_DEFAULT[0], _DEFAULT[1], k) for k in SIZES]
    print(_HEADS)
    print("|---" * _HEADS.count(" | ") + "|---|")
    for case in dict.fromkeys(cases):
        words = [sys.executable, "-m", "benchmarks.growth", "--effort", options.effort]
        words += ["--one", ",".join(map(str, case))]
        found = subprocess.run(words, check=True, capture_output=True, text=True)
        row = json.loads(found.stdout)
        print(
            f"| {case[0]:,} | {case[1]} | {case[2]} | {row['seconds']:.1f} "
            f"| {row['cpu_seconds']:.1f} | {row['megabytes']:.0f} "
            f"| {row['megabytes_before']:.0f} | {row['r2']:.5f} | {row['size']} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
