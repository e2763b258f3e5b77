"""A dog, bathed."""

from __future__ import annotations

from illinstr.minihow.families.base import Family, Item, Look, gather, pour, put, step


def _dog(k: Look, x: float = 44, y: float = 92, size: float = 1.15, **keys: object) -> Item:
    return put("dog", x, y, size, coat=k["coat"], **keys)


def _bathing(k: Look, x: float = 42, state: str = "", fill: str = "water", **keys: object) -> list[Item]:
    dog = _dog(k, x, 84, 0.98, state=state, shadow=False)
    return [dog, put("bath", x, 95, 1.12, colour=k["tub"], **keys)]


def _bath_things(k: Look) -> list[Item]:
    return [
        put("tub", 42, 80, 0.85, colour=k["tub"]),
        put("towel", 28, 95, 0.85, colour=k["towel"]),
        put("bottle", 80, 93, 1.0, colour="lavender", shadow=True),
    ]


def _muddy(k: Look) -> list[Item]:
    return [_dog(k, 48, 94, 1.2, state="mud")]


def _fill(k: Look) -> list[Item]:
    return [put("tub", 50, 93, 1.15, colour=k["tub"], fill="water"), put("tap", 50, 32, 1.05, length=26)]


def _lift(k: Look) -> list[Item]:
    return [
        put("tub", 46, 97, 1.05, colour=k["tub"], fill="water"),
        _dog(k, 46, 66, 0.82, state="mud", shadow=False),
        k.hand("wrap", 64, 52, 10, size=1.05),
        k.hand("wrap", 28, 52, 10, flip=True, size=1.05),
    ]


def _wet(k: Look) -> list[Item]:
    return [*_bathing(k, 38, "mud"), *pour(k, "jug", (46, 14), 20, "water", 0.7, colour=k.second, fill="water")]


def _shampoo(k: Look) -> list[Item]:
    return [
        *_bathing(k, 38),
        put("drops", 42, 12, 1.0, colour="lavender", spread=2, length=8),
        put("bottle", 66, 16, 0.8, angle=-108, colour="lavender", open=True),
        k.hand("wrap", 66, 14, 8, size=1.0),
    ]


def _rub(k: Look) -> list[Item]:
    return [
        *_bathing(k, 46, "foam", foam=True),
        k.hand("flat", 63, 34, 20, size=1.05),
        k.hand("flat", 29, 38, 20, flip=True, size=1.05),
    ]


def _rinse(k: Look) -> list[Item]:
    return [*_bathing(k, 38, "wet"), *pour(k, "jug", (46, 14), 20, "water", 0.7, colour=k.second, fill="water")]


def _shake(k: Look) -> list[Item]:
    return [put("motion", 48, 50, 1.3, gap=27), _dog(k, 48, 94, 1.15, angle=-5, state="wet")]


def _dry(k: Look) -> list[Item]:
    return [
        _dog(k, 46, 93, 1.15),
        put("towel", 46, 93, 1.15, colour=k["towel"], state="worn"),
        k.hand("flat", 70, 72, 14, size=1.1),
        k.hand("flat", 22, 72, 14, flip=True, size=1.1),
    ]


def _brush(k: Look) -> list[Item]:
    return [
        _dog(k, 38, 94, 1.18),
        put("bristles", 54, 66, 1.05, angle=-8, colour=k.second),
        k.hand("fist", 86, 62, 8, size=1.1),
    ]


def _treat(k: Look) -> list[Item]:
    return [
        _dog(k, 36, 94, 1.15),
        put("bone", 58, 52, 1.1, angle=-20),
        k.hand("pinch", 68, 48, 12, size=1.1),
    ]


def _clean(k: Look) -> list[Item]:
    return [
        _dog(k, 40, 93, 1.15),
        put("towel", 82, 93, 0.62, colour=k["towel"]),
        put("sparkles", 42, 46, 1.15, spread=32),
    ]


FAMILY = Family(
    name="dog-bath",
    category="care",
    attributes={
        "coat": ("brown", "white", "black", "gold", "grey"),
        "tub": ("red", "blue", "yellow", "green", "purple", "pink", "orange"),
        "towel": ("red", "blue", "yellow", "green", "purple", "pink", "teal", "orange"),
    },
    words={"gold": "golden"},
    phrases=(
        "wash a {coat} dog in a {tub} tub with a {towel} towel",
        "bathe a {coat} dog in a {tub} tub with a {towel} towel",
        "give a {coat} dog a bath in a {tub} tub with a {towel} towel",
        "clean a {coat} dog in a {tub} tub with a {towel} towel",
    ),
    steps=(
        gather(_bath_things),
        step(
            "muddy",
            "[Call|Fetch|Calm] your [friend|muddy friend|pet]",
            "See how muddy the fur is",
            scene=_muddy,
            weight=4,
        ),
        step(
            "fill",
            "[Run|Let] [warm water|lukewarm water] in",
            "[Prepare|Draw|Run] a [warm|lukewarm] bath",
            scene=_fill,
            weight=3,
        ),
        step(
            "lift",
            "[Lift|Set|Put] [your friend|your pet] [in|into the bath]",
            "Help your friend into the bath",
            scene=_lift,
            weight=4,
        ),
        step(
            "wet",
            "[Wet|Soak] the fur [first|all over|with a jug]",
            "Pour water [over the back|over the muddy fur]",
            scene=_wet,
            weight=3.5,
        ),
        step(
            "shampoo",
            "[Put on|Add|Drip on] [some mild shampoo|a little shampoo|dog shampoo]",
            "Pour shampoo on the fur",
            scene=_shampoo,
            weight=2.5,
        ),
        step(
            "rub",
            "[Rub|Massage|Lather] the fur [until it foams|with both hands]",
            "Work up a thick foam",
            scene=_rub,
            weight=6,
        ),
        step(
            "rinse",
            "[Rinse|Wash] the [foam|shampoo] out [with a jug|again]",
            "Pour clear water over the fur",
            "Rinse until the water stays clear",
            scene=_rinse,
            weight=4.5,
        ),
        step(
            "shake",
            "[Step|Stand] back for [the big shake|a good shake]",
            "Let the drops fly",
            "Wait for the big shake",
            scene=_shake,
            extra=True,
        ),
        step(
            "dry",
            "[Wrap|Rub|Dry] your friend [up warmly|from head to tail]",
            "Wrap it round and rub well",
            scene=_dry,
            weight=5.5,
        ),
        step(
            "brush",
            "[Brush|Comb] the [fur|dry fur] [softly|until it shines]",
            "Untangle the fur with a brush",
            scene=_brush,
            extra=True,
        ),
        step(
            "treat",
            "[Give|Offer] [a treat|a bone|something tasty] as [a reward|thanks]",
            "Reward so much patience",
            scene=_treat,
            extra=True,
        ),
        step(
            "clean",
            "[Praise|Cuddle|Admire] your [clean|fluffy] friend",
            "Smell how clean the fur is",
            scene=_clean,
            weight=9,
        ),
    ),
)
