"""A tiny real model folder with random weights: the same files and classes as the embedded model, a few thousand
weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from illinstr import files
from illinstr.diffusion.schedule import NoiseConfig, training_scheduler
from illinstr.models.settings import StackedSettings
from illinstr.models.stable_diffusion.saving import save_folder
from illinstr.ownership import MODEL
from illinstr.training.tasks.clip_tokenizer import EOS, MAX_TOKENS, write_tokenizer

TEXTS = ["How to make apple juice", "Wash the apple", "Cut it in half", "Blend it", "Pour it into a glass"]
PANEL_PX = 32


def tiny_components(folder: Path, *, seed: int = 0) -> dict[str, Any]:
    """UNet (8 latent px a panel), VAE (4x down), CLIP text encoder, tokenizer and scheduler, random weights."""
    import torch
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    vocab = write_tokenizer(folder, TEXTS, max_merges=30)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        unet = UNet2DConditionModel(
            sample_size=8,
            in_channels=4,
            out_channels=4,
            down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
            block_out_channels=(16, 32),
            layers_per_block=1,
            attention_head_dim=(2, 2),
            norm_num_groups=8,
            cross_attention_dim=32,
        )
        # diffusers leaves the output layer small; a lively one makes "nothing changed" tests mean something.
        torch.nn.init.normal_(unet.conv_out.weight, std=0.1)
        vae = AutoencoderKL(
            down_block_types=("DownEncoderBlock2D",) * 3,
            up_block_types=("UpDecoderBlock2D",) * 3,
            block_out_channels=(8, 8, 16),
            layers_per_block=1,
            latent_channels=4,
            norm_num_groups=4,
            mid_block_add_attention=False,
            sample_size=PANEL_PX,
            scaling_factor=1.0,
        )
        text_encoder = CLIPTextModel(
            CLIPTextConfig(
                vocab_size=len(vocab),
                hidden_size=32,
                intermediate_size=64,
                num_hidden_layers=2,
                num_attention_heads=2,
                max_position_embeddings=MAX_TOKENS,
                bos_token_id=vocab[EOS] - 1,
                eos_token_id=vocab[EOS],
                pad_token_id=vocab[EOS],
            )
        )
    return {
        "unet": unet,
        "vae": vae,
        "text_encoder": text_encoder,
        "tokenizer": CLIPTokenizer.from_pretrained(folder),
        "scheduler": training_scheduler(NoiseConfig()),
    }


def make_tiny_model(folder: Path, *, seed: int = 0, **settings: Any) -> Path:
    """Write the folder atomically and return it; ``settings`` override ``StackedSettings``."""
    chosen = {"panel_px": PANEL_PX, "sampling_steps": 4, "trained_steps": (2, 6), **settings}
    with files.atomic_folder(folder, MODEL) as target:
        scratch = target / "scratch"
        scratch.mkdir()
        parts = tiny_components(scratch, seed=seed)
        for file in scratch.iterdir():
            file.unlink()
        scratch.rmdir()
        save_folder(target, settings=StackedSettings(**chosen), **parts)
    return folder
