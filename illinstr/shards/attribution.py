"""The attribution of the data: one line per article, made with the data and kept beside it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from illinstr.articles import Article
from illinstr.files import atomic_open

NAME = "attribution.tsv"
COLUMNS = ("id", "title", "url", "license", "authors", "revision_id", "modified", "fetched", "pictures")


def line(article: Article) -> str:
    """An article's line: tab-separated ``COLUMNS``; ``images`` are the stored ones with their own licences."""
    origin = article.provenance
    images = [step.image for step in article.steps if step.image is not None]
    attributions = "; ".join(f"{one.source_url or 'no address'} ({one.license or 'licence unknown'})" for one in images)
    title = str(article.extra.get("title") or article.goal)
    values = (
        article.id,
        title if article.method is None else f"{title} ({article.method})",
        origin.url,
        article.license,
        ", ".join(origin.authors),
        origin.revision_id,
        origin.modified,
        origin.fetched,
        attributions,
    )
    return "\t".join(" ".join(str(value).split()) if value is not None else "" for value in values)


def write(folder: Path, lines: Iterable[str]) -> None:
    """Write the file into a data folder."""
    with atomic_open(folder / NAME) as stream:
        for text in ("\t".join(COLUMNS), *lines):
            stream.write(text.encode() + b"\n")
