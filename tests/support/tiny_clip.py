"""A tiny real CLIP folder with random weights, for tests that need a text or image encoder.

The folder is what ``CLIPModel.save_pretrained`` and ``CLIPTokenizer.save_pretrained`` write, plus ``vocab.json`` and
``merges.txt``, so that every loader (CLIPModel, CLIPTextModel, CLIPTokenizer, AutoImageProcessor) reads it as it reads
``openai/clip-vit-base-patch32``. The byte-level BPE is learned from a few how-to lines; any other text still encodes,
one token a byte.
"""

from __future__ import annotations

import json
from pathlib import Path

from illinstr.training.tasks.clip_tokenizer import BOS, EOS, MAX_TOKENS, write_tokenizer

MAX_MERGES = 200
HIDDEN, PROJECTION, IMAGE_SIZE, PATCH = 32, 24, 32, 8

DEFAULT_TEXTS = (
    "How to make apple juice",
    "How to plant a flower",
    "How to wrap a gift in blue paper",
    "Wash the apples and cut them in half",
    "Put the pieces in the blender and blend them",
    "Pour the juice into a glass and serve it",
    "Fill the pot with soil, make a hole and water the seed",
    "red green blue yellow white black orange purple",
)


def make_tiny_clip(folder: Path, *, seed: int = 0, texts: list[str] | None = None) -> Path:
    """Write the folder and return it. The same arguments give the same weights, vocabulary and merges.

    Args:
        folder: where to write; made when missing.
        seed: of the random weights. The global torch generator is left as it was.
        texts: lines to learn the BPE from, ``DEFAULT_TEXTS`` when None.
    """
    import torch
    from transformers import CLIPConfig, CLIPModel

    folder.mkdir(parents=True, exist_ok=True)
    vocab = write_tokenizer(folder, texts or DEFAULT_TEXTS, max_merges=MAX_MERGES)
    tower = {
        "hidden_size": HIDDEN,
        "intermediate_size": 2 * HIDDEN,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "projection_dim": PROJECTION,
    }
    special = {"bos_token_id": vocab[BOS], "eos_token_id": vocab[EOS], "pad_token_id": vocab[EOS]}
    config = CLIPConfig(
        text_config={**tower, **special, "vocab_size": len(vocab), "max_position_embeddings": MAX_TOKENS},
        vision_config={**tower, "image_size": IMAGE_SIZE, "patch_size": PATCH},
        projection_dim=PROJECTION,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        CLIPModel(config).eval().save_pretrained(folder, safe_serialization=True)
    _write_preprocessor(folder)
    return folder


def _write_preprocessor(folder: Path) -> None:
    settings = {
        "image_processor_type": "CLIPImageProcessor",
        "do_resize": True,
        "size": {"shortest_edge": IMAGE_SIZE},
        "resample": 3,
        "do_center_crop": True,
        "crop_size": {"height": IMAGE_SIZE, "width": IMAGE_SIZE},
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": [0.48145466, 0.4578275, 0.40821073],
        "image_std": [0.26862954, 0.26130258, 0.27577711],
        "do_convert_rgb": True,
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(settings, indent=2), encoding="utf-8")
