"""A picture, painted on canvas."""

from __future__ import annotations

from illinstr.minihow.families.base import Family, Item, Look, gather, put, step, wait


def _canvas(k: Look, x: float = 46, y: float = 84, size: float = 1.0, **keys: object) -> Item:
    return put("painting", x, y, size, easel=True, **keys)


def _sketched(k: Look, x: float = 46, size: float = 1.0, **keys: object) -> Item:
    return _canvas(k, x, 84, size, background=k["background"], subject=k["subject"], **keys)


def _paint_things(k: Look) -> list[Item]:
    return [
        _canvas(k, 32, 72, 0.7),
        put("paint", 70, 80, 1.0, colour=k["background"]),
        put("paint", 84, 94, 1.05, colour=k["colour"]),
        put("brush", 14, 90, 1.0),
    ]


def _set_up(k: Look) -> list[Item]:
    return [_canvas(k), k.hand("flat", 80, 50, 14, size=1.15)]


def _dip(k: Look, colour: str) -> list[Item]:
    return [
        put("paint", 38, 93, 1.9, colour=colour),
        put("brush", 40, 46, 1.2, angle=-58, colour=colour),
        k.hand("pinch", 58, 18, 10, size=1.15),
    ]


def _dip_first(k: Look) -> list[Item]:
    return _dip(k, k["background"])


def _dip_second(k: Look) -> list[Item]:
    return _dip(k, k["colour"])


def _ground(k: Look) -> list[Item]:
    return [
        _canvas(k, 42, background=k["background"]),
        put("brush", 50, 50, 1.15, angle=-18, colour=k["background"]),
        k.hand("pinch", 84, 40, 10, size=1.1),
    ]


def _dry(k: Look) -> list[Item]:
    return [_canvas(k, 38, background=k["background"])]


def _wash(k: Look) -> list[Item]:
    return [
        put("glass", 40, 94, 1.45, fill=k["background"], level=0.75),
        put("brush", 40, 66, 1.15, angle=-74),
        k.hand("pinch", 52, 30, 10, size=1.15),
    ]


def _sketch(k: Look) -> list[Item]:
    return [
        _sketched(k, 42),
        put("pencil", 58, 52, 1.0, angle=-24, colour=k.second),
        k.hand("pinch", 80, 43, 10, size=1.1),
    ]


def _fill_in(k: Look) -> list[Item]:
    return [
        _sketched(k, 42, colour=k["colour"]),
        put("brush", 56, 50, 1.15, angle=-18, colour=k["colour"]),
        k.hand("pinch", 90, 40, 10, size=1.1),
    ]


def _drying(k: Look) -> list[Item]:
    return [_sketched(k, 38, colour=k["colour"])]


def _sign(k: Look) -> list[Item]:
    return [
        _sketched(k, 42, colour=k["colour"]),
        put("pencil", 68, 78, 0.9, angle=-10, colour=k.second),
        k.hand("pinch", 88, 75, 10, size=1.1),
    ]


def _hang(k: Look) -> list[Item]:
    shown = {"background": k["background"], "subject": k["subject"], "colour": k["colour"]}
    return [put("painting", 50, 82, 0.92, frame=True, **shown), put("sparkles", 50, 46, 1.15, spread=38)]


