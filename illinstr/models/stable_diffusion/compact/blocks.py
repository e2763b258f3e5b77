"""What U-Net and autoencoder are built of; names of parameters are those of diffusers' files."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from illinstr.models.stable_diffusion.attention import PanelAttnProcessor


class Resnet(nn.Module):
    """Two convolutions around a time embedding, and a way past them (arXiv 1505.04597, 2006.11239).

    Args:
        channels_in, channels_out: of the feature maps.
        groups, eps: of both group norms.
        time_dim: of the time embedding; None where there is none.
    """

    def __init__(self, channels_in: int, channels_out: int, groups: int, eps: float, time_dim: int | None) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(groups, channels_in, eps=eps)
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, padding=1)
        self.time_emb_proj = None if time_dim is None else nn.Linear(time_dim, channels_out)
        self.norm2 = nn.GroupNorm(groups, channels_out, eps=eps)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, padding=1)
        self.conv_shortcut = None if channels_in == channels_out else nn.Conv2d(channels_in, channels_out, 1)

    def forward(self, x: Tensor, time: Tensor | None = None) -> Tensor:
        """Feature maps (b, c, h, w) and the time embedding (b, d)."""
        hidden = self.conv1(F.silu(self.norm1(x)))
        if self.time_emb_proj is not None and time is not None:
            hidden = hidden + self.time_emb_proj(F.silu(time))[:, :, None, None]
        hidden = self.conv2(F.silu(self.norm2(hidden)))
        shortcut: Tensor = x if self.conv_shortcut is None else self.conv_shortcut(x)
        out: Tensor = shortcut + hidden
        return out


class Attention(nn.Module):
    """Attention whose computation is that of ``PanelAttnProcessor``."""

    def __init__(self, dim: int, context_dim: int, heads: int) -> None:
        super().__init__()
        self.heads, self.scale = heads, (dim // heads) ** -0.5
        self.to_q = nn.Linear(dim, dim, bias=False)
        self.to_k = nn.Linear(context_dim, dim, bias=False)
        self.to_v = nn.Linear(context_dim, dim, bias=False)
        self.to_out = nn.ModuleList([nn.Linear(dim, dim), nn.Identity()])
        self.processor = PanelAttnProcessor()

    def forward(self, x: Tensor, context: Tensor | None = None, bias: Tensor | None = None) -> Tensor:
        """Positions (b, p, c) that read ``context``, or each other."""
        return self.processor(self, x, context, bias)


class _GatedProjection(nn.Module):
    def __init__(self, dim: int, inner: int) -> None:
        super().__init__()
        self.proj = nn.Linear(dim, 2 * inner)

    def forward(self, x: Tensor) -> Tensor:
        value, gate = self.proj(x).chunk(2, dim=-1)
        gated: Tensor = value * F.gelu(gate)
        return gated


class _FeedForward(nn.Module):
    """GEGLU (arXiv 2002.05202)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.net = nn.ModuleList([_GatedProjection(dim, 4 * dim), nn.Identity(), nn.Linear(4 * dim, dim)])

    def forward(self, x: Tensor) -> Tensor:
        for module in self.net:
            x = module(x)
        return x


class _TransformerBlock(nn.Module):
    def __init__(self, dim: int, context_dim: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.attn1 = nn.LayerNorm(dim), Attention(dim, dim, heads)
        self.norm2, self.attn2 = nn.LayerNorm(dim), Attention(dim, context_dim, heads)
        self.norm3, self.ff = nn.LayerNorm(dim), _FeedForward(dim)

    def forward(self, x: Tensor, context: Tensor, bias: Tensor | None) -> Tensor:
        x = self.attn1(self.norm1(x)) + x
        x = self.attn2(self.norm2(x), context, bias) + x
        out: Tensor = self.ff(self.norm3(x)) + x
        return out


class SpatialTransformer(nn.Module):
    """The positions of a feature map attend to each other and to the text (arXiv 2112.10752, section 3.3)."""

    def __init__(self, dim: int, context_dim: int, heads: int, groups: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(groups, dim, eps=1e-6)
        self.proj_in = nn.Conv2d(dim, dim, 1)
        self.transformer_blocks = nn.ModuleList([_TransformerBlock(dim, context_dim, heads)])
        self.proj_out = nn.Conv2d(dim, dim, 1)

    def forward(self, x: Tensor, context: Tensor, bias: Tensor | None) -> Tensor:
        """Feature maps (b, c, h, w); ``context`` and ``bias`` as ``PanelAttnProcessor`` takes them."""
        b, c, h, w = x.shape
        hidden = self.proj_in(self.norm(x)).permute(0, 2, 3, 1).reshape(b, h * w, c)
        for block in self.transformer_blocks:
            hidden = block(hidden, context, bias)
        out: Tensor = self.proj_out(hidden.reshape(b, h, w, c).permute(0, 3, 1, 2).contiguous()) + x
        return out


class Downsample(nn.Module):
    """A convolution of stride 2; without padding, one row and one column of zeros are added below and right."""

    def __init__(self, channels: int, padding: int) -> None:
        super().__init__()
        self.padding = padding
        self.conv = nn.Conv2d(channels, channels, 3, stride=2, padding=padding)

    def forward(self, x: Tensor) -> Tensor:
        """(b, c, h, w) -> (b, c, h/2, w/2)."""
        out: Tensor = self.conv(x if self.padding else F.pad(x, (0, 1, 0, 1)))
        return out


class Upsample(nn.Module):
    """Nearest neighbours, then a convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(b, c, h, w) -> (b, c, 2h, 2w)."""
        if len(x) >= 64:  # as diffusers does: nearest neighbours of so many fail in channels-last
            x = x.contiguous()
        out: Tensor = self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))
        return out
