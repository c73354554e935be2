"""Hard constraints: what every formula of a search must obey."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from sklearn_chatsr.expressions import (
    OPERATORS,
    Expression,
    arity,
    variable,
    variable_index,
)
from sklearn_chatsr.expressions.expression import Tree
from sklearn_chatsr.prompts.operators import FAMILIES
from sklearn_chatsr.prompts.parsing import Prompt
from sklearn_chatsr.prompts.properties import Property

_ENFORCED = ("contains", "avoids", "uses", "ignores", "size")
_MOST_EXAMPLES, _LEAST_PER_COLUMN = 64, 8
_MOST_FORMS = 300  # of a column
_MOST_CHOICES, _MOST_ORDERS = 8, 24
# What keeps roots, logarithms and arc functions defined where the column does not.
_INNER: tuple[Callable[[Tree], Tree], ...] = (
    lambda x: x,
    lambda x: ("sq", x),
    lambda x: ("mul", "C", x),
    lambda x: ("inv", ("add", "1", ("sq", x))),
    lambda x: ("add", "C", x),
    lambda x: ("div", x, "C"),
    lambda x: ("tanh", x),
    lambda x: ("abs", x),
)


@dataclass(frozen=True, slots=True)
class Constraints:
    """Properties that every formula must have.

    Parameters
    ----------
    properties : tuple of Property
        Of the kinds contains, avoids, uses, ignores and size.

    Raises
    ------
    ValueError
        For other kinds, and when no formula can have all of the properties.

    Examples
    --------
    >>> from sklearn_chatsr import Expression
    >>> from sklearn_chatsr.prompts import Constraints
    >>> rules = Constraints.read("avoid log and use mass", ["mass", "speed"])
    >>> rules.allow(Expression.from_infix("2*x1*x2"))
    True
    >>> rules.allow(Expression.from_infix("x1 + log(x2)"))
    False
    """

    properties: tuple[Property, ...]

    def __post_init__(self) -> None:
        for item in self.properties:
            if item.kind not in _ENFORCED:
                raise ValueError(
                    f"'{item}' cannot be enforced. Constraints are of the kinds "
                    f"{', '.join(_ENFORCED)}; tell the rest in `prompt`."
                )
        self._refuse_contradictions()

    @classmethod
    def read(
        cls, given: str | Property | Iterable[str | Property], labels: Sequence[str]
    ) -> Constraints:
        """Read constraints as a user gives them.

        Parameters
        ----------
        given : str, Property or iterable of these
            Text such as "avoid log", "use x1", "at most 12 nodes".
        labels : sequence of str
            Names of the columns.

        Returns
        -------
        Constraints

        Raises
        ------
        ValueError
            For text that is not understood, columns that do not exist, contradictions.
        """
        items = [given] if isinstance(given, str | Property) else list(given)
        found: list[Property] = []
        for item in items:
            if isinstance(item, Property):
                found.append(item)
                continue
            if not isinstance(item, str):
                raise ValueError(
                    "`constraints` takes text or Property objects, got "
                    f"{type(item).__name__}."
                )
            prompt = Prompt(item, labels)
            # A constraint that was half understood would not be kept.
            if not prompt.is_understood:
                why = f"not understood: {prompt.remainder!r}"
                if prompt.is_open:
                    why += (
                        "; wishes, alternatives and operators of some argument only "
                        "cannot be kept"
                    )
                raise ValueError(
                    f"Cannot read the constraint {item!r} ({why}). Write for example "
                    "'avoid log', 'contain sin', 'use x1', 'ignore x2' or 'at most 12 "
                    f"nodes'. Columns: {', '.join(map(str, labels))}. Operators: "
                    f"{', '.join(f.nouns[0] for f in FAMILIES.values())}."
                )
            found += prompt.properties
        for item in found:
            for name in item.variables:
                if variable_index(name) >= len(labels):
                    raise ValueError(
                        f"The constraint '{item}' is about {name}, but there are "
                        f"{len(labels)} column(s)."
                    )
        return cls(tuple(dict.fromkeys(found)))

    @property
    def forbidden(self) -> frozenset[str]:
        """Tokens that may not occur."""
        names = frozenset(p.arguments[0] for p in self.of("ignores"))
        return names.union(
            *(FAMILIES[p.arguments[0]].tokens for p in self.of("avoids"))
        )

    @property
    def required(self) -> tuple[frozenset[str], ...]:
        """Sets of tokens of each of which one must occur."""
        families = (FAMILIES[p.arguments[0]].tokens for p in self.of("contains"))
        names = (frozenset(p.arguments) for p in self.of("uses"))
        sets = dict.fromkeys(tokens - self.forbidden for tokens in (*families, *names))
        # What "contains sin" asks for serves "contains a trigonometric function" too.
        return tuple(s for s in sets if not any(other < s for other in sets))

    @property
    def max_size(self) -> int | None:
        """Largest number of nodes; None without a limit."""
        sizes = [int(p.arguments[0]) for p in self.of("size")]
        return min(sizes) if sizes else None

    def allow(self, expression: Expression) -> bool:
        """Tell whether a formula obeys."""
        return all(p.holds(expression) for p in self.properties)

    def for_columns(self, columns: Iterable[int]) -> Constraints:
        """Give the same constraints for a table of some of the columns.

        Raises
        ------
        ValueError
            If a column that must be used is not there.
        """
        names = {variable(int(c)): variable(i) for i, c in enumerate(columns)}
        kept = []
        for item in self.properties:
            there = set(item.variables) <= set(names)
            if not there and item.kind == "uses":
                raise ValueError(
                    f"The constraint '{item}' is about a column that is not searched. "
                    "Pass fewer columns."
                )
            if there:
                kept.append(item.rename(names))
        return Constraints(tuple(kept))

    def extended(self, properties: Iterable[Property]) -> Constraints:
        """Add those properties that can be enforced, unless they contradict.

        Parameters
        ----------
        properties : iterable of Property
            Of any kind.
        """
        more = [p for p in properties if p.kind in _ENFORCED]
        try:
            return Constraints(tuple(dict.fromkeys([*self.properties, *more])))
        except ValueError:
            return self

    def examples(self, n_columns: int) -> list[Expression]:
        """Give short formulas that obey, so that a search always has an answer.

        Parameters
        ----------
        n_columns : int
            Columns of the table.
        """
        free = [variable(j) for j in range(n_columns)]
        free = [name for name in free if name not in self.forbidden]
        needed = sorted(p.arguments[0] for p in self.of("uses"))
        operators = [sorted(r & set(OPERATORS)) for r in self.required]
        operators = [choice for choice in operators if choice]
        glues = [t for t in OPERATORS if arity(t) == 2 and t not in self.forbidden]
        firsts = needed or free or ["C"]
        most = max(_LEAST_PER_COLUMN, _MOST_EXAMPLES // len(firsts))
        found: dict[Expression, None] = {}
        for first in firsts:
            names = [first, *(n for n in needed if n != first)]
            forms = map(Expression.from_tree, _forms(operators, names, glues))
            # What was asked for must survive simplification.
            obeying = (
                e
                for e in itertools.islice(forms, _MOST_FORMS)
                if self.allow(e) and self.allow(e.simplify())
            )
            found |= dict.fromkeys(itertools.islice(obeying, most))
            if not found:
                break  # other columns would have the same forms
        return list(found)

    def refusal(self) -> str:
        """Say that no formula was found that obeys."""
        wanted = "; ".join(map(str, self.properties))
        return (
            f"No formula that fits the data obeys the constraints ({wanted}). Drop or "
            "weaken one of them, or allow more nodes or time."
        )

    def of(self, kind: str) -> list[Property]:
        """Give the properties of one kind."""
        return [p for p in self.properties if p.kind == kind]

    def _refuse_contradictions(self) -> None:
        used = {p.arguments[0] for p in self.of("uses")}
        both = sorted(used & {p.arguments[0] for p in self.of("ignores")})
        if both:
            raise ValueError(
                f"The constraints contradict each other: {both[0]} is both to be used "
                "and to be ignored. Drop one of the two."
            )
        avoided = self.forbidden
        for item in self.of("contains"):
            if FAMILIES[item.arguments[0]].tokens <= avoided:
                raise ValueError(
                    f"The constraints contradict each other: '{item}', but "
                    f"{item.arguments[0]} is to be avoided. Drop one of the two."
                )
        binary = {t for t in OPERATORS if arity(t) == 2}
        if len(used) > 1 and binary <= avoided:
            raise ValueError(
                "The constraints contradict each other: several variables are to be "
                "used, but every operator of two arguments is to be avoided."
            )
        limit, least = self.max_size, least_size(self.required)
        if limit is not None and limit < least:
            raise ValueError(
                f"The constraints contradict each other: at most {limit} nodes are "
                f"allowed, what is required takes at least {least}."
            )


def least_size(required: Iterable[frozenset[str]]) -> int:
    """Give a lower bound on the nodes of a formula with these tokens."""
    groups = list(required)
    leaves = sum(all(arity(t) == 0 for t in group) for group in groups)
    arities = [min(arity(t) for t in g) for g in groups if any(arity(t) for t in g)]
    # Families may share an operator, so only the largest is sure to count, beside
    # those that share none.
    apart: set[str] = set()
    n_apart, more = 0, 0
    for group in sorted(groups, key=len):
        if any(arity(t) for t in group) and not apart & group:
            apart |= group
            n_apart += 1
            more += max(0, min(arity(t) for t in group) - 1)
    slots = 1 + max(more, max(arities, default=1) - 1)
    n_operators = max(n_apart, int(bool(arities)) + max(0, leaves - slots))
    return n_operators + max(slots, leaves)


def _forms(
    operators: Sequence[Sequence[str]], names: Sequence[str], glues: Sequence[str]
) -> Iterator[Tree]:
    """Give different formulas of some operators and variables, simple ones first."""
    choices = list(itertools.islice(itertools.product(*operators), _MOST_CHOICES))
    orders = list(
        itertools.islice(itertools.permutations(range(len(operators))), _MOST_ORDERS)
    )
    axes = (choices, orders, _INNER, glues or ["mul"], (_nest, _side_by_side))
    seen: set[Tree] = set()
    places = itertools.product(*(range(len(axis)) for axis in axes))
    for c, o, i, g, s in sorted(places, key=sum):
        inner = [_INNER[i](name) for name in names]
        wanted = [choices[c][k] for k in orders[o]]
        tree = axes[-1][s](wanted, inner, axes[-2][g])
        if tree not in seen:
            seen.add(tree)
            yield tree


def _nest(operators: Sequence[str], names: Sequence[Tree], glue: str) -> Tree:
    """Build a formula of these operators around these variables."""
    rest = list(names)
    tree: Tree = rest.pop(0)
    for name in operators:
        if arity(name) == 1:
            tree = (name, tree)
        elif name == "sub":
            tree = (name, tree, rest.pop(0)) if rest else (name, ("inv", tree), tree)
        elif name in ("min", "max"):
            tree = (name, tree, rest.pop(0) if rest else "C")
        else:
            tree = (name, rest.pop(0) if rest else "C", tree)
    for other in rest:
        tree = (glue, tree, other)
    return tree


def _side_by_side(operators: Sequence[str], names: Sequence[Tree], glue: str) -> Tree:
    """Build a formula in which every function has an argument of its own."""
    functions = [name for name in operators if arity(name) == 1]
    joints = [name for name in operators if arity(name) == 2]
    parts: list[Tree] = [
        (name, argument)
        for name, argument in zip(functions, itertools.cycle(names), strict=False)
    ]
    parts += names[len(functions) :]
    parts += ["C"] * (len(joints) + 1 - len(parts))
    tree = parts[0]
    for joint, part in itertools.zip_longest(joints, parts[1:], fillvalue=glue):
        tree = (joint, tree, part)
    return tree
