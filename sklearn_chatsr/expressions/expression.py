"""What a formula is: an immutable sequence of prefix tokens and its constants."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sklearn_chatsr.expressions import vocabulary
from sklearn_chatsr.expressions.vocabulary import CONSTANT, OPERATORS

if TYPE_CHECKING:
    import sympy

# A tree is a leaf token, a number (a constant with its value), or a tuple of an
# operator's name and its arguments. Trees are what parsers and the simplifier build.
Tree = str | float | tuple[Any, ...]

_BLOCK = 65_536


class Expression:
    """A formula as prefix (preorder) tokens with the values of its constants.

    Parameters
    ----------
    tokens : sequence of str
        Prefix tokens of the vocabulary: operators by name, variables ``"x1"``,
        ``"x2"``, ... by position, ``"C"`` for a constant, integer literals.
    constants : sequence of float, optional
        One finite value per ``"C"``, in prefix order. None leaves the constants open:
        the expression is a skeleton (also when it has no constant at all).

    Attributes
    ----------
    tokens : tuple of str
        The prefix tokens.
    constants : tuple of float or None
        The values, or None for a skeleton.

    Raises
    ------
    ValueError
        If a token is unknown, the tokens are not one complete expression, or the
        constants do not fit the tokens.

    Examples
    --------
    >>> from sklearn_chatsr.expressions import Expression
    >>> law = Expression(["mul", "C", "sq", "x1"], [4.9])
    >>> print(law)
    4.9*x1^2
    >>> law.evaluate([[1.0], [2.0]])
    array([ 4.9, 19.6])
    >>> law.skeleton().tokens
    ('mul', 'C', 'sq', 'x1')
    """

    __slots__ = ("_hash", "constants", "tokens")

    tokens: tuple[str, ...]
    constants: tuple[float, ...] | None

    def __init__(
        self, tokens: Sequence[str], constants: Sequence[float] | None = None
    ) -> None:
        tokens = tuple(tokens)
        _check_complete(tokens)
        values = None if constants is None else tuple(float(c) for c in constants)
        n_constants = tokens.count(CONSTANT)
        if values is not None and len(values) != n_constants:
            raise ValueError(
                f"Got {len(values)} constant(s) for {n_constants} token(s) 'C'. Pass "
                "one value per 'C', or constants=None for a skeleton."
            )
        if values is not None and not all(map(math.isfinite, values)):
            raise ValueError(f"Constants must be finite, got {values}.")
        self._set(tokens, values)

    @classmethod
    def _unchecked(
        cls, tokens: tuple[str, ...], constants: tuple[float, ...] | None
    ) -> Expression:
        """Build from parts that are known to be valid."""
        expression = cls.__new__(cls)
        expression._set(tokens, constants)
        return expression

    def _set(self, tokens: tuple[str, ...], values: tuple[float, ...] | None) -> None:
        object.__setattr__(self, "tokens", tokens)
        object.__setattr__(self, "constants", values)
        object.__setattr__(self, "_hash", hash((tokens, values)))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"Expression is immutable; cannot set {name!r}.")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"Expression is immutable; cannot delete {name!r}.")

    def __reduce__(self) -> tuple[Any, ...]:
        return Expression, (self.tokens, self.constants)

    def __getstate__(self) -> dict[str, Any]:
        return {"tokens": self.tokens, "constants": self.constants}

    def __setstate__(self, state: dict[str, Any]) -> None:
        loaded = Expression(state["tokens"], state["constants"])
        self._set(loaded.tokens, loaded.constants)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Expression):
            return NotImplemented
        return self.tokens == other.tokens and self.constants == other.constants

    def __hash__(self) -> int:
        return self._hash  # type: ignore[attr-defined]

    def __len__(self) -> int:
        return len(self.tokens)

    def __str__(self) -> str:
        return self.to_infix()

    def __repr__(self) -> str:
        return f"Expression({self.to_infix()!r})"

    def _repr_latex_(self) -> str:
        return f"${self.to_latex(digits=6)}$"

    # What it is made of

    @property
    def is_skeleton(self) -> bool:
        """Whether the constants are open."""
        return self.constants is None

    @property
    def n_constants(self) -> int:
        """Number of constants."""
        return self.tokens.count(CONSTANT)

    @property
    def size(self) -> int:
        """Number of nodes of the tree, which is the number of tokens."""
        return len(self.tokens)

    @property
    def depth(self) -> int:
        """Number of nodes on the longest path from the root to a leaf."""
        stack: list[int] = []
        for token in reversed(self.tokens):
            n = vocabulary.arity(token)
            deepest = max((stack.pop() for _ in range(n)), default=0)
            stack.append(deepest + 1)
        return stack[0]

    @property
    def variables(self) -> tuple[int, ...]:
        """Columns that occur, counted from 0, in ascending order."""
        found = {t for t in self.tokens if vocabulary.is_variable(t)}
        return tuple(sorted(map(vocabulary.variable_index, found)))

    def skeleton(self) -> Expression:
        """Open the constants."""
        return Expression._unchecked(self.tokens, None)

    def with_constants(self, values: Sequence[float]) -> Expression:
        """Fill the constants in prefix order.

        Parameters
        ----------
        values : sequence of float of length n_constants
            Finite values.

        Returns
        -------
        Expression
            The same tokens with these constants.
        """
        return Expression(self.tokens, values)

    # Trees

    def to_tree(self) -> Tree:
        """Give the nested form: tuples of an operator's name and its arguments."""
        constants = None if self.constants is None else reversed(self.constants)
        stack: list[Tree] = []
        for token in reversed(self.tokens):
            n = vocabulary.arity(token)
            if n:
                stack.append((token, *(stack.pop() for _ in range(n))))
            elif token == CONSTANT and constants is not None:
                stack.append(next(constants))
            else:
                stack.append(token)
        return stack[0]

    @classmethod
    def from_tree(cls, tree: Tree) -> Expression:
        """Build an expression from its nested form.

        One open ``"C"`` among the leaves opens every constant.
        """
        tokens, constants = flatten(tree)
        is_open = len(constants) < tokens.count(CONSTANT)
        return cls(tokens, None if is_open else constants)

    # Values

    def evaluate(self, X: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Compute the value on every row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Columns by position: ``x1`` is the first.

        Returns
        -------
        y : ndarray of shape (n_samples,), dtype float64
            NaN where the expression leaves its real domain.

        Raises
        ------
        ValueError
            If the constants are open, or X has too few columns.
        """
        if self.constants is None and self.n_constants:
            raise ValueError(
                f"Cannot evaluate the skeleton {self}: its constants are open. Fill "
                "them with with_constants(values), or fit them."
            )
        X = np.asarray(X, dtype=np.float64)
        if X.ndim != 2:
            raise ValueError(f"Expected a 2D array of columns, got {X.ndim}D.")
        used = self.variables
        if used and used[-1] >= X.shape[1]:
            raise ValueError(
                f"X has {X.shape[1]} column(s), but the expression uses "
                f"x{used[-1] + 1}."
            )
        y = np.empty(len(X))
        # Blocks keep the intermediate arrays of a million rows in the cache.
        for start in range(0, len(X), _BLOCK):
            y[start : start + _BLOCK] = self._evaluate_block(X[start : start + _BLOCK])
        return y

    def _evaluate_block(self, X: npt.NDArray[np.float64]) -> Any:
        constants = iter(reversed(self.constants or ()))
        stack: list[Any] = []
        with np.errstate(all="ignore"):
            for token in reversed(self.tokens):
                row = OPERATORS.get(token)
                if row is not None:
                    arguments = [stack.pop() for _ in range(row.arity)]
                    stack.append(row.numpy(*arguments))
                elif token == CONSTANT:
                    stack.append(np.float64(next(constants)))
                elif vocabulary.is_variable(token):
                    stack.append(X[:, vocabulary.variable_index(token)])
                else:
                    stack.append(np.float64(token))
        return stack[0]

    # Rewriting

    def simplify(self) -> Expression:
        """Rewrite to a canonical form that is never larger.

        Numbers are folded, like terms and powers collected, commutative arguments
        sorted; in a skeleton, constants that say the same thing are collapsed. The
        values stay the same wherever this expression is defined.

        Returns
        -------
        Expression
            The shorter form, or this expression when none was found.
        """
        from sklearn_chatsr.expressions.simplification import simplify

        return simplify(self)

    def canonical_key(self) -> Hashable:
        """Give a key that is equal for rewritings of the same formula."""
        from sklearn_chatsr.expressions.simplification import canonical_key

        return canonical_key(self)

    # Other notations

    def to_math_tokens(self) -> list[str]:
        """Spell the tokens for a language model; the constants are not written."""
        return [vocabulary.math_token(token) for token in self.tokens]

    @classmethod
    def from_math_tokens(
        cls, tokens: Sequence[str], constants: Sequence[float] | None = None
    ) -> Expression:
        """Read math tokens such as ``["<|math_sin|>", "<|math_x1|>"]``."""
        return cls([vocabulary.token_of_math(t) for t in tokens], constants)

    def to_infix(
        self, labels: Sequence[str] | None = None, digits: int | None = None
    ) -> str:
        """Print as text, for example ``2.5*sin(x1)``.

        Parameters
        ----------
        labels : sequence of str, optional
            Names to print for the columns; unusual ones are set in backticks.
        digits : int, optional
            Significant digits of the constants. None prints them exactly.

        Returns
        -------
        str
            The formula. `from_infix` with the same labels reads it back, token by
            token when it is exact; with ``digits``, adding a negative number is
            printed as a difference.
        """
        from sklearn_chatsr.expressions.printing import to_infix

        return to_infix(self, labels, digits)

    @classmethod
    def from_infix(cls, text: str, labels: Sequence[str] | None = None) -> Expression:
        """Read a formula as text; numbers with a point or exponent are constants.

        Parameters
        ----------
        text : str
            For example ``"2.5*sin(x1) + x2^2"``. ``**`` is read as ``^``, NumPy
            prefixes (``np.sin``) are skipped. Nothing in the text is evaluated.
        labels : sequence of str, optional
            Names of the columns in the text, beside ``x1``, ``x2``, ...

        Returns
        -------
        Expression
            A skeleton when the text holds an open ``C``.

        Raises
        ------
        ValueError
            If the text is not a formula; the message shows the place. Or if its tree
            has more than 250 levels, as a sum of more than 250 terms has.
        """
        from sklearn_chatsr.expressions.parsing import parse_infix

        return cls.from_tree(parse_infix(text, labels))

    def to_latex(
        self, labels: Sequence[str] | None = None, digits: int | None = None
    ) -> str:
        """Print as LaTeX mathematics, without dollar signs."""
        from sklearn_chatsr.expressions.printing import to_latex

        return to_latex(self, labels, digits)

    @classmethod
    def from_latex(cls, text: str, labels: Sequence[str] | None = None) -> Expression:
        """Read the LaTeX that `to_latex` writes."""
        from sklearn_chatsr.expressions.parsing import parse_latex

        return cls.from_tree(parse_latex(text, labels))

    def to_python(self, labels: Sequence[str] | None = None) -> str:
        """Print as Python source over float64 arrays, for example ``np.sin(x1)``."""
        from sklearn_chatsr.expressions.printing import to_python

        return to_python(self, labels)

    @classmethod
    def from_python(cls, text: str, labels: Sequence[str] | None = None) -> Expression:
        """Read the source that `to_python` writes; nothing is executed."""
        from sklearn_chatsr.expressions.parsing import parse_python

        return cls.from_tree(parse_python(text, labels))

    def to_sympy(self, labels: Sequence[str] | None = None) -> sympy.Expr:
        """Convert to SymPy with real symbols named after the columns."""
        from sklearn_chatsr.expressions.sympy_conversion import to_sympy

        return to_sympy(self, labels)

    @classmethod
    def from_sympy(
        cls, expr: sympy.Expr, labels: Sequence[str] | None = None
    ) -> Expression:
        """Convert from SymPy; floats become constants, integers stay as they are."""
        from sklearn_chatsr.expressions.sympy_conversion import from_sympy

        return cls.from_tree(from_sympy(expr, labels))

    def subtrees(self) -> Iterator[tuple[int, int]]:
        """Give the range of tokens ``(start, stop)`` of every subtree, root first."""
        ends = [0] * len(self.tokens)
        stack: list[int] = []
        for start in range(len(self.tokens) - 1, -1, -1):
            end = start + 1
            for _ in range(vocabulary.arity(self.tokens[start])):
                end = stack.pop()
            stack.append(end)
            ends[start] = end
        return iter(list(enumerate(ends)))

    def part(self, start: int, stop: int) -> Expression:
        """Give the subtree of such a range of tokens, with its constants."""
        tokens = self.tokens[start:stop]
        if not self.constants:
            return Expression(tokens)
        before = self.tokens[:start].count(CONSTANT)
        values = self.constants[before : before + tokens.count(CONSTANT)]
        return Expression(tokens, values or None)


def flatten(tree: Tree) -> tuple[list[str], list[float]]:
    """Write a tree as prefix tokens and the values of its constants."""
    tokens: list[str] = []
    constants: list[float] = []
    todo = [tree]
    while todo:
        node = todo.pop()
        if isinstance(node, tuple):
            tokens.append(node[0])
            todo.extend(reversed(node[1:]))
        elif isinstance(node, str):
            tokens.append(node)
        else:
            tokens.append(CONSTANT)
            constants.append(float(node))
    return tokens, constants


def _check_complete(tokens: tuple[str, ...]) -> None:
    """Raise unless the tokens are exactly one expression in preorder."""
    if not tokens:
        raise ValueError("An expression needs at least one token, got none.")
    missing = 1
    for position, token in enumerate(tokens):
        if not isinstance(token, str):
            raise ValueError(f"Tokens are strings, got {token!r} at {position}.")
        if missing == 0:
            raise ValueError(
                f"The expression is complete after {position} of {len(tokens)} tokens: "
                f"{' '.join(tokens)}"
            )
        missing += vocabulary.arity(token) - 1
    if missing:
        raise ValueError(
            f"The expression lacks {missing} more argument(s): {' '.join(tokens)}"
        )
