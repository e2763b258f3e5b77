"""The words of goals and steps: what may enter, cleaned and capped, and the file names made from them."""

from __future__ import annotations

import re

from illinstr.articles import Step, clean_text, make_id, normalise_goal
from illinstr.errors import UsageError

MAX_GOAL_CHARS = 300
MAX_HEADLINE_CHARS = 300
MAX_BODY_CHARS = 4_000
BODY_SEPARATOR = " | "


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
    return Step(headline=headline, body=body, bullets=bullets, scene=step.scene)


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
