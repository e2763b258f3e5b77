"""Sandwiches."""

from __future__ import annotations

from illinstr.minihow.families.base import Family, Item, Look, Scene, clean_hands, gather, put, step


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
    return [
        put("board", 50, 91, 1.2),
        put("sandwich", 44, 86, 1.1, bread=k["bread"], lettuce=True, filling=k["filling"], top=True),
        put("knife", 58, 36, 1.15, angle=-24),
        k.hand("fist", 68, 31, 6, size=1.1),
    ]


def _lunch(k: Look) -> list[Item]:
    return [
        put("plate", 50, 93, 1.25, colour=k.main),
        put("sandwich", 50, 86, 1.25, bread=k["bread"], lettuce=True, filling=k["filling"], top=True, cut=True),
        put("sparkles", 50, 42, 1.0, spread=36),
    ]


def _lay_plate(k: Look) -> list[Item]:
    return [put("plate", 44, 92, 1.3, colour=k.main), k.hand("pinch", 84, 78, 14, size=1.15)]


def _bread_things(k: Look) -> list[Item]:
    return [
        put("slice", 30, 84, 0.95, bread=k["bread"]),
        put("plate", 68, 94, 0.8, colour=k.main),
        put("knife", 74, 54, 0.9, angle=-10),
    ]


FAMILY = Family(
    name="sandwich",
    title="sandwiches",
    nouns="sandwich",
    category="kitchen",
    attributes={
        "filling": ("cheese", "ham", "tomato", "cucumber", "egg", "salmon"),
        "bread": ("white", "brown", "rye"),
    },
    phrases=(
        "make a {filling} sandwich with {bread} bread",
        "make a {filling} sandwich on {bread} bread",
        "prepare a {filling} sandwich with {bread} bread",
        "build a {filling} sandwich from {bread} bread",
    ),
    steps=(
        gather(_bread_things),
        clean_hands(),
        step(
            "slices",
            "[Set|Lay] out the bread[| slices]",
            "[Take|Cut|Lay out] two slices[| of bread| from the loaf]",
            "[Put|Lay|Place] two slices [side by side|on the table]",
            "Start with two slices [side by side|of bread|from the loaf]",
            scene=_slice,
            weight=3,
        ),
        step(
            "spread",
            "[Spread|Smear] [butter on it|a little butter|a little butter on it|butter on one slice]",
            "Butter [it|one slice|the bread] [with a knife|thinly|right to the edge]",
            "Cover [it|one slice|the bread] with [butter|a thin layer of butter]",
            "Put a [little|thin layer of] butter on [it|one slice|the bread]",
            "Use a knife to [spread the butter|butter one slice|butter the bread]",
            scene=_spread,
            weight=4,
        ),
        step(
            "leaf",
            "[Lay|Put|Place] a [crisp|fresh|green] leaf on [it|the butter]",
            "[Start|Begin] with a leaf of [salad|lettuce]",
            "Add a [leaf|crisp leaf|fresh leaf] of [salad|lettuce]",
            "Cover the butter with a [crisp|fresh|green] leaf",
            scene=_build(True, False, False),
            weight=3.5,
        ),
        step(
            "fill",
            "[Arrange|Lay|Put|Pile] the filling on [the leaf|the salad]",
            "[Add|Lay on|Put on] the filling[| next| now]",
            "[Layer|Pile] the filling on top[| of the leaf| of the salad]",
            "[Cover|Top] the [leaf|salad] with the filling",
            scene=_build(True, True, False),
            weight=5,
        ),
        step(
            "close",
            "[Lay|Place] the [second|other] slice [over it|on top]",
            "[Close|Cover] it [with the other slice|with the second slice|up]",
            "Put the [lid|other slice|second slice] on[| top]",
            "Press the [lid|other slice|second slice] on [gently|lightly]",
            "Finish with the [other|second] slice[| on top]",
            scene=_build(True, True, True),
            weight=4,
        ),
        step(
            "cut",
            "[Divide|Part] it into [halves|two halves]",
            "[Cut|Slice] it [in half|through the middle|from corner to corner]",
            "[Halve|Divide|Slice] it with a [sharp|big] knife",
            "Take a [sharp|big] knife and [halve it|cut it in two|cut it in half]",
            "Make two [halves|pieces] with a [sharp|big] knife",
            scene=_slicing,
            weight=2.5,
        ),
        step(
            "plate",
            "[Choose|Find|Bring] a [clean plate|plate|nice plate]",
            "[Get|Take] a [plate|clean plate|nice plate][| from the cupboard]",
            "[Set|Lay] out a [plate|clean plate|plate for it]",
            scene=_lay_plate,
            extra=True,
        ),
        step(
            "eat",
            "Dig in[| right away| and enjoy it| with a friend]",
            "[Eat|Serve|Enjoy] it [right away|for lunch|with a friend]",
            "[Share|Have] it [for lunch|with a friend]",
            "Take a [big|first] bite[| right away| and enjoy it]",
            "Your lunch is ready [to eat|to share|to serve]",
            scene=_lunch,
            weight=9,
        ),
    ),
)
