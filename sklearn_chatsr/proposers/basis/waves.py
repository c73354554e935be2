"""Waves: sines and cosines of a weighted sum of columns, found by a spectrum.

No list of sums holds every weight, and no smooth model follows a wave that turns over
several times within the data: a spectrum over all directions does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import combinations, combinations_with_replacement

import numpy as np
from scipy.optimize import least_squares

from sklearn_chatsr.expressions.expression import Tree
from sklearn_chatsr.proposers.basis.monomials import Exponents, monomials
from sklearn_chatsr.proposers.basis.screening import orthonormal
from sklearn_chatsr.proposers.basis.terms import Array, Columns, Terms
from sklearn_chatsr.proposers.basis.trees import linear_combination, multiplied

_MOST_COLUMNS, _MOST_MULTIPLIED, _FEW_COLUMNS = 6, 4, 2
_ROWS_PER_COLUMN = 12
# Products of powers that a wave may run along, where polynomials leave such a share.
_MOST_POWERS, _RUGGED = 80, 0.2
# Half waves across the range of a column, by how many columns a wave runs through.
_HALF_WAVES = (40, 12, 7)
_STEP = 0.8  # half waves between neighbours of the grid
_N_PEAKS, _TIMES_THE_PEAKS, _MOST_STEPS, _N_SWEEPS = 4, 4, 25, 2
_LEAST_SHARE = 0.25  # of what the polynomials leave
_NOTHING = 1e-20
_LEAST_ANGLE = 0.4  # radians over half the range; a slower wave is a parabola
_ROUND = 0.05  # a weight this near to a half or whole number may be that
_ORDER, _ORDER_WITH_FACTOR = 1.2, 2.0


@dataclass(frozen=True)
class _Wave:
    parts: tuple[int, ...]
    angles: Array  # by which the phase turns over half the range of each part
    factor: int | None  # part that the amplitude is proportional to


@dataclass(frozen=True)
class Wave:
    """A wave that was found.

    Attributes
    ----------
    weights : ndarray of shape (n_parts,)
        Those of the parts in its phase.
    leaves : list of tree
        The parts.
    phase : ndarray of shape (n_rows,)
        On all rows.
    """

    weights: Array
    leaves: list[Tree]
    phase: Array

    def argument(self, factor: float) -> Tree:
        """Write the phase of a wave of another frequency."""
        addends = zip((factor * self.weights).tolist(), self.leaves, strict=True)
        return linear_combination(list(addends), 0.0, exact=True)


@np.errstate(all="ignore")
def strongest_waves(
    columns: Columns, y: Array, n_fit: int, out_of_time: Callable[[], bool]
) -> list[Wave]:
    """Find the waves that explain most, and those in one of their columns alone.

    Parameters
    ----------
    columns, y, n_fit, out_of_time
        As in `waves`.
    """
    found: dict[tuple[int, ...], Wave] = {}
    plain = _plain(columns)
    for wave, weights in _found(columns, plain, y[:n_fit], out_of_time, False):
        for places in ([*range(len(weights))], *([k] for k in range(len(weights)))):
            parts = tuple(wave.parts[k] for k in places)
            leaves = [columns.leaves[j] for j in parts]
            phase = weights[places] @ columns.values[list(parts)]
            found.setdefault(parts, Wave(weights[places], leaves, phase))
    # Those of one column first: they are the more frequent ones.
    return sorted(found.values(), key=lambda wave: len(wave.leaves))


@np.errstate(all="ignore")
def waves(
    columns: Columns,
    y: Array,
    n_fit: int,
    out_of_time: Callable[[], bool],
    *,
    thorough: bool = False,
) -> Terms:
    """Find the waves that explain most beside a polynomial of the columns.

    Parameters
    ----------
    columns : Columns
        The columns, with the rows to evaluate on.
    y : ndarray of shape (n_rows,)
        The target.
    n_fit : int
        The first so many rows are looked at.
    out_of_time : callable
        Asked between directions.
    thorough : bool
        Whether phases and amplitudes may hold products of two of few columns, and
        waves run through three of many, which takes some times longer.

    Returns
    -------
    Terms
        Sine and cosine of every wave, times a column, or a product of two, where the
        amplitude is one.
    """
    found: list[Terms] = [Terms(np.empty((0, len(y))), [], np.empty(0))]
    parts = _plain(columns)
    if thorough and len(columns) <= _MOST_MULTIPLIED:
        parts = Terms.join([parts, _products(columns)])
    for wave, weights in _found(columns, parts, y[:n_fit], out_of_time, thorough):
        found.append(_terms(parts, wave, weights))
    enough = n_fit > _ROWS_PER_COLUMN * (len(columns) + 1)
    if 2 <= len(columns) <= _MOST_MULTIPLIED and enough:
        # A phase along a product of powers is one thing: a short spectrum.
        parts = Terms.join([_plain(columns), _powers(columns)])
        spectrum = _Spectrum(parts.values[:, :n_fit], len(columns), 1, y[:n_fit])
        for wave in spectrum.waves(out_of_time) if spectrum.is_rugged() else []:
            weights = wave.angles / spectrum.half[list(wave.parts)]
            found.append(_terms(parts, wave, weights))
    return Terms.join(found).usable()


def _found(
    columns: Columns,
    parts: Terms,
    y: Array,
    out_of_time: Callable[[], bool],
    thorough: bool,
) -> Iterator[tuple[_Wave, Array]]:
    """Yield the waves of a spectrum over the parts, and the weights of their phases."""
    n_fit, n_columns = len(y), len(columns)
    if n_columns > _MOST_COLUMNS or n_fit <= _ROWS_PER_COLUMN * (n_columns + 1):
        return
    n_together = 3 if thorough or n_columns <= _MOST_MULTIPLIED else 2
    spectrum = _Spectrum(parts.values[:, :n_fit], n_columns, n_together, y)
    for wave in spectrum.waves(out_of_time):
        yield wave, wave.angles / spectrum.half[list(wave.parts)]


def _plain(columns: Columns) -> Terms:
    return Terms(columns.values, columns.leaves, np.zeros(len(columns)))


def _products(columns: Columns) -> Terms:
    """Multiply columns by each other and by themselves."""
    both = list(combinations_with_replacement(range(len(columns)), 2))
    trees: list[Tree] = [
        ("sq", columns.leaves[i])
        if i == j
        else ("mul", columns.leaves[i], columns.leaves[j])
        for i, j in both
    ]
    values = [columns.values[i] * columns.values[j] for i, j in both]
    return Terms(np.array(values), trees, np.ones(len(both)))


def _powers(columns: Columns) -> Terms:
    """Give products of powers of columns, the simplest ones, without the columns."""
    terms, exponents = monomials(columns, _MOST_POWERS)
    kept = [k for k, powers in enumerate(exponents) if _is_power(powers)]
    return terms.take(np.array(kept, dtype=np.intp))


def _is_power(exponents: Exponents) -> bool:
    return len(exponents) > 1 or any(power != 1 for _, power in exponents)


class _Spectrum:
    """Waves in parts, which are columns and products of two columns.

    Parameters
    ----------
    X : ndarray of shape (n_parts, n_rows)
        Values of the parts, columns first.
    n_columns : int
        How many of them are columns.
    n_together : int
        Through how many parts a wave may run; three have to be columns where there are
        more than two.
    y : ndarray of shape (n_rows,)
        The target.
    """

    def __init__(self, X: Array, n_columns: int, n_together: int, y: Array) -> None:
        self.n_columns, self.n_together = n_columns, n_together
        low, high = X.min(axis=1), X.max(axis=1)
        self.half = np.maximum(high - low, 1e-300) / 2
        self.x = (X - ((high + low) / 2)[:, None]) / self.half[:, None]
        one = np.ones((1, len(y)))
        powers = [self.x[:n_columns] ** p for p in (1, 2, 3)]
        columns = self.x[:n_columns]
        both = [(a * b)[None] for a, b in combinations(columns, 2)]
        base = np.concatenate([one, *powers, *both]).T
        self.basis = orthonormal(base)
        self.y = y
        size = np.maximum(np.sqrt(np.mean(X**2, axis=1)), 1e-300)
        # Along powers a wave has many neighbours: their amplitudes are columns.
        self.runs_along_powers = n_together == 1 and len(X) > n_columns
        n_factors = n_columns if self.runs_along_powers else len(X)
        self.factors = np.concatenate([one, (X / size[:, None])[:n_factors]])

    def is_rugged(self) -> bool:
        """Tell whether polynomials leave much of the target."""
        _, rest = self._without([])
        spread = np.sum(np.square(self.y - self.y.mean()))
        return bool(rest @ rest > _RUGGED * spread)

    def waves(self, out_of_time: Callable[[], bool]) -> list[_Wave]:
        """Give the waves of the highest peaks, and two that explain most together."""
        found = self._best([], _N_PEAKS, out_of_time)
        if not found:
            return []
        first = found[0]
        beside = self._best([first], 1, out_of_time)
        if beside:
            second = beside[0]
            for _ in range(_N_SWEEPS):
                first = self._refined(first, self._without([second])) or first
                second = self._refined(second, self._without([first])) or second
            found += [first, second]
        return found

    def _best(
        self, known: list[_Wave], most: int, out_of_time: Callable[[], bool]
    ) -> list[_Wave]:
        """Refine the highest peaks beside some waves; the best one comes first."""
        basis, rest = self._without(known)
        if rest @ rest <= _NOTHING * (self.y @ self.y):
            return []
        targets = (self.factors * rest).T
        peaks = []
        for n in range(1, self.n_together + 1):
            for chosen in self._directions(n):
                if out_of_time():
                    return []
                grid = _grid(n)
                phase = grid @ self.x[list(chosen)]
                power = (np.cos(phase) @ targets) ** 2 + (np.sin(phase) @ targets) ** 2
                for k, column in enumerate(power.T):
                    at = int(np.argmax(column))
                    wave = _Wave(chosen, grid[at], k - 1 if k else None)
                    peaks.append((float(column[at]), wave))
        peaks.sort(key=lambda peak: -peak[0])
        if self.runs_along_powers:
            highest: dict[tuple[int, ...], tuple[float, _Wave]] = {}
            for peak in peaks:
                highest.setdefault(peak[1].parts, peak)
            peaks, most = list(highest.values()), _TIMES_THE_PEAKS * most
        refined = [self._refined(wave, (basis, rest)) for _, wave in peaks[:most]]
        found = [wave for wave in refined if wave is not None]

        def left(wave: _Wave) -> float:
            return float(np.sum(self._left(wave, wave.angles, basis, rest) ** 2))

        return sorted(found, key=left)

    def _directions(self, n: int) -> Iterator[tuple[int, ...]]:
        """Give the sets of so many parts; three of many are columns."""
        any_part = n < len(_HALF_WAVES) or self.n_columns <= _FEW_COLUMNS
        return combinations(range(len(self.x) if any_part else self.n_columns), n)

    def _without(self, known: list[_Wave]) -> tuple[Array, Array]:
        """Give the basis with some waves in it, and what it leaves of the target."""
        parts = [part for wave in known for part in self._parts(wave, wave.angles)]
        basis = orthonormal(np.column_stack([self.basis, *parts]))
        return basis, self.y - basis @ (basis.T @ self.y)

    def _refined(self, wave: _Wave, beside: tuple[Array, Array]) -> _Wave | None:
        """Fit the direction; None where the wave explains little or hardly turns."""
        basis, rest = beside

        def left(angles: Array) -> Array:
            return self._left(wave, angles, basis, rest)

        fit = least_squares(
            left,
            wave.angles,
            x_scale=0.5,
            max_nfev=_MOST_STEPS,
            method="lm",
        )
        explains = 2 * fit.cost <= (1 - _LEAST_SHARE) * float(rest @ rest)
        turns = np.abs(fit.x).min() >= _LEAST_ANGLE
        return replace(wave, angles=fit.x) if explains and turns else None

    def _left(self, wave: _Wave, angles: Array, basis: Array, rest: Array) -> Array:
        design = np.stack(self._parts(wave, angles), axis=1)
        design -= basis @ (basis.T @ design)
        coefficients = np.linalg.lstsq(design, rest, rcond=None)[0]
        left: Array = rest - design @ coefficients
        return left

    def _parts(self, wave: _Wave, angles: Array) -> list[Array]:
        phase = angles @ self.x[list(wave.parts)]
        factor = self.factors[0 if wave.factor is None else wave.factor + 1]
        return [factor * np.cos(phase), factor * np.sin(phase)]


def _grid(n: int) -> Array:
    """Give wave vectors, one of every pair of opposite ones, no column left out."""
    steps = np.arange(1, int(_HALF_WAVES[n - 1] / _STEP) + 1) * _STEP * np.pi / 2
    axes = [steps, *[np.concatenate([-steps, steps])] * (n - 1)]
    return np.stack([a.ravel() for a in np.meshgrid(*axes, indexing="ij")], axis=1)


def _terms(parts: Terms, wave: _Wave, weights: Array) -> Terms:
    values: list[Array] = []
    trees: list[Tree] = []
    for rounded in _roundings(weights):
        phase = rounded @ parts.values[list(wave.parts)]
        leaves = [parts.trees[j] for j in wave.parts]
        addends = list(zip(rounded.tolist(), leaves, strict=True))
        argument = linear_combination(addends, 0.0, exact=True)
        for name, function in (("sin", np.sin), ("cos", np.cos)):
            value = function(phase)
            tree: Tree = (name, argument)
            if wave.factor is not None:
                value = value * parts.values[wave.factor]
                tree = multiplied(parts.trees[wave.factor], tree)
            values.append(value)
            trees.append(tree)
    order = _ORDER if wave.factor is None else _ORDER_WITH_FACTOR
    return Terms(np.array(values), trees, np.full(len(trees), order))


def _roundings(weights: Array) -> Iterator[Array]:
    """Give the weights, and them with half and whole numbers where these are near."""
    rounded = np.rint(2 * weights) / 2
    near = (np.abs(rounded - weights) <= _ROUND) & (rounded != 0)
    if near.any():
        yield np.where(near, rounded, weights)
    yield weights
