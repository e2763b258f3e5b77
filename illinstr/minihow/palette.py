"""The colours of the MiniHow world: a small curated set with names, so that scenes can say what they show.

A scene names its colours; only this module knows their values. Anything may also be given as ``#rrggbb``.
"""

from __future__ import annotations

from functools import lru_cache

from illinstr.errors import DataError

Colour = tuple[int, int, int]

INK = (62, 44, 46)  # outlines: a warm near-black, softer than black in print
PAPER = (255, 253, 247)

_HEX: dict[str, str] = {
    # things that goals name
    "red": "#e2483d", "orange": "#f28c28", "yellow": "#f9c932", "green": "#5fa84a", "blue": "#3f7fc4",
    "purple": "#8a5bb5", "pink": "#f08bae", "white": "#fbf8f1", "black": "#3f3b42", "brown": "#8a5a3a",
    "teal": "#2f9c95", "gold": "#e0a92e", "silver": "#b9c2cb", "grey": "#9aa1a8", "cream": "#f6e7c1",
    # walls
    "wall-sky": "#d9ecf5", "wall-mint": "#dcefe0", "wall-butter": "#fbeecb", "wall-rose": "#f9e0dd",
    "wall-lilac": "#e7e1f3", "wall-sand": "#f1e4d3", "wall-aqua": "#cfe7e6", "wall-peach": "#fde0c5",
    # tables
    "table-oak": "#d9a566", "table-walnut": "#9c6a48", "table-pine": "#edc58c", "table-slate": "#7f93a8",
    "table-cherry": "#b8704f", "table-white": "#ece6dc",
    # skin
    "skin-1": "#fbdcc4", "skin-2": "#f2c19c", "skin-3": "#d99b70", "skin-4": "#b0744c", "skin-5": "#7d4e35",
    # sleeves and crockery
    "tomato": "#e05a4b", "denim": "#4c78b0", "moss": "#6d9a57", "mustard": "#e3aa3b", "plum": "#8f5f95",
    "sea": "#3b9a9c", "stripe-rose": "#e68aa0", "snow": "#f7f3ea", "clay": "#c96b46", "sage": "#9dba90",
    "sunny": "#f5c553", "sky": "#7db6dc", "coral": "#f08a70", "lavender": "#b39ad6", "charcoal": "#55555f",
    # stuffs
    "wood": "#d7a567", "wood-dark": "#a9743f", "metal": "#c4ccd3", "metal-dark": "#7e8993", "glass": "#e6f3f7",
    "water": "#8ccbe8", "milk": "#fffaf0", "soil": "#6b4630", "leaf": "#63a844", "leaf-dark": "#3f7f3a",
    "tea": "#b5651f", "coffee": "#5b3a26", "cocoa": "#7b4a2f", "honey": "#eea62b", "dough": "#efcf98",
    "baked": "#d69a4e", "bread": "#e6b873", "crumb": "#fbe9c4", "card": "#c99a62", "fire": "#f59a2d",
    "egg": "#fffdf5", "yolk": "#fbb927", "butter": "#fbe07a", "cheese": "#f9c440", "ham": "#f0a0a0",
    "lettuce": "#8cc252", "wax": "#f6ecd2", "snowy": "#eef5fb", "ice": "#c9e8f5",
}  # fmt: skip

WALLS = ("wall-sky", "wall-mint", "wall-butter", "wall-rose", "wall-lilac", "wall-sand", "wall-aqua", "wall-peach")
TABLES = ("table-oak", "table-walnut", "table-pine", "table-slate", "table-cherry", "table-white")
SKINS = ("skin-1", "skin-2", "skin-3", "skin-4", "skin-5")
SLEEVES = ("tomato", "denim", "moss", "mustard", "plum", "sea", "stripe-rose", "snow")
DECORS = ("plain", "tiles", "shelf", "window", "bunting", "panels")
# cake batters by flavour
BATTERS = {"chocolate": "#7b4a2f", "vanilla": "#f6dd96", "strawberry": "#f2a0ae", "mint": "#a5d8b0"}
CROCKERY = ("clay", "sage", "sunny", "sky", "coral", "lavender", "snow", "sea")


@lru_cache(maxsize=1024)
def rgb(name: str) -> Colour:
    """The value of a named colour or ``#rrggbb``.

    Raises:
        DataError: no such colour.
    """
    text = _HEX.get(name, name)
    if len(text) == 7 and text[0] == "#":
        try:
            return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)
        except ValueError:
            pass
    raise DataError(f"scene names an unknown colour {name!r}", hint="use a MiniHow colour name or #rrggbb")


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """``first`` with ``share`` (0..1) of ``second`` in it."""
    return (
        round(first[0] + (second[0] - first[0]) * share),
        round(first[1] + (second[1] - first[1]) * share),
        round(first[2] + (second[2] - first[2]) * share),
    )


@lru_cache(maxsize=4096)
def darker(colour: Colour, share: float = 0.25) -> Colour:
    """A shade: towards a cool dark purple rather than black, as painters do."""
    return mix(colour, (58, 30, 62), share)


@lru_cache(maxsize=4096)
def lighter(colour: Colour, share: float = 0.4) -> Colour:
    """A tint towards warm paper white."""
    return mix(colour, (255, 252, 240), share)
