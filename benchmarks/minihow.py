"""How fast MiniHow draws: six-step articles a second on one core, images encoded.

    python benchmarks/minihow.py --articles 200 --panel-px 128

Prints one JSON object; CPU seconds, so that a busy machine does not change the figure much.
"""

from __future__ import annotations

import argparse
import json
import platform
import time

from illinstr.minihow import make_article


def measure(articles: int, panel_px: int) -> dict[str, object]:
    """Draw ``articles`` six-step articles after a short warm-up; milliseconds are CPU time."""
    for index in range(10):
        make_article(index, num_steps=6, panel_px=panel_px)
    started = time.process_time()
    size = 0
    for index in range(articles):
        article = make_article(index, num_steps=6, panel_px=panel_px)
        size += sum(len(step.image.data or b"") for step in article.steps if step.image)
    seconds = time.process_time() - started
    return {
        "articles": articles,
        "panel_px": panel_px,
        "ms_per_article": round(1000 * seconds / articles, 2),
        "articles_per_cpu_second": round(articles / seconds, 1),
        "kilobytes_per_panel": round(size / articles / 6 / 1000, 2),
        "machine": platform.machine(),
        "python": platform.python_version(),
    }


def main() -> None:
    """Parse the numbers and print the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--articles", type=int, default=200)
    parser.add_argument("--panel-px", type=int, default=128)
    options = parser.parse_args()
    print(json.dumps(measure(options.articles, options.panel_px)))


if __name__ == "__main__":
    main()
