"""Command line: ``python -m benchmarks run``, ``report``, ``compare``, ``list``."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.execution import Limits
from benchmarks.methods import METHODS, Entry, find_entries
from benchmarks.problems import select_problems
from benchmarks.problems.selection import packaged_problems, srbench_selections
from benchmarks.protocols import PROTOCOLS
from benchmarks.runner import Plan, run

# Interpreters by method, such as "operon*=/path/python;hroch=/path/python".
PYTHON_VARIABLE = "BENCHMARKS_PYTHON"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; give the exit code."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(
        level=logging.INFO, format="%(message)s", stream=sys.stderr, force=True
    )
    try:
        return options.command(options)
    except (ValueError, RuntimeError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("Stopped. The same command goes on where this one ended.\n")
        return 130


def _run(options: argparse.Namespace) -> int:
    protocol = replace(PROTOCOLS[options.profile], rescale=options.rescale)
    words = _split(options.problems) or list(protocol.problems)
    data_dirs = list(options.data_dir)
    problems, absent = select_problems(words, data_dirs, download=options.download)
    if options.limit is not None:
        problems = problems[: options.limit]
    if not problems:
        reasons = "; ".join(sorted(set(absent.values())))
        raise ValueError(f"There is no problem to run. {reasons}")
    seeds = protocol.seeds
    if options.trials is not None:
        seeds = PROTOCOLS["srbench-2025"].seeds[: options.trials]
    noise = _split(options.noise)
    seconds = protocol.seconds if options.seconds is None else options.seconds
    plan = Plan(
        protocol=protocol,
        problems=problems,
        absent_problems=absent,
        entries=_configured(find_entries(_split(options.methods)), options.setting),
        limits=Limits(
            seconds,
            grace=options.grace,
            memory=options.memory * 1e9,
            threads=options.threads,
        ),
        seeds=seeds,
        noise_levels=tuple(map(float, noise)) if noise else protocol.noise_levels,
        pythons=_pythons(options.python),
        symbolic_seconds=options.symbolic_seconds,
    )
    counts = run(
        plan,
        options.out,
        n_jobs=options.jobs,
        backend=options.backend,
        retry=options.retry,
    )
    told = ", ".join(f"{n} {status}" for status, n in sorted(counts.items()))
    sys.stdout.write(f"{options.out}: {told or 'nothing left to do'}\n")
    return 0


def _report(options: argparse.Namespace) -> int:
    from benchmarks.report import write_report

    written = write_report(
        options.results, options.out, published=options.published, title=options.title
    )
    sys.stdout.write("".join(f"{path}\n" for path in written))
    return 0


def _compare(options: argparse.Namespace) -> int:
    from benchmarks.comparison import compare, to_markdown
    from benchmarks.results import load_results

    frame = load_results(options.results)
    rows = compare(frame, options.reference, _split(options.against))
    sys.stdout.write(to_markdown(rows, options.reference) + "\n")
    return 0


def _list(options: argparse.Namespace) -> int:
    groups: dict[str, int] = {}
    for problem in packaged_problems():
        groups[problem.group] = groups.get(problem.group, 0) + 1
    lines = ["Profiles"]
    lines += [f"  {p.name}: {p.note}" for p in PROTOCOLS.values()]
    lines += ["Methods", *(f"  {name}" for name in METHODS), "Problems"]
    lines += [f"  {group}: {n}" for group, n in groups.items()]
    lines += [f"  {name}: {len(names)}" for name, names in srbench_selections().items()]
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


def _pythons(words: Sequence[str]) -> dict[str, str]:
    """Read NAME=PATH pairs; the command line comes before the environment."""
    from_environment = os.environ.get(PYTHON_VARIABLE, "").split(";")
    pythons: dict[str, str] = {}
    for word in [*words, *filter(None, from_environment)]:
        name, _, path = word.partition("=")
        if not path:
            raise ValueError(f"Cannot read --python {word!r}: write NAME=PATH.")
        pythons.setdefault(name.strip(), path.strip())
    return pythons


def _configured(entries: list[Entry], words: Sequence[str]) -> list[Entry]:
    """Apply NAME.KEY=VALUE settings; a value is JSON, or else text."""
    by_name = {entry.name: entry for entry in entries}
    for word in words:
        where, _, text = word.partition("=")
        name, _, key = where.rpartition(".")
        if name not in by_name or not key or not text:
            raise ValueError(
                f"Cannot read --setting {word!r}: write NAME.KEY=VALUE, where NAME is "
                f"one of {', '.join(by_name)}."
            )
        try:
            value = json.loads(text)
        except json.JSONDecodeError:
            value = text
        settings = by_name[name].settings | {key: value}
        by_name[name] = replace(by_name[name], settings=settings)
    return list(by_name.values())


def _split(text: str | None) -> list[str]:
    return [word.strip() for word in (text or "").split(",") if word.strip()]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("run", help="fit methods on problems")
    command.set_defaults(command=_run)
    add = command.add_argument
    add("--profile", choices=sorted(PROTOCOLS), default="quick")
    add("--methods", default="ours,linear", help="names, or name=module:Class")
    add("--setting", action="append", default=[], metavar="NAME.KEY=VALUE")
    add("--problems", help="names, suites, selections, tables (.yaml), files, folders")
    add("--data-dir", action="append", default=[], type=Path, metavar="FOLDER")
    add("--download", action="store_true", help="fetch missing data sets with `pmlb`")
    add("--limit", type=int, metavar="N", help="only the first N problems")
    add("--trials", type=int, metavar="N", help="how many of SRBench's seeds")
    add("--noise", help="levels, separated by commas")
    add(
        "--rescale",
        type=int,
        default=0,
        metavar="DECADES",
        help="multiply columns and targets by powers of ten up to so many decades",
    )
    add("--seconds", type=float, help="budget of a fit; the profile's by default")
    add("--grace", type=float, default=30.0, help="seconds beyond it before the kill")
    add("--memory", type=float, default=4.0, metavar="GB", help="limit of a fit")
    add("--threads", type=int, default=1, help="of each fit")
    add("--symbolic-seconds", type=float, default=60.0, help="limit of SymPy")
    add("--jobs", type=int, default=1, help="fits at the same time")
    add("--backend", default="threading", help="of joblib; also dask[=ADDRESS]")
    add(
        "--python",
        action="append",
        default=[],
        metavar="NAME=PATH",
        help=f"interpreter of a method or pattern; also ${PYTHON_VARIABLE}",
    )
    add("--retry", action="store_true", help="run failed cells again")
    add("--out", type=Path, required=True, help="file of JSON lines")

    command = commands.add_parser("report", help="write tables, plots and a page")
    command.set_defaults(command=_report)
    add = command.add_argument
    add("results", nargs="+", type=Path)
    add("--out", type=Path, required=True, metavar="FOLDER")
    add("--published", action="append", default=[], type=Path, metavar="CSV")
    add("--title", default="Benchmark report")

    command = commands.add_parser("compare", help="paired differences with intervals")
    command.set_defaults(command=_compare)
    add = command.add_argument
    add("results", nargs="+", type=Path)
    add("--reference", default="ours")
    add("--against", help="methods; all others by default")

    commands.add_parser("list", help="what there is").set_defaults(command=_list)
    return parser


if __name__ == "__main__":
    sys.exit(main())
