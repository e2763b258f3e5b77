"""Writing a Stable Diffusion model folder that plain diffusers loads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor

from illinstr import files
from illinstr.models.saving import save_pipeline
from illinstr.models.settings import StackedSettings


def save_folder(
    folder: Path, *, unet: Any, vae: Any, text_encoder: Any, tokenizer: Any, scheduler: Any, settings: StackedSettings
) -> None:
    """Write the components and settings into ``folder`` (made by the caller, who publishes it)."""
    import diffusers

    # The pipeline's constructor takes a U-Net whose config names a version before 0.9 for an old file in which a
    # sample_size under 64 is a mistake, and "corrects" it: the folder would draw 512 pixels whatever its panels are.
    unet.register_to_config(_diffusers_version=diffusers.__version__)
    if "block_out_channels" not in vae.config:
        # AutoencoderDC names its levels otherwise; StableDiffusionPipeline counts them to know a latent's size.
        vae.register_to_config(block_out_channels=list(vae.config.encoder_block_out_channels))
    pipe = diffusers.StableDiffusionPipeline(
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        unet=unet,
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    save_pipeline(folder, pipe, settings)


def save_adapters(folder: Path, layers: dict[str, Tensor], adapter: dict[str, Any], scheduler: Any) -> None:
    """Write low-rank adapters of the U-Net as plain diffusers and peft load them, scaled as they were trained.

    Args:
        folder: made here.
        layers: the adapters' weights, as peft names them.
        adapter: arguments of ``peft.LoraConfig``: without ``r`` and ``lora_alpha`` a loader takes alpha for the rank.
        scheduler: what the adapters were trained for, in ``scheduler_config.json``: with that of the base they are
            wrong wherever they predict something else or start from other noise.
    """
    from diffusers import StableDiffusionPipeline

    StableDiffusionPipeline.save_lora_weights(
        folder, unet_lora_layers=layers, unet_lora_adapter_metadata=adapter, safe_serialization=True
    )
    files.write_json(folder / "adapter_config.json", {"peft_type": "LORA", **adapter})
    scheduler.save_config(folder)
