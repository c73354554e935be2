"""Operon, by its scikit-learn wrapper.

References
----------
B. Burlacu, G. Kronberger, M. Kommenda. Operon C++: an efficient genetic programming
framework for symbolic regression. GECCO Companion, 2020.
"""

from __future__ import annotations

from typing import Any

from pyoperon.sklearn import SymbolicRegressor

from benchmarks.methods.method import Array, Method
from benchmarks.notation import TABLE_CALLS, rewrite_calls

# Enough evaluations for the clock to end the run, not the count.
_PLENTY = 10**9


class Operon(Method):
    """Symbolic regression by genetic programming, in C++ and float32."""

    package = "pyoperon"

    def __init__(
        self, seconds: float, seed: int, threads: int, **settings: Any
    ) -> None:
        super().__init__(seconds, seed, threads)
        self._settings = {
            **settings,
            "max_time": max(1, round(seconds)),
            "max_evaluations": _PLENTY,
            "generations": _PLENTY,
            "n_threads": threads,
            "random_state": seed,
        }
        self.estimator = SymbolicRegressor(**self._settings)

    @property
    def settings(self) -> dict[str, Any]:
        """What differs from the wrapper's defaults."""
        return dict(self._settings)

    def fit(self, X: Array, y: Array) -> None:
        """Fit until the time is over."""
        self.n_features = X.shape[1]
        self.estimator.fit(X, y)

    def predict(self, X: Array) -> Array:
        """Predict rows."""
        return self.estimator.predict(X).ravel()

    def formula(self) -> str:
        """Write the chosen model with all digits that float32 has."""
        names = [f"x{i + 1}" for i in range(self.n_features)]
        text = self.estimator.get_model_string(self.estimator.model_, 9, names)
        return rewrite_calls(text, TABLE_CALLS)

    def evaluations(self) -> int:
        """Read the counter of the last run."""
        return int(self.estimator.stats_["residual_evaluations"])
