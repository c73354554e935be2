from __future__ import annotations

import numpy as np

from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.selection.luck import are_lucky


def test_a_long_formula_for_a_few_large_targets_is_lucky():
    # Two of the rows are nine tenths of the variance.
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1150, 3))
    y = np.exp(2 * X[:, 0] + rng.normal(size=1150))
    X, y = X[:150], y[:150]
    burst = Expression.from_infix(
        "pi + x1*(x1 + 4) + 1.85489e-13*exp(2*(x3 - x2) + 39.343*sin(0.543692*x1))"
    )
    short = Expression.from_infix("exp(2*x1 - x2*x3)")
    line = Expression.from_infix("22.2*x1 + 1.1*x2 + 0.3*x3 + 13.3")
    law = burst.evaluate(X) * (1 + 0.1 * rng.normal(size=150))

    assert are_lucky([short, burst, line], X, y).tolist() == [False, True, False]
    assert are_lucky([burst], X, y, np.full(150, 0.3))[0]
    # It predicts the other rows as well.
    assert not are_lucky([burst], X, law)[0]
