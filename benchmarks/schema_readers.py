"""schema.org pages: what each reader gets right of the counts in MANIFEST.tsv, and how many pages it reads a second.

Readers: illinstr (from bytes to articles), recipe-scrapers (its generic reader, which gives no images and no sections)
and extruct (JSON-LD alone; it gives objects and no steps, so every ``HowToStep`` below a recipe counts as one). Peers
take part where they are installed; nothing of this project depends on them. Times are CPU seconds of this process, the
best of the rounds.
"""

from __future__ import annotations

import csv
import importlib.util
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PEERS = ("recipe-scrapers==15.13.0", "extruct==0.18.0")

Counts = tuple[int, int, int, int]  # steps, step images, sections, ingredients


def ours(content: bytes) -> Counts:
    from illinstr.wikihow_scraper.convert import articles_of
    from illinstr.wikihow_scraper.sites import registry
    from illinstr.wikihow_scraper.sites.site import WebPage

    (page,) = registry.read(WebPage(content))
    articles_of(page)
    steps = [step for method in page.methods for step in method.steps]
    named = sum(method.name is not None for method in page.methods)
    return len(steps), sum(step.visual is not None for step in steps), named, len(page.materials)


def recipe_scrapers(content: bytes) -> Counts:
    from recipe_scrapers import scrape_html

    read = scrape_html(content.decode("utf-8", "replace"), org_url="https://example.org/", supported_only=False)
    return len(read.instructions_list()), 0, 0, len(read.ingredients())


def extruct(content: bytes) -> Counts:
    import extruct as library

    found = library.extract(content.decode("utf-8", "replace"), syntaxes=["json-ld"], errors="ignore")
    steps = images = sections = ingredients = 0
    waiting: list[tuple[Any, bool]] = [(found["json-ld"], False)]
    while waiting:
        value, inside = waiting.pop()
        if isinstance(value, list):
            waiting += [(one, inside) for one in value]
        elif isinstance(value, dict):
            kinds = value.get("@type")
            kinds = kinds if isinstance(kinds, list) else [kinds]
            if "Recipe" in kinds:
                ingredients += len(value.get("recipeIngredient") or [])
            steps += inside and "HowToStep" in kinds
            images += inside and "HowToStep" in kinds and bool(value.get("image"))
            sections += inside and "HowToSection" in kinds
            waiting += [(one, inside or "Recipe" in kinds) for one in value.values()]
    return steps, images, sections, ingredients


def pages_in(place: Path) -> tuple[list[tuple[str, bytes]], dict[str, Counts]]:
    """The pages of a folder that holds MANIFEST.tsv and pages.tar.xz, and what the manifest counts on them."""
    rows = csv.DictReader((place / "MANIFEST.tsv").read_text("utf-8").splitlines(), delimiter="\t")
    names = ("n_steps", "n_step_images", "n_sections", "n_ingredients")
    right: dict[str, Any] = {row["file"]: tuple(int(row[name]) for name in names) for row in rows}
    pages = []
    with tarfile.open(place / "pages.tar.xz") as archive:
        for member in archive:
            stream = archive.extractfile(member) if member.isfile() else None
            if stream is not None:
                pages.append((member.name.rsplit("/", 1)[-1], stream.read()))
    return sorted(pages), right


def report(place: Path, repeat: int) -> None:
    """Print, reader by reader, on how many pages each count is right, and pages a second."""
    pages, right = pages_in(place)
    stated = [name for name, _ in pages if right[name][0]]
    size = sum(len(content) for _, content in pages) // len(pages) // 1000
    print(f"{len(pages)} schema.org pages of {size} kB, {len(stated)} with their steps in the data\n")
    print(f"{'reader':<18}{'steps':>8}{'images':>8}{'sections':>10}{'ingredients':>13}{'other 4':>9}{'pages/s':>9}")
    readers: list[Callable[[bytes], Counts]] = [ours, recipe_scrapers, extruct]
    present = [one for one in readers if one is ours or importlib.util.find_spec(one.__name__)]
    best = dict.fromkeys(present, float("inf"))
    counts = {one: {name: _attempt(one, content) for name, content in pages} for one in present}
    for _ in range(repeat):
        for one in present:
            start = time.process_time()
            for _, content in pages:
                _attempt(one, content)
            best[one] = min(best[one], time.process_time() - start)
    for one in present:
        exact = [sum(counts[one][name][part] == right[name][part] for name in stated) for part in range(4)]
        cut = sum(counts[one][name][0] > 1 for name, _ in pages if name not in stated)
        name = "illinstr" if one is ours else one.__name__.replace("_", "-")
        shown = [str(exact[0]), *("-" if one is recipe_scrapers else str(count) for count in exact[1:3]), str(exact[3])]
        columns = "".join(f"{value:>{width}}" for value, width in zip(shown, (8, 8, 10, 13), strict=True))
        print(f"{name:<18}{columns}{cut:>9}{len(pages) / best[one]:>9.1f}")
    for missing in (one for one in readers if one not in present):
        print(f"{missing.__name__.replace('_', '-')} is not installed; --install gets it")
    print("\nother 4: pages whose steps are one text, or stand in the markup alone, read as more than one step")


def _attempt(read: Callable[[bytes], Counts], content: bytes) -> Counts:
    try:
        return read(content)
    except Exception:  # a peer that fails on a page is counted, not followed
        return (-1, -1, -1, -1)
