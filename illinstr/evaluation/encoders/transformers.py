"""Who looks at the images and texts: encoders behind one small protocol.

The default is the *offline judge* that ships with the package, a CLIP pair trained apart from the model's own. Any CLIP
or SigLIP folder, or a hub id, takes its place; for consistency a DINOv2 folder or hub id may stand beside it. Weights
are read from safetensors only. Features leave unnormalised, in float32.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from illinstr.engine.devices import choose_device, silence_libraries
from illinstr.errors import ModelError
from illinstr.files import sha256_file
from illinstr.models.hub import is_hub_id

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image

FloatFeatures = NDArray[np.float32]

JUDGE = "judge"
JUDGE_FOLDER = Path(__file__).resolve().parents[2] / "assets" / "judge"
BATCH_SIZE = 32
IMAGE_TEXT_TYPES = ("clip", "siglip")
IMAGE_TYPES = (*IMAGE_TEXT_TYPES, "dinov2", "dinov2_with_registers")

_HUB_FILES = ["config.json", "preprocessor_config.json", "model*.safetensors", "model.safetensors.index.json"]
_OPEN_CLIP = "open_clip_config.json"
_HUB_TEXT_FILES = ["tokenizer*", "vocab.json", "merges.txt", "special_tokens_map.json", "spiece.model"]


class ImageEncoder(Protocol):
    """Turns images into feature vectors."""

    @property
    def id(self) -> str:
        """How results name the encoder: "judge", a folder's name, or a hub id."""

    @property
    def sha256(self) -> str:
        """SHA-256 over what decides the features: weights, config, preprocessing, tokenizer."""

    def encode_images(self, images: Sequence[Image]) -> FloatFeatures:
        """Unnormalised features (m, d) of m RGB images of any size."""


class ImageTextEncoder(ImageEncoder, Protocol):
    """Turns images and texts into vectors of one space."""

    def is_cut(self, texts: Sequence[str]) -> list[bool]:
        """Whether each text is longer than the encoder reads."""

    def encode_texts(self, texts: Sequence[str]) -> FloatFeatures:
        """Unnormalised features (m, d) of m texts; a text that is cut keeps its end token."""


class TransformersImageEncoder:
    """The image side of a CLIP, SigLIP or DINOv2 folder.

    Args:
        folder: config.json, model.safetensors, preprocessor_config.json.
        encoder_id: the name in results.
        device: "cpu", "cuda", "cuda:1", ...
        batch_size: images or texts a forward pass; features do not depend on it.

    Raises:
        ModelError: a file is missing, damaged, or of an architecture we do not read.
    """

    kinds: tuple[str, ...] = IMAGE_TYPES

    def __init__(self, folder: Path, encoder_id: str, *, device: str = "cpu", batch_size: int = BATCH_SIZE) -> None:
        silence_libraries("transformers")
        from transformers import AutoImageProcessor, AutoModel

        self.id = encoder_id
        self.folder = folder
        self.batch_size = batch_size
        self.config = _read_config(folder, self.kinds)
        self.sha256 = fingerprint(folder)
        self._model = _load(lambda: AutoModel.from_pretrained(folder, use_safetensors=True), folder)
        self._processor = _load(lambda: AutoImageProcessor.from_pretrained(folder, use_fast=False), folder)
        self._model = self._model.float().eval().to(device)
        self.device = device

    def encode_images(self, images: Sequence[Image]) -> FloatFeatures:
        """Unnormalised features (m, d)."""
        import torch

        parts = []
        for start in range(0, len(images), self.batch_size):
            batch = [image.convert("RGB") for image in images[start : start + self.batch_size]]
            pixels = self._processor(images=batch, return_tensors="pt")["pixel_values"].to(self.device)
            with torch.inference_mode():
                parts.append(self._image_features(pixels))
        return _stack(parts)

    def _image_features(self, pixels: torch.Tensor) -> FloatFeatures:
        if self.config["model_type"] in IMAGE_TEXT_TYPES:
            return _to_numpy(self._model.get_image_features(pixel_values=pixels))
        return _to_numpy(self._model(pixel_values=pixels))  # DINOv2: the class token after the last norm


class TransformersImageTextEncoder(TransformersImageEncoder):
    """A CLIP or SigLIP folder: the image side plus the text side."""

    kinds = IMAGE_TEXT_TYPES

    def __init__(self, folder: Path, encoder_id: str, *, device: str = "cpu", batch_size: int = BATCH_SIZE) -> None:
        from transformers import AutoTokenizer, CLIPTokenizer

        super().__init__(folder, encoder_id, device=device, batch_size=batch_size)
        loader = CLIPTokenizer if self.config["model_type"] == "clip" else AutoTokenizer
        # A goal may hold the letters "<|endoftext|>"; as a special token they would end the text early.
        self._tokenizer = _load(lambda: loader.from_pretrained(folder, split_special_tokens=True), folder)
        # A text's features must not depend on its neighbours. CLIP looks back only and reads at the end token, so what
        # stands behind it does not matter; SigLIP looks everywhere and was trained on texts padded to the full length.
        self._padding = "longest" if self.config["model_type"] == "clip" else "max_length"
        positions = int(self._model.config.text_config.max_position_embeddings)
        self.max_tokens = min(positions, int(self._tokenizer.model_max_length))

    def is_cut(self, texts: Sequence[str]) -> list[bool]:
        """Whether each text has more than ``max_tokens`` tokens, its start and end token among them."""
        return [len(ids) > self.max_tokens for ids in self._tokenizer(list(texts), verbose=False)["input_ids"]]

    def encode_texts(self, texts: Sequence[str]) -> FloatFeatures:
        """Unnormalised features (m, d)."""
        import torch

        parts = []
        for start in range(0, len(texts), self.batch_size):
            batch = list(texts[start : start + self.batch_size])
            tokens = self._tokenizer(
                batch, padding=self._padding, truncation=True, max_length=self.max_tokens, return_tensors="pt"
            )
            with torch.inference_mode():
                parts.append(_to_numpy(self._model.get_text_features(**tokens.to(self.device))))
        return _stack(parts)


