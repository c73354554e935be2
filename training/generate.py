"""Write generated samples to files: ChatSR's JSON, or compact shards.

Run ``python -m training.generate data --num_samples 1000 --max_length 12 --seed 0`` for
``data/train.json``, ``val.json`` and ``test.json``; ``--format shards`` gives folders
of compressed NumPy files instead. No formula of one split has its shape in another.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sklearn_chatsr.datasets import ChatSRSample, write_chatsr_json
from sklearn_chatsr.expressions import Expression, is_variable
from training.exclusions import load_exclusions
from training.generator import GeneratorConfig, Tables, draw_tables
from training.skeletons import Skeleton, SkeletonPrior, draw_skeletons

logger = logging.getLogger("training")

SPLITS = ("train", "val", "test")
# A skeleton is drawn, then used for so many samples: drawing is the dearer part.
_TABLES_PER_SKELETON = 8
_SHARD = 8192


@dataclass(frozen=True, slots=True)
class Sample:
    """One table and its law.

    Attributes
    ----------
    expression : Expression
        The skeleton.
    X : ndarray of shape (n_points, n_columns)
    y : ndarray of shape (n_points,)
    """

    expression: Expression
    X: npt.NDArray[np.float64]
    y: npt.NDArray[np.float64]


def split_of(expression: Expression, shares: Sequence[float]) -> str:
    """Give the split that a formula belongs to, by its shape.

    The shape is the multiset of tokens, variables not told apart: no renaming and no
    reordering of a test formula is in training.

    Parameters
    ----------
    expression : Expression
        A skeleton.
    shares : sequence of float
        Of train, val and test; they add up to 1.

    Returns
    -------
    str
    """
    shape = sorted("x" if is_variable(t) else t for t in expression.tokens)
    digest = hashlib.sha256(" ".join(shape).encode()).digest()
    place = int.from_bytes(digest[:8], "big") / 2.0**64
    bounds = np.cumsum(shares)[:-1]
    return SPLITS[int(np.searchsorted(bounds, place, side="right"))]


def generate(
    n_samples: int,
    config: GeneratorConfig,
    seed: int,
    split: str = "train",
    shares: Sequence[float] = (1.0, 0.0, 0.0),
) -> Iterator[Sample]:
    """Draw samples of one split; the same arguments give the same samples.

    Parameters
    ----------
    n_samples : int
        How many.
    config : GeneratorConfig
        Prior, points, noise.
    seed : int
        Of every draw.
    split : {"train", "val", "test"}, default="train"
        Which formulas.
    shares : sequence of float, default=(1, 0, 0)
        See `split_of`.

    Yields
    ------
    Sample

    Raises
    ------
    ValueError
        If the split has a share of 0, or no skeleton of the wanted length is found.
    """
    if shares[SPLITS.index(split)] <= 0:
        raise ValueError(f"The split {split!r} has a share of 0, must be > 0.")
    rng = np.random.default_rng([seed, SPLITS.index(split)])
    skeletons = _skeletons(rng, config, split, shares)
    yield from islice(
        (s for skeleton in skeletons for s in _samples(skeleton, rng, config)),
        n_samples,
    )


def _skeletons(
    rng: np.random.Generator,
    config: GeneratorConfig,
    split: str,
    shares: Sequence[float],
) -> Iterator[Skeleton]:
    exclusions = load_exclusions()
    refused = 0
    for skeleton in draw_skeletons(rng, config.prior):
        expression = skeleton.expression
        refused += 1
        if refused > 20_000:
            raise ValueError(
                f"No formula for {split!r} with at least {config.min_size} tokens in "
                "20000 draws. Lower --min_length or raise the share of the split."
            )
        wanted = expression.size >= config.min_size
        wanted = wanted and split_of(expression, shares) == split
        if wanted and not exclusions.excludes(expression):
            refused = 0
            yield skeleton


def _samples(
    skeleton: Skeleton, rng: np.random.Generator, config: GeneratorConfig
) -> Iterator[Sample]:
    cap = int(rng.choice(config.point_caps, p=config.point_cap_weights))
    tables: Tables | None = draw_tables(skeleton, rng, config, cap)
    if tables is not None:
        for X, y, mask in zip(tables.X, tables.y, tables.point_mask, strict=True):
            yield Sample(tables.expression, X[mask], y[mask])


def write_json(samples: Iterator[Sample], path: Path, n_columns: int) -> int:
    """Write ChatSR's JSON; give the number of samples."""
    written = [
        ChatSRSample.build(f"{path.name.split('.')[0]}_{i}", s.X, s.y, s.expression,
                           n_columns)
        for i, s in enumerate(samples)
    ]  # fmt: skip
    write_chatsr_json(written, path)
    return len(written)


def write_shards(samples: Iterator[Sample], folder: Path) -> int:
    """Write compressed shards of at most 8192 samples; give the number of samples.

    Each holds ``values`` (all tables behind each other, rows of X and y, float32),
    ``n_points`` and ``n_columns`` (int16) and ``formulas`` (prefix tokens as bytes, one
    line each).
    """
    folder.mkdir(parents=True, exist_ok=True)
    total = 0
    while part := list(islice(samples, _SHARD)):
        formulas = "\n".join(" ".join(s.expression.tokens) for s in part).encode()
        with np.errstate(over="ignore"):
            values = np.concatenate([np.column_stack([s.X, s.y]).ravel() for s in part])
        np.savez_compressed(
            folder / f"{total // _SHARD:05d}.npz",
            values=values.astype(np.float32),
            n_points=np.array([len(s.y) for s in part], dtype=np.int16),
            n_columns=np.array([s.X.shape[1] for s in part], dtype=np.int16),
            formulas=np.frombuffer(formulas, dtype=np.uint8),
        )
        total += len(part)
    return total


