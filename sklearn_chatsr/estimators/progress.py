"""A progress bar that shows the best formula so far."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class ProgressBar:
    """A tqdm bar of what was tried, or nothing.

    Parameters
    ----------
    verbose : int
        0 shows nothing.
    unit : str
        What is counted.
    total : int, optional
        How many there will be, at most.
    """

    def __init__(self, verbose: int, unit: str, total: int | None = None) -> None:
        self._bar: Any = None
        if verbose:
            from tqdm.auto import tqdm

            self._bar = tqdm(total=total, unit=f" {unit}", desc="search")

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def update(self, n_done: int, describe: Callable[[], str]) -> None:
        """Show the count and what `describe` says, which is asked only if shown."""
        if self._bar is not None:
            self._bar.update(n_done - self._bar.n)
            self._bar.set_postfix_str(describe())
