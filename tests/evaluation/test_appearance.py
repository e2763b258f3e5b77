"""Consistency of pixels: a second implementation in loops, and what must and must not move it."""

from __future__ import annotations

import itertools
import math
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from illinstr.evaluation.metrics import appearance
from illinstr.evaluation.metrics.appearance import Palette, lab, unexplained_share

WALL, TABLE, CUP = (217, 236, 245), (217, 165, 102), (201, 107, 70)
OTHER_WALL, OTHER_CUP = (253, 224, 197), (95, 168, 74)


def panel(wall=WALL, table=TABLE, cup=CUP, size=64, at=20):
    """A wall, a table and a cup that stands ``at`` some place."""
    image = Image.new("RGB", (size, size), wall)
    image.paste(table, (0, size // 2, size, size))
    image.paste(cup, (at, size // 3, at + size // 4, size // 3 + size // 4))
    return image


def share(images):
    return unexplained_share([Palette.of(image) for image in images])


def slow_lab(colour):
    """CIE L*a*b* of one sRGB colour, written out."""
    red, green, blue = ((v / 255 / 12.92) if v / 255 <= 0.04045 else ((v / 255 + 0.055) / 1.055) ** 2.4 for v in colour)
    x = (0.4124564 * red + 0.3575761 * green + 0.1804375 * blue) / 0.95047
    y = 0.2126729 * red + 0.7151522 * green + 0.0721750 * blue
    z = (0.0193339 * red + 0.1191920 * green + 0.9503041 * blue) / 1.08883
    fx, fy, fz = (v ** (1 / 3) if v > (6 / 29) ** 3 else v * (29 / 6) ** 2 / 3 + 4 / 29 for v in (x, y, z))
    return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)


def slow_palette(image):
    """Even pixels by place, and the mean of each cell of colours."""
    pixels = np.asarray(image.resize((64, 64), Image.Resampling.BOX), dtype=float)
    channels = pixels.transpose(2, 0, 1).tolist()
    even, cells = {}, {}
    for row, column in itertools.product(range(64), repeat=2):
        rows, columns = (slice(max(0, k - 1), k + 2) for k in (row, column))
        around = [[value for line in channel[rows] for value in line[columns]] for channel in channels]
        if all(max(values) - min(values) < 20 for values in around):
            cell = tuple(int(v // 8) for v in pixels[row, column])
            even[row, column] = cell
            cells.setdefault(cell, []).append(pixels[row, column])
    return pixels, even, {cell: np.mean(members, axis=0) for cell, members in cells.items()}


def slow_gain(first, second):
    """The lighting by votes: each candidate in a loop, a colour's votes growing with the root of its size."""
    (a, even_a, _), (b, even_b, _) = first, second
    places = [p for p in sorted(even_a) if p in even_b]
    places = [p for p in places if all(max(x[p]) < 250 and min(x[p]) > 20 for x in (a, b))][::2]
    if len(places) < 30:
        return np.zeros(3)
    ratios = [np.array([math.log(a[p][k] / b[p][k]) for k in range(3)]) for p in places]
    cells = [tuple(int(v // 24) for v in b[p]) for p in places]
    counts = Counter(cells)
    weights = [counts[cell] ** -0.5 for cell in cells]
    chosen = [ratios[int(k)] for k in np.linspace(0, len(ratios) - 1, 48)]
    candidates = [np.zeros(3), *(r for r in chosen if max(abs(r)) < 0.4)]

    def near(gain):
        return [k for k, r in enumerate(ratios) if max(abs(r - gain)) < 0.05]

    votes = [sum(weights[k] for k in near(each)) for each in candidates]
    votes[0] *= 1.05
    gain = candidates[votes.index(max(votes))]
    for _ in range(2):
        agreeing = near(gain)
        if agreeing:
            total = sum(weights[k] for k in agreeing)
            gain = sum(weights[k] * ratios[k] for k in agreeing) / total
    return gain


def slow_share(images):
    """What ``unexplained_share`` claims to be, colour by colour."""
    seen = [slow_palette(image) for image in images]
    pairs = itertools.combinations(range(len(seen)), 2)
    gains = {(i, j): slow_gain(seen[i], seen[j]) for i, j in pairs}
    shares = []
    for own, (_, even, colours) in enumerate(seen):
        doubts = {}
        for cell, colour in colours.items():
            distances = []
            for other, (_, _, theirs) in enumerate(seen):
                gain = gains[own, other] if own < other else -gains.get((other, own), np.zeros(3))
                mine = slow_lab([min(255, v * math.exp(max(-g, 0))) for v, g in zip(colour, gain, strict=True)])
                for their in theirs.values() if own != other else ():
                    lit = slow_lab([min(255, v * math.exp(max(g, 0))) for v, g in zip(their, gain, strict=True)])
                    less = [x - y for x, y in zip(mine, lit, strict=True)]
                    distances.append(math.sqrt((less[0] / 2) ** 2 + less[1] ** 2 + less[2] ** 2))
            doubts[cell] = min(1, max(0, (min(distances, default=math.inf) - 4) / 4))
        shares.append(sum(doubts[cell] for cell in even.values()) / len(even) if even else 0)
    return sum(shares) / len(shares)


@pytest.mark.parametrize("seed", range(3))
def test_the_share_equals_the_second_implementation(seed):
    generator = np.random.default_rng(seed)
    colours = [WALL, OTHER_WALL, CUP, OTHER_CUP, TABLE, (60, 60, 70)]
    images = [
        panel(*(colours[k] for k in generator.integers(6, size=3)), at=int(generator.integers(40))) for _ in range(3)
    ]
    images[1] = images[1].point([min(255, round(v * 1.1)) for v in range(256)] * 3)
    assert share(images) == pytest.approx(slow_share(images), abs=1e-9)
    assert 0 < share(images) < 1


def test_lab_is_what_the_standard_says():
    for colour in (WALL, TABLE, CUP, (0, 0, 0), (255, 255, 255), (1, 2, 3)):
        np.testing.assert_allclose(lab(np.array(colour, float)), slow_lab(colour), atol=1e-9)
    np.testing.assert_allclose(lab(np.array([255.0, 0, 0])), [53.24, 80.09, 67.20], atol=0.02)


def test_one_image_repeated_leaves_nothing_to_explain():
    assert share([panel()] * 4) == 0
    palette = Palette.of(panel())
    assert unexplained_share([palette, palette]) == 0
    with pytest.raises(ValueError, match="two images"):
        unexplained_share([palette])


@pytest.mark.parametrize("change", [{"wall": OTHER_WALL}, {"cup": OTHER_CUP}, {"table": (127, 147, 168)}])
def test_a_colour_that_no_other_image_has_is_seen(change):
    same = [panel(at=at) for at in (5, 15, 25, 35)]
    assert share(same) == 0
    assert share([panel(at=45, **change), *same[1:]]) > 0.01


def test_what_moves_or_changes_once_and_stays_is_explained():
    assert share([panel(at=at) for at in (2, 20, 40)]) == 0
    assert share([panel(), panel(), panel(cup=OTHER_CUP), panel(cup=OTHER_CUP)]) == 0


@pytest.mark.parametrize("gains", [(0.85,) * 3, (1.12,) * 3, (1.06, 1.0, 0.94)])
def test_one_lighting_of_a_whole_image_is_no_change(gains):
    lit = panel().point([min(255, round(v * gain)) for gain in gains for v in range(256)])
    assert share([panel(), panel(), lit]) < 0.005


def test_a_wall_is_no_lighting():
    """The wall alone in another colour: as a lighting it would leave table and cup unexplained."""
    gain = appearance.lighting(Palette.of(panel()), Palette.of(panel(wall=OTHER_WALL)))
    assert gain.tolist() == pytest.approx([0, 0, 0], abs=0.01)


def test_images_without_even_areas_have_nothing_to_explain():
    noise = [Image.fromarray(np.random.default_rng(k).integers(0, 256, (64, 64, 3), dtype=np.uint8)) for k in (0, 1)]
    assert share(noise) == 0 and share([noise[0], panel()]) == pytest.approx(0.5)
