"""The commands ``chatsr inspect`` and ``chatsr infer`` on files of ChatSR samples."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sklearn_chatsr.result_files import check_writable, write_json

if TYPE_CHECKING:
    from sklearn_chatsr.datasets import ChatSRSample

Loaded = tuple[Any, Any]


def add_sample_commands(commands: Any) -> None:
    """Add the two commands to the parser of ``chatsr``."""
    inspect = commands.add_parser(
        "inspect", help="look at what the model does with samples of a ChatSR file"
    )
    infer = commands.add_parser(
        "infer", help="recover the formulas of samples of a ChatSR file"
    )
    for parser, run in ((inspect, _inspect), (infer, _infer)):
        parser.add_argument("file", type=Path, help="ChatSR JSON, also .json.gz")
        parser.add_argument(
            "samples",
            nargs="*",
            help="numbers, ranges such as 0-9, or ids; 'all'; on a terminal without "
            "any it asks",
        )
        parser.add_argument("--model", default="default", help="checkpoint folder")
        parser.add_argument("--prompt", help="what is known about the law, in words")
        parser.add_argument("--n-candidates", type=int, default=64, help="sequences")
        parser.add_argument("--seed", type=int, default=0, help="seed of every draw")
        parser.add_argument("--json", type=Path, help="file to write the results to")
        parser.set_defaults(run=run)
    inspect.add_argument("--list", action="store_true", help="list the samples only")
    infer.add_argument("--method", choices=["sample", "beam"], default="sample")
    infer.add_argument(
        "--optimizer", choices=["bfgs", "lm"], default="bfgs", help="of the constants"
    )


def choose(samples: Sequence[ChatSRSample], words: Sequence[str]) -> list[int]:
    """Give the places of the samples that the words name, in that order.

    Parameters
    ----------
    samples : sequence of ChatSRSample
        What there is.
    words : sequence of str
        Numbers from 0, ranges such as ``"0-9"``, ids, or ``"all"``.

    Returns
    -------
    list of int

    Raises
    ------
    ValueError
        If a word names no sample.
    """
    ids = {sample.id: place for place, sample in enumerate(samples)}
    chosen: list[int] = []
    for word in words:
        low, dash, high = word.partition("-")
        if word == "all":
            chosen += range(len(samples))
        elif word in ids:
            chosen.append(ids[word])
        elif low.isdigit() and (high.isdigit() if dash else True):
            last = int(high) if dash else int(low)
            if not int(low) <= last < len(samples):
                raise ValueError(
                    f"No sample {word!r}: the file has {len(samples)}, numbered from 0."
                )
            chosen += range(int(low), last + 1)
        else:
            raise ValueError(
                f"No sample {word!r}. Give numbers, ranges such as 0-9, ids or 'all'."
            )
    return chosen


def _inspect(options: argparse.Namespace) -> None:
    samples = _samples(options)
    if options.list:
        _list(samples)
        return

    def show(loaded: Loaded, sample: ChatSRSample) -> dict[str, Any]:
        from sklearn_chatsr.model_on_samples import inspect_sample

        seen = inspect_sample(
            *loaded,
            sample,
            n_candidates=options.n_candidates,
            prompt=options.prompt,
            seed=options.seed,
        )
        result = {
            "id": sample.id,
            "target": str(seen.target),
            "loss": None if math.isnan(seen.loss) else seen.loss,
            "first_tokens": [[word, p] for word, p in seen.first_tokens],
            "greedy": str(seen.greedy),
            "sampled": [str(e) for e in seen.sampled],
        }
        known = "the model has no token for it" if result["loss"] is None else ""
        first = ", ".join(f"{word} {p:.3f}" for word, p in seen.first_tokens)
        _write(f"{sample.id}: {len(sample.y)} points")
        _write(f"  target   {seen.target}")
        _write(f"  loss     {known or f'{seen.loss:.4f} nats per token'}")
        _write(f"  first    {first}")
        _write(f"  greedy   {seen.greedy}")
        for expression in seen.sampled[:10]:
            _write(f"  sampled  {expression}")
        return result

    _over(options, samples, show)


def _infer(options: argparse.Namespace) -> None:
    samples = _samples(options)

    def show(loaded: Loaded, sample: ChatSRSample) -> dict[str, Any]:
        from sklearn_chatsr.model_on_samples import recover_sample

        found = recover_sample(
            *loaded,
            sample,
            n_candidates=options.n_candidates,
            method=options.method,
            optimizer=options.optimizer,
            prompt=options.prompt,
            seed=options.seed,
        )
        formula = None if found.fit is None else str(found.fit.expression)
        _write(f"{sample.id}: {found.n_candidates} formulas")
        _write(f"  target   {found.target}{'  (generated)' if found.matched else ''}")
        _write(f"  formula  {formula or 'none gave numbers on every point'}")
        _write(f"  MSE {found.mse:.6g}, R2 {found.r2:.6f}")
        finite = found.fit is not None
        return {
            "id": sample.id,
            "target": str(found.target),
            "formula": formula,
            "mse": found.mse if finite else None,
            "r2": found.r2 if finite else None,
            "matched": found.matched,
            "n_candidates": found.n_candidates,
        }

    results = _over(options, samples, show)
    if len(results) > 1:
        good = [r["r2"] for r in results if r["r2"] is not None]
        exact = sum(r2 > 0.999 for r2 in good)
        _write(f"R2 above 0.999: {exact} of {len(results)}")


def _samples(options: argparse.Namespace) -> list[ChatSRSample]:
    from sklearn_chatsr.datasets import read_chatsr_json

    samples = read_chatsr_json(options.file)
    if not samples:
        raise ValueError(f"{options.file} holds no sample.")
    return samples


def _over(
    options: argparse.Namespace,
    samples: Sequence[ChatSRSample],
    show: Callable[[Loaded, ChatSRSample], dict[str, Any]],
) -> list[dict[str, Any]]:
    """Show the samples that are asked for, by the arguments or on the terminal."""
    if not options.samples and not sys.stdin.isatty():
        raise ValueError("Name the samples: numbers, ranges such as 0-9, ids or 'all'.")
    given = choose(samples, options.samples)
    from sklearn_chatsr.models import load_model

    if options.json is not None:
        check_writable(options.json)
    loaded = load_model(options.model, "cpu")
    places = iter(given) if options.samples else _asked(samples)
    results = []
    try:
        for place in places:
            try:
                results.append(show(loaded, samples[place]))
            except ValueError as error:
                _write(f"{samples[place].id}: left out. {error}")
    finally:
        if options.json is not None:
            write_json(options.json, results)
    return results


def _asked(samples: Sequence[ChatSRSample]) -> Iterator[int]:
    """Ask for samples until an empty line, "q" or the end of the input."""
    _list(samples[:10])
    while True:
        sys.stdout.write(f"sample (0-{len(samples) - 1}, an id, list, q): ")
        sys.stdout.flush()
        words = sys.stdin.readline().split()
        if not words or words == ["q"]:
            return
        if words == ["list"]:
            _list(samples)
            continue
        try:
            yield from choose(samples, words)
        except ValueError as error:
            _write(str(error))


def _list(samples: Sequence[ChatSRSample]) -> None:
    for place, sample in enumerate(samples):
        _write(f"{place:4d}  {sample.id}  {len(sample.y)} points  {sample.expression}")


def _write(line: str) -> None:
    sys.stdout.write(line + "\n")
