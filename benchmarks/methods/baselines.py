"""Linear regression and two ensembles of scikit-learn."""

from __future__ import annotations

from typing import Any

from sklearn.ensemble import GradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import LinearRegression

from benchmarks.methods.method import Array, Method


class _ScikitLearn(Method):
    package = "scikit-learn"
    estimator: Any

    @property
    def settings(self) -> dict[str, Any]:
        return dict(self.estimator.get_params())

    def fit(self, X: Array, y: Array) -> None:
        self.estimator.fit(X, y)

    def predict(self, X: Array) -> Array:
        return self.estimator.predict(X)


class Linear(_ScikitLearn):
    """Ordinary least squares."""

    def __init__(self, seconds: float, seed: int, threads: int) -> None:
        super().__init__(seconds, seed, threads)
        self.estimator = LinearRegression()

    def formula(self) -> str:
        """Write the sum of the terms."""
        terms = [f"{c!r}*x{i}" for i, c in enumerate(self.estimator.coef_.tolist(), 1)]
        return " + ".join([repr(float(self.estimator.intercept_)), *terms])


class RandomForest(_ScikitLearn):
    """Random forest."""

    def __init__(self, seconds: float, seed: int, threads: int) -> None:
        super().__init__(seconds, seed, threads)
        self.estimator = RandomForestRegressor(random_state=seed, n_jobs=threads)

    def size(self) -> int:
        """Count the nodes of all trees, as SRBench does."""
        return sum(tree.tree_.node_count for tree in self.estimator.estimators_)


class GradientBoosting(_ScikitLearn):
    """Gradient boosting."""

    def __init__(self, seconds: float, seed: int, threads: int) -> None:
        super().__init__(seconds, seed, threads)
        self.estimator = GradientBoostingRegressor(random_state=seed)

    def size(self) -> int:
        """Count the nodes of all trees, as SRBench does."""
        trees = self.estimator.estimators_.ravel()
        return sum(tree.tree_.node_count for tree in trees)
