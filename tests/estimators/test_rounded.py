from __future__ import annotations

import numpy as np
import pytest

from sklearn_chatsr import ChatSRRegressor
from sklearn_chatsr.estimators.search import Search, SearchSettings
from sklearn_chatsr.estimators.table import Table
from sklearn_chatsr.expressions import Expression


class Speaker:
    name = "speaker"

    def __init__(self, *texts):
        self.texts = texts

    def propose(self, problem, rng):
        for text in self.texts:
            yield [Expression.from_infix(text).skeleton()]


def significant(y, digits):
    return np.array([float(f"{value:.{digits - 1}e}") for value in y])


def columns(n_columns, n_rows=60, seed=0):
    rng = np.random.default_rng(seed)
    return np.exp(rng.uniform(np.log(0.1), np.log(50), size=(n_rows, n_columns)))


@pytest.mark.parametrize("seed", range(3))
def test_a_law_of_three_digits_is_found_as_it_is_and_at_once(seed):
    X = columns(2, seed=seed)
    law = Expression.from_infix("7.3*x1^1.4/x2^0.6")
    X_new = columns(2, n_rows=500, seed=9)

    found = ChatSRRegressor(random_state=seed).fit(X, significant(law.evaluate(X), 3))

    expected = law.evaluate(X_new)
    np.testing.assert_allclose(found.predict(X_new), expected, rtol=3e-3)
    assert found.expression_.size <= law.size + 2


def test_small_values_count_by_their_digits():
    X = columns(1, n_rows=80)
    law = Expression.from_infix("40.0/x1 + 0.3*sqrt(x1)")

    found = ChatSRRegressor(random_state=0).fit(X, significant(law.evaluate(X), 3))

    expected = law.evaluate(X)
    np.testing.assert_allclose(found.predict(X), expected, rtol=5e-3)


@pytest.mark.parametrize(
    ("noise", "is_relative"), [(0.0, True), (0.003, True), (2, False)]
)
def test_rows_are_weighted_where_rounding_is_what_is_left(noise, is_relative):
    X = columns(1, n_rows=100)
    y = 3.7 * X[:, 0] ** 1.5
    size = noise * (y if noise < 1 else 1.0)
    y = significant(y + size * np.random.default_rng(1).normal(size=100), 3)
    search = Search(Table(X, y), settings=SearchSettings(), labels=["x1"])

    search.run([("a",)], lambda _: Speaker("1.5*x1^1.1", "1.5*x1"))

    assert (search.precision is not None) == is_relative
    if is_relative:
        assert search.precision[np.argmin(y)] > 1e3 * search.precision[np.argmax(y)]


def test_a_fixed_number_of_decimals_asks_for_no_weights():
    X = columns(1)
    y = np.round(3.7 * X[:, 0] ** 1.5, 1)
    search = Search(Table(X, y), settings=SearchSettings(), labels=["x1"])

    search.run([("a",)], lambda _: Speaker("1.5*x1^1.1"))

    assert search.precision is None


def test_a_term_that_meets_one_row_is_no_part_of_the_answer():
    rng = np.random.default_rng(0)
    X = rng.uniform(0, 4, size=(80, 2))
    X[:5, 0] = 25.0, 20.0, 18.0, 16.0, 14.0
    y = 2.1 * X[:, 0] + X[:, 1] + 0.1 * rng.normal(size=80)
    y[0] += 1.5
    decorated = "2.1*x1 + x2 + 1e-11*exp(x1)"
    search = Search(Table(X, y), settings=SearchSettings(), labels=["x1", "x2"])

    archive = search.run([("a",)], lambda _: Speaker(decorated, "2.1*x1 + 1.5*x2"))

    assert "exp" not in search.choose(archive).expression.tokens
    assert "exp" in archive.best("mdl").expression.tokens
