"""Omelettes."""

from __future__ import annotations

from illinstr.minihow.families.base import Family, Item, Look, clean_hands, gather, put, step

_FILL = {
    "cheese": ("cheese", "#f7c64a"),
    "mushroom": ("#c9a888", "#f6cf63"),
    "tomato": ("#e0412f", "#f8c95a"),
    "ham": ("ham", "#f8d069"),
    "herb": ("leaf", "#f5d464"),
    "pea": ("#7fc355", "#f7d26a"),
    "onion": ("#c58ac0", "#f6cd62"),
    "olive": ("#5b5a3c", "#f5cc60"),
}


def _pan(k: Look, x: float = 38, y: float = 90, size: float = 1.12, **keys: object) -> Item:
    return put("pan", x, y, size, **keys)


def _crack(k: Look) -> list[Item]:
    return [
        put("bowl", 46, 92, 1.3, colour=k.main, fill="egg"),
        put("egg", 46, 36, 1.25, broken=True),
        k.hand("pinch", 64, 22, 20, size=1.05),
        k.hand("pinch", 28, 22, 20, flip=True, size=1.05),
    ]


def _beat(k: Look) -> list[Item]:
    return [
        put("bowl", 42, 92, 1.35, colour=k.main, fill="yolk"),
        put("swirl", 40, 57, 1.4),
        put("whisk", 46, 56, 1.15, angle=10, colour=k.second),
        k.hand("fist", 52, 18, 10, size=1.1),
    ]


def _salt(k: Look) -> list[Item]:
    return [
        put("bowl", 42, 92, 1.35, colour=k.main, fill="yolk"),
        put("drops", 42, 24, 1.2, colour="white", shape="grain", spread=6, length=20),
        k.hand("pinch", 45, 20, 10, size=1.25),
    ]


def _butter(k: Look) -> list[Item]:
    return [
        put("stove", 42, 97, 1.05),
        _pan(k, 38, 86, butter=True, shadow=False),
        k.hand("fist", 92, 74, 12, size=1.05),
    ]


def _tip_in(k: Look) -> list[Item]:
    return [
        _pan(k, 36, 92, mix=_FILL[k["filling"]][1]),
        put("stream", 34, 44, 1.0, colour=_FILL[k["filling"]][1], length=36),
        put("bowl", 62, 44, 0.85, angle=-62, colour=k.main, fill=_FILL[k["filling"]][1], shadow=False),
        k.hand("wrap", 74, 32, 10, size=1.05),
    ]


def _scatter(k: Look) -> list[Item]:
    bits, mix = _FILL[k["filling"]]
    return [
        _pan(k, 38, 91, mix=mix, bits=bits),
        put("drops", 38, 40, 1.3, colour=bits, shape="grain", spread=9, length=22),
        k.hand("pinch", 42, 34, 12, size=1.25),
    ]


def _sizzle(k: Look) -> list[Item]:
    bits, mix = _FILL[k["filling"]]
    return [put("stove", 42, 97, 1.05), _pan(k, 38, 86, mix=mix, bits=bits, shadow=False), put("steam", 38, 54, 1.1)]


def _turn(k: Look) -> list[Item]:
    return [
        _pan(k, 38, 91, folded=_FILL[k["filling"]][1]),
        put("turner", 50, 72, 1.2, angle=58),
        k.hand("fist", 88, 46, 6, size=1.1),
    ]


def _dish(k: Look) -> list[Item]:
    bits, mix = _FILL[k["filling"]]
    return [
        put("plate", 50, 92, 1.25, colour=k.main),
        put("omelette", 50, 84, 1.6 if k["size"] else 1.1, colour=mix, bits=bits),
        put("steam", 50, 48, 1.2),
    ]


def _egg_things(k: Look) -> list[Item]:
    eggs = [put("egg", x, y, 1.15) for x, y in ((28, 84), (48, 86), (16, 94), (37, 95))[-4 if k["size"] else -2 :]]
    return [put("bowl", 74, 84, 0.9, colour=k.main), *eggs]


