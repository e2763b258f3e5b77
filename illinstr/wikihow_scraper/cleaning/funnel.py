"""How many went in, how many came out, and where the others went."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from illinstr.articles import Article
from illinstr.wikihow_scraper.cleaning.tokens import TOKEN_LIMIT
from illinstr.wikihow_scraper.permissions import allowed, name_of

PAGE_OUTCOMES = ("robots", "opted out", "failed", "not an article", "parsed")


UNKNOWN = "unknown"
LABELS = {"pictures": "images"}  # the key is older than the word, and stays in files


@dataclass
class Funnel:
    """Counts at three levels: pages, the articles in them, the images in those.

    At each level what was seen equals what was kept plus what was lost, reason by reason. ``texts`` counts the goals
    and headlines of kept articles: none is lost, but the text encoder reads only the first 77 tokens of each.
    ``licenses`` counts kept articles by the licence of their text and the place it was found at (a tab between them),
    ``image_licenses`` kept images.
    """

    pages: Counter[str] = field(default_factory=Counter)
    articles: Counter[str] = field(default_factory=Counter)
    images: Counter[str] = field(default_factory=Counter)
    texts: Counter[str] = field(default_factory=Counter)
    licenses: Counter[str] = field(default_factory=Counter)
    image_licenses: Counter[str] = field(default_factory=Counter)

    def page(self, outcome: str) -> None:
        """Count one page under one of ``PAGE_OUTCOMES``."""
        if outcome not in PAGE_OUTCOMES:
            raise ValueError(f"unknown page outcome {outcome!r}")
        self.pages[outcome] += 1

    def article(self, reason: str | None = None) -> None:
        """Count one article: kept, or dropped for ``reason``."""
        self.articles["kept" if reason is None else reason] += 1

    def image(self, reason: str | None = None) -> None:
        """Count one image of a kept article: kept, or left out for ``reason``."""
        self.images["kept" if reason is None else reason] += 1

    def add(self, other: Funnel) -> None:
        """Count everything another funnel counted."""
        for level in fields(self):
            getattr(self, level.name).update(getattr(other, level.name))

    def counts(self) -> dict[str, dict[str, int]]:
        """Every counter as it is, for ``from_counts``."""
        return {level.name: dict(sorted(getattr(self, level.name).items())) for level in fields(self)}

    @classmethod
    def from_counts(cls, counts: Mapping[str, Mapping[str, int]]) -> Funnel:
        """The funnel that ``counts`` described."""
        return cls(**{name: Counter(level) for name, level in counts.items()})

    def text(self, tokens: dict[str, Any]) -> None:
        """Count the goal and the headlines of a kept article, by ``extra["tokens"]``."""
        for count in (tokens["goal"], *tokens["steps"]):
            self.texts["whole" if count <= TOKEN_LIMIT else "cut"] += 1

    def license(self, article: Article) -> None:
        """Count the licences of a kept article and of its images."""
        found = article.extra.get("license_found") if article.license else None
        self.licenses[f"{_line(article.license)}\t{found or ''}"] += 1
        self.image_licenses.update(_line(step.image.license) for step in article.steps if step.image is not None)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values, keys in a fixed order."""
        return {
            "pages": {"seen": self.pages.total(), **{name: self.pages[name] for name in PAGE_OUTCOMES}},
            "articles": _level(self.articles),
            "pictures": _level(self.images),
            "texts": {"seen": self.texts.total(), "over_77_tokens": self.texts["cut"]},
            "licenses": [
                _license(name, count) | {"found": found or None}
                for (name, _, found), count in sorted((key.partition("\t"), n) for key, n in self.licenses.items())
            ],
            "picture_licenses": [_license(name, count) for name, count in sorted(self.image_licenses.items())],
        }

    def lines(self) -> Iterator[str]:
        """The funnel for a reader: a table of level, count and reason; reasons nothing was lost for are left out."""
        told = self.as_dict()
        for level in ("pages", "articles", "pictures", "texts"):
            counts = told[level]
            reasons = {**counts, **counts.get("filtered", {})}
            kept = reasons.pop("kept", None)
            rows = [(name, reasons[name]) for name in reasons if name != "filtered"]
            rows += [("kept", kept)] if kept is not None else []
            for index, (name, count) in enumerate(row for row in rows if row[1] or row[0] in ("seen", "kept")):
                yield f"{LABELS.get(level, level) if index == 0 else '':<9}{count:>8} {name.replace('_', ' ')}"
        for label, rows in (("licences", told["licenses"]), ("of images", told["picture_licenses"])):
            for index, row in enumerate(rows):
                where = f", {row['found']}" if row.get("found") else ""
                allowed = f"train: {row['train']}, share: {row['share']}"
                yield f"{label if index == 0 else '':<9}{row['count']:>8} {row['license']}{where} ({allowed})"


def _line(license: str | None) -> str:
    return " ".join((license or "").split())[:200] or UNKNOWN


def _license(name: str, count: int) -> dict[str, Any]:
    return {"license": name, **allowed(None if name == UNKNOWN else name_of(name)), "count": count}


def _level(counts: Counter[str]) -> dict[str, Any]:
    lost = {reason: counts[reason] for reason in sorted(counts) if reason != "kept"}
    return {"seen": counts.total(), "filtered": lost, "kept": counts["kept"]}
