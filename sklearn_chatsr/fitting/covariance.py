"""The Gauss-Newton covariance of fitted constants, up to the residual variance."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


def invert_normal(G: FloatArray) -> FloatArray:
    """Invert a Gram matrix; NaN rows for what it does not determine."""
    n = len(G)
    inverse = np.full((n, n), np.nan)
    diagonal = np.diag(G)
    known = np.flatnonzero(np.isfinite(diagonal) & (diagonal > 0))
    if len(known) == 0:
        return inverse
    with np.errstate(all="ignore"):
        unit = 1.0 / np.sqrt(diagonal[known])
        scaled = G[np.ix_(known, known)] * np.outer(unit, unit)
    # Products of tiny and huge sensitivities are lost in float64.
    sound = np.isfinite(scaled).all(axis=1)
    if not sound.all():
        known, unit = known[sound], unit[sound]
        scaled = scaled[np.ix_(sound, sound)]
        if len(known) == 0 or not np.isfinite(scaled).all():
            return inverse
    values, vectors = np.linalg.eigh(scaled)
    good = values > 1e-13 * values[-1]
    part = (vectors[:, good] / values[good]) @ vectors[:, good].T
    part *= np.outer(unit, unit)
    lost = (np.abs(vectors[:, ~good]) > 1e-3).any(axis=1)
    part[lost, :] = np.nan
    part[:, lost] = np.nan
    inverse[np.ix_(known, known)] = part
    return inverse