FAMILY = Family(
    name="omelette",
    title="omelettes",
    nouns="omelette omelet",
    category="kitchen",
    attributes={"filling": tuple(_FILL), "size": ("", "big")},
    phrases=(
        "make a {size} {filling} omelette",
        "cook a {size} {filling} omelette",
        "fry a {size} {filling} omelette",
        "prepare a {size} {filling} omelette",
    ),
    steps=(
        gather(_egg_things),
        clean_hands(),
        step(
            "crack",
            "[Crack|Break] the eggs [into a bowl|open|over a bowl|one by one]",
            "[Crack|Break|Tap|Knock] [them|the eggs] on the rim",
            "[Split|Open] the [eggs|shells] over a bowl",
            "[Take|Get] [the eggs|them] out of their shells",
            scene=_crack,
            weight=5,
        ),
        step(
            "beat",
            "[Beat|Whisk|Mix|Stir] them [well|until foamy|with a fork or whisk]",
            "[Whisk|Beat] until [even|smooth|foamy]",
            "Whip [them|the eggs] [well|until foamy|until smooth]",
            scene=_beat,
            weight=4,
        ),
        step(
            "salt",
            "[Salt|Season] it [lightly|a little|to taste]",
            "[Add|Sprinkle in|Drop in] [a pinch of|a little|some] salt",
            "Season [to taste|with salt|with a pinch of salt|lightly with salt]",
            "Put [a pinch of|a little|some] salt [in|into the bowl]",
            scene=_salt,
            extra=True,
        ),
        step(
            "butter",
            "[Melt|Heat|Warm] [some|a little] butter [in the pan|slowly]",
            "[Grease|Warm up|Coat] the pan with [butter|a little butter]",
            "Let [some|a little|the] butter melt [in the pan|slowly]",
            "Put [some|a little] butter in the [pan|hot pan]",
            scene=_butter,
            weight=3.5,
        ),
        step(
            "pour",
            "Pour [it|the mix|the eggs] in",
            "[Pour|Tip] [it|the mix|the eggs|everything] into the pan",
            "Empty the bowl [into the pan|over the pan|into the hot pan]",
            "Let [it|the mix|the eggs] [run|flow] into the [pan|hot pan]",
            "Fill the pan with [the mix|the eggs|what is in the bowl]",
            scene=_tip_in,
            weight=4.5,
        ),
        step(
            "scatter",
            "[Scatter|Sprinkle|Spread|Put|Drop] the filling [over it|on top|over the eggs]",
            "[Cover|Top] [it|the eggs] with the filling",
            "Add the filling [bit by bit|evenly|on top]",
            scene=_scatter,
            weight=3,
        ),
        step(
            "cook",
            "[Cook|Fry] it [slowly|until set|on a low flame|until the edges are firm]",
            "Let it set",
            "Let it [set|sizzle|cook|firm up] [slowly|on a low flame]",
            "Keep [it|the pan] on [a low flame|the stove] until set",
            "Wait until [it is set|it is firm|the edges are firm]",
            scene=_sizzle,
            weight=2,
        ),
        step(
            "fold",
            "[Fold|Turn] it [over|in half] [with a turner|carefully]",
            "[Flip|Fold|Lay|Turn] one [side|half] over the other",
            "[Double|Flip] it over [with a turner|carefully]",
            "Lift one [side|half] [with a turner|and fold it over]",
            scene=_turn,
            weight=5,
        ),
        step(
            "serve",
            "[Serve|Eat|Enjoy] it [hot|on a plate|right away|while it is hot]",
            "[Slide|Slip|Lift|Move] it onto [a|your] plate",
            "[Bring|Take] it to the table [hot|right away|on a plate]",
            scene=_dish,
            weight=9,
        ),
    ),
)
