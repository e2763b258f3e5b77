"""Presents, birdhouses, candles, paper boats, dyed clothes."""

from __future__ import annotations

from illinstr.minihow.families.base import Family, Item, Look, Scene, gather, put, step, wait

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


GIFT = Family(
    name="gift",
    attributes={"paper": _COLOURS, "ribbon": ("gold", "white", "red", "blue", "green")},
    phrases=("wrap a gift in {paper} paper with a {ribbon} ribbon", "wrap a present in {paper} paper with a {ribbon} ribbon",
             "wrap a box in {paper} paper and tie a {ribbon} ribbon", "pack a gift in {paper} paper with a {ribbon} ribbon"),
    steps=(
        gather(_gift_things),
        step("box", "[Find|Take|Choose] a [sturdy box|box|box that fits]", "Set a box on the table", scene=_box, weight=2),
        step("fill", "[Lay|Put|Place] [your surprise|something nice] [inside|in]", "Hide the surprise inside", scene=_fill_box, extra=True),
        step("paper", "[Spread|Smooth|Lay] the sheet [out flat|on the table]", "Unroll the sheet", scene=_paper, weight=3),
        step("cut", "[Cut|Trim] the sheet [to size|with scissors]", "Snip off what is too [long|much]", scene=_snip, weight=4),
        step("place", "[Set|Put|Place] the box [on it|in the middle of the sheet]", "Centre the box on the sheet", scene=_on_paper, weight=2.5),
        step("wrap", "[Fold|Bring|Pull] [both sides|the sides] [up|over the box]", "Wrap it [up|snugly]", scene=_wrap_up, weight=5),
        step("tape", "[Tape|Stick] it [down|shut|in place]", "Close it with tape", scene=_tape, extra=True, weight=2),
        step("roll", "[Measure|Unroll|Pull off] [a long piece|enough] [of ribbon|from the spool]", scene=_ribbon_out, extra=True),
        step("tie", "[Tie|Wind|Put] the ribbon [around it|round the box]", "Cross the ribbon and pull it tight", scene=_tie, weight=4.5),
        step("bow", "[Finish|Top it off] with a [big bow|bow]", "Tie a [pretty bow|bow] on top", scene=_bow, weight=9),
    ),
)  # fmt: skip


def _house(k: Look, x: float = 40, y: float = 92, size: float = 1.35, **keys: object) -> Item:
    return put("birdhouse", x, y, size, **keys)


def _sand(k: Look) -> list[Item]:
    return [_house(k), put("sandpaper", 60, 70, 1.15, angle=80), k.hand("flat", 62, 68, 12, size=1.2)]


def _dust(k: Look) -> list[Item]:
    return [_house(k), put("cloth", 62, 76, 0.8, colour=k.second, angle=-20), k.hand("flat", 64, 66, 20, size=1.2)]


def _tins(k: Look) -> list[Item]:
    return [put("paint", 28, 90, 1.45, colour=k["walls"]), put("paint", 70, 90, 1.45, colour=k["roof"])]


def _dip(k: Look) -> list[Item]:
    return [
        put("paint", 38, 92, 1.9, colour=k["walls"]),
        put("brush", 40, 44, 1.2, angle=-58, colour=k["walls"]),
        k.hand("pinch", 58, 16, 10, size=1.15),
    ]


def _paint_walls(k: Look) -> list[Item]:
    return [
        _house(k, 34, walls=k["walls"]),
        put("brush", 52, 66, 1.1, colour=k["walls"], angle=-12),
        k.hand("pinch", 86, 60, 10, size=1.1),
    ]


def _paint_roof(k: Look) -> list[Item]:
    return [
        _house(k, 36, walls=k["walls"], roof=k["roof"]),
        put("brush", 62, 40, 1.1, colour=k["roof"], angle=-24),
        k.hand("pinch", 92, 28, 10, size=1.1),
    ]


def _painted(k: Look) -> list[Item]:
    return [_house(k, 44, walls=k["walls"], roof=k["roof"])]


def _raw(k: Look) -> list[Item]:
    return [_house(k, 44)]


def _half_painted(k: Look) -> list[Item]:
    return [_house(k, 44, walls=k["walls"])]


def _bird(k: Look) -> list[Item]:
    return [
        _house(k, 50, 93, 1.4, walls=k["walls"], roof=k["roof"], bird=True),
        put("sparkles", 50, 50, 1.1, spread=36),
    ]


def _carry(k: Look) -> list[Item]:
    return [_house(k, 44, 84, 1.25, walls=k["walls"], roof=k["roof"], shadow=False), k.hand("wrap", 66, 66, 12, size=1.2),
            k.hand("wrap", 20, 66, 12, flip=True, size=1.1)]  # fmt: skip


