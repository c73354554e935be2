"""Say in words where a formula fails."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

_PARTS = 4
_NOTABLE_CORRELATION = 0.3
_NOTABLE_SHARE = 0.45
_LINES = 4


def describe_residual(
    X: FloatArray, residual: FloatArray, names: Sequence[str]
) -> list[str]:
    """Tell what the residual still depends on.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The inputs.
    residual : ndarray of shape (n_samples,)
        Target minus prediction.
    names : sequence of str
        Names of the inputs.

    Returns
    -------
    list of str
        At most four sentences, the strongest first: rank correlations with inputs, and
        the quarter of an input's range that holds most of the squared error.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.linspace(0, 1, 80)
    >>> describe_residual(x[:, np.newaxis], x**3, ["t"])[0]
    'The error is correlated with t (+1.00).'
    """
    found: list[tuple[float, str]] = []
    squares = np.square(residual)
    total = float(squares.sum())
    if not np.isfinite(total) or total == 0.0:
        return []
    ranks = _ranks(residual)
    for j, name in enumerate(names):
        column = X[:, j]
        if np.ptp(column) == 0:
            continue
        r = _correlation(_ranks(column), ranks)
        if abs(r) >= _NOTABLE_CORRELATION:
            found.append((abs(r), f"The error is correlated with {name} ({r:+.2f})."))
        bent = _correlation(_ranks(np.abs(column - np.median(column))), ranks)
        if abs(bent) >= _NOTABLE_CORRELATION:
            side = "at both ends" if bent > 0 else "in the middle"
            text = f"The error is more positive {side} of the range of {name}"
            found.append((abs(bent), f"{text} ({bent:+.2f})."))
        edges = np.quantile(column, np.linspace(0, 1, _PARTS + 1))
        part = np.clip(np.searchsorted(edges, column, side="right") - 1, 0, _PARTS - 1)
        shares = np.bincount(part, weights=squares, minlength=_PARTS) / total
        k = int(shares.argmax())
        if shares[k] >= _NOTABLE_SHARE:
            text = (
                f"{shares[k]:.0%} of the squared error lies where {name} is between "
                f"{edges[k]:.3g} and {edges[k + 1]:.3g}."
            )
            found.append((float(shares[k]), text))
    found.sort(key=lambda row: -row[0])
    return [text for _, text in found[:_LINES]]


def _ranks(values: FloatArray) -> FloatArray:
    from scipy.stats import rankdata

    return np.asarray(rankdata(values), dtype=np.float64)


def _correlation(a: FloatArray, b: FloatArray) -> float:
    a, b = a - a.mean(), b - b.mean()
    size = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / size if size > 0 else 0.0
