"""Prompts: versioned files, and the one way a user's words get into them.

A prompt is a Jinja template ``NAME-vVERSION.jinja`` with two blocks, ``system`` and ``user``. Every string that a
template prints is written as a JSON string in which ``<``, ``>``, ``[`` and ``]`` are escapes: whatever the text
says, it cannot end its own quotes, begin a new line, or spell a control token of a chat template (``<|im_end|>``,
``</s>``, ``[INST]``).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Literal, TypedDict

from jinja2 import Environment, StrictUndefined

from illinstr.runs import PromptRecord

CURRENT = {"article": 1, "steps": 1, "correct": 1, "suggest": 1, "towards": 1}
_UNSAFE = {ord(character): f"\\u{ord(character):04x}" for character in "<>[]\u0085\u2028\u2029"}


class Message(TypedDict):
    """One message of a chat, in the form every runtime takes."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True)
class Prompt:
    """One version of one prompt."""

    name: str
    version: int
    source: str

    @property
    def record(self) -> PromptRecord:
        """What ``run.json`` says about it."""
        digest = hashlib.sha256(self.source.encode()).hexdigest()
        return PromptRecord(name=self.name, version=self.version, sha256=digest)

    def render(self, block: Literal["system", "user"], **data: Any) -> Message:
        """One message; every string of ``data`` enters quoted.

        Raises:
            jinja2.UndefinedError: the template prints something that ``data`` does not hold.
        """
        template = _environment().from_string(self.source)
        content = "".join(template.blocks[block](template.new_context(data)))
        return {"role": block, "content": content.strip()}


@cache
def load_prompt(name: str) -> Prompt:
    """The current version of a prompt: ``article``, ``steps``, ``correct``, ``suggest`` or ``towards``."""
    version = CURRENT[name]
    source = (_folder() / f"{name}-v{version}.jinja").read_text(encoding="utf-8")
    return Prompt(name, version, source)


def prompt_files() -> Iterator[tuple[str, bytes]]:
    """Name and content of every prompt file, old versions included."""
    for file in _folder().iterdir():
        if file.name.endswith(".jinja"):
            yield file.name, file.read_bytes()


def quoted(value: object) -> object:
    """A string as a JSON string on one line that holds no angle or square brackets; anything else as it is."""
    if not isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False).translate(_UNSAFE)


def _folder() -> Any:
    return resources.files("illinstr.sampling.writing") / "prompts"


@cache
def _environment() -> Environment:
    # Not HTML: `quoted` is what keeps text in its place here, and it is applied to every expression. A template
    # therefore chooses between words with {% if %}, never with an expression.
    return Environment(
        autoescape=False, finalize=quoted, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
