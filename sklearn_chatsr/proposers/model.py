"""The ChatSR model as a proposer: candidates from random views of the data."""

from __future__ import annotations

import os
import sys
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from sklearn_chatsr.expressions import (
    Expression,
    is_variable,
    variable,
    variable_index,
)
from sklearn_chatsr.models.loading import load_model
from sklearn_chatsr.prompts import Constraints, Prompt
from sklearn_chatsr.proposers.protocol import Problem

if TYPE_CHECKING:
    from sklearn_chatsr.models.chatsr import (
        ChatSRForExpressionGeneration,
        ChatSRProcessor,
    )

# Importing torch and reading the weights takes 2 to 4 s and cannot be interrupted.
_LOADING_SECONDS = 4.0
# The model is trained mostly on up to three columns.
_NARROW = 3
_MOST_IDLE_BATCHES = 8


class ModelProposer:
    """Draw skeletons from the ChatSR model, batch after batch, until the deadline.

    The first batch shows the model the table as it is. Every later one shows a random
    subset of the rows with the columns in random order (of a wide table sometimes only
    some columns): the model is not indifferent to either, so this gives other
    candidates. With a prompt, every view is shown twice, with the prompt and without:
    a wrong prompt costs half of the candidates, not the result. What constraints forbid
    or require is part of the grammar; so is what a prompt tells, in its half.

    Parameters
    ----------
    model : str or path, default="default"
        A checkpoint; see `sklearn_chatsr.models.load_model`.
    device : str, default="auto"
        A torch device.
    n_candidates : int, optional
        Sequences to draw in all; None goes on until the deadline.
    batch_size : int, default=256
        Sequences per batch.
    method : {"sample", "beam"}, default="sample"
        How sequences are drawn.
    temperature : float, default=1.0
        Of sampling.
    allow_download : bool, default=False
        Whether a checkpoint may be looked up on the hub.

    Examples
    --------
    >>> from sklearn_chatsr.proposers.model import ModelProposer
    >>> ModelProposer().name
    'model'
    """

    name = "model"

    def __init__(
        self,
        model: str | os.PathLike[str] = "default",
        device: str = "auto",
        *,
        n_candidates: int | None = None,
        batch_size: int = 256,
        method: Literal["sample", "beam"] = "sample",
        temperature: float = 1.0,
        allow_download: bool = False,
    ) -> None:
        self.model = model
        self.device = device
        self.n_candidates = n_candidates
        self.batch_size = batch_size
        self.method = method
        self.temperature = temperature
        self.allow_download = allow_download

    def propose(
        self, problem: Problem, rng: np.random.Generator
    ) -> Iterator[Sequence[Expression]]:
        """Yield batches of skeletons that were not proposed before; see `Proposer`.

        Nothing is proposed when torch is not imported yet and less time is left than
        loading takes.

        Raises
        ------
        ValueError
            If the checkpoint cannot be loaded, or the table has more columns than the
            model takes.
        """
        if "torch" not in sys.modules and problem.seconds_left() < _LOADING_SECONDS:
            return
        model, processor = load_model(
            self.model, self.device, allow_download=self.allow_download
        )
        widest = processor.feature_extractor.max_variables
        if problem.n_features > widest:
            raise ValueError(
                f"The table has {problem.n_features} columns, the model takes at most "
                f"{widest}. Select features first."
            )
        longest = processor.feature_extractor.max_points
        prompt = Prompt(problem.prompt, problem.labels) if problem.prompt else None
        if len(_usable_columns(problem)) == 0:
            return
        seen: set[Hashable] = set()
        drawn, idle, first = 0, 0, True
        while problem.seconds_left() > 0 and idle < _MOST_IDLE_BATCHES:
            n = self.batch_size
            if self.n_candidates is not None:
                n = min(n, self.n_candidates - drawn)
            if n <= 0:
                return
            rows, columns = _view(problem, rng, longest, whole=first)
            shown = problem.X[np.ix_(rows, columns)], problem.y[rows]
            rules = problem.constraints or Constraints(())
            settings = DrawSettings(
                method=self.method,
                temperature=self.temperature,
                max_length=problem.max_size,
                deadline=problem.deadline,
            )
            candidates: list[Expression] = []
            for told, share in _shares(prompt, columns, n):
                candidates += draw(
                    model,
                    processor,
                    *shown,
                    n_candidates=share,
                    rules=rules.for_columns(columns),
                    prompt=told,
                    columns=columns,
                    rng=rng,
                    settings=settings,
                )
            drawn, first = drawn + n, False
            new: list[Expression] = []
            for candidate in candidates:
                expression = _rename(candidate, columns)
                key = expression.canonical_key()
                if key not in seen:
                    seen.add(key)
                    new.append(expression)
            idle = 0 if new else idle + 1
            if new:
                yield new


