"""Draws a planned article with the diffusion pipeline and records how.

Every picture is encoded as PNG with its recipe as JSON in a ``tEXt`` chunk called ``illinstr``, so that a picture found
alone can be made again. No time enters the bytes: the same request makes the same files.
"""

from __future__ import annotations

import io
import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Literal, Protocol

from illinstr import __version__
from illinstr.articles import Article, StepImage
from illinstr.errors import DataError, ModelError
from illinstr.progress import Reporter
from illinstr.runs import RunRecord

if TYPE_CHECKING:
    from PIL import Image

Method = Literal["stacked", "independent"]
# The names in illinstr.diffusion.schedule.SAMPLERS, repeated here because options are checked before torch is loaded.
SAMPLERS = ("dpm++2m", "ddim", "unipc", "euler", "euler-a", "ddpm")
METADATA_KEY = "illinstr"
PNG_COMPRESS_LEVEL = 6


class Defaults(Protocol):
    """What a model recommends for itself."""

    @property
    def sampling_steps(self) -> int: ...
    @property
    def guidance(self) -> float: ...
    @property
    def trained_steps(self) -> tuple[int, int]: ...


class ArticlePipeline(Protocol):
    """What the illustrator needs of ``illinstr.diffusion.pipeline.StackedDiffusionPipeline``."""

    @property
    def defaults(self) -> Defaults: ...
    @property
    def model_id(self) -> str: ...
    @property
    def model_sha256(self) -> str: ...

    def __call__(
        self,
        goal: str,
        steps: Sequence[str],
        *,
        seed: int,
        sampling_steps: int | None,
        guidance: float | None,
        sampler: str,
        method: Method,
        anchors: Mapping[int, Image.Image] | None,
        on_step: Callable[[int, int], None] | None,
    ) -> list[Image.Image]: ...


@dataclass(frozen=True)
class DrawingSettings:
    """How to draw; None stands for the model's own default."""

    method: Method = "stacked"
    sampler: str = "dpm++2m"
    sampling_steps: int | None = None
    guidance: float | None = None
    metadata: bool = True


class Illustrator:
    """Draws articles, one after another, with one loaded model."""

    def __init__(self, pipeline: ArticlePipeline, settings: DrawingSettings, *, load_s: float = 0.0) -> None:
        self.pipeline = pipeline
        self.settings = settings
        self.sampling_steps = settings.sampling_steps or pipeline.defaults.sampling_steps
        self.guidance = settings.guidance if settings.guidance is not None else pipeline.defaults.guidance
        self.load_s = load_s

    def draw(self, article: Article, *, goal: str, seed: int, reporter: Reporter) -> tuple[Article, RunRecord]:
        """Draw every step of a planned article that has no picture yet.

        A step that carries a picture keeps it, byte for byte, and the others are drawn to fit it.

        Args:
            article: steps without pictures, from ``writers.plan_article``; or with pictures on those to be kept.
            goal: what the user asked for, for the record.
            seed: seed of the noise.
            reporter: shown the sampling steps as they are done.

        Returns:
            The article with N PNG pictures, and how they were made.

        Raises:
            ModelError: the model did not give one picture a step.
            DataError: a picture to be kept has no bytes, or bytes that cannot be read.
        """
        started = time.perf_counter()
        anchors = {index: open_picture(step.image) for index, step in enumerate(article.steps) if step.image}
        if len(anchors) == article.num_steps:
            return article, self._record(article, goal, seed, draw_s=0.0)
        pictures = self._sample(article, seed, anchors, reporter)
        record = self._record(article, goal, seed, draw_s=time.perf_counter() - started)
        if len(pictures) != article.num_steps:
            raise ModelError(f"the model drew {len(pictures)} pictures for {article.num_steps} steps")
        steps = []
        for index, (step, picture) in enumerate(zip(article.steps, pictures, strict=True)):
            if index in anchors:
                steps.append(step)
                continue
            recipe = recipe_of(record, step=index + 1, headline=step.headline) if self.settings.metadata else None
            alt = f"Step {index + 1}: {step.headline}"
            image = StepImage.from_bytes(encode_png(picture, recipe), alt=alt, license=article.license)
            steps.append(step.model_copy(update={"image": image}))
        return article.model_copy(update={"steps": tuple(steps)}), record

    def _sample(
        self, article: Article, seed: int, anchors: Mapping[int, Image.Image], reporter: Reporter
    ) -> list[Image.Image]:
        with reporter.task("sampling steps", total=self.sampling_steps) as advance:
            reached = 0

            def on_step(done: int, total: int) -> None:
                # A pipeline may count more passes than sampling steps (one a picture): show the share of the whole.
                nonlocal reached
                now = done * self.sampling_steps // max(total, 1)
                advance(now - reached)
                reached = now

            return self.pipeline(
                article.goal,
                [step.headline for step in article.steps],
                seed=seed,
                sampling_steps=self.sampling_steps,
                guidance=self.guidance,
                sampler=self.settings.sampler,
                method=self.settings.method,
                anchors=anchors,
                on_step=on_step,
            )

    def _record(self, article: Article, goal: str, seed: int, *, draw_s: float) -> RunRecord:
        return RunRecord(
            goal=goal,
            seed=seed,
            num_steps=article.num_steps,
            method=self.settings.method,
            sampler=self.settings.sampler,
            sampling_steps=self.sampling_steps,
            guidance=self.guidance,
            model_id=self.pipeline.model_id,
            model_sha256=self.pipeline.model_sha256,
            planner=article.provenance.parser or article.provenance.source,
            versions=versions(),
            timings={"load_s": round(self.load_s, 3), "draw_s": round(draw_s, 3)},
        )


