"""Flowers, cactuses, a snowman."""

from __future__ import annotations

from illinstr.minihow.families.base import Family, Item, Look, gather, put, step, wait


def _pot(k: Look, x: float = 42, y: float = 92, size: float = 1.5, **keys: object) -> Item:
    return put("flowerpot", x, y, size, colour=k.main, **keys)


def _petals(k: Look) -> dict[str, str]:
    return {"flower": k["flower"], "petals": k["colour"]}


def _empty(k: Look) -> list[Item]:
    return [_pot(k, 42, 92, 1.75), k.hand("wrap", 66, 70, 10, size=1.2)]


def _soil(k: Look) -> list[Item]:
    return [put("drops", 37, 20, 1.3, colour="soil", shape="grain", spread=5, length=16), _pot(k, 36, 93, 1.45, soil=1),
            put("trowel", 38, 24, 1.15, angle=58, heap="soil"), k.hand("fist", 74, 2, 0, size=1.1)]  # fmt: skip


def _soil_bag(k: Look) -> list[Item]:
    return [put("drops", 35, 18, 1.4, colour="soil", shape="grain", spread=6, length=20), _pot(k, 36, 93, 1.45, soil=1),
            put("bag", 80, 34, 0.95, angle=-72, colour="sage", mark="soil"), k.hand("wrap", 70, 30, 10, size=1.1)]  # fmt: skip


def _hole(k: Look) -> list[Item]:
    return [_pot(k, 40, 93, 1.5, soil=1, hole=1), k.hand("point", 40, 35, -48, size=1.25)]


def _seed(k: Look) -> list[Item]:
    return [_pot(k, 40, 93, 1.5, soil=1, hole=1), put("seed", 41, 25, 1.7), k.hand("pinch", 44, 19, 6, size=1.3)]


def _cover(k: Look) -> list[Item]:
    return [_pot(k, 40, 93, 1.5, soil=1), k.hand("flat", 43, 35, 16, size=1.3)]


def _water(k: Look) -> list[Item]:
    return [put("drops", 22, 30, 1.3, colour="water", spread=5, length=15), _pot(k, 27, 93, 1.3, soil=1), put("can", 68, 46, 1.2, angle=-14, colour=k.second),
            k.hand("fist", 86, 30, 14, size=1.05)]  # fmt: skip


def _sunny(k: Look) -> list[Item]:
    return [put("sun", 22, 20, 1.05), _pot(k, 46, 93, 1.5, soil=1)]


def _sprout(k: Look) -> list[Item]:
    return [_pot(k, 46, 93, 1.5, soil=1, plant="sprout"), put("sparkles", 46, 40, 1.0, spread=28)]


def _leafy(k: Look) -> list[Item]:
    return [put("drops", 38, 22, 1.2, colour="water", spread=5, length=14), _pot(k, 30, 93, 1.3, soil=1, plant="leafy"),
            put("can", 80, 36, 1.0, angle=-14, colour=k.second), k.hand("fist", 93, 22, 14, size=1.0)]  # fmt: skip


def _bud(k: Look) -> list[Item]:
    return [_pot(k, 46, 95, 1.15, soil=1, plant="bud", **_petals(k))]


def _bloom(k: Look) -> list[Item]:
    return [_pot(k, 48, 95, 1.07, soil=1, plant="flower", **_petals(k)), put("sparkles", 48, 44, 1.1, spread=34)]


def _flower_things(k: Look) -> list[Item]:
    return [
        put("bag", 22, 86, 1.15, colour="sage", mark="soil", shadow=True),
        put("can", 74, 84, 1.0, colour=k.second),
        _pot(k, 48, 93, 1.0),
    ]