@dataclass(frozen=True)
class DrawSettings:
    """How sequences are drawn; see `generate_candidates`."""

    method: Literal["sample", "beam"] = "sample"
    temperature: float = 1.0
    max_length: int | None = None
    deadline: float | None = None
    hide_points: bool = False


def draw(
    model: ChatSRForExpressionGeneration,
    processor: ChatSRProcessor,
    X: npt.NDArray[np.float64],
    y: npt.NDArray[np.float64],
    *,
    n_candidates: int,
    rules: Constraints,
    prompt: Prompt | None,
    columns: npt.NDArray[np.intp],
    rng: np.random.Generator,
    settings: DrawSettings,
) -> list[Expression]:
    """Draw candidates that obey the constraints, and a prompt that is understood.

    What a prompt tells goes to the model as text. Of it, what the grammar can enforce
    is enforced, and candidates without the rest are dropped; where these are most, the
    model is asked a second time.

    Parameters
    ----------
    model, processor : ChatSRForExpressionGeneration, ChatSRProcessor
        A loaded checkpoint.
    X : ndarray of shape (n_points, n_columns)
        The columns that are shown.
    y : ndarray of shape (n_points,)
        The target.
    n_candidates : int
        Sequences to draw, at most twice.
    rules : Constraints
        Over the columns that are shown.
    prompt : Prompt or None
        Over the columns of the table.
    columns : ndarray of shape (n_columns,), dtype intp
        Which column of the table every shown one is.
    rng : numpy.random.Generator
        Seeds the draws.
    settings : DrawSettings
        How sequences are drawn.

    Returns
    -------
    list of Expression
        Over the columns that are shown.
    """
    from sklearn_chatsr.models.chatsr import generate_candidates

    told = prompt.properties_for(columns) if prompt else []
    rules = rules.extended(told)
    found: list[Expression] = []
    for _ in range(2 if told else 1):
        drawn = generate_candidates(
            model,
            processor,
            X,
            y,
            n_candidates=n_candidates,
            prompt=prompt.for_columns(columns) if prompt else None,
            seed=int(rng.integers(2**31)),
            forbidden=rules.forbidden,
            required=rules.required,
            **asdict(settings),
        )
        found += [e for e in drawn if all(p.holds(e) for p in told)]
        if 2 * len(found) >= len(drawn):
            break
    return found


def _shares(
    prompt: Prompt | None, columns: npt.NDArray[np.intp], n: int
) -> list[tuple[Prompt | None, int]]:
    """Split a batch into candidates that are drawn with and without the prompt."""
    if prompt is None or prompt.for_columns(columns) is None:
        return [(None, n)]
    return [(told, k) for told, k in ((prompt, (n + 1) // 2), (None, n // 2)) if k]


def _usable_columns(problem: Problem) -> npt.NDArray[np.intp]:
    """Give the columns that the constraints do not forbid."""
    forbidden = problem.constraints.forbidden if problem.constraints else ()
    return np.array(
        [j for j in range(problem.n_features) if variable(j) not in forbidden],
        dtype=np.intp,
    )


def _view(
    problem: Problem, rng: np.random.Generator, longest: int, whole: bool
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Choose rows and columns to show; the whole table when it is short enough."""
    columns = usable = _usable_columns(problem)
    n_rows, n_columns = len(problem.X), len(usable)
    n_shown = min(n_rows, longest)
    if not whole:
        n_shown = int(rng.integers((n_shown + 1) // 2, n_shown + 1))
        n_kept = n_columns
        if n_columns > _NARROW and rng.random() < 0.5:
            n_kept = int(rng.integers(1, n_columns))
        columns = usable[rng.permutation(n_columns)[:n_kept]]
        if problem.constraints is not None:
            names = [p.arguments[0] for p in problem.constraints.of("uses")]
            missing = {variable_index(n) for n in names} - set(columns.tolist())
            columns = np.append(columns, np.array(sorted(missing), dtype=np.intp))
    if n_shown == n_rows:
        return np.arange(n_rows), columns
    weight = problem.sample_weight
    p = None
    if weight is not None and np.count_nonzero(weight) >= n_shown:
        p = weight / weight.sum()
    rows = rng.choice(n_rows, size=n_shown, replace=False, p=p)
    return np.sort(rows), columns


def _rename(expression: Expression, columns: npt.NDArray[np.intp]) -> Expression:
    """Express a candidate for the shown columns in the columns of the table."""
    if np.array_equal(columns, np.arange(len(columns))):
        return expression
    tokens = [
        variable(int(columns[variable_index(t)])) if is_variable(t) else t
        for t in expression.tokens
    ]
    return Expression(tokens).simplify()
