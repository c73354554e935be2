"""An expression as the arrays that compiled code reads."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.expressions.vocabulary import (
    CONSTANT,
    CONSTANT_OPCODE,
    INTEGER_OPCODE,
    OPERATORS,
    VARIABLE_OPCODE,
    is_variable,
    variable_index,
)
from sklearn_chatsr.fitting.compilation import load_kernels, load_starts

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


class _Codes(dict[str, tuple[int, float]]):
    """Opcode and payload of each token; unknown keys are encoded on first sight."""

    def __missing__(self, token: str) -> tuple[int, float]:
        if is_variable(token):
            pair = VARIABLE_OPCODE, float(variable_index(token))
        else:
            pair = INTEGER_OPCODE, float(int(token))
        self[token] = pair
        return pair


_CODES = _Codes({CONSTANT: (CONSTANT_OPCODE, 0.0)})
for _row in OPERATORS.values():
    if _row.arity == 0:
        # A named number is a number to the kernels.
        _CODES[_row.name] = INTEGER_OPCODE, float(_row.numpy())
    else:
        _CODES[_row.name] = _row.opcode, 0.0


def encode(tokens: Sequence[str]) -> tuple[IntArray, FloatArray]:
    """Translate prefix tokens to opcodes and payloads.

    Returns
    -------
    codes : ndarray of shape (n_tokens,), dtype int64
        Opcodes of the vocabulary.
    payload : ndarray of shape (n_tokens,), dtype float64
        Column number of a variable, value of a number, else 0.
    """
    pairs = [_CODES[token] for token in tokens]
    codes = np.array([pair[0] for pair in pairs], dtype=np.int64)
    return codes, np.array([pair[1] for pair in pairs])


class Program:
    """An expression compiled for fast evaluation with derivatives.

    Parameters
    ----------
    expression : Expression
        Its constants, if it has them, become the default ones.

    Attributes
    ----------
    n_constants : int
        Number of constants.
    codes, payload : ndarray of shape (n_tokens,)
        Opcodes (int64) and what leaves carry (float64), in prefix order.

    Examples
    --------
    >>> from sklearn_chatsr.expressions import Expression
    >>> from sklearn_chatsr.fitting import Program
    >>> program = Program(Expression(["mul", "C", "exp", "mul", "C", "x1"]))
    >>> program.linear_constants
    array([ True, False])
    >>> value, jacobian = program.jacobian([[0.0], [1.0]], [2.0, 0.0])
    >>> jacobian
    array([[1., 0.],
           [1., 2.]])
    """

    def __init__(self, expression: Expression) -> None:
        self.expression = expression
        self.n_constants = expression.n_constants
        self.codes, self.payload = encode(expression.tokens)
        used = expression.variables
        self._n_columns = used[-1] + 1 if used else 0

    @property
    def linear_constants(self) -> npt.NDArray[np.bool_]:
        """Which constants the fit solves for instead of searching them."""
        is_linear = np.zeros(self.n_constants, dtype=np.bool_)
        nothing = np.empty((self._n_columns, 0))
        kernels = load_starts()
        kernels.draw_starts(
            kernels.ADDRESSES, self.codes, self.payload, nothing, np.empty(0),
            np.empty(0),
            0, np.uint64(0), np.empty((0, self.n_constants)), is_linear,
        )  # fmt: skip
        return is_linear

    def evaluate(
        self, X: npt.ArrayLike, constants: Sequence[float] | None = None
    ) -> FloatArray:
        """Compute the value on every row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Columns by position.
        constants : sequence of float of length n_constants, optional
            Default: those of the expression.

        Returns
        -------
        ndarray of shape (n_samples,)
            NaN where the expression leaves its real domain.
        """
        return self._run(X, constants, 0)[0]

    def jacobian(
        self, X: npt.ArrayLike, constants: Sequence[float] | None = None
    ) -> tuple[FloatArray, FloatArray]:
        """Compute values and their derivatives with respect to the constants.

        Returns
        -------
        value : ndarray of shape (n_samples,)
        jacobian : ndarray of shape (n_samples, n_constants)
        """
        value, jacobian = self._run(X, constants, self.n_constants)
        return value, jacobian.T

    def _run(
        self, X: npt.ArrayLike, constants: Sequence[float] | None, n_rows: int
    ) -> tuple[FloatArray, FloatArray]:
        columns = np.require(np.asarray(X, dtype=np.float64).T, requirements=["C", "W"])
        if columns.ndim != 2 or columns.shape[0] < self._n_columns:
            raise ValueError(
                f"X of shape {np.shape(X)} does not fit an expression of "
                f"{self._n_columns} column(s); pass a 2D array with at least as many."
            )
        values = self.expression.constants if constants is None else constants
        if values is None or len(values) != self.n_constants:
            raise ValueError(
                f"Need {self.n_constants} constant(s) for {self.expression.tokens}, "
                f"got {values}."
            )
        value = np.empty(columns.shape[1])
        jacobian = np.empty((n_rows, columns.shape[1]))
        kernels = load_kernels()
        kernels.value_and_jacobian(
            kernels.ADDRESSES, self.codes, self.payload,
            np.array(values, dtype=np.float64), columns, value, jacobian,
        )  # fmt: skip
        return value, jacobian
