"""Integrate the dynamical systems whose states are the rows of the Strogatz problems.

References
----------
W. La Cava, K. Danai, L. Spector. Inference of compact nonlinear dynamic models by
epigenetic local search. Engineering Applications of Artificial Intelligence, 2016.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.integrate import solve_ivp

from benchmarks.formulas import read_formula


def simulate(
    system: dict[str, Any], variables: Sequence[str]
) -> npt.NDArray[np.float64]:
    """Integrate a system from several starts.

    Parameters
    ----------
    system : dict
        ``equations`` (the derivative of each variable, infix), ``starts`` (one state
        per trajectory), ``step`` (time between rows) and ``points`` (rows of one
        trajectory).
    variables : sequence of str
        Names of the states.

    Returns
    -------
    X : ndarray of shape (n_starts * points, n_states)
    """
    laws = [read_formula(system["equations"][name], variables) for name in variables]
    times = system["step"] * np.arange(system["points"])

    def derivative(
        _time: float, state: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.float64]:
        row = state[None, :]
        return np.concatenate([law.evaluate(row) for law in laws])

    parts = []
    for start in system["starts"]:
        solution = solve_ivp(
            derivative,
            (0.0, times[-1]),
            start,
            t_eval=times,
            method="LSODA",  # the van der Pol oscillator is stiff
            rtol=1e-9,
            atol=1e-11,
        )
        if not solution.success:
            raise ValueError(f"Cannot integrate from {start}: {solution.message}")
        parts.append(solution.y.T)
    return np.concatenate(parts)
