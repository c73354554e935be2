"""True properties of a formula, drawn at random for training."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np

from sklearn_chatsr.expressions import Expression, is_variable, variable
from sklearn_chatsr.prompts.operators import FAMILIES
from sklearn_chatsr.prompts.properties import Property

# How often a kind is tried; most kinds hold for few formulas.
_TRIED = {
    "contains": 3.0,
    "avoids": 3.0,
    "uses": 1.2,
    "ignores": 2.0,
    "product": 1.5,
    "ratio": 1.5,
    "difference": 3.0,
    "periodic": 3.0,
    "even": 2.0,
    "odd": 1.2,
    "monotone": 0.5,
    "increasing": 0.4,
    "decreasing": 0.4,
    "bounded": 2.0,
    "positive": 0.6,
    "symmetric": 1.2,
    "size": 0.8,
    "power_law": 1.0,
    "term": 1.0,
    "decay": 2.5,
    "oscillation": 2.0,
    "saturation": 2.5,
}
_COMMON = ("sin", "cos", "exp", "log", "sqrt", "division", "trigonometric", "powers")
_LONGEST_TERM = 6
_MOST_KNOWN = 400_000


class PropertyDrawer:
    """Draw true properties of formulas; every check is made once per formula.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_chatsr import Expression
    >>> from sklearn_chatsr.prompts import PropertyDrawer
    >>> law = Expression.from_infix("sin(C*x1)")
    >>> found = PropertyDrawer().draw(law, 1, 3, np.random.default_rng(0))
    >>> all(p.holds(law) for p in found)
    True
    """

    def __init__(self) -> None:
        self._kinds = list(_TRIED)
        weights = np.array(list(_TRIED.values()))
        self._log_weights = np.log(weights)
        self._known: dict[Hashable, bool] = {}

    def draw(
        self,
        expression: Expression,
        n_columns: int,
        n_properties: int,
        rng: np.random.Generator,
    ) -> list[Property]:
        """Draw different true properties.

        Parameters
        ----------
        expression : Expression
            The formula.
        n_columns : int
            Columns of its table; the formula ignores some of them.
        n_properties : int
            How many at most.
        rng : numpy.random.Generator
            Source of randomness.

        Returns
        -------
        list of Property
            Fewer when a formula has few.
        """
        # Kinds without replacement (the Gumbel trick), each tried once
        order = np.argsort(-(self._log_weights + rng.gumbel(size=len(self._kinds))))
        found: list[Property] = []
        for index in order:
            if len(found) == n_properties:
                break
            item = self._propose(self._kinds[index], expression, n_columns, rng)
            if item is not None and item not in found and self.check(item, expression):
                found.append(item)
        return found

    def check(self, item: Property, expression: Expression) -> bool:
        """Tell whether a formula has a property, from memory where it can."""
        key = (expression, item)
        if key not in self._known:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[key] = item.holds(expression)
        return self._known[key]

    def _propose(
        self,
        kind: str,
        expression: Expression,
        n_columns: int,
        rng: np.random.Generator,
    ) -> Property | None:
        """Give a property of a kind that may hold, None when none can."""
        used = [variable(j) for j in expression.variables]
        tokens = set(expression.tokens)
        options: list[tuple[str, ...]]
        if kind == "contains":
            options = [(f,) for f, row in FAMILIES.items() if row.tokens & tokens]
        elif kind == "avoids":
            names = _COMMON if rng.random() < 0.7 else tuple(FAMILIES)
            options = [(f,) for f in names if not FAMILIES[f].tokens & tokens]
        elif kind == "ignores":
            options = [(variable(j),) for j in range(n_columns)]
            options = [o for o in options if o[0] not in used]
        elif kind in ("product", "ratio", "difference", "symmetric"):
            options = [(a, b) for a in used for b in used if a != b]
            if kind != "symmetric":
                options = [
                    o for o in options if self.check(Property(kind, o), expression)
                ]
        elif kind == "size":
            spare = int(rng.geometric(0.4)) - 1
            options = [(str(expression.size + spare),)]
        elif kind == "term":
            options = [
                (str(Expression(expression.tokens[i:j])),)
                for i, j in expression.subtrees()
                if i
                and 2 <= j - i <= _LONGEST_TERM
                and any(map(is_variable, expression.tokens[i:j]))
            ]
        elif kind in ("power_law", "decay", "oscillation", "saturation"):
            options = [()]
        else:
            options = [(v,) for v in used]
        if not options:
            return None
        return Property(kind, options[rng.integers(len(options))])
