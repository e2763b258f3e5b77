"""What diffusion transformers have in common as backbones: one packed sequence, routed text, each canvas a pass.

A family's own diffusers pipeline encodes the text, so templates, hidden layers and padding are those the model was
trained with; one panel alone is given the very text and padding that the pipeline gives it. In a canvas of several
panels goal and steps are slots of their own, without their padding.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any, Self

import torch
from torch import Tensor, nn

from illinstr.models.autoencoder import PANELS_AT_ONCE, decode_panels, downsampling, encode_panels
from illinstr.models.backbone import Backbone, Role
from illinstr.models.layout import REFERENCE
from illinstr.models.prompt import CanvasText, PromptEmbeds, TextEmbeds, lay_slots, plain_text
from illinstr.models.routing import AttentionPlan, Run, Way, routed_attention
from illinstr.models.settings import Positions, StackedSettings

PANEL_PX = 512  # unless asked otherwise: six of them are 1.5 images of 1024 pixels


@dataclass(frozen=True)
class CanvasTokens:
    """The text of one canvas, without padding but where the family reads it.

    Attributes:
        tokens: (l, d).
        runs: whose they are, slot after slot.
        routed: whether the table of ``illinstr.models.layout`` is obeyed; else everything reads everything.
        pooled: (p,) of the goal, for families that take one vector a canvas.
    """

    tokens: Tensor
    runs: tuple[Run, ...]
    routed: bool
    pooled: Tensor | None = None


@dataclass(frozen=True, kw_only=True)
class Transformer(Backbone):
    """A diffusers pipeline whose ``transformer`` joins text and images in one sequence.

    Attributes:
        pipe: the loaded pipeline of the family.
        way: how attention is routed.
        isolate: part the panels from each other, for a proof (``AttentionPlan.isolate``).
        block_lists: names of the transformer's lists of blocks that join text and images.
        pads_alone: whether one text alone is read with the padding that the pipeline fills it up with.
        patch: latent positions a side of one image token.
    """

    pipe: Any
    way: Way = "batch"
    isolate: bool = False
    block_lists: tuple[str, ...] = ("transformer_blocks", "single_transformer_blocks")
    pads_alone: bool = False
    patch: int = 2
    any_size: bool = True
    stacks_untrained: bool = True

    def modules(self, role: Role) -> Mapping[str, nn.Module]:
        """As the pipeline names them; families with several text encoders number them."""
        if role == "text":
            names = [name for name in self.pipe.components if name.startswith("text_encoder")]
        else:
            names = ["transformer" if role == "denoiser" else "vae"]
        found = {name: getattr(self.pipe, name) for name in names}
        return {name: module for name, module in found.items() if module is not None}

    @contextmanager
    def shallow(self) -> Iterator[None]:
        """The model with its first block alone, for a proof of what one block lets a panel read."""
        model = self.pipe.transformer
        whole = {name: getattr(model, name) for name in self.block_lists}
        try:
            for place, (name, blocks) in enumerate(whole.items()):
                setattr(model, name, blocks[: 1 if place == 0 else 0])
            yield
        finally:
            for name, blocks in whole.items():
                setattr(model, name, blocks)

    @property
    def device(self) -> torch.device:
        """Where the text is encoded now."""
        return next(iter(self.modules("text").values())).device  # type: ignore[return-value]

    def latent_shape(self, panel_px: int) -> tuple[int, int, int]:
        """The autoencoder's latents."""
        side = panel_px // downsampling(self.pipe.vae)
        return int(self.pipe.vae.config.latent_channels), side, side

    @property
    def embedded_guidance(self) -> bool:
        """Some take the scale of guidance as an input in place of two branches."""
        return bool(self.pipe.transformer.config.get("guidance_embeds"))

    def with_guidance(self, guidance: float) -> Self:
        """The same model with another scale as its input, where it has one."""
        return replace(self, settings=self.settings.model_copy(update={"guidance": guidance}))

    def dynamic_shift(self, panels: int, panel_px: int, sampling_steps: int) -> float | None:
        """``mu`` by the length of the image sequence, linear in it (diffusers' ``calculate_shift``).

        None where the folder's scheduler has a fixed shift.
        """
        config = self.scheduler.config
        if not config.get("use_dynamic_shifting"):
            return None
        _, h, w = self.latent_shape(panel_px)
        tokens = panels * (h // self.patch) * (w // self.patch)
        low, high = config.get("base_image_seq_len", 256), config.get("max_image_seq_len", 4096)
        least, most = config.get("base_shift", 0.5), config.get("max_shift", 1.15)
        return float(least + (tokens - low) * (most - least) / (high - low))

    def encode(self, canvases: Sequence[CanvasText]) -> PromptEmbeds:
        """By slots; one panel of a model that was not trained on slots gets one string, as in the family's pipeline."""
        if self.trained_for_stacking or len(canvases[0].steps) > 1:
            return super().encode(canvases)
        return lay_slots(self._whole(self.encode_texts([plain_text(row) for row in canvases])), canvases, "single")

    def encode_texts(self, texts: Sequence[str]) -> TextEmbeds:
        """Each distinct text once."""
        distinct = list(dict.fromkeys(texts))
        with torch.no_grad():
            embeds = self.encode_distinct(distinct)
        rows = [distinct.index(text) for text in texts]
        pooled = None if embeds.pooled is None else embeds.pooled[rows]
        return TextEmbeds(embeds.tokens[rows], embeds.mask[rows], pooled)

    @abstractmethod
    def encode_distinct(self, texts: list[str]) -> TextEmbeds:
        """By the family's pipeline; the mask leaves padding out."""

    def predict(
        self,
        panels_kmchw: Tensor,
        timesteps_k: Tensor,
        prompt: PromptEmbeds,
        *,
        clean_km: Tensor | None = None,
        references_krchw: Tensor | None = None,
    ) -> Tensor:
        """One pass for each canvas, since texts differ in length; float32."""
        if not self.clean_anchors and (clean_km is not None or references_krchw is not None):
            raise ValueError("this family takes no clean panels")
        dtype, device = self.pipe.transformer.dtype, panels_kmchw.device
        prompt = prompt.to(device, dtype)
        rows = []
        for row, panels in enumerate(panels_kmchw.to(dtype)):
            t = timesteps_k[row : row + 1].to(device, torch.float32)
            references = panels[:0] if references_krchw is None else references_krchw[row].to(panels)
            rows.append(self.denoise(panels, references, t, self._tokens(prompt, row)))
        return torch.stack(rows).float()

    @abstractmethod
    def denoise(self, panels_mchw: Tensor, references_rchw: Tensor, t: Tensor, text: CanvasTokens) -> Tensor:
        """What the model predicts for the panels of one canvas, in their shape.

        Args:
            panels_mchw: noised latents, those of clean panels clean.
            references_rchw: clean latents of images without a panel; none but with ``clean_anchors``.
            t: (1,) the scheduler's timestep, up to 1000.
            text: the canvas's text.
        """

    def encode_images(self, pixels_nchw: Tensor, *, at_once: int = PANELS_AT_ONCE) -> Tensor:
        """By the autoencoder's mean."""
        return encode_panels(self.pipe.vae, pixels_nchw, at_once=at_once)

    def decode_latents(self, latents_nchw: Tensor, *, at_once: int = PANELS_AT_ONCE) -> Tensor:
        """Each panel apart."""
        return decode_panels(self.pipe.vae, latents_nchw, at_once=at_once)

    def image_runs(self, panels: int, references: int, tokens: int) -> tuple[Run, ...]:
        """Runs of image tokens: panel after panel, then references."""
        images = tuple(Run("image", panel, tokens) for panel in range(panels))
        return images + ((Run("image", REFERENCE, references * tokens),) if references else ())

    def routed(self, text: CanvasTokens, plans: Mapping[AttentionPlan, int]) -> AbstractContextManager[Any]:
        """Attention routed by ``plans`` where the canvas's text is; as the model attends where it is not."""
        return routed_attention(plans, way=self.way) if text.routed else nullcontext()

    def plan(self, *runs: Run) -> AttentionPlan:
        """A plan over one sequence."""
        return AttentionPlan(runs, isolate=self.isolate)

    @property
    def order(self) -> Positions:
        """How this model is told which panel is which."""
        return self.settings.positions or self.positions[0]

    def _whole(self, embeds: TextEmbeds) -> TextEmbeds:
        return replace(embeds, mask=torch.ones_like(embeds.mask)) if self.pads_alone else embeds

    def _tokens(self, prompt: PromptEmbeds, row: int) -> CanvasTokens:
        slots = range(prompt.tokens.shape[1])
        kept = [prompt.tokens[row, slot][prompt.mask[row, slot]] for slot in slots]
        runs = tuple(Run("text", slot - 1, len(tokens)) for slot, tokens in zip(slots, kept, strict=True))
        pooled = None if prompt.pooled is None else prompt.pooled[row]
        return CanvasTokens(torch.cat(kept), runs, prompt.conditioning == "routed", pooled)


def panel_ids(panels: int, height: int, width: int, axes: int, positions: Positions, *, stride: int = 1) -> Tensor:
    """Position ids of panels, (panels * height * width, axes), the axes beginning with t, y, x.

    *frame*: y and x begin again in every panel, t counts the panels by ``stride``, as families count further images in
    training. *reset*: all panels have the same positions; panels that attend to each other then copy each other place
    by place (CookAnything resets, and parts its panels). *column*: one tall canvas, y runs on.
    """
    t, y, x = torch.meshgrid(torch.arange(panels), torch.arange(height), torch.arange(width), indexing="ij")
    if positions == "column":
        y = y + t * height
    t = t * stride if positions == "frame" else torch.zeros_like(t)
    return torch.stack([t, y, x] + [torch.zeros_like(t)] * (axes - 3), dim=-1).flatten(0, 2)


def packed(panels_mchw: Tensor, patch: int) -> Tensor:
    """Latents (m, c, h, w) -> tokens (m * h/patch * w/patch, c * patch^2), panel after panel, channels outermost."""
    m, c, h, w = panels_mchw.shape
    cut = panels_mchw.reshape(m, c, h // patch, patch, w // patch, patch)
    return cut.permute(0, 2, 4, 1, 3, 5).reshape(m * (h // patch) * (w // patch), c * patch**2)


def unpacked(tokens: Tensor, like_mchw: Tensor, patch: int) -> Tensor:
    """Tokens of panels, as ``packed`` lays them, as latents in the shape of others."""
    m, c, h, w = like_mchw.shape
    cut = tokens.reshape(m, h // patch, w // patch, c, patch, patch)
    return cut.permute(0, 3, 1, 4, 2, 5).reshape(m, c, h, w)


def recommended(*, sampling_steps: int, guidance: float, most: int = 8) -> StackedSettings:
    """Settings for a folder without ``stacked.json``: it was trained on single images; ``most`` are drawn together."""
    return StackedSettings(
        step_code=False, panel_px=PANEL_PX, trained_steps=(1, most), sampling_steps=sampling_steps, guidance=guidance
    )


def slot_positions(runs: Sequence[Run]) -> Tensor:
    """(l,) the place of each token in its slot: each counts from 0, as if alone."""
    return torch.cat([torch.arange(run.length) for run in runs])
