"""A flower in a pot, from seed to blossom."""

from __future__ import annotations

from illinstr.minihow.families.base import Family, Item, Look, gather, put, step, wait


def _pot(k: Look, x: float = 42, y: float = 92, size: float = 1.5, **keys: object) -> Item:
    return put("flowerpot", x, y, size, colour=k.main, **keys)


def _petals(k: Look) -> dict[str, str]:
    return {"flower": k["flower"], "petals": k["colour"]}


def _empty(k: Look) -> list[Item]:
    return [_pot(k, 42, 92, 1.75), k.hand("wrap", 66, 70, 10, size=1.2)]


def _soil(k: Look) -> list[Item]:
    return [
        put("drops", 37, 20, 1.3, colour="soil", shape="grain", spread=5, length=16),
        _pot(k, 36, 93, 1.45, soil=1),
        put("trowel", 38, 24, 1.15, angle=58, heap="soil"),
        k.hand("fist", 74, 2, 0, size=1.1),
    ]


def _hole(k: Look) -> list[Item]:
    return [_pot(k, 40, 93, 1.5, soil=1, hole=1), k.hand("point", 40, 35, -48, size=1.25)]


def _seed(k: Look) -> list[Item]:
    return [_pot(k, 40, 93, 1.5, soil=1, hole=1), put("seed", 41, 25, 1.7), k.hand("pinch", 44, 19, 6, size=1.3)]


def _cover(k: Look) -> list[Item]:
    return [_pot(k, 40, 93, 1.5, soil=1), k.hand("flat", 43, 35, 16, size=1.3)]


def _water(k: Look) -> list[Item]:
    return [
        put("drops", 22, 30, 1.3, colour="water", spread=5, length=15),
        _pot(k, 27, 93, 1.3, soil=1),
        put("can", 68, 46, 1.2, angle=-14, colour=k.second),
        k.hand("fist", 86, 30, 14, size=1.05),
    ]


def _sunny(k: Look) -> list[Item]:
    return [put("sun", 22, 20, 1.05), _pot(k, 46, 93, 1.5, soil=1)]


def _sprout(k: Look) -> list[Item]:
    return [_pot(k, 46, 93, 1.5, soil=1, plant="sprout"), put("sparkles", 46, 40, 1.0, spread=28)]


def _leafy(k: Look) -> list[Item]:
    return [
        put("drops", 38, 22, 1.2, colour="water", spread=5, length=14),
        _pot(k, 30, 93, 1.3, soil=1, plant="leafy"),
        put("can", 80, 36, 1.0, angle=-14, colour=k.second),
        k.hand("fist", 93, 22, 14, size=1.0),
    ]


def _bloom(k: Look) -> list[Item]:
    return [_pot(k, 48, 95, 1.07, soil=1, plant="flower", **_petals(k)), put("sparkles", 48, 44, 1.1, spread=34)]


def _flower_things(k: Look) -> list[Item]:
    return [
        put("bag", 22, 86, 1.15, colour="sage", mark="soil", shadow=True),
        put("can", 74, 84, 1.0, colour=k.second),
        _pot(k, 48, 93, 1.0),
    ]


FAMILY = Family(
    name="flower",
    title="potted flowers",
    nouns="flower tulip rose daisy poppy sunflower",
    verbs="plant grow raise sow pot",
    made=False,
    category="garden",
    attributes={
        "colour": ("red", "yellow", "pink", "purple", "blue", "orange", "white"),
        "flower": ("tulip", "rose", "daisy", "poppy", "sunflower"),
    },
    phrases=(
        "plant a {colour} {flower}",
        "grow a {colour} {flower}",
        "grow a {colour} {flower} in a pot",
        "raise a {colour} {flower} from seed",
    ),
    steps=(
        gather(_flower_things),
        step(
            "pot",
            "[Take|Get|Find] [an empty pot|a pot with a hole in its foot|a pot]",
            "[Set|Put|Place] [a pot|an empty pot|a clean pot] on the table",
            "[Choose|Pick] [a clean pot|an empty pot|a pot] for it",
            "Bring [a clean|an empty] pot to the table",
            scene=_empty,
            weight=3,
        ),
        step(
            "soil",
            "[Fill|Top up] [it|the pot] with [soil|earth|potting soil]",
            "[Scoop|Shovel|Spoon] [soil|earth] into the pot",
            "Use a trowel to fill [it|the pot]",
            "[Put in|Add] [soil|earth|potting soil] with a trowel",
            scene=_soil,
            weight=5,
        ),
        step(
            "hole",
            "[Poke|Press|Make] a [small|little] hole [in the middle|with your finger]",
            "[Push|Poke|Stick] [a|your|one] finger into the soil",
            "Use [a|your] finger to [make|poke] a [hole|small hole]",
            "Make room for the seed with [a|your] finger",
            scene=_hole,
            weight=1,
        ),
        step(
            "seed",
            "[Drop|Put|Place] [the seed|one seed] [in|into the hole]",
            "[Plant|Sow] [the|one] seed",
            "[Plant|Lay] the seed in [the|its] hole",
            "Let [the|one] seed [drop|fall] into [the|its] hole",
            scene=_seed,
            weight=6,
        ),
        step(
            "cover",
            "Cover it [with soil|gently|up|softly]",
            "[Pat|Press] the soil down [softly|gently|with your hand]",
            "[Pat|Press] the soil flat with your hand",
            "Cover the seed [with soil|gently|up]",
            "Close the hole [with soil|gently|with your hand]",
            "Smooth the soil [over the seed|flat with your hand]",
            "Tuck the seed in [gently|softly] under the soil",
            scene=_cover,
            weight=2,
        ),
        step(
            "water",
            "[Water|Sprinkle] it [well|gently|with the can]",
            "Give it [some|plenty of] water",
            "Water the [seed|bare soil] [well|gently|with the can]",
            "[Sprinkle|Wet] the bare soil [well|with the can]",
            "Give the [seed|bare soil] [some|plenty of] water",
            "Pour [some|plenty of] water over the bare soil",
            "Let water from the can [wet|soak] the [bare soil|seed]",
            "Soak the bare soil with the can",
            scene=_water,
            weight=4,
        ),
        wait("wait", _sunny, hour=8),
        step(
            "sprout",
            "[Watch|Look] for the first [leaves|shoot|little leaves]",
            "[See|Watch] [it|the shoot|the first shoot] come up",
            "Keep [it|the shoot|the little leaves] [warm|in the light]",
            "See the [shoot|leaves] push through the soil",
            "[Greet|Spot] the [first shoot|first leaves|little shoot]",
            "Let the shoot push through the soil",
            scene=_sprout,
            weight=3.5,
        ),
        step(
            "again",
            "[Water|Sprinkle] it [again|once more|every day]",
            "[Water|Sprinkle] the [plant|leaves] [again|once more|every day]",
            "Keep the soil moist [as it grows|every day|]",
            "Keep watering it [as it grows|every day]",
            "Give the plant more water [as it grows|every day|]",
            "Go on watering the [plant|leaves]",
            scene=_leafy,
            extra=True,
        ),
        step(
            "bloom",
            "[Enjoy|Admire] [it|the flower|the blossom] [in the sun|when it opens]",
            "Let [it|the flower|the bud] open and bloom",
            "[Watch|See] [it|the flower|the bud] open",
            "Smell the [flower|blossom|open blossom]",
            "Be proud of your [flower|blossom]",
            "Watch it bloom in the sun",
            scene=_bloom,
            weight=9,
        ),
    ),
)
