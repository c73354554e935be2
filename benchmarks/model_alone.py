"""What share of the laws of a benchmark the model recovers alone, beside the control.

Run ``python -m benchmarks.model_alone default --problems feynman --n-candidates 1024``.
The control is the same model without the points. No search, no clock: candidates are
drawn once, their constants fitted, and the best fit is judged on rows not shown.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.problems import select_problems
from sklearn_chatsr.models import load_model
from training.evaluate import N_UNSEEN, given_and_hidden
from training.generator import Tables


def law_tables(suites: Sequence[str], n_rows: int = 128) -> list[Tables]:
    """Draw noise-free rows of the laws of a benchmark, which training never sees.

    Parameters
    ----------
    suites : sequence of str
        What `benchmarks.problems.select_problems` takes, such as ``"feynman"``.
    n_rows : int, default=128
        Rows of a table.

    Returns
    -------
    list of Tables
        Of one table each.
    """
    found = []
    for problem in select_problems(suites)[0]:
        if problem.expression is None:
            continue
        X, y = problem.draw(n_rows, seed=0)
        shown = np.ones((1, n_rows), bool)
        found.append(Tables(problem.expression.skeleton(), X[None], y[None], shown))
    return found


def main() -> None:
    """Read the arguments, evaluate, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--problems", default="feynman", help="suites, with commas")
    parser.add_argument("--n-candidates", type=int, default=256)
    parser.add_argument("--n-shown", type=int, default=64, help="rows of a table")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    model, processor = load_model(args.model, "cpu")
    tables = law_tables(args.problems.split(","), args.n_shown + N_UNSEEN)
    result = given_and_hidden(
        model, processor, tables, n_candidates=args.n_candidates, seed=args.seed
    )
    if args.out:
        args.out.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
