"""Draw the curves of a training.

Run ``python -m training.curves runs/small``. The training draws them itself after each
evaluation when matplotlib is installed.
"""

from __future__ import annotations

import argparse
import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Column = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class CurvesData:
    """What the curves of a training show.

    Attributes
    ----------
    steps : dict of str to ndarray of shape (n_logged,)
        Columns of ``losses.csv``: step, loss, learning_rate.
    evaluations : dict of str to ndarray of shape (n_evaluations,)
        Columns of ``log.csv``. NaN where recovery was not measured.
    """

    steps: dict[str, Column]
    evaluations: dict[str, Column]


def curves_data(run: Path) -> CurvesData:
    """Read the logs of a run.

    Where a run went on from an earlier checkpoint, what it repeated is left out.

    Parameters
    ----------
    run : pathlib.Path
        Folder of the training.

    Returns
    -------
    CurvesData

    Raises
    ------
    ValueError
        If there is no log.
    """
    if not (run / "log.csv").exists():
        raise ValueError(
            f"No log.csv in '{run}'. Pass the --out of a training that has evaluated "
            "at least once."
        )
    return CurvesData(_columns(run / "losses.csv"), _columns(run / "log.csv"))


def _columns(path: Path) -> dict[str, Column]:
    if not path.exists():
        return {}
    rows: list[dict[str, str]] = []
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            while rows and float(rows[-1]["step"]) >= float(row["step"]):
                rows.pop()
            rows.append(row)
    names = rows[0] if rows else {}
    return {name: np.array([float(r[name] or "nan") for r in rows]) for name in names}


def plot_curves(data: CurvesData) -> Any:
    """Draw losses, recovery and learning rate over the steps.

    Parameters
    ----------
    data : CurvesData
        From `curves_data`.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            "Curves need matplotlib. Install it with: "
            "pip install 'sklearn-chatsr[plot]'"
        ) from error
    figure = Figure(figsize=(12, 3.6), layout="constrained")
    losses, recovery, rate = figure.subplots(1, 3)
    steps, seen = data.steps, data.evaluations
    if steps:
        losses.plot(steps["step"], steps["loss"], color="0.75", label="training")
        rate.plot(steps["step"], steps["learning_rate"])
    else:
        rate.plot(seen["step"], seen["learning_rate"])
    for name, marker in (("given", "o"), ("hidden", "s")):
        losses.plot(seen["step"], seen[f"loss_{name}"], marker=marker, ms=3, label=name)
        shares = seen.get(f"recovered_{name}")
        if shares is not None and np.isfinite(shares).any():
            recovery.plot(seen["step"], shares, marker=marker, ms=3, label=name)
    for axes, label in (
        (losses, "Loss [nats per token]"),
        (recovery, "Recovered, constants fitted [%]"),
        (rate, "Learning rate"),
    ):
        axes.set(xlabel="Step", ylabel=label)
        if axes.get_legend_handles_labels()[0]:
            axes.legend()
    return figure


def draw(run: Path) -> Path:
    """Write ``curves.png`` into the folder of a run and give its path."""
    target = run / "curves.png"
    plot_curves(curves_data(run)).savefig(target, dpi=120)
    return target


def main() -> None:
    """Read the arguments and draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="the --out of a training")
    print(draw(parser.parse_args().run))


if __name__ == "__main__":
    main()
