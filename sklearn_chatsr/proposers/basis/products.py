"""Products of powers as a linear regression: log|y| on logarithms."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import product as choices_of

import numpy as np
import numpy.typing as npt

from sklearn_chatsr.expressions.expression import Tree
from sklearn_chatsr.proposers.basis.formulations import Formulation, Hit
from sklearn_chatsr.proposers.basis.terms import Array, Columns, Terms, product
from sklearn_chatsr.proposers.basis.trees import fraction_of, linear_combination, size

_NOTHING = 1e-22  # share of the variance
_EXACT_POWER = 1e-5
_LIKELY_POWER = 0.15
_STANDARD_ERRORS = 2.0
_HIGHEST_POWER = 12
# A factor exp(term) is rarer than the term as a factor, and there are twice as many.
_EXPONENT_ORDER = 1.0


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
    any_power : bool
        Whether powers stay as they are, however near to a half.
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
        any_power: bool = False,
    ) -> None:
        self.any_power = any_power
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
        logs = self.base[:, 1:] @ powers[: n_base - 1] + powers[n_base - 1 :] @ values
        if off.max(initial=0.0) > _EXACT_POWER and not self.any_power:
            # Other powers are left alone where they leave nothing.
            left = np.var((self.target - logs)[: self.n_fit])
            if left > _NOTHING * np.var(self.target[: self.n_fit]):
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
