from __future__ import annotations

import time
import warnings

import numpy as np
import pytest

from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.fitting import ConstantFitter

RNG = np.random.default_rng(0)
X = RNG.uniform(0.3, 3.0, (300, 2))

LAWS = [
    ("C*x1 + C", [2.5, -0.7]),
    ("C*exp(C*x1) + C", [1.5, -0.8, 0.3]),
    ("C*sin(C*x1 + C) + C*x2", [1.2, 4.5, 0.6, 0.4]),
    ("C/(C + x1^2)", [3.0, 1.7]),
    ("C*x1^C*x2^C", [0.8, 1.5, -0.5]),
    ("log(C*x1 + C)", [1.3, 0.4]),
    ("tanh(C*(x1 - C))", [2.0, 1.4]),
    ("exp(-(x1 - C)^2/C)", [1.6, 0.5]),
    ("sqrt(C + x1*x2)", [0.9]),
    ("(x1 + C)/C", [0.9, 2.0]),
]


def _law(text: str, constants: list[float]) -> Expression:
    return Expression.from_infix(text).with_constants(constants)


@pytest.mark.parametrize(("text", "constants"), LAWS)
def test_fit_finds_the_constants_to_full_accuracy(text, constants):
    law = _law(text, constants)
    y = law.evaluate(X)

    fit = ConstantFitter(X, y).fit(law.skeleton())

    assert fit.fvu < 1e-26
    assert fit.converged
    np.testing.assert_allclose(fit.expression.evaluate(X), y, rtol=1e-11)


@pytest.mark.parametrize(("text", "constants"), LAWS[:4])
def test_bfgs_improves_on_a_near_start(text, constants):
    law = _law(text, constants)
    y = law.evaluate(X)
    fitter = ConstantFitter(X, y, optimizer="bfgs")

    fit = fitter.fit(law.skeleton(), start=[1.05 * c for c in constants])

    # BFGS stops earlier than least squares does.
    assert fit.fvu < 1e-9


@pytest.mark.parametrize("x_size", [1e-20, 1.0, 1e20])
@pytest.mark.parametrize("y_size", [1e-20, 1e20])
def test_fit_does_not_depend_on_units(x_size, y_size):
    law = _law("C*exp(C*x1) + C", [1.5 * y_size, -0.8 / x_size, 0.3 * y_size])
    y = law.evaluate(X * x_size)

    fit = ConstantFitter(X * x_size, y).fit(law.skeleton())

    np.testing.assert_allclose(fit.constants, law.constants, rtol=1e-9)


def test_noise_does_not_keep_a_fit_from_converging():
    law = _law("C*exp(C*x1) + C", [1.5, -0.8, 0.3])
    y = law.evaluate(X) + 0.05 * RNG.standard_normal(len(X))

    fit = ConstantFitter(X, y).fit(law.skeleton())

    # At a minimum no constant can be moved for the better.
    for k, c in enumerate(fit.constants):
        for factor in (1 - 1e-3, 1 + 1e-3):
            moved = list(fit.constants)
            moved[k] = c * factor
            residual = law.with_constants(moved).evaluate(X) - y
            assert np.mean(residual**2) >= fit.loss


def test_loss_is_the_weighted_mean_squared_error():
    y = X[:, 0] ** 2
    weight = RNG.uniform(0, 2, len(y))

    fit = ConstantFitter(X, y, weight).fit(Expression.from_infix("C*x1 + C"))

    squares = (fit.expression.evaluate(X) - y) ** 2
    variance = np.average((y - np.average(y, weights=weight)) ** 2, weights=weight)
    np.testing.assert_allclose(fit.loss, np.average(squares, weights=weight))
    np.testing.assert_allclose(fit.fvu, fit.loss / variance)


def test_integer_weights_are_repeated_rows():
    y = np.sin(2 * X[:, 0]) + 0.1 * RNG.standard_normal(len(X))
    weight = RNG.integers(0, 4, len(y))
    skeleton = Expression.from_infix("C*sin(C*x1 + C)")

    weighted = ConstantFitter(X, y, weight).fit(skeleton)
    rows = np.repeat(np.arange(len(y)), weight)
    repeated = ConstantFitter(X[rows], y[rows]).fit(skeleton)

    np.testing.assert_allclose(weighted.constants, repeated.constants, rtol=1e-7)


def test_rows_of_weight_zero_are_not_looked_at():
    y = np.log(X[:, 0])
    bad = X.copy()
    bad[0] = [-1.0, np.nan]
    weight = np.ones(len(y))
    weight[0] = 0.0

    fit = ConstantFitter(bad, y, weight).fit(Expression.from_infix("C*log(x1)"))

    np.testing.assert_allclose(fit.constants, [1.0])


