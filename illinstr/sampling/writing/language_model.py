"""A language model as a writer: asks, checks, and asks again with the reason when an answer cannot be used.

The runtimes differ (transformers, GGUF, a server); what they are asked and what they must answer is one thing, here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol, TypeVar

from illinstr.articles import Article, Provenance, Step, StepImage, make_id
from illinstr.errors import PlanError
from illinstr.runs import WritingRecord
from illinstr.sampling.writing.answers import (
    GOAL_CHARS,
    AnswerError,
    Kind,
    example,
    read_article_answer,
    read_goals_answer,
)
from illinstr.sampling.writing.base import WRITING_KEY, WritingTask
from illinstr.sampling.writing.details import HEADLINE_CHARS, details_of, with_details
from illinstr.sampling.writing.languages import language_of
from illinstr.sampling.writing.prompting import Message, Prompt, load_prompt

ATTEMPTS = 4
MAX_SEED = 2**31 - 1
_ECHO_CHARS = 2_000
_SEED_STRIDE = 1_000_003  # so that the second try of one seed is not the first try of the next

Forced = Literal["grammar", "schema", "none"]
Found = TypeVar("Found")
ExampleSource = Callable[[str, int], Sequence[Article]]


@dataclass(frozen=True)
class Question:
    """What a model is asked: a chat, and the form of the answer.

    Attributes:
        messages: the chat so far.
        kind: steps, an article, or goals.
        count: how many of them, exactly.
        seed: seed of the sampling.
        max_tokens: the longest answer that can be of use.
        image: what goes with the first words of the user, for models that see.
    """

    messages: list[Message]
    kind: Kind
    count: int
    seed: int
    max_tokens: int
    image: StepImage | None = None


class TooLong(PlanError):
    """The chat is longer than the model reads."""


class LanguageModel(Protocol):
    """One runtime with one model. Loading is put off until the first answer."""

    @property
    def name(self) -> str:
        """The model's name, without folders and addresses."""

    @property
    def model_hash(self) -> str | None:
        """Hash over the model's files, or its commit on the hub; known after the first answer, None for a server."""

    @property
    def forced(self) -> Forced:
        """How the last answer was made to have the right form; ``none`` where it was merely asked for."""

    @property
    def constrained(self) -> bool:
        """Whether decoding is constrained to the form in this process; a server may only claim to."""

    def answer(self, question: Question) -> str:
        """The model's answer, whatever it says.

        Raises:
            TooLong: the chat is longer than the model reads.
            PlanError: the model could not be asked at all.
            ModelError: it cannot be loaded.
        """

    def close(self) -> None:
        """Free the memory; a later answer loads the model again."""


