"""The one place where image bytes become pixels, and pixels become image bytes.

Whatever room asks, one file gives one image: turned as its EXIF orientation says (EXIF 2.32, tag 0x0112; a mirrored
one too), transparent parts on white (alpha channel, palette or the colour that a PNG's tRNS chunk names), 16-bit
samples scaled to 8 (W3C PNG, section 13.12), CMYK converted (JPEG as Adobe writes it: inverted), RGB. ICC profiles are
not applied. What a file claims is checked before anything is decoded, and a truncated file is refused.
"""

from __future__ import annotations

import base64
import io
import json
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from illinstr.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

STORED_FORMATS = ("JPEG", "PNG", "WEBP")  # what articles, shards and run folders hold
WEB_FORMATS = (*STORED_FORMATS, "AVIF", "GIF")  # what pages show
MAX_IMAGE_PIXELS = 64_000_000
MAX_IMAGE_BYTES = 64 << 20
DECODING = 2  # part of the keys of what is cached about decoded images; raise it when they come out otherwise
METADATA_KEY = "illinstr"
PNG_COMPRESS_LEVEL = 4  # half the time of 6 for a twentieth more bytes, on drawn images
EXIF_ORIENTATION = 0x0112

_NAMES = {"JPEG": "JPEG", "PNG": "PNG", "WEBP": "WebP", "AVIF": "AVIF", "GIF": "GIF"}


@dataclass(frozen=True)
class ImageHeader:
    """What a file says of itself: its format and its size in pixels as stored, before it is turned upright."""

    format: str
    width: int
    height: int


@contextmanager
def open_image(
    data: bytes,
    *,
    label: str = "the image",
    hint: str | None = None,
    formats: Sequence[str] = STORED_FORMATS,
    max_pixels: int = MAX_IMAGE_PIXELS,
    max_bytes: int = MAX_IMAGE_BYTES,
) -> Iterator[Image.Image]:
    """An image file, opened and not decoded yet, for those who need more of it than its pixels.

    Args:
        data: the encoded image.
        label: what the error messages call it.
        hint: what the user can do where it cannot be used.
        formats: which formats may be opened; no other decoder of Pillow sees the bytes.
        max_pixels, max_bytes: limits, checked before anything is decoded.

    Raises:
        DataError: too large, of another format, or anything that a decoder raises while the file is open.
    """
    from PIL import Image, UnidentifiedImageError

    if len(data) > max_bytes:
        raise DataError(f"{label} has {len(data)} bytes, over the limit of {max_bytes}", hint=hint)
    try:
        with Image.open(io.BytesIO(data), formats=tuple(formats)) as image:
            if image.width * image.height > max_pixels:
                size = f"{image.width}x{image.height} pixels"
                raise DataError(f"{label} has {size}, over the limit of {max_pixels} pixels", hint=hint)
            yield image
    except DataError:
        raise
    except UnidentifiedImageError as error:
        raise DataError(f"{label} is not a {_listed(formats)} image, or is damaged", hint=hint) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise DataError(f"{label} is over the limit of {max_pixels} pixels", hint=hint) from error
    except Exception as error:  # decoders raise nearly anything on damaged input
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise DataError(f"{label} cannot be decoded: {reason}", hint=hint) from error


def read_header(data: bytes, *, label: str = "the image") -> ImageHeader:
    """Format and size of an encoded JPEG, PNG or WebP image, without decoding it.

    Raises:
        DataError: of another format, damaged at its beginning, or too large.
    """
    with open_image(data, label=label) as image:
        return ImageHeader(_format_of(image), image.width, image.height)


def decode_image(
    data: bytes,
    *,
    label: str = "the image",
    hint: str | None = None,
    formats: Sequence[str] = STORED_FORMATS,
    max_pixels: int = MAX_IMAGE_PIXELS,
    animated: Literal["first", "refuse"] = "first",
    draft_px: int | None = None,
) -> Image.Image:
    """Decode an image file as it is meant to be seen.

    Args:
        data: the encoded image.
        label, hint, formats, max_pixels: as for ``open_image``.
        animated: take the first frame of an animation, or refuse it.
        draft_px: a JPEG may be decoded at a fraction of its size, as long as both sides keep so many pixels.

    Returns:
        An RGB image, upright, transparency on white, of the size of the file (or a fraction of it).

    Raises:
        DataError: too large, of another format, truncated, damaged, or animated where that is refused.
    """
    with open_image(data, label=label, hint=hint, formats=formats, max_pixels=max_pixels) as image:
        # Phones write JPEG files that hold further images (MPO): those are no frames of an animation.
        if animated == "refuse" and image.format != "MPO" and getattr(image, "is_animated", False):
            raise DataError(f"{label} is animated", hint=hint)
        tiles = getattr(image, "tile", [])
        rawmode = str(tiles[0].args) if tiles else ""
        if draft_px is not None:
            image.draft("RGB", (draft_px, draft_px))
        image.load()
        _rescale_transparent_colour(image, rawmode)
        decoded = as_rgb(upright(image))
        decoded = decoded.copy() if decoded is image else decoded
    decoded.info.clear()  # its orientation has been obeyed, and its transparency is gone
    return decoded


