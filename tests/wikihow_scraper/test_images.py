"""Which images are kept: size, shape, contrast, twins, the watermark's strip. Every option changes what comes out."""

from __future__ import annotations

import io
import random
import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageFile, ImageStat

from illinstr.errors import DataError
from illinstr.shards import iter_articles, read_index
from illinstr.wikihow_scraper.cleaning import image_rules
from illinstr.wikihow_scraper.cleaning.image_rules import (
    ImageRules,
    Lookalikes,
    crop_bottom,
    cropping,
    look_at,
    unfit,
)
from illinstr.wikihow_scraper.cleaning.rules import Cleaner, CleanRules
from illinstr.wikihow_scraper.page import Method, PageStep
from tests.support.command_line import calling
from tests.support.image_bytes import encoded
from tests.support.pages import OPEN, HowTo, make_image, render
from tests.wikihow_scraper.test_cli import jpeg


def scene(seed: int, size: tuple[int, int] = (160, 120)) -> Image.Image:
    with Image.open(io.BytesIO(jpeg(seed))) as small:
        return small.resize(size, Image.Resampling.BICUBIC)


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (scene(1), None),
        (scene(1, (160, 63)), "too small"),
        (scene(1, (64, 64)), None),
        (scene(1, (400, 99)), "too narrow"),
        (scene(1, (99, 400)), "too narrow"),
        (scene(1, (400, 100)), None),
        (Image.new("RGB", (160, 120), (10, 200, 30)), "blank"),
        (Image.new("RGBA", (160, 120), (0, 0, 0, 0)), "blank"),
        (Image.new("L", (160, 120), 255), "blank"),
    ],
)
def test_what_a_image_must_be(image, reason):
    assert unfit(look_at(encoded(image)), ImageRules()) == reason


def test_noise_of_compression_does_not_make_a_blank_image():
    grain = random.Random(0)
    image = Image.new("RGB", (160, 120))
    image.putdata([tuple(250 + grain.randrange(-2, 3) for _ in range(3)) for _ in range(160 * 120)])
    assert unfit(look_at(encoded(image, "JPEG", quality=60)), ImageRules()) == "blank"


def test_one_object_on_white_is_not_blank():
    image = Image.new("RGB", (160, 120), "white")
    image.paste((40, 40, 160), (70, 50, 90, 70))
    assert unfit(look_at(encoded(image)), ImageRules()) is None


@given(st.lists(st.integers(0, 2**64 - 1), max_size=30), st.integers(0, 15), st.data())
@settings(deadline=None, max_examples=60)
def test_lookalikes_are_those_a_full_search_finds(known, distance, data):
    """Second implementation: compare with every entry."""
    pages = [data.draw(st.sampled_from("ab")) for _ in known]
    index = Lookalikes(distance)
    index.learn(f"{number:016x} {page}" for number, page in zip(known, pages, strict=True))
    asked = data.draw(st.one_of(st.integers(0, 2**64 - 1), st.sampled_from(known) if known else st.just(0)))
    for _ in range(data.draw(st.integers(0, 17))):
        asked ^= 1 << data.draw(st.integers(0, 63))
    truth = any(
        page != "a" and bin(number ^ asked).count("1") <= distance for number, page in zip(known, pages, strict=True)
    )
    assert index.elsewhere(asked, "a") == truth


@pytest.mark.parametrize("distance", [0, 3, 4, 6, 9])
def test_lookalikes_stay_exact_when_the_index_grows(distance, monkeypatch):
    """Tables double and more bands agree on the way; every answer is that of a comparison with all."""
    monkeypatch.setattr(image_rules, "CHAIN", 0)  # more bands at every chance
    draw = random.Random(distance)
    index, known = Lookalikes(distance), []
    for number in range(2500):
        if known and draw.random() < 0.5:
            phash = draw.choice(known)
            for bit in draw.sample(range(64), draw.randint(0, distance + 2)):
                phash ^= 1 << bit
        else:
            phash = draw.getrandbits(64)
        if number % 25 == 0 and known:
            truth = any((each ^ phash).bit_count() <= distance for each in known)
            assert index.elsewhere(phash, "other") == truth
            assert not index.elsewhere(phash, "page")
        known.append(phash)
        index.learn([f"{phash:016x} page"])


