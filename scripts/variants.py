"""The denoisers that are tried against the product's, what each costs, and how one is trained in its place.

All of them stand in for the U-Net with its own call signature: noised canvases (b, c, n*h, w) of square panels in, the
prediction out, text laid out as in ``TextCondition``. Data, noise, loss and validation stay those of ``UNetTask``.
"""

from __future__ import annotations

import copy
from bisect import bisect_left
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from illinstr.models.settings import Conditioning
from illinstr.models.stable_diffusion.attention import PanelAttnProcessor, predict
from illinstr.models.stable_diffusion.text import step_code
from illinstr.models.stacking import stack, unstack
from illinstr.training.tasks.stacked.config import UNetConfig
from illinstr.training.tasks.stacked.task import CanvasModel, UNetTask

PANELS = 6  # of the article that costs are counted for
TEXT_TOKENS = 16  # of its goal and of each of its steps
ACROSS = 2  # panels side by side in the grid
HEADS = 4
DEPTH = 6  # blocks of the transformer; its width makes the cost equal
WIDTH_STEP = 8


@dataclass(frozen=True)
class Variant:
    """One denoiser.

    Attributes:
        name: in folders and tables.
        what: in words.
        network: what computes the prediction.
        settings: what differs from the preset ``mini-unet``.
    """

    name: str
    what: str
    network: Literal["column", "grid", "transformer"] = "column"
    settings: tuple[str, ...] = ()


REFERENCE = "column-routed"
MIN_SNR = ("noise.min_snr_gamma=5.0", "noise.min_snr_floor=0.1")
VARIANTS = (
    Variant(REFERENCE, "the product's: U-Net on one column of panels, a panel reads the goal and its own step"),
    Variant("column-joint", "every panel reads all texts, as in the paper", settings=("stacking.conditioning=joint",)),
    Variant("grid-routed", "the same U-Net, panels two side by side", network="grid"),
    Variant("transformer", "diffusion transformer of equal cost, routed text", network="transformer"),
    Variant("min-snr", "min-SNR weights, gamma 5, never under 0.1", settings=MIN_SNR),
    Variant("no-step-code", "without the code of the step's number", settings=("stacking.step_code=false",)),
)
DEFAULT = tuple(variant.name for variant in VARIANTS if variant.name != "no-step-code")


def panels_in(canvas_bchw: Tensor) -> int:
    """How many square panels lie below one another in a canvas."""
    return canvas_bchw.shape[2] // canvas_bchw.shape[3]


