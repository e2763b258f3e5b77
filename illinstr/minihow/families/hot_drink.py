"""Hot chocolate and its relatives."""

from __future__ import annotations

from illinstr.minihow.families.base import Family, Item, Look, clean_hands, gather, pour, put, step, wait

_POWDER = {
    "hot chocolate": ("cocoa", "#8a5536"),
    "coffee": ("coffee", "#5b3a26"),
    "chai": ("honey", "#c58a4e"),
    "matcha": ("leaf", "#9fb85a"),
}


_TOPPING = {"": "", "with cream": "cream", "with marshmallows": "marshmallows"}


def _mug(k: Look, x: float = 40, y: float = 92, size: float = 1.55, **keys: object) -> Item:
    return put("mug", x, y, size, colour=k.main, **keys)


def _hot(k: Look) -> str:
    return _POWDER[k["drink"]][1]


def _warm(k: Look) -> list[Item]:
    return [
        put("stove", 50, 93, 1.25),
        put("pot", 50, 81, 1.2, colour=k.second, fill="milk", shadow=False),
        put("steam", 50, 34, 1.1),
    ]


def _pour_milk(k: Look) -> list[Item]:
    return [
        put("pot", 38, 93, 1.25, colour=k.second, fill="milk"),
        *pour(k, "carton", (36, 24), 51, "milk", 0.95, colour="blue"),
    ]


def _scoop(k: Look) -> list[Item]:
    return [
        _mug(k),
        put("spoon", 41, 32, 1.3, colour="metal", length=16, heap=_POWDER[k["drink"]][0], angle=40),
        k.hand("pinch", 58, 16, 10, size=1.15),
    ]


def _sugar(k: Look) -> list[Item]:
    return [
        _mug(k),
        put("drops", 41, 16, 1.1, colour="white", shape="grain", spread=5, length=22),
        k.hand("pinch", 44, 13, 10, size=1.2),
    ]


def _join(k: Look) -> list[Item]:
    return [
        _mug(k, 31, 93, 1.4, fill=_hot(k)),
        *pour(k, "jug", (29, 32), 50, "milk", 0.95, colour=k.second, fill="milk"),
    ]


def _stir(k: Look) -> list[Item]:
    return [
        _mug(k, fill=_hot(k)),
        put("swirl", 40, 42, 1.1),
        put("spoon", 43, 38, 1.0, colour="metal"),
        k.hand("pinch", 44, 10, 22, size=1.15),
    ]


def _top(k: Look) -> list[Item]:
    topping = _TOPPING[k["with"]]
    if topping == "cream":
        return [
            _mug(k, fill=_hot(k), topping="cream"),
            put("piping", 41, 26, 0.8, colour="white"),
            k.hand("wrap", 50, 10, 12, size=0.95),
        ]
    if topping:
        return [
            _mug(k, fill=_hot(k), topping=topping),
            put("marshmallow", 42, 22, 1.2),
            k.hand("pinch", 46, 18, 16, size=1.2),
        ]
    return [
        _mug(k, fill=_hot(k)),
        put("drops", 41, 16, 1.1, colour="cocoa", shape="grain", spread=5, length=20),
        k.hand("pinch", 44, 13, 14, size=1.2),
    ]


def _cosy(k: Look) -> list[Item]:
    topping = {"topping": _TOPPING[k["with"]]} if k["with"] else {}
    return [
        _mug(k, 42, 91, 1.75, fill=_hot(k), **topping),
        put("steam", 40, 29 if not topping else 20, 1.1),
        k.hand("wrap", 60, 67, 8, size=1.2),
    ]


def _cooling(k: Look) -> list[Item]:
    return [_mug(k, 42, 92, 1.6, fill=_hot(k)), put("steam", 36, 32, 1.0)]


def _hot_things(k: Look) -> list[Item]:
    return [
        put("carton", 24, 86, 1.05, colour="blue"),
        put("jar", 52, 86, 0.95, fill=_POWDER[k["drink"]][0], lid="wood"),
        _mug(k, 78, 92, 0.95),
    ]


FAMILY = Family(
    name="hot-drink",
    title="hot drinks",
    nouns="cocoa coffee latte chai matcha hot-chocolate",
    category="kitchen",
    attributes={"drink": tuple(_POWDER), "with": tuple(_TOPPING)},
    phrases=("make {drink} {with}", "prepare {drink} {with}", "make a mug of {drink} {with}", "stir up {drink} {with}"),
    steps=(
        gather(_hot_things),
        clean_hands(),
        step(
            "milk",
            "[Fill|Half fill] [a|the] pot with milk",
            "[Pour|Tip|Put] [the|some] milk [in a pot|into a pot]",
            "Empty the [carton|milk carton] into [a|the] pot",
            "Let the milk [run|flow] into [a|the] pot",
            scene=_pour_milk,
            weight=3,
        ),
        step(
            "warm",
            "[Warm|Heat] [it|the milk] [slowly|on the stove|but do not let it boil|until it steams]",
            "[Set|Put|Place] [it|the pot] on the [fire|stove]",
            scene=_warm,
            weight=5,
        ),
        step(
            "scoop",
            "[Spoon|Measure|Scoop] the powder [in|into the mug]",
            "[Put|Drop|Tip] [one|a big|a heaped] spoonful in the mug",
            "Add [one|a big|a heaped] spoonful [of powder|to the mug]",
            scene=_scoop,
            weight=4,
        ),
        step(
            "sweet",
            "[Stir in|Pinch in|Sprinkle in|Add] [a little|some|a pinch of] sugar",
            "Sweeten it [to taste|a little|with sugar|with a pinch of sugar]",
            "Drop [a little|some|a pinch of] sugar into the mug",
            "Make it [sweet|nice and sweet|sweeter|a little sweeter] with [sugar|some sugar]",
            scene=_sugar,
            extra=True,
        ),
        step(
            "pour",
            "[Add|Tip in|Pour in] [what you have warmed|the warm milk|the hot milk]",
            "Pour it [in|over the powder|into the mug]",
            "Fill the mug [slowly|to the top|with what you have warmed|with the warm milk|with hot milk]",
            "Cover the powder with [warm milk|hot milk|what you have warmed]",
            scene=_join,
            weight=4.5,
        ),
        step(
            "stir",
            "[Stir|Mix] it [well|with a spoon|until smooth]",
            "Keep stirring",
            "Keep [stirring|mixing] [until it is smooth|with the spoon|for a minute]",
            "[Stir|Mix] everything [well|together|until smooth]",
            "[Move|Turn] the spoon [round and round|in circles|slowly]",
            scene=_stir,
            weight=2,
        ),
        wait("cool", _cooling, hour=1),
        step(
            "top",
            "[Finish|Decorate|Top] it [the way you like|as you please|with something nice]",
            "[Add|Give it] [the last|the final] touch",
            "[Put|Drop|Add|Place] something [nice|good] on top",
            scene=_top,
            weight=3.5,
        ),
        step(
            "sip",
            "[Sip|Drink|Enjoy] it [while it is hot|slowly|in a cosy corner]",
            "Warm your [hands|fingers] on [it|the mug]",
            "Wrap your [hand|fingers] around [it|the mug]",
            "Take a [sip|careful sip|little sip|slow sip]",
            "[Curl up|Sit down] with [it|the mug] in a cosy corner",
            scene=_cosy,
            weight=9,
        ),
    ),
)
