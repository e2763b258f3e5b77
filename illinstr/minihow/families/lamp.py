"""A table lamp with a new bulb."""

from __future__ import annotations

from illinstr.minihow.families.base import Family, Item, Look, gather, put, step, wait


def _lamp(k: Look, x: float = 46, y: float = 93, size: float = 1.05, **keys: object) -> Item:
    return put("lamp", x, y, size, foot=k["foot"], colour=k["shade"], pattern=k["pattern"], **keys)


def _shade(k: Look, x: float, y: float, size: float = 1.0, **keys: object) -> Item:
    return put("shade", x, y, size, colour=k["shade"], pattern=k["pattern"], **keys)


def _lamp_things(k: Look) -> list[Item]:
    return [_lamp(k, 36, 90, 0.88), put("bulb", 80, 90, 1.1)]


def _dark(k: Look) -> list[Item]:
    return [_lamp(k, 42), k.hand("point", 54, 86, 10, size=1.1)]


def _unplug(k: Look) -> list[Item]:
    return [
        _lamp(k, 20, 92, 0.82),
        put("socket", 50, 40, 1.05),
        put("plug", 72, 48, 1.0, angle=8, colour="charcoal"),
        k.hand("wrap", 91, 49, 10, size=1.1),
    ]


def _cool(k: Look) -> list[Item]:
    return [_lamp(k, 36, 93, 0.98)]


def _lift(k: Look) -> list[Item]:
    return [
        _lamp(k, 46, 96, 0.95, bare=True, bulb="dead"),
        _shade(k, 46, 80, 0.95),
        k.hand("flat", 68, 26, 14, size=1.1),
        k.hand("flat", 24, 26, 14, flip=True, size=1.1),
    ]


def _unscrew(k: Look) -> list[Item]:
    return [
        _lamp(k, 40, 95, 1.15, bare=True, bulb="dead"),
        put("swirl", 40, 14, 1.3, rx=15, ry=6),
        k.hand("pinch", 52, 30, 10, size=1.2),
    ]


def _throw(k: Look) -> list[Item]:
    return [
        _lamp(k, 24, 92, 0.82, bare=True),
        put("bulb", 62, 74, 1.35, dead=True),
        k.hand("wrap", 68, 44, 12, size=1.15),
    ]


def _fresh(k: Look) -> list[Item]:
    return [
        _lamp(k, 24, 92, 0.82, bare=True),
        put("bulb", 62, 80, 1.35),
        k.hand("pinch", 66, 70, 12, size=1.15),
    ]


def _screw(k: Look) -> list[Item]:
    return [
        _lamp(k, 40, 95, 1.15, bare=True, bulb="new"),
        put("swirl", 40, 14, 1.3, rx=15, ry=6),
        k.hand("pinch", 52, 30, 10, size=1.2),
    ]


def _back(k: Look) -> list[Item]:
    return [
        _lamp(k, 46, 95, 0.98, bare=True, bulb="new"),
        _shade(k, 46, 88, 0.98),
        k.hand("flat", 70, 34, 14, size=1.1),
        k.hand("flat", 22, 34, 14, flip=True, size=1.1),
    ]


def _plug(k: Look) -> list[Item]:
    return [
        _lamp(k, 20, 92, 0.82),
        put("socket", 50, 40, 1.05),
        put("plug", 44, 41, 1.0, colour="charcoal"),
        k.hand("wrap", 67, 41, 10, size=1.1),
    ]


def _light(k: Look) -> list[Item]:
    return [_lamp(k, 48, 93, 1.08, on=True)]


