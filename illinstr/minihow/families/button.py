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
    title="sewn-on buttons",
    nouns="button shirt",
    verbs="sew mend repair stitch attach replace fix",
    made=False,
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
            "[See|Check] which one [has come off|is missing]",
            "[See|Check|Mark] where one has come off",
            "Point to the [gap|spot|place] [where one has come off|with the loose threads]",
            scene=_find,
            weight=3.5,
        ),
        step(
            "choose",
            "[Choose|Find|Pick] [a new one|a spare one|one that matches]",
            "Hold the [new|spare] one up[| to see if it matches]",
            "Look for [a new one|a spare one|one that matches]",
            "Take [a new one|a spare one|one that matches] from the sewing box",
            "Check that the [new|spare] one matches",
            "Search the sewing box for [a new one|a spare one|one that matches]",
            scene=_choose,
            weight=4,
        ),
        step(
            "needle",
            "[Thread|Get] [the|a thin] needle [and pull it even|with strong cotton]",
            "[Push|Pull|Pass] the [cotton|strong cotton|thread] through the eye[| of the needle]",
            "Get the [cotton|thread] through the eye[| of the needle]",
            "[Take|Get] a thin needle and [thread it|pull the cotton through]",
            scene=_thread,
            weight=3,
        ),
        step(
            "knot",
            "[Tie|Make] a [knot|double knot|fat knot] [at the end|in the end]",
            "Knot the end[| twice| of the thread| of the cotton]",
            "Give the [thread|cotton] a [knot|double knot|fat knot]",
            "Tie the end of the [thread|cotton] twice",
            scene=_knot,
            extra=True,
        ),
        step(
            "place",
            "[Set|Put|Hold|Lay] it [on the gap|over the gap|where it belongs|on the right spot]",
            "[Place|Put] the new one [over the gap|on the right spot|where it belongs]",
            "Cover the gap with [it|the new one]",
            "[Bring|Move] it to the [gap|right spot]",
            scene=_place,
            weight=4.5,
        ),
        step(
            "up",
            "[Push|Bring|Pull] the needle [up|up through a hole|up from below|up through the first hole]",
            "[Come|Go] up [through|from below through] the first hole",
            "Start from below and [come|go|pull the needle] up",
            "Let the needle [come|go] up [from below|through a hole]",
            "Stitch up [from below|through a hole|through the first hole]",
            scene=_up,
            weight=5,
        ),
        step(
            "down",
            "[Push|Bring|Pull] the needle [down|down through a hole|down from above|down through the other hole]",
            "[Come|Go] [down|back down] through the [other|second] hole",
            "Start from above and [go|pull the needle] down",
            "Let the needle go down [from above|through a hole|through the second hole]",
            "Stitch down [from above|through a hole|through the other hole]",
            scene=_down,
            weight=2,
        ),
        step(
            "wind",
            "[Wind|Wrap|Turn|Loop] the thread [underneath|three times underneath|a few times underneath]",
            "Make a [little|short] stem [of thread|of thread underneath|with the thread]",
            "Form a [little|short] stem [of thread|underneath]",
            "Give it a [little|short] stem of thread",
            "Go around underneath with the thread [three|a few] times",
            scene=_wind,
            extra=True,
        ),
        step(
            "snip",
            "[Cut|Snip] [the thread|what is left over] [off|with scissors]",
            "[Trim|Cut|Snip] the end of the thread[| with scissors]",
            "Use scissors to [cut|snip|trim] the [thread|end]",
            "Trim [off what is left over|what is left of the thread]",
            "Take scissors to [the end|what is left over]",
            "Remove [what is left over|the end of the thread] with scissors",
            scene=_snip,
            weight=3.5,
        ),
        step(
            "tug",
            "[Tug|Pull] [at it|it] [gently|to see if it holds]",
            "[Test|Check] whether it [sits tight|sits firmly|holds]",
            "Give it a [gentle|little] [tug|pull]",
            "[See|Feel] if it [sits tight|sits firmly|holds]",
            "Make sure that it [sits tight|sits firmly|holds]",
            scene=_tug,
            extra=True,
        ),
        step(
            "done",
            "[Wear|Button up|Put on] the [mended|finished] [piece|garment]",
            "Be proud of your [mending|work|sewing]",
            "[Admire|Enjoy] your [mending|work|sewing]",
            "It [looks|is] like new again",
            "It [looks|is] as good as new",
            "Wear it [again|with pride]",
            scene=_done,
            weight=9,
        ),
    ),
)
