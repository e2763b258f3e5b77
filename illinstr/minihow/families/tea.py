"""Tea: the goal names the leaves and what goes in at the end."""

from __future__ import annotations

from illinstr.minihow.families.base import Family, Item, Look, clean_hands, gather, pour, put, step, wait

_BREW = {
    "green": ("#b9bf4e", "green"),
    "black": ("#8f4a1f", "charcoal"),
    "mint": ("#a8cf6b", "teal"),
    "lemon": ("#ecc94b", "yellow"),
    "berry": ("#c2405f", "purple"),
    "ginger": ("#dda348", "orange"),
    "rose": ("#e58a86", "pink"),
}


_TOP = {"": "", "with honey": "honey", "with milk": "milk"}


def _tea(k: Look) -> str:
    return _BREW[k["tea"]][0]


def _boil(k: Look) -> list[Item]:
    return [put("stove", 50, 92, 1.3), put("kettle", 52, 79, 1.35, colour=k.second), put("steam", 14, 30, 1.0, count=2)]


def _fill_kettle(k: Look) -> list[Item]:
    return [
        put("tap", 40, 27, 1.0, length=17),
        put("kettle", 44, 92, 1.3, colour=k.second, shadow=True),
        k.hand("fist", 60, 55, 14, size=1.1),
    ]


def _cup(k: Look) -> list[Item]:
    return [put("mug", 42, 91, 1.75, colour=k.main), k.hand("wrap", 58, 68, 8, size=1.2)]


def _bag_in(k: Look) -> list[Item]:
    return [
        put("mug", 40, 92, 1.55, colour=k.main),
        put("teabag", 42, 24, 1.4, colour=_BREW[k["tea"]][1]),
        k.hand("pinch", 43, 13, 20, size=1.2),
    ]


def _pour_water(k: Look) -> list[Item]:
    return [
        put("mug", 28, 93, 1.35, colour=k.main, fill="water", bag=_BREW[k["tea"]][1]),
        *pour(k, "kettle", (25, 28), 50, "water", 1.0, colour=k.second),
    ]


def _steep(k: Look) -> list[Item]:
    return [put("mug", 42, 92, 1.6, colour=k.main, fill=_tea(k), bag=_BREW[k["tea"]][1]), put("steam", 40, 32, 1.1)]


def _bag_out(k: Look) -> list[Item]:
    return [
        put("mug", 38, 92, 1.55, colour=k.main, fill=_tea(k)),
        put("drops", 44, 26, 0.6, colour=_tea(k), spread=2, length=16),
        put("teabag", 44, 22, 1.3, colour=_BREW[k["tea"]][1]),
        k.hand("pinch", 45, 10, 20, size=1.2),
    ]


def _finish_tea(k: Look) -> list[Item]:
    mug = put("mug", 38, 92, 1.55, colour=k.main, fill=_tea(k))
    if k["with"] == "with milk":
        return [mug, *pour(k, "jug", (34, 26), 44, "milk", 0.85, colour=k.second, fill="milk")]
    if k["with"] == "with honey":
        return [
            mug,
            put("stream", 37, 31, 1.0, colour="honey", length=13, width=3.4),
            put("bottle", 74, 24, 0.95, angle=-102, colour="honey", open=True),
            k.hand("wrap", 66, 22, 8, size=1.1),
        ]
    return [
        mug,
        put("swirl", 38, 42, 1.1),
        put("spoon", 41, 38, 0.9, colour="metal"),
        k.hand("pinch", 42, 10, 22, size=1.15),
    ]


def _drink_tea(k: Look) -> list[Item]:
    fill = {"with milk": "#d9a878"}.get(k["with"], _tea(k))
    return [
        put("mug", 42, 91, 1.75, colour=k.main, fill=fill),
        put("steam", 40, 30, 1.25),
        k.hand("wrap", 60, 67, 8, size=1.2),
    ]


def _tea_things(k: Look) -> list[Item]:
    return [
        put("kettle", 66, 86, 1.05, colour=k.second, shadow=True),
        put("mug", 26, 90, 1.05, colour=k.main),
        put("teabag", 52, 84, 1.0, colour=_BREW[k["tea"]][1]),
    ]