def test_copies_are_known_again_and_other_images_are_not():
    cleaner = Cleaner(CleanRules())
    assert cleaner.judge_image(encoded(scene(1)), "one") is None
    assert cleaner.judge_image(encoded(scene(1)), "one") is None  # within a page images may repeat
    assert cleaner.judge_image(encoded(scene(1)), "two") == "same image on another page"
    smaller = encoded(scene(1).resize((100, 75)), "JPEG", quality=70)
    assert cleaner.judge_image(smaller, "two") == "like an image on another page"
    assert cleaner.judge_image(smaller, "one") is None
    assert cleaner.judge_image(encoded(scene(2)), "two") is None
    exact = Cleaner(CleanRules(pictures=ImageRules(duplicates="exact")))
    assert exact.judge_image(encoded(scene(1)), "one") is None
    assert exact.judge_image(smaller, "two") is None
    assert exact.judge_image(encoded(scene(1)), "two") == "same image on another page"
    keep = Cleaner(CleanRules(pictures=ImageRules(duplicates="keep")))
    assert [keep.judge_image(encoded(scene(1)), page) for page in ("one", "two")] == [None, None]


def test_what_a_cleaner_remembers_can_be_given_to_another():
    """A run that was killed goes on with the memory of the tasks that were done: sets of strings."""
    first, second = Cleaner(CleanRules()), Cleaner(CleanRules())
    assert first.judge_image(encoded(scene(1)), "one") is None
    second._seen_images.update(first._seen_images)
    second._seen_looks.update(first._seen_looks)
    assert second.judge_image(encoded(scene(1)), "two") == "same image on another page"
    smaller = encoded(scene(1).resize((100, 75)), "JPEG", quality=70)
    assert second.judge_image(smaller, "two") == "like an image on another page"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_the_strip_is_cut_and_the_rest_stays(kind):
    whole = scene(3)
    marked = whole.copy()
    marked.paste((0, 0, 0), (0, 98, 160, 120))
    data = encoded(marked, kind, **({"quality": 95} if kind != "PNG" else {}))
    cut = crop_bottom(data, 22)
    assert cut == crop_bottom(data, 22)
    with Image.open(io.BytesIO(cut)) as seen, Image.open(io.BytesIO(data)) as before:
        assert (seen.format, seen.size) == (kind, (160, 98))
        off = ImageChops.difference(seen.convert("RGB"), before.convert("RGB").crop((0, 0, 160, 98)))
        assert max(ImageStat.Stat(off).mean) < (0.01 if kind == "PNG" else 5)
    with pytest.raises(DataError):
        crop_bottom(data, 120)


def test_only_images_with_a_strip_are_cut():
    data = encoded(scene(3), "JPEG")
    find = cropping(lambda record: data, ImageRules(crop_watermark=10))
    assert find({"url": "https://x.org/images/thumb/a/ab/A.jpg/aid1-v4-728px-A.jpg"}) != data
    assert find({}) != data
    for url in ("https://x.org/t/A.jpg/550px-nowatermark-A.jpg", "https://x.org/images/a/A.png"):
        assert find({"url": url}) == data
    assert cropping(lambda record: b"no picture", ImageRules(crop_watermark=10))({}) == b"no picture"
    assert cropping(lambda record: None, ImageRules(crop_watermark=10))({}) is None


@pytest.fixture
def run(monkeypatch, capsys):
    call = calling(monkeypatch, capsys, "scrape")
    return lambda *arguments: call(*arguments)[::2]


