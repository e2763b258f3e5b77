"""The names a caller may use for how images are drawn; importable without torch."""

from __future__ import annotations

from typing import Literal, get_args

Method = Literal["stacked", "independent"]
METHODS: tuple[str, ...] = get_args(Method)
SAMPLERS: tuple[str, ...] = ("dpm++2m", "dpm++2m-sde", "ddim", "unipc", "euler", "euler-a", "ddpm")
FLOW_SAMPLERS: tuple[str, ...] = ("euler", "euler-a", "dpm++2m")
CONDITIONINGS: tuple[str, ...] = ("routed", "joint", "single")
POSITIONS: tuple[str, ...] = ("frame", "column", "reset")
SHIFTS_BY: tuple[str, ...] = ("panel", "canvas")
UPSCALES: tuple[int, ...] = (1, 2, 4)
NO_REFERENCES = "FLUX.2 takes reference images; --first-picture keeps an image of yours as step 1's"