FAMILY = Family(
    name="tea",
    title="tea",
    nouns="tea",
    category="kitchen",
    attributes={"tea": tuple(_BREW), "with": tuple(_TOP)},
    phrases=(
        "make {tea} tea {with}",
        "brew {tea} tea {with}",
        "prepare a cup of {tea} tea {with}",
        "make a cup of {tea} tea {with}",
    ),
    steps=(
        gather(_tea_things),
        clean_hands(),
        step(
            "fill",
            "[Fill|Top up] the kettle [with water|at the tap|with fresh water|with cold water]",
            "[Run|Put] [fresh|cold] water into the kettle",
            "Hold the kettle under the [tap|cold tap]",
            "Let [the tap|fresh water|cold water] run into the kettle",
            "Turn on the tap to [fill|top up] the kettle",
            scene=_fill_kettle,
            weight=2,
        ),
        step(
            "boil",
            "[Boil|Heat] the [water|kettle] [on the stove|on the fire|until it steams]",
            "Bring the [water|kettle] to the boil [on the stove|]",
            "[Put|Set|Heat] the kettle on the [stove|hot stove]",
            "Let the [water|kettle] [boil|steam] on the stove",
            "Get the water [boiling|steaming] hot",
            "Make the [water|kettle] boiling hot",
            scene=_boil,
            weight=5,
        ),
        step(
            "cup",
            "[Take|Get|Choose] a [clean cup|mug you like|mug|clean mug]",
            "[Set|Put|Place] [a cup|a mug|an empty mug] on the table",
            "Bring a [clean cup|mug] to the table",
            "Pick out a [cup|mug] you like",
            "Get an empty cup",
            scene=_cup,
            extra=True,
        ),
        step(
            "bag",
            "[Put|Drop|Hang] the bag [in|into the cup|in the cup|in the empty cup]",
            "[Lower|Slip] the bag into the [cup|empty cup|mug]",
            "Let the bag hang in the [empty cup|mug]",
            "Let the bag drop into the [cup|mug]",
            "Hold the bag by its string over the [empty cup|mug]",
            "Lower the bag by its string",
            "Place [the|one] bag in the [cup|mug]",
            scene=_bag_in,
            weight=4,
        ),
        step(
            "pour",
            "Pour [the hot water|the water] [in|over it|into the cup|over the bag]",
            "Pour it in",
            "Fill the [cup|mug] [from the kettle|with hot water|with water from the kettle]",
            "[Tilt|Tip] the kettle and pour",
            "Tilt the kettle over the [cup|mug]",
            "Cover the bag with [hot water|water from the kettle]",
            "Let the hot water [run|flow] [over the bag|into the cup]",
            scene=_pour_water,
            weight=6,
        ),
        wait("steep", _steep, hour=4),
        step(
            "out",
            "[Take|Lift|Pull] [the bag|it] out [again|of the cup]",
            "Remove [the bag|the wet bag|it] [from the cup|again|]",
            "[Fish|Pull] the wet bag out",
            "Let the bag drip and [take it out|lift it out|remove it]",
            "Fish out the bag [again|]",
            scene=_bag_out,
            extra=True,
            weight=2,
        ),
        step(
            "finish",
            "[Finish|Flavour|Complete] it [the way you like|to your taste|as you please]",
            "[Add|Give it] [the last|a last|the finishing] touch",
            "Make it just the way you like it",
            "Adjust [it|the taste|the flavour] [the way you like|as you please]",
            "Complete the [taste|flavour] as you please",
            "Make the [taste|flavour] just right",
            scene=_finish_tea,
            weight=3,
        ),
        step(
            "drink",
            "[Drink|Enjoy|Serve] it [while it is hot|warm|slowly|in small sips]",
            "Your [cup|tea|mug|hot drink] is ready",
            "Take [a small sip|small sips] and [enjoy|relax]",
            "Sip it [while it is hot|slowly]",
            "Sit back and [enjoy|sip|drink] it",
            "Relax and enjoy your [cup|tea|mug]",
            scene=_drink_tea,
            weight=9,
        ),
    ),
)
