"""A user's own photo as the picture of a step: the scene that the other pictures are drawn to fit."""

from __future__ import annotations

import io
from pathlib import Path

from illinstr.articles import StepImage
from illinstr.errors import DataError, UsageError
from illinstr.runs import MAX_PICTURE_BYTES
from illinstr.sampling.drawing.illustrator import open_picture

PHOTO_PX = 1024
JPEG_QUALITY = 92


def read_photo(path: Path, option: str = "--first-picture") -> StepImage:
    """Read a JPEG, PNG or WebP file as a step's picture: turned upright, its centre square, at most ``PHOTO_PX`` wide.

    The picture is encoded anew, so that nothing else in the file (place, time, camera) travels with the article.

    Raises:
        UsageError: it cannot be read, is too large, or is no such picture; the message names ``option``.
    """
    from PIL import Image

    try:
        with path.expanduser().open("rb") as stream:
            data = stream.read(MAX_PICTURE_BYTES + 1)
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{option}: cannot read {path}: {reason}", hint="give a JPEG, PNG or WebP file") from error
    if len(data) > MAX_PICTURE_BYTES:
        raise UsageError(f"{option}: {path} is over {MAX_PICTURE_BYTES >> 20} MiB", hint="scale it down first")
    try:
        picture = open_picture(StepImage.from_bytes(data))
    except DataError as error:
        hint = "give a JPEG, PNG or WebP file"
        raise UsageError(f"{option}: {path} cannot be used: {error.message}", hint=hint) from error
    edge = min(picture.size)
    left, top = (picture.width - edge) // 2, (picture.height - edge) // 2
    side = min(edge, PHOTO_PX)
    square = picture.resize((side, side), Image.Resampling.LANCZOS, box=(left, top, left + edge, top + edge))
    buffer = io.BytesIO()
    square.save(buffer, "JPEG", quality=JPEG_QUALITY)
    return StepImage.from_bytes(buffer.getvalue())
