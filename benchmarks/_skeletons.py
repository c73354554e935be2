"""Random skeletons with known constants, the problems of the constants benchmark."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.fitting import Program

FloatArray = npt.NDArray[np.float64]

MAX_NODES = 20
_BINARY = (["add"] * 4, ["mul"] * 4, ["sub"] * 2, ["div"] * 2)
_UNARY = ("sin", "cos", "exp", "log", "sqrt", "sq", "tanh", "inv", "cube", "atan")


@dataclass(frozen=True)
class ConstantProblem:
    """A skeleton, points, and the target that its true constants give."""

    expression: Expression
    X: FloatArray
    y: FloatArray


def random_problems(
    n_problems: int, n_samples: int, seed: int
) -> list[ConstantProblem]:
    """Draw problems of at most 20 nodes with 1 to 4 constants, each of which matters.

    Parameters
    ----------
    n_problems : int
        How many; the numbers of constants take turns.
    n_samples : int
        Rows of each.
    seed : int
        Seed of all draws.

    Returns
    -------
    list of ConstantProblem
        Noise-free.
    """
    rng = np.random.default_rng(seed)
    problems: list[ConstantProblem] = []
    while len(problems) < n_problems:
        problem = _draw(1 + len(problems) % 4, n_samples, rng)
        if problem is not None:
            problems.append(problem)
    return problems


def _draw(
    n_constants: int, n_samples: int, rng: np.random.Generator
) -> ConstantProblem | None:
    tokens = _tree(int(rng.integers(1, 5)), rng)
    for _ in range(n_constants):
        tokens = _insert_constant(tokens, rng)
    if len(tokens) > MAX_NODES:
        return None
    skeleton = Expression(tokens)
    exponents = [tokens[max(i - 1, 0)] == "pow" for i in _places(tokens)]
    constants = np.exp(rng.normal(size=n_constants))
    constants *= np.where(rng.random(n_constants) < 0.3, -1.0, 1.0)
    constants = np.where(exponents, rng.uniform(0.5, 3.0, n_constants), constants)
    low, high = ((0.2, 4.0), (-3.0, 3.0), (1.0, 20.0))[int(rng.integers(3))]
    X = rng.uniform(low, high, (n_samples, 3))
    expression = skeleton.with_constants(constants.tolist())
    y, jacobian = Program(expression).jacobian(X)
    with np.errstate(all="ignore"):
        spread = y.std()
        effects = np.abs(jacobian * constants).std(axis=0)
    good = np.isfinite(y).all() and np.isfinite(jacobian).all()
    good = good and spread > 1e-6 * np.abs(y).max() and np.abs(y).max() < 1e6
    if not good or (effects < 1e-3 * spread).any():
        return None
    return ConstantProblem(expression, X, y)


def _tree(n_leaves: int, rng: np.random.Generator) -> list[str]:
    if n_leaves == 1:
        tokens = [f"x{rng.integers(1, 4)}"]
    else:
        left = int(rng.integers(1, n_leaves))
        kinds = [name for group in _BINARY for name in group]
        head = kinds[int(rng.integers(len(kinds)))]
        tokens = [head, *_tree(left, rng), *_tree(n_leaves - left, rng)]
    if rng.random() < 0.45:
        tokens = [_UNARY[int(rng.integers(len(_UNARY)))], *tokens]
    return tokens


def _insert_constant(tokens: list[str], rng: np.random.Generator) -> list[str]:
    """Put a factor, a shift or an exponent at a random node."""
    subtrees = list(Expression(tokens).subtrees())
    start, stop = subtrees[int(rng.integers(len(subtrees)))]
    part, kind = tokens[start:stop], rng.random()
    if kind < 0.55:
        wrapped = ["mul", "C", *part]
    elif kind < 0.92:
        wrapped = ["add", "C", *part]
    else:
        wrapped = ["pow", *part, "C"]
    return [*tokens[:start], *wrapped, *tokens[stop:]]


def _places(tokens: list[str]) -> list[int]:
    return [i for i, token in enumerate(tokens) if token == "C"]
