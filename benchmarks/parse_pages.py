"""How many pages a core parses in a second, and how much of each page is read right, beside other readers.

    python benchmarks/parse_pages.py [FOLDER] [--repeat N]

FOLDER holds saved pages of the 2020 layout; without one, pages are rendered by the tests' page builder. The truth for
the pictures is a reading of its own: one regular expression over the raw text, step by step. Peers (pywikihow,
wikihowunofficialapi) take part where they are installed; their fetching is replaced by the page's bytes, so parsing
alone is timed. Times are CPU seconds of this process.
"""

from __future__ import annotations

import argparse
import importlib
import io
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

sys.path.insert(0, str(Path(__file__).parent.parent))

Reading = list[tuple[str, str | None]]  # per step: its words, its picture's address


@dataclass
class Score:
    """What one reader made of all pages."""

    parsed: int = 0
    exact: int = 0
    right: int = 0
    wrong: int = 0
    missed: int = 0
    broken_fractions: int = 0
    seconds: float = 0.0


def truth(html: str) -> list[str | None]:
    """The file name of each step's still picture or video still, from the raw text."""
    found: list[str | None] = []
    for chunk in re.split(r'<li[^>]*\bid="step-id-', html)[1:]:
        shown = re.search(r'data-poster="([^"]+)"|<img[^>]*class="whcdn[^>]*data-src="([^"]+)"', chunk)
        shown = shown or re.search(r'<img[^>]*data-src="([^"]+)"[^>]*class="whcdn', chunk)
        found.append(_file(next(part for part in shown.groups() if part)) if shown else None)
    return found


def _file(url: str) -> str:
    return unquote(re.sub(r"^(?:aid\d+-)?(?:v\d-)?\d+px-(?:nowatermark-)?", "", url.rsplit("/", 1)[-1]))


def ours(content: bytes) -> Reading:
    from illinstr.wikihow_scraper.parse import parse

    steps = [step for method in parse(content).methods for step in method.steps]
    return [
        (" ".join((step.headline, step.body, *step.bullets)), step.visual.url if step.visual else None)
        for step in steps
    ]


def pywikihow(content: bytes) -> Reading:
    module = importlib.import_module("pywikihow")
    module.get_html = lambda url: content
    page = module.HowTo("https://www.wikihow.com/x", lazy=False)
    return [(f"{step.summary} {step.description}", step.picture) for step in page.steps]


def wikihowunofficialapi(content: bytes) -> Reading:
    import urllib.request

    module = importlib.import_module("wikihowunofficialapi")
    opened: Callable[..., Any] = urllib.request.urlopen
    urllib.request.urlopen = lambda *_: io.BytesIO(content)  # type: ignore[assignment]
    try:
        page = module.Article("https://www.wikihow.com/x", lazy=False)
        return [(f"{step.title} {step.description}", step.picture) for method in page.methods for step in method.steps]
    finally:
        urllib.request.urlopen = opened


def measure(read: Callable[[bytes], Reading], pages: list[bytes], repeat: int) -> Score:
    """Read every page; count what is right once, time ``repeat`` rounds."""
    score = Score()
    for content in pages:
        html = content.decode("utf-8")
        expected = truth(html)
        try:
            found = read(content)
        except Exception:  # a peer that fails on a page is counted, not followed
            continue
        score.parsed += 1
        score.exact += len(found) == len(expected)
        pictures = [_file(url) if url else None for _, url in found] + [None] * len(expected)
        for wanted, got in zip(expected, pictures, strict=False):
            score.right += got is not None and got == wanted
            score.wrong += got is not None and got != wanted
            score.missed += got is None and wanted is not None
        words = " ".join(text for text, _ in found)
        steps = html[html.find('id="step-id-') :]
        score.broken_fractions += 'class="frac' in steps and not re.search(r"\d[/⁄]\d", words)
        score.broken_fractions += bool(re.search(r"(?<!\d)[⁄]\d", words)) and bool(re.search(r"\d[/⁄]\d", words))
    start = time.process_time()
    for _ in range(repeat):
        for content in pages:
            try:
                read(content)
            except Exception:
                continue
    score.seconds = (time.process_time() - start) / (repeat * len(pages))
    return score


def synthetic() -> list[bytes]:
    """Twenty rendered pages of 3 methods of 6 steps."""
    from illinstr.wikihow_scraper.page import Method, PageStep
    from tests.pages import HowTo, picture, render, video

    pages = []
    for number in range(20):
        steps = [
            PageStep(
                headline=f"Do thing {index} of page {number}.",
                body="Take your time over it. " * 12,
                bullets=("A further point to mind. " * 5,) * 2,
                image=picture(f"Thing-{number}-{index}") if index % 3 else None,
                video=None if index % 3 else video(f"Thing-{number}-{index}"),
            )
            for index in range(18)
        ]
        methods = tuple(
            Method(name=f"Way {m}", label="method", steps=tuple(steps[m * 6 : m * 6 + 6])) for m in range(3)
        )
        pages.append(render(HowTo(f"How to Do Thing {number}", methods, tips=("Rest.",) * 4)).encode())
    return pages


def main() -> None:
    """Print the table."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    options.add_argument("folder", nargs="?", type=Path)
    options.add_argument("--repeat", type=int, default=3)
    chosen = options.parse_args()
    pages = [path.read_bytes() for path in sorted(chosen.folder.glob("en2020*.html"))] if chosen.folder else synthetic()
    if not pages:
        sys.exit(f"no pages en2020*.html in {chosen.folder}")
    expected = [visual for content in pages for visual in truth(content.decode("utf-8"))]
    size = sum(map(len, pages)) // len(pages) // 1000
    print(f"{len(pages)} pages of {size} kB, {len(expected)} steps, {sum(v is not None for v in expected)} visuals\n")
    print(
        f"{'reader':<22}{'parsed':>8}{'exact':>7}{'right':>7}{'wrong':>7}{'missed':>8}{'fractions':>11}{'pages/s':>9}"
    )
    for read in (ours, pywikihow, wikihowunofficialapi):
        name = "illinstr" if read is ours else read.__name__
        try:
            if read is not ours:
                importlib.import_module(name)
        except ImportError:
            print(f"{name:<22} not installed")
            continue
        score = measure(read, pages, chosen.repeat)
        print(
            f"{name:<22}{score.parsed:>8}{score.exact:>7}{score.right:>7}{score.wrong:>7}{score.missed:>8}"
            f"{score.broken_fractions:>11}{1 / score.seconds:>9.1f}"
        )


if __name__ == "__main__":
    main()
