"""The sampler for a backbone: which are on its menu, which is the default, and at which noise levels it works."""

from __future__ import annotations

from typing import Any

from illinstr.diffusion.flow import DEFAULT_FLOW_SAMPLER, FLOW_ANCHOR_SAMPLER, FlowSampler, shifted
from illinstr.diffusion.schedule import ANCHOR_SAMPLER, DEFAULT_SAMPLER, make_sampler
from illinstr.models.backbone import Backbone


def default_sampler(backbone: Backbone, *, held: bool) -> str:
    """A stochastic sampler where panels are ``held`` by noising them, a deterministic one otherwise.

    A deterministic sampler follows the path it is on, and what it read from noised anchors early stays wrong; fresh
    noise lets later steps correct it (measured in ``illinstr.diffusion.windows``). Anchors given clean need none.
    """
    noised = held and not backbone.clean_anchors
    if backbone.noise == "flow":
        return FLOW_ANCHOR_SAMPLER if noised else DEFAULT_FLOW_SAMPLER
    return ANCHOR_SAMPLER if noised else DEFAULT_SAMPLER


def sampler_of(backbone: Backbone, name: str, *, panels: int, sampling_steps: int) -> Any:
    """Sampler ``name`` on the backbone's noise schedule, for canvases of so many panels.

    A dynamic shift counts the image tokens of one panel or of the canvas, as ``settings.shift_by`` says;
    ``settings.shift`` fixes it.

    Raises:
        UsageError: not on the menu of this kind of noise.
    """
    if backbone.noise != "flow":
        return make_sampler(name, backbone.scheduler)
    settings = backbone.settings
    if settings.shift is not None:
        return FlowSampler(name, shifted(backbone.scheduler, settings.shift), own_spacing=backbone.own_spacing)
    counted = panels if settings.shift_by == "canvas" else 1
    mu = backbone.dynamic_shift(counted, settings.panel_px, sampling_steps)
    return FlowSampler(name, backbone.scheduler, mu=mu, own_spacing=backbone.own_spacing)
