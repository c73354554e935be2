from __future__ import annotations

import doctest
import importlib
import json
import math

import numpy as np
import pandas as pd
import pytest

from benchmarks.comparison import compare
from benchmarks.metrics import bootstrap_interval, fvu, is_exact, scores
from benchmarks.plots import profile_data, recovery_data
from benchmarks.report import to_html, write_report
from benchmarks.results import load_published, load_results
from benchmarks.summary import group_tables, ranks


@pytest.fixture
def frame():
    """Two methods on two problems; the second method fails on one of them."""
    rows = []
    for dataset, method, r2, size, status in (
        ("p", "a", 1.0, 5, "ok"),
        ("q", "a", 0.9, 9, "ok"),
        ("p", "b", 0.9999, 30, "ok"),
        ("q", "b", None, None, "timeout"),
    ):
        rows.append(
            {
                "dataset": dataset,
                "group": "toy",
                "algorithm": method,
                "random_state": 1,
                "target_noise": 0.0,
                "status": status,
                "r2_test": r2,
                "r2_zero_test": r2,
                "model_size": size,
                "time_time": None if r2 is None else 2.0,
                "accuracy_solution": None if r2 is None else r2 > 0.999,
                "exact_solution": None if r2 is None else r2 == 1.0,
                "fvu_unseen": None if r2 is None else 1 - r2,
            }
        )
    return pd.DataFrame(rows)


def test_a_failed_cell_counts_as_unsolved(frame):
    table = group_tables(frame)["toy"].set_index("method")

    assert table.loc["a", "accuracy_solution"] == 0.5
    assert table.loc["b", "accuracy_solution"] == 0.5
    assert table.loc["b", "exact_solution"] == 0.0
    assert table.loc["b", "failed"] == 1
    assert table.loc["b", "r2_test"] < -1e290  # the median of one good and one failed
    assert table.loc["b", "problems"] == 2


def test_ranks_put_a_failed_cell_last(frame):
    table = ranks(frame)

    assert table.loc["a"].tolist() == [1.0, 1.0]
    assert table.loc["b"].tolist() == [2.0, 2.0]


def test_differences_are_paired_by_problem(frame):
    table = compare(frame, "a", ["b"]).set_index("score")

    row = table.loc["exact (FVU and size)"]
    assert row["difference"] == 0.5
    assert (row["higher"], row["equal"], row["lower"]) == (1, 1, 0)
    assert table.loc["size", "problems"] == 1  # only where both have one
    with pytest.raises(ValueError, match="No results of 'c'"):
        compare(frame, "c")


def test_curves_count_failures_in_the_denominator(frame):
    recovery = recovery_data(frame)
    assert recovery["a"]["share"].tolist() == [0.0, 0.5, 0.5]
    assert recovery["a"]["seconds"].tolist() == [0.01, 2.0, 2.0]
    assert recovery["b"]["share"].tolist() == [0.0, 0.0]
    profile = profile_data(frame)["b"]
    assert profile["share"].max() == 0.5


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    rng = np.random.default_rng(0)
    hits = 0
    for trial in range(200):
        _, low, high = bootstrap_interval(rng.normal(size=60), seed=trial)
        hits += low <= 0 <= high

    # 95 % of 200 is 190; the percentile interval of 60 values covers a little less.
    assert 178 <= hits <= 198
    assert math.isnan(bootstrap_interval([])[0])


def test_scores_of_a_prediction_that_is_not_finite_are_the_worst():
    y = np.array([0.0, 1.0, 2.0])

    assert scores(y, np.array([0.0, np.nan, 2.0]), "test")["r2_test"] == -math.inf
    assert fvu(y, np.array([0.0, np.inf, 2.0])) == math.inf
    assert fvu(y, y) == 0.0


@pytest.mark.parametrize(
    ("error", "size", "exact"),
    [(1e-8, 15, True), (1e-8, 16, False), (2e-7, 10, False), (0.0, None, False)],
)
def test_exact_means_right_and_about_as_short_as_the_truth(error, size, exact):
    assert is_exact(error, size, 10) is exact


def test_published_tables_load_into_the_same_columns(tmp_path):
    path = tmp_path / "srbench2021_groundtruth.csv"
    path.write_text(
        "algorithm,dataset,target_noise,data_group,symbolic_solution_rate_(%),"
        "accuracy_solution\n"
        "AFP,feynman_I_9_18,0.0,Feynman,40.0,1.0\n"
        "AFP,feynman_I_9_18,0.01,Feynman,0.0,0.0\n"
    )
    (tmp_path / "blackbox.csv").write_text(
        "algorithm,dataset,r2_test,model_size,training time (s)\n*AFP,one,0.8,20,9\n"
    )

    frame = load_results([path, tmp_path / "blackbox.csv"])

    # The noisy rows of this file come from a run with a wrong noise calculation.
    assert frame["target_noise"].tolist() == [0.0, 0.0]
    assert frame["symbolic_solution"].tolist()[0] == 0.4
    assert frame["time_time"].tolist()[1] == 9
    assert frame["algorithm"].tolist() == ["AFP", "AFP"]
    assert load_published(tmp_path / "blackbox.csv")["is_symbolic"].all()


def test_published_shares_by_noise_become_rows_of_groups(tmp_path):
    path = tmp_path / "by_noise.csv"
    path.write_text(
        "algorithm,metric,noise,feynman116,all130,origin\n"
        "AFP,accuracy_solution_share,0.1,0.5,0.4,figure\n"
        "AFP,symbolic_solution_pct,0.1,20,10,figure\n"
    )

    frame = load_published(path).set_index("group")

    assert frame.loc["all130", "accuracy_solution"] == 0.4
    assert frame.loc["feynman116", "symbolic_solution"] == 0.2
    assert frame["target_noise"].tolist() == [0.1, 0.1]


def test_a_busy_machine_is_told(tmp_path):
    path = tmp_path / "run.jsonl"
    record = {
        "record": "cell",
        "status": "ok",
        "dataset": "p",
        "group": "toy",
        "algorithm": "a",
        "random_state": 1,
        "target_noise": 0.0,
        "r2_test": 0.5,
        "r2_zero_test": 0.5,
        "model_size": 3,
        "time_time": 10.0,
        "cpu_share": 0.3,
        "accuracy_solution": False,
    }
    path.write_text(json.dumps(record) + "\n")
    (busy, *_) = write_report([path], tmp_path / "busy")
    path.write_text(json.dumps(record | {"cpu_share": 0.97}) + "\n")
    (idle, *_) = write_report([path], tmp_path / "idle")

    assert "the machine was busy" in busy.read_text()
    assert "the machine was busy" not in idle.read_text()


def test_the_page_escapes_what_methods_report():
    page = to_html("# <b>\n\n| a |\n|---|\n| <script>x\\|y</script> |", "t")

    assert "<script>" not in page
    assert "&lt;script&gt;x|y&lt;/script&gt;" in page


@pytest.mark.parametrize(
    "name",
    ["notation", "metrics", "symbolic", "problems.problem"],
)
def test_the_examples_in_docstrings_run(name):
    module = importlib.import_module(f"benchmarks.{name}")

    results = doctest.testmod(module)

    assert results.attempted > 0
    assert results.failed == 0
