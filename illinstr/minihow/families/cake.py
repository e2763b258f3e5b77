"""A round cake with icing and a topping."""

from __future__ import annotations

from illinstr.minihow.families.base import Family, Item, Look, clean_hands, gather, put, step, wait
from illinstr.minihow.palette import BATTERS


def _cake(k: Look, x: float = 46, y: float = 92, size: float = 1.2, **keys: object) -> Item:
    return put("sweet-cake", x, y, size, flavour=k["flavour"], colour=k.second, **keys)


def _cake_things(k: Look) -> list[Item]:
    return [
        put("bag", 26, 82, 1.0, colour=k.second, mark="dough"),
        put("tin", 68, 80, 0.85),
        put("egg", 30, 94, 1.0),
        put("egg", 46, 95, 1.0),
    ]


def _eggs(k: Look) -> list[Item]:
    return [
        put("bowl", 46, 92, 1.35, colour=k.main),
        put("egg", 46, 40, 1.35, broken=True),
        k.hand("pinch", 65, 22, 16, size=1.1),
        k.hand("pinch", 27, 22, 16, flip=True, size=1.1),
    ]


def _flour(k: Look) -> list[Item]:
    return [
        put("bowl", 42, 93, 1.35, colour=k.main, fill="cream", heap=True),
        put("drops", 42, 22, 1.4, colour="cream", shape="grain", spread=6, length=14),
        put("bag", 70, 22, 0.9, angle=-104, colour=k.second, mark="dough"),
        k.hand("wrap", 74, 18, 8, size=1.1),
    ]


def _stir(k: Look) -> list[Item]:
    return [
        put("bowl", 46, 92, 1.4, colour=k.main, fill=BATTERS[k["flavour"]]),
        put("whisk", 48, 54, 1.2, angle=8),
        k.hand("fist", 54, 12, 8, size=1.15),
    ]


def _into_tin(k: Look) -> list[Item]:
    colour = BATTERS[k["flavour"]]
    return [
        put("tin", 36, 94, 1.2, fill=colour),
        put("stream", 38, 36, 1.0, colour=colour, length=26, width=8),
        put("bowl", 66, 44, 0.95, angle=-64, colour=k.main, fill=colour, shadow=False),
        k.hand("flat", 78, 30, 12, size=1.1),
    ]


def _bake(k: Look) -> list[Item]:
    return [
        put("oven", 48, 95, 1.32, colour=k.main),
        put("tin", 48, 79, 0.72, fill=BATTERS[k["flavour"]], baked=True),
    ]


def _cool(k: Look) -> list[Item]:
    return [put("tin", 40, 92, 1.3, fill=BATTERS[k["flavour"]], baked=True), put("steam", 40, 32, 1.1)]


def _turn_out(k: Look) -> list[Item]:
    return [_cake(k), k.hand("flat", 76, 62, 14, size=1.15), k.hand("flat", 16, 62, 14, flip=True, size=1.1)]


def _mix_icing(k: Look) -> list[Item]:
    return [
        put("bowl", 46, 92, 1.35, colour=k.main, fill=k["icing"]),
        put("spoon", 48, 56, 1.25, angle=12),
        k.hand("fist", 57, 16, 8, size=1.15),
    ]


def _ice(k: Look) -> list[Item]:
    return [
        _cake(k, 42, icing=k["icing"]),
        put("palette-knife", 46, 44, 1.0, angle=-14, load=k["icing"]),
        k.hand("fist", 90, 33, 8, size=1.1),
    ]


def _top(k: Look) -> list[Item]:
    return [
        _cake(k, 42, icing=k["icing"], topping=k["topping"]),
        put("topping", 64, 34, 1.5, topping=k["topping"]),
        k.hand("pinch", 71, 27, 12, size=1.1),
    ]


def _slice(k: Look) -> list[Item]:
    return [
        _cake(k, 42, icing=k["icing"], topping=k["topping"], cut=True),
        put("knife", 86, 54, 1.1, angle=-14, colour="charcoal"),
        k.hand("fist", 93, 52, 4, size=1.05),
    ]


def _serve(k: Look) -> list[Item]:
    return [
        _cake(k, 50, 93, 1.25, icing=k["icing"], topping=k["topping"]),
        put("sparkles", 50, 40, 1.15, spread=36),
    ]


FAMILY = Family(
    name="cake",
    category="kitchen",
    attributes={
        "flavour": tuple(BATTERS),
        "icing": ("red", "blue", "yellow", "green", "purple", "white", "orange", "teal"),
        "topping": ("strawberries", "cherries", "blueberries", "candles", "stars", "hearts"),
    },
    phrases=(
        "bake a {flavour} cake with {icing} icing and {topping}",
        "make a {flavour} cake with {icing} icing and {topping}",
        "make a {flavour} cake topped with {icing} icing and {topping}",
        "prepare a {flavour} cake with {icing} icing and {topping}",
    ),
    steps=(
        gather(_cake_things),
        clean_hands(),
        step(
            "eggs",
            "[Crack|Break] [the eggs|a few eggs|four eggs] [over a bowl|open]",
            "Let the eggs slide into a bowl",
            scene=_eggs,
            weight=2.5,
        ),
        step(
            "flour",
            "[Add|Tip in|Shake in] the [flour|flour and sugar]",
            "Let the flour fall on top",
            scene=_flour,
            weight=2,
        ),
        step(
            "stir",
            "[Beat|Whisk|Stir] the batter [well|until creamy]",
            "Make a smooth batter",
            scene=_stir,
            weight=4.5,
        ),
        step(
            "tin",
            "[Pour|Scrape|Spoon] the batter [into a tin|into the greased tin]",
            "Fill the baking tin",
            scene=_into_tin,
            weight=3.5,
        ),
        step(
            "bake",
            "[Bake|Leave] it [in the oven|in the hot oven|for forty minutes]",
            "Let the oven do its work",
            scene=_bake,
            weight=5,
        ),
        wait("cool", _cool, hour=2),
        step(
            "turn",
            "[Turn|Take|Tip] it [out of the tin|out onto a plate]",
            "Free it from its tin",
            scene=_turn_out,
            weight=2,
        ),
        step(
            "mix",
            "[Stir|Mix] the [icing|glaze] [in a bowl|until thick]",
            "Make the icing meanwhile",
            scene=_mix_icing,
            extra=True,
        ),
        step(
            "ice",
            "[Spread|Brush|Pour] the icing [over it|all over the top]",
            "Let the icing run down the sides",
            scene=_ice,
            weight=6,
        ),
        step(
            "top",
            "[Set|Arrange|Put] [them|your decoration] on top",
            "Decorate the [top|icing]",
            scene=_top,
            weight=4,
        ),
        step(
            "slice",
            "[Cut|Slice] the first piece [out|for a guest]",
            "Cut it at the table",
            "Cut a first piece",
            scene=_slice,
            extra=True,
        ),
        step(
            "serve",
            "[Celebrate|Surprise someone] with it",
            "[Bring|Carry] it to the [party|table]",
            "Share it with your guests",
            scene=_serve,
            weight=9,
        ),
    ),
)