def _house_things(k: Look) -> list[Item]:
    return [
        _house(k, 26, 86, 0.95),
        put("paint", 62, 84, 0.95, colour=k["walls"]),
        put("paint", 84, 90, 0.95, colour=k["roof"]),
    ]


BIRDHOUSE = Family(
    name="birdhouse",
    attributes={"walls": ("red", "blue", "yellow", "green", "white", "pink"), "roof": ("brown", "purple", "teal", "orange", "black")},
    phrases=("paint a {walls} birdhouse with a {roof} roof", "decorate a {walls} birdhouse with a {roof} roof",
             "paint a birdhouse {walls} with a {roof} roof", "colour a birdhouse {walls} with a {roof} roof"),
    steps=(
        gather(_house_things),
        step("raw", "[Start with|Take|Buy] [a plain wooden one|bare wood]", "Put the bare wood in front of you", scene=_raw, extra=True),
        step("sand", "[Sand|Smooth] [the wood|the sides|all sides] [until smooth|with sandpaper]", "Rub down the rough wood", scene=_sand, weight=3),
        step("dust", "Clean the [wood|surface]", "[Wipe|Brush] [off the dust|the dust away]", "Take the dust off with a cloth", scene=_dust, extra=True),
        step("tins", "[Open|Stir|Set out] [the paint|both tins|the tins]", "Get the paint ready", scene=_tins, weight=2),
        step("dip", "[Wet|Soak] the brush with paint", "[Dip|Put] the brush [in|into the tin]", "Load the brush with paint", scene=_dip, weight=1.5),
        step("walls", "[Paint|Brush] the walls [first|evenly|all around]", "Cover the walls with paint", scene=_paint_walls, weight=5),
        wait("dry1", _half_painted, hour=2),
        step("roof", "[Paint|Brush] the roof [next|too|on both sides]", "Give the roof its own colour", scene=_paint_roof, weight=5),
        wait("dry2", _painted, hour=8),
        step("hang", "[Carry|Take|Bring] it [outside|to the garden]", "Hang it [in a tree|up]", scene=_carry, weight=2.5),
        step("bird", "[Wait for|Welcome|Watch for] [your first guest|a bird]", "Let a bird move in", scene=_bird, weight=9),
    ),
)  # fmt: skip


def _candle(k: Look, x: float = 42, y: float = 92, size: float = 1.55, **keys: object) -> Item:
    return put("candle", x, y, size, glass=k["kind"] == "jar", **keys)


def _flakes(k: Look) -> list[Item]:
    return [
        put("pot", 42, 93, 1.3, colour=k.main, fill="wax"),
        put("wax", 44, 32, 0.8, colour="wax"),
        k.hand("pinch", 52, 18, 18, size=1.2),
    ]


def _melt(k: Look) -> list[Item]:
    return [
        put("stove", 50, 93, 1.25),
        put("pot", 50, 81, 1.2, colour=k.main, fill="wax", shadow=False),
        put("steam", 50, 34, 1.1),
    ]


def _tint(k: Look) -> list[Item]:
    return [put("pot", 42, 93, 1.3, colour=k.main, fill=k["colour"]), put("drops", 42, 24, 1.0, colour=k["colour"], spread=3, length=20),
            put("bottle", 62, 18, 0.8, angle=-110, colour=k["colour"], open=True), k.hand("wrap", 60, 16, 6, size=1.05)]  # fmt: skip


def _stir_wax(k: Look) -> list[Item]:
    return [
        put("pot", 42, 93, 1.3, colour=k.main, fill=k["colour"]),
        put("swirl", 42, 50, 1.3),
        put("spoon", 46, 48, 1.1),
        k.hand("fist", 48, 16, 8, size=1.1),
    ]


def _wick(k: Look) -> list[Item]:
    return [put("jar", 42, 92, 1.6), put("string", 43, 22, 1.2, length=46), k.hand("pinch", 44, 19, 16, size=1.2)]


def _pour_wax(k: Look) -> list[Item]:
    return [put("stream", 31, 34, 1.0, colour=k["colour"], length=36), _candle(k, 31, 93, 1.35, colour=k["colour"], level=0.6, wick=True),
            put("jug", 60, 52, 1.05, angle=-52, colour=k.second, fill=k["colour"]), k.hand("fist", 74, 36, -4, size=1.1)]  # fmt: skip


def _set_wax(k: Look) -> list[Item]:
    return [_candle(k, colour=k["colour"], wick=True)]


def _trim(k: Look) -> list[Item]:
    return [
        _candle(k, 38, colour=k["colour"], wick=True),
        put("scissors", 64, 36, 1.0, colour=k.second, angle=8),
        k.hand("fist", 84, 38, 10, size=1.1),
    ]


