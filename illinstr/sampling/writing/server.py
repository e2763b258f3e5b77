"""Language models behind an OpenAI-compatible address: Ollama, vLLM, llama.cpp's server, LM Studio, OpenAI itself.

The form of the answer is asked for as strictly as the server can: a JSON Schema, the schema without lengths (strict
mode knows none), any JSON, or in words alone.
"""

from __future__ import annotations

from typing import Any

from illinstr.chat.address import public_name, read_address
from illinstr.chat.client import ChatClient, ChatRequest, ContextOverflow
from illinstr.chat.local import is_local_spec, local_address
from illinstr.chat.thoughts import thoughts_of, without_thoughts
from illinstr.chat.transport import ChatConfig
from illinstr.errors import FetchError, PlanError
from illinstr.images import data_uri
from illinstr.sampling.writing.answers import schema
from illinstr.sampling.writing.language_model import Forced, Question, TooLong


class ServerModel:
    """One model behind one address.

    Args:
        spec: an address as ``illinstr.chat.address.read_address`` takes it, or a server of this machine by name
            (``illinstr.chat.local``), which is asked for its models at once.
        config: waits and tries.

    Raises:
        UsageError: an address that cannot be used, or a key that would travel in the clear.
        ModelError: no such server runs here, or it has no model that fits.
    """

    model_hash: str | None = None
    constrained = False

    def __init__(self, spec: str, config: ChatConfig | None = None) -> None:
        self.client = ChatClient(local_address(spec) if is_local_spec(spec) else read_address(spec), config)

    @property
    def name(self) -> str:
        """``server:MODEL``; the address stays out of it, and so does the folder of a model that is a file."""
        return f"server:{public_name(self.client.model) or 'default'}"

    @property
    def forced(self) -> Forced:
        """Whether the last answer was held to the schema by the server."""
        return "schema" if self.client.form < 2 else "none"

    def answer(self, question: Question) -> str:
        """What the server says, without what it says to itself.

        Raises:
            TooLong: the chat is longer than the model reads.
            PlanError: it cannot be reached, refuses, or answers something that is not the protocol.
        """
        try:
            found = self.client.complete(
                ChatRequest(_chat(question), question.max_tokens, question.seed, forms=_forms(question))
            )
        except ContextOverflow as error:
            raise TooLong(error.message, hint=error.hint) from error
        except FetchError as error:
            raise PlanError(error.message, hint=error.hint) from error
        if found.refusal:
            raise PlanError(f"{self.name} refuses: {found.refusal}", hint="another goal, or another model, may do")
        # Where the answer itself is empty, it may stand among the thoughts: some servers file all of it under them.
        said = without_thoughts(found.text).strip()
        return said or thoughts_of(found.text) or without_thoughts(found.reasoning) or found.reasoning

    def close(self) -> None:
        """Nothing is kept between answers."""


def _chat(question: Question) -> list[dict[str, Any]]:
    """The chat as it is sent: the question's image stands beside the first words of the user, as a part of content."""
    messages: list[dict[str, Any]] = [dict(message) for message in question.messages]
    if question.image is not None and question.image.data is not None:
        address = data_uri(question.image.media_type or "image/jpeg", question.image.data)
        asked = next(message for message in messages if message["role"] == "user")
        image = {"type": "image_url", "image_url": {"url": address}}
        asked["content"] = [{"type": "text", "text": asked["content"]}, image]
    return messages


def _forms(question: Question) -> tuple[dict[str, Any] | None, ...]:
    def strict(*, lengths: bool) -> dict[str, Any]:
        wanted = schema(question.kind, question.count, lengths=lengths)
        return {"type": "json_schema", "json_schema": {"name": question.kind, "strict": True, "schema": wanted}}

    return (strict(lengths=True), strict(lengths=False), {"type": "json_object"}, None)
