"""The web server in front of a ``Workshop``: a page, its events, and five requests. Standard library only.

What keeps other web sites out, although they may know the address (OWASP, cross-site request forgery):

- ``Host`` must be this machine's address or the name it was started with, so no foreign name can be pointed here (DNS
  rebinding);
- what changes anything needs a token that only our own page holds, in a header that a foreign page cannot send without
  being asked first, and an ``Origin`` that is ours;
- answers are marked same-origin and are not to be framed, and pages get a policy without foreign sources.
"""

from __future__ import annotations

import ipaddress
import json
import re
import secrets
import socket
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from illinstr.errors import DataError, IllinstrError, UsageError
from illinstr.sampling.pages.page import PAGE_FILE, STRIP_FILE
from illinstr.sampling.serving.workshop import BusyError, QueuedTask, Workshop, described
from illinstr.templates import read_template, template

MAX_BODY_BYTES = 64 << 10
MAX_CONNECTIONS = 64
READ_TIMEOUT_S = 30
HEARTBEAT_S = 10.0
TOKEN_HEADER = "X-Illinstr-Token"
APP_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
# A finished page brings a stricter policy of its own; this one holds whatever lies in the folder.
PAGE_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
_ARTICLE = re.compile(r"/articles/([a-z0-9][a-z0-9-]{0,150})/([A-Za-z0-9.-]{0,40})")
_IMAGE = re.compile(r"step-\d{2,3}\.(png|jpg|webp)")
_EVENTS = re.compile(r"/tasks/(\d{1,12})/events")
_TYPES = {"html": "text/html; charset=utf-8", "png": "image/png", "jpg": "image/jpeg", "webp": "image/webp"}
_ASSETS = {  # which room's template, and what it is
    "/serve.js": ("sampling.serving", "text/javascript; charset=utf-8"),
    "/serve.css": ("sampling.serving", "text/css; charset=utf-8"),
    "/palette.css": ("sampling.pages", "text/css; charset=utf-8"),
}


