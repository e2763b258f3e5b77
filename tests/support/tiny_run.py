"""Small real articles, images and records for tests."""

from __future__ import annotations

from PIL import Image

from illinstr.articles import Article, Provenance, Step, StepImage
from illinstr.runs import RunRecord
from tests.support.image_bytes import encoded

FORMATS = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WEBP"}


def make_image(
    colour: tuple[int, int, int], media_type: str = "image/png", size: tuple[int, int] = (8, 6)
) -> StepImage:
    return StepImage.from_bytes(encoded(Image.new("RGB", size, colour), FORMATS[media_type]), alt="a plain image")


def make_article(num_steps: int = 3, ident: str = "generated-0") -> Article:
    steps = tuple(Step(headline=f"Do {i}", image=make_image((10 * i, 5, 200))) for i in range(num_steps))
    return Article(id=ident, goal="How to test", steps=steps, provenance=Provenance(source="generated"))


def make_record(**changes: object) -> RunRecord:
    fields: dict[str, object] = {
        "goal": "How to test",
        "seed": 7,
        "num_steps": 3,
        "method": "stacked",
        "sampler": "ddim",
        "sampling_steps": 4,
        "guidance": 3.0,
        "model_id": "mini",
        "model_sha256": "0" * 64,
        "planner": "user",
    }
    return RunRecord.model_validate(fields | changes)
