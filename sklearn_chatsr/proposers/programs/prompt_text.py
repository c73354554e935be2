"""The prompt of program search: the problem, the best bodies, and where they fail."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sklearn_chatsr.expressions import CONSTANT, Expression, variable
from sklearn_chatsr.proposers.programs.buffer import Member
from sklearn_chatsr.proposers.programs.specification import Specification

_PARAMETER = re.compile(r"\bparameter_(\d+)_\b")
_INPUT = re.compile(r"\binput_(\d+)_\b")
_TASK = (
    "You find the mathematical structure of laws from data. Complete the last "
    "function below: write a better `equation` than the earlier ones, mindful of what "
    "the inputs mean. Use numpy functions and `params`, whose values are fitted later."
)


def body_of(expression: Expression, names: Sequence[str]) -> str:
    """Write a formula as the statement of a body, its constants as parameters.

    Parameters
    ----------
    expression : Expression
        Values of its constants are not written.
    names : sequence of str
        Names of the inputs, identifiers.

    Returns
    -------
    str
        ``return ...`` without indentation.

    Examples
    --------
    >>> from sklearn_chatsr.expressions import Expression
    >>> body_of(Expression.from_infix("2.5*sin(x1) + 1.0"), ["t"])
    'return params[0]*np.sin(t) + params[1]'
    """
    tokens: list[str] = []
    n_features = len(names)
    n_constants = 0
    for token in expression.tokens:
        if token == CONSTANT:
            tokens.append(variable(n_features + n_constants))
            n_constants += 1
        else:
            tokens.append(token)
    # Neutral names first: some that inputs may have are formulas' own, such as C.
    inputs = [f"input_{j}_" for j in range(n_features)]
    labels = [*inputs, *(f"parameter_{k}_" for k in range(n_constants))]
    text = Expression(tokens, ()).to_python(labels)
    text = _INPUT.sub(lambda m: names[int(m[1])], text)
    # Printing may reorder: number the parameters as they appear.
    order: dict[str, int] = {}
    for number in _PARAMETER.findall(text):
        order.setdefault(number, len(order))
    return "return " + _PARAMETER.sub(lambda m: f"params[{order[m[1]]}]", text)


def build_prompt(
    specification: Specification,
    exemplars: Sequence[Member],
    *,
    diagnostics: Sequence[str] = (),
    show_scores: bool = True,
    prefill: str = "",
) -> str:
    """Write the prompt, which ends where the next body begins.

    Parameters
    ----------
    specification : Specification
        The problem.
    exemplars : sequence of Member
        Earlier programs, worst first.
    diagnostics : sequence of str
        Sentences about the failures of the last one.
    show_scores : bool, default=True
        Whether the errors of the exemplars are told; the published prompt is silent.
    prefill : str
        How the next body begins, for models that would else begin with something else.

    Returns
    -------
    str
        Python text after one sentence of instruction.
    """
    names = specification.names
    lines = ['"""', _TASK]
    if specification.description:
        lines += ["", specification.description]
    lines += ['"""', "import numpy as np", ""]
    for k, member in enumerate(exemplars):
        lines += [_header(k, names)]
        if k == 0:
            lines += _docstring(specification)
        else:
            lines += [f'    """Improved version of `equation_v{k - 1}`."""']
        if show_scores:
            lines += [f"    # normalised mean squared error {member.nmse:.3g}"]
        if k == len(exemplars) - 1:
            lines += [f"    # {sentence}" for sentence in diagnostics]
        lines += [f"    {body_of(member.expression, names)}", "", ""]
    last = len(exemplars)
    lines += [_header(last, names)]
    if last == 0:
        lines += _docstring(specification)
    else:
        lines += [f'    """Improved version of `equation_v{last - 1}`."""']
    return "\n".join(lines) + "\n" + prefill


def _header(version: int, names: Sequence[str]) -> str:
    return f"def equation_v{version}({', '.join(names)}, params):"


def _docstring(specification: Specification) -> list[str]:
    target = specification.target
    lines = [f'    """Compute {target.describe() or target.name}.', "", "    Args:"]
    for item in specification.variables:
        lines.append(f"        {item.name}: {item.describe() or 'an input'}")
    lines += ["        params: constants to be fitted", '    """']
    return lines
