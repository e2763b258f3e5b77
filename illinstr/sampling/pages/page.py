"""Prints an article: a page to read, print and share, the same in Markdown, and one long strip of images.

``index.html`` is self-contained: images are data URIs, there is no script and nothing is fetched. Its policy (CSP,
W3C Content Security Policy 3) allows data images and the page's own style by hash, and nothing else. The JSON-LD
block (schema.org ``HowTo``) is data, which browsers neither run nor hold against the policy.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from illinstr.articles import Article, Step
from illinstr.images import encode_png
from illinstr.models.source import shown_name
from illinstr.runs import RunRecord, image_name
from illinstr.sampling.drawing.illustrator import recipe_of
from illinstr.sampling.pages.linked_data import linked_data
from illinstr.sampling.pages.needs import Need, needs_of, spoken_duration
from illinstr.sampling.pages.panels import alt_of, inlined, repeated
from illinstr.sampling.pages.strip import draw_strip
from illinstr.templates import read_template, source_hash, template
from illinstr.version import __version__

PAGE_FILE = "index.html"
MARKDOWN_FILE = "article.md"
STRIP_FILE = "strip.png"
STRIP_LEVEL = 3  # half the time of the level of images, for a file an eighth larger
_WRITERS = {"user": "by hand", "minihow": "by MiniHow"}
_SIZES = {1: " one", 2: " few", 3: " few", 4: " few"}  # class of the list; few steps are printed larger
# Written right to left (Unicode CLDR), by primary language subtag (RFC 5646).
_RIGHT_TO_LEFT = {"ar", "ckb", "dv", "fa", "he", "ps", "sd", "ug", "ur", "yi"}


def render_pages(article: Article, record: RunRecord, *, metadata: bool = True) -> dict[str, bytes | str]:
    """All pages of an article: ``index.html``, ``article.md`` and, where there are images, ``strip.png``.

    Args:
        article: images attached.
        record: how it was made.
        metadata: whether the strip carries its recipe.
    """
    pages: dict[str, bytes | str] = {
        PAGE_FILE: render_html(article, record),
        MARKDOWN_FILE: render_markdown(article, record),
    }
    if any(step.image for step in article.steps):
        recipe = recipe_of(record) if metadata else None
        pages[STRIP_FILE] = encode_png(draw_strip(article), recipe, compress_level=STRIP_LEVEL)
    return pages


def render_html(article: Article, record: RunRecord, *, style: str | None = None) -> str:
    """The article as one self-contained HTML page.

    Args:
        article: images attached.
        record: how it was made.
        style: a style sheet among the templates that is added to the page's own.

    Raises:
        DataError: a step's image is described but its bytes are not there.
    """
    steps = [
        {"headline": s.headline, "body": s.body, "bullets": s.bullets, "image": inlined(s, index)}
        for index, s in enumerate(article.steps)
    ]
    return _render(
        "article.html.j2",
        ("palette.css", "style.css", *([style] if style else [])),
        lang=article.language,
        title=article.goal,
        method=_method(article),
        lead=_lead(article),
        credit=credit_line(record, article.license),
        steps=steps,
        cover=_cover(article),
        needs=needs_of(article, after=False),
        notes=needs_of(article, after=True),
        size=_SIZES.get(article.num_steps, ""),
        linked_data=linked_data(article),
    )


def render_markdown(article: Article, record: RunRecord) -> str:
    """The article as CommonMark; images are linked by file name."""
    parts = [f"# {escape_markdown(article.goal)}"]
    last = article.steps[-1]
    if last.image is not None:
        parts.append(_markdown_image(last, article.num_steps - 1))
    if article.total_time:
        parts.append(f"Time: {spoken_duration(article.total_time)}")
    parts += _markdown_lists(needs_of(article, after=False))
    for index, step in enumerate(article.steps):
        parts.append(f"## {index + 1}. {escape_markdown(step.headline)}")
        if step.image is not None:
            parts.append(_markdown_image(step, index))
        if step.body:
            parts.append(escape_markdown(step.body))
        if step.bullets:
            parts.append("\n".join(f"- {escape_markdown(bullet)}" for bullet in step.bullets))
    parts += _markdown_lists(needs_of(article, after=True))
    parts.append(f"---\n\n{escape_markdown(credit_line(record, article.license))}")
    return "\n\n".join(parts) + "\n"


def _markdown_image(step: Step, index: int) -> str:
    assert step.image is not None
    return f"![{escape_markdown(alt_of(step, index))}]({image_name(index, step.image)})"


def _markdown_lists(needs: Sequence[Need]) -> Iterator[str]:
    for need in needs:
        yield f"## {need.title}"
        yield "\n".join(f"- {escape_markdown(item)}" for item in need.items)


def escape_markdown(text: str) -> str:
    """One line as CommonMark that shows it as it stands: marks behind backslashes, ``<`` and ``&`` as entities."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = re.sub(r"[\\`*_\[\]~|$]", lambda match: f"\\{match[0]}", text)
    return re.sub(r"^(\d*)([#+.)=-])", r"\1\\\2", text)


def credit_line(record: RunRecord, license_name: str | None = None) -> str:
    """One line that says what made the article, how to make it again, and under which licence it stands."""
    writer = _WRITERS.get(record.planner, f"by {record.planner}")
    drawn = "drawn together" if record.method == "stacked" else "each drawn alone"
    version = record.versions.get("illinstr", __version__)
    licence = f" Licence: {license_name}." if license_name else ""
    return (
        f"Made with illinstr {version}. Steps written {writer}; images {drawn} by the model "
        f"{shown_name(record.model_id)} (seed {record.seed}, {record.sampler}, {record.sampling_steps} sampling steps, "
        f"guidance {record.guidance:g}).{licence} Look before you follow: a machine drew this."
    )


@dataclass(frozen=True)
class Card:
    """One article on the page of a batch: its folder's name and what is in it."""

    folder: str
    article: Article
    record: RunRecord


def render_batch(title: str, cards: Sequence[Card], failures: int) -> str:
    """The page of a batch: every article with its last image and a link to its own page."""
    entries = []
    for card in cards:
        steps, method = card.article.steps, _method(card.article)
        entries.append(
            {
                "goal": card.article.goal,
                "href": f"{quote(card.folder)}/{PAGE_FILE}",
                "note": f"{method}{_lead(card.article)} Seed {card.record.seed}.",
                "image": inlined(steps[-1], len(steps) - 1),
            }
        )
    lead = f"{len(cards)} illustrated {'article' if len(cards) == 1 else 'articles'}."
    if failures:
        lead += f" {failures} could not be made."
    credit = f"Made with illinstr {__version__}."
    return _render(
        "batch.html.j2",
        ("palette.css", "style.css"),
        lang="en",
        title=title,
        method="",
        lead=lead,
        credit=credit,
        articles=entries,
    )


def _lead(article: Article) -> str:
    time = f" {spoken_duration(article.total_time)}." if article.total_time else ""
    return f"{article.num_steps} {'step' if article.num_steps == 1 else 'steps'}.{time}"


def _cover(article: Article) -> dict[str, str] | None:
    """The last image, which shows what it all leads to; nothing where it is the only one."""
    image = article.steps[-1].image
    if image is None or article.num_steps == 1:
        return None
    return {"uri": repeated(image, article.num_steps - 1), "alt": alt_of(article.steps[-1], article.num_steps - 1)}


def _method(article: Article) -> str:
    return f"{article.method}. " if article.method else ""


def _render(name: str, styles: Sequence[str], *, lang: str, **context: Any) -> str:
    style = "".join(read_template("sampling.pages", each) for each in styles)
    primary = lang.lower().partition("-")[0]
    # What the program itself says is English, also on a page in another language (WCAG 2.2, 3.1.2).
    english = Markup("") if primary == "en" else Markup(' lang="en" dir="ltr"')
    context |= {"lang": lang, "english": english, "rtl": primary in _RIGHT_TO_LEFT}
    policy = f"default-src 'none'; img-src data:; style-src '{source_hash(style)}'; base-uri 'none'; form-action 'none'"
    page = template("sampling.pages", name)
    return page.render(style=Markup(style), policy=policy, version=__version__, **context) + "\n"
