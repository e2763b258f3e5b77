"""Clothes, dyed."""

from __future__ import annotations

from illinstr.minihow.families.base import Family, Item, Look, gather, put, step, wait


def _tub(k: Look, **keys: object) -> Item:
    return put("tub", 50, 93, 1.15, colour=k.main, **keys)


def _plain(k: Look) -> list[Item]:
    return [
        put("garment", 46, 34, 1.25, garment=k["garment"], colour="white"),
        k.hand("pinch", 62, 40, 4, size=1.15),
        k.hand("pinch", 30, 40, 4, flip=True, size=1.15),
    ]


def _run_water(k: Look) -> list[Item]:
    return [_tub(k, fill="water"), put("tap", 50, 32, 1.05, length=26)]


def _add_dye(k: Look) -> list[Item]:
    return [
        _tub(k, fill=k["colour"]),
        put("drops", 42, 22, 1.2, colour=k["colour"], spread=4, length=20),
        put("bottle", 64, 20, 0.85, angle=-112, colour=k["colour"], open=True),
        k.hand("wrap", 62, 16, 6, size=1.05),
    ]


def _stir_dye(k: Look) -> list[Item]:
    return [
        _tub(k, fill=k["colour"]),
        put("swirl", 46, 56, 1.6),
        put("spoon", 48, 55, 1.3),
        k.hand("fist", 49, 18, 8, size=1.1),
    ]


def _soak(k: Look) -> list[Item]:
    return [_tub(k, fill=k["colour"], garment="white"), k.hand("flat", 58, 44, 24, size=1.2)]


def _soaking(k: Look) -> list[Item]:
    return [put("tub", 46, 93, 1.1, colour=k.main, fill=k["colour"], garment=k["colour"])]


def _rinse(k: Look) -> list[Item]:
    return [
        _tub(k, fill="water", garment=k["colour"], foam=True),
        k.hand("flat", 62, 50, 24, size=1.15),
        k.hand("flat", 36, 50, 24, flip=True, size=1.15),
    ]


def _hang(k: Look) -> list[Item]:
    return [
        put("line", 50, 24, 1.2),
        put("garment", 46, 26, 1.3, garment=k["garment"], colour=k["colour"], pegs=True),
        k.hand("pinch", 61, 27, 18, size=1.1),
    ]


def _hanging(k: Look) -> list[Item]:
    return [put("line", 50, 38, 1.2), put("garment", 42, 40, 1.05, garment=k["garment"], colour=k["colour"], pegs=True)]


def _wear(k: Look) -> list[Item]:
    return [
        put("garment", 48, 20, 1.4, garment=k["garment"], colour=k["colour"]),
        put("sparkles", 50, 44, 1.1, spread=37),
    ]


def _dye_things(k: Look) -> list[Item]:
    return [put("tub", 60, 84, 0.85, colour=k.main), put("bottle", 22, 92, 1.1, colour=k["colour"], shadow=True)]


FAMILY = Family(
    name="dye",
    title="dyed clothes",
    nouns="tshirt shirt sock scarf hat garment clothes",
    verbs="dye colour color turn",
    made=False,
    category="crafts",
    attributes={
        "garment": ("T-shirt", "sock", "scarf", "hat"),
        "colour": ("red", "blue", "green", "yellow", "purple", "pink", "orange", "teal"),
    },
    phrases=(
        "dye a {garment} {colour}",
        "colour a {garment} {colour}",
        "make a {garment} {colour} with dye",
        "turn a {garment} {colour}",
    ),
    steps=(
        gather(_dye_things),
        step(
            "plain",
            "[Choose|Find|Take|Pick] [a clean one|something plain|a plain one]",
            "[Start|Begin] with [plain cloth|clean cloth|something plain]",
            "[Look for|Use] [plain cloth|something plain|a clean one]",
            "[Hold up|Shake out|Spread out] the [plain|clean] cloth",
            scene=_plain,
            weight=3,
        ),
        step(
            "fill",
            "[Pour|Run|Let] [water|some water|warm water] into the tub",
            "[Fill|Half fill] the tub [with water|at the tap|from the tap|with warm water]",
            "[Open|Turn on] the tap [over the tub|and fill the tub]",
            "Put [some|warm] water in the tub",
            scene=_run_water,
            weight=2.5,
        ),
        step(
            "dye",
            "[Tip|Shake|Pour|Drip] the dye into the [water|tub]",
            "[Add|Drip in|Pour in] the [dye|colour]",
            "[Empty|Drain] the bottle into the [water|tub]",
            "Add [drops|a few drops|plenty] of [dye|colour] to the water",
            "Colour the water with [the dye|drops of dye]",
            scene=_add_dye,
            weight=4,
        ),
        step(
            "stir",
            "[Stir|Mix] it [well|with a spoon|until even]",
            "Keep stirring",
            "Keep [stirring|mixing] [until it is even|with the spoon|for a minute]",
            "[Stir|Mix] the [dye bath|coloured water] [well|slowly|with a spoon]",
            "[Move|Turn] the spoon [round and round|in circles|slowly]",
            scene=_stir_dye,
            weight=1.5,
        ),
        step(
            "soak",
            "[Push|Press|Lay|Dip] the cloth [in|under the water|into the dye]",
            "Soak the cloth",
            "Soak [it|the cloth] [in the dye|in the coloured water|until it is wet through]",
            "[Hold|Keep] [it|the cloth] down in the [dye|coloured water]",
            scene=_soak,
            weight=5,
        ),
        wait("wait", _soaking, hour=5),
        step(
            "rinse",
            "[Rinse|Wash|Swish] it [in clean water|until the water is clear]",
            "[Wash|Rinse] out [the rest|what is loose|the loose colour|the loose dye]",
            "[Squeeze|Get] [the loose dye|the rest] out in clean water",
            "Give it a [good|long|last] [rinse|wash]",
            scene=_rinse,
            weight=3.5,
        ),
        step(
            "hang",
            "[Hang|Peg|Pin|Clip] it [up|on the line|up to dry|on the line to dry]",
            "Let it [drip|drip dry] [on the line|from the line]",
            "[Fasten|Fix] it to the line with [pegs|two pegs]",
            scene=_hang,
            weight=4.5,
        ),
        wait("dry", _hanging, hour=9),
        step(
            "wear",
            "Wear it [proudly|with pride]",
            "Show it off [proudly|with pride]",
            "Put it on and enjoy",
            "Try it on",
            "[Try|Put] it on and [enjoy wearing it|show it off|look in the mirror|wear it with pride|wear it proudly]",
            "Enjoy wearing [it|what you made|the new colour]",
            "[Show it|Show it off] to [your friends|everyone|the world]",
            scene=_wear,
            weight=9,
        ),
    ),
)
