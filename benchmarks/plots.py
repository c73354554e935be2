"""Plots of a report; each draws what a ``*_data`` function returned."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from benchmarks.summary import counted, ranks

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SOON = 0.01  # seconds


def recovery_data(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Give, for each method, the share of cells solved within so many seconds.

    Every curve starts at nothing and goes on to the longest fit of any method.
    """
    cells = counted(frame)
    column = "exact_solution" if "exact_solution" in cells else "accuracy_solution"
    cells = cells[cells[column].notna()]
    longest = cells["time_time"].astype(float).max()
    curves = {}
    for method, part in cells.groupby("algorithm", sort=False):
        solved = part[part[column].astype(float) >= 1.0]
        seconds = np.sort(solved["time_time"].astype(float).to_numpy())
        share = np.arange(len(seconds) + 1) / len(part)
        curves[str(method)] = pd.DataFrame(
            {
                "seconds": np.concatenate([[_SOON], seconds, [longest]]),
                "share": np.append(share, share[-1]),
            }
        )
    return curves


def profile_data(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Give, for each method, the share of cells whose test R2 is at least x."""
    cells = counted(frame)
    levels = np.concatenate([np.linspace(0, 0.99, 100), 1 - np.logspace(-2, -12, 60)])
    curves = {}
    for method, part in cells.groupby("algorithm", sort=False):
        values = part["r2_test"].astype(float).fillna(-np.inf).to_numpy()
        share = [(values >= level).mean() for level in levels]
        curves[str(method)] = pd.DataFrame({"r2": levels, "share": share})
    return curves


def draw_plots(frame: pd.DataFrame, folder: Path) -> list[Path]:
    """Draw all plots as SVG.

    Parameters
    ----------
    frame : DataFrame
        Of `load_results`.
    folder : Path
        Where ``ranks.svg``, ``recovery.svg`` and ``profile.svg`` go.

    Returns
    -------
    list of Path
        Empty when matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure
    except ImportError:
        return []
    painters = {
        "ranks": _draw_ranks,
        "recovery": _draw_recovery,
        "profile": _draw_profile,
    }
    written = []
    for name, paint in painters.items():
        figure = Figure(figsize=(6.4, 4.4), layout="constrained")
        FigureCanvasSVG(figure)
        paint(frame, figure.add_subplot())
        path = folder / f"{name}.svg"
        # A fixed date and ids keep the file the same when the results are.
        figure.savefig(path, metadata={"Date": None})
        written.append(path)
    return written


def _draw_ranks(frame: pd.DataFrame, axes: Axes) -> None:
    table = ranks(frame)
    axes.scatter(table["size_rank"], table["r2_rank"], color="tab:blue")
    for method, row in table.iterrows():
        axes.annotate(
            str(method),
            (row["size_rank"], row["r2_rank"]),
            xytext=(4, 4),
            textcoords="offset points",
        )
    front = table.sort_values(["size_rank", "r2_rank"])
    best = front["r2_rank"].cummin()
    front = front[(front["r2_rank"] <= best) & ~best.duplicated()]
    axes.plot(front["size_rank"], front["r2_rank"], color="0.6", zorder=0)
    axes.invert_yaxis()
    axes.set(xlabel="median rank of size", ylabel="median rank of R2 (up is better)")


def _draw_recovery(frame: pd.DataFrame, axes: Axes) -> None:
    for method, curve in recovery_data(frame).items():
        axes.step(curve["seconds"], curve["share"], where="post", label=method)
    axes.set(xscale="log", ylim=(0, 1), xlabel="seconds", ylabel="share solved")
    axes.legend()


def _draw_profile(frame: pd.DataFrame, axes: Axes) -> None:
    for method, curve in profile_data(frame).items():
        axes.plot(1 - curve["r2"], curve["share"], label=method)
    axes.set(xscale="log", ylim=(0, 1), xlabel="1 − R2 allowed", ylabel="share of fits")
    axes.invert_xaxis()
    axes.legend()
