"""Write down what a language model answered, and give it again."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from sklearn_chatsr.llm.protocol import (
    Completion,
    LanguageModel,
    LanguageModelError,
    answer_mode,
)


class RecordingLanguageModel:
    """A language model whose requests and answers are written to a file.

    One line of JSON a request: ``model``, ``prompt``, ``n``, ``seed``, ``mode`` (how
    the model answers, None where that does not matter), ``answers`` (each with ``text``
    and ``n_tokens``), ``seconds``, or ``error`` instead of the answers. Lines are
    appended and flushed one by one, so an interrupted run keeps what it has seen.

    Parameters
    ----------
    model : LanguageModel
        The model that answers.
    path : str or Path
        File to append to.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn_chatsr.llm import (
    ...     GrammarLanguageModel,
    ...     RecordingLanguageModel,
    ...     ReplayLanguageModel,
    ... )
    >>> grammar = GrammarLanguageModel(["x"], n_parameters=3)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "record.jsonl"
    ...     first = RecordingLanguageModel(grammar, path).complete("", 2, seed=0)
    ...     again = ReplayLanguageModel(path).complete("", 2, seed=0)
    >>> first == again
    True
    """

    # Prompts that depend on the clock would not be met again in a replay.
    repeatable = True

    def __init__(self, model: LanguageModel, path: str | Path) -> None:
        self.model = model
        self.path = Path(path)
        self.name = model.name
        self.mode = answer_mode(model)

    @property
    def last_trouble(self) -> str | None:
        """Why the latest request was not answered yet, where the model tells."""
        return getattr(self.model, "last_trouble", None)

    def complete(
        self, prompt: str, n: int, *, seed: int | None = None
    ) -> list[Completion]:
        """Ask the model and write the answers; see `LanguageModel.complete`."""
        line: dict[str, Any] = {"model": self.name, "prompt": prompt, "n": n}
        line |= {"seed": seed, "mode": self.mode}
        began = time.perf_counter()
        try:
            completions = self.model.complete(prompt, n, seed=seed)
        except LanguageModelError as error:
            line["error"] = str(error)
            raise
        else:
            line["answers"] = [
                {"text": c.text, "n_tokens": c.n_tokens} for c in completions
            ]
            return completions
        finally:
            line["seconds"] = round(time.perf_counter() - began, 4)
            if "answers" in line or "error" in line:
                with self.path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(line) + "\n")


class ReplayLanguageModel:
    """Gives the answers of a record, without any model.

    A request is found by its prompt, number and seed; the same request a second time
    gets the second answer that was recorded for it. A run with the same settings is
    therefore repeated exactly, and one that differs ends with an error that says so.

    Parameters
    ----------
    path : str or Path
        File that `RecordingLanguageModel` wrote. A last line that is cut off is
        skipped.
    match : {"request", "order"}
        ``"order"`` gives the recorded answers one after the other, whatever is asked:
        for trying other settings of the search on the same answers.

    Raises
    ------
    ValueError
        If the file is no record.
    """

    repeatable = True

    def __init__(self, path: str | Path, match: str = "request") -> None:
        if match not in ("request", "order"):
            raise ValueError(
                f"`match` == {match!r}, must be one of ['request', 'order']."
            )
        self.path = Path(path)
        self.match = match
        self.name = f"replay of {self.path.name}"
        self._waiting: dict[Any, list[list[Completion]]] = {}
        self.mode: str | None = None
        for mode, prompt, n, seed, answers in _read_record(self.path):
            self.mode = mode
            key = (prompt, n, seed) if match == "request" else None
            self._waiting.setdefault(key, []).append(answers)
        for queue in self._waiting.values():
            queue.reverse()

    def complete(
        self, prompt: str, n: int, *, seed: int | None = None
    ) -> list[Completion]:
        """Give the recorded answers; see `LanguageModel.complete`.

        Raises
        ------
        LanguageModelError
            If the record holds no (further) answer to this request.
        """
        key = (prompt, n, seed) if self.match == "request" else None
        queue = self._waiting.get(key)
        if not queue:
            raise LanguageModelError(
                f"The record {self.path.name!r} has no further answer to this request "
                f"(n={n}, seed={seed}, prompt of {len(prompt)} characters). Use the "
                "data and settings it was made with, or match='order'."
            )
        return queue.pop()[:n]


def _read_record(
    path: Path,
) -> list[tuple[str | None, str, int, int | None, list[Completion]]]:
    if not path.is_file():
        raise ValueError(
            f"No record {str(path)!r}. Pass the file that RecordingLanguageModel wrote."
        )
    found = []
    lines = path.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
            if "error" in entry:
                continue
            answers = [
                Completion(str(a["text"]), a.get("n_tokens")) for a in entry["answers"]
            ]
            asked = (entry["prompt"], entry["n"], entry["seed"])
            found.append((entry.get("mode"), *asked, answers))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            if number == len(lines):
                break
            raise ValueError(
                f"Line {number} of {path.name!r} is no record of a request "
                f"({type(error).__name__}: {error})."
            ) from None
    return found
