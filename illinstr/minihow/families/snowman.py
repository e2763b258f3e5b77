"""A snowman, outdoors."""

from __future__ import annotations

from illinstr.minihow.families.base import Family, Item, Look, gather, put, step, wait


def _man(k: Look, x: float = 42, y: float = 93, size: float = 0.98, **keys: object) -> Item:
    return put("snowman", x, y, size, **keys)


def _handful(k: Look) -> list[Item]:
    return [
        put("snowball", 46, 74, 1.0, r=12, shadow=False),
        k.hand("flat", 54, 70, 18, size=1.2),
        k.hand("flat", 38, 70, 18, flip=True, size=1.2),
    ]


def _roll(k: Look) -> list[Item]:
    return [put("snowball", 36, 92, 1.0, r=27), k.hand("flat", 60, 62, 14, size=1.2)]


def _stack(k: Look) -> list[Item]:
    return [_man(k, balls=2), k.hand("wrap", 56, 62, 12, size=1.15)]


def _head(k: Look) -> list[Item]:
    return [_man(k), k.hand("wrap", 50, 37, 12, size=1.05), k.hand("wrap", 34, 37, 12, flip=True, size=1.05)]


def _eyes(k: Look) -> list[Item]:
    return [_man(k, buttons=True), k.hand("pinch", 45, 52, 14, size=1.15)]


def _face(k: Look) -> list[Item]:
    return [_man(k, face=True, buttons=True), k.hand("pinch", 55, 27, 10, size=1.15)]


def _arms(k: Look) -> list[Item]:
    return [_man(k, face=True, buttons=True, arms=True), k.hand("pinch", 74, 42, 14, size=1.1)]


def _scarf(k: Look) -> list[Item]:
    return [_man(k, face=True, buttons=True, arms=True, scarf=k["scarf"]), k.hand("pinch", 53, 37, 10, size=1.1)]


def _dressed(k: Look) -> dict[str, object]:
    return {"face": True, "buttons": True, "arms": True, "scarf": k["scarf"], "hat": k["hat"]}


def _hat(k: Look) -> list[Item]:
    return [_man(k, 42, 96, 0.92, **_dressed(k)), k.hand("pinch", 52, 16, 10, size=1.1)]


def _done(k: Look) -> list[Item]:
    return [_man(k, 50, 96, 0.97, **_dressed(k)), put("sparkles", 50, 40, 1.0, spread=38)]


def _pause(k: Look) -> list[Item]:
    return [_man(k, 38, balls=2)]


def _snow_things(k: Look) -> list[Item]:
    return [
        put("tophat", 28, 84, 1.15, hat=k["hat"]),
        put("carrot-nose", 52, 94, 1.2),
        put("garment", 74, 38, 1.05, garment="scarf", colour=k["scarf"]),
    ]


def _coat(k: Look) -> list[Item]:
    return [put("garment", 42, 30, 1.25, garment="scarf", colour=k.main), k.hand("pinch", 58, 36, 10, size=1.15)]