FLOWER = Family(
    name="flower",
    attributes={"colour": ("red", "yellow", "pink", "purple", "blue", "orange", "white"), "flower": ("tulip", "rose", "daisy", "poppy", "sunflower")},
    phrases=("plant a {colour} {flower}", "grow a {colour} {flower}", "grow a {colour} {flower} in a pot", "raise a {colour} {flower} from seed"),
    steps=(
        gather(_flower_things),
        step("pot", "[Take|Get|Find] [an empty pot|a pot with a hole in its foot|a pot]", "Set a pot on the table", scene=_empty, weight=3),
        step("soil", "[Fill|Top up] it with [soil|earth|potting soil]", "[Scoop|Shovel] soil into the pot", scene=_soil, weight=5),
        step("hole", "[Poke|Press|Make] a [small|little] hole [in the middle|with your finger]", "Push a finger into the soil", scene=_hole, weight=1),
        step("seed", "[Drop|Put|Place] [the seed|one seed] [in|into the hole]", "Plant the seed", scene=_seed, weight=6),
        step("cover", "Cover it [with soil|gently|up]", "[Pat|Press] the soil down [softly|with your hand]", scene=_cover, weight=2),
        step("water", "[Water|Sprinkle] it [well|gently|with the can]", "Give it [some|plenty of] water", scene=_water, weight=4),
        wait("wait", _sunny, hour=8),
        step("sprout", "[Watch|Look] for the first [leaves|shoot]", "[See|Watch] it come up", "Keep it [warm|in the light]", scene=_sprout,
             weight=3.5),
        step("again", "[Water|Sprinkle] it [again|once more|every day]", "Keep the soil moist", scene=_leafy, extra=True),
        step("bloom", "[Enjoy|Admire] [it|the flower|the blossom] [in the sun|when it opens]", "Let it open and bloom", scene=_bloom, weight=9),
    ),
)  # fmt: skip

# --- cactus -----------------------------------------------------------------------------------------------------


def _cactus(k: Look, x: float = 44, y: float = 93, size: float = 1.2, **keys: object) -> Item:
    return put("flowerpot", x, y, size, colour=k["pot"], soil=1, plant="cactus", shape=k["shape"], **keys)


def _named_pot(k: Look) -> list[Item]:
    return [put("flowerpot", 42, 92, 1.75, colour=k["pot"]), k.hand("wrap", 66, 70, 10, size=1.2)]


def _stones(k: Look) -> list[Item]:
    return [
        put("flowerpot", 40, 93, 1.45, colour=k["pot"]),
        put("drops", 40, 16, 1.6, colour="grey", shape="grain", spread=5, length=14),
        k.hand("pinch", 44, 13, 14, size=1.2),
    ]


def _sandy(k: Look) -> list[Item]:
    return [put("drops", 37, 20, 1.3, colour="soil", shape="grain", spread=5, length=16), put("flowerpot", 36, 93, 1.45, colour=k["pot"], soil=1),
            put("trowel", 38, 24, 1.15, angle=58, heap="soil"), k.hand("fist", 74, 2, 0, size=1.1)]  # fmt: skip


def _dig(k: Look) -> list[Item]:
    return [put("flowerpot", 40, 93, 1.45, colour=k["pot"], soil=1, hole=1), k.hand("point", 40, 37, -48, size=1.25)]


def _lower(k: Look) -> list[Item]:
    return [put("plant", 42, 40 if k["shape"] == "round" else 46, 0.95, plant="cactus", shape=k["shape"], roots=True), put("flowerpot", 42, 95, 1.15, colour=k["pot"], soil=1, hole=1),
            k.hand("wrap", 54, 26, 12, size=1.1)]  # fmt: skip


def _press(k: Look) -> list[Item]:
    return [_cactus(k), k.hand("flat", 66, 46, 22, size=1.1)]


def _sprinkle(k: Look) -> list[Item]:
    return [put("drops", 38, 22, 1.2, colour="water", spread=5, length=14), _cactus(k, 30, 94, 1.15), put("can", 80, 36, 1.0, angle=-14, colour=k.second),
            k.hand("fist", 93, 22, 14, size=1.0)]  # fmt: skip


def _sill(k: Look) -> list[Item]:
    return [put("sun", 20, 20, 1.0), _cactus(k, 52, 94)]


def _waiting(k: Look) -> list[Item]:
    return [_cactus(k, 36, 94)]


def _flowering(k: Look) -> list[Item]:
    return [_cactus(k, 50, 94, 1.18, petals="pink"), put("sparkles", 50, 44, 1.0, spread=36)]


def _cactus_things(k: Look) -> list[Item]:
    return [
        put("bag", 22, 86, 1.1, colour="sage", mark="soil", shadow=True),
        put("can", 78, 82, 0.9, colour=k.second),
        put("flowerpot", 48, 93, 0.95, colour=k["pot"]),
    ]


