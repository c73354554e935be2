"""Results of commands in JSON files."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


def check_writable(path: Path) -> None:
    """Refuse a file that cannot be written, before the work that is to go into it.

    Parameters
    ----------
    path : Path
        Of a file that may exist.

    Raises
    ------
    ValueError
        If it is a folder, or its folder is missing or not writable.
    """
    if path.is_dir():
        raise ValueError(f"--json is the folder {str(path)!r}: name a file in it.")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise ValueError(
            f"--json: cannot write {str(path)!r}. The folder must exist and be "
            "writable."
        )


def write_json(path: Path, content: Any) -> None:
    """Write what JSON knows, with indents."""
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
