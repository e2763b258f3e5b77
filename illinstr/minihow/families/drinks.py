"""Juice, smoothies, tea, hot drinks."""

from __future__ import annotations

from illinstr.minihow.families.base import Family, Item, Look, clean_hands, gather, put, step, wait, wipe
from illinstr.minihow.things.fruit import PRODUCE


def _juice(fruit: str) -> str:
    return PRODUCE[fruit][3]


def _fruit(fruit: str, x: float, y: float, size: float, state: str = "whole", **keys: object) -> Item:
    return put("produce", x, y, size, produce=fruit, state=state, **keys)


def _wash(k: Look) -> list[Item]:
    return [_fruit(k["fruit"], 50, 88, 1.5), put("tap", 50, 30, 1.1, length=26), k.hand("wrap", 70, 76, 10, size=1.25)]


def _cut(k: Look) -> list[Item]:
    return [
        put("board", 50, 90, 1.2), _fruit(k["fruit"], 30, 86, 1.15, "half", shadow=False), _fruit(k["fruit"], 61, 86, 1.15, "half", shadow=False),
        put("knife", 64, 46, 1.25, angle=-14, colour="charcoal"), k.hand("fist", 73, 43, 4, size=1.15),
    ]  # fmt: skip


def _load(k: Look) -> list[Item]:
    return [put("blender", 42, 93, 1.02, colour=k.main, pieces=k["fruit"]), _fruit(k["fruit"], 46, 20, 0.62, "pieces", shadow=False),
            k.hand("pinch", 54, 14, 14, size=1.2)]  # fmt: skip


def _glass(k: Look, x: float, y: float, size: float, **keys: object) -> Item:
    return put("glass", x, y, size, **keys)


def _water(k: Look) -> list[Item]:
    return [
        put("blender", 36, 93, 1.02, colour=k.main, pieces=k["fruit"], fill="water", level=0.5), put("stream", 38, 18, 1.0, colour="water", length=34),
        put("jug", 61, 42, 0.95, angle=-62, colour=k.second, fill="water"), k.hand("fist", 73, 24, -8, size=1.15),
    ]  # fmt: skip


def _blend(k: Look) -> list[Item]:
    return [put("motion", 46, 50, 1.1, gap=23), put("blender", 46, 93, 1.02, colour=k.main, fill=_juice(k["fruit"]), level=0.72, running=True, lid=True),
            k.hand("point", 52, 83, 8, size=1.15)]  # fmt: skip


def _strain(k: Look) -> list[Item]:
    colour = _juice(k["fruit"])
    return [put("bowl", 46, 92, 1.3, colour=k.second, fill=colour), put("stream", 46, 50, 1.0, colour=colour, length=14),
            put("juicer", 46, 40, 1.3, fill=colour), k.hand("fist", 88, 34, 10, size=1.15)]  # fmt: skip


def _pour(k: Look) -> list[Item]:
    colour = _juice(k["fruit"])
    return [
        put("stream", 33, 34, 1.0, colour=colour, length=42), _glass(k, 33, 92, 1.25, fill=colour, level=0.55),
        put("jug", 58, 52, 1.05, angle=-52, colour=k.second, fill=colour), k.hand("fist", 72, 36, -4, size=1.15),
    ]  # fmt: skip


def _serve(k: Look) -> list[Item]:
    ice = {"ice": 3} if k["style"] == "with ice" else {}
    return [_fruit(k["fruit"], 22, 90, 0.85), _glass(k, 54, 92, 1.5, fill=_juice(k["fruit"]), level=0.85, straw=k.main, **ice),
            k.hand("wrap", 61, 66, 12, size=1.25)]  # fmt: skip


def _juice_things(k: Look) -> list[Item]:
    return [put("blender", 68, 86, 0.9, colour=k.main), _fruit(k["fruit"], 26, 84, 0.95), _fruit(k["fruit"], 38, 92, 0.95)]


def _cool_juice(k: Look) -> list[Item]:
    return [put("jug", 42, 92, 1.5, colour=k.second, fill=_juice(k["fruit"]), shadow=True)]


