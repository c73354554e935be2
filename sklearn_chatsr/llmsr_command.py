"""The command ``chatsr llmsr``: program search for a specification and its data."""

from __future__ import annotations

import argparse
import json
import re
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sklearn_chatsr.table_files import read_text_table, text_columns

if TYPE_CHECKING:
    import pandas as pd

    from sklearn_chatsr.estimators import LLMSRRegressor
    from sklearn_chatsr.proposers.programs.specification import Specification

_NUMBER = re.compile(r"[-+]?[\d.,]+(?:[eE][-+]?\d+)?[\d.]*")
_UNNAMED_TARGET = "y"


def add_command(commands: Any) -> None:
    """Describe the command to the parser.

    Parameters
    ----------
    commands : argparse subparsers
        Where commands are added.
    """
    parser: argparse.ArgumentParser = commands.add_parser(
        "llmsr", help="find the formula of a problem with programs of a language model"
    )
    parser.add_argument(
        "specification",
        type=Path,
        help="specification of LLM-SR, or the short form as .yaml",
    )
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        help="csv with the names of the specification; without, target last",
    )
    parser.add_argument(
        "--test", type=Path, action="append", default=[], help="csv to report NMSE on"
    )
    parser.add_argument(
        "--language-model",
        default="grammar",
        help="grammar, none, http://..., replay:file, or a local folder or .gguf",
    )
    parser.add_argument(
        "--language-model-params",
        type=json.loads,
        default={},
        help="settings of the language model, as JSON",
    )
    parser.add_argument("--n-samples", type=int, default=400, help="programs to write")
    parser.add_argument("--max-time", type=float, default=300.0, help="seconds")
    parser.add_argument("--published", action="store_true", help="published settings")
    parser.add_argument("--log", type=Path, help="file to go on from when interrupted")
    parser.add_argument("--seed", type=int, default=0, help="seed of every draw")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    from sklearn_chatsr.estimators import LLMSRRegressor
    from sklearn_chatsr.llm import LanguageModelError
    from sklearn_chatsr.proposers.programs.specification_files import (
        read_specification,
    )

    specification = read_specification(options.specification)
    X, y = _read(options.data, specification)
    tests = {path: _read(path, specification) for path in options.test}
    regressor = LLMSRRegressor(
        language_model=None
        if options.language_model == "none"
        else options.language_model,
        language_model_params=options.language_model_params,
        description=specification.description,
        variable_descriptions={
            v.name: v.describe() for v in specification.variables if v.describe()
        },
        target_description=specification.target.describe(),
        initial_program=specification.seed,
        n_parameters=specification.n_parameters,
        n_samples=options.n_samples,
        published=options.published,
        max_time=options.max_time,
        log_path=options.log,
        random_state=options.seed,
        verbose=0 if options.quiet else 1,
    )
    try:
        regressor.fit(X, y)
    except LanguageModelError as error:
        raise ValueError(f"The language model cannot be used: {error}") from error
    _print(regressor, y.name, tests)


def _read(path: Path, specification: Specification) -> tuple[pd.DataFrame, pd.Series]:
    """Read inputs and target by name, or by position where no name is known."""
    if not path.is_file():
        raise ValueError(f"No file {str(path)!r}.")
    frame = read_text_table(path)
    if _has_no_names(frame):
        frame = read_text_table(path, has_header=False)
    inputs, target = _places(frame, path, specification)
    frame = frame.iloc[:, [*inputs, target]]
    if text_columns(frame) or frame.isna().to_numpy().any():
        raise ValueError(f"{path.name} has empty cells or cells that are not numbers.")
    X = frame.iloc[:, :-1].set_axis(list(specification.names), axis="columns")
    return X, frame.iloc[:, -1]


def _has_no_names(frame: pd.DataFrame) -> bool:
    """Tell whether the first line holds numbers, other than 0, 1, 2, ..."""
    names = list(map(str, frame.columns))
    counted = [str(j) for j in range(len(names))]
    return names != counted and all(_NUMBER.fullmatch(name) for name in names)


def _places(
    frame: pd.DataFrame, path: Path, specification: Specification
) -> tuple[list[int], int]:
    """Give the positions of the inputs and of the target."""
    header, names = list(frame.columns), list(specification.names)
    target = specification.target.name
    found = [name for name in names if name in header]
    if target in header and target not in names:
        found.append(target)
    others = [name for name in header if name not in names]
    # Specifications of LLM-SR do not name the target.
    if found == names and target == _UNNAMED_TARGET and len(others) == 1:
        found, target = [*names, others[0]], others[0]
    if len(found) == len(names) + 1:
        repeated = sorted({name for name in found if header.count(name) > 1})
        if not repeated:
            return [header.index(name) for name in names], header.index(target)
    asked = (
        f"expected {len(names)} inputs ({', '.join(names)}) and, last, the target"
        f"{'' if target == _UNNAMED_TARGET else f' ({target})'}"
    )
    if found:
        raise ValueError(
            f"{path.name} has the columns {', '.join(header)}, of which the "
            f"specification names {', '.join(found)}; {asked}. Give the columns the "
            "names of the specification, or the specification those of the columns."
        )
    if len(header) != len(names) + 1:
        raise ValueError(f"{path.name} has {len(header)} columns; {asked}.")
    warnings.warn(
        f"{path.name} has none of the names of the specification: its columns "
        f"{', '.join(header)} are taken by position as {', '.join(names)} and, last, "
        "the target.",
        UserWarning,
        stacklevel=2,
    )
    return list(range(len(names))), len(names)


def _print(
    regressor: LLMSRRegressor,
    target: Any,
    tests: dict[Path, tuple[pd.DataFrame, pd.Series]],
) -> None:
    write = sys.stdout.write
    table = regressor.equations_[["complexity", "r2", "equation", "source"]]
    write(table.to_string(index=False, max_colwidth=70) + "\n\n")
    write(f"{target} = {regressor.formula_}\n")
    report = regressor.report_
    write(
        f"{report['n_samples']} samples, {report['n_valid']} valid, "
        f"{report['n_fits']} fits, {report['seconds']:.1f} s\n"
    )
    for reason, count in sorted(report["reasons"].items()):
        write(f"  not used, {reason}: {count}\n")
    for path, (X, y) in tests.items():
        error = float(((regressor.predict(X) - y) ** 2).mean() / y.var(ddof=0))
        write(f"NMSE {path.stem}: {error:.3g}\n")
