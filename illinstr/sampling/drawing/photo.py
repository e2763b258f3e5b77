"""A user's own images: the one of a step, whose scene the others are drawn to fit, and those to look like."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from illinstr.articles import StepImage
from illinstr.errors import DataError, UsageError
from illinstr.images import MAX_IMAGE_BYTES, centre_square, decode_image, encode_jpeg
from illinstr.sampling.writing.similarity import clean_line

PHOTO_PX = 1024
JPEG_QUALITY = 92
MAX_REFERENCES = 8
MAX_STYLE_CHARS = 300


def read_style(style: str | None) -> str | None:
    """A style fit to be joined to the text of every step: one line; None stays.

    Raises:
        UsageError: nothing readable in it, too long, or not valid Unicode.
    """
    if style is None:
        return None
    line = clean_line(style, "--style")
    if not any(letter.isalnum() for letter in line):
        raise UsageError("--style says nothing", hint='such as --style "watercolour, soft light"')
    if len(line) > MAX_STYLE_CHARS:
        raise UsageError(f"--style has {len(line):,} characters, over {MAX_STYLE_CHARS}", hint="shorten it")
    return line


def read_references(paths: Sequence[str | Path]) -> tuple[StepImage, ...]:
    """Images that all others shall look like, each as ``read_photo`` reads it.

    Raises:
        UsageError: too many, or one that cannot be read.
    """
    if len(paths) > MAX_REFERENCES:
        raise UsageError(f"--reference is given {len(paths)} times, over {MAX_REFERENCES}", hint="choose some")
    return tuple(read_photo(Path(path), "--reference") for path in paths)


def read_photo(path: Path, option: str = "--first-picture") -> StepImage:
    """Read a JPEG, PNG or WebP file as a step's image: turned upright, its centre square, at most ``PHOTO_PX`` wide.

    The image is encoded again, so that nothing else in the file (place, time, camera) travels with the article.

    Raises:
        UsageError: it cannot be read, is too large, or is no such image; the message names ``option``.
    """
    try:
        if (place := path.expanduser()).exists() and not place.is_file():  # a pipe would never end
            raise UsageError(f"{option}: {path} is no file", hint="give a JPEG, PNG or WebP file")
        with place.open("rb") as stream:
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


def shown_square(image: StepImage) -> StepImage:
    """An article's image as a panel: its centre square, with the licence and the source it came with.

    Raises:
        DataError: it has no bytes, or bytes that cannot be decoded.
    """
    pixels = image.decode()
    side = min(*pixels.size, PHOTO_PX)
    kept = {"source_url": image.source_url, "license": image.license, "alt": image.alt}
    return StepImage.from_bytes(encode_jpeg(centre_square(pixels, side), quality=JPEG_QUALITY), **kept)
