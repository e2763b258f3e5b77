"""A gift, wrapped."""

from __future__ import annotations

from illinstr.minihow.families.base import Family, Item, Look, gather, put, step

_COLOURS = ("red", "blue", "green", "yellow", "purple", "pink", "orange")


def _ribbon(k: Look) -> str:
    return k["ribbon"]


def _box(k: Look) -> list[Item]:
    return [put("box", 42, 90, 1.3), k.hand("wrap", 72, 66, 12, size=1.25)]


def _fill_box(k: Look) -> list[Item]:
    return [
        put("box", 46, 92, 1.2, open=True),
        put("heart", 46, 26, 1.5, colour=k.second),
        k.hand("pinch", 54, 20, 16, size=1.2),
    ]


def _paper(k: Look) -> list[Item]:
    return [
        put("sheet", 46, 90, 1.15, colour=k["paper"], dots=True),
        k.hand("flat", 66, 76, 20, size=1.25),
        k.hand("flat", 22, 78, 16, flip=True, size=1.15),
    ]


def _snip(k: Look) -> list[Item]:
    return [
        put("sheet", 42, 90, 1.15, colour=k["paper"], dots=True),
        put("scissors", 62, 66, 1.15, angle=-18, colour=k.second),
        k.hand("fist", 84, 62, 4, size=1.1),
    ]


def _on_paper(k: Look) -> list[Item]:
    return [
        put("sheet", 48, 93, 1.2, colour=k["paper"], dots=True),
        put("box", 46, 80, 1.0),
        k.hand("wrap", 66, 60, 6, size=1.15),
    ]


def _wrap_up(k: Look) -> list[Item]:
    return [
        put("parcel", 47, 90, 1.15, colour=k["paper"]),
        k.hand("flat", 72, 54, 28, size=1.1),
        k.hand("flat", 22, 54, 28, flip=True, size=1.1),
    ]


def _tape(k: Look) -> list[Item]:
    return [put("box", 44, 90, 1.3, colour=k["paper"], dots=True, taped=True), k.hand("flat", 50, 46, 14, size=1.2)]


def _ribbon_out(k: Look) -> list[Item]:
    return [put("spool", 38, 90, 1.55, colour=_ribbon(k)), k.hand("pinch", 86, 86, -10, size=1.1)]


def _tie(k: Look) -> list[Item]:
    return [
        put("box", 46, 91, 1.25, colour=k["paper"], dots=True, ribbon=_ribbon(k)),
        k.hand("pinch", 51, 36, 14, size=1.15),
        k.hand("pinch", 41, 36, 14, flip=True, size=1.15),
    ]


def _bow(k: Look) -> list[Item]:
    return [
        put("box", 50, 92, 1.35, colour=k["paper"], dots=True, ribbon=_ribbon(k), bow=True),
        put("sparkles", 50, 50, 1.1, spread=36),
    ]


def _gift_things(k: Look) -> list[Item]:
    return [
        put("box", 28, 84, 0.85),
        put("spool", 64, 84, 0.9, colour=_ribbon(k)),
        put("scissors", 60, 44, 0.9, colour=k.second),
    ]


