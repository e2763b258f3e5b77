"""From a checked folder to the compact modules, where its configs say nothing that they do not know."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from illinstr.models.noise_schedule import NoiseSchedule, knows_schedule
from illinstr.models.stable_diffusion.compact.autoencoder import CompactAutoencoder
from illinstr.models.stable_diffusion.compact.text import CompactTextEncoder, CompactTokenizer
from illinstr.models.stable_diffusion.compact.unet import CompactUNet

# What a config may say beside the numbers that are free; keys that say how a part was made or saved do not count.
_UNET = {
    "act_fn": "silu",
    "addition_embed_type": None,
    "addition_embed_type_num_heads": 64,
    "addition_time_embed_dim": None,
    "attention_type": "default",
    "center_input_sample": False,
    "class_embed_type": None,
    "class_embeddings_concat": False,
    "conv_in_kernel": 3,
    "conv_out_kernel": 3,
    "cross_attention_norm": None,
    "downsample_padding": 1,
    "dropout": 0.0,
    "dual_cross_attention": False,
    "encoder_hid_dim": None,
    "encoder_hid_dim_type": None,
    "flip_sin_to_cos": True,
    "freq_shift": 0,
    "mid_block_only_cross_attention": None,
    "mid_block_scale_factor": 1,
    "mid_block_type": "UNetMidBlock2DCrossAttn",
    "num_attention_heads": None,
    "num_class_embeds": None,
    "only_cross_attention": False,
    "projection_class_embeddings_input_dim": None,
    "resnet_out_scale_factor": 1.0,
    "resnet_skip_time_act": False,
    "resnet_time_scale_shift": "default",
    "reverse_transformer_layers_per_block": None,
    "time_cond_proj_dim": None,
    "time_embedding_act_fn": None,
    "time_embedding_dim": None,
    "time_embedding_type": "positional",
    "timestep_post_act": None,
    "transformer_layers_per_block": 1,
    "upcast_attention": False,
    "use_linear_projection": False,
}
_UNET_FREE = (
    "attention_head_dim block_out_channels cross_attention_dim down_block_types in_channels layers_per_block norm_eps "
    "norm_num_groups out_channels sample_size up_block_types"
)
_VAE = {
    "act_fn": "silu",
    "latents_mean": None,
    "latents_std": None,
    "mid_block_add_attention": False,
    "use_post_quant_conv": True,
    "use_quant_conv": True,
}
_VAE_FREE = (
    "block_out_channels down_block_types force_upcast in_channels latent_channels layers_per_block norm_num_groups "
    "out_channels sample_size scaling_factor shift_factor up_block_types"
)
_TEXT = {"hidden_act": "quick_gelu", "model_type": "clip_text_model", "architectures": ["CLIPTextModel"]}
_TEXT_FREE = (
    "hidden_size intermediate_size layer_norm_eps max_position_embeddings num_attention_heads num_hidden_layers "
    "vocab_size dtype torch_dtype attention_dropout bos_token_id eos_token_id pad_token_id initializer_factor "
    "initializer_range projection_dim transformers_version"
)
_TOKENIZER = {
    "backend": "tokenizers",
    "bos_token": "<|startoftext|>",
    "eos_token": "<|endoftext|>",
    "pad_token": "<|endoftext|>",
    "unk_token": "<|endoftext|>",
    "tokenizer_class": "CLIPTokenizer",
}
_TOKENIZER_FREE = "is_local local_files_only model_max_length"
_BLOCKS = {
    "unet": ("CrossAttnDownBlock2D", "CrossAttnUpBlock2D"),
    "vae": ("DownEncoderBlock2D", "UpDecoderBlock2D"),
}
_NOT_NEEDED = {"text_encoder": ("embeddings.position_ids",)}  # older versions wrote them


class Config(dict[str, Any]):
    """A part's config, whose values are attributes, too, as those of diffusers are."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


