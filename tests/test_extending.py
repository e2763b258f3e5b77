"""docs/extending.md: every example of it is code that runs, added from outside without touching another file."""

import inspect
import re
import textwrap
from pathlib import Path

import pytest

from illinstr import Article, Step, generate
from illinstr.articles import Provenance, make_id
from illinstr.evaluation.metrics.scoring import register_metric, unregister_metric
from illinstr.evaluation.results import Definition
from tests.engine.test_executor import Threads
from tests.evaluation.test_scoring import evaluate
from tests.support.eval_world import GOAL_COLOURS, article, good_run, make_image
from tests.support.tiny_model import make_tiny_model
from tests.wikihow_scraper.sites.test_socket import Cards

PAGE = Path(__file__).resolve().parents[1] / "docs" / "extending.md"
FAMILY = Path(__file__).with_name("models") / "example_family.py"
MAX_LINES = 40


class Haiku:
    name = "haiku"

    def write(self, task):
        verbs = ("Fill", "Warm", "Stir", "Pour", "Serve")
        steps = tuple(Step(headline=f"{verbs[i % 5]} the {task.goal.split()[-1]}") for i in range(task.num_steps))
        return Article(
            id=make_id("haiku", task.goal, task.seed),
            goal=task.goal,
            steps=steps,
            provenance=Provenance(source="haiku"),
        )


def first_to_last(scene, subject):
    """How far the last image has moved from the first: 0 where nothing happened."""
    if len(subject.panels) > 1:
        first, last = scene.consistency_features.of_images([subject.panels[0], subject.panels[-1]])
        yield [subject.panels[0].step, subject.panels[-1].step], float(((first - last) ** 2).sum() ** 0.5)


PROGRESS = Definition(1, "higher", False, "consistency_encoder", "distance from the first image to the last")
EXAMPLES = {
    "A backbone": FAMILY.read_text(encoding="utf-8"),
    "An executor": inspect.getsource(Threads),
    "A site": inspect.getsource(Cards),
    "A writer": inspect.getsource(Haiku),
    "A metric": inspect.getsource(first_to_last),
}


@pytest.mark.parametrize("title", EXAMPLES)
def test_the_page_shows_the_code_that_runs(title):
    section = re.search(rf"^## {title}$(.*?)(?=^## |\Z)", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    code = textwrap.dedent(EXAMPLES[title]).strip()
    assert code in section[1]
    for block in re.findall(r"```python\n(.*?)```", section[1], re.DOTALL):
        assert sum(bool(line.strip()) for line in block.splitlines()) <= MAX_LINES


def test_a_writer_of_ones_own_writes_an_article(tmp_path):
    model = str(make_tiny_model(tmp_path / "model"))
    run = generate("How to make tea", 3, writer=Haiku(), model=model, out=tmp_path / "tea")
    assert [step.headline for step in run.article.steps] == ["Fill the tea", "Warm the tea", "Stir the tea"]


def test_a_metric_of_ones_own_is_in_the_results():
    still = [article(c, images=[make_image(c, "black")] * 5) for c in GOAL_COLOURS]
    register_metric("progress", PROGRESS, first_to_last)
    try:
        moving, standing = evaluate(good_run()).results, evaluate(still).results
        assert moving.metric("progress").value > standing.metric("progress").value == 0
        mixed = evaluate([*good_run()[:3], *still[3:]]).results.metric("progress")
        assert mixed.low < mixed.value < mixed.high
        with pytest.raises(ValueError, match="already"):
            register_metric("progress", PROGRESS, first_to_last)
    finally:
        unregister_metric("progress")
    assert "progress" not in [metric.name for metric in evaluate(good_run()).results.metrics]
