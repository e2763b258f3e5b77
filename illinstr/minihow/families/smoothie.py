"""Smoothies: the goal names the fruit and what is poured over it."""

from __future__ import annotations

from illinstr.minihow.families.base import Family, Item, Look, clean_hands, gather, pour, put, step, wait
from illinstr.minihow.families.fruit import fruit, halved, into_blender

_CARTON = {"milk": ("blue", "milk"), "yogurt": ("red", "cream"), "oat milk": ("gold", "crumb")}


def _smooth(k: Look) -> str:
    skin = {
        "banana": "#fbe6a0",
        "strawberry": "#f59aa5",
        "mango": "#fcc765",
        "blueberry": "#a99adb",
        "peach": "#fcc79a",
        "kiwi": "#c4de86",
        "cherry": "#e68595",
    }
    return skin[k["fruit"]]


def _peel(k: Look) -> list[Item]:
    return [
        fruit(k["fruit"], 44, 88, 1.7),
        k.hand("pinch", 54, 56, 18, size=1.3),
        k.hand("wrap", 27, 78, 12, flip=True, size=1.1),
    ]


def _pour_carton(k: Look) -> list[Item]:
    label, fluid = _CARTON[k["base"]]
    return [
        put("blender", 36, 93, 0.95, colour=k.main, pieces=k["fruit"], fill=fluid, level=0.5),
        *pour(k, "carton", (35, 22), 52, fluid, 0.95, colour=label),
    ]


def _honey(k: Look) -> list[Item]:
    return [
        put("blender", 36, 93, 1.02, colour=k.main, pieces=k["fruit"], fill=_CARTON[k["base"]][1], level=0.5),
        put("stream", 34, 33, 1.0, colour="honey", length=19, width=3.4),
        put("bottle", 70, 24, 0.95, angle=-105, colour="honey", open=True),
        k.hand("wrap", 62, 21, 6, size=1.1),
    ]


def _spin(k: Look) -> list[Item]:
    return [
        put("motion", 46, 50, 1.1, gap=23),
        put("blender", 46, 93, 1.02, colour=k.main, fill=_smooth(k), level=0.8, running=True, lid=True),
        k.hand("flat", 47, 15, 16, size=1.15),
    ]


def _rest_smoothie(k: Look) -> list[Item]:
    return [put("blender", 42, 93, 1.02, colour=k.main, fill=_smooth(k), level=0.8, lid=True)]


def _fill_glass(k: Look) -> list[Item]:
    return [
        put("glass", 30, 92, 1.2, fill=_smooth(k), level=0.6),
        *pour(k, "blender", (30, 32), 61, _smooth(k), 0.72, colour=k.main, fill=_smooth(k), level=0.4),
    ]


def _smoothie_done(k: Look) -> list[Item]:
    return [
        fruit(k["fruit"], 21, 90, 0.8),
        put("glass", 52, 92, 1.55, fill=_smooth(k), level=0.9, straw=k.second),
        k.hand("wrap", 60, 64, 12, size=1.25),
    ]


def _smoothie_things(k: Look) -> list[Item]:
    return [
        put("blender", 72, 86, 0.85, colour=k.main),
        put("carton", 46, 88, 1.05, colour=_CARTON[k["base"]][0]),
        fruit(k["fruit"], 22, 90, 0.9),
    ]


