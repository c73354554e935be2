"""Terms: small closed-form functions of the columns, with values on every row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from sklearn_chatsr.expressions import OPERATORS, is_integer, variable
from sklearn_chatsr.expressions.expression import Tree

Array = npt.NDArray[np.float64]

_MOST_DECADES = 2  # between the sizes of columns that keep a common unit
# The powers that have a name.
ROOTS = {"sq": Fraction(2), "cube": Fraction(3), "sqrt": Fraction(1, 2)}
ROOTS |= {"cbrt": Fraction(1, 3), "inv": Fraction(-1)}


@dataclass(frozen=True)
class Terms:
    """A list of functions: what they are, what they are worth, how simple they are.

    Attributes
    ----------
    values : ndarray of shape (n_terms, n_rows), dtype float64
        Value of every term on every row.
    trees : list of tree
        The terms as nested tuples, see `Expression.from_tree`.
    order : ndarray of shape (n_terms,)
        Place in the enumeration, about the number of decisions it took to write the
        term; small is simple.
    """

    values: Array
    trees: list[Tree]
    order: Array

    def __len__(self) -> int:
        return len(self.trees)

    def take(self, index: npt.NDArray[np.intp]) -> Terms:
        """Give the chosen terms in the given sequence."""
        trees = [self.trees[i] for i in index]
        return Terms(self.values[index], trees, self.order[index])

    def simplest(self, most: int) -> Terms:
        """Give the first ``most`` terms by order."""
        return self.take(np.argsort(self.order, kind="stable")[:most])

    def usable(self) -> Terms:
        """Drop terms that are not finite, or zero, on some row."""
        finite = np.isfinite(self.values).all(axis=1) & self.values.any(axis=1)
        return self if finite.all() else self.take(np.flatnonzero(finite))

    @classmethod
    def one(cls, n_rows: int) -> Terms:
        """Give the number 1 as a term."""
        return cls(np.ones((1, n_rows)), ["1"], np.zeros(1))

    @classmethod
    def join(cls, parts: Sequence[Terms]) -> Terms:
        """Put lists one behind the other."""
        return cls(
            np.concatenate([p.values for p in parts]),
            [tree for p in parts for tree in p.trees],
            np.concatenate([p.order for p in parts]),
        )


@dataclass(frozen=True)
class Columns:
    """The columns in ordinary units.

    Columns of a size far from one are divided by a power of ten: the search compares
    sums such as ``x1 + x2``, which mean nothing when one column is in 1e-12 units.

    Attributes
    ----------
    values : ndarray of shape (n_features, n_rows), dtype float64
        The scaled columns.
    leaves : list of tree
        What each scaled column is in terms of the data.
    positive : tuple of bool
        Whether all rows of a column are above 0.
    """

    values: Array
    leaves: list[Tree]
    positive: tuple[bool, ...]

    @classmethod
    def of(cls, X: Array) -> Columns:
        """Scale the columns of X, of shape (n_rows, n_features).

        Those in ordinary units stay as they are: beside ``0.3`` a one means something.
        """
        table = X.T.copy()
        leaves: list[Tree] = [variable(j) for j in range(len(table))]
        for j, exponent in enumerate(_strange_powers(table)):
            if exponent != 0:
                table[j] *= 10.0**-exponent
                leaves[j] = ("mul", 10.0**-exponent, leaves[j])
        positive = tuple(bool(np.all(row > 0)) for row in table)
        return cls(table, leaves, positive)

    def __len__(self) -> int:
        return len(self.leaves)

    def keep(self, index: Sequence[int]) -> Columns:
        """Give some of the columns."""
        return Columns(
            self.values[list(index)],
            [self.leaves[j] for j in index],
            tuple(self.positive[j] for j in index),
        )

    def rows(self, index: npt.NDArray[np.intp]) -> Columns:
        """Give some of the rows."""
        return Columns(self.values[:, index], self.leaves, self.positive)

    def in_units_of_data(self) -> Columns:
        """Take the numbers out of columns that are a number times the data's."""
        values, leaves = self.values.copy(), list(self.leaves)
        for j, leaf in enumerate(leaves):
            parts = factors(leaf)
            number = _number(parts)
            if number != 1.0:
                values[j] /= number
                plain = [(t, p) for t, p in parts.items() if not isinstance(t, float)]
                leaves[j] = product(plain)
        return Columns(values, leaves, self.positive)

    def with_logarithms(self) -> Columns:
        """Add the logarithms of positive columns as columns of their own."""
        logs = [j for j, is_positive in enumerate(self.positive) if is_positive]
        values = np.log(self.values[logs])
        return Columns(
            np.concatenate([self.values, values]),
            [*self.leaves, *(("log", self.leaves[j]) for j in logs)],
            (*self.positive, *(bool(np.all(row > 0)) for row in values)),
        )

    def with_inverses(self) -> Columns:
        """Add the inverses of columns that are positive or negative."""
        signed = [j for j, x in enumerate(self.values) if x.min() * x.max() > 0]
        return Columns(
            np.concatenate([self.values, 1.0 / self.values[signed]]),
            [*self.leaves, *(("inv", self.leaves[j]) for j in signed)],
            (*self.positive, *(self.positive[j] for j in signed)),
        )

    def with_functions(
        self, leaf: Tree, value: Array, functions: Sequence[Sequence[str]]
    ) -> Columns:
        """Add functions of a quantity as columns of their own.

        Parameters
        ----------
        leaf : tree
            The quantity.
        value : ndarray of shape (n_rows,)
            Its values.
        functions : sequence of sequence of str
            Unary operators that are applied one after the other; NaN where they have no
            value.
        """
        values, leaves = [*self.values], [*self.leaves]
        for names in functions:
            row, tree = value, leaf
            for name in names:
                with np.errstate(all="ignore"):
                    row = OPERATORS[name].numpy(row)
                tree = (name, tree)
            values.append(row)
            leaves.append(tree)
        added = [bool(np.all(row > 0)) for row in values[len(self) :]]
        return Columns(np.array(values), leaves, (*self.positive, *added))

    def combine(self, name: str, j: int, k: int) -> Columns:
        """Put a combination of two columns in their place.

        Parameters
        ----------
        name : str
            The binary operator.
        j, k : int
            The two columns.
        """
        value = OPERATORS[name].numpy(self.values[j], self.values[k])
        return self.instead_of([j, k], (name, self.leaves[j], self.leaves[k]), value)

    def instead_of(self, gone: Sequence[int], leaf: Tree, value: Array) -> Columns:
        """Put a quantity in the place of some columns."""
        rest = self.keep([i for i in range(len(self)) if i not in gone])
        return Columns(
            np.concatenate([rest.values, value[None]]),
            [*rest.leaves, leaf],
            (*rest.positive, bool(np.all(value > 0))),
        )

    def times_powers(self, pivot: int, exponents: Mapping[int, Fraction]) -> Columns:
        """Multiply columns by powers of another one, which leaves.

        What comes out is in the units of the data where it is of ordinary size there:
        a pure number means something beside a one.

        Parameters
        ----------
        pivot : int
            The column that leaves.
        exponents : dict of int to Fraction
            Its powers by column.
        """
        values, leaves = self.values.copy(), list(self.leaves)
        for j, exponent in exponents.items():
            values[j] *= self.values[pivot] ** float(exponent)
            whole = ("mul", leaves[j], power(self.leaves[pivot], exponent))
            parts = {t: p for t, p in factors(whole).items() if p != 0}
            plain: dict[Tree, Fraction] = {
                t: p for t, p in parts.items() if not isinstance(t, float)
            }
            scale = _number(parts)
            if plain and not _is_strange(values[j] / scale):
                values[j], parts = values[j] / scale, plain
            leaves[j] = product(list(parts.items()))
        changed = Columns(values, leaves, self.positive)
        return changed.keep([j for j in range(len(self)) if j != pivot])


