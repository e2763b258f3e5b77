"""Goals near to what somebody typed: misspelt, asked as a question, in another order, with less than the world needs.

``grammar.recognise`` takes words for a goal only where they mean exactly one. What it does not take is read here more
freely, and never acted upon: it becomes suggestions. They have a floor. A goal is suggested where the words name the
family's thing as the object of what is done ("wrap a present for my mum"), and what is done fits: things that are made
take any word for making, others ("wash a dog") take their own verbs alone. Below the floor there are none.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache

from illinstr.articles import clean_text
from illinstr.minihow.families import Family, all_families
from illinstr.minihow.grammar import (
    ADJECTIVES,
    FILLERS,
    SYNONYMS,
    Goal,
    chosen_families,
    goals_of_family,
    kept_stems,
    meaning,
    recognise,
    split_words,
    stem,
)

MAX_WORDS, MAX_WORD_CHARS = 60, 30
_MOST_BETWEEN = 3  # unknown words between what is done and its object: "bake a big fluffy birthday cake"

_MAKING = frozenset(
    split_words(
        "make prepare build create craft cook bake brew fry mix stir assemble construct produce do serve enjoy "
        "decorate design form shape whip boil pour fill knock put throw rustle concoct sculpt"
    )
)
_OTHER_VERBS = frozenset(
    split_words(
        "remove clean wash eat drink buy sell store keep kill break fix repair mend open close find get lose "
        "throw cut change replace tie boil walk feed train teach explain drive park light knit wear read write "
        "use stop avoid"
    )
)
_ASKING = frozenset(
    split_words(
        "what which where when why who whats hows explain describe quick easy perfect really very somebody "
        "someone anyone everyone own instruction guide tutorial"
    )
)
_VERB_FOLLOWS = re.compile(
    r"\b(?:how to|(?:how|what) (?:do|does|did|can|could|should|would|must)(?: (?:i|you|we|they|one|people|someone))?"
    r"|(?:want|wants|like|love|need|needs|learn|wanna|going|trying|try|ways?|about) (?:how )?to|(?:help|let) (?:me|us)"
    r"|(?:can|could|will|would) (?:you|i|we))(?: please)? "
)
_ENDS_OBJECT = frozenset(
    split_words("for from with out on in into without and using than so when if because that at by near under over to")
)
_ARTICLES = frozenset(split_words("a an the my your our his her their some this that"))
_NEEDED = re.compile(r"^.{0,20}\b(?:do|does|would|will) (?:i|you|we|one) need for ")
_PLAIN_MAKING = frozenset(split_words("make prepare have do get"))
# What tells how a thing is, never what it is; colours besides.
_QUALITIES = frozenset(split_words("big tall round square plain striped dotted zigzag creamy icy hot"))
_SPELLINGS = {"tshirt": ("t", "shirt"), "tshirts": ("t", "shirt"), "lightbulb": ("bulb",), "lightbulbs": ("bulb",)}


@dataclass(frozen=True)
class _Reading:
    """What was typed, word by word: spelling put right, each word's stem, and where the verb stands (None without)."""

    words: tuple[str, ...]
    stems: tuple[str, ...]
    verb: int | None

    @property
    def kept(self) -> list[str]:
        """Stems that carry meaning, in order."""
        return [one for word, one in zip(self.words, self.stems, strict=True) if _matters(word, one)]


@dataclass(frozen=True)
class _Found:
    """A family that the words are about, and where its thing is named."""

    family: Family
    place: int
    rank: int


def suggest_near(text: str, k: int = 3, families: Collection[str] | None = None) -> list[str]:
    """Up to ``k`` goals that the words may mean, in a wording near to theirs, the nearest first; none below the floor.

    Args:
        text: in the user's words.
        k: how many at most.
        families: the only families to think of; None for all.

    Raises:
        UsageError: a family that the world does not have.
    """
    allowed = chosen_families(families)
    reading = _read(text)
    corrected = recognise(" ".join(reading.words), allowed)
    if corrected is not None:
        return [_wording(corrected, reading)][:k]
    found = [each for name in allowed if (each := _about(all_families()[name], reading)) is not None]
    found.sort(key=lambda each: (-each.rank, each.place))
    near = [_nearest_of(each.family, reading) for each in found[:k]]
    picked = [one[0] for one in near] + [goal for one in near[:1] for goal in one[1:]]
    return picked[:k]