FAMILY = Family(
    name="smoothie",
    title="smoothies",
    nouns="smoothie milkshake shake",
    verbs="blend whizz",
    category="kitchen",
    attributes={
        "fruit": ("banana", "strawberry", "mango", "blueberry", "peach", "kiwi", "cherry"),
        "base": ("milk", "yogurt", "oat milk"),
    },
    phrases=(
        "make a {fruit} smoothie with {base}",
        "blend a {fruit} and {base} smoothie",
        "prepare a {fruit} smoothie with {base}",
        "mix a {fruit} {base} smoothie",
    ),
    steps=(
        gather(_smoothie_things),
        clean_hands(),
        step(
            "peel",
            "[Peel|Clean|Trim] it [with your fingers|by hand|first]",
            "[Take off|Pull off|Remove] [what you cannot eat|the skin or stalk]",
            "[Pull|Pick] off the skin or stalk [by hand|with your fingers]",
            "Use your fingers to [peel|trim|clean] it",
            "[Start|Begin] by taking off [the skin or stalk|what you cannot eat]",
            "Hold it and [peel|trim|clean] it by hand",
            scene=_peel,
            weight=2,
        ),
        step(
            "cut",
            "[Cut|Slice|Chop] it [small|into chunks|into bites|on a board]",
            "Make small [chunks|bites] with a [knife|sharp knife]",
            "Use a [knife|sharp knife] to [cut|slice|chop] it",
            "Lay it on the board and [cut|slice|chop] it",
            "Divide it into [small chunks|bites] with a knife",
            scene=halved,
            weight=5,
        ),
        step(
            "load",
            "[Tip|Drop|Put] [the chunks|all the chunks] [in the blender|into the jug]",
            "[Fill|Load] the [jug|blender] with [the chunks|all the chunks]",
            "Add [the chunks|all the chunks] to the [blender|jug]",
            "Let the chunks [fall|drop] into the [blender|jug]",
            scene=into_blender,
            weight=3,
        ),
        step(
            "base",
            "[Pour in|Add] the [liquid|contents of the carton]",
            "Pour it in",
            "[Open|Tip|Tilt] the carton and pour",
            "[Cover|Top] the chunks with the [liquid|contents of the carton]",
            "[Pour|Tip|Splash] the liquid over the chunks",
            "Empty the [carton|whole carton] [into the blender|over the chunks]",
            "Open the carton and add the liquid",
            "Let the liquid flow [over the chunks|out of the carton]",
            "Pour from the carton into the blender",
            scene=_pour_carton,
            weight=4,
        ),
        step(
            "sweeten",
            "[Add|Squeeze in|Drizzle in] [something sweet|some syrup|some honey|a little honey]",
            "Sweeten it [to taste|a little|with honey|with syrup]",
            "Make it [sweet|a little sweeter] with [honey|syrup]",
            "Give it a [little|squeeze of] honey",
            "Squeeze the [honey|syrup] bottle over it",
            "Use [honey|syrup] to sweeten it",
            scene=_honey,
            extra=True,
        ),
        step(
            "blend",
            "[Blend|Whizz|Spin] it [until creamy|until thick|at full speed|with the lid on]",
            "[Hold|Press] the lid and [blend|whizz it]",
            "Let the blender [spin|run] [at full speed|until it is creamy]",
            "Run the blender [at full speed|until it is thick]",
            "Keep a hand on the lid and [blend|spin it|whizz it]",
            "Hold the lid as it spins",
            scene=_spin,
            weight=6,
        ),
        wait("settle", _rest_smoothie, hour=2),
        step(
            "pour",
            "[Tip|Empty] it into a [tall glass|clean glass]",
            "Pour it [in|into a tall glass|out|into a clean glass]",
            "[Fill|Fill up] a [tall glass|clean glass] [from the blender|with it|]",
            "Empty the blender into a [tall|clean] glass",
            "[Tip|Tilt] the blender to fill a [tall|clean] glass",
            "Let it [run|flow] from the [blender|blender jug] into a glass",
            scene=_fill_glass,
            extra=True,
            weight=4,
        ),
        step(
            "serve",
            "[Serve|Enjoy|Drink] it [with a straw|while it is fresh|at once|cold]",
            "[Pop in|Add|Put in] a straw and [enjoy|drink|sip]",
            "Sip it [through a straw|slowly|while it is fresh]",
            "Take a sip [through a straw|and enjoy]",
            "Your [drink|smoothie|fresh smoothie|glass] is ready",
            "Drink it slowly through a straw",
            scene=_smoothie_done,
            weight=9,
        ),
    ),
)
