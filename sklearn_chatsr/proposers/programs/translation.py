"""From a program that a language model wrote to an expression, without running it.

The syntax tree is walked along a list of what is allowed, and each node is translated
to an operator of the vocabulary. What is not in the list is an error with a reason:
there is no way from a text to anything but a formula.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from sklearn_chatsr.expressions import CONSTANT, OPERATORS, Expression, variable
from sklearn_chatsr.proposers.programs.extraction import (
    REASONS,
    ProgramError,
    extract_function,
)

__all__ = ["REASONS", "Program", "ProgramError", "translate"]

MAX_NODES = 300
# A sum of 100 terms is this deep; the walk takes three frames of the stack a level.
MAX_DEPTH = 100

_MODULES = frozenset({"np", "numpy", "math"})
_PARAMETER = "param"
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


@dataclass(frozen=True)
class _Value:
    """A translated subtree: a number, a leaf, or an operator and its arguments."""

    node: Any
    size: int = 1
    depth: int = 1


@dataclass(frozen=True)
class _Vector:
    """The parameters, or a slice of them."""

    indices: tuple[int, ...]


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
    ``pi`` and ``e``.

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
        Parameters that are not used do not occur. A parameter that is used twice gives
        two independent constants: the family of formulas grows, and a fit of it is at
        least as good as the one that the program meant.

    Raises
    ------
    ProgramError
        If the answer is not such a program; its `reason` is one of `REASONS`.

    Notes
    -----
    The value is that of the program wherever that is finite, but for ``sign`` at 0,
    which is outside of the domain here.

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
    walk = _Walk(_bind(function, inputs, parameters, n_parameters))
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
) -> dict[str, _Value | _Vector]:
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
    vector = _Vector(tuple(range(n_parameters)))
    known: dict[str, _Value | _Vector] = {
        str(label): _Value(variable(i)) for i, label in enumerate(inputs)
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


class _Walk:
    """One pass through a body; `known` holds what each name stands for."""

    def __init__(self, known: dict[str, _Value | _Vector]) -> None:
        self.known = known

    def run(self, body: list[ast.stmt]) -> _Value:
        """Follow the statements to the returned value."""
        for statement in body:
            if isinstance(statement, ast.Return):
                if statement.value is None:
                    raise ProgramError("no_return", "The return gives no value.")
                return self.scalar(statement.value)
            self.statement(statement)
        raise ProgramError("no_return", "The body ends without a return.")

    def statement(self, node: ast.stmt) -> None:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                self.assign(target, node.value)
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            self.assign(node.target, node.value)
        elif isinstance(node, ast.AugAssign):
            if not isinstance(node.target, ast.Name):
                raise ProgramError("statement", "Only names can be assigned to.")
            left = self.scalar(ast.Name(node.target.id))
            value = self.binary(node.op, left, self.scalar(node.value))
            self.name(node.target.id, value)
        elif not (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        ):
            raise ProgramError(
                "statement",
                f"{type(node).__name__} is not allowed; allowed are assignments, a "
                "docstring and a return.",
            )

    def assign(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Name):
            self.name(target.id, self.any(value))
            return
        if not isinstance(target, ast.Tuple | ast.List):
            raise ProgramError("statement", "Only names can be assigned to.")
        if isinstance(value, ast.Tuple | ast.List):
            values = [self.any(item) for item in value.elts]
        else:
            vector = self.any(value)
            if not isinstance(vector, _Vector):
                raise ProgramError("statement", "Only parameters can be unpacked.")
            values = [_Value((_PARAMETER, k)) for k in vector.indices]
            # `a, b = params` means the first ones.
            values = values[: len(target.elts)]
        if len(values) != len(target.elts):
            raise ProgramError(
                "parameter" if not isinstance(value, ast.Tuple) else "statement",
                f"{len(values)} value(s) for {len(target.elts)} names.",
            )
        for item, element in zip(target.elts, values, strict=True):
            if not isinstance(item, ast.Name):
                raise ProgramError("statement", "Only names can be assigned to.")
            self.name(item.id, element)

    def name(self, name: str, value: _Value | _Vector) -> None:
        if name in _MODULES:
            raise ProgramError("name", f"{name!r} cannot be assigned to.")
        self.known[name] = value

    def scalar(self, node: ast.expr, depth: int = 0) -> _Value:
        value = self.any(node, depth)
        if isinstance(value, _Vector):
            raise ProgramError(
                "parameter", "Parameters are used one by one, as in params[0]."
            )
        return value

    def any(self, node: ast.expr, depth: int = 0) -> _Value | _Vector:
        """Translate an expression node."""
        if depth > MAX_DEPTH:
            raise ProgramError("too_large", f"Deeper than {MAX_DEPTH} levels.")
        depth += 1
        if isinstance(node, ast.Name):
            return self.lookup(node.id)
        if isinstance(node, ast.Constant):
            return _Value(_number(node.value))
        if isinstance(node, ast.BinOp):
            left = self.scalar(node.left, depth)
            return self.binary(node.op, left, self.scalar(node.right, depth))
        if isinstance(node, ast.UnaryOp):
            value = self.scalar(node.operand, depth)
            if isinstance(node.op, ast.USub):
                return _build("neg", value)
            if isinstance(node.op, ast.UAdd):
                return value
            raise ProgramError("operator", "Of signs only + and - are allowed.")
        if isinstance(node, ast.Call):
            return self.call(node, depth)
        if isinstance(node, ast.Subscript):
            return self.subscript(node, depth)
        if isinstance(node, ast.Attribute):
            if isinstance(node.value, ast.Name) and node.value.id in _MODULES:
                return _named_number(node.attr)
        elif isinstance(node, ast.Compare | ast.BoolOp | ast.IfExp):
            raise ProgramError("piecewise", "Comparisons are not allowed.")
        raise ProgramError(
            "expression",
            f"{type(node).__name__} is not allowed; allowed are arithmetic, numbers, "
            "variables, parameters and element-wise functions.",
        )

    def lookup(self, name: str) -> _Value | _Vector:
        value = self.known.get(name)
        if value is None and name in ("pi", "e"):
            return _named_number(name)
        if value is None:
            raise ProgramError(
                "name", f"Unknown name {name!r}; known: {', '.join(self.known)}."
            )
        return value

    def binary(self, operator: ast.operator, left: _Value, right: _Value) -> _Value:
        name = _BINARY.get(type(operator))
        if name is None:
            raise ProgramError(
                "operator",
                f"{type(operator).__name__} is not allowed; allowed are + - * / **.",
            )
        return _power(left, right) if name == "pow" else _build(name, left, right)

    def call(self, node: ast.Call, depth: int) -> _Value:
        name = ""
        target = node.func
        if isinstance(target, ast.Name) and target.id not in self.known:
            name = target.id
        elif (
            isinstance(target, ast.Attribute)
            and isinstance(target.value, ast.Name)
            and target.value.id in _MODULES
        ):
            name = target.attr
        if name in ("where", "heaviside", "select", "piecewise"):
            raise ProgramError("piecewise", f"{name} is not allowed.")
        entry = _FUNCTIONS.get(name)
        if entry is None:
            raise ProgramError(
                "call",
                f"Unknown function {ast.unparse(target)[:40]!r}; known: "
                f"{', '.join(_FUNCTIONS)}.",
            )
        n, build = entry
        starred = any(isinstance(a, ast.Starred) for a in node.args)
        if node.keywords or starred or len(node.args) != n:
            raise ProgramError(
                "call", f"{name} takes {n} argument(s), by position only."
            )
        return build(*(self.scalar(argument, depth) for argument in node.args))

    def subscript(self, node: ast.Subscript, depth: int) -> _Value | _Vector:
        vector = self.any(node.value, depth)
        if not isinstance(vector, _Vector):
            raise ProgramError("parameter", "Only parameters have an index.")
        if isinstance(node.slice, ast.Slice):
            ends = (node.slice.lower, node.slice.upper, node.slice.step)
            bounds = slice(*(None if end is None else _index(end) for end in ends))
            if bounds.step == 0:
                raise ProgramError("parameter", "A slice has no step of 0.")
            return _Vector(vector.indices[bounds])
        index = _index(node.slice)
        if not -len(vector.indices) <= index < len(vector.indices):
            raise ProgramError(
                "parameter",
                f"Parameter {index} is beyond the {len(vector.indices)} that a "
                "program may use.",
            )
        return _Value((_PARAMETER, vector.indices[index]))


_BINARY: dict[type[ast.operator], str] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.Div: "div",
    ast.Pow: "pow",
}


def _index(node: ast.expr) -> int:
    sign = 1
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        sign, node = -1, node.operand
    if not isinstance(node, ast.Constant) or type(node.value) is not int:
        raise ProgramError("parameter", "The index of a parameter must be a number.")
    return sign * node.value


def _number(value: object) -> float:
    if type(value) not in (int, float):
        raise ProgramError(
            "number", f"{type(value).__name__} literals are not allowed."
        )
    try:
        number = float(value)  # type: ignore[arg-type]
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ProgramError("number", "A number overflows.")
    return number


def _named_number(name: str) -> _Value:
    if name not in ("pi", "e"):
        raise ProgramError("name", f"Unknown number {name[:40]!r}; known: pi, e.")
    return _Value((name,))


def _build(name: str, *arguments: _Value) -> _Value:
    """Apply an operator; numbers are folded in float64."""
    nodes = [argument.node for argument in arguments]
    if all(isinstance(node, float) for node in nodes):
        return _Value(_fold(name, nodes))
    size = 1 + sum(argument.size for argument in arguments)
    depth = 1 + max(argument.depth for argument in arguments)
    if size > MAX_NODES or depth > MAX_DEPTH:
        raise ProgramError(
            "too_large",
            f"More than {MAX_NODES} nodes or {MAX_DEPTH} levels, with local names "
            "written out.",
        )
    return _Value((name, *nodes), size, depth)


def _fold(name: str, numbers: list[float]) -> float:
    with np.errstate(all="ignore"):
        value = float(OPERATORS[name].numpy(*map(np.float64, numbers)))
    if not math.isfinite(value):
        raise ProgramError("number", f"{name} of {numbers} is not a finite number.")
    return value


def _power(base: _Value, exponent: _Value) -> _Value:
    shorter = {1.0: "", 2.0: "sq", 3.0: "cube", 0.5: "sqrt", -1.0: "inv"}
    name = shorter.get(exponent.node) if isinstance(exponent.node, float) else None
    if name is None:
        return _build("pow", base, exponent)
    return _build(name, base) if name else base


def _operator(name: str) -> tuple[int, Callable[..., _Value]]:
    return OPERATORS[name].arity, lambda *arguments: _build(name, *arguments)


def _chain(*names: str) -> tuple[int, Callable[..., _Value]]:
    """Compose unary operators; the last one is applied first."""

    def build(argument: _Value) -> _Value:
        for name in reversed(names):
            argument = _build(name, argument)
        return argument

    return 1, build


def _log_to_base(base: int) -> tuple[int, Callable[..., _Value]]:
    def build(argument: _Value) -> _Value:
        whole = _build("log", argument)
        if isinstance(whole.node, float):
            return _Value(whole.node / math.log(base))
        # Written out, because a folded log(10) would count as a free constant.
        divisor = _Value(("log", float(base)), 2, 2)
        return _build("div", whole, divisor)

    return 1, build


_ONE = _Value(1.0)
_TWO = _Value(2.0)

# Number of arguments of each function, and how the vocabulary says it.
_FUNCTIONS: dict[str, tuple[int, Callable[..., _Value]]] = {
    **{
        name: _operator(name)
        for name in (
            *("sin", "cos", "tan", "sinh", "cosh", "tanh"),
            *("exp", "log", "sqrt", "cbrt", "abs"),
        )
    },
    **{
        alias: _operator(name)
        for alias, name in {
            "arcsin": "asin",
            "asin": "asin",
            "arccos": "acos",
            "acos": "acos",
            "arctan": "atan",
            "atan": "atan",
            "absolute": "abs",
            "fabs": "abs",
            "square": "sq",
            "reciprocal": "inv",
            "negative": "neg",
            "minimum": "min",
            "fmin": "min",
            "maximum": "max",
            "fmax": "max",
            "add": "add",
            "subtract": "sub",
            "multiply": "mul",
            "divide": "div",
            "true_divide": "div",
        }.items()
    },
    "power": (2, _power),
    "pow": (2, _power),
    "float_power": (2, _power),
    "log10": _log_to_base(10),
    "log2": _log_to_base(2),
    "log1p": (1, lambda a: _build("log", _build("add", _ONE, a))),
    "expm1": (1, lambda a: _build("sub", _build("exp", a), _ONE)),
    "exp2": (1, lambda a: _build("pow", _TWO, a)),
    "sign": (1, lambda a: _build("div", a, _build("abs", a))),
    "clip": (3, lambda a, low, high: _build("min", _build("max", a, low), high)),
    "hypot": (
        2,
        lambda a, b: _build("sqrt", _build("add", _build("sq", a), _build("sq", b))),
    ),
    "deg2rad": (1, lambda a: _degrees(a, "mul", "div")),
    "radians": (1, lambda a: _degrees(a, "mul", "div")),
    "rad2deg": (1, lambda a: _degrees(a, "div", "mul")),
    "degrees": (1, lambda a: _degrees(a, "div", "mul")),
}


def _degrees(a: _Value, first: str, second: str) -> _Value:
    return _build(second, _build(first, a, _Value(("pi",))), _Value(180.0))


def _finish(value: _Value) -> Program:
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
        elif node[0] == _PARAMETER:
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
