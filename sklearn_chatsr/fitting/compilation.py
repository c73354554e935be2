"""Load the compiled kernels when they are first needed, and say so when that is slow.

Numba and the kernels are imported on first use, so that importing the package stays
fast. Compiled code is kept on disk, beside the sources or, where those are read-only,
in Numba's cache directory of the user (``NUMBA_CACHE_DIR`` moves it).
"""

from __future__ import annotations

import hashlib
import importlib
import logging
import threading
import time
from pathlib import Path
from types import ModuleType
from typing import Any

_SOURCES = (
    "_kernels",
    "_blocks",
    "_structure",
    "_equations",
    "_starts",
    "_minimise",
    "_solver",
)

_logger = logging.getLogger(__name__)
_lock = threading.Lock()
_loaded: dict[str, ModuleType] = {}


def load_kernels() -> ModuleType:
    """Give the module of compiled entry points; the first call loads or compiles it."""
    return _load("_compiled", "Compiling the fitting kernels", 20)


def load_starts() -> ModuleType:
    """Give the module that draws starts outside a compiled fit, likewise.

    BFGS, Adam, programs with shared parameters or thresholds, and a look at which
    constants are linear ask for it.
    """
    return _load("_compiled_starts", "Compiling the drawing of starts", 12)


def _load(name: str, doing: str, seconds: int) -> ModuleType:
    if name not in _loaded:
        with _lock:
            if name not in _loaded:
                _loaded[name] = _import(name, doing, seconds)
    return _loaded[name]


def source_fingerprint() -> int:
    """Hash all compiled sources.

    Numba's cache notices a change in the file of an entry point only. The entry points
    close over this number, which makes it part of their key.
    """
    folder = Path(__file__).parent
    digest = hashlib.sha256()
    for path in (
        *(folder / f"{name}.py" for name in _SOURCES),
        folder.parent / "expressions" / "vocabulary.py",
    ):
        digest.update(path.read_bytes())
    return int.from_bytes(digest.digest()[:7], "big")


def _import(name: str, doing: str, seconds: int) -> ModuleType:
    from numba.core import event

    class _Announcement(event.Listener):
        said = False

        def on_start(self, event: Any) -> None:
            if not self.said:
                self.said = True
                _logger.info(
                    "%s; this happens once per machine and takes about %d seconds.",
                    doing,
                    seconds,
                )

        def on_end(self, event: Any) -> None:
            pass

    began = time.perf_counter()
    with event.install_listener("numba:compile", _Announcement()):
        module = importlib.import_module(f"sklearn_chatsr.fitting.{name}")
    _logger.debug("%s ready in %.2f s.", name, time.perf_counter() - began)
    return module


def warm_up() -> None:
    """Compile all that fits use now, if this machine has not done so yet.

    A fit compiles what it uses before its time begins; calling this moves the wait, at
    most about 30 seconds once per machine, to a moment of your choice. Later processes
    load the result in a fraction of a second.

    Examples
    --------
    >>> from sklearn_chatsr.fitting import warm_up
    >>> warm_up()
    """
    load_kernels()
    load_starts()
