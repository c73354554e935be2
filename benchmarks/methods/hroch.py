"""HROCH: parallel hill climbing in C++."""

from __future__ import annotations

from typing import Any

from HROCH import SymbolicRegressor

from benchmarks.methods.method import Array, Method
from benchmarks.notation import TABLE_CALLS, from_zero, rename, rewrite_calls


class Hroch(Method):
    """Hill climbing over instruction lists."""

    package = "HROCH"

    def __init__(self, seconds: float, seed: int, threads: int) -> None:
        super().__init__(seconds, seed, threads)
        self._settings = {
            "num_threads": threads,
            "time_limit": seconds,
            "problem": "math",
            "precision": "f64",
            "random_state": seed or 1,  # 0 would take the clock
        }
        self.estimator = SymbolicRegressor(**self._settings)

    @property
    def settings(self) -> dict[str, Any]:
        """What differs from its defaults."""
        return dict(self._settings)

    def fit(self, X: Array, y: Array) -> None:
        """Fit until the time is over."""
        self.n_features = X.shape[1]
        self.estimator.fit(X, y)

    def predict(self, X: Array) -> Array:
        """Predict rows."""
        return self.estimator.predict(X)

    def formula(self) -> str:
        """Write the best model."""
        text = rename(str(self.estimator.sexpr_), from_zero("x", self.n_features))
        return rewrite_calls(text, TABLE_CALLS)
