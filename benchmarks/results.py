"""Read results: our JSON lines and SRBench's published tables, into one frame."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

# Columns of the published tables, in the words of SRBench's result files.
_PUBLISHED = {
    "training time (s)": "time_time",
    "symbolic_solution_rate_(%)": "symbolic_rate",
    "data_group": "group",
    "median_r2_test": "r2_test",
    "median_model_size": "model_size",
    "median_training_s": "time_time",
}
# The noisy columns of this file come from a run with a wrong noise calculation.
_ONLY_CLEAN = "srbench2021_groundtruth.csv"


def read_records(path: str | Path) -> list[dict[str, Any]]:
    """Read every complete line of a file of results."""
    records = []
    with Path(path).open(encoding="utf-8") as lines:
        for line in lines:
            try:
                records.append(json.loads(line))
            except json.JSONDecodeError:
                continue  # a kill cut it off; the cell will be run again
    return records


def load_results(paths: Iterable[str | Path]) -> pd.DataFrame:
    """Load results, ours (``.jsonl``) and published (``.csv``), into one frame.

    Parameters
    ----------
    paths : iterable of path
        Of the same cell, the last record counts.

    Returns
    -------
    DataFrame
        One row per cell, or per data set and method of a published table. The column
        ``origin`` names the file.
    """
    frames = []
    for path in map(Path, paths):
        if path.suffix == ".csv":
            frames.append(load_published(path))
        else:
            cells = [r for r in read_records(path) if r["record"] == "cell"]
            frames.append(pd.DataFrame(cells).assign(origin=path.stem))
    frames = [frame for frame in frames if not frame.empty]
    if not frames:
        raise ValueError("There are no finished cells in these files.")
    frame = pd.concat(frames, ignore_index=True)
    key = ["dataset", "algorithm", "random_state", "target_noise", "origin"]
    return frame.drop_duplicates(key, keep="last").reset_index(drop=True)


def load_published(path: str | Path) -> pd.DataFrame:
    """Load a table that SRBench published.

    Parameters
    ----------
    path : str or Path
        A CSV with ``algorithm`` and, mostly, ``dataset``: medians over trials.

    Returns
    -------
    DataFrame
        In SRBench's keys. Methods lose the star that marks symbolic ones; it becomes
        the column ``is_symbolic``. Shares are ``symbolic_solution`` from 0 to 1.
    """
    path = Path(path)
    frame = pd.read_csv(path).rename(columns=_PUBLISHED)
    frame = frame.drop(columns=[c for c in frame.columns if c.startswith("Unnamed")])
    if "algorithm" not in frame:
        raise ValueError(f"{path} is no table of results: no column `algorithm`.")
    if {"metric", "noise"} <= set(frame.columns):
        frame = _by_group(frame)
    names = frame["algorithm"].astype(str)
    frame["is_symbolic"] = names.str.startswith("*")
    frame["algorithm"] = names.str.removeprefix("*")
    if "symbolic_rate" in frame:
        frame["symbolic_solution"] = frame.pop("symbolic_rate") / 100
    for column, default in (
        ("target_noise", 0.0),
        ("random_state", 0),
        ("dataset", "all"),
    ):
        if column not in frame:
            frame[column] = default
    if path.name == _ONLY_CLEAN:
        frame = frame[frame["target_noise"] == 0.0]
    return frame.assign(status="ok", record="published", origin=path.stem)


def _by_group(frame: pd.DataFrame) -> pd.DataFrame:
    """Turn one row per metric and one column per group into rows of groups."""
    groups = [c for c in ("feynman116", "strogatz14", "all130") if c in frame]
    long = frame.melt(["algorithm", "metric", "noise"], groups, var_name="group")
    wide = long.pivot_table(
        index=["algorithm", "group", "noise"], columns="metric", values="value"
    )
    wide = wide.reset_index().rename(
        columns={
            "noise": "target_noise",
            "accuracy_solution_share": "accuracy_solution",
            "symbolic_solution_pct": "symbolic_rate",
        }
    )
    return wide.assign(dataset=wide["group"]).rename_axis(columns=None)


def method_records(paths: Iterable[str | Path]) -> dict[str, dict[str, Any]]:
    """Give the last record of each method: version, settings, or why it is absent."""
    found: dict[str, dict[str, Any]] = {}
    for path in paths:
        if Path(path).suffix != ".csv":
            for record in read_records(path):
                if record["record"] == "method":
                    found[record["algorithm"]] = record
    return found


def run_records(paths: Iterable[str | Path]) -> list[dict[str, Any]]:
    """Give the records of the runs themselves."""
    return [
        record
        for path in paths
        if Path(path).suffix != ".csv"
        for record in read_records(path)
        if record["record"] == "run"
    ]
