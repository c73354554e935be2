from __future__ import annotations

import fcntl
import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.protocols import PROTOCOLS
from benchmarks.results import load_results, read_records
from benchmarks.runner import Plan, append, run

ROOT = Path(__file__).parents[2]
# What a clock or a scheduler decides.
VARYING = {"time_time", "process_time", "cpu_share", "peak_memory"}


@pytest.fixture
def marks(tmp_path):
    """A file that gets a line for each fit."""
    return tmp_path / "marks"


@pytest.fixture
def plan(line, plane, method, limits, marks):
    return Plan(
        protocol=PROTOCOLS["quick"],
        problems=[line, plane],
        entries=[
            method("Silent", marks=str(marks)),
            method("Leaving"),
            method("Absent"),
        ],
        limits=limits,
        seeds=(860,),
        noise_levels=(0.0,),
    )


def cells(path):
    found = [r for r in read_records(path) if r["record"] == "cell"]
    bare = [{k: v for k, v in r.items() if k not in VARYING} for r in found]
    return sorted(bare, key=lambda r: (r["dataset"], r["algorithm"]))


def wait_until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_running(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_a_killed_and_resumed_run_equals_an_uninterrupted_one(plan, tmp_path, marks):
    whole, parts = tmp_path / "whole.jsonl", tmp_path / "parts.jsonl"
    run(plan, whole)
    n_fits = len(marks.read_text().splitlines())

    # Killed after two cells, in the middle of writing the third.
    lines = whole.read_text().splitlines(keepends=True)
    at = [i for i, line in enumerate(lines) if '"record": "cell"' in line][2]
    parts.write_text("".join(lines[:at]) + lines[at][:40])
    marks.unlink()
    counts = run(plan, parts)

    assert n_fits == 2
    assert sum(counts.values()) == 2  # of four: nothing is done twice
    assert len(marks.read_text().splitlines()) == 1
    assert cells(parts) == cells(whole)
    assert all(json.loads(line) for line in parts.read_text().splitlines())
    assert run(plan, parts) == {}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="PR_SET_PDEATHSIG")
def test_a_run_that_is_killed_leaves_no_process_and_goes_on(tmp_path, marks):
    """SIGKILL, the real thing: nobody can clean up."""
    table, out = tmp_path / "mine.yaml", tmp_path / "out.jsonl"
    table.write_text(
        "problems:\n"
        + "".join(
            f"- {{name: p{i}, formula: {i}*x, variables: {{x: [0, 1]}}}}\n"
            for i in range(1, 5)
        )
    )
    command = [
        *(sys.executable, "-m", "benchmarks", "run", "--problems", str(table)),
        *("--methods", "slow=tests.benchmarks.misbehaving:Sleeping"),
        *("--setting", f"slow.marks={marks}"),
        *("--seconds", "5", "--out", str(out)),
    ]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    wait_until(lambda: marks.exists() and len(marks.read_text().splitlines()) == 3)
    process.kill()
    process.wait()

    interrupted = int(marks.read_text().splitlines()[2])
    wait_until(lambda: not is_running(interrupted))
    assert [c["dataset"] for c in cells(out)] == ["p1", "p2"]
    again = subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    assert b"2 ok" in again.stdout
    assert [c["dataset"] for c in cells(out)] == ["p1", "p2", "p3", "p4"]
    assert len(marks.read_text().splitlines()) == 5  # four fits and the lost one


def test_a_crashing_method_costs_its_own_cells_only(plan, tmp_path):
    counts = run(plan, tmp_path / "out.jsonl")

    assert counts == {"ok": 2, "crashed": 2}
    assert {c["algorithm"] for c in cells(tmp_path / "out.jsonl")} == {
        "silent",
        "leaving",
    }


def test_an_absent_method_is_written_down_with_its_reason(plan, tmp_path):
    run(plan, tmp_path / "out.jsonl")

    (record,) = [
        r
        for r in read_records(tmp_path / "out.jsonl")
        if r["record"] == "method" and r["algorithm"] == "absent"
    ]
    assert record["status"] == "absent"
    assert "a compiler of 1957" in record["error"]