def titles(families: Collection[str] | None = None) -> list[str]:
    """What the goals of each family are about, in a few words, in the world's order.

    Raises:
        UsageError: a family that the world does not have.
    """
    return [all_families()[name].title for name in chosen_families(families)]


def _read(text: str) -> _Reading:
    typed = [word[:MAX_WORD_CHARS] for word in re.findall(r"[^\W_]+", clean_text(text).casefold())[:MAX_WORDS]]
    line = _NEEDED.sub("", " ".join(spelt for word in typed for spelt in _spelt(word)))
    words = tuple(line.split())
    return _Reading(words, tuple(stem(word) for word in words), _verb(words))


def _verb(words: tuple[str, ...]) -> int | None:
    """Where it is said what is done: after "how to", as the first word before an article, or a verb that is known."""
    line, verb = " ".join(words), None
    for match in _VERB_FOLLOWS.finditer(f"{line} "):
        verb = line[: match.end()].rstrip().count(" ") + 1
    if verb is None and len(words) > 1 and words[1] in _ARTICLES and words[0] not in _ENDS_OBJECT | FILLERS:
        verb = 0
    if verb is None or verb >= len(words):
        verb = next((place for place, word in enumerate(words) if _is_verb(word)), None)
    if verb is not None and verb + 1 < len(words) and words[verb] not in _PLAIN_MAKING and _is_verb(words[verb + 1]):
        verb += 1  # "go fly a kite"
    return verb


def _is_verb(word: str) -> bool:
    return word in _MAKING or word in _OTHER_VERBS or any(word in _verbs(name) for name in all_families())


def _matters(word: str, stemmed: str) -> bool:
    return bool(stemmed) and not {word, stemmed} & (FILLERS | _ASKING)


def _about(family: Family, reading: _Reading) -> _Found | None:
    """Whether, and where, the words name this family's thing, and what is done with it fits."""
    if not _fits(family, reading):
        return None
    values = {word for value in _values(family.name) if value <= set(reading.stems) for word in value}
    own = reading.verb is not None and reading.words[reading.verb] in _verbs(family.name)
    place = _object(reading, _nouns(family.name))
    nouns = place is not None
    if place is None and own and values:
        place = _object(reading, frozenset(frozenset({value}) for value in values))
    plain = reading.verb is None or own or reading.words[reading.verb] in _PLAIN_MAKING
    if place is None and values and plain and set(reading.kept) <= values | _verbs(family.name) | _colours():
        place = 0  # nothing but what the family's goals name: "strawberries and milk"
    if place is None:
        return None
    return _Found(family, place, 2 * nouns + own + len(values))


def _fits(family: Family, reading: _Reading) -> bool:
    if reading.verb is None:
        return True
    verb = reading.words[reading.verb]
    return verb in _verbs(family.name) or (family.made and (verb in _MAKING or stem(verb) == ""))


def _object(reading: _Reading, nouns: frozenset[frozenset[str]]) -> int | None:
    """Where the object is named: right after the verb, or before it where nothing follows."""
    start = 0 if reading.verb is None else reading.verb + 1
    every = set(reading.stems)
    wanted = {word for noun in nouns if noun <= every for word in noun}
    between = 0
    for place in range(start, len(reading.words)):
        word, stemmed = reading.words[place], reading.stems[place]
        if stemmed in wanted or word in wanted:
            return place
        if word in _ENDS_OBJECT or word in _OTHER_VERBS or (word.endswith("ing") and len(word) > 5):
            break
        between += _matters(word, stemmed) and stemmed not in _vocabulary()
        if between > _MOST_BETWEEN:
            break
    before = range(start - 1) if reading.verb is not None else range(0)
    opens = reading.words[0] in _ENDS_OBJECT if reading.words else False  # "with a red bucket build a sandcastle"
    follows = any(_matters(*pair) for pair in list(zip(reading.words, reading.stems, strict=True))[start:])
    if opens or not follows:
        return next((place for place in before if {reading.stems[place], reading.words[place]} & wanted), None)
    return None


def _nearest_of(family: Family, reading: _Reading) -> list[str]:
    """Wordings of the family's goals that share most with what was typed, the best first, one a goal."""
    said = set(reading.kept) | set(meaning(" ".join(reading.words)))
    scored = []
    for place, goal in enumerate(goals_of_family(family)):
        values = goal.values.values()
        unsaid = sum(not set(kept_stems(value)) <= said for value in values)
        scored.append((-len(_tokens(goal.text) & said), unsaid, len(values) - len(set(values)), place, goal))
    return [_wording(goal, reading) for *_, goal in sorted(scored, key=lambda each: each[:4])[:3]]


