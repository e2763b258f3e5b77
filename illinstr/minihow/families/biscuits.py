"""Iced biscuits."""

from __future__ import annotations

from illinstr.minihow.families.base import Family, Item, Look, clean_hands, gather, put, step, wait


def _bowl(k: Look, x: float = 42, y: float = 92, size: float = 1.35, **keys: object) -> Item:
    return put("bowl", x, y, size, colour=k.main, **keys)


def _flour(k: Look) -> list[Item]:
    return [
        _bowl(k, 36, 93, 1.25, fill="milk", heap=True),
        put("drops", 35, 24, 1.3, colour="white", shape="grain", spread=6, length=18),
        put("bag", 80, 36, 0.9, angle=-72, colour="sunny", mark="bread"),
        k.hand("wrap", 70, 32, 10, size=1.05),
    ]


def _egg_in(k: Look) -> list[Item]:
    return [
        _bowl(k, 46, 93, 1.3, fill="milk", heap=True),
        put("egg", 46, 32, 1.1, broken=True),
        k.hand("pinch", 63, 18, 20, size=1.0),
        k.hand("pinch", 29, 18, 20, flip=True, size=1.0),
    ]


def _mix(k: Look) -> list[Item]:
    return [
        _bowl(k, fill="dough"),
        put("swirl", 40, 57, 1.4),
        put("spoon", 46, 54, 1.2),
        k.hand("fist", 48, 18, 8, size=1.1),
    ]


def _knead(k: Look) -> list[Item]:
    return [
        put("dough", 46, 90, 1.5, state="ball"),
        k.hand("flat", 58, 58, 26, size=1.2),
        k.hand("flat", 34, 58, 26, flip=True, size=1.2),
    ]


def _cool(k: Look) -> list[Item]:
    return [put("fridge", 38, 94, 1.08, colour=k.second)]


def _roll(k: Look) -> list[Item]:
    return [
        put("dough", 48, 91, 1.2, state="flat"),
        put("pin", 48, 72, 1.0),
        k.hand("fist", 86, 70, 12, size=1.0),
        k.hand("fist", 10, 70, 12, flip=True, size=1.0),
    ]


def _stamp(k: Look) -> list[Item]:
    return [
        put("dough", 46, 92, 1.25, state="flat", shape=k["shape"]),
        put("cutter", 48, 52, 1.25, shape=k["shape"], colour="metal"),
        k.hand("pinch", 56, 42, 18, size=1.2),
    ]


def _tray(k: Look) -> list[Item]:
    return [put("tray", 48, 91, 1.15, shape=k["shape"], colour="dough"), k.hand("pinch", 70, 64, 14, size=1.15)]


def _bake(k: Look) -> list[Item]:
    return [put("oven", 50, 95, 1.35, colour=k.second, baking="baked")]


def _cooling(k: Look) -> list[Item]:
    return [put("tray", 45, 92, 1.1, shape=k["shape"], colour="baked")]


def _ice(k: Look) -> list[Item]:
    return [
        put("biscuit", 40, 74, 2.3, shape=k["shape"], colour="baked", icing=k["icing"]),
        put("piping", 52, 62, 1.0, colour=k["icing"], angle=18),
        k.hand("wrap", 66, 32, 10, size=1.05),
    ]


def _plate(k: Look) -> list[Item]:
    return [put("plate", 50, 93, 1.3, colour=k.main)] + [
        put("biscuit", x, y, 1.35, shape=k["shape"], colour="baked", icing=k["icing"])
        for x, y in ((30, 76), (70, 76), (50, 62), (50, 82))
    ]


def _baking_things(k: Look) -> list[Item]:
    return [
        put("bag", 24, 86, 1.05, colour="sunny", mark="bread", shadow=True),
        _bowl(k, 66, 86, 0.9),
        put("egg", 44, 95, 1.0),
    ]


