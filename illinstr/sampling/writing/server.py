"""Language models behind an OpenAI-compatible address: Ollama, vLLM, llama.cpp's server, LM Studio, OpenAI itself.

Spelt ``http(s)://HOST[:PORT][/PATH][#MODEL]``. The form of the answer is asked for as strictly as the server can: a
JSON Schema, the schema without lengths (strict mode knows none), any JSON, or in words alone. Answers are read in
pieces, and no more of them than could be of use. The key comes from the environment and goes to nobody but the
address it is for.
"""

from __future__ import annotations

import ipaddress
import json
import os
import time
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import httpx
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt

from illinstr.articles import clean_text
from illinstr.errors import FetchError, PlanError, UsageError
from illinstr.sampling.writing.answers import schema
from illinstr.sampling.writing.language_model import Forced, Question
from illinstr.version import __version__

KEY_VARIABLE = "ILLINSTR_LLM_KEY"
OPENAI_VARIABLE = "OPENAI_API_KEY"
OPENAI_HOST = "api.openai.com"
MAX_ANSWER_BYTES = 1 << 20
_RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
# What is asked for, strictest first; a server that refuses one is asked for the next.
_FORMS = ("schema", "schema without lengths", "json", "none")


class ServerConfig(BaseModel):
    """Waits, in seconds, and tries."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    connect_s: float = Field(default=10.0, gt=0)
    read_s: float = Field(default=300.0, gt=0)
    deadline_s: float = Field(default=600.0, gt=0)
    tries: int = Field(default=4, ge=1)
    backoff_s: float = Field(default=1.0, ge=0)
    longest_wait_s: float = Field(default=60.0, ge=0)


class _Busy(FetchError):
    """The server could not answer now; it may in a while."""

    def __init__(self, message: str, *, hint: str | None = None, wait_s: float = 0.0) -> None:
        super().__init__(message, hint=hint)
        self.wait_s = wait_s


class _Refused(FetchError):
    """The server understood the request and refuses its form."""


class _Message(BaseModel):
    content: str | None = None


class _Choice(BaseModel):
    message: _Message


class _Completion(BaseModel):
    choices: list[_Choice] = Field(min_length=1)


class ServerModel:
    """One model behind one address.

    Raises:
        UsageError: an address that cannot be used, or a key that would travel in the clear.
    """

    model_hash: str | None = None
    held = False

    def __init__(self, address: str, config: ServerConfig | None = None) -> None:
        self.config = config or ServerConfig()
        self.base, self.model, self._headers = _read_address(address)
        self._form = 0

    @property
    def name(self) -> str:
        """``server:MODEL``; the address stays out of it."""
        return f"server:{self.model or 'default'}"

    @property
    def forced(self) -> Forced:
        """Whether the last answer was held to the schema by the server."""
        return "schema" if self._form < 2 else "none"

    def answer(self, question: Question) -> str:
        """What the server says.

        Raises:
            PlanError: it cannot be reached, refuses, or answers something that is not the protocol.
        """
        with httpx.Client(
            headers=self._headers,
            timeout=httpx.Timeout(self.config.read_s, connect=self.config.connect_s),
            follow_redirects=False,  # the key must not follow
        ) as client:
            try:
                if not self.model:
                    self.model = self._only_model(client)
                return self._complete(client, question)
            except FetchError as error:
                raise PlanError(error.message, hint=error.hint) from error

    def close(self) -> None:
        """Nothing is held between answers."""

    def _complete(self, client: httpx.Client, question: Question) -> str:
        dropped: set[str] = set()
        while True:
            body = self._body(question, dropped)
            try:
                data = self._ask(client, "POST", "/chat/completions", body)
                break
            except _Refused as error:
                # Newer models take no "max_tokens", some servers no "seed": the message names what is in the way.
                named = {key for key in ("max_tokens", "seed", "temperature") if key in error.message} - dropped
                if named:
                    dropped |= named
                elif self._form + 1 < len(_FORMS):
                    self._form += 1
                else:
                    raise
        try:
            return _Completion.model_validate(data).choices[0].message.content or ""
        except ValidationError as error:
            raise FetchError(
                f"{self._where} answered, but not in the OpenAI protocol", hint="the address usually ends with /v1"
            ) from error

    def _body(self, question: Question, dropped: set[str]) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self.model,
            "messages": question.messages,
            "max_tokens": question.max_tokens,
            "seed": question.seed,
            "temperature": 0.7,
        }
        body = {key: value for key, value in body.items() if key not in dropped}
        form = _FORMS[self._form]
        if form == "json":
            body["response_format"] = {"type": "json_object"}
        elif form != "none":
            wanted = schema(question.kind, question.count, lengths=form == "schema")
            named = {"name": question.kind, "strict": True, "schema": wanted}
            body["response_format"] = {"type": "json_schema", "json_schema": named}
        return body

    def _only_model(self, client: httpx.Client) -> str:
        data = self._ask(client, "GET", "/models", None)
        listed = data.get("data") if isinstance(data, dict) else None
        found = [str(each["id"]) for each in listed or [] if isinstance(each, dict) and each.get("id")]
        if len(found) == 1:
            return clean_text(found[0])[:200]
        some = ", ".join(clean_text(name)[:60] for name in found[:5])
        raise FetchError(
            f"{self._where} offers {len(found)} models{': ' + some if some else ''}",
            hint=f"name one behind the address: --llm {self.base}#MODEL",
        )

    def _ask(self, client: httpx.Client, method: str, path: str, body: dict[str, Any] | None) -> Any:
        retrying = Retrying(
            retry=retry_if_exception_type(_Busy),
            stop=stop_after_attempt(self.config.tries),
            wait=self._wait,
            reraise=True,
        )
        return retrying(self._once, client, method, path, body)

    def _wait(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.wait_s if isinstance(error, _Busy) else 0.0
        grown = self.config.backoff_s * float(2 ** (state.attempt_number - 1))
        return min(max(asked, grown), self.config.longest_wait_s)

    def _once(self, client: httpx.Client, method: str, path: str, body: dict[str, Any] | None) -> Any:
        started = time.monotonic()
        try:
            with client.stream(method, self.base + path, json=body) as response:
                content = bytearray()
                for piece in response.iter_raw(1 << 16):
                    content += piece
                    if len(content) > MAX_ANSWER_BYTES:
                        raise FetchError(f"{self._where} answered with more than {MAX_ANSWER_BYTES >> 20} MiB")
                    if time.monotonic() - started > self.config.deadline_s:
                        raise FetchError(f"{self._where} took longer than {self.config.deadline_s:g} s")
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.RemoteProtocolError, httpx.ReadError) as error:
            hint = "is the server running? Ollama listens on http://localhost:11434"
            raise _Busy(f"cannot reach {self._where}: {error or type(error).__name__}", hint=hint) from error
        except httpx.TimeoutException as error:
            raise FetchError(
                f"{self._where} did not answer within {self.config.read_s:g} s", hint="a smaller model answers sooner"
            ) from error
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            raise FetchError(f"cannot ask {self._where}: {error}") from error
        self._check_status(response, bytes(content))
        try:
            return json.loads(bytes(content))
        except (ValueError, RecursionError) as error:
            raise FetchError(
                f"{self._where} did not answer with JSON", hint="the address usually ends with /v1"
            ) from error

    def _check_status(self, response: httpx.Response, content: bytes) -> None:
        status = response.status_code
        if 200 <= status < 300:
            return
        said = clean_text(content[:4_000].decode("utf-8", "replace"))[:300]
        message = f"{self._where} answered {status}" + (f": {said}" if said else "")
        if status in (401, 403):
            raise FetchError(message, hint=f"put the key into the environment variable {KEY_VARIABLE}")
        if status in _RETRIED:
            raise _Busy(message, wait_s=_retry_after(response.headers.get("retry-after")))
        if status in (400, 415, 422, 501):
            raise _Refused(message)
        raise FetchError(message, hint="the address usually ends with /v1, the model's name follows behind #")

    @property
    def _where(self) -> str:
        return urlsplit(self.base).netloc


def _read_address(address: str) -> tuple[str, str, dict[str, str]]:
    """Base URL, model's name (may be empty) and headers."""
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise UsageError(f"--llm {address[:120]!r} is no address: {error}") from error
    if parts.scheme not in ("http", "https") or not host or any(c.isspace() for c in address):
        raise UsageError(f"--llm {address[:120]!r} is no address", hint="such as http://localhost:11434/v1#llama3.2")
    if parts.username or parts.password or parts.query:
        raise UsageError(
            "--llm: an address may hold no user, password or question mark", hint=f"the key goes into {KEY_VARIABLE}"
        )
    path = parts.path.rstrip("/").removesuffix("/chat/completions") or "/v1"
    headers = {"User-Agent": f"illinstr/{__version__}", "Accept": "application/json"}
    headers["Accept-Encoding"] = "identity"  # what is counted is what arrives
    key = os.environ.get(KEY_VARIABLE, "") or (os.environ.get(OPENAI_VARIABLE, "") if host == OPENAI_HOST else "")
    if key:
        if not key.isascii() or not key.isprintable() or " " in key:
            raise UsageError(f"{KEY_VARIABLE} holds characters that no key has", hint="copy the key again")
        if parts.scheme == "http" and not _is_near(host):
            raise UsageError(
                f"--llm: the key in {KEY_VARIABLE} would travel to {host} unencrypted",
                hint="use https://, or unset the variable",
            )
        headers["Authorization"] = f"Bearer {key}"
    return f"{parts.scheme}://{parts.netloc}{path}", clean_text(parts.fragment), headers


def _is_near(host: str) -> bool:
    """Whether a host is this machine or stands in a private network."""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return "." not in host or host.endswith((".local", ".localhost", ".internal", ".home.arpa"))


def _retry_after(value: str | None) -> float:
    """Seconds a ``Retry-After`` header asks for (RFC 9110, section 10.2.3); 0 when there is none that can be read."""
    if not value:
        return 0.0
    try:
        if value.strip().isdigit():
            return float(value)
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return 0.0
