"""The table of a run: medians over seeds, one line per problem and method."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from benchmarks.llmsr.problems import PROBLEMS

_PUBLISHED = "LLM-SR, GPT-3.5 (published)"


def table(records: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Put the four problems side by side.

    Returns
    -------
    DataFrame
        ``nmse_id`` and ``nmse_ood`` (medians over seeds, with the worst), ``samples``,
        ``valid``, ``seconds``, ``cpu`` (seconds of the processor), ``law`` (share of
        seeds whose formula is the law).
    """
    frame = pd.DataFrame(records)
    lines: list[dict[str, Any]] = []
    known = {p.name: p for p in PROBLEMS}
    for problem, cells in frame.groupby("problem", sort=False):
        published = known[str(problem)].published if problem in known else None
        if published is not None:
            lines.append(
                {
                    "problem": problem,
                    "method": _PUBLISHED,
                    "nmse_id": f"{published[0]:.2g}",
                    "nmse_ood": f"{published[1]:.2g}",
                }
            )
        for method, group in cells.groupby("method", sort=False):
            lines.append(
                {
                    "problem": problem,
                    "method": method,
                    "nmse_id": _median_and_worst(group["nmse_test_id"]),
                    "nmse_ood": _median_and_worst(group["nmse_test_ood"]),
                    "samples": _median(group["n_samples"], "{:.0f}"),
                    "valid": _median(group["share_valid"], "{:.0%}"),
                    "seconds": _median(group["seconds"], "{:.0f}"),
                    "cpu": _median(
                        group.get("cpu_seconds", pd.Series(dtype=float)), "{:.0f}"
                    ),
                    "law": _share(group),
                }
            )
    return pd.DataFrame(lines).fillna("")


def summary(records: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Sum up groups of many problems: medians and shares per method.

    Returns
    -------
    DataFrame
        ``cells``, median ``nmse_id`` and ``nmse_ood``, ``acc_id`` and ``acc_ood``
        (Acc_0.1: the share of cells whose largest relative error is at most 0.1),
        ``law`` (symbolic accuracy), median ``seconds``.
    """
    lines = []
    for (group, method), cells in pd.DataFrame(records).groupby(
        ["group", "method"], sort=False
    ):
        lines.append(
            {
                "group": group,
                "method": method,
                "cells": len(cells),
                "nmse_id": _median(cells["nmse_test_id"], "{:.2g}"),
                "nmse_ood": _median(cells["nmse_test_ood"], "{:.2g}"),
                "acc_id": f"{cells['accurate_test_id'].mean():.0%}",
                "acc_ood": f"{cells['accurate_test_ood'].mean():.0%}",
                "law": _share(cells),
                "seconds": _median(cells["seconds"], "{:.0f}"),
            }
        )
    return pd.DataFrame(lines)


def _median(values: pd.Series, form: str) -> str:
    numbers = pd.to_numeric(values, errors="coerce").dropna()
    return form.format(numbers.median()) if len(numbers) else ""


def _median_and_worst(values: pd.Series) -> str:
    # A prediction that is not finite is the worst there is.
    numbers = pd.to_numeric(values, errors="coerce").fillna(float("inf"))
    if len(numbers) == 1:
        return f"{numbers.iloc[0]:.2g}"
    return f"{numbers.median():.2g} ({numbers.max():.2g})"


def _share(cells: pd.DataFrame) -> str:
    if "symbolic_solution" not in cells or cells["symbolic_solution"].isna().all():
        return ""
    return f"{cells['symbolic_solution'].astype(bool).mean():.0%}"
