"""Images of steps inside a page: their words for who does not see them, and their bytes as addresses."""

from __future__ import annotations

from typing import Any

from illinstr.articles import Step, StepImage
from illinstr.errors import DataError
from illinstr.images import data_uri, encode_jpeg

MAX_REPEATED_BYTES = 128 << 10
SMALL_PX = 512


def alt_of(step: Step, index: int) -> str:
    """What an image shows, for who does not see it: its caption, else what came with it, else which step it is of.

    The heading stands beside the image already; read twice it says nothing more.
    """
    own = step.image.alt if step.image else None
    # Drawn from a prompt, an image need not show all that the caption says.
    said = (own if step.prompt else None) or step.caption or own
    return f"Drawing of step {index + 1}" if said in (None, f"Step {index + 1}: {step.headline}") else str(said)


def inlined(step: Step, index: int) -> dict[str, Any] | None:
    """What an ``img`` element needs, None for a step without an image.

    Raises:
        DataError: the image is described but its bytes are not there.
    """
    if step.image is None:
        return None
    return {
        "uri": data_uri(step.image.media_type, _bytes(step.image, index)),
        "width": step.image.width,
        "height": step.image.height,
        "alt": alt_of(step, index),
    }


def repeated(image: StepImage, index: int) -> str:
    """The address of an image that the page holds once more: as it is where it is small, else a small copy of it.

    Raises:
        DataError: its bytes are not there.
    """
    data = _bytes(image, index)
    if len(data) <= MAX_REPEATED_BYTES:
        return data_uri(image.media_type, data)
    small = image.decode(f"the image of step {index + 1}")
    small.thumbnail((SMALL_PX, SMALL_PX))
    return data_uri("image/jpeg", encode_jpeg(small, quality=85))


def _bytes(image: StepImage, index: int) -> bytes:
    if image.data is None:
        raise DataError(f"step {index + 1} has an image without bytes")
    return image.data
