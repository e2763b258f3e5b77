"""The user's word that they may: asked before the first request to a site that has terms, once for each cache."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from illinstr.errors import UsageError
from illinstr.files import write_json
from illinstr.progress import Reporter
from illinstr.wikihow_scraper.fetching.fetch import clock
from illinstr.wikihow_scraper.fetching.safety import check_url
from illinstr.wikihow_scraper.sites import registry

NAME = "terms.json"


def check_terms(
    urls: Iterable[str], accepted: bool, interval_s: float, cache: Path, reporter: Reporter, *, keep: bool = True
) -> bool:
    """Ask for the user's word, and tell them in two lines what they agree to.

    Args:
        urls: every address the user named.
        accepted: they gave their word on this run.
        interval_s: the least pause they chose.
        cache: where an earlier word is kept; it holds for the facts it was given for.
        reporter: is told the facts.
        keep: write a word down.

    Returns:
        Whether pages of sites that have terms may be asked for.

    Raises:
        UsageError: an address lies on a site whose terms are not accepted, or whose pause is longer.
    """
    asked = {terms.name: terms for url in urls if (terms := registry.terms_of(check_url(url))) is not None}
    if not asked:
        return accepted
    told = [fact for _, terms in sorted(asked.items()) for fact in terms.facts]
    facts = hashlib.sha256("\n".join(told).encode()).hexdigest()
    known = _given(cache) == facts
    if not known:
        for fact in told:
            reporter.log(fact)
    names, places = " and ".join(sorted(asked)), ", ".join(terms.url for _, terms in sorted(asked.items()))
    if not accepted and not known:
        raise UsageError(
            f"pages of {names} need --accept-terms. {' '.join(told)}",
            hint=f"read {places}; add --accept-terms if your use is within them",
        )
    slowest = max(asked.values(), key=lambda terms: terms.min_interval_s)
    if interval_s < slowest.min_interval_s:
        raise UsageError(
            f"--min-interval {interval_s:g} is too short: {slowest.name} asks for {slowest.min_interval_s:g} seconds "
            "between two pages",
            hint="leave --min-interval out",
        )
    if keep and not known:
        write_json(cache / NAME, {"accepted": clock().isoformat(timespec="seconds"), "facts_sha256": facts})
    return True


def _given(cache: Path) -> str | None:
    try:
        found = json.loads((cache / NAME).read_bytes())
        return str(found["facts_sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
