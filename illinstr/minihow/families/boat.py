"""A paper boat, folded."""

from __future__ import annotations

from illinstr.minihow.families.base import Family, Item, Look, Scene, gather, put, step, wait


def _sheet(k: Look) -> list[Item]:
    return [put("sheet", 46, 90, 1.15, colour=k["paper"], crease=True), k.hand("flat", 70, 76, 18, size=1.2)]


def _fold(stage: str, pose: str, x: float, y: float, both: bool = False) -> Scene:
    def scene(k: Look) -> list[Item]:
        items = [put("fold", 45, 90, 1.3, colour=k["paper"], stage=stage), k.hand(pose, x, y, 16, size=1.15)]
        return [*items, k.hand(pose, 90 - x, y, 16, flip=True, size=1.15)] if both else items

    return scene


def _boat(k: Look) -> list[Item]:
    return [
        put("boat", 45, 90, 1.2, colour=k["paper"]),
        k.hand("pinch", 80, 66, 8, size=1.1),
        k.hand("pinch", 10, 66, 8, flip=True, size=1.1),
    ]


def _flag(k: Look) -> list[Item]:
    return [put("boat", 42, 93, 1.15, colour=k["paper"], flag=k["flag"]), k.hand("pinch", 47, 40, -4, size=1.15)]


def _float(k: Look) -> list[Item]:
    return [put("boat", 50, 76, 1.0, colour=k["paper"], flag=k["flag"]), put("basin", 50, 94, 1.05, colour=k.main)]


def _sail(k: Look) -> list[Item]:
    return [
        put("basin", 50, 93, 1.12, colour=k.main),
        put("boat", 50, 78, 1.12, colour=k["paper"], flag=k["flag"]),
        put("sparkles", 50, 42, 1.0, spread=38),
    ]


def _boat_things(k: Look) -> list[Item]:
    return [put("sheet", 46, 92, 1.0, colour=k["paper"]), put("scissors", 66, 58, 0.9, colour=k.second)]


def _press_boat(k: Look) -> list[Item]:
    return [put("fold", 43, 90, 1.3, colour=k["paper"], stage="square"), k.hand("flat", 52, 60, 16, size=1.2)]


def _dry_boat(k: Look) -> list[Item]:
    return [put("boat", 42, 92, 1.05, colour=k["paper"], flag=k["flag"])]


FAMILY = Family(
    name="boat",
    category="play",
    attributes={
        "paper": ("red", "blue", "green", "yellow", "white", "pink", "orange"),
        "flag": ("purple", "teal", "black", "gold"),
    },
    phrases=(
        "fold a {paper} paper boat with a {flag} flag",
        "make a {paper} paper boat with a {flag} flag",
        "make a paper boat in {paper} with a {flag} flag",
        "craft a {paper} paper boat with a {flag} flag",
    ),
    steps=(
        gather(_boat_things),
        step(
            "sheet",
            "[Lay|Spread|Smooth] the sheet [flat|on the table]",
            "Start with a flat sheet",
            scene=_sheet,
            weight=3,
        ),
        step(
            "half",
            "Double it over",
            "[Fold|Bend] it in half",
            "Fold the top [edge down|edge to the bottom]",
            "Bring edge to edge",
            scene=_fold("half", "flat", 62, 54),
            weight=4,
        ),
        step(
            "roof",
            "Fold [the|both] corners [to the middle|down|in]",
            "Make a roof of the corners",
            scene=_fold("roof", "flat", 64, 58, True),
            weight=4,
        ),
        step(
            "hat",
            "[Fold|Turn] up the [rim|lower edge] [on both sides|front and back]",
            "Make a hat of it",
            scene=_fold("hat", "pinch", 78, 80, True),
            weight=5,
        ),
        step(
            "square",
            "[Squash|Turn] it into a square",
            "[Open|Press|Push] it into a square",
            "Flatten it the other way",
            scene=_press_boat,
            weight=2,
        ),
        step(
            "press",
            "Crease it well",
            "[Press|Run your finger along] [all folds|each fold]",
            "Sharpen the folds",
            scene=_fold("square", "point", 52, 66),
            extra=True,
        ),
        step(
            "pull",
            "[Spread|Stretch] the two ends",
            "[Pull|Draw] the [tips|corners] apart",
            "Pull it open",
            scene=_boat,
            weight=5,
        ),
        step("flag", "[Stick|Set|Fix] a flag [on top|in the middle]", "Give it a flag", scene=_flag, weight=4.5),
        wait("wait", _dry_boat, hour=2),
        step(
            "float",
            "[Place|Try] it on the water",
            "[Set|Put|Lower] it [on the water|into a basin]",
            "Let it touch the water",
            scene=_float,
            extra=True,
        ),
        step(
            "sail",
            "[Let it|Watch it] [sail|float]",
            "Blow and let it sail",
            "Send it on a voyage",
            scene=_sail,
            weight=9,
        ),
    ),
)
