"""How many pages a core parses in a second, and how much of each page is read right, beside other readers.

    python benchmarks/parse_pages.py [FOLDER] [--schema FOLDER] [--repeat N] [--install] [--workers 1 2]

``--schema`` reads schema.org pages instead (``schema_readers.py``).

FOLDER holds saved pages of the 2020 layout; without one, pages are rendered by the tests' page builder. The truth for
the images is a reading of its own: one regular expression over the raw text, step by step. Peers (pywikihow,
wikihowunofficialapi) take part where they are installed; ``--install`` puts them in a temporary folder for this run
alone. Their fetching is replaced by the page's bytes, so parsing alone is timed. Times are CPU seconds of this process;
the readers take turns round by round, and each one's best round counts, so that a busy machine hurts all alike.
"""

from __future__ import annotations

import argparse
import importlib
import io
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

sys.path.insert(0, str(Path(__file__).parent.parent))
sys.path.insert(0, str(Path(__file__).parent))

import schema_readers

Reading = list[tuple[str, str | None]]  # per step: its words, its image's address


@dataclass
class Score:
    """What one reader made of all pages."""

    parsed: int = 0
    exact: int = 0
    right: int = 0
    wrong: int = 0
    missed: int = 0
    broken_fractions: int = 0
    noisy: int = 0
    seconds: float = float("inf")


NOISE = re.compile(r"WH\.|Research source|Trustworthy Source|Advertisement|Not Helpful|\[\d+\]|step1_rendered")
PEERS = ("pywikihow==0.5.7", "wikihowunofficialapi==0.1.1")


def truth(html: str) -> list[str | None]:
    """The file name of each step's still image or video still, from the raw text."""
    found: list[str | None] = []
    for chunk in re.split(r'<li[^>]*\bid="step-id-', html)[1:]:
        shown = re.search(r'data-poster="([^"]+)"|<img[^>]*class="whcdn[^>]*data-src="([^"]+)"', chunk)
        shown = shown or re.search(r'<img[^>]*data-src="([^"]+)"[^>]*class="whcdn', chunk)
        found.append(_file(next(part for part in shown.groups() if part)) if shown else None)
    return found


def _file(url: str) -> str:
    return unquote(re.sub(r"^(?:aid\d+-)?(?:v\d-)?\d+px-(?:nowatermark-)?", "", url.rsplit("/", 1)[-1]))


def ours(content: bytes) -> Reading:
    from illinstr.wikihow_scraper.sites.wikihow.parse import parse

    steps = [step for method in parse(content).methods for step in method.steps]
    return [
        (" ".join((step.headline, step.body, *step.bullets)), step.visual.url if step.visual else None)
        for step in steps
    ]


def pywikihow(content: bytes) -> Reading:
    module = importlib.import_module("pywikihow")
    vars(module)["get_html"] = lambda url: content
    page = module.HowTo("https://www.wikihow.com/x", lazy=False)
    return [(f"{step.summary} {step.description}", step.image) for step in page.steps]


def wikihowunofficialapi(content: bytes) -> Reading:
    import urllib.request

    module = importlib.import_module("wikihowunofficialapi")
    opened: Callable[..., Any] = urllib.request.urlopen
    urllib.request.urlopen = lambda *_: io.BytesIO(content)  # type: ignore[assignment]
    try:
        page = module.Article("https://www.wikihow.com/x", lazy=False)
        return [(f"{step.title} {step.description}", step.image) for method in page.methods for step in method.steps]
    finally:
        urllib.request.urlopen = opened


def judge(read: Callable[[bytes], Reading], pages: list[bytes]) -> Score:
    """Read every page once and count what is right."""
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
        images = [_file(url) if url else None for _, url in found] + [None] * len(expected)
        for wanted, got in zip(expected, images, strict=False):
            score.right += got is not None and got == wanted
            score.wrong += got is not None and got != wanted
            score.missed += got is None and wanted is not None
        words = " ".join(text for text, _ in found)
        steps = html[html.find('id="step-id-') :]
        score.broken_fractions += 'class="frac' in steps and not re.search(r"\d[/⁄]\d", words)
        score.broken_fractions += bool(re.search(r"(?<!\d)[⁄]\d", words)) and bool(re.search(r"\d[/⁄]\d", words))
        score.noisy += bool(NOISE.search(words))
    return score


def time_round(read: Callable[[bytes], Reading], pages: list[bytes]) -> float:
    """CPU seconds a page, over one round of all pages."""
    start = time.process_time()
    for content in pages:
        try:
            read(content)
        except Exception:
            continue
    return (time.process_time() - start) / len(pages)