JUICE = Family(
    name="juice",
    attributes={
        "fruit": ("apple", "orange", "pear", "peach", "mango", "strawberry", "grapefruit", "carrot", "tomato", "plum", "kiwi", "melon"),
        "style": ("", "with ice"),
    },
    phrases=("make {fruit} juice {style}", "prepare {fruit} juice {style}", "make fresh {fruit} juice {style}", "make your own {fruit} juice {style}"),
    steps=(
        gather(_juice_things),
        clean_hands(),
        step("wash", "[Wash|Rinse] it [under the tap|under running water|in cold water|well]", "[Give it|Start with] a good rinse",
             "Clean the skin with water", scene=_wash, weight=3),
        step("cut", "[Cut|Slice] it [in half|into pieces|on a board]", "Chop it [up|into pieces] with a knife", "Halve it with a sharp knife",
             scene=_cut, weight=5),
        step("load", "[Put|Drop|Place] the pieces [in the blender|into the blender jug]", "[Fill|Load] the blender with the pieces",
             scene=_load, weight=2),
        step("water", "[Add|Pour in] [some|a little|a glass of] water", "Top it up with water", scene=_water, weight=1.5),
        step("blend", "[Blend|Mix|Whizz] [it|everything] until [smooth|no lumps are left]", "[Press the button|Switch on the blender] and let it run",
             scene=_blend, weight=6),
        step("strain", "[Strain|Sieve] it [into a bowl|to catch the pulp]", "Pour it through a [sieve|strainer]", scene=_strain, weight=1,
             extra=True),
        wait("chill", _cool_juice),
        step("pour", "Pour it [in|into a glass|out]", "[Fill|Fill up] a glass [with it|to the top]", scene=_pour, weight=4, extra=True),
        step("serve", "[Serve|Drink|Enjoy] it [cold|fresh|right away|with a straw]", "Take a sip and enjoy", "Your drink is ready", scene=_serve,
             weight=9),
    ),
)  # fmt: skip

# --- smoothies -------------------------------------------------------------------------------------------------------

_CARTON = {"milk": ("blue", "milk"), "yogurt": ("red", "cream"), "oat milk": ("gold", "crumb")}


def _smooth(k: Look) -> str:
    skin = {"banana": "#fbe6a0", "strawberry": "#f59aa5", "mango": "#fcc765", "blueberry": "#a99adb", "peach": "#fcc79a",
            "kiwi": "#c4de86", "cherry": "#e68595"}  # fmt: skip
    return skin[k["fruit"]]


def _peel(k: Look) -> list[Item]:
    return [_fruit(k["fruit"], 44, 88, 1.7), k.hand("pinch", 54, 56, 18, size=1.3), k.hand("wrap", 27, 78, 12, flip=True, size=1.1)]


def _pour_carton(k: Look) -> list[Item]:
    label, fluid = _CARTON[k["base"]]
    return [
        put("blender", 36, 93, 1.02, colour=k.main, pieces=k["fruit"], fill=fluid, level=0.5), put("stream", 37, 14, 1.0, colour=fluid, length=36),
        put("carton", 78, 30, 0.95, angle=-68, colour=label), k.hand("wrap", 68, 27, 8, size=1.1),
    ]  # fmt: skip


def _honey(k: Look) -> list[Item]:
    return [put("blender", 36, 93, 1.02, colour=k.main, pieces=k["fruit"], fill=_CARTON[k["base"]][1], level=0.5),
            put("stream", 37, 18, 1.0, colour="honey", length=34, width=3.4),
            put("bottle", 70, 24, 0.95, angle=-105, colour="honey", open=True), k.hand("wrap", 62, 21, 6, size=1.1)]  # fmt: skip


def _spin(k: Look) -> list[Item]:
    return [put("motion", 46, 50, 1.1, gap=23), put("blender", 46, 93, 1.02, colour=k.main, fill=_smooth(k), level=0.8, running=True, lid=True),
            k.hand("flat", 47, 15, 16, size=1.15)]  # fmt: skip


def _rest_smoothie(k: Look) -> list[Item]:
    return [put("blender", 42, 93, 1.02, colour=k.main, fill=_smooth(k), level=0.8, lid=True)]


def _fill_glass(k: Look) -> list[Item]:
    return [put("stream", 29, 30, 1.0, colour=_smooth(k), length=40, width=5.4), _glass(k, 29, 92, 1.2, fill=_smooth(k), level=0.6),
            put("blender", 82, 60, 0.8, angle=-62, colour=k.main, fill=_smooth(k), level=0.4), k.hand("fist", 70, 40, 20, size=1.05)]  # fmt: skip


