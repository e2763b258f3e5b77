"""CLIP's text encoder and its tokenizer, on torch and ``tokenizers`` alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class TextStates:
    """Token embeddings (b, l, d)."""

    last_hidden_state: Tensor


class _SelfAttention(nn.Module):
    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.k_proj, self.v_proj = nn.Linear(dim, dim), nn.Linear(dim, dim)
        self.q_proj, self.out_proj = nn.Linear(dim, dim), nn.Linear(dim, dim)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        b, length, dim = x.shape
        q, k, v = (
            each(x).view(b, length, self.heads, -1).transpose(1, 2) for each in (self.q_proj, self.k_proj, self.v_proj)
        )
        causal = mask is None and length > 1
        scale = (dim // self.heads) ** -0.5
        attended = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=scale, is_causal=causal)
        out: Tensor = self.out_proj(attended.transpose(1, 2).reshape(b, length, dim))
        return out


class _MLP(nn.Module):
    def __init__(self, dim: int, inner: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(dim, inner), nn.Linear(inner, dim)

    def forward(self, x: Tensor) -> Tensor:
        x = self.fc1(x)
        out: Tensor = self.fc2(x * torch.sigmoid(1.702 * x))  # the quick GELU of CLIP
        return out


class _Layer(nn.Module):
    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        dim, eps = config["hidden_size"], config["layer_norm_eps"]
        self.self_attn = _SelfAttention(dim, config["num_attention_heads"])
        self.layer_norm1, self.layer_norm2 = nn.LayerNorm(dim, eps=eps), nn.LayerNorm(dim, eps=eps)
        self.mlp = _MLP(dim, config["intermediate_size"])

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        x = x + self.self_attn(self.layer_norm1(x), mask)
        out: Tensor = x + self.mlp(self.layer_norm2(x))
        return out


def _embedding(rows: int, dim: int) -> nn.Embedding:
    """Without initial values: on the meta device, drawing normal ones imports half of torch's compiler."""
    return nn.Embedding(rows, dim, _weight=torch.empty(rows, dim))


class CompactTextEncoder(nn.Module):
    """The text encoder (arXiv 2103.00020).

    Args:
        config: the folder's ``text_encoder/config.json``, checked by ``reading``.
    """

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.config = config
        dim = config["hidden_size"]
        self.embeddings = nn.ModuleDict(
            {
                "token_embedding": _embedding(config["vocab_size"], dim),
                "position_embedding": _embedding(config["max_position_embeddings"], dim),
            }
        )
        layers = nn.ModuleList([_Layer(config) for _ in range(config["num_hidden_layers"])])
        self.encoder = nn.ModuleDict({"layers": layers})
        self.final_layer_norm = nn.LayerNorm(dim, eps=config["layer_norm_eps"])

    @property
    def dtype(self) -> torch.dtype:
        """Of its weights."""
        return self.final_layer_norm.weight.dtype

    def forward(self, *, input_ids: Tensor, attention_mask: Tensor) -> TextStates:
        """Token ids (b, l), and where they are text (b, l): each token reads those before it that are."""
        length = input_ids.shape[1]
        positions = torch.arange(length, device=input_ids.device)[None]
        x = self.embeddings["token_embedding"](input_ids) + self.embeddings["position_embedding"](positions)
        mask = None
        if not bool(attention_mask.all()):
            before = torch.ones(length, length, dtype=torch.bool, device=input_ids.device).tril()
            mask = before[None, None] & attention_mask.bool()[:, None, None, :]
        layers = self.encoder["layers"]
        assert isinstance(layers, nn.ModuleList)
        for layer in layers:
            x = layer(x, mask)
        return TextStates(self.final_layer_norm(x))


class CompactTokenizer:
    """The tokenizer of a folder, called as ``text.tokenize`` calls one of transformers.

    Args:
        folder: holds ``tokenizer.json``.
        config: the folder's ``tokenizer_config.json``, checked by ``reading``.
    """

    def __init__(self, folder: Path, config: Mapping[str, Any]) -> None:
        from tokenizers import Tokenizer

        self.model_max_length = int(config["model_max_length"])
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.pad_token_id = self._tokenizer.token_to_id(config["pad_token"])
        self._tokenizer.enable_truncation(self.model_max_length)
        self._tokenizer.enable_padding(pad_id=self.pad_token_id, pad_token=config["pad_token"])
        self._tokenizer.encode_special_tokens = True

    def __call__(self, texts: Sequence[str], **_: Any) -> dict[str, Tensor]:
        """Ids and mask (b, l), padded to the longest, cut at the limit, special tokens in a text taken as text."""
        encoded = self._tokenizer.encode_batch(list(texts))
        return {
            "input_ids": torch.tensor([each.ids for each in encoded]),
            "attention_mask": torch.tensor([each.attention_mask for each in encoded]),
        }