def synthetic() -> list[bytes]:
    """Twenty rendered pages of 3 methods of 6 steps."""
    from illinstr.wikihow_scraper.page import Method, PageStep
    from tests.support.pages import HowTo, make_image, render, video

    pages = []
    for number in range(20):
        steps = [
            PageStep(
                headline=f"Do thing {index} of page {number}.",
                body="Take your time over it. " * 12,
                bullets=("A further point to mind. " * 5,) * 2,
                image=make_image(f"Thing-{number}-{index}") if index % 3 else None,
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
    options.add_argument("--repeat", type=int, default=5)
    options.add_argument("--install", action="store_true", help="install the peers in a temporary folder")
    options.add_argument("--schema", type=Path, help="a folder of schema.org pages: MANIFEST.tsv and pages.tar.xz")
    options.add_argument("--workers", type=int, nargs="+", help="only pages a second (wall time) by so many processes")
    chosen = options.parse_args()
    if chosen.schema is not None:
        with tempfile.TemporaryDirectory() as place:
            _install(schema_readers.PEERS, place if chosen.install else None)
            schema_readers.report(chosen.schema, chosen.repeat)
        return
    pages = [path.read_bytes() for path in sorted(chosen.folder.glob("en2020*.html"))] if chosen.folder else synthetic()
    if not pages:
        sys.exit(f"no pages en2020*.html in {chosen.folder}")
    expected = [visual for content in pages for visual in truth(content.decode("utf-8"))]
    size = sum(map(len, pages)) // len(pages) // 1000
    print(f"{len(pages)} pages of {size} kB, {len(expected)} steps, {sum(v is not None for v in expected)} visuals\n")
    if chosen.workers:
        by_workers(pages, chosen.workers, chosen.repeat)
        return
    with tempfile.TemporaryDirectory() as place:
        _install(PEERS, place if chosen.install else None)
        report(pages, chosen.repeat)


def _install(peers: tuple[str, ...], place: str | None) -> None:
    if place is not None:
        subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--target", place, *peers], check=True)
        sys.path.insert(0, place)


def by_workers(pages: list[bytes], counts: list[int], repeat: int) -> None:
    """Print how many pages a second ``scrape --workers N`` reads and measures, its processes started and ended."""
    from illinstr.wikihow_scraper.cleaning.rules import Cleaner, CleanRules
    from illinstr.wikihow_scraper.pipeline.measure import measured
    from illinstr.wikihow_scraper.source import Source

    sources = [Source(str(number), content=content) for number, content in enumerate(pages * repeat)]
    print(f"{'workers':>8}{'pages/s':>10}")
    for count in counts:
        began = time.perf_counter()
        done = sum(1 for _ in measured(sources, Cleaner(CleanRules()), workers=count))
        print(f"{count:>8}{done / (time.perf_counter() - began):>10.1f}")


def report(pages: list[bytes], repeat: int) -> None:
    """Judge and time every reader at hand; print the table and how much faster ours is."""
    scores: dict[str, tuple[Callable[[bytes], Reading], Score]] = {}
    readers: dict[str, Callable[[bytes], Reading]] = {
        "illinstr": ours,
        "pywikihow": pywikihow,
        "wikihowunofficialapi": wikihowunofficialapi,
    }
    for name, read in readers.items():
        try:
            if read is not ours:
                importlib.import_module(name)
        except ImportError:
            print(f"{name} is not installed; --install gets it")
            continue
        scores[name] = (read, judge(read, pages))
    for _ in range(repeat):
        for read, score in scores.values():
            score.seconds = min(score.seconds, time_round(read, pages))
    columns = (
        f"{'parsed':>8}{'exact':>7}{'right':>7}{'wrong':>7}{'missed':>8}{'fractions':>11}{'noisy':>7}{'pages/s':>9}"
    )
    print(f"{'reader':<22}{columns}")
    for name, (_, score) in scores.items():
        print(
            f"{name:<22}{score.parsed:>8}{score.exact:>7}{score.right:>7}{score.wrong:>7}{score.missed:>8}"
            f"{score.broken_fractions:>11}{score.noisy:>7}{1 / score.seconds:>9.1f}"
        )
    rivals = [score.seconds for name, (_, score) in scores.items() if name != "illinstr" and score.parsed]
    if rivals:
        faster = min(rivals) / scores["illinstr"][1].seconds
        print(f"\nillinstr is {faster:.2f} times as fast as the fastest of the others")


if __name__ == "__main__":
    main()
