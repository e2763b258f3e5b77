"""One connection to the local page: what may be asked, by whom, and how it is answered."""

from __future__ import annotations

import json
import re
import secrets
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from importlib import util
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel, ValidationError

from illinstr.articles import Article
from illinstr.errors import DataError, IllinstrError, UsageError
from illinstr.images import MAX_IMAGE_BYTES
from illinstr.sampling.pages.page import MARKDOWN_FILE, PAGE_FILE, STRIP_FILE
from illinstr.sampling.pages.pdf import PDF_FILE, render_pdf
from illinstr.sampling.serving.speech import for_page
from illinstr.sampling.serving.tasks import (
    NAME_PATTERN,
    CorrectAsked,
    EditAsked,
    GenerateAsked,
    QueuedTask,
    described,
)
from illinstr.sampling.serving.workshop import BusyError, ConflictError, Workshop
from illinstr.templates import read_template, template

MAX_BODY_BYTES = 512 << 10  # a hundred steps of the longest words fit
READ_TIMEOUT_S = 30
HEARTBEAT_S = 10.0
TICK_S = 0.5  # how soon a listener makes room for another connection
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
_APP = re.compile(rf"/|/articles/({NAME_PATTERN})|/tasks/(\d{{1,12}})")
_ARTICLE = re.compile(rf"/articles/({NAME_PATTERN})/([A-Za-z0-9.-]{{0,40}})")
_IMAGE = re.compile(r"step-\d{2,3}\.(png|jpg|webp)")
_EVENTS = re.compile(r"/tasks/(\d{1,12})/events(?:\?after=([0-9a-f]{8}-\d{1,9}))?")
_CANCEL = re.compile(r"/tasks/(\d{1,12})/cancel")
_DELETE = re.compile(rf"/articles/({NAME_PATTERN})/delete")
_PLACE = re.compile(r"([0-9a-f]{8})-(\d{1,9})")
_TYPES = {
    "html": "text/html; charset=utf-8",
    "md": "text/markdown; charset=utf-8",
    "png": "image/png",
    "jpg": "image/jpeg",
    "webp": "image/webp",
    "pdf": "application/pdf",
}
_ASSETS = {  # which room's template, and what it is
    "/serve.js": ("sampling.serving", "text/javascript; charset=utf-8"),
    "/follow.js": ("sampling.serving", "text/javascript; charset=utf-8"),
    "/serve.css": ("sampling.serving", "text/css; charset=utf-8"),
    "/palette.css": ("sampling.pages", "text/css; charset=utf-8"),
}
_STATUS = (
    (BusyError, HTTPStatus.TOO_MANY_REQUESTS),
    (ConflictError, HTTPStatus.CONFLICT),
    (UsageError, HTTPStatus.BAD_REQUEST),
    (DataError, HTTPStatus.NOT_FOUND),
    (IllinstrError, HTTPStatus.INTERNAL_SERVER_ERROR),
)
_printing = threading.Lock()  # one PDF at a time: it takes memory, and sets the time zone of fonts
AskedT = TypeVar("AskedT", bound=BaseModel)


class Serving(Protocol):
    """The server, as a connection knows it."""

    @property
    def workshop(self) -> Workshop: ...
    @property
    def token(self) -> str: ...
    @property
    def epoch(self) -> str: ...
    def knows(self, host_header: str) -> bool: ...
    def waits(self, connection: Any, *, now: bool) -> None: ...
    def may_wait(self, connection: Any) -> bool: ...


