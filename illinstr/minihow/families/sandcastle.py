"""A sand castle by the sea."""

from __future__ import annotations

from illinstr.minihow.families.base import Family, Item, Look, gather, put, step

_SAND = "#e7c27e"


def _bucket(k: Look, x: float, y: float, size: float, **keys: object) -> Item:
    return put("bucket", x, y, size, colour=k["bucket"], **keys)


def _castle(k: Look, x: float = 48, y: float = 92, size: float = 1.12, **keys: object) -> Item:
    return put("castle", x, y, size, **keys)


def _beach_things(k: Look) -> list[Item]:
    return [
        _bucket(k, 30, 90, 1.1),
        put("spade", 62, 92, 1.0, angle=18, colour=k.second),
        put("flag", 84, 92, 1.1, flag=k["flag"]),
    ]


def _dig(k: Look) -> list[Item]:
    return [
        put("pit", 38, 88, 1.15, colour=_SAND),
        put("spade", 46, 74, 0.95, angle=32, colour=k.second, heap=_SAND),
        k.hand("fist", 69, 36, 8, size=1.1),
    ]


def _fill(k: Look) -> list[Item]:
    return [
        _bucket(k, 38, 93, 1.3, fill=_SAND, handle=False),
        put("drops", 40, 29, 1.3, colour=_SAND, shape="grain", spread=4, length=12),
        put("spade", 42, 26, 0.8, angle=62, colour=k.second, heap=_SAND),
        k.hand("fist", 79, 10, 8, size=1.05),
    ]


def _wet(k: Look) -> list[Item]:
    return [
        _bucket(k, 34, 93, 1.3, fill=_SAND, handle=False),
        *pour_water(k),
    ]


def pour_water(k: Look) -> list[Item]:
    """A watering can held over the bucket."""
    return [
        put("drops", 35, 26, 1.2, colour="water", spread=5, length=15),
        put("can", 66, 36, 0.95, angle=-10, colour=k.main),
        k.hand("fist", 80, 20, 8, size=1.05),
    ]


def _press(k: Look) -> list[Item]:
    return [
        _bucket(k, 44, 94, 1.4, fill=_SAND, heap=True, handle=False),
        k.hand("flat", 50, 32, 20, size=1.25),
    ]


def _turn(k: Look) -> list[Item]:
    return [
        _bucket(k, 46, 40, 1.25, angle=180, handle=False, shadow=False),
        k.hand("wrap", 66, 64, 12, size=1.2),
        k.hand("wrap", 24, 64, 12, flip=True, size=1.15),
    ]


def _lift(k: Look) -> list[Item]:
    return [
        put("tower", 46, 93, 1.25),
        _bucket(k, 46, 0, 1.0, angle=180, handle=False, shadow=False),
        k.hand("wrap", 63, 20, 8, size=1.05),
        k.hand("wrap", 29, 20, 8, flip=True, size=1.05),
    ]


def _towers(k: Look) -> list[Item]:
    return [_castle(k, 44), k.hand("flat", 70, 60, 20, size=1.15)]


def _moat(k: Look) -> list[Item]:
    return [
        _castle(k, 42, 84, 0.95),
        put("spade", 66, 94, 0.9, angle=24, colour=k.second, heap=_SAND),
        k.hand("fist", 86, 48, 8, size=1.05),
    ]


def _decorate(k: Look) -> list[Item]:
    return [
        _castle(k, 40, 92, 1.12, **{"with": k["with"]}),
        put("ornament", 70, 56, 1.35, **{"with": k["with"]}),
        k.hand("pinch", 76, 51, 14, size=1.15),
    ]


def _flag(k: Look) -> list[Item]:
    return [
        _castle(k, 40, 96, 1.05, flag=k["flag"], **{"with": k["with"]}),
        k.hand("pinch", 43, 30, 14, size=1.1),
    ]


def _done(k: Look) -> list[Item]:
    return [
        put("sun", 84, 15, 0.85),
        _castle(k, 46, 88, 1.05, flag=k["flag"], **{"with": k["with"]}),
        _bucket(k, 84, 98, 0.68),
        put("sparkles", 46, 50, 1.15, spread=34),
    ]


