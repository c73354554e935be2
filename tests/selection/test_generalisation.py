from __future__ import annotations

from itertools import chain, repeat

import numpy as np
import pytest
from sklearn import config_context

from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.fitting import ConstantFitter
from sklearn_chatsr.selection import (
    Archive,
    DescriptionLength,
    best_in_general,
    cross_validated_errors,
    resolution,
)
from sklearn_chatsr.selection.few_rows import most_central, shrunken_line


def table(n_rows, noise, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 2))
    y = X[:, 0] + 0.5 * X[:, 1] + noise * rng.normal(size=n_rows)
    return X, y


def fitted(texts, X, y):
    archive = Archive(
        DescriptionLength(len(y), float(np.var(y)), resolution(y).floor, X.shape[1])
    )
    fitter = ConstantFitter(X, y)
    for text in texts:
        fit = fitter.fit(Expression.from_infix(text).skeleton())
        archive.add(fit.expression, fit.loss, "test")
    return list(archive)


def test_errors_are_those_of_rows_that_were_not_fitted():
    X, y = table(30, 1.0)
    [candidate] = fitted(["1.5*x1 + 0.5"], X, y)

    errors = cross_validated_errors([candidate.expression], X, y)

    assert errors.shape == (1, 30)
    assert errors.mean() > candidate.loss


def test_a_formula_without_a_value_on_a_row_has_an_infinite_error_there():
    X, y = table(30, 1.0)

    errors = cross_validated_errors([Expression.from_infix("log(x1)")], X, y)

    assert np.array_equal(np.isinf(errors[0]), X[:, 0] <= 0)


def test_a_description_too_short_to_predict_is_passed_over():
    X, y = table(60, 0.1)
    short, line = fitted(["1.5", "1.5*x1 + 0.7*x2 + 0.2"], X, y)

    assert best_in_general([short, line], X, y) == line.expression


def test_a_superfluous_constant_is_not_chosen_for_a_lucky_gain():
    chosen = []
    for seed in range(10):
        X, y = table(200, 1.0, seed)
        candidates = fitted(
            ["1.5*x1 + 0.7*x2", "1.5*x1 + 0.7*x2 + 0.2*sin(1.2*x1*x2)"], X, y
        )
        chosen.append(best_in_general(candidates, X, y, thorough=False).size)

    assert max(chosen) == 7


def test_of_few_rows_a_constant_is_worth_what_it_predicts():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(80, 1))
    y = 0.75 * X[:, 0] + 0.8 * rng.normal(size=80)
    bare, scaled = fitted(["x1", "0.7*x1"], X, y)

    assert bare.bits < scaled.bits
    assert best_in_general([bare, scaled], X, y) == scaled.expression


@pytest.mark.parametrize("n_rows", [3, 9])
def test_so_few_rows_tell_nothing(n_rows):
    X, y = table(n_rows, 0.1)

    assert best_in_general(fitted(["1.5*x1"], X, y), X, y) is None


def test_no_time_gives_no_answer():
    X, y = table(30, 0.1)
    candidates = fitted(["1.5*x1"], X, y)

    assert best_in_general(candidates, X, y, out_of_time=lambda: True) is None


def test_rows_whose_turn_did_not_come_are_marked():
    X, y = table(60, 0.1)
    candidates = fitted(["1.5", "1.5*x1 + 0.7*x2 + 0.2"], X, y)
    asked = iter([False] * 4 + [True])

    errors = cross_validated_errors(
        [c.expression for c in candidates], X, y, out_of_time=lambda: next(asked)
    )

    assert np.isnan(errors).sum(axis=1).tolist() == [36, 36]


def test_the_folds_that_there_was_time_for_decide():
    X, y = table(60, 0.1)
    short, line = fitted(["1.5", "1.5*x1 + 0.7*x2 + 0.2"], X, y)
    asked = chain([False] * 4, repeat(True))

    best = best_in_general([short, line], X, y, out_of_time=lambda: next(asked))

    assert best == line.expression


def test_repeated_folds_steady_the_estimate():
    X, y = table(20, 1.0)
    [line] = fitted(["1.5*x1 + 0.7*x2 + 0.2"], X, y)

    def spread(n_repeats):
        return np.std(
            [
                cross_validated_errors(
                    [line.expression], X, y, seed=seed, n_repeats=n_repeats
                ).mean()
                for seed in range(12)
            ]
        )

    assert spread(6) < spread(1)


def test_of_formulas_that_few_rows_cannot_tell_apart_the_middle_one_is_chosen():
    X, y = table(40, 2.0)
    low, middle, high = (
        candidate_of(f"{slope}*x1 + {slope / 2}*x2", X, y) for slope in (0.6, 0.9, 1.2)
    )

    # Fitted to the other rows the three are one formula, and weigh the same.
    assert (
        best_in_general([low, middle, high], X, y, thorough=False) == middle.expression
    )
    assert (
        best_in_general([high, low, middle], X, y, thorough=False) == middle.expression
    )


