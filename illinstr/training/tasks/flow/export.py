"""A trained transformer as a model folder that plain diffusers loads, with its config inside the weights."""

from __future__ import annotations

from pathlib import Path

import torch

from illinstr.models import folder as model_folder
from illinstr.models.saving import save_pipeline, save_transformer_adapters, with_components
from illinstr.models.settings import StackedSettings
from illinstr.models.transformer import Transformer
from illinstr.training.tasks.flow.config import FlowConfig
from illinstr.training.tasks.stacked.export import ADAPTER_FOLDER, finish_folder, model_card, stamped
from illinstr.training.tasks.stacked.parts import adapter_config, adapter_state, plain_copy


def write_flow_folder(folder: Path, base: Transformer, config: FlowConfig, settings: StackedSettings) -> None:
    """Write the parts into ``folder`` (made by the caller, who publishes it) in ``config.export.dtype``.

    Adapters are added into the transformer, so that the folder needs nothing else, and stored in ``lora/`` as well.
    """
    dtype: torch.dtype = getattr(torch, config.export.dtype)
    parts = {name: plain_copy(part, dtype) for role in ("text", "vae") for name, part in base.modules(role).items()}
    parts["transformer"] = plain_copy(base.pipe.transformer, dtype)
    save_pipeline(folder, with_components(base.pipe, **parts), settings)
    metadata = stamped(folder / "transformer", config)
    if config.lora.rank:
        layers = {name: tensor.to(dtype) for name, tensor in adapter_state(base.pipe.transformer).items()}
        save_transformer_adapters(folder / ADAPTER_FOLDER, base.pipe, layers, adapter_config(base.pipe.transformer))
        model_folder.stamp_weights(folder / ADAPTER_FOLDER, metadata)
    rank, alpha = config.lora.rank, config.lora.alpha or config.lora.rank
    about = f"The adapters alone lie in `lora/` (rank {rank}, alpha {alpha}): `pipe.load_lora_weights`.\n\n"
    finish_folder(folder, model_card(config, config.base.model, settings, about if config.lora.rank else ""))
