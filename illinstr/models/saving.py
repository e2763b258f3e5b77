"""Writing the folder of a pipeline in whose transformer something was learnt."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from torch import Tensor

from illinstr import files
from illinstr.models.folder import write_settings
from illinstr.models.settings import StackedSettings


def with_components(pipe: Any, **components: Any) -> Any:
    """A pipeline of the same class and config with some components in place of its own."""
    options = {name: pipe.config[name] for name in pipe._get_signature_keys(pipe)[1] if name in pipe.config}
    return type(pipe)(**{**options, **pipe.components, **components})


def save_pipeline(folder: Path, pipe: Any, settings: StackedSettings) -> None:
    """Write a pipeline and its settings into ``folder`` (made by the caller, who publishes it)."""
    pipe.save_pretrained(folder, safe_serialization=True)
    for config_json in folder.glob("text_encoder*/config.json"):
        load_text_encoder_whole(config_json)
    write_settings(folder, settings)


def load_text_encoder_whole(config_json: Path) -> None:
    """Let a text encoder load in float32 unless the caller asks for another precision, as the other parts do.

    transformers takes the precision named in the config, diffusers float32: a folder of half-precision weights would
    otherwise come up with a half text encoder beside a whole denoiser, and its first image would fail.
    """
    config = json.loads(config_json.read_text(encoding="utf-8"))
    for key in {"dtype", "torch_dtype"} & set(config):
        config[key] = "float32"
    files.write_json(config_json, config)


def save_transformer_adapters(folder: Path, pipe: Any, layers: dict[str, Tensor], adapter: dict[str, Any]) -> None:
    """Write low-rank adapters of the transformer as plain diffusers and peft load them, scaled as they were trained.

    Args:
        folder: made here.
        pipe: whose transformer they belong to.
        layers: the adapters' weights, as peft names them.
        adapter: arguments of ``peft.LoraConfig``: without them diffusers takes alpha for the rank.
    """
    type(pipe).save_lora_weights(
        folder, transformer_lora_layers=layers, transformer_lora_adapter_metadata=adapter, safe_serialization=True
    )
    files.write_json(folder / "adapter_config.json", {"peft_type": "LORA", **adapter})