def to_grid(canvas_bchw: Tensor) -> Tensor:
    """(b, c, n*h, w) -> (b, c, ceil(n/2)*h, 2*w), line by line; an odd n leaves a panel of zeros at the end."""
    panels = unstack(canvas_bchw, panels_in(canvas_bchw))
    panels = F.pad(panels, (0, 0, 0, 0, 0, 0, 0, -panels.shape[1] % ACROSS))
    b, n, c, h, w = panels.shape
    lines = panels.reshape(b, n // ACROSS, ACROSS, c, h, w).permute(0, 3, 1, 4, 2, 5)
    return lines.reshape(b, c, n // ACROSS * h, ACROSS * w)


def from_grid(grid_bchw: Tensor, n: int) -> Tensor:
    """The reverse of ``to_grid``: (b, c, ceil(n/2)*h, 2*w) -> (b, c, n*h, w), the empty panel dropped."""
    b, c, height, width = grid_bchw.shape
    rows = -(-n // ACROSS)
    panels = grid_bchw.reshape(b, c, rows, height // rows, ACROSS, width // ACROSS).permute(0, 2, 4, 1, 3, 5)
    return stack(panels.flatten(1, 2)[:, :n])


class GridAttnProcessor(PanelAttnProcessor):
    """Routes on a grid: its positions are put in the order of the column, attended to, and put back.

    The empty panel neither reads nor is read: attention adds nothing to it.
    """

    panels = 1  # of the canvas at hand; ``GridUNet`` says

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
        **_: Any,
    ) -> Tensor:
        """Attend: shapes as in ``PanelAttnProcessor``, positions (b, p, c) those of the grid, line by line."""
        b, positions, _c = hidden_states.shape
        rows = -(-self.panels // ACROSS)
        side = round((positions // (rows * ACROSS)) ** 0.5)
        grid = hidden_states.transpose(1, 2).reshape(b, -1, rows * side, ACROSS * side)
        column = from_grid(grid, self.panels).flatten(2).transpose(1, 2)
        attended = super().__call__(attn, column, encoder_hidden_states, attention_mask)
        canvas = attended.transpose(1, 2).reshape(b, -1, self.panels * side, side)
        return to_grid(canvas).flatten(2).transpose(1, 2)


class GridUNet(nn.Module):
    """A U-Net that sees the panels two side by side, behind the column's interface.

    Convolutions and group norms see an odd article's empty panel as zeros, as they see what lies outside the canvas.
    """

    def __init__(self, unet: Any) -> None:
        super().__init__()
        self.unet = unet
        self.processor = GridAttnProcessor()
        unet.set_attn_processor(self.processor)

    def forward(self, canvas: Tensor, timesteps: Tensor, **kwargs: Any) -> tuple[Tensor]:
        """As UNet2DConditionModel's with ``return_dict=False``."""
        self.processor.panels = panels_in(canvas)
        return (from_grid(self.unet(to_grid(canvas), timesteps, **kwargs)[0], self.processor.panels),)


class PanelTransformer(nn.Module):
    """A diffusion transformer (arXiv 2212.09748) over all positions of all panels, text by cross-attention.

    Blocks, and one modulation by the timestep for all of them (arXiv 2310.00426), are diffusers'; all gates, the
    cross-attentions' and the last layer's output begin at zero (adaLN-zero). Patches are single latents; a position's
    code is that of its place in the panel, in two dimensions, plus that of the panel's number.
    """

    def __init__(self, *, channels: int, text_dim: int, width: int, depth: int = DEPTH) -> None:
        from diffusers.models.attention import BasicTransformerBlock
        from diffusers.models.normalization import AdaLayerNormSingle

        super().__init__()
        self.width = width
        self.proj_in = nn.Linear(channels, width)
        self.modulation = AdaLayerNormSingle(width)
        block = partial(
            BasicTransformerBlock, width, HEADS, width // HEADS, cross_attention_dim=text_dim, attention_bias=True,
            activation_fn="gelu-approximate", norm_type="ada_norm_single", norm_elementwise_affine=False, norm_eps=1e-6,
        )  # fmt: skip
        self.blocks = nn.ModuleList(block() for _ in range(depth))
        self.norm_out = nn.LayerNorm(width, elementwise_affine=False, eps=1e-6)
        self.scale_shift_out = nn.Parameter(torch.zeros(2, width))
        self.proj_out = nn.Linear(width, channels)
        self._begin_at_zero()

    def _begin_at_zero(self) -> None:
        blocks: list[Any] = list(self.blocks)
        silent: list[Any] = [self.modulation.linear, self.proj_out]
        for block in blocks:
            block.attn1.set_processor(PanelAttnProcessor())
            block.attn2.set_processor(PanelAttnProcessor())
            nn.init.zeros_(block.scale_shift_table)
            silent.append(block.attn2.to_out[0])
        for layer in silent:
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(
        self,
        canvas: Tensor,
        timesteps: Tensor,
        *,
        encoder_hidden_states: Tensor,
        encoder_attention_mask: Tensor,
        return_dict: bool = False,
    ) -> tuple[Tensor]:
        """As UNet2DConditionModel's with ``return_dict=False``."""
        side = canvas.shape[3]
        hidden = self.proj_in(canvas.flatten(2).transpose(1, 2))
        hidden = hidden + self._positions(panels_in(canvas), side, canvas.device).to(hidden.dtype)
        bias = torch.zeros_like(encoder_attention_mask, dtype=hidden.dtype)
        bias = bias.masked_fill(~encoder_attention_mask, -10_000.0)[:, None]
        modulation, when = self.modulation(timesteps, hidden_dtype=hidden.dtype)
        for block in self.blocks:
            hidden = block(
                hidden,
                encoder_hidden_states=encoder_hidden_states,
                encoder_attention_mask=bias,
                timestep=modulation,
            )
        shift, scale = (self.scale_shift_out + when[:, None]).chunk(2, dim=1)
        out = self.proj_out(self.norm_out(hidden) * (1 + scale) + shift)
        return (out.transpose(1, 2).reshape(canvas.shape),)

    def _positions(self, n: int, side: int, device: torch.device) -> Tensor:
        """(n*side*side, width): place in the panel plus number of the panel."""
        from diffusers.models.embeddings import get_2d_sincos_pos_embed

        places: Tensor = get_2d_sincos_pos_embed(self.width, side, base_size=side, device=device, output_type="pt")
        numbers = step_code(torch.arange(1, n + 1, device=device), self.width)
        return (numbers[:, None] + places[None]).flatten(0, 1)


def forward_flops(network: nn.Module, *, channels: int, side: int, text_dim: int, conditioning: Conditioning) -> int:
    """Operations (a multiplication and an addition are two) of one pass over a six-panel article.

    Counted, not measured, on a copy without storage. ``side`` is a panel's, in latents.
    """
    texts = {"routed": (PANELS, 2), "joint": (1, 1 + PANELS), "single": (1, 1)}[conditioning]
    length = texts[1] * TEXT_TOKENS
    shadow = copy.deepcopy(network).to("meta").eval()
    with torch.device("meta"), torch.no_grad(), FlopCounterMode(display=False) as counter:
        canvas = torch.zeros(1, channels, PANELS * side, side)
        tokens = torch.zeros(texts[0], length, text_dim)
        mask = torch.ones(texts[0], length, dtype=torch.bool)
        predict(shadow, canvas, torch.zeros(1, dtype=torch.long), tokens, mask)
    return int(counter.get_total_flops())


def transformer_like(unet: Any) -> PanelTransformer:
    """The transformer of ``DEPTH`` blocks whose cost is nearest to that of ``unet``, weights drawn again."""
    text_dim, channels = int(unet.config.cross_attention_dim), int(unet.config.in_channels)
    shape: dict[str, Any] = {"channels": channels, "side": int(unet.config.sample_size), "text_dim": text_dim}
    target = forward_flops(unet, conditioning="routed", **shape)

    def cost(width: int) -> int:
        with torch.device("meta"):
            trial = PanelTransformer(channels=channels, text_dim=text_dim, width=width)
        return forward_flops(trial, conditioning="routed", **shape)

    widths = range(2 * WIDTH_STEP, 4096, WIDTH_STEP)
    place = bisect_left(widths, target, key=cost)
    near = widths[max(place - 1, 0) : place + 1]
    width = min(near, key=lambda each: abs(cost(each) - target))
    return PanelTransformer(channels=channels, text_dim=text_dim, width=width)


class VariantTask(UNetTask):
    """The U-Net's task with another denoiser in it; it draws nothing and its export is the weights alone."""

    def __init__(self, variant: Variant, config: UNetConfig, data: Path, device: str) -> None:
        super().__init__(config, data, device)
        torch.manual_seed(config.train.seed)
        if variant.network == "grid":
            self.unet = GridUNet(self.parts.unet)
        elif variant.network == "transformer":
            self.unet = transformer_like(self.parts.unet)
        self.model = CanvasModel(self.unet, self.parts.text_encoder, config).to(device)

    def validate(self, folder: Path | None, step: int) -> dict[str, float]:
        """Losses alone: the pipeline that draws a grid wants a U-Net of diffusers' own."""
        return super().validate(None, step)

    def export(self, folder: Path) -> None:
        """Write the weights; the config lies beside."""
        weights = {name: tensor.detach().cpu().contiguous() for name, tensor in self.unet.state_dict().items()}
        save_file(weights, folder / "denoiser_model.safetensors")

    def cost(self) -> dict[str, float]:
        """Parameters in millions, and GFLOPs of one pass over a six-panel article."""
        like = self.parts.unet.config
        flops = forward_flops(
            self.unet,
            channels=int(like.in_channels),
            side=int(like.sample_size),
            text_dim=int(like.cross_attention_dim),
            conditioning=self.config.stacking.conditioning,
        )
        parameters = sum(p.numel() for p in self.unet.parameters())
        return {"parameters_m": parameters / 1e6, "gflops": flops / 1e9}
