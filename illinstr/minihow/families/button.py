"""A button, sewn back on."""

from __future__ import annotations

from illinstr.minihow.families.base import Family, Item, Look, gather, put, step


def _shirt(k: Look, x: float = 46, y: float = 98, size: float = 1.08, **keys: object) -> Item:
    return put("shirt", x, y, size, colour=k["shirt"], button=k["button"], shape=k["shape"], **keys)


def _button(k: Look, x: float, y: float, size: float, **keys: object) -> Item:
    return put("button", x, y, size, colour=k["button"], shape=k["shape"], **keys)


def _button_things(k: Look) -> list[Item]:
    return [
        _shirt(k, 34, 88, 0.72, missing=True),
        put("thread", 80, 92, 1.2, colour=k.second),
        _button(k, 78, 46, 1.3),
    ]


def _find(k: Look) -> list[Item]:
    return [_shirt(k, 42, missing=True), k.hand("point", 50, 60, 14, size=1.15)]


def _choose(k: Look) -> list[Item]:
    return [_button(k, 40, 52, 2.6), k.hand("pinch", 64, 54, 10, size=1.25)]


def _thread(k: Look) -> list[Item]:
    return [
        put("needle", 14, 54, 1.35, angle=-6),
        k.hand("pinch", 62, 50, 12, size=1.2),
        k.hand("pinch", 26, 56, 10, flip=True, size=1.1),
    ]


def _knot(k: Look) -> list[Item]:
    return [
        put("thread", 48, 94, 1.5, colour=k.second),
        put("cord", 52, 62, 1.0, dx=2, dy=-24),
        k.hand("pinch", 56, 36, 16, size=1.15),
        k.hand("pinch", 48, 40, 16, flip=True, size=1.15),
    ]


def _place(k: Look) -> list[Item]:
    return [
        _shirt(k, 40, missing=True),
        _button(k, 44, 57, 1.15),
        k.hand("pinch", 54, 55, 12, size=1.15),
    ]


def _up(k: Look) -> list[Item]:
    return [
        _shirt(k, 40),
        put("needle", 44, 56, 0.9, angle=-38),
        k.hand("pinch", 66, 36, 10, size=1.1),
    ]


def _down(k: Look) -> list[Item]:
    return [
        _shirt(k, 40),
        put("needle", 44, 60, 0.9, angle=20),
        k.hand("pinch", 68, 70, 10, size=1.1),
    ]


def _wind(k: Look) -> list[Item]:
    return [
        _shirt(k, 40),
        put("swirl", 40, 60, 1.3, rx=14, ry=7),
        put("needle", 52, 52, 0.8, angle=-26),
        k.hand("pinch", 76, 38, 10, size=1.1),
    ]


def _snip(k: Look) -> list[Item]:
    return [
        _shirt(k, 38),
        put("cord", 38, 60, 1.0, dx=16, dy=16),
        put("scissors", 68, 68, 0.95, angle=0, colour=k.second),
        k.hand("fist", 86, 69, 8, size=1.05),
    ]


def _tug(k: Look) -> list[Item]:
    return [_shirt(k, 40), k.hand("pinch", 48, 57, 10, size=1.2)]


def _done(k: Look) -> list[Item]:
    return [_shirt(k, 50), put("sparkles", 50, 54, 1.2, spread=34)]


FAMILY = Family(
    name="button",
    category="repair",
    attributes={
        "button": ("red", "blue", "yellow", "green", "purple", "pink", "orange", "white"),
        "shape": ("round", "square", "heart", "star", "flower"),
        "shirt": ("red", "blue", "yellow", "green", "purple", "pink", "orange", "teal"),
    },
    differ=("button", "shirt"),
    phrases=(
        "sew a {button} {shape} button on a {shirt} shirt",
        "mend a {shirt} shirt with a {button} {shape} button",
        "repair a {shirt} shirt with a {button} {shape} button",
        "stitch a {button} {shape} button on a {shirt} shirt",
    ),
    steps=(
        gather(_button_things),
        step(
            "find",
            "[Find|Look for|Mark] the [gap|spot|place] [where one is missing|with the loose threads]",
            "See which one has come off",
            scene=_find,
            weight=3.5,
        ),
        step(
            "choose",
            "[Choose|Find|Pick] [a new one|a spare one|one that matches]",
            "Hold the new one up",
            scene=_choose,
            weight=4,
        ),
        step(
            "needle",
            "[Thread|Get] [the|a thin] needle [and pull it even|with strong cotton]",
            "Push the cotton through the eye",
            scene=_thread,
            weight=3,
        ),
        step(
            "knot",
            "[Tie|Make] a [knot|double knot|fat knot] [at the end|in the end]",
            "Knot the end",
            scene=_knot,
            extra=True,
        ),
        step(
            "place",
            "[Set|Put|Hold] it [on the gap|over the gap|where it belongs]",
            "Lay it on the right spot",
            scene=_place,
            weight=4.5,
        ),
        step(
            "up",
            "[Push|Bring|Pull] the needle [up|up through a hole|up from below]",
            "Come up through the first hole",
            scene=_up,
            weight=5,
        ),
        step(
            "down",
            "[Push|Bring|Pull] the needle [down|down through a hole|down from above]",
            "Go down through the other hole",
            scene=_down,
            weight=2,
        ),
        step(
            "wind",
            "[Wind|Wrap|Turn] the thread [underneath|three times underneath]",
            "Make a little stem of thread",
            scene=_wind,
            extra=True,
        ),
        step(
            "snip",
            "[Cut|Snip] [the thread|what is left over] [off|with scissors]",
            "Trim the end of the thread",
            scene=_snip,
            weight=3.5,
        ),
        step(
            "tug",
            "[Tug|Pull] [at it|it] [gently|to see if it holds]",
            "Test whether it sits tight",
            scene=_tug,
            extra=True,
        ),
        step(
            "done",
            "[Wear|Button up|Put on] the [mended|finished] [piece|garment]",
            "Be proud of your mending",
            "It looks like new again",
            scene=_done,
            weight=9,
        ),
    ),
)
