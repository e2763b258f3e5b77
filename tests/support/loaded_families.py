"""Backbones of tiny random families, each variant made and loaded once, and what tests ask of them."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from illinstr.models.backbone import Backbone
from illinstr.models.loading import load_backbone
from illinstr.models.prompt import CanvasText, PromptEmbeds
from tests.support.tiny_families import PX, make_family

TRANSFORMERS = ("flux2", "z_image", "qwen_image", "flux1", "stable_diffusion_3")
FAMILIES = (*TRANSFORMERS, "sdxl")
CLEAN = ("flux2",)  # whose held panels are given clean
TEXT = 128  # tokens that FLUX.2's text is filled up to here; 512 as released
GOAL, STEPS = "How to make tea", ("Boil water", "Pour it over the leaves", "Serve it in a cup", "Drink")


class LoadedFamilies:
    """Loads a family's backbone on the CPU; settings may differ from call to call.

    Args:
        root: where the folders go.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.loaded: dict[tuple[Any, ...], Backbone] = {}

    def __call__(
        self, name: str, settings: dict[str, Any] | None = None, *, dtype: torch.dtype = torch.float32, **options: Any
    ) -> Backbone:
        key = (name, dtype, *sorted(options.items()))
        if key not in self.loaded:
            folder = self.root / "-".join(str(part) for part in (name, *sum(sorted(options.items()), ())))
            if not folder.exists():
                make_family(name, folder, **options)
            loaded: Any = load_backbone(str(folder), dtype=dtype)
            loaded.to("cpu")
            if name == "flux2":
                loaded.pipe.tokenizer_max_length = TEXT  # 28 layers over 512 tokens take seconds
            self.loaded[key] = loaded
        changed = self.loaded[key].settings.model_copy(update={"panel_px": PX, **(settings or {})})
        return dataclasses.replace(self.loaded[key], settings=changed)


def canvas(steps: tuple[str, ...] = STEPS, goal: str = GOAL) -> CanvasText:
    """The text of one canvas."""
    return CanvasText(goal, steps, tuple(range(1, len(steps) + 1)))


def panels_of(backbone: Backbone, m: int, seed: int = 0) -> Tensor:
    """Latents of one canvas, (1, m, c, h, w)."""
    return torch.randn(1, m, *backbone.latent_shape(PX), generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
def predicted(backbone: Backbone, panels: Tensor, prompt: PromptEmbeds, t: float = 500.0) -> Tensor:
    """One prediction of one canvas, (m, c, h, w)."""
    return backbone.predict(panels, torch.tensor([t]), prompt)[0]


def changes(backbone: Backbone) -> dict[str, Tensor]:
    """How far each of four panels' prediction moves, (m,), when a text or an image changes."""
    panels, prompt = panels_of(backbone, 4), backbone.encode([canvas()])
    before = predicted(backbone, panels, prompt)
    assert torch.isfinite(before).all()
    moved = {}
    for name, slot in (("goal", 0), ("first step", 1), ("third step", 3)):
        tokens = prompt.tokens.clone()
        tokens[:, slot] += torch.randn(tokens[:, slot].shape, generator=torch.Generator().manual_seed(1))
        moved[name] = predicted(backbone, panels, dataclasses.replace(prompt, tokens=tokens)) - before
    other = panels.clone()
    other[:, 2] += torch.randn(other[:, 2].shape, generator=torch.Generator().manual_seed(2))
    moved["third image"] = predicted(backbone, other, prompt) - before
    return {name: change.abs().amax((1, 2, 3)) for name, change in moved.items()}
