"""A real headless Chromium for tests: the one on this machine, spoken to through its DevTools protocol.

``make browser`` installs it where that can be done; without one, tests that need it skip and say so.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome")


def find_chromium() -> str | None:
    """The browser that ``CHROMIUM`` names, or the first known one on the path."""
    named = os.environ.get("CHROMIUM")
    return named if named and Path(named).exists() else next(filter(None, map(shutil.which, NAMES)), None)


needs_chromium = pytest.mark.skipif(
    find_chromium() is None, reason="no Chromium on this machine (make browser installs one; CHROMIUM names one)"
)


@contextmanager
def chromium() -> Iterator[Any]:
    """A running browser (``playwright.sync_api.Browser``); no other browser is ever downloaded."""
    from playwright.sync_api import sync_playwright

    # Chromium's own sandbox needs rights that containers rarely give; the pages here are ours and from loopback.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_chromium(), args=["--no-sandbox", "--disable-gpu"], chromium_sandbox=False
        )
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Watch:
    """What a page did: what it asked for, said, ran and was refused."""

    requests: list[str] = field(default_factory=list)
    console: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)


SPY = """
window.__refused = [];
document.addEventListener('securitypolicyviolation', e =>
  window.__refused.push(e.violatedDirective + ' ' + e.blockedURI));
"""


@contextmanager
def page_of(browser: Any, **context: Any) -> Iterator[tuple[Any, Watch]]:
    """A fresh page in its own profile, and the watch over it."""
    profile = browser.new_context(**context)
    page, watch = profile.new_page(), Watch()
    page.add_init_script(SPY)
    page.on("request", lambda request: watch.requests.append(request.url))
    page.on("console", lambda message: watch.console.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: watch.errors.append(str(error)))

    def dismiss(dialog: Any) -> None:
        watch.dialogs.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", dismiss)
    try:
        yield page, watch
    finally:
        profile.close()


def refused(page: Any) -> list[str]:
    """What the page's policy stopped."""
    return list(page.evaluate("window.__refused"))


def violations(page: Any) -> list[str]:
    """What axe-core finds wrong with a page, of any level: rule, and the first element."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [f"{each['id']}: {each['nodes'][0]['html'][:120]} {each['nodes'][0]['failureSummary']}" for each in found]


VIEWS = [(width, scheme) for width in (390, 1280) for scheme in ("light", "dark")]


def check_accessible(browser: Any, address: str, prepare: Callable[[Any], None] = lambda page: None) -> None:
    """No violation of any level at the widths of a phone and of a desk, light and dark; ``prepare`` brings it about.

    The script of axe-core is brought in past the page's policy, which stops it as it stops every other.
    """
    for width, scheme in VIEWS:
        context = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme, "bypass_csp": True}
        with page_of(browser, **context) as (page, _):
            page.goto(address)
            prepare(page)
            assert violations(page) == [], (address, width, scheme)
            assert page.evaluate("document.documentElement.scrollWidth") == width
