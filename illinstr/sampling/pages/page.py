"""Prints an article: a page to read, print and share, the same in Markdown, and one long strip of images.

``index.html`` is self-contained: images are data URIs, there is no script and nothing is fetched. Its policy (CSP,
W3C Content Security Policy 3) allows data images and the page's own style by hash, and nothing else. The JSON-LD
block (schema.org ``HowTo``) is data, which browsers neither run nor hold against the policy.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from illinstr.articles import Article, Step, StepImage
from illinstr.errors import DataError
from illinstr.images import data_uri, encode_png
from illinstr.models.source import shown_name
from illinstr.runs import RunRecord, image_name
from illinstr.sampling.drawing.illustrator import recipe_of
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
        {"headline": s.headline, "body": s.body, "bullets": s.bullets, "image": _inlined(s, index)}
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
        size=_SIZES.get(article.num_steps, ""),
        linked_data=linked_data(article),
    )


def linked_data(article: Article) -> Markup:
    """The article as schema.org ``HowTo`` in JSON-LD, safe inside a ``script`` element.

    ``<``, ``>`` and ``&`` are written as JSON escapes, so that no text can end the element or open a comment in it
    (JSON-LD 1.1, section 7.2). ``illinstr scrape`` reads the same article back from it.
    """
    steps: list[dict[str, Any]] = []
    for index, step in enumerate(article.steps):
        place = {"position": index + 1, "url": f"#step-{index + 1}"}
        entry: dict[str, Any] = {"@type": "HowToStep", **place, "name": step.headline}
        entry["text"] = " ".join(filter(None, (step.body, *step.bullets))) or step.headline
        if step.bullets:
            entry["itemListElement"] = [{"@type": "HowToDirection", "text": bullet} for bullet in step.bullets]
        if step.image is not None:
            entry["image"] = image_name(index, step.image)
        steps.append(entry)
    data = {"@context": "https://schema.org", "@type": "HowTo", "name": article.goal, "inLanguage": article.language}
    if article.license:
        data["license"] = article.license
    if "image" in steps[-1]:
        data["image"] = steps[-1]["image"]
    text = json.dumps(data | _things(article) | {"step": _in_section(article, steps) + _tips(article)})
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def _in_section(article: Article, steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    if article.method is None:
        return steps
    return [{"@type": "HowToSection", "name": article.method, "itemListElement": steps}]


def _tips(article: Article) -> list[dict[str, Any]]:
    """Tips and warnings; schema.org has no type for a warning, so it is a tip of that name."""
    tips = [{"@type": "HowToTip", "text": tip} for tip in article.tips]
    return tips + [{"@type": "HowToTip", "name": "Warning", "text": warning} for warning in article.warnings]


def _things(article: Article) -> dict[str, Any]:
    """What is needed, and how long it takes."""
    supplies: list[dict[str, Any]] = []
    for material in article.materials:
        quantity = {"requiredQuantity": material.amount} if material.amount else {}
        supplies.append({"@type": "HowToSupply", "name": material.name, **quantity})
    found: dict[str, Any] = {"supply": supplies} if supplies else {}
    if article.tools:
        found["tool"] = [{"@type": "HowToTool", "name": tool} for tool in article.tools]
    if article.total_time:
        found["totalTime"] = article.total_time
    return found


def render_markdown(article: Article, record: RunRecord) -> str:
    """The article as CommonMark; images are linked by file name."""
    parts = [f"# {escape_markdown(article.goal)}"]
    for index, step in enumerate(article.steps):
        parts.append(f"## {index + 1}. {escape_markdown(step.headline)}")
        if step.image is not None:
            parts.append(f"![{escape_markdown(alt_of(step, index))}]({image_name(index, step.image)})")
        if step.body:
            parts.append(escape_markdown(step.body))
        if step.bullets:
            parts.append("\n".join(f"- {escape_markdown(bullet)}" for bullet in step.bullets))
    parts.append(f"---\n\n{escape_markdown(credit_line(record, article.license))}")
    return "\n\n".join(parts) + "\n"


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
                "image": _inlined(steps[-1], len(steps) - 1),
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
    return f"{article.num_steps} {'step' if article.num_steps == 1 else 'steps'}."


def _method(article: Article) -> str:
    return f"{article.method}. " if article.method else ""


def alt_of(step: Step, index: int) -> str:
    """What an image shows, for who does not see it: its caption, else what came with it, else which step it is of.

    The heading stands beside the image already; read twice it says nothing more.
    """
    said = step.caption or (step.image.alt if step.image else None)
    return f"Drawing of step {index + 1}" if said in (None, f"Step {index + 1}: {step.headline}") else str(said)


def _inlined(step: Step, index: int) -> dict[str, Any] | None:
    if step.image is None:
        return None
    return {
        "uri": _data_uri(step.image, index),
        "width": step.image.width,
        "height": step.image.height,
        "alt": alt_of(step, index),
    }


def _data_uri(image: StepImage, index: int) -> str:
    if image.data is None:
        raise DataError(f"step {index + 1} has an image without bytes")
    return data_uri(image.media_type, image.data)


def _render(name: str, styles: Sequence[str], *, lang: str, **context: Any) -> str:
    style = "".join(read_template("sampling.pages", each) for each in styles)
    primary = lang.lower().partition("-")[0]
    # What the program itself says is English, also on a page in another language (WCAG 2.2, 3.1.2).
    english = Markup("") if primary == "en" else Markup(' lang="en" dir="ltr"')
    context |= {"lang": lang, "english": english, "rtl": primary in _RIGHT_TO_LEFT}
    policy = f"default-src 'none'; img-src data:; style-src '{source_hash(style)}'; base-uri 'none'; form-action 'none'"
    page = template("sampling.pages", name)
    return page.render(style=Markup(style), policy=policy, version=__version__, **context) + "\n"
