"""How fast evolution fits children, beside pyoperon with its own optimizer.

Run ``python -m benchmarks.evolution`` (about a minute). Both breed formulas for the
same noise-free data on one thread, each within the same seconds; what is counted are
individuals whose constants were fitted: the children of ours, and the individuals of
pyoperon's generations with 5 iterations of Levenberg-Marquardt. Then the seconds that
evolution alone takes to the exact law, for three seeds.

pyoperon is measured when it can be imported. It works in float32, ours in float64.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import numpy.typing as npt

from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.fitting import ConstantFitter, warm_up
from sklearn_chatsr.proposers import EvolutionProposer, Problem
from sklearn_chatsr.selection import Archive, DescriptionLength, resolution

FloatArray = npt.NDArray[np.float64]

LAW = Expression.from_infix("2.5*sin(1.3*x1)*x2 + x3^2/(1 + x2^2)")
# A law that is not found while the clock runs: the race is about speed.
_HARD = "exp(sin(x1*x2) - 0.3*x3)*tanh(x2 + x3^2) + cos(x1*x3)*sin(2.7*x2)"
_EXACT = 1e-20


def draw(law: Expression, n_rows: int, seed: int = 0) -> tuple[FloatArray, FloatArray]:
    """Draw points of a law from the cube between -3 and 3."""
    X = np.random.default_rng(seed).uniform(-3, 3, size=(n_rows, 3))
    return X, law.evaluate(X)


def problem(X: FloatArray, y: FloatArray, seconds: float) -> Problem:
    """Pose a problem with nothing known and a deadline."""
    cost = DescriptionLength(len(y), float(np.var(y)), resolution(y).floor, X.shape[1])
    return Problem(X, y, None, Archive(cost), deadline=time.monotonic() + seconds)


def ours_per_second(X: FloatArray, y: FloatArray, seconds: float) -> float:
    """Count the children that are fitted per second."""
    proposer = EvolutionProposer(n_generations=10**6)
    began = time.monotonic()
    for _ in proposer.propose(problem(X, y, seconds), np.random.default_rng(0)):
        pass
    return proposer.n_fitted / (time.monotonic() - began)


def operon_per_second(X: FloatArray, y: FloatArray, seconds: float) -> float | None:
    """Count the individuals that pyoperon fits per second; None when it is absent."""
    try:
        from pyoperon.sklearn import SymbolicRegressor
    except ImportError:
        return None
    regressor = SymbolicRegressor(
        allowed_symbols="add,sub,mul,div,sin,cos,exp,log,constant,variable",
        optimizer_iterations=5,
        objectives=["r2", "length"],
        max_length=30,
        max_time=max(1, round(seconds)),
        max_evaluations=10**9,
        generations=10**9,
        n_threads=1,
        random_state=0,
    )
    began = time.monotonic()
    regressor.fit(X, y)
    elapsed = time.monotonic() - began
    # Its own counter of evaluations is not filled in; a generation is a population.
    n_generations = int(regressor.stats_["generations"])
    return regressor.population_size * (n_generations + 1) / elapsed


def seconds_to_exact(seed: int, limit: float) -> tuple[float | None, str]:
    """Measure the time to the exact law, and print the law as it is found."""
    X, y = draw(LAW, 1000, seed)
    fitter = ConstantFitter(X, y)
    began = time.monotonic()
    rng = np.random.default_rng(seed)
    proposer = EvolutionProposer(n_generations=10**6)
    for batch in proposer.propose(problem(X, y, limit), rng):
        for expression in batch:
            if fitter.evaluate(expression).fvu < _EXACT:
                return time.monotonic() - began, expression.to_infix(digits=6)
    return None, ""


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=8.0)
    seconds = parser.parse_args().seconds
    warm_up()
    print("rows   ours/s   pyoperon/s")
    for n_rows in (400, 1000):
        X, y = draw(Expression.from_infix(_HARD), n_rows)
        ours = ours_per_second(X, y, seconds)
        operon = operon_per_second(X, y, seconds)
        peer = "absent" if operon is None else f"{operon:10.0f}"
        print(f"{n_rows:4d} {ours:8.0f}   {peer}", flush=True)
    print(f"\nseconds to {LAW.to_infix()}, 1000 rows")
    for seed in range(3):
        taken, text = seconds_to_exact(seed, 3 * seconds)
        print(f"seed {seed}:", "not found" if taken is None else f"{taken:.1f}  {text}")


if __name__ == "__main__":
    main()
