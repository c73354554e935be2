"""How fast and how often constants are found: ours, SciPy's and pyoperon's optimizers.

Run ``python -m benchmarks.constants`` (about four minutes) or with ``--quick`` (about
one). Random skeletons with known constants, noise-free, one thread, times in seconds of
the processor; a fit recovers when its fraction of variance unexplained is at most
1e-10. Every method follows the same 8 starts (those that ours draws) and stops at the
first that recovers.

pyoperon is measured when ``--operon-python`` names an interpreter that can import it:
it runs in a process of its own, because a formula that it dislikes ends the process.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks._numpy_jacobian import NumpyProgram
from benchmarks._skeletons import ConstantProblem, random_problems
from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.fitting import ConstantFitter

FloatArray = npt.NDArray[np.float64]
Method = Callable[["Task"], float]

N_STARTS = 8
RECOVERED = 1e-10
# What a rejected point costs SciPy's optimizers, which stop at NaN.
_FAULT = 1e6

# 9 constants on 9 weighted leaves and one function: 18 nodes in Operon's counting.
NINE = Expression(
    [
        *("add", "add", "add", "add"),
        *("mul", "C", "sin", "add", "mul", "C", "x1", "C"),
        *("mul", "C", "x2", "mul", "C", "x3", "mul", "C", "x1"),
        *("pow", "add", "mul", "C", "x2", "C", "C"),
    ],
    [1.5, 2.2, 0.4, -0.8, 0.6, 0.3, 1.2, 0.7, 1.6],
)


class Task:
    """A problem with what is prepared once for a data set, not once for a skeleton.

    Parameters
    ----------
    problem : ConstantProblem
        Skeleton and points.
    starts : ndarray of shape (n_starts, n_constants), optional
        What every method follows; default: what ours draws, linear constants at 1.
    """

    def __init__(
        self, problem: ConstantProblem, starts: FloatArray | None = None
    ) -> None:
        self.X, self.y = problem.X, problem.y
        self.skeleton = problem.expression.skeleton()
        self.lm = ConstantFitter(self.X, self.y, n_starts=N_STARTS)
        self.bfgs = ConstantFitter(self.X, self.y, n_starts=N_STARTS, optimizer="bfgs")
        if starts is None:
            starts = self.lm.draw_starts(self.skeleton)
        if len(starts) == 0:
            starts = np.ones((1, self.skeleton.n_constants))
        self.starts = starts


def fit_ours(task: Task) -> float:
    """Fit with `ConstantFitter`, which draws its starts itself."""
    return task.lm.fit(task.skeleton).fvu


def fit_ours_bfgs(task: Task) -> float:
    """Fit with ``optimizer="bfgs"``: SciPy's BFGS on compiled gradients."""
    return task.bfgs.fit(task.skeleton).fvu


def fit_least_squares(task: Task) -> float:
    """Fit with `scipy.optimize.least_squares` (MINPACK), analytic Jacobian in NumPy."""
    from scipy.optimize import least_squares

    program = NumpyProgram(task.skeleton, task.X)
    scale = task.y.std() * np.sqrt(len(task.y))

    def residual(constants: FloatArray) -> FloatArray:
        with np.errstate(all="ignore"):
            value = (program(constants) - task.y) / scale
        return np.nan_to_num(value, nan=_FAULT, posinf=_FAULT, neginf=-_FAULT)

    def jacobian(constants: FloatArray) -> FloatArray:
        with np.errstate(all="ignore"):
            value = program.jacobian(constants) / scale
        return np.nan_to_num(value, nan=0.0, posinf=_FAULT, neginf=-_FAULT)

    best = np.inf
    for start in task.starts:
        found = least_squares(
            residual, start, jacobian, method="lm", xtol=1e-12, ftol=1e-12, gtol=1e-12
        )
        best = min(best, 2.0 * found.cost)
        if best <= RECOVERED:
            break
    return best


