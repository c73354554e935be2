from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sklearn_chatsr.datasets import load_cepheids, load_nebulae, load_planets

SOLAR_SYSTEM = ["Mercury", "Venus", "Earth", "Mars", "Jupiter", "Saturn", "Uranus"]


@pytest.mark.parametrize(
    ("load", "shape"),
    [(load_planets, (167, 2)), (load_cepheids, (26, 1)), (load_nebulae, (24, 1))],
)
def test_bunch_has_what_scikit_learn_loaders_give(load, shape):
    bunch = load()

    assert bunch.data.shape == shape
    assert bunch.target.shape == shape[:1]
    assert list(bunch.data.columns) == bunch.feature_names
    assert bunch.target.name == bunch.target_name
    assert list(bunch.frame.columns) == [*bunch.feature_names, bunch.target_name]
    assert f"{shape[0]}" in bunch.DESCR
    assert "References" in bunch.DESCR
    assert Path(bunch.filename).is_file()


@pytest.mark.parametrize("load", [load_planets, load_cepheids])
def test_rows_are_finite_positive_and_distinct(load):
    frame = load().frame

    numbers = frame.select_dtypes("number").to_numpy()
    assert np.isfinite(numbers).all()
    assert (numbers > 0).all()
    assert not frame.duplicated().any()
    assert not frame.index.duplicated().any()


@pytest.mark.parametrize("load", [load_planets, load_cepheids, load_nebulae])
def test_return_x_y_gives_the_same_rows_as_frames_and_as_arrays(load):
    X, y = load(return_X_y=True)
    X_array, y_array = load(return_X_y=True, as_frame=False)

    assert isinstance(X, pd.DataFrame)
    assert isinstance(y, pd.Series)
    assert isinstance(X_array, np.ndarray)
    np.testing.assert_array_equal(X.to_numpy(), X_array)
    np.testing.assert_array_equal(y.to_numpy(), y_array)
    assert load(as_frame=False).frame is None


@pytest.mark.parametrize("load", [load_planets, load_cepheids, load_nebulae])
def test_loaders_return_fresh_copies(load):
    first = load().data
    first.iloc[0, 0] = -1.0

    assert load().data.iloc[0, 0] > 0


def test_planets_are_given_in_days_astronomical_units_and_solar_masses():
    X, y = load_planets(return_X_y=True)
    third_law = 365.25 * np.sqrt(X["semi_major_axis"] ** 3 / X["star_mass"])

    # No unit slips in any row, and hardly any error at home.
    assert (abs(y / third_law - 1) < 0.2).all()
    assert (abs(y / third_law - 1)[SOLAR_SYSTEM] < 2e-3).all()


def test_planets_keep_the_scatter_of_the_catalogue():
    X, y = load_planets(return_X_y=True)
    third_law = 365.25 * np.sqrt(X["semi_major_axis"] ** 3 / X["star_mass"])
    error = abs(y / third_law - 1)

    # The figures that DESCR states.
    assert error.median() == pytest.approx(0.002, abs=0.0005)
    assert (error > 0.03).mean() == pytest.approx(1 / 8, abs=0.01)
    assert error.max() == pytest.approx(0.19, abs=0.005)


def test_cepheids_are_brighter_the_longer_their_period():
    X, y = load_cepheids(return_X_y=True)

    slope, intercept = np.polyfit(np.log10(X["period"]), y, 1)
    scatter = np.std(y - slope * np.log10(X["period"]) - intercept)

    # Leavitt: the logarithm of the period grows by 0.48 for a magnitude.
    assert slope == pytest.approx(-1 / 0.48, rel=0.05)
    assert scatter == pytest.approx(0.25, abs=0.05)


def test_nebulae_give_the_slope_that_is_known_of_hubbles_table():
    X, y = load_nebulae(return_X_y=True)

    slope, offset = np.polyfit(X["distance"], y, 1)

    # The line through all 24 nebulae, as it is quoted in textbooks.
    assert slope == pytest.approx(454, abs=1)
    assert offset == pytest.approx(-41, abs=1)
