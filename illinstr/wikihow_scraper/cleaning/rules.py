"""Which articles are fit to learn from, and why the others are not."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, computed_field, field_validator, model_validator

from illinstr.articles import MAX_STEPS, Article, Step
from illinstr.config import Config
from illinstr.shards.duplicates import NearTexts, fingerprint, page_of, sketch
from illinstr.shards.takedown import Takedown
from illinstr.wikihow_scraper.cleaning.image_rules import ImageRules, Lookalikes, image_digest, look_at, unfit
from illinstr.wikihow_scraper.cleaning.language import language_of
from illinstr.wikihow_scraper.cleaning.tokens import counter, most_tokens, token_counts
from illinstr.wikihow_scraper.licences import OPEN_KINDS
from illinstr.wikihow_scraper.permissions import admits, is_filter, name_of
from illinstr.wikihow_scraper.source import Dropped

Memory = dict[str, list[str]]
_MEMORIES = ("_seen_ids", "_seen_images", "_seen_looks", "_seen_sketches", "_seen_texts")
ImageLicense = Literal["cc", "any"]
TextDuplicates = Literal["near", "exact", "keep"]


class CleanRules(Config):
    """What an article must be to be kept.

    Lengths are characters. ``image_license`` "cc" keeps the bytes of images under Creative Commons or in the public
    domain only; the address and licence of every image stay in the record either way. ``licenses`` names what licences
    pass (``permissions.admits``), one of them being enough, for texts and for images; none: all. ``language`` asks both
    what the page says and what its words tell. ``max_tokens`` bounds the goal and each headline, counted by the CLIP
    tokenizer in the folder ``tokenizer`` (the package's own when None). ``text_duplicates``: leave out texts that
    stand elsewhere already, word for word (``exact``), or nearly so on another page (``near``).
    """

    min_steps: int = Field(default=2, ge=1, le=MAX_STEPS)
    max_steps: int = Field(default=MAX_STEPS, ge=1, le=MAX_STEPS)
    language: str | None = None
    image_license: ImageLicense = "cc"
    text_duplicates: TextDuplicates = "near"
    licenses: tuple[str, ...] = Field(default=(), exclude_if=lambda names: not names)
    min_goal_chars: int = Field(default=10, ge=1)
    max_goal_chars: int = Field(default=200, ge=1)
    max_headline_chars: int = Field(default=500, ge=1)
    max_step_chars: int = Field(default=10_000, ge=1)
    max_tokens: int | None = Field(default=None, ge=3)
    tokenizer: Path | None = Field(default=None, exclude=True)  # a place on this machine; what counts is its content
    pictures: ImageRules = ImageRules()

    @computed_field  # type: ignore[prop-decorator]
    @property
    def tokenizer_sha256(self) -> str:
        """What is in the tokenizer's files."""
        return counter(self.tokenizer).sha256

    @model_validator(mode="after")
    def _bounds_in_order(self) -> CleanRules:
        if self.min_steps > self.max_steps:
            raise ValueError("min_steps is larger than max_steps")
        return self

    @field_validator("licenses")
    @classmethod
    def _licenses_are_known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if not is_filter(name):
                raise ValueError(f"{name!r} is no licence we know; for example open, non-commercial, CC BY-SA")
        return () if "any" in names else tuple(dict.fromkeys(names))

    def allows_image(self, kind: str, name: str | None = None) -> bool:
        """Whether images of this licence (its kind, and its name or note) may be stored."""
        return (self.image_license == "any" or kind in OPEN_KINDS) and self.admits(name)

    def admits(self, name: str | None) -> bool:
        """Whether a licence passes ``licenses``; one that nobody stated passes none."""
        return not self.licenses or any(admits(name_of(name), wanted) for wanted in self.licenses)


@dataclass(frozen=True, slots=True)
class TextFacts:
    """The hashes by which an article's text is known again; ``sketch`` is None where near ones are not looked for, or
    the text is too short."""

    fingerprint: str
    sketch: str | None
    page: str


@dataclass
class Cleaner:
    """Judges articles one by one and remembers what it has seen, so that a repeated text is kept once."""

    rules: CleanRules
    takedown: Takedown = field(default_factory=Takedown)
    # What it remembers: sets of strings, which can be written down and read back.
    _seen_texts: set[str] = field(default_factory=set)
    _seen_ids: set[str] = field(default_factory=set)
    _seen_images: set[str] = field(default_factory=set)
    _seen_looks: set[str] = field(default_factory=set)
    _seen_sketches: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._new: Memory = {}
        self._near = NearTexts()
        self._lookalikes = Lookalikes(self.rules.pictures.max_hash_distance)
        self._owners: dict[str, str] = {}

    def judge(self, article: Article) -> Article | Dropped:
        """The article with what was counted about it, or why it is dropped."""
        measured = self.measure(article)
        return measured if isinstance(measured, Dropped) else self.admit(measured, self.text_facts(measured))

    def measure(self, article: Article) -> Article | Dropped:
        """The article with what was counted about it, or why it is dropped whatever else there is."""
        if self.takedown.covers(article):
            return Dropped("taken down")
        article = self._measured(article)
        reason = self._reason(article)
        return Dropped(reason) if reason is not None else article

    def text_facts(self, article: Article) -> TextFacts:
        """What ``admit`` has to know of a measured article's text; depends on the article alone."""
        near = self.rules.text_duplicates == "near"
        return TextFacts(fingerprint(article), sketch(article) if near else None, page_of(article))

    def admit(self, article: Article, facts: TextFacts) -> Article | Dropped:
        """The measured article, remembered, or why it is dropped: it was seen before."""
        reason = self._seen_before(article, facts)
        if reason is not None:
            return Dropped(reason)
        self._remember("_seen_ids", article.id)
        if self.rules.text_duplicates != "keep":
            self._remember("_seen_texts", facts.fingerprint)
        if facts.sketch is not None:
            seen = f"{facts.sketch} {facts.page}"
            self._remember("_seen_sketches", seen)
            self._near.learn([seen])
        return article

    def judge_image(self, data: bytes, page: str) -> str | None:
        """Why an image of the page is left out, None where it is kept (and remembered).

        Raises:
            DataError: it cannot be decoded.
        """
        look = look_at(data)
        reason = unfit(look, self.rules.pictures)
        return reason if reason is not None else self.admit_image(image_digest(data), look.phash, page)

    def admit_image(self, digest: str, phash: int, page: str) -> str | None:
        """Why an image of the page is left out: it stands on another page. None where it is kept (and remembered).

        Args:
            digest: SHA-256 of its bytes.
            phash: its perceptual hash.
            page: what images belong together; among them they may look alike.
        """
        rules = self.rules.pictures
        if rules.duplicates == "keep":
            return None
        if len(self._owners) != len(self._seen_images):  # memory of an earlier run was put in
            self._owners.update((entry[:64], entry[65:]) for entry in self._seen_images)
        if self._owners.get(digest, page) != page:
            return "same image on another page"
        if rules.duplicates == "near":
            if len(self._lookalikes) != len(self._seen_looks):
                self._lookalikes.learn(self._seen_looks)
            if self._lookalikes.elsewhere(phash, page):
                return "like an image on another page"
            seen = f"{phash:016x} {page}"
            self._remember("_seen_looks", seen)
            self._lookalikes.learn([seen])
        self._remember("_seen_images", f"{digest} {page}")
        self._owners[digest] = page
        return None

    def take_new(self) -> Memory:
        """What was remembered since the last call, sorted, by the name of the set; costs no more than that is."""
        new, self._new = self._new, {}
        return {name: sorted(new.get(name, ())) for name in _MEMORIES}

    def recall(self, memory: Memory) -> None:
        """Take in what an earlier run remembered."""
        for name, values in memory.items():
            getattr(self, name).update(values)

    def _remember(self, name: str, value: str) -> None:
        known: set[str] = getattr(self, name)
        if value not in known:
            known.add(value)
            self._new.setdefault(name, []).append(value)

    def _measured(self, article: Article) -> Article:
        extra: dict[str, Any] = {"tokens": token_counts(article, counter(self.rules.tokenizer))}
        heard = language_of(article)
        if heard is not None:
            extra["detected_language"] = heard
        unsaid = "language" in article.extra.get("missing", {})
        language = heard if heard is not None and unsaid else article.language
        return article.model_copy(update={"language": language, "extra": {**article.extra, **extra}})

    def _reason(self, article: Article) -> str | None:
        rules = self.rules
        if rules.language is not None and article.language != rules.language:
            return "other language"
        if rules.language is not None and article.extra.get("detected_language", rules.language) != rules.language:
            return "words in another language"
        if not rules.admits(article.license):
            return "licence"
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
        if rules.max_tokens is not None and most_tokens(article.extra["tokens"]) > rules.max_tokens:
            return "too many tokens"
        return None

    def _seen_before(self, article: Article, facts: TextFacts) -> str | None:
        if article.id in self._seen_ids:
            return "same page again"
        if facts.fingerprint in self._seen_texts:
            return "duplicate text"
        if facts.sketch is not None:
            if len(self._near) != len(self._seen_sketches):  # memory of an earlier run was put in
                self._near.learn(self._seen_sketches)
            if self._near.elsewhere(facts.sketch, facts.page):
                return "near-duplicate text"
        return None


def _length(step: Step) -> int:
    return len(step.headline) + len(step.body) + sum(len(bullet) for bullet in step.bullets)
