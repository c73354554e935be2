"""PySR, where its Julia is there; elsewhere the import says why not."""

from __future__ import annotations

import os
from typing import Any

from benchmarks.methods.method import Array, Method

# Without these the import would download a Julia. A benchmark does not install things.
os.environ.setdefault("PYTHON_JULIAPKG_OFFLINE", "yes")

try:
    from pysr import PySRRegressor
except ImportError:
    raise
except Exception as error:  # juliapkg raises plain exceptions when it finds no Julia
    raise ImportError(f"PySR is installed but cannot start: {error}") from error


class PySR(Method):
    """Regularised evolution in Julia."""

    package = "pysr"

    def __init__(
        self, seconds: float, seed: int, threads: int, **settings: Any
    ) -> None:
        super().__init__(seconds, seed, threads)
        self._settings = {
            "binary_operators": ["+", "-", "*", "/"],
            "unary_operators": ["sin", "cos", "exp", "log", "sqrt", "square"],
            "maxsize": 30,
            "timeout_in_seconds": seconds,
            "niterations": 10**6,
            "parallelism": "serial" if threads == 1 else "multithreading",
            "deterministic": threads == 1,
            "random_state": seed,
            **settings,
        }
        self.estimator = PySRRegressor(
            **self._settings, progress=False, verbosity=0, temp_equation_file=True
        )

    @property
    def settings(self) -> dict[str, Any]:
        """What differs from its defaults."""
        return dict(self._settings)

    def fit(self, X: Array, y: Array) -> None:
        """Fit until the time is over."""
        names = [f"x{i}" for i in range(1, X.shape[1] + 1)]
        self.estimator.fit(X, y, variable_names=names)

    def predict(self, X: Array) -> Array:
        """Predict rows."""
        return self.estimator.predict(X)

    def formula(self) -> str:
        """Write the chosen equation."""
        return str(self.estimator.get_best()["equation"])