FAMILY = Family(
    name="biscuits",
    title="iced biscuits",
    nouns="cookie biscuit",
    category="kitchen",
    attributes={
        "shape": ("star", "heart", "round", "flower"),
        "icing": ("pink", "blue", "white", "yellow", "green", "purple", "red"),
    },
    phrases=(
        "bake {shape} cookies with {icing} icing",
        "make {shape} cookies with {icing} icing",
        "bake {shape} biscuits with {icing} icing",
        "make {icing} iced {shape} cookies",
    ),
    steps=(
        gather(_baking_things),
        clean_hands(),
        step(
            "flour",
            "[Put|Pour|Tip] the flour [in a bowl|into a bowl]",
            "[Pour|Tip|Shake] the flour [out of the bag|from the bag|into the bowl]",
            "[Measure|Sift] the flour[| into a bowl| into the bowl]",
            "[Start|Begin] with the flour[| in a bowl]",
            "Fill [a|the] bowl with flour[| from the bag]",
            scene=_flour,
            weight=4,
        ),
        step(
            "egg",
            "[Add|Crack in|Break in|Drop in] [an|one|a fresh] egg",
            "[Crack|Break] an egg into the bowl",
            "[Open|Crack|Break] [an|one|a fresh] egg over the bowl",
            "Open an egg",
            "Add [an|one|a fresh] egg to the flour",
            "Let [an|one] egg drop in[|to the bowl]",
            scene=_egg_in,
            weight=3,
        ),
        step(
            "mix",
            "[Mix|Stir|Beat] it [well|with a spoon|until smooth|in the bowl]",
            "Keep [stirring|mixing] until it [sticks|is smooth|sticks to the spoon]",
            "Take a spoon and [mix|stir|beat] it[| well]",
            "Use a spoon to [mix|stir|beat] it",
            scene=_mix,
            weight=2,
        ),
        step(
            "knead",
            "[Squeeze|Push|Press] it together[| with both hands]",
            "[Knead|Press|Work|Squeeze] it [with both hands|into a ball|by hand]",
            "[Work|Knead] the dough [by hand|with both hands|into a ball]",
            "Use both hands to [knead|push|press] the dough",
            "Push the dough together",
            "Make a ball of [it|the dough][| by hand]",
            scene=_knead,
            weight=3.5,
        ),
        wait("chill", _cool, hour=6),
        step(
            "roll",
            "[Roll|Flatten] it [out|with a rolling pin|out evenly]",
            "Roll the dough [thin|flat|out evenly|with a rolling pin]",
            "[Push|Move] the rolling pin [over the dough|over it|back and forth]",
            "Make [it|the dough] [thin|flat] with a rolling pin",
            "Use a rolling pin to [flatten|roll out] the dough",
            scene=_roll,
            weight=4,
        ),
        step(
            "stamp",
            "[Cut|Stamp|Press] out the [shapes|biscuits|cookies]",
            "[Push|Press] the cutter into [it|the dough]",
            "[Cut|Stamp] [shapes|biscuits|cookies] out of the dough",
            "Use the cutter to [cut|stamp|press] out the shapes",
            "Make [shapes|biscuits|cookies] with the cutter",
            scene=_stamp,
            weight=5,
        ),
        step(
            "tray",
            "[Move|Arrange] them on a [tray|baking tray]",
            "[Lay|Put|Place] them on a [tray|baking tray]",
            "[Lay|Put|Place|Arrange] them in rows on the tray",
            "Fill the tray [row by row|with them|in rows]",
            "Line them up [in rows|row by row] on [a|the] [tray|baking tray]",
            "Leave [some|a little] space between them on the tray",
            "Move them to [a|the] tray and leave some space",
            scene=_tray,
            extra=True,
        ),
        step(
            "bake",
            "Let the [oven|hot oven] do its work",
            "Let them bake [in the oven|until golden|until crisp]",
            "[Bake|Put|Set] them in the [oven|hot oven]",
            "Bake [|them ]until [golden|crisp]",
            "[Slide|Put|Push] the tray into the [oven|hot oven]",
            "Close the oven and let [it do its work|them bake]",
            scene=_bake,
            weight=5.5,
        ),
        wait("cool", _cooling, hour=2),
        step(
            "ice",
            "[Ice|Decorate] them [neatly|one by one|with a piping bag]",
            "[Squeeze|Spread|Pipe] the icing on[| neatly| one by one]",
            "[Cover|Coat] them with [icing|a layer of icing]",
            "[Squeeze|Press] the icing out of the [bag|piping bag]",
            "Give [them|each one] a [coat|layer] of icing",
            scene=_ice,
            weight=4.5,
        ),
        step(
            "serve",
            "[Serve|Eat|Share] them [with friends|on a plate]",
            "[Serve|Eat|Enjoy] them with [tea|your family|your friends]",
            "[Pile|Heap] them on a [plate|big plate]",
            "Your [biscuits|cookies] are ready to [eat|serve|share]",
            "Offer [them|a plate of them] to your [friends|family]",
            scene=_plate,
            weight=9,
        ),
    ),
)
