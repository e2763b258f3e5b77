"""A birdhouse, painted."""

from __future__ import annotations

from illinstr.minihow.families.base import Family, Item, Look, gather, put, step, wait


def _house(k: Look, x: float = 40, y: float = 92, size: float = 1.35, **keys: object) -> Item:
    return put("birdhouse", x, y, size, **keys)


def _sand(k: Look) -> list[Item]:
    return [_house(k), put("sandpaper", 60, 70, 1.15, angle=80), k.hand("flat", 62, 68, 12, size=1.2)]


def _dust(k: Look) -> list[Item]:
    return [_house(k), put("cloth", 62, 76, 0.8, colour=k.second, angle=-20), k.hand("flat", 64, 66, 20, size=1.2)]


def _tins(k: Look) -> list[Item]:
    return [put("paint", 28, 90, 1.45, colour=k["walls"]), put("paint", 70, 90, 1.45, colour=k["roof"])]


def _dip(k: Look) -> list[Item]:
    return [
        put("paint", 38, 92, 1.9, colour=k["walls"]),
        put("brush", 40, 44, 1.2, angle=-58, colour=k["walls"]),
        k.hand("pinch", 58, 16, 10, size=1.15),
    ]


def _paint_walls(k: Look) -> list[Item]:
    return [
        _house(k, 34, walls=k["walls"]),
        put("brush", 52, 66, 1.1, colour=k["walls"], angle=-12),
        k.hand("pinch", 86, 60, 10, size=1.1),
    ]


def _paint_roof(k: Look) -> list[Item]:
    return [
        _house(k, 36, walls=k["walls"], roof=k["roof"]),
        put("brush", 62, 40, 1.1, colour=k["roof"], angle=-24),
        k.hand("pinch", 92, 28, 10, size=1.1),
    ]


def _painted(k: Look) -> list[Item]:
    return [_house(k, 44, walls=k["walls"], roof=k["roof"])]


def _raw(k: Look) -> list[Item]:
    return [_house(k, 44)]


def _half_painted(k: Look) -> list[Item]:
    return [_house(k, 44, walls=k["walls"])]


def _bird(k: Look) -> list[Item]:
    return [
        _house(k, 50, 93, 1.4, walls=k["walls"], roof=k["roof"], bird=True),
        put("sparkles", 50, 50, 1.1, spread=36),
    ]


def _carry(k: Look) -> list[Item]:
    return [
        _house(k, 44, 84, 1.25, walls=k["walls"], roof=k["roof"], shadow=False),
        k.hand("wrap", 66, 66, 12, size=1.2),
        k.hand("wrap", 20, 66, 12, flip=True, size=1.1),
    ]


def _house_things(k: Look) -> list[Item]:
    return [
        _house(k, 26, 86, 0.95),
        put("paint", 62, 84, 0.95, colour=k["walls"]),
        put("paint", 84, 90, 0.95, colour=k["roof"]),
    ]


FAMILY = Family(
    name="birdhouse",
    title="painted birdhouses",
    nouns="birdhouse nestbox",
    verbs="paint decorate",
    category="crafts",
    attributes={
        "walls": ("red", "blue", "yellow", "green", "white", "pink"),
        "roof": ("brown", "purple", "teal", "orange", "black"),
    },
    phrases=(
        "paint a {walls} birdhouse with a {roof} roof",
        "decorate a {walls} birdhouse with a {roof} roof",
        "paint a birdhouse {walls} with a {roof} roof",
        "colour a birdhouse {walls} with a {roof} roof",
    ),
    steps=(
        gather(_house_things),
        step(
            "raw",
            "[Start with|Take|Buy] [a plain wooden one|bare wood]",
            "[Put|Set|Place] [the bare wood|the plain wooden house|the bare house] in front of you",
            "[Choose|Find] [a plain wooden one|one without any paint|one of bare wood]",
            "Begin with [bare wood|a plain wooden house|one without any paint]",
            scene=_raw,
            extra=True,
        ),
        step(
            "sand",
            "Sand [the wood|the sides|all sides] until smooth",
            "[Sand|Smooth] [the wood|the sides|all sides] with sandpaper",
            "Rub down the rough [wood|sides|edges]",
            "[Rub|Go over] [the rough wood|the rough edges|every side] with sandpaper",
            "[Take|Get] [the splinters|the rough edges] off with sandpaper",
            "Use sandpaper on [the rough wood|the rough edges|all sides]",
            "Sand it until no splinters [are left|stick out]",
            scene=_sand,
            weight=3,
        ),
        step(
            "dust",
            "Clean the [wood|surface]",
            "[Clean|Wipe|Dust] the [wood|surface] with a [cloth|rag]",
            "[Wipe|Brush|Rub] [off the dust|the dust away]",
            "[Take|Get] the dust off with a [cloth|rag]",
            "Remove [the dust|all dust] with a [cloth|rag]",
            "Get rid of [the dust|all dust]",
            scene=_dust,
            extra=True,
        ),
        step(
            "tins",
            "[Open|Stir|Set out] [the paint|both tins|the tins]",
            "[Get|Have] [the paint|both tins|the two colours] ready",
            "[Stir|Set out] the two colours",
            "[Take|Pull] the lids off [both tins|the tins]",
            "[Place|Line up] both tins [side by side|next to each other]",
            scene=_tins,
            weight=2,
        ),
        step(
            "dip",
            "[Wet|Soak|Load|Fill] the brush with [paint|colour]",
            "[Dip|Put|Push] the brush [in|into the tin|into the paint]",
            "[Dip|Push] the bristles into the [tin|paint]",
            "[Get|Take] some [paint|colour] on the brush",
            "Let the [brush|bristles] [soak up|take up] [paint|some colour]",
            scene=_dip,
            weight=1.5,
        ),
        step(
            "walls",
            "[Paint|Brush|Coat] the walls [first|evenly|all around]",
            "[Cover|Coat] the walls with [paint|colour]",
            "Give the walls [a coat of paint|their own colour|a first coat]",
            "[Work|Go|Move] around the walls with [the brush|paint]",
            "[Put|Spread] [paint|colour] on all the walls",
            scene=_paint_walls,
            weight=5,
        ),
        wait("dry1", _half_painted, hour=2),
        step(
            "roof",
            "[Paint|Brush|Coat] the roof [next|too|on both sides]",
            "Give the roof [its own colour|a coat of paint|another colour]",
            "[Cover|Coat] the roof with [the other colour|another colour|paint]",
            "[Put|Spread|Brush] [paint|the other colour] on the roof",
            scene=_paint_roof,
            weight=5,
        ),
        wait("dry2", _painted, hour=8),
        step(
            "hang",
            "[Carry|Take|Bring] it [outside|to the garden|out to a tree]",
            "[Hang|Put] it [in a tree|up|on a branch]",
            "Lift it [up into a tree|onto a branch|up to a branch]",
            "Find it a [good|safe|quiet] place [outside|in the garden|in a tree]",
            scene=_carry,
            weight=2.5,
        ),
        step(
            "bird",
            "[Wait for|Welcome|Watch for] [your first guest|a bird]",
            "[Let|Watch|See] [a bird|your first guest] move in",
            "[See|Watch] [the bird|your new guest] settle in",
            "[Enjoy|Admire] [the new home|the bird in its new home|your new guest]",
            "[Greet|Say hello to] [the bird|your first guest|your new guest]",
            scene=_bird,
            weight=9,
        ),
    ),
)
