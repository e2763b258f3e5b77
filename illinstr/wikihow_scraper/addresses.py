"""Addresses on a page, by RFC 3986: what they are relative to, and which of them is the page's own."""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

_SAME_SITE = frozenset({"www", "m", "mobile", "amp"})  # labels by which one site serves one page in several dresses


def absolute(url: str, base: str | None) -> str | None:
    """An http(s) address on ``base``, None where it is none (``data:``, damaged, or relative to nothing)."""
    try:
        joined = urljoin(base or "", url.strip())
        parts = urlsplit(joined)
        host = parts.hostname
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not host:
        return None
    return joined.replace(" ", "%20")


def same_host(one: str, other: str) -> bool:
    """Whether two addresses lie on one host; "www.", "m." and the like make no other host of it."""
    return _host(one) is not None and _host(one) == _host(other)


def _host(url: str) -> str | None:
    try:
        name, port = (urlsplit(url).hostname or "").rstrip("."), urlsplit(url).port
    except ValueError:
        return None
    labels = [label for label in name.split(".") if label not in _SAME_SITE]
    return f"{'.'.join(labels)}:{port}" if name else None


def document_base(declared: str, url: str | None) -> str | None:
    """What the page's addresses are relative to: its ``base`` element, itself relative to the page's own address
    (HTML Living Standard, section 2.4.3), or that address."""
    return (absolute(declared, url) if declared else None) or url


def own_address(canonical: str, url: str | None, base: str | None) -> str | None:
    """The address a page names as its own (``link rel=canonical``), absolute; None where it may not speak for the page:
    on a page that was fetched, only an address on the same host does."""
    found = absolute(canonical, base)
    if found is None or (url is not None and not same_host(found, url)):
        return None
    return found
