"""Tables of a report: shares per group with intervals, per problem, ranks."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from benchmarks.metrics import bootstrap_interval

# Trials are brought together per problem first, then problems are resampled. As in
# SRBench, accuracy is that of the median trial, and the other shares are means.
SHARES = {
    "accuracy_solution": "R2 > 0.999",
    "fvu_solution": "FVU ≤ 1.2e-7, unseen",
    "symbolic_solution": "symbolic (SRBench)",
    "exact_solution": "exact (FVU and size)",
}
MEDIANS = {
    "r2_test": "R2 test",
    "model_size": "size",
    "time_time": "seconds",
    "cpu_share": "CPU share",
    "peak_memory": "memory (MB)",
}
FRIEDMAN = "_fri_"
WORST_R2 = -1e300


def finished(frame: pd.DataFrame) -> pd.DataFrame:
    """Keep the cells that have scores."""
    return frame[frame["status"] == "ok"]


def counted(frame: pd.DataFrame) -> pd.DataFrame:
    """Give every cell its scores: one that failed solved nothing.

    A cell without data is no cell of the method; every other failure is its own.
    """
    frame = frame[frame["status"] != "no data"].copy()
    failed = frame["status"] != "ok"
    formula_groups = set()
    if "fvu_unseen" in frame:
        formula_groups = set(frame.loc[frame["fvu_unseen"].notna(), "group"])
    for column in SHARES:
        if column not in frame:
            continue
        frame[column] = frame[column].astype("boolean").astype("Float64")
        of_group = frame["group"].isin(formula_groups) | (column == "accuracy_solution")
        # A forest has no formula: it solves none, which is not the same as unknown.
        frame.loc[of_group & (failed | frame[column].isna()), column] = 0.0
    for column, worst in (("r2_test", WORST_R2), ("r2_zero_test", 0.0)):
        if column in frame:
            frame[column] = pd.to_numeric(frame[column]).mask(failed, worst)
    return frame


def group_tables(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Summarise every group and noise level on its own.

    Parameters
    ----------
    frame : DataFrame
        Of `load_results`.

    Returns
    -------
    dict of str to DataFrame
        By group and noise, one row per method: numbers, bounds of the intervals in
        ``*_low`` and ``*_high``.
    """
    tables = {}
    cells = counted(frame)
    cells = pd.concat([cells, _halves(cells)])
    for (group, noise), part in cells.groupby(["group", "target_noise"], sort=False):
        name = str(group) if noise == 0 else f"{group}, noise {noise:g}"
        rows = [_row(str(m), rows) for m, rows in part.groupby("algorithm", sort=False)]
        tables[name] = pd.DataFrame(rows)
    return tables


def problem_table(frame: pd.DataFrame, column: str) -> pd.DataFrame:
    """Give one value per problem and method, the median over trials."""
    cells = counted(frame)
    cells = cells.assign(value=pd.to_numeric(cells[column], errors="coerce"))
    index = ["group", "dataset", "target_noise"]
    return cells.pivot_table(
        index=index, columns="algorithm", values="value", aggfunc="median", sort=False
    )


def ranks(frame: pd.DataFrame) -> pd.DataFrame:
    """Rank the methods on each problem by R2 and by size; give the medians of both.

    As in SRBench: medians over trials, then ranks, then medians over problems. Ties
    share the mean of their places.
    """
    cells = counted(frame)
    keys = ["group", "dataset", "target_noise", "algorithm"]
    # There is none of either where every cell failed.
    cells = cells.reindex(columns=[*keys, "r2_test", "model_size"])
    medians = cells.groupby(keys, sort=False)[["r2_test", "model_size"]].median()
    by_problem = medians.groupby(keys[:3], sort=False)
    r2 = by_problem["r2_test"].rank(ascending=False, na_option="bottom")
    size = by_problem["model_size"].rank(na_option="bottom")
    both = pd.DataFrame({"r2_rank": r2, "size_rank": size})
    return both.groupby("algorithm", sort=False).median()


def failures(frame: pd.DataFrame) -> pd.DataFrame:
    """List the cells that ended without scores."""
    columns = ["dataset", "algorithm", "random_state", "status", "error"]
    columns = [column for column in columns if column in frame]
    return frame.loc[frame["status"] != "ok", columns]


def markdown(table: pd.DataFrame) -> str:
    """Write a frame as a Markdown table."""
    head = [str(column) for column in table.columns]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for row in table.itertuples(index=False):
        lines.append("| " + " | ".join(_cell(value) for value in row) + " |")
    return "\n".join(lines)


def readable(table: pd.DataFrame) -> pd.DataFrame:
    """Join numbers and bounds to text such as ``0.62 (0.52 to 0.71)``."""
    columns: dict[str, Any] = {
        "method": table["method"],
        "problems": table["problems"],
        "cells": table["cells"],
        "failed": table["failed"],
    }
    for key, label in (SHARES | MEDIANS).items():
        if key in table and table[key].notna().any():
            columns[label] = [
                _interval(key, *values)
                for values in zip(
                    table[key], table[f"{key}_low"], table[f"{key}_high"], strict=True
                )
            ]
    return pd.DataFrame(columns)


def _row(method: str, cells: pd.DataFrame) -> dict[str, Any]:
    row: dict[str, Any] = {
        "method": method,
        "problems": cells["dataset"].nunique(),
        "cells": len(cells),
        "failed": int((cells["status"] != "ok").sum()),
    }
    for names, statistic, over in (
        (SHARES, "mean", "mean"),
        (MEDIANS, "median", "median"),
    ):
        for column in names:
            if column not in cells:
                continue
            values = pd.to_numeric(cells[column], errors="coerce")
            if column == "peak_memory":
                values = values / 1e6
            how = "median" if column == "accuracy_solution" else over
            per_problem = values.groupby(cells["dataset"]).agg(how).dropna()
            found = bootstrap_interval(per_problem.to_numpy(float), statistic)
            row |= dict(
                zip((column, f"{column}_low", f"{column}_high"), found, strict=True)
            )
    return row


def _halves(cells: pd.DataFrame) -> pd.DataFrame:
    """Split black-box groups: the synthetic Friedman sets decide the order of the rest.

    Groups that hold both kinds are shown once more, each half on its own.
    """
    parts = []
    measured = cells[cells["group"].astype(str).str.contains("blackbox")]
    synthetic = measured["dataset"].str.contains(FRIEDMAN)
    if synthetic.any() and not synthetic.all():
        for half, label in ((synthetic, "Friedman only"), (~synthetic, "not Friedman")):
            names = measured["group"].astype(str) + f", {label}"
            parts.append(measured.assign(group=names)[half])
    return pd.concat(parts) if parts else cells.iloc[:0]


def _interval(column: str, value: float, low: float, high: float) -> str:
    if math.isnan(value):
        return "–"  # noqa: RUF001
    if column in SHARES:
        return f"{value:.2f} ({low:.2f} to {high:.2f})"
    digits = ".3f" if column == "r2_test" else ".3g"
    shown = [_short(v, digits) for v in (value, low, high)]
    return f"{shown[0]} ({shown[1]} to {shown[2]})"


def _short(value: float, digits: str) -> str:
    if value <= -1e6:
        return "< -1e6"
    return f"{value:.0f}" if abs(value) >= 1000 else format(value, digits)


def _cell(value: Any) -> str:
    if isinstance(value, float) and (math.isnan(value) or value < -1e6):
        return "–" if math.isnan(value) else "< -1e6"  # noqa: RUF001
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return text.replace("|", "\\|").replace("\n", " ")
