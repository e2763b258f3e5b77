"""A window, cleaned."""

from __future__ import annotations

from illinstr.minihow.families.base import Family, Item, Look, gather, put, step


def _window(k: Look, state: str, x: float = 48, y: float = 90, size: float = 1.0, **keys: object) -> Item:
    return put("pane", x, y, size, frame=k["frame"], curtains=k["curtains"], state=state, **keys)


def _sponge(k: Look, x: float, y: float, size: float, angle: float = 0) -> Item:
    return put("sponge", x, y, size, angle=angle, colour=k["sponge"])


def _window_things(k: Look) -> list[Item]:
    return [
        _window(k, "dirt", 36, 66, 0.7),
        _sponge(k, 30, 88, 1.1, -8),
        put("sprayer", 74, 58, 0.78, colour=k.second),
    ]


def _look(k: Look) -> list[Item]:
    return [_window(k, "dirt", 50)]


def _aside(k: Look) -> list[Item]:
    return [
        _window(k, "dirt", 46, aside=True),
        k.hand("pinch", 76, 58, 10, size=1.1),
        k.hand("pinch", 16, 58, 10, flip=True, size=1.1),
    ]


def _bowl(k: Look) -> list[Item]:
    return [put("bowl", 48, 93, 1.45, colour=k.main, fill="water"), put("tap", 48, 32, 1.1, length=22)]


def _spray(k: Look) -> list[Item]:
    return [
        _window(k, "dirt", 42, aside=True),
        put("sprayer", 62, 42, 0.95, colour=k.second, on=True),
        k.hand("wrap", 80, 54, 12, size=1.05),
    ]


def _soak(k: Look) -> list[Item]:
    return [
        put("bowl", 44, 93, 1.45, colour=k.main, fill="water"),
        _sponge(k, 46, 50, 1.3, -16),
        k.hand("flat", 50, 44, 22, size=1.2),
    ]


def _scrub(k: Look) -> list[Item]:
    return [_window(k, "foam", 44, aside=True), _sponge(k, 52, 54, 1.2, -12), k.hand("flat", 57, 51, 20, size=1.15)]


def _rinse(k: Look) -> list[Item]:
    return [_window(k, "wet", 44, aside=True), _sponge(k, 38, 66, 1.2, 12), k.hand("flat", 43, 63, 20, size=1.15)]


def _squeegee(k: Look) -> list[Item]:
    return [
        _window(k, "wet", 44, aside=True),
        put("squeegee", 42, 52, 1.1, angle=-12, colour=k.second),
        k.hand("fist", 76, 45, 8, size=1.1),
    ]


def _ledge(k: Look) -> list[Item]:
    return [
        _window(k, "clean", 44, 84, aside=True),
        put("cloth", 44, 86, 0.95, colour=k.main),
        k.hand("flat", 50, 78, 18, size=1.15),
    ]


def _polish(k: Look) -> list[Item]:
    return [
        _window(k, "clean", 44, aside=True),
        put("cloth", 46, 54, 0.95, colour=k.main, angle=-14),
        k.hand("flat", 52, 47, 20, size=1.15),
    ]


def _enjoy(k: Look) -> list[Item]:
    return [_window(k, "clean", 50, aside=True), _sponge(k, 58, 91, 1.0, -6), put("sparkles", 50, 46, 1.15, spread=30)]


