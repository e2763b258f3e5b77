"""What to do in the embedded world when a step went wrong: a remedy for the troubles that its families know.

A remedy is one step in the words of its family. Trouble is recognised by words ("the dough is too wet"), with "not
sweet enough" told apart from "sweet"; what is not recognised has no remedy here, and the caller says so.
"""

from __future__ import annotations

import re

from illinstr.articles import clean_text
from illinstr.minihow.grammar import recognise

# Per family: words of the trouble (beginnings of words; "not-" in front of what is lacking), and the remedy.
_REMEDIES: dict[str, tuple[tuple[str, str], ...]] = {
    "juice": (
        ("thick lump chunk not-smooth", "Add some water and blend it until smooth."),
        ("pulp seed pip fibre stringy bits", "Strain it into a bowl to catch the pulp."),
        ("thin watery weak not-thick", "Put more pieces in the blender and blend it."),
        ("dirty sand mud", "Rinse it under running water."),
    ),
    "smoothie": (
        ("thick stiff not-runny", "Pour in more of the liquid and blend it."),
        ("thin runny watery not-thick", "Add more chunks to the blender and blend it until thick."),
        ("sour bitter bland tart not-sweet", "Sweeten it a little and blend it."),
        ("lump chunk not-smooth not-creamy", "Blend it until creamy at full speed."),
    ),
    "tea": (
        ("weak pale light watery not-strong", "Put the bag in the cup and wait a little."),
        ("strong bitter dark", "Pour more hot water into the cup."),
        ("cold lukewarm not-hot not-warm", "Boil the water on the stove once more."),
        ("hot scald", "Wait a few minutes until it is cooler."),
    ),
    "hot-drink": (
        ("lump powder not-smooth", "Stir it well with a spoon until smooth."),
        ("thick strong", "Pour more warm milk into the mug."),
        ("thin weak watery pale not-strong", "Put one more spoonful in the mug and stir it."),
        ("bitter bland not-sweet", "Add some sugar and stir it."),
        ("cold lukewarm not-hot not-warm", "Warm it slowly on the stove."),
        ("hot scald", "Wait a few minutes until it is cooler."),
    ),
    "omelette": (
        ("shell", "Pick the bits of shell out of the bowl."),
        ("stick stuck", "Melt some more butter in the pan."),
        ("bland not-salt", "Add a pinch of salt."),
        ("raw runny wet liquid not-set not-cooked not-done", "Cook it on a low flame until set."),
        ("lump streak uneven not-foamy not-smooth not-even", "Whisk it well until even."),
    ),
    "soup": (
        ("thick salty", "Pour in more water and stir it."),
        ("thin runny watery not-thick", "Let it bubble on the stove until it is thick."),
        ("hard raw not-soft not-cooked not-done", "Cook it with the lid on until soft."),
        ("lump chunk not-smooth", "Mash it with a spoon until smooth."),
        ("bland not-salt", "Taste it and add salt."),
        ("hot scald", "Wait a few minutes until it is cooler."),
    ),
    "sandwich": (
        ("dry", "Spread a little more butter on it."),
        ("stale hard old", "Cut two fresh slices."),
        ("fall slip slid apart", "Press the other slice on with your hand."),
    ),
    "biscuits": (
        ("wet sticky stick soft runny", "Knead in a little more flour with both hands."),
        ("dry crumbl crack not-sticky not-wet", "Crack one more egg into the bowl and mix it well."),
        ("tear torn rip broke thin", "Press it into a ball and roll it out once more."),
        ("raw pale not-done not-golden not-crisp", "Bake them a little longer."),
    ),
    "lolly": (
        ("stuck stick loose", "Loosen it with warm water from the tap."),
        ("soft liquid melt runny not-frozen not-hard", "Put it in the freezer until hard."),
        ("lump chunk not-smooth", "Mash it well with a spoon."),
    ),
    "flower": (
        ("dry wilt droop hang not-wet not-moist", "Water it well with the can."),
        ("wet soggy soaked drown", "Scoop some dry soil into the pot."),
        ("lean fall loose tip not-straight", "Press the soil down with your hand."),
        ("dark pale not-grow not-growing", "Put it in the light."),
    ),
    "cactus": (
        ("dry wilt droop shrivel", "Give it a sip of water."),
        ("wet soggy soaked drown", "Scoop some dry soil into the pot."),
        ("lean fall loose tip wobbl not-straight not-firm", "Firm the soil around it."),
        ("dark pale not-grow not-growing", "Put it in the sun."),
    ),
    "snowman": (
        ("crumbl powder loose dry break broke", "Press some wet snow on it with both hands."),
        ("lean wobbl tip fall roll", "Pack more snow around its foot."),
        ("small not-big", "Roll it through the snow until it is big."),
    ),
    "gift": (
        ("tear torn rip short small not-long not-big", "Cut a larger sheet with scissors."),
        ("loose open slip not-tight", "Tape it down and pull it tight."),
    ),
    "birdhouse": (
        ("rough splinter not-smooth", "Sand the wood until smooth."),
        ("drip run wet smudge sticky not-dry", "Wait a little until the paint is dry."),
        ("patch streak thin spot uneven not-even", "Paint it once more on all sides."),
        ("dust dirty", "Wipe the dust away."),
    ),
    "candle": (
        ("pale faint light not-dark", "Add a few more drops of the colour and stir it."),
        ("hard set lump stiff not-melted", "Melt it slowly on the stove once more."),
        ("crooked lean slant wick not-straight", "Set the wick straight."),
    ),
    "boat": (
        ("tear torn rip wet soaked", "Lay a new sheet flat on the table."),
        ("loose open soft floppy not-sharp not-flat", "Run your finger along each fold."),
        ("tip lean sink", "Pull the corners apart so that it stands."),
    ),
    "dye": (
        ("pale faint light weak not-dark not-strong", "Pour in more dye and stir it well."),
        ("patch streak spot uneven not-even", "Push the cloth under the water and stir it."),
        ("bleed stain drip", "Rinse it until the water is clear."),
    ),
    "car-wash": (
        ("streak spot smear wet", "Dry it with a soft cloth."),
        ("foam soap bubble", "Spray the foam off with the hose."),
        ("mud dirt not-clean", "Scrub it all over with the sponge once more."),
    ),
    "button": (
        ("loose wobbl fell fall not-tight not-firm", "Wind the thread underneath and pull it tight."),
        ("tangl knot snap broke tear torn short", "Thread the needle once more and make a knot."),
        ("crooked place spot not-straight", "Cut the thread and set it on the gap again."),
    ),
    "lamp": (
        ("dark flicker not-light not-on not-work", "Screw the new bulb in a little more."),
        ("hot burn", "Wait a few minutes until it is cool."),
        ("stuck broke shatter", "Pull out the plug before you go on."),
    ),
    "dog-bath": (
        ("foam shampoo soap bubble", "Rinse the foam out with a jug."),
        ("wet shiver cold shake", "Wrap your friend up warmly."),
        ("tangl knot mat", "Brush the fur softly."),
        ("mud dirty not-clean", "Rub the fur with both hands until it foams."),
    ),
    "teeth": (
        ("foam paste taste burn", "Rinse your mouth well with water."),
        ("dry not-foam", "Wet the bristles with water."),
        ("not-clean dirty", "Brush the front ones and the back ones in small circles."),
    ),
    "kite": (
        ("tear torn rip hole", "Glue the paper to the frame once more."),
        ("spin tip dive not-straight", "Tie more bows to the lower end."),
        ("loose broke apart wobbl", "Tie the sticks together with string."),
        ("fall fell not-fly not-up", "Run against the wind and let go."),
    ),
    "sandcastle": (
        ("dry crumbl collapse fall fell not-wet not-firm", "Dampen the sand with some water."),
        ("wet soggy runny", "Dig up some drier sand."),
        ("stuck stick", "Pat the bucket and lift it off slowly."),
    ),
    "painting": (
        ("wet smudge smear drip run not-dry", "Wait a little until the paint is dry."),
        ("patch streak thin pale not-even", "Cover the whole surface once more."),
        ("mud dirty brush", "Wash the brush in water."),
    ),
    "tree": (
        ("dry wilt droop brown not-grow", "Water it deeply."),
        ("lean fall loose wobbl tip not-straight", "Tie it to a strong stick."),
        ("shallow small not-fit not-deep", "Dig the hole deeper."),
        ("wet soggy", "Loosen the earth round the roots."),
    ),
    "cake": (
        ("runny wet liquid thin", "Add some more flour and stir the batter well."),
        ("lump not-smooth", "Beat the batter well until creamy."),
        ("dry thick stiff crumbl", "Break one more egg over the bowl and stir it."),
        ("raw pale not-done not-baked", "Bake it a little longer in the oven."),
        ("stuck stick", "Wait a little and turn it out of the tin."),
        ("melt hot warm", "Wait a few minutes until it is cool."),
    ),
    "window": (
        ("streak smear spot", "Polish the glass with a cloth until no streaks are left."),
        ("foam soap bubble", "Rinse the foam off the glass."),
        ("drip wet puddle", "Wipe the ledge with a cloth."),
        ("dirty not-clean", "Scrub the glass in wide circles once more."),
    ),
}
_ANYWHERE = (
    ("spill spilt overflow mess", "Wipe the table clean."),
    ("hands fingers", "Wash your hands well."),
)
_NEGATION = re.compile(r"\b(?:not|isn t|aren t|won t|doesn t|never|hardly)\s+(?:be\s+|get\s+|yet\s+|very\s+)?(\w+)")


def remedy(goal: str, problem: str) -> str | None:
    """One step that puts a problem right, in the words of the goal's family; None where the world knows none.

    Args:
        goal: in free words.
        problem: what went wrong, in free words.
    """
    known = recognise(goal)
    if known is None:
        return None
    text = re.sub(r"[^\w\s]", " ", clean_text(problem).casefold())
    text = _NEGATION.sub(r"not-\1", text)
    told = text.split()
    for words, step in (*_REMEDIES.get(known.family, ()), *_ANYWHERE):
        if any(word.startswith(key) for key in words.split() for word in told):
            return step
    return None
