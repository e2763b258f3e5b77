"""Small real articles for the shard tests, and a seeded supply of them."""

import base64
from pathlib import Path

from PIL import Image

from illinstr.articles import Article, Provenance, Step, StepImage
from illinstr.shards import ShardWriter
from tests.support.image_bytes import encoded

# One grey pixel, encoded once: these bytes depend on no library version.
PIXEL_PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg=="
)


def make_image(colour=(200, 30, 40), size=(12, 8), encoding="PNG") -> bytes:
    """A one-colour image with a mark in its upper left corner."""
    image = Image.new("RGB", size, colour)
    image.putpixel((0, 0), (0, 0, 0))
    return encoded(image, encoding)


def article(number: int, steps: int = 3, *, images: bool = True, size=(12, 8)) -> Article:
    """Article ``number``: its colours and words say which it is."""
    made = tuple(
        Step(
            headline=f"Step {place} of goal {number}",
            image=StepImage.from_bytes(make_image((number % 256, place, 77), size)) if images else None,
        )
        for place in range(steps)
    )
    return Article(
        id=f"test-{number:05d}",
        goal=f"How to fold paper number {number}",
        steps=made,
        provenance=Provenance(source="test", url=f"https://example.org/{number}"),
        license="CC0-1.0",
    )


def golden_article() -> Article:
    """The article of ``golden/article.json``: every field in use, no byte that a library could change."""
    image = StepImage.from_bytes(PIXEL_PNG, alt="a grey pixel", license="CC0-1.0", source_url="https://example.org/p")
    return Article(
        id="test-golden_1",
        goal="How to make apple juice",
        method="By hand",
        steps=(
            Step(
                headline="Wash the apples.", body="Cold water is enough — 5 °C.", bullets=("rinse", "dry"), image=image
            ),
            Step(headline="Press them.", video_url="https://example.org/v", scene={"objects": ["apple"], "cut": True}),
        ),
        provenance=Provenance(source="test", url="https://example.org/juice", page_id=1, revision_id=2, authors=("A",)),
        license="CC0-1.0",
        extra={"tips": ["Chill it."], "minutes": 5.5},
    )


def write_data(out: Path, articles, **settings) -> Path:
    """A data folder of ``articles``, all in split train."""
    with ShardWriter(out, source_config={"test": True}, **settings) as writer:
        for one in articles:
            writer.add(one)
    return out


def folder_bytes(folder: Path) -> dict[str, bytes]:
    """Every file under a folder, by relative name."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
