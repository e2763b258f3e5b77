"""Routed cross-attention: each panel of the canvas reads its own tokens.

A diffusers attention processor. Positions of the canvas are row-major and panels lie below one another, so the n panels
of a canvas are n equal runs of positions: routing is a reshape, not a mask, and costs less than attending to
everything.
"""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor


class PanelAttnProcessor:
    """Scaled dot-product attention that routes when there are n times as many token rows as canvases.

    With as many token rows as canvases (self-attention, joint or single conditioning) it is plain attention.
    """

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
        **_: Any,
    ) -> Tensor:
        """Attend: queries (b, p, c), tokens (b*n, l, d), mask as an additive bias (b*n, 1, l) -> (b, p, c).

        Raises:
            ValueError: positions do not divide into n panels (a panel is too small for this level of the U-Net).
        """
        b, positions = hidden_states.shape[:2]
        context = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        n = context.shape[0] // b
        if positions % n:
            raise ValueError(f"{positions} positions do not divide into {n} panels")
        queries = attn.to_q(hidden_states).reshape(b * n, positions // n, -1)
        q, k, v = (_heads(x, attn.heads) for x in (queries, attn.to_k(context), attn.to_v(context)))
        bias = None if attention_mask is None else attention_mask.reshape(b * n, 1, 1, -1).to(q.dtype)
        attended = F.scaled_dot_product_attention(q, k, v, attn_mask=bias, scale=attn.scale)
        merged = attended.transpose(1, 2).reshape(b, positions, -1).to(hidden_states.dtype)
        out: Tensor = attn.to_out[1](attn.to_out[0](merged))
        return out


def _heads(x: Tensor, heads: int) -> Tensor:
    return x.reshape(*x.shape[:-1], heads, -1).transpose(1, 2)


def predict(unet: Any, canvas_bchw: Tensor, timesteps_b: Tensor, tokens: Tensor, mask: Tensor) -> Tensor:
    """One U-Net pass over canvases, (b, c, n*h, w) in and out; ``tokens`` and ``mask`` as in ``TextCondition``."""
    out: Tensor = unet(
        canvas_bchw, timesteps_b, encoder_hidden_states=tokens, encoder_attention_mask=mask, return_dict=False
    )[0]
    return out


def route_panels(unet: Any) -> None:
    """Give every attention layer of a UNet2DConditionModel the routing processor."""
    unet.set_attn_processor(PanelAttnProcessor())
