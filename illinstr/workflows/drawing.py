"""Who draws: what every verb that draws asks about the model, checked without torch, and the model opened."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from illinstr.articles import MAX_STEPS
from illinstr.diffusion.loading import check_model, load_pipeline
from illinstr.diffusion.names import (
    CONDITIONINGS,
    FLOW_SAMPLERS,
    METHODS,
    NO_REFERENCES,
    POSITIONS,
    SAMPLERS,
    SHIFTS_BY,
    UPSCALES,
)
from illinstr.engine.devices import check_device
from illinstr.errors import UsageError
from illinstr.models.embedded import EMBEDDED
from illinstr.models.options import LoadOptions, check_quantize, read_loras
from illinstr.workflows.checks import check_choice, check_dtype, check_range
from illinstr.workflows.fitting import fit_of
from illinstr.workflows.request import Request

if TYPE_CHECKING:
    from illinstr.articles import Article
    from illinstr.diffusion.sampling_step import OnStep
    from illinstr.models.options import Quantize
    from illinstr.sampling.drawing.illustrator import ArticlePipeline, DrawingSettings, Illustrator

MAX_SAMPLING_STEPS = 1_000
MAX_PANEL_PX = 2_048
FITS = ("auto",)
MAX_SEED = 2**32 - 1


class SharedModel:
    """A model that is loaded once, when it is first needed, and then serves every request.

    Args:
        load: loads it.
        named: what it is known by before it is loaded: ``mini``, a folder or a hub id.
    """

    def __init__(self, load: Callable[[], ArticlePipeline], *, named: str = "") -> None:
        self.named = named
        self._load = load
        self._lock = threading.Lock()
        self._pipeline: ArticlePipeline | None = None

    def get(self) -> ArticlePipeline:
        """The model."""
        with self._lock:
            if self._pipeline is None:
                self._pipeline = self._load()
            return self._pipeline

    def forget(self) -> None:
        """Let go of its memory; the next request loads it again."""
        with self._lock:
            self._pipeline = None


@dataclass(frozen=True, kw_only=True)
class DrawRequest(Request):
    """What every verb that draws may be told.

    Attributes:
        model: ``mini`` (embedded), a model folder, a hub id ORG/NAME, or what ``load_model`` returned.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``; for a model that is named.
        dtype: ``float32``, ``float16`` or ``bfloat16``; None is what suits the device.
        offload: keep on the accelerator only the part of the model that is working.
        offload_text: keep the text encoders on the accelerator only while they work.
        vae_slicing: decode one image at a time.
        base: the folder of all other parts, where ``model`` is the file of a denoiser (.safetensors or .gguf).
        quantize: ``int8`` or ``nf4``: bring the weights to that precision as they are loaded.
        fit: ``auto``: take the first of quantize, offload and offload_text with which the model fits the device.
        lora: adapters to add, ``PATH`` or ``PATH:WEIGHT`` each; of a finished article, None is those it was drawn with.
        on_article: called with the article when its steps are written, before its images are drawn.
        on_step: called after each sampling step with a ``SamplingStep``; what it raises ends the drawing.
    """

    model: str | ArticlePipeline | SharedModel | None = None
    device: str = "auto"
    dtype: str | None = None
    offload: bool = False
    offload_text: bool = False
    vae_slicing: bool = False
    base: str | Path | None = None
    quantize: Quantize | None = None
    fit: str | None = None
    lora: Sequence[str] | None = None
    on_article: Callable[[Article], None] | None = field(default=None, repr=False, compare=False)
    on_step: OnStep | None = field(default=None, repr=False, compare=False)

    @property
    def options(self) -> LoadOptions:
        """What is asked of the weights, files checked.

        Raises:
            UsageError: adapters that cannot be read.
        """
        base = None if self.base is None else str(self.base)
        return LoadOptions(base, self.quantize, read_loras(self.lora or ()))

    def tell(self, article: Article) -> None:
        """Hand on the written article."""
        if self.on_article is not None:
            self.on_article(article)


def check_drawing(
    request: DrawRequest,
    *,
    seed: int | None = None,
    method: str | None = None,
    sampler: str | None = None,
    sampling_steps: int | None = None,
    guidance: float | None = None,
    window: int | None = None,
    changes: Mapping[str, Any] | None = None,
    variants: int = 1,
) -> None:
    """Refuse what every verb that draws may be told wrongly.

    Raises:
        UsageError: the first such parameter, with what it may be.
    """
    check_range("--seed", seed, 0, MAX_SEED - variants + 1, "any whole number in that range")
    check_range("--sampling-steps", sampling_steps, 1, MAX_SAMPLING_STEPS, "20 to 50 is usual")
    check_range("--guidance", guidance, 0.0, 100.0, "3 is usual; 1 is off")
    check_range("--window", window, 1, MAX_STEPS, "how many images are drawn together at most")
    changed = changes or {}
    check_range("--size", changed.get("size"), 8, MAX_PANEL_PX, "512 is usual for large models")
    check_range("--shift", changed.get("shift"), 0.01, 100.0, "3 is usual; 1 is none")
    check_choice("--conditioning", changed.get("conditioning"), CONDITIONINGS)
    check_choice("--positions", changed.get("positions"), POSITIONS)
    check_choice("--shift-by", changed.get("shift_by"), SHIFTS_BY)
    check_choice("--upscale", changed.get("upscale"), UPSCALES)
    if changed.get("shift") is not None and changed.get("shift_by") is not None:
        raise UsageError("--shift fixes what --shift-by would let vary", hint="give one of the two")
    check_choice("--method", method, METHODS)
    check_choice("--sampler", sampler, SAMPLERS)
    check_dtype(request.dtype)
    check_device(request.device)
    check_quantize(request.quantize, request.device)
    check_choice("--fit", request.fit, FITS)


def check_drawer(
    model: str | ArticlePipeline | SharedModel,
    options: LoadOptions | None = None,
    *,
    sampler: str | None = None,
    references: bool = False,
) -> None:
    """Make sure that a model that is named is there, and can do what is asked; nothing is loaded.

    Args:
        model: the model.
        options: what is asked of its weights.
        sampler: the one asked for, if any.
        references: whether it is given reference images.

    Raises:
        ModelError: no such folder, or a folder that holds no model.
        UsageError: the model's family knows no such sampler, takes no reference images, or takes no such options.
    """
    options = options or LoadOptions()
    if not isinstance(model, str):
        if options != LoadOptions():
            raise UsageError("--base, --quantize and --lora are for a model that is named, not for one that is loaded")
        if isinstance(model, SharedModel):
            return
        if references and model.anchors != "clean":
            raise UsageError(f"{model.model_id} takes no reference images", hint=NO_REFERENCES)
        return
    folder = check_model(model, options)
    from illinstr.models.folder import read_settings
    from illinstr.models.registry import family_of

    whole = options.base or folder
    family = family_of(whole)
    if family.flow and sampler is not None and sampler not in FLOW_SAMPLERS:
        raise UsageError(
            f"sampler {sampler} is not for models of flow matching", hint=f"one of {', '.join(FLOW_SAMPLERS)}"
        )
    settings = read_settings(Path(whole)) if references else None
    if references and (not family.references or (settings is not None and settings.clean_anchors is False)):
        raise UsageError(f"{model} ({family.title}) takes no reference images", hint=NO_REFERENCES)


def name_of(model: str | ArticlePipeline | SharedModel) -> str:
    """How messages call the model; a shared one is loaded to find out."""
    if isinstance(model, str):
        return model
    return (model.get() if isinstance(model, SharedModel) else model).model_id


def fitted(request: DrawRequest, options: LoadOptions) -> tuple[DrawRequest, LoadOptions]:
    """The request and its options under the first setting that fits the device, where ``fit`` asks for it.

    Raises:
        UsageError: none fits, or what ``fit`` chooses is given as well.
    """
    if request.fit is None:
        return request, options
    from illinstr.diffusion.fitting import choose

    if options.quantize is not None or request.offload or request.offload_text:
        raise UsageError(
            "--fit auto chooses --quantize, --offload and --offload-text", hint="leave them out, or leave out --fit"
        )
    fit = fit_of(request.model, options, request.device, request.dtype)
    if fit is None:
        return request, options
    setting = choose(fit, str(request.model or EMBEDDED))
    request.messages.log(f"note: fits {fit.device}: {setting.text}")
    changed = replace(request, offload=setting.offload, offload_text=setting.offload_text)
    return changed, replace(options, quantize=setting.quantize)


def open_illustrator(
    request: DrawRequest,
    settings: DrawingSettings,
    *,
    model: str | ArticlePipeline | SharedModel = EMBEDDED,
    device: str | None = None,
) -> Illustrator:
    """Load the model, or take the one that is loaded.

    Args:
        request: how to load it.
        settings: how to draw.
        model: the request's, or the one that stands for None.
        device: in place of the request's.

    Raises:
        UsageError: the device is not there.
        ModelError: the model is missing, damaged or of another kind.
    """
    from illinstr.sampling.drawing.illustrator import Illustrator

    started = time.perf_counter()
    pipeline: ArticlePipeline
    if isinstance(model, str):
        request, options = fitted(replace(request, model=model, device=device or request.device), settings.options)
        settings = replace(settings, options=options)
        pipeline = load_pipeline(
            model,
            device or request.device,
            request.dtype,
            offload=request.offload,
            offload_text=request.offload_text,
            vae_slicing=request.vae_slicing,
            options=settings.options,
        )
    else:
        pipeline = model.get() if isinstance(model, SharedModel) else model
    if settings.changes:
        pipeline = pipeline.changed(settings.changes)
    return Illustrator(pipeline, settings, load_s=time.perf_counter() - started, on_step=request.on_step)
