"""eggp: genetic programming over an e-graph, in Haskell.

References
----------
F. O. de Franca, G. Kronberger. Improving genetic programming for symbolic regression
with equality graphs. GECCO, 2025.
"""

from __future__ import annotations

import os
from typing import Any

from eggp import EGGP

from benchmarks.methods.method import Array, Method
from benchmarks.notation import TABLE_CALLS, from_zero, rename, rewrite_calls

_NAMES = {
    name: name.lower()
    for name in ("Sin", "Cos", "Tan", "Exp", "Log", "Sqrt", "Square", "Cube", "Abs")
} | {"Recip": "inv", "SqrtAbs": "sqrtabs", "LogAbs": "logabs", "Cbrt": "cbrt"}
_FUNCTIONS = "add,sub,mul,div,sin,cos,exp,log,sqrt,square"


class Eggp(Method):
    """The shortest of its front whose error is within a percent of the best."""

    package = "eggp"

    def __init__(
        self,
        seconds: float,
        seed: int,
        threads: int,
        maxSize: int = 25,
        nonterminals: str = _FUNCTIONS,
    ) -> None:
        super().__init__(seconds, seed, threads)
        os.environ["GHCRTS"] = f"-N{threads}"
        self._settings = {
            "gen": 10**6,
            "nPop": 100,
            "maxSize": maxSize,
            "nonterminals": nonterminals,
            "loss": "MSE",
            "optIter": 50,
            "optRepeat": 2,
            "max_time": max(1, round(seconds)),
        }
        self.estimator = EGGP(**self._settings)

    @property
    def settings(self) -> dict[str, Any]:
        """What was passed on; it takes no seed."""
        return dict(self._settings)

    def fit(self, X: Array, y: Array) -> None:
        """Fit until the time is over, then choose from the front."""
        self.n_features = X.shape[1]
        self.estimator.fit(X, y)
        rows = self.estimator.results
        loss = rows["loss_train"].astype(float)
        good = rows[loss <= 1.01 * loss.min() + 1e-15]
        self.chosen = good.loc[good["size"].astype(float).idxmin()]

    def predict(self, X: Array) -> None:
        """Leave it to the formula: the package predicts with another model."""

    def formula(self) -> str:
        """Write the chosen expression with its constants."""
        names = from_zero("x", self.n_features) | _NAMES
        return rewrite_calls(rename(str(self.chosen["Expression"]), names), TABLE_CALLS)