def fit_scipy_bfgs(task: Task) -> float:
    """Fit with `scipy.optimize.minimize` (BFGS), analytic gradient in NumPy."""
    from scipy.optimize import minimize

    program = NumpyProgram(task.skeleton, task.X)
    variance = task.y.var() * len(task.y)

    def loss(constants: FloatArray) -> tuple[float, FloatArray]:
        jacobian = program.jacobian(constants)
        difference = program(constants) - task.y
        with np.errstate(all="ignore"):
            value = float(difference @ difference) / variance
            slope = 2.0 * (difference @ jacobian) / variance
        if not (np.isfinite(value) and np.isfinite(slope).all()):
            return _FAULT**2, np.zeros(len(constants))
        return value, slope

    best = np.inf
    for start in task.starts:
        with np.errstate(all="ignore"):
            found = minimize(loss, start, jac=True, method="BFGS", tol=1e-12)
        best = min(best, float(found.fun))
        if best <= RECOVERED:
            break
    return best


def run_method(method: Method, tasks: list[Task]) -> tuple[float, float]:
    """Give the share recovered and the skeletons per second of one method."""
    method(tasks[0])
    began = time.process_time()
    n_recovered = sum(method(task) <= RECOVERED for task in tasks)
    seconds = time.process_time() - began
    return n_recovered / len(tasks), len(tasks) / seconds


def run_operon(python: str, tasks: list[Task]) -> dict[str, float] | None:
    """Measure pyoperon in a process of its own; None when it cannot be imported."""
    if shutil.which(python) is None:
        return None
    worker = Path(__file__).with_name("_operon_constants.py")
    with tempfile.TemporaryDirectory() as folder:
        given, answer = Path(folder, "problems.npz"), Path(folder, "answer.jsonl")
        arrays: dict[str, FloatArray] = {}
        for k, task in enumerate(tasks):
            arrays[f"X{k}"], arrays[f"y{k}"] = task.X, task.y
            arrays[f"starts{k}"] = task.starts
        texts = np.array([" ".join(task.skeleton.tokens) for task in tasks])
        np.savez(given, texts=texts, **arrays)  # type: ignore[arg-type]
        answer.touch()
        # A crash costs the problem at hand: the worker goes on with the next.
        while True:
            done = len(answer.read_text().splitlines())
            if done == len(tasks):
                break
            command = [python, str(worker), str(given), str(answer), str(done)]
            code = subprocess.run(command, capture_output=True).returncode
            if code == 3:
                return None
            if code != 0:
                with answer.open("a") as file:
                    file.write(json.dumps({"fvu": None, "seconds": 0.0}) + "\n")
        rows = [json.loads(line) for line in answer.read_text().splitlines()]
    run = [row for row in rows if row["fvu"] is not None]
    return {
        "share_run": len(run) / len(rows),
        "recovered": sum(row["fvu"] <= RECOVERED for row in run) / len(rows),
        # float32: the recovery share at what it can reach, 1e-10 being out of reach.
        "recovered_float32": sum(row["fvu"] <= 1e-7 for row in run) / len(rows),
        "per_second": len(run) / max(sum(row["seconds"] for row in run), 1e-9),
    }


