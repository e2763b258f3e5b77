"""The parts a U-Net run starts from: a Stable Diffusion base, whole or with adapters, or a U-Net of our own shape."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from illinstr.diffusion.schedule import NoiseConfig, training_scheduler
from illinstr.errors import ConfigError, ModelError, UsageError
from illinstr.models.autoencoder import downsampling
from illinstr.models.loading import load_backbone
from illinstr.models.registry import family_of
from illinstr.models.settings import StackedSettings
from illinstr.models.source import ModelSource
from illinstr.models.stable_diffusion.attention import route_panels
from illinstr.models.stable_diffusion.backbone import StableDiffusion
from illinstr.models.unet import UNetBackbone
from illinstr.training.tasks.stacked.config import AdapterConfig, UNetConfig, stacked_settings

BETA_SCHEDULES = ("squaredcos_cap_v2", "scaled_linear", "linear")
AUTOENCODERS = ("AutoencoderKL", "AutoencoderDC", "AutoencoderTiny")


def build_parts(config: UNetConfig) -> UNetBackbone:
    """Load or make everything ``config`` stands on, with the forward process it asks for.

    With adapters, only they require gradients.

    Raises:
        ConfigError: the base does not fit what the config says about noise or panel size.
        ModelError: the base is missing, damaged or no text-to-image model.
        UsageError: adapters are asked for and peft is not installed.
    """
    if config.lora.rank:
        require_peft()
    parts = _from_base(config) if config.base.model is not None else _new(config)
    _check_panel(config.data.panel_px, parts)
    if config.lora.rank:
        add_adapters(parts.unet, config.lora, config.train.seed)
        whole_adapters(parts.unet)
    route_panels(parts.unet)
    return parts


def _from_base(config: UNetConfig) -> UNetBackbone:
    base, revision, dtype = str(config.base.model), config.base.revision, getattr(torch, config.base.dtype)
    family = family_of(base, revision)
    loaded = load_backbone(base, dtype=dtype, revision=revision) if family.denoiser == "unet" else None
    if not isinstance(loaded, UNetBackbone):
        raise ModelError(
            f"{base} is of the family {family.title}; this kind of run trains U-Nets",
            hint="transformers are trained with kind: flow, as klein-lora is",
        )
    if config.train_text and not isinstance(loaded, StableDiffusion):
        raise ConfigError(
            f"config key train_text: {base} has several text encoders, which stay as they are", hint="set it to false"
        )
    channels, expected = int(loaded.unet.config.in_channels), int(loaded.vae.config.latent_channels)
    if channels != expected:
        raise ModelError(
            f"{base} is no text-to-image model: its U-Net takes {channels} channels, its VAE makes {expected}",
            hint="inpainting and editing models cannot be a base; take the model they were made from",
        )
    check_prediction(base, loaded.scheduler.config.get("prediction_type", "epsilon"), config.noise)
    check_schedule(base, loaded.scheduler.config, config.noise)
    return replace(loaded, settings=_settings(config), scheduler=training_scheduler(config.noise))


def _settings(config: UNetConfig) -> StackedSettings:
    """Until the data says which lengths it has, the lengths that the config lets in."""
    return stacked_settings(config, (config.data.min_steps, config.data.max_steps))


def check_prediction(base: str, predicts: str, noise: NoiseConfig) -> None:
    """Refuse a base whose prediction does not lead to that of the config.

    Raises:
        ConfigError: it does not, or the config does not say how, or says it where there is no need.
    """
    if predicts == noise.prediction:
        if noise.transition_steps is not None:
            raise ConfigError(
                f"config key noise.transition_steps: {base} predicts {predicts} already", hint="leave it out"
            )
    elif noise.prediction == "v_prediction" and predicts == "epsilon":
        if noise.transition_steps is None:
            raise ConfigError(
                f"{base} predicts epsilon and the run trains v: the config must say how it gets there",
                hint="set noise.transition_steps, for example 1000; 0 changes the target at once",
            )
    else:
        known = predicts in ("epsilon", "v_prediction")
        raise ConfigError(
            f"config key noise.prediction: {base} predicts {predicts}, there is no way from it to {noise.prediction}",
            hint=f"set noise.prediction={predicts}" if known else "take a base that predicts epsilon or v_prediction",
        )


def check_schedule(base: str, scheduler: Any, noise: NoiseConfig) -> None:
    """Leaving a base's schedule is a choice, not what happens to who does not think of it.

    Raises:
        ConfigError: the base's betas are not those of the config, and the config does not say that they are to change.
    """
    has: str | None = scheduler.get("beta_schedule")
    if has is None:
        return
    if scheduler.get("trained_betas") is not None:
        raise ConfigError(
            f"{base} was trained on betas of its own (trained_betas), which no setting names",
            hint="take a base that was trained on a named schedule",
        )
    if has != noise.beta_schedule and "beta_schedule" not in noise.model_fields_set:
        keep = f"{has} to keep it, or {noise.beta_schedule}" if has in BETA_SCHEDULES else noise.beta_schedule
        raise ConfigError(
            f"{base} was trained on the {has} schedule and the config does not say which to use",
            hint=f"set noise.beta_schedule={keep} to change it",
        )
    names = {"train_timesteps": "num_train_timesteps"}
    if has == noise.beta_schedule and has != "squaredcos_cap_v2":
        names |= {"beta_start": "beta_start", "beta_end": "beta_end"}
    theirs = {key: scheduler[name] for key, name in names.items() if scheduler.get(name) is not None}
    differing = {
        key: value
        for key, value in theirs.items()
        if not math.isclose(value, getattr(noise, key), rel_tol=1e-6) and key not in noise.model_fields_set
    }
    if differing:
        said = ", ".join(f"{names[key]} {value:g}" for key, value in differing.items())
        settings = " ".join(f"noise.{key}={value:g}" for key, value in differing.items())
        raise ConfigError(
            f"{base} was trained with {said}, and the config does not say what to use",
            hint=f"set {settings} to keep it",
        )


def require_peft() -> None:
    from importlib.util import find_spec

    if find_spec("peft") is None:
        raise UsageError("lora.rank needs peft", hint="pip install 'illinstr[lora]'")


def _check_panel(panel_px: int, parts: UNetBackbone) -> None:
    smallest = downsampling(parts.vae) * 2 ** (len(parts.unet.config.block_out_channels) - 1)
    if panel_px % smallest:
        raise ConfigError(
            f"config key data.panel_px: {panel_px} is not a multiple of {smallest}",
            hint="VAE and U-Net halve a panel that often, and panels must stay apart to the bottom",
        )


def _new(config: UNetConfig) -> StableDiffusion:
    from diffusers import UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTokenizer

    base = config.base
    try:
        vae = _load_vae(Path(str(base.vae)))
        text_encoder = CLIPTextModel.from_pretrained(base.clip, use_safetensors=True, local_files_only=True)
        tokenizer = CLIPTokenizer.from_pretrained(base.clip, local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        first = str(error).strip().splitlines()[0]
        hint = "train them first: illinstr train --config mini-vae, then mini-clip"
        raise ModelError(f"cannot load base.vae or base.clip: {first}", hint=hint) from error
    shape = config.model
    levels = len(shape.block_out_channels)
    torch.manual_seed(config.train.seed)
    unet = UNet2DConditionModel(
        sample_size=config.data.panel_px // downsampling(vae),
        in_channels=vae.config.latent_channels,
        out_channels=vae.config.latent_channels,
        down_block_types=("CrossAttnDownBlock2D",) * levels,
        up_block_types=("CrossAttnUpBlock2D",) * levels,
        block_out_channels=shape.block_out_channels,
        layers_per_block=shape.layers_per_block,
        attention_head_dim=shape.heads,
        norm_num_groups=shape.norm_num_groups,
        cross_attention_dim=text_encoder.config.hidden_size,
    )
    return StableDiffusion(
        source=ModelSource("new", Path()),
        settings=_settings(config),
        scheduler=training_scheduler(config.noise),
        unet=unet,
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
    )


def _load_vae(folder: Path) -> Any:
    """An autoencoder folder, by the class its config names."""
    import json

    import diffusers

    name = str(json.loads((folder / "config.json").read_text(encoding="utf-8"))["_class_name"])
    if name not in AUTOENCODERS:
        raise ValueError(f"{folder} holds a {name}, not one of {', '.join(AUTOENCODERS)}")
    return getattr(diffusers, name).from_pretrained(folder, use_safetensors=True, local_files_only=True)


def add_adapters(unet: Any, lora: AdapterConfig, seed: int) -> None:
    """Freeze ``unet`` and put low-rank adapters beside its ``targets``; they start as zero.

    Raises:
        ConfigError: no layer has such a name.
    """
    from peft import LoraConfig

    unet.requires_grad_(False)
    wanted = LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha or lora.rank,
        lora_dropout=lora.dropout,
        target_modules=list(lora.targets),
        init_lora_weights="gaussian",
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            unet.add_adapter(wanted)
        except ValueError as error:
            raise ConfigError(f"config key lora.targets: {str(error).splitlines()[0]}") from error


def whole_adapters(denoiser: Any) -> None:
    """Let what is trained be float32, whatever precision the frozen weights have."""
    for parameter in denoiser.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()


def adapter_state(unet: Any) -> dict[str, torch.Tensor]:
    """The adapters' own weights, as peft and diffusers exchange them."""
    from peft import get_peft_model_state_dict

    return {name: tensor.detach().cpu().contiguous() for name, tensor in get_peft_model_state_dict(unet).items()}


def adapter_config(unet: Any) -> dict[str, Any]:
    """What a loader must know of the adapters: arguments of ``peft.LoraConfig`` that every version of peft has."""
    known = unet.peft_config["default"]
    return {
        "r": int(known.r),
        "lora_alpha": int(known.lora_alpha),
        "lora_dropout": float(known.lora_dropout),
        "target_modules": sorted(known.target_modules),
        "bias": "none",
    }


def plain_copy(unet: Any, dtype: torch.dtype) -> Any:
    """A copy on the CPU in ``dtype`` with adapters, if any, added into the layers they stand beside."""
    import copy

    plain = copy.deepcopy(unet).to("cpu")
    if getattr(plain, "peft_config", None):
        plain.fuse_lora()
        plain.unload_lora()
    return plain.to(dtype)
