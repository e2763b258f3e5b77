"""Ice lollies."""

from __future__ import annotations

from illinstr.minihow.families.base import Family, Item, Look, clean_hands, gather, pour, put, step, wait
from illinstr.minihow.families.fruit import fruit, washed
from illinstr.minihow.produce import PRODUCE


def _bowl(k: Look, x: float = 42, y: float = 92, size: float = 1.35, **keys: object) -> Item:
    return put("bowl", x, y, size, colour=k.main, **keys)


_LOLLY = ("strawberry", "orange", "lemon", "kiwi", "mango", "blueberry", "melon", "peach")


def _juice(k: Look) -> str:
    return PRODUCE[k["fruit"]][3]


def _chop(k: Look) -> list[Item]:
    return [
        put("board", 50, 90, 1.2),
        fruit(k["fruit"], 32, 86, 1.1, "pieces", shadow=False),
        fruit(k["fruit"], 62, 86, 1.05, "half", shadow=False),
        put("knife", 66, 46, 1.25, angle=-14),
        k.hand("fist", 75, 43, 4, size=1.15),
    ]


def _mash(k: Look) -> list[Item]:
    return [
        _bowl(k, fill=_juice(k)),
        put("swirl", 40, 57, 1.4),
        put("spoon", 46, 54, 1.2),
        k.hand("fist", 48, 18, 8, size=1.1),
    ]


def _yogurt(k: Look) -> list[Item]:
    colour, label = ("milk", "blue") if k["kind"] == "creamy" else ("water", "teal")
    return [
        _bowl(k, 38, 93, 1.25, fill=_juice(k)),
        *pour(k, "carton", (36, 26), 60, colour, 0.95, colour=label),
    ]


def _fill(k: Look) -> list[Item]:
    return [
        put("mould", 42, 93, 1.25, fill=_juice(k), colour=k.second),
        *pour(k, "jug", (26, 30), 48, _juice(k), 0.95, colour=k.main, fill=_juice(k)),
    ]


def _sticks(k: Look) -> list[Item]:
    return [
        put("mould", 46, 93, 1.35, fill=_juice(k), colour=k.second, sticks=True),
        k.hand("pinch", 71, 26, 8, size=1.15),
    ]


def _freeze(k: Look) -> list[Item]:
    return [put("fridge", 40, 95, 1.12, colour=k.main), k.hand("fist", 24, 42, 10, size=1.1)]


def _freezing(k: Look) -> list[Item]:
    return [put("mould", 40, 92, 1.15, fill=_juice(k), colour=k.second, sticks=True)]


def _warm_up(k: Look) -> list[Item]:
    return [
        put("mould", 46, 93, 1.05, fill=_juice(k), colour=k.second, sticks=True),
        put("tap", 46, 22, 0.9, length=20),
        k.hand("wrap", 76, 74, 10, size=1.15),
    ]


def _lick(k: Look) -> list[Item]:
    return [
        put("lolly", 46, 90, 1.15, colour=_juice(k), creamy=k["kind"] == "creamy"),
        k.hand("fist", 47, 83, 16, size=1.15),
        put("sparkles", 46, 42, 1.0, spread=32),
    ]


def _lolly_things(k: Look) -> list[Item]:
    return [put("mould", 68, 84, 0.85, colour=k.second), fruit(k["fruit"], 24, 88, 0.9), _bowl(k, 42, 96, 0.6)]


