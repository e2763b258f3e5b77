"""Latents of all panels, encoded once: the frozen VAE would otherwise cost as much as the U-Net's own step."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save
from torch import Tensor

from illinstr import files
from illinstr.articles import Article
from illinstr.diffusion.autoencoder import encode_panels
from illinstr.training.data import panels_of

CHUNK_PANELS = 96
VERSION = "1"  # raise when what is stored changes


def cache_folder() -> Path:
    """Where encoded latents are kept: ``ILLINSTR_CACHE``, or the user's cache folder."""
    base = os.environ.get("ILLINSTR_CACHE") or os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "illinstr" / "latents"


def _key(articles: Sequence[Article], vae: Any, panel_px: int) -> str:
    """Hash over everything the latents depend on: pictures, transform, VAE weights."""
    digest = hashlib.sha256(f"{VERSION} {panel_px} {vae.config.scaling_factor}".encode())
    for article in articles:
        for step in article.steps:
            digest.update((step.image.sha256 if step.image else "").encode())
    for tensor in vae.state_dict().values():
        digest.update(tensor.detach().float().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:32]


@torch.no_grad()
def encode_articles(articles: Sequence[Article], vae: Any, panel_px: int, device: str, what: str) -> list[Tensor]:
    """Scaled posterior means, one float16 tensor (n, c, h, w) an article; read from the cache when it has them."""
    path = cache_folder() / f"{_key(articles, vae, panel_px)}.safetensors"
    if path.exists():
        flat = load_file(path)["latents"]
    else:
        flat = _encode(articles, vae, panel_px, device)
        files.write_bytes(path, save({"latents": flat}, metadata={"what": what}))
    return list(flat.split([article.num_steps for article in articles]))


def _encode(articles: Sequence[Article], vae: Any, panel_px: int, device: str) -> Tensor:
    done: list[Tensor] = []
    pending: list[Tensor] = []

    def flush() -> None:
        panels = torch.cat(pending).to(device).contiguous(memory_format=torch.channels_last)
        done.append(encode_panels(vae, panels).half().cpu())
        pending.clear()

    for article in articles:
        pending.append(panels_of(article, panel_px))
        if sum(len(panels) for panels in pending) >= CHUNK_PANELS:
            flush()
    if pending:
        flush()
    return torch.cat(done).contiguous()
