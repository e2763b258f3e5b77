"""The user's word that they may: asked before the first request to wikiHow, once for each cache."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from illinstr.errors import UsageError
from illinstr.files import write_json
from illinstr.progress import Reporter
from illinstr.wikihow_scraper.fetching.fetch import WIKIHOW_INTERVAL_S, clock
from illinstr.wikihow_scraper.fetching.safety import check_url
from illinstr.wikihow_scraper.sites.wikihow.licences import TERMS_FACTS
from illinstr.wikihow_scraper.sites.wikihow.metadata import is_wikihow_host

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
        Whether pages of wikiHow may be asked for.

    Raises:
        UsageError: an address lies on wikiHow, and the terms are not accepted or the pause is under three seconds.
    """
    if not any(is_wikihow_host(check_url(url)) for url in urls):
        return accepted
    facts = hashlib.sha256("\n".join(TERMS_FACTS).encode()).hexdigest()
    known = _given(cache) == facts
    if not known:
        for fact in TERMS_FACTS:
            reporter.log(fact)
    if not accepted and not known:
        raise UsageError(
            f"pages of wikiHow need --accept-terms. {TERMS_FACTS[0]} {TERMS_FACTS[1]}",
            hint="read https://www.wikihow.com/wikiHow:Terms-of-Use; add --accept-terms if your use is within them",
        )
    if interval_s < WIKIHOW_INTERVAL_S:
        raise UsageError(
            f"--min-interval {interval_s:g} is too short: wikiHow's robots.txt asks for a page per 3 seconds at most",
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
