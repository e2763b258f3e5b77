"""A cactus in a pot."""

from __future__ import annotations

from illinstr.minihow.families.base import Family, Item, Look, gather, put, step, wait


def _cactus(k: Look, x: float = 44, y: float = 93, size: float = 1.1, **keys: object) -> Item:
    return put("flowerpot", x, y, size, colour=k["pot"], soil=1, plant="cactus", shape=k["shape"], **keys)


def _named_pot(k: Look) -> list[Item]:
    return [put("flowerpot", 42, 92, 1.75, colour=k["pot"]), k.hand("wrap", 66, 70, 10, size=1.2)]


def _stones(k: Look) -> list[Item]:
    return [
        put("flowerpot", 40, 93, 1.45, colour=k["pot"]),
        put("drops", 40, 16, 1.6, colour="grey", shape="grain", spread=5, length=14),
        k.hand("pinch", 44, 13, 14, size=1.2),
    ]


def _sandy(k: Look) -> list[Item]:
    return [
        put("drops", 37, 20, 1.3, colour="soil", shape="grain", spread=5, length=16),
        put("flowerpot", 36, 93, 1.45, colour=k["pot"], soil=1),
        put("trowel", 38, 24, 1.15, angle=58, heap="soil"),
        k.hand("fist", 74, 2, 0, size=1.1),
    ]


def _dig(k: Look) -> list[Item]:
    return [put("flowerpot", 40, 93, 1.45, colour=k["pot"], soil=1, hole=1), k.hand("point", 40, 37, -48, size=1.25)]


def _lower(k: Look) -> list[Item]:
    return [
        put("plant", 42, 40 if k["shape"] == "round" else 46, 0.95, plant="cactus", shape=k["shape"], roots=True),
        put("flowerpot", 42, 95, 1.15, colour=k["pot"], soil=1, hole=1),
        k.hand("wrap", 54, 26, 12, size=1.1),
    ]


def _press(k: Look) -> list[Item]:
    return [_cactus(k), k.hand("flat", 66, 46, 22, size=1.1)]


def _sprinkle(k: Look) -> list[Item]:
    return [
        put("drops", 38, 22, 1.2, colour="water", spread=5, length=14),
        _cactus(k, 30, 94, 1.15),
        put("can", 80, 36, 1.0, angle=-14, colour=k.second),
        k.hand("fist", 93, 22, 14, size=1.0),
    ]


def _sill(k: Look) -> list[Item]:
    return [put("sun", 20, 20, 1.0), _cactus(k, 52, 94)]


def _waiting(k: Look) -> list[Item]:
    return [_cactus(k, 36, 94)]


def _flowering(k: Look) -> list[Item]:
    return [_cactus(k, 50, 94, 1.18, petals="pink"), put("sparkles", 50, 44, 1.0, spread=36)]


def _cactus_things(k: Look) -> list[Item]:
    return [
        put("bag", 22, 86, 1.1, colour="sage", mark="soil", shadow=True),
        put("can", 78, 82, 0.9, colour=k.second),
        put("flowerpot", 48, 93, 0.95, colour=k["pot"]),
    ]


FAMILY = Family(
    name="cactus",
    title="cacti",
    nouns="cactus cacti succulent",
    verbs="pot plant put repot grow",
    made=False,
    category="garden",
    attributes={
        "shape": ("round", "tall"),
        "pot": ("red", "blue", "yellow", "white", "green", "purple", "pink", "orange"),
    },
    phrases=(
        "pot a {shape} cactus in a {pot} pot",
        "plant a {shape} cactus in a {pot} pot",
        "put a {shape} cactus into a {pot} pot",
        "repot a {shape} cactus in a {pot} pot",
    ),
    steps=(
        gather(_cactus_things),
        step(
            "pot",
            "[Pick|Choose] [a pot for it|its new home|an empty pot]",
            "[Take|Get|Find] [an empty pot|a pot with a hole in its foot]",
            "[Set|Put|Place] [a pot|an empty pot|its new pot] on the table",
            "Bring [an empty|its new] pot to the table",
            "Choose a [new|good] pot for it",
            "Find a good pot for it",
            scene=_named_pot,
            weight=3,
        ),
        step(
            "stones",
            "[Drop|Put|Throw] [some|a few] [stones|pebbles] in",
            "[Start with|Lay in] a layer of [pebbles|stones]",
            "Cover the bottom with [pebbles|stones|a layer of pebbles]",
            "Let [some|a few] [pebbles|stones] fall in",
            scene=_stones,
            extra=True,
        ),
        step(
            "soil",
            "[Fill|Top up] it with [soil|sandy earth]",
            "[Fill|Top up] the pot with [soil|sandy earth|sandy soil]",
            "Fill it with sandy soil",
            "[Scoop|Shovel|Spoon] [soil|sandy earth] into the pot",
            "Use a trowel to fill [it|the pot]",
            "[Put in|Add] [soil|sandy soil|sandy earth] with a trowel",
            scene=_sandy,
            weight=4.5,
        ),
        step(
            "hole",
            "[Poke|Press|Make] a [hole|deep hole] [in the middle|with your finger]",
            "[Push|Poke|Stick] [a|your|one] finger into the soil",
            "Use [a|your] finger to [make|poke] a [hole|deep hole]",
            "Make room for the roots with [a|your] finger",
            "Press [a|your] finger deep into the soil",
            scene=_dig,
            weight=1.5,
        ),
        step(
            "plant",
            "[Lower|Set|Put] [the plant|it] [in|into the hole]",
            "Plant it [upright|carefully|in the hole]",
            "Let [its|the] roots sink into the hole",
            "Lower [its|the] roots [carefully into the hole|in]",
            "Hold it upright over the hole",
            "Set it upright in the hole",
            "Sink the roots carefully into the hole",
            scene=_lower,
            weight=6,
        ),
        step(
            "press",
            "Firm the soil [around it|with your fingers|with your hand]",
            "[Press|Pat] the soil [down|softly|around it|around its foot]",
            "Make [it|the plant] stand firm",
            "Pack the soil [around it|around its foot|with your fingers]",
            "Press [softly|firmly] around its foot",
            "Make sure it stands [firm|firmly]",
            "Help [it|the plant] stand [firm|firmly]",
            scene=_press,
            weight=2,
        ),
        step(
            "water",
            "Let it drink a [little|drop]",
            "[Water|Sprinkle] [it|the plant] [just a little|with the can|a little]",
            "Give [it|the plant] a [sip|drop|splash] of water",
            "Pour [just a little|a drop of] water from the can",
            "Let the plant drink [a drop|just a little]",
            "Use the can to water it [a little|just a little]",
            scene=_sprinkle,
            weight=4,
        ),
        step(
            "sun",
            "[Put|Set|Keep] it in the [sun|light|sunshine]",
            "Find [it|the plant] a [sunny|bright] place",
            "[Move|Turn] it towards the [sun|light]",
            "Give it a [sunny|bright] place",
            "Let the sun [shine on|warm] it",
            "Keep it in the [warm|bright] sun",
            scene=_sill,
            weight=3,
        ),
        wait("wait", _waiting, hour=8),
        step(
            "bloom",
            "[Enjoy|Admire] [it|its blossom|your plant|its first blossom]",
            "[Let|Watch|See] [it|your plant] bloom",
            "Be proud of [it|your plant|its blossom]",
            "Look at its [first blossom|blossom]",
            "Smile at its [first blossom|blossom]",
            scene=_flowering,
            weight=9,
        ),
    ),
)
