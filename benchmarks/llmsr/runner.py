"""Fit one method to one problem and write down what it reached."""

from __future__ import annotations

import json
import time
import warnings
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.formulas import read_formula
from benchmarks.llmsr.problems import LLMSRProblem
from benchmarks.symbolic import assess
from sklearn_chatsr import ChatSRRegressor, LLMSRRegressor
from sklearn_chatsr.expressions import Expression, is_integer
from sklearn_chatsr.expressions.expression import Tree

ACCURATE_ERROR = 0.1


@dataclass(frozen=True)
class Row:
    """A method of the table.

    Attributes
    ----------
    name : str
        How the table calls it.
    settings : dict
        Of `LLMSRRegressor`; ``None`` for `ChatSRRegressor`.
    needs_server : bool
        Whether it asks the server that ``--server`` names.
    """

    name: str
    settings: dict[str, Any] | None = field(default_factory=dict)
    needs_server: bool = False


# A grammar does not read prompts: diagnostics matter to models alone.
METHODS = (
    Row("grammar"),
    Row("grammar, no mutation", {"mutation": False}),
    Row("no language model", {"language_model": None}),
    Row("served model", {}, needs_server=True),
    Row("served model, no mutation", {"mutation": False}, needs_server=True),
    Row("served model, no diagnostics", {"diagnostics": False}, needs_server=True),
    Row("published settings, grammar", {"published": True}),
    Row("ChatSRRegressor", None),
)


