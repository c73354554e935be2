from __future__ import annotations

import json
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split

from sklearn_chatsr import ChatSRRegressor, Expression
from sklearn_chatsr.cli import main


@pytest.fixture
def frame():
    X = np.random.default_rng(0).uniform(1, 5, size=(60, 2))
    return pd.DataFrame(
        {"mass": X[:, 0], "r (m)": X[:, 1], "F": X[:, 0] / X[:, 1] ** 2}
    )


def write(frame, path):
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    else:
        frame.to_csv(path, sep="," if path.suffix == ".csv" else "\t", index=False)
    return str(path)


@pytest.mark.parametrize("name", ["data.csv", "data.tsv", "data.parquet"])
def test_fit_prints_the_formula_of_a_file(frame, tmp_path, capsys, name):
    path = write(frame, tmp_path / name)

    status = main(["fit", path, "--target", "F", "--quiet"])

    out = capsys.readouterr().out
    assert status == 0
    assert "F = mass/`r (m)`^2" in out
    assert "R2 train 1.000000, R2 test 1.000000" in out


def test_fit_writes_the_result_as_json(frame, tmp_path):
    path, result = write(frame, tmp_path / "data.csv"), tmp_path / "result.json"

    main(["fit", path, "--target", "F", "--quiet", "--json", str(result)])

    read = json.loads(result.read_text())
    assert read["formula"] == "mass/`r (m)`^2"
    assert read["prefix"] == ["div", "x1", "sq", "x2"]
    assert read["r2"]["test"] == pytest.approx(1.0)
    assert [row["complexity"] for row in read["pareto_front"]][-1] == 4
    assert "def formula(mass, x2)" in read["python"]


def test_the_formula_is_printed_with_the_digits_it_needs(tmp_path, capsys):
    year = np.arange(1950, 2020.0)
    noise = 0.5 * np.random.default_rng(0).normal(size=70)
    frame = pd.DataFrame({"year": year, "y": 1e-3 * (year - 1985) ** 3 + noise})
    path, result = write(frame, tmp_path / "data.csv"), tmp_path / "result.json"

    options = ["--test-size", "0", "--max-time", "3", "--quiet", "--json", str(result)]
    main(["fit", path, "--target", "y", *options])

    printed = re.search(r"^y = (.*)$", capsys.readouterr().out, re.MULTILINE)[1]
    read = json.loads(result.read_text())
    texts = (
        Expression.from_infix(printed, ["year"]),
        Expression.from_latex(read["latex"], ["year"]),
        Expression.from_infix(read["formula"], ["year"]),
    )
    lost = 1 - read["r2"]["train"]
    for text in texts:
        assert 1 - r2_score(frame["y"], text.evaluate(frame[["year"]])) < 1.01 * lost


def test_held_out_rows_outside_the_domain_do_not_hide_the_formula(tmp_path, capsys):
    x = np.linspace(0.5, 5, 40)
    frame = pd.DataFrame({"x": x, "y": np.log(x)})
    _, test = train_test_split(list(range(40)), test_size=0.25, random_state=0)
    frame.loc[test[0], "x"] = -1.0
    path = write(frame, tmp_path / "data.csv")

    status = main(["fit", path, "--target", "y", "--max-time", "3", "--quiet"])

    captured = capsys.readouterr()
    assert status == 0
    assert "y = log(x)" in captured.out
    assert "R2 test" not in captured.out
    assert "R2 test is left out" in captured.err
    assert "no finite value on 1 of 10 rows" in captured.err


def test_features_and_weights_can_be_chosen(frame, tmp_path, capsys):
    frame["F"] = 2 * frame["mass"]
    frame["w"] = 1.0
    frame["name"] = "text"
    path = write(frame, tmp_path / "data.csv")

    options = ["--features", "mass", "--weight", "w", "--test-size", "0", "--quiet"]
    status = main(["fit", path, "--target", "F", *options])

    assert status == 0
    assert "F = 2*mass" in capsys.readouterr().out


def test_an_index_that_pandas_wrote_is_told_and_not_used(frame, tmp_path, capsys):
    frame["F"] = 2 * frame["mass"]
    result = tmp_path / "result.json"
    frame.to_csv(tmp_path / "data.csv")

    options = ["--target", "F", "--quiet", "--json", str(result)]
    status = main(["fit", str(tmp_path / "data.csv"), *options])

    assert status == 0
    assert json.loads(result.read_text())["features"] == ["mass", "r (m)"]
    assert "labels of the rows" in capsys.readouterr().err


def test_weights_count_in_the_reported_r2(frame, tmp_path, capsys):
    train, test = train_test_split(list(range(60)), test_size=0.25, random_state=0)
    spoiled = [train[0], test[0]]
    frame["w"] = 1.0
    frame.loc[spoiled, ["F", "w"]] = [100.0, 0.0]
    path, result = write(frame, tmp_path / "data.csv"), tmp_path / "result.json"

    options = ["--weight", "w", "--quiet", "--json", str(result)]
    main(["fit", path, "--target", "F", *options])

    assert "R2 train 1.000000, R2 test 1.000000" in capsys.readouterr().out
    assert json.loads(result.read_text())["r2"] == pytest.approx(
        {"train": 1.0, "test": 1.0}
    )


