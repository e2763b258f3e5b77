"""A backbone: what the method needs of a loaded model, whatever its family.

``illinstr.diffusion`` stacks, schedules, guides, samples and holds panels; it asks a backbone for everything a family
does in its own way: how texts become tokens, how pixels become latents, and one prediction for canvases of panels. A
family is a subclass here and a ``Family`` (``illinstr.models.family``) that says which folders it reads.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal, Self

import torch
from torch import Tensor, nn

from illinstr.errors import ModelError
from illinstr.models.autoencoder import PANELS_AT_ONCE
from illinstr.models.prompt import CanvasText, PromptEmbeds, TextEmbeds, lay_slots, slot_texts
from illinstr.models.settings import Positions, StackedSettings
from illinstr.models.source import ModelSource

Role = Literal["text", "denoiser", "vae"]
ROLES: tuple[Role, ...] = ("text", "denoiser", "vae")

# What a denoiser predicts of x_t: v or epsilon on a schedule of betas, or the velocity (noise - x) of a straight flow
# x_s = (1 - s) x + s noise (arXiv 2210.02747).
NoiseKind = Literal["v", "epsilon", "flow"]


def noise_kind(scheduler: Any) -> NoiseKind:
    """What the model beneath a diffusers scheduler predicts, by the scheduler's config."""
    if "FlowMatch" in type(scheduler).__name__ or scheduler.config.get("prediction_type") == "flow_prediction":
        return "flow"
    return "v" if scheduler.config.get("prediction_type") == "v_prediction" else "epsilon"


@dataclass(frozen=True, kw_only=True)
class Backbone(ABC):
    """A loaded model; k canvases of m panels are denoised at once.

    Attributes:
        source: where it came from.
        settings: how it is used unless asked otherwise: the folder's ``stacked.json``, or what the family recommends.
        scheduler: the diffusers scheduler of the folder, which carries the noise schedule.
        guided: whether there are two branches of guidance; False for models distilled to draw without.
        clean_anchors: whether ``predict`` takes panels given clean, and images without a panel.
        positions: the orders of panels the family can tell its denoiser, the default first; none for convolutions.
        panel_multiple: panels are a multiple of so many pixels a side.
        own_spacing: whether a flow's steps are spaced by its scheduler, not evenly (``diffusion.flow.FlowSampler``).
        any_size: whether it draws panels of other sizes than ``settings.panel_px``.
        stacks_untrained: whether it draws panels together that see each other without having been trained to, as
            models do that know several images in one sequence.
    """

    source: ModelSource
    settings: StackedSettings
    scheduler: Any
    guided: bool = True
    clean_anchors: bool = False
    positions: tuple[Positions, ...] = ()
    panel_multiple: int = 8
    own_spacing: bool = False
    any_size: bool = False
    stacks_untrained: bool = False

    @property
    def noise(self) -> NoiseKind:
        """What the denoiser predicts."""
        return noise_kind(self.scheduler)

    @property
    def trained_for_stacking(self) -> bool:
        """Whether its folder says that it was trained on canvases."""
        return self.source.settings is not None

    @property
    def draws_together(self) -> bool:
        """Whether panels are drawn together unless asked otherwise: by training, or by what the family can."""
        return self.trained_for_stacking or self.stacks_untrained

    @abstractmethod
    def modules(self, role: Role) -> Mapping[str, nn.Module]:
        """The modules that encode text, denoise, or turn pixels into latents and back, by their folder's name."""

    @abstractmethod
    def latent_shape(self, panel_px: int) -> tuple[int, int, int]:
        """(channels, height, width) of one panel's latents."""

    @abstractmethod
    def encode_texts(self, texts: Sequence[str]) -> TextEmbeds:
        """Encode each text apart, by the family's own encoders and templates; the null text is the empty string."""

    def encode(self, canvases: Sequence[CanvasText]) -> PromptEmbeds:
        """The text of canvases of one m: by slots, as ``settings.conditioning`` says."""
        conditioning = self.settings.conditioning
        slots = [slot_texts(canvas.goal, canvas.steps, conditioning) for canvas in canvases]
        embeds = self.encode_texts([text for texts in slots for text in texts])
        return lay_slots(embeds, canvases, conditioning)

    @abstractmethod
    def predict(
        self,
        panels_kmchw: Tensor,
        timesteps_k: Tensor,
        prompt: PromptEmbeds,
        *,
        clean_km: Tensor | None = None,
        references_krchw: Tensor | None = None,
    ) -> Tensor:
        """What the scheduler expects of the denoiser (``noise``), in the shape of the panels, for k canvases.

        Args:
            panels_kmchw: noised latents; at panels given clean, their clean latents.
            timesteps_k: one a canvas, as the scheduler counts them (up to 1000, for a flow 1000 times sigma).
            prompt: of the same k canvases; ``prompt.conditioning`` says who reads what.
            clean_km: True where a panel is given clean; what is predicted there does not count. Only with
                ``clean_anchors``.
            references_krchw: clean latents of images that every panel sees and that have no panel. Only with
                ``clean_anchors``.
        """

    @abstractmethod
    def encode_images(self, pixels_nchw: Tensor, *, at_once: int = PANELS_AT_ONCE) -> Tensor:
        """Images in [-1, 1] (n, 3, H, W) -> latents as the denoiser sees them (n, c, h, w), float32."""

    @abstractmethod
    def decode_latents(self, latents_nchw: Tensor, *, at_once: int = PANELS_AT_ONCE) -> Tensor:
        """Latents (n, c, h, w) -> images (n, 3, H, W) in [-1, 1] but for overshoot, float32, each panel apart."""

    def guidance_scale(self, guidance: float) -> float:
        """The scale of null + scale (text - null) for guidance as the family counts it; 1 is off."""
        return guidance

    def with_guidance(self, guidance: float) -> Self:
        """The model to ask for predictions at a guidance: another where the denoiser takes it as an input."""
        return self

    def guide(self, without: Tensor, conditional: Tensor, scale: float) -> Tensor:
        """Both branches (k, m, c, h, w) put together: null + scale (text - null)."""
        return without + scale * (conditional - without)

    def dynamic_shift(self, panels: int, panel_px: int, sampling_steps: int) -> float | None:
        """``mu`` of the scheduler for a sequence of so many panels; None where its shift is fixed or it has none."""
        return None

    def shallow(self) -> AbstractContextManager[None]:
        """``predict`` with the first layer that reads text alone, for a proof of what it lets a panel read.

        Raises:
            ModelError: the family has no such proof.
        """
        raise ModelError(f"the family of {self.source.model_id} brings no proof of its own")

    def optimise_for(self, device: torch.device) -> None:
        """Lay weights out as ``device`` computes fastest; asked once, after loading."""
        return

    def to(self, device: str | torch.device, roles: Sequence[Role] = ROLES) -> None:
        """Move modules to a device, and to evaluation."""
        for role in roles:
            for module in self.modules(role).values():
                module.to(device).eval()
