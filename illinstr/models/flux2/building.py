"""A new FLUX.2 of any size beside an autoencoder and a text encoder that are there already.

The class is the one of FLUX.2 klein's released folders, so what is trained small is read, drawn and trained further by
the code that serves the large one. Latents are the autoencoder's own, folded 2x2; the pipeline normalises them by the
running statistics of a batch norm, which ``set_statistics`` measures.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from illinstr.models.flux2.backbone import PATCH

_SHARED = (
    "block_out_channels",
    "down_block_types",
    "up_block_types",
    "latent_channels",
    "layers_per_block",
    "norm_num_groups",
    "sample_size",
    "mid_block_add_attention",
    "use_quant_conv",
    "use_post_quant_conv",
    "act_fn",
    "in_channels",
    "out_channels",
)


@dataclass(frozen=True)
class NewShape:
    """Size of a new transformer: heads of ``head_dim`` channels, blocks of either kind, width of the MLPs."""

    heads: int
    head_dim: int
    double_blocks: int
    single_blocks: int
    mlp_ratio: float


def flux2_autoencoder(vae: Any) -> Any:
    """An ``AutoencoderKL`` as an ``AutoencoderKLFlux2`` of the same weights, statistics still those of nothing."""
    from diffusers import AutoencoderKLFlux2

    made = AutoencoderKLFlux2(**{name: vae.config[name] for name in _SHARED})
    missing, unexpected = made.load_state_dict(vae.state_dict(), strict=False)
    if unexpected or any(not name.startswith("bn.") for name in missing):
        raise ValueError(f"not the same autoencoder: {[*missing, *unexpected][:3]}")
    return made.eval()


def set_statistics(vae: Any, folded_nchw: Tensor) -> None:
    """Normalise by folded latents (n, 4c, h, w) of a sample: the mean of each channel, one variance for all.

    One variance leaves faint channels faint: they hold fine detail, which the loss should weigh less.
    """
    mean = folded_nchw.mean(dim=(0, 2, 3))
    variance = (folded_nchw - mean[:, None, None]).square().mean()
    vae.bn.running_mean.copy_(mean)
    vae.bn.running_var.fill_(float(variance) - float(vae.config.batch_norm_eps))


def new_pipeline(vae: Any, text_encoder: Any, tokenizer: Any, shape: NewShape, *, text_dim: int, shift: float) -> Any:
    """A ``Flux2KleinPipeline`` with a new transformer, whose last layer starts at zero.

    Args:
        vae: an ``AutoencoderKLFlux2``.
        text_encoder: gives hidden layers.
        tokenizer: a chat template that is the text itself is added.
        shape: of the transformer.
        text_dim: width of the hidden layers that are read, side by side.
        shift: of the noise levels when drawing.
    """
    from diffusers import FlowMatchEulerDiscreteScheduler, Flux2KleinPipeline, Flux2Transformer2DModel

    tokenizer.chat_template = "{{ messages[0]['content'] }}"
    transformer = Flux2Transformer2DModel(
        patch_size=1,
        in_channels=int(vae.config.latent_channels) * PATCH**2,
        num_layers=shape.double_blocks,
        num_single_layers=shape.single_blocks,
        attention_head_dim=shape.head_dim,
        num_attention_heads=shape.heads,
        joint_attention_dim=text_dim,
        timestep_guidance_channels=128,
        mlp_ratio=shape.mlp_ratio,
        axes_dims_rope=(shape.head_dim // 4,) * 4,
        guidance_embeds=False,
    )
    nn.init.zeros_(transformer.proj_out.weight)
    scheduler = FlowMatchEulerDiscreteScheduler(shift=shift)
    return Flux2KleinPipeline(
        scheduler=scheduler, vae=vae, text_encoder=text_encoder, tokenizer=tokenizer, transformer=transformer
    )


@torch.no_grad()
def scale_text_input(pipe: Any, spread: float) -> None:
    """Divide the new text projection by the spread of the text encoder's hidden layers, which may be far from 1."""
    pipe.transformer.context_embedder.weight.div_(spread)
