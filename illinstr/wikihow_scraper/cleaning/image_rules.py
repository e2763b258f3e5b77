"""Which images are fit to learn from, and why the others are not.

Size and shape are read from the header; then the image is decoded once, small: for its contrast (a blank or
single-colour image has none) and for its perceptual hash (pHash: the signs of the low frequencies of a discrete
cosine transform, 64 bits; Zauner 2010), which two copies of an image share though their bytes differ.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import re
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from illinstr.config import Config
from illinstr.errors import DataError
from illinstr.images import decode_image, open_image, read_header, upright
from illinstr.wikihow_scraper.fetching.safety import check_image

HASH_BITS = 64
_LOOK_PX = 256
_NO_WATERMARK = re.compile(r"nowatermark|\.png(?:$|[?.])|\.svg|/-crop-", re.IGNORECASE)

if TYPE_CHECKING:
    from illinstr.wikihow_scraper.source import FindImage

ImageDuplicates = Literal["near", "exact", "keep"]


class ImageRules(Config):
    """What an image must be to be kept.

    ``min_px`` is the least shorter side, ``max_aspect`` the most the longer side may be in shorter ones.
    ``min_contrast`` is the least standard deviation (of values 0 to 255) of the most varied colour channel.
    ``duplicates``: leave out images that stand on another page too, byte for byte (``exact``) or within
    ``max_hash_distance`` bits of pHash (``near``); within one page images may look alike, as steps in one kitchen do.
    ``crop_watermark`` cuts so many pixels off the bottom of images that carry the site's strip.
    """

    min_px: int = Field(default=64, ge=0)
    max_aspect: float = Field(default=4.0, ge=1.0)
    min_contrast: float = Field(default=4.0, ge=0.0, le=127.0)
    duplicates: ImageDuplicates = "near"
    max_hash_distance: int = Field(default=4, ge=0, le=15)
    crop_watermark: int = Field(default=0, ge=0, le=200)


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at an image tells: pixels, contrast (standard deviation) and pHash."""

    width: int
    height: int
    contrast: float
    phash: int


def look_at(data: bytes) -> Look:
    """Decode an image, small.

    Raises:
        DataError: it cannot be decoded.
    """
    import imagehash
    import numpy as np

    header = read_header(data)
    seen = decode_image(data, draft_px=_LOOK_PX)  # JPEG: decoded at a fraction of the size
    seen.thumbnail((_LOOK_PX, _LOOK_PX))
    pixels = np.asarray(seen, dtype=np.float64).reshape(-1, 3)
    contrast, phash = float(pixels.std(axis=0).max()), int(str(imagehash.phash(seen)), 16)
    return Look(header.width, header.height, contrast, phash)


def unfit(look: Look, rules: ImageRules) -> str | None:
    """Why an image is no use for itself, None when it is."""
    shorter, longer = sorted((look.width, look.height))
    if shorter < rules.min_px:
        return "too small"
    if longer > rules.max_aspect * shorter:
        return "too narrow"
    return "blank" if look.contrast < rules.min_contrast else None


class Lookalikes:
    """Finds hashes within a Hamming distance, exactly: of ``distance + 1`` bands of bits, one at least must agree.

    Entries are "HASH PAGE" with the hash in 16 hexadecimal digits.
    """

    def __init__(self, distance: int) -> None:
        self.distance = distance
        edges = [HASH_BITS * band // (distance + 1) for band in range(distance + 2)]
        bands = [(low, (1 << (high - low)) - 1) for low, high in itertools.pairwise(edges)]
        # One dictionary a band, from the band's bits to the places of the hashes that have them.
        self._bands: list[tuple[int, int, dict[int, list[int]]]] = [(low, mask, {}) for low, mask in bands]
        self._hashes = array("Q")
        self._owners: list[str] = []
        self._known: set[str] = set()
        self._pages: dict[str, str] = {}

    def learn(self, entries: Iterable[str]) -> None:
        """Take in entries; those known already change nothing."""
        for entry in entries:
            if entry in self._known:
                continue
            self._known.add(entry)
            digits, _, page = entry.partition(" ")
            phash, place = int(digits, 16), len(self._hashes)
            self._hashes.append(phash)
            self._owners.append(self._pages.setdefault(page, page))
            for low, mask, places in self._bands:
                places.setdefault((phash >> low) & mask, []).append(place)

    def __len__(self) -> int:
        return len(self._known)

    def elsewhere(self, phash: int, page: str) -> bool:
        """Whether another page has an image within the distance."""
        return any(
            self._owners[place] != page and (self._hashes[place] ^ phash).bit_count() <= self.distance
            for low, mask, places in self._bands
            for place in places.get((phash >> low) & mask, ())
        )


def image_digest(data: bytes) -> str:
    """SHA-256 of the bytes, hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def cropping(find: FindImage, rules: ImageRules) -> FindImage:
    """``find`` with the site's strip cut off what it finds; ``find`` itself where nothing is to be cut.

    An image is cut unless its address says that it carries no strip (``nowatermark``, PNG, list crops); one that
    cannot be decoded comes back as it is, for the caller to refuse.
    """
    if rules.crop_watermark == 0:
        return find

    def found(record: dict[str, Any]) -> bytes | None:
        data = find(record)
        if data is None or _NO_WATERMARK.search(str(record.get("url") or "")):
            return data
        try:
            check_image(data)  # its limits hold before anything is decoded
            return crop_bottom(data, rules.crop_watermark)
        except DataError:
            return data

    return found


def crop_bottom(data: bytes, rows: int) -> bytes:
    """The image without its last ``rows`` rows of pixels, in its own format; equal bytes give equal bytes.

    JPEG keeps its quantisation tables, so that a second encoding loses next to nothing.

    Raises:
        DataError: it cannot be decoded, or has no more rows than that.
    """
    with open_image(data) as image:
        shown = upright(image)  # what is written again carries no EXIF
        width, height = shown.size
        if rows >= height:
            raise DataError(f"image of {height} rows cannot lose {rows}")
        kind = read_header(data).format
        options: dict[str, Any] = {"quality": 92} if kind == "WEBP" else {}
        if kind == "JPEG":
            options = {"qtables": getattr(image, "quantization", None), "subsampling": _subsampling(image)}
        stream = io.BytesIO()
        shown.crop((0, 0, width, height - rows)).save(stream, kind, **options)
    return stream.getvalue()


def _subsampling(image: Any) -> int:
    from PIL import JpegImagePlugin

    return max(int(JpegImagePlugin.get_sampling(image)), 0)  # -1 where it has none, as in grey images