def time_nine_constants(n_repeats: int) -> dict[str, float]:
    """Time one fit of 9 constants to 1000 rows from bad values, in milliseconds."""
    rng = np.random.default_rng(0)
    X = rng.uniform(0.2, 3.0, (1000, 3))
    y = NINE.evaluate(X)
    true = np.array(NINE.constants)
    start = (true * (1.0 + 0.2 * rng.standard_normal(len(true)))).tolist()
    fitter = ConstantFitter(X, y)
    skeleton = NINE.skeleton()
    fit = fitter.fit(skeleton, start=start)
    began = time.process_time()
    for _ in range(n_repeats):
        fitter.fit(skeleton, start=start)
    seconds = time.process_time() - began
    task = Task(ConstantProblem(NINE, X, y), np.array([start]))
    began = time.process_time()
    for _ in range(n_repeats // 10):
        scipy_fvu = fit_least_squares(task)
    scipy_seconds = time.process_time() - began
    return {
        "ours_ms": 1e3 * seconds / n_repeats,
        "ours_fvu": fit.fvu,
        "evaluations": fit.n_evaluations,
        "scipy_ms": 1e3 * scipy_seconds / (n_repeats // 10),
        "scipy_fvu": scipy_fvu,
    }


def time_processes() -> dict[str, tuple[float, float]]:
    """Time a first fit in a new process, cache empty and full: seconds, CPU seconds."""
    code = (
        "import time; began = time.perf_counter()\n"
        "import numpy as np\n"
        "from sklearn_chatsr.expressions import Expression\n"
        "from sklearn_chatsr.fitting import ConstantFitter\n"
        "X = np.linspace(0.0, 1.0, 100).reshape(-1, 1)\n"
        "ConstantFitter(X, X[:, 0]).fit(Expression(['mul', 'C', 'x1']))\n"
        "print(time.perf_counter() - began, time.process_time())\n"
    )
    seconds = {}
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "NUMBA_CACHE_DIR": folder}
        for name in ("empty", "full"):
            output = subprocess.run(
                [sys.executable, "-c", code],
                env=environment,
                capture_output=True,
                text=True,
                check=True,
            )
            wall, cpu = map(float, output.stdout.split())
            seconds[name] = wall, cpu
    return seconds


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark and print its tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="40 skeletons, not 300")
    parser.add_argument("--n-problems", type=int, default=None)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--operon-python", default=sys.executable)
    parser.add_argument("--methods", nargs="*", default=None, help="a selection")
    options = parser.parse_args(arguments)
    n_problems = options.n_problems or (40 if options.quick else 300)

    methods: dict[str, Method] = {
        "ours, lm": fit_ours,
        "ours, bfgs": fit_ours_bfgs,
        "SciPy least_squares": fit_least_squares,
        "SciPy BFGS": fit_scipy_bfgs,
    }
    print(
        f"{n_problems} skeletons for each number of rows, {N_STARTS} starts, 1 thread"
    )
    print(f"{'method':<22}{'rows':>6}{'recovered':>11}{'skeletons/s':>13}{'speed':>8}")
    for n_samples in (256, 1000):
        problems = random_problems(n_problems, n_samples, options.seed)
        tasks = [Task(problem) for problem in problems]
        reference = None
        rows = []
        for name, method in methods.items():
            if options.methods is not None and name not in options.methods:
                continue
            share, speed = run_method(method, tasks)
            rows.append((name, share, speed))
            if name == "SciPy least_squares":
                reference = speed
        for name, share, speed in rows:
            ratio = f"{speed / reference:7.1f}x" if reference else ""
            print(f"{name:<22}{n_samples:>6}{share:>11.3f}{speed:>13.1f}{ratio:>8}")
        if options.methods is None or "pyoperon" in options.methods:
            operon = run_operon(options.operon_python, tasks)
            if operon is None:
                print(f"{'pyoperon LM':<22}{n_samples:>6}     not importable")
            else:
                print(
                    f"{'pyoperon LM':<22}{n_samples:>6}{operon['recovered']:>11.3f}"
                    f"{operon['per_second']:>13.1f}   (float32; to 1e-7: "
                    f"{operon['recovered_float32']:.3f}; ran on "
                    f"{operon['share_run']:.3f})"
                )
    nine = time_nine_constants(200)
    print(
        f"9 constants, 1000 rows, one start: ours {nine['ours_ms']:.3f} ms "
        f"(FVU {nine['ours_fvu']:.1e}, {nine['evaluations']:.0f} passes), SciPy "
        f"{nine['scipy_ms']:.1f} ms (FVU {nine['scipy_fvu']:.1e})"
    )
    for name, (wall, cpu) in time_processes().items():
        print(f"first fit of a process, {name} cache: {wall:.2f} s ({cpu:.2f} s CPU)")


if __name__ == "__main__":
    main()
