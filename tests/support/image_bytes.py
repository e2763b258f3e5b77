"""Encoded images for tests."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """``image`` as a file of ``kind``, in memory."""
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()
