"""Forms of one column that have a name, such as a decay, a logistic or a Gaussian.

What everybody would try first is said in few bits, however many nodes it takes to write
it: by its name, and by the numbers in it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache, lru_cache
from itertools import permutations
from typing import NamedTuple

from sklearn_chatsr.expressions import OPERATORS, Expression, is_variable
from sklearn_chatsr.expressions.expression import Tree

# With free numbers everywhere; a number may as well be missing.
_FORMS = (
    "C*(x1 + C)^C + C",  # power laws, hyperbolas
    "C*log(x1 + C) + C",
    "C*sin(C*x1 + C) + C",
    "C*tanh(C*x1 + C) + C",
    "C*exp(C*x1) + C",
    "C*exp(C*(x1 + C)^C) + C",  # Gauss, Arrhenius, Vogel, Weibull
    "C*exp(C*exp(C*x1)) + C",  # Gompertz
    "C*(exp(C*x1 + C) + C)^C + C",  # logistic, Richards, von Bertalanffy, Morse
    "C*(C*(x1 + C)^C + C)^C + C",  # Lorentz, Hill
    "C*x1^C/(C*x1^C + C) + C",  # Michaelis and Menten, Hill
    "C*x1/(C*x1^2 + C*x1 + C) + C",  # Haldane
    "C/(C*x1 + C/x1 + C) + C",
    "C*x1^C*exp(C*x1) + C",  # gamma
    "C*x1^C/(C*exp(C*x1) + C) + C",  # Planck
    "C*exp(C*x1)*sin(C*x1 + C) + C",
    "C*x1^C*sin(C*x1 + C) + C",
    "C*exp(C*x1) + C*exp(C*x1) + C",
    "C*x1 + C*exp(C*x1) + C",
    "C*x1 + C*sin(C*x1 + C) + C",
    "C*x1 + C*x1^C + C",
    "C*x1^3 + C*x1^2 + C*x1 + C",
)
_LONGEST = 24  # nodes of what may have such a form
_NAME_BITS, _POWER_BITS = 7.0, 3.0
# Telling an operator, a variable, a constant or an integer apart takes two bits.
KIND_BITS = 2.0
_POWERS = frozenset({"inv", "sq", "cube", "sqrt", "cbrt"})
_NO, _FACTOR, _SHIFT = range(3)  # numbers around a part; a shift may have a factor, too


class _Shape(NamedTuple):
    """A formula without its numbers.

    Attributes
    ----------
    kind : str
        A function, ``inv``, ``pow`` for other powers, ``add``, ``mul`` or ``x``.
    parts : tuple of _Shape
        Its arguments, those of nested sums and products in one.
    around : int
        Whether there are numbers around it.
    """

    kind: str
    parts: tuple[_Shape, ...] = ()
    around: int = _NO

    def bare(self) -> _Shape:
        return self._replace(around=_NO)

    def is_case_of(self, form: _Shape) -> bool:
        """Tell whether it is a form with some numbers left out."""
        if self.around > form.around:
            return False
        if form.kind == "pow" and self.kind not in ("pow", "inv"):
            return self.bare().is_case_of(form.parts[0].bare())
        is_kind = self.kind == form.kind or (self.kind, form.kind) == ("inv", "pow")
        if not is_kind or len(self.parts) != len(form.parts):
            return False
        return any(
            all(a.is_case_of(b) for a, b in zip(self.parts, order, strict=True))
            for order in permutations(form.parts)
        )

    def n_powers(self) -> int:
        is_power = self.kind in ("pow", "inv")
        return is_power + sum(part.n_powers() for part in self.parts)


def usual_form_bits(expression: Expression) -> float:
    """Give the bits of a formula of one column that has a name, without its numbers.

    Parameters
    ----------
    expression : Expression
        With or without values for its constants.

    Returns
    -------
    float
        Infinite if it has no name.

    Examples
    --------
    >>> from sklearn_chatsr.expressions import Expression
    >>> usual_form_bits(Expression.from_infix("3.1 - exp(x1/0.09)/100"))
    7.0
    >>> usual_form_bits(Expression.from_infix("2*tanh(sqrt(x1))"))
    inf
    """
    return _bits(tuple(expression.tokens))


@lru_cache(maxsize=4096)
def _bits(tokens: tuple[str, ...]) -> float:
    if len(tokens) > _LONGEST or len(set(filter(is_variable, tokens))) != 1:
        return math.inf
    shape = _shape(Expression(tokens).to_tree())
    if shape is None or not any(shape.is_case_of(form) for form in _forms()):
        return math.inf
    bits = _NAME_BITS + _POWER_BITS * shape.n_powers() + tokens.count("neg")
    # Neither signs nor what a number is made of are part of the name.
    for start, stop in Expression(tokens).subtrees():
        if tokens[start] in OPERATORS and not any(map(is_variable, tokens[start:stop])):
            bits += KIND_BITS + OPERATORS[tokens[start]].cost
    return bits


@cache
def _forms() -> list[_Shape]:
    shapes = [_shape(Expression.from_infix(text).to_tree()) for text in _FORMS]
    return [shape for shape in shapes if shape is not None]


def _shape(tree: Tree) -> _Shape | None:
    """Give what is left without numbers; None of a number."""
    if not isinstance(tree, tuple):
        is_column = isinstance(tree, str) and is_variable(tree)
        return _Shape("x") if is_column else None
    name, parts = tree[0], [_shape(argument) for argument in tree[1:]]
    if name in ("add", "sub"):
        return _sum(parts)
    if name in ("mul", "div"):
        if name == "div" and parts[1] is not None:
            parts[1] = _power(parts[1], "inv")
        return _product(parts)
    if name == "pow":
        if parts[0] is None:
            return None
        return _power(parts[0], "pow" if parts[1] is None else "pow of a column")
    if len(parts) > 1:
        known = tuple(part for part in parts if part is not None)
        return _Shape(name, known) if known else None
    [part] = parts
    if part is None:
        return None
    if name == "neg":
        return part._replace(around=max(part.around, _FACTOR))
    if name in _POWERS:
        return _power(part, "inv" if name == "inv" else "pow")
    if name == "exp" and part.around == _SHIFT:
        return _Shape("exp", (part._replace(around=_FACTOR),), _FACTOR)
    if name == "log" and part.around:
        inner = part if part.around == _SHIFT else part.bare()
        return _Shape("log", (inner,), _SHIFT)
    return _Shape("sin" if name == "cos" else name, (part,))


def _sum(parts: Sequence[_Shape | None]) -> _Shape | None:
    known = [part for part in parts if part is not None]
    around = _SHIFT if len(known) < len(parts) else _NO
    if len(known) <= 1:
        return known[0]._replace(around=_SHIFT) if known else None
    terms: list[_Shape] = []
    for part in known:
        if part.around == _SHIFT:
            around = _SHIFT
        nested = part.parts if part.kind == "add" else ()
        terms += nested or [part._replace(around=min(part.around, _FACTOR))]
    return _Shape("add", tuple(terms), around)


def _product(parts: Sequence[_Shape | None]) -> _Shape | None:
    known = [part for part in parts if part is not None]
    around = _FACTOR if len(known) < len(parts) else _NO
    if len(known) <= 1:
        part = known[0] if known else None
        return part and part._replace(around=max(part.around, around))
    factors: list[_Shape] = []
    for part in known:
        if part.around == _FACTOR:
            part, around = part.bare(), _FACTOR
        is_nested = part.kind == "mul" and part.around == _NO
        factors += part.parts if is_nested else [part]
    return _Shape("mul", tuple(factors), around)


def _power(part: _Shape, kind: str) -> _Shape:
    """Raise to a number."""
    if kind in ("pow", "inv") and part.around != _SHIFT:
        if part.kind in ("pow", "inv"):
            return part._replace(kind="pow")
        return _Shape(kind, (part.bare(),), part.around)
    return _Shape(kind, (part,))