FAMILY = Family(
    name="lolly",
    title="ice lollies",
    nouns="lolly popsicle icepop",
    verbs="freeze",
    category="kitchen",
    attributes={"fruit": _LOLLY, "kind": ("creamy", "icy")},
    phrases=(
        "make {kind} {fruit} ice lollies",
        "freeze {kind} {fruit} ice lollies",
        "make {kind} {fruit} ice popsicles",
        "prepare {kind} {fruit} ice lollies",
    ),
    steps=(
        gather(_lolly_things),
        clean_hands(),
        step(
            "rinse",
            "[Wash|Rinse] it [well|under the tap|in cold water]",
            "Clean the [skin|fruit] with [water|cold water]",
            "[Wash|Rinse] the [skin|fruit] [well|under the tap|with cold water]",
            "Hold the fruit under [the tap|cold water]",
            "Let cold water run over the [skin|fruit]",
            "Give the fruit a good [wash|rinse]",
            scene=washed,
            weight=3,
        ),
        step(
            "chop",
            "[Slice|Dice|Chop] it roughly[| on a board]",
            "[Chop|Cut] it [up|small|into pieces|into small pieces|on a board]",
            "Make small pieces [with a knife|on a board]",
            "Take a [knife|sharp knife] and [cut it up|chop it small|slice it]",
            "Use a [knife|sharp knife] to [dice|slice|chop] it",
            scene=_chop,
            weight=4,
        ),
        step(
            "mash",
            "[Squash|Pound|Crush] it to a [pulp|smooth pulp]",
            "[Mash|Crush|Squash] it [well|with a spoon|in a bowl]",
            "Press it [to a pulp|to a smooth pulp|with a spoon]",
            "Make a [pulp|smooth pulp] of it[| with a spoon| in a bowl]",
            "Use a spoon to [mash|crush|squash|pound] it",
            scene=_mash,
            weight=3.5,
        ),
        step(
            "base",
            "[Stir in|Tip in|Pour in|Add] what is in the carton",
            "[Pour in|Add|Tip in] the [liquid|contents of the carton]",
            "Pour it in",
            "Pour it from the carton [into the bowl|into the pulp|over the pulp]",
            "[Empty|Tip] the carton [into the bowl|into the pulp|over the pulp]",
            "Mix the pulp with the [liquid|contents of the carton]",
            "Stir the [liquid|contents of the carton] into the pulp",
            scene=_yogurt,
            weight=2,
        ),
        step(
            "fill",
            "Fill each hole [nearly full|evenly|to the rim|of the mould]",
            "Top up each hole [of the mould|evenly|to the rim]",
            "Pour it [in|into the mould|into each hole|into the holes]",
            "[Fill|Fill up] the mould[| evenly| to the rim| with the jug]",
            "Fill the [mould|holes] nearly full",
            "Empty the jug into the [mould|holes]",
            "Use the jug to fill [the mould|the holes|each hole]",
            scene=_fill,
            weight=5,
        ),
        step(
            "sticks",
            "[Slide|Stick|Push] one into each[| hole]",
            "[Push|Put|Set|Slide] the sticks in[| upright| one by one]",
            "Give each [a stick|its own stick|hole a stick]",
            "Add a stick to each[| hole]",
            "Stand [a stick|the sticks] upright in each hole",
            scene=_sticks,
            weight=4.5,
        ),
        step(
            "freeze",
            "[Leave|Stand] it in the cold[| overnight| until hard]",
            "[Freeze|Chill] it [overnight|until hard|in the freezer]",
            "[Put|Place|Set] it in the [freezer|cold]",
            "Let it [freeze|chill|harden] [overnight|in the freezer|in the cold]",
            "Shut it in the freezer[| overnight| until hard]",
            scene=_freeze,
            weight=4,
        ),
        wait("wait", _freezing, hour=10),
        step(
            "loosen",
            "[Hold|Rinse] the mould under [the tap|warm water]",
            "[Loosen|Free] it with [warm water|water from the tap]",
            "[Loosen|Free] it from the mould [with warm water|under the tap]",
            "Run warm water over the mould[| for a moment| to loosen it| to free it]",
            "Warm the mould [under the tap|for a moment|with water from the tap]",
            "Let warm water run over the mould[| for a moment]",
            "Hold the mould under the tap for a moment",
            scene=_warm_up,
            extra=True,
        ),
        step(
            "lick",
            "[Lick|Eat|Enjoy] it [in the sun|before it melts|slowly]",
            "[Pull|Take] one out and [enjoy|enjoy it|lick it]",
            "Hold it by the stick and [lick it|enjoy it|eat it slowly]",
            "Take it by the stick and [lick it|enjoy it|eat it slowly]",
            "Your [treat|frozen treat] is ready to [lick|eat|enjoy]",
            scene=_lick,
            weight=9,
        ),
    ),
)
