"""SRBench's rule for a symbolic solution, in a process that can be killed.

Run as ``python -m benchmarks.symbolic`` it reads one question as JSON on standard
input and answers in JSON lines, so that a time-out leaves what was found before.

References
----------
W. La Cava et al. Contemporary symbolic regression methods and their relative
performance. NeurIPS Datasets and Benchmarks, 2021 (``experiment/symbolic_utils.py``
and ``assess_symbolic_model.py``).
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.formulas import read_formula, to_srbench_sympy

if TYPE_CHECKING:
    import sympy

ROOT = Path(__file__).parents[1]
LEAST_R2 = 0.5
_DECIMALS = 3
_NEGLIGIBLE = 1e-4


def round_floats(expr: sympy.Expr) -> sympy.Expr:
    """Round every float to three decimals; what is below 1e-4 becomes zero."""
    import sympy

    rounded = expr
    for node in sympy.preorder_traversal(expr):
        if isinstance(node, sympy.Float):
            if abs(node) < _NEGLIGIBLE:
                rounded = rounded.subs(node, sympy.Integer(0))
            else:
                rounded = rounded.subs(node, round(node, _DECIMALS))
    return rounded


def n_nodes(expr: sympy.Expr) -> int:
    """Count the nodes of a SymPy tree, SRBench's model size."""
    import sympy

    return sum(1 for _ in sympy.preorder_traversal(expr))


def simplicity(nodes: int) -> float:
    """Compute SRBench's simplicity from the nodes of the simplified model."""
    return -round(math.log(max(nodes, 1)) / math.log(5), 1)


def model_size(formula: str, names: Sequence[str]) -> int:
    """Count the nodes of a formula with rounded floats, unsimplified.

    Examples
    --------
    >>> model_size("2.0*x + 1", ["x"])
    5
    """
    return n_nodes(round_floats(to_srbench_sympy(read_formula(formula, names), names)))


def assess(
    formula: str,
    truth: str | None,
    names: Sequence[str],
    r2_test: float,
    *,
    labels: Sequence[str] | None = None,
    seconds: float = 60.0,
) -> dict[str, Any]:
    """Compare a found formula with the true one by SRBench's rule.

    Parameters
    ----------
    formula : str
        Infix over the columns' names.
    truth : str or None
        Likewise; None for measured data, of which only the size is told.
    names : sequence of str
        Names of the columns.
    r2_test : float
        The rule is applied only above 0.5.
    labels : sequence of str, optional
        Names to print, where those in the formula are positions (``x1``, ``x2``).
    seconds : float, default=60
        Limit for all of SymPy's work; a kill, not a request.

    Returns
    -------
    dict
        SRBench's keys ``symbolic_model``, ``model_size``, ``simplicity``,
        ``simplified_symbolic_model``, ``simplified_complexity``, ``symbolic_error*``,
        ``symbolic_fraction*``, ``sympy_exception``; ours ``symbolic_solution``,
        ``true_size``.
        What the limit cut off is missing, and ``symbolic_solution`` is then False.
    """
    question = {
        "formula": formula,
        "truth": truth,
        "names": list(names),
        "r2_test": r2_test,
        "labels": None if labels is None else list(labels),
    }
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.symbolic"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=environment,
    )
    failure = None
    try:
        answer, errors = process.communicate(json.dumps(question), timeout=seconds)
        if process.returncode:
            failure = f"ended with code {process.returncode}: {errors[-200:].strip()}"
    except subprocess.TimeoutExpired:
        process.kill()
        answer, _ = process.communicate()
        failure = f"no answer within {seconds:g} s"
    found: dict[str, Any] = {}
    for line in answer.splitlines():
        try:
            found |= json.loads(line)
        except json.JSONDecodeError:  # cut off in the middle
            break
    if failure is not None:
        found["sympy_exception"] = failure
    if truth is not None:
        found.setdefault("symbolic_solution", False)
    return found


def answer(
    formula: str,
    truth: str | None,
    names: Sequence[str],
    r2_test: float,
    labels: Sequence[str] | None = None,
) -> Iterator[dict[str, Any]]:
    """Yield what becomes known, step by step, in the order of its cost."""
    import sympy

    labels = names if labels is None else labels
    exact = to_srbench_sympy(read_formula(formula, names), labels)
    parsed = round_floats(exact)
    yield {"symbolic_model": str(exact), "model_size": n_nodes(parsed)}
    true_model = None
    if truth is not None:
        true_model = to_srbench_sympy(read_formula(truth, names), labels)
        true_model = round_floats(true_model)
        yield {"true_model": str(true_model), "true_size": n_nodes(true_model)}
    model = sympy.simplify(parsed, ratio=1)
    yield {
        "simplified_symbolic_model": str(model),
        "simplified_complexity": n_nodes(model),
        "simplicity": simplicity(n_nodes(model)),
    }
    if true_model is not None:
        yield equivalence(model, true_model, r2_test)


def equivalence(
    model: sympy.Expr, true_model: sympy.Expr, r2_test: float
) -> dict[str, Any]:
    """Apply the rule: the difference is zero or constant, or the ratio is constant.

    A ratio of zero does not count: SRBench's publication asks for another constant, and
    its code finds a ratio of zero where rounding wipes out a small coefficient.
    """
    import sympy

    failed = {
        "symbolic_error_is_zero": False,
        "symbolic_error_is_constant": False,
        "symbolic_fraction_is_constant": False,
        "symbolic_solution": False,
    }
    if not r2_test > LEAST_R2:
        return failed | {"sympy_exception": "Model isnt accurate enough to check"}
    if str(model) in ("None", "0", "nan"):
        return failed
    difference = round_floats(true_model - model)
    fraction = round_floats(model / true_model)
    # SRBench's guard reads `not difference.is_constant() or fraction.is_constant()`.
    if not difference.is_constant() or fraction.is_constant():
        difference = sympy.simplify(difference, ratio=1)
    found = {
        "symbolic_error": str(difference),
        "symbolic_fraction": str(fraction),
        "symbolic_error_is_zero": str(difference) == "0",
        "symbolic_error_is_constant": difference.is_constant() is True,
        "symbolic_fraction_is_constant": fraction.is_constant() is True
        and fraction.is_zero is not True
        and fraction.is_finite is not False,
    }
    return found | {
        "symbolic_solution": any(v is True for v in found.values()),
    }


def main() -> None:
    """Answer one question."""
    question = json.load(sys.stdin)
    try:
        for part in answer(**question):
            sys.stdout.write(json.dumps(part) + "\n")
            sys.stdout.flush()
    except Exception as error:  # whatever SymPy runs into is the answer
        problem = str(error).splitlines()[0] if str(error) else ""
        part = {"sympy_exception": f"{type(error).__name__}: {problem}"}
        sys.stdout.write(json.dumps(part) + "\n")


if __name__ == "__main__":
    main()
