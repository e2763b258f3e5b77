"""Proof by perturbation, on the weights a user has: what a panel's prediction depends on.

A text or an image is changed and one panel's prediction is compared before and after. With one block of the model the
own text must move a panel, another step's must leave it exactly as it was, another panel's image must move it. With all
blocks and the panels parted from each other another step's text must still not arrive, by any number of hops. The
control, without routing, must show that the change is one that a panel would notice.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from illinstr.errors import ModelError
from illinstr.models.backbone import Backbone
from illinstr.models.prompt import CanvasText, PromptEmbeds
from illinstr.models.transformer import Transformer

STEPS = ("Boil the water", "Pour it over the leaves", "Take the leaves out", "Serve it in a cup")
LOOK, OTHER = 0, 2  # the panel that is looked at, and the one whose text or image changes
TOKENS_A_SIDE = 4


@dataclass(frozen=True)
class Finding:
    """One row of the table.

    Attributes:
        blocks: how much of the model: one block, or all.
        attention: routed, parted (routed, the panels apart), or joint (the control).
        changed: what was changed.
        change: the largest change of the panel's prediction.
        moves: whether it must move; else it must stay exactly as it was.
    """

    blocks: str
    attention: str
    changed: str
    change: float
    moves: bool

    @property
    def holds(self) -> bool:
        """Whether it is as it must be."""
        return self.change > 0 if self.moves else self.change == 0

    @property
    def line(self) -> str:
        """For a table on a terminal."""
        expected = "moves" if self.moves else "stays"
        verdict = "ok" if self.holds else "FAILED"
        return f"{self.blocks:10} {self.attention:10} {self.changed:22} {self.change:9.1e}  {expected}  {verdict}"


def prove(backbone: Backbone) -> list[Finding]:
    """The table for one loaded model.

    A U-Net passes images on from panel to panel at all its levels, and text with them: there the first layer that reads
    text is looked at, and nothing can be parted.

    Raises:
        ModelError: the model reads one text for all, or its family has no such proof.
    """
    if backbone.encode([_canvas()]).conditioning == "single":
        raise ModelError(
            f"{backbone.source.model_id} reads one text for all images, so there is nothing to route",
            hint="--prove is for models trained here, SDXL and transformers such as FLUX.2 and Z-Image",
        )
    size = backbone.panel_multiple * TOKENS_A_SIDE if backbone.any_size else backbone.settings.panel_px
    settings = backbone.settings.model_copy(update={"panel_px": size, "conditioning": "routed"})
    routed = replace(backbone, settings=settings)
    joint = replace(backbone, settings=settings.model_copy(update={"conditioning": "joint"}))
    with backbone.shallow():
        findings = list(_rows(routed, "one block", "routed"))
        findings += [row for row in _rows(joint, "one block", "joint") if row.changed == "another step's text"]
    if isinstance(routed, Transformer):
        findings += [row for row in _rows(replace(routed, isolate=True), "all", "parted") if "text" in row.changed]
    return findings


@torch.no_grad()
def _rows(backbone: Backbone, blocks: str, attention: str) -> Iterator[Finding]:
    device = next(next(iter(backbone.modules("denoiser").values())).parameters()).device
    shape = (1, len(STEPS), *backbone.latent_shape(backbone.settings.panel_px))
    images = torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(device)
    prompt = backbone.encode([_canvas()])
    other = images.clone()
    other[:, OTHER] = -other[:, OTHER]

    def look(panels: Tensor, text: PromptEmbeds) -> Tensor:
        timestep = torch.full((1,), 500.0, device=device)
        return backbone.predict(panels, timestep, text)[0, LOOK]

    before = look(images, prompt)
    changes = {
        "own text": look(images, _changed(prompt, LOOK + 1)),
        "the goal's text": look(images, _changed(prompt, 0)),
        "another step's text": look(images, _changed(prompt, OTHER + 1)),
        "another panel's image": look(other, prompt),
    }
    for changed, after in changes.items():
        moves = attention == "joint" or changed != "another step's text"
        yield Finding(blocks, attention, changed, float((after - before).abs().max()), moves)


def _canvas() -> CanvasText:
    return CanvasText("How to make tea", STEPS, tuple(range(1, len(STEPS) + 1)))


def _changed(prompt: PromptEmbeds, slot: int) -> PromptEmbeds:
    tokens = prompt.tokens.clone()
    tokens[:, slot] = -tokens[:, slot]  # of the same length, so that nothing else changes
    return replace(prompt, tokens=tokens)
