"""RILS-ROLS.

References
----------
A. Kartelj, M. Djukanovic. RILS-ROLS: robust symbolic regression via iterated local
search and ordinary least squares. Journal of Big Data, 2023.
"""

from __future__ import annotations

from typing import Any

from rils_rols.rils_rols import RILSROLSRegressor

from benchmarks.methods.method import Array, Method
from benchmarks.notation import from_zero, rename

_PLENTY = 10**9


class RilsRols(Method):
    """Iterated local search with least squares at the top level."""

    package = "rils-rols"

    def __init__(self, seconds: float, seed: int, threads: int) -> None:
        super().__init__(seconds, seed, threads)
        self._settings = {
            "max_fit_calls": _PLENTY,
            "max_time": max(1, round(seconds)),
            "complexity_penalty": 0.001,
            "max_complexity": 50,
            "sample_size": 1,
            "random_state": seed,
        }
        self.estimator = RILSROLSRegressor(**self._settings)

    @property
    def settings(self) -> dict[str, Any]:
        """What was passed on; it has one thread."""
        return dict(self._settings)

    def fit(self, X: Array, y: Array) -> None:
        """Fit until the time is over."""
        self.n_features = X.shape[1]
        self.estimator.fit(X, y)

    def predict(self, X: Array) -> Array:
        """Predict rows."""
        return self.estimator.predict(X)

    def formula(self) -> str:
        """Write the simplified model."""
        text = str(self.estimator.model_string())
        return rename(text, from_zero("x", self.n_features))

    def evaluations(self) -> int:
        """Read the number of fitted candidates."""
        return int(self.estimator.fit_calls)
