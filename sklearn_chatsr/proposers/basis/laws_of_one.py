"""Laws of one column behind the values of a function of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import islice, product

import numpy as np

from sklearn_chatsr.expressions import CONSTANT, Expression, variable
from sklearn_chatsr.expressions.expression import Tree
from sklearn_chatsr.fitting import ConstantFit, ConstantFitter
from sklearn_chatsr.proposers.basis.library import Caps
from sklearn_chatsr.proposers.basis.splines import solve
from sklearn_chatsr.proposers.basis.stages import search_stages
from sklearn_chatsr.proposers.basis.task import Task
from sklearn_chatsr.proposers.basis.terms import Array, Columns
from sklearn_chatsr.proposers.templates import curves_of

_STAGES = 6  # up to sums of two terms
# A short curve that is this near to values that are known so well is their law; one
# with something beside it may be longer.
_SHORT, _SHORT_SUM, _PRECISE, _NEAR = 12, 22, 1e-6, 3.0
_CAPS = Caps(400, 100, 150, 500, 500, 200, 400)
_PER_STAGE, _SIMPLIFIED, _MOST_LAWS = 15, 30, 4
_NODE_BITS, _WORTH_ROWS = 4.0, 100
_LEAST_NOISE = 1e-14


@np.errstate(all="ignore")
def laws_of_one(
    x: Array,
    values: Array,
    noise: float,
    out_of_time: Callable[[], bool],
    *,
    only_curves: bool = False,
) -> list[tuple[float, Tree]]:
    """Look for laws of one column behind the values of a function of it.

    Usual curves come first, then those with a line, a parabola or a power beside them.
    They stay the only ones where one of them is the law or no others are asked for.

    Parameters
    ----------
    x, values : ndarray of shape (n_rows,)
        The column, and a function of it.
    noise : float
        What is unknown of the values, as a share of their variance.
    out_of_time : callable
        Asked between steps.
    only_curves : bool, default=False
        Whether no others are asked for.

    Returns
    -------
    list of (float, tree)
        Description lengths, and formulas of ``x1``, the best first.
    """
    spread = float(values.var())
    constant = (0.0, float(values.mean()))
    if not (np.isfinite(values).all() and spread > 0 and noise < 1):
        return [constant] if np.isfinite(values).all() else []
    fitter = ConstantFitter(x[:, None], values, n_starts=4)
    line: Tree = ("add", ("mul", CONSTANT, variable(0)), CONSTANT)
    curves = map(Expression.from_tree, [*curves_of(variable(0)), line])
    fits = fitter.fit_many(curves, scale=True)

    bent = _exponential_of_a_quotient(x, values)
    if bent is not None:
        fits.append(fitter.fit(bent, start=bent.constants, scale=True))

    def bits(expression: Expression, loss: float) -> float:
        share = max(loss / spread, noise, _LEAST_NOISE)
        return 0.5 * _WORTH_ROWS * float(np.log2(share)) + _NODE_BITS * expression.size

    def is_law(fit: ConstantFit | None, longest: int = _SHORT) -> bool:
        if fit is None or fit.failed or fit.expression.size > longest:
            return False
        near = _NEAR * max(noise, _LEAST_NOISE) * spread
        return noise < _PRECISE and fit.loss < near

    is_found = any(map(is_law, fits))
    if not is_found and not out_of_time():
        sums = fitter.fit_many(map(Expression.from_tree, _sums_of_curves()), scale=True)
        is_found = any(is_law(fit, _SHORT_SUM) for fit in sums)
        fits += sums
    if not (only_curves or is_found):
        column = Columns(x[None], [variable(0)], (bool(np.all(x > 0)),))
        n_fit = min(128, int(0.7 * len(x)))
        task = Task(column, values, lambda tree: [tree], n_fit, _PER_STAGE, _CAPS)
        stages = islice(search_stages(task, None, out_of_time), _STAGES)
        trees = dict.fromkeys(tree for found in stages for tree in found or [])
        for expression in map(Expression.from_tree, trees):
            fits.append(fitter.fit(expression, start=expression.constants, scale=True))
    ranked = sorted(
        (bits(fit.expression, fit.loss), number, fit)
        for number, fit in enumerate(fits)
        if fit is not None and not fit.failed
    )
    laws = {Expression.from_tree(constant[1]): constant[0]}
    for _, _, fit in ranked[:_SIMPLIFIED]:
        simple = fit.expression.simplify()
        laws.setdefault(simple, bits(simple, fit.loss))
    best = sorted(laws.items(), key=lambda law: law[1])[:_MOST_LAWS]
    return [(length, law.to_tree()) for law, length in best]


@cache
def _sums_of_curves() -> list[Tree]:
    """Give usual curves and rational ones, with few powers beside them."""
    x = variable(0)
    line: Tree = ("mul", CONSTANT, x)
    power: Tree = ("mul", CONSTANT, ("pow", x, CONSTANT))
    parabola: Tree = ("add", line, ("mul", CONSTANT, ("sq", x)))
    rational: Tree = ("div", power, ("add", "1", power))
    decay: Tree = ("mul", CONSTANT, ("exp", ("mul", CONSTANT, ("abs", x))))
    angle: Tree = ("add", ("log", ("add", x, CONSTANT)), CONSTANT)
    wave: Tree = ("mul", CONSTANT, ("sin", ("mul", CONSTANT, angle)))
    rare = [rational, decay, ("mul", x, decay), wave]
    curves = [*curves_of(x), *(("add", tree, CONSTANT) for tree in rare)]
    return [("add", a, b) for a, b in product(curves, [line, parabola, power])]


def _exponential_of_a_quotient(x: Array, values: Array) -> Expression | None:
    """Give c*exp(a/(x + b)) as least squares of its logarithm times x + b have it.

    The fit from drawn starts does not find a pole that is far from the rows.
    """
    if not (np.all(values > 0) or np.all(values < 0)):
        return None
    target = np.log(np.abs(values))
    design = np.column_stack([np.ones_like(x), x, -target])
    ends, line, pole = solve(design, x * target)
    number, factor = float(ends - line * pole), float(np.sign(values[0]) * np.exp(line))
    if not np.isfinite([number, pole, factor]).all() or number * factor == 0:
        return None
    inner: Tree = ("div", number, ("add", variable(0), float(pole)))
    return Expression.from_tree(("mul", factor, ("exp", inner)))
