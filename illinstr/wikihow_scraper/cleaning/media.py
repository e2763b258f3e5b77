"""Images onto steps: licence first, then the bytes, then a full decode."""

from __future__ import annotations

from typing import Any

from illinstr.articles import Article, StepImage
from illinstr.errors import DataError
from illinstr.images import decode_image, encode_jpeg
from illinstr.wikihow_scraper.cleaning.funnel import Funnel
from illinstr.wikihow_scraper.cleaning.rules import Cleaner, CleanRules
from illinstr.wikihow_scraper.fetching.safety import MAX_IMAGE_PIXELS, check_image
from illinstr.wikihow_scraper.fetching.sniffing import image_format
from illinstr.wikihow_scraper.source import FindImage

AVIF_QUALITY = 95


def wanted_images(article: Article, rules: CleanRules) -> list[dict[str, Any]]:
    """The records of the article's step images that the rules allow to be stored."""
    return [record for record in _records(article) if record and rules.allows_image(record["license_kind"])]


def attach(article: Article, find: FindImage, cleaner: Cleaner, funnel: Funnel, *, reserved: bool) -> Article:
    """The article with every image that may be stored and can be read; each that is not is counted with its reason.

    Args:
        article: with ``extra["step_images"]``, as ``convert`` makes it.
        find: gives an image's bytes, or None.
        cleaner: knows which licences may be stored, and what was taken down.
        funnel: counts.
        reserved: the page opts its images out.
    """
    steps = list(article.steps)
    for index, record in enumerate(_records(article)):
        if record is None:
            continue
        image, reason = _image(record, find, cleaner, reserved, _page(article))
        funnel.image(reason)
        if image is not None:
            steps[index] = steps[index].model_copy(update={"image": image})
    return article.model_copy(update={"steps": tuple(steps)})


def _records(article: Article) -> list[dict[str, Any] | None]:
    return list(article.extra.get("step_images", []))


def _page(article: Article) -> str:
    """What images belong together: those of one page, whatever its methods."""
    origin = article.provenance
    page = origin.url or origin.page_id
    return f"{origin.source} {page}" if page is not None else article.id


def storable(find: FindImage) -> FindImage:
    """``find`` with what it finds in a format that shards hold: AVIF becomes JPEG, all else comes back as it is, for
    the caller to refuse where it cannot be decoded."""

    def found(record: dict[str, Any]) -> bytes | None:
        data = find(record)
        if data is None or image_format(data) != "AVIF":
            return data
        try:
            decoded = decode_image(data, formats=("AVIF",), max_pixels=MAX_IMAGE_PIXELS, animated="refuse")
        except DataError:
            return data
        return encode_jpeg(decoded, quality=AVIF_QUALITY)

    return found


def _image(
    record: dict[str, Any], find: FindImage, cleaner: Cleaner, reserved: bool, page: str
) -> tuple[StepImage | None, str | None]:
    if reserved:
        return None, "opted out"
    if cleaner.takedown.names(record.get("url")):
        return None, "taken down"
    if not cleaner.rules.allows_image(record["license_kind"]):
        return None, "licence"
    data = find(record)
    if data is None:
        return None, "no file"
    try:
        check_image(data)
        unfit = cleaner.judge_image(data, page)
        if unfit is not None:
            return None, unfit
        named = {"source_url": record.get("url"), "license": record.get("license"), "alt": record.get("alt")}
        return StepImage.from_bytes(data, **named), None
    except DataError:
        return None, "damaged"
