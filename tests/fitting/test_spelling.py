from __future__ import annotations

import math

import numpy as np
import pytest

from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.fitting import ConstantFitter, spell_constants
from sklearn_chatsr.fitting.spelling import spellings
from sklearn_chatsr.selection import DescriptionLength

RNG = np.random.default_rng(0)
X = RNG.uniform(0.3, 3.0, (400, 2))


def _cost(n: int):
    def cost(expression: Expression, loss: float) -> float:
        literals = sum(
            2 * math.log2(abs(int(t)) + 1)
            for t in expression.tokens
            if t.lstrip("-").isdigit()
        )
        bits = 0.5 * n * math.log2(max(loss, 1e-26))
        return bits + 3 * expression.size + 30 * expression.n_constants + literals

    return cost


def _spell(law: Expression, noise: float = 0.0):
    y = law.evaluate(X)
    y = y + noise * y.std() * np.random.default_rng(1).standard_normal(len(y))
    fitter = ConstantFitter(X, y)
    return spell_constants(fitter.fit(law.skeleton()), fitter, _cost(len(y)))


@pytest.mark.parametrize(
    ("text", "constants"),
    [
        ("C*x1^C", [2.0, 3.0]),
        ("C*x1", [1 / 3]),
        ("C*sin(C*x1) + C*x2", [math.pi, 2.0, -0.25]),
        ("C*exp(-x1)", [math.sqrt(2)]),
        ("C*exp(-x1^2/2)", [1 / math.sqrt(2 * math.pi)]),
        ("C*sin(x1 + C)", [1.5, 0.5]),
    ],
)
def test_exact_constants_are_all_spelled(text, constants):
    law = Expression.from_infix(text).with_constants(constants)

    spelled = _spell(law)

    assert spelled.expression.n_constants == 0
    np.testing.assert_allclose(
        spelled.expression.evaluate(X), law.evaluate(X), rtol=1e-13
    )


def test_a_term_that_noise_explains_is_dropped():
    law = Expression.from_infix("C*x1 + C*sin(x2)").with_constants([2.0, 1e-12])

    assert _spell(law, noise=0.01).expression == Expression.from_infix("2*x1")


def test_a_number_that_is_none_of_these_stays_a_constant():
    law = Expression.from_infix("C*x1 + x2").with_constants([0.7320508])

    spelled = _spell(law)

    assert spelled.constants == (0.7320508,)


def test_noise_does_not_hide_an_integer_and_the_others_are_refitted():
    law = Expression.from_infix("C*x1^C").with_constants([0.7320508, 2.0])

    spelled = _spell(law, noise=1e-3)

    assert spelled.expression.skeleton() == Expression.from_infix("C*x1^2")
    assert abs(spelled.constants[0] - 0.7320508) < 1e-3


def test_nothing_is_spelled_when_nothing_is_cheaper():
    y = 2.0 * X[:, 0]
    fitter = ConstantFitter(X, y)
    fit = fitter.fit(Expression.from_infix("C*x1"))

    same = spell_constants(fit, fitter, lambda e, loss: -float(e.n_constants))

    assert same == fit


def test_failed_fit_is_given_back():
    fitter = ConstantFitter(-X, X[:, 0])
    fit = fitter.fit(Expression.from_infix("C*log(x1)"))

    assert spell_constants(fit, fitter, _cost(len(X))) is fit


@pytest.mark.parametrize("value", [0.5, -1.5, 2.0, math.pi / 3, -math.sqrt(5), 1e-9])
def test_spellings_stand_for_what_they_say(value):
    tolerance = 1e-9 * abs(value)

    for tokens, number in spellings(value, tolerance):
        assert abs(number - value) <= tolerance
        assert Expression(tokens).with_constants([]).evaluate([[0.0]])[
            0
        ] == pytest.approx(number, rel=1e-15)


def test_every_small_fraction_and_multiple_of_pi_is_found():
    for value in (2 / 7, 11 / 12, math.pi, 3 * math.pi / 4, 1 / math.pi, math.sqrt(3)):
        assert spellings(value, 1e-12 * value)


def test_a_fraction_that_is_shorter_as_a_decimal_is_none():
    law = Expression.from_infix("C*x1*exp(-x2)").with_constants([0.7])
    y = law.evaluate(X) + 1e-6 * np.random.default_rng(1).standard_normal(len(X))
    fitter = ConstantFitter(X, y)
    cost = DescriptionLength(len(y), float(np.var(y)), 1e-24, n_features=2)

    spelled = spell_constants(fitter.fit(law.skeleton()), fitter, cost)

    assert str(spelled.expression) == "0.7*x1*exp(-x2)"
