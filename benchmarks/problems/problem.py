"""One problem: a formula with ranges, a dynamical system, or rows in a file."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.formulas import read_formula
from benchmarks.problems.sampling import Spec, draw
from benchmarks.problems.strogatz import simulate
from sklearn_chatsr.expressions import Expression

Rows = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]

# Draws that may leave the domain of the formula before the ranges are called wrong.
_MOST_DRAWS = 200


@dataclass(frozen=True)
class Problem:
    """A regression problem of a benchmark.

    Parameters
    ----------
    name : str
        Unique; SRBench's name of the data set where it has one.
    group : str
        The suite, such as ``"feynman"``.
    variables : tuple of str
        Names of the columns, in order. Empty: those of the file.
    formula : str or None
        The law in infix over the variables; None for measured data.
    ranges : tuple of (float, float)
        Range of each variable, for uniform rows.
    rows : int
        Rows that the published data set has.
    train, test : Spec or None
        How the suite itself samples its rows, where it prescribes that.
    system : dict or None
        Right-hand sides and starts of a dynamical system whose states are the rows.
    path : Path or None
        The file that holds the rows.
    units, target, target_unit, title, source : optional
        What the table tells about the law.

    Examples
    --------
    >>> problem = Problem("line", "mine", ("t",), "2*t + 1", ranges=((0.0, 1.0),))
    >>> X, y = problem.draw(3, seed=0)
    >>> X.shape, bool(np.all(y == 2 * X[:, 0] + 1))
    ((3, 1), True)
    """

    name: str
    group: str
    variables: tuple[str, ...]
    formula: str | None = None
    ranges: tuple[tuple[float, float], ...] = ()
    rows: int = 10_000
    train: Spec | None = None
    test: Spec | None = None
    system: dict[str, Any] | None = field(default=None, repr=False)
    path: Path | None = None
    target: str = "y"
    units: tuple[tuple[float, ...] | None, ...] = ()
    target_unit: tuple[float, ...] | None = None
    title: str = ""
    source: str = ""
    in_srbench: bool = True

    @cached_property
    def expression(self) -> Expression | None:
        """The law as an expression over columns by position."""
        if self.formula is None:
            return None
        return read_formula(self.formula, self.variables)

    def draw(self, n: int, seed: int) -> Rows:
        """Draw rows uniformly from the ranges, inside the domain of the formula.

        Parameters
        ----------
        n : int
            Number of rows.
        seed : int
            Together with the name of the problem it fixes the rows.

        Returns
        -------
        X : ndarray of shape (n, n_features)
        y : ndarray of shape (n,)
        """
        rng = self._rng(seed)

        def more(size: int) -> npt.NDArray[np.float64]:
            return np.column_stack([rng.uniform(a, b, size) for a, b in self.ranges])

        return self._inside(more, n)

    def draw_published(self, part: str, seed: int) -> Rows:
        """Draw rows as the suite prescribes: ``part`` is "train" or "test".

        A suite without test rows is tested on a second draw of its training rows.
        """
        spec = self.train if part == "train" or self.test is None else self.test
        if spec is None:
            raise ValueError(f"{self.name} prescribes no rows of its own.")
        rng = self._rng(seed if part == "train" else seed + 1)
        X = draw(spec, len(self.variables), rng)
        if spec.is_grid:  # rows outside the domain are missing from a grid
            y = self._evaluate(X)
            inside = np.isfinite(y)
            return X[inside], y[inside]

        def more(size: int) -> npt.NDArray[np.float64]:
            return draw(spec, len(self.variables), rng)

        return self._inside(more, len(X))

    def trajectories(self) -> Rows:
        """Integrate the system; the rows are its states, one trajectory after another.

        Returns
        -------
        X : ndarray of shape (n_trajectories * n_times, n_states)
        y : ndarray of shape (n_trajectories * n_times,)
        """
        if self.system is None:
            raise ValueError(f"{self.name} is no dynamical system.")
        X = simulate(self.system, self.variables)
        return X, self._evaluate(X)

    def _rng(self, seed: int) -> np.random.Generator:
        return np.random.default_rng([seed, zlib.crc32(self.name.encode())])

    def _evaluate(self, X: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        if self.expression is None:
            raise ValueError(f"{self.name} has no formula to draw rows from.")
        return self.expression.evaluate(X)

    def _inside(self, more: Any, n: int) -> Rows:
        parts: list[Rows] = []
        found = 0
        for _ in range(_MOST_DRAWS):
            X = more(n)
            y = self._evaluate(X)
            inside = np.isfinite(y)
            parts.append((X[inside], y[inside]))
            found += int(inside.sum())
            if found >= n:
                break
        else:
            raise ValueError(
                f"{self.name}: only {found} of {n * _MOST_DRAWS} rows drawn from its "
                "ranges lie inside the domain of its formula."
            )
        X = np.concatenate([part[0] for part in parts])[:n]
        return X, np.concatenate([part[1] for part in parts])[:n]
