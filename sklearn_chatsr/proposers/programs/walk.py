"""The walk through the statements of a program, along a list of what is allowed."""

from __future__ import annotations

import ast
import math
from dataclasses import dataclass

from sklearn_chatsr.proposers.programs.extraction import ProgramError
from sklearn_chatsr.proposers.programs.functions import (
    FUNCTIONS,
    MAX_DEPTH,
    Value,
    build,
    choose,
    complement,
    named_number,
    power,
    step,
)

_MODULES = frozenset({"np", "numpy", "math"})
# What marks the leaf of a parameter, beside its index.
PARAMETER = "param"


@dataclass(frozen=True)
class Vector:
    """The parameters, or a slice of them."""

    indices: tuple[int, ...]


@dataclass(frozen=True)
class _Condition:
    """A comparison, as a value that is 1 or 0."""

    step: Value


Known = Value | Vector | _Condition


class Walk:
    """One pass through a body; `known` holds what each name stands for."""

    def __init__(self, known: dict[str, Known]) -> None:
        self.known = known

    def run(self, body: list[ast.stmt]) -> Value:
        """Follow the statements to the returned value."""
        for statement in body:
            if isinstance(statement, ast.Return):
                if statement.value is None:
                    raise ProgramError("no_return", "The return gives no value.")
                return self.scalar(statement.value)
            self.statement(statement)
        raise ProgramError("no_return", "The body ends without a return.")

    def statement(self, node: ast.stmt) -> None:
        """Follow one statement; all that it can do is to name values."""
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
        """Name a value, or several."""
        if isinstance(target, ast.Name):
            self.name(target.id, self.any(value))
            return
        if not isinstance(target, ast.Tuple | ast.List):
            raise ProgramError("statement", "Only names can be assigned to.")
        if isinstance(value, ast.Tuple | ast.List):
            values = [self.any(item) for item in value.elts]
        else:
            vector = self.any(value)
            if not isinstance(vector, Vector):
                raise ProgramError("statement", "Only parameters can be unpacked.")
            values = [Value((PARAMETER, k)) for k in vector.indices]
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

    def name(self, name: str, value: Known) -> None:
        """Let a name stand for a value from here on."""
        if name in _MODULES:
            raise ProgramError("name", f"{name!r} cannot be assigned to.")
        self.known[name] = value

    def scalar(self, node: ast.expr, depth: int = 0) -> Value:
        """Translate an expression that is a number on every row."""
        return _scalar(self.any(node, depth))

    def any(self, node: ast.expr, depth: int = 0) -> Known:
        """Translate an expression node."""
        if depth > MAX_DEPTH:
            raise ProgramError("too_large", f"Deeper than {MAX_DEPTH} levels.")
        depth += 1
        if isinstance(node, ast.Name):
            return self.lookup(node.id)
        if isinstance(node, ast.Constant):
            return Value(_number(node.value))
        if isinstance(node, ast.Compare):
            return self.compare(node, depth)
        if isinstance(node, ast.BinOp):
            if isinstance(node.op, ast.BitAnd | ast.BitOr):
                pair = [self.condition(n, depth) for n in (node.left, node.right)]
                return _Condition(_join(type(node.op), *pair))
            left, right = self.any(node.left, depth), self.any(node.right, depth)
            if isinstance(node.op, ast.Mult):
                # A condition as a factor, as in (x > 0) * x.
                if isinstance(left, _Condition):
                    left = left.step
                if isinstance(right, _Condition):
                    right = right.step
            return self.binary(node.op, _scalar(left), _scalar(right))
        if isinstance(node, ast.UnaryOp):
            if isinstance(node.op, ast.Invert) and not isinstance(
                node.operand, ast.UnaryOp
            ):
                value = self.any(node.operand, depth)
                if isinstance(value, _Condition):
                    return _Condition(complement(value.step))
            value = self.scalar(node.operand, depth)
            if isinstance(node.op, ast.USub):
                return build("neg", value)
            if isinstance(node.op, ast.UAdd):
                return value
            raise ProgramError("operator", "Of signs only + and - are allowed.")
        if isinstance(node, ast.Call):
            return self.call(node, depth)
        if isinstance(node, ast.Subscript):
            return self.subscript(node, depth)
        if isinstance(node, ast.Attribute):
            if isinstance(node.value, ast.Name) and node.value.id in _MODULES:
                return named_number(node.attr)
        elif isinstance(node, ast.BoolOp | ast.IfExp):
            raise ProgramError(
                "piecewise",
                "Choices are written np.where(x > a, b, c), joined by &, |.",
            )
        raise ProgramError(
            "expression",
            f"{type(node).__name__} is not allowed; allowed are arithmetic, numbers, "
            "variables, parameters and element-wise functions.",
        )

    def lookup(self, name: str) -> Known:
        """Give what a name stands for."""
        value = self.known.get(name)
        if value is None and name in ("pi", "e"):
            return named_number(name)
        if value is None:
            raise ProgramError(
                "name", f"Unknown name {name!r}; known: {', '.join(self.known)}."
            )
        return value

    def binary(self, operator: ast.operator, left: Value, right: Value) -> Value:
        """Apply an arithmetic operator."""
        name = _BINARY.get(type(operator))
        if name is None:
            raise ProgramError(
                "operator",
                f"{type(operator).__name__} is not allowed; allowed are + - * / **.",
            )
        return power(left, right) if name == "pow" else build(name, left, right)

    def compare(self, node: ast.Compare, depth: int) -> _Condition:
        """Translate a comparison."""
        left = self.scalar(node.left, depth)
        right = self.scalar(node.comparators[0], depth)
        if len(node.ops) == 1:
            operator = node.ops[0]
            if isinstance(operator, ast.Gt):
                return _Condition(step(left, right))
            if isinstance(operator, ast.Lt):
                return _Condition(step(right, left))
            if isinstance(operator, ast.GtE):
                return _Condition(complement(step(right, left)))
            if isinstance(operator, ast.LtE):
                return _Condition(complement(step(left, right)))
        raise ProgramError(
            "piecewise", "Of comparisons only one of < <= > >= at a time is allowed."
        )

    def condition(self, node: ast.expr, depth: int) -> Value:
        """Translate an expression that is true or false on every row."""
        value = self.any(node, depth)
        if not isinstance(value, _Condition):
            raise ProgramError("piecewise", "A comparison is expected here.")
        return value.step

    def call(self, node: ast.Call, depth: int) -> Value:
        """Apply a function of the table."""
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
        if name == "where" and len(node.args) == 3 and not node.keywords:
            condition = self.condition(node.args[0], depth)
            then, other = (self.scalar(argument, depth) for argument in node.args[1:])
            return choose(condition, then, other)
        entry = FUNCTIONS.get(name)
        if entry is None:
            raise ProgramError(
                "call",
                f"Unknown function {ast.unparse(target)[:40]!r}; known: "
                f"{', '.join(FUNCTIONS)}.",
            )
        n, make = entry
        starred = any(isinstance(a, ast.Starred) for a in node.args)
        if node.keywords or starred or len(node.args) != n:
            raise ProgramError(
                "call", f"{name} takes {n} argument(s), by position only."
            )
        return make(*(self.scalar(argument, depth) for argument in node.args))

    def subscript(self, node: ast.Subscript, depth: int) -> Known:
        """Give a parameter, or a slice of them."""
        vector = self.any(node.value, depth)
        if not isinstance(vector, Vector):
            raise ProgramError("parameter", "Only parameters have an index.")
        if isinstance(node.slice, ast.Slice):
            ends = (node.slice.lower, node.slice.upper, node.slice.step)
            bounds = slice(*(None if end is None else _index(end) for end in ends))
            if bounds.step == 0:
                raise ProgramError("parameter", "A slice has no step of 0.")
            return Vector(vector.indices[bounds])
        index = _index(node.slice)
        if not -len(vector.indices) <= index < len(vector.indices):
            raise ProgramError(
                "parameter",
                f"Parameter {index} is beyond the {len(vector.indices)} that a "
                "program may use.",
            )
        return Value((PARAMETER, vector.indices[index]))


_BINARY: dict[type[ast.operator], str] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.Div: "div",
    ast.Pow: "pow",
}


def _join(kind: type[ast.operator], left: Value, right: Value) -> Value:
    """Join two conditions by `and` or by `or`."""
    if kind is ast.BitAnd:
        return build("mul", left, right)
    return complement(build("mul", complement(left), complement(right)))


def _scalar(value: Known) -> Value:
    if isinstance(value, Vector):
        raise ProgramError(
            "parameter", "Parameters are used one by one, as in params[0]."
        )
    if isinstance(value, _Condition):
        raise ProgramError(
            "piecewise", "A comparison stands in np.where or as a factor only."
        )
    return value


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
