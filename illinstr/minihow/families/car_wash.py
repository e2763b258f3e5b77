"""A car, a van or a truck, washed."""

from __future__ import annotations

from illinstr.minihow.families.base import Family, Item, Look, gather, put, step


def _it(k: Look, x: float = 48, y: float = 90, size: float = 1.08, **keys: object) -> Item:
    return put("vehicle", x, y, size, vehicle=k["vehicle"], colour=k["colour"], **keys)


def _bucket(k: Look, x: float, y: float, size: float, **keys: object) -> Item:
    return put("bucket", x, y, size, colour=k["bucket"], **keys)


def _car_things(k: Look) -> list[Item]:
    return [
        _it(k, 40, 76, 0.74, state="mud"),
        _bucket(k, 76, 94, 0.85),
        put("sponge", 46, 89, 0.95, colour=k.second),
    ]


def _dirty(k: Look) -> list[Item]:
    return [_it(k, 50, 84, state="mud"), _bucket(k, 80, 97, 0.62)]


def _fill(k: Look) -> list[Item]:
    return [_bucket(k, 50, 94, 1.35, fill="water", handle=False), put("tap", 50, 26, 1.05, length=20)]


def _soap(k: Look) -> list[Item]:
    return [
        _bucket(k, 44, 94, 1.3, fill="water", foam=True, handle=False),
        put("drops", 44, 22, 1.2, colour="lavender", spread=3, length=14),
        put("bottle", 66, 20, 0.85, angle=-112, colour="lavender", open=True),
        k.hand("wrap", 64, 16, 6, size=1.05),
    ]


def _spray(k: Look) -> list[Item]:
    return [_it(k, 38, 92, 0.95, state="mud"), put("hose", 66, 32, 1.1), k.hand("fist", 78, 33, 12, size=1.05)]


def _dip(k: Look) -> list[Item]:
    return [
        _bucket(k, 44, 94, 1.35, fill="water", foam=True, handle=False),
        put("sponge", 46, 36, 1.2, angle=-20, colour=k.second),
        k.hand("flat", 50, 30, 24, size=1.15),
    ]


def _scrub(k: Look) -> list[Item]:
    return [
        _it(k, 42, 86, 1.0, state="foam"),
        _bucket(k, 84, 98, 0.66, fill="water", foam=True),
        put("sponge", 46, 50, 1.15, colour=k.second),
        k.hand("flat", 51, 46, 16, size=1.15),
    ]


def _wheels(k: Look) -> list[Item]:
    return [
        _it(k, 34, 92, 1.15, state="foam"),
        put("sponge", 60, 82, 1.0, angle=40, colour=k.second),
        k.hand("flat", 64, 79, 16, size=1.1),
    ]


def _rinse(k: Look) -> list[Item]:
    return [_it(k, 38, 92, 0.95, state="wet"), put("hose", 66, 32, 1.1), k.hand("fist", 78, 33, 12, size=1.05)]


def _dry(k: Look) -> list[Item]:
    return [
        _it(k, 44, 92, 1.05, state="wet"),
        put("cloth", 42, 68, 1.05, colour=k.main, angle=-12),
        k.hand("flat", 50, 56, 22, size=1.15),
    ]


def _polish(k: Look) -> list[Item]:
    return [
        _it(k, 44, 92, 1.05),
        put("cloth", 58, 78, 1.05, colour=k.main, angle=-20),
        k.hand("flat", 68, 66, 20, size=1.15),
    ]


def _shine(k: Look) -> list[Item]:
    return [
        put("sun", 84, 15, 0.85),
        _it(k, 48, 85, 1.08),
        _bucket(k, 82, 97, 0.62),
        put("sparkles", 48, 54, 1.25, spread=34),
    ]


