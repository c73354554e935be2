"""gplearn, stopped between its generations when the time is over."""

from __future__ import annotations

import time
from typing import Any

from gplearn.genetic import SymbolicRegressor

from benchmarks.methods.method import Array, Method

# Its logarithm and root are protected. So are its quotients, but their guard (one when
# the divisor is below 0.001) has no formula and is left out, as SRBench does.
_PATTERNS = {
    "add": "({0} + {1})",
    "sub": "({0} - {1})",
    "mul": "({0} * {1})",
    "div": "({0} / {1})",
    "log": "log(abs({0}))",
    "sqrt": "sqrt(abs({0}))",
    "sin": "sin({0})",
    "cos": "cos({0})",
}


class GPLearn(Method):
    """Genetic programming in NumPy, with SRBench's settings."""

    package = "gplearn"

    def __init__(
        self,
        seconds: float,
        seed: int,
        threads: int,
        population_size: int = 1000,
        function_set: tuple[str, ...] = tuple(_PATTERNS),
        parsimony_coefficient: float = 0.001,
    ) -> None:
        super().__init__(seconds, seed, threads)
        self._settings: dict[str, Any] = {
            "population_size": population_size,
            "function_set": tuple(function_set),
            "parsimony_coefficient": parsimony_coefficient,
            "tournament_size": 20,
            "metric": "mse",
            "random_state": seed,
            "n_jobs": threads,
        }
        self.estimator = SymbolicRegressor(
            **self._settings, generations=1, warm_start=True, low_memory=True
        )

    @property
    def settings(self) -> dict[str, Any]:
        """What differs from its defaults."""
        return dict(self._settings)

    def fit(self, X: Array, y: Array) -> None:
        """Breed one more generation until the next one would be too late."""
        start = time.monotonic()
        self.generations, longest = 0, 0.0
        while True:
            before = time.monotonic()
            self.generations += 1
            self.estimator.set_params(generations=self.generations)
            self.estimator.fit(X, y)
            longest = max(longest, time.monotonic() - before)
            if time.monotonic() - start + longest > self.seconds:
                break

    def predict(self, X: Array) -> Array:
        """Predict rows."""
        return self.estimator.predict(X)

    def formula(self) -> str:
        """Write the best program of the last generation.

        Its own text rounds constants to three decimals; the program holds them whole.
        """
        stack: list[str] = []
        for node in reversed(self.estimator._program.program):
            if isinstance(node, int):
                stack.append(f"x{node + 1}")
            elif isinstance(node, float):
                stack.append(f"({float(node)!r})")
            else:
                arguments = [stack.pop() for _ in range(node.arity)]
                stack.append(_PATTERNS[node.name].format(*arguments))
        return stack[0]

    def evaluations(self) -> int:
        """Count the programs of all generations."""
        return self.generations * self._settings["population_size"]
