"""From a program that a language model wrote to an expression, without running it.

The syntax tree is walked along a list of what is allowed, and each node is translated
to an operator of the vocabulary. What is not in the list is an error with a reason:
there is no way from a text to anything but a formula.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from sklearn_chatsr.expressions import CONSTANT, Expression, variable
from sklearn_chatsr.proposers.programs.extraction import (
    REASONS,
    ProgramError,
    extract_function,
)
from sklearn_chatsr.proposers.programs.functions import Value
from sklearn_chatsr.proposers.programs.walk import PARAMETER, Known, Vector, Walk

__all__ = ["REASONS", "Program", "ProgramError", "translate"]

# Numbers of a program that are kept as they are: integers up to this size, and
# quotients of small ones. Others (1e-6, 9.81) are constants that start at their value.
_MAX_INTEGER = 1000
_MAX_DENOMINATOR = 10


@dataclass(frozen=True)
class Program:
    """A translated program.

    Attributes
    ----------
    expression : Expression
        The formula. Its constants hold where a fit may start: 1 for a parameter, the
        written value for a number such as ``9.81``.
    parameters : tuple of int or None
        For each constant, in prefix order, the index of the parameter that it was;
        None for a number.
    """

    expression: Expression
    parameters: tuple[int | None, ...]

    @property
    def ties(self) -> tuple[int, ...] | None:
        """The free value behind each constant, from 0; None where each has its own."""
        numbers: dict[int, int] = {}
        ties: list[int] = []
        for place, parameter in enumerate(self.parameters):
            # Numbers are told apart by their place.
            key = -1 - place if parameter is None else parameter
            ties.append(numbers.setdefault(key, len(numbers)))
        return None if len(numbers) == len(ties) else tuple(ties)


def translate(
    text: str,
    *,
    inputs: Sequence[str],
    n_parameters: int,
    parameters: str = "params",
    name: str | None = None,
    prefill: str = "",
) -> Program:
    """Translate the answer of a language model to an expression.

    Allowed are assignments to names (also augmented and of several names), a return, a
    docstring; ``+ - * / **`` and signs; numbers; ``params[k]`` with a number `k`; the
    element-wise functions of NumPy and `math` that the vocabulary can express exactly;
    ``pi`` and ``e``; ``np.where`` of comparisons by ``< <= > >=``, joined by ``& | ~``,
    and a comparison as a factor.

    Parameters
    ----------
    text : str
        A bare body, the rest of a body that the prompt began, a fenced block, or a
        whole answer with prose and several functions.
    inputs : sequence of str
        Names of the variables in the order of the columns.
    n_parameters : int
        Number of parameters that a program may use.
    parameters : str
        Name of the vector of parameters.
    name : str, optional
        Name of the function that was asked for: the last one called so counts, else
        the last one of the answer.
    prefill : str
        Beginning of the body that stood at the end of the prompt.

    Returns
    -------
    Program
        Parameters that are not used do not occur. One that is used twice gives two
        constants, which `Program.ties` holds together.

    Raises
    ------
    ProgramError
        If the answer is not such a program; its `reason` is one of `REASONS`.

    Notes
    -----
    The value is that of the program, or NaN. It is NaN where a branch of ``np.where``
    is not finite, also on rows for which the other one is chosen, and where a condition
    compares NaN. A step is written as a steep ramp, ``min(max(0, 10^300*x), 1)``, whose
    slope is 0: `fit_program` looks for a threshold that is a parameter among the values
    of what it is compared with.

    Examples
    --------
    >>> from sklearn_chatsr.proposers.programs import translate
    >>> body = '''
    ...     force = params[0] * x
    ...     force -= params[3] * np.sin(v) ** 2
    ...     return force
    ... '''
    >>> program = translate(body, inputs=["x", "v"], n_parameters=10)
    >>> program.expression.skeleton()
    Expression('C*x1 - C*sin(x2)^2')
    >>> program.parameters
    (0, 3)
    """
    function = extract_function(text, name=name, prefill=prefill)
    walk = Walk(_bind(function, inputs, parameters, n_parameters))
    try:
        value = walk.run(function.body)
    except RecursionError:
        raise ProgramError("too_large", "Nested too deeply.") from None
    return _finish(value)


def _bind(
    function: ast.FunctionDef,
    inputs: Sequence[str],
    parameters: str,
    n_parameters: int,
) -> dict[str, Known]:
    """Give the names that a body may read."""
    arguments = function.args
    if function.decorator_list:
        raise ProgramError("signature", "Decorators are not allowed.")
    if arguments.defaults or any(arguments.kw_defaults):
        raise ProgramError("signature", "Default values are not allowed.")
    if arguments.vararg or arguments.kwarg:
        raise ProgramError("signature", "Star arguments are not allowed.")
    every = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
    names = [argument.arg for argument in every]
    vector = Vector(tuple(range(n_parameters)))
    known: dict[str, Known] = {
        str(label): Value(variable(i)) for i, label in enumerate(inputs)
    }
    known[parameters] = vector
    if set(names) <= set(known):
        return known
    if len(names) != len(inputs) + 1:
        raise ProgramError(
            "signature",
            f"The function takes {names}; expected {[*inputs, parameters]}.",
        )
    # Renamed arguments are known by their position.
    return dict(zip(names, known.values(), strict=True))


def _finish(value: Value) -> Program:
    tokens: list[str] = []
    constants: list[float] = []
    parameters: list[int | None] = []
    todo = [value.node]
    while todo:
        node = todo.pop()
        if isinstance(node, float):
            spelled = _spell(node)
            tokens.extend(spelled)
            if spelled == (CONSTANT,):
                constants.append(node)
                parameters.append(None)
        elif isinstance(node, str):
            tokens.append(node)
        elif node[0] == PARAMETER:
            tokens.append(CONSTANT)
            constants.append(1.0)
            parameters.append(node[1])
        else:
            tokens.append(node[0])
            todo.extend(reversed(node[1:]))
    return Program(Expression(tokens, constants), tuple(parameters))


def _spell(number: float) -> tuple[str, ...]:
    """Write a number as an integer or a small quotient, or leave it a constant."""
    if number == int(number) and abs(number) <= _MAX_INTEGER:
        return (str(int(number)),)
    quotient = Fraction(number).limit_denominator(_MAX_DENOMINATOR)
    top, bottom = quotient.numerator, quotient.denominator
    if abs(top) <= _MAX_INTEGER and top / bottom == number:
        return ("inv", str(bottom)) if top == 1 else ("div", str(top), str(bottom))
    return (CONSTANT,)
