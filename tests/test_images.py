"""One image file looks the same in every room: a table of rooms and files, and what the decoder refuses."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from illinstr.articles import Article, Provenance, Step, StepImage
from illinstr.diffusion.pipeline import centre_square as square_for_drawing
from illinstr.errors import DataError
from illinstr.evaluation.study.page import _anonymous
from illinstr.evaluation.subjects import open_panel
from illinstr.images import (
    WEB_FORMATS,
    centre_square,
    decode_image,
    decode_panel,
    encode_jpeg,
    encode_png,
    has_recipe,
    open_image,
    read_header,
)
from illinstr.sampling.drawing.photo import read_photo
from illinstr.sampling.pages.strip import MARGIN_PX, PANEL_PX, draw_strip
from illinstr.shards.loader import panels_of as loaded_panels
from illinstr.shards.preview import _thumbnail
from illinstr.training.data import panels_of as training_panels
from illinstr.wikihow_scraper.cleaning.image_rules import crop_bottom, look_at
from tests.support.image_bytes import encoded

RED, GREEN, BLUE, GREY, WHITE = (230, 20, 20), (20, 200, 20), (20, 20, 230), (127, 127, 127), (255, 255, 255)
SIDE = 64
# Where the table looks, as shares of width and height: the four quarters.
PLACES = ((0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75))


def quarters(*colours: tuple[int, ...]) -> np.ndarray:
    """uint8 (SIDE, SIDE, channels): a colour for each quarter, in the order of PLACES."""
    first, second, third, fourth = (np.full((SIDE // 2, SIDE // 2, len(c)), c, np.uint8) for c in colours)
    return np.vstack([np.hstack([first, second]), np.hstack([third, fourth])])


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(rows: np.ndarray, depth: int, colour_type: int, transparent: bytes | None = None) -> bytes:
    """A PNG written by hand (W3C PNG): ``rows`` (height, samples), packed; ``transparent`` is the body of tRNS."""
    height, width = rows.shape[0], SIDE
    samples = rows.astype(">u2") if depth == 16 else rows
    body = b"".join(b"\0" + row.tobytes() for row in samples)
    head = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    named = chunk(b"tRNS", transparent) if transparent is not None else b""
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + named + chunk(b"IDAT", zlib.compress(body)) + chunk(b"IEND", b"")
    )


# How a reader turns stored pixels for each orientation (EXIF 2.32, tag 0x0112), undone: what a camera stores.
STORED: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    1: lambda shown: shown,
    2: np.fliplr,
    3: lambda shown: np.rot90(shown, 2),
    4: np.flipud,
    5: lambda shown: shown.transpose(1, 0, 2),
    6: lambda shown: np.rot90(shown, 1),
    7: lambda shown: np.rot90(shown, 2).transpose(1, 0, 2),
    8: lambda shown: np.rot90(shown, -1),
}


def turned(orientation: int, kind: str) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = np.ascontiguousarray(STORED[orientation](quarters(RED, GREEN, BLUE, GREY)))
    return encoded(Image.fromarray(stored), kind, exif=exif, quality=95)


def ramp16() -> np.ndarray:
    """uint16 (SIDE, SIDE) from 0 to 65535, by rows."""
    return np.linspace(0, 65535, SIDE * SIDE).reshape(SIDE, SIDE).astype(np.uint16)


def sixteen(*values: int) -> np.ndarray:
    """16-bit samples (SIDE, SIDE), one value for each quarter."""
    tops = [np.full((SIDE // 2, SIDE // 2), value, np.uint16) for value in values]
    return np.vstack([np.hstack(tops[:2]), np.hstack(tops[2:])])


def palette_image() -> Image.Image:
    image = Image.new("P", (SIDE, SIDE))
    image.putpalette([*RED, *GREEN, *BLUE, *GREY])
    index = quarters((0,), (1,), (2,), (3,))[:, :, 0]
    image.putdata([int(value) for value in index.reshape(-1)])
    return image


CLEAR = (0, 0, 0, 0)
HALF = (0, 0, 0, 127)
LIGHT = (60, 60, 60), (120, 120, 120), (190, 190, 190), (250, 250, 250)
# name: (bytes, the colours of the four quarters as a viewer shows them)
FILES: dict[str, tuple[bytes, tuple[tuple[int, ...], ...]]] = {
    "plain.png": (encoded(Image.fromarray(quarters(RED, GREEN, BLUE, GREY))), (RED, GREEN, BLUE, GREY)),
    **{
        f"exif{orientation}.{kind.lower()}": (turned(orientation, kind), (RED, GREEN, BLUE, GREY))
        for orientation in STORED
        for kind in ("JPEG", "PNG", "WEBP")
        if kind == "JPEG" or orientation in (6, 7)
    },
    "alpha.png": (
        encoded(Image.fromarray(quarters((*RED, 255), CLEAR, HALF, (*BLUE, 255)))),
        (RED, WHITE, (128, 128, 128), BLUE),
    ),
    "alpha.webp": (
        encoded(Image.fromarray(quarters((*RED, 255), CLEAR, HALF, (*BLUE, 255))), "WEBP", lossless=True),
        (RED, WHITE, (128, 128, 128), BLUE),
    ),
    "grey-alpha.png": (
        encoded(Image.fromarray(quarters((0, 255), (0, 0), (0, 127), (200, 255)), "LA")),
        ((0, 0, 0), WHITE, (128, 128, 128), (200, 200, 200)),
    ),
    "palette.png": (encoded(palette_image()), (RED, GREEN, BLUE, GREY)),
    "palette-transparent.png": (encoded(palette_image(), transparency=1), (RED, WHITE, BLUE, GREY)),
    "palette-alpha.png": (
        encoded(palette_image(), transparency=bytes([255, 0, 255, 0])),
        (RED, WHITE, BLUE, WHITE),
    ),
    "grey8-transparent.png": (
        png(quarters((60,), (120,), (190,), (250,))[:, :, 0], 8, 0, struct.pack(">H", 120)),
        (LIGHT[0], WHITE, LIGHT[2], LIGHT[3]),
    ),
    "grey4-transparent.png": (
        png(np.repeat(np.uint8([[0x11] * 16 + [0x77] * 16, [0xAA] * 16 + [0xEE] * 16]), 32, 0), 4, 0, b"\0\7"),
        ((17, 17, 17), WHITE, (170, 170, 170), (238, 238, 238)),
    ),
    "grey16.png": (
        png(sixteen(0, 257 * 60, 32768, 65535), 16, 0),
        ((0, 0, 0), (60, 60, 60), (128, 128, 128), WHITE),
    ),
    "grey16-transparent.png": (
        png(sixteen(257 * 60, 257 * 60 + 1, 32768, 0), 16, 0, struct.pack(">H", 257 * 60)),
        (WHITE, (60, 60, 60), (128, 128, 128), (0, 0, 0)),
    ),
    "rgb16.png": (
        png(np.repeat(sixteen(0, 257 * 60, 32768, 65535), 3, axis=1), 16, 2),
        ((0, 0, 0), (60, 60, 60), (128, 128, 128), WHITE),
    ),
    "rgb16-transparent.png": (
        png(np.repeat(sixteen(257 * 60, 257 * 90, 32768, 0), 3, axis=1), 16, 2, struct.pack(">HHH", *[257 * 60] * 3)),
        (WHITE, (90, 90, 90), (128, 128, 128), (0, 0, 0)),
    ),
    "cmyk.jpeg": (
        encoded(Image.fromarray(quarters(RED, GREEN, BLUE, GREY)).convert("CMYK"), "JPEG", quality=95),
        (RED, GREEN, BLUE, GREY),
    ),
    "grey.jpeg": (
        encoded(Image.fromarray(quarters((60,), (120,), (190,), (250,))[:, :, 0]), "JPEG", quality=95),
        LIGHT,
    ),
    "one-bit.png": (
        encoded(Image.fromarray(quarters((0,), (255,), (255,), (0,))[:, :, 0]).convert("1")),
        ((0, 0, 0), WHITE, WHITE, (0, 0, 0)),
    ),
}  # fmt: skip


def article_of(data: bytes) -> Article:
    step = Step(headline="look", image=StepImage.from_bytes(data))
    return Article(id="one", goal="g", steps=(step,), provenance=Provenance(source="s"))


def from_uri(uri: str | None) -> Image.Image:
    assert uri is not None
    return Image.open(io.BytesIO(base64.b64decode(uri.split(",", 1)[1])))


def in_training(data: bytes, folder: Path) -> Image.Image:
    panel = training_panels(article_of(data), 32)[0]
    return Image.fromarray(((panel.permute(1, 2, 0).numpy() + 1) * 127.5).round().astype(np.uint8))


def in_the_loader(data: bytes, folder: Path) -> Image.Image:
    return Image.fromarray(loaded_panels(article_of(data), 32)[0].permute(1, 2, 0).numpy())


def as_first_image(data: bytes, folder: Path) -> Image.Image:
    path = folder / "photo"
    path.write_bytes(data)
    return Image.open(io.BytesIO(read_photo(path).data or b""))


def in_the_strip(data: bytes, folder: Path) -> Image.Image:
    strip = draw_strip(article_of(data))
    bottom = strip.height - 2 * MARGIN_PX
    return strip.crop((MARGIN_PX, bottom - PANEL_PX, MARGIN_PX + PANEL_PX, bottom))


ROOMS: dict[str, Callable[[bytes, Path], Image.Image]] = {
    "training": in_training,
    "shard loader": in_the_loader,
    "shard preview": lambda data, folder: from_uri(_thumbnail(StepImage.from_bytes(data))[0]),
    "evaluation": lambda data, folder: open_panel(data, "x"),
    "study": lambda data, folder: from_uri(_anonymous(data, None)),
    "held while drawing": lambda data, folder: StepImage.from_bytes(data).decode(),
    "held, from Python": lambda data, folder: square_for_drawing(Image.open(io.BytesIO(data)), 32),
    "first image": as_first_image,
    "strip": in_the_strip,
}


@pytest.mark.parametrize("room", ROOMS)
@pytest.mark.parametrize("name", FILES)
def test_every_room_sees_the_same_image(name, room, tmp_path):
    data, colours = FILES[name]
    if room == "held, from Python" and "4-transparent" in name:
        pytest.skip("Pillow alone misreads the transparent colour of 4-bit files")
    seen = ROOMS[room](data, tmp_path)
    assert seen.mode == "RGB"
    for (across, down), colour in zip(PLACES, colours, strict=True):
        found = seen.getpixel((int(across * seen.width), int(down * seen.height)))
        assert np.abs(np.subtract(found, colour)).max() <= 8, (name, room, (across, down), found, colour)


def test_a_16_bit_ramp_keeps_its_middle():
    data = png(ramp16(), 16, 0)
    seen = np.asarray(decode_image(data))[:, :, 0]
    assert np.array_equal(seen, np.rint(ramp16() / 257))  # W3C PNG, section 13.12: scaled linearly, rounded
    assert abs(decode_panel(data, SIDE).mean() - 127.5) < 1
    assert StepImage.from_bytes(data).width == SIDE


def test_a_photo_with_more_images_in_its_file_is_one_image():
    """Phones write previews behind the photo (CIPA DC-007, MPO); the first is the photo, and no animation."""
    photo, preview = Image.fromarray(quarters(RED, GREEN, BLUE, GREY)), Image.new("RGB", (8, 8))
    data = encoded(photo, "MPO", save_all=True, append_images=[preview])
    assert read_header(data).format == "JPEG"
    assert decode_image(data, animated="refuse").size == (SIDE, SIDE)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF"])
def test_animations_give_their_first_frame_or_are_refused(kind):
    frames = [Image.new("RGB", (8, 8), colour) for colour in (RED, BLUE)]
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
    first = decode_image(data, formats=WEB_FORMATS).getpixel((4, 4))
    assert np.abs(np.subtract(first, RED)).max() < 12
    with pytest.raises(DataError, match="animated"):
        decode_image(data, formats=WEB_FORMATS, animated="refuse")


@pytest.mark.parametrize("kind", ["AVIF", "GIF"])
def test_formats_of_the_web_are_read_where_they_are_asked_for_alone(kind):
    data = encoded(Image.new("RGB", (16, 16), BLUE), kind)
    assert np.abs(np.subtract(decode_image(data, formats=WEB_FORMATS).getpixel((3, 3)), BLUE)).max() < 12
    with pytest.raises(DataError, match="not a JPEG, PNG or WebP image"):
        decode_image(data)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_truncated_files_are_refused_in_one_line(kind):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (96, 96, 3), dtype=np.uint8))
    data = encoded(noise, kind)
    with pytest.raises(DataError) as caught:
        decode_image(data[: len(data) // 2], label="step 3", hint="fetch it again")
    assert caught.value.message.startswith("step 3 ")
    assert "\n" not in caught.value.message
    assert "0x" not in caught.value.message
    assert caught.value.hint == "fetch it again"


def test_limits_are_checked_before_anything_is_decoded(monkeypatch):
    data = encoded(Image.new("RGB", (40, 30)))
    decoded = []
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda image: decoded.append(image))
    with pytest.raises(DataError, match="40x30 pixels, over the limit of 1199 pixels"):
        decode_image(data, max_pixels=1199)
    with pytest.raises(DataError, match=f"{len(data)} bytes, over the limit of 5"), open_image(data, max_bytes=5):
        pass
    assert not decoded


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_exif_that_cannot_be_read_turns_nothing():
    data = encoded(
        Image.fromarray(quarters(RED, GREEN, BLUE, GREY)), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\1\x12"
    )
    assert decode_image(data).size == (SIDE, SIDE)


def test_what_a_file_says_of_itself_does_not_travel():
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "SecretCamera", 6
    image = decode_image(encoded(Image.new("RGB", (40, 20), RED), "JPEG", exif=exif))
    assert image.size == (20, 40)
    assert centre_square(image, 10).size == (10, 10)
    assert not image.info
    assert b"SecretCamera" not in encode_png(image) + encode_jpeg(image, quality=90)


def test_a_draft_keeps_as_many_pixels_as_asked_for():
    data = encoded(Image.fromarray(quarters(RED, GREEN, BLUE, GREY)).resize((640, 320)), "JPEG")
    assert decode_image(data, draft_px=60).size == (160, 80)
    assert decode_image(data).size == (640, 320)


def test_the_scraper_judges_the_image_that_is_shown():
    shown = Image.fromarray(quarters(RED, GREEN, BLUE, GREY))
    upright, lying = look_at(encoded(shown, "JPEG", quality=95)), look_at(turned(6, "JPEG"))
    assert (upright.phash ^ lying.phash).bit_count() <= 2
    grey = look_at(png(ramp16(), 16, 0))
    assert abs(grey.contrast - 73.9) < 1  # of a uniform distribution on 0..255; cut off at 255 there is hardly any
    cut = decode_image(crop_bottom(turned(6, "JPEG"), SIDE // 2))
    assert cut.size == (SIDE, SIDE // 2)
    assert np.abs(np.subtract(cut.getpixel((4, 4)), RED)).max() < 12


def test_recipes_travel_in_png_alone():
    image = Image.new("RGB", (4, 4), RED)
    assert has_recipe(encode_png(image, {"goal": "tea"}))
    assert not has_recipe(encode_png(image))
    assert not has_recipe(encode_jpeg(image, quality=90))
    assert not has_recipe(b"")


def gradient(width, height) -> Image.Image:
    rows, columns = np.mgrid[0:height, 0:width]
    return Image.fromarray(
        np.stack([rows * 255 // height, columns * 255 // width, rows * 0 + 9], -1).astype(np.uint8), "RGB"
    )


def lanczos_1d(size_in: int, size_out: int) -> np.ndarray:
    """Rows of Lanczos-3 weights as Pillow's documentation describes them: support widened when shrinking."""
    scale = size_in / size_out
    width = max(scale, 1.0)
    weights = np.zeros((size_out, size_in))
    for out in range(size_out):
        centre = (out + 0.5) * scale
        for source in range(size_in):
            x = (source + 0.5 - centre) / width
            if abs(x) < 3:
                weights[out, source] = np.sinc(x) * np.sinc(x / 3)
    return weights / weights.sum(1, keepdims=True)


@pytest.mark.parametrize("size", [(40, 24), (24, 40), (8, 10)])
def test_panels_are_centred_squares_resized_with_lanczos(size):
    image = gradient(*size)
    side = min(size)
    left, top = (size[0] - side) // 2, (size[1] - side) // 2
    pixels = np.asarray(image, dtype=float)[top : top + side, left : left + side]
    weights = lanczos_1d(side, 16)
    expected = np.einsum("or,rcx,pc->opx", weights, pixels, weights)
    actual = np.asarray(centre_square(image, 16), dtype=float)
    assert np.abs(actual - expected.clip(0, 255)).max() <= 1.5  # Pillow rounds after each of two passes


def test_panels_of_the_right_size_are_untouched():
    assert np.array_equal(np.asarray(centre_square(gradient(20, 16), 16)), np.asarray(gradient(20, 16))[:, 2:18])
