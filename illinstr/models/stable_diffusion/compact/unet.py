"""UNet2DConditionModel with attention at every level, as a module of its own."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from illinstr.models.stable_diffusion.compact.blocks import Downsample, Resnet, SpatialTransformer, Upsample


class _Level(nn.Module):
    """Resnets, each followed by attention, then a change of size."""

    def __init__(self, resnets: list[Resnet], attentions: list[SpatialTransformer]) -> None:
        super().__init__()
        self.resnets, self.attentions = nn.ModuleList(resnets), nn.ModuleList(attentions)
        self.downsamplers: nn.ModuleList | None = None
        self.upsamplers: nn.ModuleList | None = None


class _TimeEmbedding(nn.Module):
    def __init__(self, channels: int, dim: int) -> None:
        super().__init__()
        self.linear_1, self.linear_2 = nn.Linear(channels, dim), nn.Linear(dim, dim)

    def forward(self, code: Tensor) -> Tensor:
        out: Tensor = self.linear_2(F.silu(self.linear_1(code)))
        return out


class CompactUNet(nn.Module):
    """The U-Net (arXiv 2112.10752).

    Args:
        config: the folder's ``unet/config.json``, checked by ``reading``.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        self.config = config
        widths, layers, groups = config["block_out_channels"], config["layers_per_block"], config["norm_num_groups"]
        first, time_dim, eps = widths[0], 4 * widths[0], config["norm_eps"]
        context, heads = config["cross_attention_dim"], list(config["attention_head_dim"])
        self.time_embedding = _TimeEmbedding(first, time_dim)
        self.conv_in = nn.Conv2d(config["in_channels"], first, 3, padding=1)

        def level(inputs: list[int], width: int, number: int) -> _Level:
            resnets = [Resnet(channels, width, groups, eps, time_dim) for channels in inputs]
            return _Level(resnets, [SpatialTransformer(width, context, heads[number], groups) for _ in inputs])

        self.down_blocks = nn.ModuleList()
        skips, before = [first], first
        for number, width in enumerate(widths):
            down = level([before, *[width] * (layers - 1)], width, number)
            skips += [width] * layers
            if number + 1 < len(widths):
                down.downsamplers = nn.ModuleList([Downsample(width, padding=1)])
                skips.append(width)
            self.down_blocks.append(down)
            before = width
        middle = [Resnet(before, before, groups, eps, time_dim) for _ in range(2)]
        self.mid_block = _Level(middle, [SpatialTransformer(before, context, heads[-1], groups)])
        self.up_blocks = nn.ModuleList()
        for number, width in reversed(list(enumerate(widths))):
            inputs = [before, *[width] * layers]
            up = level([channels + skips.pop() for channels in inputs], width, number)
            if number:
                up.upsamplers = nn.ModuleList([Upsample(width)])
            self.up_blocks.append(up)
            before = width
        self.conv_norm_out = nn.GroupNorm(groups, first, eps=eps)
        self.conv_out = nn.Conv2d(first, config["out_channels"], 3, padding=1)

    @property
    def dtype(self) -> torch.dtype:
        """Of its weights."""
        return self.conv_in.weight.dtype

    def forward(
        self,
        sample: Tensor,
        timestep: Tensor,
        *,
        encoder_hidden_states: Tensor,
        encoder_attention_mask: Tensor,
        return_dict: bool = False,
    ) -> tuple[Tensor]:
        """What it predicts for canvases (b, c, h, w) at timesteps (b,); tokens and mask as in ``TextCondition``."""
        bias = ((1 - encoder_attention_mask.to(sample.dtype)) * -10000.0).unsqueeze(1)
        time = self.time_embedding(timestep_code(timestep, self.conv_in.out_channels).to(sample.dtype))
        x = self.conv_in(sample)
        skips = [x]
        for down in self.down_blocks:
            assert isinstance(down, _Level)
            for resnet, attention in zip(down.resnets, down.attentions, strict=True):
                x = attention(resnet(x, time), encoder_hidden_states, bias)
                skips.append(x)
            for change in down.downsamplers or ():
                x = change(x)
                skips.append(x)
        x = self.mid_block.resnets[0](x, time)
        x = self.mid_block.resnets[1](self.mid_block.attentions[0](x, encoder_hidden_states, bias), time)
        for up in self.up_blocks:
            assert isinstance(up, _Level)
            for resnet, attention in zip(up.resnets, up.attentions, strict=True):
                x = attention(resnet(torch.cat([x, skips.pop()], dim=1), time), encoder_hidden_states, bias)
            for change in up.upsamplers or ():
                x = change(x)
        return (self.conv_out(F.silu(self.conv_norm_out(x))),)


def timestep_code(timesteps: Tensor, dim: int) -> Tensor:
    """Cosines, then sines of timesteps (b,) at ``dim // 2`` frequencies (arXiv 1706.03762, section 3.5): (b, dim)."""
    half = dim // 2
    exponent = -math.log(10_000) * torch.arange(half, dtype=torch.float32, device=timesteps.device) / half
    angles = timesteps[:, None].float() * torch.exp(exponent)[None, :]
    return torch.cat([angles.cos(), angles.sin()], dim=-1)
