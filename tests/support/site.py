"""A small real web site on the loopback interface, whose every answer a test decides."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TDM_FILE = "/.well-known/tdmrep.json"


@dataclass(frozen=True)
class Request:
    path: str
    headers: dict[str, str]
    at: float


@dataclass
class Answer:
    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    chunks: Iterator[bytes] | None = None


def html(text: str, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(text.encode(), headers={"Content-Type": "text/html; charset=utf-8", **named})


class Site:
    """Paths to answers; a callable answer is asked with the request. Paths nobody set answer 404."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer | Callable[[Request], Answer]] = {}
        self.requests: list[Request] = []
        self.open_requests = 0
        self.most_open = 0
        self._lock = threading.Lock()
        self.port = 0

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def paths(self) -> list[str]:
        """What was asked for, in order; without the TDM file, which every site is asked for once."""
        return [request.path for request in self.requests if request.path != TDM_FILE]

    def answer(self, request: Request) -> Answer:
        with self._lock:
            self.requests.append(request)
            self.open_requests += 1
            self.most_open = max(self.most_open, self.open_requests)
        found = self.answers.get(request.path, Answer(b"not here", 404))
        return found(request) if callable(found) else found

    def done(self) -> None:
        with self._lock:
            self.open_requests -= 1


@contextlib.contextmanager
def serve() -> Iterator[Site]:
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            found = site.answer(Request(self.path, dict(self.headers), time.monotonic()))
            try:
                self.send_response(found.status)
                for name, value in found.headers.items():
                    self.send_header(name, value)
                if found.chunks is None:
                    self.send_header("Content-Length", str(len(found.body)))
                    self.end_headers()
                    self.wfile.write(found.body)
                else:
                    self.send_header("Connection", "close")
                    self.end_headers()
                    for chunk in found.chunks:
                        self.wfile.write(chunk)
                    self.close_connection = True
            except OSError:
                self.close_connection = True
            finally:
                site.done()

        def log_message(self, *_: object) -> None:
            return None

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            return None  # clients that are killed hang up

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    site.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