class WebServer(ThreadingHTTPServer):
    """Serves one workshop; ``serve_forever`` until ``shutdown``.

    Args:
        host: address or name to bind to.
        port: 0 takes a free one.
        workshop: who does the work.

    Raises:
        UsageError: the address cannot be bound.
    """

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 32

    def __init__(self, host: str, port: int, workshop: Workshop) -> None:
        self.workshop = workshop
        self.host = host
        self.token = secrets.token_urlsafe(32)
        self._places = threading.BoundedSemaphore(MAX_CONNECTIONS)
        if ":" in host:
            self.address_family = socket.AF_INET6
        try:
            super().__init__((host, port), Handler)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            raise UsageError(f"cannot listen on {host}:{port}: {reason}", hint="--port 0 takes a free one") from error

    @property
    def url(self) -> str:
        """The address of the page."""
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.server_port}/"

    def knows(self, host_header: str) -> bool:
        """Whether a ``Host`` header names this server: an address, ``localhost`` or the name it was started with."""
        name, _, port = host_header.rpartition(":")
        if port != str(self.server_port):
            return False
        name = name.lower()
        if name in ("localhost", self.host.lower()):
            return True
        try:
            address = ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
        except ValueError:
            return False
        return address.is_loopback or not is_loopback(self.host)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Hand a connection to a thread; beyond ``MAX_CONNECTIONS`` it is closed."""
        if not self._places.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve a connection and free its place."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A listener that went away is no error."""


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach ``host``."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Refusal(Exception):
    """An answer that is not what was asked for."""

    def __init__(self, status: HTTPStatus, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.hint = status, message, hint


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: WebServer
    protocol_version = "HTTP/1.1"
    server_version = "illinstr"
    sys_version = ""
    timeout = READ_TIMEOUT_S

    def do_GET(self) -> None:
        """Pages, images and events."""
        self._answer(self._get)

    def do_POST(self) -> None:
        """Make, edit, correct."""
        self._answer(self._post)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: goals are the user's own affair."""

    def _answer(self, how: Any) -> None:
        try:
            if not self.server.knows(self.headers.get("Host", "")):
                raise Refusal(HTTPStatus.FORBIDDEN, "this server does not go by that name")
            how()
        except Refusal as refusal:
            self._send_json({"message": refusal.message, "hint": refusal.hint}, refusal.status)
        except BusyError as error:
            self._send_json({"message": error.message, "hint": error.hint}, HTTPStatus.TOO_MANY_REQUESTS)
        except UsageError as error:
            self._send_json({"message": error.message, "hint": error.hint}, HTTPStatus.BAD_REQUEST)
        except DataError as error:
            self._send_json({"message": error.message, "hint": error.hint}, HTTPStatus.NOT_FOUND)
        except IllinstrError as error:
            self._send_json({"message": error.message, "hint": error.hint}, HTTPStatus.INTERNAL_SERVER_ERROR)
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def _get(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/":
            self._send(render_page(self.server), _TYPES["html"], policy=APP_POLICY)
        elif path in _ASSETS:
            room, kind = _ASSETS[path]
            self._send(read_template(room, path[1:]).encode(), kind)
        elif match := _EVENTS.fullmatch(path):
            self._send_events(match[1])
        elif match := _ARTICLE.fullmatch(path):
            self._send_article(match[1], match[2])
        else:
            raise Refusal(HTTPStatus.NOT_FOUND, "there is nothing here")

    def _post(self) -> None:
        self.close_connection = True  # what is refused may leave its body unread
        if not secrets.compare_digest(self.headers.get(TOKEN_HEADER, "").encode(), self.server.token.encode()):
            raise Refusal(HTTPStatus.FORBIDDEN, "this page is from another start of the server", "load the page again")
        if self.headers.get("Origin") != f"http://{self.headers.get('Host')}":
            raise Refusal(HTTPStatus.FORBIDDEN, "another site asked for this")
        asked = self._body()
        shop, path = self.server.workshop, self.path
        if path == "/tasks/generate":
            seed = asked.get("seed")
            task = shop.generate(_text(asked, "goal"), _number(asked, "steps"), None if seed is None else _int(seed))
        elif path == "/tasks/edit":
            text = None if asked.get("text") is None else _text(asked, "text")
            task = shop.edit(_text(asked, "name"), _number(asked, "step"), text)
        elif path == "/tasks/correct":
            task = shop.correct(_text(asked, "name"), _number(asked, "after"), _text(asked, "problem"))
        else:
            raise Refusal(HTTPStatus.NOT_FOUND, "there is nothing here")
        self._send_json({"task": task.ident}, HTTPStatus.ACCEPTED)

    def _body(self) -> dict[str, Any]:
        if self.headers.get_content_type() != "application/json":
            raise Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send JSON")
        length = self.headers.get("Content-Length", "")
        if not re.fullmatch(r"\d{1,9}", length) or self.headers.get("Transfer-Encoding"):
            raise Refusal(HTTPStatus.LENGTH_REQUIRED, "say how long the request is")
        if int(length) > MAX_BODY_BYTES:
            raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the request is too long")
        try:
            asked = json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError):
            raise Refusal(HTTPStatus.BAD_REQUEST, "that is not JSON") from None
        if not isinstance(asked, dict):
            raise Refusal(HTTPStatus.BAD_REQUEST, "send one JSON object")
        return asked

    def _send_article(self, name: str, file: str) -> None:
        run = self.server.workshop.open(name)
        if file in ("", "article"):
            self._send_json(described(name, run.article))
            return
        if file not in (PAGE_FILE, STRIP_FILE) and not _IMAGE.fullmatch(file):
            raise Refusal(HTTPStatus.NOT_FOUND, "there is nothing here")
        path = run.folder / file
        if path.is_symlink() or not path.is_file():
            raise Refusal(HTTPStatus.NOT_FOUND, "there is nothing here")
        self._send(path.read_bytes(), _TYPES[file.rpartition(".")[2]], policy=PAGE_POLICY)

    def _send_events(self, ident: str) -> None:
        task = self.server.workshop.task(ident)
        if task is None:
            raise Refusal(HTTPStatus.NOT_FOUND, "there is no such task")
        last = self.headers.get("Last-Event-ID", "")
        self.close_connection = True
        self._head(HTTPStatus.OK, "text/event-stream; charset=utf-8")
        self.end_headers()
        self._stream(task, int(last) + 1 if re.fullmatch(r"\d{1,9}", last) else 0)

    def _stream(self, task: QueuedTask, number: int) -> None:
        ended = False
        while not ended:
            events, ended = task.follow(number, HEARTBEAT_S)
            for kind, data in events:
                self.wfile.write(f"id: {number}\nevent: {kind}\ndata: {json.dumps(data)}\n\n".encode())
                number += 1
            if not events:
                self.wfile.write(b": still here\n\n")
            self.wfile.flush()

    def _send_json(self, value: dict[str, Any], status: HTTPStatus = HTTPStatus.OK) -> None:
        self._send(json.dumps(value).encode(), "application/json", status=status)

    def _send(
        self, content: bytes, media_type: str, *, status: HTTPStatus = HTTPStatus.OK, policy: str = PAGE_POLICY
    ) -> None:
        self._head(status, media_type, policy)
        self.send_header("Content-Length", str(len(content)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content)

    def _head(self, status: HTTPStatus, media_type: str, policy: str = PAGE_POLICY) -> None:
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Security-Policy", policy)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cache-Control", "no-store")


def render_page(server: WebServer) -> bytes:
    """The one page: a field, and the articles that are there."""
    articles = [
        {"name": name, "goal": article.goal, "image": described(name, article)["steps"][-1]["image"]}
        for name, article in server.workshop.articles()
    ]
    page = template("sampling.serving", "serve.html.j2")
    shown = page.render(token=server.token, writer=server.workshop.verbs.writer_name, articles=articles)
    return f"{shown}\n".encode()


def _text(asked: dict[str, Any], name: str) -> str:
    value = asked.get(name)
    if not isinstance(value, str):
        raise UsageError(f"{name} is missing or no text")
    return value


def _number(asked: dict[str, Any], name: str) -> int:
    return _int(asked.get(name))


def _int(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise UsageError("a whole number is missing")
    return value
