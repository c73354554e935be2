"""The constants of skeletons, fitted to one set of points."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from typing import Literal

import numpy as np
import numpy.typing as npt

from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.fitting import affine
from sklearn_chatsr.fitting.compilation import load_kernels, load_starts
from sklearn_chatsr.fitting.constant_fit import ConstantFit
from sklearn_chatsr.fitting.covariance import invert_normal
from sklearn_chatsr.fitting.data import prepare
from sklearn_chatsr.fitting.descent import fit_by_descent
from sklearn_chatsr.fitting.program import Program, encode

FloatArray = npt.NDArray[np.float64]
Optimizer = Literal["lm", "bfgs", "adam"]

# Skeletons per compiled call: a few milliseconds, so that Ctrl-C and threads get turns.
_CHUNK = 16


class ConstantFitter:
    """Fit the constants of skeletons to one set of points by least squares.

    Constants in which the formula is linear are solved for (variable projection), the
    others follow Levenberg-Marquardt from several starts that suit the sizes of the
    data. A formula that is NaN or infinite on any row with a positive weight fails.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Columns by position, finite.
    y : array-like of shape (n_samples,)
        Target, finite.
    sample_weight : array-like of shape (n_samples,), optional
        Weights, not negative; rows of weight 0 are left out.
    optimizer : {"lm", "bfgs", "adam"}, default="lm"
        "bfgs" is the method of the ChatSR and LLM-SR publications: SciPy's BFGS on the
        mean squared error of all constants. "adam" is the other one of LLM-SR: 10,000
        steps at a rate of 1e-4, slow and seldom at the minimum.
    n_starts : int, default=8
        Starts that are followed at most.
    max_iter : int, default=50
        Steps per start at most.
    fvu_stop : float, default=1e-13
        Fraction of variance unexplained at which the law counts as found: it is
        polished to the end of float64 and no further start is tried.
    seed : int, default=0
        Seed of the starts. The starts of a skeleton depend on this and on the skeleton
        only, never on order or threads.
    deadline : float, default=inf
        Moment on the clock of `time.monotonic`, in seconds, at which "bfgs" and "adam"
        end with the best values so far. "lm" takes few steps and goes to its end.

    References
    ----------
    G. H. Golub, V. Pereyra, "The differentiation of pseudo-inverses and nonlinear least
    squares problems whose variables separate", SIAM J. Numer. Anal. 10, 1973.
    K. Madsen, H. B. Nielsen, O. Tingleff, "Methods for non-linear least squares
    problems", Technical University of Denmark, 2004.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_chatsr.expressions import Expression
    >>> from sklearn_chatsr.fitting import ConstantFitter
    >>> X = np.linspace(0.0, 5.0, 50).reshape(-1, 1)
    >>> fitter = ConstantFitter(X, 3.0 * np.exp(-0.5 * X[:, 0]))
    >>> fit = fitter.fit(Expression(["mul", "C", "exp", "mul", "C", "x1"]))
    >>> [round(c, 6) for c in fit.constants]
    [3.0, -0.5]
    """

    def __init__(
        self,
        X: npt.ArrayLike,
        y: npt.ArrayLike,
        sample_weight: npt.ArrayLike | None = None,
        *,
        optimizer: Optimizer = "lm",
        n_starts: int = 8,
        max_iter: int = 50,
        fvu_stop: float = 1e-13,
        seed: int = 0,
        deadline: float = math.inf,
    ) -> None:
        if optimizer not in ("lm", "bfgs", "adam"):
            raise ValueError(
                f"`optimizer` == {optimizer!r}, must be 'lm', 'bfgs' or 'adam'."
            )
        if n_starts < 1:
            raise ValueError(f"`n_starts` == {n_starts}, must be >= 1.")
        if max_iter < 1:
            raise ValueError(f"`max_iter` == {max_iter}, must be >= 1.")
        self.data = prepare(X, y, sample_weight)
        self.optimizer = optimizer
        self.n_starts = n_starts
        self.max_iter = max_iter
        self.fvu_stop = fvu_stop
        self.seed = seed
        self.deadline = deadline

    @property
    def n_samples(self) -> float:
        """Number of rows with a positive weight; whole weights are repetitions."""
        return self.data.n_observations

    @property
    def loss_floor(self) -> float:
        """Mean squared error that rounding in y alone can leave."""
        return self.data.floor * self.data.scale**2

    def fit(
        self,
        skeleton: Expression,
        *,
        start: Sequence[float] | None = None,
        scale: bool = False,
    ) -> ConstantFit:
        """Fit the constants of one skeleton.

        Parameters
        ----------
        skeleton : Expression
            Constants that it already has are ignored.
        start : sequence of float of length n_constants, optional
            The one start to follow, in place of drawn ones.
        scale : bool, default=False
            Fit ``a*f(x) + b`` around the skeleton. ``a`` and ``b`` appear in the result
            only where they matter.

        Returns
        -------
        ConstantFit
            With loss inf when no start gave finite values.
        """
        if start is not None and len(start) != skeleton.n_constants:
            raise ValueError(
                f"`start` has {len(start)} value(s) for {skeleton.n_constants} "
                "constant(s)."
            )
        wrapped = affine.wrap(skeleton) if scale else skeleton
        given = None if start is None else [affine.wrap_start(skeleton, wrapped, start)]
        found = self._run([wrapped], given, np.zeros(1, np.int64), math.inf)[0]
        if found is None:
            raise RuntimeError("The fit was cancelled.")
        return affine.unwrap(found, skeleton, self) if scale else found

    def fit_many(
        self,
        skeletons: Iterable[Expression],
        *,
        n_jobs: int | None = None,
        deadline: float | None = None,
        scale: bool = False,
        keep_fvu: float | None = None,
        starts: Sequence[Sequence[float]] | None = None,
    ) -> list[ConstantFit | None]:
        """Fit many skeletons, in parallel threads.

        Parameters
        ----------
        skeletons : iterable of Expression
            Formulas whose constants are fitted, each for itself.
        n_jobs : int, optional
            Threads; -1 for one per processor. The results do not depend on it.
        deadline : float, optional
            Moment on the clock of `time.monotonic`, in seconds, at which to stop.
        scale : bool, default=False
            As in `fit`.
        keep_fvu : float, optional
            Fits with a larger fraction of variance unexplained are given up early and
            returned as None.
        starts : sequence of sequence of float, optional
            The one start of each skeleton, in place of drawn ones. Of a start the
            constants that are solved for do not matter.

        Returns
        -------
        list of ConstantFit or None
            In the order of the skeletons; None where the deadline came first, or the
            fit was not worth keeping.
        """
        skeletons = list(skeletons)
        wrapped = [affine.wrap(s) if scale else s for s in skeletons]
        given = None
        if starts is not None:
            given = [
                affine.wrap_start(skeleton, frame, start)
                for skeleton, frame, start in zip(
                    skeletons, wrapped, starts, strict=True
                )
            ]
        to_beat = math.inf if keep_fvu is None else keep_fvu
        cancel = np.zeros(1, np.int64)
        results: list[ConstantFit | None] = [None] * len(skeletons)

        def run(low: int) -> None:
            if deadline is not None and time.monotonic() >= deadline:
                cancel[0] = 1
            if cancel[0]:
                return
            chunk = slice(low, low + _CHUNK)
            own = None if given is None else given[chunk]
            found = self._run(wrapped[chunk], own, cancel, to_beat, fresh=True)
            for k, fit in enumerate(found, start=low):
                if fit is None or not (keep_fvu is None or fit.fvu <= keep_fvu):
                    continue
                if scale and not cancel[0]:
                    fit = affine.unwrap(fit, skeletons[k], self)
                results[k] = fit

        lows = range(0, len(skeletons), _CHUNK)
        timer = None
        if deadline is not None:
            # The kernels look at `cancel` between steps and let go of the GIL.
            wait = max(deadline - time.monotonic(), 0.0)
            wait = min(wait, threading.TIMEOUT_MAX)
            timer = threading.Timer(wait, cancel.__setitem__, (0, 1))
            timer.daemon = True
            timer.start()
        try:
            n_threads = min(_effective_n_jobs(n_jobs), max(len(lows), 1))
            if n_threads == 1:
                for low in lows:
                    run(low)
            else:
                load_kernels()
                with ThreadPoolExecutor(n_threads) as pool:
                    try:
                        list(pool.map(run, lows))
                    except BaseException:
                        cancel[0] = 1
                        raise
        finally:
            if timer is not None:
                timer.cancel()
        return results

    def normal_matrix(self, expression: Expression) -> FloatArray | None:
        """Compute the products of weighted residual and Jacobian columns.

        Returns
        -------
        ndarray of shape (1 + n_constants, 1 + n_constants) or None
            Row 0 is the residual, in units of ``data.scale``; None when not finite.
        """
        if expression.constants is None:
            raise ValueError(f"The constants have no values yet: {expression}.")
        program = Program(expression)
        n = program.n_constants
        G = np.empty((n + 1, n + 1))
        data = self.data
        self._check_columns(expression)
        kernels = load_kernels()
        ok = kernels.equations(
            kernels.ADDRESSES, program.codes, program.payload,
            np.array(expression.constants), data.X, data.y, data.root_weight, G,
        )  # fmt: skip
        return G if ok else None

    def draw_starts(self, skeleton: Expression) -> FloatArray:
        """Draw the starts of a skeleton, best first.

        Returns
        -------
        ndarray of shape (n_drawn, n_constants)
            At most ``n_starts``; constants that are solved for are 1.
        """
        self._check_columns(skeleton)
        program = Program(skeleton)
        starts = np.ones((self.n_starts, program.n_constants))
        kernels = load_starts()
        n_drawn = kernels.draw_starts(
            kernels.ADDRESSES, program.codes, program.payload, *self.data.sample,
            self.n_starts, np.uint64(self.seed % 2**64), starts,
            np.zeros(program.n_constants, np.bool_),
        )  # fmt: skip
        return starts[:n_drawn]

    def standard_errors(self, expression: Expression) -> FloatArray:
        """Estimate the standard errors of fitted constants.

        From the Gauss-Newton covariance with the residual variance on n - p degrees of
        freedom. Only ratios of weights matter.

        Parameters
        ----------
        expression : Expression
            A formula with fitted constants.

        Returns
        -------
        ndarray of shape (n_constants,)
            NaN for a constant that the data do not determine.
        """
        if expression.constants is None:
            raise ValueError("Standard errors need fitted constants, got a skeleton.")
        n = expression.n_constants
        G = self.normal_matrix(expression)
        dof = self.n_samples - n
        if G is None or dof < 1 or n == 0:
            return np.full(n, np.nan)
        inverse = invert_normal(G[1:, 1:])
        return np.sqrt(G[0, 0] / dof * np.diag(inverse))

    def evaluate(self, expression: Expression) -> ConstantFit:
        """Score a formula whose constants are given, without fitting."""
        G = self.normal_matrix(expression)
        loss = math.inf if G is None else float(G[0, 0])
        return ConstantFit.of_share(
            self.data, expression, expression.constants or (), loss, 1, True
        )

    def _check_columns(self, expression: Expression) -> None:
        used = expression.variables
        if used and used[-1] >= self.data.X.shape[0]:
            raise ValueError(
                f"X has {self.data.X.shape[0]} column(s), but the expression uses "
                f"x{used[-1] + 1}."
            )

    def _run(
        self,
        skeletons: Sequence[Expression],
        starts: Sequence[Sequence[float]] | None,
        cancel: npt.NDArray[np.int64],
        to_beat: float,
        fresh: bool = False,
    ) -> list[ConstantFit | None]:
        """Fit one chunk; None where it was cancelled."""
        for skeleton in skeletons:
            self._check_columns(skeleton)
        data = self.data
        to_beat = to_beat * data.variance / data.scale**2
        stop = max(self.fvu_stop, data.floor)
        if self.optimizer != "lm":
            return [
                fit_by_descent(self, s, start, cancel, stop)
                for s, start in zip(skeletons, starts or repeat(None), strict=False)
            ]
        codes, payload = encode([t for s in skeletons for t in s.tokens])
        n_constants = [s.n_constants for s in skeletons]
        offsets = np.cumsum([0, *(s.size for s in skeletons)], dtype=np.int64)
        first = np.cumsum([0, *n_constants], dtype=np.int64)
        constants = np.full(first[-1], np.nan)
        if starts is not None:
            constants[:] = np.concatenate([np.asarray(s, float) for s in starts])
        report = np.empty((len(skeletons), 4))
        kernels = load_kernels()
        kernels.fit_batch(
            kernels.ADDRESSES, codes, payload, offsets, data.X, data.y,
            data.root_weight, *data.sample, self.n_starts, self.max_iter, stop, to_beat,
            np.uint64(self.seed % 2**64), fresh, cancel, constants, first, report,
        )  # fmt: skip
        results: list[ConstantFit | None] = []
        for k, skeleton in enumerate(skeletons):
            loss, evaluations, converged, cancelled = report[k].tolist()
            values = constants[first[k] : first[k + 1]].tolist()
            results.append(
                None
                if cancelled
                else ConstantFit.of_share(
                    data, skeleton, values, loss, evaluations, converged
                )
            )
        return results


def _effective_n_jobs(n_jobs: int | None) -> int:
    import joblib

    return 1 if n_jobs is None else int(joblib.effective_n_jobs(n_jobs))