def test_failed_cells_are_run_again_only_when_asked(plan, tmp_path):
    path = tmp_path / "out.jsonl"
    run(plan, path)

    assert run(plan, path) == {}
    assert run(plan, path, retry=True) == {"crashed": 2}
    assert len(load_results([path])) == 4


@pytest.mark.parametrize("backend", ["threading", "multiprocessing"])
def test_jobs_at_the_same_time_write_whole_lines(plan, tmp_path, backend):
    """The second back-end cannot give results one by one, as that of Ray."""
    one, two = tmp_path / "one.jsonl", tmp_path / "two.jsonl"
    run(plan, one)
    run(plan, two, n_jobs=2, backend=backend)

    assert cells(one) == cells(two)


def test_two_runs_do_not_write_to_one_file(plan, tmp_path):
    with (tmp_path / "out.jsonl.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)

        with pytest.raises(RuntimeError, match="Another run writes"):
            run(plan, tmp_path / "out.jsonl")


def test_a_file_does_not_mix_budgets(plan, limits, tmp_path):
    path = tmp_path / "out.jsonl"
    run(replace(plan, entries=[]), path)

    with pytest.raises(RuntimeError, match="seconds = 1"):
        run(replace(plan, limits=replace(limits, seconds=9.0)), path)


def test_a_file_does_not_mix_units_or_settings(plan, tmp_path):
    path = tmp_path / "out.jsonl"
    run(replace(plan, problems=[]), path)
    rescaled = replace(plan.protocol, rescale=20)
    entries = [replace(e, settings={**e.settings, "k": 1}) for e in plan.entries]

    with pytest.raises(RuntimeError, match="--rescale 0, this run has 20"):
        run(replace(plan, protocol=rescaled), path)
    with pytest.raises(RuntimeError, match="with the settings"):
        run(replace(plan, entries=entries), path)


def test_numbers_that_json_does_not_know_are_written(tmp_path):
    path = tmp_path / "out.jsonl"

    append(path, {"record": "method", "settings": {"missing": float("nan")}})

    assert read_records(path)[0]["settings"] == {"missing": "nan"}


def test_the_command_line_runs_reports_and_compares(tmp_path, capsys):
    table = tmp_path / "mine.yaml"
    table.write_text(
        "problems:\n- {name: line, formula: 2*x + 1, variables: {x: [0, 1]}}\n"
        "- {name: curve, formula: x**2, variables: {x: [0, 1]}}\n"
    )
    out = tmp_path / "run.jsonl"
    methods = (
        "right=tests.benchmarks.misbehaving:ByFormula,"
        "mean=tests.benchmarks.misbehaving:Silent,gone=nowhere:Class"
    )

    code = main(
        [
            *("run", "--problems", str(table), "--methods", methods),
            *("--seconds", "5", "--out", str(out)),
        ]
    )
    assert code == 0
    assert main(["report", str(out), "--out", str(tmp_path / "report")]) == 0
    assert main(["compare", str(out), "--reference", "right"]) == 0

    printed = capsys.readouterr().out
    report = (tmp_path / "report" / "report.md").read_text()
    assert "4 ok" in printed
    assert "| mine | mean | exact (FVU and size) | 2 | 0.5 |" in printed
    assert "| right | 2 | 2 | 0 | 0.50" in report
    assert "absent: ModuleNotFoundError: No module named 'nowhere'" in report
    page = (tmp_path / "report" / "index.html").read_text()
    assert "<script" not in page
    assert (tmp_path / "report" / "ranks.svg").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--methods", "alchemy"], "Unknown method 'alchemy'"),
        (["--problems", "atlantis"], "Unknown problem 'atlantis'"),
        (["--python", "operon"], "write NAME=PATH"),
        (["--setting", "ours.max_size"], "Cannot read --setting"),
        (["--profile", "srbench-2025"], "--data-dir"),
    ],
)
def test_a_wrong_command_says_what_is_wrong(arguments, message, tmp_path, capsys):
    code = main(["run", "--out", str(tmp_path / "x.jsonl"), *arguments])

    assert code == 2
    assert message in capsys.readouterr().err
