"""Consistency of what the images of one article show: colours of one image that no other image of the article has.

The mean distance of features, which the paper calls consistency, hardly moves when every panel shows another sleeve: an
encoder that was trained to name things sees the thing, not its colour. Here pixels decide. Each image's even areas are
its *palette*. Every other image is asked for each colour of it, under the one lighting (a gain for each channel, found
by consensus) that explains most of both images. A colour that no other image has is a change without an explanation:
another wall, another sleeve. What changes once and stays changed, as steps change things, has its explanation in the
next image; so does what a lamp brightens.

Shapes: s is ``SIDE``; images are (s, s, 3), 0 to 255, float64; colours are (c, 3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.Image import Image

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Integers = NDArray[np.int64]

VERSION = 1  # rises whenever a number would change
SIDE = 64  # pixels that an image is reduced to
EVEN = 20.0  # of 255: an area is even where its neighbours differ by less
COARSE = 8  # of 255: colours in one cell of this size are one colour of a palette
SAME, OTHER = 4.0, 8.0  # Lab units: up to SAME two colours are one, from OTHER on they are two, in between in part
LIGHTNESS = 0.5  # weight of a difference in lightness, which shades and lamps cause, beside one in hue
MAX_GAIN = 0.4  # of the natural logarithm: more than this is no lighting
GAIN_TOLERANCE = 0.05
CANDIDATES = 48
FEWEST = 30  # even places that two images must share before a lighting is estimated

_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.119192, 0.9503041]]
)
_WHITE = np.array([0.95047, 1.0, 1.08883])
_WEIGHTS = np.array([LIGHTNESS, 1.0, 1.0])


@dataclass(frozen=True)
class Palette:
    """One image: its pixels, where it is even, its colours, and which of them each even pixel has."""

    pixels: Floats
    even: Bools
    colours: Floats
    members: Integers

    @classmethod
    def of(cls, image: Image) -> Palette:
        """Reduce an RGB image of any size."""
        from PIL.Image import Resampling
        from scipy.ndimage import maximum_filter, minimum_filter

        pixels = np.asarray(image.convert("RGB").resize((SIDE, SIDE), Resampling.BOX), dtype=np.float64)
        reach = (3, 3, 1)
        even = (maximum_filter(pixels, reach) - minimum_filter(pixels, reach)).max(axis=-1) < EVEN
        cells = (pixels[even] // COARSE).astype(np.int64) @ np.array([65536, 256, 1])
        _, members, counts = np.unique(cells, return_inverse=True, return_counts=True)
        sums = [np.bincount(members, pixels[even][:, channel], len(counts)) for channel in range(3)]
        return cls(pixels, even, np.stack(sums, axis=1) / counts[:, None], members)


def lab(rgb: Floats) -> Floats:
    """CIE 1976 L*a*b* of sRGB colours (..., 3) under D65 (IEC 61966-2-1 and CIE 15)."""
    share = rgb / 255
    linear = np.where(share > 0.04045, ((share + 0.055) / 1.055) ** 2.4, share / 12.92)
    xyz = (linear @ _TO_XYZ.T) / _WHITE
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = f[..., 0], f[..., 1], f[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def lighting(first: Palette, second: Palette) -> Floats:
    """The gain of each channel (as logarithm) that turns most of the second image into the first: (3,).

    Both are compared place by place where both are even and neither is clipped. Of some of these ratios, and of no
    change at all, that one is taken which most *colours* agree on: a place counts less the more places have its colour,
    so that a large wall in another colour is no lighting. Zero where too little can be compared.
    """
    usable = first.even & second.even
    for image in (first.pixels, second.pixels):
        usable &= (image.max(axis=-1) < 250) & (image.min(axis=-1) > 20)
    a, b = first.pixels[usable][::2], second.pixels[usable][::2]
    if len(a) < FEWEST:
        return np.zeros(3)
    ratios = np.log(a) - np.log(b)
    cells = (b // 24).astype(np.int64) @ np.array([400, 20, 1])
    _, cell, counts = np.unique(cells, return_inverse=True, return_counts=True)
    weights = 1 / np.sqrt(counts[cell])
    some = ratios[np.linspace(0, len(ratios) - 1, CANDIDATES).astype(np.int64)]
    some = np.concatenate([np.zeros((1, 3)), some[np.abs(some).max(axis=1) < MAX_GAIN]])
    agree = np.abs(ratios[None] - some[:, None]).max(axis=-1) < GAIN_TOLERANCE
    votes = agree @ weights
    votes[0] *= 1.05
    gain = some[votes.argmax()]
    for _ in range(2):
        near = np.abs(ratios - gain).max(axis=-1) < GAIN_TOLERANCE
        if near.any():
            gain = np.average(ratios[near], axis=0, weights=weights[near])
    return np.asarray(gain)


def distances(first: Palette, second: Palette) -> Floats:
    """Lab distance of every colour of the first image from every one of the second, under their lighting: (c, d).

    Channel by channel the darker image is brightened, so that what the brighter one clips is clipped in both.
    """
    gain = lighting(first, second)
    a = np.minimum(first.colours * np.exp(np.maximum(-gain, 0)), 255)
    b = np.minimum(second.colours * np.exp(np.maximum(gain, 0)), 255)
    apart = (lab(a) * _WEIGHTS)[:, None] - (lab(b) * _WEIGHTS)[None]
    return np.asarray(np.sqrt((apart**2).sum(axis=-1)))


def nearest_elsewhere(palettes: Sequence[Palette]) -> list[Floats]:
    """For each colour of each image how far the nearest colour of any other image is."""
    found = [np.full(len(each.colours), np.inf) for each in palettes]
    for i, j in combinations(range(len(palettes)), 2):
        if palettes[i] is palettes[j]:
            found[i][:] = found[j][:] = 0.0
        elif len(found[i]) and len(found[j]):
            apart = distances(palettes[i], palettes[j])
            found[i] = np.minimum(found[i], apart.min(axis=1))
            found[j] = np.minimum(found[j], apart.min(axis=0))
    return found


def unexplained_share(palettes: Sequence[Palette]) -> float:
    """Consistency of an article of at least two images: the share of even areas that no other image explains.

    The mean over images of the part of each image's even area whose colour is ``OTHER`` or more from every colour of
    every other image, counted in part from ``SAME`` on. 0 where all images are one; near 1 where they share nothing.
    An image without even areas has nothing to explain.

    Raises:
        ValueError: fewer than two images.
    """
    if len(palettes) < 2:
        raise ValueError("what other images explain needs two images")
    shares = []
    for each, nearest in zip(palettes, nearest_elsewhere(palettes), strict=True):
        doubt = np.clip((nearest - SAME) / (OTHER - SAME), 0, 1)
        shares.append(float(doubt[each.members].mean()) if len(each.members) else 0.0)
    return float(np.mean(shares))
