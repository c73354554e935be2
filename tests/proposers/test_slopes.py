from __future__ import annotations

import numpy as np
import pytest

from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.proposers.basis.process import fit_process
from sklearn_chatsr.proposers.basis.reductions import Remainder
from sklearn_chatsr.proposers.basis.slopes import reduced_by_slopes
from sklearn_chatsr.proposers.basis.terms import Columns


def draw(seed, lows, highs, n_rows=300):
    return np.random.default_rng(seed).uniform(lows, highs, (n_rows, len(lows)))


def reduce(X, y, parts=()):
    return reduced_by_slopes(Columns.of(X), y, parts, lambda: False)


def whole(part, X):
    """Give the values of the target that a part stands for."""
    leaf = "x9"
    table = np.column_stack([X, np.zeros((len(X), 8 - X.shape[1])), part.y])
    [tree, *_] = part.formulas("1", leaf)
    return Expression.from_tree(tree).evaluate(table)


def test_a_process_predicts_left_out_rows_and_slopes():
    X = draw(0, [-2, -2], [2, 2], 200)
    y = np.sin(2 * X[:, 0]) * np.exp(0.3 * X[:, 1])

    process = fit_process(X, y, 30)

    assert np.median(np.abs(process.left)) < 1e-4
    slope = 2 * np.cos(2 * X[:, 0]) * np.exp(0.3 * X[:, 1])
    assert np.median(np.abs(process.slopes[:, 0] - slope)) < 1e-3
    # The narrow width is along the column in which the function turns.
    assert process.parameters[0] < process.parameters[1]


def test_what_a_process_misses_is_what_a_fit_without_the_row_misses():
    X = draw(1, [0, 0], [1, 1], 60)
    y = np.cos(3 * X[:, 0]) + X[:, 1] ** 2
    process = fit_process(X, y, 15)

    scaled = X * np.exp(-process.parameters[:-1])
    distance = np.sum((scaled[:, None] - scaled) ** 2, axis=2)
    kernel = np.exp(-distance / 2) + 100.0
    kernel += (np.exp(process.parameters[-1]) + 1e-11) * np.eye(60)
    standard = (y - y.mean()) / y.std()
    others = np.arange(60) != 7
    weights = np.linalg.solve(kernel[np.ix_(others, others)], standard[others])
    predicted = kernel[7, others] @ weights

    assert process.left[7] == pytest.approx(
        y.std() * (standard[7] - predicted), abs=1e-5
    )


def test_a_target_without_spread_has_no_process():
    assert fit_process(draw(0, [0], [1], 20), np.ones(20), 5) is None


def test_a_common_shift_of_target_and_columns_is_seen():
    X = draw(2, [0, 1, 0.5, 0.5], [0.5, 3, 2, 2])
    a, b, u, v = X.T
    y = a + (b - a) * np.tanh(u * v**2)

    found = reduce(X, y)

    smallest = found.parts[0]
    assert len(smallest.columns) == 1
    assert np.corrcoef(np.log(smallest.columns.values[0]), np.log(u * v**2))[
        0, 1
    ] == pytest.approx(1)
    assert whole(smallest, X) == pytest.approx(y)
    assert found.error < 1e-4


def test_a_difference_with_a_coefficient_is_seen():
    X = draw(3, [-2, -2, 0.5], [2, 2, 2])
    y = np.arctan(1.5 * X[:, 0] - 1.05 * X[:, 1]) * np.sqrt(X[:, 2])

    [smallest, *_] = reduce(X, y).parts

    [inner] = [
        values
        for leaf, values in zip(
            smallest.columns.leaves, smallest.columns.values, strict=True
        )
        if leaf != "x3"
    ]
    assert inner == pytest.approx(X[:, 0] - 0.7 * X[:, 1])


def test_a_law_of_all_columns_is_left_alone():
    X = draw(4, [0.5, 0.5, 0.5], [2, 2, 2])
    y = np.sin(X[:, 0] * X[:, 1]) + np.exp(-X[:, 1] * X[:, 2]) + X[:, 0] ** X[:, 2]

    assert reduce(X, y).parts == []


def test_noise_leaves_no_small_error():
    X = draw(5, [0.5, 0.5, 0.5], [2, 2, 2])
    y = X[:, 0] * np.exp(-X[:, 1] / X[:, 2])
    y += 0.02 * np.random.default_rng(0).standard_normal(len(y))

    assert reduce(X, y).error > 1e-3


def test_noise_leaves_the_parts_that_there_are():
    X = draw(5, [0.5, 0.5, 0.5], [2, 2, 2])
    y = X[:, 0] * np.exp(-X[:, 1] / X[:, 2])
    y += 0.05 * np.random.default_rng(0).standard_normal(len(y))
    columns = Columns.of(X)
    part = Remainder("1", "1", columns, y, np.ones_like(y)).divided(0, "x1", X[:, 0])

    assert part in reduce(X, y, [part]).parts


