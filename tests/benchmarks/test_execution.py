from __future__ import annotations

import os
import sys
import time
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.cells import Cell, run_cell
from benchmarks.execution import execute, probe
from benchmarks.protocols import PROTOCOLS

ROWS = {
    "X_train": np.arange(6.0).reshape(-1, 1),
    "y_train": 2 * np.arange(6.0),
    "X_test": np.array([[1.0], [3.0]]),
}


def run(entry, limits):
    return execute(entry, sys.executable, limits, 7, ROWS)


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0] != "Z"


def test_a_fit_comes_back_with_predictions_time_memory_and_version(method, limits):
    answer, predictions = run(method("Mean"), limits)

    assert answer["status"] == "ok"
    assert predictions["test"].tolist() == [5.0, 5.0]
    assert answer["formula"] == "5.0"
    assert answer["settings"] == {"seed": 7}
    assert answer["version"] == f"numpy {np.__version__}"
    assert 0 <= answer["seconds"] < 5
    assert answer["peak_memory"] > 1e7


@pytest.mark.parametrize(
    ("name", "status", "told"),
    [
        ("Raising", "crashed", "ZeroDivisionError: no luck"),
        ("Segfaulting", "crashed", "SIGSEGV"),
        ("Leaving", "crashed", "code 3"),
        ("Absent", "absent", "a compiler of 1957"),
    ],
)
def test_a_crash_is_an_answer(method, limits, name, status, told):
    answer, predictions = run(method(name), limits)

    assert answer["status"] == status
    assert told in answer["error"]
    assert predictions == {}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_hanging_method_is_killed_with_its_children(
    method, limits, tmp_path, monkeypatch
):
    monkeypatch.setenv("CHILD_FILE", str(tmp_path / "child"))

    start = time.monotonic()
    answer, _ = run(method("Hanging"), replace(limits, seconds=0.5, grace=0.5))

    assert answer["status"] == "timeout"
    assert "while fitting" in answer["error"]
    assert time.monotonic() - start < 30
    child = int((tmp_path / "child").read_text())
    deadline = time.monotonic() + 5
    while is_alive(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_alive(child)


def test_a_method_that_never_starts_is_killed(method, limits):
    answer, _ = run(method("HangingAtTheStart"), replace(limits, startup=3.0))

    assert answer["status"] == "timeout"
    assert "while starting" in answer["error"]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs RLIMIT_DATA")
def test_a_method_that_eats_memory_is_stopped(method, limits):
    answer, _ = run(method("Eating"), replace(limits, memory=6e8, seconds=60.0))

    assert answer["status"] == "memory"


def test_a_python_that_is_not_there_makes_the_method_absent(method, limits):
    answer = probe(method("Mean"), "/nowhere/python", limits)

    assert answer["status"] == "absent"
    assert "/nowhere/python" in answer["error"]


def cell(problem, entry, limits):
    return Cell(problem, PROTOCOLS["quick"], entry, sys.executable, 860, 0.0, limits)


def test_a_solved_cell_holds_every_score(line, method, limits):
    record = run_cell(cell(line, method("ByFormula"), limits))

    assert record["status"] == "ok"
    assert record["r2_test"] == pytest.approx(1.0)
    assert record["accuracy_solution"] is True
    assert record["fvu_solution"] is True
    assert record["symbolic_solution"] is True
    assert record["exact_solution"] is True
    assert record["model_size"] == record["true_size"] == 5
    assert record["symbolic_model"] == record["true_model"] == "2*x + 1"
    assert record["complexity_function"] == "sympy"


def test_a_wrong_model_solves_nothing(line, method, limits):
    record = run_cell(cell(line, method("Mean"), limits))

    assert record["status"] == "ok"
    assert record["r2_test"] < 0.01
    assert record["exact_solution"] is False
    assert record["symbolic_solution"] is False
    assert record["formula_agrees"] is True


def test_a_formula_that_is_not_the_model_is_found_out(line, method, limits):
    record = run_cell(cell(line, method("Lying"), limits))

    assert record["formula_agrees"] is False


def test_a_formula_that_cannot_be_read_is_never_run(line, method, limits):
    record = run_cell(cell(line, method("Unreadable"), limits))

    assert record["status"] == "unreadable"
    assert "Cannot read" in record["error"]


def test_a_broken_data_file_costs_its_own_cell(line, method, limits, tmp_path):
    (tmp_path / "line.csv").write_text("x,target\nnot,numbers\n")
    broken = replace(line, path=tmp_path / "line.csv")

    record = run_cell(cell(broken, method("Mean"), limits))

    assert record["status"] == "no data"
