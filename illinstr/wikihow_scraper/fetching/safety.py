"""What a fetched address, answer or image may be.

Addresses: http(s) only, no credentials, and only hosts on the public internet. A name is resolved once, every address
is judged, and the connection goes to a judged address, so a name server that answers differently the second time (DNS
rebinding) gains nothing. Answers: bytes are counted after decompression, while they are read. Images: three formats,
a pixel limit read from the header before anything is decoded.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from collections.abc import AsyncIterator, Collection, Iterable
from typing import Protocol
from urllib.parse import urlsplit

import httpx

from illinstr.errors import FetchError
from illinstr.images import decode_image
from illinstr.wikihow_scraper.fetching.coding import decoded, decoded_head
from illinstr.wikihow_scraper.reservations import RESERVATIONS

MAX_IMAGE_PIXELS = 25_000_000

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def check_url(url: str) -> str:
    """The host of an address we may ask, lower case.

    Raises:
        FetchError: not http(s), no host, credentials inside, or characters no address has.
    """
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower().rstrip("."), parts.port
    except ValueError as error:
        raise FetchError(f"not an address: {url!r}") from error
    if parts.scheme not in ("http", "https"):
        raise FetchError(f"only http and https addresses are fetched, not {url!r}")
    if not host or port == 0 or re.search(r"[\s\x00-\x1f\x7f]", url):
        raise FetchError(f"not an address: {url!r}")
    if parts.username is not None or parts.password is not None:
        raise FetchError("an address with a user name or password in it is not fetched")
    return host


def is_public(address: Address) -> bool:
    """Whether an IP address lies on the public internet, looking through IPv6 forms that wrap an IPv4 address."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address in ipaddress.ip_network("64:ff9b::/96"):  # NAT64, RFC 6052
            return is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        tunnelled = (address.sixtofour, *(address.teredo or ()))
        if any(inner is not None and not is_public(inner) for inner in tunnelled):
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved and not address.is_unspecified


async def resolve(host: str, port: int, allowed_hosts: Collection[str]) -> list[str]:
    """The IP addresses of ``host``, each judged.

    Raises:
        FetchError: the name does not resolve, or leads to an address off the public internet and is not in
            ``allowed_hosts``.
    """
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise FetchError(f"host {host} cannot be resolved: {error}") from error
    addresses = list(dict.fromkeys(str(entry[4][0]).split("%")[0] for entry in found))
    if host not in allowed_hosts and not all(is_public(ipaddress.ip_address(one)) for one in addresses):
        raise FetchError(
            f"host {host} leads to an address off the public internet",
            hint=f"if you mean it, add --allow-private-hosts {host}",
        )
    return addresses


class GuardedTransport(httpx.AsyncBaseTransport):
    """An httpx transport that connects to judged addresses only, one connection a host.

    The request's host name is replaced by the judged address; the Host header and the name in the TLS handshake stay,
    so certificates are checked against the name. Each host has its own pool: names never share a connection.
    """

    def __init__(self, allowed_hosts: Collection[str] = ()) -> None:
        self._allowed = frozenset(host.lower() for host in allowed_hosts)
        self._pools: dict[tuple[str, str, int], httpx.AsyncHTTPTransport] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Resolve, judge, connect."""
        host = check_url(str(request.url))
        port = request.url.port or (443 if request.url.scheme == "https" else 80)
        address = (await resolve(host, port, self._allowed))[0]
        key = (request.url.scheme, host, port)
        if key not in self._pools:
            limits = httpx.Limits(max_connections=1, max_keepalive_connections=1)
            self._pools[key] = httpx.AsyncHTTPTransport(limits=limits, trust_env=False)
        direct = httpx.Request(
            request.method,
            request.url.copy_with(host=address),
            headers=request.headers,
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": host},
        )
        return await self._pools[key].handle_async_request(direct)

    async def aclose(self) -> None:
        """Close every connection."""
        for pool in self._pools.values():
            await pool.aclose()


class _Body(Protocol):
    headers: httpx.Headers

    def aiter_raw(self, chunk_size: int | None = None) -> AsyncIterator[bytes]: ...


async def read_body(response: _Body, limit: int, *, cut: bool = False) -> bytes:
    """The answer's body, decompressed, never holding more than ``limit`` bytes of it; ``cut`` reads no further.

    Raises:
        FetchError: larger than ``limit`` before or after decompression, an encoding we cannot undo, or damaged.
    """
    declared = response.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit and not cut:
        raise FetchError(f"answer of {declared} bytes is over the limit of {limit}")
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > limit:
            if cut:
                break
            raise FetchError(f"answer is over the limit of {limit} bytes")
    coding = response.headers.get("content-encoding", "")
    return decoded_head(bytes(body), coding, limit) if cut else decoded(bytes(body), coding, limit)


def reservations(headers: Iterable[tuple[str, str]]) -> frozenset[str]:
    """The opt-out directives of an answer's headers: X-Robots-Tag (for all agents or for ours) and tdm-reservation.

    ``headers`` are name and value pairs, repeated headers apart. A directive may be addressed, "googlebot: noindex";
    only those to nobody or to illinstr count.
    """
    found: set[str] = set()
    for name, value in headers:
        if name.lower() == "x-robots-tag":
            agent = ""
            for part in value.lower().split(","):
                head, colon, rest = part.strip().partition(":")
                if colon and head.strip() not in ("unavailable_after", "max-snippet", "max-image-preview"):
                    agent, part = head.strip(), rest
                if agent in ("", "*", "illinstr"):
                    found.add(part.strip())
        elif name.lower() == "tdm-reservation" and value.strip() == "1":
            found.add("tdm-reservation")
    return frozenset(found & RESERVATIONS)


def check_image(data: bytes) -> None:
    """Decode an image fully, once, under limits, so that what is stored can be trusted to open.

    Raises:
        DataError: not a JPEG, PNG or WebP, too many pixels, animated, or damaged.
    """
    decode_image(data, max_pixels=MAX_IMAGE_PIXELS, animated="refuse")