@pytest.fixture
def saved(tmp_path):
    """Two saved pages, their images beside them; the second page's first image is a smaller copy of the first's."""
    folder = tmp_path / "saved"
    pictures = {
        "Wash": [scene(1), scene(2, (500, 100)), scene(3, (60, 60)), Image.new("RGB", (120, 90), "white")],
        "Cook": [scene(1, (120, 90)), scene(5)],
    }
    for number, (name, images) in enumerate(pictures.items(), start=1):
        steps = tuple(
            PageStep(headline=f"{name} part {index} with care.", image=make_image(f"{name}-{index}", license=OPEN))
            for index in range(len(images))
        )
        page = render(HowTo(f"How to {name} Things", (Method(steps=steps),), page_id=number))
        beside = folder / f"{name}_files"
        beside.mkdir(parents=True)
        for index, image in enumerate(images):
            (beside / f"{index}.jpg").write_bytes(encoded(image, "JPEG", quality=90))
            shown = f'class="whcdn content-fill" data-src="{steps[index].image.small_url}"'
            page = page.replace(shown, f'src="{name}_files/{index}.jpg" {shown}')
        (folder / f"{name}.html").write_text(page, "utf-8")
    return folder


def outcome(out) -> dict:
    return read_index(out).source_config["funnel"]["pictures"]


@pytest.mark.parametrize(
    ("options", "filtered"),
    [
        ((), {"like an image on another page": 1, "too narrow": 1, "too small": 1, "blank": 1}),
        (("--image-duplicates", "exact"), {"too narrow": 1, "too small": 1, "blank": 1}),
        (("--image-duplicates", "keep", "--max-aspect", 9), {"too small": 1, "blank": 1}),
        (("--min-image-px", 10), {"like an image on another page": 1, "too narrow": 1, "blank": 1}),
        (("--min-contrast", 0), {"like an image on another page": 1, "too narrow": 1, "too small": 1}),
    ],
)
def test_each_option_changes_what_is_kept(run, saved, tmp_path, options, filtered):
    out = tmp_path / "out"
    code, errors = run("--from-html", saved, "--out", out, *options)
    assert code == 0, errors
    assert outcome(out) == {"seen": 6, "filtered": filtered, "kept": 6 - sum(filtered.values())}
    for reason in filtered:
        assert f"1 {reason}" in errors
    stored = sum(step.image is not None for article in iter_articles(out) for step in article.steps)
    assert stored == outcome(out)["kept"]


def test_cropping_on_request(run, saved, tmp_path):
    sizes = {}
    for rows in (0, 22):
        out = tmp_path / f"out{rows}"
        assert run("--from-html", saved, "--out", out, "--image-duplicates", "keep", "--crop-watermark", rows)[0] == 0
        images = [step.image for article in iter_articles(out) for step in article.steps if step.image]
        sizes[rows] = [(image.width, image.height) for image in images]
    assert sizes[0]
    assert [(width, height - 22) for width, height in sizes[0]] == sizes[22]


@pytest.mark.parametrize(
    "wrong",
    [("--image-duplicates", "some"), ("--min-image-px", -1), ("--max-aspect", 0.5), ("--crop-watermark", 900)],
)
def test_wrong_options_are_usage_errors(run, saved, tmp_path, wrong):
    code, errors = run("--from-html", saved, "--out", tmp_path / "out", *wrong)
    assert code == 2
    assert errors.startswith("error: ")
    assert not (tmp_path / "out").exists()


def bomb(side: int) -> bytes:
    """A well-formed PNG of side x side black pixels, a bit each: some kilobytes that decode to megabytes."""
    squeeze = zlib.compressobj(9)
    row = bytes(1 + side // 8)
    body = b"".join(squeeze.compress(row) for _ in range(side)) + squeeze.flush()

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [8_000, 16_000])  # over our limit; over Pillow's own, too
def test_a_image_bomb_is_refused_before_decoding(run, saved, tmp_path, monkeypatch, side):
    data = bomb(side)
    assert len(data) < 200_000
    (saved / "Wash_files" / "0.jpg").write_bytes(data)
    decoded: list[tuple[int, int]] = []
    load = ImageFile.ImageFile.load
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda self: (decoded.append(self.size), load(self))[1])
    options = ("--from-html", saved, "--crop-watermark", 5, "--image-duplicates", "keep", "--out", tmp_path / "out")
    code, errors = run(*options)
    assert code == 0, errors
    assert "1 damaged" in errors
    assert decoded
    assert (side, side) not in decoded
    assert outcome(tmp_path / "out")["filtered"]["damaged"] == 1
