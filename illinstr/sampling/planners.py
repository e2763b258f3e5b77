"""Who writes the steps of an article.

A ``Planner`` turns a goal into N steps in words. Here lives the one that takes the user's own steps; the offline writer
of the embedded world is handed in by the command line. Whatever a planner returns is treated as data: ``plan_article``
counts its steps, strips control characters and caps lengths before anything is drawn or printed.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Protocol

from illinstr.articles import MAX_STEPS, Article, Provenance, Step, clean_text, make_id, normalise_goal
from illinstr.errors import PlanError, UsageError

DEFAULT_NUM_STEPS = 6
MAX_GOAL_CHARS = 300
MAX_HEADLINE_CHARS = 300
MAX_BODY_CHARS = 4_000
MAX_FILE_BYTES = 1 << 20
BODY_SEPARATOR = " | "

_LIST_MARK = re.compile(r"^(?:\d{1,3}[.)]|[-*•])\s+")


class Planner(Protocol):
    """Writes the steps of an article."""

    @property
    def name(self) -> str:
        """How records and pages call this writer."""

    def plan(self, goal: str, num_steps: int, *, seed: int) -> Article:
        """Write ``num_steps`` steps towards ``goal``; no pictures. The same seed writes the same steps.

        Raises:
            PlanError: this planner cannot write steps for the goal, or not so many.
        """


class UserSteps:
    """The steps that the user wrote: the seed changes nothing."""

    name = "user"

    def __init__(self, steps: Sequence[Step]) -> None:
        self.steps = tuple(steps)

    def plan(self, goal: str, num_steps: int, *, seed: int) -> Article:
        """The user's steps under ``goal``.

        Raises:
            PlanError: ``num_steps`` is not the number of steps given.
        """
        if num_steps != len(self.steps):
            raise PlanError(f"{num_steps} steps were asked for and {len(self.steps)} were given")
        provenance = Provenance(source=self.name)
        return Article(id=make_id(self.name, goal), goal=goal, steps=self.steps, provenance=provenance)


def plan_article(planner: Planner, goal: str, num_steps: int, *, seed: int) -> Article:
    """Have ``planner`` write an article and make sure that it is fit to be drawn.

    The result has exactly ``num_steps`` steps, clean text within the caps, no pictures, an id made from goal, seed and
    steps, and the source ``generated``.

    Raises:
        PlanError: the planner could not, wrote another number of steps, or one that is empty or too long.
    """
    article = planner.plan(goal, num_steps, seed=seed)
    if article.num_steps != num_steps:
        raise PlanError(f"{planner.name} wrote {article.num_steps} steps where {num_steps} were asked for")
    try:
        steps = tuple(_clean_step(step, f"step {i}") for i, step in enumerate(article.steps, start=1))
        written = check_goal(article.goal)
    except UsageError as error:
        raise PlanError(f"{planner.name} wrote steps that cannot be used: {error.message}", hint=error.hint) from error
    ident = make_id("generated", written, seed, *(step.headline for step in steps))
    provenance = Provenance(source="generated", parser=planner.name)
    return article.model_copy(update={"id": ident, "goal": written, "steps": steps, "provenance": provenance})


def check_goal(text: str) -> str:
    """A goal fit to be planned, drawn and printed: one line, no control characters.

    Raises:
        UsageError: nothing readable in it, over ``MAX_GOAL_CHARS`` characters, or not valid Unicode.
    """
    goal = _clean(text, "the goal")
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
    return _clean_step(Step.model_construct(headline=headline, body=body), "a step")


def read_steps(source: Path) -> list[Step]:
    """Read steps from a file, or from stdin when ``source`` is ``-``: one a line, blank and ``#`` lines skipped.

    A list mark (``1.``, ``2)``, ``-``, ``*``) before a step is left out.

    Raises:
        UsageError: unreadable, not UTF-8, too large, no steps in it or more than an article may have.
    """
    lines = [_LIST_MARK.sub("", line) for line in read_lines(source, "--steps-file")]
    if len(lines) > MAX_STEPS:
        raise UsageError(f"--steps-file holds {len(lines)} steps; an article has at most {MAX_STEPS}")
    return [parse_step(line) for line in lines]


def read_goals(source: Path) -> list[str]:
    """Read goals from a file, or from stdin when ``source`` is ``-``: one a line, blank and ``#`` lines skipped.

    A goal that comes again, but for case, punctuation and "how to", is taken once. The goals are not checked yet, so
    that a bad one need not stop the others.

    Raises:
        UsageError: unreadable, not UTF-8, too large, or no goals in it.
    """
    unique: dict[str, str] = {}
    for line in read_lines(source, "--goals-file"):
        unique.setdefault(normalise_goal(line) or line, line)
    return list(unique.values())


def read_lines(source: Path, option: str) -> list[str]:
    """The lines of a small UTF-8 file (stdin for ``-``) that are neither blank nor comments.

    Raises:
        UsageError: unreadable, not UTF-8, over ``MAX_FILE_BYTES``, or nothing in it; the message names ``option``.
    """
    try:
        if str(source) == "-":
            data = _read_capped(sys.stdin.buffer, option)
        else:
            with source.expanduser().open("rb") as stream:
                data = _read_capped(stream, option)
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{option} {source} is not UTF-8 text", hint="save it as plain text in UTF-8") from error
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(
            f"{option}: cannot read {source}: {reason}", hint="give a text file, or - for stdin"
        ) from error
    stripped = (line.strip() for line in text.splitlines())
    lines = [line for line in stripped if line and not line.startswith("#")]
    if not lines:
        raise UsageError(f"{option} {source} holds no lines to read", hint="write one a line")
    return lines


def _read_capped(stream: BinaryIO, option: str) -> bytes:
    data = stream.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise UsageError(f"{option}: more than {MAX_FILE_BYTES >> 20} MiB of text", hint="split it into smaller files")
    return data


def _clean_step(step: Step, name: str) -> Step:
    headline = _clean(step.headline, name)
    body = _clean(step.body, name)
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
    bullets = tuple(filter(None, (_clean(bullet, name)[:MAX_BODY_CHARS] for bullet in step.bullets)))
    return Step(headline=headline, body=body, bullets=bullets, scene=step.scene)


def _clean(text: str, name: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UsageError(
            f"{name} is not valid Unicode text", hint="check the terminal's encoding; it should be UTF-8"
        ) from error
    return clean_text(text)
