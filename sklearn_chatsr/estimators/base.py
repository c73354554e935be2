"""What every symbolic regressor here shares: the fitted formula and its exports."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from numbers import Integral
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils._param_validation import InvalidParameterError
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_chatsr.estimators.digits import digits_needed
from sklearn_chatsr.estimators.rows import merge_rows, price
from sklearn_chatsr.estimators.validation import (
    check_sizes,
    checked_weight,
    unchanged_when_refused,
)
from sklearn_chatsr.expressions import Expression, variable
from sklearn_chatsr.expressions.printing import python_names
from sklearn_chatsr.fitting import ConstantFitter, Optimizer, count_observations
from sklearn_chatsr.selection import Archive, Candidate

if TYPE_CHECKING:
    import pandas as pd
    import sympy


class BaseSymbolicRegressor(RegressorMixin, BaseEstimator):
    """Base of regressors whose fitted state is a formula.

    Subclasses set ``expression_``, ``candidates_``, ``pareto_front_`` and
    ``standard_errors_`` in ``fit``; everything else follows from those.
    """

    constant_optimizer: Optimizer
    expression_: Expression
    candidates_: list[Candidate]
    pareto_front_: list[Candidate]
    standard_errors_: npt.NDArray[np.float64]
    digits_: int
    n_features_in_: int
    selected_features_: npt.NDArray[np.intp]
    interrupted_: bool

    def __sklearn_is_fitted__(self) -> bool:
        # A fit that was refused has seen the columns, and gives no formula.
        return hasattr(self, "expression_")

    def predict(self, X: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Evaluate the formula.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Finite values, in the column order of `fit`.

        Returns
        -------
        y : ndarray of shape (n_samples,), dtype float64
            NaN where the formula has no real value, infinite at a pole; a warning says
            on how many rows.
        """
        y = self._evaluate(X)
        problem = self._where_undefined(y)
        if problem:
            warnings.warn(
                f"`predict` gives NaN or infinity on some rows. {problem}",
                UserWarning,
                stacklevel=2,
            )
        return y

    def score(
        self,
        X: npt.ArrayLike,
        y: npt.ArrayLike,
        sample_weight: npt.ArrayLike | None = None,
    ) -> float:
        """Give the coefficient of determination R2 of the prediction.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Finite values, in the column order of `fit`.
        y : array-like of shape (n_samples,)
            True values.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the rows.

        Returns
        -------
        float
            At most 1.

        Raises
        ------
        ValueError
            If the formula has no finite value on some of the rows.
        """
        predicted = self._evaluate(X)
        problem = self._where_undefined(predicted)
        if problem:
            raise ValueError(f"There is no R2 on these rows. {problem}")
        return float(r2_score(y, predicted, sample_weight=sample_weight))

    def _evaluate(self, X: npt.ArrayLike) -> npt.NDArray[np.float64]:
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        return self.expression_.evaluate(X)

    def _where_undefined(self, predicted: npt.NDArray[np.float64]) -> str:
        """Say on which rows the formula has no value and what to do, if on any."""
        rows = np.flatnonzero(~np.isfinite(predicted))
        if not len(rows):
            return ""
        return (
            f"The formula {self.formula_} has no finite value on {len(rows)} of "
            f"{len(predicted)} rows, the first at position {rows[0]}: they are outside "
            "its domain (roots and logarithms of negative numbers, division by zero) "
            "or too large. Leave these rows out, fit on rows like them, or `refit` "
            "another formula of `equations_`."
        )

    @property
    def labels_(self) -> list[str]:
        """Names of the columns as the formula prints them, list of str."""
        check_is_fitted(self, "n_features_in_")
        names = getattr(self, "feature_names_in_", None)
        if names is not None:
            return [str(name) for name in names]
        return [variable(j) for j in range(self.n_features_in_)]

    @property
    def formula_(self) -> str:
        """The formula as text with column names.

        With six digits per constant, and more where these would change what it predicts
        for the rows of `fit`.
        """
        check_is_fitted(self)
        return self.expression_.to_infix(self.labels_, self.digits_)

    @property
    def constants_(self) -> npt.NDArray[np.float64]:
        """Fitted constants in prefix order, ndarray of shape (n_constants,)."""
        check_is_fitted(self)
        return np.array(self.expression_.constants or (), dtype=np.float64)

    @property
    def equations_(self) -> pd.DataFrame:
        """The Pareto front as a table, shortest formula first.

        Columns: ``complexity`` (nodes), ``r2``, ``loss`` (mean squared residual),
        ``bits`` (description length), ``equation`` (text), ``source``, ``seconds``,
        ``chosen``.
        """
        check_is_fitted(self)
        return self._table(self.pareto_front_)

    def candidates_table(self) -> pd.DataFrame:
        """Give everything that was kept as a table, with the columns of `equations_`.

        Returns
        -------
        pandas.DataFrame
            By ascending complexity, several forms per size.
        """
        check_is_fitted(self)
        return self._table(self.candidates_)

    def _table(self, candidates: Sequence[Candidate]) -> pd.DataFrame:
        import pandas as pd

        labels = self.labels_
        return pd.DataFrame(
            [
                {
                    "complexity": c.complexity,
                    "r2": c.r2,
                    "loss": c.loss,
                    "bits": c.bits,
                    "equation": c.expression.to_infix(labels, c.digits),
                    "source": c.source,
                    "seconds": c.seconds,
                    "chosen": c.expression == self.expression_,
                }
                for c in candidates
            ]
        )

    def to_sympy(self) -> sympy.Expr:
        """Give the formula as a SymPy expression over the column names.

        Returns
        -------
        sympy.Expr
            With real symbols.
        """
        check_is_fitted(self)
        return self.expression_.to_sympy(self.labels_)

    def to_latex(self, digits: int | Literal["auto"] | None = "auto") -> str:
        """Give the formula as LaTeX mathematics.

        Parameters
        ----------
        digits : int, "auto" or None, default="auto"
            Significant digits of the constants: ``"auto"`` takes as many as `formula_`,
            None prints them exactly.

        Returns
        -------
        str
            Without dollar signs.

        Raises
        ------
        ValueError
            If `digits` is something else, or less than 1.
        """
        check_is_fitted(self)
        if digits == "auto":
            digits = self.digits_
        elif digits is not None and (
            isinstance(digits, bool) or not isinstance(digits, Integral) or digits < 1
        ):
            raise ValueError(
                f"`digits` == {digits!r}, must be a whole number >= 1, 'auto', or None "
                "for all."
            )
        return self.expression_.to_latex(self.labels_, digits)

    def to_python(self) -> str:
        """Give the source of a NumPy function that computes the formula.

        Returns
        -------
        str
            A module with one function ``formula`` of the columns that occur, which
            computes in float64 whatever they hold. Columns whose names are no
            identifiers, or the same one to Python, are called ``x1``, ``x2``, ..., or
            ``x1_`` where another column has that name.
        """
        check_is_fitted(self)
        used = self.expression_.variables
        labels = self.labels_
        names = python_names(labels)
        lines = []
        for j in used:
            if names[j] != labels[j]:
                lines.append(f"# {names[j]}: column {labels[j]!r}")
            # Whole numbers of NumPy wrap around, and have no negative powers.
            lines.append(f"{names[j]} = np.asarray({names[j]}, dtype=np.float64)")
        lines.append(f"return {self.expression_.to_python(labels)}")
        return (
            "import numpy as np\n\n\n"
            f"def formula({', '.join(names[j] for j in used)}):\n"
            + "".join(f"    {line}\n" for line in lines)
        )

    def confidence_intervals(self, level: float = 0.95) -> pd.DataFrame:
        """Give the fitted constants with their standard errors and intervals.

        Whole numbers and fractions of the formula, such as a constant that was spelled
        as 2 or 1/3, have no row: the errors of the others take them for exactly right.
        `refit` the formula with ``C`` in their place to learn how well they are known.

        Parameters
        ----------
        level : float, default=0.95
            Coverage of the intervals, between 0 and 1.

        Returns
        -------
        pandas.DataFrame
            Columns ``constant``, ``standard_error``, ``low``, ``high``, one row per
            fitted constant in prefix order. By Student's distribution, from the
            Gauss-Newton covariance at the optimum, which takes the form of the formula
            as given. NaN where the data do not determine a constant.
        """
        import pandas as pd
        from scipy.stats import t

        check_is_fitted(self)
        if not 0 < level < 1:
            raise ValueError(f"`level` == {level}, must be between 0 and 1.")
        # One degree of freedom at least, where the errors are NaN.
        free = max(self._n_observations - len(self.constants_), 1.0)
        margin = t.ppf(0.5 + level / 2, free) * self.standard_errors_
        return pd.DataFrame(
            {
                "constant": self.constants_,
                "standard_error": self.standard_errors_,
                "low": self.constants_ - margin,
                "high": self.constants_ + margin,
            }
        )

    @unchanged_when_refused
    def refit(
        self,
        expression: Expression | str,
        X: npt.ArrayLike,
        y: npt.ArrayLike,
        sample_weight: npt.ArrayLike | None = None,
    ) -> Self:
        """Fit the constants of a given formula and make it the answer.

        Parameters
        ----------
        expression : Expression or str
            Text may use the column names; numbers with a point (``2.0``) and ``C`` are
            constants to fit, whole numbers stay as they are.
        X : array-like of shape (n_samples, n_features)
            Finite values.
        y : array-like of shape (n_samples,)
            Finite target values.
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative weights.

        Returns
        -------
        self
            Fitted with this formula as the only candidate; when it is refused, as
            before.

        Raises
        ------
        TypeError
            If the formula is neither text nor an expression.
        ValueError
            If the text is not a formula of these columns, or it has no finite value on
            the data.
        """
        if not isinstance(expression, Expression | str):
            raise TypeError(
                "`expression` must be text such as 'C*x1 + C', or an Expression, got "
                f"{type(expression).__name__}."
            )
        X, y, weight = self._validated(X, y, sample_weight)
        if isinstance(expression, str):
            names = getattr(self, "feature_names_in_", None)
            expression = Expression.from_infix(expression, names)
        used = expression.variables
        if used and used[-1] >= X.shape[1]:
            raise ValueError(
                f"The formula uses {variable(used[-1])}, but X has {X.shape[1]} "
                "column(s)."
            )
        self._set_formula(expression, *merge_rows(X, y, weight))
        self._forget_search()
        return self

    def _forget_search(self) -> None:
        """Say what the attributes of a search say when there was none."""
        self.selected_features_ = np.arange(self.n_features_in_)
        self.interrupted_ = False

    def _set_formula(
        self,
        expression: Expression,
        X: npt.NDArray[np.float64],
        y: npt.NDArray[np.float64],
        weight: npt.NDArray[np.float64] | None,
    ) -> None:
        fitter = ConstantFitter(X, y, weight, optimizer=self.constant_optimizer)
        fit = fitter.fit(expression, start=expression.constants)
        if fit.failed:
            raise ValueError(
                f"The formula {expression} has no finite value on every row of X: "
                "check its domain (roots and logarithms of negative numbers, "
                "division by zero)."
            )
        archive = Archive(price(X, y, weight))
        chosen = archive.candidate(fit.expression, fit.loss, "refit", 0.0)
        self.expression_ = fit.expression
        self.candidates_ = [chosen]
        self.pareto_front_ = [chosen]
        self.standard_errors_ = fitter.standard_errors(fit.expression)
        self._n_observations = count_observations(len(y), weight)
        self._count_digits(X, y, weight)

    def _count_digits(
        self,
        X: npt.NDArray[np.float64],
        y: npt.NDArray[np.float64],
        weight: npt.NDArray[np.float64] | None,
    ) -> None:
        """Find out how many digits every formula needs in print."""
        kept = [*self.candidates_, *self.pareto_front_]
        digits = {
            e: digits_needed(e, X, y, weight)
            for e in dict.fromkeys(c.expression for c in kept)
        }
        self.candidates_, self.pareto_front_ = (
            [replace(c, digits=digits[c.expression]) for c in some]
            for some in (self.candidates_, self.pareto_front_)
        )
        self.digits_ = digits[self.expression_]

    def _validated(
        self, X: Any, y: Any, sample_weight: Any
    ) -> tuple[
        npt.NDArray[np.float64],
        npt.NDArray[np.float64],
        npt.NDArray[np.float64] | None,
    ]:
        """Check X, y and weights as scikit-learn does."""
        X, y = validate_data(
            self, X, y, dtype=np.float64, y_numeric=True, ensure_min_samples=2
        )
        y = np.asarray(y, dtype=np.float64)
        check_sizes(X, y)
        return X, y, checked_weight(sample_weight, X)

    def _validate_params(self) -> None:
        super()._validate_params()
        for name, allowed in self._parameter_constraints.items():
            # To Python, True is the whole number 1.
            is_flag = not isinstance(allowed, str) and {"boolean", "verbose"} & {
                a for a in allowed if isinstance(a, str)
            }
            value = getattr(self, name)
            if isinstance(value, bool) and allowed != "no_validation" and not is_flag:
                raise InvalidParameterError(
                    f"The {name!r} parameter of {type(self).__name__} must not be a "
                    f"truth value. Got {value} instead."
                )