def read_shards(folder: Path) -> Iterator[Sample]:
    """Read what `write_shards` wrote, shard by shard.

    Raises
    ------
    ValueError
        If the folder holds no shard.
    """
    paths = sorted(folder.glob("*.npz"))
    if not paths:
        raise ValueError(f"No shards (*.npz) in {str(folder)!r}.")
    for path in paths:
        with np.load(path, allow_pickle=False) as shard:
            n, d = shard["n_points"].astype(int), shard["n_columns"].astype(int)
            ends = np.cumsum(n * (d + 1))
            blocks = np.split(shard["values"].astype(np.float64), ends[:-1])
            formulas = shard["formulas"].tobytes().decode().split("\n")
        known: dict[str, Expression] = {}
        for block, columns, line in zip(blocks, d, formulas, strict=True):
            if line not in known:
                known[line] = Expression(line.split())
            rows = block.reshape(-1, columns + 1)
            yield Sample(known[line], rows[:, :-1], rows[:, -1])


def config_from(args: argparse.Namespace) -> GeneratorConfig:
    """Turn the arguments into what samples look like.

    Raises
    ------
    ValueError
        If a number is out of its range.
    """
    weights = SkeletonPrior().n_variables
    checks = {
        f"--min_length {args.min_length}": 1 <= args.min_length <= args.max_length,
        f"--max_vars {args.max_vars}": 1 <= args.max_vars <= len(weights),
        f"--max_dims {args.max_dims}": args.max_vars <= args.max_dims <= 10,
        f"--max_points {args.max_points}": args.min_points <= args.max_points <= 4096,
        f"--min_points {args.min_points}": args.min_points >= 8,
        f"--noise {args.noise}": args.noise is None or 0 <= args.noise <= 1,
    }
    for text, fine in checks.items():
        if not fine:
            raise ValueError(
                f"{text} is out of range. Allowed: 1 <= min_length <= max_length, 1 <= "
                f"max_vars <= {len(weights)}, max_vars <= max_dims <= 10, 8 <= "
                "min_points <= max_points <= 4096, 0 <= noise <= 1."
            )
    prior = SkeletonPrior(
        n_variables=weights[: args.max_vars], max_size=args.max_length
    )
    training = GeneratorConfig()
    noise_rate, levels = training.noise_rate, training.noise_levels
    if args.noise is not None:
        noise_rate = 1.0 if args.noise > 0 else 0.0
        levels = (args.noise or 1e-4,) * 2
    # The tokens of ChatSR's JSON are the whole law: nothing is around them.
    whole = args.format == "json"
    return GeneratorConfig(
        prior=prior,
        min_size=args.min_length,
        tables_per_skeleton=args.per_formula,
        point_caps=(args.max_points,),
        point_cap_weights=(1.0,),
        min_points=args.min_points,
        noise_rate=noise_rate,
        noise_levels=levels,
        scale_rate=0.0 if whole else training.scale_rate,
        offset_rate=0.0 if whole else training.offset_rate,
        max_columns=args.max_dims,
        distractor_rate=training.distractor_rate if args.max_dims > 1 else 0.0,
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the arguments and write the splits."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("out", type=Path, help="folder to write")
    add("--num_samples", type=int, default=1000, help="of all splits together")
    add("--min_length", type=int, default=1, help="tokens of a formula")
    add("--max_length", type=int, default=24, help="tokens of a formula")
    add("--max_vars", type=int, default=5, help="distinct variables of a formula")
    add("--max_dims", type=int, default=10, help="columns of a table")
    add("--min_points", type=int, default=8)
    add("--max_points", type=int, default=128, help="log-uniform from the least")
    add("--noise", type=float, help="share of the spread of y; a mix when not given")
    add("--per_formula", type=int, default=_TABLES_PER_SKELETON, help="tables of one")
    add("--split", type=float, nargs=3, default=(0.8, 0.1, 0.1), metavar="SHARE")
    add("--format", choices=["json", "json.gz", "shards"], default="json")
    add("--seed", type=int, default=0)
    args = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    if min(args.split) < 0 or abs(sum(args.split) - 1) > 1e-9:
        parser.error(f"--split is {args.split}, must be three shares that add up to 1")
    packed = args.format == "json.gz"
    args.format = args.format.removesuffix(".gz")
    try:
        config = config_from(args)
    except ValueError as error:
        parser.error(str(error))
    args.out.mkdir(parents=True, exist_ok=True)
    start, total = time.process_time(), 0
    bounds = np.round(np.cumsum([0.0, *args.split]) * args.num_samples).astype(int)
    for split, n in zip(SPLITS, np.diff(bounds), strict=True):
        if n == 0:
            continue
        samples = generate(int(n), config, args.seed, split, args.split)
        if args.format == "shards":
            total += write_shards(samples, args.out / split)
        else:
            name = f"{split}.json.gz" if packed else f"{split}.json"
            total += write_json(samples, args.out / name, args.max_dims)
    settings = {k: v for k, v in vars(args).items() if k != "out"}
    (args.out / "settings.json").write_text(json.dumps(settings, indent=1) + "\n")
    seconds = time.process_time() - start
    logger.info("%d samples, %.0f per second and core", total, total / seconds)


if __name__ == "__main__":
    main()
