"""Hot drinks, omelettes, soups, sandwiches."""

from __future__ import annotations

from illinstr.minihow.families.base import Family, Item, Look, Scene, clean_hands, gather, put, step, wait
from illinstr.minihow.things.fruit import PRODUCE

_POWDER = {
    "hot chocolate": ("cocoa", "#8a5536"),
    "coffee": ("coffee", "#5b3a26"),
    "chai": ("honey", "#c58a4e"),
    "matcha": ("leaf", "#9fb85a"),
}
_TOPPING = {"": "", "with cream": "cream", "with marshmallows": "marshmallows"}


def _mug(k: Look, x: float = 40, y: float = 92, size: float = 1.55, **keys: object) -> Item:
    return put("mug", x, y, size, colour=k.main, **keys)


def _hot(k: Look) -> str:
    return _POWDER[k["drink"]][1]


def _warm(k: Look) -> list[Item]:
    return [
        put("stove", 50, 93, 1.25),
        put("pot", 50, 81, 1.2, colour=k.second, fill="milk", shadow=False),
        put("steam", 50, 34, 1.1),
    ]


def _pour_milk(k: Look) -> list[Item]:
    return [put("pot", 38, 93, 1.25, colour=k.second, fill="milk"), put("stream", 38, 16, 1.0, colour="milk", length=30),
            put("carton", 78, 30, 0.95, angle=-68, colour="blue"), k.hand("wrap", 68, 27, 8, size=1.1)]  # fmt: skip


def _scoop(k: Look) -> list[Item]:
    return [
        _mug(k),
        put("spoon", 41, 32, 1.3, colour="metal", length=16, heap=_POWDER[k["drink"]][0], angle=40),
        k.hand("pinch", 58, 16, 10, size=1.15),
    ]


def _sugar(k: Look) -> list[Item]:
    return [
        _mug(k),
        put("drops", 41, 16, 1.1, colour="white", shape="grain", spread=5, length=22),
        k.hand("pinch", 44, 13, 10, size=1.2),
    ]


def _join(k: Look) -> list[Item]:
    return [put("stream", 29, 30, 1.0, colour="milk", length=24), _mug(k, 30, 93, 1.4, fill=_hot(k)), put("jug", 58, 46, 1.0, angle=-52, colour=k.second, fill="milk"),
            k.hand("fist", 72, 30, -4, size=1.1)]  # fmt: skip


def _stir(k: Look) -> list[Item]:
    return [
        _mug(k, fill=_hot(k)),
        put("swirl", 40, 42, 1.1),
        put("spoon", 43, 38, 1.0, colour="metal"),
        k.hand("pinch", 44, 10, 22, size=1.15),
    ]


def _top(k: Look) -> list[Item]:
    topping = _TOPPING[k["with"]]
    if topping == "cream":
        return [
            _mug(k, fill=_hot(k), topping="cream"),
            put("piping", 41, 26, 0.8, colour="white"),
            k.hand("wrap", 50, 10, 12, size=0.95),
        ]
    if topping:
        return [
            _mug(k, fill=_hot(k), topping=topping),
            put("marshmallow", 42, 22, 1.2),
            k.hand("pinch", 46, 18, 16, size=1.2),
        ]
    return [
        _mug(k, fill=_hot(k)),
        put("drops", 41, 16, 1.1, colour="cocoa", shape="grain", spread=5, length=20),
        k.hand("pinch", 44, 13, 14, size=1.2),
    ]


def _cosy(k: Look) -> list[Item]:
    topping = {"topping": _TOPPING[k["with"]]} if k["with"] else {}
    return [
        _mug(k, 42, 91, 1.75, fill=_hot(k), **topping),
        put("steam", 40, 29 if not topping else 20, 1.1),
        k.hand("wrap", 60, 67, 8, size=1.2),
    ]


def _cooling(k: Look) -> list[Item]:
    return [_mug(k, 42, 92, 1.6, fill=_hot(k)), put("steam", 36, 32, 1.0)]


def _hot_things(k: Look) -> list[Item]:
    return [
        put("carton", 24, 86, 1.05, colour="blue"),
        put("jar", 52, 86, 0.95, fill=_POWDER[k["drink"]][0], lid="wood"),
        _mug(k, 78, 92, 0.95),
    ]


