"""Stable Diffusion in small: the files and config keys of a 1.5 or 2.1 repository, sizes that train in seconds.

Configs hold the keys that the published ones hold, and no others: those of version 0.6.0 of diffusers know no scaling
factor, no prediction type, and the size of the images the original draws. A mirror is the same model, saved again by a
later version: more keys, other values for some, the same weights.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from illinstr.training.tasks.clip_tokenizer import BOS, EOS, MAX_TOKENS, write_tokenizer

SD_PANEL_PX = 64  # 8x down in the VAE, 8x in the U-Net: one position a panel at the bottom
TEXTS = ["How to paint red green blue yellow shapes", "draw the circle", "draw the square", "draw the cross", "the bar"]

# The released scheduler configs, key by key.
SCHEDULERS: dict[str, dict[str, Any]] = {
    "1.5": {
        "_class_name": "PNDMScheduler",
        "_diffusers_version": "0.6.0",
        "beta_end": 0.012,
        "beta_schedule": "scaled_linear",
        "beta_start": 0.00085,
        "clip_sample": False,
        "num_train_timesteps": 1000,
        "set_alpha_to_one": False,
        "skip_prk_steps": True,
        "steps_offset": 1,
        "trained_betas": None,
    },
    "2.1": {
        "_class_name": "DDIMScheduler",
        "_diffusers_version": "0.8.0",
        "beta_end": 0.012,
        "beta_schedule": "scaled_linear",
        "beta_start": 0.00085,
        "clip_sample": False,
        "num_train_timesteps": 1000,
        "prediction_type": "v_prediction",
        "rescale_betas_zero_snr": True,
        "set_alpha_to_one": False,
        "skip_prk_steps": True,
        "steps_offset": 1,
        "timestep_spacing": "trailing",
        "trained_betas": None,
    },
}


# The keys of the released configs.
UNET_KEYS = {
    "act_fn",
    "attention_head_dim",
    "block_out_channels",
    "center_input_sample",
    "cross_attention_dim",
    "down_block_types",
    "downsample_padding",
    "flip_sin_to_cos",
    "freq_shift",
    "in_channels",
    "layers_per_block",
    "mid_block_scale_factor",
    "norm_eps",
    "norm_num_groups",
    "out_channels",
    "sample_size",
    "up_block_types",
}
VAE_KEYS = {
    "act_fn",
    "block_out_channels",
    "down_block_types",
    "in_channels",
    "latent_channels",
    "layers_per_block",
    "norm_num_groups",
    "out_channels",
    "sample_size",
    "up_block_types",
}
VERSIONS = {"1.5": "0.6.0", "2.1": "0.10.0.dev0"}


def as_published(file: Path, keys: set[str], version: str) -> None:
    """Rewrite a config with the keys its published counterpart has, and the version that wrote that."""
    settings = json.loads(file.read_text())
    kept = {name: settings[name] for name in ("_class_name", *sorted(keys)) if name in settings}
    file.write_text(json.dumps({**kept, "_diffusers_version": version}, indent=2))


def make_mirror(base: Path, folder: Path) -> Path:
    """The base as a mirror holds it: loaded and saved again by the installed diffusers."""
    from diffusers import StableDiffusionPipeline

    pipe = StableDiffusionPipeline.from_pretrained(
        base, use_safetensors=True, safety_checker=None, feature_extractor=None, requires_safety_checker=False
    )
    pipe.save_pretrained(folder)
    return folder


def make_tiny_sd(folder: Path, *, version: str = "1.5", seed: int = 0) -> Path:
    """Write a Stable-Diffusion-shaped repository with random weights; ``version`` is 1.5 (epsilon) or 2.1 (v)."""
    import torch

    folder.mkdir(parents=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        _write_unet(folder / "unet", version)
        _write_vae(folder / "vae")
        vocab = write_tokenizer(folder / "tokenizer", TEXTS, max_merges=40)
        specials = dict.fromkeys(("eos_token", "pad_token", "unk_token"), EOS)
        _write_json(folder / "tokenizer" / "special_tokens_map.json", {"bos_token": BOS, **specials})
        _write_text_encoder(folder / "text_encoder", vocab, version)
        if version == "1.5":
            _write_safety_checker(folder)
    _write_json(folder / "scheduler" / "scheduler_config.json", SCHEDULERS[version])
    index = {
        "_class_name": "StableDiffusionPipeline",
        "_diffusers_version": "0.6.0",
        "feature_extractor": ["transformers", "CLIPImageProcessor"] if version == "1.5" else [None, None],
        "safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"] if version == "1.5" else [None, None],
        "scheduler": ["diffusers", SCHEDULERS[version]["_class_name"]],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }
    _write_json(folder / "model_index.json", index)
    return folder


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2))


def _write_unet(folder: Path, version: str) -> None:
    from diffusers import UNet2DConditionModel

    UNet2DConditionModel(
        act_fn="silu",
        attention_head_dim=4 if version == "1.5" else (1, 2, 2, 2),
        block_out_channels=(16, 16, 32, 32),
        center_input_sample=False,
        cross_attention_dim=32,
        down_block_types=("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
        downsample_padding=1,
        flip_sin_to_cos=True,
        freq_shift=0,
        in_channels=4,
        layers_per_block=1,
        mid_block_scale_factor=1,
        norm_eps=1e-05,
        norm_num_groups=8,
        out_channels=4,
        sample_size=64 if version == "1.5" else 96,
        up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
        use_linear_projection=version == "2.1",
    ).save_pretrained(folder)
    more = {"use_linear_projection", "dual_cross_attention", "only_cross_attention", "num_class_embeds"}
    as_published(folder / "config.json", UNET_KEYS | (more if version == "2.1" else set()), VERSIONS[version])


def _write_vae(folder: Path) -> None:
    from diffusers import AutoencoderKL

    AutoencoderKL(
        act_fn="silu",
        block_out_channels=(4, 8, 8, 8),
        down_block_types=("DownEncoderBlock2D",) * 4,
        in_channels=3,
        latent_channels=4,
        layers_per_block=1,
        norm_num_groups=4,
        out_channels=3,
        sample_size=512,
        up_block_types=("UpDecoderBlock2D",) * 4,
    ).save_pretrained(folder)
    as_published(folder / "config.json", VAE_KEYS, "0.6.0")


def _write_text_encoder(folder: Path, vocab: dict[str, int], version: str) -> None:
    from transformers import CLIPTextConfig, CLIPTextModel

    config = CLIPTextConfig(
        attention_dropout=0.0,
        bos_token_id=vocab[EOS] - 1,
        dropout=0.0,
        eos_token_id=vocab[EOS],
        hidden_act="quick_gelu" if version == "1.5" else "gelu",
        hidden_size=32,
        intermediate_size=64,
        max_position_embeddings=MAX_TOKENS,
        num_attention_heads=2,
        num_hidden_layers=2,
        pad_token_id=vocab[EOS],
        projection_dim=32,
        vocab_size=len(vocab),
    )
    CLIPTextModel(config).save_pretrained(folder)


def _write_safety_checker(folder: Path) -> None:
    from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
    from transformers import CLIPConfig

    size = {"hidden_size": 16, "intermediate_size": 16, "num_attention_heads": 2, "num_hidden_layers": 1}
    vision = {**size, "image_size": 32, "patch_size": 16}
    config = CLIPConfig(text_config={**size, "vocab_size": 64}, vision_config=vision, projection_dim=8)
    StableDiffusionSafetyChecker(config).save_pretrained(folder / "safety_checker")
    _write_json(
        folder / "feature_extractor" / "preprocessor_config.json",
        {
            "crop_size": 224,
            "do_center_crop": True,
            "do_convert_rgb": True,
            "do_normalize": True,
            "do_resize": True,
            "feature_extractor_type": "CLIPFeatureExtractor",
            "image_mean": [0.48145466, 0.4578275, 0.40821073],
            "image_std": [0.26862954, 0.26130258, 0.27577711],
            "resample": 3,
            "size": 224,
        },
    )
