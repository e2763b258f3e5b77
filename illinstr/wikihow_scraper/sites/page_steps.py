"""A step's name and words as headline and body, the same for every site that knows both."""

from __future__ import annotations

import re

from illinstr.wikihow_scraper.page import Image, Method, Note, PageStep, Video
from illinstr.wikihow_scraper.sentences import first_sentence
from illinstr.wikihow_scraper.sites.cutting import generic_name

_STOPS = (".", "!", "?", ":", "。", "！", "？", "：")
MAX_NAME = 60  # characters; what is longer and begins the text is the text cut off
_CUT_OFF = re.compile(r"\s*(?:…|\.\.\.)$")


def headline_and_body(name: str, text: str) -> tuple[str, str]:
    """What is shown large and what small.

    A name that only counts ("Step 3"), or that repeats the beginning of the text, tells nothing of its own: then the
    text's first sentence stands for the step.
    """
    name = "" if generic_name(name) else name
    if not name or not text:
        return first_sentence(text) if text else (name, "")
    start = _CUT_OFF.sub("", name)
    if not text.casefold().startswith(start.casefold()):
        return name, text
    rest = text[len(start) :]
    if start != name or len(name) > MAX_NAME or not rest:
        return first_sentence(text)
    if name.endswith(_STOPS):
        return name, rest.strip()
    if rest.lstrip().startswith(_STOPS):
        stop = rest.lstrip()[0]
        return name + stop, rest.strip().removeprefix(stop).strip()
    return name, text


def step(
    name: str,
    text: str,
    *,
    bullets: tuple[str, ...] = (),
    images: list[Image] | None = None,
    video: Video | None = None,
    notes: tuple[Note, ...] = (),
) -> PageStep | None:
    """A step of what a site gave, None where it has no words. Of its images the first stands for it."""
    headline, body = headline_and_body(name, text)
    if not headline and bullets:
        headline, bullets = bullets[0], bullets[1:]
    if not headline:
        return None
    found = images or []
    return PageStep(
        headline=headline,
        body=body,
        bullets=bullets,
        image=found[0] if found else None,
        extra_images=tuple(found[1:]),
        video=video,
        notes=notes,
    )


def methods(parts: list[tuple[str | None, list[PageStep]]], label: str | None = None) -> tuple[Method, ...]:
    """Named lists of steps as methods; those without steps are left out."""
    kept = [(name, steps) for name, steps in parts if steps]
    known = label if label in ("method", "part") and len(kept) > 1 else None
    return tuple(Method(name=name or None, label=known, steps=tuple(steps)) for name, steps in kept)
