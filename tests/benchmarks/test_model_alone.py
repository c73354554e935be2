from __future__ import annotations

import numpy as np

from benchmarks.model_alone import law_tables


def test_rows_of_the_laws_of_a_benchmark_fit_them():
    tables = law_tables(["nguyen"], n_rows=40)

    assert len(tables) == 13
    first = tables[0]
    assert first.X.shape == (1, 40, 1)
    assert first.y.shape == first.point_mask.shape == (1, 40)
    x = first.X[0, :, 0]
    np.testing.assert_allclose(first.y[0], x**3 + x**2 + x)
    assert not any(t.expression.constants for t in tables)