def test_a_fault_on_one_row_fails_the_fit_without_warning():
    negative = X.copy()
    negative[17, 0] = -0.1
    fitter = ConstantFitter(negative, X[:, 1])

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit = fitter.fit(Expression.from_infix("C*log(x1) + C"))

    assert fit.failed
    assert fit.loss == np.inf
    assert fit.expression.is_skeleton


def test_overflow_fails_the_fit():
    fit = ConstantFitter(X, X[:, 0]).fit(Expression.from_infix("exp(exp(exp(9*x1)))"))

    assert fit.failed


def test_redundant_constants_do_no_harm():
    y = 3.0 * X[:, 0] + 2.0

    fit = ConstantFitter(X, y).fit(Expression.from_infix("C*x1 + C*x1 + C + C"))

    assert fit.fvu < 1e-26


def test_constant_target_is_fitted():
    fit = ConstantFitter(X, np.full(len(X), 4.2)).fit(Expression(["C"]))

    assert fit.constants == pytest.approx((4.2,), rel=1e-14)
    assert fit.fvu == 0.0


def test_scale_adds_factor_and_offset_only_where_they_matter():
    sine = Expression.from_infix("sin(x1)")
    values = np.sin(X[:, 0])

    plain = ConstantFitter(X, values).fit(sine, scale=True)
    scaled = ConstantFitter(X, 3.0 * values).fit(sine, scale=True)
    shifted = ConstantFitter(X, values - 0.5).fit(sine, scale=True)
    both = ConstantFitter(X, 3.0 * values - 0.5).fit(sine, scale=True)

    assert plain.expression.tokens == ("sin", "x1")
    assert scaled.expression.tokens == ("mul", "C", "sin", "x1")
    assert shifted.expression.tokens == ("add", "C", "sin", "x1")
    assert both.expression.n_constants == 2
    assert max(f.fvu for f in (plain, scaled, shifted, both)) < 1e-26


def test_scale_leaves_a_skeleton_alone_that_scales_itself():
    skeleton = Expression.from_infix("C*sin(C*x1) + C")
    y = 2.0 * np.sin(1.5 * X[:, 0]) - 1.0

    fit = ConstantFitter(X, y).fit(skeleton, scale=True)

    assert fit.expression.skeleton() == skeleton


def _many() -> list[Expression]:
    texts = [text for text, _ in LAWS]
    texts += [f"C*sin({k}*x1 + C) + C*x2^{k}" for k in range(1, 41)]
    return [Expression.from_infix(text) for text in texts]


def test_fit_many_does_not_depend_on_threads_or_order():
    y = np.exp(-X[:, 0]) + np.sin(3 * X[:, 1])
    skeletons = _many()
    fitter = ConstantFitter(X, y, seed=3)
    state = np.random.get_state()[1].copy()  # noqa: NPY002

    one = fitter.fit_many(skeletons)
    two = fitter.fit_many(skeletons, n_jobs=2)
    turned = fitter.fit_many(skeletons[::-1])[::-1]

    assert one == two == turned
    assert one[3] == fitter.fit(skeletons[3])
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002


def test_fit_many_keeps_only_what_is_good_enough():
    y = 2.0 * np.sin(1.5 * X[:, 0])
    skeletons = [Expression.from_infix(t) for t in ("C*sin(C*x1)", "C*x2")]

    good, bad = ConstantFitter(X, y).fit_many(skeletons, keep_fvu=0.5)

    assert good is not None
    assert good.fvu < 1e-26
    assert bad is None


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_fit_many_ends_at_the_deadline(n_jobs):
    rows = RNG.uniform(0.3, 3.0, (100_000, 2))
    y = np.exp(-rows[:, 0]) + np.sin(3 * rows[:, 1])
    fitter = ConstantFitter(rows, y)
    began = time.monotonic()

    fits = fitter.fit_many(_many() * 10, n_jobs=n_jobs, deadline=began + 0.2)

    # 0.1 s on an idle machine; tests share theirs.
    assert time.monotonic() - began < 0.8
    assert None in fits


