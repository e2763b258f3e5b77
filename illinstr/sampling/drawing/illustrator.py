"""Draws a planned article with the diffusion pipeline and records how.

Every image is encoded as PNG with its recipe as JSON in a ``tEXt`` chunk called ``illinstr``, so that an image found
alone can be made again. No time enters the bytes: the same request makes the same files.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from importlib import metadata
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self

from illinstr.articles import Article, Step, StepImage
from illinstr.diffusion.names import Method
from illinstr.errors import ModelError
from illinstr.images import encode_png
from illinstr.models.options import LoadOptions
from illinstr.models.source import shown_name
from illinstr.progress import Reporter
from illinstr.runs import LoraRecord, ReferenceRecord, RunRecord, reference_files
from illinstr.version import __version__

if TYPE_CHECKING:
    from PIL import Image

    from illinstr.diffusion.sampling_step import OnStep, SamplingStep


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
    @property
    def trained_for_stacking(self) -> bool: ...
    @property
    def draws_together(self) -> bool: ...
    @property
    def anchors(self) -> Literal["clean", "re-noised"] | None: ...
    @property
    def options(self) -> LoadOptions: ...
    def changed(self, changes: Mapping[str, Any]) -> Self: ...
    @property
    def window_size(self) -> int | None: ...
    def default_sampler(self, n: int, *, anchored: bool, window: int | None = None) -> str: ...

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
        references: Sequence[Image.Image],
        window: int | None,
        on_step: OnStep | None,
    ) -> list[Image.Image]: ...

    def draw_batch(
        self,
        articles: Sequence[tuple[str, Sequence[str]]],
        *,
        seeds: Sequence[int],
        sampling_steps: int | None,
        guidance: float | None,
        sampler: str,
        method: Method,
        references: Sequence[Image.Image],
        window: int | None,
        on_step: OnStep | None,
    ) -> list[list[Image.Image]]: ...


@dataclass(frozen=True)
class DrawingSettings:
    """How to draw; None stands for the model's own default.

    Attributes:
        method: ``stacked`` unless the model was never trained for it.
        sampler: ``dpm++2m``, or ``dpm++2m-sde`` where images are held or the article is long.
        sampling_steps: denoising steps.
        guidance: classifier-free guidance.
        metadata: whether images carry their recipes.
        window: images drawn together at most; as many as the model was trained on unless given.
        changes: settings of the model's own that are asked to be others, see ``illinstr.models.changes``.
        style: joined to the text of every step that is drawn.
        references: images that all others shall look like, for models that take such.
        options: what was asked of the weights; a pipeline that is loaded knows its own.
    """

    method: Method | None = None
    sampler: str | None = None
    sampling_steps: int | None = None
    guidance: float | None = None
    metadata: bool = True
    window: int | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)
    style: str | None = None
    references: tuple[StepImage, ...] = ()
    options: LoadOptions = field(default_factory=LoadOptions)


class Illustrator:
    """Draws articles, one after another, with one loaded model.

    Args:
        pipeline: the model.
        settings: how to draw.
        load_s: seconds that loading took, for the record.
        on_step: called after each sampling step with a ``SamplingStep``, whose ``preview()`` shows how far it is.
    """

    def __init__(
        self,
        pipeline: ArticlePipeline,
        settings: DrawingSettings,
        *,
        load_s: float = 0.0,
        on_step: OnStep | None = None,
    ) -> None:
        self.pipeline = pipeline
        self.settings = settings
        self.on_step = on_step
        default: Method = "stacked" if pipeline.draws_together else "independent"
        self.method: Method = settings.method or default
        self.sampling_steps = settings.sampling_steps or pipeline.defaults.sampling_steps
        self.guidance = settings.guidance if settings.guidance is not None else pipeline.defaults.guidance
        self.load_s = load_s

    def draw(self, article: Article, *, goal: str, seed: int, reporter: Reporter) -> tuple[Article, RunRecord]:
        """Draw every step of a planned article that has no image yet.

        A step that carries an image keeps it, byte for byte, and the others are drawn to fit it.

        Args:
            article: steps without images, from ``writers.plan_article``; or with images on those to be kept.
            goal: what the user asked for, for the record.
            seed: seed of the noise.
            reporter: shown the sampling steps as they are done.

        Returns:
            The article with N PNG images, and how they were made.

        Raises:
            ModelError: the model did not give one image a step.
            DataError: an image to be kept has no bytes, or bytes that cannot be read.
        """
        if all(step.image for step in article.steps):
            return article, self._record(article, goal, seed, self.sampler_for(article), draw_s=0.0)
        started = time.perf_counter()
        anchors = {
            index: step.image.decode(f"the image of step {index + 1}")
            for index, step in enumerate(article.steps)
            if step.image
        }
        sampler = self.sampler_for(article)
        with self._progress(reporter) as on_step, _explained():
            images = self.pipeline(
                article.goal, self._texts(article), seed=seed, anchors=anchors, **self._asked(sampler, on_step)
            )
        record = self._record(article, goal, seed, sampler, draw_s=time.perf_counter() - started)
        return self._illustrated(article, images, record), record

    def draw_together(
        self, articles: Sequence[Article], *, goals: Sequence[str], seeds: Sequence[int], reporter: Reporter
    ) -> list[tuple[Article, RunRecord]]:
        """Draw articles of one N without any image yet in one go: what each alone would be, up to rounding.

        Args:
            articles: steps without images.
            goals: what the user asked for, for the records.
            seeds: one an article, of its noise alone.
            reporter: shown the sampling steps as they are done.

        Raises:
            ModelError: the model did not give one image a step.
        """
        started = time.perf_counter()
        sampler = self.sampler_for(articles[0])
        with self._progress(reporter) as on_step, _explained():
            drawn = self.pipeline.draw_batch(
                [(article.goal, self._texts(article)) for article in articles],
                seeds=seeds,
                **self._asked(sampler, on_step),
            )
        draw_s = (time.perf_counter() - started) / len(articles)
        made = []
        for article, goal, seed, images in zip(articles, goals, seeds, drawn, strict=True):
            record = self._record(article, goal, seed, sampler, draw_s=draw_s)
            made.append((self._illustrated(article, images, record), record))
        return made

    def _texts(self, article: Article) -> list[str]:
        """What the model is told about each step, in the style that is asked for."""
        texts = [self.text_of(step) for step in article.steps]
        return [f"{text}, {self.settings.style}" if self.settings.style else text for text in texts]

    def _asked(self, sampler: str, on_step: OnStep) -> dict[str, Any]:
        """What is the same for every article."""
        return {
            "sampling_steps": self.sampling_steps,
            "guidance": self.guidance,
            "sampler": sampler,
            "method": self.method,
            "references": self._references,
            "window": self.settings.window,
            "on_step": on_step,
        }

    def _illustrated(self, article: Article, images: Sequence[Image.Image], record: RunRecord) -> Article:
        """The article with what was drawn; steps that had an image keep it.

        Raises:
            ModelError: the model did not give one image a step.
        """
        if len(images) != article.num_steps:
            raise ModelError(f"the model drew {len(images)} images for {article.num_steps} steps")
        steps = []
        for index, (step, picture) in enumerate(zip(article.steps, images, strict=True)):
            if step.image is not None:
                steps.append(step)
                continue
            told = self.text_of(step)
            recipe = recipe_of(record, step=index + 1, headline=told) if self.settings.metadata else None
            alt = self._alt(step) or f"Step {index + 1}: {step.headline}"
            image = StepImage.from_bytes(encode_png(picture, recipe), alt=alt, license=article.license)
            steps.append(step.model_copy(update={"image": image}))
        return article.model_copy(update={"steps": tuple(steps)})

    def text_of(self, step: Step) -> str:
        """What the model is told about a step, the style apart.

        A model that was trained on articles reads what it was trained on, a headline in its world's words. One of the
        open world knows images by their captions.
        """
        return (step.prompt if self.pipeline.trained_for_stacking else step.caption) or step.headline

    def _alt(self, step: Step) -> str | None:
        """What the image shows as far as the model was told: one that draws from a prompt chooses the room itself."""
        if step.caption and step.prompt and self.pipeline.trained_for_stacking:
            return step.caption.partition(":")[0].rstrip(".") + "."
        return step.caption

    def sampler_for(self, article: Article) -> str:
        """The sampler that ``draw`` will use: the one asked for, or what suits the article."""
        anchored = any(step.image for step in article.steps)
        n, window = article.num_steps, self.settings.window
        return self.settings.sampler or self.pipeline.default_sampler(n, anchored=anchored, window=window)

    @contextmanager
    def _progress(self, reporter: Reporter) -> Iterator[OnStep]:
        """What is called after each sampling step, and shows how far it is."""
        with reporter.task("sampling steps", total=self.sampling_steps) as advance:
            reached = 0

            def on_step(step: SamplingStep) -> None:
                nonlocal reached
                # A long article takes the sampling steps once a window: show the share of the whole.
                now = step.done * self.sampling_steps // step.total
                advance(now - reached)
                reached = now
                if self.on_step is not None:
                    self.on_step(step)

            yield on_step

    @cached_property
    def _references(self) -> list[Image.Image]:
        """Decoded once for all articles."""
        named = enumerate(self.settings.references, start=1)
        return [image.decode(f"reference image {number}") for number, image in named]

    def _holds(self, article: Article) -> bool:
        """Whether images are held while others are drawn: the user's, or those of earlier windows."""
        size = self.settings.window or self.pipeline.window_size or article.num_steps
        return self.method == "stacked" and (size < article.num_steps or any(step.image for step in article.steps))

    def _record(self, article: Article, goal: str, seed: int, sampler: str, *, draw_s: float) -> RunRecord:
        options = self.pipeline.options
        return RunRecord(
            goal=goal,
            seed=seed,
            num_steps=article.num_steps,
            method=self.method,
            sampler=sampler,
            sampling_steps=self.sampling_steps,
            guidance=self.guidance,
            window=self.settings.window,
            changes=dict(self.settings.changes),
            anchors=self.pipeline.anchors if self._holds(article) else None,
            style=self.settings.style,
            references=references_of(self.settings.references),
            model_id=self.pipeline.model_id,
            base=options.base,
            quantize=options.quantize,
            loras=tuple(LoraRecord(path=lora.path, weight=lora.weight, sha256=lora.sha256) for lora in options.loras),
            model_sha256=self.pipeline.model_sha256,
            planner=article.provenance.parser or article.provenance.source,
            versions=versions(),
            timings={"load_s": round(self.load_s, 3), "draw_s": round(draw_s, 3)},
        )


