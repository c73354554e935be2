from __future__ import annotations

import json
import os
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from benchmarks.llmsr.__main__ import main
from benchmarks.llmsr.problems import PROBLEMS, SPLITS
from benchmarks.llmsr.published import read_llm_srbench
from benchmarks.llmsr.runner import METHODS, _rounded, fit_cell, read_records
from benchmarks.llmsr.synthetic import synthetic_problems
from benchmarks.llmsr.transformed import transformed_problems
from sklearn_chatsr import LLMSRRegressor

OSC1, OSC2, GROWTH, STRESS = PROBLEMS


@pytest.mark.parametrize("problem", [OSC1, OSC2, GROWTH], ids=lambda p: p.name)
def test_simulated_rows_obey_the_law_and_leave_the_region_outside(problem):
    rows = problem.rows(None, seed=0)

    assert set(rows) == set(SPLITS)
    for X, y in rows.values():
        np.testing.assert_array_equal(problem.values(X), y)
        assert np.isfinite(y).all()
    inner, outer = rows["train"][0], rows["test_ood"][0]
    assert (outer.max(axis=0) > inner.max(axis=0)).any()


def test_given_rows_take_the_place_of_drawn_ones(tmp_path):
    folder = tmp_path / "oscillator1"
    folder.mkdir()
    for k, split in enumerate(SPLITS):
        table = pd.DataFrame({"x": [0.1 * k, 0.2], "v": [1.0, 2.0], "a": [3.0, 4.0]})
        table.to_csv(folder / f"{split}.csv", index=False)

    X, y = OSC1.rows(tmp_path)["test_ood"]

    assert X.tolist() == [[0.2, 1.0], [0.2, 2.0]]
    assert y.tolist() == [3.0, 4.0]


def test_measured_rows_are_never_drawn():
    with pytest.raises(ValueError, match=r"stressstrain is measured.*--data-dir"):
        STRESS.rows(None)


def test_every_transformed_law_gives_its_target_back():
    problems = list(transformed_problems())

    assert len(problems) > 80
    for problem in problems[::10]:
        for X, y in problem.rows(None, seed=1).values():
            assert len(y) > 100
            assert X.shape[1] == len(problem.variables)
        X, y = problem.rows(None, seed=1)["train"]
        assert problem.draw is not None
        assert np.isfinite(y).all()


def test_synthetic_laws_have_outside_rows_later_in_time():
    problems = list(synthetic_problems())

    assert len(problems) == len({p.name for p in problems}) == 18
    for problem in problems[::5]:
        rows = problem.rows(None)
        assert rows["test_ood"][0][:, 0].min() > rows["train"][0][:, 0].max()
        assert all(np.isfinite(y).all() for _, y in rows.values())


def test_files_of_llm_srbench_are_read(tmp_path):
    folder = tmp_path / "chem" / "CRK0"
    folder.mkdir(parents=True)
    for part in ("train", "test"):
        pd.DataFrame({"rate": [1.0, 2.0], "t": [3.0, 4.0]}).to_csv(
            folder / f"{part}.csv", index=False
        )

    (problem,) = read_llm_srbench(tmp_path)

    assert (problem.name, problem.variables) == ("CRK0", ("t",))
    X, y = problem.rows(None)["test_ood"]
    assert (X[:, 0].tolist(), y.tolist()) == ([3.0, 4.0], [1.0, 2.0])