def run_all(
    problems: Sequence[LLMSRProblem],
    methods: Sequence[Row],
    seeds: Sequence[int],
    *,
    seconds: float,
    n_samples: int,
    data_dir: Path | None,
    server: str | None,
    server_params: dict[str, Any],
    out: Path,
) -> Iterator[dict[str, Any]]:
    """Fit every method to every problem; what is in ``out`` is not done again.

    Parameters
    ----------
    problems, methods, seeds : sequences
        The cells.
    seconds : float
        Limit of a fit.
    n_samples : int
        Programs that a language model writes.
    data_dir : Path or None
        Folder of given rows.
    server : str or None
        Address of a language model.
    server_params : dict
        Its settings.
    out : Path
        JSONL file, one cell per line.

    Yields
    ------
    dict
        The record of a cell.

    Raises
    ------
    ValueError
        If the file holds cells with another limit of time or samples.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    limits = {"max_seconds": seconds, "max_samples": n_samples}
    before = read_records(out)
    for record in before:
        for name, limit in limits.items():
            if record.get(name, limit) != limit:
                raise ValueError(
                    f"{out} holds results with {name} = {record[name]:g}, this run has "
                    f"{limit:g}. Choose another --out."
                )
    done = {_key(record) for record in before}
    for problem in problems:
        for method in methods:
            for seed in seeds:
                if (problem.name, method.name, seed) in done:
                    continue
                regressor = _make(
                    problem, method, seed, seconds, n_samples, server, server_params
                )
                record = fit_cell(problem, regressor, seed, data_dir)
                record = {"method": method.name} | record | limits
                with out.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(record) + "\n")
                yield record


def read_records(path: Path) -> list[dict[str, Any]]:
    """Read the finished cells of a run; none when the file does not exist.

    A last line that a kill cut off is removed from the file: its cell runs again.
    """
    if not path.is_file():
        return []
    whole, line_end, rest = path.read_bytes().rpartition(b"\n")
    if rest:
        with path.open("r+b") as handle:
            handle.truncate(len(whole) + len(line_end))
    return [json.loads(line) for line in whole.splitlines() if line]


def fit_cell(
    problem: LLMSRProblem,
    regressor: LLMSRRegressor | ChatSRRegressor,
    seed: int,
    data_dir: Path | None,
) -> dict[str, Any]:
    """Fit one regressor to one problem.

    Returns
    -------
    dict
        ``nmse_*`` and ``accurate_*`` (every relative error at most 0.1, Acc_0.1) per
        split, ``symbolic_solution`` where the law is known, ``formula``, ``seconds``,
        ``cpu_seconds``,
        and for program search ``n_samples``, ``share_valid``, ``n_fits``.
    """
    import pandas as pd

    rows = problem.rows(data_dir, seed)
    names = list(problem.variables)
    X, y = rows["train"]
    start, cpu_start = time.perf_counter(), time.process_time()
    record: dict[str, Any] = {"problem": problem.name, "group": problem.group}
    record["seed"] = seed
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        regressor.fit(pd.DataFrame(X, columns=names), y)
    record["seconds"] = time.perf_counter() - start
    # On a busy machine the clock says little.
    record["cpu_seconds"] = time.process_time() - cpu_start
    record["warnings"] = sorted({str(w.message) for w in caught})
    for split, (X_split, y_split) in rows.items():
        predicted = regressor.predict(pd.DataFrame(X_split, columns=names))
        with np.errstate(all="ignore"):
            nmse = float(np.mean(np.square(predicted - y_split)) / np.var(y_split))
            relative = np.abs((predicted - y_split) / y_split)
        record[f"nmse_{split}"] = nmse if np.isfinite(nmse) else None
        # Nothing is right where the formula has no value; 0 of 0 is.
        relative[predicted == y_split] = 0.0
        record[f"accurate_{split}"] = bool(relative.max() <= ACCURATE_ERROR)
    record["formula"] = regressor.expression_.to_infix(regressor.labels_)
    record["size"] = regressor.expression_.size
    report = getattr(regressor, "report_", {})
    for name in ("n_samples", "share_valid", "n_fits", "reasons"):
        record[name] = report.get(name)
    if problem.formula is not None:
        r2 = float(
            regressor.score(
                pd.DataFrame(rows["test_id"][0], columns=names), rows["test_id"][1]
            )
        )
        answer = assess(record["formula"], problem.formula, names, r2, seconds=20.0)
        # SymPy does not see that exp(0.5*x) and exp(x/2) are the same.
        same = _rounded(record["formula"], names) == _rounded(problem.formula, names)
        record["symbolic_solution"] = same or answer.get("symbolic_solution", False)
    return record


def _rounded(formula: str, names: Sequence[str]) -> Hashable:
    """Give the canonical form with every quotient of numbers as a rounded number."""
    expression = read_formula(formula, names)

    def fold(tree: Tree) -> Tree:
        if not isinstance(tree, tuple):
            return float(tree) if isinstance(tree, str) and is_integer(tree) else tree
        arguments = [fold(argument) for argument in tree[1:]]
        if tree[0] == "div" and isinstance(arguments[1], float) and arguments[1]:
            return fold(("mul", 1.0 / arguments[1], arguments[0]))
        return (tree[0], *arguments)

    simple = Expression.from_tree(fold(expression.to_tree())).simplify()
    constants = [round(c, 6) for c in simple.constants or ()]
    return simple.with_constants(constants).canonical_key()


def _make(
    problem: LLMSRProblem,
    method: Row,
    seed: int,
    seconds: float,
    n_samples: int,
    server: str | None,
    server_params: dict[str, Any],
) -> LLMSRRegressor | ChatSRRegressor:
    if method.settings is None:
        return ChatSRRegressor(
            max_time=seconds,
            prompt=problem.description or None,
            random_state=seed,
        )
    settings = dict(method.settings)
    if method.needs_server:
        if server is None:
            raise ValueError(
                f"{method.name!r} needs a server: start one with `chatsr serve-llm` "
                "and name it with --server http://127.0.0.1:8080/v1."
            )
        settings |= {"language_model": server, "language_model_params": server_params}
    return LLMSRRegressor(
        description=problem.description,
        variable_descriptions=problem.meanings,
        target_description=problem.target,
        n_samples=n_samples,
        max_time=seconds,
        random_state=seed,
        **settings,
    )


def _key(record: dict[str, Any]) -> tuple[Any, ...]:
    return record["problem"], record["method"], record["seed"]
