"""LLM-SR's four problems: three simulated from their equations, one measured.

References
----------
P. Shojaee et al. LLM-SR: Scientific equation discovery via programming with large
language models. ICLR 2025 (equations and published errors). The stress-strain rows are
a measurement; they are read from a folder, never drawn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.formulas import read_formula

FloatArray = npt.NDArray[np.float64]
Rows = tuple[FloatArray, FloatArray]

SPLITS = ("train", "test_id", "test_ood")


@dataclass(frozen=True)
class LLMSRProblem:
    """A problem with rows to train on, rows of the same region, and rows outside it.

    Attributes
    ----------
    name : str
        Name of the problem, and of its folder.
    variables : tuple of str
        Inputs in the order of the columns.
    formula : str or None
        The law; None for measured rows.
    description : str
        The problem in words, for prompts.
    meanings : dict of str to str
        What the inputs mean.
    target : str
        What the target means.
    draw : callable or None
        Draws the rows of all splits from a seed; None for measured rows.
    published : tuple of float
        Published NMSE of LLM-SR with GPT-3.5, in-domain and out-of-domain.
    group : str
        Table that the problem belongs to.
    """

    name: str
    variables: tuple[str, ...]
    formula: str | None
    description: str
    meanings: dict[str, str] = field(default_factory=dict)
    target: str = ""
    draw: Callable[[int], dict[str, FloatArray]] | None = None
    published: tuple[float, float] | None = None
    group: str = "llmsr"

    def values(self, X: FloatArray) -> FloatArray:
        """Compute the law on rows."""
        if self.formula is None:
            raise ValueError(f"{self.name} is measured: it has no formula.")
        return read_formula(self.formula, self.variables).evaluate(X)

    def rows(self, data_dir: Path | None, seed: int = 0) -> dict[str, Rows]:
        """Read the rows from a folder, or draw them.

        Parameters
        ----------
        data_dir : Path or None
            Folder with ``name/train.csv``, ``test_id.csv``, ``test_ood.csv``, target
            last.
        seed : int
            Seed of drawn rows.

        Returns
        -------
        dict of str to tuple of ndarray
            ``(X, y)`` by split.

        Raises
        ------
        ValueError
            If the rows are measured and the folder does not hold them.
        """
        if data_dir is not None and (data_dir / self.name / "train.csv").is_file():
            return {split: self._read(data_dir, split) for split in SPLITS}
        if self.draw is None:
            raise ValueError(
                f"{self.name} is measured: name the folder that holds "
                f"{self.name}/train.csv with --data-dir."
            )
        return {s: (X, self.values(X)) for s, X in self.draw(seed).items()}

    def _read(self, data_dir: Path, split: str) -> Rows:
        import pandas as pd

        table = pd.read_csv(data_dir / self.name / f"{split}.csv")
        values = table.to_numpy(dtype=np.float64)
        return np.ascontiguousarray(values[:, :-1]), values[:, -1].copy()


def _trajectory(
    formula: str, variables: tuple[str, ...], start: tuple[float, float], end: float
) -> FloatArray:
    """Integrate x'' = formula; give rows of t, x, v at 20,000 even times."""
    from scipy.integrate import solve_ivp

    law = read_formula(formula, variables)
    with_time = variables[0] == "t"

    def slope(t: float, state: FloatArray) -> tuple[float, float]:
        row = [t, *state] if with_time else list(state)
        return state[1], float(law.evaluate([row])[0])

    times = np.linspace(0.0, end, 20_000)
    found = solve_ivp(slope, (0.0, end), start, t_eval=times, rtol=1e-8, atol=1e-10)
    return np.column_stack([times, found.y.T])


def _draw_oscillator(
    formula: str, variables: tuple[str, ...]
) -> Callable[[int], dict[str, FloatArray]]:
    def draw(seed: int) -> dict[str, FloatArray]:
        rng = np.random.default_rng(seed)
        rows = _trajectory(formula, variables, (0.5, 0.5), 50.0)
        # The first 20 time units swing wider than the last 20.
        outside = rows[rows[:, 0] < 20.0]
        inside = rng.permutation(rows[rows[:, 0] >= 30.0])
        half = len(inside) // 2
        first = 0 if variables[0] == "t" else 1
        return {
            "train": inside[:half, first:],
            "test_id": inside[half:, first:],
            "test_ood": outside[:, first:],
        }

    return draw


def _draw_growth(seed: int) -> dict[str, FloatArray]:
    rng = np.random.default_rng(seed)

    def uniform(n: int, *ranges: tuple[float, float]) -> FloatArray:
        return np.column_stack([rng.uniform(a, b, n) for a, b in ranges])

    inside = ((1.0, 5.0), (1.0, 5.0), (1.0, 40.0), (2.0, 12.0))
    outside = ((1.0, 10.0), (1.0, 10.0), (1.0, 60.0), (1.0, 14.0))
    return {
        "train": uniform(7_500, *inside),
        "test_id": uniform(2_500, *inside),
        "test_ood": uniform(15_000, *outside),
    }


_OSCILLATOR1 = "0.8*sin(x) - 0.5*v^3 - 0.2*x^3 - 0.5*x*v - x*cos(x)"
_OSCILLATOR2 = "0.3*sin(t) - 0.5*v^3 - x*v - 5*x*exp(0.5*x)"
_GROWTH = (
    "0.5*b*s/(1+s)*tanh(0.4*(temp-20))/(1+0.005*(temp-35)^4)"
    "*exp(-abs(pH-7))*sin(pi*(pH-2)/10)^2"
)

PROBLEMS = (
    LLMSRProblem(
        "oscillator1",
        ("x", "v"),
        _OSCILLATOR1,
        "The acceleration of a damped nonlinear oscillator with a driving force.",
        {"x": "position", "v": "velocity"},
        "the acceleration",
        _draw_oscillator(_OSCILLATOR1, ("x", "v")),
        (4.65e-7, 5e-4),
    ),
    LLMSRProblem(
        "oscillator2",
        ("t", "x", "v"),
        _OSCILLATOR2,
        "The acceleration of a damped nonlinear oscillator with a driving force.",
        {"t": "time", "x": "position", "v": "velocity"},
        "the acceleration",
        _draw_oscillator(_OSCILLATOR2, ("t", "x", "v")),
        (2.12e-7, 3.81e-5),
    ),
    LLMSRProblem(
        "bactgrow",
        ("b", "s", "temp", "pH"),
        _GROWTH,
        "The growth rate of a population of E. coli bacteria.",
        {
            "b": "population density",
            "s": "substrate concentration",
            "temp": "temperature [degrees Celsius]",
            "pH": "pH",
        },
        "the growth rate",
        _draw_growth,
        (0.0214, 0.0264),
    ),
    LLMSRProblem(
        "stressstrain",
        ("strain", "temp"),
        None,
        "The stress in an aluminium rod, in its elastic and plastic regions.",
        {"strain": "strain, scaled", "temp": "temperature, scaled"},
        "the stress",
        None,
        (0.0210, 0.0516),
    ),
)