HOT_DRINK = Family(
    name="hot-drink",
    attributes={"drink": tuple(_POWDER), "with": tuple(_TOPPING)},
    phrases=("make {drink} {with}", "prepare {drink} {with}", "make a mug of {drink} {with}", "stir up {drink} {with}"),
    steps=(
        gather(_hot_things),
        clean_hands(),
        step("milk", "[Fill|Half fill] a pot with milk", "[Pour|Tip] the milk [in a pot|into a pot]", "Put the milk in a pot", scene=_pour_milk, weight=3),
        step("warm", "[Warm|Heat] it [slowly|on the stove|but do not let it boil]", "Set it on the fire", scene=_warm, weight=5),
        step("scoop", "[Spoon|Measure] the powder [in|into the mug]", "Put [one|a big] spoonful in the mug", scene=_scoop, weight=4),
        step("sweet", "[Stir in|Pinch in] a little sugar", "[Sprinkle in|Add] some sugar", "Sweeten it [to taste|a little]", scene=_sugar, extra=True),
        step("pour", "[Add|Tip in] what you have warmed", "Pour it [in|over the powder|into the mug]", "Fill the mug [slowly|to the top]", scene=_join, weight=4.5),
        step("stir", "[Stir|Mix] it [well|with a spoon|until smooth]", "Keep stirring", scene=_stir, weight=2),
        wait("cool", _cooling, hour=1),
        step("top", "[Finish|Decorate] it [the way you like|as you please]", "Add the last touch", "[Put|Drop] something nice on top", scene=_top, weight=3.5),
        step("sip", "[Sip|Drink|Enjoy] it [while it is hot|slowly|in a cosy corner]", "Warm your hands on it", scene=_cosy, weight=9),
    ),
)  # fmt: skip

# name: (state of the filling, colour of its bits, colour of the omelette)
_FILL = {"cheese": ("cheese", "#f7c64a"), "mushroom": ("#c9a888", "#f6cf63"), "tomato": ("#e0412f", "#f8c95a"), "ham": ("ham", "#f8d069"),
         "herb": ("leaf", "#f5d464"), "pea": ("#7fc355", "#f7d26a"), "onion": ("#c58ac0", "#f6cd62"), "olive": ("#5b5a3c", "#f5cc60")}  # fmt: skip


def _pan(k: Look, x: float = 38, y: float = 90, size: float = 1.12, **keys: object) -> Item:
    return put("pan", x, y, size, **keys)


def _crack(k: Look) -> list[Item]:
    return [put("bowl", 46, 92, 1.3, colour=k.main, fill="egg"), put("egg", 46, 36, 1.25, broken=True), k.hand("pinch", 64, 22, 20, size=1.05),
            k.hand("pinch", 28, 22, 20, flip=True, size=1.05)]  # fmt: skip


def _beat(k: Look) -> list[Item]:
    return [put("bowl", 42, 92, 1.35, colour=k.main, fill="yolk"), put("swirl", 40, 57, 1.4), put("whisk", 46, 56, 1.15, angle=10, colour=k.second),
            k.hand("fist", 52, 18, 10, size=1.1)]  # fmt: skip


def _salt(k: Look) -> list[Item]:
    return [put("bowl", 42, 92, 1.35, colour=k.main, fill="yolk"), put("drops", 42, 24, 1.2, colour="white", shape="grain", spread=6, length=20),
            k.hand("pinch", 45, 20, 10, size=1.25)]  # fmt: skip


def _butter(k: Look) -> list[Item]:
    return [
        put("stove", 42, 97, 1.05),
        _pan(k, 38, 86, butter=True, shadow=False),
        k.hand("fist", 92, 74, 12, size=1.05),
    ]


def _tip_in(k: Look) -> list[Item]:
    return [_pan(k, 36, 92, mix=_FILL[k["filling"]][1]), put("stream", 34, 44, 1.0, colour=_FILL[k["filling"]][1], length=36),
            put("bowl", 62, 44, 0.85, angle=-62, colour=k.main, fill=_FILL[k["filling"]][1], shadow=False), k.hand("wrap", 74, 32, 10, size=1.05)]  # fmt: skip


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


