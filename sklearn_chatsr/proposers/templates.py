"""Templates: the shaped prior, cheaply and exhaustively.

Most laws that people find in tables are short: a line, a power law, a low polynomial, a
saturation, one exponential, one oscillation or one threshold. They are listed here
outright, the cheapest first. The engine puts a free factor and offset around each of
them, so none is written into the templates.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import combinations, permutations

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import orthogonal_mp_gram

from sklearn_chatsr.expressions import CONSTANT, Expression, variable
from sklearn_chatsr.expressions.expression import Tree
from sklearn_chatsr.proposers.protocol import Problem

_BATCH = 128
_HIGHEST_DEGREE = 6
_MOST_PAIRED = 6  # columns; beyond that, pairs of columns are left to other proposers
_FEW = 3  # columns
_MOST_IN_LINE = 4  # columns, in a curve
# Share of what a cubic leaves, below which two levels are much better.
_CLEAR_STEP = 0.5
_LEAST_LEVEL = 0.05  # share of the rows
# From here on a hyperbolic tangent is 1 to the last digit; share of a gap at its ends.
_STEEP, _MARGIN = 20.0, 0.1
# A gap beside the numbers around it, which arithmetic has to tell apart.
_LEAST_GAP, _HUGE = 1e-9, 1e150
_CURVES = ("exp", "sin", "log", "tanh", "sqrt", "atan", "inv", "sq", "cosh")
_AFFINE = ("exp", "sin", "log", "tanh", "sqrt", "atan", "inv")
_INNER = ("exp", "sin", "cos", "log", "tanh", "sqrt")


class TemplateProposer:
    """Propose lines, power laws, polynomials, ratios, single curves and thresholds.

    Examples
    --------
    >>> TemplateProposer().name
    'templates'
    """

    name = "templates"

    def propose(
        self, problem: Problem, rng: np.random.Generator
    ) -> Iterator[Sequence[Expression]]:
        """Yield batches of skeletons, cheap families first; see `Proposer`.

        With many columns there are so many pairs that a first turn ends before them;
        curves of several columns, whose fits take longest, wait for a second one.
        """
        columns = [
            variable(j)
            for j in range(problem.n_features)
            if np.ptp(problem.X[:, j]) > 0
        ]
        yield [
            *_linear(columns),
            *sparse_lines(problem.X, problem.y),
            *power_laws(problem.X, problem.y),
        ]
        for family in _FAMILIES:
            starts_turn = _pairs if len(columns) > _FEW else _of_several
            if family is starts_turn:
                yield []
            trees = [t for t in family(columns) if _size(t) <= problem.max_size]
            for start in range(0, len(trees), _BATCH):
                batch = trees[start : start + _BATCH]
                yield [Expression.from_tree(tree) for tree in batch]


def curves_of(leaf: Tree) -> list[Tree]:
    """Give the templates of one column with a factor and an offset.

    Parameters
    ----------
    leaf : tree
        Stands for the column, such as the quotient of two.

    Returns
    -------
    list of tree
        Whose constants are free.
    """
    return [_affine(tree) for family in _OF_ONE for tree in family([leaf])]


def power_laws(
    X: npt.NDArray[np.float64], y: npt.NDArray[np.float64]
) -> list[Expression]:
    """Fit products of powers of the columns by least squares on logarithms.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Columns with zeros are left out; negative values enter by their size.
    y : ndarray of shape (n_samples,)
        No product is proposed when it holds zeros.

    Returns
    -------
    list of Expression
        With exponents rounded to halves and thirds, and with free ones where the
        column is positive; with all columns and with the weakest left out one by one.
    """
    usable = [
        j for j in range(X.shape[1]) if np.all(X[:, j] != 0) and np.ptp(X[:, j]) > 0
    ]
    if not usable or np.any(y == 0) or len(y) <= len(usable) + 1:
        return []
    target = np.log(np.abs(y))
    found: list[Expression] = []
    while usable:
        logs = np.log(np.abs(X[:, usable]))
        design = np.column_stack([np.ones(len(y)), logs])
        powers = np.linalg.lstsq(design, target, rcond=None)[0][1:]
        positive = [bool(np.all(X[:, j] > 0)) for j in usable]
        for denominator in (1, 2, 3):
            exact = [_nearest(p, denominator) for p in powers]
            found.extend(_product(usable, exact, positive))
        if all(positive) and len(usable) <= 4:
            tree = _free_product(usable)
            found.append(Expression.from_tree(tree))
        weight = np.abs(powers) * np.ptp(logs, axis=0)
        del usable[int(np.argmin(weight))]
    return list(dict.fromkeys(found))


def sparse_lines(
    X: npt.NDArray[np.float64], y: npt.NDArray[np.float64]
) -> list[Expression]:
    """Choose columns for lines one by one, by orthogonal matching pursuit.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Constant columns are left out.
    y : ndarray of shape (n_samples,)
        The target.

    Returns
    -------
    list of Expression
        Lines in two columns, in three, and so on.
    """
    used = [j for j in range(X.shape[1]) if np.ptp(X[:, j]) > 0]
    size = np.abs(X[:, used]).max(axis=0), np.abs(y).max()
    columns, target = X[:, used] / size[0], y / size[1]
    columns, target = columns - columns.mean(axis=0), target - target.mean()
    spread = columns.std(axis=0)
    # A column that repeats another one would make the pursuit stop early.
    kept = np.flatnonzero(spread > 1e-9)
    columns, used = columns[:, kept] / spread[kept], [used[k] for k in kept]
    gram, moments = columns.T @ columns, columns.T @ target
    found = []
    for n_columns in range(2, len(used)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            weights = orthogonal_mp_gram(gram, moments, n_nonzero_coefs=n_columns)
        terms = [_scaled(variable(used[k])) for k in np.flatnonzero(weights)]
        if len(terms) != n_columns:
            break
        found.append(Expression.from_tree(_join("add", terms)))
    return found


def steps(X: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> list[Expression]:
    """Give a steep step for each column where two levels say more than a cubic does.

    No fit finds where a target jumps: between two rows nothing changes.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        All rows that are to be explained: those that lie nearest to the jump decide.
    y : ndarray of shape (n_samples,)
        The target.

    Returns
    -------
    list of Expression
        Hyperbolic tangents that are 1 to the last digit on either side of a gap, with
        short numbers for its place and their slope.
    """
    found = []
    target = y - y.mean()
    target /= np.abs(target).max()
    n_below = np.arange(1, len(y))
    n_above = len(y) - n_below
    # A few large values are no level.
    is_level = np.minimum(n_below, n_above) >= max(2, _LEAST_LEVEL * len(y))
    for j in np.flatnonzero(np.ptp(X, axis=0) > 0):
        order = np.argsort(X[:, j], kind="stable")
        x, ordered = X[order, j], target[order]
        sums = np.square(np.cumsum(ordered)[:-1])
        explained = (sums / n_below + sums / n_above) * (is_level & (x[1:] > x[:-1]))
        at = int(np.argmax(explained))
        # Of few distinct values a cubic would explain anything.
        degree = int(np.clip(np.count_nonzero(np.diff(x)) - 1, 1, 3))
        powers = np.vander((x - x[0]) / (x[-1] - x[0]), degree + 1)
        curve = powers @ np.linalg.lstsq(powers, ordered, rcond=None)[0]
        left = np.sum(np.square(ordered - curve))
        low, high = float(x[at]), float(x[at + 1])
        is_gap = high - low > _LEAST_GAP * max(abs(low), abs(high), 1.0 / _HUGE)
        if is_gap and ordered @ ordered - explained[at] < _CLEAR_STEP * left:
            found.append(Expression.from_tree(_step(variable(int(j)), low, high)))
    return found


def _step(column: str, low: float, high: float) -> Tree:
    place = _short_between(low, high)
    slope = 10.0 ** np.ceil(np.log10(_STEEP / min(place - low, high - place)))
    # 64.95 times 100 is not quite 6495.
    shift = float(f"{slope * place:.15g}")
    return ("tanh", ("sub", ("mul", float(slope), column), shift))


def _short_between(low: float, high: float) -> float:
    """Give a number of few digits that is well between two others."""
    middle, margin = low + (high - low) / 2.0, _MARGIN * (high - low)
    size = max(abs(low), abs(high))
    for digits in range(17):
        place = round(middle, digits - 1 - math.floor(math.log10(size)))
        if low + margin <= place <= high - margin:
            return place
    return middle


def _nearest(power: float, denominator: int) -> Fraction:
    limited = float(np.clip(power, -12, 12))
    return Fraction(round(limited * denominator), denominator)


def _product(
    columns: Sequence[int], powers: Sequence[Fraction], positive: Sequence[bool]
) -> list[Expression]:
    above: list[Tree] = []
    below: list[Tree] = []
    for column, power, is_positive in zip(columns, powers, positive, strict=True):
        if power == 0:
            continue
        if power.denominator == 2 and not is_positive:
            return []
        (above if power > 0 else below).append(_power(variable(column), abs(power)))
    if not above and not below:
        return []
    tree: Tree = _join("mul", above) if above else "1"
    if below:
        tree = ("div", tree, _join("mul", below))
    return [Expression.from_tree(tree).simplify()]


def _power(base: Tree, power: Fraction) -> Tree:
    tree = base
    if power.numerator != 1:
        tree = ("pow", tree, str(power.numerator))
    if power.denominator == 2:
        return ("sqrt", tree)
    return ("cbrt", tree) if power.denominator == 3 else tree


def _free_product(columns: Sequence[int]) -> Tree:
    return _join("mul", [("pow", variable(j), CONSTANT) for j in columns])


def _join(name: str, trees: Sequence[Tree]) -> Tree:
    joined = trees[0]
    for tree in trees[1:]:
        joined = (name, joined, tree)
    return joined


def _scaled(tree: Tree) -> Tree:
    return ("mul", CONSTANT, tree)


def _affine(tree: Tree) -> Tree:
    return ("add", _scaled(tree), CONSTANT)


def _size(tree: Tree) -> int:
    return 1 + sum(map(_size, tree[1:])) if isinstance(tree, tuple) else 1


def _linear(columns: Sequence[str]) -> list[Expression]:
    """Give the constant, each column alone, and the line in all columns."""
    trees: list[Tree] = [CONSTANT, *columns]
    if len(columns) > 1:
        trees.append(_join("add", [_scaled(x) for x in columns]))
    return [Expression.from_tree(tree) for tree in trees]


def _single(columns: Sequence[Tree]) -> Iterator[Tree]:
    """Give one curve of one column: f(x), f(a x) and f(a x + b)."""
    for x in columns:
        yield from ((name, x) for name in _CURVES)
        yield ("mul", x, ("log", x))
        for name in _AFFINE:
            yield (name, _scaled(x))
            yield (name, _affine(x))
        yield ("exp", _scaled(("sq", x)))
        yield ("exp", _scaled(("sq", ("add", x, CONSTANT))))
        yield ("exp", _scaled(("inv", x)))
        yield ("exp", _scaled(("inv", ("add", x, CONSTANT))))
        yield ("inv", ("add", ("exp", _affine(x)), "1"))
        yield ("pow", x, CONSTANT)
        yield ("pow", ("add", x, CONSTANT), CONSTANT)


def _polynomials(columns: Sequence[Tree]) -> Iterator[Tree]:
    """Give full polynomials of one column, and quadratics of a few."""
    for x in columns:
        powers: list[Tree] = [_scaled(x)]
        for degree in range(2, _HIGHEST_DEGREE + 1):
            power = _power(x, Fraction(degree))
            yield power
            yield ("add", _scaled(x), _scaled(power))
            powers.append(_scaled(power))
            yield _join("add", powers)
    for several in (2, 3):
        for chosen in combinations(columns[:_MOST_PAIRED], several):
            squares: list[Tree] = [_scaled(("sq", x)) for x in chosen]
            products: list[Tree] = [
                _scaled(("mul", *p)) for p in combinations(chosen, 2)
            ]
            lines: list[Tree] = [_scaled(x) for x in chosen]
            yield _join("add", squares)
            yield _join("add", [*lines, *products])
            yield _join("add", [*lines, *squares, *products])


def _pairs(columns: Sequence[str]) -> Iterator[Tree]:
    """Give products, ratios and differences of two columns, alone and in a curve."""
    few = columns[:_MOST_PAIRED]
    for a, b in permutations(few, 2):
        inner: list[Tree] = [("div", a, b), ("mul", a, ("sq", b))]
        if a < b:
            inner += [("mul", a, b), ("sub", a, b), ("add", a, b)]
            inner.append(("add", ("sq", a), ("sq", b)))
        for tree in inner:
            yield tree
            yield ("sq", tree)
            for name in _INNER:
                yield (name, tree)
                yield (name, _scaled(tree))
        yield ("mul", a, ("add", b, CONSTANT))
        yield ("pow", a, b)
        yield ("pow", a, _affine(b))
        yield ("pow", ("add", a, CONSTANT), b)


def _ratios(columns: Sequence[Tree]) -> Iterator[Tree]:
    """Give saturations and quotients of low polynomials."""
    for x in columns:
        square: Tree = ("sq", x)
        yield ("div", x, ("add", x, CONSTANT))
        yield ("div", square, ("add", square, CONSTANT))
        yield ("inv", ("add", square, CONSTANT))
        yield ("div", x, ("add", square, CONSTANT))
        yield ("inv", ("add", ("add", square, _scaled(x)), CONSTANT))
        top: Tree = ("add", square, _affine(x))
        yield ("div", top, ("add", x, CONSTANT))
        yield ("div", top, ("add", ("add", square, _scaled(x)), CONSTANT))
    for a, b in permutations(columns[:_MOST_PAIRED], 2):
        yield ("div", a, ("add", b, CONSTANT))
        yield ("div", a, ("add", a, _scaled(b)))
        yield ("div", ("mul", a, b), ("add", b, CONSTANT))
        yield ("div", ("add", a, _scaled(b)), ("add", a, CONSTANT))


def _conics(columns: Sequence[Tree]) -> Iterator[Tree]:
    """Give roots of quadratics, alone and beside a line: circles and hyperbolas."""
    for x in columns:
        line: Tree = _affine(x)
        for root in (("add", ("sq", x), line), ("sub", line, ("sq", x))):
            yield ("sqrt", root)
            yield ("add", ("sqrt", root), _scaled(x))


def _modulated(columns: Sequence[Tree]) -> Iterator[Tree]:
    """Give a column, a power or a decay times one curve."""
    for x in columns:
        wave: Tree = ("sin", _affine(x))
        decay: Tree = ("exp", _scaled(x))
        yield ("mul", x, decay)
        yield ("mul", ("pow", x, CONSTANT), decay)
        yield ("mul", x, wave)
        yield ("mul", decay, wave)
        yield ("div", wave, x)
    for a, b in permutations(columns[:_MOST_PAIRED], 2):
        for name in _AFFINE:
            yield ("mul", a, (name, _scaled(b)))
            yield ("mul", a, (name, _affine(b)))
        yield ("mul", ("sq", a), ("sin", _affine(b)))
        yield ("mul", a, ("pow", b, CONSTANT))


def _sums(columns: Sequence[Tree]) -> Iterator[Tree]:
    """Give a line or a square plus one curve."""
    for a in columns[:_MOST_PAIRED]:
        for b in columns[:_MOST_PAIRED]:
            for name in _AFFINE:
                curve: Tree = (name, _affine(b) if name == "sin" else _scaled(b))
                yield ("add", _scaled(a), _scaled(curve))
                if name in ("exp", "sin"):
                    yield ("add", _scaled(("sq", a)), _scaled(curve))


def _thresholds(columns: Sequence[Tree]) -> Iterator[Tree]:
    """Give a floor, a ceiling, a kink or a distance, alone and with another column."""
    few = columns[:_MOST_PAIRED]
    for x in few:
        yield ("max", x, CONSTANT)
        yield ("min", x, CONSTANT)
        yield ("abs", ("add", x, CONSTANT))
        yield ("max", ("abs", x), CONSTANT)
        yield ("min", ("max", x, CONSTANT), CONSTANT)
        yield ("add", _scaled(x), _scaled(("max", x, CONSTANT)))
    for a, b in permutations(few, 2):
        for name in ("max", "min"):
            bound: Tree = (name, b, CONSTANT)
            yield ("mul", a, bound)
            yield ("mul", a, ("add", bound, CONSTANT))
            yield ("add", _scaled(a), _scaled(bound))
        dead: Tree = ("max", ("abs", b), CONSTANT)
        yield ("mul", a, ("add", dead, CONSTANT))
        kink: Tree = ("add", _scaled(b), _scaled(("max", b, CONSTANT)))
        yield ("add", _scaled(a), kink)
        yield ("mul", a, ("abs", ("add", b, CONSTANT)))
        yield ("add", _scaled(a), _scaled(("abs", ("add", b, CONSTANT))))


def _named(columns: Sequence[Tree]) -> Iterator[Tree]:
    """Give curves of one column that have a name in some science."""
    for x in columns[:_MOST_PAIRED]:
        power: Tree = ("pow", x, CONSTANT)
        rate: Tree = ("exp", _scaled(x))
        wave: Tree = ("sin", _affine(x))
        bell: Tree = ("exp", _scaled(("sq", ("add", ("log", x), CONSTANT))))
        yield ("add", _scaled(rate), _scaled(rate))  # two decays
        yield ("inv", ("add", "1", _scaled(power)))  # Hill
        yield ("exp", _scaled(power))  # Weibull, Avrami
        yield ("exp", _scaled(rate))  # Gompertz
        for name in ("add", "sub"):
            yield ("pow", (name, "1", ("exp", _affine(x))), CONSTANT)  # Richards
        yield bell  # lognormal
        yield ("div", bell, x)
        yield ("div", power, ("sub", rate, "1"))  # Planck
        yield ("add", _scaled(power), _scaled(power))  # Mie
        yield ("add", _scaled(x), _scaled(power))  # Ramberg and Osgood
        yield ("pow", ("add", ("sq", x), CONSTANT), CONSTANT)  # Moffat
        yield ("mul", power, wave)  # a growing wave
        yield ("div", ("tanh", _scaled(x)), x)  # a fin
        yield ("sq", ("div", ("sin", _scaled(x)), x))  # a slit
        yield ("inv", ("add", wave, CONSTANT))  # Airy


def _of_several(columns: Sequence[Tree]) -> Iterator[Tree]:
    """Give one curve of a line in several columns, or of a product of their powers."""
    for several in range(2, min(len(columns), _MOST_IN_LINE) + 1):
        for chosen in combinations(columns[:_MOST_PAIRED], several):
            slope = _join("add", [_scaled(x) for x in chosen])
            line: Tree = ("add", slope, CONSTANT)
            law: Tree = _scaled(_join("mul", [("pow", x, CONSTANT) for x in chosen]))
            yield ("inv", ("add", "1", ("exp", line)))
            yield ("exp", slope)
            for name in ("tanh", "inv", "sin", "log", "sqrt", "sq", "atan"):
                yield (name, line)
            yield ("inv", ("add", "1", ("sq", line)))
            yield ("exp", ("neg", ("sq", line)))
            yield ("inv", ("add", "1", law))
            yield ("exp", law)
            yield ("tanh", law)
            yield ("log", ("add", "1", law))
            for x in chosen:
                yield ("div", x, line)


_FAMILIES = (
    _single,
    _polynomials,
    _pairs,
    _ratios,
    _modulated,
    _sums,
    _thresholds,
    _conics,
    _named,
    _of_several,
)
# Those that say something of one column alone.
_OF_ONE = (
    _single,
    _polynomials,
    _ratios,
    _conics,
    _modulated,
    _sums,
    _thresholds,
    _named,
)
