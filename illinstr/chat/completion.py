"""Reading a chat completion as servers really send it: whole or as events, in parts, with reasoning, or an error.

The form is OpenAI's; what else is accepted here is what servers that claim it were seen to send.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from illinstr.articles import clean_text

_SHOWN_CHARS = 300


class NotACompletion(ValueError):
    """The bytes are no chat completion."""


@dataclass(frozen=True)
class ServerError:
    """An error that a server states in its own words, under whatever status it was sent.

    Attributes:
        message: the server's words, one clean line.
        code: an HTTP status it names, 0 without any.
    """

    message: str
    code: int = 0


@dataclass(frozen=True)
class Completion:
    """What a model said.

    Attributes:
        text: its answer.
        reasoning: what it said to itself, where the server sends that apart.
        was_cut: it ran out of tokens.
        refusal: why it will not answer, in its own words or the filter's name; empty where it answers.
    """

    text: str
    reasoning: str = ""
    was_cut: bool = False
    refusal: str = ""


def read_completion(content: bytes) -> Completion | ServerError:
    """The completion in a response body.

    Raises:
        NotACompletion: neither JSON nor events, or JSON of another form.
    """
    text = content.decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    value = _events(text) if text.startswith(("data:", "event:", ":", "id:")) else _json(text)
    error = stated_error(value)
    if error is not None:
        return error
    message, finish = _message(value)
    reasoning = _text(message.get("reasoning_content") or message.get("reasoning") or message.get("thinking"))
    answer = _text(message.get("content")) or _tool_arguments(message)
    refusal = _text(message.get("refusal"))
    if not refusal and finish in ("content_filter", "safety", "SAFETY", "blocked"):
        refusal = f"the answer was stopped by the server's content filter ({finish})"
    return Completion(answer, reasoning, finish in ("length", "max_tokens"), clean_text(refusal)[:_SHOWN_CHARS])


def stated_error(value: Any) -> ServerError | None:
    """The error that a JSON body states; None where it states none."""
    error = value.get("error") if isinstance(value, dict) else None
    if error is None and isinstance(value, dict) and "choices" not in value and "message" not in value:
        error = value.get("detail") or (value.get("errors") or [None])[0] if value.get("object") != "list" else None
    if not error:
        return None
    if isinstance(error, str):
        return ServerError(clean_text(error)[:_SHOWN_CHARS])
    if not isinstance(error, dict):
        return ServerError(clean_text(str(error))[:_SHOWN_CHARS])
    said = str(error.get("message") or error.get("msg") or json.dumps(error))
    named = [str(each) for each in (error.get("code"), error.get("status"), value.get("code"))]
    code = next((int(each) for each in named if each.isdecimal() and 400 <= int(each[:4]) < 600), 0)
    metadata = error.get("metadata")  # OpenRouter puts what the model's own server said here
    raw = metadata.get("raw") if isinstance(metadata, dict) else None
    words = f"{said}: {raw}" if isinstance(raw, str) and raw else said
    return ServerError(clean_text(words)[:_SHOWN_CHARS], code)


def _json(text: str) -> Any:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NotACompletion("did not answer with JSON") from error
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _message(value: Any) -> tuple[dict[str, Any], str]:
    """The first choice's message, and why it ended."""
    if isinstance(value, dict):
        choices = value.get("choices")
        if isinstance(choices, list) and choices and isinstance(choices[0], dict):
            choice = choices[0]
            message = choice.get("message")
            if isinstance(message, dict):
                return message, str(choice.get("finish_reason") or "")
            if isinstance(choice.get("text"), str):
                return {"content": choice["text"]}, str(choice.get("finish_reason") or "")
        if isinstance(value.get("message"), dict):  # Ollama's own protocol
            return value["message"], str(value.get("done_reason") or "")
    raise NotACompletion("answered, but not in the OpenAI protocol")


def _text(content: Any) -> str:
    """The text of a content: a string, None, or a list of parts of which some are thoughts, images or calls."""
    if isinstance(content, str):
        return content
    if content is None:
        return ""
    if not isinstance(content, list):
        raise NotACompletion("answered, but not in the OpenAI protocol")
    said: list[Any] = []
    for part in content:
        if isinstance(part, str):
            said.append(part)
        elif isinstance(part, dict) and part.get("type") in (None, "text", "output_text", "refusal"):
            inner = part.get("text") or part.get("refusal") or part.get("content")
            said.append(inner["value"] if isinstance(inner, dict) and isinstance(inner.get("value"), str) else inner)
    return "".join(each for each in said if isinstance(each, str))


def _tool_arguments(message: dict[str, Any]) -> str:
    """Some models answer a wish for JSON by calling a function that nobody offered; its arguments are the answer."""
    calls = message.get("tool_calls")
    first = calls[0] if isinstance(calls, list) and calls else {"function": message.get("function_call")}
    function = first.get("function") if isinstance(first, dict) else None
    arguments = function.get("arguments") if isinstance(function, dict) else None
    return arguments if isinstance(arguments, str) else ""


def _events(text: str) -> Any:
    """Server-sent events (WHATWG HTML, section 9.2), as streaming sends them, put together as one completion."""
    said: dict[str, list[str]] = {"content": [], "reasoning_content": [], "refusal": []}
    finish, found = "", False
    for line in text.splitlines():
        if not line.startswith("data:"):
            continue
        data = line.removeprefix("data:").strip()
        if data == "[DONE]":
            break
        value = _json(data)
        if stated_error(value) is not None:
            return value
        found = True
        choices = value.get("choices") if isinstance(value, dict) else None
        choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
        delta = choice.get("delta") or choice.get("message") or {}
        finish = str(choice.get("finish_reason") or finish)
        if isinstance(delta, dict):
            delta = delta | {"reasoning_content": delta.get("reasoning_content") or delta.get("reasoning")}
            for name, parts in said.items():
                parts.append(_text(delta.get(name)))
    if not found:
        raise NotACompletion("answered with events that hold no completion")
    message = {name: "".join(parts) for name, parts in said.items()}
    return {"choices": [{"message": message, "finish_reason": finish}]}
