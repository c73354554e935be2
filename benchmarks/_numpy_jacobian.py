"""Values and Jacobians in NumPy alone, for the peers that bring no own ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sklearn_chatsr.expressions import OPERATORS, Expression, is_variable
from sklearn_chatsr.expressions.vocabulary import variable_index

FloatArray = npt.NDArray[np.float64]


class NumpyProgram:
    """A skeleton as a list of steps over whole columns, derivatives by reverse mode.

    Parameters
    ----------
    skeleton : Expression
        The formula.
    X : ndarray of shape (n_samples, n_features)
        The points.
    """

    def __init__(self, skeleton: Expression, X: FloatArray) -> None:
        self.n_constants = skeleton.n_constants
        tokens = skeleton.tokens
        self._values: list[Any] = [None] * len(tokens)
        self._steps: list[tuple[int, Any, tuple[int, ...]]] = []
        self._slots: list[int] = []
        needs = [False] * len(tokens)
        stack: list[int] = []
        for i in range(len(tokens) - 1, -1, -1):
            token = tokens[i]
            row = OPERATORS.get(token)
            if row is None or row.arity == 0:
                if token == "C":
                    self._slots.append(i)
                    needs[i] = True
                elif is_variable(token):
                    self._values[i] = np.ascontiguousarray(X[:, variable_index(token)])
                else:
                    self._values[i] = row.numpy() if row else np.float64(token)
            else:
                children = tuple(stack.pop() for _ in range(row.arity))
                needs[i] = any(needs[c] for c in children)
                with np.errstate(all="ignore"):
                    if needs[i]:
                        self._steps.append((i, row, children))
                    else:
                        arguments = [self._values[c] for c in children]
                        self._values[i] = row.numpy(*arguments)
            stack.append(i)
        self._slots.reverse()
        self._needs = needs
        self._n_samples = len(X)

    def __call__(self, constants: FloatArray) -> FloatArray:
        """Compute the value on every row."""
        values = self._values
        for i, c in zip(self._slots, constants, strict=True):
            values[i] = c
        with np.errstate(all="ignore"):
            for i, row, children in self._steps:
                values[i] = row.numpy(*(values[c] for c in children))
        return np.broadcast_to(values[0], self._n_samples)

    def jacobian(self, constants: FloatArray) -> FloatArray:
        """Compute the derivatives, of shape (n_samples, n_constants)."""
        self(constants)
        values, adjoints = self._values, {0: np.ones(self._n_samples)}
        with np.errstate(all="ignore"):
            for i, row, children in reversed(self._steps):
                arguments = [values[c] for c in children]
                partials = row.partials(*arguments, values[i])
                for c, partial in zip(children, partials, strict=True):
                    if self._needs[c]:
                        adjoints[c] = adjoints[i] * partial
        return np.stack([adjoints[i] for i in self._slots], axis=1)
