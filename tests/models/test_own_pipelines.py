"""Equality with each family's own diffusers pipeline, on the same noise and text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from illinstr.diffusion.pipeline import StackedDiffusionPipeline
from illinstr.diffusion.samplers import sampler_of
from tests.support.loaded_families import GOAL, STEPS, TEXT, LoadedFamilies
from tests.support.tiny_families import PX

VARIANTS = [
    ("flux2", {"distilled": True}, 4, 1.0),
    ("flux2", {"distilled": False}, 3, 4.0),
    ("z_image", {"turbo": True}, 4, 0.0),
    ("z_image", {"turbo": False}, 3, 4.0),
    ("sdxl", {}, 3, 5.0),
    ("qwen_image", {}, 4, 1.0),
    ("qwen_image", {}, 3, 4.0),
    ("flux1", {"distilled": False}, 3, 3.5),
    ("flux1", {"distilled": True}, 4, 1.0),
    ("stable_diffusion_3", {}, 3, 4.5),
]


def asked(name: str, guidance: float) -> dict[str, Any]:
    """How the family's own pipeline is asked for the same."""
    if name == "qwen_image":
        return {"true_cfg_scale": guidance, "negative_prompt": " "} if guidance > 1 else {"true_cfg_scale": 1.0}
    lengths = {"flux2": TEXT, "flux1": 512 if guidance > 1 else 256}  # [schnell] reads 256
    return {"guidance_scale": guidance, **({"max_sequence_length": lengths[name]} if name in lengths else {})}


def their_noise(pipe: Any, name: str, noise: Tensor) -> Tensor:
    """Noise as the family's pipeline takes it: FLUX.1 and Qwen-Image want tokens of 2x2."""
    if name in {"flux1", "qwen_image"}:
        n, c, h, w = noise.shape
        packed: Tensor = pipe._pack_latents(noise, n, c, h, w)
        return packed
    return noise.clone()


def their_latents(pipe: Any, name: str, latents: Tensor) -> Tensor:
    """What the pipeline gives, as an image of latents."""
    if name in {"flux1", "qwen_image"}:
        unpacked: Tensor = pipe._unpack_latents(latents, PX, PX, pipe.vae_scale_factor)
        return unpacked.reshape(1, unpacked.shape[1], *unpacked.shape[-2:])
    return latents


def our_latents(pipe: Any, name: str, latents: Tensor) -> Tensor:
    """Ours as the pipeline gives them: FLUX.2's come unfolded and without normalisation."""
    if name != "flux2":
        return latents
    mean, std = pipe.vae.bn.running_mean, (pipe.vae.bn.running_var + pipe.vae.config.batch_norm_eps).sqrt()
    unfolded: Tensor = pipe._unpatchify_latents(latents * std.float().view(1, -1, 1, 1) + mean.view(1, -1, 1, 1))
    return unfolded


def both(load: LoadedFamilies, name: str, guidance: float, steps: int, **options: Any) -> tuple[Tensor, Tensor]:
    """One panel as we draw it alone, and as the family's own pipeline does."""
    backbone: Any = load(name, **options)
    ours = StackedDiffusionPipeline(backbone)
    drawn = ours.sample_latents(
        [(GOAL, [STEPS[0]])], seeds=[3], sampling_steps=steps, guidance=guidance, sampler="euler", method="independent"
    )[0]
    pipe, noise, own = backbone.pipe, ours._noise([3], 1)[0], backbone.pipe.scheduler
    pipe.set_progress_bar_config(disable=True)
    if name == "sdxl":  # its scheduler is of another kind than our samplers
        pipe.scheduler = sampler_of(backbone, "euler", panels=1, sampling_steps=steps)
    try:
        [denoiser] = backbone.modules("denoiser").values()
        theirs = pipe(
            prompt=f"{GOAL}: {STEPS[0]}",
            latents=their_noise(pipe, name, noise).to(denoiser.dtype),
            num_inference_steps=steps,
            height=PX,
            width=PX,
            output_type="latent",
            **asked(name, guidance),
        ).images
    finally:
        pipe.scheduler = own
    return our_latents(pipe, name, drawn), their_latents(pipe, name, theirs).float()


@pytest.mark.parametrize(("name", "options", "steps", "guidance"), VARIANTS, ids=str)
def test_one_panel_is_what_the_familys_own_pipeline_draws(
    load: LoadedFamilies, name: str, options: dict[str, Any], steps: int, guidance: float
) -> None:
    """The same noise, text, steps and guidance: equal latents, for the pipeline's own noise schedule."""
    ours, theirs = both(load, name, guidance, steps, **options)
    assert ours.shape == theirs.shape
    assert torch.allclose(ours, theirs, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("name", ["flux2", "z_image", "qwen_image", "flux1", "stable_diffusion_3", "sdxl"])
def test_in_half_precision_it_is_as_near_as_half_precision_is(load: LoadedFamilies, name: str) -> None:
    """The pipelines keep latents in bfloat16 from step to step, ours are float32."""
    ours, theirs = both(load, name, 3.5 if name == "flux1" else 1.0, 3, dtype=torch.bfloat16)
    assert float((ours - theirs).norm() / theirs.norm()) < 2e-2


@pytest.mark.parametrize("name", ["flux2", "qwen_image"])
def test_images_and_latents_go_there_and_back_as_in_the_pipeline(load: LoadedFamilies, name: str) -> None:
    backbone: Any = load(name)
    pixels, pipe = torch.rand(2, 3, PX, PX) * 2 - 1, backbone.pipe
    latents = backbone.encode_images(pixels)
    assert latents.shape == (2, *backbone.latent_shape(PX))
    with torch.no_grad():
        encoded: Callable[[Tensor], Any] = pipe.vae.encode
        if name == "flux2":
            raw = encoded(pixels).latent_dist.mode()
            assert torch.allclose(latents, pipe._encode_vae_image(pixels, generator=None), atol=1e-5)
            expected = pipe.vae.decode(raw).sample
        else:
            raw = encoded(pixels[:, :, None]).latent_dist.mode()
            expected = pipe.vae.decode(raw).sample[:, :, 0]
        assert torch.allclose(backbone.decode_latents(latents), expected, atol=1e-4)
