"""What a caller is shown while images are drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image
from torch import Tensor


@dataclass(frozen=True)
class SamplingStep:
    """What a callback is given after each sampling step.

    Attributes:
        done: sampling steps taken.
        total: sampling steps in all.
        predicted_bnchw: what the finished latents look like from here.
        begun_bn: which panels are finished or being drawn; others wait for their window.
        decode: turns latents into images.
    """

    done: int
    total: int
    predicted_bnchw: Tensor
    begun_bn: Tensor
    decode: Callable[[Tensor], list[list[Image.Image]]]

    def preview(self) -> list[list[Image.Image | None]]:
        """Decode the prediction: N images for each article of the batch, None for a panel that waits.

        Costs one pass of the VAE's decoder.
        """
        images = self.decode(self.predicted_bnchw)
        return [
            [image if begun else None for image, begun in zip(row, begun_row, strict=True)]
            for row, begun_row in zip(images, self.begun_bn.tolist(), strict=True)
        ]


OnStep = Callable[[SamplingStep], None]
