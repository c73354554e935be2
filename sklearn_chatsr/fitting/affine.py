"""The affine frame: ``a*f(x) + b`` around a skeleton, kept only where it matters."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.expressions.vocabulary import CONSTANT, arity

if TYPE_CHECKING:
    from sklearn_chatsr.fitting.constant_fit import ConstantFit
    from sklearn_chatsr.fitting.fitter import ConstantFitter


def wrap(skeleton: Expression) -> Expression:
    """Put ``a`` and ``b`` around a skeleton, unless its own constants play their part.

    Examples
    --------
    >>> from sklearn_chatsr.expressions import Expression
    >>> wrap(Expression(["sin", "x1"])).tokens
    ('add', 'C', 'mul', 'C', 'sin', 'x1')
    >>> wrap(Expression(["mul", "C", "sin", "x1"])).tokens
    ('add', 'C', 'mul', 'C', 'sin', 'x1')
    """
    has_factor, has_offset = _freedom(skeleton.tokens)
    return _frame(skeleton, not has_factor, not has_offset)


def narrower(expression: Expression) -> list[Expression]:
    """Give a formula with less around it than `wrap` puts there, shortest first.

    Examples
    --------
    >>> from sklearn_chatsr.expressions import Expression
    >>> [e.size for e in narrower(Expression(["sin", "x1"]))]
    [2, 4, 4]
    """
    has_factor, has_offset = _freedom(expression.tokens)
    found: dict[Expression, None] = {}
    for frame in [(False, False), (not has_factor, False), (False, not has_offset)]:
        framed, start = _frame(expression, *frame), expression.constants
        if start is not None:
            framed = framed.with_constants(wrap_start(expression, framed, start))
        found[framed] = None
    return list(found)


def _frame(skeleton: Expression, factor: bool, offset: bool) -> Expression:
    head = (("add", CONSTANT) if offset else ()) + (("mul", CONSTANT) if factor else ())
    tokens = head + skeleton.tokens
    return Expression._unchecked(tokens, None)


def wrap_start(
    skeleton: Expression, wrapped: Expression, start: Sequence[float]
) -> list[float]:
    """Extend starting values by ``a`` = 1 and ``b`` = 0."""
    head = wrapped.tokens[: wrapped.size - skeleton.size]
    extra = [0.0 if name == "add" else 1.0 for name in head[::2]]
    return [*extra, *start]


def _freedom(tokens: Sequence[str]) -> tuple[bool, bool]:
    """Tell whether a skeleton's constants can scale it, and shift it, by any number."""
    stack: list[tuple[bool, bool, bool]] = []
    for token in reversed(tokens):
        n = arity(token)
        if n == 0:
            lone = token == CONSTANT
            stack.append((lone, lone, lone))
            continue
        factor, offset, lone = stack.pop()
        if n == 1:
            keeps = token == "neg"
            stack.append((factor and token in ("neg", "inv"), offset and keeps, False))
            continue
        factor2, offset2, lone2 = stack.pop()
        if token in ("add", "sub"):
            stack.append((factor and factor2, offset or offset2, False))
        elif token in ("mul", "div"):
            shift = (offset and lone2) or (token == "mul" and lone and offset2)
            stack.append((factor or factor2, shift, False))
        else:
            stack.append((False, False, False))
    factor, offset, _ = stack[0]
    return factor, offset


def unwrap(
    fit: ConstantFit, skeleton: Expression, fitter: ConstantFitter
) -> ConstantFit:
    """Drop ``a`` and ``b`` where the data do not ask for them.

    The simpler frame wins when the Bayesian information criterion prefers it, or when
    it too fits to the last digit.
    """
    n_extra = fit.expression.n_constants - skeleton.n_constants
    if fit.failed or n_extra == 0:
        return fit
    head = fit.expression.tokens[: fit.expression.size - skeleton.size]
    inner = fit.constants[n_extra:]
    n = fitter.n_samples
    floor = max(fitter.loss_floor, 1e-4 * fitter.fvu_stop * fitter.data.scale**2)
    frames = [(False, False), (True, False), (False, True)]
    for factor, offset in frames:
        if (factor and "mul" not in head) or (offset and "add" not in head):
            continue
        n_kept = factor + offset
        if n_kept == n_extra:
            break
        simpler = _frame(skeleton, factor, offset)
        kept = [
            value
            for name, value in zip(head[::2], fit.constants, strict=False)
            if (factor and name == "mul") or (offset and name == "add")
        ]
        other = fitter.fit(simpler, start=[*kept, *inner])
        if other.failed:
            continue
        penalty = (n_extra - n_kept) * math.log(max(n, 3)) / n
        if other.loss <= max(fit.loss * math.exp(penalty), floor):
            return other
    return fit
