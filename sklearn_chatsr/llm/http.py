"""Any server that speaks the routes of OpenAI, on the standard library alone."""

from __future__ import annotations

import http.client
import json
import logging
import os
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from sklearn_chatsr.llm.protocol import Completion, LanguageModelError

_logger = logging.getLogger(__name__)

_ROUTES = {"completion": "/completions", "chat": "/chat/completions"}
# Too early, too many, or the trouble of the server: the same request may succeed later.
_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504, 529})
_ADVICE = {
    400: "Check `model`, `mode` and `extra_body`.",
    401: "Check the key in the environment variable that `api_key_env` names.",
    403: "The key may not use this model.",
    404: "Check `base_url` (it usually ends with /v1), `model` and `mode`.",
    422: "Check `model`, `mode` and `extra_body`.",
}
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_LONGEST_WAIT = 30.0  # seconds between two tries
_MAX_BYTES = 16_000_000


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follow no redirect: it would carry the key to another place."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


class _RequestError(Exception):
    """One request failed; `status` is None when no answer came."""

    def __init__(
        self, message: str, status: int | None = None, wait: float | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.wait = wait


class HTTPLanguageModel:
    r"""A language model behind an OpenAI-compatible server.

    vLLM, llama.cpp, `transformers serve`, SGLang, Ollama, LM Studio and the public
    providers speak these routes.

    Parameters
    ----------
    base_url : str
        Address up to the version, for example ``"http://127.0.0.1:8080/v1"``.
    model : str
        Name of the model on the server.
    mode : {"completion", "chat"}
        ``/completions`` continues the prompt, ``/chat/completions`` answers it.
    api_key_env : str, optional
        Name of the environment variable that holds the key. The key itself is read
        when a request is sent and kept nowhere.
    temperature, top_p : float or None
        Sampling; None leaves it to the server.
    max_tokens : int or None
        Longest answer, in tokens.
    stop : sequence of str
        Strings that end an answer.
    timeout : float
        Seconds that one request may take.
    max_retries : int
        How often a request is sent again after a time-out, a dropped connection, an
        answer that is no JSON, or the status 408, 425, 429 or 5xx.
    backoff : float
        Seconds before the first such retry; doubled each time, at most 30. A longer
        ``Retry-After`` of the server is kept, up to the same limit.
    max_total_tokens : int, optional
        Generated tokens after which no request is sent any more.
    extra_body : mapping, optional
        Further fields of each request: ``grammar``, ``top_k``, ``min_p``, ...

    Attributes
    ----------
    name : str
        The name of the model.
    total_tokens : int
        Tokens generated so far, as the server counts them. (llama.cpp counts one of
        the answers to a request.)
    last_trouble : str or None
        Why the latest request is to be sent again; None when it was answered.

    Raises
    ------
    ValueError
        If a parameter is outside of what is allowed.

    Examples
    --------
    >>> from sklearn_chatsr.llm import HTTPLanguageModel
    >>> url = "http://127.0.0.1:8080/v1"
    >>> model = HTTPLanguageModel(url, "smollm2", stop=["\n\n"])
    >>> model.name
    'smollm2'
    """

    def __init__(
        self,
        base_url: str,
        model: str = "default",
        *,
        mode: str = "completion",
        api_key_env: str | None = None,
        temperature: float | None = 0.8,
        top_p: float | None = None,
        max_tokens: int | None = 256,
        stop: Sequence[str] = (),
        timeout: float = 120.0,
        max_retries: int = 4,
        backoff: float = 0.5,
        max_total_tokens: int | None = None,
        extra_body: Mapping[str, Any] | None = None,
    ) -> None:
        address = urlsplit(base_url)
        if address.scheme not in ("http", "https") or not address.hostname:
            raise ValueError(
                f"`base_url` == {base_url!r}, must be an http or https address such as "
                "'http://127.0.0.1:8080/v1'."
            )
        if address.username or address.password:
            raise ValueError(
                "`base_url` holds a user or password. Put the key into an environment "
                "variable and name that with `api_key_env`."
            )
        if mode not in _ROUTES:
            raise ValueError(f"`mode` == {mode!r}, must be one of {list(_ROUTES)}.")
        if timeout <= 0:
            raise ValueError(f"`timeout` == {timeout}, must be > 0 seconds.")
        if max_retries < 0:
            raise ValueError(f"`max_retries` == {max_retries}, must be >= 0.")
        self.name = model
        self.base_url = base_url.rstrip("/")
        self.model = model
        self.mode = mode
        self.api_key_env = api_key_env
        self.temperature = temperature
        self.top_p = top_p
        self.max_tokens = max_tokens
        self.stop = (stop,) if isinstance(stop, str) else tuple(stop)
        self.timeout = timeout
        self.max_retries = max_retries
        self.backoff = backoff
        self.max_total_tokens = max_total_tokens
        self.extra_body = dict(extra_body or {})
        self.total_tokens = 0
        self.last_trouble: str | None = None
        self._at_once: int | None = None

    def complete(
        self, prompt: str, n: int, *, seed: int | None = None
    ) -> list[Completion]:
        """Draw texts that continue a prompt; see `LanguageModel.complete`.

        A server that ignores or refuses `n` gets further requests, each with a seed of
        its own.

        Raises
        ------
        LanguageModelError
            At once for a refused key or an unknown route, after the retries for a
            server that does not answer, and when the tokens are used up.
        """
        found: list[Completion] = []
        while len(found) < n:
            self._check_budget()
            wanted = min(n - len(found), self._at_once or n)
            later = None if seed is None else seed + len(found)
            try:
                answer = self._ask(self._body(prompt, wanted, later))
            except _RequestError as error:
                if error.status in (400, 422) and wanted > 1:
                    # Servers refuse more answers to one request than they have slots.
                    self._at_once = wanted // 2
                    continue
                raise self._fatal(error) from None
            completions = self._read(answer)
            if not completions:
                break
            found += completions[: n - len(found)]
        return found

    def _check_budget(self) -> None:
        limit = self.max_total_tokens
        if limit is not None and self.total_tokens >= limit:
            raise LanguageModelError(
                f"{self.total_tokens} tokens have been generated, `max_total_tokens` "
                f"== {limit}. Raise it to go on."
            )

    def _body(self, prompt: str, n: int, seed: int | None) -> dict[str, Any]:
        body: dict[str, Any] = {"model": self.model, "n": n, "stream": False}
        if self.mode == "chat":
            body["messages"] = [{"role": "user", "content": prompt}]
        else:
            body["prompt"] = prompt
        for key in ("temperature", "top_p", "max_tokens"):
            if getattr(self, key) is not None:
                body[key] = getattr(self, key)
        if self.stop:
            body["stop"] = list(self.stop)
        if seed is not None:
            body["seed"] = seed
        return {**body, **self.extra_body}

    def _fatal(self, error: _RequestError) -> LanguageModelError:
        advice = _ADVICE.get(error.status or 0, "Is the server running and reachable?")
        return LanguageModelError(f"{self.base_url}: {error} {advice}")

    def _ask(self, body: dict[str, Any]) -> Any:
        """Send a request, again where that may help."""
        for attempt in range(self.max_retries + 1):
            began = time.perf_counter()
            try:
                answer = self._send(body)
            except _RequestError as error:
                transient = error.status is None or error.status in _TRANSIENT
                if not transient or attempt == self.max_retries:
                    tries = f" ({attempt + 1} tries)" if attempt else ""
                    raise _RequestError(f"{error}{tries}", error.status) from None
                wait = max(self.backoff * 2**attempt, error.wait or 0.0)
                wait = min(wait, _LONGEST_WAIT)
                self.last_trouble = str(self._fatal(error))
                _logger.warning("%s Trying again in %.1f s.", error, wait)
                time.sleep(wait)
            else:
                self.last_trouble = None
                _logger.debug("Answered in %.2f s.", time.perf_counter() - began)
                return answer
        raise AssertionError("unreachable")

    def _send(self, body: dict[str, Any]) -> Any:
        key = self._key()
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        request = urllib.request.Request(
            self.base_url + _ROUTES[self.mode],
            data=json.dumps(body).encode(),
            headers=headers,
        )
        opener = urllib.request.build_opener(*self._handlers())
        deadline = time.monotonic() + self.timeout
        try:
            with opener.open(request, timeout=self.timeout) as response:
                raw = _read_until(response, deadline)
        except urllib.error.HTTPError as error:
            with error:
                text = _message(_beginning(error))
            if key:
                text = text.replace(key, "***")
            raise _RequestError(
                f"status {error.code}: {text}", error.code, _retry_after(error)
            ) from None
        except TimeoutError:
            raise _RequestError(f"no answer within {self.timeout:g} s.") from None
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", None) or error
            if isinstance(reason, TimeoutError):
                raise _RequestError(f"no answer within {self.timeout:g} s.") from None
            raise _RequestError(
                f"no connection ({type(reason).__name__}: {reason})."
            ) from None
        try:
            return json.loads(raw)
        except (ValueError, RecursionError):
            raise _RequestError("the answer is not JSON.") from None

    def _handlers(self) -> list[Any]:
        if urlsplit(self.base_url).hostname in _LOOPBACK:
            # A proxy of the environment is not the way to this machine.
            return [_NoRedirect, urllib.request.ProxyHandler({})]
        return [_NoRedirect]

    def _key(self) -> str | None:
        if self.api_key_env is None:
            return None
        key = os.environ.get(self.api_key_env, "").strip()
        if not key:
            raise LanguageModelError(
                f"The environment variable {self.api_key_env!r} is not set. Put the "
                "key of the server into it, or pass `api_key_env=None`."
            )
        if not (key.isascii() and key.isprintable()):
            raise LanguageModelError(
                f"The key in the environment variable {self.api_key_env!r} has line "
                "breaks or characters that no header may hold."
            )
        return key

    def _read(self, answer: Any) -> list[Completion]:
        try:
            choices = answer["choices"]
            if self.mode == "chat":
                texts = [choice["message"]["content"] or "" for choice in choices]
            else:
                texts = [choice["text"] for choice in choices]
        except (KeyError, TypeError, IndexError):
            texts = [None]
        if not all(isinstance(text, str) for text in texts):
            raise LanguageModelError(
                f"{self.base_url}: the answer has no texts: {str(answer)[:200]}. Does "
                f"the server know the route {_ROUTES[self.mode]}?"
            )
        usage = answer.get("usage") or {}
        total = usage.get("completion_tokens") if isinstance(usage, dict) else None
        if not isinstance(total, int) or not texts:
            return [Completion(text) for text in texts]
        self.total_tokens += total
        # Servers count all answers together; the shares add up to that.
        share, rest = divmod(total, len(texts))
        return [Completion(t, share + (i < rest)) for i, t in enumerate(texts)]


def _read_until(response: Any, deadline: float) -> bytes:
    """Read an answer; the time-out of the socket alone allows drop after drop."""
    parts: list[bytes] = []
    size = 0
    while part := response.read1(65_536):
        parts.append(part)
        size += len(part)
        if size > _MAX_BYTES:
            raise _RequestError(f"the answer is larger than {_MAX_BYTES} bytes.")
        if time.monotonic() > deadline:
            raise TimeoutError
    return b"".join(parts)


def _beginning(error: urllib.error.HTTPError) -> str:
    """Read what comes with a status, as far as it comes."""
    try:
        return error.read(2000).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException):
        return ""


def _message(text: str) -> str:
    """Give what a server says about an error, without its wrapping."""
    try:
        found = json.loads(text)
        found = found.get("error", found)
        found = found.get("message", found) if isinstance(found, dict) else found
    except (ValueError, AttributeError, RecursionError):
        found = text
    return " ".join(str(found).split())[:300]


def _retry_after(error: urllib.error.HTTPError) -> float | None:
    try:
        return max(0.0, float(error.headers.get("Retry-After", "")))
    except ValueError:
        return None
