"""What a user may ask of a model in place of its own settings: panel size, conditioning, positions, shift, upscale."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, get_args

from illinstr.errors import UsageError
from illinstr.models.backbone import Backbone
from illinstr.models.settings import Upscale

# As the command line spells them, and the settings they stand for.
CHANGES = {
    "size": "panel_px",
    "conditioning": "conditioning",
    "positions": "positions",
    "shift": "shift",
    "shift_by": "shift_by",
    "upscale": "upscale",
}


def changed_backbone(backbone: Backbone, changes: Mapping[str, Any]) -> Backbone:
    """The same weights under other settings.

    Args:
        backbone: the model.
        changes: keys of ``CHANGES``; None leaves the model's own.

    Raises:
        UsageError: this family has no such switch, or no such value of it.
    """
    asked = {name: value for name, value in changes.items() if value is not None}
    title = backbone.source.model_id
    if "size" in asked:
        _check_size(backbone, int(asked["size"]))
    if "positions" in asked and asked["positions"] not in backbone.positions:
        known = ", ".join(backbone.positions)
        hint = f"choose from {known}" if known else "it is for transformers; this model knows one order of panels"
        raise UsageError(f"--positions {asked['positions']} is not for {title}", hint=hint)
    if {"shift", "shift_by"} & set(asked) and backbone.noise != "flow":
        raise UsageError(f"--shift is for models of flow matching, and {title} is none", hint="leave it out")
    if "conditioning" in asked and not backbone.stacks_untrained:
        raise UsageError(
            f"--conditioning is fixed in {title}, which reads text as it was trained to",
            hint="it is a switch of transformers; train a U-Net with another conditioning",
        )
    if asked.get("upscale", 1) not in get_args(Upscale):
        raise UsageError(f"--upscale {asked['upscale']}: images come out 1, 2 or 4 times larger", hint="--upscale 4")
    settings = backbone.settings.model_copy(update={CHANGES[name]: value for name, value in asked.items()})
    return replace(backbone, settings=settings)


def _check_size(backbone: Backbone, size: int) -> None:
    own, multiple = backbone.settings.panel_px, backbone.panel_multiple
    if size == own:
        return
    if not backbone.any_size:
        raise UsageError(
            f"--size {size}: {backbone.source.model_id} draws panels of {own} pixels", hint=f"--size {own}"
        )
    if size % multiple:
        near = max(round(size / multiple), 1) * multiple
        raise UsageError(f"--size {size} is not a multiple of {multiple}", hint=f"the nearest is {near}")