def test_a_single_row_that_is_held_out_gives_no_figure(frame, tmp_path, capsys):
    path, result = write(frame[:10], tmp_path / "data.csv"), tmp_path / "result.json"

    options = ["--test-size", "0.1", "--quiet", "--json", str(result)]
    status = main(["fit", path, "--target", "F", *options])

    captured = capsys.readouterr()
    assert status == 0
    assert "R2 test" not in captured.out
    assert "R2 test is left out. 1 row(s) with a positive weight" in captured.err
    read = json.loads(result.read_text(), parse_constant=pytest.fail)
    assert list(read["r2"]) == ["train"]


def test_names_are_found_whatever_blanks_surround_them(tmp_path, capsys):
    x = np.arange(1, 21.0)
    path = tmp_path / "data.csv"
    lines = [f"{a}, {a % 3}, {2 * a + 1}" for a in x]
    path.write_text("\n".join(["a, b, y", *lines]))

    status = main(["fit", str(path), "--target", "y", "--features", "a, b", "--quiet"])

    assert status == 0
    assert "y = 2*a + 1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("data.csv", ["--target", "G"], "No column 'G'. Columns: mass, r (m), F."),
        ("data.csv", ["--target", "F", "--features", "a"], "No column 'a'"),
        ("data.csv", ["--target", "F", "--test-size", "2"], "must be in [0, 1)"),
        ("data.csv", ["--target", "F", "--max-size", "0"], "'max_size' parameter"),
        ("data.csv", ["--target", "F", "--selection", "best"], "'selection' parameter"),
        ("data.csv", ["--target", "F", "--selection", "²"], "'selection' parameter"),
        ("data.json", ["--target", "F"], "Cannot tell the format of 'data.json'"),
        ("none.csv", ["--target", "F"], "No file"),
        ("text.csv", ["--target", "F"], "Columns that are not numbers: name"),
        ("gaps.csv", ["--target", "F"], "1 of 60 rows have empty cells"),
    ],
)
def test_unusable_input_ends_with_its_reason(
    frame, tmp_path, capsys, name, options, message
):
    write(frame, tmp_path / "data.csv")
    (tmp_path / "data.json").write_text("{}")
    write(frame.assign(name="text"), tmp_path / "text.csv")
    gaps = frame.copy()
    gaps.loc[3, "mass"] = np.nan
    write(gaps, tmp_path / "gaps.csv")

    status = main(["fit", str(tmp_path / name), *options, "--quiet"])

    assert status == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--target", "F", "--features", "F,mass"], "Column 'F' is named twice"),
        (["--target", "F", "--features", "mass,mass"], "Column 'mass' is named twice"),
        (["--target", "F", "--weight", "F"], "Column 'F' is named twice"),
        (
            ["--target", "F", "--features", "mass", "--weight", "mass"],
            "Column 'mass' is named twice",
        ),
        (["--target", "F", "--features", ""], "No column is left"),
        (["--target", "F", "--separator", "ab"], "--separator is 'ab', must be one"),
        (["--target", "F", "--json", "no/such/folder.json"], "--json: cannot write"),
        (["--target", "F", "--json", "."], "--json is the folder '.'"),
    ],
)
def test_options_that_cannot_be_used_are_told_before_the_search(
    frame, tmp_path, capsys, monkeypatch, options, message
):
    path = write(frame, tmp_path / "data.csv")
    monkeypatch.setattr(ChatSRRegressor, "fit", lambda *args: pytest.fail("fitted"))

    status = main(["fit", path, *options, "--quiet"])

    error = capsys.readouterr().err
    assert status == 2
    assert message in error
    assert error.count("\n") == 1


def test_a_file_without_rows_is_said_to_have_none(tmp_path, capsys):
    path = tmp_path / "data.csv"
    path.write_text("mass,F\n")

    status = main(["fit", str(path), "--target", "F"])

    assert status == 2
    assert "data.csv has no rows below its header" in capsys.readouterr().err


def test_a_name_with_a_comma_is_given_in_quotes(frame, tmp_path, capsys):
    frame = frame.rename(columns={"r (m)": "r, m"}).assign(other=1.0)
    path = write(frame, tmp_path / "data.csv")

    status = main(["fit", path, "--target", "F", "--features", 'mass, "r, m"'])
    printed = capsys.readouterr().out
    main(["fit", path, "--target", "F", "--features", "r, m"])

    assert status == 0
    assert "F = mass/`r, m`^2" in printed
    assert 'Columns: mass, "r, m", F, other.' in capsys.readouterr().err


def test_separator_and_decimal_comma_can_be_given(frame, tmp_path, capsys):
    path = tmp_path / "data.csv"
    frame = frame.rename(columns={"r (m)": "r,m"})
    frame.to_csv(path, sep="|", decimal=",", index=False)

    options = ["--separator", "|", "--decimal", ",", "--quiet"]
    status = main(["fit", str(path), "--target", "F", *options])

    assert status == 0
    assert "F = mass/`r,m`^2" in capsys.readouterr().out


@pytest.mark.parametrize("module", ["sklearn_chatsr", "sklearn_chatsr.cli"])
def test_the_command_runs_as_a_module(module):
    done = subprocess.run(
        [sys.executable, "-m", module, "fit", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert "--target" in done.stdout
