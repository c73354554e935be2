"""What an adapter is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from importlib import metadata
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


class Method(ABC):
    """One method with its settings, made for one fit.

    The constructor imports the method and raises ImportError, with the reason, where it
    cannot run. It is not timed.

    Parameters
    ----------
    seconds : float
        Budget of the fit. A method without a time limit of its own is stopped between
        its iterations; one that has none runs to its end.
    seed : int
    threads : int
    """

    package: ClassVar[str]

    def __init__(self, seconds: float, seed: int, threads: int) -> None:
        self.seconds = seconds
        self.seed = seed
        self.threads = threads

    @property
    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """Every setting that was passed on, as JSON can hold it."""

    @abstractmethod
    def fit(self, X: Array, y: Array) -> None:
        """Fit; this call is what is timed."""

    @abstractmethod
    def predict(self, X: Array) -> Array | None:
        """Predict rows; None leaves it to the formula."""

    def formula(self) -> str | None:
        """Write the model in infix; ``x1``, ``x2``, ... are the columns."""
        return None

    def size(self) -> int | None:
        """Count the parts of a model that is no formula."""
        return None

    def evaluations(self) -> int | None:
        """Count the candidates that were evaluated, where the method tells."""
        return None

    def version(self) -> str:
        """Name the installed version."""
        return f"{self.package} {metadata.version(self.package)}"
