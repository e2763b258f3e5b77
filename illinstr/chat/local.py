"""Language-model servers on this machine by name: what they have, and which of it fits.

``ollama[:MODEL]``, ``lmstudio[:MODEL]`` and ``vllm[:MODEL]`` stand for the address at which each listens unless told
otherwise. Without a model's name the server is asked, and the best that fits this machine's memory is taken.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Any

import httpx

from illinstr.chat.address import Address
from illinstr.chat.completion import NotACompletion
from illinstr.chat.transport import ChatConfig, Transport
from illinstr.errors import FetchError, ModelError

# Where each listens, and how to start it (their own documentation).
SERVERS = {
    "ollama": ("127.0.0.1:11434", "start it: ollama serve; get a model: ollama pull qwen3.5:4b"),
    "lmstudio": ("127.0.0.1:1234", "start its server: lms server start, with a model loaded"),
    "vllm": ("127.0.0.1:8000", "start it: vllm serve MODEL"),
}
# A model needs a fifth more than its weights for the chat it keeps in mind.
_HEADROOM = 1.2
_NO_WRITER = re.compile(r"embed|bert|minilm|rerank|whisper|\btts\b|guard|moderation|clip|ocr|translate", re.IGNORECASE)
_BASE = re.compile(r"(?:^|[-:_])(?:base|text)(?:$|[-:_])", re.IGNORECASE)


@dataclass(frozen=True)
class Offered:
    """A model that a server has: its name, and the bytes of its weights, 0 where the server does not say."""

    name: str
    size: int = 0


def is_local_spec(spec: str) -> bool:
    """Whether ``spec`` names a server of this machine."""
    return spec.partition(":")[0].lower() in SERVERS


def local_address(spec: str, *, memory: int | None = None) -> Address:
    """The address of a local server with the model that was named or chosen.

    Args:
        spec: ``ollama``, ``ollama:qwen3.5:4b``, ``lmstudio``, ``vllm`` ...
        memory: bytes a model may take; None is this machine's.

    Raises:
        ModelError: the server does not run, or has no model that writes or fits.
    """
    server, _, model = spec.partition(":")
    server = server.lower()
    host, hint = SERVERS[server]
    if server == "ollama":
        host = _ollama_host() or host
    address = Address(f"http://{host}/v1", model=model)
    if model:
        return address
    try:
        offered = _offered(server, host)
    except (FetchError, httpx.HTTPError, NotACompletion) as error:
        said = error.message if isinstance(error, FetchError) else str(error)
        raise ModelError(f"no {server} server answers at {host}: {said}", hint=hint) from error
    return Address(address.base, model=best_that_fits(offered, memory or memory_here(), server, hint))


def best_that_fits(offered: list[Offered], memory: int, server: str = "the server", hint: str | None = None) -> str:
    """The largest of the models that can write and fit into ``memory`` bytes; of unknown sizes the first.

    Raises:
        ModelError: none does.
    """
    writers = [each for each in offered if not _NO_WRITER.search(each.name)]
    instructed = [each for each in writers if not _BASE.search(each.name)] or writers
    if not instructed:
        raise ModelError(f"{server} has no model that writes", hint=hint)
    fitting = [each for each in instructed if each.size * _HEADROOM <= memory]
    if not fitting:
        smallest = min(instructed, key=lambda each: each.size)
        raise ModelError(
            f"no model of {server} fits into {memory / 1e9:.1f} GB; the smallest, {smallest.name}, has "
            f"{smallest.size / 1e9:.1f} GB",
            hint="get a smaller one, such as qwen3.5:4b, or name one to try it all the same",
        )
    return max(fitting, key=lambda each: each.size).name


def memory_here() -> int:
    """Bytes of memory that a model on this machine may take: most of the main memory."""
    try:
        return int(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") * 0.75)
    except (AttributeError, OSError, ValueError):
        return 8 << 30


def _offered(server: str, host: str) -> list[Offered]:
    quick = ChatConfig(connect_s=3, read_s=10, deadline_s=20)
    path, key = ("/api/tags", "models") if server == "ollama" else ("/v1/models", "data")
    value: Any = Transport(Address(f"http://{host}"), quick, user_agent="illinstr").ask(path, None).json()
    listed = value.get(key) if isinstance(value, dict) else None
    if not isinstance(listed, list):
        raise NotACompletion("it is another kind of server")
    found = []
    for each in listed[:1_000]:
        name = each.get("name") or each.get("id") if isinstance(each, dict) else None
        size = each.get("size") if isinstance(each, dict) else None
        if isinstance(name, str):
            found.append(Offered(name, size if isinstance(size, int) else 0))
    return found


def _ollama_host() -> str | None:
    """``OLLAMA_HOST`` as Ollama reads it; an address to listen on is one to ask at on this machine."""
    host = os.environ.get("OLLAMA_HOST", "").strip().removeprefix("http://").rstrip("/")
    if not host:
        return None
    if host.startswith(":"):
        host = f"127.0.0.1{host}"
    name, _, port = host.rpartition(":") if re.search(r":\d{1,5}$", host) else (host, "", "11434")
    return f"{'127.0.0.1' if name in ('0.0.0.0', '[::]') else name}:{port}"
