"""Which language a text is in, heard from the text itself.

A page says its language, but quotes, half-translated pages and imported sets say it wrongly or not at all. py3langid
(Lui and Baldwin 2012, https://aclanthology.org/P12-3005; a naive Bayes over byte n-grams, 97 languages) needs no
network and gives a probability, so that short or mixed texts can be left undecided.
"""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from operator import itemgetter
from typing import Any

from illinstr.articles import Article

MIN_BYTES = 60  # below, a guess is a guess
MIN_PROBABILITY = 0.95
_MAX_CHARACTERS = 1500
_WRITTEN_AS = {"wuu": "zh", "yue": "zh", "nn": "no", "nb": "no"}  # one written language to a page's language tag


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def detect(text: str) -> str | None:
    """The primary language tag of ``text``, or None where it is too short or the guess too unsure."""
    sample = text[:_MAX_CHARACTERS]
    if len(sample.encode(errors="replace")) < MIN_BYTES:
        return None
    shares: dict[str, float] = defaultdict(float)
    for label, probability in _identifier().rank(sample)[:5]:
        shares[_WRITTEN_AS.get(label, label)] += float(probability)
    found, share = max(shares.items(), key=itemgetter(1))
    return found if share >= MIN_PROBABILITY else None


def language_of(article: Article) -> str | None:
    """The language the article's own words are in, None where they do not tell."""
    lines = [article.goal]
    for step in article.steps:
        lines += [step.headline, step.body, *step.bullets]
    return detect("\n".join(lines))
