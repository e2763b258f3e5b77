"""A small real server on the loopback interface that speaks the OpenAI protocol; a test decides what it answers."""

from __future__ import annotations

import contextlib
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass
class Reply:
    """One answer: a status, a body, and whether to hang up in the middle of it."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    hang_up: bool = False


def said(text: str | None) -> Reply:
    """A chat completion that says ``text``."""
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return Reply(json.dumps({"id": "x", "object": "chat.completion", "choices": [choice]}).encode())


def steps(*headlines: str) -> str:
    return json.dumps({"steps": [{"headline": headline, "body": ""} for headline in headlines]})


def refused(message: str, status: int = 400, **headers: str) -> Reply:
    return Reply(json.dumps({"error": {"message": message}}).encode(), status, headers)


@dataclass(frozen=True)
class Asked:
    path: str
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def text(self) -> str:
        return "\n".join(message["content"] for message in self.body["messages"])


Script = Callable[[Asked], Reply]


class LlmServer:
    """Answers ``/v1/chat/completions`` by its script, ``/v1/models`` by ``models``."""

    def __init__(self) -> None:
        self.script: Script = lambda asked: said(steps(*[f"Do thing {i}." for i in range(wanted(asked))]))
        self.models = ["tiny"]
        self.asked: list[Asked] = []
        self.port = 0
        self.scheme = "http"

    @property
    def address(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/v1"

    def replies(self, *replies: Reply) -> None:
        """Answer in turn; the last one again and again."""
        left = list(replies)
        self.script = lambda asked: left.pop(0) if len(left) > 1 else left[0]


def wanted(asked: Asked) -> int:
    """How many steps or goals a request asks for, from its words."""
    last = next(m["content"] for m in reversed(asked.body["messages"]) if "xactly" in m["content"])
    return int(last.split("exactly ")[-1].split()[0])


@contextlib.contextmanager
def serve(certificate: tuple[Path, Path] | None = None) -> Iterator[LlmServer]:
    """The server on a free port; with a certificate and its key it speaks TLS."""
    llm = LlmServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.reply(Reply(json.dumps({"data": [{"id": name} for name in llm.models]}).encode()))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked = Asked(self.path, {k.lower(): v for k, v in self.headers.items()}, body)
            llm.asked.append(asked)
            self.reply(llm.script(asked))

        def reply(self, reply: Reply) -> None:
            with contextlib.suppress(OSError):
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.send_header("Content-Length", str(len(reply.body) + (99 if reply.hang_up else 0)))
                self.end_headers()
                self.wfile.write(reply.body)

        def log_message(self, *_: object) -> None:
            return None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        llm.scheme = "https"
    llm.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield llm
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
