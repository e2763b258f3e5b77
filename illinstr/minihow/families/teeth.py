"""Teeth, brushed."""

from __future__ import annotations

from illinstr.minihow.families.base import Family, Item, Look, gather, put, step, wait

_HAIR = {"skin-1": "#c8803c", "skin-2": "#6b4630", "skin-3": "#4a3430", "skin-4": "#3a2c30", "skin-5": "#2f262c"}


def _face(k: Look, x: float = 46, y: float = 88, size: float = 1.0, **keys: object) -> Item:
    return put("face", x, y, size, skin=k.skin, hair=_HAIR[k.skin], **keys)


def _brush(k: Look, x: float, y: float, size: float, **keys: object) -> Item:
    return put("toothbrush", x, y, size, colour=k["brush"], **keys)


def _mug(k: Look, x: float, y: float, size: float, **keys: object) -> Item:
    return put("mug", x, y, size, colour=k["mug"], **keys)


def _tooth_things(k: Look) -> list[Item]:
    return [
        _brush(k, 24, 26, 0.95, angle=90),
        _mug(k, 26, 92, 1.1),
        put("tube", 54, 82, 0.8, colour=k["paste"]),
    ]


def _wet(k: Look) -> list[Item]:
    return [
        _brush(k, 36, 66, 1.05, angle=-4),
        put("tap", 36, 32, 1.1, length=22),
        k.hand("fist", 80, 64, 8, size=1.15),
    ]


def _open(k: Look) -> list[Item]:
    return [
        put("tube", 22, 58, 1.2, colour=k["paste"], angle=-6),
        k.hand("pinch", 28, 56, 10, flip=True, size=1.1),
        k.hand("wrap", 70, 52, 10, size=1.1),
    ]


def _squeeze(k: Look) -> list[Item]:
    return [
        _brush(k, 30, 80, 1.15, paste=k["paste"]),
        put("tube", 32, 54, 1.0, colour=k["paste"], angle=-36, squeezed=True),
        k.hand("wrap", 62, 32, 8, size=1.1),
    ]


def _front(k: Look) -> list[Item]:
    return [
        _face(k, 42, mouth="open", foam=True),
        _brush(k, 42, 68, 0.85, paste=k["paste"]),
        k.hand("fist", 82, 68, 8, size=1.05),
    ]


def _back(k: Look) -> list[Item]:
    return [
        _face(k, 50, mouth="open", foam=True),
        _brush(k, 44, 68, 0.85, angle=-20, flip=True, paste=k["paste"]),
        k.hand("fist", 12, 55, 20, flip=True, size=1.05),
    ]


def _brushing(k: Look) -> list[Item]:
    return [_face(k, 40, mouth="open", foam=True), _brush(k, 40, 68, 0.85, paste=k["paste"])]


def _fill(k: Look) -> list[Item]:
    return [
        _mug(k, 42, 93, 1.6, fill="water"),
        put("tap", 42, 24, 1.05, length=18),
        k.hand("wrap", 74, 66, 12, size=1.15),
    ]


def _rinse(k: Look) -> list[Item]:
    return [
        _face(k, 42, mouth="open"),
        _mug(k, 44, 98, 1.05, fill="water"),
        k.hand("fist", 68, 80, 10, size=1.1),
    ]


def _clean(k: Look) -> list[Item]:
    return [
        _brush(k, 36, 66, 1.05, angle=-4),
        put("tap", 36, 32, 1.1, length=22),
        put("bubbles", 36, 84, 1.0, spread=18),
        k.hand("fist", 80, 64, 8, size=1.15),
    ]


def _away(k: Look) -> list[Item]:
    return [
        _brush(k, 38, 18, 1.0, angle=86),
        _mug(k, 42, 93, 1.45),
        k.hand("pinch", 42, 42, 8, size=1.1),
    ]


def _smile(k: Look) -> list[Item]:
    return [
        _face(k, 40, 86, 0.96, mouth="smile"),
        _brush(k, 80, 48, 0.6, angle=90),
        _mug(k, 80, 97, 0.85),
        put("tube", 4, 93, 0.62, colour=k["paste"]),
        put("sparkles", 42, 48, 1.1, spread=35),
    ]


