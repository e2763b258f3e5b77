"""Draw the gallery of MiniHow: one article of each family, an image for each category, and the page that shows them.

python scripts/draw_gallery.py    writes docs/minihow-gallery.md and docs/images/minihow-*.png

The same program draws the same images every time.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from illinstr.articles import Article  # noqa: E402
from illinstr.files import write_bytes, write_text  # noqa: E402
from illinstr.minihow import CATEGORIES, family_categories, goals_of_split, plan, steps_of  # noqa: E402
from illinstr.minihow.dataset import contact_sheet  # noqa: E402

PAGE = ROOT / "docs" / "minihow-gallery.md"
IMAGES = ROOT / "docs" / "images"
STEPS = 6
PANEL_PX = 112
COLOURS = 256  # of the palette an image is reduced to
# The families on the cover, which README shows.
COVER = ("juice", "flower", "gift", "snowman", "car-wash", "lamp", "dog-bath", "kite", "painting", "cake")


def sample(family: str) -> Article:
    """The article that stands for a family: a goal from the middle of its training goals, told in six steps."""
    goals = goals_of_split("train", [family])
    return plan(goals[len(goals) * 3 // 7], STEPS, seed=len(family))


def image(families: list[str]) -> bytes:
    """A PNG of few colours: one article a row."""
    with Image.open(io.BytesIO(contact_sheet([sample(name) for name in families], panel_px=PANEL_PX))) as sheet:
        few = sheet.convert("RGB").quantize(
            COLOURS, method=Image.Quantize.MAXCOVERAGE, kmeans=2, dither=Image.Dither.NONE
        )
    stream = io.BytesIO()
    few.save(stream, format="PNG", optimize=True)
    return stream.getvalue()


def page() -> str:
    """The gallery page in Markdown."""
    categories = family_categories()
    every = sum(len(goals_of_split(split)) for split in ("train", "val", "test"))
    lines = [
        "# Gallery of MiniHow",
        "",
        f"One article of {STEPS} steps from each of the {len(categories)} families of [MiniHow](minihow.md).",
        f"The world has {every:,} goals. The images are drawn by program, not by a model:",
        "they are what the miniature model learns from. This page and its images are written by",
        "`python scripts/draw_gallery.py`.",
    ]
    for category in CATEGORIES:
        mine = [name for name, of in categories.items() if of == category]
        lines += [
            "",
            f"## {category.capitalize()}",
            "",
            "| Family | Goals | Steps | For instance |",
            "|---|---|---|---|",
        ]
        for name in mine:
            goals = sum(len(goals_of_split(split, [name])) for split in ("train", "val", "test"))
            fewest, most = steps_of(name)
            lines.append(f"| {name} | {goals} | {fewest} to {most} | {sample(name).goal} |")
        lines += ["", f"![One article a row: {', '.join(mine)}](images/minihow-{category}.png)"]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the page and its images."""
    categories = family_categories()
    for category in CATEGORIES:
        write_bytes(
            IMAGES / f"minihow-{category}.png", image([name for name in categories if categories[name] == category])
        )
    write_bytes(IMAGES / "minihow-gallery.png", image(list(COVER)))
    write_text(PAGE, page())
    print(PAGE)


if __name__ == "__main__":
    main()
