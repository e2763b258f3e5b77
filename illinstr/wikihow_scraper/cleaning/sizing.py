"""Images made smaller, or encoded again, on their way into shards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from PIL import Image

from illinstr.errors import DataError
from illinstr.images import decode_image, encode_jpeg, encode_png, read_header
from illinstr.wikihow_scraper.cleaning.image_rules import ImageRules
from illinstr.wikihow_scraper.fetching.safety import MAX_IMAGE_PIXELS
from illinstr.wikihow_scraper.source import FindImage

RESIZED_QUALITY = 92  # of JPEG, where none is chosen


def sized(find: FindImage, rules: ImageRules) -> FindImage:
    """``find`` with what it finds at most ``max_side`` pixels long, and as JPEG of the chosen quality (else PNG stays
    PNG); ``find`` itself where nothing is to be changed. What cannot be decoded comes back as it is, for the caller to
    refuse."""
    if rules.max_side is None and rules.quality is None:
        return find
    return _Sizing(find, rules.max_side, rules.quality)


@dataclass(frozen=True)
class _Sizing:
    find: FindImage
    max_side: int | None
    quality: int | None

    def __call__(self, record: dict[str, Any]) -> bytes | None:
        data = self.find(record)
        if data is None:
            return None
        try:
            return self._made(data)
        except DataError:
            return data

    def _made(self, data: bytes) -> bytes:
        header = read_header(data)
        longer = max(header.width, header.height)
        larger = self.max_side is not None and longer > self.max_side
        if not larger and self.quality is None:
            return data
        image = decode_image(data, max_pixels=MAX_IMAGE_PIXELS, animated="refuse")
        if larger and self.max_side is not None:
            width, height = (max(1, round(side * self.max_side / longer)) for side in image.size)
            image = image.resize((width, height), Image.Resampling.LANCZOS)
        if self.quality is None and header.format == "PNG":
            return encode_png(image)
        return encode_jpeg(image, quality=self.quality or RESIZED_QUALITY)
