"""What is known of a problem before the search: words, variables, a first body."""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_MAX_PARAMETERS = 64
_NOT_NAMES = re.compile(r"\W+")
# Names that a body needs for itself.
_RESERVED = frozenset({"params", "np", "numpy", "math", "equation", "pi", "e"})


@dataclass(frozen=True)
class InputVariable:
    """A column with its meaning.

    Attributes
    ----------
    name : str
        A Python identifier.
    meaning : str
        In words; may be empty.
    unit : str
        May be empty.
    """

    name: str
    meaning: str = ""
    unit: str = ""

    def describe(self) -> str:
        """Give meaning and unit in one phrase; empty when nothing is known."""
        unit = f"[{self.unit}]" if self.unit else ""
        return " ".join(part for part in (self.meaning, unit) if part)


@dataclass(frozen=True)
class Specification:
    """A problem for program search.

    Parameters
    ----------
    variables : tuple of InputVariable
        The inputs, in the order of the columns.
    description : str
        The problem in a sentence or two.
    target : InputVariable
        What is to be explained.
    n_parameters : int, default=10
        Constants that a body may use.
    seed : str or None
        A body to start from, as Python statements over the inputs and ``params``; the
        linear model when None.

    Raises
    ------
    ValueError
        If names are no identifiers, are repeated or reserved, or the number of
        parameters is not between 1 and 64.

    Examples
    --------
    >>> spec = Specification.from_columns(
    ...     ["pos [m]", "v"], description="A damped spring.", meanings={"v": "speed"}
    ... )
    >>> spec.names
    ('pos_m', 'v')
    >>> spec.variables[1].meaning
    'speed'
    """

    variables: tuple[InputVariable, ...]
    description: str = ""
    target: InputVariable = InputVariable("y")
    n_parameters: int = 10
    seed: str | None = None

    def __post_init__(self) -> None:
        names = self.names
        if not names:
            raise ValueError("A specification needs at least one variable, got none.")
        for name in names:
            if not name.isidentifier() or keyword.iskeyword(name) or name in _RESERVED:
                raise ValueError(
                    f"{name!r} cannot name a variable: it must be a Python identifier "
                    f"other than {', '.join(sorted(_RESERVED))}."
                )
        if len(set(names)) < len(names):
            raise ValueError(f"Variables must have distinct names, got {names}.")
        if not 1 <= self.n_parameters <= _MAX_PARAMETERS:
            raise ValueError(
                f"`n_parameters` == {self.n_parameters}, must be between 1 and "
                f"{_MAX_PARAMETERS}."
            )

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the inputs."""
        return tuple(variable.name for variable in self.variables)

    @classmethod
    def from_columns(
        cls,
        columns: Sequence[str],
        *,
        description: str = "",
        meanings: Mapping[str, str] | None = None,
        target_description: str = "",
        n_parameters: int = 10,
        seed: str | None = None,
    ) -> Specification:
        """Build a specification from the columns of a table.

        Parameters
        ----------
        columns : sequence of str
            Any names; they are turned into distinct identifiers.
        description : str
            The problem in words.
        meanings : mapping of str to str, optional
            Meaning of columns by their original name.
        target_description : str
            Meaning of the target.
        n_parameters : int, default=10
            Constants that a body may use.
        seed : str, optional
            A body to start from, over the identifiers.

        Returns
        -------
        Specification
            With one variable per column.

        Raises
        ------
        ValueError
            If a meaning is given for a column that does not exist.
        """
        meanings = dict(meanings or {})
        unknown = [name for name in meanings if name not in columns]
        if unknown:
            raise ValueError(
                f"Descriptions for columns that do not exist: {unknown}. Columns: "
                f"{list(columns)}."
            )
        variables = tuple(
            InputVariable(name, meanings.get(column, ""))
            for column, name in zip(columns, identifiers(columns), strict=True)
        )
        return cls(
            variables,
            description,
            InputVariable("y", target_description),
            n_parameters,
            seed,
        )


def identifiers(columns: Sequence[str]) -> list[str]:
    """Turn the names of columns into distinct Python identifiers.

    Parameters
    ----------
    columns : sequence of str
        Any text.

    Returns
    -------
    list of str
        Usable as names of inputs.

    Examples
    --------
    >>> identifiers(["mass (kg)", "2nd", "lambda", "mass kg", "x_", "x"])
    ['mass_kg', 'x_2nd', 'lambda_', 'mass_kg_2', 'x_', 'x']
    """
    # What is a name already stays as it is, or a program would mean another column.
    kept = {str(c) for c in columns if _is_usable(str(c))}
    taken: set[str] = set()
    names = []
    for position, column in enumerate(columns):
        if column in kept and column not in taken:
            taken.add(str(column))
            names.append(str(column))
            continue
        # As Python reads names: two of them may be one there.
        read = unicodedata.normalize("NFKC", str(column))
        name = _NOT_NAMES.sub("_", read).strip("_") or f"x{position + 1}"
        if name[0].isdigit():
            name = f"x_{name}"
        if not name.isidentifier():
            name = f"x{position + 1}"
        if keyword.iskeyword(name) or name in _RESERVED:
            name += "_"
        unique, k = name, 2
        while unique in taken | kept:
            unique, k = f"{name}_{k}", k + 1
        taken.add(unique)
        names.append(unique)
    return names


def _is_usable(name: str) -> bool:
    reserved = keyword.iskeyword(name) or name in _RESERVED
    plain = unicodedata.normalize("NFKC", name) == name and not name.startswith("__")
    return name.isidentifier() and plain and not reserved