FAMILY = Family(
    name="painting",
    title="paintings",
    nouns="painting picture canvas",
    verbs="paint draw",
    category="crafts",
    attributes={
        "colour": ("red", "orange", "yellow", "green", "purple", "pink", "brown"),
        "subject": ("house", "boat", "fish", "heart", "star", "flower", "balloon", "mushroom"),
        "background": ("white", "black", "blue", "teal", "grey"),
    },
    phrases=(
        "paint a picture of a {colour} {subject} on a {background} background",
        "make a painting of a {colour} {subject} on a {background} background",
        "paint a {colour} {subject} on a {background} background",
        "paint a canvas with a {colour} {subject} on a {background} background",
    ),
    steps=(
        gather(_paint_things),
        step(
            "easel",
            "[Set up|Put up|Fetch|Bring out] the [easel|canvas|empty canvas]",
            "[Stand|Place|Put] an empty canvas [before you|on the easel]",
            "[Place|Put|Set] the canvas on the easel",
            "[Start|Begin] with an empty canvas [before you|on the easel]",
            scene=_set_up,
            weight=3,
        ),
        step(
            "dip1",
            "[Take up|Get] [paint|some paint] [on the brush|with the brush]",
            "[Load|Fill] your brush",
            "[Load|Fill] [the|your] brush with [paint|some paint]",
            "Dip [the|your] brush into the [paint|pot|pot of paint]",
            "Let the [brush|bristles] [soak up|drink up] some paint",
            scene=_dip_first,
            weight=1.5,
        ),
        step(
            "ground",
            "[Paint|Cover|Coat] the whole [canvas|surface] [first|evenly]",
            "[Brush|Paint] from edge to edge",
            "[Brush|Paint] the background [first|evenly|from edge to edge]",
            "Give the whole [canvas|surface] [one colour|an even coat]",
            "Leave no [gap|bare spot] on the [canvas|surface]",
            scene=_ground,
            weight=5,
        ),
        wait("dry1", _dry, hour=2),
        step(
            "sketch",
            "[Draw|Sketch|Trace] the [outline|shape] [with a pencil|lightly|in thin lines]",
            "Pencil in [what you want to show|the outline|the shape]",
            "Mark the [outline|shape] [with a pencil|lightly]",
            "Draw what you want to show",
            "Take a pencil and [draw|sketch] the [outline|shape]",
            scene=_sketch,
            weight=4.5,
        ),
        step(
            "wash",
            "[Wash|Swirl|Rinse] [the brush|your brush] in [water|a glass]",
            "Change the colour on your brush",
            "[Wash|Rinse] [the|your] brush before you change the colour",
            "[Wash|Rinse|Get] the old [colour|paint] off [the|your] brush",
            "Clean [the|your] brush in [water|a glass]",
            scene=_wash,
            extra=True,
        ),
        step(
            "dip2",
            "[Take up|Get] [paint|some paint] [on the brush|with the brush]",
            "[Load|Fill] your brush",
            "[Load|Fill] [the|your] brush with [paint|some paint]",
            "Dip [the|your] brush into the [paint|pot|pot of paint]",
            "Let the [brush|bristles] [soak up|drink up] some paint",
            scene=_dip_second,
            weight=1.5,
        ),
        step(
            "fill",
            "[Fill in|Colour|Paint] the [shape|outline] [carefully|with a small brush]",
            "[Stay|Keep|Paint] inside the [lines|outline]",
            "Work [carefully|slowly] inside the [lines|outline]",
            "Brush colour into the [shape|outline]",
            "Give the shape [a colour|its colour]",
            scene=_fill_in,
            weight=6,
        ),
        wait("dry2", _drying, hour=8),
        step(
            "sign",
            "Sign with your name in the corner",
            "[Sign|Write|Put] your [name|initials] [in the corner|at the bottom|in pencil]",
            "Put your [name|initials] on [it|your work]",
            "Sign your work",
            "Sign your work [in pencil|in the corner|at the bottom]",
            "[Add|Pencil in] your [name|initials] [in the corner|at the bottom]",
            scene=_sign,
            extra=True,
        ),
        step(
            "hang",
            "[Frame it|Put it in a frame] and hang it [up|on the wall]",
            "Hang [it|your masterpiece|your work of art] [on the wall|where all can see it]",
            "[Show|Admire|Show off|Enjoy] your [masterpiece|work of art]",
            "Give [it|your masterpiece|your work of art] a [frame|place on the wall]",
            scene=_hang,
            weight=9,
        ),
    ),
)
