"""One HTTP call to a chat server: no redirect is followed, nothing is read beyond a limit, loopback needs no proxy."""

from __future__ import annotations

import json
import os
import ssl
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
from pydantic import BaseModel, ConfigDict, Field

from illinstr.chat.address import Address, is_loopback
from illinstr.chat.completion import NotACompletion
from illinstr.errors import FetchError, UsageError

MAX_ANSWER_BYTES = 1 << 20


class ChatConfig(BaseModel):
    """Waits, in seconds, and tries."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    connect_s: float = Field(default=10.0, gt=0)
    read_s: float = Field(default=300.0, gt=0)
    deadline_s: float = Field(default=600.0, gt=0)
    loading_s: float = Field(default=180.0, ge=0, description="for a server that loads its model first")
    tries: int = Field(default=4, ge=1)
    backoff_s: float = Field(default=1.0, ge=0)
    longest_wait_s: float = Field(default=60.0, ge=0)
    ca_file: str | None = Field(default=None, description="PEM file of an authority to trust besides")


@dataclass(frozen=True)
class Answer:
    """Status, body, and the seconds that a ``Retry-After`` asks for."""

    status: int
    content: bytes
    retry_after: float = 0.0

    def json(self) -> Any:
        """The body's JSON.

        Raises:
            NotACompletion: it holds none.
        """
        try:
            return json.loads(self.content)
        except (ValueError, RecursionError) as error:
            raise NotACompletion("did not answer with JSON") from error


class Transport:
    """Calls one address.

    Args:
        address: where to, with its key.
        waits: connect, read and total time.
        user_agent: who asks.
    """

    def __init__(self, address: Address, waits: ChatConfig, *, user_agent: str) -> None:
        self.address, self.waits = address, waits
        # What is counted is what arrives; servers that compress all the same are understood.
        self.headers = {"User-Agent": user_agent, "Accept": "application/json", "Accept-Encoding": "identity"}
        self.headers |= address.headers

    def ask(self, path: str, body: dict[str, Any] | None) -> Answer:
        """GET, or POST of ``body``.

        Raises:
            httpx.TransportError: the connection failed or broke off.
            FetchError: too slow, too much, or a certificate that is not trusted.
        """
        started, where = time.monotonic(), self.address.where
        try:
            with (
                self._client() as client,
                client.stream("GET" if body is None else "POST", self.address.url(path), json=body) as response,
            ):
                content = bytearray()
                for piece in response.iter_bytes(1 << 16):
                    content += piece
                    if len(content) > MAX_ANSWER_BYTES:
                        raise FetchError(f"{where} answered with more than {MAX_ANSWER_BYTES >> 20} MiB")
                    if time.monotonic() - started > self.waits.deadline_s:
                        raise FetchError(f"{where} took longer than {self.waits.deadline_s:g} s")
        except httpx.ConnectError as error:
            untrusted = _tls_error(str(error), where)
            if untrusted is None:
                raise
            raise untrusted from error
        except (httpx.ConnectTimeout, httpx.RemoteProtocolError, httpx.ReadError):
            raise
        except httpx.TimeoutException as error:
            raise FetchError(
                f"{where} did not answer within {self.waits.read_s:g} s", hint="a smaller model answers sooner"
            ) from error
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            raise FetchError(f"cannot ask {where}: {error}") from error
        return Answer(response.status_code, bytes(content), retry_after(response.headers.get("retry-after")))

    def _client(self) -> httpx.Client:
        near = is_loopback(self.address.host)
        try:
            return httpx.Client(
                headers=self.headers,
                timeout=httpx.Timeout(self.waits.read_s, connect=self.waits.connect_s),
                follow_redirects=False,  # the key must not follow
                trust_env=not near,  # a proxy's own loopback is another machine's
                verify=trusted(self.waits.ca_file),
            )
        except ImportError as error:
            raise UsageError(
                f"a SOCKS proxy stands between here and {self.address.where}, and httpx cannot speak to it",
                hint="pip install 'httpx[socks]', or unset ALL_PROXY",
            ) from error
        except (ValueError, httpx.InvalidURL) as error:
            raise UsageError(f"the proxy set in the environment cannot be used: {error}") from error


def trusted(ca_file: str | None) -> ssl.SSLContext | bool:
    """Whom to trust: the authorities known here, and those of a PEM file, by name or in ``SSL_CERT_FILE``.

    Raises:
        UsageError: the file holds no certificates.
    """
    authority = ca_file or os.environ.get("SSL_CERT_FILE")  # httpx itself reads it where proxies are read
    if not authority:
        return True
    try:
        context = ssl.create_default_context()
        context.load_verify_locations(cafile=authority)
    except (OSError, ssl.SSLError) as error:
        named = "--llm-ca" if ca_file else "SSL_CERT_FILE"
        raise UsageError(f"{authority} holds no certificates: {error}", hint=f"{named} names a PEM file") from error
    return context


def retry_after(value: str | None) -> float:
    """Seconds a ``Retry-After`` header asks for (RFC 9110, section 10.2.3); 0 when there is none that can be read."""
    if not value:
        return 0.0
    try:
        if value.strip().isdigit():
            return float(value)
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return 0.0


def _tls_error(said: str, where: str) -> FetchError | None:
    """What to do about a certificate, or about https where the server speaks http; None for other errors."""
    if "CERTIFICATE_VERIFY_FAILED" in said:
        return FetchError(
            f"the certificate of {where} is not trusted here: {said.rpartition(': ')[2] or said}",
            hint="name the authority that signed it: --llm-ca FILE.pem, or SSL_CERT_FILE=FILE.pem in the environment",
        )
    if "WRONG_VERSION_NUMBER" in said or "record layer failure" in said.lower():
        return FetchError(f"{where} does not speak https", hint="try the same address with http://")
    return None