def _light(k: Look) -> list[Item]:
    return [
        _candle(k, 38, colour=k["colour"], wick=True, lit=True),
        put("match", 50, 30, 1.0),
        k.hand("pinch", 74, 33, 12, size=1.15),
    ]


def _glow(k: Look) -> list[Item]:
    return [_candle(k, 50, 92, 1.7, colour=k["colour"], wick=True, lit=True), put("sparkles", 50, 46, 1.0, spread=36)]


def _candle_things(k: Look) -> list[Item]:
    return [
        put("pot", 66, 84, 0.85, colour=k.main),
        put("wax", 26, 90, 1.1, colour="wax"),
        put("bottle", 46, 92, 0.85, colour=k["colour"], shadow=True),
    ]


CANDLE = Family(
    name="candle",
    attributes={"colour": ("red", "blue", "green", "yellow", "purple", "pink", "orange", "white"), "kind": ("jar", "pillar")},
    phrases=("make a {colour} {kind} candle", "pour a {colour} {kind} candle", "make your own {colour} {kind} candle", "craft a {colour} {kind} candle"),
    steps=(
        gather(_candle_things),
        step("flakes", "[Put|Drop|Tip] the wax [in a pot|into a pot]", "[Fill|Load] a pot with wax", scene=_flakes, weight=3),
        step("melt", "[Melt|Heat] it [slowly|gently|on the stove]", "Warm it until it runs", scene=_melt, weight=5),
        step("tint", "[Add|Drop in] the [dye|colour]", "Tint it [with a few drops|evenly]", scene=_tint, weight=3.5),
        step("stir", "[Stir|Mix] it [well|with a spoon|slowly]", "Keep stirring", scene=_stir_wax, weight=1.5),
        step("wick", "Centre the wick", "[Hang|Lower|Hold] the wick [in the mould|in the middle]", "Set the wick straight", scene=_wick, weight=2),
        step("pour", "[Tip|Run] it around the wick", "Pour it [in|into the mould|around the wick]", "Fill the mould [to the top|slowly]", scene=_pour_wax, weight=5),
        wait("set", _set_wax, hour=8),
        step("trim", "[Trim|Cut|Shorten] the wick [with scissors|a little]", "Snip the wick", scene=_trim, extra=True),
        step("light", "[Put|Bring] a flame to the wick", "Hold a match to the wick", "[Light|Touch] the wick with a match", "[Strike a match|Take a match] and light it", scene=_light, weight=4, extra=True),
        step("glow", "[Enjoy|Admire] the [warm glow|light]", "Let it [burn|glow] on your table", scene=_glow, weight=9),
    ),
)  # fmt: skip


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


BOAT = Family(
    name="boat",
    attributes={"paper": ("red", "blue", "green", "yellow", "white", "pink", "orange"), "flag": ("purple", "teal", "black", "gold")},
    phrases=("fold a {paper} paper boat with a {flag} flag", "make a {paper} paper boat with a {flag} flag", "make a paper boat in {paper} with a {flag} flag",
             "craft a {paper} paper boat with a {flag} flag"),
    steps=(
        gather(_boat_things),
        step("sheet", "[Lay|Spread|Smooth] the sheet [flat|on the table]", "Start with a flat sheet", scene=_sheet, weight=3),
        step("half", "Double it over", "[Fold|Bend] it in half", "Fold the top [edge down|edge to the bottom]", "Bring edge to edge", scene=_fold("half", "flat", 62, 54), weight=4),
        step("roof", "Fold [the|both] corners [to the middle|down|in]", "Make a roof of the corners", scene=_fold("roof", "flat", 64, 58, True), weight=4),
        step("hat", "[Fold|Turn] up the [rim|lower edge] [on both sides|front and back]", "Make a hat of it", scene=_fold("hat", "pinch", 78, 80, True), weight=5),
        step("square", "[Squash|Turn] it into a square", "[Open|Press|Push] it into a square", "Flatten it the other way", scene=_press_boat, weight=2),
        step("press", "Crease it well", "[Press|Run your finger along] [all folds|each fold]", "Sharpen the folds", scene=_fold("square", "point", 52, 66), extra=True),
        step("pull", "[Spread|Stretch] the two ends", "[Pull|Draw] the [tips|corners] apart", "Pull it open", scene=_boat, weight=5),
        step("flag", "[Stick|Set|Fix] a flag [on top|in the middle]", "Give it a flag", scene=_flag, weight=4.5),
        wait("wait", _dry_boat, hour=2),
        step("float", "[Place|Try] it on the water", "[Set|Put|Lower] it [on the water|into a basin]", "Let it touch the water", scene=_float, extra=True),
        step("sail", "[Let it|Watch it] [sail|float]", "Blow and let it sail", "Send it on a voyage", scene=_sail, weight=9),
    ),
)  # fmt: skip


