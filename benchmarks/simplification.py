"""Time the canonical simplification on random expressions of one size.

Run with ``python -m benchmarks.simplification``; ``--sympy`` times SymPy's ``simplify``
on the first twenty of them.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np

from sklearn_chatsr.expressions import OPERATORS, Expression

_UNARY = sorted(n for n, row in OPERATORS.items() if row.arity == 1)
_BINARY = ["add", "sub", "mul", "div", "pow"]


def draw(rng: np.random.Generator, size: int) -> Any:
    """Draw a tree of ``size`` nodes: operators evenly, a quarter of leaves numbers.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    size : int
        Number of nodes.

    Returns
    -------
    tree
        As taken by `Expression.from_tree`.
    """
    if size == 1:
        if rng.random() < 0.15:
            return float(rng.normal(scale=3.0))
        return str(rng.choice(["x1", "x2", "x3", "x1", "x2", "x3", "1", "2", "3"]))
    if size == 2 or rng.random() < 0.3:
        return (str(rng.choice(_UNARY)), draw(rng, size - 1))
    left = int(rng.integers(1, size - 1))
    name = str(rng.choice(_BINARY))
    return (name, draw(rng, left), draw(rng, size - 1 - left))


def main() -> None:
    """Draw, simplify, print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2_000)
    parser.add_argument("--size", type=int, default=20, help="nodes")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--sympy", action="store_true")
    options = parser.parse_args()
    print("seed  median_ms  p90_ms  p99_ms  mean_size_ratio  grown")
    for seed in range(options.seeds):
        rng = np.random.default_rng(seed)
        drawn = [
            Expression.from_tree(draw(rng, options.size)) for _ in range(options.count)
        ]
        milliseconds, ratios = [], []
        for expression in drawn:
            start = time.perf_counter()
            simple = expression.simplify()
            milliseconds.append(1e3 * (time.perf_counter() - start))
            ratios.append(simple.size / expression.size)
        median, p90, p99 = np.percentile(milliseconds, [50, 90, 99])
        grown = int(np.sum(np.array(ratios) > 1))
        print(
            f"{seed:4d}  {median:9.3f}  {p90:6.3f}  {p99:6.3f}  "
            f"{np.mean(ratios):15.3f}  {grown:5d}"
        )
    if options.sympy:
        _time_sympy(drawn[:20])


def _time_sympy(drawn: list[Expression]) -> None:
    import sympy

    milliseconds = []
    for expression in drawn:
        try:
            expr = expression.to_sympy()
        except (ArithmeticError, ValueError, TypeError):
            continue
        start = time.perf_counter()
        sympy.simplify(expr)
        milliseconds.append(1e3 * (time.perf_counter() - start))
    print(f"SymPy simplify: median {np.median(milliseconds):.0f} ms")


if __name__ == "__main__":
    main()
