"""Read formulas of tables and of methods; write them as SRBench's SymPy trees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from benchmarks.notation import TABLE_CALLS, quote, rename, rewrite_calls
from sklearn_chatsr.expressions import OPERATORS, Expression

if TYPE_CHECKING:
    import sympy

# SRBench replaces "pi" in the text of the true formula by these digits.
_PI = 3.1415926535
_E = 2.718281828459045


def read_formula(text: str, names: Sequence[str]) -> Expression:
    """Read infix text over named columns; nothing in it is evaluated.

    Parameters
    ----------
    text : str
        Infix, with ``^`` or ``**``, calls such as ``div(a, b)`` or ``cot(a)``.
    names : sequence of str
        Names of the columns, in their order. A name such as ``C`` or ``I`` is the
        column, whatever it means elsewhere.

    Returns
    -------
    Expression
        Over columns by position.

    Raises
    ------
    ValueError
        If the text is not a formula over these columns.
    """
    columns = {name: f"x{i}" for i, name in enumerate(names, 1)}
    quoted = {quote(name): token for name, token in columns.items()}
    plain = rename(rewrite_calls(text, TABLE_CALLS), columns | quoted)
    return Expression.from_infix(plain)


def to_srbench_sympy(expression: Expression, names: Sequence[str]) -> sympy.Expr:
    """Convert to SymPy as SRBench parses a model: symbols without assumptions.

    Parameters
    ----------
    expression : Expression
        With all constants filled.
    names : sequence of str
        Names of the columns.

    Returns
    -------
    sympy.Expr
        ``pi`` and ``e`` are floats, as in SRBench's true formulas.
    """
    import sympy

    leaves: dict[str, Any] = {
        f"x{i}": sympy.Symbol(name) for i, name in enumerate(names, 1)
    }
    leaves |= {"pi": sympy.Float(_PI), "e": sympy.Float(_E)}
    constants = list(expression.constants or ())
    stack: list[Any] = []
    for token in reversed(expression.tokens):
        row = OPERATORS.get(token)
        if token in leaves:
            stack.append(leaves[token])
        elif row is not None:
            arguments = [stack.pop() for _ in range(row.arity)]
            stack.append(row.sympy(sympy, *arguments))
        elif token == "C":
            stack.append(sympy.Float(constants.pop()))
        else:
            stack.append(sympy.Integer(int(token)))
    return stack[0]