def references_of(images: Sequence[StepImage]) -> tuple[ReferenceRecord, ...]:
    """Reference images as a record names them."""
    named = zip(reference_files(images), images, strict=True)
    return tuple(ReferenceRecord(file=name, sha256=image.sha256) for name, image in named)


@contextmanager
def _explained() -> Iterator[None]:
    """Too little memory is a failure of this article, with something to do about it."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, MemoryError) or re.search(r"out of memory|allocate memory", str(error)):
            hint = "try --vae-slicing, --offload, --dtype bfloat16, or fewer --steps"
            raise ModelError("there is not enough memory to draw this article", hint=hint) from error
        raise


def versions() -> dict[str, str]:
    """Versions of what decides how an image looks."""
    found = {"illinstr": __version__}
    for package in ("diffusers", "pillow", "torch", "transformers"):
        found[package] = metadata.version(package)
    return found


def recipe_of(record: RunRecord, **more: Any) -> dict[str, Any]:
    """What is needed to make an image again, without times and without the user's folders."""
    # An image travels alone: how the steps were written, and what a reader said about themselves, stays behind.
    untold: Any = {"timings": True, "created": True, "schema_version": True, "writing": True}
    untold |= {"revisions": {"__all__": {"created", "correction", "note"}}}
    recipe = record.model_dump(mode="json", exclude=untold) | {"model_id": shown_name(record.model_id)}
    if record.base is not None:
        recipe["base"] = shown_name(record.base)
    if record.loras:
        recipe["loras"] = [{**lora, "path": re.split(r"[/\\]", lora["path"])[-1]} for lora in recipe["loras"]]
    return recipe | more
