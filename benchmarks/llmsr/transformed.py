"""Laws of the Feynman table solved for another variable, as LSR-Transform does.

The familiar law is asked in an unfamiliar form: mass as a function of energy and the
rest. ``python -m benchmarks.llmsr.transformed`` writes ``transformed.yaml`` anew with
SymPy, which takes some minutes; a law whose solution does not give the variable back on
drawn rows is left out.

References
----------
P. Shojaee et al. LLM-SRBench: A new benchmark for scientific equation discovery with
large language models. ICML 2025 (the construction).
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.formulas import read_formula
from benchmarks.llmsr.problems import LLMSRProblem
from benchmarks.problems.problem import Problem
from benchmarks.problems.tables import packaged_tables, read_table, read_yaml

FloatArray = npt.NDArray[np.float64]

TABLE = Path(__file__).with_name("transformed.yaml")
_TRAIN, _TEST = 2_000, 1_000
_SECONDS = 5
_EXACT = 1e-6


def transformed_problems(table: Path = TABLE) -> Iterator[LLMSRProblem]:
    """Give the problems of the table."""
    laws = {p.name: p for p in _feynman()}
    for entry in read_yaml(table)["problems"]:
        law = laws[entry["law"]]
        names = [law.target, *(v for v in law.variables if v != entry["target"])]
        yield LLMSRProblem(
            entry["name"],
            tuple(names),
            entry["formula"],
            f"{entry['target']} of the law {law.title}, from the other quantities.",
            group="transformed",
            draw=_drawer(law, entry["target"]),
        )


def _drawer(law: Problem, target: str) -> Callable[[int], dict[str, FloatArray]]:
    """Draw rows of the law in its ranges, the top quarter of the target outside."""

    def draw(seed: int) -> dict[str, FloatArray]:
        X, y = law.draw(_TRAIN + 2 * _TEST, seed)
        j = law.variables.index(target)
        rows = np.column_stack([y, np.delete(X, j, axis=1)])
        rows = rows[np.argsort(X[:, j], kind="stable")]
        n_outside = len(rows) // 4
        inside = np.random.default_rng(seed).permutation(rows[:-n_outside])
        return {
            "train": inside[:_TRAIN],
            "test_id": inside[_TRAIN:],
            "test_ood": rows[-n_outside:],
        }

    return draw


def make_table() -> dict[str, Any]:
    """Solve every law for the first of its variables that can be had alone."""
    entries = []
    for law in _feynman():
        for target in law.variables:
            formula = _solve(law, target)
            if formula is not None:
                name = f"{law.name}_{target}"
                entries.append(
                    {
                        "name": name,
                        "law": law.name,
                        "target": target,
                        "formula": formula,
                    }
                )
                break
    return {"group": "transformed", "problems": entries}


def _feynman() -> list[Problem]:
    path = next(p for p in packaged_tables() if p.stem == "feynman")
    return read_table(path)


def _solve(law: Problem, target: str) -> str | None:
    """Solve for one variable within seconds; None when that fails the check."""
    import sympy

    from sklearn_chatsr.expressions import Expression

    if law.expression is None or len(law.variables) < 2:
        return None
    names = list(law.variables)
    symbols = [sympy.Symbol(f"q{k}", positive=True) for k in range(len(names) + 1)]
    right = law.expression.to_sympy(names)
    right = right.subs(
        {s: symbols[names.index(s.name) + 1] for s in right.free_symbols}
    )
    unknown = symbols[names.index(target) + 1]
    signal.signal(signal.SIGALRM, _too_late)
    signal.alarm(_SECONDS)
    try:
        solutions = sympy.solve(sympy.Eq(symbols[0], right), unknown)
    except Exception:  # whatever SymPy runs into: this form is not offered
        return None
    finally:
        signal.alarm(0)
    X, y = law.draw(300, 0)
    j = names.index(target)
    inputs = np.column_stack([y, np.delete(X, j, axis=1)])
    columns = [law.target, *(n for n in names if n != target)]
    kept = [symbols[0], *(s for s in symbols[1:] if s is not unknown)]
    for solution in solutions[:4]:
        try:
            found = Expression.from_sympy(
                solution.subs({s: sympy.Symbol(f"x{k}") for k, s in enumerate(kept, 1)})
            )
            values = found.evaluate(inputs)
            if np.allclose(values, X[:, j], rtol=_EXACT):
                text = found.to_infix(columns)
                read_formula(text, columns)
                return text
        except ValueError:
            continue
    return None


def _too_late(*_: Any) -> None:
    raise TimeoutError


def main() -> None:
    """Write the table."""
    import yaml

    table = make_table()
    text = yaml.safe_dump(table, sort_keys=False, width=1_000)
    TABLE.write_text(text, encoding="utf-8")
    sys.stderr.write(f"{len(table['problems'])} problems in {TABLE.name}\n")


if __name__ == "__main__":
    main()
