"""The command ``chatsr``: formulas from files, on the command line."""

from __future__ import annotations

import argparse
import csv
import math
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sklearn_chatsr.llmsr_command import add_command as add_llmsr_command
from sklearn_chatsr.result_files import check_writable, write_json
from sklearn_chatsr.sample_commands import add_sample_commands
from sklearn_chatsr.table_files import ROW_LABELS, read_table, text_columns

if TYPE_CHECKING:
    import pandas as pd

    from sklearn_chatsr.estimators import ChatSRRegressor


class _InputError(Exception):
    """What the user gave cannot be used; the message says why and what to do."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    arguments : sequence of str, optional
        Words after ``chatsr``; those of the process by default.

    Returns
    -------
    int
        Exit status: 0, or 2 when the input cannot be used.
    """
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except (_InputError, OSError, ValueError) as error:
        sys.stderr.write(f"chatsr: {error}\n")
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    from sklearn_chatsr import __version__

    parser = argparse.ArgumentParser(
        prog="chatsr", description="Find the formula behind a table."
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="command")

    fit = commands.add_parser("fit", help="find a formula for one column of a file")
    fit.add_argument("file", type=Path, help="csv, tsv or parquet, with a header")
    fit.add_argument("--target", required=True, help="column to explain")
    fit.add_argument(
        "--features",
        help="columns to use, with commas, '\"a, b\",c' where a name has one; all by "
        "default",
    )
    fit.add_argument("--weight", help="column of sample weights")
    fit.add_argument(
        "--separator",
        help="character between columns, or 'tab'; by default the tab, semicolon or "
        "comma of the header",
    )
    fit.add_argument(
        "--decimal",
        choices=[".", ","],
        metavar="MARK",
        help="decimal point; recognised by default",
    )
    fit.add_argument(
        "--test-size",
        type=float,
        default=0.25,
        help="share of the rows held out to report R2 on; 0 holds out none",
    )
    fit.add_argument("--prompt", help="what is known about the law, in words")
    fit.add_argument("--model", default="default", help="checkpoint folder")
    fit.add_argument("--max-time", type=float, default=20.0, help="seconds")
    fit.add_argument("--max-size", type=int, help="nodes")
    fit.add_argument(
        "--selection", default="mdl", help="mdl, r2, or the most nodes allowed"
    )
    fit.add_argument("--n-jobs", type=int, default=None, help="threads")
    fit.add_argument("--seed", type=int, default=0, help="seed of every draw")
    fit.add_argument("--json", type=Path, help="file to write the result to")
    fit.add_argument("--quiet", action="store_true", help="no progress bar")
    fit.set_defaults(run=_fit)
    add_llmsr_command(commands)
    _add_serve_llm(commands)
    add_sample_commands(commands)
    return parser


def _add_serve_llm(commands: Any) -> None:
    serve = commands.add_parser(
        "serve-llm", help="serve a small language model on this machine"
    )
    serve.add_argument(
        "--model", type=Path, help="GGUF file; SmolLM2-135M-Instruct by default"
    )
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on")
    serve.add_argument("--port", type=int, default=8080, help="0 takes a free one")
    serve.add_argument("--parallel", type=int, default=8, help="answers at a time")
    serve.add_argument(
        "--context", type=int, default=2048, help="tokens of a prompt and its answer"
    )
    serve.add_argument("--threads", type=int, help="threads of the model")
    serve.set_defaults(run=_serve_llm)


