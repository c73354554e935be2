"""Worker of the constants benchmark inside pyoperon's own interpreter and process.

Called as ``python _operon_constants.py problems.npz answer.jsonl first``; writes one
line per problem from number ``first`` on. Needs NumPy and pyoperon, nothing else.
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np

_INFIX = {"add": "+", "sub": "-", "mul": "*", "div": "/", "pow": "^"}
_CALLS = {"sq": "square", "atan": "atan", "tanh": "tanh", "abs": "abs"}


def _infix(tokens: list[str], constants: list[float]) -> str:
    """Write prefix tokens in the notation of Operon's parser."""
    token = tokens.pop(0)
    if token in _INFIX:
        left = _infix(tokens, constants)
        return f"({left} {_INFIX[token]} {_infix(tokens, constants)})"
    if token == "C":
        return f"({constants.pop(0):.9g})"
    if token.startswith("x"):
        return token.upper()
    inner = _infix(tokens, constants)
    if token == "inv":
        return f"(1.0 / {inner})"
    if token == "cube":
        return f"({inner} ^ 3.0)"
    return f"{_CALLS.get(token, token)}({inner})"


def main(problems: str, answer: str, first: int) -> None:
    """Fit problem after problem; a crash ends the process and is counted outside."""
    try:
        import pyoperon as operon
    except ImportError:
        sys.exit(3)
    given = np.load(problems)
    texts = given["texts"]
    for k in range(first, len(texts)):
        X, y = given[f"X{k}"], given[f"y{k}"]
        dataset = operon.Dataset(np.asfortranarray(np.column_stack([X, y])))
        names = {v.Name: v.Hash for v in dataset.Variables}
        problem = operon.Problem(dataset)
        rows = operon.Range(0, len(y))
        problem.TrainingRange = rows
        problem.Target = dataset.Variables[-1]
        problem.InputHashes = [v.Hash for v in dataset.Variables[:-1]]
        # Temporaries would be freed while Operon still points at them.
        table = operon.DispatchTable()
        optimizer = operon.LMOptimizer(table, problem, 50)
        fit = operon.CoefficientOptimizer(optimizer)
        generator = operon.RandomGenerator(1)
        fvu, seconds = np.inf, 0.0
        for start in given[f"starts{k}"]:
            text = _infix(texts[k].split(), list(start))
            tree = operon.InfixParser.Parse(text, names)
            began = time.process_time()
            tree, _ = fit(generator, tree)
            seconds += time.process_time() - began
            value = np.asarray(operon.Evaluate(table, tree, dataset, rows), float)
            loss = float(np.mean((value - y) ** 2) / y.var())
            if loss < fvu:
                fvu = loss
            # float32 ends near here.
            if fvu <= 1e-10:
                break
        with open(answer, "a") as file:
            row = {"fvu": fvu if np.isfinite(fvu) else 1e300, "seconds": seconds}
            file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
