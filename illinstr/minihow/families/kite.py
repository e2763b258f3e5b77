"""A kite, made and flown."""

from __future__ import annotations

from illinstr.minihow.families.base import Family, Item, Look, gather, put, step

_MAT: Item = put("mat", 50, 98)
_COLOURS = ("red", "blue", "yellow", "green", "purple", "pink", "orange")


def _kite(k: Look, x: float, y: float, size: float, **keys: object) -> Item:
    return put("kite", x, y, size, colour=k["kite"], **keys)


def _whole(k: Look, x: float, y: float, size: float, **keys: object) -> Item:
    return _kite(k, x, y, size, corners=k["corners"], tail=k["tail"], **keys)


def _kite_things(k: Look) -> list[Item]:
    return [
        _MAT,
        put("kite-paper", 38, 44, 0.76, colour=k["kite"], angle=-6),
        put("stick", 68, 52, 1.0, angle=64),
        put("stick", 82, 54, 1.0, angle=98),
        put("reel", 34, 86, 1.2, colour=k.second),
    ]


def _cross(k: Look) -> list[Item]:
    return [_MAT, put("frame", 44, 54, 1.25), k.hand("pinch", 72, 44, 14, size=1.15)]


def _tie(k: Look) -> list[Item]:
    return [
        _MAT,
        put("frame", 46, 56, 1.3, tied=True),
        k.hand("pinch", 53, 45, 16, size=1.1),
        k.hand("pinch", 39, 45, 16, flip=True, size=1.1),
    ]


def _lay(k: Look) -> list[Item]:
    return [
        _MAT,
        put("kite-paper", 48, 50, 1.1, colour=k["kite"]),
        put("frame", 48, 50, 1.0, tied=True),
        k.hand("flat", 72, 64, 16, size=1.1),
    ]


def _cut(k: Look) -> list[Item]:
    return [
        _MAT,
        put("kite-paper", 44, 50, 1.05, colour=k["kite"], marked=True),
        put("scissors", 66, 64, 1.15, angle=24, colour=k.second),
        k.hand("fist", 86, 72, 8, size=1.1),
    ]


def _glue(k: Look) -> list[Item]:
    return [
        _MAT,
        _kite(k, 40, 50, 1.3),
        put("bottle", 72, 46, 0.9, angle=-118, colour="cream", label="tomato", open=True),
        k.hand("wrap", 74, 42, 10, size=1.1),
    ]


def _paint(k: Look) -> list[Item]:
    return [
        _MAT,
        _kite(k, 40, 50, 1.3, corners=k["corners"]),
        put("brush", 56, 34, 1.2, angle=-14, colour=k["corners"]),
        k.hand("pinch", 90, 26, 12, size=1.1),
    ]


def _tail(k: Look) -> list[Item]:
    return [
        _whole(k, 44, 34, 1.0),
        k.hand("pinch", 58, 80, 14, size=1.1),
        k.hand("pinch", 34, 80, 14, flip=True, size=1.05),
    ]


def _string(k: Look) -> list[Item]:
    return [
        _whole(k, 32, 36, 1.0),
        put("cord", 32, 26, 1.0, dx=34, dy=42),
        put("reel", 68, 70, 1.25, colour=k.second),
        k.hand("fist", 72, 72, 12, size=1.15),
    ]


def _hold(k: Look) -> list[Item]:
    return [
        _whole(k, 48, 40, 0.95),
        k.hand("wrap", 68, 40, 20, size=1.1),
        k.hand("wrap", 28, 40, 20, flip=True, size=1.1),
    ]


def _run(k: Look) -> list[Item]:
    return [
        put("motion", 34, 36, 1.2, gap=24),
        _whole(k, 34, 36, 0.8, angle=-14),
        put("cord", 36, 32, 1.0, dx=38, dy=46),
        put("reel", 76, 80, 1.0, colour=k.second),
        k.hand("fist", 79, 81, 20, size=1.1),
    ]


def _fly(k: Look) -> list[Item]:
    return [
        put("sun", 86, 14, 0.85),
        put("cord", 42, 30, 1.0, dx=34, dy=56),
        _whole(k, 42, 36, 0.95, angle=12),
        put("reel", 76, 88, 0.9, colour=k.second),
        k.hand("fist", 79, 89, 20, size=1.05),
    ]


