"""How the suites of genetic programming prescribe their rows.

``U: [low, high, n]`` draws n values uniformly; ``E: [start, stop, step]`` is a grid
with this step, or with this many points when no step would fit into the range. Grids
of several variables are crossed.

References
----------
B. K. Petersen et al. Deep symbolic regression. ICLR 2021 (the notation of its suites).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

# The largest crossed grid of the suites has 361,201 rows; a share tests as well.
_MOST_ROWS = 20_000


@dataclass(frozen=True)
class Spec:
    """Rows of one part: for each variable, or for ``all``, a kind and three numbers."""

    columns: tuple[tuple[str, str, tuple[float, float, float]], ...]

    @classmethod
    def from_mapping(cls, spec: Mapping[str, Mapping[str, list[float]]]) -> Spec:
        """Read ``{"all": {"U": [-1, 1, 20]}}`` or one entry per variable."""
        columns = []
        for name, rule in spec.items():
            ((kind, numbers),) = rule.items()
            if kind not in ("U", "E") or len(numbers) != 3:
                raise ValueError(
                    f"Cannot read the sampling {kind}: {numbers} of {name!r}. Write "
                    "U: [low, high, n] or E: [start, stop, step]."
                )
            low, high, third = map(float, numbers)
            columns.append((name, kind, (low, high, third)))
        return cls(tuple(columns))

    @property
    def is_grid(self) -> bool:
        """Whether the rows are a grid, the same for every seed."""
        return all(kind == "E" for _, kind, _ in self.columns)

    def of(self, position: int) -> tuple[str, tuple[float, float, float]]:
        """Give kind and numbers of the variable at a position."""
        if self.columns[0][0] == "all":
            return self.columns[0][1:]
        return self.columns[position][1:]


def draw(
    spec: Spec, n_features: int, rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Draw the rows of a specification.

    Parameters
    ----------
    spec : Spec
        Of this many variables, or of ``all``.
    n_features : int
        Number of variables.
    rng : numpy.random.Generator
        Draws the uniform values, and thins grids of more than 20,000 rows.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features)
    """
    columns = [_values(*spec.of(i), rng) for i in range(n_features)]
    if n_features == 1 or not spec.is_grid:
        return np.column_stack(columns)
    sizes = [len(column) for column in columns]
    n = int(np.prod(sizes))
    chosen = np.arange(n) if n <= _MOST_ROWS else np.sort(_thin(n, rng))
    indices = np.unravel_index(chosen, sizes)
    return np.column_stack([c[i] for c, i in zip(columns, indices, strict=True)])


def _thin(n: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    return rng.choice(n, _MOST_ROWS, replace=False)


def _values(
    kind: str, numbers: tuple[float, float, float], rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    low, high, third = numbers
    if kind == "U":
        return rng.uniform(low, high, int(third))
    n = int(third) if third >= high - low else int((high - low) / third + 1e-9) + 1
    return np.linspace(low, high, n)
