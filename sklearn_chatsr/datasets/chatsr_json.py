"""Samples in the JSON schema of the public ChatSR release: read, write, build."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sklearn_chatsr.expressions import CONSTANT, Expression, variable

QUESTION = (
    "<data>\nThese are a set of scientific data points we obtained through sampling. "
    "Please derive a mathematical expression to fit this data, requiring that the "
    "expression accurately reflects the internal patterns of the data. You only need "
    "to generate the preorder traversal of the expression binary tree using special "
    "tokens."
)
ANSWER = "Okay, the preorder traversal of the expression I obtained is: "
MAX_COLUMNS = 10

# What the release writes in `standard_tokens`; other operators keep their names.
_SIGNS = {"add": "+", "sub": "-", "mul": "*", "div": "/", "pow": "^"}
_FIELDS = (
    "id",
    "conversations",
    "data_points",
    "expression_tokens",
    "standard_tokens",
    "expression_length",
    "num_features",
    "num_points",
    "used_variables",
)


@dataclass(frozen=True)
class ChatSRSample:
    """One question with its points and its answer.

    Attributes
    ----------
    id : str
        Name of the sample.
    question, answer : str
        The two turns; the answer ends with the tokens in square brackets.
    data_points : ndarray of shape (n_points, n_columns + 1)
        Columns of X, filled up with zeros, and y last.
    expression_tokens, standard_tokens : tuple of str
        The target as math tokens (the open constant is ``"C"``) and as signs.
    n_features : int
        Columns of X that are no filling.
    used_variables : tuple of str
        ``"x1"`` and so on.
    """

    id: str
    question: str
    answer: str
    data_points: npt.NDArray[np.float64]
    expression_tokens: tuple[str, ...]
    standard_tokens: tuple[str, ...]
    n_features: int
    used_variables: tuple[str, ...]

    @classmethod
    def build(
        cls,
        name: str,
        X: npt.NDArray[np.float64],
        y: npt.NDArray[np.float64],
        target: Expression,
        n_columns: int = MAX_COLUMNS,
    ) -> ChatSRSample:
        """Make a sample from a table and its law.

        Parameters
        ----------
        name : str
            The ``id``.
        X : ndarray of shape (n_points, n_features)
            Columns.
        y : ndarray of shape (n_points,)
            Target.
        target : Expression
            The law; its constants are not written.
        n_columns : int, default=10
            Columns of X in the file; missing ones are zeros.

        Returns
        -------
        ChatSRSample

        Raises
        ------
        ValueError
            If X has more than ``n_columns`` columns.
        """
        n_features = X.shape[1]
        if n_features > n_columns:
            raise ValueError(
                f"X has {n_features} columns, the file takes {n_columns}. Raise "
                "`n_columns`."
            )
        filled = np.pad(X, ((0, 0), (0, n_columns - n_features)))
        words = target.skeleton().to_math_tokens()
        tokens = target.skeleton().tokens
        math = [
            CONSTANT if token == CONSTANT else word
            for token, word in zip(tokens, words, strict=True)
        ]
        return cls(
            id=name,
            question=QUESTION,
            answer=f"{ANSWER}[{','.join(math)}]",
            data_points=np.column_stack([filled, y]),
            expression_tokens=tuple(math),
            standard_tokens=tuple(_SIGNS.get(t, t) for t in tokens),
            n_features=n_features,
            used_variables=tuple(variable(i) for i in target.variables),
        )

    @property
    def expression(self) -> Expression:
        """The target as a skeleton."""
        return Expression.from_math_tokens(
            [f"<|math_{t}|>" if t == CONSTANT else t for t in self.expression_tokens]
        )

    @property
    def X(self) -> npt.NDArray[np.float64]:
        """The columns that the target may use, shape (n_points, n_features)."""
        last = max((self.n_features, *(i + 1 for i in self.expression.variables)))
        return self.data_points[:, :last]

    @property
    def y(self) -> npt.NDArray[np.float64]:
        """The target values, shape (n_points,)."""
        return self.data_points[:, -1]

    def to_json(self) -> dict[str, Any]:
        """Give the mapping that goes into the file."""
        return {
            "id": self.id,
            "conversations": [
                {"from": "human", "value": self.question},
                {"from": "gpt", "value": self.answer},
            ],
            "data_points": self.data_points.tolist(),
            "expression_tokens": list(self.expression_tokens),
            "standard_tokens": list(self.standard_tokens),
            "expression_length": len(self.expression_tokens),
            "num_features": self.n_features,
            "num_points": len(self.data_points),
            "used_variables": list(self.used_variables),
        }

    @classmethod
    def from_json(cls, entry: dict[str, Any]) -> ChatSRSample:
        """Read one mapping of a file.

        Raises
        ------
        ValueError
            If a field is missing or does not fit the others.
        """
        missing = [f for f in _FIELDS if f not in entry]
        if missing:
            raise ValueError(f"it has no {', '.join(missing)}")
        turns = entry["conversations"]
        if [turn.get("from") for turn in turns] != ["human", "gpt"]:
            raise ValueError("`conversations` must be one human and one gpt turn")
        points = np.array(entry["data_points"], dtype=np.float64)
        if points.ndim != 2 or points.shape[1] < 2 or not np.isfinite(points).all():
            raise ValueError(
                "`data_points` must be rows of equally many finite numbers, x1 to y"
            )
        sample = cls(
            id=str(entry["id"]),
            question=turns[0]["value"],
            answer=turns[1]["value"],
            data_points=points,
            expression_tokens=tuple(entry["expression_tokens"]),
            standard_tokens=tuple(entry["standard_tokens"]),
            n_features=int(entry["num_features"]),
            used_variables=tuple(entry["used_variables"]),
        )
        columns = sample.expression.variables
        if max((sample.n_features, *(i + 1 for i in columns))) >= points.shape[1]:
            raise ValueError("the target has more variables than the points columns")
        return sample


def read_chatsr_json(path: str | Path) -> list[ChatSRSample]:
    """Read a file of samples, also a gzipped one.

    Parameters
    ----------
    path : str or Path
        ``.json`` or ``.json.gz``: a list of samples.

    Returns
    -------
    list of ChatSRSample

    Raises
    ------
    ValueError
        If the file is not in the schema; the message names the sample.
    """
    path = Path(path)
    packed = path.read_bytes()
    text = gzip.decompress(packed) if path.suffix == ".gz" else packed
    try:
        entries = json.loads(text)
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: {error}") from error
    if not isinstance(entries, list):
        raise ValueError(f"{path} must hold a list of samples.")
    samples = []
    for number, entry in enumerate(entries):
        try:
            samples.append(ChatSRSample.from_json(entry))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ValueError(f"{path}: sample {number}: {error}.") from error
    return samples


def write_chatsr_json(samples: Iterable[ChatSRSample], path: str | Path) -> None:
    """Write samples; a name that ends in ``.gz`` is compressed.

    Parameters
    ----------
    samples : iterable of ChatSRSample
        What to write.
    path : str or Path
        The file.
    """
    path = Path(path)
    entries: Sequence[Any] = [sample.to_json() for sample in samples]
    text = json.dumps(entries, indent=2, ensure_ascii=False).encode()
    path.write_bytes(gzip.compress(text, mtime=0) if path.suffix == ".gz" else text)