@pytest.mark.parametrize(("bend", "is_shorter"), [(0.05, True), (0.5, False)])
def test_where_no_law_is_seen_the_shorter_of_two_like_formulas_is_chosen(
    bend, is_shorter
):
    X = np.random.default_rng(0).uniform(0, 2, size=(40, 1))
    y = X[:, 0] + np.random.default_rng(1).normal(size=40)
    line = Expression.from_infix("1.1*x1")
    bent = [
        Expression.from_infix(f"1.1*x1 + {bend}*sin({k}*x1)") for k in (3.0, 3.1, 3.2)
    ]

    # Three of four say that it is bent.
    chosen = most_central(
        [line, *bent], np.ones(4), X, y, descriptions=[0.0] * 4, formulas_alone=True
    )

    assert (chosen == line) == is_shorter


@pytest.mark.parametrize("first", [0, 1, 2])
def test_of_formulas_that_say_the_same_the_shortest_description_is_chosen(first):
    rng = np.random.default_rng(0)
    X = rng.uniform(0, 10, size=(30, 1))
    y = 1.4 * X[:, 0] + 3.0 + rng.normal(size=30)
    texts = ["C*x1 + C", "C*tanh(C*x1) + C", "C*x1 + C*sqrt(x1) + C"]
    candidates = [candidate_for(text, X, y) for text in texts]
    order = [candidates[(first + k) % 3] for k in range(3)]

    assert best_in_general(order, X, y) == candidates[0].expression


@pytest.mark.parametrize(("noise", "is_kept"), [(0.5, False), (0.01, True)])
def test_a_formula_that_leaves_the_target_around_the_rows_needs_a_law(noise, is_kept):
    rng = np.random.default_rng(4)
    X = rng.uniform(0.25, 2.0, size=(60, 1))
    y = 1.0 / X[:, 0] + noise * rng.normal(size=60)
    pole, line = candidate_of("1/x1", X, y), candidate_of("2.4 - x1", X, y)
    assert pole.loss < line.loss

    assert (best_in_general([pole, line], X, y) == pole.expression) == is_kept


@pytest.mark.parametrize(("error", "is_kept"), [(0.001, True), (0.05, False)])
def test_a_formula_that_explodes_between_columns_needs_a_certain_law(error, is_kept):
    # The columns are never large together: no row contradicts the exponential.
    t = np.random.default_rng(4).normal(size=60)
    X = 6.0 * np.column_stack([np.maximum(t, 0.0), np.maximum(-t, 0.0)])
    burst = Expression.from_infix("(x1 - x2)/6 + exp(x1*x2)/1000")
    line = Expression.from_infix("0.16*(x1 - x2) + 0.02*sin(x1) + 0.02*sin(x2) + 0.01")
    y = burst.evaluate(X)

    chosen = most_central(
        [burst, line],
        np.array([error, error]),
        X,
        y,
        descriptions=[0.0, 0.0],
        formulas_alone=True,
    )

    assert (chosen == burst) == is_kept


@pytest.mark.parametrize(("line_error", "is_kept"), [(3.0, True), (1.2, False)])
def test_a_formula_that_is_wild_beyond_the_rows_stays_if_no_other_comes_near(
    line_error, is_kept
):
    # A pole just beyond the rows, which lines through two rows reach.
    rng = np.random.default_rng(0)
    X = rng.uniform([0.0, 1.05], [1.0, 2.0], size=(100, 2))
    pole = Expression.from_infix("2 - atan(x1/(x2 - 1))")
    y = pole.evaluate(X) + 0.15 * rng.normal(size=100)
    line = Expression.from_infix("0.9 - 0.7*x1 + 0.6*x2")
    error = float(np.mean(np.square(y - pole.evaluate(X))))

    errors = np.array([1.0, line_error]) * error
    chosen = most_central(
        [pole, line], errors, X, y, descriptions=[0.0, 0.0], formulas_alone=True
    )

    assert (chosen == pole) == is_kept


def test_a_saturation_is_judged_where_its_column_is_positive():
    # Its pole is at -0.06, which is near the rows but no value that a column takes
    # that is positive wherever it is known.
    rng = np.random.default_rng(0)
    X = rng.choice([0.02, 0.06, 0.11, 0.22, 0.56, 1.1], size=(24, 1))
    saturation = Expression.from_infix("190*x1/(x1 + 0.06)")
    y = saturation.evaluate(X) + 18.0 * rng.normal(size=24)
    candidates = [candidate_for(t, X, y) for t in ("C*x1 + C", "C*x1/(x1 + C)")]

    chosen = best_in_general(candidates, X, y)

    assert chosen == candidates[1].expression


