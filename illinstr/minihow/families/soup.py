"""Soups."""

from __future__ import annotations

from illinstr.minihow.families.base import Family, Item, Look, clean_hands, gather, pour, put, step, wait
from illinstr.minihow.produce import PRODUCE

_SOUPS = ("tomato", "carrot", "pumpkin", "pea", "potato", "beet", "onion")


def _veg(k: Look, x: float, y: float, size: float, state: str = "whole", **keys: object) -> Item:
    return put("produce", x, y, size, produce=k["vegetable"], state=state, **keys)


def _soup(k: Look) -> str:
    return PRODUCE[k["vegetable"]][3]


def _garnish(k: Look) -> str:
    return {"with herbs": "leaf", "with croutons": "baked"}.get(k["with"], "")


def _rinse(k: Look) -> list[Item]:
    return [_veg(k, 50, 88, 1.45), put("tap", 50, 30, 1.1, length=28), k.hand("wrap", 72, 76, 10, size=1.25)]


def _chop(k: Look) -> list[Item]:
    return [
        put("board", 50, 90, 1.2),
        _veg(k, 32, 86, 1.2, "pieces", shadow=False),
        _veg(k, 63, 86, 0.9, "half", shadow=False),
        put("knife", 66, 46, 1.25, angle=-14),
        k.hand("fist", 75, 43, 4, size=1.15),
    ]


def _into_pot(k: Look) -> list[Item]:
    return [
        put("pot", 42, 93, 1.3, colour=k.main),
        _veg(k, 42, 32, 0.85, "pieces", shadow=False),
        k.hand("pinch", 52, 18, 16, size=1.2),
    ]


def _stock(k: Look) -> list[Item]:
    return [
        put("pot", 40, 93, 1.25, colour=k.main, fill="water", bits=PRODUCE[k["vegetable"]][1]),
        *pour(k, "jug", (32, 30), 52, "water", 0.95, colour=k.second, fill="water"),
    ]


def _simmer(k: Look) -> list[Item]:
    return [
        put("stove", 50, 94, 1.25),
        put("pot", 50, 82, 1.15, colour=k.main, lid=True, shadow=False),
        put("steam", 78, 34, 0.9, count=2),
    ]


def _mash(k: Look) -> list[Item]:
    return [
        put("pot", 42, 93, 1.3, colour=k.main, fill=_soup(k)),
        put("swirl", 42, 50, 1.3),
        put("spoon", 46, 48, 1.15),
        k.hand("fist", 48, 15, 8, size=1.1),
    ]


def _taste(k: Look) -> list[Item]:
    return [
        put("pot", 42, 93, 1.3, colour=k.main, fill=_soup(k)),
        put("drops", 42, 20, 1.2, colour="white", shape="grain", spread=6, length=20),
        k.hand("pinch", 45, 16, 10, size=1.25),
    ]


def _resting(k: Look) -> list[Item]:
    return [put("pot", 42, 92, 1.2, colour=k.main, fill=_soup(k)), put("steam", 36, 38, 1.0)]


def _ladle(k: Look) -> list[Item]:
    return [
        put("bowl", 40, 92, 1.3, colour=k.second, fill=_soup(k)),
        put("stream", 40, 36, 1.0, colour=_soup(k), length=20),
        put("spoon", 43, 32, 1.6, length=20, angle=60, colour="metal", heap=_soup(k)),
        k.hand("fist", 82, 12, 8, size=1.1),
    ]


def _soup_done(k: Look) -> list[Item]:
    bits = {"bits": _garnish(k)} if k["with"] else {}
    return [put("bowl", 50, 92, 1.55, colour=k.second, fill=_soup(k), **bits), put("steam", 50, 40, 1.3)]


def _soup_things(k: Look) -> list[Item]:
    return [put("pot", 68, 84, 0.9, colour=k.main), _veg(k, 24, 88, 0.85), _veg(k, 40, 95, 0.85)]


FAMILY = Family(
    name="soup",
    title="soup",
    nouns="soup",
    category="kitchen",
    attributes={"vegetable": _SOUPS, "with": ("", "with herbs", "with croutons")},
    phrases=(
        "make {vegetable} soup {with}",
        "cook {vegetable} soup {with}",
        "prepare {vegetable} soup {with}",
        "make a bowl of {vegetable} soup {with}",
    ),
    steps=(
        gather(_soup_things),
        clean_hands(),
        step(
            "rinse",
            "[Wash|Rinse] [it|everything] [under the tap|under running water|well]",
            "Clean [the skin|it] [with water|under the tap|under running water]",
            "[Hold|Turn] it [under the tap|under running water]",
            "[Wash|Scrub] the skin [clean|well|with water]",
            scene=_rinse,
            weight=3,
        ),
        step(
            "chop",
            "[Chop|Dice|Cut] it [small|into pieces|on a board|with a knife|into small pieces]",
            "Make [small|little|even] pieces [with a knife|on a board]",
            "Slice it [into pieces|with a knife|on a board]",
            "Take a knife and [chop|cut|dice] it",
            scene=_chop,
            weight=5,
        ),
        step(
            "pot",
            "[Put|Drop|Place|Tip] the pieces [in the pot|into a pot|into the pot]",
            "[Fill|Load] the pot with [the pieces|what you have cut|all the pieces]",
            "Add [the pieces|what you have cut|all the pieces] to the pot",
            "Move [the pieces|what you have cut|all the pieces] to the pot",
            scene=_into_pot,
            weight=2,
        ),
        step(
            "stock",
            "Pour [water|stock] [in|over it|over the pieces|into the pot]",
            "Pour it in",
            "Cover the pieces with [water|stock]",
            "[Fill|Top up] the pot with [water|stock]",
            "Add [enough|some|the] [water|stock]",
            scene=_stock,
            weight=3.5,
        ),
        step(
            "simmer",
            "[Simmer|Cook|Boil] it [with the lid on|until soft|under a lid|on the stove]",
            "Put [on the lid|the lid on] and let it [bubble|simmer|cook]",
            "Let it [bubble|simmer|boil|cook] [under the lid|on the stove|until soft]",
            scene=_simmer,
            weight=5,
        ),
        step(
            "mash",
            "[Mash|Stir|Mix] it [until smooth|well|with a spoon]",
            "Keep [stirring|mashing|mixing] until it is [thick|smooth]",
            "[Mash|Crush] the soft pieces [until smooth|with a spoon|well]",
            "[Turn|Move] the spoon [round and round|in circles|slowly]",
            scene=_mash,
            weight=3,
        ),
        step(
            "season",
            "[Taste|Try] it and [add salt|season it|salt it]",
            "[Season|Salt] it [to taste|a little|lightly]",
            "[Add|Sprinkle in|Drop in] [a pinch of|a little|some] salt",
            "Season it with [salt|a pinch of salt|a little salt]",
            scene=_taste,
            extra=True,
        ),
        wait("rest", _resting, hour=2),
        step(
            "ladle",
            "[Share|Dish] it out",
            "[Share|Dish] it out with a [ladle|big spoon]",
            "[Ladle|Spoon|Scoop] it into [a|each|your] bowl",
            "[Fill|Fill up] [a|each|your] bowl",
            scene=_ladle,
            weight=2,
            extra=True,
        ),
        step(
            "serve",
            "[Serve|Eat|Enjoy] it [hot|while it steams|with a spoon]",
            "[Bring|Carry] it to [the table|your guests]",
            "[Bring|Carry] it to the table [hot|while it steams]",
            "Sit down and [enjoy|eat] [it|it hot|it with a spoon]",
            scene=_soup_done,
            weight=9,
        ),
    ),
)
