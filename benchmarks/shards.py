"""How fast articles go into shards and come out: ``python benchmarks/shards.py [--articles 300]``.

Prints one JSON object. Images are 128-pixel JPEGs of noise over a gradient, about as heavy as photographs. Beside our
reader stands webdataset's own tar iterator, which checks neither hashes nor schema, as the price of checking.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from illinstr.articles import Article, Provenance, Step, StepImage
from illinstr.shards import ArticleLoader, ShardWriter, iter_articles, read_index

STEPS = 6
PANEL_PX = 128


def make_articles(count: int) -> list[Article]:
    """Seeded articles with images of their own."""
    from PIL import Image

    generator = np.random.default_rng(0)
    rows, columns = np.mgrid[0:PANEL_PX, 0:PANEL_PX]
    base = np.stack([rows, columns, rows * 0 + 128], -1)
    articles = []
    for number in range(count):
        steps = []
        for place in range(STEPS):
            pixels = (base + generator.integers(0, 40, base.shape)).clip(0, 255).astype(np.uint8)
            stream = io.BytesIO()
            Image.fromarray(pixels).save(stream, "JPEG", quality=90)
            steps.append(Step(headline=f"Step {place}", image=StepImage.from_bytes(stream.getvalue())))
        goal = f"How to do number {number}"
        articles.append(
            Article(id=f"bench-{number:06d}", goal=goal, steps=tuple(steps), provenance=Provenance(source="bench"))
        )
    return articles


def timed(work: Callable[[], Any]) -> float:
    """Seconds that ``work`` takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    """Measure writing, streaming, planned reading, and webdataset's own iterator."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--articles", type=int, default=300)
    count = parser.parse_args().articles
    articles = make_articles(count)
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"

        def write() -> None:
            with ShardWriter(data, source_config={}, max_samples=100) as writer:
                for article in articles:
                    writer.add(article)

        def raw() -> None:
            import webdataset as wds

            for shard in read_index(data).shards:
                with shard.tar(data).open("rb") as stream:
                    members = wds.tariterators.tar_file_expander([{"url": shard.name, "stream": stream}])
                    for _ in wds.tariterators.group_by_keys(members):
                        pass

        seconds = {
            "write": timed(write),
            "iter_articles": timed(lambda: list(iter_articles(data))),
            "iter_articles_verify": timed(lambda: list(iter_articles(data, verify=True))),
            "loader_articles": timed(lambda: list(ArticleLoader(data, decode=False))),
            "loader_panels": timed(lambda: list(ArticleLoader(data, panel_px=PANEL_PX))),
            "loader_panels_resized": timed(lambda: list(ArticleLoader(data, panel_px=96))),
            "webdataset_unchecked": timed(raw),
        }
        megabytes = sum(shard.bytes for shard in read_index(data).shards) / 1e6
    rates = {name: round(count / value, 1) for name, value in seconds.items()}
    print(json.dumps({"articles": count, "steps": STEPS, "megabytes": round(megabytes, 1), "articles_per_s": rates}))


if __name__ == "__main__":
    main()