def ordinary_scale(y: Array) -> float:
    """Give 1, or the power of ten that brings a target in strange units near to 1."""
    # Curves whose inverse is tried, such as the sine, have values below 1.6.
    return power_of_ten(y, 0.3) if _is_strange(y) else 1.0


def power_of_ten(values: Array, lowest: float = 1.0) -> float:
    """Give the power of ten that brings values into [lowest, 10 * lowest)."""
    size = _typical(values)
    return 1.0 if size == 0.0 else float(10.0 ** np.floor(np.log10(size / lowest)))


def _strange_powers(table: Array) -> list[int]:
    """Give the power of ten of each column that is divided by one; 0 for the others.

    Columns of about the same size may be the same quantity: those in strange units have
    a power in common, or keep their unit beside one that does.
    """
    exponents = [round(np.log10(power_of_ten(column))) for column in table]
    strange = [j for j, column in enumerate(table) if _is_strange(column)]
    ordinary = [e for j, e in enumerate(exponents) if j not in strange]
    common = [0] * len(table)
    group: list[int] = []
    for j in sorted(strange, key=exponents.__getitem__):
        if any(abs(exponents[j] - e) <= 1 for e in ordinary):
            continue
        if group and exponents[j] - exponents[group[0]] > _MOST_DECADES:
            group = []
        group.append(j)
        middle = (exponents[group[0]] + exponents[j]) // 2
        for k in group:
            common[k] = middle
    return common


