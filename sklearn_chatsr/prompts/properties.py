"""`Property`: one thing that can be known about a law, and its check on a formula."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sklearn_chatsr.expressions import Expression, is_variable, variable, variable_index
from sklearn_chatsr.prompts import sampling, structure
from sklearn_chatsr.prompts.operators import FAMILIES
from sklearn_chatsr.prompts.sampling import Samples
from sklearn_chatsr.prompts.wordings import WORDINGS

_SAMPLED: dict[str, Callable[..., float]] = {
    "even": sampling.even,
    "odd": sampling.odd,
    "monotone": sampling.monotone,
    "increasing": lambda s, v: sampling.monotone(s, v, 1),
    "decreasing": lambda s, v: sampling.monotone(s, v, -1),
    "bounded": sampling.bounded,
    "positive": sampling.positive,
    "periodic": sampling.periodic,
    "symmetric": sampling.symmetric,
}
# Share of the values of open constants for which a skeleton must have a property. Signs
# are half and half, and exp(C*x1) decays for one of them only.
_NEEDED = {"monotone": 0.7, "increasing": 0.7, "decreasing": 0.7, "positive": 0.7}
_SETTLING_NEEDED = 0.25
_ARGUMENTS = {
    "contains": "operator",
    "avoids": "operator",
    **dict.fromkeys(
        (
            *("uses", "ignores", "periodic", "even", "odd", "monotone"),
            *("increasing", "decreasing", "bounded", "positive"),
        ),
        "variable",
    ),
    **dict.fromkeys(("product", "ratio", "difference", "symmetric"), "pair"),
    "size": "number",
    "term": "formula",
    **dict.fromkeys(("power_law", "decay", "oscillation", "saturation"), "nothing"),
}


@dataclass(frozen=True, slots=True)
class Property:
    """One thing that can be known about a law.

    Parameters
    ----------
    kind : str
        One of the keys of `WORDINGS`, such as ``"contains"`` or ``"periodic"``.
    arguments : tuple of str, default=()
        What the kind is about: a family of operators (``("log",)``), a variable by
        position (``("x1",)``), two of them, a number of nodes (``("12",)``) or a
        formula (``("exp(x1)",)``).

    Raises
    ------
    ValueError
        For an unknown kind or arguments that do not suit it.

    Examples
    --------
    >>> from sklearn_chatsr import Expression
    >>> from sklearn_chatsr.prompts import Property
    >>> periodic = Property("periodic", ("x1",))
    >>> periodic.holds(Expression.from_infix("2.0*sin(3.0*x1) + x2"))
    True
    >>> periodic.holds(Expression.from_infix("x1*sin(x1)"))
    False
    >>> print(periodic)
    is periodic in x1
    """

    kind: str
    arguments: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in _ARGUMENTS:
            raise ValueError(
                f"Unknown kind of property {self.kind!r}. Allowed: "
                f"{', '.join(_ARGUMENTS)}."
            )
        wanted, got = _ARGUMENTS[self.kind], self.arguments
        right = {
            "operator": len(got) == 1 and got[0] in FAMILIES,
            "variable": len(got) == 1 and is_variable(got[0]),
            "pair": len(got) == 2 and all(map(is_variable, got)),
            "number": len(got) == 1 and got[0].isdecimal() and int(got[0]) >= 1,
            "formula": len(got) == 1,
            "nothing": not got,
        }[wanted]
        if not right:
            known = (
                f" Operators: {', '.join(FAMILIES)}." if wanted == "operator" else ""
            )
            raise ValueError(
                f"Property {self.kind!r} takes {wanted}, got {got!r}.{known}"
            )
        if wanted == "formula":
            Expression.from_infix(got[0])

    def holds(self, expression: Expression) -> bool:
        """Tell whether a formula has the property.

        Parameters
        ----------
        expression : Expression
            A formula, or a skeleton: then for most values of its open constants, and
            whatever its outer factor.

        Returns
        -------
        bool
            Exact for what the tree shows; from sampled values for even, odd, monotone,
            bounded, positive, symmetric and the domains.
        """
        if self.kind in _SAMPLED:
            if not set(self.arguments) <= _used(expression):
                return False
            needed = _NEEDED.get(self.kind, 1.0)
            share = _SAMPLED[self.kind](Samples(expression), *self.arguments)
            return share >= needed
        return _STRUCTURAL[self.kind](expression, *self.arguments)

    @property
    def variables(self) -> tuple[str, ...]:
        """Variables that the property is about."""
        if self.kind == "term":
            return tuple(
                map(variable, Expression.from_infix(self.arguments[0]).variables)
            )
        return tuple(a for a in self.arguments if is_variable(a))

    def rename(self, names: Mapping[str, str]) -> Property:
        """Give the same property of renamed variables.

        Parameters
        ----------
        names : mapping from str to str
            New variable for every variable of the property.
        """
        if self.kind != "term":
            return Property(self.kind, tuple(names.get(a, a) for a in self.arguments))
        part = Expression.from_infix(self.arguments[0])
        moved = Expression([names.get(t, t) for t in part.tokens], part.constants)
        return Property("term", (str(moved),))

    def __str__(self) -> str:
        from sklearn_chatsr.prompts.writing import write_predicate

        return write_predicate([self], WORDINGS[self.kind].seen[0])


def _used(expression: Expression) -> set[str]:
    return set(map(variable, expression.variables))


def _settles(expression: Expression, rising: bool = False) -> bool:
    samples = Samples(expression)
    needed = _SETTLING_NEEDED if samples.open else 1.0
    return any(
        sampling.settles(samples, v, rising) >= needed for v in _used(expression)
    )


def _decays(expression: Expression) -> bool:
    return structure.has_token(expression, FAMILIES["exp"].tokens) and _settles(
        expression
    )


_STRUCTURAL: dict[str, Callable[..., bool]] = {
    "contains": lambda e, o: structure.has_token(e, FAMILIES[o].tokens),
    "avoids": lambda e, o: not structure.has_token(e, FAMILIES[o].tokens),
    "uses": lambda e, v: variable_index(v) in e.variables,
    "ignores": lambda e, v: variable_index(v) not in e.variables,
    "product": structure.has_product,
    "ratio": structure.has_ratio,
    "difference": structure.has_difference,
    "power_law": structure.is_power_law,
    "term": lambda e, f: structure.has_term(e, Expression.from_infix(f)),
    "size": lambda e, n: e.size <= int(n),
    "oscillation": lambda e: structure.oscillates(e),
    "decay": _decays,
    "saturation": lambda e: _settles(e, rising=True),
}
