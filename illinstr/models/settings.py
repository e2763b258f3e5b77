"""What a StackedDiffusion model folder knows beyond its standard components: ``stacked.json``."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from illinstr.config import Config

Conditioning = Literal["routed", "joint", "single"]
Positions = Literal["frame", "column", "reset"]
ShiftBy = Literal["panel", "canvas"]
Upscale = Literal[1, 2, 4]


class StackedSettings(Config):
    """How text reaches the panels, and the defaults the model was tuned for.

    ``conditioning``: *routed*: a panel attends to the goal's and its own step's tokens; *joint*: every panel attends to
    the tokens of the goal and of all steps, encoded apart (the paper); *single*: one string of goal and steps, encoded
    at once.
    """

    schema_version: Literal[1] = 1
    conditioning: Conditioning = "routed"
    step_code: bool = Field(default=True, description="add the sinusoidal step code to the text tokens")
    panel_px: int = Field(default=128, ge=8, description="side of a panel in pixels")
    trained_steps: tuple[int, int] = Field(default=(2, 8), description="fewest and most panels seen in training")
    sampling_steps: int = Field(default=20, ge=1, description="default denoising steps")
    guidance: float = Field(default=3.0, ge=0, description="default classifier-free guidance; 1 is off")
    guidance_rescale: float = Field(default=0.0, ge=0, le=1, description="arXiv 2305.08891, section 3.4")
    guidance_from: float = Field(
        default=1.0,
        ge=0,
        le=1,
        description="guidance begins below this share of the timesteps: the noisiest go without (arXiv 2404.07724)",
    )
    positions: Positions | None = Field(default=None, description="how a transformer is told its panels; None: frame")
    shift: float | None = Field(default=None, gt=0, description="of a flow's noise levels; None is the family's own")
    shift_by: ShiftBy = Field(default="panel", description="what a dynamic shift counts the image tokens of")
    clean_anchors: bool | None = Field(
        default=None, description="whether it learnt from panels given clean; None: as the family does"
    )
    text_layers: tuple[int, ...] | None = Field(
        default=None, description="hidden layers of the text encoder that FLUX.2 reads; None: its pipeline's own"
    )
    upscale: Upscale = Field(
        default=1, description="times larger than drawn that images come out, by the embedded upscaler; 1 is as drawn"
    )
    training: dict[str, Any] = Field(default_factory=dict, description="the config the U-Net was trained with")