def load_image_text_encoder(
    spec: str, *, device: str = "auto", batch_size: int = BATCH_SIZE
) -> TransformersImageTextEncoder:
    """Load the encoder of goal and step faithfulness.

    Args:
        spec: "judge", a folder, or a hub id such as "openai/clip-vit-large-patch14".
        device: "auto" takes an accelerator where there is one.
        batch_size: images or texts a forward pass.

    Raises:
        ModelError: no such folder or hub model, or one that cannot be read.
        UsageError: no such device.
    """
    device = choose_device(device)
    folder, encoder_id = resolve(spec, with_text=True)
    return TransformersImageTextEncoder(folder, encoder_id, device=device, batch_size=batch_size)


def load_image_encoder(spec: str, *, device: str = "auto", batch_size: int = BATCH_SIZE) -> TransformersImageEncoder:
    """Load the encoder of consistency: any of the above, or DINOv2 (the paper: DINOv2 ViT-L/14). Same errors."""
    device = choose_device(device)
    folder, encoder_id = resolve(spec, with_text=False)
    return TransformersImageEncoder(folder, encoder_id, device=device, batch_size=batch_size)


def resolve(spec: str, *, with_text: bool) -> tuple[Path, str]:
    """The local folder and the name of an encoder; a hub model's few files are downloaded, pickles never.

    Raises:
        ModelError: nothing of that name.
    """
    if spec == JUDGE:
        if not (JUDGE_FOLDER / "config.json").is_file():
            raise ModelError(
                "the offline judge is not part of this installation",
                hint="reinstall illinstr, or pass --encoder with a CLIP folder or hub id",
            )
        return JUDGE_FOLDER, JUDGE
    folder = Path(spec)
    if folder.is_dir():
        return folder, folder.resolve().name
    if not is_hub_id(spec):
        raise ModelError(
            f"no encoder folder {spec}", hint="--encoder takes judge, a folder, or a hub id such as ORG/MODEL"
        )
    return _download(spec, _HUB_FILES + (_HUB_TEXT_FILES if with_text else [])), spec


def _download(hub_id: str, patterns: list[str]) -> Path:
    import httpx
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    try:
        return Path(snapshot_download(hub_id, allow_patterns=[*patterns, _OPEN_CLIP]))
    except (OSError, ValueError, HfHubHTTPError, httpx.HTTPError) as error:
        raise ModelError(
            f"cannot fetch encoder {hub_id}: {type(error).__name__}",
            hint="check the name and the network, or pass a local folder",
        ) from error


def fingerprint(folder: Path) -> str:
    """SHA-256 over name and content of every file that decides the features."""
    digest = hashlib.sha256()
    for pattern in sorted({*_HUB_FILES, *_HUB_TEXT_FILES}):
        for file in sorted(folder.glob(pattern)):
            if file.is_file():
                digest.update(f"{file.name} {sha256_file(file)}\n".encode())
    return digest.hexdigest()


def _read_config(folder: Path, kinds: tuple[str, ...]) -> dict[str, Any]:
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        kind = config["model_type"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        hint = None
        if (folder / _OPEN_CLIP).is_file():
            hint = "this is open_clip's own form; take a folder or repository with transformers' files"
        raise ModelError(f"{folder} is no encoder folder: no readable config.json", hint=hint) from error
    if kind not in kinds:
        raise ModelError(f"{folder} holds a model of type {kind!r}", hint=f"types that serve here: {', '.join(kinds)}")
    if not list(folder.glob("model*.safetensors")):
        raise ModelError(
            f"{folder} has no model.safetensors", hint="weights are read from safetensors only, never pickles"
        )
    if not (folder / "preprocessor_config.json").is_file():
        raise ModelError(f"{folder} has no preprocessor_config.json", hint="it says how images are resized and scaled")
    return dict(config)


def _load(loader: Any, folder: Path) -> Any:
    from safetensors import SafetensorError

    try:
        return loader()
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelError(f"cannot load the encoder in {folder}: {reason}") from error


def _to_numpy(output: Any) -> FloatFeatures:
    # transformers 5 wraps the projected features; 4 returned the tensor itself.
    features = getattr(output, "pooler_output", output)
    return np.asarray(features.float().cpu().numpy())


def _stack(parts: list[FloatFeatures]) -> FloatFeatures:
    return np.concatenate(parts) if parts else np.zeros((0, 0), dtype=np.float32)
