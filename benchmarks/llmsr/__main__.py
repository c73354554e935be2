"""Command line: ``python -m benchmarks.llmsr run`` and ``report``."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.llmsr.problems import PROBLEMS, LLMSRProblem
from benchmarks.llmsr.published import read_llm_srbench
from benchmarks.llmsr.report import summary, table
from benchmarks.llmsr.runner import METHODS, Row, read_records, run_all
from benchmarks.llmsr.synthetic import synthetic_problems
from benchmarks.llmsr.transformed import transformed_problems


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; give the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.llmsr")
    commands = parser.add_subparsers(required=True)
    run = commands.add_parser("run", help="fit methods to problems")
    run.add_argument(
        "--problems",
        default="llmsr",
        help="llmsr, transformed, synthetic, published:FOLDER, or names, with commas",
    )
    run.add_argument(
        "--methods",
        default="grammar",
        help=f"of: {'; '.join(m.name for m in METHODS)}; separated by semicolons",
    )
    run.add_argument("--seeds", type=int, default=1)
    run.add_argument("--seconds", type=float, default=300.0, help="limit of a fit")
    run.add_argument("--n-samples", type=int, default=400)
    run.add_argument("--data-dir", type=Path, help="folder of LLM-SR's data")
    run.add_argument("--limit", type=int, help="first problems only")
    run.add_argument("--server", help="address of a language model")
    run.add_argument("--server-params", type=json.loads, default={}, help="JSON")
    run.add_argument("--out", type=Path, required=True, help="JSONL file")
    run.set_defaults(command=_run)
    report = commands.add_parser("report", help="print the table of a run")
    report.add_argument("records", type=Path)
    report.set_defaults(command=_report)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    try:
        return int(options.command(options))
    except (ValueError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2


def _run(options: argparse.Namespace) -> int:
    problems = _problems(options.problems)[: options.limit]
    for record in run_all(
        problems,
        _methods(options.methods),
        range(options.seeds),
        seconds=options.seconds,
        n_samples=options.n_samples,
        data_dir=options.data_dir,
        server=options.server,
        server_params=options.server_params,
        out=options.out,
    ):
        sys.stderr.write(
            f"{record['problem']:24} {record['method']:28} "
            f"{record['nmse_test_id']} {record['nmse_test_ood']} "
            f"{record['seconds']:.0f} s\n"
        )
    return _report(argparse.Namespace(records=options.out))


def _report(options: argparse.Namespace) -> int:
    records = read_records(options.records)
    if not records:
        raise ValueError(f"No records in {options.records}.")
    four = [r for r in records if r["group"] == "llmsr"]
    others = [r for r in records if r["group"] != "llmsr"]
    if four:
        sys.stdout.write(table(four).to_string(index=False) + "\n")
    if others:
        sys.stdout.write(summary(others).to_string(index=False) + "\n")
    return 0


def _problems(words: str) -> list[LLMSRProblem]:
    found: list[LLMSRProblem] = []
    for word in words.split(","):
        if word == "llmsr":
            found += PROBLEMS
        elif word == "transformed":
            found += transformed_problems()
        elif word == "synthetic":
            found += synthetic_problems()
        elif word.startswith("published:"):
            found += read_llm_srbench(Path(word.removeprefix("published:")))
        else:
            everything = [*PROBLEMS, *transformed_problems(), *synthetic_problems()]
            named = [p for p in everything if p.name == word]
            if not named:
                raise ValueError(f"There is no problem {word!r}.")
            found += named
    return found


def _methods(names: str) -> list[Row]:
    known = {m.name: m for m in METHODS}
    wanted = [name.strip() for name in names.split(";")]
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise ValueError(f"Unknown methods {unknown}. Known: {'; '.join(known)}.")
    return [known[name] for name in wanted]


if __name__ == "__main__":
    sys.exit(main())
