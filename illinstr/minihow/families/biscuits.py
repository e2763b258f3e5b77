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
            "[Measure|Sift] the flour",
            scene=_flour,
            weight=4,
        ),
        step(
            "egg",
            "[Drop in|Open] an egg",
            "[Add|Crack in|Break in] an egg",
            "[Crack|Break] an egg into the bowl",
            scene=_egg_in,
            weight=3,
        ),
        step(
            "mix",
            "[Mix|Stir] it [well|with a spoon|until smooth]",
            "Keep stirring until it sticks",
            scene=_mix,
            weight=2,
        ),
        step(
            "knead",
            "[Squeeze|Push] it together",
            "[Knead|Press] it [with both hands|into a ball]",
            "Work the dough by hand",
            scene=_knead,
            weight=3.5,
        ),
        wait("chill", _cool, hour=6),
        step("roll", "[Roll|Flatten] it [out|with a rolling pin]", "Roll the dough [thin|flat]", scene=_roll, weight=4),
        step(
            "stamp",
            "[Cut|Stamp|Press] out the [shapes|biscuits]",
            "Push the cutter into the dough",
            scene=_stamp,
            weight=5,
        ),
        step(
            "tray",
            "[Move|Arrange] them on a tray",
            "[Lay|Put|Place] them on a tray",
            "Fill the tray [row by row|with them]",
            scene=_tray,
            extra=True,
        ),
        step(
            "bake",
            "Let the oven do its work",
            "[Bake|Put] them in the oven",
            "Bake until [golden|crisp]",
            "Slide the tray into the oven",
            scene=_bake,
            weight=5.5,
        ),
        wait("cool", _cooling, hour=2),
        step("ice", "[Ice|Decorate] them [neatly|one by one]", "[Squeeze|Spread] the icing on", scene=_ice, weight=4.5),
        step(
            "serve", "[Serve|Eat|Share] them [with friends|on a plate]", "Pile them on a plate", scene=_plate, weight=9
        ),
    ),
)
