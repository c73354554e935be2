"""ChatSRRegressor, with all of its proposers or some."""

from __future__ import annotations

from typing import Any

from benchmarks.methods.method import Array, Method
from sklearn_chatsr import ChatSRRegressor
from sklearn_chatsr.estimators.effort import PROPOSERS
from sklearn_chatsr.fitting import warm_up


class Ours(Method):
    """The regressor of this package.

    Parameters
    ----------
    **settings
        Passed on; what is not named keeps its default.
    """

    package = "sklearn-chatsr"

    def __init__(
        self, seconds: float, seed: int, threads: int, **settings: Any
    ) -> None:
        super().__init__(seconds, seed, threads)
        if "proposers" in settings:
            settings["proposers"] = tuple(settings["proposers"])
        self.estimator = ChatSRRegressor(
            **settings, max_time=seconds, n_jobs=threads, random_state=seed
        )
        unknown = set(self.estimator.proposers) - set(PROPOSERS)
        if unknown:
            raise ImportError(f"no proposer called {', '.join(sorted(unknown))}")
        # Compiling and loading weights happen once per process, not once per fit.
        warm_up()
        if "model" in self.estimator.proposers:
            from sklearn_chatsr.models.loading import load_model

            try:
                load_model(self.estimator.model, self.estimator.device)
            except (OSError, ValueError) as error:
                raise ImportError(f"the model cannot be loaded: {error}") from error

    @property
    def settings(self) -> dict[str, Any]:
        """Every constructor parameter."""
        return dict(self.estimator.get_params())

    def fit(self, X: Array, y: Array) -> None:
        """Fit within the budget."""
        self.estimator.fit(X, y)

    def predict(self, X: Array) -> Array:
        """Predict rows."""
        return self.estimator.predict(X)

    def formula(self) -> str:
        """Write the chosen formula with all digits."""
        return self.estimator.expression_.to_infix()
