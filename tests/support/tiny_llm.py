"""Tiny real language models with random weights, made in seconds: a transformers folder and a GGUF file."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np

CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SPECIALS = ["<|im_start|>", "<|im_end|>"]
TEXTS = [
    "How to make apple juice",
    "Wash the apple under the tap.",
    "Cut it in half.",
    '{"steps":[{"headline":"Wash it."}]}',
]


def make_llm_folder(folder: Path, *, seed: int = 0, positions: int = 4096, template: bool = True) -> Path:
    """A LlamaForCausalLM of some ten thousand weights and a byte-level BPE tokenizer trained on ``TEXTS``."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        special_tokens=SPECIALS,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    raw.train_from_iterator(TEXTS, trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=raw, eos_token="<|im_end|>", pad_token="<|im_end|>")
    if template:
        tokenizer.chat_template = CHAT_TEMPLATE
    end = tokenizer.convert_tokens_to_ids("<|im_end|>")
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=positions,
        eos_token_id=end,
        pad_token_id=end,
        bos_token_id=None,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = LlamaForCausalLM(config)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def make_gguf(path: Path, *, seed: int = 0, context: int = 8192) -> Path:
    """A one-layer llama with random weights and a byte-level vocabulary, written by the GGUF specification (v3)."""
    hidden, heads, feed = 32, 2, 64
    tokens = [*_byte_tokens(), "he", *SPECIALS]
    kinds = [1] * (len(tokens) - len(SPECIALS)) + [3] * len(SPECIALS)  # normal, control
    settings: list[tuple[str, Any]] = [
        ("general.architecture", "llama"),
        ("general.name", "tiny"),
        ("llama.context_length", context),
        ("llama.embedding_length", hidden),
        ("llama.block_count", 1),
        ("llama.feed_forward_length", feed),
        ("llama.attention.head_count", heads),
        ("llama.attention.head_count_kv", heads),
        ("llama.attention.layer_norm_rms_epsilon", 1e-5),
        ("llama.rope.dimension_count", hidden // heads),
        ("llama.vocab_size", len(tokens)),
        ("tokenizer.ggml.model", "gpt2"),
        ("tokenizer.ggml.pre", "default"),
        ("tokenizer.ggml.tokens", tokens),
        ("tokenizer.ggml.token_type", kinds),
        ("tokenizer.ggml.merges", ["h e"]),
        ("tokenizer.ggml.bos_token_id", tokens.index("<|im_start|>")),
        ("tokenizer.ggml.eos_token_id", tokens.index("<|im_end|>")),
        ("tokenizer.ggml.add_bos_token", False),
        ("tokenizer.chat_template", CHAT_TEMPLATE),
    ]
    rng = np.random.default_rng(seed)

    def weights(rows: int, columns: int) -> np.ndarray:
        return rng.normal(0, 0.2, (rows, columns)).astype("<f4")

    tensors = {
        "token_embd.weight": weights(len(tokens), hidden),
        "output.weight": weights(len(tokens), hidden),
        "output_norm.weight": np.ones(hidden, "<f4"),
        "blk.0.attn_norm.weight": np.ones(hidden, "<f4"),
        "blk.0.ffn_norm.weight": np.ones(hidden, "<f4"),
        **{f"blk.0.attn_{name}.weight": weights(hidden, hidden) for name in ("q", "k", "v", "output")},
        "blk.0.ffn_gate.weight": weights(feed, hidden),
        "blk.0.ffn_up.weight": weights(feed, hidden),
        "blk.0.ffn_down.weight": weights(hidden, feed),
    }
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(settings))
    head += b"".join(_string(key) + _value(value) for key, value in settings)
    data = b""
    for name, tensor in tensors.items():
        sizes = tensor.shape[::-1]
        head += _string(name) + struct.pack(f"<I{len(sizes)}QIQ", len(sizes), *sizes, 0, len(data))
        data += _padded(tensor.tobytes())
    path.write_bytes(_padded(head) + data)
    return path


def _byte_tokens() -> list[str]:
    """The 256 printable stand-ins for bytes that GPT-2's vocabulary uses."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in plain]
    stand_in = {byte: chr(byte) for byte in plain} | {byte: chr(256 + i) for i, byte in enumerate(others)}
    return [stand_in[byte] for byte in range(256)]


def _string(text: str) -> bytes:
    raw = text.encode()
    return struct.pack("<Q", len(raw)) + raw


def _value(value: Any) -> bytes:
    if isinstance(value, bool):
        return struct.pack("<I?", 7, value)
    if isinstance(value, int):
        return struct.pack("<II", 4, value)
    if isinstance(value, float):
        return struct.pack("<If", 6, value)
    if isinstance(value, str):
        return struct.pack("<I", 8) + _string(value)
    if isinstance(value[0], str):
        return struct.pack("<IIQ", 9, 8, len(value)) + b"".join(map(_string, value))
    return struct.pack(f"<IIQ{len(value)}i", 9, 5, len(value), *value)


def _padded(raw: bytes) -> bytes:
    return raw + b"\0" * (-len(raw) % 32)
