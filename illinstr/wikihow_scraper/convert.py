"""A ``Page`` to Articles: one a method.

Nothing the page said is lost: what an Article has no field for goes to ``Article.extra``. Image bytes are not the
parser's business, so ``Step.image`` stays None here and ``extra["step_images"]`` holds, step by step, where the image
is and under which licence; ``media.py`` adds the bytes where they can be had.
"""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from illinstr.articles import MAX_STEPS, Article, Provenance, Step, make_id
from illinstr.wikihow_scraper.page import Group, Method, Page, PageStep
from illinstr.wikihow_scraper.permissions import allowed
from illinstr.wikihow_scraper.sentences import first_sentence
from illinstr.wikihow_scraper.source import Dropped


def articles_of(
    page: Page, *, url: str | None = None, fetched: str | None = None, number: int = 0
) -> list[Article | Dropped]:
    """The page's methods as Articles, in order; a method that cannot be one comes back as ``Dropped`` with the reason.

    Args:
        page: a parsed page.
        url: where it was fetched from, where it does not name its own address.
        fetched: ISO 8601 time of the fetch.
        number: which how-to of its web page it is, from 0.
    """
    return [_article(page, index, url, fetched, number) for index in range(len(page.methods))]


def _article(page: Page, index: int, url: str | None, fetched: str | None, number: int) -> Article | Dropped:
    method = page.methods[index]
    kept = [(step, made) for step in method.steps if (made := _step(step)) is not None]
    if not kept:
        return Dropped("no numbered steps")
    if len(kept) > MAX_STEPS:
        return Dropped("too many steps")
    try:
        return Article(
            id=article_id(page, index, url, number),
            goal=page.goal,
            method=method.name,
            language=page.language,
            steps=tuple(made for _, made in kept),
            provenance=Provenance(
                source=page.source,
                url=page.canonical_url or url,
                page_id=page.page_id,
                revision_id=page.revision_id,
                modified=page.modified,
                fetched=fetched,
                parser=page.parser,
                authors=page.authors,
            ),
            license=page.license,
            extra=_extra(page, method, index, [step for step, _ in kept]),
            materials=page.materials,
            tools=page.tools,
            total_time=page.total_time,
            tips=() if page.lists_in_extra else page.tips,
            warnings=() if page.lists_in_extra else page.warnings,
        )
    except ValidationError as error:
        return Dropped(f"does not fit the schema: {error.errors()[0]['msg']}")


def article_id(page: Page, index: int, url: str | None = None, number: int = 0) -> str:
    """The article's id: stable over time, for it hangs on the page's number (or address, or title) and the method's
    place, not on wording. Further how-tos of one web page are told apart by their number."""
    where = str(page.page_id) if page.page_id is not None else (page.canonical_url or url or page.title)
    further = (f"how-to {number}",) if number else ()
    return make_id(page.source, page.language, where, index, *further)


def _step(step: PageStep) -> Step | None:
    headline, body = step.headline, step.body
    bullets = step.bullets
    if not headline and body:
        headline, body = first_sentence(body)
    if not headline and bullets:
        headline, bullets = bullets[0], bullets[1:]
    if not headline:
        return None
    video = step.video.url if step.video is not None else None
    return Step(
        headline=headline, body=body, bullets=bullets, video_url=video, caption=step.caption, states=step.states
    )


def _extra(page: Page, method: Method, index: int, steps: list[PageStep]) -> dict[str, Any]:
    extra: dict[str, Any] = {
        "title": page.title,
        "layout": page.layout,
        "method_index": index,
        "method_count": len(page.methods),
        "method_label": method.label,
        "step_images": [_image_record(step) for step in steps],
    }
    optional: dict[str, Any] = {
        "method_intro": method.intro,
        "method_bullets": list(method.bullets),
        "intro": page.intro,
        "ingredients": _groups(page.ingredients),
        "things_needed": _groups(page.things_needed),
        "servings": page.servings,
        "license_found": page.license_found,
        "license_allows": allowed(page.license) if page.license_found else None,
        "times": page.times,
        "tips": list(page.tips) if page.lists_in_extra else None,
        "warnings": list(page.warnings) if page.lists_in_extra else None,
        "categories": list(page.categories),
        "all_categories": list(page.all_categories),
        "other_languages": page.other_languages,
        "published": page.published,
        "views": page.views,
        "references": page.references,
        "disagreements": list(page.disagreements),
        "missing": page.missing,
        "step_notes": [[note.model_dump() for note in step.notes] for step in steps] if _any_notes(steps) else None,
        "steps_without_words": len(method.steps) - len(steps),
    }
    return extra | {name: value for name, value in optional.items() if value}


def _any_notes(steps: list[PageStep]) -> bool:
    return any(step.notes for step in steps)


def _groups(groups: tuple[Group, ...]) -> list[dict[str, Any]]:
    return [group.model_dump(mode="json") for group in groups]


def _image_record(step: PageStep) -> dict[str, Any] | None:
    image = step.visual
    if image is None:
        return None
    record: dict[str, Any] = {"kind": "image" if step.image is not None else "video-still"}
    record |= image.model_dump(mode="json", exclude_none=True)
    if step.extra_images:
        record["more"] = [more.model_dump(mode="json", exclude_none=True) for more in step.extra_images]
    return record
