"""Asking one server: transport, waiting, and giving way to what the server does not take.

Every server takes less than the protocol offers, and says so in its own way: the strict form of the answer, a seed, a
temperature, a system message, an answer in one piece. What one refuses is left out, once each, and stays out for the
life of the client. An answer that ran out of tokens is asked for again with twice as many.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt

from illinstr.articles import clean_text
from illinstr.chat.address import KEY_VARIABLE, Address
from illinstr.chat.completion import Completion, NotACompletion, ServerError, read_completion, stated_error
from illinstr.chat.transport import Answer, ChatConfig, Transport
from illinstr.errors import FetchError
from illinstr.progress import current_reporter
from illinstr.version import __version__

MOST_TOKENS = 32_768  # reasoning models were seen to think for half of this before a short answer
_RETRIED = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 520, 522, 524, 529})
_REFUSALS = frozenset({400, 404, 405, 415, 422, 500, 501})
_OVERFLOWS = (
    "context length",
    "context window",
    "context size",
    "context_length",
    "maximum context",
    "max_model_len",
    "maximum model length",
    "n_ctx",
    "too many tokens",
    "prompt is too long",
    "input is too long",
    "prompt too long",
)
_LOADING = ("loading", "is not ready", "not loaded yet", "warming up", "starting up", "currently loading")


class ContextOverflow(FetchError):
    """The chat and the answer asked for are longer than the model reads."""


class Busy(FetchError):
    """The server could not answer now; it may in a while."""

    def __init__(self, message: str, *, hint: str | None = None, wait_s: float = 0.0) -> None:
        super().__init__(message, hint=hint)
        self.wait_s = wait_s


class _Refused(FetchError):
    """The server understood the request and refuses something in it."""


class _Loading(Busy):
    """The server is loading its model."""


@dataclass(frozen=True)
class ChatRequest:
    """One question.

    Attributes:
        messages: the chat so far.
        max_tokens: the longest answer that can be of use, thoughts not counted.
        seed: seed of the sampling.
        temperature: of the sampling.
        forms: values of ``response_format``, strictest first; None asks for no form.
    """

    messages: Sequence[Mapping[str, Any]]
    max_tokens: int
    seed: int = 0
    temperature: float = 0.7
    forms: tuple[dict[str, Any] | None, ...] = (None,)


class ChatClient:
    """Asks one address; remembers what it does not take.

    Args:
        address: the server and the model.
        config: waits and tries.
    """

    def __init__(self, address: Address, config: ChatConfig | None = None) -> None:
        self.address, self.config = address, config or ChatConfig()
        self.model = address.model
        self.form = 0  # which of a request's forms this server takes
        self._transport = Transport(address, self.config, user_agent=f"illinstr/{__version__}")
        self._left_out: set[str] = set()
        self._growth = 1
        self._can_grow = True

    @property
    def refused(self) -> tuple[str, ...]:
        """What this server did not take so far, by name."""
        return tuple(sorted(self._left_out))

    def complete(self, request: ChatRequest) -> Completion:
        """The model's answer, whatever it says.

        Raises:
            ContextOverflow: the chat is too long for the model.
            FetchError: the server cannot be reached, refuses, or does not speak the protocol.
        """
        if not self.model:
            self.model = self._only_model()
        while True:
            try:
                found = self._patiently("/chat/completions", self._body(request))
            except _Refused as error:
                if not self._give_way(error.message, request):
                    raise
                continue
            assert isinstance(found, Completion)
            if not (found.was_cut and self._grow(request, found)):
                return found

    def models(self) -> list[str]:
        """The models a server offers, by name.

        Raises:
            FetchError: the server cannot be reached, or does not speak the protocol.
        """
        data = self._patiently("/models", None)
        listed = data.get("data", data.get("models")) if isinstance(data, dict) else data
        named = [each.get("id") or each.get("name") for each in listed or [] if isinstance(each, dict)]
        return [str(name) for name in named if name]

    def _only_model(self) -> str:
        found = self.models()
        if len(found) == 1:
            return clean_text(found[0])[:200]
        some = ", ".join(clean_text(name)[:60] for name in found[:5])
        raise FetchError(
            f"{self.address.where} offers {len(found)} models{': ' + some if some else ''}",
            hint=f"name one behind the address: {self.address.base}#MODEL",
        )

    def _body(self, request: ChatRequest) -> dict[str, Any]:
        out = self._left_out
        body: dict[str, Any] = {"model": self.model, "messages": list(request.messages)}
        if "system" in out:
            body["messages"] = _without_system(request.messages)
        tokens = min(request.max_tokens * self._growth, max(MOST_TOKENS, request.max_tokens))
        optional = {"max_tokens": tokens, "seed": request.seed, "temperature": request.temperature}
        body |= {name: value for name, value in optional.items() if name not in out}
        if "max_tokens" in out and "max_completion_tokens" not in out:
            body["max_completion_tokens"] = tokens
        if self._growth > 1 and "reasoning_effort" not in out:
            body["reasoning_effort"] = "low"
        if "whole" in out:
            body["stream"] = True
        form = request.forms[min(self.form, len(request.forms) - 1)]
        return body | ({} if form is None else {"response_format": form})

    def _give_way(self, message: str, request: ChatRequest) -> bool:
        """Leave out what the refusal names, or else the next thing that servers are known to refuse."""
        said = message.lower()
        if "reasoning" in said and self._growth > 1 and "reasoning_effort" not in self._left_out:
            self._left_out.add("reasoning_effort")
            return True
        if self._growth > 1 and ("max_tokens" in said or "max_completion_tokens" in said or "too large" in said):
            self._growth, self._can_grow = self._growth // 2, False
            return True
        named = {name for name, words in _NAMED_BY.items() if any(word in said for word in words)} - self._left_out
        if "max_tokens" in named:  # "use max_completion_tokens instead" names both
            named.discard("max_completion_tokens")
        formed = any(word in said for word in ("response_format", "json_schema", "json_object", "grammar", "schema"))
        if named and not formed:
            self._left_out |= named
            return True
        if self.form + 1 < len(request.forms):
            self.form += 1
            return True
        for name in (*named, "seed", "temperature", "max_tokens", "max_completion_tokens", "system", "whole"):
            if name not in self._left_out:
                self._left_out.add(name)
                return True
        return False

    def _grow(self, request: ChatRequest, found: Completion) -> bool:
        """Whether to ask again with twice the tokens: what was cut is seldom of use."""
        if not self._can_grow or request.max_tokens * self._growth >= MOST_TOKENS:
            return False
        if "max_tokens" in self._left_out and "max_completion_tokens" in self._left_out:
            return False
        # Who thinks aloud needs many times what the answer takes; who merely writes at length, a little more.
        self._growth *= 4 if found.reasoning or not found.text.strip() or "think" in found.text[:200] else 2
        return True

    def _patiently(self, path: str, body: dict[str, Any] | None) -> Any:
        """One call, made again while the server is busy, and for longer while it loads its model."""
        started, told = time.monotonic(), False
        retrying = Retrying(
            retry=retry_if_exception(lambda error: isinstance(error, Busy) and not isinstance(error, _Loading)),
            stop=stop_after_attempt(self.config.tries),
            wait=self._wait,
            reraise=True,
        )
        while True:
            try:
                return retrying(self._once, path, body)
            except _Loading as error:
                waited = time.monotonic() - started
                if waited >= self.config.loading_s:
                    raise
                if not told:
                    current_reporter().log(f"{self.address.where} is loading its model; waiting for it")
                    told = True
                time.sleep(min(max(error.wait_s, self.config.backoff_s), self.config.loading_s - waited + 0.01))

    def _wait(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.wait_s if isinstance(error, Busy) else 0.0
        grown = self.config.backoff_s * float(2 ** (state.attempt_number - 1))
        return min(max(asked, grown), self.config.longest_wait_s)

    def _once(self, path: str, body: dict[str, Any] | None) -> Any:
        try:
            answer = self._transport.ask(path, body)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.RemoteProtocolError, httpx.ReadError) as error:
            hint = "is the server running? Ollama listens on http://localhost:11434"
            said = str(error) or type(error).__name__
            raise Busy(f"cannot reach {self.address.where}: {said}", hint=hint) from error
        if not 200 <= answer.status < 300:
            raise self._error(answer, answer.status, self._words(answer))
        try:
            found: Any = answer.json() if body is None else read_completion(answer.content)
        except NotACompletion as error:
            hint = "the address usually ends with /v1"
            raise FetchError(f"{self.address.where} {error}", hint=hint) from error
        if isinstance(found, ServerError):  # an error in a body of status 200
            raise self._error(answer, found.code or 502, found.message)
        return found

    def _words(self, answer: Answer) -> str:
        try:
            stated = stated_error(answer.json())
        except NotACompletion:
            stated = None
        return stated.message if stated else clean_text(answer.content[:4_000].decode("utf-8", "replace"))[:300]

    def _error(self, answer: Answer, status: int, said: str) -> FetchError:
        message = f"{self.address.where} answered {status}" + (f": {said}" if said else "")
        lower = said.lower()
        if status in (401, 403):
            return FetchError(message, hint=f"put the key into the environment variable {KEY_VARIABLE}")
        if any(words in lower for words in _OVERFLOWS):
            return ContextOverflow(message, hint="--examples 0, fewer --steps, or a model that reads more")
        if status in (425, 502, 503) and any(words in lower for words in _LOADING):
            return _Loading(message, wait_s=answer.retry_after)
        if status in _REFUSALS and (status not in (404, 500) or _names_a_parameter(lower)):
            return _Refused(message)
        if status in _RETRIED:
            return Busy(message, wait_s=answer.retry_after)
        return FetchError(message, hint="the address usually ends with /v1, the model's name follows behind #")


_SYSTEM_WORDS = (
    "system role",
    "system message",
    "system prompt",
    "role 'system'",
    'role "system"',
    "roles must alternate",
)
_NAMED_BY: dict[str, tuple[str, ...]] = {
    **{name: (name,) for name in ("temperature", "seed", "max_tokens", "max_completion_tokens")},
    "system": _SYSTEM_WORDS,
    "whole": ("stream",),
}
_PARAMETERS = ("response_format", "json_schema", "json_object", "grammar", "schema", "temperature", "seed", "stream")


def _names_a_parameter(said: str) -> bool:
    return any(word in said for word in (*_PARAMETERS, *_SYSTEM_WORDS, "max_tokens", "max_completion_tokens"))


def _without_system(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The same chat for a model whose template knows no system role: its words open the first of the user's."""
    system = "\n\n".join(str(each["content"]) for each in messages if each["role"] == "system")
    rest = [dict(each) for each in messages if each["role"] != "system"]
    if system and rest:
        said = rest[0]["content"]
        # Parts (a text and images) stay parts: the system's words are one more, in front.
        rest[0]["content"] = (
            f"{system}\n\n{said}" if isinstance(said, str) else [{"type": "text", "text": system}, *said]
        )
    return rest
