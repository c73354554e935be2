"""Find and load checkpoints, offline and without running code from them."""

from __future__ import annotations

import logging
import os
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sklearn_chatsr.models.chatsr import (
        ChatSRForExpressionGeneration,
        ChatSRProcessor,
    )

logger = logging.getLogger(__name__)

DEFAULT_CHECKPOINT = "chatsr-small"
CACHE_VARIABLE = "CHATSR_CACHE"
PACKAGED = Path(__file__).resolve().parent.parent / "checkpoints"

_WEIGHTS = "model.safetensors"
_LOADED: dict[tuple[str, int, str], tuple[Any, Any]] = {}
_LOCK = threading.Lock()
# Where a model can run; torch itself is not asked, since importing it takes seconds.
_DEVICE = re.compile(r"auto|(?:cpu|cuda|hpu|mps|mtia|npu|xla|xpu)(?::\d+)?")


def cache_folder() -> Path:
    """Give the folder in which checkpoints are looked for by name.

    The environment variable ``CHATSR_CACHE`` wins; else the cache folder of the
    platform. The folder need not exist.

    Returns
    -------
    pathlib.Path
    """
    if os.environ.get(CACHE_VARIABLE):
        return Path(os.environ[CACHE_VARIABLE]).expanduser()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "sklearn_chatsr"


def find_checkpoint(
    model: str | os.PathLike[str] = "default", *, allow_download: bool = False
) -> Path:
    """Find the folder of a checkpoint.

    Parameters
    ----------
    model : str or path, default="default"
        A folder that `save_pretrained` wrote, or a name. A name is looked for in the
        cache folder, then among the checkpoints of the package; "default" is the one
        that ships with the package.
    allow_download : bool, default=False
        Whether a name that is not found may be looked up on the hub.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    ValueError
        If there is no such checkpoint.

    Examples
    --------
    >>> from sklearn_chatsr.models.loading import find_checkpoint
    >>> find_checkpoint("default").name
    'chatsr-small'
    """
    name = os.fspath(model)
    given = Path(name).expanduser()
    # A folder that happens to be called as a checkpoint of ours is none.
    is_name = Path(name).name == name
    is_checkpoint = not is_name or (given / "config.json").is_file()
    if name not in ("", "default") and given.is_dir() and is_checkpoint:
        return given
    known = DEFAULT_CHECKPOINT if name == "default" else name
    if known and Path(known).name == known:
        for base in (cache_folder(), PACKAGED):
            if (base / known / "config.json").is_file():
                return base / known
    if allow_download:
        return _download(name)
    raise ValueError(
        f"No checkpoint at {name!r}. Pass model='default' for the one that ships with "
        "the package, or the folder that `save_pretrained` wrote."
    )


def load_model(
    model: str | os.PathLike[str] = "default",
    device: str = "auto",
    *,
    allow_download: bool = False,
) -> tuple[ChatSRForExpressionGeneration, ChatSRProcessor]:
    """Load a model and its processor, once per process.

    Parameters
    ----------
    model : str or path, default="default"
        See `find_checkpoint`.
    device : str, default="auto"
        A torch device; "auto" takes a GPU when there is one.
    allow_download : bool, default=False
        See `find_checkpoint`.

    Returns
    -------
    model : ChatSRForExpressionGeneration
        In evaluation mode, float32. Shared by every caller: do not train it.
    processor : ChatSRProcessor
        What was saved with it.

    Raises
    ------
    ValueError
        If there is no such checkpoint or no such device, or the checkpoint cannot be
        read.
    """
    folder = find_checkpoint(model, allow_download=allow_download)
    weights = folder / _WEIGHTS
    if not weights.is_file():
        raise ValueError(
            f"The checkpoint at '{folder}' has no {_WEIGHTS}. Pass the folder that "
            "`save_pretrained` wrote; pickled weights are not read."
        )
    target = _device(device)
    key = (str(folder.resolve()), weights.stat().st_mtime_ns, target)
    with _LOCK:
        if key not in _LOADED:
            _LOADED[key] = _load(folder, target)
        return _LOADED[key]


def _load(folder: Path, device: str) -> tuple[Any, Any]:
    import torch

    from sklearn_chatsr.models.chatsr import (
        ChatSRForExpressionGeneration,
        ChatSRProcessor,
    )
    from sklearn_chatsr.models.chatsr.statistics_chatsr import statistics_size

    options: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    model: Any
    info: dict[str, Any]
    reader: Any = ChatSRForExpressionGeneration
    try:
        with _quiet():
            model, info = reader.from_pretrained(
                folder,
                dtype=torch.float32,
                use_safetensors=True,
                output_loading_info=True,
                **options,
            )
            processor = ChatSRProcessor.from_pretrained(folder, **options)
    # Broken files fail in many ways inside transformers, tokenizers and safetensors.
    except Exception as error:
        raise ValueError(
            f"Cannot read the checkpoint at '{folder}' "
            f"({type(error).__name__}: {error}). Pass model='default' for the one that "
            "ships with the package, or the folder that `save_pretrained` wrote."
        ) from error
    wrong = sorted({*info["missing_keys"], *map(str, info["mismatched_keys"])})
    if wrong:
        raise ValueError(
            f"The checkpoint at '{folder}' lacks weights, among them {wrong[0]!r}."
        )
    points = model.config.point_config
    if (
        points.statistics_size != statistics_size(points.max_variables)
        or processor.feature_extractor.max_variables != points.max_variables
        or processor.num_feature_tokens != points.num_feature_tokens
    ):
        raise ValueError(
            f"The checkpoint at '{folder}' was written for other inputs than this "
            "version of sklearn_chatsr computes. Use the packaged checkpoint, or train "
            "a new one."
        )
    logger.info("Loaded the checkpoint at %s on %s", folder, device)
    return model.to(device).eval(), processor


def check_device(device: str) -> None:
    """Refuse what is no name of a device, without importing torch.

    Parameters
    ----------
    device : str
        "auto" or a torch device. Whether it is there is only known when a model is
        loaded.

    Raises
    ------
    ValueError
        If no model can run on a device of that name.
    """
    if not _DEVICE.fullmatch(device):
        raise ValueError(
            f"`device` == {device!r}, must be 'auto' or a torch device such as 'cpu' "
            "or 'cuda:0'."
        )


def _device(device: str) -> str:
    check_device(device)
    import torch

    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
        return str(torch.device(device))
    # A build without the back-end asserts; others say it in errors of their own.
    except (AssertionError, ImportError, NotImplementedError, RuntimeError) as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(
            f"`device` == {device!r} is not there ({reason}). Pass 'auto' for a GPU "
            "when there is one, or 'cpu'."
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Switch the progress bars of transformers off."""
    from transformers.utils import logging as transformers_logging

    shown = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            transformers_logging.enable_progress_bar()


def _download(name: str) -> Path:
    from huggingface_hub import snapshot_download

    try:
        folder = snapshot_download(
            name,
            cache_dir=cache_folder() / "hub",
            allow_patterns=["*.json", "*.safetensors"],
        )
    except Exception as error:
        raise ValueError(
            f"No checkpoint at {name!r}, and it could not be downloaded "
            f"({type(error).__name__}). Pass model='default' for the one that ships "
            "with the package, or the folder that `save_pretrained` wrote."
        ) from error
    return Path(folder)
