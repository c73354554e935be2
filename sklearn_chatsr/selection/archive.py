"""The archive: the best few formulas of every size, and the choice among them."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Literal

from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.selection.complexity import complexity
from sklearn_chatsr.selection.description_length import DescriptionLength

Selection = Literal["mdl", "r2"] | int

DISPLAY_DIGITS = 6
# Bits: a formula whose description is so much longer is not believed.
CREDIBLE = 12.0


@dataclass(frozen=True, slots=True)
class Candidate:
    """A formula with its figures.

    Attributes
    ----------
    expression : Expression
        The formula with its constants.
    complexity : int
        Number of nodes.
    loss : float
        Weighted mean squared residual, in the squared unit of the target.
    fvu : float
        Fraction of variance unexplained, ``1 - r2``.
    r2 : float
        Coefficient of determination.
    bits : float
        Description length of data and formula, see `DescriptionLength`.
    source : str
        Name of the proposer that suggested it.
    seconds : float
        Time since the fit began when it was found.
    digits : int
        Significant digits that its constants are to be printed with.
    """

    expression: Expression
    complexity: int
    loss: float
    fvu: float
    r2: float
    bits: float
    source: str
    seconds: float
    digits: int = DISPLAY_DIGITS


class Archive:
    """Keep the best few candidates of every complexity.

    Parameters
    ----------
    cost : DescriptionLength
        Price of a formula in bits.
    per_complexity : int, default=5
        How many forms of one size are kept.

    Examples
    --------
    >>> from sklearn_chatsr.expressions import Expression
    >>> archive = Archive(DescriptionLength(100, 1.0, 1e-24, n_features=1))
    >>> archive.add(Expression.from_infix("x1^2"), loss=1e-3, source="demo")
    True
    >>> str(archive.best("mdl").expression)
    'x1^2'
    """

    def __init__(self, cost: DescriptionLength, per_complexity: int = 5) -> None:
        self.cost = cost
        self.per_complexity = per_complexity
        self._by_size: dict[int, list[Candidate]] = {}
        self._keys: dict[Hashable, Candidate] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[Candidate]:
        """Give the candidates by ascending complexity, then bits."""
        for size in sorted(self._by_size):
            yield from self._by_size[size]

    def add(
        self,
        expression: Expression,
        loss: float,
        source: str = "",
        seconds: float = 0.0,
    ) -> bool:
        """Offer a fitted formula.

        Parameters
        ----------
        expression : Expression
            The formula with its constants.
        loss : float
            Its weighted mean squared residual.
        source : str
            Name of the proposer.
        seconds : float
            Time since the fit began.

        Returns
        -------
        bool
            Whether it was kept. The same formula (up to rewriting, with other
            constants) is kept once, where it costs fewer bits.
        """
        if not math.isfinite(loss):
            return False
        size = complexity(expression)
        same_size = self._by_size.setdefault(size, [])
        candidate = self.candidate(expression, loss, source, seconds)
        if len(same_size) >= self.per_complexity:
            lowest = min(c.loss for c in same_size)
            if candidate.bits >= same_size[-1].bits and loss >= lowest:
                return False
        key = expression.skeleton().canonical_key()
        known = self._keys.get(key)
        if known is not None:
            if (known.bits, known.loss) <= (candidate.bits, loss):
                return False
            self._drop(known)
        self._keys[key] = candidate
        same_size.append(candidate)
        same_size.sort(key=lambda c: (c.bits, c.loss, c.expression.tokens))
        if len(same_size) > self.per_complexity:
            # The most exact one stays whatever its constants cost.
            exact = min(same_size, key=lambda c: c.loss)
            self._drop(next(c for c in reversed(same_size) if c is not exact))
        return self._keys.get(key) is candidate

    def candidate(
        self, expression: Expression, loss: float, source: str, seconds: float
    ) -> Candidate:
        """Put figures to a formula."""
        variance = self.cost.variance
        fvu = loss / variance if variance > 0 else float(loss > self.cost.floor)
        return Candidate(
            expression=expression,
            complexity=complexity(expression),
            loss=loss,
            fvu=fvu,
            r2=1.0 - fvu,
            bits=self.cost(expression, loss),
            source=source,
            seconds=seconds,
        )

    def _drop(self, candidate: Candidate) -> None:
        self._by_size[candidate.complexity].remove(candidate)
        key = candidate.expression.skeleton().canonical_key()
        self._keys.pop(key, None)

    def pareto_front(
        self, including: Candidate | None = None, dearer: float = math.inf
    ) -> list[Candidate]:
        """Give the candidates that no shorter one equals in loss, shortest first.

        Losses below the floor of the target count as equal.

        Parameters
        ----------
        including : Candidate, optional
            One that the front is to show in any case, such as the answer.
        dearer : float, default=inf
            Bits that a description may have more than those of all shorter formulas;
            what costs more does not pay for its length.

        Returns
        -------
        list of Candidate
            By ascending complexity.
        """
        front: list[Candidate] = []
        lowest = cheapest = math.inf
        for size in sorted(self._by_size):
            same_size = self._by_size[size]
            paying = [c for c in same_size if c.bits <= cheapest + dearer]
            cheapest = min([cheapest, *(c.bits for c in same_size)])
            best = min(paying, key=self._clipped, default=None)
            if best is not None and self._clipped(best)[0] < lowest:
                lowest = self._clipped(best)[0]
                front.append(best)
        if including is not None and including not in front:
            front.append(including)
            front.sort(key=lambda c: (c.complexity, -c.loss))
        return front

    def _clipped(self, candidate: Candidate) -> tuple[float, float]:
        return max(candidate.loss, self.cost.floor), candidate.bits

    def best(self, selection: Selection = "mdl") -> Candidate:
        """Choose the answer.

        Parameters
        ----------
        selection : {"mdl", "r2"} or int, default="mdl"
            Shortest description, highest R2, or highest R2 among the formulas of at
            most so many nodes.

        Returns
        -------
        Candidate
            The chosen one.

        Raises
        ------
        ValueError
            If the archive is empty, or no formula is that small.
        """
        candidates = list(self)
        if not candidates:
            raise ValueError("The archive is empty: add a fitted formula first.")
        if selection == "mdl":
            return min(candidates, key=lambda c: (c.bits, c.complexity))
        if selection == "r2":
            return min(candidates, key=lambda c: (c.loss, c.complexity))
        small = [c for c in candidates if c.complexity <= selection]
        if not small:
            raise ValueError(
                f"No formula has at most {selection} nodes; the smallest has "
                f"{candidates[0].complexity}. Pass selection >= that."
            )
        return min(small, key=lambda c: (c.loss, c.complexity))
