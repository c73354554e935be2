from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.problems import select_problems
from benchmarks.protocols import PROTOCOLS, prepare


def test_rescaled_rows_obey_the_law_in_other_units():
    [problem], _ = select_problems(["Nguyen-7"])
    plain = PROTOCOLS["quick"]
    scaled = replace(plain, rescale=20)

    before, after = prepare(problem, plain, 3), prepare(problem, scaled, 3)

    column = after.X_train[:, 0] / before.X_train[:, 0]
    target = after.y_train / before.y_train
    np.testing.assert_allclose(column, column[0], rtol=1e-12)
    np.testing.assert_allclose(target, target[0], rtol=1e-9)
    assert after.X_unseen is not None
    assert before.X_unseen is not None
    np.testing.assert_allclose(after.X_unseen / before.X_unseen, column[0], rtol=1e-12)
    decades = np.log10(column[0])
    assert decades == pytest.approx(round(decades), abs=1e-9)
    assert round(decades) != 0


def test_the_units_follow_from_the_seed():
    [problem], _ = select_problems(["Nguyen-7"])
    scaled = replace(PROTOCOLS["quick"], rescale=20)

    first, again, other = (prepare(problem, scaled, seed) for seed in (3, 3, 4))

    assert np.array_equal(first.X_unseen, again.X_unseen)
    assert not np.array_equal(first.X_unseen, other.X_unseen)