@pytest.mark.parametrize(
    ("text", "is_kept"),
    [
        ("x1 + x2 + 0.01/(x1 - 0.5003)", False),
        ("x1 + x2 + 0.01*inv(x1*x2 - 0.2501)", False),
        ("x1 + x2 + 0.001/(x1*x2 - 0.2501)^2", False),
        ("x1 + x2 + 0.3*sin(x1 - 0.5003)/(x1 - 0.5003)", True),
        ("x1 + x2 + 0.3/(x1 + 0.5003)", True),
    ],
)
def test_a_formula_with_a_pole_between_the_rows_needs_a_certain_law(text, is_kept):
    X = np.random.default_rng(0).uniform(0, 1, size=(30, 2))
    formula = Expression.from_infix(text)
    line = Expression.from_infix("x1 + 1.01*x2")
    y = formula.evaluate(X)
    errors = 0.02 * np.var(y) * np.array([1.0, 3.0])

    chosen = most_central(
        [formula, line], errors, X, y, descriptions=[0.0, 0.0], formulas_alone=True
    )

    assert (chosen == formula) == is_kept


@pytest.mark.parametrize(("gap", "is_kept"), [(1.0, False), (-1.0, True)])
def test_of_many_rows_a_pole_between_them_is_avoided_where_another_is_as_good(
    gap, is_kept
):
    rng = np.random.default_rng(0)
    X = rng.uniform(1.0, 2.0, size=(400, 1))
    X[::2] *= -gap
    y = 1.0 / X[:, 0] + rng.normal(size=400)
    short, longer = (candidate_for(t, X, y) for t in ("C/x1", "C*tanh(C*x1)"))

    chosen = best_in_general([short, longer], X, y)

    assert short.bits < longer.bits
    assert (chosen == short.expression) == is_kept


@pytest.mark.parametrize(("share", "is_kept"), [(5e-3, False), (0.0, True)])
def test_only_what_is_exact_may_have_a_pole_between_the_rows(share, is_kept):
    rng = np.random.default_rng(1)
    X = rng.uniform(0.0, 1.0, size=(300, 2))
    law = Expression.from_infix("x1 + x2 + 0.00002/(x1 - 0.5003)")
    y = law.evaluate(X) + np.sqrt(share / 6) * rng.normal(size=300)
    pole, line = (
        candidate_for(t, X, y)
        for t in ("x1 + x2 + C/(x1 - 0.5003)", "C*x1 + C*x2 + C*sin(x1)")
    )
    assert pole.bits < line.bits

    assert (best_in_general([pole, line], X, y) == pole.expression) == is_kept


@pytest.mark.parametrize("seed", [1, 2, 6, 10])
def test_a_wave_that_follows_the_largest_rows_does_not_replace_a_certain_law(seed):
    rng = np.random.default_rng(seed)
    X = np.exp(rng.uniform(0, 4, size=(100, 1)))
    y = X[:, 0] ** 1.5 * (1 + 0.01 * rng.normal(size=100))
    law, waving = (
        candidate_for(text, X, y) for text in ("C*x1^C", "C*x1^C*(1 + C*cos(C*x1 + C))")
    )

    assert waving.loss < 0.7 * law.loss
    assert best_in_general([law, waving], X, y) == law.expression


def test_a_longer_law_is_chosen_where_few_rows_are_sure_of_it():
    X = np.random.default_rng(0).uniform(1, 5, size=(60, 2))
    y = X[:, 0] ** 2 + 0.3 * X[:, 1] + 0.02 * np.random.default_rng(1).normal(size=60)
    short, law = (candidate_for(t, X, y) for t in ("C*x1^2 + C", "C*x1^2 + C*x2"))

    assert short.loss < 0.01 * np.var(y)
    assert best_in_general([short, law], X, y) == law.expression


def candidate_for(text, X, y):
    skeleton = Expression.from_infix(text)
    fit = ConstantFitter(X, y, n_starts=200).fit(skeleton)
    cost = DescriptionLength(len(y), float(np.var(y)), resolution(y).floor, X.shape[1])
    return Archive(cost).candidate(fit.expression, fit.loss, "test", 0.0)


def candidate_of(text, X, y):
    expression = Expression.from_infix(text)
    loss = float(np.mean(np.square(expression.evaluate(X) - y)))
    cost = DescriptionLength(len(y), float(np.var(y)), resolution(y).floor, X.shape[1])
    return Archive(cost).candidate(expression, loss, "test", 0.0)


