"""The methods of a comparison: one small adapter each, found by name.

Adapters run in their own process, in a Python that may hold nothing but the peer: this
package imports neither `sklearn_chatsr` nor any peer before a method is made.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.methods.method import Method

__all__ = ["METHODS", "Entry", "Method", "find_entries", "find_entry", "make"]

_OURS = "benchmarks.methods.ours:Ours"
# The ablation: each of them alone, and all but one.
_PROPOSERS = ("templates", "basis", "sums", "refinement", "model", "evolution")
_OPERON_SYMBOLS = "add,sub,mul,div,sin,cos,exp,log,constant,variable"


@dataclass(frozen=True)
class Entry:
    """Where the adapter of a method is, and the settings that make this variant.

    Parameters
    ----------
    name : str
        Name in results and reports.
    target : str
        ``module:Class`` of a `Method`.
    settings : dict
        Keyword arguments of the class beside seconds, seed and threads.
    """

    name: str
    target: str
    settings: dict[str, Any] = field(default_factory=dict)


METHODS = {
    entry.name: entry
    for entry in (
        Entry("ours", _OURS),
        *(Entry(f"ours-{e}", _OURS, {"effort": e}) for e in ("fast", "thorough")),
        *(Entry(f"ours-{p}", _OURS, {"proposers": (p,)}) for p in _PROPOSERS),
        *(
            Entry(
                f"ours-no-{left_out}",
                _OURS,
                {"proposers": tuple(p for p in _PROPOSERS if p != left_out)},
            )
            for left_out in _PROPOSERS
        ),
        Entry("operon-default", "benchmarks.methods.operon:Operon"),
        Entry(
            "operon",
            "benchmarks.methods.operon:Operon",
            {
                "allowed_symbols": _OPERON_SYMBOLS,
                "optimizer_iterations": 5,
                "objectives": ["r2", "length"],
                "max_length": 30,
                # Its description length needs the noise, which nobody knows.
                "model_selection_criterion": "bayesian_information_criterion",
            },
        ),
        Entry("gplearn", "benchmarks.methods.gplearn:GPLearn"),
        Entry("pysr", "benchmarks.methods.pysr:PySR"),
        Entry("eggp", "benchmarks.methods.eggp:Eggp"),
        Entry("rils-rols", "benchmarks.methods.rils_rols:RilsRols"),
        Entry("hroch", "benchmarks.methods.hroch:Hroch"),
        Entry("linear", "benchmarks.methods.baselines:Linear"),
        Entry("random-forest", "benchmarks.methods.baselines:RandomForest"),
        Entry("gradient-boosting", "benchmarks.methods.baselines:GradientBoosting"),
    )
}


def find_entry(word: str) -> Entry:
    """Find a method: a name, or ``name=module:Class`` for an adapter of one's own.

    Raises
    ------
    ValueError
        If the name is unknown.
    """
    name, _, target = word.partition("=")
    if target:
        if ":" not in target:
            raise ValueError(f"Cannot read {word!r}: write name=module:Class.")
        return Entry(name, target)
    if name not in METHODS:
        raise ValueError(
            f"Unknown method {name!r}. Known: {', '.join(METHODS)}; or write "
            "name=module:Class for an adapter of your own."
        )
    return METHODS[name]


def find_entries(words: Sequence[str]) -> list[Entry]:
    """Find several methods, each once."""
    return list({entry.name: entry for entry in map(find_entry, words)}.values())


def make(
    target: str, settings: dict[str, Any], seconds: float, seed: int, threads: int
) -> Method:
    """Import an adapter and make the method."""
    module, _, name = target.partition(":")
    adapter = getattr(importlib.import_module(module), name)
    return adapter(seconds=seconds, seed=seed, threads=threads, **settings)
