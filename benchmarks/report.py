"""Write a report: Markdown, CSV, plots and one static page."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.plots import draw_plots
from benchmarks.results import (
    load_published,
    load_results,
    method_records,
    run_records,
)
from benchmarks.summary import (
    failures,
    group_tables,
    markdown,
    problem_table,
    ranks,
    readable,
)

_MOST_FAILURES = 40
# A fit of one thread that had less of a core than this was slowed down by others.
_BUSY = 0.8
_CAPTIONS = {
    "ranks": "Median rank of test R2 against median rank of size.",
    "recovery": "Share of problems solved exactly within so many seconds of fitting.",
    "profile": "Share of fits that reach a test R2.",
}
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem;
  padding: 0 1rem; color: #222; background: #fff; }
table { border-collapse: collapse; font-size: 0.85rem; display: block;
  overflow-x: auto; }
th, td { border-bottom: 1px solid #ddd; padding: 0.25rem 0.6rem; text-align: left; }
th { background: #f5f5f5; }
figure { display: inline-block; margin: 0 1rem 1rem 0; max-width: 34rem; }
code { background: #f5f5f5; padding: 0 0.2rem; }
"""


def write_report(
    results: Sequence[str | Path],
    folder: str | Path,
    *,
    published: Sequence[str | Path] = (),
    title: str = "Benchmark report",
) -> list[Path]:
    """Write the report of one or more files of results.

    Parameters
    ----------
    results : sequence of path
        Files of JSON lines.
    folder : str or Path
        Gets ``report.md``, ``index.html``, ``cells.csv``, ``groups.csv``,
        ``problems.csv`` and the plots.
    published : sequence of path
        Tables of SRBench whose data sets are shown beside ours.
    title : str

    Returns
    -------
    list of Path
        What was written.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    frame = load_results(results)
    tables = group_tables(frame)
    plots = draw_plots(frame, folder)
    parts = [f"# {title}", _conditions(results, frame)]
    for name, table in tables.items():
        parts += [f"## {name}", markdown(readable(table))]
    for path in published:
        parts += _beside(frame, Path(path))
    parts += ["## Ranks", markdown(ranks(frame).reset_index())]
    parts += [f"![{_CAPTIONS[p.stem]}]({p.name})" for p in plots]
    parts += ["## Methods", _methods(results, frame)]
    failed = failures(frame)
    if len(failed):
        shown = failed.head(_MOST_FAILURES)
        parts += [f"## Cells without scores ({len(failed)})", markdown(shown)]
    by_problem = problem_table(frame, "r2_test")
    parts += ["## Test R2 per problem", markdown(by_problem.reset_index())]
    if "exact_solution" in frame:
        exact = problem_table(frame, "exact_solution")
        parts += ["## Exact per problem", markdown(exact.reset_index())]
    text = "\n\n".join(parts) + "\n"

    written = [folder / "report.md", folder / "index.html"]
    written[0].write_text(text, encoding="utf-8")
    written[1].write_text(to_html(text, title), encoding="utf-8")
    groups = pd.concat([t.assign(group=name) for name, t in tables.items()])
    for name, table, keep in (
        ("cells", frame.drop(columns=["params"], errors="ignore"), False),
        ("groups", groups, False),
        ("problems", by_problem, True),
    ):
        path = folder / f"{name}.csv"
        table.to_csv(path, index=keep)
        written.append(path)
    return [*written, *plots]


def to_html(text: str, title: str) -> str:
    """Turn the Markdown of this report into one page without scripts."""
    blocks = [_block(block) for block in text.strip().split("\n\n")]
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style></head>\n"
        "<body>\n" + "\n".join(blocks) + "\n</body></html>\n"
    )


def _block(block: str) -> str:
    heading = re.match(r"(#+) (.*)", block)
    if heading:
        level = len(heading[1])
        return f"<h{level}>{html.escape(heading[2])}</h{level}>"
    image = re.fullmatch(r"!\[(.*)\]\((.*)\)", block)
    if image:
        caption, source = map(html.escape, image.groups())
        return (
            f'<figure><img src="{source}" alt="{caption}">'
            f"<figcaption>{caption}</figcaption></figure>"
        )
    lines = block.splitlines()
    if lines[0].startswith("| "):
        cells = [re.split(r"(?<!\\)\|", line.strip("|")) for line in lines]
        head = "".join(f"<th>{_inline(c)}</th>" for c in cells[0])
        body = "\n".join(
            "<tr>" + "".join(f"<td>{_inline(c)}</td>" for c in row) + "</tr>"
            for row in cells[2:]
        )
        return f"<table><tr>{head}</tr>\n{body}</table>"
    if lines[0].startswith("- "):
        items = "".join(f"<li>{_inline(line[2:])}</li>" for line in lines)
        return f"<ul>{items}</ul>"
    return f"<p>{_inline(block)}</p>"


def _inline(text: str) -> str:
    escaped = html.escape(text.strip().replace("\\|", "|"))
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", escaped)


def _conditions(results: Sequence[str | Path], frame: pd.DataFrame) -> str:
    runs = run_records(results)
    lines: list[str] = []
    # Of runs under the same conditions the last one tells when.
    for told, run in {_told(run): run for run in runs}.items():
        lines += [*told, f"- begun {run['started']}"]
    absent = {k: v for run in runs for k, v in run["absent_problems"].items()}
    lines += [f"- absent data set {name}: {reason}" for name, reason in absent.items()]
    timed = frame.reindex(columns=["cpu_share", "time_time"]).apply(pd.to_numeric)
    longer = timed.loc[timed["time_time"] > 1, "cpu_share"]
    if longer.median() < _BUSY:
        lines.append(
            f"- **the machine was busy**: a fit had {longer.median():.2f} of a core "
            "(median); what is found within a time cannot be compared with other runs"
        )
    lines += [
        "- shares are means over problems, other numbers medians; in brackets the "
        "95 % bootstrap interval over problems; a failed cell counts as unsolved",
        f"- {len(frame)} cells, {int((frame['status'] != 'ok').sum())} without scores",
    ]
    return "\n".join(lines)


def _told(run: dict[str, Any]) -> tuple[str, ...]:
    """Say under which conditions a run was made."""
    limits = run["limits"]
    return (
        f"- profile `{run['profile']}`: {run['note']}",
        f"- {limits['seconds']:g} s and {limits['threads']} thread(s) for a fit; "
        f"killed {limits['grace']:g} s later or at {limits['memory'] / 1e9:g} GB",
        f"- seeds {', '.join(map(str, run['seeds']))}; noise levels "
        f"{', '.join(f'{level:g}' for level in run['noise_levels'])}",
        f"- Python {run['python']}, {run['machine']}, {run['cores']} cores",
    )


def _methods(results: Sequence[str | Path], frame: pd.DataFrame) -> str:
    rows: list[dict[str, Any]] = []
    for name, record in method_records(results).items():
        if record["status"] != "ok":
            told = f"absent: {record.get('error', '')}"
            rows.append({"method": name, "version": "–", "settings": told})  # noqa: RUF001
            continue
        settings = dict(record.get("settings") or {})
        text = ", ".join(f"{k}={v}" for k, v in settings.items())
        rows.append(
            {"method": name, "version": record["version"], "settings": f"`{text}`"}
        )
    if "formula_agrees" in frame:
        wrong = frame[frame["formula_agrees"].eq(False)]["algorithm"].value_counts()
        for row in rows:
            n = int(wrong.get(row["method"], 0))
            row["formula is not the model"] = f"{n} cells" if n else ""
    return markdown(pd.DataFrame(rows)) if rows else "No record of the methods."


def _beside(frame: pd.DataFrame, path: Path) -> list[str]:
    """Set published medians beside ours, on the data sets that both have."""
    table = load_published(path)
    common = sorted(set(table["dataset"]) & set(frame["dataset"]))
    part = table[table["dataset"].isin(common)]
    columns = [c for c in ("r2_test", "model_size", "time_time") if c in part]
    columns += [c for c in ("accuracy_solution", "symbolic_solution") if c in part]
    if not common or not columns:
        return [f"## {path.stem}", "No data set in common with this run."]
    medians = part.groupby("algorithm")[columns].mean(numeric_only=True)
    if "r2_test" in columns:
        medians["r2_test"] = part.groupby("algorithm")["r2_test"].median()
    medians = medians.sort_values(columns[0], ascending=False)
    return [
        f"## Published: {path.stem}",
        f"{len(common)} data sets in common; medians of R2, means of the rest.",
        markdown(medians.reset_index()),
    ]