@dataclass
class LanguageModelWriter:
    """Writes steps, corrections and suggestions with a language model.

    Args:
        model: the runtime.
        context: what the reader says about themselves; empty when nothing was said.
        examples: finds articles to show as examples for a goal and a number of steps; none beside an image.
        image: the finished thing, shown to a model that sees; the steps lead there.
    """

    model: LanguageModel
    context: str = ""
    examples: ExampleSource | None = None
    image: StepImage | None = None
    attempts: int = field(default=ATTEMPTS)

    @property
    def name(self) -> str:
        """The model's name."""
        return self.model.name

    def write(self, task: WritingTask) -> Article:
        """Write the steps of ``task``; the record of the writing is in ``extra``.

        Raises:
            PlanError: the model gave no usable answer in ``attempts`` tries, or could not be asked.
            ModelError: it cannot be loaded.
        """
        kind = self._kind(task)
        prompt = load_prompt("correct" if task.problem else self._prompt_name(kind))
        data: dict[str, Any] = {
            "goal": task.goal,
            "context": self.context,
            "num_steps": task.num_steps,
            "headline_chars": HEADLINE_CHARS,
        }
        if task.problem:
            data |= {
                "problem": task.problem,
                "kept": [step.headline for step in task.kept],
                "dropped": [step.headline for step in task.dropped],
            }
        shown = self._shown(task)

        def read(text: str) -> tuple[list[Step], dict[str, Any]]:
            return read_article_answer(text, task.num_steps)

        while True:
            messages = [prompt.render("system", **data), *_turns(prompt, shown, kind), prompt.render("user", **data)]
            most = _most_tokens(kind, task.num_steps)
            question = Question(messages, kind, task.num_steps, task.seed, most, None if task.problem else self.image)
            try:
                (steps, more), record = self._ask(question, prompt, read)
                break
            except TooLong:
                if not shown:
                    raise
                shown = shown[: len(shown) // 2]  # our examples are the first that can be done without
        record = record.model_copy(update={"examples": tuple(article.id for article in shown)})
        article = Article(
            id=make_id("generated", task.goal, task.seed, self.name),
            goal=task.goal,
            language=language_of(task.goal),
            steps=tuple(steps),
            provenance=Provenance(source="generated", parser=self.name),
            extra={WRITING_KEY: record.model_dump(mode="json")},
        )
        return with_details(article, more)

    def _kind(self, task: WritingTask) -> Literal["steps", "article"]:
        # Small models, which run in this process, lose the thread in a long form; corrections are steps alone.
        return "steps" if task.problem or self.model.constrained else "article"

    def _prompt_name(self, kind: Literal["steps", "article"]) -> str:
        return kind if self.image is None else "towards"

    def _shown(self, task: WritingTask) -> list[Article]:
        if self.examples is None or task.problem or self.image is not None:
            return []
        return list(self.examples(task.goal, task.num_steps))

    def wrote(self, record: WritingRecord | None) -> bool:
        """Whether this model, asked in this way, wrote what ``record`` is about."""
        return (
            record is not None
            and (record.model, record.context) == (self.name, self.context)
            and record.image == (self.image.sha256 if self.image is not None else None)
            and record.prompt == load_prompt(self._prompt_name("steps" if self.model.constrained else "article")).record
        )

    def suggest(self, at_hand: str, count: int, *, seed: int) -> list[str]:
        """``count`` goals that can be reached with what is at hand.

        Raises:
            PlanError: the model gave no usable answer, or could not be asked.
            ModelError: it cannot be loaded.
        """
        prompt = load_prompt("suggest")
        data = {"at_hand": at_hand, "context": self.context, "count": count, "goal_chars": GOAL_CHARS}
        messages = [prompt.render("system", **data), prompt.render("user", **data)]
        question = Question(messages, "goals", count, seed, 64 + 50 * count)
        goals, _ = self._ask(question, prompt, lambda text: read_goals_answer(text, count))
        return goals

    def _ask(self, question: Question, prompt: Prompt, read: Callable[[str], Found]) -> tuple[Found, WritingRecord]:
        """Ask until an answer can be used; each new try has its own seed."""
        messages, reason = question.messages, ""
        for attempt in range(self.attempts):
            seed = (question.seed + attempt * _SEED_STRIDE) % (MAX_SEED + 1)
            text = self.model.answer(replace(question, messages=messages, seed=seed))
            try:
                found = read(text)
            except AnswerError as error:
                reason = error.message
                # Constrained decoding needs another seed; a model that was merely asked needs to be told why.
                if not self.model.constrained:
                    messages = [*question.messages, *_complaint(text, reason)]
                continue
            record = WritingRecord(
                model=self.model.name,
                model_hash=self.model.model_hash,
                prompt=prompt.record,
                forced=self.model.forced,
                attempts=attempt + 1,
                seed=seed,
                context=self.context,
                image=question.image.sha256 if question.image is not None else None,
            )
            return found, record
        wanted = "goals" if question.kind == "goals" else "steps"
        raise PlanError(
            f"{self.name} gave no usable {wanted} in {self.attempts} answers; the last one: {reason}",
            hint="another --seed or a larger model may do better; or give the steps yourself, with --step",
        )


def _most_tokens(kind: Kind, num_steps: int) -> int:
    return 64 + 140 * num_steps if kind == "steps" else 700 + 320 * num_steps


def _turns(prompt: Prompt, articles: Sequence[Article], kind: Kind) -> Iterator[Message]:
    """Finished articles as turns of a chat: what was asked, and what is a good answer to it."""
    for article in articles:
        yield prompt.render("user", goal=article.goal, context="", num_steps=article.num_steps)
        if kind == "article":
            answer = json.dumps(details_of(article), ensure_ascii=False, separators=(",", ":"))
        else:
            answer = example("steps", [(step.headline, step.body) for step in article.steps])
        yield {"role": "assistant", "content": answer}


def _complaint(text: str, reason: str) -> list[Message]:
    # The answer goes back cut and made one line; it is the model's own, and still it must not spell control tokens.
    echo = " ".join(text[:_ECHO_CHARS].replace("<", "(").replace("[", "(").split()) or "(nothing)"
    return [
        {"role": "assistant", "content": echo},
        {"role": "user", "content": f"That cannot be used: {reason}. Answer again, in the form asked for."},
    ]