FAMILY = Family(
    name="sandcastle",
    title="sandcastles",
    nouns="sandcastle castle",
    category="play",
    ground="sand",
    attributes={
        "bucket": ("red", "blue", "yellow", "green", "purple", "pink", "orange", "white"),
        "flag": ("red", "blue", "yellow", "green", "purple", "pink", "black", "white"),
        "with": ("shells", "pebbles", "starfish", "feathers"),
    },
    phrases=(
        "build a sandcastle with a {bucket} bucket and a {flag} flag and {with}",
        "make a sandcastle with a {bucket} bucket and a {flag} flag and {with}",
        "build a sandcastle using a {bucket} bucket and a {flag} flag and {with}",
        "build a castle of sand with a {bucket} bucket and a {flag} flag and {with}",
    ),
    steps=(
        gather(_beach_things),
        step(
            "dig",
            "[Dig|Dig up|Scoop up|Dig out] [damp sand|some sand|sand near the water]",
            "[Push|Drive] the spade into the [beach|sand|damp sand]",
            "Dig a hole [in the beach|near the water]",
            "Take [some|damp] sand from the beach",
            scene=_dig,
            weight=3,
        ),
        step(
            "fill",
            "[Shovel|Spoon|Tip|Heap] [the sand|it] [in|in with the spade]",
            "[Load|Fill] it [up to the rim|to the rim|with sand]",
            "Let the sand [fall|run] in from the spade",
            "Go on until it is full [of sand|to the rim]",
            scene=_fill,
            weight=4,
        ),
        step(
            "wet",
            "[Wet|Dampen|Sprinkle] the sand [a little|with some water]",
            "[Add|Pour on|Sprinkle on] [water|some water|a little water] so that it sticks",
            "[Pour|Sprinkle] [a little|some] water on the sand",
            "Make the sand [wet|damp] with [a little|some] water",
            scene=_wet,
            extra=True,
        ),
        step(
            "press",
            "[Press|Pat|Push] [it|the sand] [down|flat with your hand|down firmly]",
            "Pack [it|the sand] in [firmly|tightly]",
            "Squeeze in as much [as you can|sand as you can]",
            "Make [it|the top] [flat|firm] with your hand",
            "[Flatten|Smooth] the [top|sand] with your hand",
            scene=_press,
            weight=2,
        ),
        step(
            "turn",
            "[Turn|Tip|Flip] it [over|upside down] [quickly|in one go|with both hands]",
            "[Stand|Set|Put] it on its head",
            "Give it a quick [turn|flip]",
            "Stand it upside down [quickly|in one go]",
            scene=_turn,
            weight=4,
        ),
        step(
            "lift",
            "[Lift|Pull|Draw|Ease] it [off|straight up] [slowly|with care]",
            "Set the [first|new] tower free",
            "Let the [first|new] tower [appear|stand free]",
            "[Free|Uncover] the [first|new] tower [slowly|with care]",
            scene=_lift,
            weight=5,
        ),
        step(
            "towers",
            "[Build|Make|Add|Shape] [more towers|two more towers|a gate and towers]",
            "Do the same again [beside it|next to it|for more towers]",
            "Repeat this for [more towers|two more towers|the next tower]",
            "[Join|Link] the towers with [a wall|walls]",
            "Put [more towers|two more towers] [beside|next to] it",
            scene=_towers,
            weight=4,
        ),
        step(
            "moat",
            "[Dig|Draw] [a moat|a ditch] [around it|in front]",
            "[Dig|Make] a [deep moat|deep ditch] [around it|in front]",
            "[Guard|Protect|Surround|Ring] it with a [moat|ditch|deep moat]",
            "Let a [moat|ditch|deep ditch] run around it",
            scene=_moat,
            extra=True,
        ),
        step(
            "decorate",
            "[Stick|Press] [them|your finds] [on|to the walls|into the sand]",
            "Decorate the [walls|towers]",
            "Decorate the [walls|towers] with [them|your finds]",
            "Make the [walls|towers] pretty",
            "Make the [walls|towers] pretty with your finds",
            "[Arrange|Place] [them|your finds] on the [walls|towers]",
            scene=_decorate,
            weight=4.5,
        ),
        step(
            "crown",
            "[Put|Plant|Stick|Set] the flag [on top|in the tallest tower|on the highest tower]",
            "[Hoist|Raise] the flag",
            "[Hoist|Raise|Fly] the flag over the [castle|tallest tower|highest tower]",
            "Crown it with [a flag|the flag]",
            "Let the flag [fly|wave] [on top|over the castle]",
            scene=_flag,
            weight=4,
        ),
        step(
            "done",
            "[Show it to|Share it with] [everyone|your friends|your family|the whole beach]",
            "Be [king|queen] of the beach",
            "Feel like the [king|queen] of the beach",
            "Take a [photo|picture] [of it|before the tide|before the tide comes]",
            "[Enjoy|Admire] it [until the tide comes|with your friends|in the sun]",
            scene=_done,
            weight=9,
        ),
    ),
)
