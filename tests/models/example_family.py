"""A family of one's own, whole: a convolution over the column of panels, text as the mean of its characters."""

import torch
from diffusers import DDPMScheduler
from safetensors.torch import load_file

from illinstr.models.backbone import Backbone
from illinstr.models.family import Family
from illinstr.models.prompt import TextEmbeds
from illinstr.models.registry import register
from illinstr.models.settings import StackedSettings
from illinstr.models.stacking import stack, unstack


class Teapot(Backbone):
    def modules(self, role):
        return {"denoiser": {"denoiser": DENOISER}}.get(role, {})

    def latent_shape(self, panel_px):
        return 3, panel_px, panel_px

    def encode_texts(self, texts):
        codes = [sum(map(ord, text)) / (99 * len(text) + 1) for text in texts]
        return TextEmbeds(torch.tensor(codes)[:, None, None], torch.ones(len(texts), 1, dtype=torch.bool))

    def predict(self, panels, timesteps, prompt, *, clean_km=None, references_krchw=None):
        goal_and_step = prompt.tokens[:, :1] + prompt.tokens[:, 1:]  # routed: a panel reads the goal and its own step
        return unstack(DENOISER(stack(panels)), panels.shape[1]) + goal_and_step[..., None]

    def encode_images(self, pixels, *, at_once=16):
        return pixels

    def decode_latents(self, latents, *, at_once=16):
        return latents


def load(source, dtype):
    DENOISER.load_state_dict(load_file(source.folder / "denoiser" / "model.safetensors"))
    settings = source.settings or StackedSettings(panel_px=16, sampling_steps=3)
    return Teapot(
        source=source, settings=settings, scheduler=DDPMScheduler.from_pretrained(source.folder / "scheduler")
    )


DENOISER = torch.nn.Conv2d(3, 3, 5, padding=2)
register(Family("teapot", "Teapot", ("TeapotPipeline",), "denoiser", ("denoiser", "scheduler"), load))
