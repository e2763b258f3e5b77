"""What a language model may answer: the form it is forced into where it can be, and the checks that hold everywhere.

One form, three spellings: a JSON Schema (servers, transformers), a GBNF grammar (GGUF), and the pydantic models that
read what comes back. The schema is also the largest common part of what servers in strict mode accept; lengths can be
left out of it, since they are checked again here.
"""

from __future__ import annotations

import itertools
import json
import re
from typing import Any, Literal, TypeVar

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError, model_validator

from illinstr.articles import Step, clean_text, normalise_goal
from illinstr.chat.thoughts import without_thoughts
from illinstr.errors import IllinstrError, UsageError
from illinstr.sampling.writing.details import HEADLINE_CHARS, article_schema, read_step, step_schema
from illinstr.sampling.writing.lists import listed, plain_line
from illinstr.sampling.writing.loose_json import json_values
from illinstr.sampling.writing.similarity import check_goal, clean_step

BODY_CHARS = 240
GOAL_CHARS = 80
MAX_ANSWER_CHARS = 200_000
# A model in strict form stops at HEADLINE_CHARS; one that is merely asked may run a little over.
_SLACK = 1.5

Kind = Literal["steps", "article", "goals"]
Answer = TypeVar("Answer", bound=BaseModel)

_LINK = re.compile(r"https?:|www\.|\bjavascript:|\bdata:\w+/", re.IGNORECASE)
_MARKUP = re.compile(r"</?[a-zA-Z!][^>]*>|```|\]\(")


class AnswerError(IllinstrError):
    """An answer that cannot be used; the message says why, in words a model can act on."""


class _StepAnswer(BaseModel):
    """A step; models asked without a forced form name its parts as they like. What else it says is in the extras."""

    model_config = ConfigDict(extra="allow")

    headline: str = Field(validation_alias=AliasChoices("headline", "title", "heading", "name", "step", "instruction"))
    body: str | None = Field(
        default=None, validation_alias=AliasChoices("body", "description", "text", "details", "explanation", "content")
    )

    @model_validator(mode="before")
    @classmethod
    def _of_a_line(cls, value: Any) -> Any:
        return {"headline": value} if isinstance(value, str) else value


class _StepsAnswer(BaseModel):
    model_config = ConfigDict(extra="allow")

    steps: list[_StepAnswer]

    @model_validator(mode="before")
    @classmethod
    def _of_a_list(cls, value: Any) -> Any:
        return {"steps": value} if isinstance(value, list) and value else value


class _GoalsAnswer(BaseModel):
    model_config = ConfigDict(extra="ignore")

    goals: list[str]

    @model_validator(mode="before")
    @classmethod
    def _of_a_list(cls, value: Any) -> Any:
        return {"goals": value} if isinstance(value, list) and value else value


def schema(kind: Kind, count: int, *, lengths: bool = True) -> dict[str, Any]:
    """JSON Schema (2020-12) of an answer of exactly ``count`` steps or goals.

    Args:
        kind: steps alone, an article with all that it says besides, or goals.
        count: how many.
        lengths: whether to cap strings; some servers' strict mode knows no ``maxLength``.
    """

    def text(fewest: int, most: int) -> dict[str, Any]:
        return {"type": "string", **({"minLength": fewest, "maxLength": most} if lengths else {})}

    item = text(3, GOAL_CHARS)
    if kind != "goals":
        told = {"headline": text(3, HEADLINE_CHARS), "body": text(0, BODY_CHARS)}
        item = _object(told | (step_schema(text) if kind == "article" else {}))
    before, after = article_schema(text) if kind == "article" else ({}, {})
    name = "goals" if kind == "goals" else "steps"
    return _object({**before, name: {"type": "array", "minItems": count, "maxItems": count, "items": item}, **after})


def grammar(kind: Kind, count: int) -> str:
    """GBNF (llama.cpp) of steps or goals, without white space between its parts; a body may be left out."""
    assert kind != "article", "small models write steps alone"
    rules = {
        "steps": (
            f'item ::= "{{\\"headline\\":\\"" [A-Z] word{{2,{HEADLINE_CHARS - 2}}} "."? "\\"" body? "}}"\n'
            'word ::= [^"\\\\\\x00-\\x1f\\x7f<>.!?]\n'
            f'body ::= ",\\"body\\":\\"" char{{1,{BODY_CHARS}}} "\\""'
        ),
        "goals": f'item ::= "\\"How to " char{{3,{GOAL_CHARS - 7}}} "\\""',
    }
    more = f' ("," item){{{count - 1}}}' if count > 1 else ""
    return f'root ::= "{{\\"{kind}\\":[" item{more} "]}}"\n{rules[kind]}\nchar ::= [^"\\\\\\x00-\\x1f\\x7f<>]\n'


