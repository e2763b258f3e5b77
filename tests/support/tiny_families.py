"""Model folders of real families in small: written by the family's own diffusers pipeline, config files as released.

Every key of the released configs that decides how the model is used is there with its released value (hidden layers
taken, shifts, folding, positions); sizes alone are small. Weights are random, and lively: diffusion transformers begin
with gates at zero, where nothing depends on anything.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from illinstr.training.tasks.clip_tokenizer import EOS, MAX_TOKENS, write_tokenizer

PX = 32  # of a panel in tests: 2x2 or 4x4 image tokens
# What the released Qwen3 tokenizers do for one message of a user, with and without thinking.
QWEN3_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}"
    "{% if enable_thinking is defined and enable_thinking is false %}{{ '<think>\\n\\n</think>\\n\\n' }}{% endif %}"
    "{% endif %}"
)
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<think>", "</think>"]


def lively(module: torch.nn.Module) -> torch.nn.Module:
    """Give weights that begin at zero a small random value, and padding tokens too."""
    for parameter in module.parameters():
        if float(parameter.detach().abs().max()) == 0 and (parameter.dim() > 1 or parameter.numel() > 64):
            torch.nn.init.normal_(parameter, std=0.05)
    return module


def qwen_tokenizer() -> Any:
    """A byte-level tokenizer of Qwen's class and special tokens, without merges."""
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import Qwen2Tokenizer

    vocab = {token: index for index, token in enumerate(sorted(ByteLevel.alphabet()))}
    tokenizer = Qwen2Tokenizer(vocab=vocab, merges=[])
    tokenizer.add_special_tokens({"additional_special_tokens": SPECIAL[1:]})
    tokenizer.pad_token = SPECIAL[0]
    tokenizer.chat_template = QWEN3_TEMPLATE
    return tokenizer


def _qwen3(kind: str, vocab: int, layers: int) -> Any:
    import transformers

    config = transformers.Qwen3Config(
        vocab_size=vocab,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=layers,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=8,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
    )
    return getattr(transformers, kind)(config).eval()


def _vae(**options: Any) -> dict[str, Any]:
    return {
        "block_out_channels": (8, 8, 8, 8),
        "down_block_types": ("DownEncoderBlock2D",) * 4,
        "up_block_types": ("UpDecoderBlock2D",) * 4,
        "layers_per_block": 1,
        "norm_num_groups": 4,
        **options,
    }


def flux2(folder: Path, *, distilled: bool = True, layers: int = 2) -> Path:
    """FLUX.2 klein: 4B where ``distilled``, base-4B where not."""
    from diffusers import (
        AutoencoderKLFlux2,
        FlowMatchEulerDiscreteScheduler,
        Flux2KleinPipeline,
        Flux2Transformer2DModel,
    )

    tokenizer = qwen_tokenizer()
    transformer = Flux2Transformer2DModel(
        patch_size=1,
        in_channels=16,
        num_layers=(layers + 1) // 2,
        num_single_layers=layers // 2,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=48,
        timestep_guidance_channels=16,
        axes_dims_rope=(4, 4, 4, 4),
        guidance_embeds=False,
    )
    vae = AutoencoderKLFlux2(**_vae(latent_channels=4))
    vae.bn.running_mean.normal_(std=0.2)
    vae.bn.running_var.uniform_(0.5, 2)
    pipe = Flux2KleinPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(
            shift=3.0, use_dynamic_shifting=True, time_shift_type="exponential", base_shift=0.5, max_shift=1.15
        ),
        vae=vae,
        text_encoder=_qwen3("Qwen3ForCausalLM", len(tokenizer), 28),
        tokenizer=tokenizer,
        transformer=lively(transformer),
        is_distilled=distilled,
    )
    pipe.save_pretrained(folder)
    return folder


def z_image(folder: Path, *, turbo: bool = True, layers: int = 2) -> Path:
    """Z-Image-Turbo, or the base model, which differs by its scheduler's shift."""
    from diffusers import AutoencoderKL, FlowMatchEulerDiscreteScheduler, ZImagePipeline, ZImageTransformer2DModel

    tokenizer = qwen_tokenizer()
    transformer = ZImageTransformer2DModel(
        in_channels=4,
        dim=32,
        n_layers=layers,
        n_refiner_layers=2,
        n_heads=2,
        n_kv_heads=2,
        cap_feat_dim=16,
        axes_dims=[4, 6, 6],
        axes_lens=[1024, 512, 512],
    )
    pipe = ZImagePipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0 if turbo else 6.0),
        vae=AutoencoderKL(**_vae(latent_channels=4, scaling_factor=0.3611, shift_factor=0.1159)),
        text_encoder=_qwen3("Qwen3Model", len(tokenizer), 3),
        tokenizer=tokenizer,
        transformer=lively(transformer),
    )
    for name in ("x_pad_token", "cap_pad_token"):
        torch.nn.init.normal_(getattr(transformer, name))
    pipe.save_pretrained(folder)
    return folder


def sdxl(folder: Path) -> Path:
    """SDXL base 1.0."""
    from diffusers import AutoencoderKL, EulerDiscreteScheduler, StableDiffusionXLPipeline, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

    folder.mkdir(parents=True)
    vocab = write_tokenizer(folder / "made", ["How to make tea", "boil the water", "pour it", "serve"], max_merges=20)
    tokenizer = CLIPTokenizer.from_pretrained(folder / "made")
    text = CLIPTextConfig(
        vocab_size=len(vocab),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=3,
        num_attention_heads=2,
        max_position_embeddings=MAX_TOKENS,
        projection_dim=16,
        bos_token_id=vocab[EOS] - 1,
        eos_token_id=vocab[EOS],
        pad_token_id=vocab[EOS],
    )
    unet = UNet2DConditionModel(
        sample_size=PX // 8,
        block_out_channels=(16, 32, 32),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        layers_per_block=1,
        transformer_layers_per_block=(1, 2, 2),
        attention_head_dim=(1, 2, 2),
        cross_attention_dim=32,
        norm_num_groups=8,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=6 * 8 + 16,
        use_linear_projection=True,
    )
    torch.nn.init.normal_(unet.conv_out.weight, std=0.1)
    pipe = StableDiffusionXLPipeline(
        vae=AutoencoderKL(**_vae(latent_channels=4, scaling_factor=0.13025, force_upcast=True)),
        text_encoder=CLIPTextModel(text).eval(),
        text_encoder_2=CLIPTextModelWithProjection(text).eval(),
        tokenizer=tokenizer,
        tokenizer_2=tokenizer,
        unet=unet,
        scheduler=EulerDiscreteScheduler(
            beta_start=0.00085,
            beta_end=0.012,
            beta_schedule="scaled_linear",
            steps_offset=1,
            timestep_spacing="leading",
        ),
        add_watermarker=False,
    )
    pipe.save_pretrained(folder)
    for file in (folder / "made").iterdir():
        file.unlink()
    (folder / "made").rmdir()
    return folder


MAKERS: dict[str, Callable[..., Path]] = {"flux2": flux2, "z_image": z_image, "sdxl": sdxl}


def make_family(name: str, folder: Path, **options: Any) -> Path:
    """Write the folder of a family with fixed random weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = MAKERS[name](folder, **options)
    assert json.loads((made / "model_index.json").read_text())["_class_name"]
    return made