FAMILY = Family(
    name="car-wash",
    title="washed cars",
    nouns="car van truck vehicle",
    verbs="wash clean polish",
    made=False,
    category="cleaning",
    ground="grass",
    attributes={
        "colour": ("red", "blue", "yellow", "green", "purple", "pink", "white", "orange"),
        "vehicle": ("car", "van", "truck"),
        "bucket": ("red", "blue", "yellow", "green", "purple", "pink", "teal"),
    },
    phrases=(
        "wash a {colour} {vehicle} with a {bucket} bucket",
        "clean a {colour} {vehicle} with a {bucket} bucket",
        "wash a {colour} {vehicle} using a {bucket} bucket",
        "clean a dirty {colour} {vehicle} with a {bucket} bucket",
    ),
    steps=(
        gather(_car_things),
        step(
            "park",
            "[Park|Stop|Leave] it [in the shade|on the grass|on the lawn]",
            "[Look|See|Check] where it is [muddy|dirty]",
            "[Look|See] how [muddy|dirty] it is",
            "Drive it [into the shade|onto the grass|onto the lawn]",
            scene=_dirty,
            weight=3,
        ),
        step(
            "fill",
            "[Fetch|Draw] [water|fresh water|plenty of water] [from the tap|outside]",
            "Let the [tap|water] run until [it|the bucket] is full",
            "Fill the bucket [with fresh water|with plenty of water|from the tap|at the tap]",
            "Run [water|fresh water] into the bucket",
            "[Put|Hold] the bucket under the tap",
            scene=_fill,
            weight=2.5,
        ),
        step(
            "soap",
            "[Add|Squirt in|Pour in] [some soap|a little soap|some shampoo|a little shampoo]",
            "Make the water [foamy|soapy][| with shampoo| with some soap]",
            "[Squirt|Pour] [some soap|a little shampoo] into the [water|bucket]",
            "Put [some soap|a little shampoo] in the [water|bucket]",
            scene=_soap,
            extra=True,
        ),
        step(
            "spray",
            "[Spray|Hose] [it|the mud] [down|with the hose] first",
            "Loosen the [mud|dirt] with [water|the hose]",
            "Soften the [mud|dirt][| with water| with the hose]",
            "Start by [spraying|hosing] [it|the mud] down",
            "Begin by [spraying|hosing] the [mud|dirt]",
            "Wet the [mud|dirt] [first|with the hose]",
            scene=_spray,
            weight=4,
        ),
        step(
            "dip",
            "[Dip|Soak|Dunk] [the sponge|your sponge] [in the foam|in the soapy water]",
            "Take up some foam[| with the sponge| with your sponge]",
            "[Fill|Load] [the sponge|your sponge] with [foam|soapy water]",
            "Push the sponge into the [foam|soapy water|bucket]",
            "Let the sponge [take|soak] up [some foam|the soapy water]",
            "Dip the sponge in the bucket",
            scene=_dip,
            weight=2,
        ),
        step(
            "scrub",
            "[Scrub|Rub|Soap] it [from top to bottom|all over|with the sponge]",
            "Cover it [in|with] foam[| all over| from top to bottom]",
            "[Rub|Spread] the foam [all over it|over it with the sponge|from top to bottom]",
            "[Go|Rub] over it with the [sponge|foamy sponge|soapy sponge]",
            scene=_scrub,
            weight=6,
        ),
        step(
            "wheels",
            "[Scrub|Wash|Do] the wheels [too|next|as well]",
            "Do not forget the [wheels|tyres]",
            "[Scrub|Wash|Soap|Rub] the [wheels|tyres] with the sponge",
            "Give the [wheels|tyres] a [scrub|rub|good scrub]",
            "Turn to the [wheels|tyres] next",
            "Take the sponge to the [wheels|tyres] [too|as well]",
            scene=_wheels,
            extra=True,
        ),
        step(
            "rinse",
            "[Spray|Hose] [it|the foam] off [with the hose|again]",
            "Rinse the [foam|suds] away[| with the hose| with clear water]",
            "Let [water|clear water] run over it again",
            "Wash the [foam|suds] [off|away] with [the hose|clear water]",
            "Use the hose to [rinse|wash] the [foam|suds] away",
            "Let the [hose|water] wash the foam away",
            scene=_rinse,
            weight=5,
        ),
        step(
            "dry",
            "[Dry|Rub] it [with a soft cloth|with a dry cloth]",
            "[Wipe|Take|Rub] the [drops|water] off[| with a cloth| with a dry cloth]",
            "[Rub|Wipe] it dry[| with a cloth| all over]",
            "Soak up the [drops|water] with a [soft|dry] cloth",
            scene=_dry,
            weight=4,
        ),
        step(
            "polish",
            "[Polish|Buff] it [gently|in small circles|until it gleams]",
            "[Rub|Put|Wipe] on [a little|some] [wax|polish]",
            "Make it gleam with [a little wax|some polish]",
            "[Rub|Work] the [wax|polish] in [gently|with small circles]",
            scene=_polish,
            extra=True,
        ),
        step(
            "shine",
            "[Let it|Watch it|See it] [shine|gleam|sparkle] in the sun",
            "Admire how [clean|shiny] it [is|looks]",
            "Take it for a [drive|ride][| in the sun]",
            "Go for a [drive|ride] in the sun",
            "Be proud of how [clean|shiny] it [is|looks]",
            scene=_shine,
            weight=9,
        ),
    ),
)
