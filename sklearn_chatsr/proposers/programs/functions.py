"""The functions that programs may call, said with the operators of the vocabulary."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from sklearn_chatsr.expressions import OPERATORS
from sklearn_chatsr.proposers.programs.extraction import ProgramError

MAX_NODES = 300
# A sum of 100 terms is this deep; the walk takes three frames of the stack a level.
MAX_DEPTH = 100


@dataclass(frozen=True)
class Value:
    """A translated subtree: a number, a leaf, or an operator and its arguments."""

    node: Any
    size: int = 1
    depth: int = 1


def named_number(name: str) -> Value:
    """Give ``pi`` or ``e``."""
    if name not in ("pi", "e"):
        raise ProgramError("name", f"Unknown number {name[:40]!r}; known: pi, e.")
    return Value((name,))


def build(name: str, *arguments: Value) -> Value:
    """Apply an operator; numbers are folded in float64."""
    nodes = [argument.node for argument in arguments]
    if all(isinstance(node, float) for node in nodes):
        return Value(_fold(name, nodes))
    size = 1 + sum(argument.size for argument in arguments)
    depth = 1 + max(argument.depth for argument in arguments)
    if size > MAX_NODES or depth > MAX_DEPTH:
        raise ProgramError(
            "too_large",
            f"More than {MAX_NODES} nodes or {MAX_DEPTH} levels, with local names "
            "written out.",
        )
    return Value((name, *nodes), size, depth)


def _fold(name: str, numbers: list[float]) -> float:
    with np.errstate(all="ignore"):
        value = float(OPERATORS[name].numpy(*map(np.float64, numbers)))
    if not math.isfinite(value):
        raise ProgramError("number", f"{name} of {numbers} is not a finite number.")
    return value


# A factor that turns every difference of two numbers but 0 into more than 1.
_TEN, _HUGE = 10.0, 300.0
_STEEP = Value(("pow", _TEN, _HUGE), 3, 2)


def power(base: Value, exponent: Value) -> Value:
    """Raise to a power, in the shortest way."""
    if (base.node, exponent.node) == (_TEN, _HUGE):
        return _STEEP  # of a step that was shown to the model
    shorter = {1.0: "", 2.0: "sq", 3.0: "cube", 0.5: "sqrt", -1.0: "inv"}
    name = shorter.get(exponent.node) if isinstance(exponent.node, float) else None
    if name is None:
        return build("pow", base, exponent)
    return build(name, base) if name else base


def _operator(name: str) -> tuple[int, Callable[..., Value]]:
    return OPERATORS[name].arity, lambda *arguments: build(name, *arguments)


def _log_to_base(base: int) -> tuple[int, Callable[..., Value]]:
    def log(argument: Value) -> Value:
        whole = build("log", argument)
        if isinstance(whole.node, float):
            return Value(whole.node / math.log(base))
        # Written out, because a folded log(10) would count as a free constant.
        divisor = Value(("log", float(base)), 2, 2)
        return build("div", whole, divisor)

    return 1, log


ZERO = Value(0.0)
ONE = Value(1.0)
_TWO = Value(2.0)


def step(left: Value, right: Value) -> Value:
    """Give 1 where ``left > right``, else 0; NaN where one of them is NaN.

    The difference is made so large that clipping it to 0 ... 1 leaves nothing between.
    The constant 0 comes first: at a tie the slope is that of the first argument.
    """
    is_zero = right.node == 0.0
    difference = left if is_zero else build("sub", left, right)
    return build("min", build("max", ZERO, build("mul", difference, _STEEP)), ONE)


def complement(condition: Value) -> Value:
    """Give 1 where a condition is 0, and 0 where it is 1."""
    return build("sub", ONE, condition)


def choose(condition: Value, then: Value, other: Value) -> Value:
    """Give one value or the other; both must be finite everywhere."""
    if other.node == 0.0:
        return build("mul", then, condition)
    kept = build("mul", other, complement(condition))
    if then.node == 0.0:
        return kept
    return build("add", build("mul", then, condition), kept)


def _sign(a: Value) -> Value:
    steep = build("mul", a, _STEEP)
    return build("max", Value(-1.0), build("min", ONE, steep))


def _degrees(a: Value, first: str, second: str) -> Value:
    return build(second, build(first, a, Value(("pi",))), Value(180.0))


# Number of arguments of each function, and how the vocabulary says it.
FUNCTIONS: dict[str, tuple[int, Callable[..., Value]]] = {
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
    "power": (2, power),
    "pow": (2, power),
    "float_power": (2, power),
    "log10": _log_to_base(10),
    "log2": _log_to_base(2),
    "log1p": (1, lambda a: build("log", build("add", ONE, a))),
    "expm1": (1, lambda a: build("sub", build("exp", a), ONE)),
    "exp2": (1, lambda a: build("pow", _TWO, a)),
    "sign": (1, _sign),
    "clip": (3, lambda a, low, high: build("min", build("max", a, low), high)),
    "hypot": (
        2,
        lambda a, b: build("sqrt", build("add", build("sq", a), build("sq", b))),
    ),
    "deg2rad": (1, lambda a: _degrees(a, "mul", "div")),
    "radians": (1, lambda a: _degrees(a, "mul", "div")),
    "rad2deg": (1, lambda a: _degrees(a, "div", "mul")),
    "degrees": (1, lambda a: _degrees(a, "div", "mul")),
}
