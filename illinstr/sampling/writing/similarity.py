"""The words of goals and steps: what may enter, cleaned and capped, and the file names made from them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from illinstr.articles import Article, Material, Step, clean_text, make_id, normalise_goal
from illinstr.errors import UsageError

MAX_GOAL_CHARS = 300
MAX_HEADLINE_CHARS = 300
MAX_BODY_CHARS = 4_000
MAX_CAPTION_CHARS = 1_000
MAX_ENTRIES = 100  # materials, tools, tips, objects ... of an article
BODY_SEPARATOR = " | "

Entry = TypeVar("Entry")


def check_goal(text: str) -> str:
    """A goal fit to be planned, drawn and printed: one line, no control characters.

    Raises:
        UsageError: nothing readable in it, over ``MAX_GOAL_CHARS`` characters, or not valid Unicode.
    """
    goal = clean_line(text, "the goal")
    if not re.search(r"\w", goal):
        raise UsageError("the goal is empty", hint='say what to explain, such as "How to make apple juice"')
    if len(goal) > MAX_GOAL_CHARS:
        raise UsageError(
            f"the goal has {len(goal):,} characters; at most {MAX_GOAL_CHARS} are allowed",
            hint="name the goal in one line and give the details as steps, with --step",
        )
    return goal


def slug(goal: str) -> str:
    """A file name for a goal: ``How to make apple juice!`` becomes ``make-apple-juice``.

    Two goals share a name only when they are the same but for case, punctuation and "how to"; where letters had to be
    left out, eight characters of a hash keep the names apart.
    """
    normal = normalise_goal(goal)
    words = re.findall(r"[a-z0-9]+", normal)
    name = "-".join(words)[:60].strip("-")
    if " ".join(words) != normal or len("-".join(words)) > 60:
        name = f"{name}-{make_id('goal', normal)[-8:]}".lstrip("-")
    return name


def parse_step(text: str) -> Step:
    """One step as the user writes it: a headline, or ``headline | body``.

    Raises:
        UsageError: empty, too long, or not valid Unicode.
    """
    headline, _, body = text.partition(BODY_SEPARATOR)
    return clean_step(Step.model_construct(headline=headline, body=body), "a step")


def clean_step(step: Step, name: str) -> Step:
    """A step of clean text within the caps, without an image; ``name`` is what a message calls it.

    Raises:
        UsageError: no headline, a part over its cap, or not valid Unicode.
    """
    headline = clean_line(step.headline, name)
    body = clean_line(step.body, name)
    if not headline:
        raise UsageError(f"{name} is empty", hint='write what to do, such as --step "Wash the apples"')
    for part, text, limit in (("headline", headline, MAX_HEADLINE_CHARS), ("body", body, MAX_BODY_CHARS)):
        if len(text) > limit:
            hint = (
                f'put explanations behind the headline: "headline{BODY_SEPARATOR}body"' if part == "headline" else None
            )
            raise UsageError(
                f"{name} has a {part} of {len(text):,} characters; at most {limit:,} are allowed", hint=hint
            )
    bullets = tuple(filter(None, (clean_line(bullet, name)[:MAX_BODY_CHARS] for bullet in step.bullets)))
    return Step(headline=headline, body=body, bullets=bullets, scene=step.scene, **_for_drawing(step, name))


def clean_article(article: Article) -> Article:
    """An article whose materials, tools, tips, warnings and objects are clean lines within the caps.

    Raises:
        UsageError: one is too long, or there are too many, or not valid Unicode.
    """

    def clean(values: Iterable[str], name: str) -> tuple[str, ...]:
        return tuple(filter(None, (_short(value, name) for value in _few(tuple(values), name))))

    materials = [
        Material(name=name, amount=_short(each.amount, "an amount") if each.amount else None)
        for each in _few(article.materials, "materials")
        if (name := _short(each.name, "a material"))
    ]
    return article.model_copy(
        update={
            "materials": tuple(materials),
            "tools": clean(article.tools, "tools"),
            "tips": clean(article.tips, "tips"),
            "warnings": clean(article.warnings, "warnings"),
            "objects": _short_pairs(article.objects, "objects"),
        }
    )


def _for_drawing(step: Step, name: str) -> dict[str, Any]:
    """What a step tells whoever draws it, cleaned; nothing where the writer told nothing."""
    caption, prompt = getattr(step, "caption", None), getattr(step, "prompt", None)
    return {
        "caption": _short(caption, f"{name}: the caption") or None if caption else None,
        "prompt": _short(prompt, f"{name}: the prompt") or None if prompt else None,
        "states": _short_pairs(getattr(step, "states", {}), f"{name}: the states"),
        "unseen": tuple(
            filter(None, (_short(each, f"{name}: unseen") for each in _few(getattr(step, "unseen", ()), name)))
        ),
    }


def _short_pairs(pairs: Mapping[str, str], name: str) -> dict[str, str]:
    _few(tuple(pairs), name)
    cleaned = {_short(key, name): _short(value, name) for key, value in pairs.items()}
    return {key: value for key, value in cleaned.items() if key and value}


def _short(text: str, name: str) -> str:
    line = clean_line(text, name)
    if len(line) > MAX_CAPTION_CHARS:
        raise UsageError(f"{name} has {len(line):,} characters; at most {MAX_CAPTION_CHARS:,} are allowed")
    return line


def _few(values: Sequence[Entry], name: str) -> Sequence[Entry]:
    if len(values) > MAX_ENTRIES:
        raise UsageError(f"{name}: {len(values):,} entries; at most {MAX_ENTRIES} are allowed")
    return values


def clean_line(text: str, name: str) -> str:
    """``text`` as one clean line; ``name`` is what a message calls it.

    Raises:
        UsageError: not valid Unicode.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UsageError(
            f"{name} is not valid Unicode text", hint="check the terminal's encoding; it should be UTF-8"
        ) from error
    return clean_text(text)
