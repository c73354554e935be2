from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from sklearn_chatsr import ChatSRRegressor
from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.prompts import Constraints
from sklearn_chatsr.proposers import Problem, SumsProposer
from sklearn_chatsr.selection import Archive, DescriptionLength

LAW = Expression.from_infix("4 - 2*x1 + 3*max(x2, 1.7) + x1*x3 - 2*x4/x3 + log(x4)")


def proposals(X, y, weight=None, **settings):
    archive = Archive(DescriptionLength(len(y), 1.0, 0.0, X.shape[1]))
    problem = Problem(X, y, weight, archive, **settings)
    batches = SumsProposer().propose(problem, np.random.default_rng(0))
    return [expression for batch in batches for expression in batch]


def best_r2(found, X, y):
    errors = [np.mean((y - e.evaluate(X)) ** 2) / np.var(y) for e in found]
    return 1 - min(errors, default=1.0)


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    X = rng.uniform(0.5, 3, size=(2_000, 5))
    clean = LAW.evaluate(X)
    return X, clean, clean + 0.5 * clean.std() * rng.normal(size=len(X))


def test_a_law_of_many_terms_is_found_under_noise(table):
    X, clean, noisy = table

    found = proposals(X, noisy, max_size=40)

    assert best_r2(found, X, clean) > 0.99
    line = LinearRegression().fit(X, noisy).predict(X)
    assert 1 - np.mean((clean - line) ** 2) / np.var(clean) < 0.88
    assert found[0].size < min(e.size for e in found[1:])


@pytest.mark.parametrize("n_rows", [80, 300])
@pytest.mark.parametrize(
    ("low", "text"),
    [
        (-2, "1.3*x1*x2 - 0.7*x2^2*x3 + 2.1*x3*x1 + 0.4*x1^3"),
        (0, "1.1*x1^2*x2 + 0.9*x2*x3 + 1.5*x1 - 2.2*x1*x3^2"),
        (0, "2.9*x1^2 - 1.1*x1*x3 + 2.1*x2 - 1.2*x2*x3"),
    ],
)
def test_a_polynomial_is_found_whose_terms_go_together(low, text, n_rows):
    law = Expression.from_infix(text)
    X = np.random.default_rng(1).uniform(low, 2, size=(n_rows, 3))
    clean = law.evaluate(X)
    noise = 0.02 * clean.std() * np.random.default_rng(2).normal(size=n_rows)

    found = proposals(X, clean + noise, max_size=30)

    fitted = {e.skeleton().canonical_key() for e in found}
    assert best_r2(found, X, clean) > 0.9995
    assert Expression.from_infix(f"{text} + 0.1").skeleton().canonical_key() in fitted


def test_no_sum_is_longer_than_allowed(table):
    X, _, noisy = table

    sizes = [e.size for e in proposals(X, noisy, max_size=17)]

    assert sizes
    assert max(sizes) <= 17


def test_what_constraints_forbid_is_no_term(table):
    X, clean, noisy = table
    rules = Constraints.read(["avoid division", "ignore x5"], list("abcde"))

    found = proposals(X, noisy, max_size=60, constraints=rules)

    assert found
    assert not any({"div", "inv", "x5"} & set(e.tokens) for e in found)
    assert best_r2(found, X, clean) > 0.9


def test_rows_count_by_their_weight(table):
    X, clean, noisy = table
    y, weight = clean.copy(), np.ones(len(X))
    y[::2], weight[::2] = 1e3 * noisy[::2] * X[::2, 4], 1e-9

    found = proposals(X, y, weight, max_size=40)

    assert best_r2(found, X, clean) > 0.99
    assert best_r2(proposals(X, y, max_size=40), X, clean) < 0.5


def test_few_rows_and_constant_targets_give_nothing(table):
    X, clean, _ = table

    assert proposals(X[:19], clean[:19]) == []
    assert proposals(X, np.ones(len(X))) == []


def test_columns_that_repeat_others_and_huge_values_do_no_harm(table):
    X, clean, noisy = table
    X = np.column_stack([X, 2 * X[:, 0], 1e200 * X[:, 1]])

    assert best_r2(proposals(X, noisy, max_size=40), X, clean) > 0.99


def test_a_large_noisy_table_gets_more_than_a_line(table):
    X, clean, noisy = table
    regressor = ChatSRRegressor(proposers=("sums",), max_time=60, random_state=0)

    regressor.fit(X, noisy)

    assert 1 - np.mean((clean - regressor.predict(X)) ** 2) / np.var(clean) > 0.99
    assert {c.source for c in regressor.candidates_} >= {"sums", "baseline"}
