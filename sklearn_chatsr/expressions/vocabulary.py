"""The vocabulary: the one table that knows the operators, and the tokens around it.

A token is a short string: the name of an operator, a variable by position (``"x1"`` is
the first column), ``"C"`` for a constant, or an integer literal such as ``"2"``. Every
token has one spelling as a math token (``"<|math_add|>"``), which is what language
models write. Adding an operator is adding a row here and its branch in the compiled
kernels (``fitting/_kernels.py``); a test fails when the two disagree.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

CONSTANT = "C"
MAX_INTEGER = 10**15

_VARIABLE = re.compile(r"x([1-9][0-9]*)\Z")
_INTEGER = re.compile(r"(0|-?[1-9][0-9]{0,14})\Z")
_MATH_TOKEN = re.compile(r"<\|math_([A-Za-z0-9_\-]+)\|>\Z")


@dataclass(frozen=True, slots=True)
class Operator:
    """One row of the vocabulary.

    Parameters
    ----------
    name : str
        Name of the operator, which is also its token.
    arity : int
        Number of arguments: 0 (a named number), 1 or 2.
    opcode : int
        Number of the operator in compiled programs, 3 or more.
    numpy : callable
        Value on float64 arrays. NaN outside the real domain, never an exception.
    partials : callable
        ``partials(*arguments, value)`` gives the partial derivatives as a tuple.
    sympy : callable
        ``sympy(module, *arguments)`` builds the SymPy form.
    python : str
        Format of the NumPy source, with ``{0}`` and ``{1}`` for the arguments; empty
        for operators that are printed as infix signs.
    latex : str
        Format of the LaTeX form; empty for infix signs.
    domain : str
        Where the value is real, in words.
    cost : float
        Complexity that the operator adds, in nodes.
    commutative : bool
        Whether the two arguments may be exchanged.
    """

    name: str
    arity: int
    opcode: int
    numpy: Callable[..., Any]
    partials: Callable[..., tuple[Any, ...]]
    sympy: Callable[..., Any]
    python: str = ""
    latex: str = ""
    domain: str = "all reals"
    cost: float = 1.0
    commutative: bool = False

    @property
    def math_token(self) -> str:
        """Spelling of the operator as a math token."""
        return f"<|math_{self.name}|>"


def _divide(a: Any, b: Any) -> Any:
    return np.where(np.equal(b, 0.0), np.nan, np.divide(a, b))


def _power(a: Any, b: Any) -> Any:
    fault = np.equal(a, 0.0) & np.less(b, 0.0)
    return np.where(fault, np.nan, np.power(a, b))


def _power_partials(a: Any, b: Any, v: Any) -> tuple[Any, Any]:
    # 0^b is flat in b; log(0) would make the derivative NaN there.
    log_a = np.log(np.where(np.equal(a, 0.0), 1.0, a))
    return b * _power(a, np.subtract(b, 1.0)), v * log_a


def _log(a: Any) -> Any:
    return np.where(np.greater(a, 0.0), np.log(a), np.nan)


_ROWS: tuple[Operator, ...] = (
    Operator(
        "add",
        2,
        3,
        np.add,
        lambda a, b, v: (np.ones_like(v), np.ones_like(v)),
        lambda s, a, b: a + b,
        commutative=True,
    ),
    Operator(
        "sub",
        2,
        4,
        np.subtract,
        lambda a, b, v: (np.ones_like(v), -np.ones_like(v)),
        lambda s, a, b: a - b,
    ),
    Operator(
        "mul",
        2,
        5,
        np.multiply,
        lambda a, b, v: (b, a),
        lambda s, a, b: a * b,
        commutative=True,
    ),
    Operator(
        "div",
        2,
        6,
        _divide,
        lambda a, b, v: (_divide(1.0, b), _divide(-v, b)),
        lambda s, a, b: a / b,
        domain="divisor not 0",
    ),
    Operator(
        "pow",
        2,
        7,
        _power,
        _power_partials,
        lambda s, a, b: a**b,
        domain="base > 0, or integer exponent (positive where the base is 0)",
        cost=2.0,
    ),
    Operator(
        "min",
        2,
        8,
        np.minimum,
        lambda a, b, v: (np.where(a <= b, 1.0, 0.0), np.where(a <= b, 0.0, 1.0)),
        lambda s, a, b: s.Min(a, b),
        python="np.minimum({0}, {1})",
        latex=r"\min\left({0}, {1}\right)",
        cost=2.0,
        commutative=True,
    ),
    Operator(
        "max",
        2,
        9,
        np.maximum,
        lambda a, b, v: (np.where(a >= b, 1.0, 0.0), np.where(a >= b, 0.0, 1.0)),
        lambda s, a, b: s.Max(a, b),
        python="np.maximum({0}, {1})",
        latex=r"\max\left({0}, {1}\right)",
        cost=2.0,
        commutative=True,
    ),
    Operator(
        "neg",
        1,
        10,
        np.negative,
        lambda a, v: (-np.ones_like(v),),
        lambda s, a: -a,
    ),
    Operator(
        "inv",
        1,
        11,
        lambda a: _divide(1.0, a),
        lambda a, v: (-v * v,),
        lambda s, a: 1 / a,
        domain="argument not 0",
    ),
    Operator(
        "sq",
        1,
        12,
        np.square,
        lambda a, v: (2.0 * a,),
        lambda s, a: a**2,
    ),
    Operator(
        "cube",
        1,
        13,
        lambda a: a * a * a,
        lambda a, v: (3.0 * a * a,),
        lambda s, a: a**3,
    ),
    Operator(
        "sqrt",
        1,
        14,
        np.sqrt,
        lambda a, v: (_divide(0.5, v),),
        lambda s, a: s.sqrt(a),
        python="np.sqrt({0})",
        latex=r"\sqrt{{{0}}}",
        domain="argument >= 0",
    ),
    Operator(
        "cbrt",
        1,
        15,
        np.cbrt,
        lambda a, v: (_divide(1.0 / 3.0, v * v),),
        lambda s, a: s.sign(a) * s.Abs(a) ** s.Rational(1, 3),
        python="np.cbrt({0})",
        latex=r"\sqrt[3]{{{0}}}",
    ),
    Operator(
        "abs",
        1,
        16,
        np.abs,
        lambda a, v: (np.sign(a),),
        lambda s, a: s.Abs(a),
        python="np.abs({0})",
        latex=r"\left|{0}\right|",
    ),
    Operator(
        "exp",
        1,
        17,
        np.exp,
        lambda a, v: (v,),
        lambda s, a: s.exp(a),
        python="np.exp({0})",
        latex=r"\exp\left({0}\right)",
        cost=2.0,
    ),
    Operator(
        "log",
        1,
        18,
        _log,
        lambda a, v: (_divide(1.0, a),),
        lambda s, a: s.log(a),
        python="np.log({0})",
        latex=r"\log\left({0}\right)",
        domain="argument > 0",
        cost=2.0,
    ),
    Operator(
        "sin",
        1,
        19,
        np.sin,
        lambda a, v: (np.cos(a),),
        lambda s, a: s.sin(a),
        python="np.sin({0})",
        latex=r"\sin\left({0}\right)",
        cost=2.0,
    ),
    Operator(
        "cos",
        1,
        20,
        np.cos,
        lambda a, v: (-np.sin(a),),
        lambda s, a: s.cos(a),
        python="np.cos({0})",
        latex=r"\cos\left({0}\right)",
        cost=2.0,
    ),
    Operator(
        "tan",
        1,
        21,
        np.tan,
        lambda a, v: (1.0 + v * v,),
        lambda s, a: s.tan(a),
        python="np.tan({0})",
        latex=r"\tan\left({0}\right)",
        domain="argument not an odd multiple of pi / 2",
        cost=2.0,
    ),
    Operator(
        "asin",
        1,
        22,
        np.arcsin,
        lambda a, v: (_divide(1.0, np.sqrt(1.0 - a * a)),),
        lambda s, a: s.asin(a),
        python="np.arcsin({0})",
        latex=r"\arcsin\left({0}\right)",
        domain="-1 <= argument <= 1",
        cost=2.0,
    ),
    Operator(
        "acos",
        1,
        23,
        np.arccos,
        lambda a, v: (_divide(-1.0, np.sqrt(1.0 - a * a)),),
        lambda s, a: s.acos(a),
        python="np.arccos({0})",
        latex=r"\arccos\left({0}\right)",
        domain="-1 <= argument <= 1",
        cost=2.0,
    ),
    Operator(
        "atan",
        1,
        24,
        np.arctan,
        lambda a, v: (1.0 / (1.0 + a * a),),
        lambda s, a: s.atan(a),
        python="np.arctan({0})",
        latex=r"\arctan\left({0}\right)",
        cost=2.0,
    ),
    Operator(
        "sinh",
        1,
        25,
        np.sinh,
        lambda a, v: (np.cosh(a),),
        lambda s, a: s.sinh(a),
        python="np.sinh({0})",
        latex=r"\sinh\left({0}\right)",
        cost=2.0,
    ),
    Operator(
        "cosh",
        1,
        26,
        np.cosh,
        lambda a, v: (np.sinh(a),),
        lambda s, a: s.cosh(a),
        python="np.cosh({0})",
        latex=r"\cosh\left({0}\right)",
        cost=2.0,
    ),
    Operator(
        "tanh",
        1,
        27,
        np.tanh,
        lambda a, v: (1.0 - v * v,),
        lambda s, a: s.tanh(a),
        python="np.tanh({0})",
        latex=r"\tanh\left({0}\right)",
        cost=2.0,
    ),
    Operator(
        "pi",
        0,
        28,
        lambda: np.float64(np.pi),
        lambda v: (),
        lambda s: s.pi,
        python="np.pi",
        cost=6.0,
        latex=r"\pi",
    ),
    Operator(
        "e",
        0,
        29,
        lambda: np.float64(np.e),
        lambda v: (),
        lambda s: s.E,
        python="np.e",
        cost=8.0,
        latex="e",
    ),
)

OPERATORS: dict[str, Operator] = {row.name: row for row in _ROWS}

# Opcodes of the leaves in compiled programs; operators follow from 3.
VARIABLE_OPCODE, CONSTANT_OPCODE, INTEGER_OPCODE = 0, 1, 2


@lru_cache(4096)
def is_variable(token: str) -> bool:
    """Tell whether ``token`` names a column, as ``"x1"`` does."""
    return _VARIABLE.match(token) is not None


def is_integer(token: str) -> bool:
    """Tell whether ``token`` is an integer literal of at most 15 digits."""
    return _INTEGER.match(token) is not None


def variable(index: int) -> str:
    """Give the token of column ``index``, counted from 0."""
    return f"x{index + 1}"


def variable_index(token: str) -> int:
    """Give the column that ``token`` names, counted from 0.

    Raises
    ------
    ValueError
        If ``token`` is not a variable.
    """
    if not is_variable(token):
        raise ValueError(f"{token!r} is not a variable; variables are 'x1', 'x2', ...")
    return int(token[1:]) - 1


@lru_cache(4096)
def arity(token: str) -> int:
    """Give the number of arguments of ``token``: 0 for every leaf.

    Raises
    ------
    ValueError
        If ``token`` is not in the vocabulary.
    """
    row = OPERATORS.get(token)
    if row is not None:
        return row.arity
    if token == CONSTANT or is_variable(token) or is_integer(token):
        return 0
    raise ValueError(
        f"Unknown token {token!r}. Allowed: the operators {', '.join(OPERATORS)}; "
        "the variables x1, x2, ...; the constant C; integers of at most 15 digits."
    )


def math_token(token: str) -> str:
    """Spell a token for a language model, for example ``"<|math_x1|>"``.

    Raises
    ------
    ValueError
        If ``token`` is not in the vocabulary.
    """
    arity(token)
    return f"<|math_const_{token}|>" if is_integer(token) else f"<|math_{token}|>"


def token_of_math(text: str) -> str:
    """Read a math token back; the bare ``"C"`` of public ChatSR files is accepted.

    Raises
    ------
    ValueError
        If ``text`` is not a math token of the vocabulary.
    """
    text = text.strip()
    match = _MATH_TOKEN.match(text)
    name = match.group(1) if match else text
    token = name.removeprefix("const_")
    if match is None and token != CONSTANT:
        raise ValueError(
            f"{text!r} is not a math token; they look like '<|math_add|>', "
            "'<|math_x1|>', '<|math_const_2|>' or '<|math_C|>'."
        )
    arity(token)
    return token
