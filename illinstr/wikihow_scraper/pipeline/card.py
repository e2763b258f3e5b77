"""The dataset card: what the folder holds, where it came from and under which terms, in the form dataset hubs read."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from illinstr.files import write_text
from illinstr.shards import attribution
from illinstr.shards.layout import ShardInfo
from illinstr.wikihow_scraper.cleaning.funnel import LABELS

NAME = "README.md"
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


def write(folder: Path, settings: dict[str, Any], funnel: dict[str, Any], shards: Iterable[ShardInfo]) -> None:
    """Write the card into a data folder. Equal data, equal card."""
    write_text(folder / NAME, text(settings, funnel, shards))


def text(settings: dict[str, Any], funnel: dict[str, Any], shards: Iterable[ShardInfo]) -> str:
    """The card's Markdown."""
    splits: Counter[str] = Counter()
    images: Counter[str] = Counter()
    for info in shards:
        splits[info.split] += info.samples
        images[info.split] += info.images
    size = next((name for limit, name in _SIZES if splits.total() < limit), "n>1M")
    front = {
        "pretty_name": "Illustrated how-to articles",
        "license": "other",
        "size_categories": [size],
        "task_categories": ["text-to-image"],
        "tags": ["illustrated-instructions", "webdataset"],
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": name, "path": f"shards/{name}-*.tar"} for name in sorted(splits)],
            }
        ],
    }
    parts = [
        f"---\n{yaml.safe_dump(front, sort_keys=False)}---",
        "# Illustrated how-to articles",
        "Made with `illinstr scrape`. One sample is one method of one how-to page: a goal, ordered steps in words,\n"
        "and an image per step where its licence allowed it to be stored.",
        "## Contents",
        _table(("split", "articles", "images"), [(name, splits[name], images[name]) for name in sorted(splits)]),
        "## Where it came from",
        _table(("", ""), [(f"`{key}`", f"`{value}`") for key, value in sorted(settings["origin"].items()) if value]),
        f"Parser: `{settings['parser']}`. Rules an article had to meet:",
        f"```json\n{json.dumps(settings['rules'], indent=2, sort_keys=True)}\n```",
        "## What was left out",
        _funnel(funnel),
        "## Terms",
        "Licence of the text, as each page states it or as it held on the day of the revision, where it was found,\n"
        "and whether it allows to train on the text and to share it. Unknown is not open.",
        _table(("licence", "found", "train", "share", "articles"), _licenses(funnel["licenses"])),
        "Licence of the images, each its own or that of the work it is part of:",
        _table(
            ("licence", "train", "share", "images"),
            [(name, *rest) for name, _, *rest in _licenses(funnel["picture_licenses"])],
        ),
        f"Every article and every stored image is credited in `{attribution.NAME}`, image licences included; keep\n"
        "that file with the data. What its site reserves against use in data sets is not here.",
        "To take something out, put its address, article id or page number on a line of `takedown.txt` in this\n"
        "folder: illinstr reads the data as if it were not there.",
    ]
    return "\n\n".join(parts) + "\n"


def _licenses(rows: Iterable[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [(row["license"], row.get("found") or "", row["train"], row["share"], row["count"]) for row in rows]


def _table(head: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)


def _funnel(funnel: dict[str, Any]) -> str:
    pages = [("pages", name, count) for name, count in funnel["pages"].items()]
    levels = [("seen", "kept"), ("seen", "kept")]
    for name, ends in zip(("articles", "pictures"), levels, strict=True):
        level, name = funnel[name], LABELS.get(name, name)
        pages.append((name, ends[0], level["seen"]))
        pages += [(name, reason, count) for reason, count in level["filtered"].items()]
        pages.append((name, ends[1], level["kept"]))
    return _table(("", "", "count"), pages)