def _smoothie_done(k: Look) -> list[Item]:
    return [_fruit(k["fruit"], 21, 90, 0.8), _glass(k, 52, 92, 1.55, fill=_smooth(k), level=0.9, straw=k.second),
            k.hand("wrap", 60, 64, 12, size=1.25)]  # fmt: skip


def _smoothie_things(k: Look) -> list[Item]:
    return [put("blender", 72, 86, 0.85, colour=k.main), put("carton", 46, 88, 1.05, colour=_CARTON[k["base"]][0]), _fruit(k["fruit"], 22, 90, 0.9)]


SMOOTHIE = Family(
    name="smoothie",
    attributes={"fruit": ("banana", "strawberry", "mango", "blueberry", "peach", "kiwi", "cherry"), "base": ("milk", "yogurt", "oat milk")},
    phrases=("make a {fruit} smoothie with {base}", "blend a {fruit} and {base} smoothie", "prepare a {fruit} smoothie with {base}",
             "mix a {fruit} {base} smoothie"),
    steps=(
        gather(_smoothie_things),
        clean_hands(),
        step("peel", "[Peel|Clean|Trim] it [with your fingers|by hand|first]", "Take off [what you cannot eat|the skin or stalk]", scene=_peel, weight=2),
        step("cut", "[Cut|Slice|Chop] it [small|into chunks|into bites]", "Make small chunks with a knife", scene=_cut, weight=5),
        step("load", "[Tip|Drop] the chunks [in the blender|into the jug]", "[Fill|Load] the jug with the chunks", "Add the chunks to the blender",
             scene=_load, weight=3),
        step("base", "[Pour in|Add] the [liquid|contents of the carton]", "Pour it in", "Open the carton and pour", "Cover the chunks with the liquid",
             scene=_pour_carton, weight=4),
        step("sweeten", "[Add|Squeeze in] [something sweet|some syrup]", "Sweeten it [to taste|a little]", scene=_honey, extra=True),
        step("blend", "[Blend|Whizz|Spin] it [until creamy|until thick|at full speed]", "Hold the lid and blend", scene=_spin, weight=6),
        wait("settle", _rest_smoothie, hour=2),
        step("pour", "Pour it [in|into a tall glass|out]", "[Fill|Fill up] a tall glass", scene=_fill_glass, extra=True, weight=4),
        step("serve", "[Serve|Enjoy|Drink] it [with a straw|while it is fresh|at once]", "Pop in a straw and enjoy", scene=_smoothie_done, weight=9),
    ),
)  # fmt: skip

# --- tea ----------------------------------------------------------------------------------------------------------

_BREW = {"green": ("#b9bf4e", "green"), "black": ("#8f4a1f", "charcoal"), "mint": ("#a8cf6b", "teal"), "lemon": ("#ecc94b", "yellow"),
         "berry": ("#c2405f", "purple"), "ginger": ("#dda348", "orange"), "rose": ("#e58a86", "pink")}  # fmt: skip
_TOP = {"": "", "with honey": "honey", "with milk": "milk"}


def _tea(k: Look) -> str:
    return _BREW[k["tea"]][0]


def _boil(k: Look) -> list[Item]:
    return [put("stove", 50, 92, 1.3), put("kettle", 52, 79, 1.35, colour=k.second), put("steam", 14, 30, 1.0, count=2)]


def _fill_kettle(k: Look) -> list[Item]:
    return [put("tap", 40, 27, 1.0, length=17), put("kettle", 44, 92, 1.3, colour=k.second, shadow=True), k.hand("fist", 60, 55, 14, size=1.1)]


def _cup(k: Look) -> list[Item]:
    return [put("mug", 42, 91, 1.75, colour=k.main), k.hand("wrap", 58, 68, 8, size=1.2)]


def _bag_in(k: Look) -> list[Item]:
    return [put("mug", 40, 92, 1.55, colour=k.main), put("teabag", 42, 24, 1.4, colour=_BREW[k["tea"]][1]), k.hand("pinch", 43, 13, 20, size=1.2)]