FAMILY = Family(
    name="snowman",
    title="snowmen",
    nouns="snowman snowmen",
    category="play",
    ground="snow",
    attributes={
        "hat": ("red", "blue", "green", "black", "purple", "brown"),
        "scarf": ("yellow", "pink", "orange", "teal", "white"),
    },
    phrases=(
        "build a snowman with a {hat} hat and a {scarf} scarf",
        "make a snowman with a {hat} hat and a {scarf} scarf",
        "build a snowman in a {hat} hat and a {scarf} scarf",
        "make a snowman wearing a {hat} hat and a {scarf} scarf",
    ),
    steps=(
        gather(_snow_things),
        step(
            "dress",
            "[Button up|Bundle up|Dress|Wrap up] [against the cold|warmly|well]",
            "Put on [something warm|warm clothes|your warm clothes]",
            "Get dressed [warmly|for the cold|for the snow]",
            "Wear [something warm|warm clothes] in the snow",
            "Keep yourself warm [in the snow|in the cold]",
            scene=_coat,
            extra=True,
        ),
        step(
            "start",
            "[Pack|Shape|Press|Squeeze] [some snow|a handful of snow] with your hands",
            "[Press|Squeeze|Form] a handful of snow [into a ball|]",
            "Make a small ball [first|with both hands]",
            "[Shape|Form] a small ball [of snow|with both hands]",
            "Start with a [handful of snow|small ball of snow]",
            "Scoop up [some|a handful of] snow",
            scene=_handful,
            weight=3,
        ),
        step(
            "roll",
            "Keep [rolling|pushing] [it|the ball]",
            "[Roll|Push] [it|the ball] [through the snow|until it is big|along the ground]",
            "Let [it|the ball] grow as you [roll|push]",
            "Make the ball [big|grow] as you roll",
            "Let it grow big",
            scene=_roll,
            weight=5,
        ),
        step(
            "stack",
            "Build the middle [next|on top]",
            "[Set|Put|Lift] a smaller ball on it",
            "Stack the next ball on top",
            "[Stack|Put|Set] the [second|middle] ball on top",
            "[Lift|Stack|Place] a second ball on the big one",
            "Add [the middle|a second ball] next",
            "Build the body with a second ball",
            "Add a smaller ball for the [middle|body]",
            scene=_stack,
            weight=4,
        ),
        wait("pause", _pause, hour=1),
        step(
            "head",
            "[Roll|Make|Add] a small [one|ball] for the head",
            "[Add|Lift up|Set on] the head",
            "[Put|Set|Lift] the smallest ball on top",
            "Use the smallest ball for the head",
            "Give it a [small head|head of snow]",
            "Place the [head|smallest ball] [on top|up on top]",
            "Make the head from [the smallest ball|snow]",
            scene=_head,
            weight=4,
        ),
        step(
            "buttons",
            "Dot its [front|belly] with [buttons|pebbles]",
            "[Press|Push|Stick] in [buttons|pebbles] [for a coat|down its front]",
            "Give it a row of [buttons|pebbles|coat buttons]",
            "Add [buttons|a row of pebbles|a row of buttons] [down its front|on its belly]",
            "Stick pebbles on its belly",
            scene=_eyes,
            extra=True,
        ),
        step(
            "face",
            "[Draw|Set|Make] its [eyes and nose|eyes and mouth]",
            "[Make|Give it|Shape] a [face|happy face|smiling face]",
            "[Push|Stick] in a carrot for [a|the] nose",
            "Give it [eyes and a nose|a carrot nose|a nose and a mouth]",
            "Use a carrot for [a|the] nose",
            "Draw a [happy|smiling] face",
            "Set in a carrot nose",
            scene=_face,
            weight=5,
        ),
        step(
            "arms",
            "[Push|Stick] a [branch|stick] into each side",
            "[Add|Stick in] [two sticks|branches] [for arms|at the sides]",
            "Give it arms made of [sticks|branches]",
            "Make its arms from [two sticks|branches]",
            "Use [two sticks|branches|two branches] for [arms|its arms]",
            "Push in two [sticks|branches] for arms",
            scene=_arms,
            weight=2,
        ),
        step(
            "scarf",
            "[Dress|Warm] its neck",
            "[Wind|Wrap|Tie|Put] something [warm|soft] around its neck",
            "Keep its neck [warm|cosy|warm and cosy]",
            "Give its neck something [warm|soft] to wear",
            "Dress its neck in something [warm|soft|cosy]",
            "Warm its neck with something [soft|cosy]",
            "Make its neck [warm|cosy]",
            "Tie a soft knot around its neck",
            "Knot something warm around its neck",
            scene=_scarf,
            weight=3,
        ),
        step(
            "hat",
            "Give it [something to wear on top|a finishing touch]",
            "[Crown it|Finish it|Top it off]",
            "Put something [on its head|smart on its head|on its bare head]",
            "Cover its [head|bare head] [with something smart|]",
            "Crown [it|its head] with something smart",
            "[Top it off|Finish it off] with something on its head",
            "Give its head something [smart|nice] to wear",
            "Set something [smart|nice] on its head",
            "[Add|Put] [a finishing touch|something nice] on its head",
            scene=_hat,
            weight=3.5,
        ),
        step(
            "done",
            "[Stand back|Step back] and [smile|admire it|enjoy it]",
            "[Wave to|Admire|Greet] your new [friend|snowman]",
            "Take a [picture|photo] of [it|your new friend]",
            "[Be proud of|Admire|Enjoy] your [work|good work]",
            "Smile at your new [friend|snowman]",
            "Your snowman is [ready|done]",
            scene=_done,
            weight=9,
        ),
    ),
)
