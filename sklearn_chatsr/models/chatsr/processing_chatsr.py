"""From tables and text to model inputs, and from token ids back to expressions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from transformers import BatchFeature, FeatureExtractionMixin, ProcessorMixin

from sklearn_chatsr.expressions import Expression, token_of_math
from sklearn_chatsr.models.chatsr.statistics_chatsr import (
    fit_statistics,
    statistics_size,
)

DEFAULT_PROMPT = "Find the formula."
POINT_TOKEN = "<|point|>"
USER_TOKEN = "<|user|>"
ASSISTANT_TOKEN = "<|assistant|>"


class ChatSRFeatureExtractor(FeatureExtractionMixin):
    """Scale tables, pad them and compute their fit statistics.

    Every column is divided by a power of two, which is exact, so that its largest
    magnitude lies in [0.5, 1). The exponents are told by the statistics.

    Parameters
    ----------
    max_variables : int, default=10
        Columns of X that the model takes.
    max_points : int, default=128
        Rows that the model takes.
    """

    model_input_names = (
        "points",
        "point_mask",
        "column_mask",
        "statistics",
    )

    def __init__(
        self, max_variables: int = 10, max_points: int = 128, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.max_variables = max_variables
        self.max_points = max_points

    def extract(
        self,
        X: npt.NDArray[np.float64],
        y: npt.NDArray[np.float64],
        point_mask: npt.NDArray[np.bool_],
    ) -> dict[str, npt.NDArray[Any]]:
        """Give the arrays of a batch of tables with equally many columns.

        Parameters
        ----------
        X : ndarray of shape (batch, n_points, n_columns), dtype float64
        y : ndarray of shape (batch, n_points), dtype float64
        point_mask : ndarray of shape (batch, n_points), dtype bool
            False for padding; a table with no point at all is hidden.

        Returns
        -------
        dict
            ``points`` (batch, n_points, max_variables + 1) float32, ``point_mask``,
            ``column_mask`` (batch, max_variables + 1) bool, and ``statistics``
            (batch, 1 + n_columns, statistics_size) float32.
        """
        batch, n, d = X.shape
        points = np.zeros((batch, n, self.max_variables + 1), dtype=np.float32)
        mask = point_mask[:, :, None]
        points[:, :, :d] = _scale(np.where(mask, X, 0.0))
        points[:, :, -1:] = _scale(np.where(mask, y[:, :, None], 0.0))
        column_mask = np.zeros((batch, self.max_variables + 1), dtype=np.bool_)
        column_mask[:, :d] = True
        column_mask[:, -1] = True
        return {
            "points": points,
            "point_mask": point_mask,
            "column_mask": column_mask,
            "statistics": fit_statistics(X, y, point_mask, self.max_variables),
        }

    def __call__(
        self,
        X: Sequence[npt.ArrayLike],
        y: Sequence[npt.ArrayLike],
        hide_points: bool = False,
        return_tensors: str | None = None,
    ) -> BatchFeature:
        """Prepare a list of tables.

        Parameters
        ----------
        X : sequence of array-like of shape (n_points, n_columns)
            One entry per table.
        y : sequence of array-like of shape (n_points,)
            One entry per table.
        hide_points : bool, default=False
            Give the number of columns only: the control that shows what a model knows
            without reading the data.
        return_tensors : {"pt", "np"}, optional
            Kind of the arrays.

        Returns
        -------
        BatchFeature
            See `extract`; tables are padded to the longest and the widest.

        Raises
        ------
        ValueError
            For tables that are empty, too long, too wide or not finite.
        """
        if len(X) != len(y) or not len(X):
            raise ValueError(f"Got {len(X)} tables X and {len(y)} y; pass one per X.")
        tables = [self._check(a, b) for a, b in zip(X, y, strict=True)]
        n_max = max(len(b) for _, b in tables)
        d_max = max(a.shape[1] for a, _ in tables)
        features = []
        for a, b in tables:
            short = n_max - len(b)
            mask = np.zeros((1, n_max), dtype=np.bool_)
            mask[0, : len(b)] = not hide_points
            wide = self.extract(
                np.pad(a, ((0, short), (0, 0)))[None], np.pad(b, (0, short))[None], mask
            )
            missing = d_max - a.shape[1]
            wide["statistics"] = np.pad(
                wide["statistics"], ((0, 0), (0, missing), (0, 0))
            )
            features.append(wide)
        arrays = {
            key: np.concatenate([f[key] for f in features]) for key in features[0]
        }
        return BatchFeature(arrays, tensor_type=return_tensors)

    def _check(
        self, X: npt.ArrayLike, y: npt.ArrayLike
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        X, y = np.asarray(X, dtype=np.float64), np.asarray(y, dtype=np.float64)
        if X.ndim != 2 or y.ndim != 1 or len(X) != len(y):
            raise ValueError(
                "Expected X of shape (n_points, n_columns) and y of shape (n_points,), "
                f"got {X.shape} and {y.shape}."
            )
        if not 1 <= len(y) <= self.max_points:
            raise ValueError(
                f"Got {len(y)} points, the model takes 1 to {self.max_points}. Draw a "
                "subset of the rows."
            )
        if not 1 <= X.shape[1] <= self.max_variables:
            raise ValueError(
                f"Got {X.shape[1]} columns, the model takes 1 to {self.max_variables}. "
                "Select features first."
            )
        if not (np.isfinite(X).all() and np.isfinite(y).all()):
            raise ValueError("The points contain NaN or infinity.")
        return X, y


def _scale(columns: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Divide columns (batch, n_points, k) by the power of two above their maximum."""
    _, exponent = np.frexp(np.abs(columns).max(axis=1, keepdims=True))
    return np.ldexp(columns, -exponent).astype(np.float32)