def test_wrong_parts_are_left_out_and_right_ones_kept():
    X = draw(6, [0.5, 0.5, 0.5], [2, 2, 2])
    a, b, c = X.T
    y = a * np.sin(b) / (c + np.cos(b * c))
    columns = Columns.of(X)
    one = np.ones_like(y)
    right = Remainder("1", "1", columns, y, one).divided(0, "x1", a)
    leaf = ("mul", "x1", "x2")
    wrong = Remainder("1", "1", columns.instead_of([0, 1], leaf, a * b), y, one)

    parts = reduce(X, y, [wrong, right]).parts

    assert right in parts
    assert wrong not in parts


def test_addends_are_taken_away_with_their_coefficients():
    X = draw(7, [0.5, 0.5, -1, -1, 0.5], [2, 2, 1, 1, 2])
    y = 0.7 * X[:, 0] * X[:, 1] + np.tanh(X[:, 2] - X[:, 3]) - 1.3 / X[:, 4]

    smallest = reduce(X, y).parts[0]

    assert len(smallest.columns) == 1
    assert np.ptp(smallest.y - np.tanh(X[:, 2] - X[:, 3])) < 1e-9
    assert whole(smallest, X) == pytest.approx(y)


def test_columns_with_zeros_are_in_changes_of_units():
    X = draw(8, [0.5, -1, 0], [2, 1, 2])
    a, b, c = X.T
    y = (3 + b / a) * np.exp(-c * a)

    smallest = reduce(X, y).parts[0]

    assert len(smallest.columns) == 2
    groups = sorted(smallest.columns.values, key=np.min)
    assert groups[0] == pytest.approx(b / a)
    assert groups[1] == pytest.approx(c * a)


def test_inverses_are_added():
    X = draw(9, [0.5, 0.5, 0.5], [2, 2, 2])
    y = np.log(1 + 1 / X[:, 0] + 1 / X[:, 1]) * np.sqrt(X[:, 2] + 1)

    [smallest, *_] = reduce(X, y).parts

    assert len(smallest.columns) == 2
    assert smallest.columns.values[1] == pytest.approx(1 / X[:, 0] + 1 / X[:, 1])


def smallest_values(X, y):
    [smallest, *_] = reduce(X, y).parts
    [values] = smallest.columns.values
    return values


def test_different_powers_are_added():
    X = draw(9, [0.4, 0.5], [6, 2.5])
    inner = np.sqrt(X[:, 0]) + 0.6 * X[:, 1] ** 3
    y = np.tanh(0.3 * inner) / (1.2 + inner)

    assert np.corrcoef(smallest_values(X, y), inner)[0, 1] == pytest.approx(1)


def test_a_square_is_added_to_a_column_where_it_passes_zero():
    X = draw(10, [0.4, -1.5], [3, 2])
    inner = X[:, 0] + X[:, 1] ** 2
    y = np.log(inner) * np.exp(-0.4 * inner)

    assert np.corrcoef(smallest_values(X, y), inner)[0, 1] == pytest.approx(1)


@pytest.mark.parametrize("exponent", [1.25, -0.62])
def test_a_power_in_front_is_found_to_its_digits(exponent):
    X = draw(11, [1, 0.5], [9, 4])
    y = X[:, 0] ** exponent * np.cosh(X[:, 1]) / (1 + X[:, 1] ** 2)

    [smallest, *_] = reduce(X, y).parts

    assert smallest.columns.leaves == ["x2"]
    assert np.ptp(smallest.y / y * X[:, 0] ** exponent) < 1e-9


def test_a_factor_in_front_of_both_signs_is_found():
    X = draw(12, [1, -2, 0.3], [4, 2, 0.9])
    y = X[:, 0] * (np.exp(X[:, 1] * X[:, 2]) - np.exp(-0.8 * X[:, 1]))

    [smallest, *_] = reduce(X, y).parts

    assert smallest.columns.leaves == ["x2", "x3"]
    assert whole(smallest, X) == pytest.approx(y)


def test_functions_of_one_column_are_taken_away_and_divided_out():
    X = draw(5, [1, 1, 0.2, 1, 1], [3, 3, 2, 9, 4])
    a, b, c, d, e = X.T
    y = (a + b * c**0.3) * (1 + 0.2 * np.log(d)) * (6 - (e - 0.7) ** 1.3)

    found = reduce(X, y)

    smallest = found.parts[0]
    assert len(smallest.columns) <= 2
    assert found.error < 1e-4
    assert whole(smallest, X) == pytest.approx(y, rel=1e-3)


def test_a_function_beside_the_others_is_seen():
    X = draw(6, [1, 1, 0.2], [3, 3, 4])
    y = np.sqrt(X[:, 0] + X[:, 1] ** 2) * X[:, 0] + 2 * np.exp(-0.8 * X[:, 2])

    smallest = reduce(X, y).parts[0]

    assert smallest.columns.leaves == ["x1", "x2"]
    assert whole(smallest, X) == pytest.approx(y, rel=1e-3)


def test_what_is_beside_a_process_is_known_as_a_function():
    X = draw(7, [0, 0], [2, 2])
    u = X[:, 1] - 1
    y = np.sin(2 * X[:, 0]) + u**3 - u
    beside = np.column_stack([u, u**2, u**3])

    process = fit_process(X[:, :1], y, 15, beside=beside)

    function = u**3 - u
    assert process.beside == pytest.approx(function - function.mean(), abs=1e-3)
