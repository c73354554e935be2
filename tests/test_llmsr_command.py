from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sklearn_chatsr.cli import main

SPECIFICATION = """
description: The speed of a body that slows down.
variables:
  t: {meaning: time, unit: s}
  v0: speed at the start
target: {v: speed}
seed: return params[0]*v0*np.exp(params[1]*t)
"""


@pytest.fixture
def files(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("train", "test"):
        t, v0 = rng.uniform(0, 4, 90), rng.uniform(1, 3, 90)
        frame = pd.DataFrame({"t": t, "v0": v0, "v": v0 * np.exp(-0.7 * t)})
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
    (tmp_path / "spec.yaml").write_text(SPECIFICATION)
    return tmp_path


def run(files, *words):
    return main(
        [
            *("llmsr", str(files / "spec.yaml"), "--data", str(files / "train.csv")),
            *("--n-samples", "8", "--quiet"),
            *words,
        ]
    )


def test_a_specification_and_its_data_give_a_formula(files, capsys):
    status = run(files, "--test", str(files / "test.csv"))

    out = capsys.readouterr().out
    assert status == 0
    assert "v = v0*exp(-0.7*t)" in out
    assert "samples, " in out
    nmse = float(out.rsplit("NMSE test: ", 1)[1])
    assert nmse < 1e-12


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--language-model", "/no/such"], "is no file or folder"),
        (["--language-model-params", '{"a": 1}'], "does not suit 'grammar'"),
        (["--test", "none.csv"], "No file"),
    ],
)
def test_bad_input_ends_with_a_message(files, capsys, words, message):
    assert run(files, *words) == 2
    assert message in capsys.readouterr().err


def test_data_must_fit_the_specification(files, capsys):
    pd.DataFrame({"t": [1.0], "v": [2.0]}).to_csv(files / "train.csv", index=False)

    assert run(files) == 2
    assert "expected 2 inputs (t, v0) and, last, the target" in capsys.readouterr().err


@pytest.mark.parametrize("header", [["v", "t", "v0"], ["v0", "v", "n", "t"]])
def test_columns_are_known_by_their_names_wherever_they_are(files, capsys, header):
    frame = pd.read_csv(files / "train.csv").assign(n="text")
    frame[header].to_csv(files / "train.csv", index=False)

    assert run(files) == 0
    assert "v = v0*exp(-0.7*t)" in capsys.readouterr().out


def test_an_input_may_be_called_y(tmp_path, capsys):
    X = np.random.default_rng(0).uniform(1, 2, size=(60, 2))
    frame = pd.DataFrame({"x": X[:, 0], "y": X[:, 1], "z": 3 * X[:, 0] * X[:, 1]})
    frame.to_csv(tmp_path / "data.csv", index=False)
    (tmp_path / "spec.yaml").write_text(
        "variables: {x: , y: }\nseed: return params[0]*x*y"
    )

    words = [str(tmp_path / "spec.yaml"), "--data", str(tmp_path / "data.csv")]
    status = main(["llmsr", *words, "--n-samples", "4", "--quiet"])

    assert status == 0
    assert "z = 3*x*y" in capsys.readouterr().out


@pytest.mark.parametrize("header", [["t", "u", "v"], ["a", "b", "v"], ["t", "v0", "w"]])
def test_a_file_with_some_of_the_names_is_refused(files, capsys, header):
    frame = pd.read_csv(files / "train.csv")
    frame.set_axis(header, axis="columns").to_csv(files / "train.csv", index=False)

    assert run(files) == 2
    told = capsys.readouterr().err
    assert f"has the columns {', '.join(header)}, of which" in told
    assert "expected 2 inputs (t, v0) and, last, the target (v)" in told


@pytest.mark.parametrize("header", [["a", "b", "c"], False])
def test_columns_without_known_names_are_taken_by_position_with_a_warning(
    files, capsys, header
):
    frame = pd.read_csv(files / "train.csv")
    frame.to_csv(files / "train.csv", index=False, header=header)

    with pytest.warns(UserWarning, match="by position as t, v0 and, last, the target"):
        assert run(files, "--test", str(files / "test.csv")) == 0

    assert "= v0*exp(-0.7*t)" in capsys.readouterr().out
