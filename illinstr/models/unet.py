"""What U-Nets have in common as backbones: the panels are one tall canvas, text reaches them by cross-attention."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from illinstr.models.autoencoder import PANELS_AT_ONCE, decode_panels, downsampling, encode_panels
from illinstr.models.backbone import Backbone
from illinstr.models.prompt import PromptEmbeds
from illinstr.models.stacking import unstack


@dataclass(frozen=True, kw_only=True)
class UNetBackbone(Backbone):
    """UNet2DConditionModel and an autoencoder; the text is the family's."""

    unet: Any
    vae: Any

    def latent_shape(self, panel_px: int) -> tuple[int, int, int]:
        """The U-Net's channels, and the autoencoder's share of the side."""
        side = panel_px // downsampling(self.vae)
        return int(self.unet.config.in_channels), side, side

    def predict(
        self,
        panels_kmchw: Tensor,
        timesteps_k: Tensor,
        prompt: PromptEmbeds,
        *,
        clean_km: Tensor | None = None,
        references_krchw: Tensor | None = None,
    ) -> Tensor:
        """One pass of the U-Net over k canvases; float32."""
        if clean_km is not None or references_krchw is not None:
            raise ValueError("this U-Net was not trained with clean anchors")
        panels = panels_kmchw.to(self.unet.dtype)
        out = self.denoise(panels, timesteps_k.to(panels.device), prompt.to(panels.device))
        return unstack(out.float(), panels.shape[1])

    @abstractmethod
    def denoise(self, panels_kmchw: Tensor, timesteps_k: Tensor, prompt: PromptEmbeds) -> Tensor:
        """What the U-Net predicts for the canvases of panels, (k, c, m*h, w)."""

    @contextmanager
    def shallow(self) -> Iterator[None]:
        """``predict`` returns what the first layer that reads text hands on, for a proof of what it lets a panel read.

        Later levels pass images on from panel to panel within one prediction, and text with them.
        """
        layer = _first_text_layer(self.unet)
        seen: list[Tensor] = []

        def keep(_: nn.Module, __: Any, out: Tensor) -> None:
            seen.append(out)

        def instead(_: nn.Module, given: tuple[Tensor, ...], __: Any) -> tuple[Tensor]:
            tokens, (height, width) = seen.pop(), given[0].shape[-2:]
            coarser = round((height * width / tokens.shape[1]) ** 0.5)
            return (tokens.transpose(1, 2).unflatten(2, (height // coarser, width // coarser)),)

        hooks = layer.register_forward_hook(keep), self.unet.register_forward_hook(instead)
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def encode_images(self, pixels_nchw: Tensor, *, at_once: int = PANELS_AT_ONCE) -> Tensor:
        """By the autoencoder's mean."""
        return encode_panels(self.vae, pixels_nchw, at_once=at_once)

    def decode_latents(self, latents_nchw: Tensor, *, at_once: int = PANELS_AT_ONCE) -> Tensor:
        """Each panel apart."""
        return decode_panels(self.vae, latents_nchw, at_once=at_once)

    def optimise_for(self, device: torch.device) -> None:
        """Channels last on CUDA."""
        if device.type == "cuda":
            self._channels_last()

    def _channels_last(self) -> None:
        for module in (self.unet, self.vae):
            module.to(memory_format=torch.channels_last)


def _first_text_layer(unet: Any) -> nn.Module:
    """The first cross-attention in the order of computation: the down blocks are listed before all others."""
    layer: nn.Module = next(module for name, module in unet.named_modules() if name.endswith("attn2"))
    return layer