def test_standard_errors_are_those_of_linear_regression():
    y = 1.0 + 2.0 * X[:, 0] + 0.1 * RNG.standard_normal(len(X))
    weight = RNG.uniform(0.5, 2.0, len(y))
    fitter = ConstantFitter(X, y, weight)
    fit = fitter.fit(Expression.from_infix("C + C*x1"))

    errors = fitter.standard_errors(fit.expression)

    A = np.column_stack([np.ones(len(X)), X[:, 0]])
    normal = A.T @ (weight[:, None] * A)
    beta = np.linalg.solve(normal, A.T @ (weight * y))
    variance = weight @ (y - A @ beta) ** 2 / (len(y) - 2)
    expected = np.sqrt(variance * np.diag(np.linalg.inv(normal)))
    np.testing.assert_allclose(errors, expected, rtol=1e-8)


def test_repetitions_count_in_standard_errors():
    rng = np.random.default_rng(3)
    X = rng.integers(0, 3, size=(600, 1)).astype(float)
    y = X[:, 0] + rng.integers(0, 2, size=600)
    line = Expression.from_infix("C*x1 + C")
    rows, weight = np.unique(np.column_stack([X, y]), axis=0, return_counts=True)

    errors = [
        fitter.standard_errors(fitter.fit(line).expression)
        for fitter in (
            ConstantFitter(X, y),
            ConstantFitter(rows[:, :1], rows[:, 1], weight),
        )
    ]

    np.testing.assert_allclose(*errors, rtol=1e-8)


def test_vast_weights_are_no_repetitions():
    weight = np.full(len(X), 2.0**70)

    fitter = ConstantFitter(X, X[:, 0], weight)

    assert fitter.n_samples == len(X)


def test_a_formula_without_values_has_no_normal_matrix():
    fitter = ConstantFitter(X, X[:, 0])

    with pytest.raises(ValueError, match="no values yet"):
        fitter.evaluate(Expression.from_infix("C*x1"))


def test_standard_errors_are_nan_where_the_data_say_nothing():
    fitter = ConstantFitter(X, X[:, 0])
    expression = Expression.from_infix("C*x1 + C*x1 + C").with_constants([1, 0, 0])

    errors = fitter.standard_errors(expression)

    assert np.isnan(errors).tolist() == [True, True, False]


def test_read_only_input_is_accepted():
    frozen = X.copy()
    frozen.setflags(write=False)
    y = frozen[:, 0]

    assert not ConstantFitter(frozen, y).fit(Expression(["mul", "C", "x1"])).failed


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((X, X[:3, 0]), {}, r"expected \(n_samples, n_features\)"),
        ((X, X[:, 0], -np.ones(len(X))), {}, "not negative"),
        ((X, X[:, 0], np.zeros(len(X))), {}, "No row with a positive weight"),
        ((X * np.nan, X[:, 0]), {}, "must be finite"),
        ((X, X[:, 0]), {"optimizer": "sgd"}, "must be 'lm', 'bfgs' or 'adam'"),
        ((X, X[:, 0]), {"n_starts": 0}, "must be >= 1"),
        ((X, X[:, 0]), {"max_iter": 0}, "must be >= 1"),
    ],
)
def test_bad_input_is_refused(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        ConstantFitter(*arguments, **options)


def test_unknown_column_and_wrong_start_are_refused():
    fitter = ConstantFitter(X, X[:, 0])

    with pytest.raises(ValueError, match="uses x3"):
        fitter.fit(Expression(["x3"]))
    with pytest.raises(ValueError, match="2 value"):
        fitter.fit(Expression(["C"]), start=[1.0, 2.0])


def test_many_fits_go_on_from_given_starts():
    X = np.linspace(-3, 3, 200).reshape(-1, 1)
    y = 40.0 * np.sin(1.3 * X[:, 0]) + 7.0
    fitter = ConstantFitter(X, y, max_iter=8)
    wave = Expression(["mul", "C", "sin", "mul", "C", "x1"])

    # The factor is solved for: its value in a start does not matter.
    near, far = fitter.fit_many(
        [wave, wave], starts=[[-1e6, 1.25], [1.0, 9.0]], scale=True
    )

    assert near.fvu < 1e-20
    assert far.fvu > 0.1


@pytest.mark.parametrize("optimizer", ["bfgs", "adam"])
def test_descent_ends_at_the_deadline_with_the_best_values_so_far(optimizer):
    law = _law("C*x1^C + C*sin(C*x2)", [2.0, 1.5, 0.8, 2.5])
    y = law.evaluate(X)
    start = [1.0, 1.0, 1.0, 2.0]
    over = ConstantFitter(X, y, optimizer=optimizer, deadline=time.monotonic())

    fit = over.fit(law.skeleton(), start=start)

    given = over.evaluate(law.skeleton().with_constants(start))
    assert fit.n_evaluations < 20
    assert fit.loss <= given.loss
    assert not fit.converged