FAMILY = Family(
    name="window",
    title="clean windows",
    nouns="window glass",
    verbs="clean wash polish wipe",
    made=False,
    category="cleaning",
    attributes={
        "frame": ("white", "brown", "green", "blue", "black"),
        "curtains": ("red", "yellow", "pink", "purple", "orange", "teal", "grey"),
        "sponge": ("red", "blue", "yellow", "green", "pink", "purple"),
    },
    phrases=(
        "clean a {frame} window with {curtains} curtains using a {sponge} sponge",
        "wash a {frame} window with {curtains} curtains using a {sponge} sponge",
        "polish a {frame} window with {curtains} curtains using a {sponge} sponge",
        "clean the glass of a {frame} window with {curtains} curtains using a {sponge} sponge",
    ),
    steps=(
        gather(_window_things),
        step(
            "look",
            "[Look at|Find|Check|Look for] [the dirty spots|the smears|the stains]",
            "See how [little light comes in|dirty the glass is]",
            "Notice how [little light comes in|dirty the glass is]",
            "[Search|Inspect] the glass for [dirty spots|smears|stains]",
            scene=_look,
            weight=3.5,
        ),
        step(
            "aside",
            "[Tie|Pull|Push|Draw] the [fabric|cloth] [aside|back|to both sides]",
            "Make [room|space] on [both sides|each side]",
            "Gather the [fabric|cloth] on [both sides|each side]",
            "Let no [fabric|cloth] hang in front of the glass",
            scene=_aside,
            weight=2,
        ),
        step(
            "bowl",
            "[Fill|Prepare] a bowl [of water|with warm water|with lukewarm water]",
            "[Run|Draw] a bowl of [warm|lukewarm] water",
            "Let [water|warm water|lukewarm water] run into a bowl",
            "[Fill|Put] a bowl under the tap",
            "[Run|Pour] [warm|lukewarm] water into a bowl",
            "Fill a bowl at the tap",
            scene=_bowl,
            weight=2.5,
        ),
        step(
            "spray",
            "[Spray|Squirt] [cleaner|the cleaner|some cleaner] [on the glass|on the stains]",
            "[Spray|Squirt] a [mist|fine mist] on the [glass|stains]",
            "Let a [mist|fine mist] settle on the [glass|stains]",
            "[Mist|Spray] the [glass|stains] with cleaner",
            "Aim the cleaner at the [glass|stains]",
            scene=_spray,
            extra=True,
        ),
        step(
            "soak",
            "[Dip|Soak|Wet|Dunk] it in the [bowl|warm water|bowl of water]",
            "Let it [drink up|soak up] [the|plenty of] warm water",
            "[Push|Hold] it under the warm water",
            "Push it into the [bowl|warm water]",
            "Give it a [bath|dip] in the [bowl|warm water]",
            scene=_soak,
            weight=3,
        ),
        step(
            "scrub",
            "[Wash|Scrub|Soap] the glass [with foam|with plenty of foam|in wide circles]",
            "[Cover|Coat] the [glass|whole glass] with [foam|plenty of foam]",
            "Spread [foam|plenty of foam] over the [glass|whole glass]",
            "Make [wide|big] circles of foam [on|over] the glass",
            scene=_scrub,
            weight=6,
        ),
        step(
            "rinse",
            "[Wash|Rinse|Take|Wipe] the foam [off the glass|away|off with clear water]",
            "Go over the glass [again|again with clear water|with clear water]",
            "[Rinse|Wash] the glass [with clear water|until the foam is gone]",
            "Get [the|all the] foam off the glass",
            "Use clear water to [rinse|wash] the foam away",
            scene=_rinse,
            weight=4,
        ),
        step(
            "squeegee",
            "[Draw|Pull|Push|Run|Slide] the squeegee [across|from top to bottom|down the glass]",
            "[Draw|Scrape] off the [drops|water]",
            "[Draw|Scrape] off the [drops|water] with the squeegee",
            "Use the squeegee [on the drops|from top to bottom]",
            scene=_squeegee,
            weight=5,
        ),
        step(
            "ledge",
            "[Wipe|Dry|Mop] the [sill|ledge] [too|as well|with a cloth]",
            "[Do not forget|Remember] the [sill|ledge]",
            "[Do not forget|Remember] the [sill|ledge] below",
            "Run a cloth along the [sill|ledge]",
            "Catch the drops on the [sill|ledge]",
            scene=_ledge,
            extra=True,
        ),
        step(
            "buff",
            "[Polish|Buff|Rub] the glass [with a cloth|with a dry cloth|until it gleams|until no streaks are left]",
            "[Rub|Polish|Buff] the last streaks away",
            "Make the glass [gleam|shine] with a [dry|soft] cloth",
            "Use a [dry|soft] cloth on the last streaks",
            "Give the glass a last [rub|polish] with a cloth",
            scene=_polish,
            weight=3.5,
        ),
        step(
            "enjoy",
            "[Enjoy|Admire] the [view|clear view|sunny view]",
            "Let the [sun|light] [shine|stream|pour] in",
            "Look out at the [sun|view|sunny day]",
            "Watch the [sun|light] [shine|stream] in",
            "Take in the [view|clear view|sunny view]",
            scene=_enjoy,
            weight=9,
        ),
    ),
)