class ChatSRProcessor(ProcessorMixin):
    """Tables and a prompt in, model inputs out; token ids in, expressions out.

    Parameters
    ----------
    feature_extractor : ChatSRFeatureExtractor
        Prepares the tables.
    tokenizer : PreTrainedTokenizerFast
        Knows the text, the placeholders and the math tokens.
    num_feature_tokens : int, default=8
        Features of the point encoder; see `PointEncoderConfig`.
    """

    def __init__(
        self,
        feature_extractor: Any = None,
        tokenizer: Any = None,
        num_feature_tokens: int = 8,
        **kwargs: Any,
    ) -> None:
        self.num_feature_tokens = num_feature_tokens
        super().__init__(feature_extractor, tokenizer, **kwargs)

    def prompt_text(self, n_columns: int, prompt: str | None = None) -> str:
        """Write the sequence that stands before the answer.

        Parameters
        ----------
        n_columns : int
            Columns of X.
        prompt : str, optional
            What is known about the law, in words.

        Returns
        -------
        str
        """
        placeholders = POINT_TOKEN * (self.num_feature_tokens + 1 + n_columns)
        # Special tokens in the user's text would be read as structure.
        words = (prompt or DEFAULT_PROMPT).replace("<|", "< |")
        return f"{USER_TOKEN}{placeholders}{words}{ASSISTANT_TOKEN}"

    def __call__(
        self,
        X: Sequence[npt.ArrayLike],
        y: Sequence[npt.ArrayLike],
        prompt: str | Sequence[str | None] | None = None,
        hide_points: bool = False,
        return_tensors: str | None = "pt",
    ) -> BatchFeature:
        """Prepare tables with their prompts for generation.

        Parameters
        ----------
        X : sequence of array-like of shape (n_points, n_columns)
            One entry per table.
        y : sequence of array-like of shape (n_points,)
            One entry per table.
        prompt : str or sequence of str, optional
            One text for all tables, or one per table.
        hide_points : bool, default=False
            See `ChatSRFeatureExtractor`.
        return_tensors : {"pt", "np"}, default="pt"
            Kind of the arrays.

        Returns
        -------
        BatchFeature
            ``input_ids`` and ``attention_mask`` padded on the left, and the arrays of
            the feature extractor.
        """
        features = self.feature_extractor(
            X, y, hide_points=hide_points, return_tensors=return_tensors
        )
        prompts: Sequence[str | None]
        if prompt is None or isinstance(prompt, str):
            prompts = [prompt] * len(X)
        else:
            prompts = prompt
        if len(prompts) != len(X):
            raise ValueError(f"Got {len(prompts)} prompts for {len(X)} tables.")
        texts = [
            self.prompt_text(np.shape(a)[1], words)
            for a, words in zip(X, prompts, strict=True)
        ]
        tokens = self.tokenizer(
            texts,
            add_special_tokens=False,
            padding=True,
            padding_side="left",
            return_tensors=return_tensors,
        )
        features["input_ids"] = tokens["input_ids"]
        features["attention_mask"] = tokens["attention_mask"]
        return features

    @property
    def model_input_names(self) -> list[str]:
        """Names of the arrays that the model takes."""
        return [
            "input_ids",
            "attention_mask",
            *self.feature_extractor.model_input_names,
        ]

    def encode_expression(self, expression: Expression) -> list[int]:
        """Give the token ids of a skeleton, with the end token.

        Raises
        ------
        ValueError
            If a token is not in the tokenizer's vocabulary.
        """
        words = expression.to_math_tokens()
        ids = self.tokenizer.convert_tokens_to_ids(words)
        unknown = [
            w
            for w, i in zip(words, ids, strict=True)
            if i is None or i == self.tokenizer.unk_token_id
        ]
        if unknown:
            raise ValueError(f"The tokenizer does not know {', '.join(unknown)}.")
        return [*ids, self.tokenizer.eos_token_id]

    def decode_expression(self, token_ids: Sequence[int]) -> Expression:
        """Read one generated sequence up to its end token.

        Raises
        ------
        ValueError
            If the tokens are not one expression.
        """
        ids = [int(i) for i in token_ids]
        if self.tokenizer.eos_token_id in ids:
            ids = ids[: ids.index(self.tokenizer.eos_token_id)]
        words = self.tokenizer.convert_ids_to_tokens(ids)
        return Expression([token_of_math(w) for w in words])


__all__ = [
    "DEFAULT_PROMPT",
    "ChatSRFeatureExtractor",
    "ChatSRProcessor",
    "statistics_size",
]
