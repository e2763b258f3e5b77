"""A trained U-Net as a model folder that plain diffusers loads, with its config inside the weights."""

from __future__ import annotations

import json
from pathlib import Path

import torch
import yaml

from illinstr import files
from illinstr.models import folder as model_folder
from illinstr.models.autoencoder import downsampling
from illinstr.models.saving import save_pipeline, with_components
from illinstr.models.settings import StackedSettings
from illinstr.models.stable_diffusion.backbone import StableDiffusion
from illinstr.models.stable_diffusion.saving import save_adapters, save_folder
from illinstr.models.unet import UNetBackbone
from illinstr.training.tasks.stacked.config import StackedConfig, UNetConfig
from illinstr.training.tasks.stacked.parts import adapter_config, adapter_state, plain_copy
from illinstr.version import __version__

CONFIG_KEY, VERSION_KEY = "illinstr.config", "illinstr.version"
SCHEDULER_KEY = "illinstr.scheduler"
SCHEDULER_KEYS = ("prediction_type", "rescale_betas_zero_snr", "timestep_spacing", "beta_schedule")
ADAPTER_FOLDER = "lora"


def write_unet_folder(folder: Path, base: UNetBackbone, config: UNetConfig, settings: StackedSettings) -> None:
    """Write the parts into ``folder`` (made by the caller, who publishes it) in ``config.export.dtype``.

    Adapters are added into the U-Net, so that the folder needs nothing else, and stored in ``lora/`` as well.
    """
    dtype: torch.dtype = getattr(torch, config.export.dtype)
    unet = plain_copy(base.unet, dtype)
    # A Stable Diffusion base names the size of *its* images; plain diffusers would draw that instead of a panel.
    unet.register_to_config(sample_size=settings.panel_px // downsampling(base.vae))
    text = {name: plain_copy(encoder, dtype) for name, encoder in base.modules("text").items()}
    parts = {"unet": unet, "vae": plain_copy(base.vae, dtype), "scheduler": base.scheduler, **text}
    if isinstance(base, StableDiffusion):
        save_folder(folder, tokenizer=base.tokenizer, settings=settings, **parts)
    else:
        save_pipeline(folder, with_components(base.pipe, **parts), settings)  # type: ignore[attr-defined]
    metadata = stamped(folder / "unet", config)
    if config.lora.rank:
        _write_adapters(folder / ADAPTER_FOLDER, base, dtype, metadata)
    finish_folder(folder, model_card(config, config.base.model, settings, _about_adapters(config)))


def stamped(weights: Path, config: StackedConfig) -> dict[str, str]:
    """Write the config into the headers of a folder's weights, and return what was written there."""
    metadata = {CONFIG_KEY: json.dumps(config.model_dump(mode="json"), sort_keys=True), VERSION_KEY: __version__}
    model_folder.stamp_weights(weights, metadata)
    return metadata


def finish_folder(folder: Path, card: str) -> None:
    """Write the model's card, and let everybody read the folder."""
    files.write_text(folder / "README.md", card)
    for file in folder.rglob("*"):
        if file.is_file():
            file.chmod(0o644)  # weights are written for their owner alone; a model is for the whole laboratory


def _write_adapters(folder: Path, base: UNetBackbone, dtype: torch.dtype, metadata: dict[str, str]) -> None:
    layers = {name: tensor.to(dtype) for name, tensor in adapter_state(base.unet).items()}
    save_adapters(folder, layers, adapter_config(base.unet), base.scheduler)
    needed = json.dumps({key: base.scheduler.config[key] for key in SCHEDULER_KEYS})
    model_folder.stamp_weights(folder, {**metadata, SCHEDULER_KEY: needed})


def model_card(config: StackedConfig, base: str | None, settings: StackedSettings, adapters: str = "") -> str:
    """``README.md`` of an exported folder: what it is, how to load it, how it was made.

    Args:
        config: of the run.
        base: what it began as, if anything.
        settings: of the model.
        adapters: a paragraph on ``lora/``, where there is one.
    """
    fewest, most = settings.trained_steps
    header = {"library_name": "diffusers", "pipeline_tag": "text-to-image", "tags": ["illustrated-instructions"]}
    if base is not None and not Path(base).exists():
        header["base_model"] = base
    return (
        f"---\n{yaml.safe_dump(header, sort_keys=False)}---\n\n"
        f"# Illustrated instructions\n\n"
        f"A StackedDiffusion model (arXiv 2312.04552): the images of all steps of an article are drawn together, "
        f"{fewest} to {most} panels of {settings.panel_px} pixels, conditioning `{settings.conditioning}`.\n\n"
        f'    illinstr generate "How to make apple juice" --steps {most} --model FOLDER\n\n'
        f"`diffusers.DiffusionPipeline.from_pretrained(FOLDER)` loads it too, one image at a time.\n\n"
        f"{adapters}"
        f"It was made from {f'`{base}`' if base else 'parts of our own'} with illinstr {__version__}. Its licence "
        f"follows from those of its base and of its training data; none is claimed here.\n\n"
        f"## Config\n\n```yaml\n{yaml.safe_dump(config.model_dump(mode='json'), sort_keys=False)}```\n"
    )


def _about_adapters(config: UNetConfig) -> str:
    if not config.lora.rank:
        return ""
    zero = " with zero terminal SNR" if config.noise.zero_snr else ""
    return (
        f"The adapters alone lie in `lora/` (rank {config.lora.rank}, alpha {config.lora.alpha or config.lora.rank}). "
        f"On their base they need their own scheduler, which predicts `{config.noise.prediction}`{zero}:\n\n"
        f'    pipe.load_lora_weights("FOLDER/lora")\n'
        f'    pipe.scheduler = DDIMScheduler.from_pretrained("FOLDER/lora")\n'
        f"    pipe(..., height={config.data.panel_px}, width={config.data.panel_px})\n\n"
    )