FAMILY = Family(
    name="lamp",
    title="lamps with a new bulb",
    nouns="lamp bulb lightbulb",
    verbs="change replace repair swap fit install screw put fix",
    made=False,
    category="repair",
    attributes={
        "pattern": ("plain", "striped", "dotted", "zigzag"),
        "shade": ("red", "blue", "yellow", "green", "purple", "pink", "orange", "teal"),
        "foot": ("red", "blue", "yellow", "green", "purple", "pink", "black", "white"),
    },
    phrases=(
        "change the bulb of a {pattern} {shade} lamp with a {foot} foot",
        "replace the bulb of a {pattern} {shade} lamp with a {foot} foot",
        "repair a {pattern} {shade} lamp with a {foot} foot",
        "put a new bulb in a {pattern} {shade} lamp with a {foot} foot",
    ),
    steps=(
        gather(_lamp_things),
        step(
            "dark",
            "[Press|Try|Flip] the switch [once more|to be sure|first]",
            "[See|Check] that it [stays|is really] dark",
            "Make sure that it [stays|is really] dark",
            "Test the switch [once more|to be sure|first]",
            "[Flip|Try] the switch and see that it stays dark",
            scene=_dark,
            weight=3,
        ),
        step(
            "unplug",
            "[Pull out|Take out|Remove] the plug [first|for safety]",
            "[Unplug|Disconnect] it [from the wall|from the socket|first|for safety]",
            "[Pull|Take] the plug out of the [wall|socket]",
            "Remove the plug from the [wall|socket]",
            "Make sure it is unplugged [first|for safety]",
            "Start by [unplugging it|pulling out the plug]",
            "Begin by [unplugging it|pulling out the plug]",
            scene=_unplug,
            weight=4,
        ),
        wait("cool", _cool, hour=1),
        step(
            "lift",
            "[Lift|Take] the [cover|top] off[| with both hands| carefully]",
            "Uncover [what is inside|the bulb|the bulb inside]",
            "Take off what [hides|covers] the [bulb|old bulb]",
            "Remove what [hides|covers] the bulb",
            "Remove the [cover|top] [with both hands|carefully]",
            "Lift the [cover|top] from the bulb",
            scene=_lift,
            weight=4,
        ),
        step(
            "unscrew",
            "[Unscrew|Twist out|Turn out] the [old|dead|burnt] [bulb|one]",
            "[Turn|Twist] it to the left until it comes [loose|out]",
            "Loosen the [old|dead|burnt] bulb by turning it left",
            "Screw the [old|dead|burnt] [bulb|one] out",
            scene=_unscrew,
            weight=5,
        ),
        step(
            "throw",
            "[Put|Lay] the [burnt|broken|old] one [aside|away]",
            "[See|Check|Notice] that its wire is [broken|burnt]",
            "Throw the [burnt|broken|old] [one|bulb] away",
            "Get rid of the [burnt|broken|old] [one|bulb]",
            "See the broken wire in the [old one|old bulb]",
            scene=_throw,
            extra=True,
        ),
        step(
            "fresh",
            "[Take|Unpack|Pick up] the [fresh|new] [bulb|one]",
            "[Compare|Check] the size of the [thread|new bulb|new one]",
            "Hold the [new|fresh] [bulb|one] by its thread",
            "Find a [new|fresh] [bulb|one] of the right size",
            scene=_fresh,
            weight=3,
        ),
        step(
            "screw",
            "[Screw|Twist|Turn] [it|the new bulb|the new one|the fresh bulb] in",
            "[Turn|Twist|Screw] it to the right until it [sits firmly|is tight]",
            "Tighten [it|the new bulb|the new one|the fresh bulb] until it sits firmly",
            "Fit the [new|fresh] bulb into the holder",
            "Screw the [new|fresh] bulb into the holder",
            scene=_screw,
            weight=5,
        ),
        step(
            "back",
            "[Put|Set|Lower] the [cover|top] back [on|over it|over the bulb]",
            "Cover the [bulb|new bulb] [again|up again]",
            "Hide the [bulb|new bulb] [again|under the cover]",
            "Return the [cover|top] to its place",
            "Use both hands to [put|set|lower] the cover back",
            "Bring the [cover|top] back to its place with both hands",
            scene=_back,
            weight=3.5,
        ),
        step(
            "plug",
            "[Push|Put] the plug [in|back in|into the wall|into the socket|back into the socket]",
            "Connect it to the [wall|socket|power] again",
            "Plug it [in again|back in|into the wall again|into the socket again]",
            "Return the plug to [the wall|the socket|its socket]",
            "Give it power [again|from the socket|from the wall]",
            scene=_plug,
            weight=3.5,
        ),
        step(
            "light",
            "[Switch|Turn] it on [again|and enjoy|and enjoy the light]",
            "[Enjoy|Read by|Sit in] the [warm|new|bright] light",
            "Let there be [light|bright light|warm light|light again]",
            "[Let|Watch|See] it [shine|glow] again",
            "See how [warm|bright] the light is",
            scene=_light,
            weight=9,
        ),
    ),
)
