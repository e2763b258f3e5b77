"""Images onto steps: licence first, then the bytes, then a full decode."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from illinstr.articles import Article, StepImage
from illinstr.errors import DataError
from illinstr.images import decode_image, encode_jpeg
from illinstr.shards.duplicates import page_of
from illinstr.wikihow_scraper.cleaning.funnel import Funnel
from illinstr.wikihow_scraper.cleaning.image_rules import look_at, unfit
from illinstr.wikihow_scraper.cleaning.rules import Cleaner, CleanRules
from illinstr.wikihow_scraper.fetching.safety import MAX_IMAGE_PIXELS, check_image
from illinstr.wikihow_scraper.fetching.sniffing import image_format
from illinstr.wikihow_scraper.source import FindImage

AVIF_QUALITY = 95


def wanted_images(article: Article, rules: CleanRules) -> list[dict[str, Any]]:
    """The records of the article's step images that the rules allow to be stored."""
    return [record for record in _records(article) if record and _allowed(record, rules)]


def _allowed(record: dict[str, Any], rules: CleanRules) -> bool:
    return rules.allows_image(record["license_kind"], record.get("license"))


@dataclass(frozen=True)
class ImageFacts:
    """What one look at an image tells: why it is left out (``detail`` says it nearer), or what it is (without its
    bytes), with the hashes by which it is known again; ``page`` names what images belong together."""

    reason: str | None = None
    detail: str | None = None
    image: StepImage | None = None
    digest: str = ""
    phash: int = 0
    page: str = ""


def measure_images(
    article: Article,
    find: FindImage,
    cleaner: Cleaner,
    *,
    reserved: bool,
    lost: Mapping[str, str] | None = None,
) -> tuple[ImageFacts | None, ...]:
    """The facts of each step's image, None where a step has none.

    Args:
        article: with ``extra["step_images"]``, as ``convert`` makes it.
        find: gives an image's bytes, or None.
        cleaner: knows which licences may be stored, and what was taken down.
        reserved: the page opts its images out.
        lost: why the crawl has no image of an address.
    """
    found = (
        _facts(record, find, cleaner, reserved, page_of(article)) if record is not None else None
        for record in _records(article)
    )
    return tuple(
        replace(facts, detail=_why(facts.reason, record, lost or {})) if facts and facts.reason else facts
        for facts, record in zip(found, _records(article), strict=True)
    )


def _why(reason: str | None, record: dict[str, Any] | None, lost: Mapping[str, str]) -> str | None:
    """Why there is no image, as near as is known: for one that has no file, what its host said."""
    said = lost.get(str((record or {}).get("url"))) if reason == "no file" else None
    return f"{reason}: {said}" if said else reason


def attach(article: Article, facts: tuple[ImageFacts | None, ...], cleaner: Cleaner, funnel: Funnel) -> Article:
    """The article with every image that is kept (described, without its bytes); each that is not is counted with its
    reason, and its record says so (``left_out``)."""
    steps, records = list(article.steps), _records(article)
    for index, one in enumerate(facts):
        record = records[index]
        if one is None or record is None:
            continue
        reason = one.reason or cleaner.admit_image(one.digest, one.phash, one.page)
        funnel.image(reason)
        if reason is None:
            steps[index] = steps[index].model_copy(update={"image": one.image})
        records[index] = {key: value for key, value in record.items() if key != "left_out"}
        if reason is not None:
            records[index] = {**record, "left_out": one.detail or reason}
    extra = {**article.extra, "step_images": records} if facts else article.extra
    return article.model_copy(update={"steps": tuple(steps), "extra": extra})


def _records(article: Article) -> list[dict[str, Any] | None]:
    return list(article.extra.get("step_images", []))


@dataclass(frozen=True)
class _Storable:
    find: FindImage

    def __call__(self, record: dict[str, Any]) -> bytes | None:
        data = self.find(record)
        if data is None or image_format(data) != "AVIF":
            return data
        try:
            decoded = decode_image(data, formats=("AVIF",), max_pixels=MAX_IMAGE_PIXELS, animated="refuse")
        except DataError:
            return data
        return encode_jpeg(decoded, quality=AVIF_QUALITY)


def storable(find: FindImage) -> FindImage:
    """``find`` with what it finds in a format that shards hold: AVIF becomes JPEG, all else comes back as it is, for
    the caller to refuse where it cannot be decoded."""
    return _Storable(find)


def _facts(record: dict[str, Any], find: FindImage, cleaner: Cleaner, reserved: bool, page: str) -> ImageFacts:
    if reserved:
        return ImageFacts("opted out")
    if cleaner.takedown.names(record.get("url")):
        return ImageFacts("taken down")
    if not _allowed(record, cleaner.rules):
        return ImageFacts("licence")
    data = find(record)
    if data is None:
        return ImageFacts("no file")
    try:
        check_image(data)
        look = look_at(data)
        reason = unfit(look, cleaner.rules.pictures)
        if reason is not None:
            return ImageFacts(reason)
        named = {"source_url": record.get("url"), "license": record.get("license"), "alt": record.get("alt")}
        image = StepImage.from_bytes(data, **named).model_copy(update={"data": None})
        return ImageFacts(None, None, image, image.sha256, look.phash, page)
    except DataError:
        return ImageFacts("damaged")
