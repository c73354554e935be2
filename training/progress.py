"""How far a training is: seconds, samples, learning rate, and the log."""

from __future__ import annotations

import csv
import json
import math
import os
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

PROGRESS_FILE = "progress.json"

# Seconds that one step counts at most: a paused process must not use up its time.
_LONGEST_STEP = 10.0


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast.

    Parameters
    ----------
    seconds : float
        Training time over all runs, evaluation excluded; ends the decay. Infinite when
        `max_steps` is to decide alone.
    max_steps : int, optional
        Steps over all runs. The training ends with whatever is reached first.
    learning_rate : float
        Peak.
    warmup_steps : int
        Linear warm-up.
    hold : float
        Share of the time after which the linear decay begins.
    """

    seconds: float = 4200.0
    max_steps: int | None = None
    learning_rate: float = 1.5e-3
    warmup_steps: int = 300
    hold: float = 0.3

    def __post_init__(self) -> None:
        if not self.seconds > 0:
            raise ValueError(f"`seconds` == {self.seconds}, must be > 0.")
        if self.max_steps is not None and self.max_steps < 1:
            raise ValueError(f"`max_steps` == {self.max_steps}, must be >= 1.")
        if self.max_steps is None and math.isinf(self.seconds):
            raise ValueError("Without end: pass finite `seconds`, or `max_steps`.")

    def left(self, step: int, seconds: float) -> float:
        """Give the share of the training that is left, from 1 to 0."""
        left = 1.0 - seconds / self.seconds
        if self.max_steps is not None:
            left = min(left, 1.0 - step / self.max_steps)
        return max(0.0, left)

    def factor(self, step: int, seconds: float) -> float:
        """Give the rate in units of the peak: warm-up by steps, hold, decay to 0."""
        warm = min(1.0, (step + 1) / max(1, self.warmup_steps))
        return warm * min(1.0, self.left(step, seconds) / (1.0 - self.hold))


@dataclass(slots=True)
class Progress:
    """What a training has used, over all runs.

    Attributes
    ----------
    step, samples : int
        Steps of the optimizer, and tables.
    seconds : float
        Wall clock of the training itself.
    """

    step: int = 0
    samples: int = 0
    seconds: float = 0.0
    _mark: float = field(default=0.0, repr=False, compare=False)

    def start(self) -> None:
        """Let the clock run from now on."""
        self._mark = time.perf_counter()

    def tick(self, n_samples: int) -> None:
        """Count a step."""
        now = time.perf_counter()
        self.seconds += min(now - self._mark, _LONGEST_STEP)
        self._mark = now
        self.step += 1
        self.samples += n_samples

    def save(self, folder: Path) -> None:
        """Write ``progress.json``; it comes last and makes a checkpoint complete."""
        state = {k: v for k, v in asdict(self).items() if not k.startswith("_")}
        temporary = folder / f"{PROGRESS_FILE}.tmp"
        temporary.write_text(json.dumps(state))
        os.replace(temporary, folder / PROGRESS_FILE)

    @classmethod
    def load(cls, folder: Path) -> Progress:
        """Read what `save` wrote."""
        return cls(**json.loads((folder / PROGRESS_FILE).read_text()))


def last_checkpoint(out: Path) -> Path | None:
    """Give the latest complete checkpoint of a run, None if there is none."""
    complete = [path.parent for path in out.glob(f"checkpoint-*/{PROGRESS_FILE}")]
    return max(complete, key=lambda path: Progress.load(path).step, default=None)


def append_row(path: Path, row: dict[str, Any]) -> None:
    """Append a row to a CSV file, with a header when the file is new."""
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, row)
        if new:
            writer.writeheader()
        writer.writerow(row)
