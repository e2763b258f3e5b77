"""A fruit tree, planted."""

from __future__ import annotations

from illinstr.minihow.families.base import Family, Item, Look, gather, put, step, wait


def _spade(k: Look, x: float, y: float, size: float, angle: float, **keys: object) -> Item:
    return put("spade", x, y, size, angle=angle, colour=k["spade"], **keys)


def _garden_things(k: Look) -> list[Item]:
    return [
        put("tree", 24, 84, 1.0, stage="sapling", roots=True),
        _spade(k, 50, 92, 1.0, 8),
        put("can", 78, 90, 0.85, colour=k["can"]),
    ]


def _choose(k: Look) -> list[Item]:
    return [
        put("tree", 54, 80, 1.5, stage="sapling", roots=True),
        put("produce", 18, 92, 0.95, produce=k["fruit"], state="whole"),
        k.hand("fist", 56, 70, 10, size=1.15),
    ]


def _dig(k: Look) -> list[Item]:
    return [
        put("pit", 40, 88, 1.25),
        _spade(k, 50, 76, 1.05, 30, heap="soil"),
        k.hand("fist", 78, 34, 8, size=1.1),
    ]


def _loosen(k: Look) -> list[Item]:
    return [
        put("pit", 44, 84, 1.35),
        _spade(k, 50, 88, 1.1, 12),
        k.hand("fist", 64, 26, 8, size=1.1),
    ]


def _set(k: Look) -> list[Item]:
    return [
        put("pit", 44, 88, 1.25),
        put("tree", 46, 80, 1.4, stage="sapling", roots=True),
        k.hand("wrap", 52, 66, 10, size=1.05),
        k.hand("wrap", 40, 66, 10, flip=True, size=1.05),
    ]


def _fill(k: Look) -> list[Item]:
    return [
        put("tree", 36, 88, 1.4, stage="sapling"),
        put("pit", 36, 92, 1.0, mound=True),
        _spade(k, 58, 80, 0.95, 42, heap="soil"),
        k.hand("fist", 91, 42, 8, size=1.05),
    ]


def _tread(k: Look) -> list[Item]:
    return [
        put("tree", 46, 86, 1.4, stage="sapling"),
        put("pit", 46, 91, 1.15, mound=True),
        k.hand("flat", 66, 76, 22, size=1.15),
        k.hand("flat", 26, 76, 22, flip=True, size=1.15),
    ]


def _water(k: Look) -> list[Item]:
    return [
        put("tree", 28, 88, 1.3, stage="sapling"),
        put("pit", 28, 92, 0.95, mound=True),
        put("drops", 46, 54, 1.3, colour="water", spread=5, length=22),
        put("can", 76, 62, 1.05, angle=-8, colour=k["can"]),
        k.hand("fist", 92, 44, 8, size=1.05),
    ]


def _stake(k: Look) -> list[Item]:
    return [
        put("stake", 58, 92, 1.2),
        put("tree", 46, 88, 1.4, stage="sapling"),
        put("pit", 46, 92, 1.1, mound=True),
        k.hand("pinch", 60, 62, 14, size=1.1),
    ]


def _young(k: Look) -> list[Item]:
    return [put("tree", 42, 92, 1.25, stage="young")]


def _ripen(k: Look) -> list[Item]:
    return [
        put("sun", 86, 14, 0.8),
        put("tree", 46, 90, 1.08, stage="full", fruit=k["fruit"]),
        _spade(k, 14, 96, 0.72, -8),
        put("can", 82, 97, 0.75, colour=k["can"]),
    ]


def _pick(k: Look) -> list[Item]:
    return [
        put("tree", 40, 90, 1.1, stage="full", fruit=k["fruit"]),
        _spade(k, 12, 96, 0.72, -8),
        put("can", 72, 97, 0.75, colour=k["can"]),
        put("produce", 74, 60, 1.0, produce=k["fruit"], state="whole", shadow=False),
        k.hand("pinch", 80, 36, 12, size=1.1),
    ]


FAMILY = Family(
    name="tree",
    category="garden",
    ground="grass",
    attributes={
        "fruit": ("apple", "orange", "lemon", "plum", "cherry", "pear"),
        "spade": ("red", "blue", "yellow", "purple", "pink", "teal", "white"),
        "can": ("red", "blue", "yellow", "purple", "orange", "white", "teal"),
    },
    phrases=(
        "plant a {fruit} tree with a {spade} spade and a {can} can",
        "grow a {fruit} tree with a {spade} spade and a {can} can",
        "plant a {fruit} tree using a {spade} spade and a {can} watering can",
        "put in a {fruit} tree with a {spade} spade and a {can} can",
    ),
    steps=(
        gather(_garden_things),
        step(
            "choose",
            "[Choose|Buy|Pick out] [a young one|a strong little one|a healthy young one]",
            "Bring a young one home",
            scene=_choose,
            weight=3,
        ),
        step(
            "dig",
            "[Dig|Dig out] [a deep hole|a wide hole|a hole twice as wide as the roots]",
            "Take out the earth",
            scene=_dig,
            weight=4.5,
        ),
        step(
            "loosen",
            "[Loosen|Break up] the [ground|earth] [at the bottom|inside]",
            "Dig a little deeper still",
            scene=_loosen,
            extra=True,
        ),
        step(
            "set",
            "[Stand|Lower|Hold] it [in the hole|upright in the hole]",
            "Put its roots into the hole",
            "Set it in with both hands",
            scene=_set,
            weight=4.5,
        ),
        step(
            "fill",
            "[Shovel|Put] [the earth|all the earth] back [in|round the roots]",
            "Fill the hole again",
            scene=_fill,
            weight=4,
        ),
        step(
            "tread",
            "[Press|Pat|Firm] the earth [down|round the trunk|with both hands]",
            "Make sure that it stands straight",
            scene=_tread,
            weight=1.5,
        ),
        step(
            "stake",
            "[Tie|Fasten] it to a [stake|post|strong stick]",
            "Give it a stake against the wind",
            scene=_stake,
            extra=True,
        ),
        step(
            "water",
            "[Water|Soak] it [well|deeply|every evening]",
            "Give the roots a long drink",
            "Pour plenty of water on the roots",
            scene=_water,
            weight=5,
        ),
        wait("years", _young, hour=6),
        step(
            "ripen",
            "[Let|Watch] the [fruit|harvest] [ripen|grow|swell] in the sun",
            "Wait for a warm summer",
            scene=_ripen,
            weight=3.5,
        ),
        step(
            "pick",
            "[Pick|Harvest|Taste] [the first ones|the ripe ones|your first fruit]",
            "Bite into the first one",
            scene=_pick,
            weight=9,
        ),
    ),
)