OMELETTE = Family(
    name="omelette",
    attributes={"filling": tuple(_FILL), "size": ("", "big")},
    phrases=("make a {size} {filling} omelette", "cook a {size} {filling} omelette", "fry a {size} {filling} omelette", "prepare a {size} {filling} omelette"),
    steps=(
        gather(_egg_things),
        clean_hands(),
        step("crack", "[Crack|Break] the eggs [into a bowl|open|over a bowl]", "[Crack|Break] them on the rim", scene=_crack, weight=5),
        step("beat", "[Beat|Whisk] them [well|until foamy|with a fork or whisk]", "Whisk until [even|smooth]", scene=_beat, weight=4),
        step("salt", "[Salt|Season] it lightly", "[Add|Sprinkle in] a pinch of salt", "Season [to taste|with salt]", scene=_salt, extra=True),
        step("butter", "[Melt|Heat] some butter [in the pan|slowly]", "[Grease|Warm up] the pan with butter", scene=_butter, weight=3.5),
        step("pour", "Pour it [in|into the pan]", "[Tip|Pour] [the mix|everything] into the pan", scene=_tip_in, weight=4.5),
        step("scatter", "[Scatter|Sprinkle|Spread] the filling [over it|on top]", "Put the filling on top", scene=_scatter, weight=3),
        step("cook", "[Cook|Fry] it [slowly|until set|on a low flame]", "Let it set", scene=_sizzle, weight=2),
        step("fold", "[Fold|Turn] it [over|in half] [with a turner|carefully]", "Flip one side over the other", scene=_turn, weight=5),
        step("serve", "[Serve|Eat] it [hot|on a plate|right away]", "Slide it onto a plate", scene=_dish, weight=9),
    ),
)  # fmt: skip

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
    return [put("board", 50, 90, 1.2), _veg(k, 32, 86, 1.2, "pieces", shadow=False), _veg(k, 63, 86, 0.9, "half", shadow=False),
            put("knife", 66, 46, 1.25, angle=-14), k.hand("fist", 75, 43, 4, size=1.15)]  # fmt: skip


def _into_pot(k: Look) -> list[Item]:
    return [
        put("pot", 42, 93, 1.3, colour=k.main),
        _veg(k, 42, 32, 0.85, "pieces", shadow=False),
        k.hand("pinch", 52, 18, 16, size=1.2),
    ]


def _stock(k: Look) -> list[Item]:
    return [put("pot", 40, 93, 1.25, colour=k.main, fill="water", bits=PRODUCE[k["vegetable"]][1]), put("stream", 36, 30, 1.0, colour="water", length=20),
            put("jug", 60, 46, 0.95, angle=-58, colour=k.second, fill="water"), k.hand("fist", 73, 30, -6, size=1.1)]  # fmt: skip


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
    return [put("pot", 42, 93, 1.3, colour=k.main, fill=_soup(k)), put("drops", 42, 20, 1.2, colour="white", shape="grain", spread=6, length=20),
            k.hand("pinch", 45, 16, 10, size=1.25)]  # fmt: skip


def _resting(k: Look) -> list[Item]:
    return [put("pot", 42, 92, 1.2, colour=k.main, fill=_soup(k)), put("steam", 36, 38, 1.0)]


def _ladle(k: Look) -> list[Item]:
    return [put("bowl", 40, 92, 1.3, colour=k.second, fill=_soup(k)), put("stream", 40, 36, 1.0, colour=_soup(k), length=20),
            put("spoon", 43, 32, 1.6, length=20, angle=60, colour="metal", heap=_soup(k)), k.hand("fist", 82, 12, 8, size=1.1)]  # fmt: skip


def _soup_done(k: Look) -> list[Item]:
    bits = {"bits": _garnish(k)} if k["with"] else {}
    return [put("bowl", 50, 92, 1.55, colour=k.second, fill=_soup(k), **bits), put("steam", 50, 40, 1.3)]


def _soup_things(k: Look) -> list[Item]:
    return [put("pot", 68, 84, 0.9, colour=k.main), _veg(k, 24, 88, 0.85), _veg(k, 40, 95, 0.85)]


SOUP = Family(
    name="soup",
    attributes={"vegetable": _SOUPS, "with": ("", "with herbs", "with croutons")},
    phrases=("make {vegetable} soup {with}", "cook {vegetable} soup {with}", "prepare {vegetable} soup {with}", "make a bowl of {vegetable} soup {with}"),
    steps=(
        gather(_soup_things),
        clean_hands(),
        step("rinse", "[Wash|Rinse] [it|everything] [under the tap|under running water|well]", "Clean the skin with water", scene=_rinse, weight=3),
        step("chop", "[Chop|Dice|Cut] it [small|into pieces|on a board]", "Make small pieces with a knife", scene=_chop, weight=5),
        step("pot", "[Put|Drop|Place] the pieces [in the pot|into a pot]", "[Fill|Load] the pot with the pieces", scene=_into_pot, weight=2),
        step("stock", "Pour [water|stock] [in|over it]", "Pour it in", "Cover the pieces with [water|stock]", scene=_stock, weight=3.5),
        step("simmer", "[Simmer|Cook|Boil] it [with the lid on|until soft]", "Put on the lid and let it bubble", scene=_simmer, weight=5),
        step("mash", "[Mash|Stir|Mix] it [until smooth|well|with a spoon]", "Keep stirring until it is thick", scene=_mash, weight=3),
        step("season", "[Taste|Try] it and add salt", "[Season|Salt] it [to taste|a little]", "Add a pinch of salt", scene=_taste, extra=True),
        wait("rest", _resting, hour=2),
        step("ladle", "[Share|Dish] it out", "[Ladle|Spoon] it into a bowl", "[Fill|Fill up] a bowl", scene=_ladle, weight=2, extra=True),
        step("serve", "[Serve|Eat|Enjoy] it [hot|while it steams|with a spoon]", "Bring it to the table", scene=_soup_done, weight=9),
    ),
)  # fmt: skip


