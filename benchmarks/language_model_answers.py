"""Count how many answers of a small language model are programs.

Run with ``python -m benchmarks.language_model_answers``; it starts the server of
``chatsr serve-llm`` in this process. One prompt, temperature 1, asked in four ways: the
body from its start, the body from ``dv =`` on, the body along a grammar, and the whole
function as a chat.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from pathlib import Path
from typing import Any

from sklearn_chatsr.llm import HTTPLanguageModel, LocalServer, program_grammar
from sklearn_chatsr.proposers.programs import ProgramError, translate

_INPUTS = ["x", "v"]
_N_PARAMETERS = 10
_PROMPT = '''"""
Find the structure of the function that gives the acceleration of a damped oscillator
from its position and velocity.
"""
import numpy as np


def equation_v0(x: np.ndarray, v: np.ndarray, params: np.ndarray) -> np.ndarray:
    """Acceleration of the oscillator.

    x: position
    v: velocity
    params: constants that are fitted
    """
    dv = params[0] * x + params[1] * v + params[2]
    return dv


def equation_v1(x: np.ndarray, v: np.ndarray, params: np.ndarray) -> np.ndarray:
    """Improved version of `equation_v0`."""
    dv = params[0] * x + params[1] * v + params[2] * x**3 + params[3]
    return dv


def equation_v2(x: np.ndarray, v: np.ndarray, params: np.ndarray) -> np.ndarray:
    """Improved version of `equation_v1`."""
'''
_WAYS: dict[str, tuple[str, dict[str, Any]]] = {
    "free": ("", {"stop": ["\ndef ", "\nclass "]}),
    "prefilled": ("    dv =", {"stop": ["\ndef ", "\nclass "]}),
    "grammar": (
        "",
        {"extra_body": {"grammar": program_grammar(_INPUTS, _N_PARAMETERS)}},
    ),
    "chat": ("", {"mode": "chat"}),
}


def main() -> None:
    """Ask in every way, print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, help="GGUF file; SmolLM2 by default")
    parser.add_argument("--answers", type=int, default=32, help="answers for each way")
    parser.add_argument("--threads", type=int, help="threads of the model")
    options = parser.parse_args()
    print("way        programs  distinct  seconds  reasons of the others")
    with LocalServer(options.model, port=0, n_threads=options.threads) as server:
        for way in _WAYS:
            _ask(server.url, way, options.answers)


def _ask(url: str, way: str, n_answers: int) -> None:
    prefill, settings = _WAYS[way]
    model = HTTPLanguageModel(
        url, temperature=1.0, max_tokens=200, timeout=600, **settings
    )
    began = time.perf_counter()
    # Eight at a time, which the server generates together.
    answers = [
        answer
        for start in range(0, n_answers, 8)
        for answer in model.complete(
            _PROMPT + prefill, min(8, n_answers - start), seed=start
        )
    ]
    seconds = time.perf_counter() - began
    skeletons = set()
    reasons: Counter[str] = Counter()
    for answer in answers:
        try:
            program = translate(
                answer.text,
                inputs=_INPUTS,
                n_parameters=_N_PARAMETERS,
                name="equation_v2",
                prefill=prefill,
            )
        except ProgramError as error:
            reasons[error.reason] += 1
        else:
            skeletons.add(program.expression.skeleton().canonical_key())
    n_programs = len(answers) - reasons.total()
    why = ", ".join(f"{reason} {n}" for reason, n in reasons.most_common())
    print(
        f"{way:<9}  {n_programs:3d} / {len(answers):2d}  {len(skeletons):8d}  "
        f"{seconds:7.1f}  {why}",
        flush=True,
    )


if __name__ == "__main__":
    main()