def _tub(k: Look, **keys: object) -> Item:
    return put("tub", 50, 93, 1.15, colour=k.main, **keys)


def _plain(k: Look) -> list[Item]:
    return [
        put("garment", 46, 34, 1.25, garment=k["garment"], colour="white"),
        k.hand("pinch", 62, 40, 4, size=1.15),
        k.hand("pinch", 30, 40, 4, flip=True, size=1.15),
    ]


def _run_water(k: Look) -> list[Item]:
    return [_tub(k, fill="water"), put("tap", 50, 32, 1.05, length=26)]


def _add_dye(k: Look) -> list[Item]:
    return [_tub(k, fill=k["colour"]), put("drops", 42, 22, 1.2, colour=k["colour"], spread=4, length=20),
            put("bottle", 64, 20, 0.85, angle=-112, colour=k["colour"], open=True), k.hand("wrap", 62, 16, 6, size=1.05)]  # fmt: skip


def _stir_dye(k: Look) -> list[Item]:
    return [
        _tub(k, fill=k["colour"]),
        put("swirl", 46, 56, 1.6),
        put("spoon", 48, 55, 1.3),
        k.hand("fist", 49, 18, 8, size=1.1),
    ]


def _soak(k: Look) -> list[Item]:
    return [_tub(k, fill=k["colour"], garment="white"), k.hand("flat", 58, 44, 24, size=1.2)]


def _soaking(k: Look) -> list[Item]:
    return [put("tub", 46, 93, 1.1, colour=k.main, fill=k["colour"], garment=k["colour"])]


def _rinse(k: Look) -> list[Item]:
    return [
        _tub(k, fill="water", garment=k["colour"], foam=True),
        k.hand("flat", 62, 50, 24, size=1.15),
        k.hand("flat", 36, 50, 24, flip=True, size=1.15),
    ]


def _hang(k: Look) -> list[Item]:
    return [
        put("line", 50, 24, 1.2),
        put("garment", 46, 26, 1.3, garment=k["garment"], colour=k["colour"], pegs=True),
        k.hand("pinch", 61, 27, 18, size=1.1),
    ]


def _hanging(k: Look) -> list[Item]:
    return [put("line", 50, 38, 1.2), put("garment", 42, 40, 1.05, garment=k["garment"], colour=k["colour"], pegs=True)]


def _wear(k: Look) -> list[Item]:
    return [
        put("garment", 48, 20, 1.4, garment=k["garment"], colour=k["colour"]),
        put("sparkles", 50, 44, 1.1, spread=37),
    ]


def _dye_things(k: Look) -> list[Item]:
    return [put("tub", 60, 84, 0.85, colour=k.main), put("bottle", 22, 92, 1.1, colour=k["colour"], shadow=True)]


DYE = Family(
    name="dye",
    attributes={"garment": ("T-shirt", "sock", "scarf", "hat"), "colour": ("red", "blue", "green", "yellow", "purple", "pink", "orange", "teal")},
    phrases=("dye a {garment} {colour}", "colour a {garment} {colour}", "make a {garment} {colour} with dye", "turn a {garment} {colour}"),
    steps=(
        gather(_dye_things),
        step("plain", "[Choose|Find|Take] [a clean one|something plain]", "Start with plain cloth", scene=_plain, weight=3),
        step("fill", "Pour water into the tub", "[Fill|Half fill] the tub [with water|at the tap]", "Run water into the tub", scene=_run_water, weight=2.5),
        step("dye", "[Tip|Shake] the dye into the water", "[Add|Drip in|Pour in] the dye", "Empty the bottle into the water", scene=_add_dye, weight=4),
        step("stir", "[Stir|Mix] it [well|with a spoon|until even]", "Keep stirring", scene=_stir_dye, weight=1.5),
        step("soak", "[Push|Press|Lay] the cloth [in|under the water]", "Soak the cloth", scene=_soak, weight=5),
        wait("wait", _soaking, hour=5),
        step("rinse", "[Rinse|Wash] it [in clean water|until the water is clear]", "Wash out [the rest|what is loose]", scene=_rinse, weight=3.5),
        step("hang", "Let it drip on the line", "[Hang|Peg] it [up|on the line]", "Hang it up to dry", scene=_hang, weight=4.5),
        wait("dry", _hanging, hour=9),
        step("wear", "[Wear|Show off] it [proudly|with pride]", "Put it on and enjoy", "Try it on", scene=_wear, weight=9),
    ),
)  # fmt: skip

FAMILIES = (GIFT, BIRDHOUSE, CANDLE, BOAT, DYE)