class Refusal(Exception):
    """An answer that is not what was asked for."""

    def __init__(self, status: HTTPStatus, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.hint = status, message, hint


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: Serving  # type: ignore[assignment]  # the base class knows a server of its own kind
    protocol_version = "HTTP/1.1"
    server_version = "illinstr"
    sys_version = ""
    timeout = READ_TIMEOUT_S

    def handle_one_request(self) -> None:
        """Until the request is read, the connection waits."""
        self.server.waits(self.connection, now=True)
        super().handle_one_request()

    def do_GET(self) -> None:
        """Pages, images, lists and events."""
        self.server.waits(self.connection, now=False)
        self._answer(self._get)

    def do_POST(self) -> None:
        """Make, edit, correct, cancel, delete, take in an image."""
        self._answer(self._post)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: goals are the user's own affair."""

    def _answer(self, how: Callable[[], None]) -> None:
        try:
            if not self.server.knows(self.headers.get("Host", "")):
                raise Refusal(HTTPStatus.FORBIDDEN, "this server does not go by that name")
            how()
        except Refusal as refusal:
            self._send_json({"message": refusal.message, "hint": refusal.hint}, refusal.status)
        except IllinstrError as error:
            self._send_json(for_page(error), next(status for kind, status in _STATUS if isinstance(error, kind)))
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def _get(self) -> None:
        path = self.path.partition("?")[0]
        shop = self.server.workshop
        if match := _APP.fullmatch(path):
            self._send_app(match[1], match[2])
        elif path in _ASSETS:
            room, kind = _ASSETS[path]
            self._send(read_template(room, path[1:]).encode(), kind)
        elif path == "/state":
            tasks = [task.summary() for task in shop.unfinished()]
            self._send_json({"tasks": tasks, "articles": [_card(*each) for each in shop.articles()]})
        elif path == "/token":
            if self.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
                raise Refusal(HTTPStatus.FORBIDDEN, "another site asked for this")
            self._send_json({"token": self.server.token})
        elif match := _EVENTS.fullmatch(self.path):
            self._send_events(match[1], match[2] or self.headers.get("Last-Event-ID", ""))
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
        shop, path = self.server.workshop, self.path
        if path == "/images":
            self._send_json(
                {"image": shop.keep_image(self._body(MAX_IMAGE_BYTES, ("image/jpeg", "image/png", "image/webp")))}
            )
            return
        body = self._body(MAX_BODY_BYTES, ("application/json",))
        if path == "/tasks/generate":
            task = shop.generate(_read(GenerateAsked, body))
        elif path == "/tasks/edit":
            task = shop.edit(_read(EditAsked, body))
        elif path == "/tasks/correct":
            task = shop.correct(_read(CorrectAsked, body))
        elif match := _CANCEL.fullmatch(path):
            task = shop.cancel(match[1])
        elif match := _DELETE.fullmatch(path):
            shop.delete(match[1])
            self._send_json({"deleted": match[1]})
            return
        else:
            raise Refusal(HTTPStatus.NOT_FOUND, "there is nothing here")
        self._send_json({"task": task.ident, "name": task.record.name}, HTTPStatus.ACCEPTED)

    def _body(self, most: int, kinds: tuple[str, ...]) -> bytes:
        """The body, read whole.

        Raises:
            Refusal: of another kind than these, without its length, longer than ``most`` bytes, or cut short.
        """
        if self.headers.get_content_type() not in kinds:
            raise Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"send {' or '.join(kinds)}")
        length = self.headers.get("Content-Length", "")
        if not re.fullmatch(r"\d{1,9}", length) or self.headers.get("Transfer-Encoding"):
            raise Refusal(HTTPStatus.LENGTH_REQUIRED, "say how long the request is")
        if int(length) > most:
            raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the request is too long")
        body = self.rfile.read(int(length))
        self.server.waits(self.connection, now=False)
        if len(body) != int(length):
            raise Refusal(HTTPStatus.BAD_REQUEST, "the request was cut short")
        return body

    def _send_app(self, name: str | None, ident: str | None) -> None:
        """The one page of the program, at the address of an article, of a task, or of neither."""
        shop, status = self.server.workshop, HTTPStatus.OK
        known = {path for path, _ in shop.articles()} | {task.record.name for task in shop.unfinished()}
        if (name is not None and name not in known) or (ident is not None and shop.task(ident) is None):
            status = HTTPStatus.NOT_FOUND
        shown = template("sampling.serving", "serve.html.j2").render(
            token=self.server.token,
            writers=shop.verbs.writers,
            models=shop.verbs.models,
            articles=[_card(*each) for each in shop.articles()],
            pdf=util.find_spec("weasyprint") is not None,
        )
        self._send(f"{shown}\n".encode(), _TYPES["html"], status=status, policy=APP_POLICY)

    def _send_article(self, name: str, file: str) -> None:
        run = self.server.workshop.article(name)
        if file in ("", "article"):
            self._send_json(described(name, run.article))
            return
        if file == PDF_FILE:
            with _printing:
                content = render_pdf(run.article, run.record)
            self._send(content, _TYPES["pdf"], attached=f"{name}.pdf")
            return
        if file not in (PAGE_FILE, MARKDOWN_FILE, STRIP_FILE) and not _IMAGE.fullmatch(file):
            raise Refusal(HTTPStatus.NOT_FOUND, "there is nothing here")
        path = run.folder / file
        if path.is_symlink() or not path.is_file():
            raise Refusal(HTTPStatus.NOT_FOUND, "there is nothing here")
        self._send(path.read_bytes(), _TYPES[file.rpartition(".")[2]])

    def _send_events(self, ident: str, last: str) -> None:
        task = self.server.workshop.task(ident)
        if task is None:
            raise Refusal(HTTPStatus.NOT_FOUND, "there is no such task")
        place = _PLACE.fullmatch(last)
        # A server that died numbered its events itself; the next one begins with the first of its own.
        after = int(place[2]) + 1 if place and place[1] == self.server.epoch else 0
        self.close_connection = True
        self._head(HTTPStatus.OK, "text/event-stream; charset=utf-8")
        self.end_headers()
        self.server.waits(self.connection, now=True)
        self._stream(task, after)

    def _stream(self, task: QueuedTask, number: int) -> None:
        ended, silent_s = False, 0.0
        while not ended and self.server.may_wait(self.connection):
            events, ended = task.follow(number, TICK_S)
            for kind, data in events:
                head = f"id: {self.server.epoch}-{number}\nevent: {kind}\n"
                self.wfile.write(f"{head}data: {json.dumps(data)}\n\n".encode())
                number += 1
            silent_s = 0.0 if events else silent_s + TICK_S
            if silent_s >= HEARTBEAT_S:
                silent_s = 0.0
                self.wfile.write(b": still here\n\n")
            self.wfile.flush()

    def _send_json(self, value: dict[str, Any], status: HTTPStatus = HTTPStatus.OK) -> None:
        self._send(json.dumps(value).encode(), "application/json", status=status)

    def _send(
        self,
        content: bytes,
        media_type: str,
        *,
        status: HTTPStatus = HTTPStatus.OK,
        policy: str = PAGE_POLICY,
        attached: str | None = None,
    ) -> None:
        self._head(status, media_type, policy)
        self.send_header("Content-Length", str(len(content)))
        if attached:
            self.send_header("Content-Disposition", f'attachment; filename="{attached}"')
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


def _card(name: str, article: Article) -> dict[str, Any]:
    """An article in the list: its last image stands for it."""
    return {"name": name, "goal": article.goal, "image": described(name, article)["steps"][-1]["image"]}


def _read(kind: type[AskedT], body: bytes) -> AskedT:
    """What is asked, as JSON of the right types.

    Raises:
        Refusal: it is something else; the first thing that is wrong is named.
    """
    try:
        return kind.model_validate_json(body, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        where = first["loc"][0] if first["loc"] else "the request"
        raise Refusal(HTTPStatus.BAD_REQUEST, f"{where}: {first['msg']}") from None