FAMILY = Family(
    name="teeth",
    title="brushed teeth",
    nouns="teeth tooth",
    verbs="brush clean care",
    made=False,
    category="care",
    attributes={
        "brush": ("red", "blue", "yellow", "green", "purple", "pink", "orange", "teal"),
        "paste": ("red", "blue", "white", "green", "pink", "purple"),
        "mug": ("red", "blue", "yellow", "green", "white", "orange"),
    },
    phrases=(
        "brush your teeth with a {brush} brush and {paste} paste and a {mug} mug",
        "clean your teeth with a {brush} brush and {paste} paste and a {mug} mug",
        "brush teeth using a {brush} brush and {paste} paste and a {mug} mug",
        "care for your teeth with a {brush} brush and {paste} paste and a {mug} mug",
    ),
    steps=(
        gather(_tooth_things),
        step(
            "wet",
            "[Wet|Dampen|Moisten] the [bristles|brush] [first|with water|a little|before you start]",
            "[Hold|Put] the [bristles|dry bristles] under the tap",
            "[Start|Begin] with [wet|damp] bristles",
            "Let the [bristles|dry bristles] get [wet|damp] first",
            scene=_wet,
            weight=2.5,
        ),
        step(
            "open",
            "[Unscrew|Open|Twist off|Take off|Remove] the [cap|lid]",
            "[Take|Twist|Screw] the [cap|lid] off the tube",
            "[Open|Uncap] the tube [first|with a twist]",
            "Give the [cap|lid] a [twist|good twist]",
            scene=_open,
            extra=True,
        ),
        step(
            "squeeze",
            "[Squeeze|Press|Put] [a little|a stripe|a small blob] on the [bristles|brush]",
            "[Squeeze|Press] the tube [gently|with care|from the end]",
            "Top the [bristles|brush] with [a stripe|a small blob]",
            "Lay [a stripe|a small blob] along the bristles",
            "Add [a little|a stripe of|a small blob of] toothpaste",
            scene=_squeeze,
            weight=5,
        ),
        step(
            "front",
            "[Brush|Scrub|Clean] the front [ones|teeth] [first|in small circles|gently]",
            "[Start|Begin] with the front [ones|teeth]",
            "[Move|Guide] the brush in [small|little] circles over the front ones",
            "Do the front [ones|teeth] first",
            scene=_front,
            weight=5.5,
        ),
        step(
            "back",
            "[Brush|Scrub|Clean] the back [ones|teeth] [next|in small circles|gently]",
            "[Go on|Carry on] with the back [ones|teeth]",
            "[Reach|Brush|Clean] right to the very back",
            "[Do not forget|Remember] the back [ones|teeth]",
            scene=_back,
            weight=3.5,
        ),
        wait("minutes", _brushing, hour=4),
        step(
            "fill",
            "Get [clear|cold|fresh] water for [rinsing|your mouth]",
            "Get [clear|cold|fresh] water from the tap",
            "Fill [it|the mug] [to the rim|at the tap|with cold water|with fresh water]",
            "Let [water|cold water|fresh water] run in [to the rim|from the tap]",
            "[Hold|Put] the mug under the tap",
            "Run [cold|fresh] water into the mug",
            scene=_fill,
            weight=3,
        ),
        step(
            "rinse",
            "[Rinse|Rinse out|Wash out] your mouth [well|with water|twice|with a sip of water]",
            "Take a [gulp|sip|mouthful] and spit it out",
            "[Swish|Swirl] the water [around|about] and spit it out",
            "Spit [the foam|everything] out and rinse [well|twice]",
            scene=_rinse,
            weight=4.5,
        ),
        step(
            "clean",
            "[Rinse|Wash] the [bristles|brush] [clean|out|afterwards]",
            "[Rinse|Wash|Flush] the foam off the [bristles|brush]",
            "[Get|Make] the [bristles|brush] clean again",
            "Clean the [bristles|brush] [afterwards|again]",
            "Let the [tap|water] wash the foam off the [bristles|brush]",
            scene=_clean,
            weight=2,
        ),
        step(
            "away",
            "[Put|Stand] [it|everything] away [to dry|until tonight]",
            "Let the [bristles|brush] dry in the [air|mug]",
            "Stand [it|the brush] up so that it dries",
            "[Put|Stand] the brush back in the mug",
            "[Keep|Leave] [it|the brush] in the mug [to dry|until tonight]",
            scene=_away,
            weight=3.5,
        ),
        step(
            "smile",
            "[Smile|Grin|Beam] [at the mirror|brightly|with pride|at your reflection]",
            "[Show|Show off] your [bright|clean|fresh] smile",
            "[Admire|Enjoy] your [bright|fresh] smile in the mirror",
            "Give the mirror a [bright|big] smile",
            "Look in the mirror and [smile|grin|beam]",
            scene=_smile,
            weight=9,
        ),
    ),
)
