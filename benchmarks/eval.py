"""How long an evaluation takes, by part: drawing MiniHow articles, checking, encoding, scoring, aggregating, writing.

python benchmarks/eval.py --encoder FOLDER --articles 100
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

from illinstr import minihow
from illinstr.evaluation.encoders import load_image_text_encoder
from illinstr.evaluation.evaluate import Source, prepare, score
from illinstr.evaluation.report import write_eval
from illinstr.evaluation.results import Settings


def main() -> None:
    """Print one JSON object: seconds by part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--encoder", default="judge")
    parser.add_argument("--articles", type=int, default=100)
    options = parser.parse_args()
    seconds: dict[str, float] = {}
    started = time.perf_counter()

    def lap(part: str) -> None:
        nonlocal started
        now = time.perf_counter()
        seconds[part], started = round(now - started, 3), now

    articles = [minihow.make_article(index, num_steps=5) for index in range(options.articles)]
    lap("draw the articles")
    prepared = prepare(Source("benchmark", articles), Settings())
    lap("check and match")
    encoder = load_image_text_encoder(options.encoder)
    lap("load the encoder")
    evaluation = score(prepared, encoder)
    lap("encode, score, aggregate")
    with tempfile.TemporaryDirectory() as folder:
        write_eval(Path(folder), evaluation)
        lap("write results and report")
    results = evaluation.results
    print(json.dumps({"articles": results.n_articles, "pictures": results.n_pictures, "seconds": seconds}))


if __name__ == "__main__":
    main()