def _slice(k: Look) -> list[Item]:
    return [
        put("slice", 30, 78, 1.05, bread=k["bread"]),
        put("slice", 66, 92, 1.15, bread=k["bread"]),
        k.hand("pinch", 88, 74, 14, size=1.1),
    ]


def _spread(k: Look) -> list[Item]:
    return [
        put("slice", 44, 90, 1.55, bread=k["bread"], spread=True),
        put("knife", 58, 58, 1.0, angle=-24, colour=k.second),
        k.hand("fist", 68, 54, 6, size=1.1),
    ]


def _build(lettuce: bool, filling: bool, top: bool) -> Scene:
    def scene(k: Look) -> list[Item]:
        inside = {"filling": k["filling"]} if filling else {}
        return [
            put("sandwich", 44, 90, 1.35, bread=k["bread"], lettuce=lettuce, top=top, **inside),
            k.hand("pinch" if not top else "flat", 62, 62 if not top else 44, 14, size=1.2),
        ]

    return scene


def _slicing(k: Look) -> list[Item]:
    return [put("board", 50, 91, 1.2), put("sandwich", 44, 86, 1.1, bread=k["bread"], lettuce=True, filling=k["filling"], top=True),
            put("knife", 58, 36, 1.15, angle=-24), k.hand("fist", 68, 31, 6, size=1.1)]  # fmt: skip


def _lunch(k: Look) -> list[Item]:
    return [put("plate", 50, 93, 1.25, colour=k.main), put("sandwich", 50, 86, 1.25, bread=k["bread"], lettuce=True, filling=k["filling"], top=True, cut=True),
            put("sparkles", 50, 42, 1.0, spread=36)]  # fmt: skip


def _lay_plate(k: Look) -> list[Item]:
    return [put("plate", 44, 92, 1.3, colour=k.main), k.hand("pinch", 84, 78, 14, size=1.15)]


def _bread_things(k: Look) -> list[Item]:
    return [
        put("slice", 30, 84, 0.95, bread=k["bread"]),
        put("plate", 68, 94, 0.8, colour=k.main),
        put("knife", 74, 54, 0.9, angle=-10),
    ]


SANDWICH = Family(
    name="sandwich",
    attributes={"filling": ("cheese", "ham", "tomato", "cucumber", "egg", "salmon"), "bread": ("white", "brown", "rye")},
    phrases=("make a {filling} sandwich with {bread} bread", "make a {filling} sandwich on {bread} bread", "prepare a {filling} sandwich with {bread} bread",
             "build a {filling} sandwich from {bread} bread"),
    steps=(
        gather(_bread_things),
        clean_hands(),
        step("slices", "Set out the bread", "[Take|Cut|Lay out] two slices", "Put two slices [side by side|on the table]", scene=_slice, weight=3),
        step("spread", "[Spread|Smear] [butter on it|a little butter]", "Butter [it|one slice] with a knife", scene=_spread, weight=4),
        step("leaf", "[Lay|Put|Place] a [crisp|fresh] leaf on it", "Start with a leaf of salad", scene=_build(True, False, False), weight=3.5),
        step("fill", "[Arrange|Lay] the filling on the leaf", "[Add|Lay on|Put on] the filling", "[Layer|Pile] the filling on top", scene=_build(True, True, False), weight=5),
        step("close", "Lay the second slice over it", "[Close|Cover] it [with the other slice|up]", "Put the [lid|other slice] on", scene=_build(True, True, True), weight=4),
        step("cut", "[Divide|Part] it into halves", "[Cut|Slice] it [in half|through the middle]", "Halve it with a sharp knife", scene=_slicing, weight=2.5),
        step("plate", "[Choose|Find|Bring] a [clean plate|plate]", "[Get|Take] a plate", "Set out a plate", scene=_lay_plate, extra=True),
        step("eat", "Dig in", "[Eat|Serve|Enjoy] it [right away|for lunch|with a friend]", "Take a big bite", scene=_lunch, weight=9),
    ),
)  # fmt: skip

FAMILIES = (HOT_DRINK, OMELETTE, SOUP, SANDWICH)
