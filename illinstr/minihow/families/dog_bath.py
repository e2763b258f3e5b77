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
    title="bathed dogs",
    nouns="dog puppy",
    verbs="wash bathe bath clean shampoo",
    made=False,
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
            "[Call|Fetch|Calm] your [friend|muddy friend|pet|muddy pet]",
            "[See|Look] how [muddy|dirty] [the fur|your friend|your pet] is",
            "[Find|Look at] the mud in the fur",
            "Find out how [muddy|dirty] the fur is",
            scene=_muddy,
            weight=4,
        ),
        step(
            "fill",
            "[Run|Let] [warm|lukewarm] water [in|into the tub]",
            "[Prepare|Draw|Run] a [warm|lukewarm] bath",
            "Fill the tub [with warm water|with lukewarm water|from the tap|under the tap]",
            "Let the tap run until the [tub|bath] is full",
            "[Put|Hold] the tub under the tap",
            "Turn on the tap and [fill the tub|let water in]",
            scene=_fill,
            weight=3,
        ),
        step(
            "lift",
            "[Lift|Set|Put] [your friend|your pet] [in|into the bath|into the tub]",
            "[Help|Lower] your [friend|pet] into the [bath|tub|water]",
            scene=_lift,
            weight=4,
        ),
        step(
            "wet",
            "[Wet|Soak] the [fur|muddy fur] [first|all over|with a jug]",
            "Pour water over the [back|mud|muddy back|muddy fur]",
            "[Loosen|Soften] the mud with [water|a jug of water]",
            "Make the muddy fur wet [first|all over|with a jug]",
            "Empty a jug of water over the [mud|muddy back|muddy fur]",
            scene=_wet,
            weight=3.5,
        ),
        step(
            "shampoo",
            "[Put on|Add|Drip on] [some mild shampoo|a little shampoo|dog shampoo]",
            "[Pour|Drip|Squeeze] [shampoo|mild shampoo|dog shampoo|a little shampoo] on the fur",
            "Let [some mild|a little|some dog] shampoo drip on the fur",
            "Take some [mild|dog] shampoo from the bottle",
            "Squeeze the shampoo bottle over the [fur|back]",
            "Pour a little from the bottle over the back",
            scene=_shampoo,
            weight=2.5,
        ),
        step(
            "rub",
            "[Rub|Massage|Lather] the fur [until it foams|with both hands|all over]",
            "Work up a [thick|rich] foam[| with both hands| all over]",
            "[Rub|Massage|Work] the shampoo in[| with both hands|to the fur]",
            "Use both hands to [rub|massage|lather] the fur",
            "Cover the fur with a [thick|rich] foam",
            scene=_rub,
            weight=6,
        ),
        step(
            "rinse",
            "[Rinse|Wash] the [foam|shampoo] out [with a jug|again|of the fur]",
            "Pour clear water over the fur[| again| until no foam is left]",
            "Rinse [|the fur ]until [the water stays clear|no foam is left|no shampoo is left]",
            "Let clear water wash the [foam|shampoo] away",
            "Use [a jug|clear water] to [rinse|wash] the foam out",
            scene=_rinse,
            weight=4.5,
        ),
        step(
            "shake",
            "[Step|Stand] back for [the big shake|a big shake|a good shake]",
            "Let the [drops|water] fly[| everywhere]",
            "[Wait|Get ready] for [the big shake|a big shake|a good shake]",
            "Let your [friend|pet] shake [well|off the drops|off the water]",
            "Watch the [drops|water] fly[| everywhere]",
            scene=_shake,
            extra=True,
        ),
        step(
            "dry",
            "[Wrap|Rub|Dry] your friend [up warmly|from head to tail]",
            "Wrap [it|the towel] round and [rub|dry] well",
            "Wrap your [friend|pet] [up in|in] [the|a soft] towel",
            "[Dry|Rub] your [friend|pet] with [the|a soft] towel",
            "Use [the|a soft] towel to dry the [fur|wet fur]",
            "Rub the [fur|wet fur] dry[| with the towel]",
            "Take [the|a soft] towel and dry the fur",
            scene=_dry,
            weight=5.5,
        ),
        step(
            "brush",
            "[Brush|Comb] the [fur|dry fur] [softly|until it shines|smooth]",
            "Untangle the [fur|dry fur] with [a brush|the brush|a soft brush]",
            "[Pull|Run] [a|the] brush through the [fur|dry fur]",
            "Use a [brush|soft brush] to untangle the fur",
            "Make the fur [shine|smooth] with a [brush|soft brush]",
            scene=_brush,
            extra=True,
        ),
        step(
            "treat",
            "[Give|Offer] [a treat|a bone|something tasty] as [a reward|thanks]",
            "Reward so much patience[| with a treat| with a bone| with something tasty]",
            "Thank your [friend|pet] with [a treat|a bone|something tasty]",
            "Reward your [friend|pet] with [a treat|a bone|something tasty]",
            "Hold out [a treat|a bone|something tasty]",
            scene=_treat,
            extra=True,
        ),
        step(
            "clean",
            "[Praise|Cuddle|Admire] your [clean|fluffy] [friend|pet]",
            "Smell how [clean|fresh] the fur is",
            "[Feel|See] how [clean|soft|fluffy] the fur is",
            "Give your [clean|fluffy] [friend|pet] a [cuddle|big cuddle]",
            "Enjoy the [clean|fresh] smell of the fur",
            scene=_clean,
            weight=9,
        ),
    ),
)
