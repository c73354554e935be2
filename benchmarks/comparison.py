"""Paired differences between methods, problem by problem, with intervals."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from benchmarks.metrics import bootstrap_interval
from benchmarks.summary import SHARES, counted, markdown

_COLUMNS = {
    **SHARES,
    "r2_zero_test": "R2 test, at least 0",
    "model_size": "size",
    "time_time": "seconds",
}


def compare(
    frame: pd.DataFrame, reference: str, against: Sequence[str] = ()
) -> pd.DataFrame:
    """Subtract other methods from one, on the problems that both have.

    Parameters
    ----------
    frame : DataFrame
        Of `load_results`.
    reference : str
        The method whose advantage is asked for.
    against : sequence of str
        The others; all by default.

    Returns
    -------
    DataFrame
        One row per group, method and score: number of common problems, mean difference
        (reference minus other), bounds of its 95 % bootstrap interval over problems,
        and on how many problems the reference is higher, equal and lower.

    Raises
    ------
    ValueError
        If a method is not among the results.
    """
    cells = counted(frame)
    methods = list(dict.fromkeys(cells["algorithm"]))
    others = list(against) or [m for m in methods if m != reference]
    for name in (reference, *others):
        if name not in methods:
            raise ValueError(
                f"No results of {name!r}. There are: {', '.join(methods)}."
            )
    rows = []
    for (group, noise), part in cells.groupby(["group", "target_noise"], sort=False):
        for column, label in _COLUMNS.items():
            if column not in part:
                continue
            values = part.assign(value=pd.to_numeric(part[column], errors="coerce"))
            table = values.pivot_table(
                index="dataset", columns="algorithm", values="value", aggfunc="mean"
            )
            if reference not in table:
                continue
            for other in others:
                if other not in table:
                    continue
                difference = (table[reference] - table[other]).dropna()
                if difference.empty:
                    continue
                mean, low, high = bootstrap_interval(difference.to_numpy(float))
                rows.append(
                    {
                        "group": group if noise == 0 else f"{group}, noise {noise:g}",
                        "other": other,
                        "score": label,
                        "problems": len(difference),
                        "difference": mean,
                        "low": low,
                        "high": high,
                        "higher": int((difference > 0).sum()),
                        "equal": int((difference == 0).sum()),
                        "lower": int((difference < 0).sum()),
                    }
                )
    return pd.DataFrame(rows)


def to_markdown(table: pd.DataFrame, reference: str) -> str:
    """Write the differences as a Markdown table with a line on what they mean."""
    head = (
        f"`{reference}` minus the other: mean over problems, 95 % bootstrap interval, "
        "and on how many problems it is higher, equal, lower.\n"
    )
    return head + "\n" + (markdown(table) if len(table) else "Nothing in common.")
