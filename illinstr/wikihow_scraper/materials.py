"""Lines of ingredients and supplies taken apart into amount and name, and durations put into one form."""

from __future__ import annotations

import re

from illinstr.articles import Material

_NUMBER = r"\d{1,6}(?:[.,]\d{1,3})?(?:\s?[½¼¾⅓⅔⅛⅜⅝⅞⅕]|\s\d{1,2}/\d{1,2}|/\d{1,2})?|[½¼¾⅓⅔⅛⅜⅝⅞⅕]"
_UNITS_WORDS = (
    "g gr gram grams gramm gramo gramos grammes gramas kg kilo kilos mg ml cl dl l lt liter liters litre litres litro "
    "litros oz ounce ounces lb lbs pound pounds pint pints quart quarts gallon fl cup cups c tbsp tbsps tbs tablespoon "
    "tablespoons tsp tsps teaspoon teaspoons pinch pinches dash dashes clove cloves can cans package packages packet "
    "packets stick sticks slice slices piece pieces bunch bunches sprig sprigs handful el tl esslöffel teelöffel prise "
    "stück dose dosen bund zehe zehen scheibe scheiben packung becher tasse tassen cucharada cucharadas cucharadita "
    "cucharaditas taza tazas diente dientes pizca colher colheres xícara xícaras xicara xicaras lata dente dentes "
    "pitada cuillère cuillères cuillerée cas cac pincée gousse gousses tranche tranches sachet sachets cucchiaio "
    "cucchiai cucchiaino cucchiaini spicchio spicchi eetlepel eetlepels theelepel theelepels teen teentje takje takjes "
    "blikje plak plakken plakjes msk tsk krm dl st klyfta klyftor burk burkar cm mm m inch inches in ft feet foot yard "
    "yards 个 克 毫升 杯 大さじ 小さじ"
)
_UNITS = "|".join(sorted(map(re.escape, _UNITS_WORDS.split()), key=len, reverse=True))
_AMOUNT = re.compile(
    rf"^((?:about |approx\.? |ca\.? |≈|~)?(?:{_NUMBER})(?:\s?(?:-|–|to|x|×|à|bis|a)\s?(?:{_NUMBER}))?"
    rf"(?:\s?(?:{_UNITS})\b\.?)?(?:\s?\([^()]{{0,40}}\))?)\s+(?:of\s+|de\s+|d['’]\s*|di\s+)?(\S.*)$",
    re.IGNORECASE,
)
_ISO = re.compile(
    r"^[+-]?P(?:(\d{1,6})Y)?(?:(\d{1,6})M)?(?:(\d{1,6})W)?(?:(\d{1,6})D)?"
    r"(?:T(?:(\d{1,6}(?:\.\d{1,6})?)H)?(?:(\d{1,6}(?:\.\d{1,6})?)M)?(?:(\d{1,6}(?:\.\d{1,6})?)S)?)?$",
    re.IGNORECASE,
)
_IN_WORDS = re.compile(
    r"(\d{1,5}(?:\.\d{1,2})?)\s*(d(?:ays?)?|h(?:ours?|rs?)?|m(?:in(?:ute)?s?)?|s(?:ec(?:ond)?s?)?)\b", re.I
)


def material(line: str, amount: str | None = None) -> Material | None:
    """A line as name and amount ("2 tbsp of olive oil" is olive oil, "2 tbsp"); None where it says nothing."""
    line = line.strip(" \t-–•*")
    if not line:
        return None
    if amount:
        return Material(name=line, amount=amount)
    match = _AMOUNT.match(line) if len(line) < 500 else None
    return Material(name=match[2], amount=match[1].strip()) if match else Material(name=line)


def duration(text: str) -> str | None:
    """A duration as ISO 8601 in days, hours, minutes and seconds ("P0DT1H70M" is "PT2H10M"); None for none or zero.

    Words are read where they are plain ("1 hour 30 minutes"). A month is no fixed time and is left out.
    """
    text = text.strip()
    match = _ISO.match(text)
    if match:
        years, months, weeks, days, hours, minutes, seconds = (float(part or 0) for part in match.groups())
        if years or months:
            return None
        total = ((weeks * 7 + days) * 24 + hours) * 3600 + minutes * 60 + seconds
    else:
        scale = {"d": 86400, "h": 3600, "m": 60, "s": 1}
        found = _IN_WORDS.findall(text[:200])
        total = sum(float(number) * scale[unit[0].lower()] for number, unit in found)
    return from_seconds(round(total)) if total > 0 else None


def from_seconds(total: int) -> str | None:
    """Seconds as an ISO 8601 duration, None for zero."""
    days, rest = divmod(total, 86400)
    hours, rest = divmod(rest, 3600)
    minutes, seconds = divmod(rest, 60)
    date = f"{days}D" if days else ""
    time = "".join(f"{value}{unit}" for value, unit in ((hours, "H"), (minutes, "M"), (seconds, "S")) if value)
    return f"P{date}{'T' if time else ''}{time}" if date or time else None
