"""The log of a search: every sample on its own line, so that a run can go on."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.proposers.programs.specification import Specification

_FORMAT = "sklearn_chatsr program search, 1"


@dataclass(frozen=True)
class Sample:
    """One text of a language model and what became of it, or one kept mutation.

    Attributes
    ----------
    round : int
        Number of the prompt, or of the mutations that followed it.
    island : int
        Where it was written.
    source : str
        ``"model"``, ``"mutation"`` or ``"seed"``.
    text : str
        What the model wrote; empty for mutations.
    reason : str
        Why it was not used; empty when it was.
    tokens : tuple of str
        Prefix tokens of the fitted formula; empty when there is none.
    constants : tuple of float
        Its constants.
    nmse : float or None
        Normalised mean squared error on the judging rows.
    n_tokens : int or None
        What the text took the model to write.
    """

    round: int
    island: int
    source: str
    text: str = ""
    reason: str = ""
    tokens: tuple[str, ...] = field(default=())
    constants: tuple[float, ...] = field(default=())
    nmse: float | None = None
    n_tokens: int | None = None

    @property
    def expression(self) -> Expression | None:
        """The fitted formula."""
        return Expression(self.tokens, self.constants) if self.tokens else None


class SampleLog:
    """A JSONL file of samples that is read back when it exists.

    Parameters
    ----------
    path : str or Path or None
        The file; None keeps nothing.
    fingerprint : str
        Of data and specification, see `fingerprint`.

    Raises
    ------
    ValueError
        If the file is no log, or one of other data, or a folder.
    """

    def __init__(self, path: str | Path | None, fingerprint: str) -> None:
        self.path = None if path is None else Path(path)
        self.samples: list[Sample] = []
        if self.path is None:
            return
        if self.path.is_dir():
            raise ValueError(
                f"`log_path` is the folder {str(self.path)!r}: name a file in it."
            )
        head = {"format": _FORMAT, "fingerprint": fingerprint}
        if not self.path.exists() or self.path.stat().st_size == 0:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text(json.dumps(head) + "\n", encoding="utf-8")
            return
        self._read(head)

    def append(self, sample: Sample) -> None:
        """Write one sample to the end of the file, at once."""
        self.samples.append(sample)
        if self.path is not None:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(sample)) + "\n")

    def _read(self, head: dict[str, str]) -> None:
        assert self.path is not None  # for the type checker
        whole, newline, rest = self.path.read_bytes().rpartition(b"\n")
        lines = whole.decode("utf-8", errors="replace").split("\n")
        found = _parse(lines[0])
        if found.get("format") != _FORMAT:
            raise ValueError(
                f"{str(self.path)!r} is not a log of program search. Pass another "
                "`log_path`, or remove the file."
            )
        if found.get("fingerprint") != head["fingerprint"]:
            raise ValueError(
                f"{str(self.path)!r} is the log of other data or of another "
                "specification. Pass another `log_path`, or remove the file."
            )
        for number, line in enumerate(lines[1:], start=2):
            entry = _parse(line)
            try:
                entry["tokens"] = tuple(entry["tokens"])
                entry["constants"] = tuple(entry["constants"])
                sample = Sample(**entry)
                _ = sample.expression
            except (KeyError, TypeError, ValueError) as error:
                raise ValueError(
                    f"Line {number} of {str(self.path)!r} is damaged: {error}."
                ) from error
            self.samples.append(sample)
        if rest:
            # The process died while it wrote its last line.
            self.path.write_bytes(whole + newline)


def fingerprint(
    X: npt.NDArray[np.float64],
    y: npt.NDArray[np.float64],
    sample_weight: npt.NDArray[np.float64] | None,
    specification: Specification,
) -> str:
    """Hash data and specification, to tell logs apart.

    Returns
    -------
    str
        32 hexadecimal digits.
    """
    digest = hashlib.sha256(repr((X.shape, specification)).encode())
    for array in (X, y, sample_weight):
        digest.update(b"-" if array is None else np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:32]


def _parse(line: str) -> dict[str, Any]:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return entry if isinstance(entry, dict) else {}
