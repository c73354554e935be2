"""Load the compiled kernels when they are first needed, and say so when that is slow.

Numba and the kernels are imported on first use, so that importing the package stays
fast. Compiled code is kept on disk, beside the sources or, where those are read-only,
in Numba's cache directory of the user (``NUMBA_CACHE_DIR`` moves it); where nothing can
be written, in a temporary folder of the process.
"""

from __future__ import annotations

import atexit
import hashlib
import importlib
import logging
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from functools import lru_cache
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


@lru_cache(maxsize=1)
def prepare_cache() -> None:
    """Give Numba a temporary folder for compiled code where it finds no other.

    The folder is private to the process: code that others left is not loaded.
    """
    from numba.core import caching, config

    try:
        caching.CompileResultCacheImpl(prepare_cache.__wrapped__)
    except RuntimeError:
        folder = tempfile.mkdtemp(prefix="sklearn_chatsr-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        config.CACHE_DIR = folder  # type: ignore[attr-defined]
        _logger.warning(
            "Compiled code cannot be kept, and is compiled anew by every process: "
            "neither the package nor the home folder is writable. Set NUMBA_CACHE_DIR "
            "to a folder that is."
        )


def cached_njit(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Decorate as `numba.njit` does, with compiled code kept on disk.

    Parameters
    ----------
    **options
        Of `numba.njit`.
    """
    import numba

    prepare_cache()
    decorate: Callable[[Callable[..., Any]], Any] = numba.njit(cache=True, **options)
    return decorate


def _import(name: str, doing: str, seconds: int) -> ModuleType:
    from numba.core import event

    prepare_cache()

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
