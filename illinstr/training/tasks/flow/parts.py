"""What a flow-matching run starts from: a model of a flow family, or a new small one beside parts that are there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from illinstr.diffusion.loading import check_model
from illinstr.errors import ConfigError, ModelError
from illinstr.models.backbone import Backbone
from illinstr.models.flux2.backbone import Flux2
from illinstr.models.flux2.building import NewShape, flux2_autoencoder, new_pipeline, scale_text_input
from illinstr.models.loading import load_backbone
from illinstr.models.settings import StackedSettings
from illinstr.models.source import ModelSource
from illinstr.models.stable_diffusion.backbone import StableDiffusion
from illinstr.models.transformer import Transformer
from illinstr.training.tasks.flow.config import FlowConfig
from illinstr.training.tasks.stacked.config import stacked_settings
from illinstr.training.tasks.stacked.parts import add_adapters, require_peft, whole_adapters

_SAMPLE_TEXTS = ("How to wash a red apple", "Rinse it under cold water.", "How to build a tower of blue blocks")


def build_model(config: FlowConfig) -> Transformer:
    """Load or make the model that ``config`` trains; with adapters, only they require gradients.

    Raises:
        ConfigError: the panel size does not fit the base.
        ModelError: the base is missing, damaged, or no model of flow matching.
        UsageError: adapters are asked for and peft is not installed.
    """
    if config.lora.rank:
        require_peft()
    model = _from_base(config) if config.base.model is not None else _new(config)
    if config.data.panel_px % model.panel_multiple:
        raise ConfigError(
            f"config key data.panel_px: {config.data.panel_px} is not a multiple of {model.panel_multiple}",
            hint="autoencoder and transformer fold that many pixels into one token",
        )
    if config.anchors.share and not model.clean_anchors:
        raise ConfigError(
            f"config key anchors.share: {config.base.model} takes no panels given clean",
            hint="set anchors.share=0; kept images are then noised again at every step",
        )
    if config.lora.rank:
        add_adapters(model.pipe.transformer, config.lora, config.train.seed)
        whole_adapters(model.pipe.transformer)
    return replace(model, together=True) if isinstance(model, Flux2) else model


def _from_base(config: FlowConfig) -> Transformer:
    name = str(config.base.model)
    loaded: Backbone = load_backbone(name, dtype=getattr(torch, config.base.dtype), revision=config.base.revision)
    if not isinstance(loaded, Transformer) or loaded.noise != "flow":
        raise ModelError(
            f"{name} does not learn by flow matching",
            hint="U-Nets are trained with kind: unet, as mini-unet or sd15-lora",
        )
    settings = stacked_settings(config, (config.data.min_steps, config.data.max_steps))
    kept = {field: getattr(loaded.settings, field) for field in ("positions", "shift", "shift_by", "text_layers")}
    return replace(loaded, settings=settings.model_copy(update=kept))


def _new(config: FlowConfig) -> Transformer:
    folder = check_model(str(config.base.parts))
    given = load_backbone(folder, dtype=torch.float32)
    if not isinstance(given, StableDiffusion):
        raise ModelError(
            f"base.parts {config.base.parts} is no Stable Diffusion folder",
            hint="a new transformer takes the autoencoder and text encoder of one; base.model goes on with a whole one",
        )
    layers, shape = config.model.text_layers, config.model
    torch.manual_seed(config.train.seed)
    pipe = new_pipeline(
        flux2_autoencoder(given.vae),
        given.text_encoder,
        given.tokenizer,
        NewShape(shape.heads, shape.head_dim, shape.double_blocks, shape.single_blocks, shape.mlp_ratio),
        text_dim=len(layers) * int(given.text_encoder.config.hidden_size),
        shift=config.noise.shift,
    )
    settings = stacked_settings(config, (config.data.min_steps, config.data.max_steps))
    model = Flux2(
        source=ModelSource("new", Path(), settings=settings),
        settings=settings.model_copy(update={"text_layers": layers}),
        scheduler=pipe.scheduler,
        pipe=pipe,
        guided=True,
        clean_anchors=True,
        positions=("frame", "column", "reset"),
        panel_multiple=pipe.vae_scale_factor * 2,
    )
    scale_text_input(pipe, _spread(model))
    return model


def flow_settings(config: FlowConfig, model: Transformer, trained_steps: tuple[int, int]) -> StackedSettings:
    """What the exported folder says of itself; how text and positions are read stays as the base has it."""
    fields = ("positions", "shift", "shift_by", "text_layers")
    kept = {field: getattr(model.settings, field) for field in fields}
    learnt = {"clean_anchors": config.anchors.share > 0}
    return stacked_settings(config, trained_steps).model_copy(update=kept | learnt)


def _spread(model: Flux2) -> float:
    embeds = model.encode_texts(_SAMPLE_TEXTS)
    return float(embeds.tokens[embeds.mask].std())
