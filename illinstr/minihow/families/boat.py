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
    title="paper boats",
    nouns="boat ship",
    verbs="fold",
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
            "[Lay|Spread|Smooth] the [sheet|paper] [flat|on the table|flat on the table]",
            "[Start|Begin] with a flat [sheet|piece of paper]",
            "[Take|Use] a flat [sheet|piece of paper]",
            "[Place|Lay] the [sheet|paper] [in front of you|flat in front of you]",
            scene=_sheet,
            weight=3,
        ),
        step(
            "half",
            "Double [it|the sheet|the paper] over",
            "[Fold|Bend] [it|the sheet|the paper] in half",
            "[Fold|Bring|Bend] the top edge [down|to the bottom|down to the bottom edge]",
            "Bring edge to edge",
            "[Make|Put] [a|one|the first] fold across the middle",
            scene=_fold("half", "flat", 62, 54),
            weight=4,
        ),
        step(
            "roof",
            "[Fold|Bend|Bring] [the|both] corners [to the middle|down|in]",
            "Make a [roof|triangle] of the corners",
            "Make a [roof|point|triangle] from the corners",
            "Let [the|both|the two] corners meet in the middle",
            scene=_fold("roof", "flat", 64, 58, True),
            weight=4,
        ),
        step(
            "hat",
            "[Fold|Turn|Bend|Flip] up the [rim|lower edge] [on both sides|front and back]",
            "Make a [hat|paper hat] [of|from|out of] it",
            "Turn it into a [hat|paper hat|little hat]",
            scene=_fold("hat", "pinch", 78, 80, True),
            weight=5,
        ),
        step(
            "square",
            "[Squash|Turn|Open|Press|Push|Flatten] it into a [square|diamond]",
            "[Flatten|Squash|Open] it the other way",
            "[Open|Flatten|Squash] the hat into a [square|diamond]",
            "Make a [square|diamond] [of|from|out of] it",
            scene=_press_boat,
            weight=2,
        ),
        step(
            "press",
            "Crease [it|all folds|each fold] well",
            "[Press|Run your finger along|Sharpen|Go over] [all folds|each fold|the folds]",
            "Make [all folds|each fold|the folds] [sharp|crisp]",
            "Rub along [all folds|each fold|the folds] [with your finger|well]",
            scene=_fold("square", "point", 52, 66),
            extra=True,
        ),
        step(
            "pull",
            "[Spread|Stretch] the two [ends|tips]",
            "[Pull|Draw] the [tips|corners|two ends|two tips] apart",
            "[Pull|Draw|Stretch] it open",
            "Take [both|the two] [tips|ends] and pull",
            "[Grip|Hold] [both|the two] [tips|ends] and pull them apart",
            scene=_boat,
            weight=5,
        ),
        step(
            "flag",
            "[Stick|Set|Fix|Put|Plant] a [flag|little flag] [on top|in the middle]",
            "Give it [a flag|a little flag|a flag on top]",
            "[Add|Raise] a [flag|little flag]",
            "[Top|Decorate] it with a [flag|little flag|tiny flag]",
            scene=_flag,
            weight=4.5,
        ),
        wait("wait", _dry_boat, hour=2),
        step(
            "float",
            "[Place|Set|Put|Lower] it [on the water|into a basin|into the basin]",
            "Try it [on the water|in the basin|in a basin]",
            "Let it [touch|meet|gently touch] the [water|surface of the water]",
            "[Set|Lower] it onto the [surface|surface of the water]",
            "[Ease|Let] it down [onto the water|into the basin]",
            "[Bring|Carry] it to [the water|a basin|the basin]",
            scene=_float,
            extra=True,
        ),
        step(
            "sail",
            "[Let it|Watch it] [sail|float|sail away|sail out to sea]",
            "Blow and [let|watch|make] it [sail|float|sail away]",
            "[Send|Take] it [on a voyage|on a long voyage|on a journey|out to sea]",
            "Wish it a [good|safe|happy] [voyage|journey]",
            scene=_sail,
            weight=9,
        ),
    ),
)
