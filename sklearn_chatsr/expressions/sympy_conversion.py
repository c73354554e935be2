"""Convert between `Expression` and SymPy, by building trees, never through text."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any

from sklearn_chatsr.expressions.expression import Expression, Tree
from sklearn_chatsr.expressions.vocabulary import (
    CONSTANT,
    OPERATORS,
    is_integer,
    is_variable,
    variable,
    variable_index,
)

if TYPE_CHECKING:
    import sympy


def to_sympy(expression: Expression, labels: Sequence[str] | None = None) -> sympy.Expr:
    """Convert to SymPy.

    Parameters
    ----------
    expression : Expression
        Open constants become the symbols ``C1``, ``C2``, ... in prefix order.
    labels : sequence of str, optional
        Names of the columns; ``x1``, ``x2``, ... by default.

    Returns
    -------
    sympy.Expr
        Over real symbols.
    """
    import sympy

    n_open = 0
    constants = None if expression.constants is None else list(expression.constants)
    stack: list[Any] = []
    for token in reversed(expression.tokens):
        row = OPERATORS.get(token)
        if row is not None:
            arguments = [stack.pop() for _ in range(row.arity)]
            stack.append(row.sympy(sympy, *arguments))
        elif is_variable(token):
            index = variable_index(token)
            named = labels is not None and index < len(labels)
            name = str(labels[index]) if labels is not None and named else token
            stack.append(sympy.Symbol(name, real=True))
        elif is_integer(token):
            stack.append(sympy.Integer(int(token)))
        elif constants is not None:
            stack.append(sympy.Float(constants.pop()))
        else:
            symbol = sympy.Symbol(f"C{expression.n_constants - n_open}", real=True)
            n_open += 1
            stack.append(symbol)
    return stack[0]


def from_sympy(expr: sympy.Expr, labels: Sequence[str] | None = None) -> Tree:
    """Convert from SymPy.

    Parameters
    ----------
    expr : sympy.Expr
        Of the functions that the vocabulary knows.
    labels : sequence of str, optional
        Names of the columns, beside ``x1``, ``x2``, ...

    Returns
    -------
    tree
        Floats are constants, integers literals, rationals quotients of them. Symbols
        ``C``, ``C1``, ``C2``, ... that are no columns are open constants.

    Raises
    ------
    ValueError
        If the expression holds an unknown symbol or function.
    """
    import sympy

    columns = {
        str(label): variable(i)
        for i, label in enumerate(() if labels is None else labels)
    }
    functions = {
        getattr(sympy, name): name
        for name, row in OPERATORS.items()
        if row.arity == 1 and hasattr(sympy, name) and name not in ("sqrt", "cbrt")
    }
    functions |= {sympy.Abs: "abs", sympy.Min: "min", sympy.Max: "max"}
    return _Reader(sympy, columns, functions).read(expr)


class _Reader:
    def __init__(
        self, module: Any, columns: dict[str, str], functions: dict[Any, str]
    ) -> None:
        self.sympy = module
        self.columns = columns
        self.functions = functions

    def read(self, expr: Any) -> Tree:
        sympy = self.sympy
        if isinstance(expr, sympy.Symbol):
            return self._symbol(expr.name)
        if isinstance(expr, sympy.Rational):
            return _rational(int(expr.p), int(expr.q))
        if expr is sympy.pi:
            return ("pi",)
        if expr is sympy.E:
            return ("e",)
        if isinstance(expr, sympy.Float):
            return float(expr)
        if isinstance(expr, sympy.Add):
            return _chain("add", [self.read(a) for a in expr.as_ordered_terms()])
        if isinstance(expr, sympy.Mul):
            return self._product(expr)
        if isinstance(expr, sympy.Pow):
            return self._power(expr)
        if isinstance(expr, sympy.exp):
            return ("exp", self.read(expr.args[0]))
        if isinstance(expr, sympy.sign):
            argument = self.read(expr.args[0])
            return ("div", argument, ("abs", argument))
        if isinstance(expr, sympy.cot):
            return ("inv", ("tan", self.read(expr.args[0])))
        name = self.functions.get(type(expr))
        if name is None:
            raise ValueError(
                f"Cannot convert {type(expr).__name__!r} from SymPy: {expr}. Known: "
                f"sums, products, powers, {', '.join(self.functions.values())}."
            )
        return _chain(name, [self.read(a) for a in expr.args], unary=True)

    def _symbol(self, name: str) -> Tree:
        if name in self.columns:
            return self.columns[name]
        if is_variable(name):
            return name
        if name == CONSTANT or (name[:1] == CONSTANT and name[1:].isdigit()):
            return CONSTANT
        known = ", ".join([*self.columns, "x1, x2, ..."])
        raise ValueError(f"Unknown symbol {name!r}. Known columns: {known}.")

    def _product(self, expr: Any) -> Tree:
        sympy = self.sympy
        factors = list(expr.as_ordered_factors())
        above: list[Tree] = []
        below: list[Tree] = []
        for sign in [f for f in factors if isinstance(f, sympy.sign)]:
            # sign(a) |a|^(1/3) is how the real cube root is written.
            root = sympy.Abs(sign.args[0]) ** sympy.Rational(1, 3)
            if root in factors:
                factors.remove(sign)
                factors.remove(root)
                above.append(("cbrt", self.read(sign.args[0])))
        negate = False
        for factor in factors:
            if factor is sympy.S.NegativeOne:
                negate = True
            elif isinstance(factor, sympy.Pow) and factor.exp.is_negative:
                below.append(self.read(factor.base**-factor.exp))
            elif isinstance(factor, sympy.Rational) and factor.q != 1:
                below.append(str(int(factor.q)))
                if factor.p != 1:
                    above.append(str(int(factor.p)))
            else:
                above.append(self.read(factor))
        if not above:
            tree: Tree = ("inv", _chain("mul", below))
        else:
            tree = _chain("mul", above)
            tree = ("div", tree, _chain("mul", below)) if below else tree
        return ("neg", tree) if negate else tree

    def _power(self, expr: Any) -> Tree:
        base, exponent = expr.base, expr.exp
        if exponent.is_negative:
            return ("inv", self.read(base**-exponent))
        sympy = self.sympy
        names = {sympy.Integer(2): "sq", sympy.Integer(3): "cube"}
        names[sympy.Rational(1, 2)] = "sqrt"
        name = names.get(exponent)
        if name is not None:
            return (name, self.read(base))
        if isinstance(base, sympy.Abs) and exponent == sympy.Rational(1, 3):
            return ("cbrt", self.read(base))
        return ("pow", self.read(base), self.read(exponent))


def _rational(top: int, bottom: int) -> Tree:
    if bottom == 1:
        return str(top)
    if abs(top) == 1:
        inverse = ("inv", str(bottom))
        return inverse if top > 0 else ("neg", inverse)
    return ("div", str(top), str(bottom))


def _chain(name: str, trees: list[Tree], unary: bool = False) -> Tree:
    if unary and len(trees) == 1:
        return (name, trees[0])
    return reduce(lambda a, b: (name, a, b), trees)
