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
from math import comb
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, model_validator

from illinstr.config import Config
from illinstr.errors import DataError
from illinstr.images import decode_image, open_image, read_header, upright
from illinstr.wikihow_scraper.fetching.safety import check_image

HASH_BITS = 64
CHAIN = 4  # hashes that agree by chance, on average, before more bands have to agree
MAX_TABLES = 40
SPREAD = 0x9E3779B97F4A7C15  # 2^64 over the golden ratio (Knuth, vol. 3, 6.4)
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
    ``crop_watermark`` cuts so many pixels off the bottom of images that carry the site's strip. ``max_side``: longer
    images are made smaller; ``quality``: every image is encoded again as JPEG of this quality.
    """

    min_px: int = Field(default=64, ge=0)
    max_aspect: float = Field(default=4.0, ge=1.0)
    min_contrast: float = Field(default=4.0, ge=0.0, le=127.0)
    duplicates: ImageDuplicates = "near"
    max_hash_distance: int = Field(default=4, ge=0, le=15)
    crop_watermark: int = Field(default=0, ge=0, le=200)
    max_side: int | None = Field(default=None, ge=16, le=20_000, exclude_if=lambda side: side is None)
    quality: int | None = Field(default=None, ge=1, le=100, exclude_if=lambda quality: quality is None)

    @model_validator(mode="after")
    def _bounds_in_order(self) -> ImageRules:
        if self.max_side is not None and self.min_px > self.max_side:
            raise ValueError("min_px is larger than max_side")
        return self


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
    """Finds hashes within a Hamming distance d, exactly: of d + r bands of bits, at least r must agree.

    Each choice of r bands is a table of chains of hashes that agree on them. With more hashes chains would grow, so r
    does instead, as long as that takes a bearable number of tables (for d up to 6); beyond, a search grows with the
    number of hashes. Entries are "HASH PAGE" with the hash in 16 hexadecimal digits.
    """

    def __init__(self, distance: int) -> None:
        self.distance = distance
        self._hashes = array("Q")
        self._owners: list[str] = []
        self._known: set[str] = set()
        self._pages: dict[str, str] = {}
        self._agreeing = 1
        self._rebuild(1 << 10)

    def learn(self, entries: Iterable[str]) -> None:
        """Take in entries; those known already change nothing."""
        for entry in entries:
            if entry in self._known:
                continue
            self._known.add(entry)
            digits, _, page = entry.partition(" ")
            self._hashes.append(int(digits, 16))
            self._owners.append(self._pages.setdefault(page, page))
            if len(self._hashes) > self._slots:
                self._rebuild(2 * self._slots)
            else:
                self._index(len(self._hashes) - 1)

    def __len__(self) -> int:
        return len(self._known)

    def elsewhere(self, phash: int, page: str) -> bool:
        """Whether another page has an image within the distance."""
        hashes, owners, distance = self._hashes, self._owners, self.distance
        for mask, last, before in self._tables:
            place = last[self._slot(phash & mask)]
            while place >= 0:
                if (hashes[place] ^ phash).bit_count() <= distance and owners[place] != page:
                    return True
                place = before[place]
        return False

    def _rebuild(self, slots: int) -> None:
        """Index all hashes in tables of so many slots, by more bands where chains would get long."""
        self._slots = slots
        tables = comb(self.distance + self._agreeing + 1, self._agreeing + 1)
        if slots > CHAIN << (HASH_BITS * self._agreeing // (self.distance + self._agreeing)) and tables <= MAX_TABLES:
            self._agreeing += 1
        count = self.distance + self._agreeing
        edges = [HASH_BITS * band // count for band in range(count + 1)]
        bands = [((1 << high) - 1) & ~((1 << low) - 1) for low, high in itertools.pairwise(edges)]
        # A table: which bits agree; for each slot the last hash in it; for each hash the one before it in its slot.
        self._tables = [
            (sum(chosen), array("i", [-1]) * slots, array("i"))
            for chosen in itertools.combinations(bands, self._agreeing)
        ]
        for place in range(len(self._hashes)):
            self._index(place)

    def _index(self, place: int) -> None:
        phash = self._hashes[place]
        for mask, last, before in self._tables:
            slot = self._slot(phash & mask)
            before.append(last[slot])
            last[slot] = place

    def _slot(self, bits: int) -> int:
        return (bits * SPREAD >> 64) & (self._slots - 1)  # multiplicative hashing: every bit reaches the slot


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
    return _Cropping(find, rules.crop_watermark)


@dataclass(frozen=True)
class _Cropping:
    find: FindImage
    rows: int

    def __call__(self, record: dict[str, Any]) -> bytes | None:
        data = self.find(record)
        if data is None or _NO_WATERMARK.search(str(record.get("url") or "")):
            return data
        try:
            check_image(data)  # its limits hold before anything is decoded
            return crop_bottom(data, self.rows)
        except DataError:
            return data


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