def _wording(goal: Goal, reading: _Reading) -> str:
    said = set(reading.words) | set(reading.stems)
    phrase = max(goal.phrasings, key=lambda text: len(said.intersection(re.findall(r"[^\W_]+", text.casefold()))))
    return f"How to {phrase}"


@lru_cache(maxsize=8192)
def _tokens(text: str) -> frozenset[str]:
    return frozenset({*kept_stems(text), *meaning(text)})


@lru_cache(maxsize=64)
def _nouns(family: str) -> frozenset[frozenset[str]]:
    return frozenset(frozenset(map(stem, noun.split("-"))) for noun in all_families()[family].nouns.split())


@lru_cache(maxsize=64)
def _verbs(family: str) -> frozenset[str]:
    return frozenset(all_families()[family].verbs.split())


@lru_cache(maxsize=64)
def _values(family: str) -> tuple[frozenset[str], ...]:
    """The values that say what a thing is: those of attributes that are neither colours nor qualities."""
    named = [each for each in all_families()[family].attributes.values() if not _is_quality(each)]
    return tuple(dict.fromkeys(frozenset(kept) for each in named for value in each if (kept := kept_stems(value))))


def _is_quality(values: tuple[str, ...]) -> bool:
    return sum(value in ADJECTIVES | _QUALITIES for value in values) * 2 > len(values)


@lru_cache(maxsize=1)
def _colours() -> frozenset[str]:
    return ADJECTIVES | _QUALITIES


@lru_cache(maxsize=1)
def _vocabulary() -> frozenset[str]:
    """Every word that means something here, as typed and as stem."""
    words: set[str] = {*FILLERS, *SYNONYMS, *_MAKING, *_OTHER_VERBS, *_ASKING, *_QUALITIES, *_ENDS_OBJECT}
    for family in all_families().values():
        named = " ".join((*family.phrases, family.nouns, family.verbs, *family.words.values()))
        values = " ".join(value for each in family.attributes.values() for value in each)
        words.update(re.findall(r"[^\W_]+", f"{re.sub(r'{.*?}', ' ', named)} {values}".casefold()))
    return frozenset(words | {stem(word) for word in words} - {""})


@lru_cache(maxsize=1)
def _by_letter() -> dict[str, list[str]]:
    table: dict[str, list[str]] = {}
    for word in sorted(_vocabulary()):
        if len(word) >= 4:
            table.setdefault(word[0], []).append(word)
    return table


@lru_cache(maxsize=4096)
def _spelt(word: str) -> tuple[str, ...]:
    """A word as the world spells it: known as it is, from its -ing form, put right, or as the two it is made of."""
    known = _vocabulary()
    if word in _SPELLINGS:
        return _SPELLINGS[word]
    if word in known or stem(word) in known:
        return (word,)
    bases = (word[:-3], word[:-3] + "e", word[:-4]) if word.endswith("ing") and len(word) > 5 else ()
    for base in bases:
        if base in known:
            return (base,)
    near = _nearest_word(word, (each for letter in dict.fromkeys(word[:2]) for each in _by_letter().get(letter, ())))
    if near is not None:
        return (near,)
    for cut in range(3, len(word) - 2):
        if word[:cut] in known and word[cut:] in known:
            return (word[:cut], word[cut:])
    return (word,)


def _nearest_word(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate that a slip of the finger turns into ``word``: one of up to seven letters, two of longer words."""
    if len(word) < 4 or not word.isalpha():
        return None
    most = 1 if len(word) < 8 else 2
    found = []
    for candidate in candidates:
        if abs(len(candidate) - len(word)) > most:
            continue
        # Of two four-letter words that differ in a letter, either is meant: "flat" is not "flag".
        if len(word) == len(candidate) == 4 and sorted(word) != sorted(candidate):
            continue
        if (slips := slips_between(word, candidate)) <= most:
            found.append((slips, candidate))
    return min(found)[1] if found else None


def slips_between(one: str, other: str) -> int:
    """Letters to add, leave out, exchange or swap with the next one (optimal string alignment distance)."""
    before: list[int] = []
    last = list(range(len(other) + 1))
    for i, letter in enumerate(one, start=1):
        row = [i]
        for j, its in enumerate(other, start=1):
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (letter != its))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == its:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        before, last = last, row
    return last[-1]