def open_picture(image: StepImage) -> Image.Image:
    """Decode a step's picture: RGB, turned as its camera said.

    Raises:
        DataError: there are no bytes, or they cannot be decoded.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    if image.data is None:
        raise DataError("a picture to be kept has no bytes", hint="read the article with illinstr.runs.read_article")
    try:
        with Image.open(io.BytesIO(image.data), formats=["PNG", "JPEG", "WEBP"]) as picture:
            return ImageOps.exif_transpose(picture).convert("RGB")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f"a picture cannot be decoded: {error}") from error


def versions() -> dict[str, str]:
    """Versions of what decides how a picture looks."""
    found = {"illinstr": __version__}
    for package in ("diffusers", "pillow", "torch", "transformers"):
        found[package] = metadata.version(package)
    return found


def model_name(model_id: str) -> str:
    """A model's name as it may be shared: a folder's last part, so that no home folder ends up in a picture."""
    is_path = PurePath(model_id).is_absolute() or model_id.startswith((".", "~")) or "\\" in model_id
    return re.split(r"[/\\]", model_id.rstrip("/\\"))[-1] if is_path else model_id


def recipe_of(record: RunRecord, **more: Any) -> dict[str, Any]:
    """What is needed to make a picture again, without times and without the user's folders."""
    # A picture travels alone: how the steps were written, and what a reader said about themselves, stays behind.
    untold: Any = {"timings": True, "created": True, "schema_version": True, "writing": True}
    untold |= {"revisions": {"__all__": {"created", "correction", "note"}}}
    recipe = record.model_dump(mode="json", exclude=untold)
    return recipe | {"model_id": model_name(record.model_id)} | more


def has_recipe(image: StepImage) -> bool:
    """Whether a PNG picture carries its recipe."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(image.data or b""), formats=["PNG"]) as picture:
            return METADATA_KEY in picture.info
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError):
        return False


def encode_png(picture: Image.Image, recipe: dict[str, Any] | None) -> bytes:
    """Encode an RGB picture as PNG, its recipe as ASCII JSON in a ``tEXt`` chunk (W3C PNG, section 11.3.3.2)."""
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    if recipe is not None:
        info.add_text(METADATA_KEY, json.dumps(recipe, sort_keys=True))
    buffer = io.BytesIO()
    plain = picture.convert("RGB")
    plain.info.clear()
    plain.save(buffer, "PNG", pnginfo=info, compress_level=PNG_COMPRESS_LEVEL)
    return buffer.getvalue()
