"""What a scene shows, in words: captions for drawers of the open world, states of objects, what must not be seen yet.

Everything is read off the scene that the world draws from, so a caption is as true as the image. An object is described
by the same words in every step of an article; what changes is said apart, as its state.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

Scene = dict[str, Any]
Item = dict[str, Any]
MOST_UNSEEN = 8

# What is drawn for the eye alone, or belongs to another object.
_EFFECTS = frozenset(("motion", "sparkles", "swirl", "heart", "hand", "stream", "drops", "bubbles", "topping"))
_COLOURS = {
    "clay": "terracotta", "sage": "sage green", "sunny": "yellow", "sky": "sky blue", "snow": "white",
    "sea": "sea green", "tomato": "red", "denim": "denim blue",
    "moss": "moss green", "mustard": "mustard yellow", "plum": "plum purple",
    "stripe-rose": "rose striped", "charcoal": "dark grey", "wax": "cream", "gold": "golden", "metal": "metal",
}  # fmt: skip
_PLAIN = frozenset(
    ("red", "orange", "yellow", "green", "blue", "purple", "pink", "white", "black", "brown", "teal", "silver", "grey")
) | {"cream", "coral", "lavender"}
_NOUNS = {
    "can": "watering can", "bristles": "dog brush", "pin": "rolling pin", "sweet-cake": "cake", "tophat": "hat",
    "piping": "piping bag", "line": "washing line", "frame": "cross of two sticks", "cord": "string", "bag": "bag",
    "carrot-nose": "carrot", "kite-paper": "sheet of kite paper", "sheet": "sheet of paper", "parcel": "wrapped parcel",
    "fold": "folded sheet of paper", "socket": "wall socket", "pane": "window", "tin": "cake tin",
    "tube": "toothpaste tube",
    "pit": "hole in the ground", "ornament": "ornament", "board": "cutting board", "mat": "work mat",
    "castle": "sandcastle", "tower": "sand tower", "reel": "reel of string", "spool": "spool of ribbon",
    "juicer": "sieve", "shade": "lamp shade", "paint": "tin of paint", "bath": "tub", "cutter": "biscuit cutter",
    "tray": "baking tray", "slice": "slice of bread", "stick": "wooden stick", "face": "face with an open mouth",
    "bulb": "light bulb", "scissors": "pair of scissors",
}  # fmt: skip
_SAID_BY = {"produce": "produce", "garment": "garment", "vehicle": "vehicle"}  # attributes that are an item's noun
_BEFORE = ("pattern", "colour", "walls", "coat", "hat", "shape", "flavour", "bread")
_WITH = {
    "corners": "{} corners", "tail": "a {} tail", "flag": "a {} flag", "roof": "a {} roof", "foot": "a {} foot",
    "icing": "{} icing", "topping": "{}", "scarf": "a {} scarf", "ribbon": "a {} ribbon", "curtains": "{} curtains",
    "filling": "{}", "with": "{}", "subject": "the painted shape of a {}", "paste": "{} toothpaste",
}  # fmt: skip
_FLAGS = {
    "lid": "with its lid on", "running": "running", "open": "open", "foam": "covered in foam", "lit": "lit",
    "taped": "taped", "bow": "with a bow", "tied": "tied together", "broken": "cracked open", "baked": "baked",
    "bird": "with a bird", "dead": "burnt out", "bare": "without its shade", "on": "switched on", "wick": "with a wick",
    "cut": "cut", "missing": "with a button missing", "roots": "with roots", "easel": "on an easel", "ice": "with ice",
    "straw": "with a straw", "soil": "filled with soil", "hole": "with a hole in the soil", "crease": "creased",
    "marked": "with a drawn line", "sticks": "with sticks", "pegs": "held by pegs", "squeezed": "squeezed",
    "face": "with a face", "arms": "with arms", "mound": "with a mound beside", "butter": "with melting butter",
    "baking": "at work",
}  # fmt: skip
_STATES = {
    "half": "cut in half", "pieces": "cut into pieces", "whole": "whole", "mud": "muddy", "foam": "covered in foam",
    "wet": "wet", "dirt": "dirty", "clean": "clean", "worn": "wrapped around", "ball": "in a ball",
    "flat": "rolled flat",
    "sapling": "very young", "young": "young", "full": "fully grown", "hat": "shaped like a hat", "roof": "like a roof",
    "square": "square",
}  # fmt: skip
_NO_ARTICLE = frozenset(("steam", "sandpaper", "wax", "string", "dough"))
_FILLINGS = frozenset(("water", "milk", "soil", "cocoa", "coffee", "honey", "wax", "flour"))
_GROUNDS = {"grass": "on the grass outdoors", "snow": "in the snow outdoors", "sand": "on the sand of a beach"}
_DECORS = {"tiles": "tiles", "shelf": "a shelf", "window": "a window", "bunting": "bunting", "panels": "panels"}
_FOLDS = {"half": "folded in half", "hat": "folded into a hat", "roof": "folded to a point", "square": "folded square"}


@dataclass(frozen=True)
class Thing:
    """An object of a scene: what it is called, how it always looks, and how it is now."""

    noun: str
    looks: str
    states: tuple[str, ...] = field(default=())

    @property
    def text(self) -> str:
        """All of it, with an article; states of one word stand before the noun."""
        short = [state for state in self.states if " " not in state and state != "whole"]
        rest = ", ".join(state for state in self.states if " " in state)
        article, _, bare = self.looks.partition(" ")
        looks = f"{article} {' '.join((*short, bare))}" if article in ("a", "an") else " ".join((*short, self.looks))
        return _with_articles(" ".join(filter(None, (looks, rest))))


def things(scene: Scene, stuff: str) -> list[Thing]:
    """The objects of a scene, each once, back to front.

    Args:
        scene: as the world draws it.
        stuff: what vessels hold where the scene gives a colour alone.
    """
    found: dict[str, Thing] = {}
    for item in scene["objects"]:
        if item["kind"] not in _EFFECTS:
            thing = _thing(item, stuff)
            known = found.get(thing.noun)
            if known is None or len(thing.states) > len(known.states):
                found[thing.noun] = thing
    return list(found.values())


def caption(action: str, scene: Scene, stuff: str) -> str:
    """One sentence for whoever draws: what is done, with what, by whose hands, and where.

    Args:
        action: an imperative clause that names the thing ("Rinse the apple under cold water").
        scene, stuff: as for ``things``.
    """
    shown = [each.text for each in things(scene, stuff)]
    hands = [item for item in scene["objects"] if item["kind"] == "hand"]
    if hands:
        sleeve = _colour(str(hands[0].get("sleeve", ""))) or "plain"
        shown.append(f"a hand with a {sleeve} sleeve" if len(hands) == 1 else f"two hands with {sleeve} sleeves")
    listed = f": {', '.join(shown)}" if shown else ""
    return f"{gerund(action)}{listed}, {place(scene)}."


def place(scene: Scene) -> str:
    """Where a scene is set, in the same words in every step."""
    ground = scene.get("ground", "table")
    if ground in _GROUNDS:
        return _GROUNDS[ground]
    wall, table = str(scene["wall"]).removeprefix("wall-"), str(scene["table"]).removeprefix("table-")
    decor = _DECORS.get(str(scene["decor"]))
    return (
        _with_articles(f"on a {table} table") + f" in front of a pale {wall} wall" + (f" with {decor}" if decor else "")
    )


def states(scene: Scene, stuff: str) -> dict[str, str]:
    """How each object that can change is by now."""
    return {each.noun: ", ".join(each.states) for each in things(scene, stuff) if each.states}


def unseen(scenes: Sequence[Scene], index: int, stuff: str) -> tuple[str, ...]:
    """What appears only after scene ``index``: an image that shows it gives the end away."""
    nouns = [[each.noun for each in things(scene, stuff)] for scene in scenes]
    so_far = {noun for early in nouns[: index + 1] for noun in early}
    later = dict.fromkeys(noun for late in nouns[index + 1 :] for noun in late if noun not in so_far)
    return tuple(later)[:MOST_UNSEEN]


def recurring(scenes: Sequence[Scene], stuff: str) -> dict[str, str]:
    """Objects of several scenes, each described once, and the place; the words of every caption."""
    seen: dict[str, tuple[str, int]] = {}
    for scene in scenes:
        for each in things(scene, stuff):
            looks, count = seen.get(each.noun, (each.looks, 0))
            seen[each.noun] = (looks, count + 1)
    described = {noun: looks for noun, (looks, count) in seen.items() if count > 1}
    return described | {"place": place(scenes[0])}


def gerund(clause: str) -> str:
    """``Rinse the apple`` as ``Rinsing the apple``."""
    verb, _, rest = clause.partition(" ")
    low = verb.lower()
    if low.endswith("ie"):
        low = low[:-2] + "ying"
    elif low.endswith("e") and not low.endswith(("ee", "ye", "oe")):
        low = low[:-1] + "ing"
    elif len(low) > 2 and low[-1] not in "aeiouwxy" and low[-2] in "aeiou" and sum(c in "aeiou" for c in low) == 1:
        low += low[-1] + "ing"
    else:
        low += "ing"
    return f"{low.capitalize()} {rest}".strip()


def _thing(item: Item, stuff: str) -> Thing:
    kind = str(item["kind"])
    noun = str(item[_SAID_BY[kind]]) if kind in _SAID_BY else _NOUNS.get(kind, kind.replace("-", " "))
    if kind == "flowerpot" and item.get("plant") in ("flower", "cactus"):
        what = str(item["flower"]) if item["plant"] == "flower" else "cactus"
        petals = f"{item['petals']} " if item["plant"] == "flower" else ""
        return Thing("flowerpot", _described(item, noun), (_with_articles(f"with a {petals}{what} inside"),))
    return Thing(noun, _described(item, noun), tuple(_states(item, stuff)))


def _described(item: Item, noun: str) -> str:
    before = [
        _colour(str(item[key])) if key in ("colour", "walls", "coat", "hat") else str(item[key])
        for key in _BEFORE
        if item.get(key) and item[key] != "plain" and not (item["kind"] == "shirt" and key == "shape")
    ]
    words = " ".join([*filter(None, before), noun])
    behind = [_WITH[key].format(_colour(str(item[key])) or item[key]) for key in _WITH if item.get(key)]
    if item.get("frame") and item["kind"] == "pane":
        behind.insert(0, f"a {item['frame']} frame")
    with_parts = f" with {' and '.join(behind)}" if behind else ""
    return _with_articles(f"{words if noun in _NO_ARTICLE else 'a ' + words}{with_parts}")


def _states(item: Item, stuff: str) -> list[str]:
    kind, found = item["kind"], []
    state = item.get("state") or item.get("stage")
    if kind == "fold":
        found.append(_FOLDS.get(str(state), "folded"))
    elif state:
        found.append(_STATES.get(str(state), str(state)))
    if item.get("pieces"):
        found.append(f"with {item['pieces']} pieces inside")
    if item.get("fill") or item.get("mix"):
        held = "flour" if kind == "bowl" and item.get("heap") else str(item.get("fill") or item.get("mix"))
        found.append(f"filled with {held if held in _FILLINGS else stuff or 'liquid'}")
    if item.get("mark"):
        found.append(f"of {'soil' if item['mark'] == 'soil' else 'flour'}")
    if item.get("plant") in ("sprout", "leafy"):
        found.append("with the first leaves of a plant")
    found += [words for key, words in _FLAGS.items() if item.get(key) not in (None, False, 0, "")]
    if kind == "shirt" and item.get("button") and not item.get("missing"):
        found.append(_with_articles(f"with a {item['button']} button"))
    return list(dict.fromkeys(found))


def _colour(name: str) -> str:
    return _COLOURS.get(name) or (name if name in _PLAIN else "")


def _with_articles(text: str) -> str:
    return re.sub(r"\ba (?=[aeiou])", "an ", re.sub(r"\ban (?=[^aeiou])", "a ", text))
