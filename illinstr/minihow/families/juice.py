"""Juice: wash, cut, blend, pour. The goal names the fruit; the steps never do."""

from __future__ import annotations

from illinstr.minihow.families.base import Family, Item, Look, clean_hands, gather, pour, put, step, wait
from illinstr.minihow.families.fruit import fruit, halved, into_blender, washed
from illinstr.minihow.produce import PRODUCE


def _juice(name: str) -> str:
    return PRODUCE[name][3]


def _water(k: Look) -> list[Item]:
    return [
        put("blender", 36, 93, 0.92, colour=k.main, pieces=k["fruit"], fill="water", level=0.5),
        *pour(k, "jug", (34, 28), 52, "water", colour=k.second, fill="water"),
    ]


def _blend(k: Look) -> list[Item]:
    return [
        put("motion", 46, 50, 1.1, gap=23),
        put("blender", 46, 93, 1.02, colour=k.main, fill=_juice(k["fruit"]), level=0.72, running=True, lid=True),
        k.hand("point", 52, 83, 8, size=1.15),
    ]


def _strain(k: Look) -> list[Item]:
    colour = _juice(k["fruit"])
    return [
        put("bowl", 46, 92, 1.3, colour=k.second, fill=colour),
        put("stream", 46, 50, 1.0, colour=colour, length=14),
        put("juicer", 46, 40, 1.3, fill=colour),
        k.hand("fist", 88, 34, 10, size=1.15),
    ]


def _pour(k: Look) -> list[Item]:
    colour = _juice(k["fruit"])
    return [
        put("glass", 32, 92, 1.25, fill=colour, level=0.55),
        *pour(k, "jug", (31, 32), 63, colour, 0.95, colour=k.second, fill=colour),
    ]


def _serve(k: Look) -> list[Item]:
    ice = {"ice": 3} if k["style"] == "with ice" else {}
    return [
        fruit(k["fruit"], 22, 90, 0.85),
        put("glass", 54, 92, 1.5, fill=_juice(k["fruit"]), level=0.85, straw=k.main, **ice),
        k.hand("wrap", 61, 66, 12, size=1.25),
    ]


def _juice_things(k: Look) -> list[Item]:
    return [
        put("blender", 68, 86, 0.9, colour=k.main),
        fruit(k["fruit"], 26, 84, 0.95),
        fruit(k["fruit"], 38, 92, 0.95),
    ]


def _cool_juice(k: Look) -> list[Item]:
    return [put("jug", 42, 92, 1.5, colour=k.second, fill=_juice(k["fruit"]), shadow=True)]


FAMILY = Family(
    name="juice",
    title="fruit juice",
    nouns="juice",
    verbs="squeeze press extract",
    category="kitchen",
    attributes={
        "fruit": (
            "apple",
            "orange",
            "pear",
            "peach",
            "mango",
            "strawberry",
            "grapefruit",
            "carrot",
            "tomato",
            "plum",
            "kiwi",
            "melon",
        ),
        "style": ("", "with ice"),
    },
    phrases=(
        "make {fruit} juice {style}",
        "prepare {fruit} juice {style}",
        "make fresh {fruit} juice {style}",
        "make your own {fruit} juice {style}",
    ),
    steps=(
        gather(_juice_things),
        clean_hands(),
        step(
            "wash",
            "[Wash|Rinse] it [under the tap|under running water|in cold water|well]",
            "[Give it|Start with] a [good|quick] rinse",
            "Clean the skin with [water|running water|cold water]",
            "[Hold|Turn] it under [the tap|running water]",
            "[Rub|Rinse] it clean under the tap",
            "Let [cold|running] water rinse it",
            scene=washed,
            weight=3,
        ),
        step(
            "cut",
            "[Cut|Slice] it [in half|into pieces|on a board|in two]",
            "[Chop|Cut] it [up|into pieces] with a [knife|sharp knife]",
            "Halve it with a [sharp knife|knife]",
            "Use a [knife|sharp knife] to [halve it|chop it up]",
            "Lay it on the board and [slice|chop|halve] it",
            "[Divide|Split] it in two [with a knife|on the board]",
            scene=halved,
            weight=5,
        ),
        step(
            "load",
            "[Put|Drop|Place|Tip] [the pieces|all the pieces] [in the blender|into the blender jug]",
            "[Fill|Load] the [blender|blender jug] with [the pieces|all the pieces]",
            "Let the pieces [fall|drop] into the blender",
            "Add [the pieces|all the pieces] to the blender",
            scene=into_blender,
            weight=2,
        ),
        step(
            "water",
            "[Add|Pour in] [some|a little|a glass of|a splash of] [water|cold water]",
            "Top it up with [water|cold water|some water]",
            "Cover the pieces with [water|cold water]",
            "Thin it with [a little|a splash of|some] water",
            "Pour [some|a little] water over the pieces",
            scene=_water,
            weight=1.5,
        ),
        step(
            "blend",
            "[Blend|Mix|Whizz] [it|everything] until [smooth|no lumps are left]",
            "[Press the button|Switch on the blender|Start the blender] and [let it run|whizz everything]",
            "Let the blender run [at full speed|until no lumps are left]",
            "Run the blender [at full speed|until it is smooth]",
            "Close the lid and [press the button|blend|mix]",
            scene=_blend,
            weight=6,
        ),
        step(
            "strain",
            "[Strain|Sieve] it [into a bowl|to catch the pulp|through a fine mesh]",
            "Pour it through a [sieve|strainer|fine sieve]",
            "[Hold|Use] a [sieve|strainer] to catch the pulp",
            "Let it [drip|run] through a [sieve|strainer] into a bowl",
            "Catch the pulp in a [sieve|strainer|fine mesh]",
            "Hold a strainer over a bowl",
            "Remove the pulp with a [sieve|strainer]",
            scene=_strain,
            weight=1,
            extra=True,
        ),
        wait("chill", _cool_juice),
        step(
            "pour",
            "Pour it [in|into a glass|out|from the jug|into a clean glass]",
            "[Fill|Fill up] a [glass|clean glass] [with it|to the top|from the jug]",
            "Tip the jug [over a glass|to fill a glass]",
            "Empty the jug into [a|your] glass",
            "Let it flow from the jug into [a|your] glass",
            scene=_pour,
            weight=4,
            extra=True,
        ),
        step(
            "serve",
            "[Serve|Drink|Enjoy] it [cold|fresh|right away|with a straw]",
            "Take a [sip|big sip] and enjoy",
            "Your [drink|juice|fresh juice|glass] is ready",
            "Sip it [cold|slowly|through a straw]",
            "Drink it slowly through a straw",
            "Lift your glass and [drink|enjoy]",
            scene=_serve,
            weight=9,
        ),
    ),
)
