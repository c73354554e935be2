from __future__ import annotations

import numpy as np
import pytest

from sklearn_chatsr.selection import resolution, rounding_steps


def significant(y, digits):
    return np.array([float(f"{value:.{digits - 1}e}") for value in y])


@pytest.fixture
def y():
    return np.exp(np.random.default_rng(0).uniform(-3, 5, size=60))


def test_rounded_measurements_have_a_floor_of_their_digits():
    exact = np.random.default_rng(0).uniform(1, 9, 200)
    y = np.round(exact, 2)

    floor, ceiling = resolution(y)

    assert floor == pytest.approx(0.01**2 / 12)
    assert np.mean(np.square(y - exact)) < ceiling < 1.2 * floor


@pytest.mark.parametrize("digits", [2, 3, 4, 5, 6])
@pytest.mark.parametrize("unit", [1e-20, 1.0, 1e5])
def test_significant_digits_have_steps_of_their_decades(y, digits, unit):
    rounded = significant(y * unit, digits)
    steps = rounding_steps(rounded)

    decade = np.floor(np.log10(rounded))
    np.testing.assert_allclose(steps, 10.0 ** (decade - digits + 1))
    assert np.all(np.abs(rounded - y * unit) <= 0.5001 * steps)


@pytest.mark.parametrize("digits", [3, 5])
def test_the_floor_is_what_rounding_leaves_with_and_without_weights(y, digits):
    rounded = significant(y, digits)
    missed = np.square(rounded - y)
    weight = 1.0 / np.square(rounded)

    for share in (np.ones(len(y)), weight):
        left = np.average(missed, weights=share)
        floor, ceiling = resolution(rounded, share)
        assert max(left, floor) < ceiling < 3 * floor
        assert left / 3 < floor < 3 * left


def test_one_number_of_decimals_is_one_step(y):
    assert np.all(rounding_steps(np.round(y, 2)) == 0.01)


@pytest.mark.parametrize(
    "y",
    [
        [1.0, 2.0, 30.0],
        250.0 * np.arange(1, 21),
        np.random.default_rng(0).poisson(300, size=50).astype(float),
        np.random.default_rng(0).normal(size=9),
        np.zeros(5),
    ],
    ids=["whole", "design", "counts", "floats", "zeros"],
)
def test_what_may_be_exact_is_taken_at_its_word(y):
    assert not rounding_steps(y).any()
    assert resolution(y).floor <= 1e-23 * np.mean(np.square(y))


def test_zeros_among_rounded_numbers_have_the_finest_step(y):
    y = np.append(significant(y, 3), 0.0)

    assert rounding_steps(y)[-1] == rounding_steps(y).min() > 0


def test_zeros_have_no_mantissas():
    y = np.zeros(300)
    y[-1] = np.pi

    with np.errstate(all="raise"):
        assert 0 < resolution(y).floor < 1e-20


def test_many_rows_are_judged_by_some(y):
    many = np.round(np.random.default_rng(0).normal(size=100_000), 3)

    assert resolution(many).floor == pytest.approx(1e-6 / 12, rel=0.02)


def test_the_floor_follows_the_unit():
    y = np.random.default_rng(0).normal(size=50)

    assert resolution(y * 1e-20).floor == pytest.approx(resolution(y).floor * 1e-40)
    assert resolution(np.zeros(5)).floor == 0.0


@pytest.mark.parametrize("unit", [1e-20, 1.0, 1e20])
def test_float32_targets_have_a_floor_of_their_digits(unit):
    exact = unit * np.random.default_rng(0).uniform(1, 9, 200)
    single = exact.astype(np.float32).astype(np.float64)

    assert np.var(single - exact) < resolution(single).floor < (1e-6 * unit) ** 2
    assert resolution(exact).floor < (1e-10 * unit) ** 2


def test_halves_and_quarters_are_taken_at_their_word():
    y = np.random.default_rng(0).integers(-4000, 4000, 200) / 1024

    assert resolution(y).floor < 1e-20