def example(kind: Kind, texts: list[tuple[str, str]]) -> str:
    """An answer as it should look, for a prompt: (headline, body) pairs, or (goal, "") pairs."""
    if kind == "goals":
        value: Any = [goal for goal, _ in texts]
    else:
        value = [{"headline": headline} | ({"body": body} if body else {}) for headline, body in texts]
    return json.dumps({kind: value}, ensure_ascii=False, separators=(",", ":"))


def read_steps_answer(text: str, count: int) -> list[Step]:
    """The steps in a model's answer, cleaned.

    Accepted are the JSON form, alone, in a code fence or among other words, and a plain numbered list.

    Raises:
        AnswerError: anything else, another number of steps, or a step that is no clean, short, drawable line.
    """
    return read_article_answer(text, count)[0]


def read_article_answer(text: str, count: int) -> tuple[list[Step], dict[str, Any]]:
    """The steps in a model's answer, and what else the answer says about the article, still to be read.

    Accepted are the JSON form, alone, in a code fence or among other words, and a plain numbered list.

    Raises:
        AnswerError: as ``read_steps_answer``.
    """
    found = _read(_StepsAnswer, text)
    given = found.steps if found is not None else [_StepAnswer(headline=one, body=more) for one, more in _listed(text)]
    if len(given) != count:
        raise AnswerError(f"{len(given)} steps where exactly {count} were asked for")
    steps = [_step(each, f"step {number}") for number, each in enumerate(given, start=1)]
    for number, (one, other) in enumerate(itertools.pairwise(steps), start=1):
        if one.headline.casefold() == other.headline.casefold():
            raise AnswerError(f"steps {number} and {number + 1} are the same")
    steps = [step.model_copy(update=read_step(each.model_extra or {})) for step, each in zip(steps, given, strict=True)]
    return steps, dict((found.model_extra if found is not None else None) or {})


def read_goals_answer(text: str, count: int) -> list[str]:
    """The goals in a model's answer, cleaned: exactly ``count``, all different.

    Raises:
        AnswerError: anything else.
    """
    found = _read(_GoalsAnswer, text)
    given = found.goals if found is not None else [line for line, _ in _listed(text)]
    goals: dict[str, str] = {}
    for line in given:
        try:
            goal = check_goal(plain_line(line))
        except UsageError as error:
            raise AnswerError(f"a goal cannot be used: {error.message}") from error
        _plain(goal, "a goal", GOAL_CHARS)
        goals.setdefault(normalise_goal(goal), goal)
    if len(goals) != count or len(given) != count:
        raise AnswerError(f"{len(goals)} different goals where exactly {count} were asked for")
    return list(goals.values())


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _read(model: type[Answer], text: str) -> Answer | None:
    """The likeliest JSON value in ``text`` that fits; None when nothing there looks like one."""
    if len(text) > MAX_ANSWER_CHARS:
        raise AnswerError(f"the answer is longer than {MAX_ANSWER_CHARS:,} characters")
    reason = None
    for value in json_values(without_thoughts(text)):
        try:
            return model.model_validate(value)
        except ValidationError as error:
            first = error.errors()[0]
            # What fits least badly says most about what is wrong: an object tells more than a stray list.
            if reason is None or isinstance(value, dict):
                reason = reason or f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    if reason is not None and not listed(without_thoughts(text)):
        raise AnswerError(reason)
    if reason is None and "{" in text and not listed(without_thoughts(text)):
        raise AnswerError("the answer is not valid JSON")
    return None


def _listed(text: str) -> list[tuple[str, str]]:
    """(headline, body) of each entry of a list in words."""
    found = listed(without_thoughts(text))
    if not found:
        raise AnswerError("the answer is empty" if not clean_text(text) else "the answer holds no JSON and no list")
    return found


def _step(given: _StepAnswer, name: str) -> Step:
    try:
        step = clean_step(
            Step.model_construct(headline=plain_line(given.headline), body=_plain_text(given.body), bullets=()), name
        )
    except UsageError as error:
        raise AnswerError(error.message) from error
    if not re.search(r"\w{2}", step.headline):
        raise AnswerError(f"{name} has no words in its headline")
    if step.headline.casefold().startswith("how to "):
        raise AnswerError(f"{name} is a goal, not something to do")
    _plain(step.headline, f"{name}: the headline", HEADLINE_CHARS)
    if len(step.headline) >= HEADLINE_CHARS - 1 and step.headline[-1].isalnum():
        raise AnswerError(f"{name}: the headline was cut short at {HEADLINE_CHARS} characters")
    _plain(step.body, f"{name}: the body", BODY_CHARS)
    return step


def _plain_text(text: str | None) -> str:
    return " ".join(filter(None, (plain_line(line) for line in (text or "").splitlines())))


def _plain(text: str, name: str, limit: int) -> None:
    if len(text) > limit * _SLACK:
        raise AnswerError(f"{name} has {len(text):,} characters; at most {limit} are allowed")
    if _LINK.search(text):
        raise AnswerError(f"{name} holds a link")
    if _MARKUP.search(text):
        raise AnswerError(f"{name} holds markup")
