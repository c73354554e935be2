"""Fit the parameters of a program: some are shared, and thresholds have no slope."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sklearn_chatsr.expressions import CONSTANT, Expression
from sklearn_chatsr.fitting import (
    ConstantFit,
    ConstantFitter,
    fit_tied,
    shared_constants,
)

FloatArray = npt.NDArray[np.float64]

# How `functions.step` begins and ends.
_STEP, _STEEP = ("min", "max", "0", "mul", "sub"), ("pow", "10", "300", "1")
_SHARES = np.linspace(0.1, 0.9, 9)
# Rounds that look between the neighbours of the best quantile; each halves the gap.
_FINER_ROUNDS = 6


@dataclass(frozen=True)
class Threshold:
    """A constant that another expression is compared with.

    Attributes
    ----------
    place : int
        Which constant, in prefix order.
    compared : Expression
        What it is compared with; free of constants.
    """

    place: int
    compared: Expression


def find_thresholds(skeleton: Expression) -> list[Threshold]:
    """Find the constants that conditions compare something with.

    Examples
    --------
    >>> from sklearn_chatsr.proposers.programs import translate
    >>> body = "return np.where(x > params[0], params[1] * x, 0)"
    >>> program = translate(body, inputs=["x"], n_parameters=2)
    >>> find_thresholds(program.expression)
    [Threshold(place=1, compared=Expression('x1'))]
    """
    tokens = skeleton.tokens
    ends = dict(skeleton.subtrees())
    found = []
    for i in range(len(tokens)):
        left = i + len(_STEP)
        if tokens[i:left] != _STEP:
            continue
        right = ends[left]
        end = ends[right]
        if tokens[end : end + len(_STEEP)] != _STEEP:
            continue
        for place, other in ((left, slice(right, end)), (right, slice(left, right))):
            if tokens[place] == CONSTANT and CONSTANT not in tokens[other]:
                number = tokens[:place].count(CONSTANT)
                found.append(Threshold(number, Expression(tokens[other])))
                break
    return found


def fit_program(
    fitter: ConstantFitter, skeleton: Expression, ties: Sequence[int] | None = None
) -> ConstantFit:
    """Fit the parameters of a program from starts of their own.

    Parameters
    ----------
    fitter : ConstantFitter
        Holds the points.
    skeleton : Expression
        The formula of the program.
    ties : sequence of int, optional
        The parameter of each constant, where one has several.

    Returns
    -------
    ConstantFit
        Thresholds start from quantiles of what they are compared with, and are looked
        for between the neighbours of the best one; they never move along a slope.
    """
    drawn = _fit(fitter, skeleton, ties, None)
    thresholds = find_thresholds(skeleton)
    if not thresholds:
        return drawn
    parameters = tuple(range(skeleton.n_constants)) if ties is None else ties
    levels = {parameters[t.place]: _quantiles(fitter, t.compared) for t in thresholds}
    best, place = drawn, dict.fromkeys(levels, 4)
    rng = np.random.default_rng([fitter.seed, skeleton.size])
    starts = fitter.draw_starts(skeleton)
    orders = {k: rng.permutation(len(_SHARES)) for k in levels}
    for start in starts[:2]:
        for turn in range(len(_SHARES)):
            at = {k: int(order[turn]) for k, order in orders.items()}
            chosen = {k: levels[k][j] for k, j in at.items()}
            fit = _fit(fitter, skeleton, ties, _moved(start, parameters, chosen))
            if fit.loss < best.loss:
                best, place = fit, at
    if best.failed:
        return best
    # With the thresholds in place, the other starts may lead to another minimum.
    chosen = {k: best.constants[parameters.index(k)] for k in levels}
    for start in starts[2:]:
        fit = _fit(fitter, skeleton, ties, _moved(start, parameters, chosen))
        if fit.loss < best.loss:
            best = fit
    gaps = {k: _gap(values, place[k]) for k, values in levels.items()}
    for round_ in range(1, _FINER_ROUNDS + 1):
        for k, gap in gaps.items():
            centre = best.constants[parameters.index(k)]
            for side in (-1.0, 1.0):
                chosen = {k: centre + side * gap * 0.5**round_}
                start = np.array(best.constants)
                fit = _fit(fitter, skeleton, ties, _moved(start, parameters, chosen))
                if fit.loss < best.loss:
                    best = fit
    return best


def refit(fitter: ConstantFitter, expression: Expression) -> ConstantFit:
    """Fit again from the present values; constants of equal size stay so."""
    constants = expression.constants or ()
    ties = shared_constants(constants)
    skeleton = expression.skeleton()
    if ties is None:
        return fitter.fit(skeleton, start=constants)
    return fit_tied(fitter, skeleton, ties, [constants], np.sign(constants).tolist())


def _fit(
    fitter: ConstantFitter,
    skeleton: Expression,
    ties: Sequence[int] | None,
    start: FloatArray | None,
) -> ConstantFit:
    if ties is not None:
        given = None if start is None else [start.tolist()]
        return fit_tied(fitter, skeleton, ties, given)
    if start is None:
        return fitter.fit(skeleton)
    return fitter.fit(skeleton, start=start.tolist())


def _moved(
    start: FloatArray, parameters: Sequence[int], chosen: dict[int, float]
) -> FloatArray:
    values = np.array([chosen.get(k, np.nan) for k in parameters])
    return np.where(np.isnan(values), start, values)


def _quantiles(fitter: ConstantFitter, compared: Expression) -> FloatArray:
    values = compared.evaluate(fitter.data.X.T)
    values = np.sort(values[np.isfinite(values)])
    if not len(values):
        return np.zeros(len(_SHARES))
    return np.quantile(values, _SHARES)


def _gap(values: FloatArray, at: int) -> float:
    near = values[max(at - 1, 0) : at + 2]
    return float(np.ptp(near)) / max(len(near) - 1, 1)
