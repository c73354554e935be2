"""Formulations: what is regressed on what, and the formula that a regression means.

Every formulation is linear in its coefficients. A *sum* explains T(y) by terms; with
terms that hold T(y) itself it explains T(y) by a quotient of sums. A *product* explains
log|y| by logarithms: the coefficients of the columns and factors are their powers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product as choices_of

import numpy as np
import numpy.typing as npt

from sklearn_chatsr.expressions.expression import Tree
from sklearn_chatsr.proposers.basis.pairs import Candidates
from sklearn_chatsr.proposers.basis.screening import Screen
from sklearn_chatsr.proposers.basis.terms import Array, Columns, Terms, product
from sklearn_chatsr.proposers.basis.transforms import Transform
from sklearn_chatsr.proposers.basis.trees import (
    complete_squares,
    fraction_of,
    linear_combination,
    size,
)

_EXACT_POWER = 1e-5
_LIKELY_POWER = 0.15
_STANDARD_ERRORS = 2.0
_HIGHEST_POWER = 12
# A factor exp(term) is rarer than the term as a factor, and there are twice as many.
_EXPONENT_ORDER = 1.0


@dataclass(frozen=True)
class Hit:
    """A regression that was found, with its figures.

    Attributes
    ----------
    chosen : ndarray of int
        Terms in use.
    coefficients : ndarray
        Those of the base first, then those of the terms.
    fvu : float
        Variance of y unexplained on rows that were not fitted.
    """

    chosen: npt.NDArray[np.intp]
    coefficients: Array
    fvu: float


class Formulation:
    """A linear regression problem whose solutions are formulas.

    Parameters
    ----------
    name : str
        For logs.
    y : ndarray of shape (n_rows,)
        The target itself.
    target : ndarray of shape (n_rows,)
        What is regressed.
    base : ndarray of shape (n_rows, n_base)
        Columns that are in every fit.
    terms : Terms
        What is chosen from.
    weight : ndarray of shape (n_rows,)
        Makes residuals of the target residuals of y.
    n_fit : int
        The first so many rows are fitted.
    row_weight : ndarray of shape (n_rows,), optional
        What residuals of y count.
    """

    def __init__(
        self,
        name: str,
        y: Array,
        target: Array,
        base: Array,
        terms: Terms,
        weight: Array,
        n_fit: int,
        row_weight: Array | None = None,
    ) -> None:
        self.name = name
        self.y = y
        self.target = target
        self.base = base
        self.terms = terms
        self.row_weight = np.ones_like(y) if row_weight is None else row_weight
        weight = weight * self.row_weight
        middle = float(np.median(weight))
        if not (np.isfinite(middle) and middle > 0):
            middle, weight = 1.0, np.ones_like(y)
        self.weight = np.clip(weight / middle, 1e-2, 1e2)
        self.n_fit = n_fit

    @np.errstate(all="ignore")
    def fit(self, sets: npt.NDArray[np.intp]) -> list[Hit]:
        """Fit sets of terms and judge them on the other rows.

        Parameters
        ----------
        sets : ndarray of shape (n_sets, n_terms)
            Indices of terms.

        Returns
        -------
        list of Hit
            In the order of the sets, without those that fail.
        """
        n_sets, n_base = len(sets), self.base.shape[1]
        if n_sets == 0:
            return []
        design = np.empty((n_sets, self.n_fit, n_base + sets.shape[1]))
        design[:, :, :n_base] = self.base[: self.n_fit]
        chosen_values = self.terms.values[sets]
        design[:, :, n_base:] = chosen_values[:, :, : self.n_fit].transpose(0, 2, 1)
        design *= self.weight[: self.n_fit, None]
        scale = np.maximum(np.linalg.norm(design, axis=1), 1e-300)
        design /= scale[:, None, :]
        left, right = np.linalg.qr(design)
        diagonal = np.einsum("bkk->bk", right)
        diagonal[diagonal == 0] = 1e-300
        moments = left.transpose(0, 2, 1) @ (
            self.weight[: self.n_fit] * self.target[: self.n_fit]
        )
        coefficients = np.linalg.solve(right, moments[:, :, None])[:, :, 0] / scale
        count = np.square(self.row_weight[self.n_fit :])
        count /= count.sum()
        others = self.y[self.n_fit :]
        variance = float(count @ np.square(others - count @ others)) + 1e-300
        hits = []
        for row, values, chosen in zip(coefficients, chosen_values, sets, strict=True):
            if not np.isfinite(row).all():
                continue
            predicted = self.predict(chosen, values, row)
            residual = predicted[self.n_fit :] - others
            fvu = float(count @ np.square(residual)) / variance
            if np.isfinite(fvu):
                hits.append(Hit(chosen, row, fvu))
        return hits

    def predict(
        self, chosen: npt.NDArray[np.intp], values: Array, coefficients: Array
    ) -> Array:
        """Compute y on all rows."""
        raise NotImplementedError

    def tree(self, hit: Hit, exact: bool) -> list[Tree]:
        """Write the formula of a hit in one or more ways."""
        raise NotImplementedError

    def nodes(self, hit: Hit) -> int:
        """Estimate the size of the formula."""
        return sum(2 + size(self.terms.trees[i]) for i in hit.chosen) + 2

    def weighted_target(self) -> Array:
        """Give the target on the rows that are fitted, each with its weight."""
        return self.target[: self.n_fit] * self.weight[: self.n_fit]

    def candidates(
        self,
        most: int,
        others: Sequence[Formulation] = (),
        *,
        weighted: bool = False,
    ) -> Candidates:
        """Prepare the terms for the search on the rows that are fitted.

        Parameters
        ----------
        most : int
            Largest number of terms.
        others : sequence of Formulation
            Further targets that the same terms are searched for.
        weighted : bool
            Whether rows count by their weight; not with others.
        """
        if weighted:
            weight = self.weight[: self.n_fit]
            values = self.terms.values[:, : self.n_fit] * weight
            base = self.base[: self.n_fit] * weight[:, None]
            screen = Screen(base, self.weighted_target()[None])
            return Candidates.of(values, self.terms.order, screen, most)
        values = self.terms.values[:, : self.n_fit]
        targets = np.array([f.target[: self.n_fit] for f in (self, *others)])
        screen = Screen(self.base[: self.n_fit], targets)
        return Candidates.of(values, self.terms.order, screen, most)


class Sum(Formulation):
    """T(y) is a sum of terms and a constant, or a quotient of such sums.

    Parameters
    ----------
    transform : Transform
        T.
    y : ndarray of shape (n_rows,)
        The target.
    terms : Terms
        The addends.
    n_fit : int
        The first so many rows are fitted.
    divisors : Terms, optional
        Terms of the divisor, beside one: they enter the regression times T(y).
    beside : Terms, optional
        Terms that are in every fit, beside the constant.
    row_weight : ndarray of shape (n_rows,), optional
        What residuals of y count.
    """

    def __init__(
        self,
        transform: Transform,
        y: Array,
        terms: Terms,
        n_fit: int,
        divisors: Terms | None = None,
        beside: Terms | None = None,
        row_weight: Array | None = None,
    ) -> None:
        self.transform = transform
        self.beside = beside
        with np.errstate(all="ignore"):
            target = transform.forward(y)
            weight = 1.0 / np.abs(transform.slope(y))
        self.n_addends = len(terms)
        self.divisors = divisors
        name = transform.name
        if divisors is not None:
            name += ", quotient"
            multiplied = Terms(
                divisors.values * target, divisors.trees, divisors.order + 0.2
            )
            terms = Terms.join([terms, multiplied])
        base = np.ones((len(y), 1))
        if beside is not None:
            base = np.concatenate([base, beside.values.T], axis=1)
        super().__init__(name, y, target, base, terms, weight, n_fit, row_weight)

    def predict(
        self, chosen: npt.NDArray[np.intp], values: Array, coefficients: Array
    ) -> Array:
        """Compute y on all rows."""
        n_base = self.base.shape[1]
        q = self.base @ coefficients[:n_base]
        divisor = np.ones(len(self.y))
        for i, row, c in zip(chosen, values, coefficients[n_base:], strict=True):
            if i < self.n_addends or self.divisors is None:
                q += c * row
            else:
                divisor -= c * self.divisors.values[i - self.n_addends]
        return self.transform.inverse(q / divisor)

    def tree(self, hit: Hit, exact: bool) -> list[Tree]:
        """Write the formula of a hit."""
        above, below = [], []
        target_size = float(np.abs(self.target).max())
        n_base = self.base.shape[1]
        for k in range(1, n_base):
            c = float(hit.coefficients[k])
            share = abs(c) * float(np.abs(self.base[:, k]).max()) / target_size
            if self.beside is not None and (share > 1e-9 or not exact):
                above.append((c, self.beside.trees[k - 1]))
        for i, c in zip(hit.chosen, hit.coefficients[n_base:], strict=True):
            share = abs(c) * float(np.abs(self.terms.values[i]).max()) / target_size
            if exact and share < 1e-9:
                continue
            if i < self.n_addends:
                above.append((float(c), self.terms.trees[i]))
            else:
                below.append((-float(c), self.terms.trees[i]))
        constant = float(hit.coefficients[0])
        if exact and abs(constant) < 1e-9 * target_size:
            constant = 0.0
        tree = linear_combination(above, constant, exact)
        if exact and not below:
            squares, rest = complete_squares(above, constant)
            if abs(rest) < 1e-9 * target_size:
                rest = 0.0
            squared = linear_combination(squares, rest, exact)
            tree = min(tree, squared, key=size)
        if below:
            tree = ("div", tree, linear_combination(below, 1.0, exact))
        return [self.transform.tree(tree)]


class Product(Formulation):
    """|y| is a product of powers of the columns and factors, and exponentials.

    Parameters
    ----------
    y : ndarray of shape (n_rows,)
        The target, without zeros.
    columns : Columns
        Those without zeros are in the base.
    factors : Terms
        Enter as logarithms of their absolute values.
    exponents : Terms
        Enter as they are: arguments of an exponential.
    n_fit : int
        The first so many rows are fitted.
    with_columns : bool
        Whether every column has a free power.
    row_weight : ndarray of shape (n_rows,), optional
        What residuals of y count.
    """

    def __init__(
        self,
        y: Array,
        columns: Columns,
        factors: Terms,
        exponents: Terms,
        n_fit: int,
        *,
        with_columns: bool = True,
        row_weight: Array | None = None,
    ) -> None:
        nowhere_zero = np.all(columns.values != 0, axis=1)
        self.used = np.flatnonzero(nowhere_zero).tolist() if with_columns else []
        self.columns = columns
        self.factors = factors
        with np.errstate(all="ignore"):
            logs = Terms(np.log(np.abs(factors.values)), factors.trees, factors.order)
            base = [np.log(np.abs(columns.values[j])) for j in self.used]
        self.n_factors = len(factors)
        exponents = Terms(
            exponents.values, exponents.trees, exponents.order + _EXPONENT_ORDER
        )
        terms = Terms.join([logs, exponents])
        finite = np.isfinite(terms.values).all(axis=1)
        terms.values[~finite] = 0.0  # dropped when the candidates are made
        ones = np.ones(len(y))
        super().__init__(
            "product",
            y,
            np.log(np.abs(y)),
            np.stack([ones, *base], axis=1),
            terms,
            np.abs(y),
            n_fit,
            row_weight,
        )

    def predict(
        self, chosen: npt.NDArray[np.intp], values: Array, coefficients: Array
    ) -> Array:
        """Compute y on all rows, with its sign and powers rounded where likely."""
        n_base = self.base.shape[1]
        powers = coefficients[1:].copy()
        are_powers = np.ones(len(powers), bool)
        are_powers[n_base - 1 :] = chosen < self.n_factors
        off = np.abs(powers - np.rint(2 * powers) / 2)[are_powers]
        if off.max(initial=0.0) > _EXACT_POWER:
            powers = self._likely_powers(values, are_powers)
        logs = self.base[:, 1:] @ powers[: n_base - 1]
        logs += powers[n_base - 1 :] @ values
        weight = self.weight[: self.n_fit] ** 2
        shift = np.average(
            self.target[: self.n_fit] - logs[: self.n_fit], weights=weight
        )
        coefficients[0] = shift
        coefficients[1:] = powers
        return np.exp(logs + shift) * np.sign(self.y)

    def _likely_powers(self, values: Array, are_powers: npt.NDArray[np.bool_]) -> Array:
        """Round the powers one by one, the surest first, and fit the others again.

        A power that cannot be told from 0 is 0; others go to the nearest half.
        """
        weight = self.weight[: self.n_fit, None]
        design = np.concatenate([self.base, values.T], axis=1)[: self.n_fit] * weight
        target = self.target[: self.n_fit] * weight[:, 0]
        powers, free = np.zeros(design.shape[1]), np.ones(design.shape[1], bool)
        while True:
            part = design[:, free]
            rest = target - design[:, ~free] @ powers[~free]
            inverse = np.linalg.pinv(part.T @ part, hermitian=True)
            powers[free] = inverse @ (part.T @ rest)
            left = rest - part @ powers[free]
            freedom = max(self.n_fit - int(free.sum()), 1)
            error = np.zeros(len(powers))
            error[free] = np.sqrt(np.diag(inverse) * (left @ left) / freedom)
            none = np.abs(powers) < _STANDARD_ERRORS * error
            goal = np.where(none, 0.0, np.rint(2 * powers) / 2)
            gap = np.abs(powers - goal)
            open_ = free & np.concatenate([[False], are_powers])
            open_ &= none | (gap < _LIKELY_POWER)
            if not open_.any():
                return powers[1:]
            sureness = np.where(open_, gap / np.maximum(error, 1e-300), np.inf)
            surest = int(np.argmin(sureness))
            powers[surest], free[surest] = goal[surest], False

    def tree(self, hit: Hit, exact: bool) -> list[Tree]:
        """Write the formula of a hit, with sums written in the shortest ways."""
        n_base = self.base.shape[1]
        powers = dict(zip(self.used, hit.coefficients[1:n_base], strict=True))
        factors, exponents = [], []
        for i, c in zip(hit.chosen, hit.coefficients[n_base:], strict=True):
            if i < self.n_factors:
                factors.append((i, float(c)))
            else:
                exponents.append((float(c), self.terms.trees[i]))
        written: dict[Tree, None] = {}
        options = [self._ways(self.terms.trees[i]) for i, _ in factors]
        for ways in choices_of(*options):
            total = {j: float(p) for j, p in powers.items()}
            parts: list[tuple[Tree, float, bool]] = []
            sign = np.sign(self.y)
            for (way, moved), (i, c) in zip(ways, factors, strict=True):
                for j, p in moved.items():
                    total[j] = total.get(j, 0.0) - c * float(p)
                value = self.factors.values[i]
                for j, p in moved.items():
                    value = value * np.sign(self.columns.values[j]) ** int(p)
                parts.append((way, c, bool(np.all(value > 0))))
                sign = sign * np.sign(value) ** (round(c) % 2)
            for j, exponent in sorted(total.items()):
                leaf, positive = self.columns.leaves[j], self.columns.positive[j]
                parts.append((leaf, exponent, positive))
                sign = sign * np.sign(self.columns.values[j]) ** (round(exponent) % 2)
            scale = float(np.exp(hit.coefficients[0])) * (1 if sign.sum() > 0 else -1)
            for whole in (False,) if exact else (False, True):
                tree = self._write(parts, exponents, scale, exact, whole)
                if tree is not None:
                    written[tree] = None
        return sorted(written, key=size)[: 1 if exact else 2]

    def _ways(self, tree: Tree) -> list[tuple[Tree, dict[int, Fraction]]]:
        """Write ``1 + a/b`` also as ``(b + a)/b``; give the powers of columns of b."""
        ways: list[tuple[Tree, dict[int, Fraction]]] = [(tree, {})]
        if isinstance(tree, tuple) and tree[0] in ("add", "sub") and tree[1] == "1":
            leaves = self.columns.leaves
            top, below = fraction_of(tree[2], leaves)
            if below:
                bottom = product([(leaves[j], p) for j, p in below.items()])
                ways.append(((tree[0], bottom, top), below))
        return ways

    def _write(
        self,
        parts: Sequence[tuple[Tree, float, bool]],
        exponents: Sequence[tuple[float, Tree]],
        scale: float,
        exact: bool,
        whole: bool,
    ) -> Tree | None:
        """Write the product; ``whole`` rounds powers that a wrong factor has bent."""
        near = _EXACT_POWER if exact else _LIKELY_POWER
        powers: list[tuple[Tree, Fraction]] = []
        free: list[Tree] = []
        for base, p, positive in parts:
            rounded = Fraction(round(6 * p), 6) if exact else Fraction(round(2 * p), 2)
            if abs(p - float(rounded)) > near and whole:
                rounded = Fraction(round(p))
            elif abs(p - float(rounded)) > near or rounded.denominator == 6:
                free.append(("pow", base if positive else ("abs", base), p))
                continue
            if abs(rounded) > _HIGHEST_POWER:
                return None
            if rounded != 0:
                real = positive or rounded.denominator != 2
                powers.append((base if real else ("abs", base), rounded))
        powers = _gather(powers)
        tree: Tree = product(powers) if powers else "1"
        for factor in free:
            tree = ("mul", tree, factor)
        if exponents:
            exponent = linear_combination(exponents, 0.0, exact)
            tree = ("mul", tree, ("exp", exponent))
        return linear_combination([(scale, tree)], 0.0, exact)


def _gather(powers: list[tuple[Tree, Fraction]]) -> list[tuple[Tree, Fraction]]:
    """Put what stands to the power 1/2 under one root, and likewise below the bar."""
    found: list[tuple[Tree, Fraction]] = []
    for half in (Fraction(1, 2), Fraction(-1, 2)):
        same = [base for base, p in powers if p == half]
        if len(same) > 1:
            found.append((product([(b, Fraction(1)) for b in same]), half))
        else:
            found += [(base, half) for base in same]
    return [(b, p) for b, p in powers if abs(p) != Fraction(1, 2)] + found