def test_the_hdf5_file_of_llm_srbench_is_read(tmp_path):
    inner = np.arange(12.0).reshape(4, 3)
    with h5py.File(tmp_path / "lsr_bench_data.hdf5", "w") as file:
        laws = file.create_group("lsr_synth/chem_react/CRK0")
        laws["train"], laws["test"], laws["ood_test"] = inner, inner[:2], inner + 100
        # A set without outside rows, in single precision.
        plain = file.create_group("lsr_transform/I.6.2_0")
        plain["train"], plain["test"] = inner.astype(np.float32), inner[:1]

    found = {p.name: p for p in read_llm_srbench(tmp_path)}

    assert {p.group for p in found.values()} == {
        "published lsr_synth/chem_react",
        "published lsr_transform",
    }
    X, y = found["CRK0"].rows(None)["test_ood"]
    assert (y.tolist(), X[0].tolist()) == ([100, 103, 106, 109], [101, 102])
    assert found["I.6.2_0"].variables == ("input1", "input2")
    X, y = found["I.6.2_0"].rows(None)["train"]
    assert X.dtype == y.dtype == np.float64
    np.testing.assert_array_equal(X, inner[:, 1:])
    _, outside = found["I.6.2_0"].rows(None)["test_ood"]
    assert outside.tolist() == [0.0]


def test_an_hdf5_file_without_test_rows_is_refused(tmp_path):
    path = tmp_path / "bad.hdf5"
    with h5py.File(path, "w") as file:
        file.create_group("set/one")["train"] = np.ones((2, 2))

    with pytest.raises(ValueError, match=r"'one' lacks test_id"):
        read_llm_srbench(path)


def test_a_folder_without_them_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"neither an .hdf5 file"):
        read_llm_srbench(tmp_path)


def test_a_cell_holds_what_the_table_needs():
    regressor = LLMSRRegressor(n_samples=40, random_state=0)

    record = fit_cell(OSC2, regressor, 0, None)

    assert record["nmse_test_id"] < 0.2
    assert record["share_valid"] == 1.0
    assert 0 < record["n_samples"] <= 40
    json.dumps(record)


def test_a_run_prints_its_table_and_does_nothing_twice(tmp_path, capsys):
    out = tmp_path / "run.jsonl"
    words = ["run", "--problems", "reaction1", "--methods", "no language model"]
    words += ["--n-samples", "16", "--out", str(out)]

    assert main(words) == 0
    first = capsys.readouterr().out
    assert main(words) == 0

    assert capsys.readouterr().out == first
    assert "no language model" in first
    assert len(out.read_text().splitlines()) == 1
    assert main([*words, "--n-samples", "32"]) == 2
    assert "holds results with max_samples = 16" in capsys.readouterr().err


def test_a_line_that_was_cut_off_runs_again(tmp_path):
    path = tmp_path / "run.jsonl"
    path.write_text('{"problem": "a"}\n{"problem": ')

    assert read_records(path) == [{"problem": "a"}]
    assert path.read_text() == '{"problem": "a"}\n'


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--methods", "oracle"], "Unknown methods"),
        (["--problems", "none"], "There is no problem 'none'"),
        (["--methods", "served model", "--problems", "oscillator1"], "needs a server"),
    ],
)
def test_wrong_words_are_named(tmp_path, capsys, words, message):
    assert main(["run", *words, "--out", str(tmp_path / "x.jsonl")]) == 2
    assert message in capsys.readouterr().err


def test_the_law_is_known_again_in_another_spelling():
    names = ["t", "x", "v"]
    found = _rounded("0.3*sin(t) - x*v - 5*x*exp(x/2) - v^3/2", names)

    assert found == _rounded(OSC2.formula, names)
    assert found != _rounded("0.3*sin(t) - x*v - 5*x*exp(x/3) - v^3/2", names)


def test_methods_have_distinct_names():
    assert len({m.name for m in METHODS}) == len(METHODS)


# The files are large and not ours: name their folder to check the equations on them.
DATA = Path(os.environ.get("LLMSR_DATA", "/nonexistent"))


@pytest.mark.skipif(not DATA.is_dir(), reason="LLMSR_DATA names no folder")
@pytest.mark.parametrize("problem", [OSC1, OSC2, GROWTH], ids=lambda p: p.name)
def test_the_equations_are_those_of_the_published_rows(problem):
    for X, y in problem.rows(DATA).values():
        residual = problem.values(X) - y
        assert np.mean(residual**2) < 1e-26 * np.var(y)
