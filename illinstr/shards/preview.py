"""A page of random samples, to look at data before trusting it.

The page is self-contained and inert: no script, nothing fetched, a policy (CSP, W3C Content Security Policy 3) that
allows its own style by hash and images in data URIs, and every text of the data escaped. Images are decoded and
encoded again, small, so that no byte of an image from elsewhere reaches the browser's decoders.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from markupsafe import Markup

from illinstr.articles import Article, Step, StepImage
from illinstr.errors import DataError, UsageError
from illinstr.images import data_uri, encode_jpeg
from illinstr.progress import Reporter, SilentReporter
from illinstr.shards.hidden import hidden
from illinstr.shards.layout import SampleRow, ShardInfo, read_index, read_rows
from illinstr.shards.reader import read_sample, to_article
from illinstr.shards.takedown import Takedown
from illinstr.templates import read_template, source_hash, template
from illinstr.version import __version__

THUMBNAIL_PX = 240


def sample(
    data: Path,
    count: int,
    *,
    seed: int = 0,
    split: str | None = None,
    reporter: Reporter | None = None,
    on_damaged: Callable[[DataError], None] | None = None,
) -> list[tuple[str, Article]]:
    """``count`` random articles (all of them, where there are no more) with their splits, in the order they lie in.

    Only the chosen articles are read; ``on_damaged`` is told of those that cannot be. None: the first one raises.

    Raises:
        UsageError: a count below 1.
        DataError: no index, no such split, no article, or a damaged shard.
    """
    if count < 1:
        raise UsageError(f"cannot show {count} samples", hint="ask for one at least")
    places: list[tuple[ShardInfo, SampleRow]] = []
    takedown, shards = Takedown.of_folder(data), read_index(data).of_split(split)
    gone = hidden(data, shards, takedown).articles
    for shard in shards:
        rows = read_rows(shard.parquet(data))
        places += [(shard, row) for row in rows if row.status == "ok" and row.key not in gone]
    if not places:
        raise DataError(f"{data} holds no article")
    chosen = sorted(random.Random(seed).sample(range(len(places)), min(count, len(places))))
    found = []
    with (reporter or SilentReporter()).task("articles read", total=len(chosen)) as advance:
        for shard, row in (places[place] for place in chosen):
            tar = shard.tar(data)
            advance()
            try:
                if row.offset is None or row.bytes is None:
                    raise DataError(f"{shard.parquet(data)}: {row.key!r} has no place in the tar")
                article = to_article(read_sample(tar, row.offset, row.bytes), tar)
            except DataError as error:
                if on_damaged is None:
                    raise
                on_damaged(error)
                continue
            found.append((shard.split, takedown.without(article) or article))
    return found


def render_preview(data: Path, samples: list[tuple[str, Article]]) -> str:
    """The page. ``samples`` are splits and articles, images attached."""
    index = read_index(data)
    total = sum(info.samples for info in index.splits.values())
    splits = ", ".join(f"{info.samples} {name}" for name, info in sorted(index.splits.items()))
    style = read_template("shards", "preview.css")
    policy = f"default-src 'none'; img-src data:; style-src '{source_hash(style)}'; base-uri 'none'; form-action 'none'"
    page = template("shards", "preview.html.j2")
    return page.render(
        policy=policy,
        style=Markup(style),  # ours, and the policy names it by its hash
        version=__version__,
        title=data.resolve().name,
        lead=f"{len(samples)} of {total} articles ({splits})",
        articles=[_shown(split, article) for split, article in samples],
    )


def _shown(split: str, article: Article) -> dict[str, Any]:
    origin = article.provenance
    tokens = article.extra.get("tokens")
    facts = {
        "split": split,
        "id": article.id,
        "language": article.language,
        "licence": article.license or "unknown",
        "source": origin.source,
        "address": origin.url,
        "parser": origin.parser,
        "tokens": f"goal {tokens.get('goal')}, steps {tokens.get('steps')}" if isinstance(tokens, dict) else None,
    }
    return {
        "goal": article.goal,
        "method": article.method,
        "facts": {name: value for name, value in facts.items() if value},
        "steps": [_step(step) for step in article.steps],
    }


def _step(step: Step) -> dict[str, Any]:
    shown: dict[str, Any] = {"headline": step.headline, "body": step.body, "bullets": step.bullets, "image": None}
    if step.image is not None and step.image.data is not None:
        uri, note = _thumbnail(step.image)
        licence = step.image.license or "licence unknown"
        size = f"{step.image.width}x{step.image.height} {step.image.media_type.removeprefix('image/')}"
        shown["image"] = {"uri": uri, "note": note or f"{size}, {licence}", "alt": step.image.alt or step.headline}
    return shown


def _thumbnail(image: StepImage) -> tuple[str | None, str | None]:
    """A data URI of the image made small, or None and why there is none."""
    try:
        small = image.decode()
    except DataError as error:
        return None, error.message
    small.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX))
    return data_uri("image/jpeg", encode_jpeg(small, quality=85)), None
