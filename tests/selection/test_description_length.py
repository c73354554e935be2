from __future__ import annotations

import math

import numpy as np

from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.selection import (
    DescriptionLength,
    complexity,
    formula_bits,
    oscillation_bits,
)

LINE = Expression.from_infix("2*x1")
WIGGLE = Expression.from_infix("2.0317*x1 + 0.1733*sin(3.7119*x1)")


def price(n, floor=0.0, variance=1.0):
    return DescriptionLength(n, variance=variance, floor=floor, n_features=1)


def test_more_rows_justify_a_longer_formula():
    few, many = price(20), price(5_000)

    assert few(LINE, 0.10) < few(WIGGLE, 0.08)
    assert many(LINE, 0.10) > many(WIGGLE, 0.08)


def test_a_loss_beyond_all_bounds_has_no_code():
    cost = price(100, variance=1e-30)

    assert cost(LINE, 1e290) == math.inf
    assert math.isfinite(cost(LINE, 1e270))


def test_below_the_floor_only_the_formula_counts():
    cost = price(100, floor=1e-6)

    assert cost(LINE, 1e-7) == cost(LINE, 1e-12)
    assert cost(LINE, 1e-7) < cost(WIGGLE, 1e-12)
    assert cost.at_floor(1e-7)
    assert not cost.at_floor(1e-5)


def test_no_formula_with_as_many_constants_as_rows_is_affordable():
    assert price(3)(WIGGLE, 1e-9) == math.inf
    assert price(100)(LINE, math.nan) == math.inf


def test_a_constant_is_affordable_for_a_single_observation():
    cost = price(1, variance=0.0)

    exact = cost(Expression.from_infix("2.462157187477442"), 0.0)

    assert exact < cost(Expression.from_infix("0"), 6.0)


def test_integers_and_short_decimals_are_cheaper_than_digits():
    texts = ["3*x1", "2.5*x1", "2.5317*x1", "2.531742913*x1"]

    bits = [formula_bits(Expression.from_infix(t), 40, 1) for t in texts]

    assert bits == sorted(bits)
    assert len(set(bits)) == 4


def test_exactness_is_what_makes_digits_dear():
    gap = Expression.from_infix("2.531742913*x1"), Expression.from_infix("3*x1")

    exact = [price(100)(e, 1e-24) for e in gap]
    noisy = [price(100)(e, 1e-1) for e in gap]

    assert exact[0] - exact[1] > 3 * (noisy[0] - noisy[1])


def test_choosing_among_more_columns_costs_more():
    curve = Expression.from_infix("2*sin(x1)")

    assert formula_bits(curve, 10, n_features=8) == formula_bits(curve, 10, 1) + 3
    assert formula_bits(LINE, 10, n_features=8) > formula_bits(LINE, 10, 1)


def test_a_line_is_said_in_fewer_bits_than_a_curve_of_its_size():
    line = Expression.from_infix("2.1*x1 + 3.2*x2 + 1.7")
    curve = Expression.from_infix("2.1*x1 + 3.2/x2 + 1.7")

    assert formula_bits(line, 10, 2) < formula_bits(curve, 10, 2) - 8


def test_a_line_in_fewer_columns_costs_less():
    both = Expression.from_infix("2.1*x1 + 3.2*x2 + 1.7")
    one = Expression.from_infix("2.1*x1 + 1.7")

    assert formula_bits(one, 10, 2) < formula_bits(both, 10, 2)


def test_a_negative_half_costs_one_bit_more_than_a_half():
    half, negative = Expression.from_infix("x1/2"), Expression.from_infix("-x1/2")

    assert formula_bits(negative, 10, 1) == formula_bits(half, 10, 1) + 1


def test_complexity_counts_nodes():
    assert complexity(WIGGLE) == WIGGLE.size == 10


def test_a_fast_wave_costs_more_than_a_slow_one():
    X = np.linspace(0, 10, 200)[:, np.newaxis]
    cost = DescriptionLength(200, 1.0, 1e-24, n_features=1, X=X)

    bits = [
        cost(Expression.from_infix(f"1.2345*sin({k}*x1)"), 0.5)
        for k in (0.54321, 5.4321, 54.321)
    ]

    # As many waves more as digits were moved: about three bits each time.
    assert 1.5 < bits[1] - bits[0] < 4
    assert 2.5 < bits[2] - bits[1] < 4


def test_a_wave_between_the_rows_is_hardly_believed():
    few, many = (np.linspace(0, 10, n)[:, np.newaxis] for n in (30, 3000))
    slow = Expression.from_infix("sin(8.4321*x1)")
    fast = Expression.from_infix("sin(843.21*x1)")

    assert oscillation_bits(slow, few) < 4
    assert oscillation_bits(fast, few) > 150
    assert oscillation_bits(fast, many) < 11
    # A part of many rows, by which the waves are counted.
    assert oscillation_bits(fast, few, n_samples=3000) < 11


def test_waves_without_a_fitted_frequency_cost_nothing_more():
    X = np.linspace(0, 100, 200)[:, np.newaxis]

    for text in ("sin(x1)", "2.5*sin(x1) + 0.3*x1", "sin(7*x1)"):
        assert oscillation_bits(Expression.from_infix(text), X) == 0.0