def _serve_llm(options: argparse.Namespace) -> None:
    from sklearn_chatsr.llm import LanguageModelError, LocalServer

    for name in ("parallel", "context", "threads"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise _InputError(f"--{name} is {value}, must be >= 1.")
    if not 0 <= options.port < 65_536:
        raise _InputError(f"--port is {options.port}, must be in 0 ... 65535.")
    try:
        server = LocalServer(
            options.model,
            host=options.host,
            port=options.port,
            n_parallel=options.parallel,
            n_context=options.context,
            n_threads=options.threads,
        )
    except LanguageModelError as error:
        raise _InputError(str(error)) from None
    with server:
        sys.stdout.write(f"{server.model.name} at {server.url} (Ctrl-C stops it)\n")
        sys.stdout.flush()
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            sys.stdout.write("Stopped.\n")


def _fit(options: argparse.Namespace) -> None:
    from sklearn.model_selection import train_test_split

    from sklearn_chatsr.estimators import ChatSRRegressor

    if options.json is not None:
        check_writable(options.json)
    frame = _read(options)
    X, y, weight = _columns(frame, options)
    rows = range(len(frame))
    if not 0 <= options.test_size < 1:
        raise _InputError(f"--test-size is {options.test_size}, must be in [0, 1).")
    train, test = list(rows), []
    if options.test_size > 0 and len(frame) >= 8:
        train, test = train_test_split(
            list(rows), test_size=options.test_size, random_state=options.seed
        )
    selection = options.selection
    regressor = ChatSRRegressor(
        model=options.model,
        prompt=options.prompt,
        max_time=options.max_time,
        max_size=options.max_size,
        selection=int(selection) if selection.isdecimal() else selection,
        n_jobs=options.n_jobs,
        random_state=options.seed,
        verbose=0 if options.quiet else 1,
    )
    start = time.perf_counter()
    regressor.fit(*_rows(train, X, y, weight))
    seconds = time.perf_counter() - start
    scores = {"train": regressor.score(*_rows(train, X, y, weight))}
    if test:
        try:
            scores["test"] = _score_held_out(regressor, *_rows(test, X, y, weight))
        except ValueError as error:
            sys.stderr.write(f"chatsr: R2 test is left out. {error}\n")
    _print(regressor, options.target, scores, seconds)
    if options.json is not None:
        result = _result(regressor, options, scores, seconds)
        write_json(options.json, result)


def _rows(
    rows: list[int], X: pd.DataFrame, y: pd.Series, weight: pd.Series | None
) -> tuple[pd.DataFrame, pd.Series, pd.Series | None]:
    return X.iloc[rows], y.iloc[rows], None if weight is None else weight.iloc[rows]


def _score_held_out(
    regressor: ChatSRRegressor, X: pd.DataFrame, y: pd.Series, weight: pd.Series | None
) -> float:
    n_rows = len(y) if weight is None else int((weight > 0).sum())
    if n_rows < 2:
        raise ValueError(
            f"{n_rows} row(s) with a positive weight are held out, R2 takes two. Raise "
            "--test-size."
        )
    return regressor.score(X, y, weight)


def _read(options: argparse.Namespace) -> pd.DataFrame:
    separator = options.separator
    if separator in ("tab", "\\t"):
        separator = "\t"
    if separator is not None and len(separator) != 1:
        raise _InputError(
            f"--separator is {separator!r}, must be one character, or 'tab'."
        )
    frame = read_table(options.file, separator, options.decimal)
    if frame.index.name == ROW_LABELS:
        sys.stderr.write(
            "chatsr: The first column has no name and is taken for labels of the rows. "
            "Name it to use it.\n"
        )
    return frame


def _columns(
    frame: pd.DataFrame, options: argparse.Namespace
) -> tuple[pd.DataFrame, pd.Series, pd.Series | None]:
    special = [c for c in (options.target, options.weight) if c is not None]
    if options.features is None:
        features = [c for c in frame.columns if c not in special]
    else:
        names = next(csv.reader([options.features], skipinitialspace=True), [])
        features = [name.strip() for name in names]
    missing = [c for c in [*special, *features] if c not in frame.columns]
    if missing:
        raise _InputError(
            f"No column {missing[0]!r}. Columns: {_listed(frame.columns)}."
        )
    repeated = [c for c, n in Counter([*special, *features]).items() if n > 1]
    if repeated:
        raise _InputError(
            f"Column {repeated[0]!r} is named twice. The target, the weight and each "
            "feature must be different columns."
        )
    if not features:
        raise _InputError("No column is left beside the target.")
    if frame.empty:
        raise _InputError(f"{options.file.name} has no rows below its header.")
    used = frame[[*features, *special]]
    text = text_columns(used)
    if text:
        raise _InputError(
            f"Columns that are not numbers: {_listed(text)}. Name the ones to use "
            "with --features."
        )
    empty = int(used.isna().any(axis=1).sum())
    if empty:
        raise _InputError(
            f"{empty} of {len(used)} rows have empty cells. Fill or remove them first."
        )
    weight = frame[options.weight] if options.weight else None
    return frame[features], frame[options.target], weight


def _listed(names: Iterable[str]) -> str:
    """Write names as --features takes them."""
    return ", ".join(f'"{name}"' if "," in name else name for name in names)


def _print(
    regressor: ChatSRRegressor, target: str, scores: dict[str, float], seconds: float
) -> None:
    table = regressor.equations_[["complexity", "r2", "equation", "source"]]
    write = sys.stdout.write
    write(table.to_string(index=False, max_colwidth=70) + "\n\n")
    write(f"{target} = {regressor.formula_}\n")
    for value, error in zip(
        regressor.constants_, regressor.standard_errors_, strict=True
    ):
        write(f"  constant {value:.{regressor.digits_}g} +- {error:.2g}\n")
    figures = ", ".join(f"R2 {name} {value:.6f}" for name, value in scores.items())
    write(f"{figures}, {seconds:.1f} s\n")


def _result(
    regressor: ChatSRRegressor,
    options: argparse.Namespace,
    scores: dict[str, float],
    seconds: float,
) -> dict[str, Any]:
    from sklearn_chatsr import __version__

    labels = regressor.labels_
    errors = [_finite(e) for e in regressor.standard_errors_]
    return {
        "version": __version__,
        "file": options.file.name,
        "target": options.target,
        "features": labels,
        "formula": regressor.expression_.to_infix(labels),
        "latex": regressor.to_latex(),
        "python": regressor.to_python(),
        "prefix": list(regressor.expression_.tokens),
        "constants": [float(c) for c in regressor.constants_],
        "standard_errors": errors,
        "r2": {name: _finite(score) for name, score in scores.items()},
        "seconds": seconds,
        "seed": options.seed,
        "pareto_front": [
            {
                "complexity": c.complexity,
                "r2": _finite(c.r2),
                "loss": _finite(c.loss),
                "bits": _finite(c.bits),
                "formula": c.expression.to_infix(labels),
                "source": c.source,
            }
            for c in regressor.pareto_front_
        ],
    }


def _finite(value: float) -> float | None:
    """Give a number that JSON can hold."""
    return float(value) if math.isfinite(value) else None


if __name__ == "__main__":
    sys.exit(main())
