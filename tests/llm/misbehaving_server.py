"""A real HTTP server that answers as a list of behaviours tells, one a request."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class MisbehavingServer(ThreadingHTTPServer):
    """Follows `behaviours` one by one, the last one for all further requests."""

    daemon_threads = True

    def __init__(self, *behaviours: Any) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behaviours = list(behaviours)
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.released = threading.Event()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def __enter__(self) -> MisbehavingServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self.shutdown()
        self._thread.join()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep quiet: clients that hang up are what is tested."""


class _Handler(BaseHTTPRequestHandler):
    server: MisbehavingServer

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        body = json.loads(self.rfile.read(length))
        server = self.server
        server.requests.append({"path": self.path, **body})
        server.headers.append(dict(self.headers))
        number = min(len(server.requests), len(server.behaviours)) - 1
        behaviour = server.behaviours[number]
        if behaviour == "hang":
            server.released.wait(30)
        elif behaviour == "drip":
            self.send_response(200)
            self.end_headers()
            while not server.released.is_set():
                self.wfile.write(b" ")
                time.sleep(0.02)
        elif behaviour == "drop":
            self.close_connection = True
        elif isinstance(behaviour, int):
            self.answer(behaviour, {"error": {"message": "the server says no"}})
        elif isinstance(behaviour, bytes):
            self.answer(200, behaviour)
        elif isinstance(behaviour, tuple):
            self.answer(*behaviour)
        else:
            self.answer(200, behaviour(body))

    def answer(
        self, status: int, content: Any, headers: dict[str, str] | None = None
    ) -> None:
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


def as_asked(body: dict[str, Any]) -> dict[str, Any]:
    """Answer as the specification says; texts tell the seed."""
    return _answer(body, body["n"])


def ignores_n(body: dict[str, Any]) -> dict[str, Any]:
    """Give one answer, however many were asked for."""
    return _answer(body, 1)


def _answer(body: dict[str, Any], n: int) -> dict[str, Any]:
    texts = [f"seed {body.get('seed', 0) + k}" for k in range(n)]
    if "messages" in body:
        choices: list[Any] = [{"message": {"content": text}} for text in texts]
    else:
        choices = [{"text": text} for text in texts]
    return {"choices": choices, "usage": {"completion_tokens": 2 * n + 1}}
