"""Text encoders and tokenizers of real classes in small, with random weights, and the autoencoder of most families."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from illinstr.training.tasks.clip_tokenizer import EOS, MAX_TOKENS, write_tokenizer

WIDTH = 16
TEXTS = ["How to make tea", "boil the water", "pour it", "serve"]
# What the released Qwen3 tokenizers do for one message of a user, with and without thinking.
QWEN3_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}"
    "{% if enable_thinking is defined and enable_thinking is false %}{{ '<think>\\n\\n</think>\\n\\n' }}{% endif %}"
    "{% endif %}"
)
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<think>", "</think>"]


def qwen_tokenizer() -> Any:
    """A byte-level tokenizer of Qwen's class and special tokens, without merges."""
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import Qwen2Tokenizer

    vocab = {token: index for index, token in enumerate(sorted(ByteLevel.alphabet()))}
    tokenizer = Qwen2Tokenizer(vocab=vocab, merges=[])
    tokenizer.add_special_tokens({"additional_special_tokens": SPECIAL[1:]})
    tokenizer.pad_token = SPECIAL[0]
    tokenizer.chat_template = QWEN3_TEMPLATE
    return tokenizer


def qwen3(kind: str, vocab: int, layers: int) -> Any:
    """A Qwen3 of a class, with as many layers as are taken from it."""
    import transformers

    config = transformers.Qwen3Config(
        vocab_size=vocab,
        hidden_size=WIDTH,
        intermediate_size=32,
        num_hidden_layers=layers,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=8,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
    )
    return getattr(transformers, kind)(config).eval()


def qwen25_vl(vocab: int) -> Any:
    """Qwen2.5-VL, which reads text here; its eyes are as small as they can be."""
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    config = Qwen2_5_VLConfig(
        text_config={
            "vocab_size": vocab,
            "hidden_size": WIDTH,
            "intermediate_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "num_key_value_heads": 1,
            "max_position_embeddings": 2048,
            "rope_scaling": {"type": "mrope", "mrope_section": [1, 1, 2]},
        },
        vision_config={
            "depth": 1,
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_heads": 2,
            "out_hidden_size": WIDTH,
            "fullatt_block_indexes": [0],
        },
    )
    return Qwen2_5_VLForConditionalGeneration(config).eval()


def clip_tokenizer(folder: Path) -> Any:
    """A CLIP tokenizer learnt from a few words; ``folder`` is where its files may lie for a while."""
    from transformers import CLIPTokenizer

    folder.mkdir(parents=True, exist_ok=True)
    write_tokenizer(folder, TEXTS, max_merges=20)
    tokenizer = CLIPTokenizer.from_pretrained(folder)
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    return tokenizer


def clip(kind: str, tokenizer: Any) -> Any:
    """A CLIP text encoder of a class."""
    import transformers

    end = tokenizer.convert_tokens_to_ids(EOS)
    config = transformers.CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        intermediate_size=32,
        num_hidden_layers=3,
        num_attention_heads=2,
        max_position_embeddings=MAX_TOKENS,
        projection_dim=WIDTH,
        bos_token_id=end - 1,
        eos_token_id=end,
        pad_token_id=end,
    )
    return getattr(transformers, kind)(config).eval()


def t5_tokenizer() -> Any:
    """A T5 tokenizer that knows single characters."""
    from transformers import T5TokenizerFast

    characters = "\u2581abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:;!?'-"
    vocab = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), *((letter, -2.0) for letter in characters)]
    return T5TokenizerFast(vocab=vocab, extra_ids=0, model_max_length=512)


def t5(vocab: int, width: int = WIDTH) -> Any:
    """T5's encoder, gated as version 1.1 is."""
    from transformers import T5Config, T5EncoderModel

    config = T5Config(
        vocab_size=vocab,
        d_model=width,
        d_kv=8,
        d_ff=32,
        num_layers=1,
        num_heads=2,
        feed_forward_proj="gated-gelu",
        dropout_rate=0.0,
    )
    return T5EncoderModel(config).eval()


def vae_config(**options: Any) -> dict[str, Any]:
    """Of a small AutoencoderKL that is eight times smaller a side, as all families' are."""
    return {
        "block_out_channels": (8, 8, 8, 8),
        "down_block_types": ("DownEncoderBlock2D",) * 4,
        "up_block_types": ("UpDecoderBlock2D",) * 4,
        "layers_per_block": 1,
        "norm_num_groups": 4,
        **options,
    }