def as_rgb(image: Image.Image) -> Image.Image:
    """The RGB form of a decoded image of any mode: transparency on white, 16-bit samples scaled."""
    from PIL import Image

    if image.mode.startswith("I"):
        image = _scaled(image)
    if not image.has_transparency_data:
        return image if image.mode == "RGB" else image.convert("RGB")
    layer = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")


def upright(image: Image.Image) -> Image.Image:
    """An image turned as its EXIF orientation says; EXIF that cannot be read says nothing."""
    from PIL.Image import Transpose

    turns = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    try:
        turn = turns.get(image.getexif().get(EXIF_ORIENTATION, 1))
    except (OSError, ValueError, TypeError, KeyError, SyntaxError, struct.error):
        return image
    return image if turn is None else image.transpose(turn)


def centre_square(image: Image.Image, side: int) -> Image.Image:
    """The largest centred square of an image as (side, side) pixels RGB; Lanczos where the size differs.

    An image that comes from elsewhere (Pillow opens files as they are stored) is turned upright first.
    """
    from PIL.Image import Resampling

    rgb = as_rgb(upright(image))
    if rgb.size == (side, side):
        return rgb
    edge = min(rgb.size)
    left, top = (rgb.width - edge) // 2, (rgb.height - edge) // 2
    # Cropped before it is resized: given a box, resize lets the filter reach pixels outside of it.
    square = rgb.crop((left, top, left + edge, top + edge))
    return square if edge == side else square.resize((side, side), Resampling.LANCZOS)


def decode_panel(data: bytes, panel_px: int, *, label: str = "the image") -> np.ndarray:
    """Encoded image -> uint8 (panel_px, panel_px, 3): its centre square, as models read and draw panels.

    Raises:
        DataError: the bytes are no image, or a damaged one.
    """
    import numpy as np

    return np.asarray(centre_square(decode_image(data, label=label), panel_px))


def encode_png(
    image: Image.Image, recipe: dict[str, Any] | None = None, *, compress_level: int = PNG_COMPRESS_LEVEL
) -> bytes:
    """Encode an RGB image as PNG, its recipe as ASCII JSON in a ``tEXt`` chunk (W3C PNG, section 11.3.3.2).

    Nothing else of the image's own metadata is written, so the same pixels and recipe give the same bytes.
    """
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    if recipe is not None:
        info.add_text(METADATA_KEY, json.dumps(recipe, sort_keys=True))
    return _saved(image, "PNG", pnginfo=info, compress_level=compress_level)


def encode_jpeg(image: Image.Image, *, quality: int) -> bytes:
    """Encode an RGB image as JPEG, without any metadata."""
    return _saved(image, "JPEG", quality=quality)


def data_uri(media_type: str, data: bytes) -> str:
    """Bytes as a ``data:`` address (RFC 2397), so that a page needs no second file."""
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


def has_recipe(data: bytes) -> bool:
    """Whether encoded bytes are a PNG that carries its recipe."""
    try:
        with open_image(data, formats=["PNG"]) as image:
            return METADATA_KEY in image.info
    except DataError:
        return False


def _saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    plain = as_rgb(image).copy()
    plain.info.clear()
    buffer = io.BytesIO()
    plain.save(buffer, kind, **options)
    return buffer.getvalue()


def _format_of(image: Image.Image) -> str:
    return "JPEG" if image.format == "MPO" else image.format or ""


def _rescale_transparent_colour(image: Image.Image, rawmode: str) -> None:
    """Bring the transparent colour of a PNG to 8 bits where its samples were brought there.

    Pillow scales samples of 2 and 4 bits up and keeps the high bytes of 16-bit colours, but leaves the colour that the
    tRNS chunk names at the file's own depth.
    """
    key = image.info.get("transparency")
    if isinstance(key, tuple) and "16" in rawmode:
        image.info["transparency"] = tuple(sample >> 8 for sample in key)
    elif isinstance(key, int) and rawmode in ("L;2", "L;4"):
        image.info["transparency"] = key * (85 if rawmode == "L;2" else 17)


def _scaled(image: Image.Image) -> Image.Image:
    """16-bit grey to 8 bits, rounded; the one grey value that stands for transparent becomes an alpha channel."""
    import numpy as np
    from PIL import Image

    samples = np.asarray(image).astype(np.uint32)
    grey = Image.fromarray(((samples.clip(0, 65535) + 128) // 257).astype(np.uint8))
    key = image.info.get("transparency")
    if not isinstance(key, int):
        return grey
    alpha = Image.fromarray(np.where(samples == key, 0, 255).astype(np.uint8))
    return Image.merge("LA", (grey, alpha))


def _listed(formats: Sequence[str]) -> str:
    *most, last = [_NAMES.get(name, name) for name in formats]
    return f"{', '.join(most)} or {last}" if most else last
