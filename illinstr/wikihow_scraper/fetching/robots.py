"""The Robots Exclusion Protocol (RFC 9309), failing closed.

A site whose robots.txt answers 2xx is asked by its rules; one that answers 4xx has none (section 2.3.1.3); one that
cannot be reached, answers 5xx or asks us to slow down (429) is not crawled at all (section 2.3.1.4).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit, urlunsplit

from protego import Protego

from illinstr.files import decode_text

PRODUCT_TOKEN = "illinstr"
MAX_ROBOTS_BYTES = 512_000  # RFC 9309, section 2.5: at least 500 KiB
MAX_CRAWL_DELAY_S = 3600.0
_OUR_NAME = re.compile(
    rf"^(\s*user-agent\s*:\s*){PRODUCT_TOKEN}(?:/[^\s#]*)?(?=\s|#|$)[^\r\n#]*(#[^\r\n]*)?$",
    re.IGNORECASE | re.MULTILINE,
)


def robots_url(url: str) -> str:
    """The address of the robots.txt that governs ``url``."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc, "/robots.txt", "", ""))


@dataclass(frozen=True)
class Robots:
    """One site's rules. ``refusal`` is set where nothing may be fetched, and says why; ``passing`` where that may be
    otherwise the next time: the site is in trouble."""

    rules: Protego | None = None
    refusal: str | None = None
    passing: bool = False

    @classmethod
    def from_answer(cls, status: int, body: bytes) -> Robots:
        """The rules an answer to the request for robots.txt stands for."""
        if 200 <= status < 300:
            text = robots_text(body)
            signal = reserving_signal(text)
            if signal is not None:
                return cls(refusal=f"robots.txt reserves the site: {signal}")
            return cls(rules=Protego.parse(text))
        if 400 <= status < 500 and status != 429:
            return cls(rules=None)
        return cls(refusal=f"robots.txt answered {status}", passing=True)

    def why_not(self, url: str) -> str | None:
        """Why ``url`` may not be fetched, or None when it may."""
        if self.refusal is not None:
            return self.refusal
        if self.rules is None:
            return None
        if not self.rules.can_fetch(url, PRODUCT_TOKEN):
            return "disallowed by robots.txt"
        if self.crawl_delay() > MAX_CRAWL_DELAY_S:
            return f"robots.txt asks for more than {MAX_CRAWL_DELAY_S:.0f} s between requests"
        return None

    def sitemaps(self, url: str) -> list[str]:
        """The sitemaps it names, absolute; relative ones stand against ``url``, its own address."""
        named = self.rules.sitemaps if self.rules is not None else ()
        return list(dict.fromkeys(urljoin(robots_url(url), one.strip()) for one in named if one.strip()))

    def crawl_delay(self) -> float:
        """Seconds the site asks to leave between two requests, 0 where it names none."""
        if self.rules is None:
            return 0.0
        delay = float(self.rules.crawl_delay(PRODUCT_TOKEN) or 0.0)
        rate = self.rules.request_rate(PRODUCT_TOKEN)
        if rate is not None and rate.requests > 0:
            delay = max(delay, rate.seconds / rate.requests)
        return delay


def robots_text(body: bytes) -> str:
    """The file as text: its first 500 KiB, in the encoding its first bytes show; lines that name us by product and
    version ("illinstr/1.0") name us by product, as RFC 9309 section 2.2.1 compares."""
    text = decode_text(body[:MAX_ROBOTS_BYTES], errors="replace").replace("\0", "").lstrip("\ufeff")
    if len(body) > MAX_ROBOTS_BYTES:
        text = text.rpartition("\n")[0]  # half a line would say something else
    return _OUR_NAME.sub(rf"\g<1>{PRODUCT_TOKEN}\g<2>", text)


def reserving_signal(text: str) -> str | None:
    """The line of robots.txt by which a site reserves all its content against training: ``Content-Signal: ai-train=no``
    (contentsignals.org) or ``Content-Usage: train-ai=n`` (IETF aipref), in the group for us or else the one for all.

    A ``Content-Usage`` for a path alone is not read.
    """
    groups: dict[str, str | None] = {}
    agents: list[str] = []
    naming = False
    for line in text.splitlines():
        name, colon, value = line.split("#")[0].partition(":")
        name, value = name.strip().lower(), value.strip().lower()
        if not colon:
            continue
        if name == "user-agent":
            agents = [*agents, value] if naming else [value]
            for agent in agents:
                groups.setdefault(agent, None)
        elif name in ("content-signal", "content-usage"):
            words = {word.replace(" ", "") for word in value.split(",")}
            if words & {"ai-train=no", "train-ai=n"}:
                groups |= dict.fromkeys(agents or ["*"], f"{name}: {value[:100]}")
        naming = name == "user-agent"
    return groups.get(PRODUCT_TOKEN, groups.get("*"))
