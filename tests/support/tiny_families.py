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

from tests.support.tiny_encoders import (
    WIDTH,
    clip,
    clip_tokenizer,
    qwen3,
    qwen25_vl,
    qwen_tokenizer,
    t5,
    t5_tokenizer,
    vae_config,
)

PX = 32  # of a panel in tests: 2x2 or 4x4 image tokens


def lively(module: torch.nn.Module) -> torch.nn.Module:
    """Give weights that begin at zero a small random value, and padding tokens too."""
    for parameter in module.parameters():
        if float(parameter.detach().abs().max()) == 0 and (parameter.dim() > 1 or parameter.numel() > 64):
            torch.nn.init.normal_(parameter, std=0.05)
    return module


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
    vae = AutoencoderKLFlux2(**vae_config(latent_channels=4))
    vae.bn.running_mean.normal_(std=0.2)
    vae.bn.running_var.uniform_(0.5, 2)
    pipe = Flux2KleinPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(
            shift=3.0, use_dynamic_shifting=True, time_shift_type="exponential", base_shift=0.5, max_shift=1.15
        ),
        vae=vae,
        text_encoder=qwen3("Qwen3ForCausalLM", len(tokenizer), 28),
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
        vae=AutoencoderKL(**vae_config(latent_channels=4, scaling_factor=0.3611, shift_factor=0.1159)),
        text_encoder=qwen3("Qwen3Model", len(tokenizer), 3),
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

    tokenizer = clip_tokenizer(folder / "made")
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
        vae=AutoencoderKL(**vae_config(latent_channels=4, scaling_factor=0.13025, force_upcast=True)),
        text_encoder=clip("CLIPTextModel", tokenizer),
        text_encoder_2=clip("CLIPTextModelWithProjection", tokenizer),
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
    return folder


def qwen_image(folder: Path, *, layers: int = 2) -> Path:
    """Qwen-Image."""
    from diffusers import (
        AutoencoderKLQwenImage,
        FlowMatchEulerDiscreteScheduler,
        QwenImagePipeline,
        QwenImageTransformer2DModel,
    )

    tokenizer = qwen_tokenizer()
    transformer = QwenImageTransformer2DModel(
        patch_size=2,
        in_channels=64,
        out_channels=16,
        num_layers=layers,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=WIDTH,
        guidance_embeds=False,
        axes_dims_rope=(4, 6, 6),
    )
    pipe = QwenImagePipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(
            base_image_seq_len=256,
            base_shift=0.5,
            max_image_seq_len=8192,
            max_shift=0.9,
            shift=1.0,
            shift_terminal=0.02,
            time_shift_type="exponential",
            use_dynamic_shifting=True,
        ),
        vae=AutoencoderKLQwenImage(base_dim=8, z_dim=16, dim_mult=[1, 1, 1, 1], num_res_blocks=1),
        text_encoder=qwen25_vl(len(tokenizer)),
        tokenizer=tokenizer,
        transformer=lively(transformer),
    )
    pipe.save_pretrained(folder)
    return folder


def flux1(folder: Path, *, distilled: bool = False, layers: int = 2) -> Path:
    """FLUX.1 [dev], or [schnell] where ``distilled``: no guidance input, no shift."""
    from diffusers import AutoencoderKL, FlowMatchEulerDiscreteScheduler, FluxPipeline, FluxTransformer2DModel

    tokenizer, tokenizer_2 = clip_tokenizer(folder / "made"), t5_tokenizer()
    transformer = FluxTransformer2DModel(
        patch_size=1,
        in_channels=16,
        num_layers=(layers + 1) // 2,
        num_single_layers=layers // 2,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=WIDTH,
        pooled_projection_dim=WIDTH,
        guidance_embeds=not distilled,
        axes_dims_rope=(4, 6, 6),
    )
    shifts = {"shift": 1.0} if distilled else {"shift": 3.0, "use_dynamic_shifting": True}
    pipe = FluxPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(
            base_image_seq_len=256, max_image_seq_len=4096, base_shift=0.5, max_shift=1.15, **shifts
        ),
        vae=AutoencoderKL(
            **vae_config(
                latent_channels=4,
                scaling_factor=0.3611,
                shift_factor=0.1159,
                use_quant_conv=False,
                use_post_quant_conv=False,
            )
        ),
        text_encoder=clip("CLIPTextModel", tokenizer),
        text_encoder_2=t5(len(tokenizer_2)),
        tokenizer=tokenizer,
        tokenizer_2=tokenizer_2,
        transformer=lively(transformer),
    )
    pipe.save_pretrained(folder)
    return folder


def stable_diffusion_3(folder: Path, *, layers: int = 2) -> Path:
    """Stable Diffusion 3.5 medium: some blocks have a second attention of the images alone."""
    from diffusers import (
        AutoencoderKL,
        FlowMatchEulerDiscreteScheduler,
        SD3Transformer2DModel,
        StableDiffusion3Pipeline,
    )

    tokenizer, tokenizer_3 = clip_tokenizer(folder / "made"), t5_tokenizer()
    transformer = SD3Transformer2DModel(
        sample_size=PX // 8,
        patch_size=2,
        in_channels=4,
        out_channels=4,
        num_layers=layers,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=4 * WIDTH,
        caption_projection_dim=32,
        pooled_projection_dim=2 * WIDTH,
        pos_embed_max_size=96,
        dual_attention_layers=(0,),
        qk_norm="rms_norm",
    )
    pipe = StableDiffusion3Pipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=AutoencoderKL(
            **vae_config(
                latent_channels=4,
                scaling_factor=1.5305,
                shift_factor=0.0609,
                use_quant_conv=False,
                use_post_quant_conv=False,
            )
        ),
        text_encoder=clip("CLIPTextModelWithProjection", tokenizer),
        text_encoder_2=clip("CLIPTextModelWithProjection", tokenizer),
        text_encoder_3=t5(len(tokenizer_3), 4 * WIDTH),
        tokenizer=tokenizer,
        tokenizer_2=tokenizer,
        tokenizer_3=tokenizer_3,
        transformer=lively(transformer),
    )
    pipe.save_pretrained(folder)
    return folder


MAKERS: dict[str, Callable[..., Path]] = {
    "flux2": flux2,
    "z_image": z_image,
    "sdxl": sdxl,
    "qwen_image": qwen_image,
    "flux1": flux1,
    "stable_diffusion_3": stable_diffusion_3,
}


def make_family(name: str, folder: Path, **options: Any) -> Path:
    """Write the folder of a family with fixed random weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = MAKERS[name](folder, **options)
    assert json.loads((made / "model_index.json").read_text())["_class_name"]
    return made
