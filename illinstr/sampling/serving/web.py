"""The web server in front of a ``Workshop``. Standard library only.

What keeps other web sites out, although they may know the address (OWASP, cross-site request forgery):

- ``Host`` must be this machine's address or the name it was started with, so no foreign name can be pointed here (DNS
  rebinding);
- what changes anything needs a token that only our own page holds, in a header that a foreign page cannot send without
  being asked first, and an ``Origin`` that is ours;
- answers are marked same-origin and are not to be framed, and pages get a policy without foreign sources.

A connection is a thread. Where there are too many, the one that has waited longest makes room: whoever opens
connections and says nothing shuts nobody out, and a page whose events are cut off takes them up again.
"""

from __future__ import annotations

import contextlib
import ipaddress
import secrets
import socket
import threading
from http.server import ThreadingHTTPServer
from typing import Any

from illinstr.errors import UsageError
from illinstr.sampling.serving.handler import Handler
from illinstr.sampling.serving.workshop import Workshop

MAX_CONNECTIONS = 64
MAKING_ROOM_S = 2.0


class WebServer(ThreadingHTTPServer):
    """Serves one workshop; ``serve_forever`` until ``shutdown``.

    Args:
        host: address or name to bind to.
        port: 0 takes a free one.
        workshop: who does the work; it is opened once the address is bound, and closed with the server.

    Raises:
        UsageError: the address cannot be bound, or the workshop cannot be opened.
    """

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, host: str, port: int, workshop: Workshop) -> None:
        self.workshop = workshop
        self.host = host
        self.token = secrets.token_urlsafe(32)
        self.epoch = secrets.token_hex(4)
        self._places = threading.BoundedSemaphore(MAX_CONNECTIONS)
        self._idle: dict[Any, None] = {}  # in the order in which they began to wait
        self._lock = threading.Lock()
        if ":" in host:
            self.address_family = socket.AF_INET6
        try:
            super().__init__((host, port), Handler)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            raise UsageError(f"cannot listen on {host}:{port}: {reason}", hint="--port 0 takes a free one") from error
        try:
            workshop.open()
        except BaseException:
            super().server_close()
            raise

    @property
    def url(self) -> str:
        """The address of the page."""
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.server_port}/"

    def server_close(self) -> None:
        """Close the address, then the workshop."""
        super().server_close()
        self.workshop.close()

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

    def waits(self, connection: Any, *, now: bool) -> None:
        """Note that a connection waits from now on, for a request or for events; or that it waits no longer."""
        with self._lock:
            self._idle.pop(connection, None)
            if now:
                self._idle[connection] = None

    def may_wait(self, connection: Any) -> bool:
        """Whether a waiting connection has not been chosen to make room."""
        with self._lock:
            return connection in self._idle

    def process_request(self, request: Any, client_address: Any) -> None:
        """Hand a connection to a thread; beyond ``MAX_CONNECTIONS`` the one that waited longest is closed for it."""
        if not self._places.acquire(blocking=False):
            self._make_room()
            if not self._places.acquire(timeout=MAKING_ROOM_S):
                self.shutdown_request(request)
                return
        super().process_request(request, client_address)

    def _make_room(self) -> None:
        with self._lock:
            longest = next(iter(self._idle), None)
            if longest is not None:
                del self._idle[longest]
                with contextlib.suppress(OSError):
                    longest.shutdown(socket.SHUT_RDWR)  # its thread reads an end, and goes

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve a connection and free its place."""
        try:
            self.waits(request, now=True)
            super().process_request_thread(request, client_address)
        finally:
            self.waits(request, now=False)
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
