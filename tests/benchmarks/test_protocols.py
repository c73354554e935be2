from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.model_selection import train_test_split

from benchmarks.problems import Problem
from benchmarks.protocols import PROTOCOLS, SRBENCH_SEEDS, prepare

GROUND_TRUTH = PROTOCOLS["srbench-2021-groundtruth"]


def test_the_ground_truth_protocol_is_that_of_2021():
    assert GROUND_TRUTH.seeds == (
        *(23654, 15795, 860, 5390, 16850, 29910, 4426, 21962, 14423, 28020),
    )
    assert GROUND_TRUTH.noise_levels == (0.0, 0.001, 0.01, 0.1)
    assert len(PROTOCOLS["srbench-2025"].seeds) == 30


def test_the_split_is_that_of_scikit_learn_with_the_trial_seed(line):
    trial = prepare(line, GROUND_TRUTH, SRBENCH_SEEDS[1])
    X, y = line.draw(line.rows, seed=0)

    expected = train_test_split(
        X, y, train_size=0.75, test_size=0.25, random_state=15795
    )
    for found, wanted in zip(
        (trial.X_train, trial.X_test, trial.y_train, trial.y_test),
        expected,
        strict=True,
    ):
        assert np.array_equal(found, wanted)


def test_noise_is_a_share_of_the_root_mean_square_of_the_training_target(line):
    line = replace(line, rows=8_000)
    clean = prepare(line, GROUND_TRUTH, 860)
    noisy = prepare(line, GROUND_TRUTH, 860, noise=0.1)

    added = noisy.y_train - clean.y_train
    rms = np.sqrt(np.mean(clean.y_train**2))
    expected = np.random.RandomState(860).normal(0, 0.1 * rms, len(added))
    np.testing.assert_allclose(added, expected, atol=1e-12)
    assert np.array_equal(noisy.y_test, clean.y_test)
    assert np.array_equal(noisy.y_train_clean, clean.y_train)


def test_long_data_sets_are_capped_with_replacement_in_2021(line):
    trial = prepare(replace(line, rows=12_000), GROUND_TRUTH, 5390)

    # 9,000 training rows are fewer than 10,000, but the whole set is longer: 2021 draws
    # 10,000 of them, some twice.
    assert len(trial.y_train) == 10_000
    assert len(np.unique(trial.y_train)) < 9_000
    assert len(trial.y_test) == 3_000


def test_the_quick_cap_draws_no_row_twice(line):
    quick = replace(PROTOCOLS["quick"], rows=3_000)

    trial = prepare(line, quick, 23654)

    assert len(np.unique(trial.y_train)) == len(trial.y_train) == 1_000


def test_measured_data_are_standardised_and_predictions_brought_back(tmp_path):
    rng = np.random.default_rng(0)
    rows = np.column_stack([rng.uniform(50, 60, 40), rng.uniform(1e3, 2e3, 40)])
    path = tmp_path / "data.csv"
    np.savetxt(path, rows, delimiter=",", header="a,target", comments="")

    trial = prepare(
        Problem("data", "mine", (), path=path), PROTOCOLS["srbench-2025"], 23654
    )

    assert trial.X_train.mean() == pytest.approx(0, abs=1e-12)
    assert trial.y_train.std() == pytest.approx(1)
    np.testing.assert_allclose(trial.unscale(trial.y_train), trial.y_train_clean)
    assert trial.y_test.min() > 900
    assert trial.X_unseen is None


def test_published_rows_take_the_formulas_order_of_columns(tmp_path, plane):
    path = tmp_path / "plane.csv"
    path.write_text("b,a,target\n" + "".join(f"{i},{2 * i},{i}\n" for i in range(1, 9)))

    trial = prepare(replace(plane, path=path), GROUND_TRUTH, 860)

    assert trial.origin == "file"
    assert trial.names == ("a", "b")
    np.testing.assert_allclose(trial.X_train[:, 0], 2 * trial.X_train[:, 1])
