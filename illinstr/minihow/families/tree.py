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
    title="planted trees",
    nouns="tree",
    verbs="plant grow",
    made=False,
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
            "[Choose|Buy|Pick out|Look for|Find] [a young one|a strong little one|a healthy young one]",
            "[Bring|Carry|Take] a [young|strong little|healthy young] one home",
            "Decide on a [young|strong little|healthy young] one",
            "See which [young|little] one looks [strong|healthy]",
            scene=_choose,
            weight=3,
        ),
        step(
            "dig",
            "[Dig|Dig out|Make] [a deep hole|a wide hole|a hole twice as wide as the roots|a hole in the grass]",
            "[Take out|Lift out|Shovel out] the earth",
            "[Take|Lift|Shovel] out the earth with the spade",
            "[Push|Drive] the spade into the [grass|lawn]",
            scene=_dig,
            weight=4.5,
        ),
        step(
            "loosen",
            "[Loosen|Break up|Crumble] the [ground|earth] [at the bottom|inside]",
            "Dig [a little|a bit] deeper [still|at the bottom]",
            "Go [a little|a bit] deeper [still|with the spade]",
            "Make the [ground|earth] at the bottom [loose|crumbly]",
            scene=_loosen,
            extra=True,
        ),
        step(
            "set",
            "[Stand|Lower|Hold|Set] it [in the hole|upright in the hole|in the middle of the hole]",
            "[Put|Lower|Guide] its roots [into|down into] the hole",
            "[Set|Put|Lower] it in with both hands",
            "Let its roots [slide|sink] into the hole",
            scene=_set,
            weight=4.5,
        ),
        step(
            "fill",
            "[Shovel|Put|Heap|Push] [the earth|all the earth] back [in|round the roots]",
            "Fill the hole [again|up again|with earth|up with earth]",
            "Cover [the|all the] roots [again|with earth]",
            "Close the hole [again|with earth]",
            scene=_fill,
            weight=4,
        ),
        step(
            "tread",
            "[Press|Pat|Firm] the earth [down|round the trunk|with both hands|down round the trunk]",
            "[Make sure|Check|See] that it stands [straight|firm]",
            "Lean on the earth with both hands",
            "Pack the earth [firmly|tightly] round the trunk",
            "Pack the earth down [firmly|tightly]",
            scene=_tread,
            weight=1.5,
        ),
        step(
            "stake",
            "[Tie|Fasten|Fix] it to a [stake|post|strong stick]",
            "Give it a [stake|post|strong stick] against the wind",
            "[Support|Steady] it with a [stake|post|strong stick]",
            "[Push|Drive] a [stake|post|strong stick] in beside it",
            "Steady it against the wind with a [stake|post]",
            scene=_stake,
            extra=True,
        ),
        step(
            "water",
            "[Water|Soak] it [well|deeply|every evening|with the can]",
            "Give [it|the roots] [a long drink|plenty of water|plenty to drink]",
            "Pour [plenty of|lots of|a whole can of] water on the roots",
            "Empty the [can|whole can] [over the roots|round the trunk]",
            "Let the water [soak in|soak in deeply|reach the roots|reach all the roots]",
            scene=_water,
            weight=5,
        ),
        wait("years", _young, hour=6),
        step(
            "ripen",
            "[Let|Watch|See] the [fruit|harvest] [ripen|grow|swell] in the sun",
            "Wait for a [warm|sunny] summer",
            "Wait until the [fruit|harvest] is ripe",
            "Give the [fruit|harvest] a [warm|sunny] summer",
            "Leave the [fruit|harvest] to [ripen|grow] in the sun",
            scene=_ripen,
            weight=3.5,
        ),
        step(
            "pick",
            "[Pick|Harvest|Taste|Try|Enjoy] [the first ones|the ripe ones|your first fruit]",
            "Bite into [the first one|a ripe one|your first fruit]",
            "Reach for [the first one|a ripe one|your first fruit]",
            "Take [the first one|a ripe one] [off|from] the branch",
            scene=_pick,
            weight=9,
        ),
    ),
)
