"""Addresses of chat servers, and which key may go where.

A key belongs to one origin and travels by https or stays on this machine: ``ILLINSTR_LLM_KEY`` goes to the address that
the user names, ``OPENAI_API_KEY`` to api.openai.com, ``AZURE_OPENAI_API_KEY`` to Azure's hosts.
"""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass, field
from pathlib import PurePath
from urllib.parse import parse_qsl, urlsplit

from illinstr.articles import clean_text
from illinstr.errors import UsageError

KEY_VARIABLE = "ILLINSTR_LLM_KEY"
_KEYS_BY_HOST = {"api.openai.com": "OPENAI_API_KEY"}
_AZURE_SUFFIXES = (".openai.azure.com", ".services.ai.azure.com", ".cognitiveservices.azure.com")
_AZURE_VARIABLE = "AZURE_OPENAI_API_KEY"


@dataclass(frozen=True)
class Address:
    """One server: where it is, and the model that is asked of it (empty: the only one it has).

    Attributes:
        base: scheme, host and path, such as ``http://localhost:11434/v1``.
        query: what follows every path, such as ``?api-version=2024-10-21``; usually empty.
        model: the name behind ``#``.
        key: the key that may be sent there, None without any; in no ``repr``.
    """

    base: str
    query: str = ""
    model: str = ""
    key: str | None = field(default=None, repr=False)

    @property
    def host(self) -> str:
        """The host's name, without its port."""
        return urlsplit(self.base).hostname or ""

    @property
    def where(self) -> str:
        """Host and port, for messages."""
        return urlsplit(self.base).netloc

    @property
    def headers(self) -> dict[str, str]:
        """The headers that carry the key."""
        if self.key is None:
            return {}
        if self.host.endswith(_AZURE_SUFFIXES):
            return {"api-key": self.key}
        return {"Authorization": f"Bearer {self.key}"}

    def url(self, path: str) -> str:
        """The address of one call, such as ``/chat/completions``."""
        return f"{self.base}{path}{self.query}"


def read_address(text: str, option: str = "--llm", variables: tuple[str, ...] = (KEY_VARIABLE,)) -> Address:
    """``http(s)://HOST[:PORT][/PATH][?api-version=...][#MODEL]`` with the key that belongs there.

    Args:
        text: what the user typed.
        option: what messages call it.
        variables: environment variables whose key is meant for the address that the user names.

    Raises:
        UsageError: no such address, a password in it, or a key that would travel in the clear.
    """
    shown = text.partition("?")[0].rpartition("@")[2][:120]  # a key typed into an address is not repeated
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise UsageError(f"{option} {shown!r} is not an address: {error}") from error
    if parts.scheme not in ("http", "https") or not host or any(c.isspace() for c in text):
        raise UsageError(f"{option} {shown!r} is not an address", hint="such as http://localhost:11434/v1#qwen3.5:9b")
    given = parse_qsl(parts.query, keep_blank_values=True)
    if parts.username or parts.password or any(name != "api-version" for name, _ in given):
        raise UsageError(
            f"{option}: an address may hold no user, password or query but ?api-version=",
            hint=f"the key goes into the environment variable {KEY_VARIABLE}",
        )
    path = parts.path.rstrip("/").removesuffix("/chat/completions") or "/v1"
    return Address(
        base=f"{parts.scheme}://{parts.netloc}{path}",
        query=f"?{parts.query}" if parts.query else "",
        model=clean_text(parts.fragment),
        key=_key(parts.scheme, host, option, variables),
    )


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def public_name(model: str) -> str:
    """A model's name as it may be shown: of a path only the last part, since servers call models by their files."""
    cleaned = clean_text(model).replace("\\", "/")
    is_path = cleaned.startswith(("/", "~", "./", "../")) or cleaned[1:3] == ":/" or cleaned.lower().endswith(".gguf")
    return PurePath(cleaned.rstrip("/")).name if is_path else cleaned


def _key(scheme: str, host: str, option: str, variables: tuple[str, ...]) -> str | None:
    """The key for a host: a variable that was set for other hosts is as good as not set."""
    own = _AZURE_VARIABLE if host.endswith(_AZURE_SUFFIXES) else _KEYS_BY_HOST.get(host)
    for variable in filter(None, (*variables, own)):
        key = os.environ.get(variable, "")
        if not key:
            continue
        if not key.isascii() or not key.isprintable() or " " in key:
            raise UsageError(f"{variable} holds characters that no key has", hint="copy the key again")
        if scheme == "http" and not is_loopback(host):
            raise UsageError(
                f"{option}: the key in {variable} would travel to {host} unencrypted",
                hint="use https://, reach the server through a tunnel on localhost, or unset the variable",
            )
        return key
    return None
