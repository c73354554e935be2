"""Equations of motion of a known term and a novel one, in the manner of LSR-Synth.

A term that every textbook has is joined by one that no textbook has, so that the law
cannot be recited. Rows follow one trajectory; the last third of the time is outside.

References
----------
P. Shojaee et al. LLM-SRBench: A new benchmark for scientific equation discovery with
large language models. ICML 2025 (the construction; the equations here are our own).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

from benchmarks.formulas import read_formula
from benchmarks.llmsr.problems import LLMSRProblem

FloatArray = npt.NDArray[np.float64]

_ROWS = 3_000


@dataclass(frozen=True)
class Field:
    """A subject with its known terms and novel terms."""

    name: str
    variables: tuple[str, ...]
    meanings: tuple[str, ...]
    target: str
    order: int
    start: tuple[float, ...]
    end: float
    known: tuple[str, ...]
    novel: tuple[str, ...]


FIELDS = (
    Field(
        "reaction",
        ("t", "A"),
        ("time", "concentration of the reactant"),
        "rate of change of the concentration",
        1,
        (1.6,),
        12.0,
        ("-0.35*A", "-0.28*A^2"),
        ("0.12*sin(1.3*t)*sqrt(A)", "0.2*exp(-0.4*t)*A/(A+0.7)", "0.15*log(A+1)"),
    ),
    Field(
        "population",
        ("t", "P"),
        ("time", "size of the population"),
        "growth rate of the population",
        1,
        (0.4,),
        14.0,
        ("0.7*P*(1-P/3.2)", "0.5*P*(1-P/2.7)*(P/0.3-1)"),
        ("-0.25*P^1.5/(P+0.6)", "0.3*cos(0.9*t)*P^0.5", "-0.4*(1-exp(-0.5*P))"),
    ),
    Field(
        "motion",
        ("t", "x", "v"),
        ("time", "position", "velocity"),
        "acceleration",
        2,
        (0.9, -0.3),
        24.0,
        ("-1.4*x-0.25*v", "-1.1*sin(x)-0.2*v"),
        ("-0.6*x^2*v", "0.5*cos(1.7*t)*exp(-x^2)", "-0.3*v*abs(v)*x"),
    ),
)


def synthetic_problems() -> Iterator[LLMSRProblem]:
    """Give every known term with every novel one: 18 problems."""
    for subject in FIELDS:
        pairs = product(subject.known, subject.novel)
        for number, (known, novel) in enumerate(pairs, start=1):
            formula = f"{known} + {novel}".replace("+ -", "- ")
            yield LLMSRProblem(
                f"{subject.name}{number}",
                subject.variables,
                formula,
                f"The {subject.target} as measured along one run.",
                dict(zip(subject.variables, subject.meanings, strict=True)),
                subject.target,
                _drawer(subject, formula),
                group="synthetic",
            )


def _drawer(subject: Field, formula: str) -> Callable[[int], dict[str, FloatArray]]:
    def draw(seed: int) -> dict[str, FloatArray]:
        from scipy.integrate import solve_ivp

        law = read_formula(formula, subject.variables)

        def slope(t: float, state: FloatArray) -> list[float]:
            value = float(law.evaluate([[t, *state]])[0])
            return [value] if subject.order == 1 else [state[1], value]

        times = np.linspace(0.0, subject.end, _ROWS)
        found = solve_ivp(
            slope, (0.0, subject.end), subject.start, t_eval=times, rtol=1e-8
        )
        if not found.success:
            raise RuntimeError(f"{formula} cannot be integrated: {found.message}")
        rows = np.column_stack([times, found.y.T])
        cut = 2 * len(rows) // 3
        inside = np.random.default_rng(seed).permutation(rows[:cut])
        half = len(inside) // 2
        return {
            "train": inside[:half],
            "test_id": inside[half:],
            "test_ood": rows[cut:],
        }

    return draw
