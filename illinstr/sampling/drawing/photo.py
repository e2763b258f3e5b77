"""A user's own photo as the image of a step: the scene that the other images are drawn to fit."""

from __future__ import annotations

from pathlib import Path

from illinstr.articles import StepImage
from illinstr.errors import DataError, UsageError
from illinstr.images import MAX_IMAGE_BYTES, centre_square, decode_image, encode_jpeg

PHOTO_PX = 1024
JPEG_QUALITY = 92


def read_photo(path: Path, option: str = "--first-picture") -> StepImage:
    """Read a JPEG, PNG or WebP file as a step's image: turned upright, its centre square, at most ``PHOTO_PX`` wide.

    The image is encoded again, so that nothing else in the file (place, time, camera) travels with the article.

    Raises:
        UsageError: it cannot be read, is too large, or is no such image; the message names ``option``.
    """
    try:
        with path.expanduser().open("rb") as stream:
            data = stream.read(MAX_IMAGE_BYTES + 1)
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{option}: cannot read {path}: {reason}", hint="give a JPEG, PNG or WebP file") from error
    if len(data) > MAX_IMAGE_BYTES:
        raise UsageError(f"{option}: {path} is over {MAX_IMAGE_BYTES >> 20} MiB", hint="scale it down first")
    try:
        return photo_of(data, str(path))
    except UsageError as error:
        raise UsageError(f"{option}: {error.message}", hint=error.hint) from error


def photo_of(data: bytes, label: str) -> StepImage:
    """Encoded bytes as a step's image, as ``read_photo`` makes it; ``label`` says which image.

    Raises:
        UsageError: they are no JPEG, PNG or WebP image.
    """
    try:
        image = decode_image(data, label=label)
    except DataError as error:
        raise UsageError(error.message, hint="give a JPEG, PNG or WebP file") from error
    side = min(*image.size, PHOTO_PX)
    return StepImage.from_bytes(encode_jpeg(centre_square(image, side), quality=JPEG_QUALITY))
