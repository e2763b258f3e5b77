import hashlib
import json
import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from illinstr.articles import (
    MAX_STEPS,
    Article,
    Material,
    Provenance,
    Step,
    StepImage,
    clean_text,
    make_id,
    normalise_goal,
)
from illinstr.errors import DataError
from tests.support.shard_articles import PIXEL_PNG, article, golden_article, make_image

GOLDEN = Path(__file__).parent / "golden"

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
lines = st.text(min_size=1).filter(lambda text: bool(text.strip()))
images = st.builds(StepImage.from_bytes, st.sampled_from([make_image(encoding=e) for e in ("PNG", "JPEG", "WEBP")]))
steps = st.builds(
    Step,
    headline=lines,
    body=st.text(),
    bullets=st.lists(st.text(), max_size=3).map(tuple),
    image=st.none() | images,
    scene=st.none() | st.dictionaries(st.text(), json_values, max_size=3),
    caption=st.none() | lines,
    states=st.dictionaries(lines.map(str.strip), lines, max_size=2),
)
materials = st.builds(Material, name=lines, amount=st.none() | lines)
articles = st.builds(
    Article,
    id=st.from_regex(r"[0-9a-z_-]{1,80}", fullmatch=True),
    goal=lines,
    method=st.none() | lines,
    steps=st.lists(steps, min_size=1, max_size=4).map(tuple),
    provenance=st.builds(Provenance, source=st.text(min_size=1), url=st.none() | st.text()),
    extra=st.dictionaries(st.text(), json_values, max_size=3),
    materials=st.lists(materials, max_size=2).map(tuple),
    tools=st.lists(lines, max_size=2).map(tuple),
    total_time=st.none() | st.sampled_from(["PT5M", "P1DT2H", "PT1H30M", "P2W", "PT0.5S"]),
    tips=st.lists(lines, max_size=2).map(tuple),
    warnings=st.lists(lines, max_size=2).map(tuple),
)


@given(articles)
def test_json_form_comes_back_equal_but_for_the_image_bytes(made):
    back = Article.from_json(made.to_json())
    images = {i: step.image.data for i, step in enumerate(made.steps) if step.image}
    assert back.to_json() == made.to_json()
    assert back.with_images(images) == made


def test_json_form_is_the_golden_one():
    assert golden_article().to_json() == (GOLDEN / "article.json").read_text(encoding="utf-8")


def test_later_fields_are_written_only_where_they_say_something():
    bare = article(1)
    later = {"materials", "tools", "total_time", "tips", "warnings", "caption", "states", "amount"}
    assert not any(f'"{name}"' in bare.to_json() for name in later)
    full = bare.model_copy(
        update={
            "materials": (Material(name="flour", amount="500 g"),),
            "tools": ("whisk",),
            "total_time": "PT5M",
            "tips": ("Rest.",),
            "warnings": ("Hot.",),
            "steps": (Step(headline="Stir", caption="a hand stirs", states={"dough": "smooth"}),),
        }
    )
    assert all(f'"{name}"' in full.to_json() for name in later)
    assert Article.from_json(full.to_json()) == full


@pytest.mark.parametrize("bad", ["5 minutes", "P", "PT", "1H", "PT5", ""])
def test_a_time_is_a_duration_of_iso_8601(bad):
    with pytest.raises(ValidationError):
        article(1).model_validate(article(1).model_dump() | {"total_time": bad})


def test_json_form_holds_no_image_bytes():
    image = json.loads(golden_article().to_json())["steps"][0]["image"]
    assert "data" not in image
    assert image["sha256"] == hashlib.sha256(PIXEL_PNG).hexdigest()


@pytest.mark.parametrize("bad", ["a.b", "A", "ü", "", "a b", "a/b", "a\n"])
def test_ids_are_shard_keys(bad):
    with pytest.raises(ValidationError, match="must match"):
        Article(id=bad, goal="g", steps=(Step(headline="h"),), provenance=Provenance(source="s"))


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"schema_version": 2}, "schema_version"),
        ({"steps": []}, "steps"),
        ({"steps": [{"headline": "h"}] * (MAX_STEPS + 1)}, "steps"),
        ({"steps": [{"headline": "  "}]}, "steps.0.headline"),
        ({"unknown": 1}, "unknown"),
        ({"goal": 7}, "goal"),
        ({"method": ""}, "article"),
    ],
)
def test_json_that_does_not_fit_is_refused_with_the_place(change, where):
    record = json.loads(golden_article().to_json()) | change
    with pytest.raises(DataError, match=rf"not a valid article: {where}"):
        Article.from_json(json.dumps(record))


@pytest.mark.parametrize("text", ["", "{", "[]", b"\xff\xfe"])
def test_text_that_is_no_json_object_is_refused(text):
    with pytest.raises(DataError, match="not a valid article"):
        Article.from_json(text)


def test_articles_are_frozen():
    with pytest.raises(ValidationError):
        article(1).goal = "another"


@pytest.mark.parametrize(
    ("encoding", "media_type", "suffix"),
    [("PNG", "image/png", "png"), ("JPEG", "image/jpeg", "jpg"), ("WEBP", "image/webp", "webp")],
)
def test_images_are_described(encoding, media_type, suffix):
    image = StepImage.from_bytes(make_image(size=(5, 9), encoding=encoding), alt="x")
    assert (image.media_type, image.suffix, image.width, image.height, image.alt) == (media_type, suffix, 5, 9, "x")


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds no pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", b""), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "not a JPEG, PNG or WebP"),
        (b"GIF89a\x01\x00\x01\x00\x00\x00\x00;", "not a JPEG, PNG or WebP"),
        (b"<svg/>", "not a JPEG, PNG or WebP"),
        (png_header(10_000, 7_000), "over the limit"),
        (png_header(100_000, 100_000), "over the limit"),
    ],
)
def test_bytes_that_are_no_image_we_take_are_refused(data, said):
    with pytest.raises(DataError, match=said):
        StepImage.from_bytes(data)


def test_with_images_replaces_bytes_and_keeps_where_they_came_from():
    before = golden_article()
    new = make_image()
    after = before.with_images({0: new})
    image = after.steps[0].image
    assert (image.data, image.sha256) == (new, hashlib.sha256(new).hexdigest())
    assert (image.alt, image.license, image.source_url) == ("a grey pixel", "CC0-1.0", "https://example.org/p")
    assert after.steps[1] == before.steps[1]
    assert before.steps[0].image.data == PIXEL_PNG


def test_made_ids_are_stable_keys_of_their_parts():
    assert make_id("Wiki How!", "a", 1) == make_id("Wiki How!", "a", "1")
    assert make_id("w", "a", "b") != make_id("w", "ab")
    digest = hashlib.sha256(b"a\x1f1").hexdigest()[:20]
    assert make_id("Wiki How!", "a", 1) == f"wiki-how-{digest}"


def test_text_is_cleaned():
    assert clean_text(" a\x00\u200b\tb\u202e \n e\u0301 ") == "a b \u00e9"


@given(st.text())
def test_cleaning_is_idempotent(text):
    assert clean_text(clean_text(text)) == clean_text(text)


@pytest.mark.parametrize("goal", ["How to Make Apple Juice", "make apple juice!", "  HOW TO   make apple-juice"])
def test_spellings_of_one_goal_are_one(goal):
    assert normalise_goal(goal) == "make apple juice"
