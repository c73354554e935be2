"""One cell of a run: a method on one trial of a problem, fitted and scored."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks import metrics, symbolic
from benchmarks.execution import Limits, execute
from benchmarks.formulas import read_formula
from benchmarks.methods import Entry
from benchmarks.problems import Problem
from benchmarks.protocols import Protocol, Trial, prepare
from sklearn_chatsr.expressions import Expression

Array = npt.NDArray[np.float64]

# A formula that is the model gives its predictions; Operon computes in float32.
_AGREEMENT = 1e-4


@dataclass(frozen=True)
class Cell:
    """A method on one trial of a problem; pickles travel to any joblib back-end.

    Parameters
    ----------
    problem : Problem
    protocol : Protocol
    entry : Entry
        The method.
    python : str
        Interpreter of the method.
    seed : int
    noise : float
    limits : Limits
    symbolic_seconds : float
        Limit of SymPy's work on the found formula.
    """

    problem: Problem
    protocol: Protocol
    entry: Entry
    python: str
    seed: int
    noise: float
    limits: Limits
    symbolic_seconds: float = 60.0

    @property
    def key(self) -> tuple[str, str, int, float]:
        """What makes the cell unique within a run."""
        return self.problem.name, self.entry.name, self.seed, self.noise


def run_cell(cell: Cell) -> dict[str, Any]:
    """Fit and score one cell.

    Parameters
    ----------
    cell : Cell

    Returns
    -------
    dict
        One record in SRBench's keys and ours. ``status`` tells whether it holds scores.
    """
    record: dict[str, Any] = {
        "record": "cell",
        "dataset": cell.problem.name,
        "group": cell.problem.group,
        "algorithm": cell.entry.name,
        "random_state": cell.seed,
        "target_noise": cell.noise,
        "feature_noise": 0.0,
        "profile": cell.protocol.name,
        "max_seconds": cell.limits.seconds,
        "threads": cell.limits.threads,
    }
    try:
        trial = prepare(cell.problem, cell.protocol, cell.seed, cell.noise)
    except Exception as error:  # a broken data file costs its own cells only
        return record | {
            "status": "no data",
            "error": f"{type(error).__name__}: {error}",
        }
    record |= {
        "n_train": len(trial.y_train),
        "n_test": len(trial.y_test),
        "n_features": trial.X_train.shape[1],
        "data_origin": trial.origin,
    }
    rows = {"X_train": trial.X_train, "y_train": trial.y_train, "X_test": trial.X_test}
    if trial.X_unseen is not None:
        rows["X_unseen"] = trial.X_unseen
    answer, predictions = execute(cell.entry, cell.python, cell.limits, cell.seed, rows)
    record |= {
        "status": answer["status"],
        "error": answer.get("error"),
        "params": answer.get("settings"),
        "version": answer.get("version"),
        "time_time": answer.get("seconds"),
        "cpu_share": _share(answer.get("process_seconds"), answer.get("seconds")),
        "process_time": answer.get("process_seconds"),
        "peak_memory": answer.get("peak_memory"),
        "evaluations": answer.get("evaluations"),
    }
    if answer["status"] != "ok":
        return _finite(record)
    try:
        return _finite(record | _score(cell, trial, answer, predictions))
    except Exception as error:  # a formula that nobody can read is the method's fault
        return _finite(
            record
            | {
                "status": "unreadable",
                "error": f"{type(error).__name__}: {error}",
                "symbolic_model": answer.get("formula"),
            }
        )


def _score(
    cell: Cell, trial: Trial, answer: dict[str, Any], predictions: dict[str, Array]
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    text = answer["formula"]
    expression = None if text is None else read_formula(text, ())
    if expression is not None and "test" in predictions:
        found["formula_agrees"] = _agrees(expression, trial.X_test, predictions["test"])
    for part, X in (
        ("train", trial.X_train),
        ("test", trial.X_test),
        ("unseen", trial.X_unseen),
    ):
        if X is not None and part not in predictions:
            if expression is None:
                raise ValueError("the method gave neither predictions nor a formula")
            predictions[part] = expression.evaluate(X)
    unscaled = {part: trial.unscale(values) for part, values in predictions.items()}
    found |= metrics.scores(trial.y_train_clean, unscaled["train"], "train")
    found |= metrics.scores(trial.y_test, unscaled["test"], "test")
    found["r2_zero_test"] = max(found["r2_test"], 0.0)
    found["accuracy_solution"] = found["r2_test"] > metrics.ACCURATE_R2
    found["fvu_test"] = metrics.fvu(trial.y_test, unscaled["test"])
    if trial.y_unseen is not None:
        found["fvu_unseen"] = metrics.fvu(trial.y_unseen, unscaled["unseen"])
        found["fvu_solution"] = found["fvu_unseen"] <= metrics.EXACT_FVU
    if expression is None:
        return found | {
            "model_size": answer["size"],
            "symbolic_model": None,
            "complexity_function": "user_defined",
        }
    found |= _assess(cell, trial, expression, found)
    return found


def _assess(
    cell: Cell, trial: Trial, expression: Expression, found: dict[str, Any]
) -> dict[str, Any]:
    """Size and symbolic rule; the names are positions, safe whatever the columns."""
    positions = [f"x{i}" for i in range(1, len(trial.names) + 1)]
    truth = cell.problem.expression
    assessed = symbolic.assess(
        expression.to_infix(),
        None if truth is None else truth.to_infix(),
        positions,
        found["r2_test"],
        labels=trial.names,
        seconds=cell.symbolic_seconds,
    )
    assessed["complexity_function"] = "sympy"
    assessed["n_tokens"] = expression.size
    # SymPy ran into its limit before it had counted: our own tree is the best guess.
    assessed.setdefault("symbolic_model", expression.to_infix(trial.names))
    assessed.setdefault("model_size", expression.size)
    if truth is not None:
        assessed["exact_solution"] = metrics.is_exact(
            found["fvu_unseen"], assessed["model_size"], assessed.get("true_size")
        )
    return assessed


def _share(process: float | None, wall: float | None) -> float | None:
    """Give the processors that a fit had; well below its threads, others had them."""
    return None if process is None or not wall else process / wall


def _agrees(expression: Expression, X: Array, predicted: Array) -> bool:
    """Check that the reported formula is the model that predicts."""
    own = expression.evaluate(X)
    scale = float(np.std(predicted)) + float(np.mean(np.abs(predicted))) + 1e-300
    finite = np.isfinite(own)
    if not np.array_equal(finite, np.isfinite(predicted)):
        return False
    return bool(np.all(np.abs(own - predicted)[finite] <= _AGREEMENT * scale))


def _finite(record: dict[str, Any]) -> dict[str, Any]:
    """Replace what JSON does not know by None, and minus infinity by a number."""
    clean: dict[str, Any] = {}
    for key, value in record.items():
        if isinstance(value, np.generic):
            value = value.item()
        if isinstance(value, float) and not math.isfinite(value):
            value = None if math.isnan(value) else math.copysign(1e300, value)
        clean[key] = value
    return clean
