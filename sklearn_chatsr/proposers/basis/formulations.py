"""Formulations: what is regressed on what, and the formula that a regression means.

Every formulation is linear in its coefficients. A *sum* explains T(y) by terms; a
*quotient* has terms that hold T(y) itself. A *product* (in
`products`) explains log|y| by logarithms: the coefficients of the columns and factors
are their powers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sklearn_chatsr.expressions.expression import Tree
from sklearn_chatsr.proposers.basis.pairs import Candidates
from sklearn_chatsr.proposers.basis.screening import Screen
from sklearn_chatsr.proposers.basis.terms import Array, Terms
from sklearn_chatsr.proposers.basis.transforms import Transform
from sklearn_chatsr.proposers.basis.trees import (
    complete_squares,
    linear_combination,
    plain_scale,
    size,
    whole_part,
)


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
            In the order of the sets, without those that fail; none with fewer rows
            than coefficients.
        """
        n_sets, n_base = len(sets), self.base.shape[1]
        if n_sets == 0 or n_base + sets.shape[1] > self.n_fit:
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
    """T(y) is a sum of terms and a constant.

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
        beside: Terms | None = None,
        row_weight: Array | None = None,
    ) -> None:
        self.transform = transform
        self.beside = beside
        with np.errstate(all="ignore"):
            target = transform.forward(y)
            weight = 1.0 / np.abs(transform.slope(y))
        base = np.ones((len(y), 1))
        if beside is not None:
            base = np.concatenate([base, beside.values.T], axis=1)
        super().__init__(
            transform.name, y, target, base, terms, weight, n_fit, row_weight
        )

    def predict(
        self, chosen: npt.NDArray[np.intp], values: Array, coefficients: Array
    ) -> Array:
        """Compute y on all rows."""
        n_base = self.base.shape[1]
        q = self.base @ coefficients[:n_base] + coefficients[n_base:] @ values
        return self.transform.inverse(q)

    def tree(self, hit: Hit, exact: bool) -> list[Tree]:
        """Write the formula of a hit."""
        addends = []
        target_size = float(np.abs(self.target).max())
        n_base = self.base.shape[1]
        for k in range(1, n_base):
            c = float(hit.coefficients[k])
            share = abs(c) * float(np.abs(self.base[:, k]).max()) / target_size
            if self.beside is not None and (share > 1e-9 or not exact):
                addends.append((c, self.beside.trees[k - 1]))
        for i, c in zip(hit.chosen, hit.coefficients[n_base:], strict=True):
            share = abs(c) * float(np.abs(self.terms.values[i]).max()) / target_size
            if share >= 1e-9 or not exact:
                addends.append((float(c), self.terms.trees[i]))
        constant = float(hit.coefficients[0])
        if exact and abs(constant) < 1e-9 * target_size:
            constant = 0.0
        tree = linear_combination(addends, constant, exact)
        if exact:
            squares, rest = complete_squares(addends, constant)
            if abs(rest) < 1e-9 * target_size:
                rest = 0.0
            squared = linear_combination(squares, rest, exact)
            tree = min(tree, squared, key=size)
        return [self.transform.tree(tree)]


class Quotient(Formulation):
    """T(y) is a quotient of sums, of whose divisor one term is given.

    Regressed is T(y) times that term; the other terms of the divisor enter times T(y).

    Parameters
    ----------
    transform : Transform
        T.
    y : ndarray of shape (n_rows,)
        The target.
    above : Terms
        Terms of the dividend, beside a constant.
    below : Terms
        Terms of the divisor.
    pivot : int
        That of the divisor's terms whose coefficient is 1.
    n_fit : int
        The first so many rows are fitted.
    """

    def __init__(
        self,
        transform: Transform,
        y: Array,
        above: Terms,
        below: Terms,
        pivot: int,
        n_fit: int,
    ) -> None:
        self.transform = transform
        self.n_above = len(above)
        self.given = below.take(np.array([pivot]))
        self.divisors = below.take(np.delete(np.arange(len(below)), pivot))
        transformed = transform.forward(y)
        others = self.divisors
        multiplied = Terms(
            others.values * transformed, others.trees, others.order + 0.2
        )
        unit = self.given.values[0]
        with np.errstate(all="ignore"):
            weight = 1.0 / np.abs(unit * transform.slope(y))
        super().__init__(
            f"{transform.name}, quotient",
            y,
            transformed * unit,
            np.ones((len(y), 1)),
            Terms.join([above, multiplied]),
            weight,
            n_fit,
        )

    def predict(
        self, chosen: npt.NDArray[np.intp], values: Array, coefficients: Array
    ) -> Array:
        """Compute y on all rows."""
        dividend = np.full(len(self.y), coefficients[0])
        divisor = self.given.values[0].copy()
        for i, row, c in zip(chosen, values, coefficients[1:], strict=True):
            if i < self.n_above:
                dividend += c * row
            else:
                divisor -= c * self.divisors.values[i - self.n_above]
        return self.transform.inverse(dividend / divisor)

    def tree(self, hit: Hit, exact: bool) -> list[Tree]:
        """Write the formula of a hit."""
        above: list[tuple[float, Tree]] = []
        below: list[tuple[float, Tree]] = [(1.0, self.given.trees[0])]
        size_of_target = float(np.abs(self.target).max())
        constant = float(hit.coefficients[0])
        if not exact or abs(constant) >= 1e-9 * size_of_target:
            above.append((constant, "1"))
        for i, c in zip(hit.chosen, hit.coefficients[1:], strict=True):
            share = abs(c) * float(np.abs(self.terms.values[i]).max()) / size_of_target
            if exact and share < 1e-9:
                continue
            if i < self.n_above:
                above.append((float(c), self.terms.trees[i]))
            else:
                below.append((-float(c), self.terms.trees[i]))
        if exact:
            scale = plain_scale([c for c, _ in (*above, *below)])
            above = [(scale * c, tree) for c, tree in above]
            below = [(scale * c, tree) for c, tree in below]
        divisor = _polynomial(below, exact)
        ways: list[Tree] = [("div", _polynomial(above, exact), divisor)]
        if exact:
            whole, rest = whole_part(above, below)
            if whole:
                tree = _polynomial(whole, exact)
                if rest:
                    tree = ("add", tree, ("div", _polynomial(rest, exact), divisor))
                ways.append(tree)
        return [self.transform.tree(tree) for tree in ways]


def _polynomial(addends: Sequence[tuple[float, Tree]], exact: bool) -> Tree:
    """Write a sum, of whose terms one may be the number 1."""
    constant = sum(c for c, tree in addends if tree == "1")
    return linear_combination([a for a in addends if a[1] != "1"], constant, exact)


class Root(Formulation):
    """y solves a quadratic equation ``y^2 = y*P + Q`` with sums of terms P and Q.

    Parameters
    ----------
    y : ndarray of shape (n_rows,)
        The target.
    free : Terms
        Terms of Q.
    linear : Terms
        Terms of P: they enter the regression times y.
    n_fit : int
        The first so many rows are fitted.
    """

    def __init__(self, y: Array, free: Terms, linear: Terms, n_fit: int) -> None:
        self.linear = linear
        self.n_free = len(free)
        multiplied = Terms(linear.values * y, linear.trees, linear.order + 0.2)
        terms = Terms.join([free, multiplied])
        base = np.column_stack([np.ones_like(y), y])
        weight = 1.0 / np.maximum(np.abs(y), 1e-300)
        super().__init__("root", y, y**2, base, terms, weight, n_fit)

    def _half(self, chosen: npt.NDArray[np.intp], coefficients: Array) -> Array:
        half = np.full(len(self.y), 0.5 * coefficients[1])
        for i, c in zip(chosen, coefficients[2:], strict=True):
            if i >= self.n_free:
                half += 0.5 * c * self.linear.values[i - self.n_free]
        return half

    def _sign(self, half: Array) -> float:
        """Give the sign of the square root, which is one on all rows."""
        return 1.0 if np.mean(self.y - half > 0) > 0.5 else -1.0

    def predict(
        self, chosen: npt.NDArray[np.intp], values: Array, coefficients: Array
    ) -> Array:
        """Compute y on all rows."""
        half = self._half(chosen, coefficients)
        q = np.full(len(self.y), coefficients[0])
        for i, row, c in zip(chosen, values, coefficients[2:], strict=True):
            if i < self.n_free:
                q += c * row
        root: Array = half + self._sign(half) * np.sqrt(half**2 + q)
        return root

    def tree(self, hit: Hit, exact: bool) -> list[Tree]:
        """Write the formula of a hit."""
        free, linear = [], []
        for i, c in zip(hit.chosen, hit.coefficients[2:], strict=True):
            tree = self.terms.trees[i]
            if i < self.n_free:
                free.append((float(c), tree))
            else:
                linear.append((0.5 * float(c), tree))
        size_of_y = float(np.abs(self.y).max())
        q, p = (float(c) for c in hit.coefficients[:2])
        q = 0.0 if exact and abs(q) < 1e-9 * size_of_y**2 else q
        p = 0.0 if exact and abs(p) < 1e-9 * size_of_y else p
        half = linear_combination(linear, 0.5 * p, exact)
        rest = linear_combination(free, q, exact)
        root: Tree = ("sqrt", ("add", ("sq", half), rest))
        sign = self._sign(self._half(hit.chosen, hit.coefficients))
        return [("add" if sign > 0 else "sub", half, root)]