CACTUS = Family(
    name="cactus",
    attributes={"shape": ("round", "tall"), "pot": ("red", "blue", "yellow", "white", "green", "purple", "pink", "orange")},
    phrases=("pot a {shape} cactus in a {pot} pot", "plant a {shape} cactus in a {pot} pot", "put a {shape} cactus into a {pot} pot", "repot a {shape} cactus in a {pot} pot"),
    steps=(
        gather(_cactus_things),
        step("pot", "[Pick|Choose] [a pot for it|its new home]", "[Take|Get|Find] [an empty pot|a pot with a hole in its foot]", "Set a pot on the table", scene=_named_pot, weight=3),
        step("stones", "[Drop|Put] [some|a few] [stones|pebbles] in", "Start with a layer of pebbles", scene=_stones, extra=True),
        step("soil", "[Fill|Top up] it with [soil|sandy earth]", "[Scoop|Shovel] soil into the pot", scene=_sandy, weight=4.5),
        step("hole", "[Poke|Press|Make] a hole [in the middle|with your finger]", "Push a finger into the soil", scene=_dig, weight=1.5),
        step("plant", "[Lower|Set|Put] [the plant|it] [in|into the hole]", "Plant it [upright|carefully]", scene=_lower, weight=6),
        step("press", "Firm the soil [around it|with your fingers]", "[Press|Pat] the soil [down|softly]", "Make it stand firm", scene=_press, weight=2),
        step("water", "Let it drink a [little|drop]", "[Water|Sprinkle] it [just a little|with the can]", "Give it a sip of water", scene=_sprinkle, weight=4),
        step("sun", "[Put|Set|Keep] it in the [sun|light]", "Find it a sunny place", scene=_sill, weight=3),
        wait("wait", _waiting, hour=8),
        step("bloom", "[Enjoy|Admire] [it|its blossom]", "Let it bloom", "Be proud of [it|your plant]", scene=_flowering, weight=9),
    ),
)  # fmt: skip

# --- snowman ------------------------------------------------------------------------------------------------------


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


SNOWMAN = Family(
    name="snowman",
    ground="snow",
    attributes={"hat": ("red", "blue", "green", "black", "purple", "brown"), "scarf": ("yellow", "pink", "orange", "teal", "white")},
    phrases=("build a snowman with a {hat} hat and a {scarf} scarf", "make a snowman with a {hat} hat and a {scarf} scarf",
             "build a snowman in a {hat} hat and a {scarf} scarf", "make a snowman wearing a {hat} hat and a {scarf} scarf"),
    steps=(
        gather(_snow_things),
        step("dress", "[Button up|Bundle up] against the cold", "[Dress|Wrap up] [warmly|well]", "Put on something warm", scene=_coat, extra=True),
        step("start", "[Pack|Shape] some snow with your hands", "[Press|Squeeze|Form] a handful of snow", "Make a small ball [first|with both hands]", scene=_handful, weight=3),
        step("roll", "Keep rolling [it|the ball]", "[Roll|Push] it [through the snow|until it is big]", "Let it grow as you roll", scene=_roll, weight=5),
        step("stack", "Build the middle [next|on top]", "[Set|Put|Lift] a smaller ball on it", "Stack the next ball on top", scene=_stack, weight=4),
        wait("pause", _pause, hour=1),
        step("head", "[Roll|Make] a small one for the head", "[Add|Lift up|Set on] the head", "Put the smallest ball on top", scene=_head, weight=4),
        step("buttons", "Dot its front with [buttons|pebbles]", "[Press|Push] in [buttons|pebbles] for a coat", "Give it a row of buttons", scene=_eyes, extra=True),
        step("face", "[Draw|Set] its eyes and nose", "[Make|Give it|Shape] a face", "Push in a carrot for a nose", scene=_face, weight=5),
        step("arms", "Push a branch into each side", "[Add|Stick in] [two sticks|branches] [for arms|at the sides]", scene=_arms, weight=2),
        step("scarf", "[Dress|Warm] its neck", "[Wind|Wrap|Tie] something warm around its neck", "Keep its neck warm", scene=_scarf, weight=3),
        step("hat", "Give it [something to wear on top|a finishing touch]", "[Crown it|Finish it|Top it off]", "Put something on its head", "Cover its head", scene=_hat, weight=3.5),
        step("done", "[Stand back|Step back] and smile", "[Wave to|Admire|Greet] your new friend", "Take a picture of it", scene=_done, weight=9),
    ),
)  # fmt: skip

FAMILIES = (FLOWER, CACTUS, SNOWMAN)