FAMILY = Family(
    name="kite",
    title="kites",
    nouns="kite",
    verbs="fly",
    category="play",
    ground="grass",
    attributes={
        "kite": (*_COLOURS, "white"),
        "corners": (*_COLOURS, "black"),
        "tail": ("red", "blue", "yellow", "green", "purple", "pink"),
    },
    differ=("kite", "corners"),
    phrases=(
        "make a {kite} kite with {corners} corners and a {tail} tail",
        "build a {kite} kite with {corners} corners and a {tail} tail",
        "fly a {kite} kite with {corners} corners and a {tail} tail",
        "craft a {kite} kite with {corners} corners and a {tail} tail",
    ),
    steps=(
        gather(_kite_things),
        step(
            "cross",
            "[Cross|Lay crosswise] [two sticks|both sticks|a short and a long stick]",
            "[Lay|Place] [two sticks|both sticks|a short and a long stick] crosswise",
            "[Make|Form|Build] a cross [of|from] [sticks|two sticks]",
            "[Place|Lay] one stick across the [other|long one]",
            scene=_cross,
            weight=3,
        ),
        step(
            "tie",
            "[Tie|Bind|Lash] the sticks [together|with string|in the middle|where they cross]",
            "[Knot|Tie|Bind] them where they cross",
            "[Wind|Wrap] [string|some string] round the [middle|crossing]",
            "Make a [firm|tight] knot [in the middle|where they cross]",
            scene=_tie,
            weight=2.5,
        ),
        step(
            "lay",
            "[Lay|Put|Place|Centre] the [frame|cross] [on the paper|on the sheet]",
            "[Spread|Lay|Slide] the [paper|sheet] under the [frame|cross]",
            "Rest the [frame|cross] on the [paper|sheet]",
            "Let the [frame|cross] lie on the [paper|sheet]",
            scene=_lay,
            weight=3.5,
        ),
        step(
            "cut",
            "[Cut|Snip] [round the frame|along the line|along the marked line|out the shape]",
            "[Cut|Trim|Snip] the paper with [scissors|sharp scissors]",
            "[Snip|Cut|Trim] off the [rest of the paper|extra paper]",
            "[Follow|Keep to] the [line|marked line] with the scissors",
            "Trim the paper to [shape|size]",
            scene=_cut,
            weight=4,
        ),
        step(
            "glue",
            "[Glue|Stick|Paste] the [edges|paper] [over the string|to the frame]",
            "Fold the edges and [glue|stick|paste] them",
            "Fold the edges [over|in] and [glue|stick] them",
            "[Put|Squeeze|Run] glue along the [edges|folded edges]",
            scene=_glue,
            extra=True,
        ),
        step(
            "paint",
            "[Paint|Colour] [two of the four parts|every second part|a part on each side]",
            "[Brush|Paint] on [another|a second|a new] colour",
            "[Brush|Put] [another|a second] colour on [two parts|every second part]",
            "Give [two parts|every second part] [another|a new] colour",
            "Take a brush and [paint|colour] [two parts|every second part]",
            scene=_paint,
            weight=5,
        ),
        step(
            "tail",
            "[Tie|Knot|Fasten] [bows|three bows] to the [end|lower end]",
            "[Make|Tie] [bows|three bows] for the [end|lower end]",
            "Hang [bows|three bows] from the [end|lower end]",
            "[Decorate|Trim] the [end|lower end] with bows",
            "Give it a tail of [bows|three bows]",
            scene=_tail,
            weight=5,
        ),
        step(
            "string",
            "[Fasten|Tie on|Add|Attach|Knot on] the [flying line|long string|reel of string]",
            "[Knot|Tie|Fasten] the [flying line|long string|reel of string] to it",
            "Tie it to the [reel|reel of string|flying line]",
            "Add a [long|strong] string to [fly it with|hold it by]",
            scene=_string,
            weight=2,
        ),
        step(
            "hold",
            "[Hold|Lift|Raise] it [up high|into the wind|over your head|with both hands]",
            "Wait for a [good|strong] [gust|wind]",
            "Stand still and wait for [a gust|the wind]",
            "Keep it [up high|over your head] until [a gust comes|the wind comes]",
            scene=_hold,
            extra=True,
        ),
        step(
            "run",
            "[Run|Walk fast|Sprint|Jog] [against the wind|into the wind|and let go|across the grass]",
            "Let it [rise|lift off|take off|go up] behind you",
            "Launch it with a [run|fast run|short run]",
            "[Pull|Tow] it behind you as you [run|sprint]",
            scene=_run,
            extra=True,
        ),
        step(
            "fly",
            "[Let it|Watch it|See it] [fly|dance in the sky|climb up high|sail through the sky]",
            "Give it [more|some more|plenty of] string",
            "Let out [more|plenty of] string",
            "[Enjoy|Admire] [its flight|how it flies|how high it flies|its dance in the sky]",
            scene=_fly,
            weight=9,
        ),
    ),
)
