"""Measure what share of unseen formulas a model recovers, against the hidden control.

Run ``python -m training.evaluate runs/small/model --n-tables 200 --out eval.json``.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.fitting import ConstantFitter
from sklearn_chatsr.models import load_model
from sklearn_chatsr.models.chatsr import (
    ChatSRForExpressionGeneration,
    ChatSRProcessor,
    generate_candidates,
)
from training.batches import BatchConfig
from training.generator import GeneratorConfig, Tables, build_pool, draw_tables
from training.losses import loss_batches, validation_losses

# Float32 resolution: below it a fit is called exact.
EXACT = 1.2e-7
N_UNSEEN = 64  # rows that decide
_LOSS_TABLES = 2048


@dataclass(frozen=True, slots=True)
class Outcome:
    """What happened on one table.

    Attributes
    ----------
    target : str
        The formula, constants open.
    n_variables, size : int
        Of the target.
    matched : bool
        The target is among the candidates (canonical form).
    fitted : bool
        The candidate with the lowest loss on the shown rows has a fraction of variance
        unexplained of at most 1.2e-7 on the unseen rows (with noise on the shown rows:
        at most a quarter of the variance of the noise).
    n_distinct : int
        Candidates after de-duplication.
    generation_seconds, fitting_seconds : float
        Wall clock.
    """

    target: str
    n_variables: int
    size: int
    matched: bool
    fitted: bool
    n_distinct: int
    generation_seconds: float
    fitting_seconds: float

    @property
    def recovered(self) -> bool:
        """Whether the formula was found in either sense."""
        return self.matched or self.fitted


def validation_tables(
    n_tables: int, seed: int, unseen: bool = True, n_rows: int = 128
) -> list[Tables]:
    """Draw noise-free tables, one for each of different skeletons.

    Parameters
    ----------
    n_tables : int
        How many.
    seed : int
        Of the skeletons and tables.
    unseen : bool, default=True
        Only shapes that training never sees; False takes the shapes of training, short
        ones among them, with new constants and points.
    n_rows : int, default=128
        Rows of a table.

    Returns
    -------
    list of Tables
        Of one table each.
    """
    rng = np.random.default_rng([seed, 7])
    config = GeneratorConfig(
        pool_size=6 * n_tables,
        tables_per_skeleton=1,
        min_points=n_rows,
        noise_rate=0.0,
        distractor_rate=0.0,
    )
    found: dict[Expression, Tables] = {}
    for skeleton in build_pool(rng, config, held_out=unseen):
        if len(found) == n_tables:
            break
        if skeleton.expression not in found:
            tables = draw_tables(skeleton, rng, config, cap=n_rows)
            if tables is not None:
                found[skeleton.expression] = tables
    return list(found.values())


def recover(
    model: ChatSRForExpressionGeneration,
    processor: ChatSRProcessor,
    tables: Tables,
    *,
    n_candidates: int,
    hide_points: bool,
    seed: int,
    method: str = "sample",
    noise: float = 0.0,
) -> Outcome:
    """Draw candidates for one table, fit their constants and compare.

    The last 64 rows are not shown. Noise is in units of the spread of y, on the others.
    Of more rows than the model takes, it sees one part after the other.
    """
    X, y = tables.X[0, :-N_UNSEEN], tables.y[0, :-N_UNSEEN]
    X_unseen, y_unseen = tables.X[0, -N_UNSEEN:], tables.y[0, -N_UNSEEN:]
    disturbance = np.random.default_rng([seed, 13]).standard_normal(len(y))
    y = y + noise * tables.y[0].std() * disturbance
    start = time.perf_counter()
    most = processor.feature_extractor.max_points
    views = [slice(first, first + most) for first in range(0, len(y), most)]
    drawn = [
        candidate
        for view in views
        for candidate in generate_candidates(
            model,
            processor,
            X[view],
            y[view],
            n_candidates=n_candidates // len(views),
            seed=seed,
            hide_points=hide_points,
            method=method,
        )
    ]
    candidates = list(dict.fromkeys(drawn))
    generated = time.perf_counter()
    best = _best_fit(candidates, X, y)
    most_missed = max(EXACT, noise**2 / 4)
    fitted = best is not None and _fvu(best, X_unseen, y_unseen) <= most_missed
    key = tables.expression.canonical_key()
    return Outcome(
        target=str(tables.expression),
        n_variables=len(tables.expression.variables),
        size=tables.expression.size,
        matched=any(c.canonical_key() == key for c in candidates),
        fitted=fitted,
        n_distinct=len(candidates),
        generation_seconds=generated - start,
        fitting_seconds=time.perf_counter() - generated,
    )


def _best_fit(
    candidates: Sequence[Expression], X: np.ndarray, y: np.ndarray
) -> Expression | None:
    fitter = ConstantFitter(X, y, n_starts=4)
    fits = fitter.fit_many(candidates, scale=True, n_jobs=1)
    done = [fit for fit in fits if fit is not None and not fit.failed]
    return min(done, key=lambda fit: fit.fvu).expression if done else None


def _fvu(expression: Expression, X: np.ndarray, y: np.ndarray) -> float:
    error = expression.evaluate(X) - y
    with np.errstate(over="ignore"):
        return float(np.mean(error**2) / np.var(y))


def summarise(outcomes: Sequence[Outcome]) -> dict[str, dict[str, float]]:
    """Give shares in percent: over all, by number of variables and by size."""
    groups: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        groups["all"].append(outcome)
        groups[f"{outcome.n_variables} variables"].append(outcome)
        low = 5 * ((outcome.size - 1) // 5) + 1
        groups[f"size {low:02d}-{low + 4:02d}"].append(outcome)
    return {
        name: {
            "tables": len(group),
            "recovered": _percent([o.recovered for o in group]),
            "matched": _percent([o.matched for o in group]),
            "fitted": _percent([o.fitted for o in group]),
            "distinct": round(float(np.mean([o.n_distinct for o in group])), 1),
            "generation_seconds": round(
                float(np.median([o.generation_seconds for o in group])), 3
            ),
            "fitting_seconds": round(
                float(np.median([o.fitting_seconds for o in group])), 3
            ),
        }
        for name, group in sorted(groups.items())
    }


def _percent(flags: Sequence[bool]) -> float:
    return round(100.0 * float(np.mean(flags)), 1)


def given_and_hidden(
    model: ChatSRForExpressionGeneration,
    processor: ChatSRProcessor,
    tables: Sequence[Tables],
    *,
    n_candidates: int,
    seed: int,
    method: str = "sample",
    noise: float = 0.0,
) -> dict[str, dict[str, Any]]:
    """Evaluate with the points given and hidden, and print the summaries."""
    result = {}
    for name, hidden in (("given", False), ("hidden", True)):
        outcomes = [
            recover(
                model,
                processor,
                table,
                n_candidates=n_candidates,
                hide_points=hidden,
                seed=seed + i,
                method=method,
                noise=noise,
            )
            for i, table in enumerate(tables)
        ]
        result[name] = {
            "summary": summarise(outcomes),
            "outcomes": [asdict(o) for o in outcomes],
        }
        print(name, json.dumps(result[name]["summary"], indent=1))
    return result


def main() -> None:
    """Print losses, evaluate with the points given and hidden, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--n-tables", type=int, default=200)
    parser.add_argument("--n-candidates", type=int, default=256)
    parser.add_argument("--n-shown", type=int, default=64, help="rows of a table")
    parser.add_argument("--noise", type=float, default=0.0, help="on the shown rows")
    parser.add_argument("--method", default="sample", choices=["sample", "beam"])
    parser.add_argument("--seen-shapes", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    model, processor = load_model(args.model, "cpu")
    cut = BatchConfig(hidden_rate=0.0, bare_rate=0.0)
    losses = validation_losses(
        model, loss_batches(processor, cut, _LOSS_TABLES, args.seed)
    )
    print("nats per token", json.dumps(losses._asdict(), indent=1))
    tables = validation_tables(
        args.n_tables,
        args.seed,
        unseen=not args.seen_shapes,
        n_rows=args.n_shown + N_UNSEEN,
    )
    result = given_and_hidden(
        model,
        processor,
        tables,
        n_candidates=args.n_candidates,
        seed=args.seed,
        method=args.method,
        noise=args.noise,
    )
    if args.out:
        args.out.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