def read_compact(folder: Path, dtype: torch.dtype) -> dict[str, Any] | None:
    """The parts of a Stable Diffusion folder as compact modules, by their folders' names; None if they will not do.

    Raises:
        Exception: what torch and safetensors raise over damaged weights.
    """
    configs = _configs(folder)
    if configs is None:
        return None
    makers: dict[str, Callable[[Config], nn.Module]] = {
        "unet": CompactUNet,
        "vae": CompactAutoencoder,
        "text_encoder": CompactTextEncoder,
    }
    parts: dict[str, Any] = {}
    for part, make in makers.items():
        module = _weighted(make, configs[part], folder / part, dtype, _NOT_NEEDED.get(part, ()))
        if module is None:
            return None
        parts[part] = module
    return parts | {
        "tokenizer": CompactTokenizer(folder / "tokenizer", configs["tokenizer"]),
        "scheduler": NoiseSchedule(configs["scheduler"]),
    }


def _configs(folder: Path) -> dict[str, Config] | None:
    files: dict[str, tuple[str, Mapping[str, Any], str]] = {
        "unet": ("config.json", _UNET, _UNET_FREE),
        "vae": ("config.json", _VAE, _VAE_FREE),
        "text_encoder": ("config.json", _TEXT, _TEXT_FREE),
        "tokenizer": ("tokenizer_config.json", _TOKENIZER, _TOKENIZER_FREE),
    }
    configs = {}
    for part, (name, fixed, free) in files.items():
        config = _read(folder / part / name)
        if config is None or not _known(config, fixed, free.split()):
            return None
        configs[part] = config
    scheduler = _read(folder / "scheduler" / "scheduler_config.json")
    if scheduler is None or not knows_schedule(scheduler):
        return None
    fits = _fit(configs) and (folder / "tokenizer" / "tokenizer.json").is_file()
    return {**configs, "scheduler": scheduler} if fits else None


def _read(path: Path) -> Config | None:
    try:
        return Config(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _known(config: Mapping[str, Any], fixed: Mapping[str, Any], free: list[str]) -> bool:
    """Whether every key is free, or says what is assumed; keys of diffusers' own are no settings."""
    settings = {key: value for key, value in config.items() if not key.startswith("_")}
    return all(key in free or (key in fixed and fixed[key] == value) for key, value in settings.items())


def _fit(configs: Mapping[str, Config]) -> bool:
    """Whether the numbers that are free are all there and of the shapes that the modules take."""
    try:
        for part, (down, up) in _BLOCKS.items():
            config = configs[part]
            levels = len(config["block_out_channels"])
            if config["down_block_types"] != [down] * levels or config["up_block_types"] != [up] * levels:
                return False
            if not isinstance(config["layers_per_block"], int):
                return False
        unet, vae = configs["unet"], configs["vae"]
        heads = unet["attention_head_dim"]
        panel = unet["sample_size"]
        halved = 2 ** (len(unet["block_out_channels"]) - 1)
        return (
            isinstance(heads, list)
            and len(heads) == len(unet["block_out_channels"])
            and isinstance(panel, int)
            and panel % halved == 0
            and "mid_block_add_attention" in vae
            and all(key in unet for key in ("cross_attention_dim", "norm_eps", "norm_num_groups", "out_channels"))
            and all(key in vae for key in ("scaling_factor", "latent_channels", "norm_num_groups", "out_channels"))
            and set(_TEXT_FREE.split()[:7]) <= set(configs["text_encoder"])
            and isinstance(configs["tokenizer"]["model_max_length"], int)
            and "pad_token" in configs["tokenizer"]
        )
    except (KeyError, TypeError):
        return False


def _weighted(
    make: Callable[[Config], nn.Module], config: Config, folder: Path, dtype: torch.dtype, not_needed: tuple[str, ...]
) -> nn.Module | None:
    """The module with the weights of its folder's one file; None where names or shapes are not its own."""
    from safetensors.torch import load_file

    files = sorted(folder.glob("*.safetensors"))
    if len(files) != 1:
        return None
    with torch.device("meta"):
        module = make(config)
    weights = {name.removeprefix("text_model."): tensor for name, tensor in load_file(files[0]).items()}
    for name in not_needed:
        weights.pop(name, None)
    wanted = module.state_dict()
    if {name: tensor.shape for name, tensor in weights.items()} != {name: each.shape for name, each in wanted.items()}:
        return None
    module.load_state_dict({name: tensor.to(dtype) for name, tensor in weights.items()}, assign=True)
    return module.eval()
