"""Parts of a run's record: how words were written and changed, which images and adapters had a part."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class PromptRecord(BaseModel):
    """The prompt that a language model was given: a versioned file of ``illinstr/sampling/prompts``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1)
    version: int = Field(ge=1)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class WritingRecord(BaseModel):
    """How a language model wrote steps.

    Attributes:
        model: the model's name, as its runtime gives it.
        model_hash: hash over the model's files, or its commit on the hub; None where they are elsewhere (a server's).
        prompt: what it was asked.
        forced: how the runtime was made to give exactly N steps: ``grammar``, ``schema``, or ``none`` (checked after).
        attempts: answers it took until one could be used.
        seed: seed of the answer that was used.
        examples: ids of the articles shown as examples.
        context: what the reader said about themselves; empty when nothing was said.
        image: SHA-256 of the image of the finished thing that the model was shown; None when it saw none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = Field(min_length=1)
    model_hash: str | None = None
    prompt: PromptRecord
    forced: Literal["grammar", "schema", "none"]
    attempts: int = Field(ge=1)
    seed: int = Field(ge=0)
    examples: tuple[str, ...] = ()
    context: str = ""
    image: str | None = None


class Correction(BaseModel):
    """What ``correct`` changed in the words of an article.

    Attributes:
        after: how many steps were kept.
        planner: who wrote the new ones.
        removed: headlines of the steps that were there.
        added: headlines of the steps that took their place.
        writing: how a language model wrote them; None where none did.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    after: int = Field(ge=1)
    planner: str = Field(min_length=1)
    removed: tuple[str, ...]
    added: tuple[str, ...] = Field(min_length=1)
    writing: WritingRecord | None = None


class ReferenceRecord(BaseModel):
    """An image that all images were drawn to look like, and that has no step: a file of the run folder."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: str = Field(pattern=r"^reference-[0-9]{2}\.[a-z]{3,4}$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class LoraRecord(BaseModel):
    """Low-rank adapters that were added to the model, and how much of them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str = Field(min_length=1)
    weight: float = Field(allow_inf_nan=False)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
