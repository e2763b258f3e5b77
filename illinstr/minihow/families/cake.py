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
    title="cakes",
    nouns="cake",
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
            "Let [the eggs|a few eggs|four eggs] [slide|drop] into a bowl",
            "Tap [the eggs|a few eggs|four eggs] on the rim of a bowl",
            "[Start|Begin] with [the eggs|a few eggs|four eggs]",
            scene=_eggs,
            weight=2.5,
        ),
        step(
            "flour",
            "[Add|Tip in|Shake in|Sprinkle in|Pour in] the [flour|flour and sugar]",
            "Let the [flour|flour and sugar] fall [on top|on top of the eggs|into the bowl]",
            "[Empty|Tip|Shake] the [flour|flour and sugar] into the bowl",
            "[Shake|Tip|Pour] the flour out of the bag",
            scene=_flour,
            weight=2,
        ),
        step(
            "stir",
            "[Beat|Whisk|Stir] the batter [well|until creamy|until smooth|until the lumps are gone]",
            "Make a [smooth|creamy] batter",
            "Make a [smooth|creamy] batter with the whisk",
            "[Beat|Whisk|Stir|Work] everything into a [smooth|creamy] batter",
            scene=_stir,
            weight=4.5,
        ),
        step(
            "tin",
            "[Pour|Scrape|Spoon|Tip] the batter into [a tin|the greased tin|the baking tin]",
            "Fill the [baking|greased] tin",
            "Fill the [baking|greased] tin with [batter|the batter]",
            "Let the batter [run|flow] into the [baking|greased] tin",
            "Empty the bowl into the [tin|baking tin|greased tin]",
            scene=_into_tin,
            weight=3.5,
        ),
        step(
            "bake",
            "[Bake|Leave] it [in the oven|in the hot oven|for forty minutes]",
            "[Bake|Leave|Keep] it in the [oven|hot oven] for forty minutes",
            "[Put|Slide] it into the [oven|hot oven]",
            "Let the [oven|hot oven] do [its work|the rest]",
            "Let it [bake|rise] in the [oven|hot oven]",
            scene=_bake,
            weight=5,
        ),
        wait("cool", _cool, hour=2),
        step(
            "turn",
            "[Turn|Take|Tip|Ease|Lift] it [out of the tin|out of its tin|out onto a plate]",
            "[Free|Loosen|Release] it from [its|the] tin",
            "Let it [slide|slip] out of [its|the] tin",
            "[Turn|Take|Lift] it out of the tin with both hands",
            scene=_turn_out,
            weight=2,
        ),
        step(
            "mix",
            "[Stir|Mix|Beat] the [icing|glaze] [in a bowl|until thick|with a spoon]",
            "Make the [icing|glaze] [meanwhile|in a bowl]",
            "Prepare a thick [icing|glaze] [meanwhile|in a bowl]",
            "Work the [icing|glaze] smooth [in a bowl|with a spoon]",
            scene=_mix_icing,
            extra=True,
        ),
        step(
            "ice",
            "[Spread|Brush|Pour|Smooth] the icing [over it|all over the top|down the sides]",
            "Let the icing [run|flow] [down the sides|over the top]",
            "[Cover|Coat] [it|the top and sides] with icing",
            "Give it a [smooth|thick] coat of icing",
            "Use a flat knife to [spread|smooth] the icing",
            scene=_ice,
            weight=6,
        ),
        step(
            "top",
            "[Set|Arrange|Put|Place] [them|your decoration] on [top|the icing]",
            "Decorate the [top|icing]",
            "Decorate the [top|icing] with them",
            "Press them [gently|lightly] into the icing",
            "Make the [top|icing] look [pretty|festive]",
            scene=_top,
            weight=4,
        ),
        step(
            "slice",
            "[Cut|Slice] [the|a] first piece [out|for a guest|with a knife]",
            "Cut a [first|big] piece",
            "[Cut|Slice] it [at the table|into pieces|with a knife]",
            "Take a knife and [cut|slice] [it|the first piece]",
            "Let the knife [slide|glide] through it",
            scene=_slice,
            extra=True,
        ),
        step(
            "serve",
            "[Celebrate|Surprise someone|Surprise your guests] with it",
            "[Bring|Carry|Take] it to the [party|table]",
            "[Share|Enjoy] it with your [guests|friends|family]",
            "[Show|Present|Serve] it to your [guests|friends]",
            "Serve it at the [party|table]",
            scene=_serve,
            weight=9,
        ),
    ),
)