def _pour_water(k: Look) -> list[Item]:
    return [put("stream", 26, 34, 1.0, colour="water", length=20), put("mug", 28, 92, 1.4, colour=k.main, fill="water", bag=_BREW[k["tea"]][1]),
            put("kettle", 66, 45, 1.1, angle=-24, colour=k.second), k.hand("fist", 74, 13, 18, size=1.1)]  # fmt: skip


def _steep(k: Look) -> list[Item]:
    return [put("mug", 42, 92, 1.6, colour=k.main, fill=_tea(k), bag=_BREW[k["tea"]][1]), put("steam", 40, 32, 1.1)]


def _bag_out(k: Look) -> list[Item]:
    return [put("mug", 38, 92, 1.55, colour=k.main, fill=_tea(k)), put("drops", 44, 26, 0.6, colour=_tea(k), spread=2, length=16),
            put("teabag", 44, 22, 1.3, colour=_BREW[k["tea"]][1]), k.hand("pinch", 45, 10, 20, size=1.2)]  # fmt: skip


def _finish_tea(k: Look) -> list[Item]:
    mug = put("mug", 38, 92, 1.55, colour=k.main, fill=_tea(k))
    if k["with"] == "with milk":
        return [mug, put("stream", 39, 20, 1.0, colour="milk", length=18), put("jug", 62, 38, 0.85, angle=-55, colour=k.second, fill="milk"),
                k.hand("fist", 74, 27, 8, size=1.1)]  # fmt: skip
    if k["with"] == "with honey":
        return [mug, put("stream", 40, 20, 1.0, colour="honey", length=20, width=3.4), put("bottle", 74, 24, 0.95, angle=-102, colour="honey", open=True),
                k.hand("wrap", 66, 22, 8, size=1.1)]  # fmt: skip
    return [mug, put("swirl", 38, 42, 1.1), put("spoon", 41, 38, 0.9, colour="metal"), k.hand("pinch", 42, 10, 22, size=1.15)]


def _drink_tea(k: Look) -> list[Item]:
    fill = {"with milk": "#d9a878"}.get(k["with"], _tea(k))
    return [put("mug", 42, 91, 1.75, colour=k.main, fill=fill), put("steam", 40, 30, 1.25), k.hand("wrap", 60, 67, 8, size=1.2)]


def _tea_things(k: Look) -> list[Item]:
    return [put("kettle", 66, 86, 1.05, colour=k.second, shadow=True), put("mug", 26, 90, 1.05, colour=k.main),
            put("teabag", 52, 84, 1.0, colour=_BREW[k["tea"]][1])]  # fmt: skip


TEA = Family(
    name="tea",
    attributes={"tea": tuple(_BREW), "with": tuple(_TOP)},
    phrases=("make {tea} tea {with}", "brew {tea} tea {with}", "prepare a cup of {tea} tea {with}", "make a cup of {tea} tea {with}"),
    steps=(
        gather(_tea_things),
        clean_hands(),
        step("fill", "[Fill|Top up] the kettle [with water|at the tap]", "[Run|Put] fresh water into the kettle", scene=_fill_kettle, weight=2),
        step("boil", "[Boil|Heat] the [water|kettle] [on the stove|on the fire|until it steams]", "Bring the water to the boil", scene=_boil, weight=5),
        step("cup", "[Take|Get|Choose] a [clean cup|mug you like|mug]", "Set a cup on the table", scene=_cup, extra=True),
        step("bag", "[Put|Drop|Hang] the bag [in|into the cup|in the cup]", "Lower the bag into the cup", scene=_bag_in, weight=4),
        step("pour", "Pour [the hot water|the water] [in|over it|into the cup]", "Pour it in", "Fill the cup from the kettle", scene=_pour_water, weight=6),
        wait("steep", _steep, hour=4),
        step("out", "[Take|Lift|Pull] [the bag|it] out [again|of the cup]", "Remove the bag", scene=_bag_out, extra=True, weight=2),
        step("finish", "[Finish|Flavour] it [the way you like|to your taste|as you please]", "Add the last touch", scene=_finish_tea, weight=3),
        step("drink", "[Drink|Enjoy|Serve] it [while it is hot|warm|slowly|in small sips]", "Your cup is ready", scene=_drink_tea, weight=9),
    ),
)  # fmt: skip

FAMILIES = (JUICE, SMOOTHIE, TEA)