def _is_strange(values: Array) -> bool:
    size = _typical(values)
    return size != 0.0 and not 1e-2 <= size < 1e3


def _typical(values: Array) -> float:
    size = float(np.median(np.abs(values)))
    return size if size > 0.0 else float(np.max(np.abs(values), initial=0.0))


def power(base: Tree, exponent: Fraction) -> Tree:
    """Write ``base`` to a rational power."""
    if exponent < 0:
        return ("inv", power(base, -exponent))
    if exponent.denominator not in (1, 2, 3):
        return ("pow", base, float(exponent))
    tree = base
    if exponent.numerator != 1:
        name = {2: "sq", 3: "cube"}.get(exponent.numerator)
        tree = (name, base) if name else ("pow", base, str(exponent.numerator))
    root = {2: "sqrt", 3: "cbrt"}.get(exponent.denominator)
    return (root, tree) if root else tree


def factors(tree: Tree, atoms: Sequence[Tree] = ()) -> dict[Tree, Fraction]:
    """Read a product of powers: factors and their powers; atoms are left whole.

    Examples
    --------
    >>> factors(("div", "x1", ("mul", ("sq", "x2"), ("exp", "x3"))))["x2"]
    Fraction(-2, 1)
    """
    found: dict[Tree, Fraction] = {}

    def collect(part: Tree, exponent: Fraction) -> None:
        if isinstance(part, tuple) and part not in atoms:
            name = part[0]
            if name in ("mul", "div"):
                collect(part[1], exponent)
                collect(part[2], exponent if name == "mul" else -exponent)
                return
            inner = ROOTS.get(name)
            if name == "pow" and is_integer(str(part[2])):
                inner = Fraction(str(part[2]))
            if inner is not None:
                collect(part[1], exponent * inner)
                return
        if part != "1":
            found[part] = found.get(part, Fraction(0)) + exponent

    collect(tree, Fraction(1))
    return found


def number_in(tree: Tree) -> float:
    """Multiply the numbers among the factors of a product."""
    return _number(factors(tree))


def _number(powers: Mapping[Tree, Fraction]) -> float:
    """Multiply the numbers among some factors."""
    number = 1.0
    for factor, exponent in powers.items():
        if isinstance(factor, float):
            number *= factor ** float(exponent)
    return number


def product(powers: Sequence[tuple[Tree, Fraction]]) -> Tree:
    """Write a product of powers as one fraction bar."""
    above = [power(base, p) for base, p in powers if p > 0]
    below = [power(base, -p) for base, p in powers if p < 0]
    top = _times(above) if above else "1"
    if not below:
        return top
    return ("div", top, _times(below)) if above else ("inv", _times(below))


def _times(trees: Sequence[Tree]) -> Tree:
    tree = trees[0]
    for factor in trees[1:]:
        tree = ("mul", tree, factor)
    return tree


def pairs_by_order(first: Array, second: Array, most: int) -> tuple[Array, Array]:
    """Give the indices of the ``most`` pairs with the smallest sum of orders."""
    total = np.add.outer(first, second).ravel()
    if most < len(total):
        limit = np.partition(total, most)[most]
        within = np.flatnonzero(total <= limit)
    else:
        within = np.arange(len(total))
    chosen = within[np.argsort(total[within], kind="stable")[:most]]
    i, j = np.divmod(chosen, len(second))
    return i, j
