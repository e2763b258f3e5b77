"""Which articles are fit to learn from, and why the others are not."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Literal

from pydantic import Field, model_validator

from illinstr.articles import MAX_STEPS, Article, Step, normalise_goal
from illinstr.config import Config
from illinstr.wikihow_scraper.licences import OPEN_KINDS
from illinstr.wikihow_scraper.takedown import Takedown

ImageLicense = Literal["cc", "any"]


@dataclass(frozen=True, slots=True)
class Dropped:
    """An article that was left out, with the reason the funnel counts it under."""

    reason: str


class CleanRules(Config):
    """What an article must be to be kept.

    Lengths are characters. ``image_license`` "cc" keeps the bytes of pictures under Creative Commons or in the public
    domain only; the address and licence of every picture stay in the record either way.
    """

    min_steps: int = Field(default=2, ge=1, le=MAX_STEPS)
    max_steps: int = Field(default=MAX_STEPS, ge=1, le=MAX_STEPS)
    language: str | None = None
    image_license: ImageLicense = "cc"
    min_goal_chars: int = Field(default=10, ge=1)
    max_goal_chars: int = Field(default=200, ge=1)
    max_headline_chars: int = Field(default=500, ge=1)
    max_step_chars: int = Field(default=10_000, ge=1)

    @model_validator(mode="after")
    def _bounds_in_order(self) -> CleanRules:
        if self.min_steps > self.max_steps:
            raise ValueError("min_steps is larger than max_steps")
        return self

    def allows_picture(self, kind: str) -> bool:
        """Whether pictures of this licence kind may be stored."""
        return self.image_license == "any" or kind in OPEN_KINDS


@dataclass
class Cleaner:
    """Judges articles one by one and remembers what it has seen, so that a repeated text is kept once."""

    rules: CleanRules
    takedown: Takedown = field(default_factory=Takedown)
    _seen_texts: set[str] = field(default_factory=set)
    _seen_ids: set[str] = field(default_factory=set)

    def judge(self, article: Article) -> Article | Dropped:
        """The article, or why it is dropped."""
        reason = "taken down" if self.takedown.covers(article) else self._reason(article)
        if reason is not None:
            return Dropped(reason)
        self._seen_texts.add(fingerprint(article))
        self._seen_ids.add(article.id)
        return article

    def _reason(self, article: Article) -> str | None:
        rules = self.rules
        if rules.language is not None and article.language != rules.language:
            return "other language"
        if not rules.min_steps <= article.num_steps <= rules.max_steps:
            return "too few steps" if article.num_steps < rules.min_steps else "too many steps"
        # A goal of one ideograph says as much as a word, so only alphabetic languages have a lower bound.
        if len(article.goal) < rules.min_goal_chars and article.goal.isascii():
            return "goal too short"
        if len(article.goal) > rules.max_goal_chars:
            return "goal too long"
        if any(len(step.headline) > rules.max_headline_chars for step in article.steps):
            return "headline too long"
        if any(_length(step) > rules.max_step_chars for step in article.steps):
            return "step too long"
        return self._seen_before(article)

    def _seen_before(self, article: Article) -> str | None:
        if article.id in self._seen_ids:
            return "same page again"
        if fingerprint(article) in self._seen_texts:
            return "duplicate text"
        return None


def _length(step: Step) -> int:
    return len(step.headline) + len(step.body) + sum(len(bullet) for bullet in step.bullets)


def fingerprint(article: Article) -> str:
    """A hash of what the article says, blind to case, punctuation and white space."""
    lines = [article.language, normalise_goal(article.goal)]
    for step in article.steps:
        lines.append(normalise_goal(" ".join((step.headline, step.body, *step.bullets))))
    return hashlib.sha256("\x1f".join(lines).encode()).hexdigest()
