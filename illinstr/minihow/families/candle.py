"""A candle, poured."""

from __future__ import annotations

from illinstr.minihow.families.base import Family, Item, Look, gather, pour, put, step, wait


def _candle(k: Look, x: float = 42, y: float = 92, size: float = 1.55, **keys: object) -> Item:
    return put("candle", x, y, size, glass=k["kind"] == "jar", **keys)


def _flakes(k: Look) -> list[Item]:
    return [
        put("pot", 42, 93, 1.3, colour=k.main, fill="wax"),
        put("wax", 44, 32, 0.8, colour="wax"),
        k.hand("pinch", 52, 18, 18, size=1.2),
    ]


def _melt(k: Look) -> list[Item]:
    return [
        put("stove", 50, 93, 1.25),
        put("pot", 50, 81, 1.2, colour=k.main, fill="wax", shadow=False),
        put("steam", 50, 34, 1.1),
    ]


def _tint(k: Look) -> list[Item]:
    return [
        put("pot", 42, 93, 1.3, colour=k.main, fill=k["colour"]),
        put("drops", 42, 24, 1.0, colour=k["colour"], spread=3, length=20),
        put("bottle", 62, 18, 0.8, angle=-110, colour=k["colour"], open=True),
        k.hand("wrap", 60, 16, 6, size=1.05),
    ]


def _stir_wax(k: Look) -> list[Item]:
    return [
        put("pot", 42, 93, 1.3, colour=k.main, fill=k["colour"]),
        put("swirl", 42, 50, 1.3),
        put("spoon", 46, 48, 1.1),
        k.hand("fist", 48, 16, 8, size=1.1),
    ]


def _wick(k: Look) -> list[Item]:
    return [put("jar", 42, 92, 1.6), put("string", 43, 22, 1.2, length=46), k.hand("pinch", 44, 19, 16, size=1.2)]


def _pour_wax(k: Look) -> list[Item]:
    return [
        _candle(k, 33, 93, 1.35, colour=k["colour"], level=0.6, wick=True),
        *pour(k, "jug", (30, 28), 63, k["colour"], 0.95, colour=k.second, fill=k["colour"]),
    ]


def _set_wax(k: Look) -> list[Item]:
    return [_candle(k, colour=k["colour"], wick=True)]


def _trim(k: Look) -> list[Item]:
    return [
        _candle(k, 38, colour=k["colour"], wick=True),
        put("scissors", 64, 36, 1.0, colour=k.second, angle=8),
        k.hand("fist", 84, 38, 10, size=1.1),
    ]


def _light(k: Look) -> list[Item]:
    return [
        _candle(k, 38, colour=k["colour"], wick=True, lit=True),
        put("match", 50, 30, 1.0),
        k.hand("pinch", 74, 33, 12, size=1.15),
    ]


def _glow(k: Look) -> list[Item]:
    return [_candle(k, 50, 92, 1.7, colour=k["colour"], wick=True, lit=True), put("sparkles", 50, 46, 1.0, spread=36)]


def _candle_things(k: Look) -> list[Item]:
    return [
        put("pot", 66, 84, 0.85, colour=k.main),
        put("wax", 26, 90, 1.1, colour="wax"),
        put("bottle", 46, 92, 0.85, colour=k["colour"], shadow=True),
    ]


FAMILY = Family(
    name="candle",
    title="candles",
    nouns="candle",
    category="crafts",
    attributes={
        "colour": ("red", "blue", "green", "yellow", "purple", "pink", "orange", "white"),
        "kind": ("jar", "pillar"),
    },
    phrases=(
        "make a {colour} {kind} candle",
        "pour a {colour} {kind} candle",
        "make your own {colour} {kind} candle",
        "craft a {colour} {kind} candle",
    ),
    steps=(
        gather(_candle_things),
        step(
            "flakes",
            "[Put|Drop|Tip] the wax [in a pot|into a pot]",
            "[Fill|Load] [a|the] pot with [wax|wax flakes]",
            "[Drop|Shake|Sprinkle] [wax flakes|flakes of wax] into the pot",
            "Add [the wax|wax flakes|flakes of wax] to the pot",
            scene=_flakes,
            weight=3,
        ),
        step(
            "melt",
            "[Melt|Heat|Warm] it [slowly|gently|on the stove|until it runs|over low heat]",
            "[Set|Put] the pot on the [stove|heat]",
            "[Let|Watch] [it|the wax] melt [slowly|gently|on the stove]",
            scene=_melt,
            weight=5,
        ),
        step(
            "tint",
            "[Add|Drop in|Drip in] the [dye|colour]",
            "[Tint|Colour] it [with a few drops|evenly]",
            "[Add|Drip in] [a few drops|some drops] of [dye|colour]",
            "[Squeeze|Shake] [some|a little] [dye|colour] from the bottle",
            scene=_tint,
            weight=3.5,
        ),
        step(
            "stir",
            "[Stir|Mix] it [well|with a spoon|slowly]",
            "Keep stirring",
            "Keep [stirring|mixing] [until it is even|with the spoon|for a minute]",
            "[Stir|Mix] the [melted|hot] wax [well|slowly|with a spoon]",
            "[Move|Turn] the spoon [round and round|in circles|slowly]",
            scene=_stir_wax,
            weight=1.5,
        ),
        step(
            "wick",
            "Centre the wick",
            "[Centre|Place] the wick in the [mould|empty mould]",
            "[Hang|Lower|Hold|Dangle] the wick [in the mould|in the middle]",
            "[Hang|Hold] the wick in the empty mould",
            "[Set|Pull|Hold] the wick [straight|upright]",
            "Let the wick hang [straight|straight down|in the middle|in the mould]",
            scene=_wick,
            weight=2,
        ),
        step(
            "pour",
            "[Tip|Run|Pour] it [around the wick|into the mould]",
            "Pour it in",
            "Fill the mould [to the top|slowly|with melted wax|with hot wax]",
            "[Pour|Tip] the [melted|hot] wax [in|into the mould|around the wick]",
            "Let [it|the hot wax|the melted wax] flow [in|into the mould|around the wick]",
            scene=_pour_wax,
            weight=5,
        ),
        wait("set", _set_wax, hour=8),
        step(
            "trim",
            "[Trim|Cut|Shorten|Snip] the wick [with scissors|a little|to the right length]",
            "Snip the wick",
            "[Cut|Snip|Clip] off the [end|tip] of the wick",
            "[Make|Cut] the wick [shorter|a little shorter]",
            "Use scissors to [trim|shorten|cut] the wick",
            scene=_trim,
            extra=True,
        ),
        step(
            "light",
            "[Put|Bring|Hold] a [flame|match|burning match] to the wick",
            "[Light|Touch] the wick with a [match|flame|burning match]",
            "[Strike|Take] a match and light [it|the wick]",
            "Set [it|the wick] alight with a [match|flame]",
            scene=_light,
            weight=4,
            extra=True,
        ),
        step(
            "glow",
            "[Enjoy|Admire|Watch] the [warm glow|light|little flame]",
            "Let it [burn|glow|shine] [on your table|in the evening|in the dark]",
            "[Watch|See] it [burn|glow|shine]",
            "Sit by its [warm|soft|little] [light|glow]",
            scene=_glow,
            weight=9,
        ),
    ),
)
