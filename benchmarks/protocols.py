"""Named protocols: which problems, seeds, split, scaling and noise.

References
----------
W. La Cava et al. Contemporary symbolic regression methods and their relative
performance. NeurIPS Datasets and Benchmarks, 2021.
G. S. Imai Aldeia et al. Call for action: towards the next generation of symbolic
regression benchmark. GECCO, 2025.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from benchmarks.problems import Problem
from benchmarks.problems.tables import read_rows

Array = npt.NDArray[np.float64]

# The seeds of SRBench's trials, in its order.
# fmt: off
SRBENCH_SEEDS = (
    23654, 15795, 860, 5390, 16850, 29910, 4426, 21962, 14423, 28020,
    29802, 21575, 11964, 11284, 22118, 6265, 11363, 27495, 16023, 8322,
    1685, 32052, 769, 26967, 30187, 32157, 23333, 2433, 5311, 5051,
)
# fmt: on
# Rows beside training and test rows on which an exact solution has to hold.
N_UNSEEN = 1_000
_UNSEEN_SEED = 987_654


@dataclass(frozen=True)
class Protocol:
    """How a problem becomes training and test rows.

    Parameters
    ----------
    name : str
    problems : tuple of str
        What `select_problems` is asked for by default.
    seeds : tuple of int
        One trial each.
    noise_levels : tuple of float
        Standard deviation of the noise on the training target, in units of the root
        mean square of the training target. Test targets stay clean.
    rows : int or None
        Rows to draw from a formula; None for as many as were published.
    train_cap : int or None
        Most training rows.
    cap_by_total : bool
        Cap when the whole data set is longer than the cap, as SRBench 2021 does.
    cap_with_replacement : bool
        Draw the capped rows with replacement, as SRBench 2021 does.
    scale_measured : bool
        Standardise X and y of problems without formula, for the fit.
    published_rows : bool
        Take the suite's own training and test rows, unsplit.
    seconds : float
        Default budget of a fit.
    rescale : int
        Decades: every column and the target of a formula are multiplied by whole powers
        of ten between minus and plus so many, drawn per problem and seed.
    note : str
        What differs from the published protocol.
    """

    name: str
    problems: tuple[str, ...]
    seeds: tuple[int, ...]
    noise_levels: tuple[float, ...] = (0.0,)
    rows: int | None = None
    train_cap: int | None = None
    cap_by_total: bool = False
    cap_with_replacement: bool = False
    scale_measured: bool = True
    published_rows: bool = False
    seconds: float = 3600.0
    rescale: int = 0
    note: str = ""


PROTOCOLS = {
    p.name: p
    for p in (
        Protocol(
            "srbench-2021-groundtruth",
            ("srbench-2021-groundtruth",),
            SRBENCH_SEEDS[:10],
            (0.0, 0.001, 0.01, 0.1),
            train_cap=10_000,
            cap_by_total=True,
            cap_with_replacement=True,
            seconds=8 * 3600.0,
            note="PMLB's own rows are used when --data-dir holds them; otherwise "
            "100,000 rows are drawn uniformly from the same ranges.",
        ),
        Protocol(
            "srbench-2021-blackbox",
            ("srbench-2021-blackbox",),
            SRBENCH_SEEDS[:10],
            train_cap=10_000,
            cap_by_total=True,
            cap_with_replacement=True,
            seconds=48 * 3600.0,
            note="Settings are fixed; SRBench tuned each method by halving search.",
        ),
        Protocol(
            "srbench-2025",
            ("srbench-2025-blackbox", "srbench-2025-firstprinciples"),
            SRBENCH_SEEDS,
            train_cap=40_000,
            seconds=3600.0,
            note="Settings are fixed; SRBench tuned by a 3-fold grid search.",
        ),
        Protocol(
            "quick",
            ("feynman", "srbench-2025-blackbox"),
            SRBENCH_SEEDS[:1],
            rows=1_000,
            train_cap=1_000,
            seconds=10.0,
            note="One trial, 1,000 rows drawn per formula, at most 1,000 training "
            "rows. A quick look, not SRBench's protocol.",
        ),
        Protocol(
            "gp-suites",
            (
                *("nguyen", "keijzer", "korns", "koza", "livermore", "jin", "neat"),
                *("r-rationals", "constant", "vladislavleva", "pagie"),
            ),
            SRBENCH_SEEDS[:10],
            published_rows=True,
            seconds=60.0,
            note="Each suite's own training and test rows.",
        ),
    )
}


@dataclass(frozen=True)
class Trial:
    """The rows of one trial, as the method sees them, and the truth behind them."""

    X_train: Array
    y_train: Array  # what the method is given: scaled, with noise
    X_test: Array
    X_unseen: Array | None
    y_train_clean: Array  # unscaled, as every score uses it
    y_test: Array
    y_unseen: Array | None
    names: tuple[str, ...]
    origin: str  # "file", "drawn", "integrated" or "published sampling"
    y_scaler: StandardScaler | None = None

    def unscale(self, y: Array) -> Array:
        """Bring predictions back to the units of the target."""
        if self.y_scaler is None:
            return y
        return self.y_scaler.inverse_transform(y.reshape(-1, 1)).ravel()


def prepare(
    problem: Problem, protocol: Protocol, seed: int, noise: float = 0.0
) -> Trial:
    """Make the rows of one trial.

    Parameters
    ----------
    problem : Problem
    protocol : Protocol
    seed : int
        Of the split, the cap and the noise, in SRBench's order of draws.
    noise : float
        Share of the root mean square of the training target.

    Returns
    -------
    Trial
    """
    names = problem.variables
    if protocol.published_rows and problem.train is not None:
        X_train, y_train = problem.draw_published("train", seed)
        X_test, y_test = problem.draw_published("test", seed)
        origin = "published sampling"
    else:
        X, y, names, origin = _all_rows(problem, protocol)
        X_train, X_test, y_train, y_test = train_test_split(
            X, y, train_size=0.75, test_size=0.25, random_state=seed
        )
    # SRBench seeds NumPy's global generator and draws the cap, then the noise, from it.
    random = np.random.RandomState(seed)
    cap = protocol.train_cap
    counted = len(y_train) + (len(y_test) if protocol.cap_by_total else 0)
    if cap is not None and counted > cap:
        rows = random.choice(
            len(y_train),
            size=cap if protocol.cap_with_replacement else min(cap, len(y_train)),
            replace=protocol.cap_with_replacement,
        )
        X_train, y_train = X_train[rows], y_train[rows]

    y_seen, y_scaler = y_train, None
    X_unseen, y_unseen = None, None
    if problem.formula is None and protocol.scale_measured:
        X_scaler = StandardScaler().fit(X_train)
        X_train, X_test = X_scaler.transform(X_train), X_scaler.transform(X_test)
        y_scaler = StandardScaler().fit(y_train.reshape(-1, 1))
        y_seen = y_scaler.transform(y_train.reshape(-1, 1)).ravel()
    if problem.formula is not None:
        X_unseen, y_unseen = problem.draw(N_UNSEEN, _UNSEEN_SEED)
    if protocol.rescale and X_unseen is not None and y_unseen is not None:
        most = protocol.rescale
        decades = np.random.default_rng([seed, *problem.name.encode()]).integers(
            -most, most, size=X_train.shape[1] + 1, endpoint=True
        )
        factors, factor = 10.0 ** decades[:-1], 10.0 ** decades[-1]
        X_train, X_test, X_unseen = (X * factors for X in (X_train, X_test, X_unseen))
        y_train, y_seen, y_test, y_unseen = (
            y * factor for y in (y_train, y_seen, y_test, y_unseen)
        )
    if noise > 0:
        scale = noise * np.sqrt(np.mean(np.square(y_seen)))
        y_seen = y_seen + random.normal(0, scale, size=len(y_seen))
    return Trial(
        X_train=X_train,
        y_train=y_seen,
        X_test=X_test,
        X_unseen=X_unseen,
        y_train_clean=y_train,
        y_test=y_test,
        y_unseen=y_unseen,
        names=tuple(names),
        origin=origin,
        y_scaler=y_scaler,
    )


def _all_rows(
    problem: Problem, protocol: Protocol
) -> tuple[Array, Array, tuple[str, ...], str]:
    if problem.path is not None:
        X, y, names = read_rows(Path(problem.path))
        if problem.variables:  # the formula's order of columns, whatever the file's
            X = X[:, [names.index(name) for name in problem.variables]]
            names = problem.variables
        return X, y, tuple(names), "file"
    if problem.system is not None:
        return *problem.trajectories(), problem.variables, "integrated"
    n = problem.rows if protocol.rows is None else protocol.rows
    return *problem.draw(n, seed=0), problem.variables, "drawn"
