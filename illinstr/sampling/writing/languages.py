"""Which language a goal is written in, told by its script and by the small words of questions.

Made for one line of text, where detectors that count letters fail. Nothing depends on it but what a message says, and
in which language a page is declared: where it is not sure it says English.
"""

from __future__ import annotations

import re
import unicodedata

from illinstr.articles import clean_text

ENGLISH = "en"
NAMES = {
    "ar": "Arabic", "bn": "Bengali", "cs": "Czech", "da": "Danish", "de": "German", "el": "Greek", "en": "English",
    "es": "Spanish", "fi": "Finnish", "fr": "French", "he": "Hebrew", "hi": "Hindi", "hu": "Hungarian",
    "id": "Indonesian", "it": "Italian", "ja": "Japanese", "ko": "Korean", "nl": "Dutch", "pl": "Polish",
    "pt": "Portuguese", "ro": "Romanian", "ru": "Russian", "sv": "Swedish", "ta": "Tamil", "th": "Thai",
    "tr": "Turkish", "uk": "Ukrainian", "vi": "Vietnamese", "zh": "Chinese",
}  # fmt: skip

# The first word of a letter's Unicode name; Han stands in Japanese too, so kana are asked for first.
_SCRIPTS = {
    "HIRAGANA": "ja", "KATAKANA": "ja", "HANGUL": "ko", "CJK": "zh", "CYRILLIC": "ru", "GREEK": "el", "ARABIC": "ar",
    "HEBREW": "he", "DEVANAGARI": "hi", "BENGALI": "bn", "TAMIL": "ta", "THAI": "th",
}  # fmt: skip
_UKRAINIAN = frozenset("іїєґ")

# Words that ask how, or for a recipe, and no English word is written so: one is enough.
_ASKING = {
    "de": "wie macht machen mache baut bauen backt backen kocht kochen näht nähen rezept anleitung selber wechseln "
    "reparieren pflanzen malen basteln falten waschen putzen zubereiten",
    "fr": "comment faire fabriquer préparer construire cuisiner recette fabrique prépare réparer planter coudre laver",
    "es": "cómo hacer hago preparar cocinar receta construir plantar hornear reparar cambiar lavar coser zumo jugo",
    "pt": "fazer faço fazemos preparo receita cozinhar construir trocar lavar suco bolo",
    "it": "fare preparare cucinare ricetta costruire piantare riparare cambiare lavare cucire succo torta",
    "nl": "hoe maak maken bouwen bakken koken zelf repareren planten wassen",
    "sv": "hur gör göra bygger bakar lagar",
    "da": "hvordan laver lave bygger bager lager",
    "fi": "miten kuinka tehdä tehdään valmistaa leipoa",
    "pl": "jak zrobić upiec ugotować przygotować zbudować",
    "cs": "jak udělat upéct uvařit připravit postavit",
    "hu": "hogyan készítsünk készíteni csináljunk",
    "ro": "cum preparăm facem prepari rețetă",
    "tr": "nasıl yapılır yapmak yapımı tarifi yapılışı",
    "id": "bagaimana membuat cara memasak menanam",
    "vi": "làm nào thế cách nấu",
}
# Small words that only support: two are needed, or one beside a word that asks.
_SMALL = {
    "de": "man ich einen eine ein der die das den dem und mit für aus zu im am ist kann",
    "fr": "le la les un une des du de avec et pour je au aux en sans d l on",
    "es": "el la los las un una unos de del con y para por en sin mi",
    "pt": "o a os as um uma de do da com e para em sem meu como",
    "it": "il lo la i gli le un una di del della con e per in senza come si",
    "nl": "je een het de van met en voor ik in zonder",
    "sv": "man en ett den det och med för jag till av",
    "da": "man en et den det og med for jeg til af",
    "fi": "ja on se ilman",
    "pl": "z na do w i się ze dla",
    "cs": "z na do v a se ze pro s",
    "hu": "a az egy és kell",
    "ro": "un o cu și de din pe se fac să",
    "tr": "bir ve ile için evde",
    "id": "yang dari dengan untuk di",
    "vi": "một với và cho",
}
_ENGLISH_ASKS = re.compile(r"\b(?:how (?:to|do|does|can|could|should)|make|the|want to|please|with a|of the)\b")

_ENGLISH_SMALL = frozenset(
    re.findall(r"\w+", "what which i you we need for and with of my your is are some from that this")
)


def language_of(text: str) -> str:
    """The ISO 639-1 code of the language that a line of text is probably in; ``en`` where nothing else is likelier."""
    line = clean_text(text).casefold()[:1_000]
    by_script = _of_script(line)
    if by_script is not None:
        return by_script
    words = re.findall(r"[^\W\d_]+", line)[:60]
    if _ENGLISH_ASKS.search(line) or sum(word in _ENGLISH_SMALL for word in words) >= 2:
        return ENGLISH
    scores: dict[str, float] = {}
    for code in _ASKING:
        asking, small = set(_ASKING[code].split()), set(_SMALL[code].split())
        scores[code] = sum(2.0 * (word in asking) + 0.9 * (word in small) for word in words)
    best = max(scores, key=lambda code: scores[code])  # of equals the first: the commonest stand first
    return best if scores[best] >= 1.8 else ENGLISH


def _of_script(line: str) -> str | None:
    """The language whose script most letters are in; None for Latin letters."""
    counts: dict[str, int] = {}
    for letter in line:
        if letter.isalpha() and letter > "\u024f":
            code = _SCRIPTS.get(unicodedata.name(letter, "").split(" ")[0])
            if code is not None:
                counts[code] = counts.get(code, 0) + 1
    latin = sum(letter.isalpha() and letter <= "\u024f" for letter in line)
    if not counts or 2 * sum(counts.values()) <= latin:
        return None
    if "ja" in counts:
        return "ja"
    best = max(counts, key=lambda code: counts[code])
    return "uk" if best == "ru" and _UKRAINIAN & set(line) else best