FAMILY = Family(
    name="gift",
    title="wrapped gifts",
    nouns="gift present parcel",
    verbs="wrap pack",
    made=False,
    category="crafts",
    attributes={"paper": _COLOURS, "ribbon": ("gold", "white", "red", "blue", "green")},
    phrases=(
        "wrap a gift in {paper} paper with a {ribbon} ribbon",
        "wrap a present in {paper} paper with a {ribbon} ribbon",
        "wrap a box in {paper} paper and tie a {ribbon} ribbon",
        "pack a gift in {paper} paper with a {ribbon} ribbon",
    ),
    steps=(
        gather(_gift_things),
        step(
            "box",
            "[Find|Take|Choose|Get] a [sturdy box|box|box that fits]",
            "[Set|Put] [a box|a sturdy box] on the table",
            "Bring a [sturdy box|box] to the table",
            "Start with a [box|sturdy box|box that fits]",
            "Pick out a [box|sturdy box|box that fits]",
            scene=_box,
            weight=2,
        ),
        step(
            "fill",
            "[Lay|Put|Place] [your surprise|something nice] [inside|in]",
            "[Hide|Drop] [the|your] surprise [inside|in the box]",
            "Fill the box with [something nice|your surprise]",
            "Open the box and [fill it|put something in]",
            "Let [the surprise|something nice] drop into the box",
            scene=_fill_box,
            extra=True,
        ),
        step(
            "paper",
            "[Spread|Smooth|Lay] the sheet [out flat|on the table]",
            "[Unroll|Open] the sheet [on the table|]",
            "[Spread|Smooth|Lay] the whole sheet flat [on the table|]",
            "[Smooth|Press] the sheet flat [with both hands|]",
            "[Unroll|Open] the whole sheet",
            "Make the sheet lie flat",
            "Let the [sheet|whole sheet] lie [flat|on the table]",
            scene=_paper,
            weight=3,
        ),
        step(
            "cut",
            "[Cut|Trim] the sheet [to size|with scissors|to fit the box]",
            "[Snip|Cut|Trim] off what is too [long|much]",
            "Use scissors to [cut|trim|snip] the sheet",
            "Snip the sheet [to size|with scissors]",
            "Take the scissors and [cut|trim|snip] the sheet",
            "Make the sheet fit with scissors",
            scene=_snip,
            weight=4,
        ),
        step(
            "place",
            "[Set|Put|Place|Stand] the box [on it|in the middle of the sheet|on the sheet]",
            "Centre the box on [the sheet|it]",
            "Move the box to the middle of [the sheet|it]",
            "Slide the sheet under the box",
            scene=_on_paper,
            weight=2.5,
        ),
        step(
            "wrap",
            "[Fold|Bring|Pull] [both sides|the sides] [up|over the box]",
            "Wrap [it|the box] [up|snugly|up snugly]",
            "Cover the box with the [sheet|whole sheet]",
            "[Fold|Pull|Wrap] the sheet [over|around] the box",
            scene=_wrap_up,
            weight=5,
        ),
        step(
            "tape",
            "[Tape|Stick] [it|the edge] [down|shut|in place]",
            "Close [it|the edge] with [tape|a piece of tape]",
            "Use [tape|a piece of tape] to [close it|hold it shut]",
            "Press [some|a piece of] tape over the edge",
            "Hold the edge [down|in place] with tape",
            scene=_tape,
            extra=True,
            weight=2,
        ),
        step(
            "roll",
            "[Measure|Unroll|Pull off] [a long piece|enough] [of ribbon|from the spool]",
            "Unwind [a long piece|enough ribbon|the spool]",
            "Take [a long piece|enough ribbon|enough] [from|off] the spool",
            "[Pull|Draw] [some|enough] ribbon from the spool",
            "Let the spool unwind",
            "Draw out a long piece of ribbon",
            scene=_ribbon_out,
            extra=True,
        ),
        step(
            "tie",
            "[Tie|Wind|Put] the ribbon [around it|round the box]",
            "Cross the ribbon [and pull it tight|over the box|and knot it]",
            "[Knot|Tie|Pull] the ribbon [tight|firmly] around it",
            "Make a [tight|firm] knot in the ribbon",
            "Lead the ribbon [around it|round the box]",
            "Knot the ribbon [tight|firmly] over the box",
            "Pull the knot tight",
            scene=_tie,
            weight=4.5,
        ),
        step(
            "bow",
            "[Finish|Top it off|Decorate it] with a [big bow|bow|pretty bow]",
            "Tie a [pretty bow|bow|big bow] on top",
            "[Make|Add] a [big|pretty] bow on top",
            "Give it a [big|pretty] bow",
            "Loop the ribbon into a [bow|big bow|pretty bow]",
            "Your [gift|present] is [ready|finished]",
            scene=_bow,
            weight=9,
        ),
    ),
)