def test_of_few_rows_a_line_with_shrunken_coefficients_competes():
    rng = np.random.default_rng(5)
    X = rng.normal(size=(30, 6))
    y = X @ [2.0, 1.0, 0, 0, 0, 0] + 1.5 * rng.normal(size=30)
    candidates = fitted(["1.5", "1.5*x3"], X, y)
    known = [c.expression for c in candidates]

    shrunken = best_in_general(candidates, X, y)

    assert shrunken not in known
    slopes = np.linalg.lstsq(np.column_stack([X, np.ones(30)]), y, rcond=None)[0][:6]
    line = dict(zip(shrunken.variables, shrunken.constants, strict=False))
    assert all(abs(b) < abs(slopes[j]) for j, b in line.items())
    assert best_in_general(candidates, X, y, allow=lambda e: False) in known


def test_weights_reach_the_shrunken_line_whatever_is_routed():
    rng = np.random.default_rng(5)
    X = rng.normal(size=(40, 3))
    y = X @ [2.0, 1.0, 0.0] + rng.normal(size=40)
    weight = rng.uniform(0.5, 2.0, size=40)

    with config_context(enable_metadata_routing=True):
        routed = shrunken_line(X, y, weight)

    assert routed[0] == shrunken_line(X, y, weight)[0]


def test_a_smooth_function_has_a_say_in_what_little_rows_tell():
    # Two formulas with equal errors: one follows the bump, the other a line.
    rng = np.random.default_rng(6)
    X = np.sort(rng.uniform(-3, 3, size=(60, 1)), axis=0)
    y = np.exp(-np.square(X[:, 0])) + 0.2 * rng.normal(size=60)
    bump = Expression.from_infix("exp(-x1^2)")
    flat = Expression.from_infix("0.3")
    errors = np.array([0.05, 0.05])

    given = [flat, flat, flat, bump], errors[[0] * 4], X, y
    alone = most_central(*given, descriptions=[0.0] * 4, formulas_alone=True)
    together = most_central(*given, descriptions=[0.0] * 4)

    assert alone == flat
    assert together == bump


@pytest.mark.parametrize("scale", [1e-150, 1.0, 1e150])
def test_the_shrunken_line_does_not_mind_units(scale):
    X, y = table(40, 1.0)

    line, values = shrunken_line(X, scale * y)
    expected, expected_values = shrunken_line(X, y)

    assert np.allclose(line.evaluate(X), scale * expected.evaluate(X))
    assert np.allclose(values, scale * expected_values)


def test_shrunken_lines_are_judged_by_rows_that_they_have_not_seen():
    X, noise = np.random.default_rng(0).normal(size=(40, 12)), table(40, 1.0)[1]
    X[:, 0] += noise

    line, values = shrunken_line(X, noise)

    seen = np.mean(np.square(line.evaluate(X) - noise))
    assert np.mean(np.square(values - noise)) > 1.2 * seen


def test_columns_without_a_use_give_no_line():
    X, y = table(40, 1.0)

    assert shrunken_line(np.ones((40, 2)), y) is None
    assert shrunken_line(X, np.ones(40)) is None


def test_a_thousand_of_many_rows_do_not_overrule_all_of_them():
    rng = np.random.default_rng(0)
    X, noise = rng.normal(size=(20_000, 2)), rng.normal(size=20_000)
    y = X[:, 0] + X[:, 1] / 6 + noise
    drawn = np.random.default_rng([0, 20_000]).permutation(20_000)[:1_000]
    # On the rows that happen to be drawn the second column says nothing.
    y[drawn] = X[drawn, 0] + noise[drawn]
    archive = Archive(DescriptionLength(20_000, float(np.var(y)), 0.0, 2))
    texts = ["x1", "x1 + x2/6"]
    for text in texts:
        expression = Expression.from_infix(text)
        loss = float(np.mean((expression.evaluate(X) - y) ** 2))
        archive.add(expression, loss, "test")
    short, law = archive
    assert law.bits < short.bits - 20

    assert best_in_general([short, law], X, y) == law.expression
    assert best_in_general([short, law], X[drawn], y[drawn]) == short.expression


def test_the_shrunken_line_is_written_with_its_signs():
    X, y = table(40, 1.0)

    line, _ = shrunken_line(X, -y)
    text = line.to_infix()

    assert " - " in text
    assert "+ -" not in text


def test_targets_near_the_largest_number_are_told_apart():
    X, y = table(300, 0.1)
    texts = ["1.5*x1", "1.5*x1 + 0.7*x2"]
    expected = best_in_general(fitted(texts, X, y), X, y)

    chosen = best_in_general(fitted(texts, X, 1e140 * y), X, 1e140 * y)

    assert chosen.skeleton() == expected.skeleton()
